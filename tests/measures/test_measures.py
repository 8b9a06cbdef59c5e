"""Laws of the measures: signs, scales, round trips, and each of them against what defines it."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from poolwise import measures as pm
from poolwise.errors import InputError
from poolwise.measures.catalogue import MEASURES, OPTIONS

GROUPS = {"n1": 20, "m1": 11.0, "sd1": 2.0, "n2": 24, "m2": 10.0, "sd2": 2.4}
CELLS = {"a": 12, "b": 30, "c": 20, "d": 25}
RATES = {"events1": 9, "time1": 80.0, "events2": 14, "time2": 95.5}
SWAPPED = {"n1": "n2", "m1": "m2", "sd1": "sd2", "a": "c", "b": "d", "events1": "events2", "time1": "time2"}
ONES = {
    "MD": GROUPS, "SMD": GROUPS, "SMDH": GROUPS, "ROM": GROUPS, "CVR": GROUPS,
    "VR": {name: GROUPS[name] for name in ("n1", "sd1", "n2", "sd2")},
    **dict.fromkeys(("OR", "RR", "RD", "AS", "PETO", "PHI", "YUQ", "YUY", "RTET", "PBIT", "OR2DL", "OR2DN"), CELLS),
    **dict.fromkeys(("IRR", "IRD", "IRSD"), RATES),
}  # fmt: skip
DS = st.floats(-3.0, 3.0)
SIZES = st.integers(2, 400)


@pytest.mark.parametrize("code", ONES)
def test_swapped_groups_change_the_sign_alone(code):
    there = {**SWAPPED, **{second: first for first, second in SWAPPED.items()}}
    y, v = pm.effect_size(code, **ONES[code])
    other = pm.effect_size(code, **{there[name]: value for name, value in ONES[code].items()})
    assert other.y == pytest.approx(-float(y), rel=1e-12)
    assert other.v == pytest.approx(float(v), rel=1e-12)


@pytest.mark.parametrize("code", ["SMD", "SMDH", "SMD1", "SMD1H", "ROM", "CVR", "CLESN"])
def test_the_unit_of_the_means_does_not_matter(code):
    y, v = pm.effect_size(code, **GROUPS)
    scaled = {name: value * 7.0 if name[0] in "ms" else value for name, value in GROUPS.items()}
    other = pm.effect_size(code, **scaled)
    assert (other.y, other.v) == (pytest.approx(float(y), rel=1e-12), pytest.approx(float(v), rel=1e-12))


@given(factor=st.floats(1e-3, 1e3), shift=st.floats(-100.0, 100.0))
def test_differences_of_means_carry_their_unit_and_no_origin(factor, shift):
    moved = {
        name: value * factor + (shift if name[0] == "m" else 0.0) if name[0] in "ms" else value
        for name, value in GROUPS.items()
    }
    for code, power in (("MD", 1), ("SMD", 0)):
        (y, v), other = pm.effect_size(code, **GROUPS), pm.effect_size(code, **moved)
        assert other.y / factor**power == pytest.approx(float(y), rel=1e-6, abs=1e-13 * abs(shift) / factor)
        assert other.v / factor ** (2 * power) == pytest.approx(float(v), rel=1e-6)


@given(cells=st.tuples(*[st.integers(1, 500)] * 4))
def test_events_and_their_absence_are_the_same_table_seen_from_the_other_side(cells):
    a, b, c, d = cells
    for code in ("OR", "RD", "AS", "PETO", "PHI", "YUQ", "YUY"):
        y, v = pm.effect_size(code, a=a, b=b, c=c, d=d)
        other = pm.effect_size(code, a=b, b=a, c=d, d=c)
        assert float(other.y) == pytest.approx(-float(y), rel=1e-10, abs=1e-13)
        assert float(other.v) == pytest.approx(float(v), rel=1e-10)


@given(r=st.floats(-0.99, 0.99), n=st.integers(5, 5000))
def test_correlations_turn_their_sign_with_a_reversed_scale(r, n):
    for code in ("COR", "UCOR", "ZCOR"):
        (y, v), other = pm.effect_size(code, r=r, n=n), pm.effect_size(code, r=-r, n=n)
        assert float(other.y) == pytest.approx(-float(y), rel=1e-12, abs=1e-15)
        assert float(other.v) == pytest.approx(float(v), rel=1e-12)


@given(d=DS, n1=SIZES, n2=SIZES)
def test_d_is_the_same_from_t_p_f_and_r(d, n1, n2):
    df = n1 + n2 - 2
    t = d / np.sqrt(1 / n1 + 1 / n2)
    routes = [{"t": t}, {"f": t**2, "sign": -1.0 if d < 0 else 1.0}, {"r": t / np.sqrt(t**2 + df)}]
    if abs(d) > 1e-3 and 2 * stats.t.sf(abs(t), df) > 1e-200:
        routes.append({"p": np.sign(d) * 2 * stats.t.sf(abs(t), df)})
    expected = pm.effect_size("SMD", d=d, n1=n1, n2=n2)
    for route in routes:
        found = pm.effect_size("SMD", **route, n1=n1, n2=n2)
        np.testing.assert_allclose(found.y, expected.y, rtol=1e-8, atol=1e-14)
        np.testing.assert_allclose(found.v, expected.v, rtol=1e-8)


def test_hedges_g_is_unbiased_and_its_variance_too():
    rng, n1, n2, delta, draws = np.random.default_rng(3), 6, 9, 0.8, 400_000
    z = rng.normal(delta * np.sqrt(n1 * n2 / (n1 + n2)), 1.0, draws)
    t = z / np.sqrt(rng.chisquare(n1 + n2 - 2, draws) / (n1 + n2 - 2))
    y, v = pm.effect_size("SMD", t=t, n1=n1, n2=n2, variance="UB")
    assert y.mean() == pytest.approx(delta, abs=4 * y.std() / np.sqrt(draws))
    assert v.mean() == pytest.approx(y.var(), rel=0.02)


@pytest.mark.parametrize("n", [60, 90, 202, 350, 5000])
def test_the_unbiased_correlation_of_many_people_is_nearly_the_correlation(n):
    r = np.array([0.0, 0.05, -0.3, 0.9])
    y = pm.effect_size("UCOR", r=r, n=n).y
    # Olkin & Pratt 1958: r (1 + (1 - r^2) / (2 (n - 4))), with an error of the order of n^-2
    np.testing.assert_allclose(y, r * (1 + (1 - r**2) / (2 * (n - 4))), atol=2.0 / n**2)


def test_the_unbiased_correlation_is_unbiased():
    rng, n, rho, draws = np.random.default_rng(5), 8, 0.6, 200_000
    x, e = rng.normal(size=(2, draws, n))
    z = rho * x + np.sqrt(1 - rho**2) * e
    x, z = x - x.mean(axis=1, keepdims=True), z - z.mean(axis=1, keepdims=True)
    r = (x * z).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (z**2).sum(axis=1))
    y, v = pm.effect_size("UCOR", r=r, n=n, variance="UB")
    assert y.mean() == pytest.approx(rho, abs=4 * y.std() / np.sqrt(draws))
    assert v.mean() == pytest.approx(y.var(), rel=0.02)


@pytest.mark.parametrize("cells", [(12, 30, 20, 25), (400, 1, 3, 2), (1000, 1, 1, 1000), (1, 9, 9, 1)])
def test_the_tetrachoric_law_has_the_cells_as_its_quadrants(cells):
    a, b, c, d = cells
    r = float(pm.effect_size("RTET", a=a, b=b, c=c, d=d).y)
    n = sum(cells)
    h, k = stats.norm.ppf([(a + b) / n, (a + c) / n])

    def strip(u):
        return stats.norm.pdf(u) * stats.norm.cdf((k - r * u) / np.sqrt(1 - r**2))

    quadrant = integrate.quad(strip, -12, h, points=[k / r] if -12 < k / r < h else None, epsabs=1e-14)[0]
    assert quadrant == pytest.approx(a / n, abs=1e-11)


@pytest.mark.parametrize("sampling", ["ST", "CS"])
def test_the_variance_of_phi_is_the_delta_methods(sampling):
    cells = np.array([12.0, 30.0, 20.0, 25.0])
    n, sizes = cells.sum(), np.array([42.0, 42.0, 45.0, 45.0])

    def phi(x):
        a, b, c, d = x
        return (a * d - b * c) / np.sqrt((a + b) * (c + d) * (a + c) * (b + d))

    steps = 1e-4 * np.eye(4)
    slope = np.array([(phi(cells + step) - phi(cells - step)) / 2e-4 for step in steps])
    if sampling == "CS":
        covariance = np.diag(cells) - np.outer(cells, cells) / n
    else:
        same = np.kron(np.eye(2), np.ones((2, 2)))
        covariance = np.diag(cells) - np.outer(cells, cells) / sizes[:, None] * same
    found = pm.effect_size("PHI", **CELLS, sampling=sampling)
    assert found.v == pytest.approx(slope @ covariance @ slope, rel=1e-6)


def test_the_variance_of_superiority_is_that_of_simulated_groups():
    rng, draws, n1, n2 = np.random.default_rng(8), 100_000, 30, 40
    m1, sd1 = rng.normal(0.5, 1.0 / np.sqrt(n1), draws), np.sqrt(rng.chisquare(n1 - 1, draws) / (n1 - 1))
    m2, sd2 = rng.normal(0.0, 2.0 / np.sqrt(n2), draws), 2.0 * np.sqrt(rng.chisquare(n2 - 1, draws) / (n2 - 1))
    y, v = pm.effect_size("CLESN", n1=n1, m1=m1, sd1=sd1, n2=n2, m2=m2, sd2=sd2)
    assert y.mean() == pytest.approx(stats.norm.cdf(0.5 / np.sqrt(5.0)), abs=0.002)
    assert v.mean() == pytest.approx(y.var(), rel=0.02)


def test_pre_post_control_is_unbiased_with_the_variance_of_simulated_trials():
    rng, draws, n1, n2, r, delta = np.random.default_rng(9), 60_000, 15, 20, 0.6, 0.7
    trials = {}
    for name, n, gain in (("1", n1, delta), ("2", n2, 0.0)):
        pre = rng.normal(size=(draws, n))
        post = gain + r * pre + np.sqrt(1 - r**2) * rng.normal(size=(draws, n))
        trials |= {
            f"pre{name}": pre.mean(axis=1),
            f"post{name}": post.mean(axis=1),
            f"sd{name}": pre.std(axis=1, ddof=1),
        }
    y, v = pm.effect_size("PPC", n1=n1, n2=n2, r=r, **trials)
    assert y.mean() == pytest.approx(delta, abs=4 * y.std() / np.sqrt(draws))
    assert v.mean() == pytest.approx(y.var(), rel=0.03)


def occasions(rng, draws, n, r, sds):
    """Means and standard deviations of simulated pairs whose mean change is 0.8."""
    x = rng.normal(size=(draws, n))
    first = 0.8 + sds[0] * x
    second = sds[1] * (r * x + np.sqrt(1 - r**2) * rng.normal(size=(draws, n)))
    numbers = {"m1": first.mean(axis=1), "m2": second.mean(axis=1)}
    return numbers | {"sd1": first.std(axis=1, ddof=1), "sd2": second.std(axis=1, ddof=1), "n": n, "r": r}


@pytest.mark.parametrize(("code", "sds"), [("SMCRP", (1.0, 1.0)), ("SMCRPH", (1.0, 1.0)), ("SMCRPH", (1.2, 0.6))])
def test_the_pooled_standardised_change_is_nearly_unbiased_with_the_variance_of_simulated_pairs(code, sds):
    n, draws = 40, 60_000
    y, v = pm.effect_size(code, **occasions(np.random.default_rng(6), draws, n, 0.6, sds))
    delta = 0.8 / np.sqrt((sds[0] ** 2 + sds[1] ** 2) / 2.0)
    assert y.mean() == pytest.approx(delta, abs=4 * y.std() / np.sqrt(draws) + (0.01 if sds[0] != sds[1] else 0.0))
    assert v.mean() == pytest.approx(y.var(), rel=0.04)  # both are large-sample variances: 1/n apart


def test_the_variance_of_r2_is_that_of_simulated_regressions():
    rng, n, draws, rho2 = np.random.default_rng(7), 200, 4000, 0.4
    x, e = rng.normal(size=(draws, n, 2)), rng.normal(size=(draws, n))
    y = x @ np.full(2, np.sqrt(rho2 / (1.0 - rho2) / 2.0)) + e
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    beta = np.linalg.solve(np.einsum("dni,dnj->dij", x, x), np.einsum("dni,dn->di", x, y)[..., None])
    r2 = 1.0 - ((y - (x @ beta)[..., 0]) ** 2).sum(axis=1) / (y**2).sum(axis=1)
    for code, variance in (("R2", {"variance": "LS"}), ("R2", {"variance": "LS2"}), ("ZR2", {})):
        found = pm.effect_size(code, r2=r2, n=n, predictors=2, **variance)
        assert found.v.mean() == pytest.approx(found.y.var(), rel=4 * np.sqrt(2.0 / draws))


def test_fisher_z_of_other_correlations_is_the_delta_methods():
    regression = {"t": 3.0, "n": 80, "predictors": 4, "r2": 0.5}
    for raw, code, given_ in (("PHI", "ZPHI", CELLS), ("RTET", "ZTET", CELLS), ("SPCOR", "ZSPCOR", regression)):
        plain, found = pm.effect_size(raw, **given_), pm.effect_size(code, **given_)
        z = pm.convert(plain.y, plain.v, source="r", target="Fisher z")
        assert (float(found.y), float(found.v)) == (pytest.approx(float(z.y)), pytest.approx(float(z.v)))


def test_pairs_by_their_margins_and_phi_are_the_pairs_themselves():
    a, b, c, d = 20, 10, 5, 20
    phi = pm.effect_size("PHI", a=a, b=b, c=c, d=d).y
    found = pm.effect_size("MPORM", a=a + b, b=c + d, c=a + c, d=b + d, r=phi)
    whole = pm.effect_size("MPOR", a=a, b=b, c=c, d=d)
    assert (float(found.y), float(found.v)) == (pytest.approx(float(whole.y)), pytest.approx(float(whole.v)))
    assert np.isnan(pm.effect_size("MPORM", a=1, b=49, c=49, d=1, r=0.9).y)


def test_events_and_sizes_are_the_same_table_as_cells():
    found = pm.effect_size("RR", events1=12, n1=42, events2=20, n2=45)
    assert (float(found.y), float(found.v)) == tuple(float(x) for x in pm.effect_size("RR", **CELLS))


def test_what_is_missing_stays_missing_and_the_rest_is_there():
    y, v = pm.effect_size("SMD", t=[1.0, np.nan, 2.0], n1=[20, 20, np.nan], n2=20)
    assert np.isnan(y).tolist() == np.isnan(v).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("code", "statistics"),
    [
        ("COR", {"t": 0.0, "n": 3, "variance": "AV"}),
        ("UCOR", {"r": 0.0, "n": 4, "variance": "UB"}),
        ("ROM", {**GROUPS, "m1": 0.0}),
        ("CVRC", {"n": 9, "m1": -1.0, "m2": 2.0, "sd1": 1.0, "sd2": 1.0, "r": 0.5}),
        ("RPB", {"r": 0.3, "n1": 1, "n2": 1}),
        ("OR", {"a": [0, 3], "b": 4, "c": 5, "d": 6, "to": "none"}),
        ("SMD1", {"n1": 5, "m1": 1.0, "n2": 2, "m2": 0.0, "sd2": 1.0}),
    ],
)
def test_statistics_at_the_edge_have_a_value_or_a_note_that_they_have_none(code, statistics):
    found = pm.effect_size(code, **statistics)
    assert np.isfinite(found.y).all() or any("no value" in note or "no ratio" in note for note in found.notes)
    assert np.isnan(pm.effect_size("SMD", t=[1.0, np.nan], n1=9, n2=9).y).tolist() == [False, True]
    assert pm.effect_size("SMD", t=[1.0, np.nan], n1=9, n2=9).notes == ()


def test_what_was_done_on_the_way_stands_in_the_notes():
    added = pm.effect_size("OR", a=[0, 4], b=[10, 9], c=[3, 3], d=[9, 9])
    assert added.notes == ("OR: 0.5 was added to the counts of 1 of 2 rows",)
    assert pm.effect_size("VR", **GROUPS).notes == ("VR: m1, m2 was not used",)
    assert "1 of 2 have means of 0 or of two signs" in pm.effect_size("ROM", **{**GROUPS, "m1": [11, -11]}).notes[0]


@pytest.mark.parametrize(
    ("code", "statistics", "words"),
    [
        ("SMDD", {"d": 1}, "did you mean 'SMD'"),
        ("SMD", {"n1": 3, "m1": 2}, "cannot be computed from n1, m1"),
        ("SMD", {"t": 3, "d": 1, "n1": 3, "n2": 3}, "from d, n1, n2 and from t, n1, n2"),
        ("SMD", {**GROUPS, "sd1": [1, -1], "n1": [3, 1.5]}, r"n1 is 1.5 \(row 2\), .*; sd1 is -1 \(row 2\)"),
        ("SMD", {"p": 0.0, "n1": 9, "n2": 9}, "p is 0, expected a p-value above 0"),
        ("SMD", {"f": 4.0, "sign": 0, "n1": 9, "n2": 9}, "sign is 0, expected 1 or -1"),
        ("SMD", {"d": [1, 2], "n1": [3, 4, 5], "n2": 4}, "the shapes differ"),
        ("OR", {**CELLS, "a": -1}, "a is -1, expected a whole number"),
        ("OR", {"events1": [3, 5], "n1": [2, 9], "events2": 1, "n2": 4}, r"events1 exceeds n1 \(row 1\)"),
        ("OR", {**CELLS, "to": "zeros"}, "OR: to='zeros' is unknown"),
        ("ZCOR", {"r": [0.3, 1.2], "n": [20, 3]}, r"r is 1.2 \(row 2\).*; n is 3 \(row 2\)"),
        ("PLO", {"events": 3, "n": 10, "variance": "LS"}, "PLO has no setting 'variance'"),
        ("MD", {**GROUPS, "m1": "11,3"}, "m1 was given '11,3'"),
        ("MD", {**GROUPS, "sd3": 1}, "no statistic is called 'sd3'"),
        ("SPCOR", {"t": 9.0, "n": 20, "predictors": 2, "r2": 0.1}, "t is too large for this R"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(code, statistics, words):
    with pytest.raises(InputError, match=words):
        pm.effect_size(code, **statistics)


def test_every_code_has_one_documented_function_with_a_source():
    for measure in MEASURES.values():
        text = inspect.getdoc(measure.function)
        assert "References" in text, measure.code
        assert set(measure.options) <= set(OPTIONS), measure.code


def test_a_partial_correlation_of_one_predictor_is_the_correlation_itself():
    r, n = np.array([0.3, -0.7]), np.array([20, 50])
    plain, partial = pm.effect_size("COR", r=r, n=n), pm.effect_size("PCOR", partial_r=r, n=n, predictors=1)
    np.testing.assert_allclose([partial.y, partial.v], [plain.y, plain.v], rtol=1e-12)
    held = pm.effect_size("PCOR", partial_r=r, n=n + 3, predictors=4)  # three more, held constant, cost three people
    np.testing.assert_allclose(held.v, plain.v, rtol=1e-12)


def test_without_an_effect_the_variance_of_d_is_that_of_students_t():
    n1, n2 = 8, 12
    found = pm.effect_size("SMD", d=0.4, n1=n1, n2=n2, variance="H0", correct=False)
    assert found.v == pytest.approx(stats.t(n1 + n2 - 2).var() * (1 / n1 + 1 / n2), rel=1e-12)


def test_a_measure_that_these_statistics_do_not_suffice_for_names_its_kin():
    with pytest.raises(InputError, match="measure='CLESN'"):
        pm.effect_size("CLESCN", n1=20, m1=5, sd1=1, n2=20, m2=4, sd2=1)
    with pytest.raises(InputError, match="lowest is not below highest"):
        pm.effect_size("POMPMN", n=20, m=5, sd=1, lowest=7, highest=1)


def test_the_common_language_effect_size_is_as_reported_or_that_of_normal_data_with_these_means():
    means = {"n1": 20, "m1": 5, "sd1": 1, "n2": 20, "m2": 4, "sd2": 1}
    ours = pm.effect_size("CLES", **means)
    assert ours.measure == "CLESN"
    assert [*ours] == [*pm.effect_size("CLESN", **means)]
    assert pm.effect_size("CLES", auc=0.7, n1=20, n2=20).measure == "CLES"


def test_a_sign_beside_p_is_that_of_the_effect():
    told = pm.effect_size("SMD", p=[0.03, 0.03, -0.2], sign=[-1, 1, np.nan], n1=20, n2=20)
    signed = pm.effect_size("SMD", p=[-0.03, 0.03, -0.2], n1=20, n2=20)
    np.testing.assert_array_equal([told.y, told.v], [signed.y, signed.v])
    assert told.notes == signed.notes


@pytest.mark.parametrize("statistics", [{"t": 2.0}, {"d": 0.5}, {"r": 0.3}, {"p": -0.03, "sign": 1}])
def test_a_sign_that_contradicts_what_carries_one_is_refused(statistics):
    with pytest.raises(InputError, match="sign disagree"):
        pm.effect_size("SMD", **{"sign": -1, "n1": 20, "n2": 20} | statistics)


@pytest.mark.parametrize(
    "call",
    [
        lambda sign: pm.convert(0.5, 0.04, source="log OR", target="SMD", sign=sign).y,
        lambda sign: pm.cells_of_margins(n=100, n1=50, events=40, phi=0.2, sign=sign),
        lambda sign: pm.cells_of_margins(n=100, n1=50, events=40, odds_ratio=2.0, sign=sign),
    ],
)
def test_conversions_and_margins_refuse_a_sign_that_contradicts_too(call):
    np.testing.assert_array_equal(call(1), call(None))
    with pytest.raises(InputError, match="the sign disagree"):
        call(-1)
