"""The NUTS engine against quadrature, against itself, and in trouble."""

from __future__ import annotations

import math
import os
import pickle
from dataclasses import replace

import arviz as az
import numpy as np
import pytest
from scipy import stats

from poolwise import priors as p
from poolwise.effects import Effects
from poolwise.engines.nuts import NUTS, plans
from poolwise.engines.nuts.run import accepts
from poolwise.errors import ModelError, PoolwiseWarning
from poolwise.model import (
    BinomialNormal,
    CommonEffect,
    JointOutcomes,
    RandomEffects,
    SkewNormalRandomEffects,
    Subgroups,
    ThreeLevel,
)
from poolwise.quantities import Distribution
from poolwise.result import Result
from support.oracle import PRIORS, Oracle

MCSE = 4.0
"""Monte Carlo standard errors that a true value may be away: 1 in 16,000 is beyond by chance."""

# Log risk ratios and variances of 13 trials of the BCG vaccine: Colditz et al. 1994, JAMA 271(9):698-702,
# 10.1001/jama.1994.03510330076038, from its 2 x 2 tables by metafor 5.1.12 (dat.bcg of metadat 1.7.2).
BCG_Y = [
    -0.88931133392020545, -1.5853886572014306, -1.3480731482996933, -1.4415511900213054, -0.21754732221129558,
    -0.78611558581886398, -1.6208982235983918, 0.011952333523840508, -0.4694176487381494, -1.3713448034727844,
    -0.33935882833839059, 0.44591340057137874, -0.017313948216879815,
]  # fmt: skip
BCG_V = [
    0.32558476500396133, 0.19458112139814385, 0.41536796536796539, 0.020010031902247573, 0.051210172169630863,
    0.0069056184559087574, 0.22301724757231517, 0.0039615792978177295, 0.056434210463248966,
    0.07302479361302891, 0.01241221397155972, 0.53250584520015276, 0.071404659683986293,
]  # fmt: skip
DEFAULT = RandomEffects(mu=p.Normal(0.0, 2.0), tau=p.HalfNormal(1.0))
SHORT = NUTS(draws=250, tune=500)


def bcg(first: int = 13) -> Effects:
    return Effects(BCG_Y[:first], v=BCG_V[:first], scale="log RR")


def two_studies() -> Effects:
    with pytest.warns(PoolwiseWarning, match="only 2 studies"):
        return bcg(2)


@pytest.fixture(scope="module")
def thirteen() -> Result:
    return NUTS().fit(bcg(), DEFAULT)


@pytest.fixture(scope="module")
def three() -> Result:
    return NUTS().fit(bcg(3), DEFAULT)


@pytest.fixture(params=["thirteen", "three"])
def fitted(request) -> Result:
    return request.getfixturevalue(request.param)


def oracle_of(effects: Effects) -> Oracle:
    return Oracle(effects.y, effects.v, PRIORS["HalfNormal(1)"], 0.0, 2.0)


def same_draws(a: Result, b: Result) -> bool:
    return all(np.array_equal(a.native.parameters[name], b.native.parameters[name]) for name in ("mu", "tau"))


def assert_quantiles_agree(result: Result, name: str, cdf) -> None:
    """The true distribution function takes the value p within MCSE errors of the quantile at p."""
    for p_tail, word in ((0.025, "q2.5"), (0.975, "q97.5")):
        error = MCSE * result.report.diagnostics[f"mcse_{word}_{name}"]
        quantile = float(result[name].ppf(p_tail))
        assert cdf(quantile - error) <= p_tail <= cdf(quantile + error)


def test_tau_agrees_with_quadrature_in_mean_and_limits(fitted):
    oracle = oracle_of(fitted.effects)
    error = MCSE * fitted.report.diagnostics["mcse_mean_tau"]
    assert fitted["tau"].mean == pytest.approx(oracle.tau_moment(1), abs=error)
    assert_quantiles_agree(fitted, "tau", oracle.tau_cdf)


def test_mu_agrees_with_quadrature_in_mean_and_limits(fitted):
    oracle = oracle_of(fitted.effects)
    error = MCSE * fitted.report.diagnostics["mcse_mean_mu"]
    assert fitted["mu"].mean == pytest.approx(oracle.mu_moments()[0], abs=error)
    assert_quantiles_agree(fitted, "mu", oracle.mu_cdf)


