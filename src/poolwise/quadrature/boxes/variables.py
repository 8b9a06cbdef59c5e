"""Nonlinear parameters as coordinates of boxes: standard deviations, and parameters on the whole line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from poolwise.priors import Prior
from poolwise.quadrature.one_tau.jobs import TauPriors
from poolwise.quadrature.one_tau.tau_posterior import FARTHEST, LARGEST, LEAST_MEDIAN, LOG_NODES_REACH
from poolwise.quadrature.rules.panel_law import Coordinate, Sinh

Array = NDArray[np.float64]

# offsets of the first edges in x: fine near the scale of the problem, geometric far out
_OFFSETS = np.concatenate([np.arange(0, 6, 1.5), [6, 8, 11, 15, 20, 27, 36, 50, 70, 100, 140, 200, 280, 400, 600]])

_PROBABILITIES = np.array([1e-6, 1e-3, 0.02, 0.25, 0.5, 0.75, 0.98, 0.999, 1.0 - 1e-6])  # whose quantiles are edges

LOWEST_LOG_SCALE = 4.0  # below exp(-4) times its median the density of the sd of a t is exp(-df/2 e^8) and less
LARGEST_CHI_SQUARE = 200.0  # where a density of few degrees of freedom is exp(-100) of its height
LARGEST_LOG_SCALE = 300.0  # beyond which the square of the sd overflows
TAIL = 45.0  # nats of the upper tail that are followed


class Variable(Coordinate, Protocol):
    """A parameter as a function of a coordinate x, with its prior."""

    @property
    def edges(self) -> Array:
        """First edges in x, increasing."""

    def log_prior(self, x: Array) -> Array:
        """Log prior density of x."""


@final
@dataclass(frozen=True, eq=False)
class Spread:
    """A standard deviation, c sinh(x): linear in x near 0 and logarithmic far out.

    Attributes
    ----------
    prior : Prior
        On [0, inf).
    unit : float
        The length on which the likelihood changes near 0.
    """

    prior: Prior
    unit: float

    @property
    def c(self) -> float:
        """Unit of the coordinate."""
        median = float(self.prior.ppf(0.5)) if self.prior.proper else self.unit
        unit = min(self.unit, max(median, self.unit * LEAST_MEDIAN))
        return unit * LOG_NODES_REACH if self.prior.needs_log_nodes else unit

    @property
    def edges(self) -> Array:
        """First edges in x, within the support."""
        c = self.c
        middle = np.arcsinh(1.0 / LOG_NODES_REACH) if self.prior.needs_log_nodes else 0.0
        offsets = np.concatenate([-_OFFSETS[:0:-1], _OFFSETS]) if self.prior.needs_log_nodes else _OFFSETS
        with np.errstate(over="ignore"):
            farthest = min(self.prior.upper, self.unit * FARTHEST, LARGEST)
            ends = np.arcsinh(np.array([self.prior.lowest, farthest]) / c)
        edges = np.concatenate([middle + offsets, np.arcsinh(TauPriors.of([self.prior]).narrow()[0] / c)])
        return np.unique(np.clip(edges, *ends))

    def parameter(self, x: Array) -> Array:
        """C sinh(x), kept within the support of the prior."""
        return np.clip(Sinh(self.c).parameter(x), self.prior.lowest, self.prior.upper)

    def coordinate(self, value: Array) -> Array:
        """asinh(value / c)."""
        return Sinh(self.c).coordinate(value)

    def log_prior(self, x: Array) -> Array:
        """Log prior density of the standard deviation, times c cosh(x)."""
        return self.prior.log_pdf(self.parameter(x)) + self.log_slope(x)

    def log_slope(self, x: Array) -> Array:
        """log(c cosh(x))."""
        return Sinh(self.c).log_slope(x)


@final
@dataclass(frozen=True, eq=False)
class Anchored:
    """A parameter of any proper prior, anchor + c sinh(x): linear in x near the anchor and logarithmic far out.

    Attributes
    ----------
    prior : Prior
    anchor : float
        An end of the support, or where the data put the parameter.
    unit : float
        The length on which the likelihood changes.
    """

    prior: Prior
    anchor: float
    unit: float

    @property
    def edges(self) -> Array:
        """First edges in x, within the support: fine near the anchor, and at quantiles of the prior."""
        ends = self.coordinate(np.clip([self.prior.lowest, self.prior.upper], -LARGEST, LARGEST))
        likely = self.coordinate(self.prior.ppf(_PROBABILITIES))
        return np.unique(np.clip(np.concatenate([-_OFFSETS, _OFFSETS, likely]), *ends))

    def parameter(self, x: Array) -> Array:
        """Anchor + c sinh(x), kept within the support of the prior."""
        return np.clip(self.anchor + Sinh(self.unit).parameter(x), self.prior.lowest, self.prior.upper)

    def coordinate(self, value: Array) -> Array:
        """asinh((value - anchor) / c)."""
        return np.arcsinh((np.asarray(value) - self.anchor) / self.unit)

    def log_prior(self, x: Array) -> Array:
        """Log prior density of the parameter, times c cosh(x)."""
        return self.prior.log_pdf(self.parameter(x)) + self.log_slope(x)

    def log_slope(self, x: Array) -> Array:
        """log(c cosh(x))."""
        return Sinh(self.unit).log_slope(x)


@final
@dataclass(frozen=True, eq=False)
class OnLine:
    """A parameter on the whole line, centre + scale x.

    Attributes
    ----------
    log_density : callable
        Log prior density of the parameter.
    centre, scale : float
        Where the prior is, and how wide.
    reach : tuple of float
        Lowest and highest x that can matter.
    """

    log_density: Callable[[Array], Array]
    centre: float
    scale: float
    reach: tuple[float, float]

    @property
    def edges(self) -> Array:
        """First edges in x, finer about the centre."""
        low, high = self.reach
        offsets = np.concatenate([-_OFFSETS[:0:-1], _OFFSETS])
        return np.unique(np.clip(offsets, low, high))

    def parameter(self, x: Array) -> Array:
        """Centre + scale x."""
        return self.centre + self.scale * x

    def coordinate(self, value: Array) -> Array:
        """(value - centre) / scale."""
        return (value - self.centre) / self.scale

    def log_prior(self, x: Array) -> Array:
        """Log prior density of x."""
        return self.log_density(self.parameter(x)) + self.log_slope(x)

    def log_slope(self, x: Array) -> Array:
        """Log scale."""
        return np.full_like(x, np.log(self.scale))


@final
@dataclass(frozen=True, eq=False)
class LogScale:
    """The standard deviation of a coefficient that has a t prior, middle exp(x).

    Attributes
    ----------
    log_density : callable
        Log prior density of the logarithm of the standard deviation.
    middle : float
        Its prior median.
    df : float
        Degrees of freedom of the t; the upper tail of log sd falls as exp(-df x).
    """

    log_density: Callable[[Array], Array]
    middle: float
    df: float

    @property
    def edges(self) -> Array:
        """First edges in x; with many degrees of freedom, whose log sd spreads by (2 df)^-1/2, finer ones too."""
        offsets = np.concatenate([-_OFFSETS[:0:-1], _OFFSETS])
        fine = offsets * min(1.0, 3.0 / np.sqrt(self.df))
        # with few degrees of freedom half of the law lies far out, and chi-square values up to 200 count
        low = min(-LOWEST_LOG_SCALE, 0.5 * np.log(chdtri(self.df, 0.5) / LARGEST_CHI_SQUARE))
        high = min(3.0 + TAIL / self.df, LARGEST_LOG_SCALE - np.log(self.middle))
        between = np.arange(low, 0.0, 1.5) if low < -LOWEST_LOG_SCALE else np.empty(0)
        return np.unique(np.clip(np.concatenate([fine, offsets, between]), low, high))

    def parameter(self, x: Array) -> Array:
        """Middle exp(x)."""
        return self.middle * np.exp(x)

    def coordinate(self, value: Array) -> Array:
        """log(value / middle)."""
        return np.log(value / self.middle)

    def log_prior(self, x: Array) -> Array:
        """Log prior density of x."""
        return self.log_density(np.log(self.middle) + x)

    def log_slope(self, x: Array) -> Array:
        """Log of the standard deviation."""
        return np.log(self.middle) + x
