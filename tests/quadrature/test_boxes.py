"""Adaptive boxes: integrals, marginal laws and draws of densities known in closed form."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import legendre
from scipy import stats
from scipy.special import gammaln

from poolwise.quadrature.boxes import boxes
from poolwise.quadrature.boxes.boxes import PER_BOX, integrate, tails

TOLERANCE = {1: 1e-10, 2: 1e-8, 3: 1e-5}  # as `box_posterior` begins
NEAR = {1: 1e-11, 2: 1e-10, 3: 1e-7}  # errors seen are at least 100 times smaller than the tolerance
P = np.array([0.01, 0.2, 0.5, 0.9, 0.999])
FIRST = np.array([-12.0, -5.0, -2.0, 0.0, 2.0, 5.0, 12.0])
COVARIANCE = np.array([[1.0, 0.6, -0.3], [0.6, 1.5, 0.2], [-0.3, 0.2, 0.7]])


def normal(d):
    law = stats.multivariate_normal(np.arange(d) * 0.3, COVARIANCE[:d, :d])
    return lambda x: np.atleast_1d(law.logpdf(x.T))[None].copy()


@cache
def integrated(d, halvings=0):
    return integrate(normal(d), [FIRST] * d, TOLERANCE[d], halvings)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_normal_density_has_total_1_and_normal_marginals(d):
    found = integrated(d)
    assert found.log_total == pytest.approx(0.0, abs=NEAR[d])
    assert found.mass.sum() == pytest.approx(1.0, abs=1e-14)
    for axis in range(d):
        law = stats.norm(0.3 * axis, np.sqrt(COVARIANCE[axis, axis]))
        assert found.marginal(axis).cdf(law.ppf(P)) == pytest.approx(P, abs=10.0 * NEAR[d])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_sums_over_nodes_are_moments(d):
    found = integrated(d)
    points, mass = found.points.reshape(d, -1), found.mass.ravel()
    mean = points @ mass
    away = points - mean[:, None]
    assert mean == pytest.approx(0.3 * np.arange(d), abs=100.0 * NEAR[d])
    assert (away * mass) @ away.T == pytest.approx(COVARIANCE[:d, :d], abs=1000.0 * NEAR[d])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_rule_of_a_box_integrates_polynomials_of_degree_2n_minus_1(d):
    """A density that is a polynomial on one box: x^a (2 - x)^b on [0, 2], a beta integral in each direction."""
    a, b = PER_BOX[d] - 5, 4

    def evaluate(x):
        with np.errstate(divide="ignore"):
            return (a * np.log(x) + b * np.log(2.0 - x)).sum(axis=0)[None]

    exact = (a + b + 1) * np.log(2.0) + gammaln(a + 1) + gammaln(b + 1) - gammaln(a + b + 2)
    found = integrate(evaluate, [np.array([0.0, 1.0, 2.0])] * d, 1e-9 if d < 3 else 1e-6)
    assert found.log_total == pytest.approx(d * exact, abs=1e-13)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("exponent", [1.5, 2.5])
def test_the_error_estimate_bounds_the_error_of_a_kink(d, exponent):
    def evaluate(x):
        return -(np.abs(x - 0.1234) ** exponent).sum(axis=0)[None]

    found = integrate(evaluate, [np.linspace(-40.0, 40.0, 5)] * d, TOLERANCE[d])
    exact = d * (np.log(2.0) + gammaln(1.0 + 1.0 / exponent))  # integral of exp(-|x|^p) is 2 Gamma(1 + 1 / p)
    assert abs(found.log_total - exact) <= found.error + 1e-14
    assert found.error < TOLERANCE[d]


def test_an_unresolved_density_is_said_by_the_error_estimate(monkeypatch):
    monkeypatch.setattr(boxes, "MOST_NODES", 0)  # no box may be halved
    found = integrate(lambda x: -np.abs(x).sum(axis=0)[None], [np.array([-31.0, 30.0])], 1e-10)
    assert abs(found.log_total - np.log(2.0)) > 1e-3
    assert found.error > 1e-3


def test_tails_are_the_last_coefficients_times_the_volume():
    coefficients = np.zeros(PER_BOX[1])
    coefficients[-2:] = 0.2, -0.7
    f = legendre.legval(legendre.leggauss(PER_BOX[1])[0], coefficients)
    left, right = np.array([[1.0]]), np.array([[4.0]])
    assert tails(left, right, f[None])[0, 0] == pytest.approx(3.0 * 0.7, rel=1e-12)
    assert tails(left, right, np.ones((1, PER_BOX[1])))[0, 0] == pytest.approx(0.0, abs=1e-13)


def test_a_ridge_along_the_diagonal_is_followed():
    rho = 0.9999
    law = stats.multivariate_normal([0.0, 0.0], [[1.0, rho], [rho, 1.0]])
    found = integrate(lambda x: law.logpdf(x.T)[None].copy(), [FIRST, FIRST], 1e-8)
    assert found.log_total == pytest.approx(0.0, abs=1e-9)
    assert found.marginal(0).cdf(stats.norm.ppf(P)) == pytest.approx(P, abs=1e-9)


def test_a_pole_at_an_edge_is_integrated_and_its_quantiles_are_those_of_a_beta():
    law = stats.beta(0.5, 2.0)

    def evaluate(x):
        with np.errstate(divide="ignore"):
            return law.logpdf(x).sum(axis=0)[None]

    found = integrate(evaluate, [np.linspace(0.0, 1.0, 5)], 1e-6)
    assert found.log_total == pytest.approx(0.0, abs=1e-6)
    assert found.marginal(0).cdf(law.ppf(P)) == pytest.approx(P, abs=1e-6)


@settings(max_examples=25)
@given(st.floats(-50.0, 50.0), st.floats(-6.0, 6.0).map(lambda e: 10.0**e), st.floats(-500.0, 500.0))
def test_shift_and_unit_move_the_marginal_and_the_height_the_total(shift, unit, height):
    def evaluate(x):
        return stats.gamma(3.0).logpdf((x - shift) / unit) + height

    room = 1e-9 + 1e-15 * abs(shift) / unit  # a node is only a double
    found = integrate(evaluate, [shift + unit * np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 50.0])], 1e-10)
    assert found.log_total == pytest.approx(height + np.log(unit), abs=room)
    x = shift + unit * stats.gamma(3.0).ppf(P)
    assert found.marginal(0).cdf(x) == pytest.approx(P, abs=room)


def test_halved_boxes_and_exchanged_variables_say_the_same():
    plain, finer = integrated(2), integrated(2, halvings=1)
    assert len(finer.left) > len(plain.left)
    assert finer.log_total == pytest.approx(plain.log_total, abs=NEAR[2])
    exchanged = integrate(lambda x: normal(2)(x[::-1]), [FIRST] * 2, TOLERANCE[2])
    assert exchanged.marginal(1).ppf(np.zeros(5, dtype=int), P) == pytest.approx(
        plain.marginal(0).ppf(np.zeros(5, dtype=int), P), abs=1e-8
    )


@pytest.mark.parametrize("d", [1, 2, 3])
def test_draws_follow_the_density(d):
    size = 4000
    draws = integrated(d).draw(size, np.random.default_rng(d))
    root = np.linalg.cholesky(COVARIANCE[:d, :d])
    z = np.linalg.solve(root, draws - 0.3 * np.arange(d)[:, None])
    squares = stats.kstest((z * z).sum(axis=0), stats.chi2(d).cdf)
    assert squares.pvalue > 1e-3
    assert np.abs(z.mean(axis=1)).max() < 4.0 / np.sqrt(size)
