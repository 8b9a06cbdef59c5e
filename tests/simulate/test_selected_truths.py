"""Simulated selection: estimates that are published have the density that model, truth and likelihood say."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.engines.draws.selection_likelihood import SelectionLikelihood
from poolwise.simulate.simulators import truth

SE = np.geomspace(0.08, 0.5, 8)
DESIGN = pw.Effects(np.zeros(8), se=SE, scale="SMD", moderators={"x": np.arange(8.0)})
MEAN = {"mu": priors.Normal(0.0, 0.3), "tau": priors.HalfNormal(0.3)}
MODELS = {
    "falling": pw.StepSelection((0.025, 0.5), direction="positive", **MEAN),
    "two sides": pw.StepSelection((0.05, 0.1), direction="negative", sides=2, weights=priors.HalfNormal(1), **MEAN),
    "known": pw.StepSelection(direction="negative", weights=(1.0, 0.3), mu=priors.Normal(0, 0.3), tau=0.0),
    "moderators": pw.StepSelection(
        direction="negative", moderators=["x"], beta=priors.Normal(0, 0.1), tau=priors.HalfNormal(0.3)
    ),
    "beta": pw.WeightFunction("beta", direction="positive", **MEAN),
    "half-normal": pw.WeightFunction("halfnorm", direction="negative", prec="sei", **MEAN),
    "power, two sides": pw.WeightFunction("power", direction="negative", sides=2, **MEAN),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_what_a_simulator_draws_has_the_density_that_the_model_says(model):
    resolved, rng = model.resolved(DESIGN), np.random.default_rng(2)
    likelihood = SelectionLikelihood.of(DESIGN, resolved)
    for _ in range(3):
        made = truth(resolved, DESIGN, rng)
        y = made.drawn(rng)[1]
        own = SelectionLikelihood(made.table(DESIGN, y), resolved, likelihood.before)
        parameters = {name: np.array(value) for name, value in made.scalars.items() if name != "theta_new"}
        parameters |= {"tau": np.array(made.tau)}
        assert own.log_likelihood(parameters).sum() == pytest.approx(made.log_likelihood(y), abs=1e-6)


def test_more_is_published_where_weights_are_larger():
    made = truth(MODELS["known"].resolved(DESIGN), DESIGN, np.random.default_rng(5))
    rng, size = np.random.default_rng(6), 400
    seen = np.array([made.drawn(rng)[1] for _ in range(size)])
    plain = made.mean + SE * np.random.default_rng(7).standard_normal((20_000, 8))
    below = (plain < -1.959964 * SE).mean(axis=0)
    expected = below / (below + 0.3 * (1.0 - below))
    assert (seen < -1.959964 * SE).mean(axis=0) == pytest.approx(expected, abs=4.0 * 0.5 / np.sqrt(size))
