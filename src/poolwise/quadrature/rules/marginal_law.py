"""The law of one positive quantity whose density stands on panels of a coordinate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.rules.panels import ORDER, Panels

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class MarginalLaw:
    """The law of a quantity on [0, inf).

    Attributes
    ----------
    panels : Panels
        Density of the coordinate x, a single job.
    unit : float
        The quantity is unit sinh(x), or exp(x) where this is 0.
    below : float
        Probability below the first panel, where the quantity counts as uniform.
    moments : int
        Highest moment that exists.
    """

    panels: Panels
    unit: float
    below: float = 0.0
    moments: int = 4

    def raw_moment(self, power: int) -> float:
        """E[quantity^power]; NaN when it does not exist."""
        if power > self.moments:
            return np.nan
        return float((1.0 - self.below) * (self.panels.mass * self._value(self.panels.x) ** power).sum())

    def square_moments(self) -> tuple[float, float]:
        """Mean and sd of the square; NaN when they do not exist."""
        mean = self.raw_moment(2)
        return mean, float(np.sqrt(np.maximum(self.raw_moment(4) - mean**2, 0.0)))

    @property
    def mean(self) -> float:
        """Posterior mean; NaN when it does not exist."""
        return self.raw_moment(1)

    @property
    def sd(self) -> float:
        """Posterior standard deviation; NaN when it does not exist."""
        if self.moments < 2:
            return np.nan
        mass, far = self.panels.mass, self._value(self.panels.x) - self.mean
        return float(np.sqrt((1.0 - self.below) * (mass * far**2).sum() + self.below * self.mean**2))

    def pdf(self, x: Array) -> Array:
        """Density at x; same shape as x."""
        x = np.asarray(x, dtype=float)
        first, last = self._ends()
        inside = (x >= first) & (x <= last)
        coordinate = self._coordinate(np.where(inside, x, first if first > 0.0 else last))
        panels = self.panels
        panel = np.clip(np.searchsorted(panels.right, coordinate), 0, len(panels.right) - 1)
        t = 2.0 * (coordinate - panels.left[panel]) / (panels.right - panels.left)[panel] - 1.0
        basis = np.polynomial.legendre.legvander(np.clip(t, -1.0, 1.0), ORDER - 1)
        density = np.maximum(np.einsum("...i,...i->...", basis, panels.coefficients[panel]), 0.0)
        stretch = np.hypot(x, self.unit)  # d value / d x: unit cosh(x), or exp(x) where unit is 0
        with np.errstate(divide="ignore", invalid="ignore"):
            density = (1.0 - self.below) * density / stretch
        lower = self.below / first if first > 0.0 else 0.0
        return np.where(np.isnan(x), np.nan, np.where(inside, density, np.where((x >= 0.0) & (x < first), lower, 0.0)))

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x; same shape as x."""
        x = np.asarray(x, dtype=float)
        first, _ = self._ends()
        with np.errstate(invalid="ignore"):
            inside = self.below + (1.0 - self.below) * self.panels.cdf(self._coordinate(np.maximum(x, first)))
            under = self.below * np.maximum(x, 0.0) / first if first > 0.0 else 0.0
        return np.where(np.isnan(x), np.nan, np.where(x >= first, np.where(np.isposinf(x), 1.0, inside), under))

    def ppf(self, p: Array) -> Array:
        """Quantile at p; same shape as p."""
        p = np.asarray(p, dtype=float)
        flat = p.reshape(-1)
        inside = np.clip((flat - self.below) / (1.0 - self.below), 0.0, 1.0)
        out = self._value(self.panels.ppf(np.zeros(flat.shape, dtype=np.intp), inside))
        if self.below > 0.0:
            out = np.where(flat < self.below, self._ends()[0] * flat / self.below, out)
        return out.reshape(p.shape)

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Exact independent draws, by inversion."""
        return self.ppf(rng.random(size))

    def _ends(self) -> tuple[float, float]:
        return float(self._value(self.panels.left[:1])[0]), float(self._value(self.panels.right[-1:])[0])

    def _value(self, x: Array) -> Array:
        return self.unit * np.sinh(x) if self.unit > 0.0 else np.exp(x)

    def _coordinate(self, value: Array) -> Array:
        if self.unit > 0.0:
            return np.arcsinh(value / self.unit)
        with np.errstate(divide="ignore"):
            return np.log(value)
