"""Priors on the whole line, for mu."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from poolwise.errors import ModelError
from poolwise.priors._base import LOG_2PI, Array, Prior, check_finite, check_width
from poolwise.settings import as_numbers


@final
@dataclass(frozen=True)
class Normal(Prior):
    """Normal(mean, sd), for mu."""

    mean: float = 0.0
    sd: float = 1.0
    metric: str | None = None
    positive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_finite(self, "mean")
        check_width(self, "sd")

    @property
    def spread(self) -> float:
        """Standard deviation, sd."""
        return self.sd

    @staticmethod
    def log_density(x: Array, mean: Array | float, sd: Array | float) -> Array:
        """-(x - mean)^2 / (2 sd^2) - log(sd sqrt(2 pi))."""
        with np.errstate(over="ignore"):
            return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * LOG_2PI

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return special.ndtr((as_numbers("x", x) - self.mean) / self.sd)

    @staticmethod
    def quantile(p: Array, mean: Array | float, sd: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        return mean + sd * special.ndtri(p)

    def scaled(self, factor: float) -> Normal:
        """Normal(factor mean, factor sd)."""
        return replace(self, mean=self.mean * factor, sd=self.sd * factor)


@final
@dataclass(frozen=True)
class Fixed(Prior):
    """A known value of mu: all probability at one point, which has no density."""

    value: float = 0.0
    metric: str | None = None
    positive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_finite(self, "value")

    @property
    def lowest(self) -> float:
        """The value."""
        return float(self.value)

    @property
    def upper(self) -> float:
        """The value."""
        return float(self.value)

    @property
    def spread(self) -> float:
        """0: the value is known."""
        return 0.0

    @staticmethod
    def log_density(x: Array, value: Array | float) -> Array:
        """Raise: a known value has no density."""
        raise ModelError(f"Fixed({value:g}) is a known value and has no density", "a prior that spreads, or its cdf")

    def cdf(self, x: ArrayLike) -> Array:
        """0 below the value, 1 from there on."""
        return (as_numbers("x", x) >= self.value).astype(float)

    @staticmethod
    def quantile(p: Array, value: Array | float) -> Array:
        """The value, whatever p."""
        return np.broadcast_arrays(np.asarray(value, dtype=float), p)[0].copy()

    def scaled(self, factor: float) -> Fixed:
        """Fixed(factor value)."""
        return replace(self, value=self.value * factor)


@final
@dataclass(frozen=True)
class Flat(Prior):
    """Improper flat prior: constant density 1, on mu over the line, on tau over [0, inf)."""

    metric: str | None = None
    proper = False

    @property
    def tail_power(self) -> float:
        """0: the density does not fall."""
        return 0.0

    @staticmethod
    def log_density(x: Array, *parameters: Array | float) -> Array:
        """0 everywhere."""
        return np.zeros_like(x)

    def cdf(self, x: ArrayLike) -> Array:
        """Raise: an improper prior has no distribution function."""
        raise ModelError("a flat prior is improper and has no distribution function", "a proper prior")

    def ppf(self, p: ArrayLike) -> Array:
        """Raise: an improper prior has no quantiles."""
        raise ModelError("a flat prior is improper and has no quantiles", "a proper prior")

    def scaled(self, factor: float) -> Flat:
        """Itself."""
        return self
