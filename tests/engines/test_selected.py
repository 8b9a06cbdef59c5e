"""Models of selection by maximum likelihood through `fit`: what is answered, what is refused, what is said."""

import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise.errors import MissingQuantityError, ModelError

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "selection_models_ml.json").read_text())["sets"]
PROFILE = "confidence (profile likelihood)"
STEP = pw.StepSelection((0.025, 0.5), direction="negative")
MODELS = [
    STEP,
    pw.StepSelection((0.05,), sides=2),
    pw.StepSelection((0.025,), direction="negative", moderators="~ ablat"),
    pw.StepSelection((0.025,), direction="negative", tau=0.0),
    pw.StepSelection((0.025,), direction="negative", weights=(1.0, 0.3)),
    *(pw.WeightFunction(kind, direction="negative") for kind in ("beta", "halfnorm", "negexp", "logistic", "power")),
    pw.WeightFunction("negexp", direction="negative", prec="sei", moderators="~ ablat"),
]


@pytest.fixture(scope="module")
def bcg():
    return pw.datasets.load("bcg")


@pytest.fixture(scope="module")
def step(bcg):
    return pw.fit(bcg, STEP, pw.ClosedForm())


def table(z, se=0.2, **more):
    z = np.asarray(z, dtype=float)
    return pw.Effects(z * se, se=np.full(len(z), se) if np.isscalar(se) else se, scale="SMD", **more)


def test_a_step_function_has_the_numbers_of_metafor(bcg, step):
    fit = next(fit for fit in REFERENCE["bcg"]["fits"] if fit["steps"] == [0.025, 0.5] and not fit["moderated"])
    assert step["mu"].point == pytest.approx(fit["beta"][0], abs=1e-6)
    assert step["mu"].sd == pytest.approx(fit["se_beta"][0], rel=1e-5)
    assert step["omega[p > .5]"].sd == pytest.approx(fit["se_delta"][1], rel=1e-4)
    assert step["LRT"].statistic == pytest.approx(fit["LRT"], abs=1e-8)
    assert (step["LRT"].df, step["LRT"].p_value) == (2, pytest.approx(fit["LRTp"], abs=1e-8))
    assert step.report.diagnostics["log_likelihood_ml"] == pytest.approx(fit["ll"], abs=1e-9)


def test_every_limit_is_of_the_profile_likelihood_and_named_so(step):
    frame = pw.summary(step, prob=0.9).set_index("quantity")
    assert set(frame.loc[["mu", "tau", "tau2", "omega[p > .5]"], "interval"]) == {PROFILE}
    assert frame.loc["tau2", "upper"] == pytest.approx(frame.loc["tau", "upper"] ** 2, rel=1e-9)
    assert frame.loc["omega[p < .025]", "point"] == 1.0
    assert math.isnan(frame.loc["omega[p < .025]", "lower"])


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.label)
def test_the_mirrored_table_has_the_mirrored_answer(bcg, model):
    mirrored = pw.Effects(-bcg.y, se=bcg.se, moderators=bcg.moderators, scale="SMD")
    other = "positive" if model.direction == "negative" else "negative"
    one, two = pw.fit(bcg, model, pw.ClosedForm()), pw.fit(mirrored, _turned(model, other), pw.ClosedForm())
    for name in one:
        sign = -1.0 if name.startswith(("mu", "beta", "theta")) else 1.0
        assert two[name].point == sign * one[name].point
        limits = sorted(sign * np.array(one[name].interval(0.8)))
        np.testing.assert_array_equal(two[name].interval(0.8), limits)


def _turned(model, direction):
    from dataclasses import replace

    return replace(model, direction=direction)


def test_weights_of_one_are_the_model_without_selection(bcg):
    known = pw.fit(bcg, pw.StepSelection((0.025,), direction="negative", weights=(1.0, 1.0)), pw.ClosedForm())
    ml = pw.fit(bcg, pw.RandomEffects(), pw.ClosedForm(tau2="ML", interval="wald"))
    assert known["mu"].point == pytest.approx(ml["mu"].point, abs=1e-9)
    assert known["tau2"].point == pytest.approx(ml["tau2"].point, abs=1e-9)
    loglik = ml.report.diagnostics["log_likelihood_ml"]
    assert known.report.diagnostics["log_likelihood_ml"] == pytest.approx(loglik, abs=1e-10)
    label = bcg.labels[0]
    assert known.studies[label].point == pytest.approx(ml.studies[label].point, abs=1e-9)


