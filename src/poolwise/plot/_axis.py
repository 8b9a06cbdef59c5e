"""Limits and ticks of an axis of effects: one enormous interval does not squash it; labels as people read."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from poolwise.scale import Scale
from poolwise.show import in_tens, thousands, times

Array = NDArray[np.float64]
_MOST_TICKS, _ENOUGH_TICKS = 8, 4
_TICK_GAP = 0.09
_FAR = 5.0
_TINY, _LARGE = 5e-3, 1e6  # between which the ends of an axis are told as they are
# Correlations whose Fisher z are about evenly spaced.
_EVER_CLOSER = (
    (-0.95, -0.9, -0.8, -0.6, -0.3, 0.0, 0.3, 0.6, 0.8, 0.9, 0.95),
    (-0.99, -0.95, -0.8, -0.5, 0.0, 0.5, 0.8, 0.95, 0.99),
    (-0.99, -0.9, -0.5, 0.0, 0.5, 0.9, 0.99),
)


def limits(points: Array, lower: Array, upper: Array, *, show: Iterable[float] = ()) -> tuple[float, float]:
    """Axis limits that hold the bulk of the intervals; one far wider than the rest will leave the axis.

    The core of the axis spans the points near the bulk (up to five interquartile ranges, or typical interval
    half-widths, from the middle half) and three quarters of the lower and of the upper ends. Ends up to the
    core's width beyond it widen the axis; ends farther out do not.

    Parameters
    ----------
    points, lower, upper : ndarray
        Estimates and interval ends on the analysis scale, shape (m,); NaN and infinite values are skipped.
    show : iterable of float
        Values that must be on the axis (the null value), unless that would squash everything else.

    Returns
    -------
    tuple of float
        Lower and upper limit on the analysis scale.
    """
    points = points[np.isfinite(points)]
    below, above = lower[np.isfinite(lower)], upper[np.isfinite(upper)]
    if points.size == 0:
        return -1.0, 1.0
    core_low, core_high = _bulk(points, np.concatenate([below, above]))
    if below.size and above.size:
        core_low = min(core_low, float(np.quantile(below, 0.25)))
        core_high = max(core_high, float(np.quantile(above, 0.75)))
    reach = (core_high - core_low) or max(abs(core_high), 1.0) * 0.1
    low = min([core_low, *below[below >= core_low - reach]])
    high = max([core_high, *above[above <= core_high + reach]])
    span = high - low
    for value in show:
        if low - 3.0 * span <= value <= high + 3.0 * span:
            low, high = min(low, value), max(high, value)
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin


def power(scale: Scale, low: float, high: float) -> int:
    """The power of ten, by thousands, in which the ticks of large numbers and of tiny ones are told; 0 for others."""
    largest = max(abs(low), abs(high))
    told = scale.transform != "identity" or largest == 0.0 or _TINY <= largest < _LARGE
    return 0 if told else thousands(largest)


def with_power(words: str, power: int) -> str:
    """The words of an axis whose labels are divided by a power of ten."""
    return f"{words} ({times(power).lstrip()})" if power else words


def ticks(
    scale: Scale, low: float, high: float, *, width: Callable[[str], float], inches: float, power: int = 0
) -> list[tuple[float, str]]:
    """Ticks at round numbers of the reading scale: as many as fit side by side, at most eight.

    Parameters
    ----------
    scale : Scale
        Whose back-transform makes the labels.
    low, high : float
        Axis limits on the analysis scale.
    width : callable
        Width of a label in inches.
    inches : float
        Length of the axis.
    power : int
        Of ten, by which the numbers of the labels are divided.

    Returns
    -------
    list of (float, str)
        Position on the analysis scale and label.
    """
    best: list[tuple[float, str]] = []
    for values in _candidates(scale, low, high):
        with np.errstate(divide="ignore", invalid="ignore"):
            positions = scale.forward(values)
        labels = _tick_labels([float(f"{value / 10.0**power:.12g}") for value in values] if power else values)
        kept = [(float(x), words) for x, words in zip(positions, labels, strict=True) if low <= x <= high]
        if len(kept) > _MOST_TICKS or not _fits(kept, high - low, width, inches):
            continue
        if len(kept) >= _ENOUGH_TICKS:
            return kept
        best = max(best, kept, key=len)
    return best


def _bulk(points: Array, ends: Array) -> tuple[float, float]:
    first, third = np.quantile(points, [0.25, 0.75])
    spread = max(float(third - first), float(np.median(np.abs(ends - np.median(points)))) if ends.size else 0.0)
    inside = points[(points >= first - _FAR * spread) & (points <= third + _FAR * spread)]
    return float(inside.min()), float(inside.max())


def _candidates(scale: Scale, low: float, high: float) -> list[Sequence[float]]:
    start, stop = (float(value) for value in scale.back([low, high]))
    linear = _round_steps(start, stop)
    if scale.transform == "log":
        decades = range(math.floor(low / math.log(10.0)), math.ceil(high / math.log(10.0)) + 1)
        by_ten = [[m * 10.0**d for d in decades for m in digits] for digits in ((1, 2, 5), (1, 3), (1,))]
        sparse = [[10.0**d for d in decades if d % step == 0] for step in (2, 3, 5, 10, 20, 50)]
        halves = range(math.floor(low / math.log(2.0)), math.ceil(high / math.log(2.0)) + 1)
        by_two = [2.0**d for d in halves]
        return [by_ten[0], by_two, *linear, *by_ten[1:], *sparse] if stop < 10.0 * start else [*by_ten, *sparse]
    if scale.transform == "logit":
        return [*linear, [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999], [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]]
    if scale.transform == "fisher z":
        return [*linear, *_EVER_CLOSER]
    return linear


def _round_steps(start: float, stop: float) -> list[Sequence[float]]:
    span = stop - start
    power = int(np.floor(np.log10(span)))
    found: list[Sequence[float]] = []
    for exponent in (power - 1, power):
        for digit in (1.0, 2.0, 2.5, 5.0):
            step = digit * 10.0**exponent
            first, last = int(np.ceil(start / step - 1e-9)), int(np.floor(stop / step + 1e-9))
            if 1 <= last - first + 1 <= 40:
                found.append([round(i * step, 12 - exponent) for i in range(first, last + 1)])
    return found


def _tick_labels(values: Sequence[float]) -> list[str]:
    """Labels with the fewest decimals that tell each value exactly, alike along an even row."""
    steps = np.diff(values)
    even = len(values) > 2 and np.allclose(steps, steps[0], rtol=1e-6)
    decimals = [_decimals(value) for value in values]
    return [
        f"{value:,.{max(decimals) if even else own}f}".replace("-", "−")
        if 1e-4 <= abs(value) < 1e6 or value == 0
        else in_tens(f"{value:g}")
        for value, own in zip(values, decimals, strict=True)
    ]


def _decimals(value: float) -> int:
    return next((d for d in range(12) if abs(round(value, d) - value) <= 1e-9 * abs(value)), 12)


def _fits(kept: list[tuple[float, str]], span: float, width: Callable[[str], float], inches: float) -> bool:
    places = [(x / span * inches, width(label) / 2.0) for x, label in kept]
    return all(right - left >= half + other + _TICK_GAP for (left, half), (right, other) in itertools.pairwise(places))
