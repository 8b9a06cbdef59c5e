"""Laws over the nodes of tau: shrinkage written out, mixtures of parts, trimmed and blended ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from poolwise.engines.exact.mean_priors import Blend
from poolwise.laws import BlendLaw, bracketed
from poolwise.priors import HalfNormal
from poolwise.quadrature.one_tau.independent import Independent
from poolwise.quadrature.one_tau.jobs import MEAN, Studies, TauPriors
from poolwise.quadrature.one_tau.mixtures import Mixtures, shrunken
from poolwise.quadrature.one_tau.tau_posterior import tau_posterior
from poolwise.quadrature.rules.mixture import NormalMixture, trimmed
from poolwise.quadrature.rules.normal_normal import shrinkage

Y, V = np.array([0.4, 0.1, -0.3, 0.6]), np.array([0.04, 0.09, 0.05, 0.1])
P = np.array([0.001, 0.025, 0.5, 0.975])
DIGITS = 1e-11


def studies(m0=0.1, s0=0.8, y=Y, v=V):
    return Studies.centred(y[None], v[None], np.array([m0]), np.array([s0]))


def posterior(scale=0.5, **table):
    return tau_posterior(studies(**table), TauPriors.of([HalfNormal(scale)]), moments=np.array([2]))


@given(st.floats(0.0, 50.0), st.floats(1e-4, 10.0), st.floats(-5.0, 5.0), st.floats(0.01, 3.0))
def test_shrinkage_is_bayes_rule_for_one_study(tau, v, y, sd):
    """theta ~ N(m, tau^2), m ~ N(0.3, sd^2), the y of it given: the law of total mean and variance."""
    tau = np.array([tau])
    mean, spread = shrinkage(np.array([0.3]), np.array([sd]), np.array(y), np.array(v), tau**2)
    b = v / (v + tau**2)
    assert mean == pytest.approx(b * 0.3 + (1.0 - b) * y, abs=DIGITS)
    assert spread**2 == pytest.approx((1.0 - b) * v + (b * sd) ** 2, rel=1e-9)


@pytest.mark.parametrize("tau", [1e-3, 0.3, 4.0])
def test_true_effects_at_a_known_tau_are_those_of_the_dense_law(tau):
    nodes = Mixtures.at(studies(), tau)
    prior = tau**2 * np.eye(4) + 0.8**2
    gain = prior @ np.linalg.inv(prior + np.diag(V))
    theta, covariance = 0.1 + gain @ (Y - 0.1), prior - gain @ prior
    for i in range(4):
        law = nodes.theta(i)
        assert law.mean == pytest.approx(theta[i], abs=DIGITS)
        assert law.sd**2 == pytest.approx(covariance[i, i], rel=1e-8)
    wanted = stats.multivariate_normal(np.full(4, 0.1), prior + np.diag(V)).logpdf(Y)
    assert nodes.log_likelihood[0] == pytest.approx(wanted, abs=DIGITS)


def test_ends_of_shrinkage():
    nodes = posterior().mixtures
    values = nodes.tables.given_tau(np.zeros(1, dtype=int), np.array([[0.0, 1e8]]))[:, 0]
    centre, spread = shrunken(nodes.tables, 2, np.array([0.0, 1e8]), values)
    offset = nodes.tables.offset[0]
    assert centre[0] == pytest.approx(values[1, 0], abs=DIGITS)  # tau = 0: the common effect
    assert centre[1] + offset == pytest.approx(Y[2], abs=1e-9)  # tau = inf: the study alone
    assert spread == pytest.approx([values[2, 0], np.sqrt(V[2])], rel=1e-9)


def test_a_combination_of_the_mean_is_the_mean_times_its_weight():
    nodes = posterior().mixtures
    assert nodes.linear(np.array([-2.0])).ppf(P) == pytest.approx(-2.0 * nodes.linear().ppf(1.0 - P), abs=1e-9)
    assert nodes.new().sd > nodes.linear().sd


def test_limits_of_all_studies_found_at_once_are_those_of_each():
    nodes = posterior().mixtures
    for i in range(4):
        assert nodes.theta(i).ppf(P) == pytest.approx(nodes._theta(i).ppf(P), abs=1e-10)


@given(st.integers(0, 1000), st.floats(-12.0, -2.0))
def test_a_trimmed_mixture_keeps_all_but_what_it_may_leave_out(seed, log10):
    rng, left_out = np.random.default_rng(seed), 10.0**log10
    weight = rng.dirichlet(np.full(40, 0.05)) + 1e-300
    whole = NormalMixture(weight / weight.sum(), rng.normal(0, 3, 40), rng.gamma(1.0, size=40) + 0.01)
    found = trimmed(whole.weight, whole.centre, whole.spread, left_out)
    x = whole.ppf(P)
    assert found.weight.sum() == pytest.approx(1.0, abs=1e-14)
    assert found.cdf(x) == pytest.approx(whole.cdf(x), abs=2.0 * left_out + 1e-14)
    assert found.sd**2 == pytest.approx(whole.sd**2, rel=4.0 * left_out + 1e-12)
    assert len(found.weight) <= len(whole.weight)


def test_posteriors_under_a_mixture_of_priors_are_the_mixture_by_evidence():
    priors = HalfNormal(0.2), HalfNormal(1.0)
    alone = [posterior(prior.parameters[0]) for prior in priors]
    evidence = np.array([np.exp(one.panels.log_total[0]) for one in alone])
    share = evidence / evidence.sum()  # prior shares of one half each
    blend = Blend(share, tuple(one.mixtures for one in alone))
    x = np.array([-0.2, 0.2, 0.5])
    for ask in (lambda n: n.linear(MEAN), lambda n: n.new(MEAN), lambda n: n.theta(2)):
        parts = [ask(one.mixtures) for one in alone]
        assert ask(blend).cdf(x) == pytest.approx(sum(w * part.cdf(x) for w, part in zip(share, parts, strict=True)))
        assert ask(blend).mean == pytest.approx(share @ [part.mean for part in parts])


def test_a_mixture_of_laws_has_their_moments_and_inverts():
    law = BlendLaw(np.array([0.3, 0.7]), (NormalMixture(*np.array([[1.0], [-2.0], [0.5]])),
                                          NormalMixture(*np.array([[1.0], [3.0], [2.0]]))))  # fmt: skip
    assert law.mean == pytest.approx(0.3 * -2.0 + 0.7 * 3.0)
    assert law.sd**2 == pytest.approx(0.3 * (0.25 + 4.0) + 0.7 * (4.0 + 9.0) - 1.5**2)
    assert law.cdf(law.ppf(P)) == pytest.approx(P, abs=1e-13)
    x, h = np.array([-2.0, 0.0, 3.0]), 1e-5
    assert law.pdf(x) == pytest.approx((law.cdf(x + h) - law.cdf(x - h)) / (2.0 * h), rel=1e-7)
    draws = law.sample(4000, np.random.default_rng(2))
    assert stats.kstest(draws, law.cdf).pvalue > 1e-3


def test_bisection_finds_quantiles_and_says_nan_for_nan():
    p = np.array([1e-9, 0.3, 1.0 - 1e-9, np.nan])
    ends = np.where(np.isnan(p), np.nan, 20.0)
    found = bracketed(stats.norm.cdf, p, -ends, ends)
    assert found[:3] == pytest.approx(stats.norm.ppf(p[:3]), rel=1e-7)
    assert np.isnan(found[3])


def test_a_difference_of_independent_groups_is_the_convolution():
    groups = posterior(), posterior(y=Y[:3] + 0.4, v=V[:3])
    whole = Independent(groups, np.array([0, 0, 1, 1, 0, 1, 0]), np.array([0, 1, 0, 1, 2, 2, 3]))
    one, other = (group.mixtures.linear() for group in groups)
    law = whole.linear(np.array([1.0, -2.0]))
    assert law.mean == pytest.approx(one.mean - 2.0 * other.mean, abs=DIGITS)
    assert law.sd == pytest.approx(np.hypot(one.sd, 2.0 * other.sd), rel=1e-9)
    t, w = np.polynomial.legendre.leggauss(400)
    t, w = one.mean + 12.0 * one.sd * t, 12.0 * one.sd * w
    below = (w * one.pdf(t)) @ (1.0 - other.cdf((t - 0.1) / 2.0))
    assert law.cdf(np.array([0.1]))[0] == pytest.approx(below, abs=1e-9)
    assert whole.theta(4).mean == groups[0].mixtures.theta(2).mean
    assert whole.new(np.array([0.0, 1.0])).sd == groups[1].mixtures.new().sd
