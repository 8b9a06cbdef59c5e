from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from poolwise.closed_form.inference import (
    INTERVALS,
    coefficients,
    critical,
    p_value,
    prediction_df,
    study_effects,
)
from poolwise.closed_form.least_squares import fit_at, prepare
from poolwise.closed_form.tau2 import estimate_tau2
from support.matrices import problem
from support.metafor import figures

MATRIX = 1e-11
METAFOR = 1e-8


def fitted(explicit, interval):
    data = prepare(explicit.y, explicit.v, explicit.X)
    return data, coefficients(fit_at(data, np.array([explicit.tau2])), interval)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("interval", list(INTERVALS))
def test_covariances_are_those_of_matrix_algebra(interval, p):
    explicit = replace(problem(1, k=12, p=p), tau2=0.05)
    _, coef = fitted(explicit, interval)
    estimated = explicit.q / (12 - p)
    factor = {"hartung-knapp": estimated, "hartung-knapp-adhoc": max(estimated, 1.0)}.get(interval, 1.0)
    np.testing.assert_allclose(coef.cov[0], factor * explicit.cov, rtol=MATRIX, atol=1e-14)
    np.testing.assert_allclose(coef.se[0], np.sqrt(factor * np.diag(explicit.cov)), rtol=MATRIX)
    assert coef.df[0] == (np.inf if interval == "wald" else 12 - p)


@pytest.mark.parametrize("dataset", ["bcg", "raudenbush1985"])
def test_metaregression_coefficients_and_shrunken_effects_agree_with_metafor(dataset):
    reference = figures(dataset)
    X = np.column_stack([np.ones(reference["k"]), reference["regression"]["x"]])
    data = prepare(reference["y"], reference["v"], X)
    for name, theirs in reference["regression"]["fits"].items():
        between = estimate_tau2(data, name)
        coef = coefficients(between.fit, "hartung-knapp")
        np.testing.assert_allclose(coef.beta[0], theirs["beta"], rtol=METAFOR)
        np.testing.assert_allclose(coef.se[0], theirs["se"], rtol=METAFOR)
        if "blup" in theirs:
            ours = study_effects(coef, between.value)
            np.testing.assert_allclose(ours.theta[0], theirs["blup"]["theta"], rtol=METAFOR)
            np.testing.assert_allclose(ours.sd[0], theirs["blup"]["sd"], rtol=METAFOR)


@pytest.mark.parametrize("p", [1, 2])
def test_shrunken_effects_are_the_conditional_means_of_the_joint_normal(p):
    explicit = replace(problem(2, p=p), tau2=0.3)
    _, coef = fitted(explicit, "wald")
    ours = study_effects(coef, np.array([0.3]))
    fitted_mean = explicit.X @ explicit.beta
    expected = fitted_mean + 0.3 * explicit.W @ (explicit.y - fitted_mean)
    # theta - X beta-hat given y: tau2 I - tau2 W tau2 for known beta, plus what beta-hat adds
    share = 0.3 * np.diag(explicit.W)
    through = (1 - share)[:, None] * explicit.X
    variance = share * explicit.v + np.diag(through @ explicit.cov @ through.T)
    np.testing.assert_allclose(ours.theta[0], expected, rtol=MATRIX)
    np.testing.assert_allclose(ours.sd[0] ** 2, variance, rtol=MATRIX)


def test_without_heterogeneity_every_study_effect_is_the_mean():
    explicit = problem(3)
    _, coef = fitted(explicit, "wald")
    ours = study_effects(coef, np.zeros(1))
    np.testing.assert_allclose(ours.theta[0], explicit.beta[0], rtol=MATRIX)
    np.testing.assert_allclose(ours.sd[0], coef.se[0, 0], rtol=MATRIX)


@pytest.mark.parametrize("prob", [0.5, 0.89, 0.95, 0.999])
def test_critical_values_are_quantiles(prob):
    df = np.array([1.0, 2.0, 12.0, 250.0, np.inf, 0.0, -1.0, np.nan])
    expected = [*student.ppf((1 + prob) / 2, df[:4]), norm.ppf((1 + prob) / 2), np.nan, np.nan, np.nan]
    np.testing.assert_allclose(critical(df, prob), expected, rtol=1e-12)


def test_p_values_are_two_sided_tails():
    statistic, df = np.array([-2.0, 3.5, 9.0, 0.0]), np.array([4.0, np.inf, 30.0, 7.0])
    expected = [2 * student.sf(2.0, 4), 2 * norm.sf(3.5), 2 * student.sf(9.0, 30), 1.0]
    np.testing.assert_allclose(p_value(statistic, df), expected, rtol=1e-11)


@pytest.mark.parametrize(("convention", "expected"), [("z", np.inf), ("t", 4.0), ("riley", 3.0)])
def test_prediction_conventions(convention, expected):
    assert prediction_df(prepare(np.arange(5.0), np.ones(5)), convention)[0] == expected
    assert np.isnan(prediction_df(prepare([0.0, 1.0], [1.0, 1.0]), convention)[0])


@given(seed=st.integers(0, 10_000), tau2=st.sampled_from([0.0, 0.01, 0.3, 5.0]))
def test_the_ad_hoc_interval_is_never_narrower_than_the_t_interval(seed, tau2):
    explicit = replace(problem(seed, k=5), tau2=tau2)
    _, t = fitted(explicit, "t")
    _, adhoc = fitted(explicit, "hartung-knapp-adhoc")
    assert adhoc.se[0, 0] >= t.se[0, 0]
    assert adhoc.df[0] == t.df[0]
