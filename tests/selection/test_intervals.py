"""Intervals of p-values against sums of tails and an adaptive integrator."""

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from poolwise.selection.intervals import Intervals, log_difference


@pytest.mark.parametrize("sides", [1, 2])
def test_probabilities_are_integrals_of_the_density(sides):
    intervals = Intervals(np.array([0.01, 0.05, 0.5]), sides)
    mean, sd, se = 0.3, 0.25, 0.2

    def share(j, y):
        return (intervals.holding(np.array(y / se)) == j) * stats.norm.pdf(y, mean, sd)

    breaks = np.unique(np.concatenate([intervals.cuts, -intervals.cuts])) * se
    ends = np.concatenate([[mean - 12 * sd], breaks, [mean + 12 * sd]])
    expected = [
        sum(integrate.quad(lambda y, j=j: share(j, y), a, b)[0] for a, b in itertools.pairwise(ends)) for j in range(4)
    ]
    answer = np.exp(intervals.log_probabilities(np.array(mean), np.array(sd), np.array(se)))
    np.testing.assert_allclose(answer, expected, rtol=1e-10)


def test_probabilities_sum_to_one_wherever_the_mean_lies():
    for sides in (1, 2):
        intervals = Intervals(np.array([0.001, 0.05, 0.1]), sides)
        logs = intervals.log_probabilities(np.linspace(-30, 30, 61), np.array(1.1), np.array(0.7))
        np.testing.assert_allclose(np.exp(logs).sum(axis=-1), 1.0, rtol=1e-14)


def test_far_tails_keep_their_logarithms():
    upper, lower = np.array(-38.0), np.array(-39.0)
    expected = stats.norm.logcdf(-38.0) + np.log1p(-np.exp(stats.norm.logcdf(-39.0) - stats.norm.logcdf(-38.0)))
    np.testing.assert_allclose(log_difference(lower, upper), expected, rtol=1e-14)
    np.testing.assert_allclose(log_difference(-upper, -lower), expected, rtol=1e-14)


def test_a_p_value_at_a_step_is_the_more_significant_one():
    intervals = Intervals(np.array([0.025, 0.5]), 1)
    z = np.array([2.5, intervals.cuts[0], intervals.cuts[0] - 1e-9, 0.0, -1e-9])
    np.testing.assert_array_equal(intervals.holding(z), [0, 0, 1, 1, 2])
    # y / se lands one unit in the last place below the cut
    np.testing.assert_array_equal(intervals.holding(np.nextafter(intervals.cuts, -1)), [0, 1])
