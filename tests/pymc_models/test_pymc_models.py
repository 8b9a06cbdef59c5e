"""The PyMC models say what their statements say."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest
from scipy import stats

from poolwise import priors as p
from poolwise.pymc_models.common_effect import common_effect
from poolwise.pymc_models.random_effects import random_effects
from support.pymc_points import log_posterior

SAME_FORMULA = 1e-10
"""Two double-precision evaluations of one formula, relative."""

Y = np.array([0.21, 0.37, 0.55, -0.1])
V = np.array([0.04, 0.05, 0.044, 0.3])


@pytest.mark.parametrize(("mu", "tau"), [(0.0, 0.1), (0.4, 1.3), (-2.0, 0.01)])
def test_random_effects_is_the_marginal_normal_normal_model(mu, tau):
    model = random_effects(Y, V, p.Normal(0.1, 1.0), p.HalfNormal(0.5))
    by_hand = (
        stats.norm(mu, np.sqrt(V + tau**2)).logpdf(Y).sum()
        + stats.norm(0.1, 1.0).logpdf(mu)
        + stats.halfnorm(scale=0.5).logpdf(tau)
    )
    assert log_posterior(model, mu=mu, tau=tau) == pytest.approx(by_hand, rel=SAME_FORMULA)


def test_common_effect_has_one_effect_behind_all_studies():
    model = common_effect(Y, V, p.Normal(0.1, 1.0))
    by_hand = stats.norm(0.3, np.sqrt(V)).logpdf(Y).sum() + stats.norm(0.1, 1.0).logpdf(0.3)
    assert log_posterior(model, mu=0.3) == pytest.approx(by_hand, rel=SAME_FORMULA)


def test_the_data_may_be_exchanged_for_a_table_of_another_length():
    model = random_effects(Y, V, p.Flat(), p.HalfNormal(0.5))
    with model:
        pm.set_data({"y": Y[:2], "v": V[:2]})
    by_hand = stats.norm(0.2, np.sqrt(V[:2] + 0.3**2)).logpdf(Y[:2]).sum() + stats.halfnorm(scale=0.5).logpdf(0.3)
    assert log_posterior(model, mu=0.2, tau=0.3) == pytest.approx(by_hand, rel=SAME_FORMULA)


def test_the_study_effects_are_integrated_out():
    model = random_effects(Y, V, p.Flat(), p.HalfNormal(0.5))
    assert {variable.name for variable in model.free_RVs} == {"mu", "tau"}
