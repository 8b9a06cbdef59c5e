"""Priors on [0, inf) whose density is smooth and finite at 0."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from poolwise.errors import ModelError
from poolwise.priors._base import NORMAL_DF, Array, Prior, check_finite, check_positive, log_t_constant, t_quantile
from poolwise.settings import as_numbers


@final
@dataclass(frozen=True)
class HalfNormal(Prior):
    """Half-normal: |N(0, scale^2)|.

    Notes
    -----
    No width is the default of the family, since a width belongs to a scale of effect; on tau a scale supplies its own
    (0.5 for standardised mean differences, 1 for log odds ratios and log hazard ratios, 0.25 for Fisher's z). This
    family is what models take unasked: its density is finite at 0 and its tail light, so that tau = 0 stays possible
    and a heterogeneity no one has seen is not.

    References
    ----------
    Röver et al. 2021, Research Synthesis Methods 12:448, 10.1002/jrsm.1475; Spiegelhalter, Abrams & Myles 2004,
    Bayesian Approaches to Clinical Trials and Health-Care Evaluation, chapter 5.
    """

    scale: float
    metric: str | None = None

    def __post_init__(self) -> None:
        check_positive(self, "scale")

    @property
    def spread(self) -> float:
        """Standard deviation, scale sqrt(1 - 2 / pi)."""
        return self.scale * math.sqrt(1.0 - 2.0 / math.pi)

    @staticmethod
    def log_density(x: Array, scale: Array | float) -> Array:
        """-x^2 / (2 scale^2) + log(sqrt(2 / pi) / scale) for x >= 0."""
        with np.errstate(over="ignore"):
            inside = -0.5 * (x / scale) ** 2 - np.log(scale) + 0.5 * math.log(2.0 / math.pi)
        return np.where(x >= 0, inside, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return special.erf(np.maximum(as_numbers("x", x), 0.0) / (self.scale * math.sqrt(2.0)))

    @staticmethod
    def quantile(p: Array, scale: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        return scale * math.sqrt(2.0) * special.erfinv(p)


@final
@dataclass(frozen=True)
class HalfCauchy(Prior):
    """Half-Cauchy: |Cauchy(0, scale)|.

    Notes
    -----
    No scale is the default, since it belongs to a scale of effect. The tail is so heavy that few studies leave a large
    tau possible, and that a posterior mean may not exist.

    References
    ----------
    Gelman 2006, Bayesian Analysis 1:515, 10.1214/06-BA117A; Polson & Scott 2012, Bayesian Analysis 7:887,
    10.1214/12-BA730.
    """

    scale: float
    metric: str | None = None
    tail_power = 2.0

    def __post_init__(self) -> None:
        check_positive(self, "scale")

    @staticmethod
    def log_density(x: Array, scale: Array | float) -> Array:
        """log(2 / (pi scale)) - log(1 + (x / scale)^2) for x >= 0."""
        z = x / scale
        with np.errstate(over="ignore", divide="ignore"):
            log1p = np.where(z < 1e8, np.log1p(z * z), 2.0 * np.log(np.abs(z)))
        return np.where(x >= 0, math.log(2.0 / math.pi) - np.log(scale) - log1p, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return 2.0 / math.pi * np.arctan(np.maximum(as_numbers("x", x), 0.0) / self.scale)

    @staticmethod
    def quantile(p: Array, scale: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        p = as_numbers("p", p)
        with np.errstate(divide="ignore"):
            high = 1.0 / np.tan(0.5 * math.pi * (1.0 - p))  # keeps its digits near p = 1, the other one near 0
        return scale * np.where(p > 0.5, high, np.tan(0.5 * math.pi * np.minimum(p, 0.5)))


@final
@dataclass(frozen=True)
class HalfT(Prior):
    """Half-t with df degrees of freedom: |scale t_df|.

    Notes
    -----
    No default: the degrees of freedom say how heavy the tail is, 1 the half-Cauchy, many the half-normal; the scale
    belongs to a scale of effect.

    References
    ----------
    Gelman 2006, Bayesian Analysis 1:515, 10.1214/06-BA117A.
    """

    df: float
    scale: float
    metric: str | None = None

    def __post_init__(self) -> None:
        check_positive(self, "df", "scale")

    @property
    def tail_power(self) -> float:
        """1 + df."""
        return self.df + 1.0

    @property
    def spread(self) -> float:
        """Standard deviation; inf for df <= 2."""
        if self.df <= 2.0:
            return math.inf
        if self.df > NORMAL_DF:
            return HalfNormal(self.scale).spread
        ratio = math.exp(math.lgamma(0.5 * (self.df + 1.0)) - math.lgamma(0.5 * self.df))
        mean = 2.0 * math.sqrt(self.df / math.pi) * ratio / (self.df - 1.0)
        return self.scale * math.sqrt(self.df / (self.df - 2.0) - mean * mean)

    @staticmethod
    def log_density(x: Array, df: Array | float, scale: Array | float) -> Array:
        """Twice Student's t density on x >= 0, on the log scale."""
        df, scale = np.asarray(df, dtype=float), np.asarray(scale, dtype=float)
        norm = log_t_constant(df)
        z = x / scale
        with np.errstate(over="ignore", divide="ignore"):
            log1p = np.where(z < 1e8, np.log1p(z * z / df), np.logaddexp(0.0, 2.0 * np.log(np.abs(z)) - np.log(df)))
        return np.where(x >= 0, math.log(2.0) + norm - np.log(scale) - 0.5 * (df + 1) * log1p, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        z = np.maximum(as_numbers("x", x), 0.0) / self.scale
        near = np.minimum(z, 1.0) ** 2  # either side keeps the digits of what is small there
        low = special.betainc(0.5, 0.5 * self.df, near / (self.df + near))
        return np.where(z < 1.0, low, 1.0 - 2.0 * special.stdtr(self.df, -z))

    @staticmethod
    def quantile(p: Array, df: Array | float, scale: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        with np.errstate(divide="ignore"):
            share = special.betaincinv(0.5, 0.5 * np.asarray(df), np.minimum(p, 0.5))  # keeps its digits near p = 0
            near = np.sqrt(df * share / (1.0 - share))  # inf where few degrees of freedom leave the numbers
        return scale * np.where(np.less(p, 0.5), near, -t_quantile(df, 0.5 * (1.0 - p)))


@final
@dataclass(frozen=True)
class Exponential(Prior):
    """Exponential with this rate; its mean is 1 / rate.

    Notes
    -----
    No default: the rate is one over the mean of tau, which belongs to a scale of effect.

    References
    ----------
    Simpson et al. 2017, Statistical Science 32:1, 10.1214/16-STS576, as the penalised-complexity prior for a standard
    deviation; Röver et al. 2021, Research Synthesis Methods 12:448, 10.1002/jrsm.1475.
    """

    rate: float
    metric: str | None = None

    def __post_init__(self) -> None:
        check_positive(self, "rate")

    @property
    def spread(self) -> float:
        """Standard deviation, 1 / rate."""
        return 1.0 / self.rate

    @staticmethod
    def log_density(x: Array, rate: Array | float) -> Array:
        """log(rate) - rate x for x >= 0."""
        return np.where(x >= 0, np.log(rate) - rate * x, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return -np.expm1(-self.rate * np.maximum(as_numbers("x", x), 0.0))

    @staticmethod
    def quantile(p: Array, rate: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        with np.errstate(divide="ignore"):
            return -np.log1p(-p) / rate

    def scaled(self, factor: float) -> Exponential:
        """Exponential(rate / factor)."""
        return replace(self, rate=self.rate / factor)


@final
@dataclass(frozen=True)
class Uniform(Prior):
    """Uniform on [lower, upper], for tau: 0 <= lower < upper.

    Notes
    -----
    No limits are the default: with few studies the upper limit decides, so that it has to be said.

    References
    ----------
    Gelman 2006, Bayesian Analysis 1:515, 10.1214/06-BA117A; Lambert et al. 2005, Statistics in Medicine 24:2401,
    PMID 16015676, on how much a limit decides with few studies.
    """

    lower: float
    upper_limit: float
    metric: str | None = None
    lengths: ClassVar[tuple[str, ...]] = ("lower", "upper_limit")

    def __post_init__(self) -> None:
        check_finite(self, "lower")
        check_positive(self, "upper_limit")
        if not 0.0 <= self.lower < self.upper_limit:
            raise ModelError(
                f"Uniform has limits {self.lower:g} and {self.upper_limit:g}",
                "0 <= lower < upper",
                "Uniform(0, 2.5)",
            )

    @property
    def lowest(self) -> float:
        """Lower end of the support."""
        return float(self.lower)

    @property
    def upper(self) -> float:
        """Upper end of the support."""
        return float(self.upper_limit)

    @property
    def spread(self) -> float:
        """Standard deviation, (upper - lower) / sqrt(12)."""
        return (self.upper_limit - self.lower) / math.sqrt(12.0)

    @staticmethod
    def log_density(x: Array, lower: Array | float, upper: Array | float) -> Array:
        """-log(upper - lower) within the limits."""
        inside = (x >= lower) & (x <= upper)
        return np.where(inside, -np.log(np.subtract(upper, lower)), -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return np.clip((as_numbers("x", x) - self.lower) / (self.upper_limit - self.lower), 0.0, 1.0)

    @staticmethod
    def quantile(p: Array, lower: Array | float, upper: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        return lower + np.subtract(upper, lower) * p
