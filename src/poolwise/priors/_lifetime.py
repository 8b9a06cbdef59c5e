"""Priors on [0, inf) that are known as laws of lifetimes: Lomax, half-logistic, Rayleigh."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from poolwise.priors._base import Array, Prior, check_positive
from poolwise.settings import as_numbers


@final
@dataclass(frozen=True)
class Lomax(Prior):
    """Lomax (Pareto type II): density (shape / scale) (1 + tau / scale)^(-shape - 1).

    Notes
    -----
    No default: the shape says how heavy the tail is, the scale belongs to a scale of effect.

    References
    ----------
    Röver et al. 2021, Research Synthesis Methods 12:448, 10.1002/jrsm.1475.
    """

    shape: float
    scale: float
    metric: str | None = None

    def __post_init__(self) -> None:
        check_positive(self, "shape", "scale")

    @property
    def tail_power(self) -> float:
        """1 + shape."""
        return self.shape + 1.0

    @property
    def spread(self) -> float:
        """Standard deviation; inf for shape <= 2."""
        if self.shape <= 2.0:
            return math.inf
        return self.scale / (self.shape - 1.0) * math.sqrt(self.shape / (self.shape - 2.0))

    @staticmethod
    def log_density(x: Array, shape: Array | float, scale: Array | float) -> Array:
        """Log(shape / scale) - (shape + 1) log(1 + x / scale) for x >= 0."""
        x, shape, scale = (np.asarray(part, dtype=float) for part in (x, shape, scale))
        inside = np.log(shape) - np.log(scale) - (shape + 1.0) * np.log1p(np.maximum(x, 0.0) / scale)
        return np.where(x >= 0, inside, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return -np.expm1(-self.shape * np.log1p(np.maximum(as_numbers("x", x), 0.0) / self.scale))

    @staticmethod
    def quantile(p: Array, shape: Array | float, scale: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        with np.errstate(divide="ignore", over="ignore"):
            return scale * np.expm1(-np.log1p(-np.asarray(p)) / shape)


@final
@dataclass(frozen=True)
class HalfLogistic(Prior):
    """Half-logistic: |Logistic(0, scale)|, density 2 exp(-z) / (scale (1 + exp(-z))^2) with z = tau / scale.

    Notes
    -----
    No default: the scale belongs to a scale of effect. The tail lies between those of the half-normal and the
    half-Cauchy.

    References
    ----------
    Röver et al. 2021, Research Synthesis Methods 12:448, 10.1002/jrsm.1475.
    """

    scale: float
    metric: str | None = None

    def __post_init__(self) -> None:
        check_positive(self, "scale")

    @property
    def spread(self) -> float:
        """Standard deviation, scale sqrt(pi^2 / 3 - (log 4)^2)."""
        return self.scale * math.sqrt(math.pi**2 / 3.0 - math.log(4.0) ** 2)

    @staticmethod
    def log_density(x: Array, scale: Array | float) -> Array:
        """log(2 / scale) - z - 2 log(1 + exp(-z)), z = x / scale, for x >= 0."""
        x = as_numbers("x", x)
        z = np.maximum(x, 0.0) / scale
        return np.where(x >= 0, math.log(2.0) - np.log(scale) - z - 2.0 * np.log1p(np.exp(-z)), -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return np.tanh(0.5 * np.maximum(as_numbers("x", x), 0.0) / self.scale)

    @staticmethod
    def quantile(p: Array, scale: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        with np.errstate(divide="ignore"):
            return 2.0 * scale * np.arctanh(p)


@final
@dataclass(frozen=True)
class Rayleigh(Prior):
    """Rayleigh: density (tau / scale^2) exp(-tau^2 / (2 scale^2)), which vanishes at 0.

    Notes
    -----
    No default: the scale belongs to a scale of effect. It is for those who hold that no set of studies is homogeneous.

    References
    ----------
    Johnson, Kotz & Balakrishnan 1994, Continuous Univariate Distributions, volume 1, 2nd ed., chapter 18.
    """

    scale: float
    metric: str | None = None

    def __post_init__(self) -> None:
        check_positive(self, "scale")

    @property
    def spread(self) -> float:
        """Standard deviation, scale sqrt(2 - pi / 2)."""
        return self.scale * math.sqrt(2.0 - 0.5 * math.pi)

    @staticmethod
    def log_density(x: Array, scale: Array | float) -> Array:
        """Log x - 2 log(scale) - x^2 / (2 scale^2) for x >= 0."""
        x = as_numbers("x", x)
        with np.errstate(divide="ignore", over="ignore"):
            inside = np.log(np.maximum(x, 0.0)) - 2.0 * np.log(scale) - 0.5 * (x / scale) ** 2
        return np.where(x >= 0, inside, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        with np.errstate(over="ignore"):
            return -np.expm1(-0.5 * (np.maximum(as_numbers("x", x), 0.0) / self.scale) ** 2)

    @staticmethod
    def quantile(p: Array, scale: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        with np.errstate(divide="ignore"):
            return scale * np.sqrt(-2.0 * np.log1p(-np.asarray(p)))