@pytest.mark.parametrize("p_tail", [0.025, 0.5, 0.975])
def test_theta_new_and_theta_agree_with_quadrature(thirteen, p_tail):
    oracle = oracle_of(thirteen.effects)
    for draws, cdf in (
        (thirteen["theta_new"].law.draws, oracle.new_cdf),
        (thirteen.studies[thirteen.effects.study[0]].law.draws, lambda x: oracle.theta_cdf(0, x)),
    ):
        error = MCSE * float(az.mcse(draws, method="quantile", prob=p_tail))
        quantile = float(np.quantile(draws, p_tail))
        assert cdf(quantile - error) <= p_tail <= cdf(quantile + error)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mu", "tau", "words"),
    [
        (p.Flat(), p.Uniform(0.0, 2.5), "Uniform(0, 2.5)"),
        (p.Flat(), p.LogT(5.0, -1.72, 1.295), "LogT(5, -1.72, 1.295)"),
        (p.Normal(0.0, 2.0), p.InverseGamma(1.71, 0.4), "InverseGamma(1.71, 0.4)"),
    ],
    ids=str,
)
def test_every_kind_of_support_and_tail_agrees_with_quadrature(mu, tau, words):
    effects = bcg()
    result = NUTS().fit(effects, RandomEffects(mu, tau))
    oracle = Oracle(effects.y, effects.v, PRIORS[words], 0.0, mu.sd if isinstance(mu, p.Normal) else math.inf)
    assert result.report.status == "ok"
    assert_quantiles_agree(result, "tau", oracle.tau_cdf)
    assert_quantiles_agree(result, "mu", oracle.mu_cdf)


def test_the_common_effect_is_the_normal_posterior_of_theory():
    effects = bcg()
    result = NUTS().fit(effects, CommonEffect(mu=p.Normal(0.0, 2.0)))
    precision = (1.0 / effects.v).sum() + 1.0 / 4.0
    mean, sd = (effects.y / effects.v).sum() / precision, precision**-0.5
    assert result["mu"].mean == pytest.approx(mean, abs=MCSE * result.report.diagnostics["mcse_mean_mu"])
    assert_quantiles_agree(result, "mu", stats.norm(mean, sd).cdf)
    assert set(result.quantities) == {"mu"}
    assert result.studies[effects.study[3]].point == result["mu"].point
    assert result.label == "common effect, NUTS"


def test_a_known_tau_is_not_sampled_but_used():
    effects = bcg()
    result = NUTS().fit(effects, RandomEffects(mu=p.Normal(0.0, 2.0), tau_fixed=0.5))
    precision = (1.0 / (effects.v + 0.25)).sum() + 1.0 / 4.0
    mean = (effects.y / (effects.v + 0.25)).sum() / precision
    assert result["mu"].mean == pytest.approx(mean, abs=MCSE * result.report.diagnostics["mcse_mean_mu"])
    assert (result["tau"].point, result["tau"].interval(0.95)) == (0.5, (0.5, 0.5))
    assert not isinstance(result["tau"], Distribution)
    assert result["theta_new"].sd > result["mu"].sd
    assert "r_hat_tau" not in result.report.diagnostics


def test_the_acceptance_rate_suits_the_model_unless_it_is_chosen():
    counts = BinomialNormal("log OR")
    assert tuple(accepts(NUTS(), model) for model in (DEFAULT, counts, ThreeLevel())) == (0.8, 0.9, 0.95)
    alike = Subgroups("alloc", heterogeneity="exchangeable"), JointOutcomes(), SkewNormalRandomEffects()
    assert {accepts(NUTS(), model) for model in alike} == {0.85}
    assert accepts(NUTS(target_accept=0.8), counts) == 0.8


def test_defaults_run_without_divergences_at_three_studies(three):
    assert three.report.status == "ok"
    assert three.report.diagnostics["divergences"] == 0
    assert three.report.diagnostics["target_accept"] == 0.8


def test_a_healthy_report_carries_its_numbers_seed_hash_and_versions(fitted):
    report = fitted.report
    for name in ("mu", "tau"):
        assert report.diagnostics[f"r_hat_{name}"] <= 1.01
        assert report.diagnostics[f"ess_bulk_{name}"] >= 400
        assert report.diagnostics[f"ess_tail_{name}"] >= 400
    assert all(type(value) is float for value in report.diagnostics.values())
    assert {"poolwise", "pymc", "nutpie", "arviz"} <= set(report.versions)
    assert (report.seed, report.data_hash) == (1, fitted.effects.data_hash)
    assert report.seconds > 0


