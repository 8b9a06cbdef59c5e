"""Smooth weights and published estimates: against adaptive quadrature, and against what rejection draws."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, special

from poolwise.selection.intervals import Intervals
from poolwise.selection.likelihood import Cells, draw_published, log_density_in_steps
from poolwise.selection.weights import log_published, log_weight, p_values, rule

USUAL = {"beta": (0.6, 1.4), "halfnorm": (4.0,), "negexp": (3.0,), "logistic": (5.0,), "power": (2.0,)}
STEEP = {"beta": (0.2, 4.0), "halfnorm": (500.0,), "negexp": (100.0,), "logistic": (100.0,), "power": (100.0,)}
RULE_ERROR = 1e-9  # what the docstring of `rule` states, relative
STEEP_ERROR = 1e-6  # a weight that falls by e within a tenth of z
PLACES = [(0.0, 1.0), (1.3, 1.05), (-6.0, 1.2), (25.0, 1.0), (3.0, 40.0)]


def normal(z, mean, sd):
    return math.exp(-0.5 * ((z - mean) / sd) ** 2) / (sd * math.sqrt(2.0 * math.pi))


def omega(kind, p, delta):
    """The weight functions as their papers print them, of one p-value."""
    p = min(max(p, 1e-5), 1.0 - 1e-5) if kind in ("beta", "power") else p
    return {
        "beta": lambda: p ** (delta[0] - 1.0) * (1.0 - p) ** (delta[-1] - 1.0),
        "halfnorm": lambda: math.exp(-delta[0] * p**2),
        "negexp": lambda: math.exp(-delta[0] * p),
        "logistic": lambda: 2.0 * math.exp(-delta[0] * p) / (1.0 + math.exp(-delta[0] * p)),
        "power": lambda: (1.0 - p) ** delta[0],
    }[kind]()


def published(kind, delta, sides, mean, ratio):
    """The integral of Normal(z; mean, ratio) omega(p(z)) by QUADPACK, in pieces that meet at kinks."""

    def density(z):
        p = special.ndtr(-z) if sides == 1 else 2.0 * special.ndtr(-abs(z))
        return normal(z, mean, ratio) * omega(kind, p, delta)

    edge, near = -special.ndtri(1e-5 / sides), -special.ndtri(0.5 * (1.0 - 1e-5))
    kinks = [0.0, *(sign * z for sign in (-1.0, 1.0) for z in (edge, near, 1e-3, 0.05))]
    knots = sorted({*(mean + ratio * np.arange(-12.0, 12.1, 3.0)), *np.arange(-9.0, 9.1, 1.5), *kinks})
    knots = [z for z in knots if abs(z - mean) <= 12.0 * ratio]
    return sum(integrate.quad(density, a, b, epsabs=0.0, epsrel=1e-11)[0] for a, b in pairwise(knots))


def ours(kind, delta, sides, mean, ratio):
    by = rule(kind, sides)
    nodes, ends = (np.atleast_2d(log_weight(kind, at, delta)) for at in (by.at, by.ends))
    return float(np.exp(log_published(np.array([mean]), np.array([ratio]), nodes, ends, by)[0]))


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("kind", USUAL)
def test_the_normalising_constant_is_the_integral(kind, sides):
    for place in PLACES:
        assert ours(kind, USUAL[kind], sides, *place) == pytest.approx(
            published(kind, USUAL[kind], sides, *place), rel=RULE_ERROR
        )


@pytest.mark.parametrize("kind", STEEP)
def test_it_holds_where_weights_are_steep(kind):
    for place in PLACES:
        assert ours(kind, STEEP[kind], 1, *place) == pytest.approx(
            published(kind, STEEP[kind], 1, *place), rel=STEEP_ERROR
        )


@pytest.mark.parametrize("kind", USUAL)
def test_no_selection_publishes_everything(kind):
    nothing = (1.0, 1.0) if kind == "beta" else (0.0,)
    for sides in (1, 2):
        for place in PLACES:
            assert ours(kind, nothing, sides, *place) == pytest.approx(1.0, rel=1e-13)


@pytest.mark.parametrize("sides", [1, 2])
def test_published_estimates_in_steps_have_a_density_that_integrates_to_1(sides):
    intervals, log_omega = Intervals(np.array([0.025, 0.3]), sides), np.log([1.0, 0.6, 0.1])
    mean, sd, se = np.array(0.3), np.array(0.35), np.array(0.25)

    def density(y):
        return float(np.exp(log_density_in_steps(np.array(y), mean, sd, se, log_omega, intervals)))

    cuts = np.concatenate([-intervals.cuts, intervals.cuts]) * se
    knots = sorted({-4.0, 4.6, *cuts.tolist()})
    whole = sum(integrate.quad(density, a, b)[0] for a, b in pairwise(knots))
    assert whole == pytest.approx(1.0, abs=1e-9)


def test_draws_under_a_bound_have_the_law_of_what_is_published():
    size, rng = 40_000, np.random.default_rng(5)
    delta, edges = 6.0, np.concatenate([[-np.inf], np.linspace(-8.0, 8.0, 33), [np.inf]])
    at = p_values(edges[1:], 1, "negexp")
    cells = Cells(edges, np.atleast_2d(log_weight("negexp", at, [delta])))
    mean, ratio = np.full(size, -0.5), np.full(size, 1.2)
    z = draw_published(mean, ratio, cells, lambda z, _: log_weight("negexp", p_values(z, 1, "negexp"), [delta]), rng)
    for cut in (-1.0, 0.5, 2.0):
        below = integrate.quad(
            lambda x: normal(x, -0.5, 1.2) * math.exp(-delta * special.ndtr(-x)), -12.0, cut, epsabs=1e-12
        )[0]
        share = below / published("negexp", (delta,), 1, -0.5, 1.2)
        assert (z <= cut).mean() == pytest.approx(share, abs=4.0 * np.sqrt(share * (1.0 - share) / size))
