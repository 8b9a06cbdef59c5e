"""Priors on tau that are made from the sampling variances v_i of the studies at hand.

A model that is fitted takes the variances of its study table: ``RandomEffects(tau=Jeffreys())`` says all. Elsewhere
``Jeffreys().for_variances(v)`` names them. With other studies the prior is another one, also under the same name.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self, cast, final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from poolwise.errors import ModelError
from poolwise.priors._base import Array, Prior
from poolwise.priors._numeric import NumericLaw, numeric_law
from poolwise.settings import as_numbers


@dataclass(frozen=True)
class PriorOfVariances(Prior):
    """What the priors made from sampling variances have in common.

    Attributes
    ----------
    variances : tuple of float or None
        The sampling variances, once they are known.
    """

    vectorised: ClassVar[bool] = False
    from_variances: ClassVar[bool] = True
    metric: str | None = None
    variances: tuple[float, ...] | None = None

    @property
    def awaits_variances(self) -> bool:
        """Whether the variances are not known yet."""
        return self.variances is None

    def for_variances(self, v: ArrayLike) -> Self:
        """The prior for studies with these sampling variances, whatever it knew before.

        Parameters
        ----------
        v : array_like
            Sampling variances, shape (k,).

        Raises
        ------
        ModelError
            For anything but finite variances above 0.
        """
        variances = np.asarray(v, dtype=float)
        if variances.ndim != 1 or not variances.size or not (np.isfinite(variances) & (variances > 0)).all():
            raise ModelError(f"{self} was given variances of shape {variances.shape}", "k finite variances above 0")
        return replace(cast(Any, self), variances=tuple(variances.tolist()))

    def scaled(self, factor: float) -> Self:
        """The prior for variances factor^2 times as large; itself while they are not known."""
        if self.variances is None:
            return self
        return self.for_variances(np.array(self.variances) * factor**2)

    @property
    def known(self) -> Array:
        """The variances, shape (k,); a ModelError while they are not known."""
        if self.variances is None:
            raise ModelError(
                f"the prior {self} is made from the studies' sampling variances, and it has none yet",
                "a model that is fitted to a study table, which supplies them",
                f"pw.fit(effects, RandomEffects(tau=priors.{self}), pw.Exact()), or {self}.for_variances(v)",
            )
        return np.array(self.variances)

    def _log_totals(self, x: Array) -> Array:
        """log(v_i + x^2), shape (*x.shape, k)."""
        with np.errstate(divide="ignore"):
            return np.logaddexp(np.log(self.known), 2.0 * np.log(x)[..., None])

    @abstractmethod
    def _inside(self, x: Array) -> Array:
        """Log density at x >= 0."""

    def log_density(self, x: Array, *parameters: Array | float) -> Array:
        """Log density at x; -inf below 0."""
        x = as_numbers("x", x)
        with np.errstate(divide="ignore"):
            return np.where(x >= 0, self._inside(np.maximum(x, 0.0)), -np.inf)


@final
@dataclass(frozen=True)
class Jeffreys(PriorOfVariances):
    """Jeffreys' prior for tau with mu known: density sqrt(sum_i (tau / (v_i + tau^2))^2), improper.

    Notes
    -----
    It has no width to choose: the studies' own variances set it, and `variances` are filled in from the table.

    References
    ----------
    As in Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06.
    """

    proper = False
    tail_power = 1.0

    def _inside(self, x: Array) -> Array:
        return np.log(x) + 0.5 * logsumexp(-2.0 * self._log_totals(x), axis=-1)


@final
@dataclass(frozen=True)
class OverallJeffreys(PriorOfVariances):
    """Jeffreys' prior for (mu, tau): density sqrt(sum_i 1 / (v_i + tau^2) sum_i (tau / (v_i + tau^2))^2).

    It falls as tau^-2 and could be normalised; its size matters, as a prior for the pair, only relative to a flat mu,
    so that it counts as improper and gives no evidence, as in bayesmeta.

    Notes
    -----
    It has no width to choose: the studies' own variances set it, and `variances` are filled in from the table.

    References
    ----------
    As in Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06.
    """

    proper = False
    tail_power = 2.0

    def _inside(self, x: Array) -> Array:
        totals = self._log_totals(x)
        return np.log(x) + 0.5 * (logsumexp(-2.0 * totals, axis=-1) + logsumexp(-totals, axis=-1))


@final
@dataclass(frozen=True)
class BergerDeely(PriorOfVariances):
    """Prior of Berger and Deely: density prod_i (tau / (v_i + tau^2))^(1/k), improper.

    Notes
    -----
    It has no width to choose: the studies' own variances set it, and `variances` are filled in from the table.

    References
    ----------
    As in Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06.
    """

    proper = False
    tail_power = 1.0

    def _inside(self, x: Array) -> Array:
        return np.log(x) - self._log_totals(x).mean(axis=-1)


@final
@dataclass(frozen=True)
class Conventional(PriorOfVariances):
    """Conventional prior: density proportional to prod_i (tau / (v_i + tau^2)^(3/2))^(1/k), proper.

    It has no closed form for unequal variances and is normalised by quadrature; for equal ones it is
    tau sqrt(v) / (v + tau^2)^(3/2).

    Notes
    -----
    It has no width to choose: the studies' own variances set it, and `variances` are filled in from the table.

    References
    ----------
    As in Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06.
    """

    tail_power = 2.0

    @cached_property
    def _law(self) -> NumericLaw:
        return numeric_law(self._unnormalised)

    def _unnormalised(self, x: Array) -> Array:
        return np.log(x) - 1.5 * self._log_totals(x).mean(axis=-1)

    def _inside(self, x: Array) -> Array:
        return self._unnormalised(x) - self._law.log_total

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x, by quadrature."""
        return self._law.cdf(as_numbers("x", x))

    def quantile(self, p: Array, *parameters: Array | float) -> Array:
        """Quantile at p, by quadrature."""
        return np.where(np.equal(p, 0.0), 0.0, np.where(np.equal(p, 1.0), np.inf, self._law.quantile(p)))