def test_a_result_of_draws_is_complete(fitted):
    assert list(fitted.quantities) == ["mu", "tau", "tau2", "I2", "theta_new"]
    assert all(isinstance(quantity, Distribution) for quantity in fitted.quantities.values())
    assert tuple(fitted.studies) == fitted.effects.study
    assert sum(fitted.weights.values()) == pytest.approx(1.0)
    assert fitted.prior == "mu ~ Normal(0, 2), tau ~ HalfNormal(1)"
    assert (fitted.label, fitted.engine_label) == ("NUTS", "NUTS")
    assert 0.0 < fitted["I2"].interval(0.95)[0] < fitted["I2"].interval(0.95)[1] < 1.0


def test_the_same_seed_gives_identical_draws_on_any_number_of_cores(thirteen):
    again = NUTS(cores=1).fit(bcg(), DEFAULT)
    assert same_draws(again, thirteen)
    assert np.array_equal(again["theta_new"].law.draws, thirteen["theta_new"].law.draws)
    assert again.studies["study 2"].interval() == thirteen.studies["study 2"].interval()


def test_another_seed_gives_other_draws(thirteen):
    assert not same_draws(NUTS(seed=2).fit(bcg(), DEFAULT), thirteen)


def test_a_fit_does_not_depend_on_what_was_fitted_before(three):
    SHORT.fit(bcg(7), RandomEffects(mu=p.Normal(9.0, 0.1), tau=p.HalfNormal(30.0)))
    assert same_draws(NUTS().fit(bcg(3), DEFAULT), three)


def test_new_data_and_new_scales_of_a_prior_reuse_the_compiled_model(thirteen):
    compiled = plans.compiled_models.cache_info().misses
    SHORT.fit(bcg(5), DEFAULT)
    SHORT.fit(bcg(8), RandomEffects(mu=p.Normal(0.3, 1.0), tau=p.HalfNormal(0.2)))
    assert plans.compiled_models.cache_info().misses == compiled


@pytest.mark.parametrize("factor", [2.0**-27, 2.0**27])
def test_another_unit_of_the_effects_changes_nothing_but_the_unit(three, factor):
    effects = Effects(factor * three.effects.y, se=factor * three.effects.se)
    model = RandomEffects(mu=DEFAULT.mu.scaled(factor), tau=DEFAULT.tau.scaled(factor))
    enough = NUTS(draws=2000)  # for every limit; how many further ones theta_new needs depends on the hash of the data
    plain, scaled = enough.fit(three.effects, DEFAULT), enough.fit(effects, model)
    assert scaled["mu"].point == factor * plain["mu"].point
    assert scaled["tau"].interval(0.95) == tuple(factor * limit for limit in plain["tau"].interval(0.95))
    assert scaled["I2"].point == pytest.approx(plain["I2"].point, rel=1e-12)


def test_a_large_common_offset_does_no_harm(three):
    offset = 1e8
    effects = Effects(three.effects.y + offset, se=three.effects.se)
    moved = NUTS().fit(effects, RandomEffects(mu=p.Normal(offset, 2.0), tau=DEFAULT.tau))
    error = MCSE * math.sqrt(2.0) * three.report.diagnostics["mcse_mean_mu"]
    assert moved.report.status == "ok"
    assert moved["mu"].mean - offset == pytest.approx(three["mu"].mean, abs=error)


def test_too_few_draws_are_reported_as_not_converged():
    result = NUTS(draws=20, tune=20).fit(bcg(3), DEFAULT)
    assert result.report.status == "not_converged"
    assert result.report.failed
    assert "below 400" in result.report.advice
    assert "Exact()" in result.report.advice


@pytest.mark.parametrize("engine", [NUTS(draws=1, tune=1), NUTS(draws=3, chains=2), NUTS(chains=1)], ids=repr)
def test_runs_that_cannot_be_judged_say_so(engine):
    result = engine.fit(bcg(3), DEFAULT)
    assert result.report.status == "not_converged"
    assert math.isfinite(result["mu"].point)


@pytest.mark.slow
def test_a_mean_that_does_not_exist_is_not_invented():
    # The m-th moment exists if k - 1 + a - m > 1; here k = 2 and a = 1.5: a mean of tau, and no sd.
    result = NUTS().fit(two_studies(), RandomEffects(mu=p.Flat(), tau=p.HalfT(0.5, 0.1)))
    assert "moment_does_not_exist" in {finding.status for finding in result.report.findings}
    assert math.isfinite(result["tau"].mean)
    for name in ("mu", "tau", "theta_new", "tau2"):
        assert math.isnan(result[name].sd)
        assert math.isfinite(result[name].interval(0.95)[1])
    assert math.isnan(result["tau2"].mean)
    assert math.isnan(result.report.diagnostics["mcse_mean_tau"])
    assert math.isfinite(result["I2"].sd)


