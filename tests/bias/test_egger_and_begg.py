"""Egger's and Begg's tests against metafor, and what must hold of them whatever the table."""

from __future__ import annotations

import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise.bias.begg import standardised

METAFOR = 1e-8  # REML of metafor ends where tau2 no longer moves: 1e-11 was seen, 1e-14 for weighted regression
ABSOLUTE = 1e-11  # of limits near 0, on scales where effects are near 1
FIGURES = json.loads((Path(__file__).parents[1] / "reference" / "asymmetry_metafor.json").read_text())["data"]
rng = np.random.default_rng(5)


@cache
def table(name: str) -> pw.Effects:
    row = FIGURES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)  # identical rows in two of them
        return pw.Effects(row["y"], v=row["v"], n=row.get("n"))


def numbers(test) -> dict[str, float]:
    lower, upper = test.limit.interval(0.95)
    return {
        "statistic": test.statistic, "p_value": test.p_value, "slope": test.slope, "limit": test.limit.point,
        "lower": lower, "upper": upper, "df": test.df, "tau2": test.tau2,
    }  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_every_predictor_and_model_is_metafors(name):
    assert FIGURES[name]["regtest"]
    for row in FIGURES[name]["regtest"]:
        mine = numbers(pw.bias.egger(table(name), predictor=row["predictor"], model=row["model"]))
        for what, value in mine.items():
            if row[what] is None:
                assert not np.isfinite(value), (row, what)
            else:
                assert value == pytest.approx(row[what], rel=METAFOR, abs=ABSOLUTE), (row, what)


@pytest.mark.parametrize("name", FIGURES)
def test_rank_correlation_and_p_value_are_metafors(name):
    test = pw.bias.begg(table(name))
    assert test.tau == pytest.approx(FIGURES[name]["tau"], abs=1e-14)
    assert test.p_value == pytest.approx(FIGURES[name]["tau_p"], rel=METAFOR)


def test_eggers_own_regression_of_deviates_on_precision_gives_the_same_test():
    effects = table("bcg")
    X = np.column_stack([np.ones(effects.k), 1 / effects.se])
    z = effects.y / effects.se
    b = np.linalg.lstsq(X, z)[0]
    cov = np.linalg.inv(X.T @ X) * ((z - X @ b) @ (z - X @ b)) / (effects.k - 2)
    test = pw.bias.egger(effects)
    assert (test.slope, test.limit.point) == pytest.approx((b[0], b[1]), rel=1e-11)
    assert (test.slope_sd, test.limit.sd) == pytest.approx(np.sqrt(np.diag(cov)), rel=1e-11)


def test_inverse_predictors_are_regressions_on_the_inverse():
    effects = table("bcg")
    for predictor, x in (("seinv", 1 / effects.se), ("vinv", 1 / effects.v)):
        X, W = np.column_stack([np.ones(effects.k), x]), np.diag(1 / effects.v)
        b = np.linalg.solve(X.T @ W @ X, X.T @ W @ effects.y)
        test = pw.bias.egger(effects, predictor=predictor)
        assert test.slope == pytest.approx(b[1], rel=1e-10)
        assert np.isnan(test.limit.point)
        assert "not 0" in test.limit.remark


def test_thompson_and_sharps_between_study_variance_is_that_of_moments_about_the_line():
    effects = table("bcg")
    X, W = np.column_stack([np.ones(effects.k), effects.se]), np.diag(1 / effects.v)
    P = W - W @ X @ np.linalg.solve(X.T @ W @ X, X.T @ W)
    tau2 = (effects.y @ P @ effects.y - (effects.k - 2)) / np.trace(P)
    W = np.diag(1 / (effects.v + tau2))
    cov = np.linalg.inv(X.T @ W @ X)
    b = cov @ X.T @ W @ effects.y
    test = pw.bias.thompson_sharp(effects)
    assert test.statistic == pytest.approx(b[1] / np.sqrt(cov[1, 1]), rel=1e-10)
    assert (test.tau2, test.df) == pytest.approx((tau2, effects.k - 2), rel=1e-10)


