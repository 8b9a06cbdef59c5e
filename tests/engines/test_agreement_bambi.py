"""Posteriors that bambi sampled in another parametrisation, theta drawn and nothing integrated, are the exact ones."""

import json
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors

FIGURES = json.loads((Path(__file__).parents[1] / "reference" / "bambi_posteriors.json").read_text(encoding="utf-8"))
CASES = FIGURES["cases"]
MCSE = 4.0  # Monte Carlo standard errors of bambi's figures
QUANTILES = {"q025": 0.025, "median": 0.5, "q975": 0.975}
MODERATOR = {"bcg": "ablat", "raudenbush1985": "weeks"}


def model(data, given):
    mu, tau = priors.Normal(0, given["intercept_sd"]), priors.HalfNormal(given["tau_scale"])
    if given["slope_sd"] is None:
        return pw.RandomEffects(mu=mu, tau=tau)
    beta = {"intercept": mu, MODERATOR[data]: priors.Normal(0, given["slope_sd"])}
    return pw.MetaRegression([MODERATOR[data]], beta=beta, tau=tau)


def named(data, case):
    """The name here of each quantity there."""
    if case["priors"]["slope_sd"] is None:
        return {"intercept": "mu", "tau": "tau"}
    return {"intercept": "beta[intercept]", "slope": f"beta[{MODERATOR[data]}]", "tau": "tau"}


@pytest.mark.parametrize("name", CASES)
def test_bambi_is_within_its_monte_carlo_error_of_the_exact_posterior(name):
    data, case = name.partition(",")[0], CASES[name]
    effects = pw.datasets.load(data)
    np.testing.assert_allclose(effects.y, case["y"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(effects.se, case["se"], rtol=1e-12)
    assert case["divergences"] == 0
    result = pw.fit(effects, model(data, case["priors"]), pw.Exact())
    for theirs, ours in named(data, case).items():
        quantity, row = result[ours], case["rows"][theirs]
        found = {"mean": quantity.mean, "sd": quantity.sd}
        found |= {key: float(quantity.ppf(prob)) for key, prob in QUANTILES.items()}
        for key, value in found.items():
            assert abs(value - row["figures"][key]) < MCSE * row["mcse"][key], (ours, key)


def test_bambi_knows_its_figures_well_enough_to_tell():
    for case in CASES.values():
        for row in case["rows"].values():
            assert row["mcse"]["mean"] < 0.02 * row["figures"]["sd"]