def test_an_improper_posterior_is_refused_before_sampling():
    with pytest.raises(ModelError, match=r"k = 2 .* improper"):
        NUTS().fit(two_studies(), RandomEffects(mu=p.Flat(), tau=p.Flat()))


def test_a_start_where_the_posterior_is_zero_is_an_error_that_offers_exact():
    with pytest.raises(ModelError, match="could not start") as caught:
        SHORT.fit(bcg(3), RandomEffects(mu=p.Normal(1e200, 2.0), tau=p.HalfNormal(0.5)))
    assert "Exact()" in caught.value.advice


@pytest.mark.parametrize(
    "setting",
    [
        {"draws": 0}, {"draws": -5}, {"draws": 10.5}, {"tune": 0}, {"chains": 0}, {"chains": True},
        {"cores": 0}, {"seed": 1.0}, {"seed": "1"}, {"seed": None}, {"seed": -1}, {"seed": True},
        {"seed": 2**63}, {"target_accept": 1.0}, {"target_accept": 0}, {"target_accept": "high"},
    ],
    ids=str,
)  # fmt: skip
def test_an_impossible_setting_is_an_error_that_names_it(setting):
    (name,) = setting
    with pytest.raises(ModelError, match=f"{name} = "):
        NUTS(**setting)


def test_more_cores_than_there_are_is_a_note():
    many = (os.cpu_count() or 1) + 1
    result = replace(SHORT, cores=many).fit(bcg(), DEFAULT)
    assert any(note.startswith(f"cores = {many} was asked for") for note in result.report.notes)


def test_a_result_survives_pickling(three):
    again = pickle.loads(pickle.dumps(three))
    assert again["mu"].point == three["mu"].point
    assert again.to_datatree().identical(three.to_datatree())


def test_the_tree_of_a_fit_holds_what_arviz_needs(thirteen):
    tree = thirteen.to_datatree()
    assert set(tree.children) == {
        "posterior", "sample_stats", "log_likelihood", "log_prior", "posterior_predictive", "prior",
        "prior_predictive", "observed_data", "constant_data",
    }  # fmt: skip
    assert set(tree["posterior"].data_vars) == {"mu", "tau", "tau2", "I2", "theta", "theta_new"}
    assert set(tree["prior"].data_vars) == {"mu", "tau", "tau2", "I2", "theta_new"}
    assert float(tree["prior"]["tau"].mean()) == pytest.approx(thirteen.model.tau.scale * np.sqrt(2 / np.pi), rel=0.1)
    assert tree["prior_predictive"]["y"].shape == (1, 1000, thirteen.effects.k)
    assert {"diverging", "energy", "tree_depth", "acceptance_rate"} <= set(tree["sample_stats"].data_vars)
    shown = az.summary(tree, var_names=["mu", "tau"], ci_prob=0.95, ci_kind="eti", round_to="none")
    assert shown.loc["tau", "mean"] == pytest.approx(thirteen["tau"].mean)


def test_leave_one_out_by_importance_sampling_is_trustworthy_on_the_marginal_likelihood(thirteen):
    assert float(az.loo(thirteen.to_datatree(), pointwise=True).pareto_k.max()) < 0.7


def test_a_prior_that_all_but_rules_heterogeneity_out_gives_the_common_effect(three):
    scale = 1e-139
    result = NUTS().fit(three.effects, RandomEffects(mu=p.Normal(0.0, 2.0), tau=p.HalfNormal(scale)))
    precision = (1.0 / three.effects.v).sum() + 1.0 / 4.0
    mean = (three.effects.y / three.effects.v).sum() / precision
    assert result["mu"].mean == pytest.approx(mean, abs=MCSE * result.report.diagnostics["mcse_mean_mu"])
    for p_tail, word in ((0.025, "q2.5"), (0.975, "q97.5")):
        error = MCSE * result.report.diagnostics[f"mcse_{word}_tau"]
        assert float(result["tau"].ppf(p_tail)) == pytest.approx(stats.halfnorm(scale=scale).ppf(p_tail), abs=error)
