"""Study tables and priors of many jobs at once: what the quadrature over tau evaluates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.quadrature.rules.gaussian import uneven
from poolwise.quadrature.rules.normal_normal import given_tau

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
MEAN = np.ones(1)  # weights of the coefficients where mu is the only one
DECILES = np.array([0.1, 0.5, 0.9])
SHARP = 1.05  # ratio of the ninth decile to the first below which panels follow the quantiles of a prior
ACROSS = np.array([1e-12, 1e-6, 1e-3, 0.05, 0.3, 0.7, 0.95, 1.0 - 1e-3, 1.0 - 1e-6, 1.0 - 1e-12])


class Tables(Protocol):
    """Study tables of n jobs with everything but tau integrated out: what quadrature over tau asks."""

    @property
    def y(self) -> Array:
        """Estimates less an estimate of their means, 0 where a study is missing, shape (n, k) or (1, k)."""

    @property
    def v(self) -> Array:
        """Variances, inf where a study is missing, shape (n, k) or (1, k)."""

    @property
    def proper(self) -> NDArray[np.bool_]:
        """Whether the priors on the mean effects are proper, shape (n,) or (1,)."""

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether the mean effects are stated by the model, shape (n,) or (1,)."""

    def narrowest(self) -> Array:
        """Sd of the best known mean effect at tau = 0, shape (n,) or (1,)."""

    def given_tau(self, job: Ints, tau: Array) -> Array:
        """Log likelihood and the normal law of the coefficients given tau, shape (m, P, q)."""

    def combination(self, values: Array, c: Array) -> tuple[Array, Array]:
        """Mean, measured from `at_origin`, and sd of c'beta at nodes; c of shape (p,), or (p, n, 1) for n jobs."""

    def at_origin(self, c: Array) -> Array:
        """What means of c'beta are measured from, shape (n,) or (1,); c of shape (p,), or (p, n) for n jobs."""

    def at_study(self, i: int) -> Array:
        """The coefficients' weights in the mean effect of study i of a single job, shape (p,)."""

    def draw(self, values: Array, rng: np.random.Generator) -> Array:
        """Draws of the coefficients of a single job, one at each node, shape (p, J)."""


