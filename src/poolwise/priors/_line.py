"""Priors on the whole line, for mu."""

from __future__ import annotations

from dataclasses import dataclass
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
    """Normal(mean, sd), for mu.

    Notes
    -----
    Mean 0 favours neither direction. An sd of 1 is the default on standardised mean differences, where an effect beyond
    2 is hardly ever seen; on other scales models take their own (2 for log ratios, 0.5 for Fisher's z).

    References
    ----------
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for a normal prior on mu, which leaves mu normal given
    tau.
    """

    mean: float = 0.0
    sd: float = 1.0
    metric: str | None = None
    positive: ClassVar[bool] = False
    lengths: ClassVar[tuple[str, ...]] = ("mean", "sd")

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


@final
@dataclass(frozen=True)
class Fixed(Prior):
    """A known value of mu: all probability at one point, which has no density.

    Notes
    -----
    0 is the null hypothesis of no effect, the value that a comparison by Bayes factor states most often.

    References
    ----------
    Gronau et al. 2021, Advances in Methods and Practices in Psychological Science 4(3), 10.1177/25152459211031256, for
    models that state mu = 0.
    """

    value: float = 0.0
    metric: str | None = None
    positive: ClassVar[bool] = False
    lengths: ClassVar[tuple[str, ...]] = ("value",)
    spread = 0.0

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


@final
@dataclass(frozen=True)
class Flat(Prior):
    """Improper flat prior: constant density 1, on mu over the line, on tau over [0, inf).

    Notes
    -----
    On mu it gives what the closed form gives at a known tau, and so shows what a proper prior on mu adds. On tau it
    needs at least three studies when mu is flat as well, and two when mu has a proper prior.

    References
    ----------
    Gelman 2006, Bayesian Analysis 1:515, 10.1214/06-BA117A; Röver 2020, J. Stat. Software 93(6),
    10.18637/jss.v093.i06.
    """

    metric: str | None = None
    proper = False
    lengths: ClassVar[tuple[str, ...]] = ()
    tail_power = 0.0  # the density does not fall

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
