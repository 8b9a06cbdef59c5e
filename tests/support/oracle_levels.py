"""The posterior of the three-level and CHE models by dense matrices on a grid, sharing no code with poolwise.

y ~ Normal(mu, V + tau_within^2 I + tau_between^2 Z Z'), V with correlation rho within clusters, mu ~ Normal(m0, s0)
or flat (s0 = inf), both tau by priors written in `support.oracle`. The grid is over log tau_between x log tau_within,
or over log total x logit ICC: two coordinate systems that must agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from support.trapezoid import Along, Array, Axis, Mixture, Weighted, mesh, trimmed

CHUNK = 20_000  # nodes at once


@dataclass(frozen=True)
class Node:
    """At every node of a grid: log likelihood with mu integrated out, mean and sd of mu."""

    log_lik: Array
    mean: Array
    sd: Array


@dataclass(frozen=True)
class LevelsOracle:
    """Posterior of (mu, tau_between, tau_within) for one table.

    y, v: shape (k,). cluster: shape (k,), any labels. between, within: log prior densities. step: of the grid.
    low, high: ends of the axes of log tau.
    """

    y: Array
    v: Array
    cluster: NDArray[np.object_]
    between: Callable[[float], float]
    within: Callable[[float], float]
    rho: float = 0.0
    m0: float = 0.0
    s0: float = math.inf
    step: float = 0.08
    low: float = -36.0
    high: float = 4.0

    @cached_property
    def blocks(self) -> list[tuple[Array, Array]]:
        """Estimates and sampling covariance of each cluster, in order of appearance."""
        found = []
        for label in dict.fromkeys(self.cluster):
            mine = self.cluster == label
            s = np.sqrt(self.v[mine])
            correlation = np.where(np.eye(len(s), dtype=bool), 1.0, self.rho)
            found.append((self.y[mine], correlation * np.outer(s, s)))
        return found

    # ---- the two grids ----

    @cached_property
    def plane(self) -> Weighted:
        """The posterior over (log tau_between, log tau_within)."""
        whole = Axis(self.low, self.high, self.step)
        return trimmed(lambda axes: self._weighted(axes, *mesh(axes), jacobian=0.0), (whole, whole))

    @cached_property
    def polar(self) -> Weighted:
        """The posterior over (log total, logit ICC); the Jacobian is 1/2."""

        def weighted(axes: tuple[Axis, ...]) -> Weighted:
            r, logit = mesh(axes)
            u, w = r - 0.5 * np.logaddexp(0.0, -logit), r - 0.5 * np.logaddexp(0.0, logit)
            return self._weighted(axes, u, w, jacobian=-math.log(2.0))

        size, share = Axis(self.low / 2 - 2, self.high + 0.5, self.step), Axis(-74.0, 74.0, 2 * self.step)
        return trimmed(weighted, (size, share))

    def _weighted(self, axes: tuple[Axis, ...], u: Array, w: Array, *, jacobian: float) -> Weighted:
        prior = _each(self.between, u) + _each(self.within, w) + u + w + jacobian
        return Weighted(axes, self.nodes(u, w).log_lik + prior)

    # ---- algebra at every node ----

    def nodes(self, u: Array, w: Array) -> Node:
        """Matrix algebra at log tau_between = u, log tau_within = w."""
        tb2, tw2 = np.exp(2 * u.ravel()), np.exp(2 * w.ravel())
        log_det, a, b, c = (np.zeros(tb2.size) for _ in range(4))
        for part in _parts(tb2.size):
            for y, v in self.blocks:
                total = _covariance(v, tb2[part], tw2[part])
                inverse = np.linalg.inv(total)
                r = y - self._centre
                log_det[part] += np.linalg.slogdet(total)[1]
                a[part] += inverse.sum(axis=(1, 2))
                b[part] += (inverse @ r).sum(axis=1)
                c[part] += (inverse @ r) @ r
        k, flat = len(self.y), math.isinf(self.s0)
        precision = a if flat else a + 1 / self.s0**2
        log_det += np.log(a) if flat else np.log1p(self.s0**2 * a)
        log_lik = -0.5 * ((k - flat) * math.log(2 * math.pi) + log_det + c - b**2 / precision)
        found = log_lik, self._centre + b / precision, 1 / np.sqrt(precision)
        return Node(*(x.reshape(u.shape) for x in found))

    @property
    def _centre(self) -> float:
        return float(np.mean(self.y)) if math.isinf(self.s0) else self.m0

    @cached_property
    def _tau2(self) -> tuple[Array, Array]:
        u, w = mesh(self.plane.axes)
        return np.exp(2 * u), np.exp(2 * w)

    @cached_property
    def _mu(self) -> Node:
        return self.nodes(*mesh(self.plane.axes))

    # ---- what is asked ----

    @property
    def log_evidence(self) -> float:
        return self.plane.log_total

    @property
    def mu(self) -> Mixture:
        return self.plane.mixture(self._mu.mean, self._mu.sd)

    @property
    def theta_new(self) -> Mixture:
        """A new effect in a new cluster."""
        tb2, tw2 = self._tau2
        return self.plane.mixture(self._mu.mean, np.sqrt(self._mu.sd**2 + tb2 + tw2))

    @property
    def mu_of_new_cluster(self) -> Mixture:
        """The mean effect of a new cluster."""
        return self.plane.mixture(self._mu.mean, np.sqrt(self._mu.sd**2 + self._tau2[0]))

    @property
    def tau_between(self) -> Along:
        return self.plane.along(0)

    @property
    def tau_within(self) -> Along:
        return self.plane.along(1)

    @property
    def total(self) -> Along:
        """Law of log sqrt(tau_between^2 + tau_within^2)."""
        return self.polar.along(0)

    @property
    def icc(self) -> Along:
        """Law of logit of tau_between^2 / (tau_between^2 + tau_within^2): `summary(expit)`."""
        return self.polar.along(1)

    def cluster_mean(self, j: int) -> Mixture:
        """The mean effect of cluster j, numbered in order of appearance."""
        return self._inside(j, None, 0.0)

    def new_in_cluster(self, j: int) -> Mixture:
        """A new effect in cluster j."""
        return self._inside(j, None, 1.0)

    def theta(self, i: int) -> Mixture:
        """The true effect of row i."""
        label = self.cluster[i]
        j = list(dict.fromkeys(self.cluster)).index(label)
        return self._inside(j, int(np.sum(self.cluster[:i] == label)), 0.0)

    def _inside(self, j: int, row: int | None, fresh: float) -> Mixture:
        """Regression of an effect of cluster j on its estimates: its covariance with them is tb2 (+ tw2 at its row)."""
        y, v = self.blocks[j]
        kept = self.plane.kept
        tb2, tw2 = (x[kept] for x in self._tau2)
        mean, sd = self._mu.mean[kept], self._mu.sd[kept]
        means, variances = np.empty(tb2.size), np.empty(tb2.size)
        for part in _parts(tb2.size):
            with_y = np.repeat(tb2[part, None], len(y), axis=1)
            if row is not None:
                with_y[:, row] += tw2[part]
            inverse = np.linalg.inv(_covariance(v, tb2[part], tw2[part]))
            pull = (inverse @ with_y[:, :, None])[:, :, 0]
            left = 1 - pull.sum(axis=1)
            own = tb2[part] + (tw2[part] if row is not None else 0.0)
            means[part] = left * mean[part] + pull @ y
            variances[part] = own - (pull * with_y).sum(axis=1) + (left * sd[part]) ** 2 + fresh * tw2[part]
        return Mixture(self.plane.weights[kept], means, np.sqrt(variances))


def share(logit: Array) -> Array:
    """ICC from its logit."""
    return np.asarray(expit(logit))


def _covariance(v: Array, tb2: Array, tw2: Array) -> Array:
    """V + tw2 I + tb2 11' at every node, shape (nodes, m, m)."""
    m = len(v)
    return v + tw2[:, None, None] * np.eye(m) + tb2[:, None, None] * np.ones((m, m))


def _each(log_prior: Callable[[float], float], u: Array) -> Array:
    """Log prior density of tau = e^u at every node."""
    return np.vectorize(log_prior, otypes=[float])(np.exp(u))


def _parts(n: int) -> list[slice]:
    return [slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]
