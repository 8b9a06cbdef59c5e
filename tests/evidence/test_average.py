"""Averages over four models: probabilities, Savage-Dickey, posteriors with and without the nulls, what is said."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

import poolwise as pw
from poolwise import priors
from poolwise.errors import InputError, MissingQuantityError, ModelError
from poolwise.evidence.averaged import MODELS
from poolwise.evidence.probabilities import log_inclusion, log_posterior
from support.oracle import PRIORS, Oracle
from support.tables import PACKAGED, RECONSTRUCTED, table

SAVAGE_DICKEY = 1e-10  # log10; two quadratures, each good to 1e-10 of its whole
ROUNDING = 1e-12
MODEL = pw.RandomEffects(mu=priors.Normal(0.0, 1.0), tau=priors.HalfNormal(0.5))
LOG_EVIDENCES = st.lists(st.floats(-1e5, 1e5), min_size=4, max_size=4)
WEIGHTS = st.lists(st.floats(1e-3, 1.0), min_size=4, max_size=4)
INSIDE = np.array([False, True, False, True])


@pytest.fixture(scope="module")
def bcg():
    return pw.average(table("bcg"), MODEL)


@pytest.fixture(scope="module")
def misconduct():
    return pw.average(table("misconduct"), MODEL)


@given(LOG_EVIDENCES, WEIGHTS, st.floats(-1e5, 1e5))
def test_probabilities_sum_to_one_and_a_shift_of_all_evidences_leaves_them(log_evidence, weights, shift):
    evidence, prior = np.array(log_evidence), np.array(weights) / sum(weights)
    posterior = log_posterior(evidence, prior)
    assert np.isfinite(posterior).all()
    assert np.exp(posterior).sum() == pytest.approx(1.0, abs=ROUNDING)
    np.testing.assert_allclose(log_posterior(evidence + shift, prior), posterior, atol=1e-10)  # 2e5 at 1e-16


@given(LOG_EVIDENCES, WEIGHTS)
def test_inclusion_bayes_factors_are_finite_and_antisymmetric(log_evidence, weights):
    evidence, prior = np.array(log_evidence), np.array(weights) / sum(weights)
    there, back = (log_inclusion(evidence, prior, inside) for inside in (INSIDE, ~INSIDE))
    assert math.isfinite(there)
    assert there == pytest.approx(-back, abs=ROUNDING)
    low, high = (np.sort(part) for part in (evidence[~INSIDE], evidence[INSIDE]))
    assert high[0] - low[1] - 1e-9 <= there <= high[1] - low[0] + 1e-9


def test_probabilities_are_those_of_the_oracles_evidences(misconduct):
    effects, logs = table("misconduct"), []
    for random in (False, True):
        for s0 in (0.0, 1.0):
            oracle = Oracle(effects.y, effects.v, PRIORS["HalfNormal(0.5)"], 0.0, s0)
            logs.append(oracle.log_evidence if random else oracle.given_tau(0.0)[0])
    raw = np.exp(logs)
    np.testing.assert_allclose(list(misconduct.probabilities.values()), raw / raw.sum(), rtol=1e-10)
    assert misconduct.effect.log == pytest.approx(math.log((raw[1] + raw[3]) / (raw[0] + raw[2])), abs=1e-10)
    assert misconduct.heterogeneity.log == pytest.approx(math.log((raw[2] + raw[3]) / (raw[0] + raw[1])), abs=1e-10)


@pytest.mark.parametrize("name", [*PACKAGED, *RECONSTRUCTED, "bcg_k2", "normand1999", "molloy2014"])
@pytest.mark.parametrize("tau", [priors.HalfNormal(0.5), priors.HalfCauchy(0.3), priors.LogT(5, -1.72, 1.295)], ids=str)
@pytest.mark.parametrize("mu", [priors.Normal(0.0, 1.0), priors.Normal(0.3, 0.2)], ids=str)
def test_savage_dickey_is_the_ratio_of_evidences(name, tau, mu):
    averaged = pw.average(table(name), pw.RandomEffects(mu=mu, tau=tau))
    for check in averaged.savage_dickey:
        assert abs(check.difference) < SAVAGE_DICKEY


def test_savage_dickey_is_prior_over_posterior_density_at_zero(misconduct):
    """Where the density is not too small for it, the posterior's own pdf tells the same."""
    for check in misconduct.savage_dickey:
        posterior = misconduct.results[check.model]["mu"]
        by_hand = math.log10(float(MODEL.mu.pdf(0.0)) / float(posterior.pdf(0.0)))
        assert check.density_ratio.log10 == pytest.approx(by_hand, abs=1e-9)


