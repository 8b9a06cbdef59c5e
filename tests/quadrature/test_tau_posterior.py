"""Quadrature against an independent integrator: every law, real tables x priors, and the hard cases."""

import numpy as np
import pytest

from poolwise.priors import HalfNormal, make
from poolwise.quadrature.one_tau.jobs import MEAN, Studies, TauPriors
from poolwise.quadrature.one_tau.tau_posterior import tau_posterior, watched_limits
from support.oracle import PRIORS, Oracle
from support.tables import table

# asked for: 1e-8 posterior sd. The oracle's adaptive quadrature is good to about 1e-12 of the whole, twice over
# (numerator and total), which the density at the limit turns into about 1e-11 of half an interval.
AGREEMENT = 1e-10
NAMES = (
    "bcg", "bcg_k3", "bcg_k2", "eight_schools", "raudenbush1985", "dropout", "misconduct", "normand1999", "molloy2014",
)  # fmt: skip
P = np.array([0.025, 0.5, 0.975])


def prior_of(name):
    family, _, rest = name.partition("(")
    return make(family, *(float(number) for number in rest[:-1].split(",")))


def posterior_of(y, v, prior, m0=0.0, s0=np.inf, moments=0):
    studies = Studies.centred(np.atleast_2d(y), np.atleast_2d(v), np.array([m0]), np.array([s0]))
    return tau_posterior(studies, TauPriors.of([prior]), moments=np.array([moments]))


def in_half_widths(law, oracle_cdf):
    """Errors of the 2.5, 50 and 97.5 % quantiles in half-widths of the 95 % interval."""
    quantiles = law.ppf(P)
    unit = 0.5 * (quantiles[2] - quantiles[0])
    errors = [(oracle_cdf(float(q)) - p) / float(law.pdf(np.array(q))) for q, p in zip(quantiles, P, strict=True)]
    return np.abs(errors).max() / unit


@pytest.mark.parametrize("s0", [np.inf, 2.0], ids=["flat mu", "normal mu"])
@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("data", NAMES)
def test_every_law_agrees_with_adaptive_quadrature(data, name, s0):
    effects = table(data)
    posterior = posterior_of(effects.y, effects.v, prior_of(name), 0.1, s0)
    oracle = Oracle(effects.y, effects.v, PRIORS[name], 0.1, s0)
    assert in_half_widths(posterior.mixtures.linear(), oracle.mu_cdf) < AGREEMENT
    assert in_half_widths(posterior.tau, oracle.tau_cdf) < AGREEMENT
    assert in_half_widths(posterior.mixtures.new(), oracle.new_cdf) < AGREEMENT
    assert in_half_widths(posterior.mixtures.theta(1), lambda x: oracle.theta_cdf(1, x)) < AGREEMENT
    assert posterior.panels.log_total[0] == pytest.approx(oracle.log_evidence, abs=AGREEMENT)


@pytest.mark.parametrize("data", ["bcg", "misconduct", "raudenbush1985"])
def test_moments_agree_with_adaptive_quadrature(data):
    effects = table(data)
    posterior = posterior_of(effects.y, effects.v, HalfNormal(0.5), moments=4)
    oracle = Oracle(effects.y, effects.v, PRIORS["HalfNormal(0.5)"])
    tau, mu = posterior.tau, posterior.mixtures.linear()
    for power in (1, 2, 4):
        assert tau.raw_moment(power) == pytest.approx(oracle.tau_moment(power), rel=AGREEMENT)
    assert (mu.mean, mu.sd) == pytest.approx(oracle.mu_moments(), rel=AGREEMENT)


def test_the_moments_of_a_heavy_tail_are_those_of_the_limit():
    """Half-Cauchy at k = 3: sd of tau exists, barely; a grid that is cut too early misses it."""
    effects = table("bcg_k3")
    posterior = posterior_of(effects.y, effects.v, prior_of("HalfCauchy(0.3)"), moments=2)
    oracle = Oracle(effects.y, effects.v, PRIORS["HalfCauchy(0.3)"], nats=150.0)
    assert posterior.tau.raw_moment(2) == pytest.approx(oracle.tau_moment(2), rel=AGREEMENT)


