"""Gamma and beta priors: for degrees of freedom, boundary-avoiding standard deviations, and shares."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from poolwise.errors import ModelError
from poolwise.priors._base import Array, Prior, check_positive
from poolwise.settings import as_numbers


@final
@dataclass(frozen=True)
class Gamma(Prior):
    """Gamma: density proportional to x^(shape - 1) exp(-rate x).

    Notes
    -----
    No default: a shape above 1 lets the density vanish at 0, and shape 2 with a rate near 0 keeps tau from 0 and says
    little else.

    References
    ----------
    Chung, Rabe-Hesketh & Choi 2013, Statistics in Medicine 32:4071, 10.1002/sim.5821, on a standard deviation; Juárez &
    Steel 2010, J. Applied Econometrics 25:1128, 10.1002/jae.1113, on degrees of freedom.
    """

    shape: float
    rate: float
    metric: str | None = None
    needs_log_nodes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_positive(self, "shape", "rate")

    @property
    def spread(self) -> float:
        """Standard deviation, sqrt(shape) / rate."""
        return math.sqrt(self.shape) / self.rate

    @staticmethod
    def log_density(x: Array, shape: Array | float, rate: Array | float) -> Array:
        """Shape log rate - log Gamma(shape) + (shape - 1) log x - rate x for x > 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = shape * np.log(rate) - special.gammaln(shape) + (np.subtract(shape, 1.0)) * np.log(x) - rate * x
        return np.where(x > 0, inside, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return special.gammainc(self.shape, self.rate * np.maximum(as_numbers("x", x), 0.0))

    @staticmethod
    def quantile(p: Array, shape: Array | float, rate: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        return special.gammaincinv(shape, p) / rate

    def scaled(self, factor: float) -> Gamma:
        """Gamma(shape, rate / factor)."""
        return replace(self, rate=self.rate / factor)


@final
@dataclass(frozen=True)
class Beta(Prior):
    """Beta, for a share between 0 and 1: density proportional to x^(a - 1) (1 - x)^(b - 1).

    Notes
    -----
    No default: a + b is what the prior is worth in studies, a / (a + b) the share that it expects.

    References
    ----------
    Johnson, Kotz & Balakrishnan 1995, Continuous Univariate Distributions, volume 2, 2nd ed., chapter 25.
    """

    upper = 1.0
    a: float
    b: float
    metric: str | None = None
    needs_log_nodes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_positive(self, "a", "b")

    @property
    def spread(self) -> float:
        """Standard deviation."""
        total = self.a + self.b
        return math.sqrt(self.a * self.b / (total + 1.0)) / total

    @staticmethod
    def log_density(x: Array, a: Array | float, b: Array | float) -> Array:
        """(a - 1) log x + (b - 1) log(1 - x) - log B(a, b) for 0 < x < 1."""
        inside = special.xlogy(np.subtract(a, 1.0), x) + special.xlog1py(np.subtract(b, 1.0), -np.minimum(x, 1.0))
        return np.where((x > 0) & (x < 1), inside - special.betaln(a, b), -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return special.betainc(self.a, self.b, np.clip(as_numbers("x", x), 0.0, 1.0))

    @staticmethod
    def quantile(p: Array, a: Array | float, b: Array | float) -> Array:
        """Quantile at p, vectorised like `log_density`."""
        return special.betaincinv(a, b, p)

    def scaled(self, factor: float) -> Beta:
        """The same for a factor of 1; a share has no unit that could change.

        Raises
        ------
        ModelError
            For another factor.
        """
        if factor != 1.0:
            raise ModelError(f"{self} is a prior on a share, which has no unit", "a prior such as HalfNormal(0.5)")
        return self
