"""The posterior density of mu at one value, however remote, under every kind of prior on mu.

By hand: p(mu | y) = p(mu) p(y | mu) / p(y), with p(y | mu) summed by the trapezoidal rule over log tau and p(y) by
Gauss-Legendre panels over asinh(mu). No code shared with poolwise.
"""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import poolwise as pw
from poolwise import priors
from poolwise.engines.exact.answer import log_density_of_mu

TOLERANCE = 1e-8  # nats, beside densities of up to 1e3 nats below their maximum; the engine promises 1e-8 sd
VALUES = (0.0, 0.3, -0.1, 2.0, -8.0, 40.0)

TABLES = {
    "bcg": (pw.datasets.load("bcg").y, pw.datasets.load("bcg").se),
    "far from 0": (np.array([30.0, 31.0, 29.5]), np.array([1.0, 0.5, 0.7])),
    "an outlier": (np.array([0.1, 0.2, 0.15, 9.0]), np.array([0.1, 0.2, 0.1, 0.15])),
}
TAUS = {
    "half-normal": (priors.HalfNormal(0.5), stats.halfnorm(scale=0.5).logpdf),
    "half-Cauchy": (priors.HalfCauchy(0.3), stats.halfcauchy(scale=0.3).logpdf),
    "inverse gamma": (priors.InverseGamma(1.71, 0.4), stats.invgamma(1.71, scale=0.4).logpdf),
}


def truncated(mean, sd, lower, upper):
    law = stats.truncnorm((lower - mean) / sd, (upper - mean) / sd, loc=mean, scale=sd)
    return priors.TruncatedNormal(mean, sd, lower, upper), law.logpdf


def mixed(weights, components, laws):
    def log_pdf(x):
        return logsumexp([math.log(w) + law.logpdf(x) for w, law in zip(weights, laws, strict=True)], axis=0)

    return priors.Mixture(weights, components), log_pdf


MEANS = {
    "normal": (priors.Normal(0, 1), stats.norm(0, 1).logpdf),
    "t5": (priors.StudentT(5, 0, 0.43), stats.t(5, 0, 0.43).logpdf),
    "Cauchy": (priors.Cauchy(0, 0.7), stats.cauchy(0, 0.7).logpdf),
    "positive": truncated(0.0, 1.0, 0.0, math.inf),
    "negative": truncated(0.0, 1.0, -math.inf, 0.0),
    "within limits": truncated(0.2, 0.5, -0.1, 0.6),
    "robust": mixed(
        (0.3, 0.7), (priors.Normal(0, 0.2), priors.Normal(-0.5, 2)), (stats.norm(0, 0.2), stats.norm(-0.5, 2))
    ),
    "robust with a t": mixed(
        (0.8, 0.2), (priors.Normal(0, 0.2), priors.StudentT(3, 0, 1)), (stats.norm(0, 0.2), stats.t(3, 0, 1))
    ),
}


