"""Quadrature with mu known, against an independent integrator; no other limit of the formulas is disturbed."""

import numpy as np
import pytest

from poolwise.priors import make
from poolwise.quadrature.one_tau.jobs import MEAN, Studies, TauPriors
from poolwise.quadrature.one_tau.tau_posterior import tau_posterior, watched_limits
from poolwise.quadrature.rules.normal_normal import given_tau
from support.oracle import PRIORS, Oracle
from support.tables import table

AGREEMENT = 1e-10  # as in test_tau_posterior: what the oracle's adaptive quadrature is good for
ROUNDING = 1e-13  # of k = 13 terms, relative
P = np.array([0.025, 0.3, 0.975])
BCG = table("bcg")


def posterior_of(y, v, prior, m0):
    studies = Studies.centred(y[None], v[None], np.array([m0]), np.array([0.0]))
    return tau_posterior(studies, TauPriors.of([prior]), moments=np.array([0]))


def prior_of(name):
    family, _, rest = name.partition("(")
    return make(family, *(float(number) for number in rest[:-1].split(",")))


def in_half_widths(law, oracle_cdf):
    quantiles = law.ppf(P)
    errors = [(oracle_cdf(float(q)) - p) / float(law.pdf(np.array(q))) for q, p in zip(quantiles, P, strict=True)]
    return 2.0 * np.abs(errors).max() / (quantiles[2] - quantiles[0])


@pytest.mark.parametrize("m0", [0.0, 0.4])
@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("data", ["bcg", "bcg_k2", "eight_schools", "misconduct"])
def test_every_law_agrees_with_adaptive_quadrature(data, name, m0):
    effects = table(data)
    posterior = posterior_of(effects.y, effects.v, prior_of(name), m0)
    oracle = Oracle(effects.y, effects.v, PRIORS[name], m0, 0.0)
    assert posterior.panels.log_total[0] == pytest.approx(oracle.log_evidence, abs=AGREEMENT)
    assert in_half_widths(posterior.tau, oracle.tau_cdf) < AGREEMENT
    assert in_half_widths(posterior.mixtures.new(), oracle.new_cdf) < AGREEMENT
    assert in_half_widths(posterior.mixtures.theta(1), lambda x: oracle.theta_cdf(1, x)) < AGREEMENT
    assert watched_limits(posterior, [MEAN], [MEAN])[0] < 1e-8


@pytest.mark.parametrize("m0", [0.0, -40.0])
def test_the_likelihood_is_a_product_of_normal_densities(m0):
    for tau in (0.0, 0.3, 1e4):
        row = given_tau(np.array([[tau]]), BCG.y[None], BCG.v[None], np.array([m0]), np.zeros(1))[:, 0, 0]
        total = BCG.v + tau**2
        by_hand = -0.5 * sum(np.log(2 * np.pi * total) + (BCG.y - m0) ** 2 / total)
        assert row[0] == pytest.approx(by_hand, rel=ROUNDING)
        assert tuple(row[1:]) == (m0, 0.0)


def test_jobs_with_a_known_mean_do_not_touch_their_neighbours():
    tau = np.linspace(0.0, 2.0, 12).reshape(3, 4)
    m0, s0 = np.array([0.1, 0.2, -0.3]), np.array([2.0, 0.0, np.inf])
    together = given_tau(tau, BCG.y[None], BCG.v[None], m0, s0)
    for row in range(3):
        here = slice(row, row + 1)
        alone = given_tau(tau[here], BCG.y[None], BCG.v[None], m0[here], s0[here])
        # a matrix product of three rows may add in another order than that of one row
        np.testing.assert_allclose(together[:, here], alone, rtol=ROUNDING, atol=ROUNDING)


def test_a_narrow_prior_on_the_mean_tends_to_a_known_mean():
    tau, data = np.array([[0.5]]), (BCG.y[None], BCG.v[None], np.array([0.1]))
    known = given_tau(tau, *data, np.zeros(1))[0, 0, 0]
    gaps = [abs(given_tau(tau, *data, np.array([s]))[0, 0, 0] - known) for s in (1e-2, 1e-3)]
    assert gaps[1] == pytest.approx(gaps[0] / 100.0, rel=0.01)


@pytest.mark.parametrize("name", ["HalfNormal(0.5)", "LogT(5, -1.72, 1.295)"])
def test_the_true_effect_in_a_new_study_lies_about_the_known_mean(name):
    """Its density has a spike at the mean, where tau may be next to nothing; the tails mirror one another."""
    effects = table("bcg_k2")
    law = posterior_of(effects.y, effects.v, prior_of(name), 0.0).mixtures.new()
    np.testing.assert_allclose(law.ppf(np.array([0.01, 0.45])), -law.ppf(np.array([0.99, 0.55])), rtol=1e-12)
    assert law.ppf(np.array([0.5]))[0] == pytest.approx(0.0, abs=1e-12)
    assert law.pdf(np.array([1e-9]))[0] > law.pdf(np.array([1e-3]))[0]
