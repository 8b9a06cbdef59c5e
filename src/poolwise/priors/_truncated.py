"""Priors for mu that leave out part of the line: one-sided and truncated normals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike
from scipy import special

from poolwise.errors import ModelError, shown
from poolwise.priors._base import LOG_2PI, Array, Prior, check_finite, check_width
from poolwise.settings import as_number, as_numbers


@final
@dataclass(frozen=True)
class TruncatedNormal(Prior):
    """Normal(mean, sd) restricted to [lower, upper], for mu; ``TruncatedNormal(0, 1, 0)`` is one-sided.

    Given tau the posterior of mu is the normal posterior under Normal(mean, sd), restricted likewise.

    Notes
    -----
    Mean and sd are those of `Normal`. Infinite limits are none: which direction is ruled out has to be said.

    References
    ----------
    Johnson, Kotz & Balakrishnan 1994, Continuous Univariate Distributions, volume 1, 2nd ed., chapter 13; Gronau et al.
    2021, Advances in Methods and Practices in Psychological Science 4(3), 10.1177/25152459211031256, for one-sided
    priors on mu.

    Examples
    --------
    >>> print(TruncatedNormal(0, 1, 0), TruncatedNormal(0, 1, 0).ppf(0.5).round(3))
    TruncatedNormal(0, 1, 0, inf) 0.674
    """

    mean: float = 0.0
    sd: float = 1.0
    lower: float = -math.inf
    upper: float = math.inf
    metric: str | None = None
    positive: ClassVar[bool] = False
    lengths: ClassVar[tuple[str, ...]] = ("mean", "sd", "lower", "upper")

    def __post_init__(self) -> None:
        check_finite(self, "mean")
        check_width(self, "sd")
        for limit in (self.lower, self.upper):
            if math.isnan(as_number(limit)):
                raise ModelError(f"TruncatedNormal has the limit {shown(limit)}", "numbers, or -inf and inf")
        if not self.lower < self.upper:
            raise ModelError(
                f"TruncatedNormal has limits {self.lower:g} and {self.upper:g}",
                "lower < upper",
                "TruncatedNormal(0, 1, 0) for an effect above 0",
            )

    @property
    def lowest(self) -> float:
        """Lower end of the support."""
        return float(self.lower)

    @property
    def spread(self) -> float:
        """Standard deviation, by Gauss-Legendre quadrature between far quantiles."""
        low, high = (float(end) for end in self.ppf(np.array([1e-18, 1.0 - 1e-16])))
        nodes, weights = legendre.leggauss(16)
        edges = np.linspace(low, high, 33)
        half = 0.5 * np.diff(edges)[:, None]
        x = edges[:-1, None] + half * (1.0 + nodes)
        mass = half * weights * self.pdf(x)
        mean = (mass * x).sum()
        return math.sqrt(float((mass * (x - mean) ** 2).sum()))

    @staticmethod
    def log_density(
        x: Array, mean: Array | float, sd: Array | float, lower: Array | float, upper: Array | float
    ) -> Array:
        """Normal log density less the log of its probability between the limits."""
        mass = _log_mass(np.subtract(lower, mean) / sd, np.subtract(upper, mean) / sd)
        with np.errstate(over="ignore"):
            inside = -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * LOG_2PI - mass
        return np.where((x >= lower) & (x <= upper), inside, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        a, b = (self.lower - self.mean) / self.sd, (self.upper - self.mean) / self.sd
        z = np.clip((as_numbers("x", x) - self.mean) / self.sd, a, b)
        return np.exp(_log_mass(np.asarray(a), z) - _log_mass(np.asarray(a), np.asarray(b)))

    @staticmethod
    def quantile(p: Array, mean: Array | float, sd: Array | float, lower: Array | float, upper: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        a, b = np.subtract(lower, mean) / sd, np.subtract(upper, mean) / sd
        with np.errstate(divide="ignore", invalid="ignore"):
            mirrored = a + b > 0  # work in the lower tail, where logarithms of probabilities keep their digits
            first, last = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
            share = np.log(np.where(mirrored, 1.0 - p, p))
            z = special.ndtri_exp(np.logaddexp(special.log_ndtr(first), share + _log_mass(first, last)))
        inside = np.clip(mean + sd * np.clip(np.where(mirrored, -z, z), a, b), lower, upper)
        return np.where(np.equal(p, 0.0), lower, np.where(np.equal(p, 1.0), upper, inside))


def _log_mass(a: Array, b: Array) -> Array:
    """log(Phi(b) - Phi(a)) for a <= b, from the tail that both are nearer to."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mirrored = np.asarray(a + b > 0)
        low, high = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
        top = special.log_ndtr(high)
        return np.asarray(top + np.log(-np.expm1(np.minimum(special.log_ndtr(low) - top, 0.0))))
