"""Nodes of the hyperparameters of exchangeable groups: they integrate the priors, and adapt where they must."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.polynomial import legendre
from scipy import stats
from scipy.integrate import quad

from poolwise.errors import ModelError
from poolwise.priors import HalfCauchy, HalfNormal, make
from poolwise.quadrature.groups.hyper_grid import Hyperpriors, Points, first_grid, split, tail_of
from poolwise.quadrature.groups.outcome_likelihood import Group
from poolwise.quadrature.rules.gauss_rules import panel_nodes, panel_weights

GROUPS = [Group(np.array([0.4, 0.1, -0.3]), np.full(3, 0.05)), Group(np.array([0.6, 0.9]), np.full(2, 0.1))]
ORDER = 12
PRIORS = [
    (("HalfNormal", 0.5), stats.halfnorm(0.0, 0.5)),
    (("HalfCauchy", 0.3), stats.halfcauchy(0.0, 0.3)),
    (("Exponential", 2.0), stats.expon(0.0, 0.5)),
    (("LogNormal", -1.0, 0.8), stats.lognorm(0.8, 0.0, math.exp(-1.0))),
]


def grid_of(spread, tau=("HalfNormal", 0.5), tau_spread=("HalfNormal", 0.4), s0=1.0):
    return first_grid(GROUPS, Hyperpriors(0.1, s0, spread and make(*spread), make(*tau), make(*tau_spread)))


def refined(grid):
    """The grid whose panels resolve the priors on log tau and r, as `exchangeable` makes it resolve a posterior."""
    for _ in range(12):
        points = grid.spreads(ORDER)
        mass = points.whole(np.exp(points.log_weight))
        log_tau, more = split(grid.l, mass.sum(axis=1)[:-1], ORDER, 1e-9)
        r, more_r = split(grid.r, mass.sum(axis=0), ORDER, 1e-9)
        grid = replace(grid, l=log_tau, r=r)
        if not (more or more_r):
            return points
    raise AssertionError("the panels do not resolve their priors")


@pytest.mark.parametrize(("prior", "law"), PRIORS)
def test_nodes_of_log_tau_and_its_spread_integrate_the_prior(prior, law):
    points = refined(grid_of(("HalfNormal", 0.5), tau=prior, tau_spread=prior))
    mass = np.exp(points.log_weight)
    wanted = quad(lambda x: law.pdf(x) / (1.0 + x * x), 0.0, np.inf, epsabs=1e-12)[0]
    assert mass.sum() == pytest.approx(1.0, abs=1e-8)
    for values in (np.exp(points.first), points.second):
        assert mass @ (1.0 / (1.0 + values**2)) == pytest.approx(wanted, abs=1e-8)


def test_moments_of_the_hyperparameters_are_those_of_the_prior():
    points = refined(grid_of(("HalfNormal", 0.5)))
    mass = np.exp(points.log_weight)
    for values, scale in [(np.exp(points.first), 0.5), (points.second, 0.4)]:
        law = stats.halfnorm(0.0, scale)
        for power in (1, 2):
            assert mass @ values**power == pytest.approx(law.moment(power), abs=1e-7)


def test_weights_of_the_means_sum_to_the_prior_where_it_is_no_wider_than_the_coordinate_reaches():
    points = grid_of(("HalfNormal", 0.5), s0=0.4).means(ORDER)
    mass = np.exp(points.log_weight)
    assert mass.sum() == pytest.approx(1.0, abs=1e-8)
    assert mass @ points.first == pytest.approx(0.1, abs=1e-8)
    assert mass @ (points.first - 0.1) ** 2 == pytest.approx(0.16, abs=1e-8)
    assert mass @ points.second**2 == pytest.approx(0.25, abs=1e-8)


@pytest.mark.parametrize("s0", [np.inf, 0.7])
def test_m_is_centred_where_known_heterogeneities_would_put_it(s0):
    grid, s = grid_of(("HalfNormal", 0.5), s0=s0), np.array([0.0, 0.3, 5.0])
    centre, width = grid.centre(s)
    for at, c, w in zip(s, centre, width, strict=True):
        precision = (1.0 / (at**2 + grid.se**2)).sum() + 1.0 / s0**2
        total = (grid.mean / (at**2 + grid.se**2)).sum() + (0.1 / s0**2)
        assert (c, w) == pytest.approx((total / precision, precision**-0.5), rel=1e-13)


def test_independent_means_have_a_single_node():
    points = grid_of(None).means(ORDER)
    assert (points.first.tolist(), points.second.tolist(), points.shape) == ([0.1], [1.0], (1, 1))


def test_a_typical_mean_is_between_that_of_a_common_effect_and_that_of_equal_weights():
    group = Group(np.array([0.0, 1.0]), np.array([0.01, 0.04]))
    grid = first_grid([group], Hyperpriors(0.0, 1.0, None, HalfNormal(0.5), HalfCauchy(0.3)))
    assert 0.2 < grid.mean[0] < 0.5
    assert grid.se[0] > (100.0 + 25.0) ** -0.5


def test_nodes_that_were_left_out_are_0_on_the_whole_grid():
    points = Points.of(np.arange(3.0)[:, None], np.arange(2.0), np.zeros((3, 2)))
    some = points.kept(np.array([5, 0]))
    assert (some.first.tolist(), some.second.tolist()) == ([2.0, 0.0], [1.0, 0.0])
    assert some.whole(np.array([7.0, 3.0])).tolist() == [[3.0, 0.0], [0.0, 0.0], [0.0, 7.0]]


def test_tails_are_last_coefficients_times_half_the_width():
    edges, order = np.array([0.0, 1.0, 5.0]), 6
    nodes, weights = legendre.leggauss(order)
    coefficients = np.zeros(order)
    coefficients[-1] = 0.3
    density = np.concatenate([np.ones(order), legendre.legval(nodes, coefficients)])
    tails = tail_of(edges, density * panel_weights(edges, order), order)
    assert tails == pytest.approx([0.0, 2.0 * 0.3], abs=1e-13)
    assert weights.sum() == pytest.approx(2.0)


def test_outer_panels_without_mass_are_dropped_and_rough_ones_halved_until_none_is():
    edges = np.linspace(-40.0, 40.0, 9)
    for _ in range(10):
        density = stats.norm(1.0, 0.3).pdf(panel_nodes(edges, ORDER))
        edges, more = split(edges, density * panel_weights(edges, ORDER), ORDER, 1e-9)
        if not more:
            break
    assert not more
    x, weight = panel_nodes(edges, ORDER), panel_weights(edges, ORDER)
    assert edges[0] > -20.0
    assert weight @ stats.norm(1.0, 0.3).pdf(x) == pytest.approx(1.0, abs=1e-9)
    assert math.isclose(weight @ (x * stats.norm(1.0, 0.3).pdf(x)), 1.0, abs_tol=1e-9)


@pytest.mark.parametrize("place", ["spread", "tau", "tau_spread"])
@pytest.mark.parametrize("prior", [("LogT", 3, -2, 1), ("LogT", 1, -2, 2)])
def test_a_prior_that_reaches_beyond_all_numbers_is_refused_by_name(place, prior):
    priors = {"spread": ("HalfNormal", 0.5)} | {place: prior}
    with pytest.raises(ModelError, match=r"follows a prior up to 1e\+150: .* of LogT\(.*NUTS"):
        grid_of(**priors)
