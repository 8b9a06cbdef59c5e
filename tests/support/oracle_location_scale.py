"""The posterior of the location-scale model by matrices on a grid, sharing no code with poolwise.

y ~ Normal(X beta, diag(v_i + tau_i^2)), log tau_i = log tau + (z_i - mean of z) gamma, beta_j ~ Normal(b_j, s_j) or
flat (s_j = inf), gamma ~ independent normal laws, tau by a prior of `support.oracle`. The grid is over log tau and
every gamma: two or three coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from support.trapezoid import Along, Array, Axis, Mixture, Weighted, mesh, trimmed

CHUNK = 100_000  # nodes at once
REACH = 9.5  # sds of the normal prior on gamma: e^-45 of its maximum


@dataclass(frozen=True)
class LocationScaleOracle:
    """Posterior of (beta, tau, gamma) for one table.

    y, v: shape (k,). X: shape (k, p). Z: shape (k, q), not centred, without a column of ones. b, s: shape (p,).
    g, sg: means and sds of the priors on gamma, shape (q,). steps: of log tau, and of gamma in units of its prior sd.
    """

    y: Array
    v: Array
    X: Array
    Z: Array
    log_prior: Callable[[float], float]
    b: Array
    s: Array
    g: Array
    sg: Array
    steps: tuple[float, float] = (0.08, 0.05)
    low: float = -36.0
    high: float = 6.0

    @cached_property
    def grid(self) -> Weighted:
        tau = Axis(self.low, self.high, self.steps[0])
        gammas = (
            Axis(g - REACH * sd, g + REACH * sd, self.steps[1] * sd)
            for g, sd in zip(self.g.tolist(), self.sg.tolist(), strict=True)
        )
        return trimmed(self._weighted, (tau, *gammas))

    def _weighted(self, axes: tuple[Axis, ...]) -> Weighted:
        flat = [x.ravel() for x in mesh(axes)]
        parts = [self.solve([x[part] for x in flat])[0] for part in _parts(flat[0].size)]
        log_prior = np.array([self.log_prior(t) for t in np.exp(axes[0].nodes).tolist()]) + axes[0].nodes
        density = np.concatenate(parts).reshape([axis.nodes.size for axis in axes])
        density += log_prior.reshape([-1] + [1] * (len(axes) - 1))
        for number, (axis, g, sd) in enumerate(zip(axes[1:], self.g, self.sg, strict=True), start=1):
            normal = -0.5 * ((axis.nodes - g) / sd) ** 2 - math.log(sd * math.sqrt(2 * math.pi))
            density += normal.reshape([-1 if other == number else 1 for other in range(len(axes))])
        return Weighted(axes, density)

    def tau2(self, at: Array, coordinates: list[Array]) -> Array:
        """Heterogeneity at scale moderators `at` (m, q), for every node: shape (nodes, m)."""
        log_tau = coordinates[0][:, None]
        for j, gamma in enumerate(coordinates[1:]):
            log_tau = log_tau + gamma[:, None] * (at[:, j] - self.Z[:, j].mean())
        return np.exp(2 * log_tau)

    def solve(self, coordinates: list[Array]) -> tuple[Array, Array, Array]:
        """Log likelihood with beta integrated out, mean (nodes, p) and covariance (nodes, p, p) of beta."""
        k, flat = len(self.y), np.isinf(self.s)
        total = self.v + self.tau2(self.Z, coordinates)
        prior = np.diag(np.where(flat, 0.0, 1 / self.s**2))
        centre = np.where(flat, 0.0, self.b)
        r = self.y - self.X @ centre
        precision = np.einsum("ia,ib,ni->nab", self.X, self.X, 1 / total, optimize=True) + prior
        weighted = (r / total) @ self.X
        spread = np.linalg.inv(precision)
        shift = (spread @ weighted[:, :, None])[:, :, 0]
        log_det = np.log(total).sum(axis=1) + np.linalg.slogdet(precision)[1] + 2 * np.log(self.s[~flat]).sum()
        square = (r**2 / total).sum(axis=1) - (weighted * shift).sum(axis=1)
        log_lik = -0.5 * ((k - flat.sum()) * math.log(2 * math.pi) + log_det + square)
        return log_lik, centre + shift, spread

    @property
    def log_evidence(self) -> float:
        return self.grid.log_total

    @property
    def tau(self) -> Along:
        return self.grid.along(0)

    def gamma(self, j: int) -> Along:
        """`summary(identity)` of it."""
        return self.grid.along(1 + j)

    # ---- normal at every node ----

    @cached_property
    def _kept(self) -> tuple[list[Array], Array, Array]:
        coordinates = [x[self.grid.kept] for x in mesh(self.grid.axes)]
        parts = [self.solve([x[part] for x in coordinates])[1:] for part in _parts(coordinates[0].size)]
        means, spreads = (np.concatenate(found) for found in zip(*parts, strict=True))
        return coordinates, means, spreads

    def combination(self, c: ArrayLike) -> Mixture:
        """c'beta."""
        row, (_, means, spreads) = np.asarray(c, dtype=float), self._kept
        return self._mixture(means @ row, spreads @ row @ row)

    def theta_new(self, x: ArrayLike, z: ArrayLike) -> Mixture:
        """The true effect in a new study with moderators x (p,) and scale moderators z (q,)."""
        row, (coordinates, means, spreads) = np.asarray(x, dtype=float), self._kept
        fresh = self.tau2(np.atleast_2d(np.asarray(z, dtype=float)), coordinates)[:, 0]
        return self._mixture(means @ row, spreads @ row @ row + fresh)

    def theta(self, i: int) -> Mixture:
        """The true effect in study i."""
        coordinates, means, spreads = self._kept
        tau2 = self.tau2(self.Z[[i]], coordinates)[:, 0]
        pull = self.v[i] / (self.v[i] + tau2)
        own = (1 - pull) * self.v[i] + pull**2 * (spreads @ self.X[i] @ self.X[i])
        return self._mixture(pull * (means @ self.X[i]) + (1 - pull) * self.y[i], own)

    def _mixture(self, mean: Array, variance: Array) -> Mixture:
        return Mixture(self.grid.weights[self.grid.kept], mean, np.sqrt(variance))


def identity(x: Array) -> Array:
    """What `Along.summary` is of when the coordinate itself is asked for."""
    return x


def _parts(n: int) -> list[slice]:
    return [slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]
