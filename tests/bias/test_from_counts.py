"""Tests of asymmetry on counts, each against its formula written out study by study."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

import poolwise as pw

EVENTS = np.array([[3, 9], [12, 20], [4, 4], [31, 62], [1, 7], [15, 11], [8, 21]])
TOTALS = np.array([[40, 42], [100, 90], [33, 30], [300, 310], [25, 24], [60, 75], [120, 118]])
EXACT = 1e-10


def by_hand(y, x, weights):
    """(slope, statistic, p_value, intercept) of a weighted regression by sums over the studies."""
    w = np.asarray(weights) / np.sum(weights)
    mx, my = w @ x, w @ y
    slope = (w @ ((x - mx) * (y - my))) / (w @ (x - mx) ** 2)
    left = y - my - slope * (x - mx)
    sd = np.sqrt((w @ left**2) / (len(y) - 2) / (w @ (x - mx) ** 2))
    return slope, slope / sd, 2 * student.sf(abs(slope / sd), len(y) - 2), my - slope * mx


def formulas(events, totals):
    (a, c), (n1, n2) = events.T.astype(float), totals.T.astype(float)
    N, m = n1 + n2, a + c
    log_or = np.log(a * (n2 - c) / (c * (n1 - a)))
    margins = 1 / (1 / m + 1 / (N - m))
    Z, V = a - n1 * m / N, n1 * n2 * m * (N - m) / (N**2 * (N - 1))
    size = 4 * n1 * n2 / N
    return {
        "peters": by_hand(log_or, 1 / N, margins),
        "macaskill": by_hand(log_or, N, margins),
        "deeks": by_hand(log_or, 1 / np.sqrt(size), size),
        "harbord": by_hand(Z / V, 1 / np.sqrt(V), V),
    }


@pytest.mark.parametrize("name", ["peters", "macaskill", "deeks", "harbord"])
@pytest.mark.parametrize("measure", ["log OR", "log RR"])
def test_each_is_its_formula_on_log_odds_ratios(name, measure):
    test = getattr(pw.bias, name)(pw.Effects.from_counts(EVENTS, TOTALS, measure=measure))
    slope, statistic, p, intercept = formulas(EVENTS, TOTALS)[name]
    assert (test.slope, test.statistic, test.p_value) == pytest.approx((slope, statistic, p), rel=EXACT)
    assert test.limit.point == pytest.approx(np.nan if name == "macaskill" else intercept, rel=EXACT, nan_ok=True)
    assert ("the test used log odds ratios" in test.sentence) == (measure == "log RR")


def test_harbords_own_regression_of_scores_gives_the_same_test():
    (a, c), (n1, n2) = EVENTS.T.astype(float), TOTALS.T.astype(float)
    N, m = n1 + n2, a + c
    Z, V = a - n1 * m / N, n1 * n2 * m * (N - m) / (N**2 * (N - 1))
    X = np.column_stack([np.ones(7), np.sqrt(V)])
    b = np.linalg.lstsq(X, Z / np.sqrt(V))[0]
    assert pw.bias.harbord(pw.Effects.from_counts(EVENTS, TOTALS)).slope == pytest.approx(b[0], rel=EXACT)


def test_trials_without_an_event_are_left_out_by_name():
    events, totals = np.vstack([EVENTS, [0, 0]]), np.vstack([TOTALS, [50, 50]])
    effects = pw.Effects.from_counts(events, totals, drop00=False)
    for name, expected in formulas(EVENTS, TOTALS).items():
        test = getattr(pw.bias, name)(effects)
        assert test.statistic == pytest.approx(expected[1], rel=EXACT)
        assert "Left out" in test.sentence
        assert "(row 8)" in test.sentence


@pytest.mark.parametrize("name", ["peters", "macaskill", "deeks", "harbord"])
def test_swapped_arms_give_the_opposite_test(name):
    first = getattr(pw.bias, name)(pw.Effects.from_counts(EVENTS, TOTALS))
    other = getattr(pw.bias, name)(pw.Effects.from_counts(EVENTS[:, ::-1], TOTALS[:, ::-1]))
    assert other.statistic == pytest.approx(-first.statistic, rel=EXACT)


@pytest.mark.parametrize("name", ["peters", "macaskill", "deeks", "harbord"])
def test_tables_without_counts_of_persons_are_refused(name):
    test = getattr(pw.bias, name)
    with pytest.raises(pw.PoolwiseError, match="from_counts"):
        test(pw.datasets.load("raudenbush1985"))
    with pytest.raises(pw.PoolwiseError, match="person-time"):
        test(pw.Effects.from_counts(EVENTS, TOTALS + 0.5, measure="log IRR"))
    with pytest.raises(pw.PoolwiseError, match="only 2 of 4 trials"):
        test(pw.Effects.from_counts([[0, 0], [3, 9], [12, 20], [0, 0]], [[40, 42], [100, 90]] * 2, drop00=False))


@pytest.mark.parametrize("name", ["peters", "macaskill", "deeks"])
def test_trials_of_one_size_have_no_funnel(name):
    with pytest.raises(pw.PoolwiseError, match="the same for all 7"):
        getattr(pw.bias, name)(pw.Effects.from_counts(EVENTS, np.full((7, 2), 100)))
