"""Priors on tau that take one typical size of the sampling variances as their unit."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from poolwise.errors import ModelError
from poolwise.priors._base import Array
from poolwise.priors._by_variances import PriorOfVariances
from poolwise.settings import as_numbers


@final
@dataclass(frozen=True)
class DuMouchel(PriorOfVariances):
    """DuMouchel's prior: density s0 / (s0 + tau)^2, s0^2 = k / sum_i (1 / v_i), the harmonic mean; median s0.

    Notes
    -----
    It has no width to choose: the studies' own variances set it, and `variances` are filled in from the table.

    References
    ----------
    As in Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06.
    """

    tail_power = 2.0

    @property
    def s0(self) -> float:
        """Root of the harmonic mean of the variances."""
        return _root_harmonic_mean(self.known)

    def _inside(self, x: Array) -> Array:
        return math.log(self.s0) - 2.0 * np.log(self.s0 + x)

    def cdf(self, x: ArrayLike) -> Array:
        """Tau / (s0 + tau)."""
        tau = np.maximum(as_numbers("x", x), 0.0)
        with np.errstate(divide="ignore"):
            return 1.0 / (1.0 + self.s0 / tau)

    def quantile(self, p: Array, *parameters: Array | float) -> Array:
        """s0 p / (1 - p)."""
        with np.errstate(divide="ignore"):
            return self.s0 * (p / (1.0 - p))


@dataclass(frozen=True)
class UniformShare(PriorOfVariances):
    """What `Shrinkage` and `ISquared` share: tau^2 / (s^2 + tau^2) is uniform, s^2 a typical variance."""

    tail_power = 3.0

    @property
    @abstractmethod
    def typical(self) -> float:
        """s, the root of the typical variance."""

    def _inside(self, x: Array) -> Array:
        s = self.typical
        with np.errstate(divide="ignore"):
            log_x = np.log(x)
        return math.log(2.0) + 2.0 * math.log(s) + log_x - 2.0 * np.logaddexp(2.0 * math.log(s), 2.0 * log_x)

    def cdf(self, x: ArrayLike) -> Array:
        """tau^2 / (s^2 + tau^2)."""
        tau = np.maximum(as_numbers("x", x), 0.0)
        with np.errstate(divide="ignore", over="ignore"):
            return 1.0 / (1.0 + (self.typical / tau) ** 2)

    def quantile(self, p: Array, *parameters: Array | float) -> Array:
        """S sqrt(p / (1 - p))."""
        with np.errstate(divide="ignore"):
            return self.typical * np.sqrt(p / (1.0 - p))


@final
@dataclass(frozen=True)
class Shrinkage(UniformShare):
    """Uniform shrinkage: s0^2 / (s0^2 + tau^2) is uniform, density 2 s0^2 tau / (s0^2 + tau^2)^2, s0 as for DuMouchel.

    Notes
    -----
    It has no width to choose: the studies' own variances set it, and `variances` are filled in from the table.

    References
    ----------
    Daniels 1999, Canadian J. Statistics 27:567; as in Röver 2020, J. Stat. Software 93(6),
    10.18637/jss.v093.i06.
    """

    @property
    def s0(self) -> float:
        """Root of the harmonic mean of the variances."""
        return _root_harmonic_mean(self.known)

    @property
    def typical(self) -> float:
        """s0."""
        return self.s0


@final
@dataclass(frozen=True)
class ISquared(UniformShare):
    """Uniform I2: I2 = tau^2 / (s^2 + tau^2) is uniform, where s^2 is the typical variance of Higgins and Thompson.

    s^2 = (k - 1) sum w_i / [(sum w_i)^2 - sum w_i^2], w_i = 1 / v_i; density 2 s^2 tau / (s^2 + tau^2)^2.

    Notes
    -----
    It has no width to choose: the studies' own variances set it, and `variances` are filled in from the table.

    References
    ----------
    Higgins & Thompson 2002, Statistics in Medicine 21, 10.1002/sim.1186, equation 9, for the typical variance; as in
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06.
    """

    def __post_init__(self) -> None:
        if self.variances is not None and len(self.variances) < 2:
            raise ModelError(
                "the prior ISquared() was given one study", "at least 2: one study has no I2", "Shrinkage()"
            )

    @property
    def typical(self) -> float:
        """Root of the typical variance."""
        v = np.sort(self.known)[::-1]
        share = v[-1] / v  # weights, the smallest first; the denominator is a sum over pairs, which cancels nothing
        pairs = 2.0 * (share[1:] * np.cumsum(share)[:-1]).sum()
        return math.sqrt(float((len(v) - 1) * share.sum() / pairs * v[-1]))


def _root_harmonic_mean(v: Array) -> float:
    return math.sqrt(1.0 / float(np.mean(1.0 / v)))
