"""Priors on (0, inf) that vanish or blow up at 0, and live on the logarithm of tau."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from poolwise.priors._base import LOG_2PI, Array, Prior, check_finite, check_positive, log_t_constant, t_quantile
from poolwise.settings import as_numbers


@final
@dataclass(frozen=True)
class LogNormal(Prior):
    """Log-normal: log tau ~ N(location, scale^2).

    Notes
    -----
    No default: location and scale are read from collections of meta-analyses. For tau^2 ~ LogNormal(m, s^2) they are m
    / 2 and s / 2 on tau.

    References
    ----------
    Turner et al. 2015, Statistics in Medicine 34:984, 10.1002/sim.6381.
    """

    location: float
    scale: float
    metric: str | None = None
    needs_log_nodes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_finite(self, "location")
        check_positive(self, "scale")

    @property
    def spread(self) -> float:
        """Standard deviation."""
        square = self.scale * self.scale
        return math.exp(self.location + 0.5 * square) * math.sqrt(math.expm1(square))

    @staticmethod
    def log_density(x: Array, location: Array | float, scale: Array | float) -> Array:
        """Normal log density of log x, less log x."""
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.log(x)
            inside = -0.5 * ((u - location) / scale) ** 2 - np.log(scale) - 0.5 * LOG_2PI - u
        return np.where(x > 0, inside, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        with np.errstate(divide="ignore"):
            u = np.log(np.maximum(as_numbers("x", x), 0.0))
        return special.ndtr((u - self.location) / self.scale)

    @staticmethod
    def quantile(p: Array, location: Array | float, scale: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        return np.exp(location + scale * special.ndtri(p))

    def scaled(self, factor: float) -> LogNormal:
        """LogNormal(location + log factor, scale)."""
        return replace(self, location=self.location + math.log(factor))


@final
@dataclass(frozen=True)
class InverseGamma(Prior):
    """Inverse gamma on tau itself: density proportional to tau^(-shape - 1) exp(-scale / tau).

    Notes
    -----
    No default: shape and scale are read from collections of meta-analyses. The density vanishes at 0, so that it
    forbids a tau near 0; a panel of priors says so.

    References
    ----------
    van Erp et al. 2017, J. Open Psychology Data 5:4, 10.5334/jopd.33; Bartoš et al. 2021, Statistics in Medicine
    40:6743, 10.1002/sim.9170. On tau itself, not on its square, of which Gelman 2006 warns, Bayesian Analysis 1:515,
    10.1214/06-BA117A.
    """

    shape: float
    scale: float
    metric: str | None = None
    needs_log_nodes: ClassVar[bool] = True

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
        return self.scale / ((self.shape - 1.0) * math.sqrt(self.shape - 2.0))

    @staticmethod
    def log_density(x: Array, shape: Array | float, scale: Array | float) -> Array:
        """Shape log scale - log Gamma(shape) - (shape + 1) log x - scale / x for x > 0."""
        shape, scale = np.asarray(shape, dtype=float), np.asarray(scale, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            inside = shape * np.log(scale) - special.gammaln(shape) - (shape + 1.0) * np.log(x) - scale / np.asarray(x)
        return np.where(x > 0, inside, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        with np.errstate(divide="ignore"):
            return special.gammaincc(self.shape, self.scale / np.maximum(as_numbers("x", x), 0.0))

    @staticmethod
    def quantile(p: Array, shape: Array | float, scale: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        with np.errstate(divide="ignore"):
            return scale / special.gammainccinv(shape, p)


@final
@dataclass(frozen=True)
class LogT(Prior):
    """Log-t: (log tau - location) / scale ~ t_df.

    Notes
    -----
    No default: its parameters are read from collections of meta-analyses. For tau^2 ~ log-t_df(m, s) they are df, m / 2
    and s / 2 on tau.

    References
    ----------
    Rhodes et al. 2015, J. Clinical Epidemiology 68:52, 10.1016/j.jclinepi.2014.08.012.
    """

    df: float
    location: float
    scale: float
    metric: str | None = None
    needs_log_nodes: ClassVar[bool] = True
    tail_power = math.nextafter(1.0, 2.0)  # the density falls as 1 / (x log(x)^(df + 1))

    def __post_init__(self) -> None:
        check_finite(self, "location")
        check_positive(self, "df", "scale")

    @staticmethod
    def log_density(x: Array, df: Array | float, location: Array | float, scale: Array | float) -> Array:
        """Student's t log density of log x, less log x."""
        df, scale = np.asarray(df, dtype=float), np.asarray(scale, dtype=float)
        norm = log_t_constant(df)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.log(x)
            inside = norm - np.log(scale) - 0.5 * (df + 1) * np.log1p(((u - location) / scale) ** 2 / df) - u
        return np.where(x > 0, inside, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        with np.errstate(divide="ignore"):
            u = np.log(np.maximum(as_numbers("x", x), 0.0))
        return special.stdtr(self.df, (u - self.location) / self.scale)

    @staticmethod
    def quantile(p: Array, df: Array | float, location: Array | float, scale: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        with np.errstate(over="ignore"):
            return np.exp(location + scale * t_quantile(df, p))

    def scaled(self, factor: float) -> LogT:
        """LogT(df, location + log factor, scale)."""
        return replace(self, location=self.location + math.log(factor))


@final
@dataclass(frozen=True)
class Sqrt(Prior):
    """Improper prior that is flat in sqrt(tau): density tau^(-1/2).

    Notes
    -----
    It has no width to choose. Its density blows up at 0, but has a finite integral there; a single study with a flat mu
    leaves the posterior improper, which is refused.

    References
    ----------
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06.
    """

    metric: str | None = None
    needs_log_nodes: ClassVar[bool] = True
    lengths: ClassVar[tuple[str, ...]] = ()
    tail_power = 0.5
    proper = False

    @staticmethod
    def log_density(x: Array, *parameters: Array | float) -> Array:
        """-log(x) / 2 for x >= 0; inf at 0, which is integrable."""
        x = as_numbers("x", x)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(x >= 0, -0.5 * np.log(x), -np.inf)
