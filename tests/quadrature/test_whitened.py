"""One variable on boxes and the others on lattices: densities known in closed form, and models of fewer variables."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import poolwise as pw
from poolwise.quadrature.boxes.slices import Target
from poolwise.quadrature.boxes.variables import OnLine
from poolwise.quadrature.boxes.whitened import whitened

P = np.array([0.01, 0.2, 0.5, 0.9, 0.999])
FIRST = np.array([-12.0, -5.0, -2.0, 0.0, 2.0, 5.0, 12.0])


@cache
def skewed(r):
    """x_0 normal; x_j given it the logarithm of a gamma variable, shifted by what x_0 and the one before are."""
    shape = 4.0  # the left tail of the logarithm falls as exp(4 x)

    def shifts(x):
        return [0.4 * x[0] + (0.3 * x[j - 1] if j > 1 else 0.0) for j in range(1, r + 1)]

    def evaluate(x):
        out = stats.norm.logpdf(x[0])
        for j, shift in enumerate(shifts(x), start=1):
            out = out + stats.loggamma.logpdf(x[j] - shift, shape)
        return out[None].copy()

    def score(x):
        gradient = np.stack([shape - np.exp(x[j] - s) for j, s in enumerate(shifts(x), start=1)])
        return gradient, np.multiply.outer(shape * np.eye(r), np.ones(x.shape[1]))

    return whitened(Target(evaluate, score), FIRST, r, {2: 1e-6, 3: 1e-5}[r])


@pytest.mark.parametrize("r", [2, 3])
def test_a_skewed_density_has_total_1_and_its_marginals(r):
    grid = skewed(r)
    assert grid.log_total == pytest.approx(0.0, abs=grid.error)
    assert grid.error < 1e-5
    line = OnLine(lambda x: x, 0.0, 1.0, (-9.0, 9.0))
    first = np.linspace(-9.0, 9.0, 401)
    share = stats.norm.pdf(first) * (first[1] - first[0])
    x = np.array([-2.0, 0.5, 1.5, 3.0])
    expected = stats.loggamma.cdf(x[:, None] - 0.4 * first, 4.0) @ share
    assert grid.law(1, line, 2).cdf(x) == pytest.approx(expected, abs=grid.error)
    assert grid.marginal(0).cdf(stats.norm.ppf(P)) == pytest.approx(P, abs=grid.error)


@pytest.mark.parametrize("r", [2, 3])
def test_the_stated_error_bounds_that_of_a_probability(r):
    grid = skewed(r)
    share = stats.norm.cdf(grid.points[1])
    exact = grid.law(1, OnLine(lambda x: x, 0.0, 1.0, (-9.0, 9.0)), 2)
    x = np.linspace(-12.0, 12.0, 2001)
    expected = exact.pdf(x) @ stats.norm.cdf(x) * (x[1] - x[0])
    assert abs(grid.mass @ share - expected) < grid.missed(share) + grid.error


def test_draws_are_of_the_density():
    draws = skewed(2).draw(4000, np.random.default_rng(1))
    for j, shift in ((1, 0.4 * draws[0]), (2, 0.4 * draws[0] + 0.3 * draws[1])):
        assert stats.kstest(draws[j] - shift, stats.loggamma(4.0).cdf).pvalue > 1e-3
    assert stats.kstest(draws[0], "norm").pvalue > 1e-3


def table(k):
    rng = np.random.default_rng(4)
    columns = pd.DataFrame(rng.standard_normal((k, 3)), columns=["a", "b", "c"])
    se = rng.uniform(0.1, 0.3, k)
    sd = np.hypot(se, 0.2 * np.exp(columns.to_numpy() @ [0.5, -0.3, 0.2]))
    return pw.Effects(0.3 + sd * rng.standard_normal(k), se=se, moderators=columns, scale="SMD")


def limits(result, names):
    return np.array([[result[name].point, *result[name].interval()] for name in names])


def test_three_moderators_of_log_tau_are_those_of_two_where_the_third_is_known():
    known = {"c": pw.priors.Normal(0.0, 1e-4)}
    two = pw.fit(table(40), pw.LocationScale(["a", "b"]), pw.Exact())
    three = pw.fit(table(40), pw.LocationScale(["a", "b", "c"], gamma=known), pw.Exact())
    names = ["beta[intercept]", "tau", "gamma[a]", "gamma[b]"]
    assert three.report.status == "ok"
    assert limits(three, names) == pytest.approx(limits(two, names), abs=2e-4)  # 1e-4 of the third remains


def summed_by_hand(effects, gamma, tau_scale, below):
    """P(mu <= each of below) by a lattice of the coefficients and Gauss-Legendre rules over tau, mu ~ Normal(0, 1)."""
    Z = np.column_stack([effects.moderators[name] for name in "abc"])
    Z = Z - Z.mean(axis=0)
    steps = [0.35 * sd * np.arange(-17, 18) for sd in gamma]  # of the priors' standard deviations
    g = np.stack(np.meshgrid(*steps, indexing="ij")).reshape(3, -1)
    log_prior = -0.5 * sum((x / sd) ** 2 for x, sd in zip(g, gamma, strict=True))
    g, log_prior = g[:, log_prior > -18.0], log_prior[log_prior > -18.0]
    x, w = np.polynomial.legendre.leggauss(10)
    cuts = np.array([0.0, 0.03, 0.1, 0.3, 0.6, 1.0, 1.6, 2.6])
    half = 0.5 * np.diff(cuts)[:, None]
    total, inside = 0.0, np.zeros(len(below))
    for t, weight in zip((cuts[:-1, None] + half * (1.0 + x)).ravel(), (half * w).ravel(), strict=True):
        precision = 1.0 / (effects.v + t**2 * np.exp(2.0 * g.T @ Z.T))
        a = precision.sum(axis=1) + 1.0
        mean = precision @ effects.y / a
        fit = np.log(precision).sum(axis=1) - np.log(a) - precision @ effects.y**2 + a * mean**2
        height = weight * np.exp(0.5 * fit + log_prior - 0.5 * (t / tau_scale) ** 2)
        total += height.sum()
        inside += [height @ stats.norm.cdf((at - mean) * np.sqrt(a)) for at in below]
    return inside / total


def test_limits_under_three_moderators_are_off_by_less_than_is_stated():
    effects = table(13)
    model = pw.LocationScale(["a", "b", "c"], beta=pw.priors.Normal(0, 1), tau=pw.priors.HalfNormal(0.5))
    result = pw.fit(effects, model, pw.Exact())
    mu = result["beta[intercept]"]
    at = np.array([mu.interval()[0], mu.point, mu.interval()[1]])
    gamma = [model.resolved(effects).gamma[name].sd for name in "abc"]
    away = np.abs(summed_by_hand(effects, gamma, 0.5, at) - [0.025, 0.5, 0.975]) / mu.pdf(at)
    stated = result.report.diagnostics["grid_error"]
    assert result.report.status == "ok"
    assert (away / (0.5 * (at[2] - at[0]))).max() < stated < 3e-5


def test_the_order_of_the_moderators_of_log_tau_does_not_matter():
    one = pw.fit(table(40), pw.LocationScale(["a", "b"]), pw.Exact())
    other = pw.fit(table(40), pw.LocationScale(["b", "a"]), pw.Exact())
    names = ["beta[intercept]", "tau", "gamma[a]", "gamma[b]"]
    half_widths = 0.5 * np.ptp(limits(one, names)[:, 1:], axis=1, keepdims=True)
    assert (np.abs(limits(one, names) - limits(other, names)) / half_widths).max() < 1e-6
    assert one.report.diagnostics["grid_error"] < 1e-6
