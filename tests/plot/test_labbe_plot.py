"""The plot of L'Abbe: metafor's rates, curves under which the effect is constant, refusals where no counts are."""

import json
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from plot.test_funnel_plot import axes, check_words
from support import figures

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
METAFOR = json.loads((Path(__file__).parents[1] / "reference" / "radial_labbe.json").read_text())
COMMON, CLOSED = pw.CommonEffect(), pw.ClosedForm()


def trials(k, measure="log OR", seed=1):
    rng = np.random.default_rng(seed)
    totals = rng.integers(20, 600, (k, 2))
    control = rng.beta(2, 6, k)
    risks = np.stack([0.7 * control, control], axis=1)
    names = [f"A rather long first author, and a second one {1900 + i}" for i in range(k)]
    return pw.Effects.from_counts(np.maximum(rng.binomial(totals, risks), 1), totals, measure=measure, study=names)


def test_rates_are_metafors(bcg):
    frame = pw.plot.labbe_frame(bcg).query("row == 'study'")
    np.testing.assert_allclose(frame["x"], METAFOR["labbe_RR"]["x"], rtol=1e-12)
    np.testing.assert_allclose(frame["y"], METAFOR["labbe_RR"]["y"], rtol=1e-12)


@pytest.mark.parametrize("measure", ["log OR", "log RR", "log IRR"])
@pytest.mark.parametrize("on", ["rates", "log"])
def test_along_the_curve_the_effect_is_the_mean(measure, on):
    fit = pw.fit(trials(6, measure), COMMON, CLOSED)
    curve = pw.plot.labbe_frame(fit, on=on).query("row == 'mean' and y == y and x > -10")
    back = (lambda t: t) if on == "rates" else np.exp if measure == "log IRR" else (lambda t: 1.0 / (1.0 + np.exp(-t)))
    for name, effect in zip(("y", "lower", "upper"), (fit["mu"].point, *fit["mu"].interval()), strict=True):
        control, treated = back(curve["x"]), back(curve[name])
        if measure == "log OR":
            control, treated = control / (1.0 - control), treated / (1.0 - treated)
        inside = control > 0
        np.testing.assert_allclose(np.log(treated / control)[inside], effect, rtol=1e-9)


def test_the_area_of_a_circle_is_its_weight(bcg):
    fit = pw.fit(bcg, COMMON, CLOSED)
    frame, ax = pw.plot.labbe_frame(fit, on="log").query("row == 'study'"), pw.plot.labbe(fit, on="log")
    (marks,) = [mark for mark in ax.collections if mark.get_label() == "studies"]
    weights = np.sort(frame["weight"])[::-1]
    large = weights > 0.05 * weights[0]
    np.testing.assert_allclose((marks.get_sizes() / marks.get_sizes()[0])[large], (weights / weights[0])[large])
    np.testing.assert_allclose(sorted(fit.weights.values(), reverse=True), weights)


def test_an_empty_cell_is_filled_on_log_odds_alone_and_told():
    table = pw.Effects.from_counts([[0, 4], [3, 9], [5, 5]], [[40, 40], [100, 98], [70, 72]])
    assert pw.plot.labbe_frame(table)["y"].iloc[0] == 0.0
    assert pw.plot.labbe_frame(table, on="log")["y"].iloc[0] == pytest.approx(np.log(0.5 / 40.5))
    assert any("0.5 added" in words for words in figures.words(pw.plot.labbe(table, on="log")))


@pytest.mark.parametrize("k", [1, 3, 300])
@pytest.mark.parametrize("on", ["rates", "log"])
def test_words_are_legible_at_any_number_of_studies(k, on):
    table = trials(k) if k > 1 else trials(3).select(where={"study": trials(3).study[0]}, allow_single=True)
    check_words(pw.plot.labbe(pw.fit(table, COMMON, CLOSED), on=on))


def test_words_are_legible_on_axes_of_a_column(bcg):
    for on in ("rates", "log"):
        check_words(pw.plot.labbe(bcg, on=on, ax=axes((3.3, 5.0))))
    with pytest.raises(pw.PoolwiseError, match="too small"):
        pw.plot.labbe(bcg, ax=axes((2.0, 2.0)))


def test_a_table_alone_is_pooled_and_a_regression_has_no_line(bcg):
    mean = pw.plot.labbe_frame(bcg).query("row == 'mean'")
    assert mean["interval"].iloc[0] == pw.fit(bcg, pw.RandomEffects(), CLOSED)["mu"].interval_kind()
    line = pw.fit(bcg, pw.MetaRegression("~ ablat"), CLOSED)
    assert "mean" not in set(pw.plot.labbe_frame(line)["row"])
    assert any("No line of a mean" in words for words in figures.words(pw.plot.labbe(line)))


def test_what_has_no_counts_is_refused_in_words(bcg, misconduct):
    with pytest.raises(pw.PoolwiseError, match="no counts of two arms"):
        pw.plot.labbe(misconduct)
    with pytest.raises(pw.PoolwiseError, match="has no column"):
        pw.plot.labbe(pw.Effects([0.1, 0.2], se=[0.1, 0.1], scale="log OR"))
    with pytest.raises(pw.PoolwiseError, match="no counts of two arms"):
        pw.plot.labbe(pw.Effects.from_counts([4, 6, 3], [20, 30, 40]))
    for wrong in (None, 3, [bcg]):
        with pytest.raises(pw.PoolwiseError, match="was given"):
            pw.plot.labbe(wrong)
    for arguments in ({"on": "odds"}, {"prob": 1.0}):
        with pytest.raises(pw.PoolwiseError):
            pw.plot.labbe(bcg, **arguments)
