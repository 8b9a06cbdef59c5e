from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import chdtr, chdtri

from poolwise.closed_form.heterogeneity import (
    h2_of_q,
    h2_of_tau2,
    i2_of_q,
    i2_of_tau2,
    next_step,
    q_profile,
    q_profile_is_empty,
    q_test,
    solve_q,
)
from poolwise.closed_form.least_squares import prepare
from support.matrices import problem
from support.metafor import figures

MATRIX = 1e-11


@pytest.mark.parametrize("p", [1, 2])
def test_q_and_the_typical_variance_are_those_of_matrix_algebra(p):
    explicit = problem(0, p=p)
    test = q_test(prepare(explicit.y, explicit.v, explicit.X))
    assert test.statistic[0] == pytest.approx(explicit.q, rel=MATRIX)
    assert test.typical[0] == pytest.approx((9 - p) / np.trace(explicit.P), rel=MATRIX)
    assert test.p_value[0] == pytest.approx(1 - chdtr(9 - p, test.statistic[0]), abs=1e-14)


def test_the_typical_variance_is_that_of_higgins_and_thompson():
    explicit = problem(1)
    w = 1 / explicit.v
    expected = 8 * w.sum() / (w.sum() ** 2 - (w**2).sum())
    assert q_test(prepare(explicit.y, explicit.v)).typical[0] == pytest.approx(expected, rel=1e-13)


def test_i2_from_q_is_i2_from_the_moment_estimate():
    explicit = problem(2)
    test = q_test(prepare(explicit.y, explicit.v))
    moment = (test.statistic - 8) / np.trace(explicit.P)
    assert i2_of_q(test)[0] == pytest.approx(i2_of_tau2(moment, test.typical)[0], rel=1e-12)
    assert h2_of_q(test)[0] == pytest.approx(h2_of_tau2(moment, test.typical)[0], rel=1e-12)


@pytest.mark.parametrize("prob", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("p", [1, 2])
def test_q_at_the_profile_limits_is_the_chi_square_quantile(p, prob):
    explicit = problem(3, k=12, p=p)
    limits = q_profile(prepare(explicit.y, explicit.v, explicit.X), prob)[0]
    for limit, tail in zip(limits, ((1 - prob) / 2, (1 + prob) / 2), strict=True):
        reached = replace(explicit, tau2=limit).q
        target = chdtri(12 - p, tail)
        assert reached == pytest.approx(target, rel=1e-10) if limit > 0 else reached <= target


def test_the_profile_of_a_metaregression_agrees_with_metafor():
    reference = figures("bcg")
    X = np.column_stack([np.ones(13), reference["regression"]["x"]])
    ours = q_profile(prepare(reference["y"], reference["v"], X))[0]
    np.testing.assert_allclose(ours, reference["regression"]["fits"]["REML"]["q_profile"], rtol=1e-8)


def test_an_empty_profile_is_recognised_and_has_limits_of_zero():
    data = prepare([0.1, 0.101, 0.0995, 0.1005, 0.1], np.full(5, 0.04))
    assert q_profile_is_empty(q_test(data))[0]
    np.testing.assert_array_equal(q_profile(data)[0], [0.0, 0.0])
    assert not q_profile_is_empty(q_test(prepare([0.1, 0.5, -0.4], np.full(3, 0.04))))[0]


@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-8, 1.0, 1e8]),
    share=st.floats(1e-3, 0.999),
)
def test_the_root_of_q_is_found_wherever_the_search_begins(seed, scale, share):
    explicit = problem(seed, k=6)
    data = prepare(explicit.y * scale, explicit.v * scale**2)
    target = np.array([[share * explicit.q]])
    from_left, steps = solve_q(data, target)
    from_right, _ = solve_q(data, target, np.array([[1e4 * scale**2]]))
    assert replace(explicit, tau2=from_left[0, 0] / scale**2).q == pytest.approx(target[0, 0], rel=1e-10)
    assert from_right[0, 0] == pytest.approx(from_left[0, 0], rel=1e-10, abs=1e-13 * scale**2)
    assert steps < 30


def test_effects_that_are_all_equal_put_the_root_at_zero():
    found, _ = solve_q(prepare(np.ones(4), np.ones(4)), np.array([[3.0]]), np.array([[5.0]]))
    assert found[0, 0] == 0.0


def test_the_next_step_is_foretold_from_the_last_two_or_from_the_scale():
    step, last = np.array([1e-4, 1e-4, 0.5, 0.0]), np.array([1e-2, 1e3, 0.0, 0.0])
    with np.errstate(divide="ignore", invalid="ignore"):  # as its callers have it: there is no step before the first
        foretold = next_step(step, last, np.ones(4))
    np.testing.assert_allclose(foretold, [1e-8, 1e-8, np.inf, 0.0])
