"""Product integration: polynomials on panels times normal densities of any width, against moments in closed form."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from poolwise.quadrature.rules.gauss_rules import gauss_legendre, lagrange, panel_nodes, panel_weights
from poolwise.quadrature.rules.product_rule import normal_weights

ROUNDING = 1e-13
INNER_RULE = 4e-11  # what 32 nodes across 17 sds miss of the whole
EDGES = np.array([-2.0, -0.5, 0.1, 3.0])


@pytest.mark.parametrize("order", [4, 7, 12])
def test_panels_integrate_polynomials_of_degree_2n_minus_1(order):
    x, weight = panel_nodes(EDGES, order), panel_weights(EDGES, order)
    for degree in range(2 * order):
        exact = (EDGES[-1] ** (degree + 1) - EDGES[0] ** (degree + 1)) / (degree + 1)
        assert weight @ x**degree == pytest.approx(exact, rel=1e-12, abs=ROUNDING)


def test_coefficients_are_those_of_the_legendre_polynomial():
    wanted = np.array([0.3, -1.0, 0.0, 2.0, 0.5])
    values = np.polynomial.legendre.legval(gauss_legendre(5).nodes, wanted)
    assert values @ gauss_legendre(5).to_coefficients == pytest.approx(wanted, abs=ROUNDING)


def test_lagrange_reads_a_polynomial_within_panels_and_its_end_beyond():
    def cubic(x):
        return 1.0 - x + 0.5 * x**3

    x = np.array([-2.0, -0.5, 0.0, 0.1, 2.9, 3.0, 9.0])
    at = lagrange(EDGES, 4, x) @ cubic(panel_nodes(EDGES, 4))
    assert at == pytest.approx(cubic(np.minimum(x, 3.0)), abs=1e-12)


@given(st.floats(-2.5, 3.5), st.floats(-150.0, -0.7))
def test_a_spike_of_any_width_within_the_panels_gives_normal_moments(location, log10_scale):
    scale = 10.0**log10_scale
    inside = 9.0 * scale + 1e-9  # 8.5 sds count
    location = float(np.clip(location, -2.0 + inside, 3.0 - inside))
    weights = normal_weights(EDGES, 12, np.array([location]), np.array([scale]))[0]
    x = panel_nodes(EDGES, 12)
    wanted = [1.0, location, location**2 + scale**2, location**3 + 3.0 * location * scale**2]
    assert [weights @ x**degree for degree in range(4)] == pytest.approx(wanted, abs=27.0 * INNER_RULE)  # |x|^3 <= 27


@pytest.mark.parametrize(("location", "scale"), [(0.0, 0.4), (-2.0, 1.0), (3.5, 0.2), (10.0, 4.0), (0.3, 40.0)])
def test_a_density_that_leaves_the_panels_agrees_with_adaptive_quadrature(location, scale):
    weights = normal_weights(EDGES, 12, np.array([location]), np.array([scale]))[0]
    law = stats.norm(location, scale)
    for of in (np.ones_like, np.cos):
        wanted = sum(
            quad(lambda x, of=of: of(np.array(x)) * law.pdf(x), a, b, epsabs=1e-14)[0] for a, b in pairwise(EDGES)
        )
        assert weights @ of(panel_nodes(EDGES, 12)) == pytest.approx(wanted, abs=1e-9)
    assert weights.sum() == pytest.approx(law.cdf(3.0) - law.cdf(-2.0), abs=1e-9)


def test_a_spike_on_an_edge_between_panels_is_shared_by_them():
    weights = normal_weights(EDGES, 7, np.array([-0.5]), np.array([1e-200]))[0].reshape(3, 7)
    assert weights.sum(axis=1) == pytest.approx([0.5, 0.5, 0.0], abs=INNER_RULE)


def test_rows_are_each_as_alone_and_remote_ones_are_nothing():
    location, scale = np.array([0.0, 500.0, 1.0]), np.array([1e-3, 1.0, 2.0])
    together = normal_weights(EDGES, 7, location, scale)
    for row in range(3):
        here = slice(row, row + 1)
        np.testing.assert_allclose(together[here], normal_weights(EDGES, 7, location[here], scale[here]), atol=1e-15)
    assert not together[1].any()


@given(st.floats(-3.0, 3.0), st.floats(0.01, 100.0))
def test_shift_and_scale_of_panels_and_density_change_nothing(shift, unit):
    location, scale = np.array([0.2, -1.0]), np.array([0.05, 1.5])
    here = normal_weights(EDGES, 7, location, scale)
    there = normal_weights(unit * EDGES + shift, 7, unit * location + shift, unit * scale)
    assert there == pytest.approx(here, abs=INNER_RULE)
