"""Records of publication bias: what they say, which arguments they refuse and with what words."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.errors import ModelError

THREE = pw.Effects([0.1, 0.9, 0.8], se=[0.1, 0.2, 0.2], scale="SMD")


def test_a_direction_is_asked_for_where_it_matters():
    for make in (pw.StepSelection, lambda: pw.WeightFunction("power")):
        with pytest.raises(ModelError, match="no direction is given"):
            make()
    assert pw.StepSelection(sides=2) == pw.StepSelection(sides=2, direction="positive")


def test_statements_name_intervals_and_priors():
    assert pw.StepSelection((0.025, 0.5), direction="positive").weight_names == (
        "omega[p < .025]", "omega[.025 < p < .5]", "omega[p > .5]"
    )  # fmt: skip
    known = pw.StepSelection(direction="negative", weights=(1, 0.5), tau=0.2).statement()
    assert known[-1] == "omega[p < .025] = 1, omega[p > .025] = 0.5"
    assert "tau = 0.2" in known
    assert "far below 0" in known[1]
    free = pw.StepSelection(direction="positive", weights=priors.HalfNormal(2))
    assert free.statement()[-1] == "omega[p < .025] = 1, omega[p > .025] ~ HalfNormal(2)"
    assert free.named_priors["omega[p > .025]"] == priors.HalfNormal(2)


@pytest.mark.parametrize("steps", [(), (0.5, 0.025), (0.0, 0.5), (0.025, 1.0), (np.nan,), "0.025", None, (0.1, 0.1)])
def test_steps_are_p_values_that_rise(steps):
    with pytest.raises(ModelError, match="p-values that rise, between 0 and 1"):
        pw.StepSelection(steps, direction="positive")


@pytest.mark.parametrize("weights", [(1,), (1, 0.5, 0.2), (0.5, 1), (1, -1), (1, np.nan), "ab", 5])
def test_known_weights_are_one_for_each_interval_the_first_1(weights):
    with pytest.raises(ModelError, match="2 numbers of at least 0"):
        pw.StepSelection(direction="positive", weights=weights)


def test_a_weight_of_0_where_something_was_published_is_refused_and_so_is_a_flat_prior_beside_one():
    with pytest.raises(ModelError, match="whose weight is known to be 0: study 1"):
        pw.StepSelection(direction="positive", weights=(1, 0)).resolved(THREE)
    flat = pw.StepSelection((0.001, 0.1), direction="negative", weights=(1, 0, 1), mu=priors.Flat())
    with pytest.raises(ModelError, match="the posterior is improper"):
        flat.resolved(THREE)


def test_a_scale_without_a_null_has_no_p_values():
    logit = pw.Effects([0.1, 0.9, 0.8], se=[0.1, 0.2, 0.2], scale="logit")
    with pytest.raises(ModelError, match="no value of no effect"):
        pw.StepSelection(direction="positive").resolved(logit)


def test_default_weights_at_a_half_are_uniform():
    """The prior on delta makes omega(.5) uniform: its quantiles are those of omega, mirrored."""
    omega = {
        "halfnorm": lambda d: np.exp(-0.25 * d),
        "negexp": lambda d: np.exp(-0.5 * d),
        "logistic": lambda d: 2.0 * np.exp(-0.5 * d) / (1.0 + np.exp(-0.5 * d)),
        "power": lambda d: 0.5**d,
    }
    u = np.array([0.1, 0.5, 0.9])
    for kind, weight in omega.items():
        prior = pw.WeightFunction(kind, direction="positive").delta_priors["delta"]
        assert weight(prior.ppf(u)) == pytest.approx(1.0 - u, rel=1e-9)


def test_an_estimate_on_a_step_is_named():
    model = pw.StepSelection(direction="positive")
    assert model.near_a_step(pw.Effects([1.959963984540054 * 0.2, 0.9, 0.8], se=[0.2, 0.2, 0.3], scale="SMD")) == (
        "'study 1'",
    )
    assert model.near_a_step(THREE) == ()


@pytest.mark.parametrize("model", [
    pw.StepSelection((0.025,), direction="negative"), pw.WeightFunction("beta", direction="negative"),
])  # fmt: skip
def test_no_study_is_left_out_of_a_model_of_selection_and_what_to_try_is_said(model):
    effects = pw.datasets.load("bcg")
    fitted = pw.fit(effects, model, pw.ClosedForm())
    for asked in ((effects, model), (fitted,)):
        with pytest.raises(pw.PoolwiseError, match=r"would have been published.*effects\.drop.*checks\.loo"):
            pw.checks.leave_one_out(*asked)
