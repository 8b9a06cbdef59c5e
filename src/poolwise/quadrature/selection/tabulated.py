"""The law of a quantity whose distribution function was computed at many values, and is interpolated between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MOST_STEPS = 60
CLOSE = 1e-14  # share of a step between values


@final
@dataclass(frozen=True, eq=False)
class TabulatedLaw:
    """A law by its distribution function, monotone between the values at which it is known.

    Attributes
    ----------
    x : ndarray
        Rising values, shape (n,); the law lives between the first and the last one.
    probability : ndarray
        Distribution function there, from 0 to 1, shape (n,).
    mean, sd : float
        Moments; NaN where they do not exist.
    """

    x: Array
    probability: Array
    mean: float
    sd: float

    @cached_property
    def _slopes(self) -> Array:
        """Density at the values: that of a cubic spline, kept so low that the curve rises everywhere."""
        from scipy.interpolate import CubicSpline

        rise = np.diff(self.probability) / np.diff(self.x)
        smooth = CubicSpline(self.x, self.probability, bc_type="natural")(self.x, 1)
        most = 3.0 * np.minimum(np.concatenate([rise[:1], rise]), np.concatenate([rise, rise[-1:]]))
        return np.clip(smooth, 0.0, most)

    def _parts(self, x: Array) -> tuple[NDArray[np.intp], Array, Array, Array]:
        at = np.clip(np.searchsorted(self.x, x, side="right"), 1, len(self.x) - 1)
        length = self.x[at] - self.x[at - 1]
        rise = (self.probability[at] - self.probability[at - 1]) / length
        return at, length, (x - self.x[at - 1]) / length, rise

    def _curve(self, x: Array) -> Array:
        """The cubic that has these slopes."""
        at, length, u, rise = self._parts(x)
        left, right = self._slopes[at - 1] - rise, self._slopes[at] - rise
        v = 1.0 - u
        return self.probability[at - 1] + length * (rise * u + u * v * (left * v - right * u))

    def pdf(self, x: Array) -> Array:
        """Density at x; 0 outside the support."""
        x = np.asarray(x, dtype=float)
        inside = (x >= self.x[0]) & (x <= self.x[-1])
        at, _, u, rise = self._parts(np.where(inside, x, self.x[0]))
        left, right = self._slopes[at - 1] - rise, self._slopes[at] - rise
        v = 1.0 - u
        density = rise + left * v * (v - 2.0 * u) - right * u * (2.0 * v - u)
        return np.where(np.isnan(x), np.nan, np.where(inside, np.maximum(density, 0.0), 0.0))

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x."""
        x = np.asarray(x, dtype=float)
        inside = self._curve(np.clip(np.nan_to_num(x), self.x[0], self.x[-1]))
        return np.where(np.isnan(x), np.nan, np.where(x >= self.x[-1], 1.0, np.where(x < self.x[0], 0.0, inside)))

    def ppf(self, p: Array) -> Array:
        """Quantile at p, by Newton steps in the cubic that holds it, which give way to bisection."""
        p = np.asarray(p, dtype=float)
        at = np.clip(np.searchsorted(self.probability, p), 1, len(self.x) - 1)
        length = self.x[at] - self.x[at - 1]
        rise = (self.probability[at] - self.probability[at - 1]) / length
        left, right = self._slopes[at - 1] - rise, self._slopes[at] - rise
        target = (p - self.probability[at - 1]) / length
        low, high = np.zeros(p.shape), np.ones(p.shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.nan_to_num(np.clip(target / rise, 0.0, 1.0), nan=0.5)
            for _ in range(MOST_STEPS):
                v = 1.0 - u
                gap = rise * u + u * v * (left * v - right * u) - target
                low, high = np.where(gap < 0.0, u, low), np.where(gap < 0.0, high, u)
                new = u - gap / (rise + left * v * (v - 2.0 * u) - right * u * (2.0 * v - u))
                new = np.where((new >= low) & (new <= high), new, 0.5 * (low + high))
                done = np.abs(new - u) <= CLOSE
                u = new
                if done.all():
                    break
        inside = np.where(p <= 0.0, self.x[0], np.where(p >= 1.0, self.x[-1], self.x[at - 1] + length * u))
        return np.where(np.isnan(p) | (p < 0.0) | (p > 1.0), np.nan, inside)

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Draws, by inversion."""
        return self.ppf(rng.random(size))