@pytest.mark.parametrize("unit", [1e-8, 1e8])
def test_a_change_of_unit_changes_nothing_else(unit):
    effects, p = table("bcg"), P
    here = posterior_of(effects.y, effects.v, HalfNormal(0.5))
    there = posterior_of(effects.y * unit, effects.v * unit**2, HalfNormal(0.5).scaled(unit))
    np.testing.assert_allclose(there.mixtures.linear().ppf(p), unit * here.mixtures.linear().ppf(p), rtol=1e-11)
    np.testing.assert_allclose(there.tau.ppf(p), unit * here.tau.ppf(p), rtol=1e-11)


def test_a_large_offset_costs_only_the_digits_it_must():
    effects = table("bcg")
    here = posterior_of(effects.y, effects.v, HalfNormal(0.5)).mixtures.linear().ppf(P)
    there = posterior_of(effects.y + 1e6, effects.v, HalfNormal(0.5)).mixtures.linear().ppf(P) - 1e6
    np.testing.assert_allclose(there, here, atol=20 * np.spacing(1e6))


def test_order_of_the_studies_does_not_matter():
    effects = table("raudenbush1985")
    order = np.random.default_rng(1).permutation(effects.k)
    one = posterior_of(effects.y, effects.v, HalfNormal(0.5))
    other = posterior_of(effects.y[order], effects.v[order], HalfNormal(0.5))
    np.testing.assert_allclose(other.tau.ppf(P), one.tau.ppf(P), rtol=1e-11)


def test_a_prior_on_zero_gives_the_common_effect():
    effects = table("bcg")
    law = posterior_of(effects.y, effects.v, HalfNormal(1e-9), moments=4).mixtures.linear()
    weight = 1 / effects.v
    assert law.mean == pytest.approx(weight @ effects.y / weight.sum(), rel=1e-9)
    assert law.sd == pytest.approx(weight.sum() ** -0.5, rel=1e-9)


@pytest.mark.parametrize(
    ("y", "se"),
    [
        ([0.3], [0.2]),
        ([0.0, 0.0], [1.0, 1.0]),
        ([0.1] * 12, [0.2] * 12),
        ([0.1, 0.2, 0.15, 2e3], [0.2, 0.2, 0.2, 0.2]),
        ([0.0, 1.0, 50.0], [1e-6, 1e2, 1e2]),
        ([-3.0, -3.1, 3.0, 3.1, 0.0], [0.01, 0.01, 0.01, 0.01, 5.0]),
    ],
    ids=["k = 1", "k = 2, equal", "equal effects", "outlier of 1e4 se", "se 1e-6 beside 1e2", "two camps"],
)
def test_hard_cases_agree_with_adaptive_quadrature(y, se):
    y, v = np.array(y), np.array(se) ** 2
    posterior = posterior_of(y, v, prior_of("HalfCauchy(0.3)"), 0.0, 4.0)
    oracle = Oracle(y, v, PRIORS["HalfCauchy(0.3)"], 0.0, 4.0)
    assert in_half_widths(posterior.mixtures.linear(), oracle.mu_cdf) < AGREEMENT
    assert in_half_widths(posterior.tau, oracle.tau_cdf) < AGREEMENT


@pytest.mark.parametrize(
    ("y", "se", "s0", "name"),
    [
        ([0.8, 0.3, 0.5], [0.3, 0.25, 0.3], 0.005, "HalfNormal(1)"),
        ([0.8, 0.1], [0.5, 0.6], 0.001, "Uniform(0, 2.5)"),
        ([14.95, -4.44, 11.56, 23.0], [7.96, 1.616, 32.09, 23.77], 0.00054, "HalfNormal(1)"),
        ([0.2, 0.1, 0.4, 0.3], [0.3, 0.2, 0.3, 10.0], 1e-3, "HalfCauchy(0.3)"),
    ],
)
def test_study_effects_are_resolved_where_mu_is_known_far_better_than_any_study(y, se, s0, name):
    """Given tau, theta_i changes on the scale of sd(mu), on which the density of tau itself is flat."""
    y, v = np.array(y), np.array(se) ** 2
    posterior = posterior_of(y, v, prior_of(name), 0.0, s0)
    oracle = Oracle(y, v, PRIORS[name], 0.0, s0)
    assert watched_limits(posterior, [MEAN], [MEAN])[0] < 1e-8
    for i in range(len(y)):
        assert in_half_widths(posterior.mixtures.theta(i), lambda x, i=i: oracle.theta_cdf(i, x)) < AGREEMENT
    assert in_half_widths(posterior.mixtures.new(), oracle.new_cdf) < AGREEMENT


