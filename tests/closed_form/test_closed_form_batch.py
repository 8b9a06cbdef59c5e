from __future__ import annotations

import numpy as np
import pytest

from poolwise.closed_form import batch
from poolwise.closed_form.batch import common_effect_batch, q_profile_batch, random_effects_batch
from poolwise.closed_form.heterogeneity import q_profile
from poolwise.closed_form.inference import coefficients, critical, prediction_df
from poolwise.closed_form.least_squares import inverse_variance_fit, prepare
from poolwise.closed_form.tau2 import ESTIMATORS, estimate_tau2
from support.matrices import problem

SAME = 1e-12  # the same arithmetic on padded arrays: only the order of summation differs


@pytest.fixture
def padded():
    """Sixty data sets of 2 to 9 studies, NaN-padded to 9."""
    rng = np.random.default_rng(4)
    y, v = np.full((60, 9), np.nan), np.full((60, 9), np.nan)
    for row in range(60):
        k = rng.integers(2, 10)
        one = problem(row, k=k)
        y[row, :k], v[row, :k] = one.y, one.v
    return y, v


@pytest.mark.parametrize("estimator", list(ESTIMATORS))
def test_each_row_is_the_fit_of_that_data_set_alone(padded, estimator):
    y, v = padded
    together = random_effects_batch(y, v, tau2=estimator, prob=0.9)
    for row in range(len(y)):
        there = np.isfinite(y[row])
        data = prepare(y[row, there], v[row, there])
        tau2 = estimate_tau2(data, estimator)
        coef = coefficients(tau2.fit, "hartung-knapp-adhoc")
        mu, se = coef.beta[0, 0], coef.se[0, 0]
        new = critical(prediction_df(data, "t"), 0.9)[0] * np.sqrt(tau2.value[0] + se**2)
        assert together.tau2[row] == pytest.approx(tau2.value[0], rel=1e-10, abs=1e-14)
        assert together.se_tau2[row] == pytest.approx(tau2.se[0], rel=1e-10)
        assert together.mu[row] == pytest.approx(mu, rel=1e-10)
        reach = critical(coef.df, 0.9)[0] * se
        assert together.lower[row] == pytest.approx(mu - reach, rel=1e-9, abs=1e-10)
        assert together.new_upper[row] == pytest.approx(mu + new, rel=1e-9, abs=1e-10, nan_ok=True)


def test_common_effects_and_profiles_match_single_fits(padded):
    y, v = padded
    common, profiles = common_effect_batch(y, v), q_profile_batch(y, v)
    for row in range(len(y)):
        there = np.isfinite(y[row])
        data = prepare(y[row, there], v[row, there])
        coef = coefficients(inverse_variance_fit(data), "wald")
        assert common.mu[row] == pytest.approx(coef.beta[0, 0], rel=SAME)
        assert common.upper[row] == pytest.approx(coef.beta[0, 0] + 1.959963984540054 * coef.se[0, 0], rel=1e-10)
        np.testing.assert_allclose(profiles[row], q_profile(data)[0], rtol=1e-10, atol=1e-14)


def test_too_few_studies_give_nan_and_touch_no_other_row():
    y = np.array([[0.3, np.nan, np.nan], [0.1, 0.5, 0.2], [np.nan] * 3, [0.2, 0.4, np.nan]])
    v = np.where(np.isnan(y), np.nan, 0.04)
    random, common = random_effects_batch(y, v), common_effect_batch(y, v)
    np.testing.assert_array_equal(np.isnan(random.mu), [True, False, True, False])
    np.testing.assert_array_equal(np.isnan(common.mu), [False, False, True, False])
    np.testing.assert_array_equal(np.isnan(random.new_lower), [True, False, True, True])
    assert np.isnan(common_effect_batch(y, v, interval="t").mu[0])
    assert common.i2[1:2] == pytest.approx(max(0.0, 1 - 2 / common.q[1]))


def test_the_pieces_of_a_long_batch_fit_together(padded, monkeypatch):
    whole = random_effects_batch(*padded, tau2="DL")
    monkeypatch.setattr(batch, "CHUNK", 50)
    pieces = random_effects_batch(*padded, tau2="DL")
    np.testing.assert_allclose(pieces.mu, whole.mu, rtol=SAME)
    np.testing.assert_allclose(pieces.upper, whole.upper, rtol=SAME)


def test_a_known_tau2_is_used_as_it_is(padded):
    fits = random_effects_batch(*padded, tau2=0.5, interval="wald", prediction="z")
    np.testing.assert_array_equal(fits.tau2, 0.5)
    assert np.isnan(fits.se_tau2).all()
