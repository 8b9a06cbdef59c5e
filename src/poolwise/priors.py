"""Prior distributions as plain records: densities, quantiles, tails, and the scale of effect they are for.

A prior for tau lives on [0, inf); a prior for mu on the whole line. `metric` names the scale of effect
that a prior was made for (``"SMD"``); a prior without one is taken as given for the data at hand.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.errors import ModelError, nearest

Array = NDArray[np.float64]
_LOG_2PI = math.log(2.0 * math.pi)


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float | int) else str(value)


def _positive(prior: Prior, *names: str) -> None:
    for name in names:
        value = getattr(prior, name)
        if not (isinstance(value, int | float | np.number) and math.isfinite(value) and value > 0):
            raise ModelError(
                f"{type(prior).__name__} has {name} = {value!r}", f"a finite {name} above 0", f"{name}=0.5"
            )


def _finite(prior: Prior, *names: str) -> None:
    for name in names:
        value = getattr(prior, name)
        if not (isinstance(value, int | float | np.number) and math.isfinite(value)):
            raise ModelError(f"{type(prior).__name__} has {name} = {value!r}", f"a finite {name}")


@dataclass(frozen=True)
class Prior:
    """What every prior has; use one of the families below.

    Attributes
    ----------
    positive : bool
        Whether the prior lives on [0, inf) and may stand on tau.
    proper : bool
        Whether it integrates to 1.
    tail_power : float
        a where the density falls as x^-a (up to slower factors); inf for lighter tails.
    needs_log_nodes : bool
        Whether the density vanishes or blows up at 0 so sharply that quadrature works on log tau there.
    """

    positive: ClassVar[bool] = True
    proper: ClassVar[bool] = True
    needs_log_nodes: ClassVar[bool] = False

    @property
    def parameters(self) -> tuple[float, ...]:
        """The parameters, in the order of the family's signature."""
        return tuple(float(getattr(self, f.name)) for f in fields(self) if f.name != "metric")

    @property
    def family(self) -> str:
        """The family's name."""
        return type(self).__name__

    @property
    def tail_power(self) -> float:
        """a where the density falls as x^-a; inf for lighter tails."""
        return math.inf

    @property
    def upper(self) -> float:
        """Upper end of the support."""
        return math.inf

    @property
    def lowest(self) -> float:
        """Lower end of the support of a prior on tau."""
        return 0.0

    @property
    def spread(self) -> float:
        """Standard deviation; inf where it does not exist."""
        return math.inf

    @staticmethod
    def log_density(x: Array, *parameters: ArrayLike) -> Array:
        """Log density, vectorised over x and over the parameters (broadcast against x)."""
        raise NotImplementedError

    def log_pdf(self, x: ArrayLike) -> Array:
        """Log density at x; -inf outside the support; same shape as x."""
        return self.log_density(np.asarray(x, dtype=float), *self.parameters)

    def pdf(self, x: ArrayLike) -> Array:
        """Density at x; same shape as x."""
        return np.exp(self.log_pdf(x))

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x; same shape as x."""
        raise NotImplementedError

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at p; same shape as p."""
        raise NotImplementedError

    def sample(self, size: int, seed: int) -> Array:
        """Draws by inversion, shape (size,)."""
        return self.ppf(np.random.default_rng(seed).random(size))

    def scaled(self, factor: float) -> Self:
        """The prior of factor x tau (or factor x mu), for a scale of effect whose unit is `factor` times as long."""
        raise NotImplementedError

    def for_metric(self, metric: str, factor: float) -> Self:
        """The prior moved to another scale of effect by an explicit factor, for example pi / sqrt(3) from d to log OR."""
        return replace(self.scaled(factor), metric=metric)

    def __str__(self) -> str:
        return f"{self.family}({', '.join(_number(p) for p in self.parameters)})"