@pytest.mark.parametrize(
    ("prior", "error"), [(("LogT", 1, -2, 0.1), 1.5e-6), (("LogT", 2, -2, 1), 4.4e-8), (("LogT", 1, 0, 20), 2.3e-3)]
)
def test_prior_mass_beyond_the_panels_is_in_the_error_estimate(prior, error):
    """The largest errors, in half-widths, measured against quadrature in log tau down to e^-1e5."""
    y, se = np.array([0.1, 0.5, -0.2, 0.9]), np.array([0.1, 0.2, 0.3, 0.15])
    assert error <= watched_limits(posterior_of(y, se**2, make(*prior)), [MEAN], [MEAN])[0] <= 100 * error


@pytest.mark.parametrize("ends", [(1.72, 1.77), (0.31, 0.32), (0.0, 1e-3), (50.0, 51.0)])
def test_a_narrow_uniform_prior_is_not_lost_to_rounding_at_its_ends(ends):
    effects = table("misconduct")
    posterior = posterior_of(effects.y, effects.v, make("Uniform", *ends), 0.0, 1.0)
    tau = np.linspace(*ends, 20_001)
    density = posterior.studies.given_tau(np.zeros(1, dtype=int), tau[None])[0, 0]
    log_mean = np.log(np.exp(density - density.max()).mean()) + density.max()  # a Riemann sum: good to 1e-4
    assert posterior.panels.log_total[0] == pytest.approx(log_mean, abs=1e-4)
    assert ends[0] <= posterior.tau.ppf(np.array([1e-9]))[0] <= ends[1]


def test_five_thousand_studies():
    rng = np.random.default_rng(5)
    se = rng.uniform(0.05, 0.5, 5000)
    y = rng.normal(0.2, np.hypot(se, 0.3))
    posterior = posterior_of(y, se**2, HalfNormal(0.5))
    tau = posterior.tau.ppf(P)
    assert tau[0] < 0.3 < tau[2]
    assert tau[2] - tau[0] < 0.04  # 4 sd of about 0.3 / sqrt(2 x 5000), widened by the sampling variances
    assert watched_limits(posterior, [MEAN], [MEAN])[0] < 1e-6


def test_the_error_estimate_is_above_the_error_and_small():
    effects = table("misconduct")
    posterior = posterior_of(effects.y, effects.v, HalfNormal(0.5))
    oracle = Oracle(effects.y, effects.v, PRIORS["HalfNormal(0.5)"])
    estimate = watched_limits(posterior, [MEAN], [MEAN])[0]
    assert in_half_widths(posterior.mixtures.linear(), oracle.mu_cdf) <= estimate + 1e-13
    assert estimate < 1e-8


def test_many_priors_and_tables_at_once_are_each_as_alone():
    effects = table("bcg")
    priors = [
        HalfNormal(0.3),
        HalfNormal(2.0),
        prior_of("HalfCauchy(0.3)"),
        prior_of("LogT(5, -1.72, 1.295)"),
    ]
    studies = Studies.centred(effects.y[None], effects.v[None], np.zeros(1), np.array([np.inf]))
    many = tau_posterior(studies, TauPriors.of(priors), moments=np.zeros(4, dtype=int))
    for job, prior in enumerate(priors):
        alone = posterior_of(effects.y, effects.v, prior).tau.ppf(P)
        np.testing.assert_allclose(many.tau_ppf(np.full(3, job), P), alone, rtol=1e-10)
