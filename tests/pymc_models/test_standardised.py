"""What the sampler sees of mean effects: their distance from where the estimates put them, given tau."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest
from scipy import stats

from poolwise import priors as p
from poolwise.pymc_models.joint_outcomes import joint_outcomes
from poolwise.pymc_models.location_scale import location_scale
from poolwise.pymc_models.meta_regression import meta_regression
from poolwise.pymc_models.random_effects import random_effects
from poolwise.pymc_models.subgroups import subgroups

SAME_FORMULA = 1e-9
"""Two double-precision evaluations of one formula."""

Y = np.array([0.21, 0.37, 0.55, -0.1])
V = np.array([0.04, 0.05, 0.044, 0.3])
X = np.column_stack([np.ones(4), [0.1, 0.5, -0.4, 1.2]])
OF = np.array([0, 0, 1, 1])
HALF = p.HalfNormal(0.5)
BETA = {"intercept": p.Normal(0.1, 1.0), "dose": p.Normal(-0.2, 0.3)}
FLAT = {"intercept": p.Flat(), "dose": p.Normal(-0.2, 0.3)}
MODELS = {
    "random effects": lambda: random_effects(Y, V, p.Normal(0.1, 1.0), HALF),
    "flat mean": lambda: random_effects(Y, V, p.Flat(), p.HalfCauchy(0.5)),
    "meta-regression": lambda: meta_regression(Y, V, X, BETA, HALF),
    "flat intercept": lambda: meta_regression(Y, V, X, FLAT, HALF),
    "location and scale": lambda: location_scale(Y, V, X, X[:, 1:2], BETA, HALF, {"dose": p.Normal(0, 1)}),
    "subgroups": lambda: subgroups(Y, V, OF, ("a", "b"), p.Normal(0.1, 1.0), HALF),
    "joint outcomes": lambda: joint_outcomes(Y, V, np.eye(2)[OF], ("a", "b"), p.Normal(0.1, 1.0), HALF, HALF, HALF),
}


def log_density(model):
    """The density that is sampled, with Jacobians, as a function of the sampler's own coordinates by name."""
    with model:
        function = pm.compile(list(model.value_vars), model.logp(), mode="FAST_COMPILE", on_unused_input="ignore")
    return lambda point: float(function(*(point[value.name] for value in model.value_vars)))


@pytest.mark.parametrize("name", MODELS)
def test_mean_effects_are_standard_normal_whatever_the_heterogeneity_is(name):
    model, rng = MODELS[name](), np.random.default_rng(1)
    density = log_density(model)
    for _ in range(3):
        centre = {value: rng.normal(size=np.shape(x)) for value, x in model.initial_point().items()}
        for value in centre:
            centre[value] *= not value.endswith("_standardised__")
        z = {value: rng.normal(size=x.shape) for value, x in centre.items() if value.endswith("_standardised__")}
        length = sum(float((x**2).sum()) for x in z.values())
        assert density(centre | z) - density(centre) == pytest.approx(-0.5 * length, abs=SAME_FORMULA)


@pytest.mark.parametrize("mu", [p.Normal(0.1, 1.0), p.StudentT(4.0, 0.1, 0.3), p.Cauchy(0.1, 0.3)], ids=str)
def test_what_is_sampled_has_the_density_of_mu_and_tau_and_the_jacobian_of_both(mu):
    density = log_density(random_effects(Y, V, mu, HALF))
    z, x = 0.7, -0.9
    tau = 0.5 * np.log1p(np.exp(x))  # 0.5 is the scale of the prior
    place, scale = mu.parameters[-2:]
    weight = 1.0 / (V + tau**2)
    precision = weight.sum() + scale**-2
    mean = (weight @ Y + place / scale**2) / precision + z / np.sqrt(precision)
    by_hand = (
        stats.norm(mean, weight**-0.5).logpdf(Y).sum() + mu.log_pdf(np.asarray(mean)) + HALF.log_pdf(np.asarray(tau))
        - 0.5 * np.log(precision) + np.log(0.5) - np.log1p(np.exp(-x))  # d mu / dz and d tau / dx
    )  # fmt: skip
    found = density({"mu_standardised__": z, "tau_straightened__": x})
    assert found == pytest.approx(float(by_hand), abs=SAME_FORMULA)


def test_draws_from_the_prior_do_not_know_of_the_estimates():
    model = random_effects(Y + 5.0, V, p.Normal(0.1, 2.0), HALF)
    mu, tau = pm.draw([model["mu"], model["tau"]], draws=2000, random_seed=1)
    assert stats.kstest(mu, stats.norm(0.1, 2.0).cdf).pvalue > 0.001
    assert stats.kstest(tau, stats.halfnorm(scale=0.5).cdf).pvalue > 0.001


def test_a_model_says_its_priors():
    written = random_effects(Y, V, p.StudentT(4.0, 0.0, 1.0), HALF).str_repr()
    assert "mu ~ StudentT" in written
    assert "tau ~ HalfNormal" in written
