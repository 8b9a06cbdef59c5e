"""Planted faults: what calibration sees of them is what a calibration of that fault, run outright, shows."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import priors, simulate

HERE = Path(__file__).parents[1] / "reference" / "calibration"
sys.path.insert(0, str(HERE))
import power as planted  # noqa: E402
from power import Fault  # noqa: E402

FAMILY = simulate.FAMILIES["random effects, three studies"]
QUICK = pw.Exact(draws=100, chains=1)


@pytest.fixture(scope="module")
def pool():
    return planted.pool_of("random effects, three studies", tables=40)


def test_no_fault_is_seen_as_often_as_the_rules_say(pool):
    for among in (0, 600):
        share = planted.power(pool, Fault("spread", "mu", 1.0), simulations=300, ranked_among=among, repeats=200)
        assert share < 0.045  # 0.01 or less, of 200


@pytest.mark.parametrize("size", [0.3, 3.0])
def test_a_wrong_prior_gives_the_places_of_fits_with_it(pool, size):
    """The mean place of tau by reweighted draws, and over tables that are fitted with the wrong prior."""
    scale = 0.5 * min(size, 1.0), 0.5 / max(size, 1.0)  # of the fit below 1, of the tables above it
    fitted, made = (pw.RandomEffects(FAMILY.model.mu, priors.HalfNormal(s)) for s in scale)
    places = simulate.calibration(made, QUICK, FAMILY.effects, simulations=60, seed=5, fitted=fitted)
    u = places.loc[places["quantity"] == "tau", "u"]
    truth, wrong, _ = planted._places(pool, Fault("prior scale", "tau", size))
    mean = np.average(wrong[:, :, pool.names.index("tau")], weights=truth)
    assert abs(mean - 0.5) > 0.1
    assert abs(u.mean() - mean) < 4.0 * u.std() / np.sqrt(len(u)) + 0.02  # 0.02: 40 tables


def test_larger_faults_and_more_simulations_are_seen_more_often_and_pairs_see_most(pool):
    small, large = (Fault("prior scale", "tau", size) for size in (1.5, 4.0))
    assert planted.power(pool, small, simulations=300) < planted.power(pool, small, simulations=2000)
    assert planted.power(pool, small, simulations=300) < planted.power(pool, large, simulations=300)
    assert planted.power(pool, small, simulations=300, ranked_among=600) == 1.0


def test_errors_that_miss_a_factor_of_root_two_are_seen(pool):
    wrong = planted.with_errors(replace(pool, made=pool.made[:40]), np.sqrt(2.0))
    assert planted.power(wrong, Fault("standard errors", "all", np.sqrt(2.0)), simulations=1000) > 0.9


def test_the_page_has_the_faults_of_every_family():
    table = pd.read_csv(HERE / "power.csv")
    assert set(table["family"]) == set(simulate.FAMILIES)
    found = table[(table["fault"] == "prior scale") & (table["by"] == "pairs")].dropna(subset="size")
    assert found["size"].gt(0.0).all()
    for name in simulate.FAMILIES:
        assert f"| {name} |" in (HERE / "calibration.md").read_text(encoding="utf-8")