def log_likelihood(mu, y, se, log_tau):
    """Log p(y | mu) at each mu, tau integrated out."""
    u = np.linspace(-26.0, 12.0, 1901)
    tau = np.exp(u)
    precision = 1.0 / (se**2 + tau[:, None] ** 2)
    total = precision.sum(axis=1)
    mean = precision @ y / total
    peak = 0.5 * np.log(precision / (2 * math.pi)).sum(axis=1) - 0.5 * (precision * (y - mean[:, None]) ** 2).sum(
        axis=1
    )
    peak = peak + log_tau(tau) + u + math.log(u[1] - u[0])
    parts = np.array_split(np.atleast_1d(mu), max(1, np.size(mu) // 300))
    return np.concatenate([logsumexp(peak - 0.5 * total * (m[:, None] - mean) ** 2, axis=1) for m in parts])


def log_evidence(y, se, log_tau, log_mu, support):
    """Log p(y): the prior on mu times p(y | mu), integrated over x with mu = 0.3 sinh(x)."""
    x, w = np.polynomial.legendre.leggauss(24)
    edges = np.linspace(*np.arcsinh(np.clip(support, -1e5, 1e5) / 0.3), 250)
    half = 0.5 * np.diff(edges)[:, None]
    at = 0.5 * (edges[1:] + edges[:-1])[:, None] + half * x
    mu, weight = 0.3 * np.sinh(at.ravel()), (half * w * 0.3 * np.cosh(at)).ravel()
    return float(logsumexp(log_likelihood(mu, y, se, log_tau) + log_mu(mu), b=weight))


def support(prior):
    return np.array([getattr(prior, "lower", -math.inf), getattr(prior, "upper", math.inf)])


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize(("table", "tau"), list(zip(TABLES, TAUS, strict=True)))
def test_the_density_of_mu_is_prior_times_likelihood_over_evidence(table, tau, mean):
    (y, se), (tau_prior, log_tau), (prior, log_mu) = TABLES[table], TAUS[tau], MEANS[mean]
    result = pw.fit(pw.Effects(y, se=se), pw.RandomEffects(mu=prior, tau=tau_prior), pw.Exact())
    evidence = log_evidence(y, se, log_tau, log_mu, support(prior))
    assert result.log_evidence == pytest.approx(evidence, abs=TOLERANCE)
    for at in VALUES:
        expected = log_likelihood(at, y, se, log_tau)[0] + float(log_mu(np.array([at]))[0]) - evidence
        scale = max(1.0, abs(expected) / 100.0) if math.isfinite(expected) else 1.0
        assert log_density_of_mu(result, at) == pytest.approx(expected, abs=TOLERANCE * scale), at


@pytest.mark.parametrize("mean", MEANS)
def test_the_density_of_mu_under_a_common_effect(mean):
    (y, se), (prior, log_mu) = TABLES["bcg"], MEANS[mean]
    result = pw.fit(pw.Effects(y, se=se), pw.CommonEffect(mu=prior), pw.Exact())
    for at in VALUES:
        expected = stats.norm(at, se).logpdf(y).sum() + float(log_mu(np.array([at]))[0]) - result.log_evidence
        assert log_density_of_mu(result, at) == pytest.approx(expected, rel=1e-10, abs=TOLERANCE), at


@pytest.mark.parametrize("mean", MEANS)
def test_where_it_is_large_the_density_is_the_posteriors_own(mean):
    y, se = TABLES["bcg"]
    result = pw.fit(pw.Effects(y, se=se), pw.RandomEffects(mu=MEANS[mean][0], tau=priors.HalfNormal(0.5)), pw.Exact())
    at = float(result["mu"].point)
    assert log_density_of_mu(result, at) == pytest.approx(math.log(result["mu"].pdf(at)), abs=1e-7)


def test_a_component_whose_posterior_probability_rounds_to_zero_still_carries_the_density_near_it():
    effects = pw.Effects([100.0, 101.0, 99.0], se=[1.0, 1.0, 1.0])
    prior = priors.Mixture((0.5, 0.5), (priors.Normal(0, 0.1), priors.Normal(100, 1)))
    near = pw.fit(effects, pw.RandomEffects(mu=prior, tau=priors.HalfNormal(0.5)), pw.Exact())
    null = pw.fit(effects, pw.RandomEffects(mu=priors.Fixed(0), tau=priors.HalfNormal(0.5)), pw.Exact())
    expected = float(prior.log_pdf(0.0)) + null.log_evidence - near.log_evidence
    assert log_density_of_mu(near, 0.0) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("prior", [prior for prior, _ in MEANS.values()], ids=list(MEANS))
@pytest.mark.parametrize("y", [(100.0, 101.0, 99.0), (1e-6, -1e-6, 0.0), (-1e4, -1.0001e4, -9.9e3)])
def test_savage_dickey_agrees_with_the_evidences_however_strong_they_are(y, prior):
    averaged = pw.average(pw.Effects(y, se=[1.0, 1.0, 1.0]), pw.RandomEffects(mu=prior, tau=priors.HalfNormal(0.5)))
    size = max(abs(result.log_evidence) for result in averaged.results.values())
    for check in averaged.savage_dickey:
        assert abs(check.difference) < 1e-9 + 1e-15 * size  # what a difference of such sums leaves in a double
    assert np.isfinite(averaged.bayes_factors["log10"]).all()
    assert np.isfinite(averaged.to_frame()[["point", "mean", "sd", "lower", "upper"]]).all(axis=None)