@final
@dataclass(frozen=True, eq=False)
class Studies:
    """Study tables of n jobs and their priors on mu, centred for numerical safety.

    Attributes
    ----------
    y, v : ndarray
        Centred estimates and variances, shape (n, k), or (1, k) where all jobs share one table;
        v = inf and y = 0 where a study is missing.
    offset : ndarray
        What was subtracted from y, shape (n,) or (1,).
    m0, s0 : ndarray
        Centred mean and the sd of the prior on mu, shape (n,) or (1,); s0 = inf for the flat prior
        and 0 for a known mu.
    """

    y: Array
    v: Array
    offset: Array
    m0: Array
    s0: Array

    @classmethod
    def centred(cls, y: Array, v: Array, m0: Array, s0: Array) -> Studies:
        """Subtract each table's inverse-variance mean, or its most precise estimate where variances lie far apart.

        y and v of shape (n, k), NaN where a study is missing.
        """
        missing = np.isnan(y) | np.isnan(v)
        padded = missing.any()
        if padded:
            v, y = np.where(missing, np.inf, v), np.where(missing, 0.0, y)
        weight = 1.0 / v
        offset = (weight * y).sum(axis=1) / weight.sum(axis=1)
        apart = uneven(v)
        if apart.any():  # a residual of the most precise study would be rounding alone
            offset = np.where(apart, y[np.arange(len(y)), v.argmin(axis=1)], offset)
        residual = y - offset[:, None]
        return cls(np.where(missing, 0.0, residual) if padded else residual, v, offset, m0 - offset, s0)

    @property
    def proper(self) -> NDArray[np.bool_]:
        """Whether the prior on mu is proper, shape (n,) or (1,)."""
        return np.isfinite(self.s0)

    def narrowest(self) -> Array:
        """Sd of mu at tau = 0, shape (n,) or (1,)."""
        prior_sd = np.where(self.s0 > 0.0, self.s0, np.inf)  # a known mu does not change with tau
        return ((1.0 / self.v).sum(axis=1) + prior_sd**-2.0) ** -0.5

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether mu is stated by the model, shape (n,) or (1,)."""
        return self.s0 == 0.0

    def combination(self, values: Array, c: Array) -> tuple[Array, Array]:
        """Mean, measured from `at_origin`, and sd of c mu at nodes; values of shape (3, ...)."""
        return c[0] * values[1], np.abs(c[0]) * values[2]

    def at_origin(self, c: Array) -> Array:
        """C times what was subtracted from y, shape (n,) or (1,)."""
        return c[0] * self.offset

    def at_study(self, i: int) -> Array:
        """The weight of mu in the mean effect of study i, shape (1,)."""
        return MEAN

    def draw(self, values: Array, rng: np.random.Generator) -> Array:
        """Draws of mu, one at each node, shape (1, J)."""
        mean, sd = values[1:3]
        return (mean + self.offset[0] + sd * rng.standard_normal(mean.shape))[None]

    def given_tau(self, job: Ints, tau: Array) -> Array:
        """Log likelihood, mean and sd of mu given tau, shape (3, P, q); mu still centred."""
        parts = (self.y, self.v, self.m0, self.s0)
        if job[0] != job[-1] and all(len(a) == 1 for a in parts):  # jobs that differ in the prior on tau only
            first, row = distinct_rows(tau)
            return given_tau(tau[first], *parts)[:, row]
        return given_tau(tau, *(a if len(a) == 1 else a[job] for a in parts))


def distinct_rows(table: Array) -> tuple[Ints, Ints]:
    """First row of each distinct kind, and the kind of each row: many jobs stand on the same panels."""
    ends = table[:, 0] + 1j * table[:, -1]
    _, first, row = np.unique(ends, return_index=True, return_inverse=True)
    if np.array_equal(table[first][row], table):
        return first, row
    everyone = np.arange(len(table))
    return everyone, everyone


@final
@dataclass(frozen=True, eq=False)
class TauPriors:
    """Priors on tau of n jobs, evaluated family by family.

    Attributes
    ----------
    priors : tuple of Prior
        One for each job, or a single one for all.
    groups : tuple
        (family, its jobs as a mask of shape (n,), its parameters, each of shape (n,)); a prior whose family is not
        vectorised stands for itself, without parameters.
    """

    priors: tuple[Prior, ...]
    groups: tuple[tuple[type[Prior] | Prior, NDArray[np.bool_], tuple[Array, ...]], ...]

    @classmethod
    def of(cls, priors: Sequence[Prior]) -> TauPriors:
        """Group the priors by family."""
        groups = []
        families = [type(prior) if prior.vectorised else prior for prior in priors]
        for family in dict.fromkeys(families):
            mask = np.array([one is family or one == family for one in families])
            rows = [prior.parameters if here else None for prior, here in zip(priors, mask, strict=True)]
            width = len(next(row for row in rows if row is not None))
            table = np.array([row if row is not None else (np.nan,) * width for row in rows], dtype=float)
            groups.append((family, mask, tuple(table.reshape(len(priors), width).T)))
        return cls(tuple(priors), tuple(groups))

    def log_density(self, job: Ints, tau: Array) -> Array:
        """Log prior density at tau, shape (P, q)."""
        if len(self.priors) == 1:
            return self.priors[0].log_pdf(tau)
        if len(self.groups) == 1:
            family, _, parameters = self.groups[0]
            return family.log_density(tau, *(column[job][:, None] for column in parameters))
        out = np.empty_like(tau)
        for family, mask, parameters in self.groups:
            rows = np.flatnonzero(mask[job])
            out[rows] = family.log_density(tau[rows], *(column[job[rows]][:, None] for column in parameters))
        return out

    def quantiles(self, p: Array) -> Array:
        """Prior quantiles, inf where a prior is improper; shape (as many as p, as many as priors)."""
        out = np.full((len(p), len(self.priors)), np.inf)
        for family, mask, parameters in self.groups:
            if family.proper:
                out[:, mask] = family.quantile(p[:, None], *(column[mask] for column in parameters))
        return out

    def ends(self) -> tuple[Array, Array]:
        """Lower and upper ends of the supports."""
        return np.array([p.lowest for p in self.priors]), np.array([p.upper for p in self.priors])

    def narrow(self, deciles: Array | None = None) -> Array:
        """Values of tau at which panels must end, padded by the last one, shape (as many as priors, most of them).

        Parameters
        ----------
        deciles : ndarray, optional
            The quantiles at `DECILES`, where they are at hand.
        """
        low, _, high = self.quantiles(DECILES) if deciles is None else deciles
        values = [prior.narrow for prior in self.priors]
        for j in np.flatnonzero(high < SHARP * low):
            values[j] = np.sort(np.append(values[j], self.priors[j].ppf(ACROSS)))
        most = max(map(len, values))
        if not most:
            return np.empty((len(values), 0))
        return np.array([np.pad(row, (0, most - len(row)), "edge") if len(row) else np.zeros(most) for row in values])

    def need_log_nodes(self) -> NDArray[np.bool_]:
        """Whether each prior needs nodes on log tau."""
        return np.array([p.needs_log_nodes for p in self.priors])
