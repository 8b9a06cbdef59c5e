"""Axis limits that one interval cannot squash, and ticks that read as round numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwise.plot import _axis
from poolwise.scale import SCALES


def _width(words: str) -> float:
    return 0.08 * len(words)


def _ticks(scale: str, low: float, high: float) -> list[tuple[float, str]]:
    return _axis.ticks(SCALES[scale], low, high, width=_width, inches=3.4)


def test_intervals_of_similar_width_all_fit():
    points = np.linspace(-0.2, 0.6, 9)
    low, high = _axis.limits(points, points - 0.5, points + 0.4, show=[0.0])
    assert low < -0.7
    assert high > 1.0


def test_one_enormous_interval_does_not_widen_the_axis():
    points = np.linspace(-0.2, 0.6, 9)
    half = np.full(9, 0.4)
    calm = _axis.limits(points, points - half, points + half, show=[0.0])
    half[4] = 50.0
    wild = _axis.limits(points, points - half, points + half, show=[0.0])
    assert wild[1] - wild[0] < 1.5 * (calm[1] - calm[0])


def test_missing_and_infinite_ends_are_no_obstacle():
    low, high = _axis.limits(
        np.array([0.1, 0.2, np.nan]), np.array([-np.inf, 0.0, np.nan]), np.array([np.inf, 0.4, np.nan])
    )
    assert low < 0.0 < 0.4 < high
    assert np.isfinite([low, high]).all()


def test_a_null_value_far_away_is_left_out_rather_than_squash_the_rest():
    points = np.array([100.0, 101.0, 102.0])
    low, _ = _axis.limits(points, points - 1, points + 1, show=[0.0])
    assert low > 90.0


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (np.log(0.07), np.log(3.0), ["0.1", "0.2", "0.5", "1", "2"]),
        (np.log(0.85), np.log(1.25), ["0.9", "1.0", "1.1", "1.2"]),
        (np.log(1e-4), np.log(1e4), ["0.0001", "0.01", "1", "100", "10,000"]),
    ],
)
def test_ratio_ticks_are_round_ratios(low, high, labels):
    assert [words for _, words in _ticks("log OR", low, high)][: len(labels)] == labels


def test_correlation_ticks_stand_at_their_fisher_z():
    found = _ticks("Fisher z", np.arctanh(-0.3), np.arctanh(0.85))
    assert len(found) >= 4
    for x, words in found:
        assert x == pytest.approx(np.arctanh(float(words.replace("−", "-"))))


@given(
    scale=st.sampled_from(["SMD", "log RR", "Fisher z", "logit"]),
    low=st.floats(-3.0, 2.0),
    span=st.floats(0.05, 6.0),
)
def test_ticks_lie_on_the_axis_apart_and_tell_the_truth(scale, low, span):
    high = min(low + span, 3.0)
    found = _ticks(scale, low, high)
    assert 1 <= len(found) <= 8
    assert all(low <= x <= high for x, _ in found)
    for (left, one), (right, two) in itertools.pairwise(found):
        assert (right - left) / (high - low) * 3.4 > 0.5 * (_width(one) + _width(two))
    told = np.array([float(words.replace("−", "-").replace(",", "")) for _, words in found])
    np.testing.assert_allclose(SCALES[scale].back([x for x, _ in found]), told, rtol=1e-9, atol=1e-12)
