"""The Gaussian part given the variances, against dense matrix algebra written out here."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from poolwise.quadrature.rules.gaussian import (
    LOG_2PI,
    Basis,
    combination,
    conditional,
    conditional_by_rows,
    draw,
    uneven,
)

RNG = np.random.default_rng(4)
K, PRIOR_MEAN = 9, np.array([0.2, -0.5, 1.0])
Y, V = RNG.normal(0.3, 0.5, K), RNG.uniform(0.02, 0.3, K)
X = np.column_stack([np.ones(K), RNG.normal(size=K), RNG.integers(0, 2, K)])
PRIORS = {"proper": np.array([1.0, 0.5, 2.0]), "flat": np.full(3, np.inf), "mixed": np.array([np.inf, 0.5, np.inf])}
DIGITS = 1e-11


def basis_of(s, y=Y, v=V):
    return Basis.of(y[None], v[None], X[None], PRIOR_MEAN[None], s[None])


def by_products(basis, total):
    sums = basis.columns()[0].T @ (1.0 / total)
    log_det = np.log(total).sum() + K * LOG_2PI
    return conditional(
        sums[:, None], np.array([log_det]), basis.mean.T, basis.precision[0][..., None], basis.constant
    )[:, 0]  # fmt: skip


def by_rows(basis, total):
    log_det = np.array([[np.log(total).sum() + K * LOG_2PI]])
    return conditional_by_rows((1.0 / total)[None, None], basis, np.zeros(1, dtype=int), log_det)[:, 0, 0]


def dense(y, total, s):
    """Mean and covariance of beta, and log p(y), for priors that are proper or flat."""
    precision = np.diag(1.0 / s**2)
    covariance = np.linalg.inv(X.T @ (X / total[:, None]) + precision)
    mean = covariance @ (X.T @ (y / total) + precision @ PRIOR_MEAN)
    at = stats.norm.logpdf(y, X @ mean, np.sqrt(total)).sum()  # log p(y) = log p(y, beta) - log p(beta | y)
    prior = stats.norm.logpdf(mean, PRIOR_MEAN, s)[np.isfinite(s)].sum()
    own = stats.multivariate_normal(mean, covariance).logpdf(mean)
    return mean, covariance, at + prior - own


@pytest.mark.parametrize("of", [by_products, by_rows])
@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("tau", [0.0, 0.3, 5.0])
def test_mean_covariance_and_evidence_are_those_of_the_normal_linear_model(of, name, tau):
    basis, total = basis_of(PRIORS[name]), V + tau**2
    values = of(basis, total)
    mean, covariance, log_evidence = dense(Y, total, PRIORS[name])
    assert values[0] == pytest.approx(log_evidence, rel=DIGITS)
    for c in (*np.eye(3), np.array([1.0, -0.7, 0.4])):
        centre, sd = combination(values[:, None], basis.back[0].T @ c)
        assert centre[0] + basis.origin[0] @ c == pytest.approx(c @ mean, rel=DIGITS)
        assert sd[0] == pytest.approx(np.sqrt(c @ covariance @ c), rel=DIGITS)


def test_a_proper_prior_makes_the_evidence_a_normal_density():
    s = PRIORS["proper"]
    wanted = stats.multivariate_normal(X @ PRIOR_MEAN, np.diag(V) + X @ np.diag(s**2) @ X.T).logpdf(Y)
    assert by_products(basis_of(s), V)[0] == pytest.approx(wanted, rel=DIGITS)


@settings(max_examples=30)
@given(st.floats(-50.0, 50.0), st.floats(-3.0, 3.0).map(lambda e: 10.0**e))
def test_shift_and_unit_of_the_effects_move_the_intercept_alone(shift, unit):
    flat = PRIORS["flat"]
    here, there = basis_of(flat), basis_of(flat, unit * Y + shift, unit**2 * V)
    mean = combination(by_products(here, V)[:, None], here.back[0].T @ np.eye(3)[1])[0] + here.origin[0, 1]
    moved = combination(by_products(there, unit**2 * V)[:, None], there.back[0].T @ np.eye(3)[1])[0]
    moved = moved + there.origin[0, 1]
    assert moved[0] / unit == pytest.approx(mean[0], abs=1e-12 + 1e-14 * abs(shift) / unit)


def test_rows_keep_the_digits_that_products_lose():
    """Variances 16 orders apart: beta_0 + x beta_1 runs through the exact studies, and the rest still says how well."""
    v = V.copy()
    v[:2] = 1e-17
    assert uneven(v[None])[0]
    basis = basis_of(PRIORS["flat"], v=v)
    a = X[0]
    centre, sd = combination(by_rows(basis, v)[:, None], basis.back[0].T @ a)
    assert centre[0] + basis.origin[0] @ a == pytest.approx(Y[0], abs=1e-12)
    assert sd[0] == pytest.approx(np.sqrt(1e-17), rel=1e-6)


def test_a_study_that_is_missing_says_nothing():
    y, v = np.append(Y, np.nan), np.append(V, np.nan)
    wide = Basis.of(y[None], v[None], np.vstack([X, [1.0, 9.0, 9.0]])[None], PRIOR_MEAN[None], PRIORS["proper"][None])
    assert wide.origin == pytest.approx(basis_of(PRIORS["proper"]).origin, rel=1e-12)
    assert wide.narrowest() == pytest.approx(basis_of(PRIORS["proper"]).narrowest(), rel=1e-12)


def test_the_narrowest_mean_effect_is_the_least_of_the_dense_ones():
    covariance = dense(Y, V, PRIORS["mixed"])[1]
    wanted = np.sqrt(np.einsum("ka,ab,kb->k", X, covariance, X).min())
    assert basis_of(PRIORS["mixed"]).narrowest()[0] == pytest.approx(wanted, rel=DIGITS)


def test_draws_have_the_mean_and_covariance():
    n, basis = 40_000, basis_of(PRIORS["mixed"])
    values = np.repeat(by_products(basis, V)[:, None], n, axis=1)
    draws = draw(basis, values, np.random.default_rng(7))
    mean, covariance, _ = dense(Y, V, PRIORS["mixed"])
    z = np.linalg.solve(np.linalg.cholesky(covariance), draws - mean[:, None])
    assert np.abs(z.mean(axis=1)).max() < 4.0 / np.sqrt(n)
    assert np.cov(z) == pytest.approx(np.eye(3), abs=4.0 * np.sqrt(2.0 / n))
