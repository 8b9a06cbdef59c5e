"""Intervals of p-values: where steps cut the estimates, and how probable each interval is before selection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri

Array = NDArray[np.float64]
Sides = Literal[1, 2]

TIE = 1e-12  # of z, or of 1 where z is smaller: within it z lies on a cut; the rounding of y / se


@final
@dataclass(frozen=True, eq=False)
class Intervals:
    """Intervals of p-values, from the most significant on.

    Interval j holds the p-values in ``(steps[j - 1], steps[j]]``; a p-value at a step counts as the more significant
    one. On the z scale interval j lies between the cuts ``z[j]`` and ``z[j - 1]``: of z itself with one side, of its
    absolute value with two.

    Attributes
    ----------
    steps : ndarray, shape (J - 1,)
        p-values, rising, between 0 and 1.
    sides : 1 or 2
        One-sided p-values belong to z in the direction of what gets published.
    """

    steps: Array
    sides: Sides

    @property
    def count(self) -> int:
        """How many intervals there are, J."""
        return len(self.steps) + 1

    @property
    def names(self) -> tuple[str, ...]:
        """The intervals in words: ``"p < .025"``, ``".025 < p < .5"``, ``"p > .5"``."""
        return interval_names(self.steps.tolist())

    @property
    def cuts(self) -> Array:
        """Where the steps cut z, or its absolute value: falling, shape (J - 1,)."""
        return -ndtri(self.steps / self.sides)

    def holding(self, z: Array) -> NDArray[np.intp]:
        """The interval that holds each z, which points in the direction of what gets published; shape of z."""
        size = np.abs(z) if self.sides == 2 else np.asarray(z)
        reach = size + TIE * np.maximum(np.abs(size), 1.0)
        return np.sum(reach[..., None] < self.cuts, axis=-1)

    def log_probabilities(self, mean: Array, sd: Array, se: Array) -> Array:
        """Log probability that an estimate falls in each interval, were everything published.

        The estimate is normal about ``mean`` with standard deviation ``sd``; its cuts are those of z times ``se``.
        Tails are taken from the nearer side, so that nothing is lost where an interval is far out.

        Parameters
        ----------
        mean : ndarray
            Of the estimates, in the direction of what gets published.
        sd : ndarray
            Of the estimates: the root of the sampling variance plus tau2.
        se : ndarray
            Standard errors, by which estimates are cut.

        Returns
        -------
        ndarray
            The shape to which the three broadcast, and J intervals behind.
        """
        mean, sd, se = np.broadcast_arrays(mean, sd, se)
        infinite = np.full((*mean.shape, 1), np.inf)
        bounds = np.concatenate([infinite, se[..., None] * self.cuts], axis=-1)
        centre, spread = mean[..., None], sd[..., None]
        lowest = -infinite if self.sides == 1 else np.zeros_like(infinite)
        upper, lower = bounds, np.concatenate([bounds[..., 1:], lowest], axis=-1)
        inside = log_difference((lower - centre) / spread, (upper - centre) / spread)
        if self.sides == 1:
            return inside
        return np.logaddexp(inside, log_difference((-upper - centre) / spread, (-lower - centre) / spread))


def interval_names(steps: Iterable[float]) -> tuple[str, ...]:
    """Intervals of p-values in words, from the most significant on.

    Examples
    --------
    >>> interval_names((0.025, 0.5))
    ('p < .025', '.025 < p < .5', 'p > .5')
    """
    cuts = [bare(step) for step in steps]
    inner = [f"{lower} < p < {upper}" for lower, upper in pairwise(cuts)]
    return (f"p < {cuts[0]}", *inner, f"p > {cuts[-1]}")


def bare(step: float) -> str:
    """A p-value without its leading zero."""
    return f"{step:.10g}".removeprefix("0")


def log_difference(lower: Array, upper: Array) -> Array:
    """log(Phi(upper) - Phi(lower)) where lower <= upper, by the tail that is nearer."""
    flip = lower + upper > 0.0
    low, high = np.where(flip, -upper, lower), np.where(flip, -lower, upper)
    larger = log_ndtr(high)
    with np.errstate(invalid="ignore", divide="ignore"):
        return larger + np.log(-np.expm1(np.minimum(log_ndtr(low) - larger, 0.0)))


def merged(steps: Array, counts: NDArray[np.intp]) -> Array:
    """The steps that remain where every empty interval is merged with the next more significant one, if there is one.

    Parameters
    ----------
    steps : ndarray, shape (J - 1,)
    counts : ndarray of int, shape (J,)
        How many estimates each interval holds.

    Returns
    -------
    ndarray
        Fewer steps, between intervals that all hold estimates; none where one interval holds all of them.

    Examples
    --------
    >>> merged(np.array([0.025, 0.05, 0.5]), np.array([4, 0, 3, 0])).tolist()
    [0.05]
    """
    filled = np.flatnonzero(counts)
    return steps[filled[1:] - 1] if len(filled) else steps[:0]
