from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from poolwise.closed_form.least_squares import (
    fit_at,
    inverse_variance_fit,
    prepare,
    quadratic,
    total_weight,
    trace,
    trace_sandwich,
    trace_weighted,
    weighted_fit,
    weights,
)
from support.matrices import problem, projection

# The oracle inverts k x k matrices whose condition number is below 1e3: it keeps 12 digits.
MATRIX = 1e-11
CASES = [(seed, p) for seed in range(4) for p in (1, 2, 3)]


def fitted(seed: int, p: int, tau2: float):
    explicit = replace(problem(seed, p=p), tau2=tau2)
    data = prepare(explicit.y, explicit.v, None if p == 1 else explicit.X)
    return explicit, data, weighted_fit(data, weights(data, np.array([[tau2]])))


@pytest.mark.parametrize(("seed", "p"), CASES)
@pytest.mark.parametrize("tau2", [0.0, 0.3])
def test_coefficients_and_covariance_are_those_of_matrix_algebra(seed, p, tau2):
    explicit, data, fit = fitted(seed, p, tau2)
    beta = data.back[0] @ (data.centre[0] + fit.b[0, 0])
    cov = data.back[0] @ fit.A[0, 0] @ data.back[0].T
    np.testing.assert_allclose(beta, explicit.beta, rtol=MATRIX, atol=MATRIX)
    np.testing.assert_allclose(cov, explicit.cov, rtol=MATRIX, atol=MATRIX)
    np.testing.assert_allclose(fit.r[0, 0], explicit.y - explicit.X @ explicit.beta, rtol=0, atol=MATRIX)


@pytest.mark.parametrize(("seed", "p"), CASES)
def test_traces_and_quadratic_forms_are_those_of_the_projection_matrix(seed, p):
    explicit, data, fit = fitted(seed, p, 0.3)
    P, S0 = explicit.P, np.diag(explicit.v)
    expected = {
        "y'Py": (quadratic(fit), explicit.q),
        "tr W": (total_weight(fit), np.trace(explicit.W)),
        "tr P": (trace(fit), np.trace(P)),
        "tr PP": (trace_sandwich(fit), np.trace(P @ P)),
        "tr PSPS": (trace_sandwich(fit, data.v[:, None, :]), np.trace(P @ S0 @ P @ S0)),
        "tr PS": (trace_weighted(fit, data.v[:, None, :]), np.trace(P @ S0)),
    }
    for name, (ours, theirs) in expected.items():
        assert ours[0, 0] == pytest.approx(theirs, rel=MATRIX), name


def test_any_weights_are_allowed():
    explicit = problem(1, p=2)
    data = prepare(explicit.y, explicit.v, explicit.X)
    w = np.linspace(1.0, 3.0, 9)
    P = projection(np.diag(w), explicit.X)
    fit = weighted_fit(data, w[None, None, :])
    assert quadratic(fit)[0, 0] == pytest.approx(explicit.y @ P @ explicit.y, rel=MATRIX)


def test_the_inverse_variance_fit_is_the_fit_at_zero():
    explicit = problem(2, p=2)
    data = prepare(explicit.y, explicit.v, explicit.X)
    again = weighted_fit(data, weights(data, np.zeros((1, 1))))
    at_hand = inverse_variance_fit(data)
    assert quadratic(at_hand)[0, 0] == pytest.approx(quadratic(again)[0, 0], rel=MATRIX)
    np.testing.assert_allclose(again.b, at_hand.b, atol=MATRIX)


def test_padding_changes_nothing():
    first, second = problem(0, k=5), problem(1, k=9)
    y, v = np.full((2, 9), np.nan), np.full((2, 9), np.nan)
    for row, one in enumerate((first, second)):
        y[row, : len(one.y)], v[row, : len(one.y)] = one.y, one.v
    together = prepare(y, v)
    fit = weighted_fit(together, weights(together, np.full((2, 1), 0.2)))
    for row, one in enumerate((first, second)):
        alone = replace(one, tau2=0.2)
        assert trace_sandwich(fit)[row, 0] == pytest.approx(np.trace(alone.P @ alone.P), rel=MATRIX)
        assert together.centre[row, 0] + fit.b[row, 0, 0] == pytest.approx(alone.beta[0], rel=MATRIX)
    np.testing.assert_array_equal(together.count, [5, 9])


def test_an_offset_of_a_million_costs_no_digits_of_q():
    explicit = problem(3)
    moved = prepare(np.round(explicit.y * 2**20) / 2**20 + 2.0**20, explicit.v)
    at_home = prepare(np.round(explicit.y * 2**20) / 2**20, explicit.v)
    # both data sets hold the same 20 bits after the point, so that Q may only differ by rounding
    ours = quadratic(inverse_variance_fit(moved))[0, 0]
    assert ours == pytest.approx(quadratic(inverse_variance_fit(at_home))[0, 0], rel=1e-13)


def test_a_moderator_far_from_zero_costs_few_digits():
    explicit = problem(4, p=2)
    years = np.column_stack([np.ones(9), explicit.X[:, 1] + 2000.0])
    near, far = (prepare(explicit.y, explicit.v, X) for X in (explicit.X, years))
    slopes = [(data.back[0] @ (data.centre + inverse_variance_fit(data).b[:, 0])[0])[1] for data in (near, far)]
    # the design measured by its reference studies loses the condition number of X (about 2e3), not its square
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-11)


def test_traces_of_a_single_slope_are_those_of_the_projection():
    """Without an intercept the one column is not a column of ones."""
    y, v = np.array([0.1, 0.5, 0.3, 0.9, -0.2]), np.array([0.01, 0.04, 0.02, 0.09, 0.06])
    x = np.array([[1.0], [2.0], [3.0], [5.0], [0.5]])
    for tau2 in (0.0, 0.1):
        fit = fit_at(prepare(y, v, x), np.array([tau2]))
        W = np.diag(1.0 / (v + tau2))
        P = W - W @ x @ np.linalg.inv(x.T @ W @ x) @ x.T @ W
        assert trace(fit)[0, 0] == pytest.approx(np.trace(P), rel=1e-12)
        assert trace_sandwich(fit)[0, 0] == pytest.approx(np.trace(P @ P), rel=1e-12)