def test_the_averaged_posterior_is_the_weighted_sum_of_the_oracles(misconduct):
    effects, weights = table("misconduct"), misconduct.probabilities
    oracle = Oracle(effects.y, effects.v, PRIORS["HalfNormal(0.5)"], 0.0, 1.0)
    null = Oracle(effects.y, effects.v, PRIORS["HalfNormal(0.5)"], 0.0, 0.0)
    _, mean, sd = oracle.given_tau(0.0)
    for x in (-0.2, -0.01, 0.0, 0.35, 0.8):
        step = float(x >= 0.0)
        common, random = ndtr((x - mean) / sd), oracle.mu_cdf(x)
        nulls = weights["common null"] + weights["random null"]
        mu = nulls * step + weights["common effect"] * common + weights["random effect"] * random
        assert float(misconduct["mu"].cdf(x)) == pytest.approx(mu, abs=1e-10)
        given_effect = weights["common effect"] * common + weights["random effect"] * random
        assert float(misconduct.conditional["mu"].cdf(x)) == pytest.approx(given_effect / (1 - nulls), abs=1e-10)
        new = weights["common null"] * step + weights["common effect"] * common
        new += weights["random null"] * (null.new_cdf(x) if x else 0.5) + weights["random effect"] * oracle.new_cdf(x)
        assert float(misconduct["theta_new"].cdf(x)) == pytest.approx(new, abs=1e-10)
    spread = weights["random null"] * null.tau_cdf(0.3) + weights["random effect"] * oracle.tau_cdf(0.3)
    flat = weights["common null"] + weights["common effect"]
    assert float(misconduct["tau"].cdf(0.3)) == pytest.approx(flat + spread, abs=1e-10)
    assert float(misconduct.conditional["tau"].cdf(0.3)) == pytest.approx(spread / (1 - flat), abs=1e-10)


def test_averaged_and_conditional_stand_side_by_side(misconduct):
    frame = misconduct.to_frame(prob=0.9).set_index(["quantity", "posterior"])
    averaged = frame.loc[("mu", "averaged over all four models")]
    given_effect = frame.loc[("mu", "given an effect")]
    assert averaged["p_zero"] == pytest.approx(
        misconduct.probabilities["common null"] + misconduct.probabilities["random null"]
    )
    assert given_effect["p_zero"] == 0.0
    assert (averaged["lower"], averaged["upper"]) == misconduct["mu"].interval(0.9)
    assert (frame[["p_below", "p_zero", "p_above"]].sum(axis=1) - 1.0).abs().max() < ROUNDING
    assert set(frame["interval"]) == {"credible (equal-tailed)"}
    assert set(frame["data"]) == {"reconstructed"}
    assert "given heterogeneity" in frame.loc["tau"].index
    assert misconduct["tau"].point == 0.0  # two of the models, with more than half of the probability, put it there
    assert misconduct.conditional["tau"].point > 0.1


def test_prior_weights_move_the_odds_and_not_the_inclusion_bayes_factor_of_two_models():
    """With next to no weight on the random models the inclusion Bayes factor is that of the common ones."""
    weights = {"common null": 3.0, "common effect": 1.0, "random null": 3e-12, "random effect": 1e-12}
    averaged = pw.average(table("misconduct"), MODEL, prior_weights=weights)
    alone = pw.bayes_factor(averaged.results["common effect"], averaged.results["common null"])
    assert averaged.effect.log == pytest.approx(alone.log, abs=1e-9)
    odds = averaged.probabilities["common effect"] / averaged.probabilities["common null"]
    assert odds == pytest.approx(math.exp(alone.log) / 3.0, rel=1e-12)


@pytest.mark.parametrize("mu", [0.5, 50.0])
def test_a_thousand_studies_and_evidences_a_hundred_thousand_nats_apart(mu):
    rng = np.random.default_rng(3)
    se = rng.uniform(0.02, 0.1, 1000)
    averaged = pw.average(pw.Effects(mu + rng.normal(0, np.hypot(0.2, se)), se=se, scale="identity"), MODEL)
    apart = averaged.models["log_evidence"]
    assert apart.max() - apart.min() > 5e4
    assert np.isfinite(averaged.models.select_dtypes(float)).all(axis=None)
    assert np.isfinite(averaged.bayes_factors["log10"]).all()
    assert np.isfinite(averaged.to_frame().select_dtypes(float)).all(axis=None)
    assert averaged.effect.log10 > 308.0
    assert averaged.effect.text.startswith("10^")
    random = averaged.results["random effect"]
    np.testing.assert_allclose(averaged["mu"].interval(), random["mu"].interval(), rtol=1e-10)
    for check in averaged.savage_dickey:
        assert abs(check.difference) < 1e-14 * abs(apart).max() + SAVAGE_DICKEY


