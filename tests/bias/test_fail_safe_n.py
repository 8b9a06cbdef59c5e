"""Fail-safe N against metafor, and the general one against a likelihood that is written out."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats

from poolwise.bias import fail_safe_n
from poolwise.errors import ModelError
from support.biased_studies import FIGURES, SETS, published, studies, turned

EXACT = 1e-10  # relative
SMALLEST = np.finfo(float).tiny  # below it numbers lose their digits
SEARCHED = 1e-4  # relative: metafor's own tau2 ends 3e-5 before the maximum, where its steps fall below 1e-5
GENERAL = json.loads((Path(__file__).parents[1] / "reference" / "fail_safe_n_general.json").read_text())["rows"]


@pytest.mark.parametrize("name", SETS)
def test_numbers_are_metafors(name):
    effects = published(name)
    for row in FIGURES[name]["fail_safe_n"]:
        if row["kind"] == "orwin":
            answer = fail_safe_n(effects, kind="orwin", target=row["asked"], weighted=row["weighted"])
            assert (answer.mean, answer.target) == pytest.approx((row["mean"], row["target"]), rel=EXACT)
        else:
            answer = fail_safe_n(effects, kind=row["kind"], alpha=row["alpha"])
            assert answer.p_value == pytest.approx(row["p_value"], rel=EXACT, abs=SMALLEST)
        assert answer.n == row["n"]


def pooled(y, v, number):
    """Mean and p-value with null studies that scatter as the observed ones, by a search for the REML estimate."""
    u = 1.0 / np.mean(1.0 / v)

    def between(count, scatter):
        def loss(tau2):
            w, wn = 1.0 / (v + tau2), count / (u + tau2)
            mean = (w * y).sum() / (w.sum() + wn)
            squares = (w * (y - mean) ** 2).sum() + wn * mean**2 + wn / max(count, 1) * (count - 1) * scatter
            return squares - np.log(w).sum() - count * np.log(1 / (u + tau2)) + np.log(w.sum() + wn)

        return optimize.minimize_scalar(loss, bounds=(0, 20), method="bounded", options={"xatol": 1e-12}).x

    tau2 = between(number, between(0, 0.0) + u)
    w, wn = 1.0 / (v + tau2), number / (u + tau2)
    mean = (w * y).sum() / (w.sum() + wn)
    return mean, 2 * stats.norm.sf(abs(mean) * np.sqrt(w.sum() + wn))


@pytest.mark.parametrize("name", ["bcg", "normand1999", "hackshaw1998"])
def test_the_general_number_is_the_first_that_overturns_the_answer(name):
    effects = published(name)
    n = fail_safe_n(effects, kind="general", alpha=0.001 if name == "hackshaw1998" else 0.05).n
    level = 0.001 if name == "hackshaw1998" else 0.05
    assert pooled(effects.y, effects.v, n)[1] >= level
    assert n == 0 or pooled(effects.y, effects.v, n - 1)[1] < level


@pytest.mark.parametrize("row", GENERAL, ids=lambda row: f"{row['set']}, {row['tau2']}, {row['alpha']:g}")
def test_the_general_number_is_that_of_metafors_exact_calculation(row):
    """Which may give one study more than the fewest: its search ends within 1."""
    effects = published(row["set"])
    n = fail_safe_n(effects, kind="general", alpha=row["alpha"], tau2=row["tau2"]).n
    assert n in (row["n"] - 1, row["n"])
    if row["tau2"] == "REML":  # what stands behind the number
        assert pooled(effects.y, effects.v, row["n"]) == pytest.approx((row["mean"], row["p_value"]), rel=SEARCHED)


def test_the_general_number_for_a_target_is_the_first_that_reaches_it():
    effects = published("bcg")
    n = fail_safe_n(effects, kind="general", target=0.1).n
    sizes = [abs(pooled(effects.y, effects.v, number)[0]) for number in (n - 1, n)]
    assert sizes[0] > 0.1 >= sizes[1]


@pytest.mark.parametrize("name", SETS)
def test_under_a_common_effect_the_general_number_is_rosenbergs_and_orwins(name):
    effects = published(name)
    general = fail_safe_n(effects, kind="general", tau2=None)
    assert general.n == fail_safe_n(effects, kind="rosenberg").n
    to_target = fail_safe_n(effects, kind="general", tau2=None, target=0.02)
    assert to_target.n == fail_safe_n(effects, kind="orwin", weighted=True, target=0.02).n


@pytest.mark.parametrize("kind", ["rosenthal", "orwin", "rosenberg", "general"])
@pytest.mark.parametrize("unit", [-1.0, 1e6, 1e-6])
def test_neither_sign_nor_unit_matters(kind, unit):
    effects = published("bcg")
    assert fail_safe_n(turned(effects, unit), kind=kind).n == fail_safe_n(effects, kind=kind).n


def test_an_answer_that_does_not_stand_needs_no_study_to_overturn_it():
    effects = studies([0.1, -0.1, 0.05], [0.2, 0.2, 0.3])
    assert [fail_safe_n(effects, kind=kind).n for kind in ("rosenthal", "rosenberg", "general")] == [0, 0, 0]
    assert "do not stand" in str(fail_safe_n(effects))


def test_a_target_of_0_is_out_of_reach():
    with pytest.raises(ModelError, match="target = 0"):
        fail_safe_n(published("bcg"), kind="orwin", target=0)


def test_a_target_in_another_unit_than_the_effects_is_out_of_reach():
    with pytest.raises(ModelError, match="null studies would be needed"):
        fail_safe_n(turned(published("bcg"), 1e25), kind="general", target=0.01)
