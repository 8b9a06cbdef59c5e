"""One problem, three engines: where two of them answer the same question, they say the same."""

import warnings

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from support.tables import table

TABLES = ("bcg", "bcg_k3", "eight_schools", "raudenbush1985", "hackshaw1998", "normand1999", "molloy2014")
PRIORS = {
    "half-normal": priors.HalfNormal(0.5),
    "half-Cauchy": priors.HalfCauchy(0.5),
    "inverse gamma": priors.InverseGamma(1.71, 0.4),
    "uniform": priors.Uniform(0.0, 2.5),
}
MCSE = 4.0  # Monte Carlo standard errors; 168 comparisons at 4 leave about 1 % for chance, and the seed is fixed
SETTINGS = pw.NUTS(draws=1000, tune=1000, chains=4, seed=20)


@pytest.mark.slow
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("data", TABLES)
def test_nuts_is_within_its_monte_carlo_error_of_exact(data, prior):
    model = pw.RandomEffects(mu=priors.Normal(0, 2), tau=PRIORS[prior])
    effects = table(data)
    exact, nuts = pw.fit(effects, model, pw.Exact()), pw.fit(effects, model, SETTINGS)
    assert nuts.report.status == exact.report.status
    assert nuts.report.diagnostics["divergences"] == 0
    for name in ("mu", "tau"):
        error = {key: nuts.report.diagnostics[f"mcse_{key}_{name}"] for key in ("mean", "q2.5", "q97.5")}
        assert abs(nuts[name].mean - exact[name].mean) < MCSE * error["mean"]
        for limit, key in zip((0.025, 0.975), ("q2.5", "q97.5"), strict=True):
            assert abs(nuts[name].ppf(limit) - exact[name].ppf(limit)) < MCSE * error[key]


@pytest.mark.parametrize("data", ["bcg", "bcg_k3"])
def test_nuts_draws_theta_from_its_exact_law(data):
    model = pw.RandomEffects(mu=priors.Normal(0, 2), tau=priors.HalfNormal(0.5))
    exact, nuts = pw.fit(table(data), model, pw.Exact()), pw.fit(table(data), model, SETTINGS)
    for study in table(data).study:
        spread = exact.studies[study].sd
        # theta follows mu and tau, whose effective sample size is at least 400
        assert abs(nuts.studies[study].point - exact.studies[study].point) < MCSE * 1.25 * spread / np.sqrt(400)
    np.testing.assert_allclose(list(nuts.weights.values()), list(exact.weights.values()), atol=0.01)


def test_common_effect_is_the_same_in_all_three():
    effects, model = table("bcg"), pw.CommonEffect(mu=priors.Flat())
    closed, exact, nuts = (pw.fit(effects, model, e) for e in (pw.ClosedForm(), pw.Exact(), SETTINGS))
    assert exact["mu"].interval(0.9) == pytest.approx(closed["mu"].interval(0.9), rel=1e-10)
    assert abs(nuts["mu"].mean - closed["mu"].point) < MCSE * nuts.report.diagnostics["mcse_mean_mu"]


@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_a_known_tau_is_the_same_in_closed_form_and_exact(tau):
    effects = table("bcg")
    closed = pw.fit(effects, pw.RandomEffects(tau_fixed=tau), pw.ClosedForm(interval="wald"))
    exact = pw.fit(effects, pw.RandomEffects(mu=priors.Flat(), tau_fixed=tau), pw.Exact())
    assert exact["mu"].interval(0.95) == pytest.approx(closed["mu"].interval(0.95), rel=1e-10)


@pytest.mark.parametrize("data", ["bcg", "raudenbush1985", "eight_schools"])
def test_the_mode_of_the_restricted_likelihood_is_the_mode_under_flat_priors(data):
    """With flat mu and flat tau the posterior density of tau is the restricted likelihood."""
    effects = table(data)
    reml = pw.fit(effects, pw.RandomEffects(), pw.ClosedForm(tau2="REML"))["tau"].point
    exact = pw.fit(effects, pw.RandomEffects(mu=priors.Flat(), tau=priors.Flat()), pw.Exact())["tau"]
    here = float(exact.pdf(reml))
    assert here >= exact.pdf(reml * 1.001 + 1e-6)
    assert here >= exact.pdf(abs(reml * 0.999 - 1e-6))


def test_every_engine_answers_with_the_same_names():
    effects = table("bcg")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = [pw.fit(effects, pw.RandomEffects(), e) for e in (pw.ClosedForm(), pw.Exact(), SETTINGS)]
    shared = {"mu", "tau", "tau2", "I2", "theta_new"}
    for result in results:
        assert shared <= set(result.quantities)
        assert tuple(result.studies) == effects.study
        assert sum(result.weights.values()) == pytest.approx(1.0)
        assert result.report.data_hash == effects.data_hash
        assert result.report.seconds > 0


def test_a_confidence_interval_answers_no_probability_question():
    closed = pw.fit(table("bcg"), pw.RandomEffects(), pw.ClosedForm())
    for quantity in closed.quantities.values():
        assert not hasattr(quantity, "cdf")


def test_subgroups_by_outcome_are_a_fit_of_each_outcome():
    whole = pw.datasets.load("working_alliance")
    together = pw.fit(whole, pw.Subgroups("outcome", heterogeneity="separate"), pw.Exact())
    for outcome in whole.outcomes:
        alone = pw.fit(whole.select(outcome=outcome), pw.RandomEffects(), pw.Exact())
        assert together[f"mu[{outcome}]"].interval(0.95) == pytest.approx(alone["mu"].interval(0.95), rel=1e-8)
        assert together[f"tau[{outcome}]"].point == pytest.approx(alone["tau"].point, rel=1e-8)


def test_a_known_tau_has_one_i2_whatever_the_engine():
    effects = pw.datasets.load("bcg")
    exact = pw.fit(effects, pw.MetaRegression(["ablat"], tau_fixed=0.2), pw.Exact())
    closed = pw.fit(effects, pw.MetaRegression(["ablat"]), pw.ClosedForm(tau2=0.04))
    assert exact["I2"].point == pytest.approx(closed["I2"].point, rel=1e-12)
