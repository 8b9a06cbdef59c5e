"""Diagnostics of chains, good and bad, and the sentences that follow from them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from poolwise.engines.nuts import diagnostics

GOOD = {
    "r_hat_mu": 1.001, "r_hat_tau": 1.004, "ess_bulk_mu": 2000.0, "ess_tail_mu": 1800.0,
    "ess_bulk_tau": 900.0, "ess_tail_tau": 700.0, "divergences": 0.0, "e_bfmi": 0.9, "max_depth_hits": 0.0,
}  # fmt: skip


def chains(shift: float = 0.0, shape: tuple[int, int] = (4, 1000)) -> dict[str, np.ndarray]:
    """Independent draws whose first chain is moved by `shift` standard deviations."""
    draws = np.random.default_rng(1).normal(size=shape)
    draws[0] += shift
    return {"mu": draws}


def stats_of(draws: np.ndarray) -> dict[str, np.ndarray]:
    no = np.zeros(draws.shape, dtype=bool)
    return {"diverging": no, "energy": draws**2, "reached_max_treedepth": no}


def judged(parameters, moments=4):
    numbers = diagnostics.diagnostics(parameters, stats_of(parameters["mu"]), {"mu": moments})
    return numbers, diagnostics.findings(numbers, chains=len(parameters["mu"]))


def test_independent_draws_are_found_healthy():
    numbers, findings = judged(chains())
    assert findings == ()
    assert numbers["mcse_mean_mu"] == pytest.approx(1.0 / math.sqrt(4000), rel=0.1)
    assert numbers["ess_bulk_mu"] == pytest.approx(4000, rel=0.2)


def test_a_chain_of_its_own_is_found():
    numbers, (finding,) = judged(chains(shift=1.0))
    assert numbers["r_hat_mu"] > 1.01
    assert finding.status == "not_converged"
    assert "R-hat of mu" in finding.sentence


@pytest.mark.parametrize("shape", [(4, 1), (4, 3), (1, 1000)])
def test_what_cannot_be_computed_counts_as_bad(shape):
    _, (finding,) = judged(chains(shape=shape))
    assert finding.status == "not_converged"


def test_a_single_chain_is_told_why():
    _, (finding,) = judged(chains(shape=(1, 1000)))
    assert "there is only 1" in finding.sentence


def test_a_mean_without_a_second_moment_has_no_monte_carlo_error():
    numbers, _ = judged(chains(), moments=1)
    assert math.isnan(numbers["mcse_mean_mu"])
    assert numbers["mcse_q97.5_mu"] > 0


@pytest.mark.parametrize(
    ("bad", "status", "words"),
    [
        ({"divergences": 3.0}, "divergences", "diverged 3 times"),
        ({"r_hat_tau": 1.02}, "not_converged", "R-hat of tau is 1.020, above 1.01"),
        (
            {"ess_tail_mu": 399.0},
            "not_converged",
            "of mu has an effective sample size of 399, below 400",
        ),
        ({"e_bfmi": 0.2}, "not_converged", "E-BFMI is 0.20, below 0.3"),
    ],
    ids=str,
)
def test_each_trouble_has_its_status_and_its_sentence(bad, status, words):
    (finding,) = diagnostics.findings(GOOD | bad, chains=4)
    assert finding.status == status
    assert words in finding.sentence
    assert "Exact()" in finding.sentence


def test_good_numbers_have_no_findings():
    assert diagnostics.findings(GOOD, chains=4) == ()


def test_the_least_effective_sample_size_grows_with_the_chains():
    assert diagnostics.findings(GOOD, chains=8)[0].status == "not_converged"
