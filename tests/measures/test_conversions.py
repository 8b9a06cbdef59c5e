"""From one measure to another and back, and from what is reported to a standard error or a mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from poolwise import measures as pm
from poolwise.errors import InputError, PoolwiseWarning

FROM, TO = ("SMD", "d", "log OR", "log RR", "RD", "r", "Fisher z", "AUC"), ("SMD", "log OR", "r", "AUC", "d")
SINGLE = (
    ("proportion", "logit", "log proportion", "arcsine"),
    ("rate", "log rate", "root rate"),
    ("alpha", "ABT", "AHW"),
)
PAIRS = [(source, target) for source in FROM for target in TO]
PAIRS += [(source, target) for family in SINGLE for source in family for target in family]
EXTRAS = {"n1": 30, "n2": 45, "base_rate": 0.3}
VALUES = {"AUC": 0.64, "r": 0.25, "RD": 0.2, "log proportion": -0.4}


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_there_and_back_is_where_one_began(source, target):
    y, v = VALUES.get(source, 0.4), 0.02
    there = pm.convert(y, v, source=source, target=target, **EXTRAS)
    back = pm.convert(there.y, there.v, source=target, target=source, **EXTRAS)
    assert (back.y, back.v) == (pytest.approx(y, rel=1e-12), pytest.approx(v, rel=1e-12))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_the_variance_is_that_of_the_slope(source, target):
    y, step = VALUES.get(source, 0.4), 1e-5
    up, down = (float(pm.convert(y + s, 0.0, source=source, target=target, **EXTRAS).y) for s in (step, -step))
    found = pm.convert(y, 1.0, source=source, target=target, **EXTRAS)
    assert np.sqrt(found.v) == pytest.approx((up - down) / (2 * step), rel=1e-6)


@given(t=st.floats(-9.0, 9.0), n1=st.integers(2, 300), n2=st.integers(2, 300))
def test_d_and_r_of_one_t_are_converted_exactly(t, n1, n2):
    d, r = t * np.sqrt(1 / n1 + 1 / n2), t / np.sqrt(t**2 + n1 + n2 - 2)
    assert float(pm.convert(d, 0.1, source="d", target="r", n1=n1, n2=n2).y) == pytest.approx(r, rel=1e-12)
    assert float(pm.convert(r, 0.1, source="r", target="d", n1=n1, n2=n2).y) == pytest.approx(d, rel=1e-9, abs=1e-14)


def test_measures_of_two_kinds_have_no_path():
    with pytest.raises(
        InputError, match=r"alpha and SMD are no measures of one thing\. Expected: from alpha to ABT, AHW"
    ):
        pm.convert(0.8, 0.01, source="alpha", target="SMD")


def test_a_converted_correlation_is_that_of_the_same_t():
    t, n1, n2 = 2.3, 30, 45
    d = pm.effect_size("SMD", t=t, n1=n1, n2=n2, correct=False).y
    r = pm.convert(d, 0.1, source="SMD", target="r", n1=n1, n2=n2).y
    assert r == pytest.approx(t / np.sqrt(t**2 + (n1 + n2) - 2), rel=0.015)  # n for n - 2: not exact, and said so


@given(risk=st.floats(0.01, 0.9), odds=st.floats(-2.0, 2.0))
def test_odds_become_risks_at_the_base_rate(risk, odds):
    treated = 1 / (1 + np.exp(-(np.log(risk / (1 - risk)) + odds)))
    found = pm.convert(odds, 0.1, source="log OR", target="log RR", base_rate=risk)
    assert found.y == pytest.approx(np.log(treated / risk), abs=1e-12)


def test_the_path_stands_in_the_notes():
    found = pm.convert(0.5, 0.04, source="Fisher z", target="log OR")
    assert [note.split(":")[0] for note in found.notes] == ["Fisher z to r", "r to SMD", "SMD to log OR"]


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("log OR", "log RR", "needs base_rate"),
        ("d", "SMD", "needs n1 and n2"),
        ("r2", "SMD", "tells no direction"),
        ("g", "SMD", "unknown"),
    ],
)
def test_what_is_needed_is_asked_for(source, target, words):
    with pytest.raises(InputError, match=words):
        pm.convert(0.3, 0.01, source=source, target=target)


@given(y=st.floats(-3, 3), se=st.floats(0.01, 2.0), prob=st.floats(0.5, 0.999), df=st.integers(2, 200))
def test_a_standard_error_comes_back_from_its_interval(y, se, prob, df):
    q, q_t = stats.norm.ppf((1 + prob) / 2), stats.t.ppf((1 + prob) / 2, df)
    for half, extra in ((q, {}), (q_t, {"df": df})):
        found = pm.standard_error(y, lower=y - half * se, upper=y + half * se, prob=prob, **extra)
        one = pm.standard_error(y, upper=y + half * se, prob=prob, **extra)
        np.testing.assert_allclose([found, one], se, rtol=1e-10)


@given(z=st.floats(0.05, 6.0), y=st.floats(0.05, 3.0))
def test_a_standard_error_comes_back_from_z_and_p(z, y):
    for sides, p in ((2, 2 * stats.norm.sf(z)), (1, stats.norm.sf(z))):
        assert pm.standard_error(-y, p=p, sides=sides) == pytest.approx(y / z, rel=1e-9)
    assert pm.standard_error(y, z=z) == pytest.approx(y / z, rel=1e-14)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({}, "0 sources"),
        ({"p": 0.03}, "sides = None"),
        ({"p": 0.03, "sides": 2, "z": 2.0}, "p and z"),
        ({"lower": 0.6, "upper": 0.9}, "outside its limits"),
        ({"z": -2.0}, "differ in sign"),
        ({"p": 1.2, "sides": 2}, "p is 1.2"),
    ],
)
def test_a_standard_error_is_never_guessed(given_, words):
    with pytest.raises(InputError, match=words):
        pm.standard_error(0.5, **given_)


def test_limits_of_a_ratio_without_logs_are_told():
    with pytest.warns(PoolwiseWarning, match="were the logs meant"):
        pm.standard_error([2.0], lower=[1.0], upper=[4.0])


@pytest.mark.parametrize("names", [("minimum", "median", "maximum"), ("q1", "median", "q3"), (0,)])
def test_order_statistics_of_normal_samples_give_their_mean_and_sd_back(names):
    rng, n, draws = np.random.default_rng(4), 61, 4000
    x = np.sort(rng.normal(50.0, 10.0, (draws, n)), axis=1)
    five = dict(zip(("minimum", "q1", "median", "q3", "maximum"), x[:, [0, 15, 30, 45, 60]].T, strict=True))
    known = five if names == (0,) else {name: five[name] for name in names}
    found = pm.mean_sd(n=n, **known)
    assert found.mean.mean() == pytest.approx(50.0, abs=0.15)
    assert found.sd.mean() == pytest.approx(10.0, rel=0.02)
    assert found.skewed.mean() == pytest.approx(0.05, abs=0.025)


def test_skewed_order_statistics_are_marked():
    assert pm.mean_sd(n=60, q1=1.0, median=2.0, q3=9.0).skewed
    with pytest.raises(InputError, match="out of order"):
        pm.mean_sd(n=60, q1=3.0, median=2.0, q3=9.0)
    with pytest.raises(InputError, match="mean_sd has q1, median"):
        pm.mean_sd(n=60, q1=3.0, median=2.0)