@final
@dataclass(frozen=True)
class Normal(Prior):
    """Normal(mean, sd), for mu."""

    mean: float = 0.0
    sd: float = 1.0
    metric: str | None = None
    positive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _finite(self, "mean")
        _positive(self, "sd")

    @staticmethod
    def log_density(x: Array, mean: ArrayLike, sd: ArrayLike) -> Array:
        """-(x - mean)^2 / (2 sd^2) - log(sd sqrt(2 pi))."""
        return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * _LOG_2PI

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return special.ndtr((np.asarray(x, dtype=float) - self.mean) / self.sd)

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at p."""
        return self.mean + self.sd * special.ndtri(np.asarray(p, dtype=float))

    def scaled(self, factor: float) -> Normal:
        """Normal(factor mean, factor sd)."""
        return replace(self, mean=self.mean * factor, sd=self.sd * factor)


@final
@dataclass(frozen=True)
class Flat(Prior):
    """Improper flat prior: constant density 1, on mu over the line, on tau over [0, inf)."""

    metric: str | None = None
    proper: ClassVar[bool] = False

    @property
    def tail_power(self) -> float:
        """0: the density does not fall."""
        return 0.0

    @staticmethod
    def log_density(x: Array, *parameters: ArrayLike) -> Array:
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


@final
@dataclass(frozen=True)
class HalfNormal(Prior):
    """Half-normal: |N(0, scale^2)|."""

    scale: float
    metric: str | None = None

    def __post_init__(self) -> None:
        _positive(self, "scale")

    @property
    def spread(self) -> float:
        """Standard deviation, scale sqrt(1 - 2 / pi)."""
        return self.scale * math.sqrt(1.0 - 2.0 / math.pi)

    @staticmethod
    def log_density(x: Array, scale: ArrayLike) -> Array:
        """-x^2 / (2 scale^2) + log(sqrt(2 / pi) / scale) for x >= 0."""
        with np.errstate(over="ignore"):
            inside = -0.5 * (x / scale) ** 2 - np.log(scale) + 0.5 * math.log(2.0 / math.pi)
        return np.where(x >= 0, inside, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return special.erf(np.maximum(np.asarray(x, dtype=float), 0.0) / (self.scale * math.sqrt(2.0)))

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at p."""
        return self.scale * math.sqrt(2.0) * special.erfinv(np.asarray(p, dtype=float))

    def scaled(self, factor: float) -> HalfNormal:
        """HalfNormal(factor scale)."""
        return replace(self, scale=self.scale * factor)


