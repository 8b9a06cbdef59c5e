"""Probabilities of regions and what a new study would report, by every kind of posterior."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import poolwise as pw
from poolwise import priors
from support.tables import table

SE = 0.25
MODELS = {
    "normal": pw.RandomEffects(priors.Normal(0, 1), priors.HalfNormal(0.5)),
    "one-sided": pw.RandomEffects(priors.TruncatedNormal(0, 1, 0), priors.HalfNormal(0.5)),
    "robust": pw.RandomEffects(
        priors.Mixture([0.7, 0.3], [priors.Normal(0.3, 0.2), priors.Normal(0, 1)]), priors.HalfNormal(0.5)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_new_estimate_is_the_true_effect_with_its_error(name):
    result = pw.fit(table("misconduct"), MODELS[name], pw.Exact())
    new, theta = result.new_estimate(SE), result["theta_new"]

    def below(x):
        return quad(lambda t: float(theta.pdf(t)) * norm.cdf((x - t) / SE), -8, 8, limit=400, points=[0, 0.4])[0]

    assert new.cdf(np.array([-0.3, 0.2, 0.9])) == pytest.approx([below(x) for x in (-0.3, 0.2, 0.9)], abs=1e-7)
    assert new.sd == pytest.approx(np.hypot(theta.sd, SE))
    assert new.mean == pytest.approx(theta.mean)


def test_a_new_estimate_from_draws():
    exact = pw.fit(table("bcg"), pw.RandomEffects(), pw.Exact()).new_estimate(SE)
    drawn = pw.fit(table("bcg"), pw.RandomEffects(), pw.NUTS(draws=500, tune=500, chains=2, seed=3, progress=False))
    assert drawn.new_estimate(SE).interval(0.5) == pytest.approx(exact.interval(0.5), abs=0.1)


def test_outcomes_have_new_estimates_too():
    result = pw.fit(pw.datasets.load("working_alliance"), pw.JointOutcomes(), pw.Exact())
    own = result["theta_new[misconduct]"]
    assert result.new_estimate(SE, "theta_new[misconduct]").sd == pytest.approx(np.hypot(own.sd, SE))


@pytest.mark.parametrize(("se", "name"), [(0.0, "theta_new"), (np.inf, "theta_new"), ("a", "theta_new"), (0.1, "tau")])
def test_no_estimate_without_an_error_or_of_a_spread(se, name):
    result = pw.fit(table("bcg"), pw.RandomEffects(), pw.Exact())
    with pytest.raises(pw.PoolwiseError):
        result.new_estimate(se, name)


def test_a_confidence_interval_makes_no_predictions():
    result = pw.fit(table("bcg"), pw.RandomEffects(), pw.ClosedForm())
    with pytest.raises(pw.PoolwiseError, match="no posterior"):
        result.new_estimate(0.1)
    with pytest.raises(AttributeError, match="no probability"):
        result["mu"].probability(-0.1, 0.1)


def test_the_probability_of_a_region():
    mu = pw.fit(table("bcg"), MODELS["normal"], pw.Exact())["mu"]
    inside = quad(lambda x: float(mu.pdf(x)), -0.8, -0.5, epsabs=1e-12)[0]
    assert mu.probability(-0.8, -0.5) == pytest.approx(inside, abs=1e-9)
    assert mu.probability(upper=0.0) == pytest.approx(float(mu.cdf(0.0)))
    assert mu.probability() == 1.0
    with pytest.raises(pw.PoolwiseError, match="region"):
        mu.probability(0.1, -0.1)
