"""The law of one quantity that is a function of a coordinate, whose density stands on panels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.rules.mixture import LIMITS
from poolwise.quadrature.rules.panels import Panels

Array = NDArray[np.float64]


class Coordinate(Protocol):
    """A quantity as an increasing function of a coordinate x."""

    def parameter(self, x: Array) -> Array:
        """The quantity at x."""

    def coordinate(self, value: Array) -> Array:
        """The x at which the quantity has this value."""

    def log_slope(self, x: Array) -> Array:
        """Log of the derivative of the quantity by x."""


@final
@dataclass(frozen=True)
class Sinh:
    """A quantity on [0, inf), unit sinh(x): linear in x near 0 and logarithmic far out."""

    unit: float

    def parameter(self, x: Array) -> Array:
        """Unit sinh(x)."""
        return self.unit * np.sinh(x)

    def coordinate(self, value: Array) -> Array:
        """asinh(value / unit)."""
        return np.arcsinh(np.maximum(value, 0.0) / self.unit)

    def log_slope(self, x: Array) -> Array:
        """log(unit cosh(x))."""
        return np.abs(x) + np.log1p(np.exp(-2.0 * np.abs(x))) + np.log(0.5 * self.unit)


@final
@dataclass(frozen=True)
class Exp:
    """A quantity above 0, exp(x)."""

    def parameter(self, x: Array) -> Array:
        """exp(x)."""
        return np.exp(x)

    def coordinate(self, value: Array) -> Array:
        """log(value)."""
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(value, 0.0))

    def log_slope(self, x: Array) -> Array:
        """X itself."""
        return np.asarray(x, dtype=float)


@final
@dataclass(frozen=True, eq=False)
class PanelLaw:
    """The law of one quantity.

    Attributes
    ----------
    source : Panels or callable
        Density of the coordinate x, a single job; or what makes it, once it is asked for.
    coordinate : Coordinate
        Leads from x to the quantity.
    weight, nodes : ndarray
        Weights, and values of the quantity, that moments are summed over, shape (J,).
    moments : int
        Highest moment that exists.
    below : float
        Probability below the first panel of a quantity above 0, where it counts as uniform.
    support : tuple of float, optional
        Quantiles at 0 and 1; the ends of the panels where they are not stated.
    density : callable, optional
        Maps values of the quantity (q,) within its support to densities, where they are known better than on panels.
    known : dict
        Median and limits by probability, once one of them was asked for: tau2 and I2 ask for the same ones.
    """

    source: Panels | Callable[[], Panels]
    coordinate: Coordinate
    weight: Array
    nodes: Array
    moments: int = 4
    below: float = 0.0
    support: tuple[float, float] | None = None
    density: Callable[[Array], Array] | None = None
    known: dict[float, float] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of_panels(
        cls,
        panels: Panels,
        coordinate: Coordinate,
        *,
        moments: int = 4,
        below: float = 0.0,
        support: tuple[float, float] | None = None,
        density: Callable[[Array], Array] | None = None,
    ) -> PanelLaw:
        """With moments from the panels' own nodes, and what lies below them at 0."""
        held = panels.mass != 0.0  # far out, a power of a value without probability may be infinite
        weight, nodes = (1.0 - below) * panels.mass[held], coordinate.parameter(panels.x[held])
        if below > 0.0:
            weight, nodes = np.append(weight, below), np.append(nodes, 0.0)
        return cls(panels, coordinate, weight, nodes, moments, below, support, density)

    @cached_property
    def panels(self) -> Panels:
        """Density of the coordinate x, a single job."""
        return self.source() if callable(self.source) else self.source

    def raw_moment(self, power: int) -> float:
        """E[quantity^power]; NaN when it does not exist."""
        return float(self.weight @ self.nodes**power) if power <= self.moments else np.nan

    def square_moments(self) -> tuple[float, float]:
        """Mean and sd of the square; NaN when they do not exist."""
        mean = self.raw_moment(2)
        return mean, self._about(self.nodes**2 - mean) if self.moments >= 4 else np.nan

    @property
    def mean(self) -> float:
        """Posterior mean; NaN when it does not exist."""
        return self.raw_moment(1)

    @property
    def sd(self) -> float:
        """Posterior standard deviation; NaN when it does not exist."""
        return self._about(self.nodes - self.mean) if self.moments >= 2 else np.nan

    def _about(self, distance: Array) -> float:
        """Root of the mean square of distances at the nodes; their squares may be beyond any number."""
        square = np.square(np.sqrt(np.abs(self.weight)) * distance)
        return float(np.sqrt(np.maximum(np.sign(self.weight) @ square, 0.0)))

    def pdf(self, x: Array) -> Array:
        """Density at x; same shape as x."""
        x = np.asarray(x, dtype=float)
        first, last = self._ends()
        if self.density is not None:
            inside = x >= 0.0
            within = self.density(np.where(inside, x, 1.0).reshape(-1)).reshape(x.shape)
        else:
            inside = (x >= first) & (x <= last)
            at = self.coordinate.coordinate(np.where(inside, x, last))
            with np.errstate(over="ignore"):
                stretch = np.exp(self.coordinate.log_slope(at))
            within = (1.0 - self.below) * np.maximum(self.panels.pdf(at), 0.0) / stretch
        under = np.where((x >= 0.0) & (x < first), self.below / first if first > 0.0 else 0.0, 0.0)
        return np.where(np.isnan(x), np.nan, np.where(inside, within, under))

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x; same shape as x."""
        x = np.asarray(x, dtype=float)
        first, last = self._ends()
        with np.errstate(invalid="ignore"):
            at = self.coordinate.coordinate(np.clip(x, first, last))
            inside = self.below + (1.0 - self.below) * self.panels.cdf(at)
            under = self.below * np.maximum(x, 0.0) / first if self.below > 0.0 else 0.0
        return np.where(np.isnan(x), np.nan, np.where(x > first, np.where(np.isposinf(x), 1.0, inside), under))

    def ppf(self, p: Array) -> Array:
        """Quantile at p; same shape as p."""
        p = np.asarray(p, dtype=float)
        wanted = p.reshape(-1).tolist() if p.size <= len(LIMITS) else []
        if not wanted or any(x not in LIMITS for x in wanted):
            return self._quantiles(p.reshape(-1)).reshape(p.shape)
        if not self.known:
            self.known.update(zip(LIMITS, self._quantiles(np.array(LIMITS)).tolist(), strict=True))
        return np.array([self.known[x] for x in wanted]).reshape(p.shape)

    def _quantiles(self, p: Array) -> Array:
        inside = np.clip((p - self.below) / (1.0 - self.below), 0.0, 1.0) if self.below > 0.0 else p
        out = self.coordinate.parameter(self.panels.ppf(np.zeros(p.shape, dtype=np.intp), inside))
        if self.below > 0.0:
            out = np.where(p < self.below, self._ends()[0] * p / self.below, out)
        if self.support is None:
            return out
        return np.where(p <= 0.0, self.support[0], np.where(p >= 1.0, self.support[1], out))

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Exact independent draws, by inversion."""
        return self.ppf(rng.random(size))

    def _ends(self) -> tuple[float, float]:
        ends = self.coordinate.parameter(np.array([self.panels.left[0], self.panels.right[-1]]))
        return float(ends[0]), float(ends[1])
