"""What is made from draws of mu and tau, without a sampler."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from poolwise import priors as p
from poolwise.effects import Effects
from poolwise.engines.draws.normal_draws import NormalDraws
from poolwise.engines.means import means
from poolwise.laws import DrawsLaw
from poolwise.model import CommonEffect, RandomEffects
from poolwise.quantities import Posterior

Z = 4.0
"""Standard errors that a mean over independent draws may be away from its expectation: 1 in 16,000."""

EFFECTS = Effects([0.2, 0.4, -0.3, 0.9], se=[0.1, 0.3, 0.2, 2.0])
MODEL = RandomEffects(mu=p.Normal(0.0, 1.0), tau=p.HalfNormal(0.5))
SHAPE = (4, 5000)


def record(model, sampled, effects=EFFECTS):
    """Draws of mu, and of tau if there is any, without those of true effects."""
    scalars = {name: x for name, x in sampled.items() if name != "mu"}
    return NormalDraws(effects, model, means(effects, model), sampled["mu"][..., None], scalars)


def complete(model, sampled, seed):
    """All draws by name."""
    made = record(model, sampled).completed(np.random.default_rng(seed))
    return {**sampled, "theta": made.theta, **made.new}


@pytest.fixture(scope="module")
def sampled() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {"mu": rng.normal(0.2, 0.3, SHAPE), "tau": np.abs(rng.normal(0.0, 0.4, SHAPE))}


@pytest.fixture(scope="module")
def draws(sampled) -> dict[str, np.ndarray]:
    return complete(MODEL, sampled, 4)


def assert_standard_normal(z: np.ndarray) -> None:
    """First two moments within Z standard errors, and the whole distribution by Kolmogorov and Smirnov."""
    assert abs(z.mean()) <= Z / np.sqrt(z.size)
    assert abs(z.var() - 1.0) <= Z * np.sqrt(2.0 / z.size)
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-4


def test_theta_follows_its_conditional_law_given_mu_and_tau(draws):
    mu, tau = draws["mu"][..., None], draws["tau"][..., None]
    precision = 1.0 / EFFECTS.v + 1.0 / tau**2
    mean = (EFFECTS.y / EFFECTS.v + mu / tau**2) / precision
    z = (draws["theta"] - mean) * np.sqrt(precision)
    for i in range(EFFECTS.k):
        assert_standard_normal(z[..., i])
        assert abs(np.corrcoef(z[..., i].ravel(), draws["tau"].ravel())[0, 1]) <= Z / np.sqrt(z[..., i].size)


def test_study_effects_are_independent_given_mu_and_tau(draws):
    mu, tau = draws["mu"][..., None], draws["tau"][..., None]
    precision = 1.0 / EFFECTS.v + 1.0 / tau**2
    z = (draws["theta"] - (EFFECTS.y / EFFECTS.v + mu / tau**2) / precision) * np.sqrt(precision)
    off_diagonal = np.corrcoef(z.reshape(-1, EFFECTS.k).T)[np.triu_indices(EFFECTS.k, 1)]
    assert np.all(np.abs(off_diagonal) <= Z / np.sqrt(z[..., 0].size))


def test_theta_new_is_normal_about_mu_with_sd_tau(draws):
    assert_standard_normal((draws["theta_new"] - draws["mu"]) / draws["tau"])


def test_without_heterogeneity_every_study_effect_is_mu():
    sampled = {"mu": np.random.default_rng(5).normal(size=(2, 50))}
    model = RandomEffects(mu=p.Flat(), tau_fixed=0.0)
    draws = complete(model, sampled, 6)
    assert np.all(draws["theta"] == sampled["mu"][..., None])
    assert np.all(draws["theta_new"] == sampled["mu"])


def test_study_effects_stay_finite_at_any_tau():
    sampled = {"mu": np.zeros((1, 5)), "tau": np.array([[0.0, 1e-300, 1.0, 1e100, 1e200]])}
    draws = complete(MODEL, sampled, 7)
    assert np.all(np.isfinite(draws["theta"]))


def test_weights_are_the_mean_shares_of_precision(sampled):
    precision = 1.0 / (EFFECTS.v + sampled["tau"][..., None] ** 2)
    by_hand = (precision / precision.sum(axis=-1, keepdims=True)).mean(axis=(0, 1))
    assert list(record(MODEL, sampled).weights().values()) == pytest.approx(by_hand.tolist(), rel=1e-12)


def test_weights_of_a_common_effect_are_inverse_variances():
    weights = record(CommonEffect(mu=p.Flat()), {"mu": np.zeros((2, 3))}).weights()
    assert list(weights.values()) == pytest.approx((1.0 / EFFECTS.v / (1.0 / EFFECTS.v).sum()).tolist(), rel=1e-12)


def test_i2_and_tau2_are_functions_of_tau(sampled, draws):
    found = record(MODEL, sampled).quantities()
    w = 1.0 / EFFECTS.v
    typical = (EFFECTS.k - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum())
    square = draws["tau"] ** 2
    assert found["tau2"].law.draws == pytest.approx(square)
    assert found["I2"].law.draws == pytest.approx(square / (square + typical), rel=1e-12)


@pytest.mark.parametrize(
    ("k", "mu", "tau", "expected"),
    [
        # The m-th moment of tau exists if and only if k + a - m > 1, with k - 1 for k under a flat mu; those
        # of tau2 are every second one of tau. Four are counted at most, two of mu and theta_new.
        (4, p.Normal(0.0, 1.0), p.HalfNormal(0.5), {"mu": 2, "tau": 4, "theta_new": 2, "tau2": 2}),
        (4, p.Flat(), p.Flat(), {"mu": 1, "tau": 1, "theta_new": 1, "tau2": 0}),
        (4, p.Normal(0.0, 1.0), p.Flat(), {"mu": 2, "tau": 2, "theta_new": 2, "tau2": 1}),
        (4, p.Flat(), p.Uniform(0.0, 9.0), {"mu": 2, "tau": 4, "theta_new": 2, "tau2": 2}),
        # The logarithm in the tail of a log-t prior decides at the border: 1 / (x log(x)^6) is integrable.
        (3, p.Normal(0.0, 1.0), p.LogT(5.0, 0.0, 1.0), {"mu": 2, "tau": 3, "theta_new": 2, "tau2": 1}),
        (3, p.Normal(0.0, 1.0), p.LogT(1.0, 0.0, 1.0), {"mu": 2, "tau": 2, "theta_new": 2, "tau2": 1}),
        (4, p.Normal(0.0, 1.0), p.InverseGamma(0.01, 1.0), {"mu": 2, "tau": 3, "theta_new": 2, "tau2": 1}),
    ],
    ids=str,
)
def test_moments_that_exist(k, mu, tau, expected):
    effects = Effects(np.arange(float(k)), se=np.ones(k))
    draws = {"mu": np.zeros((1, 2)), "tau": np.ones((1, 2))}
    found = record(RandomEffects(mu=mu, tau=tau), draws, effects).completed(np.random.default_rng(1)).existing_moments()
    assert expected.items() <= found.items()


def test_a_law_without_moments_has_quantiles_but_no_mean_and_no_sd():
    draws = np.arange(100.0).reshape(4, 25)
    assert np.isnan(Posterior(DrawsLaw(draws, 1)).sd)
    assert Posterior(DrawsLaw(draws, 1)).mean == 49.5
    assert np.isnan(Posterior(DrawsLaw(draws, 0)).mean)
    assert Posterior(DrawsLaw(draws, 0)).point == 49.5


def test_the_density_of_tau_is_whole_on_its_side_of_zero():
    law = DrawsLaw(np.abs(np.random.default_rng(8).normal(size=(4, 2000))), lower=0.0)
    x = np.linspace(-2.0, 6.0, 1601)
    density = law.pdf(x)
    assert np.all(density[x < 0] == 0.0)
    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=5e-3)
    assert law.pdf(np.array(0.0)) == pytest.approx(stats.halfnorm.pdf(0.0), rel=0.1)


def test_one_study_has_no_i2(sampled):
    one = record(MODEL, sampled, Effects([0.2], se=[0.1], allow_single=True)).completed(np.random.default_rng(1))
    assert list(one.quantities()) == ["mu", "tau", "tau2", "theta_new"]


def test_a_common_effect_has_mu_alone():
    draws = record(CommonEffect(mu=p.Flat()), {"mu": np.ones((2, 3))}).completed(np.random.default_rng(0))
    assert list(draws.quantities()) == ["mu"]
    assert (draws.theta == 1.0).all()
