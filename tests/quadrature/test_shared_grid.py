"""One grid for every pair of priors says what a fit of each pair alone says."""

import numpy as np
import pytest

from poolwise.priors import HalfNormal
from poolwise.quadrature.one_tau.jobs import Studies, TauPriors
from poolwise.quadrature.one_tau.shared_grid import shared_grid
from poolwise.quadrature.one_tau.tau_posterior import tau_posterior
from support.tables import table

Y, V = table("bcg").y, table("bcg").v
M0, S0 = 0.1, np.array([0.05, 0.4, 2.0, np.inf])
SCALE = np.geomspace(0.02, 3.0, 12)
P = np.array([0.025, 0.5, 0.975])
AGREEMENT = 1e-7  # sds: the panels are refined to last coefficients of 1e-9


@pytest.fixture(scope="module")
def grid():
    return shared_grid(Y, V, M0, S0, SCALE)


def alone(r, s, y=Y, v=V):
    studies = Studies.centred(y[None], v[None], np.array([M0]), np.array([S0[r]]))
    return tau_posterior(studies, TauPriors.of([HalfNormal(SCALE[s])]), moments=np.array([2]))


@pytest.mark.parametrize("r", range(4))
@pytest.mark.parametrize("s", [0, 3, 5, 11])
def test_every_pair_is_as_alone(grid, r, s):
    mass, posterior = grid.masses(SCALE), alone(r, s)
    law = posterior.mixtures.linear()
    quantiles = grid.mu_quantiles(mass, P)[:, r, s]
    assert quantiles == pytest.approx(law.ppf(P), abs=AGREEMENT * law.sd)
    assert grid.below(mass, -0.3)[r, s] == pytest.approx(law.cdf(np.array(-0.3)), abs=AGREEMENT)
    tau = posterior.tau
    assert grid.tau_median(mass)[r, s] == pytest.approx(tau.ppf(np.array(0.5)), abs=AGREEMENT * tau.sd)
    assert mass[r, s].sum() == pytest.approx(1.0, abs=1e-13)


def test_quantiles_of_all_pairs_invert_their_distribution_functions(grid):
    mass = grid.masses(SCALE)
    quantiles = grid.mu_quantiles(mass, P)
    for q, p in zip(quantiles, P, strict=True):
        below = [[grid.below(mass, q[r, s])[r, s] for s in range(0, 12, 5)] for r in range(4)]
        assert np.array(below) == pytest.approx(np.full((4, 3), p), abs=1e-10)


def test_shift_of_effects_and_prior_moves_the_mean_alone(grid):
    moved = shared_grid(Y + 7.0, V, M0 + 7.0, S0, SCALE)
    some = SCALE[[1, 9]]
    assert moved.mu_quantiles(moved.masses(some), P) - 7.0 == pytest.approx(
        grid.mu_quantiles(grid.masses(some), P), abs=1e-8
    )
    assert moved.tau_median(moved.masses(some)) == pytest.approx(grid.tau_median(grid.masses(some)), abs=1e-8)


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_a_change_of_unit_changes_only_the_unit(grid, unit):
    other = shared_grid(unit * Y, unit**2 * V, unit * M0, unit * S0, unit * SCALE)
    here, there = grid.mu_quantiles(grid.masses(SCALE), P), other.mu_quantiles(other.masses(unit * SCALE), P)
    assert there / unit == pytest.approx(here, abs=1e-8)