def test_the_test_of_a_mean_agrees_with_its_interval(bcg):
    result = pw.fit(bcg, STEP, pw.ClosedForm())
    lower, upper = result["mu"].interval(1.0 - result["mu"].p_value)
    assert min(abs(lower), abs(upper)) < 1e-6


def test_predictions_with_moderators_have_the_limits_of_a_shifted_fit(bcg):
    model = pw.StepSelection((0.025,), direction="negative", moderators="~ ablat")
    predicted = pw.predict(pw.fit(bcg, model, pw.ClosedForm()), {"ablat": [30.0]})
    frame = bcg.moderators.assign(ablat=bcg.moderators["ablat"] - 30.0)
    shifted = pw.fit(pw.Effects(bcg.y, se=bcg.se, moderators=frame, scale=bcg.scale), model, pw.ClosedForm())
    assert predicted["point"][0] == pytest.approx(shifted["beta[intercept]"].point, abs=1e-8)
    expected = shifted["beta[intercept]"].interval(0.95)
    np.testing.assert_allclose(predicted[["lower", "upper"]].to_numpy()[0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("z", "steps", "empty", "merged"),
    [
        ([2.5, 3.0, 4.0, 2.2], (0.025,), "p > .025", ""),
        ([0.5, 1.0, -1.0, 0.2], (0.025, 0.5), "p < .025", "(0.5,)"),
        ([2.5, 1.0, 0.5, 3.0], (0.025, 0.05, 0.5), ".025 < p < .05 or p > .5", "(0.05,)"),
    ],
)
def test_an_empty_interval_is_named_and_merged_steps_are_offered(z, steps, empty, merged):
    with pytest.raises(ModelError, match="does not exist") as raised:
        pw.fit(table(z), pw.StepSelection(steps, direction="positive"), pw.ClosedForm())
    assert empty in str(raised.value)
    assert f"StepSelection({merged}" in str(raised.value) or not merged


@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
@pytest.mark.parametrize("k", [1, 2])
def test_too_few_estimates_are_refused(k):
    with pytest.raises(ModelError, match="at least"):
        pw.fit(table([2.5, 0.3][:k], allow_single=True), pw.StepSelection(direction="positive"), pw.ClosedForm())


@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
def test_dependent_and_reconstructed_rows_are_refused():
    with pytest.raises(ModelError, match="several effects of one study"):
        pw.fit(table([2.5, 0.3, 1.0, 0.2], study=["a", "a", "b", "c"]), STEP, pw.ClosedForm())
    with pytest.raises(ModelError, match="reconstructed"):
        pw.fit(table([2.5, 0.3, 1.0, 0.2], provenance="reconstructed"), STEP, pw.ClosedForm())


@pytest.mark.parametrize(
    ("setting", "value"), [("tau2", "DL"), ("tau2", "PM"), ("interval", "t"), ("interval", "hartung-knapp")]
)
def test_settings_that_do_not_apply_are_refused(bcg, setting, value):
    with pytest.raises(ModelError, match=value):
        pw.fit(bcg, STEP, pw.ClosedForm(**{setting: value}))


def test_wald_intervals_are_given_on_request(bcg, step):
    wald = pw.fit(bcg, STEP, pw.ClosedForm(interval="wald"))
    assert wald["mu"].interval_kind() == "confidence (Wald)"
    reach = 1.959963984540054 * wald["mu"].sd
    np.testing.assert_allclose(wald["mu"].interval(0.95), [wald["mu"].point - reach, wald["mu"].point + reach])
    assert wald["omega[p > .5]"].interval(0.95) == step["omega[p > .5]"].interval(0.95)


def test_known_weights_and_deltas_are_not_estimated(bcg):
    half = pw.priors.Fixed(0.5)
    weights = {".025 < p < .5": half, "p > .5": pw.priors.Beta(1, 1)}
    result = pw.fit(bcg, pw.StepSelection((0.025, 0.5), direction="negative", weights=weights), pw.ClosedForm())
    assert result["omega[.025 < p < .5]"].point == 0.5
    assert not math.isnan(result["omega[p > .5]"].interval(0.95)[1])
    beta = pw.WeightFunction(
        "beta", direction="negative", delta={"1": pw.priors.Fixed(1), "2": pw.priors.HalfNormal(1)}
    )
    result = pw.fit(bcg, beta, pw.ClosedForm())
    assert result["delta[1]"].point == 1.0
    assert result["LRT"].df == 1


def test_what_does_not_exist_says_why(bcg, step):
    with pytest.raises(MissingQuantityError, match="none had been selected"):
        step["I2"]
    known = pw.fit(bcg, pw.StepSelection((0.025,), direction="negative", weights=(1.0, 0.3)), pw.ClosedForm())
    with pytest.raises(MissingQuantityError, match="nothing to test"):
        known["LRT"]
    common = pw.fit(bcg, pw.StepSelection((0.025,), direction="negative", tau=0.0), pw.ClosedForm())
    with pytest.raises(MissingQuantityError, match="common effect"):
        common["theta_new"]


def test_weights_above_one_and_little_power_are_said():
    effects = table([2.1, 2.3, 0.1, 0.2, 0.3, -0.2, -0.3, 0.4])
    notes = " ".join(pw.fit(effects, pw.StepSelection(direction="positive"), pw.ClosedForm()).report.notes)
    assert "2 with p < .025, 6 with p > .025" in notes
    assert "With 8 estimates the likelihood-ratio test of no selection has little power" in notes
    reversed_notes = pw.fit(effects, pw.StepSelection(direction="negative", steps=(0.5,)), pw.ClosedForm()).report.notes
    assert any("above 1" in note for note in reversed_notes)


def test_a_boundary_of_tau_is_a_finding():
    result = pw.fit(table([2.5, 0.3, 1.0, 0.2, 2.1, 1.3]), pw.StepSelection(direction="positive"), pw.ClosedForm())
    assert result["tau"].point == 0.0
    assert result.report.status == "boundary_tau"
    assert result["tau"].interval(0.95)[0] == 0.0


def test_a_result_can_be_pickled_and_shown(step):
    again = pickle.loads(pickle.dumps(step))
    assert again["mu"].interval(0.95) == step["mu"].interval(0.95)
    assert "step weights" in step._repr_html_()
    assert "μ = −0.671" in repr(step)


@pytest.mark.parametrize(("direction", "end"), [("positive", "minus infinity"), ("negative", "infinity")])
def test_a_likelihood_that_rises_for_ever_says_where_to(direction, end):
    se = np.linspace(0.05, 0.4, 15)
    z = 1.96 + np.array([0.02, 1.4, 0.3, 0.1, 2.5, 0.6, 0.05, 0.9, 0.2, 1.1, 0.4, 0.01, 3.0, 0.7, 0.15])
    effects = table(z if direction == "positive" else -z, se)
    model = pw.StepSelection(direction=direction, weights=(1.0, 0.0), mu=pw.priors.Normal(0, 1))
    with pytest.raises(ModelError, match=f"mu goes to {end}"):
        pw.fit(effects, model, pw.ClosedForm())


def test_a_known_covariance_is_refused_by_the_model_itself():
    effects = pw.Effects([0.1, 0.5, 0.3], covariance=0.04 * np.eye(3) + 0.01, scale="SMD")
    with pytest.raises(ModelError, match="pet_peese"):
        pw.fit(effects, pw.StepSelection(direction="positive"), pw.ClosedForm())


def test_a_weight_that_the_data_do_not_tell_is_named_with_its_limits(bcg):
    rng = np.random.default_rng(1)
    se = rng.uniform(0.1, 0.4, 5)
    few = pw.Effects(rng.normal(0.3, se), se=se, scale="SMD")
    fitted = pw.fit(few, pw.StepSelection(direction="positive"), pw.ClosedForm())
    lower, upper = fitted["omega[p > .025]"].interval()
    assert upper > 100.0
    said = f"omega[p > .025] {pw.show.interval(lower, upper)}"
    assert any(said in note for note in fitted.report.notes)
    panel = pw.checks.publication_bias(few, direction="positive").frame.set_index("method")
    assert said in panel.loc["Step selection, ML", "sentence"]
    known = pw.fit(bcg, pw.StepSelection(direction="negative"), pw.ClosedForm())
    assert not any("do not identify" in note for note in known.report.notes)
    beta = pw.fit(bcg, pw.WeightFunction("beta", direction="negative"), pw.ClosedForm())
    assert any("The data do not identify mu" in note for note in beta.report.notes)
