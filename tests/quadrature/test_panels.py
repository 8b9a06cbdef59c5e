"""Adaptive panels: known integrals, distribution functions and quantiles."""

import numpy as np
import pytest
from scipy import stats

from poolwise.quadrature.rules.refine import integrate

# panels stop at Legendre tails of 1e-11 of the whole, and integrals are good to far more than that
ROUNDING = 1e-12


def run(log_density, edges, slack=10.0):
    edges = np.asarray(edges, dtype=float)[None]
    return integrate(
        lambda job, x: log_density(x)[None],
        edges,
        lambda job, x: np.zeros_like(x),
        1e-11,
        np.array([slack]),
    )


def test_the_total_of_a_normal_density_is_its_constant():
    panels = run(lambda x: -0.5 * x * x, np.linspace(-40, 40, 21))
    assert panels.log_total[0] == pytest.approx(0.5 * np.log(2 * np.pi), abs=ROUNDING)


def test_distribution_function_and_quantiles_of_a_gamma():
    gamma = stats.gamma(2.5)
    panels = run(gamma.logpdf, [0, 1, 2, 4, 8, 16, 32, 64, 128])
    x = np.array([0.01, 0.5, 2.0, 7.0, 20.0])
    np.testing.assert_allclose(panels.cdf(x), gamma.cdf(x), atol=1e-10)
    p = np.array([1e-4, 0.025, 0.5, 0.975, 0.9999])
    np.testing.assert_allclose(panels.ppf(np.zeros(5, dtype=int), p), gamma.ppf(p), rtol=1e-8)


def test_a_spike_between_the_first_nodes_is_found():
    panels = run(lambda x: stats.norm(3.3, 1e-4).logpdf(x), np.linspace(0, 10, 11))
    assert panels.log_total[0] == pytest.approx(0.0, abs=1e-10)
    assert panels.ppf(np.zeros(1, dtype=int), np.array([0.5]))[0] == pytest.approx(3.3, abs=1e-10)


def test_a_sharp_peak_at_an_edge_between_panels_keeps_both_its_sides():
    panels = run(lambda x: stats.norm(8.0, 5e-4).logpdf(x), [0, 2, 4, 6, 8, 10, 12], slack=1e6)
    assert panels.log_total[0] == pytest.approx(0.0, abs=1e-9)
    assert panels.cdf(np.array([8.0]))[0] == pytest.approx(0.5, abs=1e-9)


def test_two_far_modes_keep_their_shares():
    def log_density(x):
        return np.logaddexp(np.log(0.3) + stats.norm(-20, 0.01).logpdf(x), np.log(0.7) + stats.norm(30, 2).logpdf(x))

    panels = run(log_density, np.linspace(-60, 60, 41), slack=1e4)
    assert panels.cdf(np.array([0.0]))[0] == pytest.approx(0.3, abs=1e-10)


def test_quantiles_asked_for_together_are_those_asked_for_alone():
    panels = run(stats.gamma(1.7).logpdf, [0, 1, 2, 4, 8, 16, 32, 64, 128])
    p = np.linspace(0.001, 0.999, 97)
    alone = [panels.ppf(np.zeros(1, dtype=int), np.array([q]))[0] for q in p]
    np.testing.assert_allclose(panels.ppf(np.zeros(97, dtype=int), p), alone, rtol=1e-12)


def test_the_error_estimate_bounds_the_error():
    panels = run(lambda x: -(np.abs(x - 0.123) ** 3), np.linspace(-8, 8, 5))
    fine = run(lambda x: -(np.abs(x - 0.123) ** 3), np.linspace(-8, 8, 641))
    x = np.linspace(-1, 1, 21)
    assert np.abs(panels.cdf(x) - fine.cdf(x)).max() <= panels.error[0] + 1e-14
