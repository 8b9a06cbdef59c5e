"""Quantiles of a law of which only the distribution function is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STEPS = 200  # bisections of a bracket, far more than a double has bits


def bracketed(cdf: Callable[[Array], Array], p: Array, low: Array, high: Array) -> Array:
    """Quantiles of a distribution function by bisection in brackets that hold them.

    Parameters
    ----------
    cdf : callable
        Distribution function of an array.
    p : ndarray
        Probabilities.
    low, high : ndarray
        Where the function is at most, and at least, p; same shape.

    Returns
    -------
    ndarray
        Same shape as p.
    """
    with np.errstate(invalid="ignore"):
        for _ in range(STEPS):
            middle = low + 0.5 * (high - low)
            below = cdf(middle) < p
            new_low, new_high = np.where(below, middle, low), np.where(below, high, middle)
            if np.array_equal(new_low, low, equal_nan=True) and np.array_equal(new_high, high, equal_nan=True):
                break
            low, high = new_low, new_high
    return np.where(np.isnan(high), low, high)
