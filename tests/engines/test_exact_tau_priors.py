"""Exact fits under priors on tau that are improper, made from variances, or infinite at 0."""

import json
import math
import pathlib
import warnings

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from support.oracle import Oracle
from support.tables import table

REFERENCE = json.loads((pathlib.Path(__file__).parents[1] / "reference" / "posteriors_tau_priors.json").read_text())
QUADRATURE = 1e-8  # what the reference promises
SLOW_SD = 1e-7  # with 3 studies E tau^2 converges as slowly as 1 / tau; the reference's nodes miss 1e-8 of it far out
BAYESMETA_TAU = 1e-8  # root finding in bayesmeta stops at 2^16 eps = 1.5e-11, its integrals too
BAYESMETA_MU = 4e-3  # posterior sd; bayesmeta's grid for mu promises 1 % of probability, and 2e-3 was measured
ORACLE = 1e-10  # probability: scipy's adaptive rule at 1e-12 on both sides of a ratio
P = [0.025, 0.5, 0.975]


def named(row):
    return f"{row['data']}-{row['tau_prior'][0]}-{row['mu_prior']}"


def fitted(row):
    model = pw.RandomEffects(mu=priors.make(*row["mu_prior"]), tau=priors.make(*row["tau_prior"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        return pw.fit(table(row["data"]), model, pw.Exact())


@pytest.mark.parametrize("row", REFERENCE["fits"], ids=named)
def test_limits_and_moments_match_an_independent_quadrature(row):
    result = fitted(row)
    for name in ("tau", "mu", "theta_new"):
        other = row["quadrature"][name]
        unit = other["q975"] - other["q025"]
        limits = [other["q025"], other["median"], other["q975"]]
        np.testing.assert_allclose(result[name].ppf(P), limits, atol=QUADRATURE * unit, err_msg=name)
        for moment in ("mean", "sd"):
            if not np.isnan(getattr(result[name], moment)):  # where it does not exist the reference has a large number
                slow = SLOW_SD if moment == "sd" and row["data"] == "bcg_k3" else QUADRATURE
                assert getattr(result[name], moment) == pytest.approx(other[moment], abs=slow * unit), (
                    f"{name} {moment}"
                )
        if "p_lt_0" in other:
            assert result[name].cdf(0.0) == pytest.approx(other["p_lt_0"], abs=QUADRATURE)
    evidence = row["quadrature"]["log_marginal_likelihood"]
    if evidence is None:
        assert np.isnan(result.evidence)
    else:
        assert result.log_evidence == pytest.approx(evidence, abs=QUADRATURE)


@pytest.mark.parametrize("row", [row for row in REFERENCE["fits"] if "bayesmeta" in row], ids=named)
def test_bayesmeta_says_the_same(row):
    result, other = fitted(row), row["bayesmeta"]
    probs = [0.025, 0.05, 0.25, 0.75, 0.95, 0.975]
    np.testing.assert_allclose(result["tau"].ppf(probs), other["tau_q"], rtol=BAYESMETA_TAU)
    unit = (other["mu_q"][5] - other["mu_q"][0]) / 4
    np.testing.assert_allclose(result["mu"].ppf(probs), other["mu_q"], atol=BAYESMETA_MU * unit)
    assert result.model.tau.proper == other["tau_prior_proper"]
    if other["marginal_likelihood"] is not None:
        assert np.exp(result.log_evidence) == pytest.approx(other["marginal_likelihood"], rel=BAYESMETA_TAU)


@pytest.mark.parametrize(
    "row", [row for row in REFERENCE["fits"] if row["quadrature"]["log_ml_mu0"] is not None], ids=named
)
def test_the_evidence_for_a_known_mean_is_the_one_of_the_independent_quadrature(row):
    null = fitted(row | {"mu_prior": ["Fixed", 0.0]})
    assert null.log_evidence == pytest.approx(row["quadrature"]["log_ml_mu0"], abs=QUADRATURE)
    if "bayesmeta" in row and row["bayesmeta"]["bf01"]["mu0"] is not None:
        factor = pw.bayes_factor(null, fitted(row))
        assert math.exp(factor.log) == pytest.approx(row["bayesmeta"]["bf01"]["mu0"], rel=BAYESMETA_TAU)


@pytest.mark.parametrize("row", [r for r in REFERENCE["fits"] if r["tau_prior"] == ["Conventional"]], ids=named)
def test_the_conventional_prior_has_the_constant_of_the_independent_quadrature(row):
    effects = table(row["data"])
    printed = math.prod(0.4 ** (1 / effects.k) / (effects.v + 0.16) ** (1.5 / effects.k))
    density = priors.Conventional().for_variances(effects.v).pdf(0.4)
    assert printed / density == pytest.approx(row["quadrature"]["prior_norm"], rel=1e-11)


MEANS = [(priors.Normal(0, 1), 1.0), (priors.Flat(), math.inf), (priors.Fixed(0.0), 0.0)]


@pytest.mark.parametrize("power", [0.5, 0.9])
@pytest.mark.parametrize(("mu", "s0"), MEANS, ids=str)
def test_a_density_that_is_infinite_at_zero_keeps_its_mass_there(power, mu, s0):
    """tau^-a exp(-tau): 1 % of the mass may lie below 1e-20, where a sum over a grid of tau sees nothing."""
    effects = table("bcg_k3")
    pole = priors.Density(lambda t: -power * np.log(t) - t, "pole")
    result = pw.fit(effects, pw.RandomEffects(mu=mu, tau=pole), pw.Exact())
    oracle = Oracle(effects.y, effects.v, lambda t: -power * math.log(t) - t, 0.0, s0)
    for p in (0.01, *P):
        assert oracle.tau_cdf(float(result["tau"].ppf(p))) == pytest.approx(p, abs=ORACLE)
    if s0 > 0:
        for p in P:
            assert oracle.mu_cdf(float(result["mu"].ppf(p))) == pytest.approx(p, abs=ORACLE)


def test_sqrt_is_the_density_that_a_user_would_write():
    effects = table("bcg_k3")
    own = priors.Density(lambda t: -0.5 * np.log(t), "tau^-1/2", proper=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        results = [
            pw.fit(effects, pw.RandomEffects(mu=priors.Normal(0, 1), tau=tau), pw.Exact())
            for tau in (own, priors.Sqrt())
        ]
    for name in ("tau", "mu", "theta_new"):
        np.testing.assert_allclose(results[0][name].ppf(P), results[1][name].ppf(P), rtol=1e-10)


@pytest.mark.parametrize("family", ["Jeffreys", "DuMouchel", "Conventional", "ISquared"])
def test_a_model_takes_the_variances_of_the_table_it_is_fitted_to(family):
    """What the prior knew before does not matter: variances belong to studies."""
    effects = table("bcg")
    bare, stale = priors.make(family), priors.make(family).for_variances([1.0, 2.0, 3.0])
    limits = [
        pw.fit(effects, pw.RandomEffects(mu=priors.Normal(0, 1), tau=tau), pw.Exact())["tau"].interval(0.95)
        for tau in (bare, stale, bare.for_variances(effects.v))
    ]
    assert limits[0] == limits[1] == limits[2]


@pytest.mark.parametrize("family", ["Jeffreys", "OverallJeffreys", "BergerDeely", "DuMouchel", "Shrinkage", "ISquared",
                                    "Conventional", "Sqrt"])  # fmt: skip
def test_the_unit_of_the_effects_changes_nothing(family):
    """Data-dependent priors have no scale of their own: y and se in another unit move every limit by its factor."""
    effects = table("bcg_k3")
    model = pw.RandomEffects(mu=priors.Flat(), tau=priors.make(family))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        one = pw.fit(effects, model, pw.Exact())
        other = pw.fit(pw.Effects(1e4 * effects.y, se=1e4 * effects.se), model, pw.Exact())
    for name in ("tau", "mu"):
        np.testing.assert_allclose(other[name].ppf(P), 1e4 * one[name].ppf(P), rtol=1e-9)


NARROW = 3e-4  # sd of a peak over its place


def half_normal_with_peaks(*places: float):
    """Log density, up to a constant, of a half-normal and as much again in narrow peaks."""

    def log_density(tau):
        broad = np.log(2.0 / 0.5) - 0.5 * (tau / 0.5) ** 2
        peaks = [-np.log(NARROW * at) - 0.5 * ((tau - at) / (NARROW * at)) ** 2 for at in places]
        return np.logaddexp.reduce([broad, *peaks])

    return log_density


@pytest.mark.parametrize("places", [(0.3,), (0.02,), (1e-4,), (2.7,), (0.3, 0.05)])
@pytest.mark.parametrize("mu", [priors.Normal(0, 1), priors.StudentT(3, 0, 1), priors.TruncatedNormal(0, 1, 0, 5)])
def test_narrow_peaks_of_a_density_are_seen(places, mu):
    """The posterior is the mixture of those under the components, weighted by their evidence: the oracle."""
    effects = pw.Effects([0.1, 0.5, 0.3, 0.9, -0.2], se=[0.1, 0.2, 0.15, 0.3, 0.25])
    parts = [priors.HalfNormal(0.5)] + [
        priors.Density(lambda t, at=at: -0.5 * ((t - at) / (NARROW * at)) ** 2, "a peak alone") for at in places
    ]
    whole = priors.Density(half_normal_with_peaks(*places), "with peaks")
    fits = [pw.fit(effects, pw.RandomEffects(mu=mu, tau=prior), pw.Exact()) for prior in (whole, *parts)]
    weight = np.exp([fit.evidence - fits[0].evidence for fit in fits[1:]]) / len(parts)
    assert weight.sum() == pytest.approx(1.0, abs=1e-8)
    for name in ("mu", "tau"):
        assert fits[0][name].mean == pytest.approx(weight @ [fit[name].mean for fit in fits[1:]], rel=1e-7)


def test_a_peak_too_narrow_for_the_scan_can_be_named():
    at, width = 0.3, 1e-7

    def log_density(t):
        return np.logaddexp(np.log(4.0) - 2.0 * t * t, -np.log(at * width) - 0.5 * ((t - at) / (at * width)) ** 2)

    named = priors.Density(log_density, "named", points=[at])
    assert named.cdf(np.array([at * (1 + 10 * width)])) - named.cdf(np.array([at * (1 - 10 * width)])) > 0.49
    moved = named.scaled(2.0)
    assert moved.points == (0.6,)
    assert moved.ppf(0.5) == pytest.approx(2.0 * named.ppf(0.5), rel=1e-6)
    with pytest.raises(pw.errors.ModelError, match=r"points = \[-1.0\]"):
        priors.Density(log_density, "named", points=[-1.0])


def test_a_narrow_prior_of_clusters_leaves_out_what_turns_the_axes():
    effects = pw.Effects(np.arange(6) / 6, se=[0.1, 0.2, 0.15, 0.1, 0.2, 0.3], moderators={"lab": list("aabbcc")})
    model = pw.ThreeLevel(
        cluster="lab", mu=priors.Normal(0, 1), tau_between=priors.LogNormal(-1.0, 1e-3), tau_within=priors.HalfNormal(1)
    )
    result = pw.fit(effects, model, pw.Exact())
    assert result["tau_between"].mean == pytest.approx(np.exp(-1.0), rel=1e-4)
    assert "narrow prior" in result.absent["ICC"]