def test_the_modified_standard_error_of_a_standardised_difference_knows_sizes_alone():
    n1, n2 = np.array([20, 45, 12, 80, 33]), np.array([22, 40, 15, 70, 60])
    y = np.array([0.4, 0.1, 0.9, 0.2, 0.3])
    v = 1 / n1 + 1 / n2 + y**2 / (2 * (n1 + n2))
    effects = pw.Effects(y, v=v, n=n1 + n2, scale="SMD", moderators={"n1": n1, "n2": n2, "treated": n1, "rest": n2})
    X, W = np.column_stack([np.ones(5), np.sqrt(1 / n1 + 1 / n2)]), np.diag(1 / v)
    b = np.linalg.solve(X.T @ W @ X, X.T @ W @ y)
    assert pw.bias.pustejovsky(effects).slope == pytest.approx(b[1], rel=1e-10)
    assert pw.bias.pustejovsky(effects, arms=("treated", "rest")).slope == pytest.approx(b[1], rel=1e-10)
    halves = pw.bias.pustejovsky(pw.Effects(y, v=v, n=n1 + n2, scale="SMD"))
    assert "halves" in halves.sentence
    assert halves.slope == pytest.approx(0.5 * pw.bias.egger(effects, predictor="sqrtninv").slope, rel=1e-10)


TESTS = {
    "egger": pw.bias.egger, "meta-regression": lambda effects: pw.bias.egger(effects, model="rma"),
    "thompson_sharp": pw.bias.thompson_sharp, "begg": pw.bias.begg, "multilevel": pw.bias.multilevel_egger,
}  # fmt: skip


@pytest.mark.parametrize("name", TESTS)
def test_neither_the_order_of_studies_nor_the_unit_nor_a_shift_matters(name):
    effects, order = table("linde2005"), rng.permutation(24)
    first = TESTS[name](effects)
    for unit, shift in ((1.0, 0.0), (1e3, 0.0), (1e-6, 0.0), (1.0, 5.0)):
        other = TESTS[name](pw.Effects(unit * (effects.y + shift)[order], se=unit * effects.se[order]))
        assert other.statistic == pytest.approx(first.statistic, rel=1e-8)  # REML ends at 1e-10 of tau2
        assert other.p_value == pytest.approx(first.p_value, rel=1e-8)


@pytest.mark.parametrize("name", TESTS)
def test_effects_with_the_opposite_sign_give_the_opposite_test(name):
    effects = table("linde2005")
    first, other = TESTS[name](effects), TESTS[name](pw.Effects(-effects.y, se=effects.se))
    assert other.statistic == pytest.approx(-first.statistic, rel=1e-10)
    assert other.p_value == pytest.approx(first.p_value, rel=1e-10)
    assert "in the positive direction" in first.sentence or "not shown" in first.sentence


def test_one_huge_study_costs_the_standardised_effects_no_digits():
    y, v = np.array([0.3, 0.2, 0.5, 0.1]), np.array([1e-16, 0.04, 0.09, 0.16])
    deviates = standardised(y, v)
    others = 1 / v[1:]  # of the huge study: what the others leave of its own weight
    by_hand = (others @ (y[0] - y[1:])) / np.sqrt(others.sum())
    assert deviates[0] == pytest.approx(by_hand, rel=1e-12)
    assert deviates[1:] == pytest.approx((y[1:] - 0.3) / np.sqrt(v[1:]), rel=1e-12)


@pytest.mark.parametrize("small", [1e-3, 1e-9, 1e-20])
def test_one_huge_study_ties_nothing(small):
    test = pw.bias.begg(pw.Effects([0.3, 0.25, 0.5, 0.1, 0.7], se=[small, 0.2, 0.3, 0.4, 0.5]))
    assert (test.exact, test.statistic) == (True, 2.0)


def test_rounding_of_a_standard_error_neither_makes_nor_breaks_a_tie():
    y, v = rng.normal(size=8), np.array([0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    nudged = v * (1 + np.array([0, 3e-16, 0, 0, 0, 0, 0, 0]))
    tests = [pw.bias.begg(pw.Effects(y, v=one)) for one in (v, nudged)]
    assert [test.exact for test in tests] == [False, False]
    assert tests[0].p_value == tests[1].p_value
    assert "tied" in tests[0].sentence


def test_where_nothing_is_selected_eggers_test_rejects_as_often_as_it_says():
    """Normal effects, k = 12, 1,000 tables: 5 % within four Monte Carlo errors."""
    se = rng.uniform(0.1, 0.5, 12)
    rejected = [pw.bias.egger(pw.Effects(rng.normal(0.2, se), se=se)).p_value < 0.05 for _ in range(1000)]
    assert np.mean(rejected) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 1000))


def test_a_test_at_small_k_says_that_finding_nothing_is_no_evidence():
    effects = pw.datasets.load("eight_schools")
    for test in (pw.bias.egger(effects), pw.bias.begg(effects), pw.bias.thompson_sharp(effects)):
        assert "With 8 studies, fewer than 10" in test.sentence
        assert "no evidence of absence" in test._repr_html_()
        assert len(repr(test)) < 120
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "fewer than 10" not in pw.bias.egger(table("bcg")).sentence
