"""Student's t and Cauchy on the whole line, for mu, and the normal mixtures over a random sd that they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from poolwise.priors._base import Array, Prior, check_finite, check_positive, check_width, log_t_constant, t_quantile
from poolwise.settings import as_numbers


@final
@dataclass(frozen=True)
class StudentT(Prior):
    """Student's t for mu: mean + scale t_df.

    It is the mixture Normal(mean, sd) with sd = scale sqrt(w), w ~ InverseGamma(df / 2, df / 2):
    `log_density_of_log_sd` and `sd_quantile` tell the law of sd, so that a quadrature over log sd, normal at each
    node, has it all.

    Notes
    -----
    Mean 0 and scale 1, where they have defaults, favour neither direction and span the effects seen on standardised
    mean differences; the degrees of freedom say how readily the prior gives way to estimates far out.

    References
    ----------
    Bartoš et al. 2021, Statistics in Medicine 40:6743, 10.1002/sim.9170, on mu; West 1987, Biometrika 74:646,
    10.1093/biomet/74.3.646, for the mixture of normals.

    Examples
    --------
    >>> print(StudentT(5, 0, 0.43), StudentT(5, 0, 0.43).ppf(0.975).round(3))
    StudentT(5, 0, 0.43) 1.105
    """

    df: float
    mean: float = 0.0
    scale: float = 1.0
    metric: str | None = None
    positive: ClassVar[bool] = False
    lengths: ClassVar[tuple[str, ...]] = ("mean", "scale")

    def __post_init__(self) -> None:
        check_positive(self, "df")
        check_width(self, "scale")
        check_finite(self, "mean")

    @property
    def tail_power(self) -> float:
        """1 + df."""
        return self.df + 1.0

    @property
    def spread(self) -> float:
        """Standard deviation; inf for df <= 2."""
        return self.scale * math.sqrt(self.df / (self.df - 2.0)) if self.df > 2.0 else math.inf

    @staticmethod
    def log_density(x: Array, df: Array | float, mean: Array | float, scale: Array | float) -> Array:
        """Student's t density on the log scale."""
        df, scale = np.asarray(df, dtype=float), np.asarray(scale, dtype=float)
        return (
            log_t_constant(df) - np.log(scale) - 0.5 * (df + 1) * _log_one_plus_square((x - mean) / scale, np.sqrt(df))
        )

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return special.stdtr(self.df, (as_numbers("x", x) - self.mean) / self.scale)

    @staticmethod
    def quantile(p: Array, df: Array | float, mean: Array | float, scale: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        return mean + scale * t_quantile(df, p)

    def log_density_of_log_sd(self, log_sd: ArrayLike) -> Array:
        """Log density of u = log sd, where mu given sd is Normal(mean, sd).

        log 2 + a log a - log Gamma(a) - a t - a exp(-t), with a = df / 2 and t = 2 (u - log scale) = log w.

        Parameters
        ----------
        log_sd : array_like
            Values of u.

        Returns
        -------
        ndarray
            Same shape; integrates to 1 over the line.
        """
        return _log_density_of_log_sd(np.asarray(log_sd, dtype=float), self.df, self.scale)

    def sd_quantile(self, p: ArrayLike) -> Array:
        """Quantile at p of the sd; same shape as p."""
        return _sd_quantile(as_numbers("p", p), self.df, self.scale)


@final
@dataclass(frozen=True)
class Cauchy(Prior):
    """Cauchy(mean, scale) for mu: Student's t with one degree of freedom; `mean` is its centre, as it has no mean.

    As a mixture of normals it has the sd scale sqrt(w), w ~ InverseGamma(1 / 2, 1 / 2); see `StudentT`.

    Notes
    -----
    Mean 0 favours neither direction; scale 1 puts half of the probability within 1, the width of `Normal` where both
    are per unit of a standardised mean difference.

    References
    ----------
    Rouder et al. 2009, Psychonomic Bulletin & Review 16:225, 10.3758/PBR.16.2.225, on a standardised effect; West 1987,
    Biometrika 74:646, 10.1093/biomet/74.3.646, for the mixture of normals.
    """

    mean: float = 0.0
    scale: float = 1.0
    metric: str | None = None
    positive: ClassVar[bool] = False
    lengths: ClassVar[tuple[str, ...]] = ("mean", "scale")
    tail_power = 2.0

    def __post_init__(self) -> None:
        check_finite(self, "mean")
        check_width(self, "scale")

    @staticmethod
    def log_density(x: Array, mean: Array | float, scale: Array | float) -> Array:
        """-log(pi scale) - log(1 + ((x - mean) / scale)^2)."""
        return -math.log(math.pi) - np.log(scale) - _log_one_plus_square((x - mean) / scale, 1.0)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        z = (as_numbers("x", x) - self.mean) / self.scale
        return np.arctan2(1.0, -z) / math.pi

    @staticmethod
    def quantile(p: Array, mean: Array | float, scale: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        return mean + scale * t_quantile(1.0, p)

    def log_density_of_log_sd(self, log_sd: ArrayLike) -> Array:
        """Log density of log sd, where mu given sd is Normal(mean, sd); as for `StudentT` with df = 1."""
        return _log_density_of_log_sd(np.asarray(log_sd, dtype=float), 1.0, self.scale)

    def sd_quantile(self, p: ArrayLike) -> Array:
        """Quantile at p of the sd; same shape as p."""
        return _sd_quantile(as_numbers("p", p), 1.0, self.scale)


def _log_one_plus_square(z: Array, root: Array | float) -> Array:
    """log(1 + (z / root)^2) without overflow."""
    return np.logaddexp(0.0, 2.0 * _log(np.abs(z) / root))


def _log(x: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(x)


def _log_density_of_log_sd(log_sd: Array, df: float, scale: float) -> Array:
    a, t = 0.5 * df, 2.0 * (log_sd - math.log(scale))
    with np.errstate(over="ignore"):
        return np.asarray(math.log(2.0) + _stirling(a) - a * (t + np.expm1(-t)))


def _stirling(a: float) -> float:
    """A log a - a - log Gamma(a), whose terms cancel for large a."""
    if a < 100.0:
        return a * math.log(a) - a - math.lgamma(a)
    return 0.5 * math.log(a / (2.0 * math.pi)) - 1.0 / (12.0 * a) + 1.0 / (360.0 * a**3) - 1.0 / (1260.0 * a**5)


def _sd_quantile(p: Array, df: float, scale: float) -> Array:
    """1 / w ~ Gamma(df / 2, rate df / 2), so that a high sd is a low 1 / w."""
    with np.errstate(divide="ignore"):
        return np.asarray(scale * np.sqrt(0.5 * df / special.gammainccinv(0.5 * df, p)))
