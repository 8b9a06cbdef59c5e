"""Small quantiles and shortest intervals of a truncated mean, against sums over (tau, mu) that share no code."""

import math
import time

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.special import ndtr

import poolwise as pw
from poolwise import priors
from poolwise.quadrature.one_tau.truncated import Selected
from poolwise.quantities import _shortest

BCG = pw.datasets.load("bcg")
PROBS = (0.5, 0.95, 0.999, 0.9999, 0.999999)
LIMITS = ((-5.0, 0.0), (0.0, 5.0), (-0.5, 0.2))
NEAR = 1e-9  # half-widths: what a double leaves of a root found by its density


class Sum:
    """Law of theta_new by a trapezoidal rule over log tau and Gauss-Legendre over mu in [a, b]: positive terms only."""

    def __init__(self, a, b):
        u, (t, mass) = np.linspace(-7.0, 3.0, 401)[:, None], leggauss(120)
        self.mu, self.tau = 0.5 * (a + b) + 0.5 * (b - a) * t, np.exp(u)
        total = BCG.v + self.tau**2
        height = -0.5 * self.mu**2 - 0.5 * self.tau**2 + u + np.log(mass)
        for y, v in zip(BCG.y, total.T, strict=True):
            height = height - 0.5 * np.log(v)[:, None] - 0.5 * (y - self.mu) ** 2 / v[:, None]
        self.weight = np.exp(height - height.max())
        self.weight /= self.weight.sum()

    def below(self, x, side=1.0):
        return float((self.weight * ndtr(side * (x - self.mu) / self.tau)).sum())

    def pdf(self, x):
        z = (x - self.mu) / self.tau
        return float((self.weight * np.exp(-0.5 * z**2) / self.tau).sum() / math.sqrt(2 * math.pi))

    def slope(self, x):
        z = (x - self.mu) / self.tau
        bend = (self.weight * z / self.tau**2 * np.exp(-0.5 * z**2)).sum() / math.sqrt(2 * math.pi)
        return -float(bend) / self.pdf(x)


@pytest.fixture(scope="module", params=LIMITS, ids=str)
def fitted(request):
    model = pw.RandomEffects(priors.TruncatedNormal(0, 1, *request.param), priors.HalfNormal(1))
    return pw.fit(BCG, model, pw.Exact()), Sum(*request.param), request.param


@pytest.mark.parametrize("prob", PROBS)
def test_limits_in_the_tails_agree_with_a_sum_over_mu_and_tau(fitted, prob):
    result, oracle, _ = fitted
    low, high = result["theta_new"].interval(prob)
    tail, half = (1 - prob) / 2, 0.5 * (high - low)
    assert abs(oracle.below(low) - tail) / oracle.pdf(low) < NEAR * half  # Newton's step by the oracle
    assert abs(oracle.below(high, -1.0) - tail) / oracle.pdf(high) < NEAR * half


@pytest.mark.parametrize("prob", PROBS)
def test_a_shortest_interval_agrees_with_a_sum_over_mu_and_tau(fitted, prob):
    result, oracle, _ = fitted
    low, high = result["theta_new"].interval(prob, "shortest")
    missing = np.array([oracle.below(low) + oracle.below(high, -1.0) - (1 - prob)])
    level = np.log(oracle.pdf(high) / oracle.pdf(low))
    matrix = [[oracle.pdf(low), -oracle.pdf(high)], [-oracle.slope(low), oracle.slope(high)]]
    scale = oracle.pdf(low)  # both rows of order 1 / length
    step = np.linalg.solve([np.array(matrix[0]) / scale, matrix[1]], [-missing[0] / scale, -level])
    assert np.abs(step).max() < NEAR * 0.5 * (high - low)


def test_quantiles_lie_in_the_support_and_grow_with_their_probability(fitted):
    result, _, (a, b) = fitted
    small = np.concatenate([10.0 ** np.arange(-300.0, 0.0, 7.0), 1e-3 * (1 + np.array([-1e-13, 0, 1e-13]))])
    p = np.sort(np.concatenate([[0.0, 0.5, 1.0], small, 1 - small]))
    for name in ("mu", "theta_new"):
        x = result[name].ppf(p)
        assert (x[1:] >= x[:-1]).all()
    mu = result["mu"].ppf(p)
    assert ((mu >= a) & (mu <= b)).all()
    widths = [np.diff(result["mu"].interval(prob, "shortest"))[0] for prob in PROBS]
    assert (np.diff(widths) > 0.0).all()


def test_a_tail_has_its_digits_beside_a_mode_of_little_weight():
    weight, centre, spread = np.array([1e-5, 1 - 1e-5]), np.array([-50.0, 0.0]), np.array([1e-3, 1.0])
    zero, one = np.zeros(2), np.ones(2)
    law = Selected(weight, centre, spread, zero, one, zero, -np.inf, 5.0)  # the limit says nothing of x
    p = 1e-5 * np.array([1e-200, 1e-9, 0.01, 0.5, 0.9, 1.2, 3.0])
    found = ndtr((law.ppf(p)[:, None] - centre) / spread) @ weight
    assert found == pytest.approx(p, rel=1e-7)  # 7e-15, the spacing of doubles at 50, is 7e-12 of a spread, times z
    assert law.cdf(law.ppf(p)) == pytest.approx(p, rel=1e-7)


def test_a_shortest_interval_asks_for_few_quantiles():
    law = pw.fit(BCG, pw.RandomEffects(), pw.Exact())["theta_new"].law
    asked = []

    class Counted:
        pdf = staticmethod(law.pdf)

        def ppf(self, p):
            asked.append(len(p))
            return law.ppf(p)

    for prob in PROBS:
        _shortest(Counted(), prob)
    assert sum(asked) < 100 * len(PROBS)


def test_a_shortest_interval_costs_about_as_much_as_an_equal_tailed_one():
    model = pw.RandomEffects(priors.TruncatedNormal(0, 1, -5, 0), priors.HalfNormal(1))

    def seconds(kind):
        theta_new = pw.fit(BCG, model, pw.Exact())["theta_new"]
        start = time.process_time()
        theta_new.interval(0.999999, kind)
        return time.process_time() - start

    ratio = min(seconds("shortest") for _ in range(3)) / min(seconds("equal-tailed") for _ in range(3))
    assert ratio < 5.0
