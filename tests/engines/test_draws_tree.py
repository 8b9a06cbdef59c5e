"""The DataTree of a posterior says the right things about likelihood, prior and data."""

from __future__ import annotations

import arviz as az
import numpy as np
import pytest
from scipy import stats

from poolwise import priors as p
from poolwise.effects import Effects
from poolwise.engines.draws.normal_draws import NormalDraws
from poolwise.engines.draws.normal_tree import normal_tree
from poolwise.engines.means import means
from poolwise.model import CommonEffect, RandomEffects

Z = 4.0
"""Standard errors that a mean over draws may be away from its expectation: 1 in 16,000."""

EFFECTS = Effects([0.2, 0.4, -0.3, 0.1], se=[0.1, 0.3, 0.2, 0.25], scale="SMD", study=["A", "B", "C", "D"])
MODEL = RandomEffects(mu=p.Normal(0.0, 1.0), tau=p.HalfNormal(0.5))
SHAPE = (4, 500)


def tree_of(model, effects=EFFECTS, **sampled):
    rng = np.random.default_rng(1)
    draws = NormalDraws(effects, model, means(effects, model), rng.normal(0.2, 0.2, (*SHAPE, 1)), sampled)
    return normal_tree(draws.completed(rng), "NUTS", rng)


@pytest.fixture(scope="module")
def tree():
    return tree_of(MODEL, tau=np.abs(np.random.default_rng(2).normal(0.0, 0.3, SHAPE)))


def test_the_likelihood_is_the_marginal_one(tree):
    mu, tau = (tree["posterior"][name].values[..., None] for name in ("mu", "tau"))
    by_hand = stats.norm(mu, np.sqrt(EFFECTS.v + tau**2)).logpdf(EFFECTS.y)
    np.testing.assert_allclose(tree["log_likelihood"]["y"].values, by_hand, rtol=1e-12, atol=1e-12)


def test_the_prior_is_that_of_mu_and_tau_and_of_nothing_else(tree):
    assert set(tree["log_prior"].data_vars) == {"mu", "tau"}
    by_hand = stats.halfnorm(scale=0.5).logpdf(tree["posterior"]["tau"].values)
    np.testing.assert_allclose(tree["log_prior"]["tau"].values, by_hand, rtol=1e-12, atol=1e-12)


def test_replicated_estimates_have_an_effect_and_an_error_of_their_own(tree):
    mu, tau = (tree["posterior"][name].values[..., None] for name in ("mu", "tau"))
    z = (tree["posterior_predictive"]["y"].values - mu) / np.sqrt(EFFECTS.v + tau**2)
    assert abs(z.mean()) <= Z / np.sqrt(z.size)
    assert abs(z.var() - 1.0) <= Z * np.sqrt(2.0 / z.size)


def test_estimates_and_errors_are_kept_by_study(tree):
    assert tree["observed_data"]["y"].sel(study="C") == -0.3
    assert tree["constant_data"]["se"].sel(study="C") == pytest.approx(0.2)


def test_attributes_say_what_it_is(tree):
    wanted = {"label": "NUTS", "model": "random effects", "scale": "SMD", "data": "reported"}
    assert wanted.items() <= tree.attrs.items()
    assert tree.attrs["prior"] == "mu ~ Normal(0, 1), tau ~ HalfNormal(0.5)"
    assert tree.attrs["inference_library"] == "poolwise"
    assert tree.attrs["data_hash"] == EFFECTS.data_hash


def test_reconstructed_data_are_called_so():
    effects = Effects(EFFECTS.y, se=EFFECTS.se, provenance=["reported", "reconstructed", "reported", "reported"])
    assert tree_of(CommonEffect(mu=p.Flat()), effects).attrs["data"] == "reconstructed"


def test_a_known_tau_is_data_and_not_a_draw():
    tree = tree_of(RandomEffects(mu=p.Normal(0.0, 1.0), tau_fixed=0.3))
    assert set(tree["posterior"].data_vars) == {"mu", "theta", "theta_new"}
    assert set(tree["log_prior"].data_vars) == {"mu"}
    assert tree["constant_data"]["tau"] == 0.3
    by_hand = stats.norm(tree["posterior"]["mu"].values[..., None], np.sqrt(EFFECTS.v + 0.09)).logpdf(EFFECTS.y)
    np.testing.assert_allclose(tree["log_likelihood"]["y"].values, by_hand, rtol=1e-12, atol=1e-12)


def test_a_common_effect_has_neither_tau_nor_theta():
    tree = tree_of(CommonEffect(mu=p.Flat()))
    assert set(tree["posterior"].data_vars) == {"mu"}
    assert np.all(tree["log_prior"]["mu"].values == 0.0)


def test_prior_sensitivity_looks_at_the_two_parameters_alone(tree):
    shown = az.psense_summary(tree, var_names=["mu", "tau"])
    assert list(shown.index) == ["mu", "tau"]


@pytest.mark.parametrize("plot", ["plot_dist", "plot_rank", "plot_ppc_dist"])
def test_arviz_plots_the_tree(tree, plot):
    options = {} if plot == "plot_ppc_dist" else {"var_names": ["mu", "tau", "theta"]}
    drawn = getattr(az, plot)(tree, backend="none", **options)
    assert drawn is not None
