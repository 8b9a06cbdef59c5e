"""A restricted mean effect: probabilities, moments and laws against scipy and against quadrature written out here."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from scipy.special import ndtr

from poolwise.priors import HalfNormal
from poolwise.quadrature.one_tau.jobs import MEAN, Studies, TauPriors
from poolwise.quadrature.one_tau.tau_posterior import tau_posterior
from poolwise.quadrature.one_tau.truncated import (
    Selected,
    TruncatedMixtures,
    TruncatedStudies,
    both_below,
    log_mass,
    log_scaled,
    truncated_moments,
)

ROUNDING = 1e-12
P = np.array([1e-4, 0.025, 0.5, 0.975, 0.9999])
CASES = [(0.0, np.inf), (-0.4, 0.9), (-np.inf, 0.1), (3.0, np.inf), (6.0, 6.5)]


@given(st.floats(-30.0, 30.0), st.floats(1e-3, 20.0))
def test_the_probability_between_two_limits(a, length):
    b = a + length
    tail = (ndtr(b) - ndtr(a)) if b < 0 else (ndtr(-a) - ndtr(-b) if a > 0 else 1.0 - ndtr(a) - ndtr(-b))
    at = np.array([a]), np.array([b])
    assert np.exp(log_mass(*at))[0] == pytest.approx(tail, rel=1e-9)  # the difference of tails loses digits
    assert log_mass(-at[1], -at[0])[0] == pytest.approx(log_mass(*at)[0], rel=ROUNDING)
    assert log_scaled(*at)[0] == pytest.approx(log_mass(*at)[0] + 0.5 * a * a, abs=1e-9)


@pytest.mark.parametrize("a", [40.0, 1e4, 1e8])
def test_the_probability_beyond_a_remote_limit_is_mills_ratio(a):
    series = -np.log(a) - 0.5 * np.log(2.0 * np.pi) + np.log1p(-1.0 / a**2 + 3.0 / a**4 - 15.0 / a**6)
    assert log_scaled(np.array([a]), np.array([np.inf]))[0] == pytest.approx(series, rel=1e-10)


@pytest.mark.parametrize(("a", "b"), [(-1.0, 1.0), (-0.5, 8.0), (0.2, 0.3), (2.0, np.inf), (-3.0, np.inf), (9.0, 9.1)])
def test_moments_between_limits_are_those_of_scipys_truncated_normal(a, b):
    mean, variance = truncated_moments(np.array([a]), np.array([b]))
    height = quad(lambda t: np.exp(-0.5 * (t - a) * (t + a)), a, min(b, a + 12.0), epsabs=1e-13, epsrel=1e-12)[0]

    def expected(of):
        return quad(
            lambda t: of(t) * np.exp(-0.5 * (t - a) * (t + a)) / height, a, min(b, a + 12.0), epsabs=1e-13, epsrel=1e-12
        )[0]

    centre = expected(lambda t: t)
    assert mean[0] == pytest.approx(centre, rel=1e-11, abs=ROUNDING)
    assert variance[0] == pytest.approx(expected(lambda t: (t - centre) ** 2), rel=1e-9)


@pytest.mark.parametrize("rho", [-0.999, -0.4, 0.0, 0.7, 0.99999])
def test_two_normal_variables_both_below(rho):
    for h, k in [(0.0, 0.0), (1.2, -0.3), (-2.0, 0.5), (-1.0, -1.0)]:
        # P(Z2 <= k | Z1 = t) over t <= h, with the steep place named
        at = [k / rho] if rho and -9.0 < k / rho < h else None
        wanted = quad(
            lambda t, k=k: stats.norm.pdf(t) * ndtr((k - rho * t) / np.sqrt(1 - rho**2)),
            -9.0, h, points=at, epsabs=1e-13, limit=400,
        )[0]  # fmt: skip
        assert both_below(np.array(h), np.array(k), np.array(rho)) == pytest.approx(wanted, abs=ROUNDING)
    corner = 0.25 + np.arcsin(rho) / (2.0 * np.pi)  # Sheppard
    assert both_below(np.array(0.0), np.array(0.0), np.array(rho)) == pytest.approx(corner, abs=1e-13)


def single(lower, upper, *, sd=0.5, rest=1.2):
    """X = 2 m + noise with m ~ N(0.3, sd^2)."""
    one = np.ones(1)
    spread = np.hypot(2.0 * sd, rest) * one
    return Selected(one, 0.6 * one, spread, 0.3 * one, sd * one, 2.0 * sd * one, lower, upper)


@pytest.mark.parametrize(("lower", "upper"), CASES)
def test_noise_about_a_restricted_mean_is_a_convolution(lower, upper):
    law = single(lower, upper)
    m = stats.truncnorm((lower - 0.3) / 0.5, (upper - 0.3) / 0.5, 0.3, 0.5)
    a, b = max(lower, 0.3 - 6.0), min(upper, 0.3 + 12.0)
    t, weight = np.polynomial.legendre.leggauss(400)
    t, weight = 0.5 * (a + b) + 0.5 * (b - a) * t, 0.5 * (b - a) * weight
    weight = weight * m.pdf(t)
    x = 2.0 * (weight @ t) + np.array([-3.0, -1.0, 0.0, 0.7, 2.5])
    assert law.pdf(x) == pytest.approx(stats.norm.pdf(x[:, None], 2.0 * t, 1.2) @ weight, rel=1e-8)
    assert law.cdf(x) == pytest.approx(ndtr((x[:, None] - 2.0 * t) / 1.2) @ weight, abs=1e-8)
    assert law.mean == pytest.approx(2.0 * (weight @ t), rel=1e-8)
    assert law.sd**2 == pytest.approx(1.2**2 + 4.0 * m.var(), rel=1e-5)  # scipy's variance of a far tail is rough


@pytest.mark.parametrize(("lower", "upper"), CASES)
@pytest.mark.parametrize("rest", [0.0, 1.2])
def test_quantiles_invert_the_distribution_function(lower, upper, rest):
    law = single(lower, upper, rest=rest)
    assert law.cdf(law.ppf(P)) == pytest.approx(P, abs=1e-9)
    if rest == 0.0:
        assert law.ppf(np.array([0.0, 1.0])) == pytest.approx([2.0 * lower, 2.0 * upper])


@given(st.floats(0.0, 1.0), st.floats(-3.0, 8.0), st.floats(0.01, 5.0))
def test_inverted_stays_within_the_limits_and_inverts(u, lower, length):
    upper = lower + length
    found = single(lower, upper, rest=0.0).inverted(np.array([u]))[0]
    assert lower - 1e-12 <= found <= upper + 1e-12
    low, high, at = ((np.array([end]) - 0.3) / 0.5 for end in (lower, upper, found))
    share = np.exp(log_mass(low, np.maximum(at, low)) - log_mass(low, high))[0]
    assert share == pytest.approx(u, abs=1e-9)


def restricted(y, v, lower, upper):
    whole = Studies.centred(y[None], v[None], np.array([0.1]), np.array([0.8]))
    tables = TruncatedStudies(whole, lower, upper)
    return tau_posterior(tables, TauPriors.of([HalfNormal(0.5)]), moments=np.array([2]))


@pytest.mark.parametrize(("lower", "upper"), [(0.0, np.inf), (-0.2, 0.25), (-np.inf, 0.05)])
def test_the_posterior_is_the_density_over_the_permitted_plane(lower, upper):
    y, v = np.array([0.4, 0.1, -0.3, 0.6]), np.array([0.04, 0.09, 0.05, 0.1])
    nodes, weight = np.polynomial.legendre.leggauss(120)
    low, high = max(lower, -3.0), min(upper, 3.0)
    mu, tau = 0.5 * (low + high) + 0.5 * (high - low) * nodes, 2.0 * (1.0 + nodes)
    sd = np.sqrt(v + tau[:, None] ** 2)
    likelihood = stats.norm.pdf(y, mu[:, None, None], sd).prod(axis=-1)
    prior = stats.truncnorm((lower - 0.1) / 0.8, (upper - 0.1) / 0.8, 0.1, 0.8).pdf(mu)
    joint = likelihood * np.outer(prior * weight * 0.5 * (high - low), stats.halfnorm(0, 0.5).pdf(tau) * weight * 2.0)
    posterior = restricted(y, v, lower, upper)
    laws = TruncatedMixtures(posterior.mixtures, lower, upper)
    total = joint.sum()
    assert posterior.panels.log_total[0] == pytest.approx(np.log(total), abs=1e-8)
    assert laws.linear(MEAN).mean == pytest.approx((joint.sum(axis=1) @ mu) / total, abs=1e-8)
    b = v[0] / (v[0] + tau**2)
    theta = (joint * (b * mu[:, None] + (1.0 - b) * y[0])).sum() / total
    assert laws.theta(0).mean == pytest.approx(theta, abs=1e-8)
    square = (joint * (mu[:, None] ** 2 + tau**2)).sum() / total
    new = laws.new(MEAN)
    assert new.mean**2 + new.sd**2 == pytest.approx(square, abs=1e-8)


def test_limits_that_exclude_nothing_change_nothing():
    y, v = np.array([0.4, 0.1, -0.3]), np.array([0.04, 0.09, 0.05])
    laws = TruncatedMixtures(restricted(y, v, -40.0, np.inf).mixtures, -40.0, np.inf)
    plain = Studies.centred(y[None], v[None], np.array([0.1]), np.array([0.8]))
    whole = tau_posterior(plain, TauPriors.of([HalfNormal(0.5)]), moments=np.array([2])).mixtures
    for law, wanted in [(laws.linear(MEAN), whole.linear()), (laws.theta(1), whole.theta(1))]:
        assert (law.mean, law.sd) == pytest.approx((wanted.mean, wanted.sd), rel=1e-9)
        assert law.ppf(P) == pytest.approx(wanted.ppf(P), abs=1e-8)
