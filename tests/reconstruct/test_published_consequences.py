"""d, SE and Q alone decide these numbers, whatever the studies were."""

import numpy as np
import pytest
from scipy import stats

from poolwise import datasets
from poolwise.errors import InputError
from poolwise.reconstruct import published_consequences, reconstruct

PUBLISHED = datasets.published("working_alliance")
OUTCOMES = ("dropout", "misconduct", "recidivism")
EXACT = 1e-12  # the same formulas in another order


def rows_of(outcome):
    return PUBLISHED[PUBLISHED["outcome"] == outcome]


def consequences(outcome):
    return published_consequences(rows_of(outcome).iloc[0]).set_index("quantity")


def weighted_least_squares(y, se):
    """Regression of y / se on 1 / se through the origin, textbook form."""
    x, r = 1.0 / se, y / se
    slope = (x @ r) / (x @ x)
    sigma2 = np.sum((r - slope * x) ** 2) / (len(y) - 1)
    half = stats.t.ppf(0.975, len(y) - 1) * np.sqrt(sigma2 / (x @ x))
    return slope - half, slope + half


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_weighted_least_squares_on_the_reference_table_gives_the_same_interval(outcome):
    reference = reconstruct(rows_of(outcome), tables=1).reference()
    row = consequences(outcome).loc["mu, unrestricted weighted least squares"]
    assert (row["lower"], row["upper"]) == pytest.approx(weighted_least_squares(reference.y, reference.se), rel=EXACT)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_reconstruction_lies_between_the_outer_limits(outcome):
    row = consequences(outcome).loc["mu, unrestricted weighted least squares"]
    for effects in reconstruct(rows_of(outcome), tables=100):
        lower, upper = weighted_least_squares(effects.y, effects.se)
        assert row["outer_lower"] <= lower < upper <= row["outer_upper"]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_no_reconstruction_has_a_smaller_tau2_than_the_bound(outcome):
    bound = consequences(outcome).loc["tau2 (DL), lower bound", "outer_lower"]
    for effects in reconstruct(rows_of(outcome), tables=100):
        w = effects.se**-2.0
        q = np.sum(w * (effects.y - np.average(effects.y, weights=w)) ** 2)
        tau2 = max(0.0, (q - effects.k + 1) / (w.sum() - np.sum(w**2) / w.sum()))
        assert tau2 >= bound


def test_the_bound_on_tau2_is_met_with_equal_weights():
    assert consequences("recidivism").loc["tau2 (DL), lower bound", "point"] == pytest.approx(
        (24.73 - 14) * 0.027**2 / (1 - 1 / 15), rel=EXACT
    )


def test_hartung_knapp_is_determined_only_where_q_shows_no_heterogeneity():
    assert "mu, Hartung-Knapp at tau2 = 0" not in consequences("dropout").index
    table = consequences("misconduct")
    half = stats.t.ppf(0.975, 2) * 0.124
    row = table.loc["mu, Hartung-Knapp (ad hoc) at tau2 = 0"]
    assert (row["lower"], row["upper"]) == pytest.approx((0.374 - half, 0.374 + half), rel=EXACT)
    row = table.loc["mu, Hartung-Knapp at tau2 = 0"]
    assert row["upper"] == pytest.approx(0.374 + half * np.sqrt(0.94 / 2), rel=EXACT)


def test_i2_and_its_limits_follow_higgins_and_thompson():
    row = consequences("recidivism").loc["I2"]
    assert row["point"] == pytest.approx(1 - 14 / 24.73, rel=EXACT)
    spread = 0.5 * (np.log(24.73) - np.log(14)) / (np.sqrt(2 * 24.73) - np.sqrt(2 * 15 - 3))
    h_upper = np.exp(0.5 * np.log(24.73 / 14) + stats.norm.ppf(0.975) * spread)
    assert row["lower"] == 0.0
    assert row["upper"] == pytest.approx(1 - h_upper**-2, rel=EXACT)
    low = consequences("misconduct").loc["I2"]
    h_upper = np.exp(0.5 * np.log(0.94 / 2) + stats.norm.ppf(0.975) * np.sqrt(0.5 * (1 - 1 / 3)))
    assert low["upper"] == pytest.approx(1 - h_upper**-2, rel=EXACT)


def test_heterogeneity_of_recidivism_is_significant_though_the_paper_says_it_is_not():
    assert consequences("recidivism").loc["p of Q", "point"] == pytest.approx(stats.chi2.sf(24.73, 14), rel=EXACT)
    assert consequences("recidivism").loc["p of Q", "outer_upper"] < 0.05
    assert consequences("dropout").loc["p of Q", "outer_lower"] > 0.05


def test_every_point_lies_between_its_outer_limits():
    for outcome in OUTCOMES:
        table = consequences(outcome)
        assert (table["outer_lower"] <= table["point"]).all()
        assert (table["point"] <= table["outer_upper"]).all()


def test_two_studies_without_heterogeneity_have_no_limits_for_i2():
    table = published_consequences({"k": 2, "d": "0.30", "se": "0.10", "q": "1.0"}).set_index("quantity")
    assert np.isnan(table.loc["I2", "upper"])


def test_i2_stands_in_for_q():
    table = published_consequences({"k": 15, "d": "0.196", "se": "0.027", "i2": "43.39"}).set_index("quantity")
    assert table.loc["H2", "point"] == pytest.approx(24.73 / 14, abs=1e-3)  # the rounding of I2


def test_missing_or_impossible_figures_are_refused():
    with pytest.raises(InputError, match="neither Q nor I2"):
        published_consequences({"k": 9, "d": "0.39", "se": "0.07"})
    with pytest.raises(InputError, match="k = 1"):
        published_consequences({"k": 1, "d": "0.39", "se": "0.07", "q": "0"})