@final
@dataclass(frozen=True)
class HalfCauchy(Prior):
    """Half-Cauchy: |Cauchy(0, scale)|."""

    scale: float
    metric: str | None = None

    def __post_init__(self) -> None:
        _positive(self, "scale")

    @property
    def tail_power(self) -> float:
        """2."""
        return 2.0

    @staticmethod
    def log_density(x: Array, scale: ArrayLike) -> Array:
        """log(2 / (pi scale)) - log(1 + (x / scale)^2) for x >= 0."""
        z = x / scale
        with np.errstate(over="ignore", divide="ignore"):
            log1p = np.where(z < 1e8, np.log1p(z * z), 2.0 * np.log(np.abs(z)))
        return np.where(x >= 0, math.log(2.0 / math.pi) - np.log(scale) - log1p, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return 2.0 / math.pi * np.arctan(np.maximum(np.asarray(x, dtype=float), 0.0) / self.scale)

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at p."""
        return self.scale * np.tan(0.5 * math.pi * np.asarray(p, dtype=float))

    def scaled(self, factor: float) -> HalfCauchy:
        """HalfCauchy(factor scale)."""
        return replace(self, scale=self.scale * factor)


@final
@dataclass(frozen=True)
class HalfT(Prior):
    """Half-t with df degrees of freedom: |scale t_df|."""

    df: float
    scale: float
    metric: str | None = None

    def __post_init__(self) -> None:
        _positive(self, "df", "scale")

    @property
    def tail_power(self) -> float:
        """1 + df."""
        return self.df + 1.0

    @property
    def spread(self) -> float:
        """Standard deviation; inf for df <= 2."""
        if self.df <= 2.0:
            return math.inf
        ratio = math.exp(math.lgamma(0.5 * (self.df + 1.0)) - math.lgamma(0.5 * self.df))
        mean = 2.0 * math.sqrt(self.df / math.pi) * ratio / (self.df - 1.0)
        return self.scale * math.sqrt(self.df / (self.df - 2.0) - mean * mean)

    @staticmethod
    def log_density(x: Array, df: ArrayLike, scale: ArrayLike) -> Array:
        """Twice Student's t density on x >= 0, on the log scale."""
        df, scale = np.asarray(df, dtype=float), np.asarray(scale, dtype=float)
        norm = special.gammaln(0.5 * (df + 1)) - special.gammaln(0.5 * df) - 0.5 * np.log(df * math.pi)
        z = x / scale
        with np.errstate(over="ignore", divide="ignore"):
            log1p = np.where(z < 1e8, np.log1p(z * z / df), 2.0 * np.log(np.abs(z)) - np.log(df))
        return np.where(x >= 0, math.log(2.0) + norm - np.log(scale) - 0.5 * (df + 1) * log1p, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return 1.0 - 2.0 * special.stdtr(self.df, -np.maximum(np.asarray(x, dtype=float), 0.0) / self.scale)

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at p."""
        return -self.scale * special.stdtrit(self.df, 0.5 * (1.0 - np.asarray(p, dtype=float)))

    def scaled(self, factor: float) -> HalfT:
        """HalfT(df, factor scale)."""
        return replace(self, scale=self.scale * factor)


@final
@dataclass(frozen=True)
class Exponential(Prior):
    """Exponential with this rate; its mean is 1 / rate."""

    rate: float
    metric: str | None = None

    def __post_init__(self) -> None:
        _positive(self, "rate")

    @property
    def spread(self) -> float:
        """Standard deviation, 1 / rate."""
        return 1.0 / self.rate

    @staticmethod
    def log_density(x: Array, rate: ArrayLike) -> Array:
        """log(rate) - rate x for x >= 0."""
        return np.where(x >= 0, np.log(rate) - rate * x, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return -np.expm1(-self.rate * np.maximum(np.asarray(x, dtype=float), 0.0))

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at p."""
        with np.errstate(divide="ignore"):
            return -np.log1p(-np.asarray(p, dtype=float)) / self.rate

    def scaled(self, factor: float) -> Exponential:
        """Exponential(rate / factor)."""
        return replace(self, rate=self.rate / factor)


@final
@dataclass(frozen=True)
class Uniform(Prior):
    """Uniform on [lower, upper], for tau: 0 <= lower < upper."""

    lower: float
    upper_limit: float
    metric: str | None = None

    def __post_init__(self) -> None:
        _finite(self, "lower")
        _positive(self, "upper_limit")
        if not 0.0 <= self.lower < self.upper_limit:
            raise ModelError(
                f"Uniform has limits {self.lower:g} and {self.upper_limit:g}", "0 <= lower < upper", "Uniform(0, 2.5)"
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
    def log_density(x: Array, lower: ArrayLike, upper: ArrayLike) -> Array:
        """-log(upper - lower) within the limits."""
        inside = (x >= lower) & (x <= upper)
        return np.where(inside, -np.log(np.subtract(upper, lower)), -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return np.clip((np.asarray(x, dtype=float) - self.lower) / (self.upper_limit - self.lower), 0.0, 1.0)

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at p."""
        return self.lower + (self.upper_limit - self.lower) * np.asarray(p, dtype=float)

    def scaled(self, factor: float) -> Uniform:
        """Uniform(factor lower, factor upper)."""
        return replace(self, lower=self.lower * factor, upper_limit=self.upper_limit * factor)


@final
@dataclass(frozen=True)
class LogNormal(Prior):
    """Log-normal: log tau ~ N(location, scale^2)."""

    location: float
    scale: float
    metric: str | None = None
    needs_log_nodes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _finite(self, "location")
        _positive(self, "scale")

    @property
    def spread(self) -> float:
        """Standard deviation."""
        square = self.scale * self.scale
        return math.exp(self.location + 0.5 * square) * math.sqrt(math.expm1(square))

    @staticmethod
    def log_density(x: Array, location: ArrayLike, scale: ArrayLike) -> Array:
        """Normal log density of log x, less log x."""
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.log(x)
            inside = -0.5 * ((u - location) / scale) ** 2 - np.log(scale) - 0.5 * _LOG_2PI - u
        return np.where(x > 0, inside, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        with np.errstate(divide="ignore"):
            u = np.log(np.maximum(np.asarray(x, dtype=float), 0.0))
        return special.ndtr((u - self.location) / self.scale)

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at p."""
        return np.exp(self.location + self.scale * special.ndtri(np.asarray(p, dtype=float)))

    def scaled(self, factor: float) -> LogNormal:
        """LogNormal(location + log factor, scale)."""
        return replace(self, location=self.location + math.log(factor))


@final
@dataclass(frozen=True)
class InverseGamma(Prior):
    """Inverse gamma on tau itself: density proportional to tau^(-shape - 1) exp(-scale / tau)."""

    shape: float
    scale: float
    metric: str | None = None
    needs_log_nodes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _positive(self, "shape", "scale")

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
    def log_density(x: Array, shape: ArrayLike, scale: ArrayLike) -> Array:
        """shape log scale - log Gamma(shape) - (shape + 1) log x - scale / x for x > 0."""
        shape, scale = np.asarray(shape, dtype=float), np.asarray(scale, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            inside = (
                shape * np.log(scale) - special.gammaln(shape) - (shape + 1.0) * np.log(x) - scale / np.asarray(x)
            )
        return np.where(x > 0, inside, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        with np.errstate(divide="ignore"):
            return special.gammaincc(self.shape, self.scale / np.maximum(np.asarray(x, dtype=float), 0.0))

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at p."""
        with np.errstate(divide="ignore"):
            return self.scale / special.gammainccinv(self.shape, np.asarray(p, dtype=float))

    def scaled(self, factor: float) -> InverseGamma:
        """InverseGamma(shape, factor scale)."""
        return replace(self, scale=self.scale * factor)


@final
@dataclass(frozen=True)
class LogT(Prior):
    """Log-t: (log tau - location) / scale ~ t_df."""

    df: float
    location: float
    scale: float
    metric: str | None = None
    needs_log_nodes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _finite(self, "location")
        _positive(self, "df", "scale")

    @property
    def tail_power(self) -> float:
        """Just above 1: the density falls as 1 / (x log(x)^(df + 1))."""
        return math.nextafter(1.0, 2.0)

    @staticmethod
    def log_density(x: Array, df: ArrayLike, location: ArrayLike, scale: ArrayLike) -> Array:
        """Student's t log density of log x, less log x."""
        df, scale = np.asarray(df, dtype=float), np.asarray(scale, dtype=float)
        norm = special.gammaln(0.5 * (df + 1)) - special.gammaln(0.5 * df) - 0.5 * np.log(df * math.pi)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.log(x)
            inside = norm - np.log(scale) - 0.5 * (df + 1) * np.log1p(((u - location) / scale) ** 2 / df) - u
        return np.where(x > 0, inside, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        with np.errstate(divide="ignore"):
            u = np.log(np.maximum(np.asarray(x, dtype=float), 0.0))
        return special.stdtr(self.df, (u - self.location) / self.scale)

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at p."""
        with np.errstate(over="ignore"):
            return np.exp(self.location + self.scale * special.stdtrit(self.df, np.asarray(p, dtype=float)))

    def scaled(self, factor: float) -> LogT:
        """LogT(df, location + log factor, scale)."""
        return replace(self, location=self.location + math.log(factor))


FAMILIES: dict[str, type[Prior]] = {
    family.__name__: family
    for family in (
        Normal, Flat, HalfNormal, HalfCauchy, HalfT, Exponential, Uniform, LogNormal, InverseGamma, LogT,
    )
}  # fmt: skip


def make(family: str, *parameters: float) -> Prior:
    """The prior of that family with these parameters, as an analysis file names it.

    Parameters
    ----------
    family : str
        Name of a family, for example ``"HalfNormal"``.
    *parameters : float
        In the order of the family's signature.

    Raises
    ------
    ModelError
        For an unknown family (the message offers the nearest) or a wrong number of parameters.
    """
    if family not in FAMILIES:
        raise ModelError(f"unknown prior '{family}'", advice=nearest(family, FAMILIES))
    names = [name for name in inspect.signature(FAMILIES[family]).parameters if name != "metric"]
    if len(parameters) != len(names):
        raise ModelError(
            f"{family} got {len(parameters)} parameter(s)", f"{len(names)}: {', '.join(names) or 'none'}"
        )
    return FAMILIES[family](*parameters)
