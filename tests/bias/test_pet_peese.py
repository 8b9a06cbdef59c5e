"""PET, PEESE and the choice between them, against matrices; cluster-robust ones and three levels against metafor."""

from __future__ import annotations

import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student

import poolwise as pw

FIGURES = json.loads((Path(__file__).parents[1] / "reference" / "asymmetry_metafor.json").read_text())["assink2016"]
MATRIX = 1e-10
ROBUST = 1e-10  # no search: metafor's own weighted regression
FLAT = 2e-7  # metafor ends where the slope of the likelihood is still 3e-6 (ours 1e-12): 4e-8 of the variances
rng = np.random.default_rng(8)


@cache
def assink() -> pw.Effects:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        return pw.Effects(FIGURES["y"], v=FIGURES["v"], study=FIGURES["study"])


def by_matrices(effects, x):
    X, W = np.column_stack([np.ones(effects.k), x]), np.diag(1 / effects.v)
    M = np.linalg.inv(X.T @ W @ X)
    b = M @ X.T @ W @ effects.y
    left = effects.y - X @ b
    return b, np.sqrt(np.diag(M) * (left @ W @ left) / (effects.k - 2))


@pytest.mark.parametrize("method", ["pet", "peese"])
def test_the_estimate_is_the_intercept_of_a_weighted_regression(method):
    effects = pw.datasets.load("bcg")
    b, sd = by_matrices(effects, effects.se if method == "pet" else effects.v)
    found = getattr(pw.bias, method)(effects)
    reach = student.ppf(0.975, effects.k - 2) * sd[0]
    assert found.estimate.interval(0.95) == pytest.approx((b[0] - reach, b[0] + reach), rel=MATRIX)
    assert (found.slope, found.slope_sd) == pytest.approx((b[1], sd[1]), rel=MATRIX)
    assert found.estimate.p_value == pytest.approx(2 * student.sf(abs(b[0] / sd[0]), effects.k - 2), rel=1e-9)


def test_the_slope_of_pet_is_eggers_test():
    effects = pw.datasets.load("bcg")
    pet, egger = pw.bias.pet(effects), pw.bias.egger(effects)
    assert (pet.slope_p, pet.estimate.point) == (egger.p_value, egger.limit.point)


def effects_of(mean: float) -> pw.Effects:
    se = np.linspace(0.05, 0.5, 20)
    return pw.Effects(mean + 0.5 * se + 0.3 * se * np.random.default_rng(1).normal(size=20), se=se)


@pytest.mark.parametrize(("mean", "direction", "chosen"), [
    (0.4, "positive", "PEESE"), (0.0, "positive", "PET"), (0.4, "negative", "PET"),
    (-0.6, "negative", "PEESE"), (-0.6, "positive", "PET"),
])  # fmt: skip
def test_peese_answers_where_pet_finds_an_effect_in_the_stated_direction(mean, direction, chosen):
    found = pw.bias.pet_peese(effects_of(mean), direction=direction)
    assert found.chosen == chosen
    assert found.estimate is (found.pet if chosen == "PET" else found.peese).estimate
    assert f"{chosen} answers" in found.sentence
    assert ("does not show an effect" in found.sentence) == (chosen == "PET")


def test_the_choice_is_pets_one_sided_test_at_the_level_asked_for():
    effects = pw.datasets.load("bcg")
    found = pw.bias.pet_peese(effects, direction="negative", alpha=0.25)
    assert found.p_value == pytest.approx(student.cdf(found.pet.estimate.statistic, 11), rel=1e-10)
    assert (found.chosen, pw.bias.pet_peese(effects, direction="negative").chosen) == ("PEESE", "PET")


def test_mirrored_effects_give_the_mirrored_choice():
    effects = pw.datasets.load("bcg")
    first = pw.bias.pet_peese(effects, direction="negative", alpha=0.25)
    other = pw.bias.pet_peese(pw.Effects(-effects.y, se=effects.se), direction="positive", alpha=0.25)
    assert (other.chosen, other.p_value) == (first.chosen, pytest.approx(first.p_value, rel=1e-10))
    assert other.estimate.point == pytest.approx(-first.estimate.point, rel=1e-10)


@pytest.mark.parametrize("kind", ["CR0", "CR1p"])
def test_cluster_robust_errors_are_metafors(kind):
    found = pw.bias.pet(assink(), robust=kind)
    assert [found.estimate.point, found.slope] == pytest.approx(FIGURES["pet"]["beta"], rel=ROBUST)
    assert [found.estimate.sd, found.slope_sd] == pytest.approx(FIGURES["pet"][kind], rel=ROBUST)


def test_cr2_does_not_move_the_estimate_but_widens_its_interval():
    with pytest.warns(pw.PoolwiseWarning, match="as independent"):
        flat = pw.bias.pet(assink())
    robust = pw.bias.pet(assink(), robust="CR2")
    assert robust.estimate.point == pytest.approx(flat.estimate.point, rel=1e-10)
    assert np.diff(robust.estimate.interval())[0] > np.diff(flat.estimate.interval())[0]
    assert robust.estimate.df < 16
    assert "Satterthwaite" in robust.sentence


@pytest.mark.parametrize("kind", [None, "CR0", "CR1p"])
def test_three_levels_are_metafors(kind):
    expected = FIGURES["three_level"]
    test = pw.bias.multilevel_egger(assink(), robust=kind)
    assert [test.limit.point, test.slope] == pytest.approx(expected["beta"], rel=FLAT)
    assert [test.limit.sd, test.slope_sd] == pytest.approx(expected[kind or "model_se"], rel=FLAT)
    assert test.tau2 == pytest.approx(expected["between"] + expected["within"], rel=FLAT)


def test_one_row_for_each_study_is_the_two_level_test():
    effects = pw.datasets.load("bcg")
    test, flat = pw.bias.multilevel_egger(effects, robust=None), pw.bias.egger(effects, model="rma")
    assert (test.statistic, test.limit.point) == pytest.approx((flat.statistic, flat.limit.point), rel=1e-8)


def test_cr2_holds_its_level_where_effects_of_a_study_resemble_one_another():
    """15 studies of 1 to 6 effects that share most of their error, 250 tables: 5 % within four Monte Carlo errors."""
    study = np.repeat(np.arange(15), rng.integers(1, 7, 15))
    se = rng.uniform(0.1, 0.4, 15)[study] * rng.uniform(0.9, 1.1, len(study))
    rejected = {"flat": 0, "CR2": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        for _ in range(250):
            shared, own = rng.normal(size=15)[study], rng.normal(size=len(study))
            effects = pw.Effects(0.2 + se * (0.9 * shared + 0.43 * own), se=se, study=study)
            rejected["flat"] += pw.bias.pet(effects).slope_p < 0.05
            rejected["CR2"] += pw.bias.pet(effects, robust="CR2").slope_p < 0.05
    assert rejected["CR2"] / 250 == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 250))
    assert rejected["flat"] > 2 * rejected["CR2"]
