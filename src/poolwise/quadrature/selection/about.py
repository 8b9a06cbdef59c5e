"""Coordinates of falling weights about one of them, which is a function of the first coordinate alone.

A priori the weights after the first are d ordered uniforms. The m-th of them is Beta(d - m + 1, m); given its value w
those above are m - 1 ordered uniforms on (w, 1), those below d - m on (0, w). Probits of all these are standard normal
and independent, so that a posterior of them is analytic with light tails, and the law of w is a marginal of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, betaln, ndtr, ndtri, ndtri_exp

from poolwise.quadrature.selection.tabulated import TabulatedLaw

Array = NDArray[np.float64]
FARTHEST = 8.0  # of a coordinate, beyond which no probability is told from 0 or 1
TINY = 1e-300


@final
@dataclass(frozen=True)
class About:
    """Coordinates about a weight: its own first, then those above and those below, the nearest first.

    Attributes
    ----------
    d : int
        How many weights are free.
    j : int
        Which of them, from 0.
    """

    d: int
    j: int

    @property
    def shapes(self) -> tuple[float, float]:
        """Of the beta prior of the weight."""
        return float(self.d - self.j), float(self.j + 1)

    def weight(self, y: Array) -> Array:
        """The weight at its own coordinate."""
        a, b = self.shapes
        return np.where(y <= 0.0, betaincinv(a, b, ndtr(y)), 1.0 - betaincinv(b, a, ndtr(-y)))

    def coordinate(self, w: Array) -> Array:
        """The coordinate of the weight; infinite at 0 and 1."""
        a, b = self.shapes
        below, above = betainc(a, b, w), betainc(b, a, 1.0 - w)
        return np.where(below <= 0.5, ndtri(below), -ndtri(above))

    def log_weights(self, w: Array, y: Array) -> Array:
        """All log weights from the one in question and the coordinates, (...) and (..., d) to (..., d + 1)."""
        j, d = self.j, self.d
        out = np.zeros((*y.shape[:-1], d + 1))
        out[..., j + 1] = np.log(np.maximum(w, TINY))
        rest = np.log(np.maximum(ndtr(y[..., 1:]), TINY))
        gap = np.log1p(-np.minimum(w, 1.0 - 1e-16))  # log of 1 less a weight
        for step in range(j):
            gap = gap + rest[..., step] / (j - step)
            out[..., j - step] = np.log1p(-np.exp(gap))
        for step in range(j, d - 1):
            out[..., step + 2] = out[..., step + 1] + rest[..., step] / (d - 1 - step)
        return out

    def place(self, logs: Array) -> Array:
        """Coordinates of log weights, (..., d + 1) to (..., d)."""
        j, d = self.j, self.d
        parts = [self.coordinate(np.exp(logs[..., j + 1]))]
        with np.errstate(divide="ignore"):
            gaps = np.log(-np.expm1(logs))
            for step in range(j):
                ratio = gaps[..., j - step] - gaps[..., j + 1 - step]
                parts.append(ndtri_exp(np.minimum(ratio * (j - step), 0.0)))
            for step in range(j, d - 1):
                ratio = logs[..., step + 2] - logs[..., step + 1]
                parts.append(ndtri_exp(np.minimum(ratio * (d - 1 - step), 0.0)))
        return np.clip(np.nan_to_num(np.stack(parts, axis=-1), nan=0.0), -FARTHEST, FARTHEST)


@final
@dataclass(frozen=True, eq=False)
class WeightLaw:
    """The law of a weight, tabulated on its coordinate.

    Attributes
    ----------
    base : TabulatedLaw
        Of the coordinate.
    about : About
    mean, sd : float
    """

    base: TabulatedLaw
    about: About
    mean: float
    sd: float

    def pdf(self, x: Array) -> Array:
        """Density at x; 0 outside (0, 1)."""
        x = np.asarray(x, dtype=float)
        inside = (x > 0.0) & (x < 1.0)
        w = np.where(inside, x, 0.5)
        y = self.about.coordinate(w)
        a, b = self.about.shapes
        log_slope = (a - 1.0) * np.log(w) + (b - 1.0) * np.log1p(-w) - betaln(a, b) + 0.5 * y * y
        density = self.base.pdf(y) * np.sqrt(2.0 * np.pi) * np.exp(log_slope)
        return np.where(np.isnan(x), np.nan, np.where(inside, density, 0.0))

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x."""
        x = np.asarray(x, dtype=float)
        below = self.base.cdf(self.about.coordinate(np.clip(np.nan_to_num(x), 0.0, 1.0)))
        return np.where(np.isnan(x), np.nan, np.where(x >= 1.0, 1.0, np.where(x <= 0.0, 0.0, below)))

    def ppf(self, p: Array) -> Array:
        """Quantile at p; 0 and 1 are the ends."""
        p = np.asarray(p, dtype=float)
        return np.where(p == 0.0, 0.0, np.where(p == 1.0, 1.0, self.about.weight(self.base.ppf(p))))

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Draws, by inversion."""
        return self.ppf(rng.random(size))
