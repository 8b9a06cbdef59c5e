"""Kendall's rank correlation against all orders counted one by one, and against SciPy."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pytest
from scipy.stats import kendalltau

from poolwise.closed_form.kendall import MOST_EXACT, kendall, share_with_inversions

rng = np.random.default_rng(3)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7])
def test_shares_are_those_of_all_orders_counted(n):
    inversions = [sum(a > b for i, a in enumerate(order) for b in order[i + 1 :]) for order in permutations(range(n))]
    for most in range(n * (n - 1) // 4 + 1):
        expected = sum(count <= most for count in inversions) / factorial(n)
        assert share_with_inversions(n, most) == pytest.approx(expected, rel=1e-13)


def test_no_pair_out_of_order_is_one_order_of_all():
    assert share_with_inversions(25, 0) == pytest.approx(1 / factorial(25), rel=1e-13)


@pytest.mark.parametrize("n", [3, 10, 41, 150, MOST_EXACT])
def test_exact_p_values_are_scipys(n):
    first, second = rng.permutation(n), rng.permutation(n)
    mine, theirs = kendall(first, second), kendalltau(first, second, method="exact")
    assert mine.exact
    assert mine.tau == pytest.approx(theirs.statistic, abs=1e-14)
    assert mine.p_value == pytest.approx(theirs.pvalue, rel=1e-10)  # sums of 10^5 shares


@pytest.mark.parametrize("n", [8, 12, 60])
def test_with_ties_the_p_value_is_that_of_the_normal_law(n):
    first, second = rng.integers(0, n // 2, n), rng.integers(0, n // 2, n)
    mine, theirs = kendall(first, second), kendalltau(first, second, method="asymptotic")
    assert mine.tied
    assert not mine.exact
    assert (mine.tau, mine.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-12)


def test_more_pairs_than_the_exact_law_is_made_for_are_taken_as_normal_which_hardly_differs():
    n = MOST_EXACT
    order = rng.permutation(n)
    exact = kendall(np.arange(n), order).p_value
    longer = kendall(np.arange(n + 1), np.append(order, n // 2))
    assert not longer.exact
    assert longer.p_value == pytest.approx(exact, abs=0.01)