def test_without_an_effect_many_studies_say_so():
    rng = np.random.default_rng(5)
    se = rng.uniform(0.02, 0.1, 1000)
    averaged = pw.average(pw.Effects(rng.normal(0, se), se=se, scale="SMD"))
    assert averaged.effect.favours == "mu = 0"
    assert averaged.heterogeneity.favours == "tau = 0"
    assert averaged["mu"].interval(0.9) == (0.0, 0.0)
    assert averaged["mu"].cdf(0.0) > 0.9


def test_what_is_said_names_sides_priors_and_provenance(misconduct, bcg):
    said = " ".join(misconduct.sentences)
    for words in ("evidence for an effect over μ = 0", "Given an effect", "Averaged over all four models",
                  "Normal(0, 1)", "reconstructed", "k = 3", "Savage-Dickey"):  # fmt: skip
        assert words in said
    assert "reconstructed" in repr(misconduct)
    assert "reconstructed" in misconduct._repr_html_()
    assert "given an effect" in misconduct._repr_html_()
    assert "reconstructed" not in " ".join(bcg.sentences)
    assert bcg.verdict == " ".join(bcg.sentences[:2])
    assert "extreme evidence for heterogeneity" in bcg.verdict
    assert bcg.status == "ok"


def test_the_frames_of_models_and_bayes_factors(bcg):
    assert list(bcg.models["model"]) == list(MODELS)
    assert bcg.models["prior_probability"].sum() == 1.0
    assert bcg.models["posterior_probability"].sum() == pytest.approx(1.0, abs=ROUNDING)
    factors = bcg.bayes_factors.set_index("question")
    pair = pw.bayes_factor(bcg.results["random effect"], bcg.results["random null"])
    assert factors.loc["effect, if heterogeneity", "log10"] == pair.log10
    assert factors.loc["effect, over all models", "log10"] == bcg.effect.log10
    assert not factors.isna().any(axis=None)


def test_an_average_survives_pickling_and_draws_by_seed(bcg):
    again = pickle.loads(pickle.dumps(bcg))
    assert again["mu"].interval() == bcg["mu"].interval()
    np.testing.assert_array_equal(bcg["mu"].sample(50, seed=1), again["mu"].sample(50, seed=1))
    assert "mu" in bcg
    assert list(bcg) == ["mu", "tau", "theta_new"]
    with pytest.raises(MissingQuantityError, match="did you mean 'tau'"):
        bcg["taus"]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_the_mirror_image_of_the_data_has_the_mirror_image_as_its_answer(seed):
    rng = np.random.default_rng(seed)
    y, se = rng.normal(0.2, 0.3, 6), rng.uniform(0.1, 0.4, 6)
    one, other = (pw.average(pw.Effects(sign * y, se=se, scale="SMD"), MODEL) for sign in (1.0, -1.0))
    assert one.effect.log == other.effect.log
    assert one["mu"].interval() == tuple(0.0 - x for x in reversed(other["mu"].interval()))
    assert one.conditional["mu"].probability(lower=0.0) == other.conditional["mu"].probability(upper=0.0)
    assert one["tau"].interval() == other["tau"].interval()


@pytest.mark.parametrize(
    ("model", "weights", "match"),
    [
        (pw.RandomEffects(mu=priors.Flat(), tau=priors.HalfNormal(1)), None, r"mu ~ Flat\(\) is improper"),
        (pw.RandomEffects(tau=priors.Flat()), None, r"tau ~ Flat\(\) is improper"),
        (pw.RandomEffects(mu=priors.Fixed(0.0)), None, "states mu or tau"),
        (pw.RandomEffects(tau_fixed=0.1), None, "states mu or tau"),
        (pw.CommonEffect(), None, "Expected: RandomEffects"),
        (MODEL, {"random": 1.0}, "names the model 'random'"),
        (MODEL, {"common null": 1.0}, "no weight for common effect, random null, random effect"),
        (MODEL, dict.fromkeys(MODELS, 0.0), "'common null' the weight 0.0.*bayes_factor"),
        (MODEL, dict.fromkeys(MODELS, math.inf), "finite number above 0"),
    ],
)
def test_impossible_averages_are_refused(model, weights, match):
    with pytest.raises(ModelError, match=match):
        pw.average(table("bcg"), model, prior_weights=weights)


def test_what_is_no_study_table_is_refused():
    with pytest.raises(InputError, match="given list"):
        pw.average([0.1, 0.2])
    with pytest.raises(ModelError, match="prob = 95"):
        pw.average(table("bcg"), MODEL).to_frame(prob=95)
