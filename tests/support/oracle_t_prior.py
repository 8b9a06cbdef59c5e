"""Regression with t priors on coefficients as scale mixtures of normal laws, sharing no code with poolwise.

beta_j ~ t(df_j, b_j, s_j) is beta_j ~ Normal(b_j, s_j / sqrt(lambda_j)), lambda_j ~ Gamma(df_j / 2, df_j / 2): given
log tau and every log lambda all else is normal. df_j = inf is a normal prior, s_j = inf a flat one. One or two t
priors.
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


@dataclass(frozen=True)
class TPriorOracle:
    """Posterior of (beta, tau) for one table.

    y, v: shape (k,). X: shape (k, p). df, b, s: of the priors on beta, shape (p,). steps: of log tau and log lambda.
    """

    y: Array
    v: Array
    X: Array
    log_prior: Callable[[float], float]
    df: Array
    b: Array
    s: Array
    steps: tuple[float, float] = (0.06, 0.1)
    low: float = -36.0
    high: float = 12.0

    @cached_property
    def heavy(self) -> list[int]:
        """The coefficients with a t prior."""
        return np.flatnonzero(np.isfinite(self.df)).tolist()

    @cached_property
    def grid(self) -> Weighted:
        tau = Axis(self.low, self.high, self.steps[0])
        lambdas = [Axis(-92.0 / (self.df[j] + 1), 6.0, self.steps[1]) for j in self.heavy]
        return trimmed(self._weighted, (tau, *lambdas))

    def _weighted(self, axes: tuple[Axis, ...]) -> Weighted:
        flat = [x.ravel() for x in mesh(axes)]
        parts = [self.solve([x[part] for x in flat])[0] for part in _parts(flat[0].size)]
        density = np.concatenate(parts).reshape([axis.nodes.size for axis in axes])
        u = axes[0].nodes
        log_priors = [np.array([self.log_prior(t) for t in np.exp(u).tolist()]) + u]
        for j, axis in zip(self.heavy, axes[1:], strict=True):
            half = self.df[j] / 2
            gamma = half * math.log(half) - math.lgamma(half) + half * axis.nodes - half * np.exp(axis.nodes)
            log_priors.append(gamma)
        for number, values in enumerate(log_priors):
            density += values.reshape([-1 if other == number else 1 for other in range(len(axes))])
        return Weighted(axes, density)

    def solve(self, coordinates: list[Array]) -> tuple[Array, Array, Array]:
        """Log likelihood with beta integrated out, mean (nodes, p) and covariance (nodes, p, p) of beta."""
        k, flat = len(self.y), np.isinf(self.s)
        total = self.v + np.exp(2 * coordinates[0])[:, None]
        prior = np.tile(np.where(flat, 0.0, 1 / self.s**2), (len(total), 1))
        for j, log_lambda in zip(self.heavy, coordinates[1:], strict=True):
            prior[:, j] *= np.exp(log_lambda)
        centre = np.where(flat, 0.0, self.b)
        r = self.y - self.X @ centre
        precision = np.einsum("ia,ib,ni->nab", self.X, self.X, 1 / total, optimize=True)
        precision[:, range(len(flat)), range(len(flat))] += prior
        weighted = (r / total) @ self.X
        spread = np.linalg.inv(precision)
        shift = (spread @ weighted[:, :, None])[:, :, 0]
        log_det = np.log(total).sum(axis=1) + np.linalg.slogdet(precision)[1] - np.log(prior[:, ~flat]).sum(axis=1)
        square = (r**2 / total).sum(axis=1) - (weighted * shift).sum(axis=1)
        log_lik = -0.5 * ((k - flat.sum()) * math.log(2 * math.pi) + log_det + square)
        return log_lik, centre + shift, spread

    @property
    def log_evidence(self) -> float:
        return self.grid.log_total

    @property
    def tau(self) -> Along:
        return self.grid.along(0)

    @cached_property
    def _kept(self) -> tuple[Array, Array, Array]:
        coordinates = [x[self.grid.kept] for x in mesh(self.grid.axes)]
        parts = [self.solve([x[part] for x in coordinates])[1:] for part in _parts(coordinates[0].size)]
        means, spreads = (np.concatenate(found) for found in zip(*parts, strict=True))
        return np.exp(2 * coordinates[0]), means, spreads

    def combination(self, c: ArrayLike) -> Mixture:
        """c'beta."""
        row, (_, means, spreads) = np.asarray(c, dtype=float), self._kept
        return self._mixture(means @ row, spreads @ row @ row)

    def theta_new(self, x: ArrayLike) -> Mixture:
        """The true effect in a new study with moderators x."""
        row, (tau2, means, spreads) = np.asarray(x, dtype=float), self._kept
        return self._mixture(means @ row, spreads @ row @ row + tau2)

    def theta(self, i: int) -> Mixture:
        """The true effect in study i."""
        tau2, means, spreads = self._kept
        pull = self.v[i] / (self.v[i] + tau2)
        own = tau2 * pull + pull**2 * (spreads @ self.X[i] @ self.X[i])
        return self._mixture(pull * (means @ self.X[i]) + (1 - pull) * self.y[i], own)

    def _mixture(self, mean: Array, variance: Array) -> Mixture:
        return Mixture(self.grid.weights[self.grid.kept], mean, np.sqrt(variance))


def _parts(n: int) -> list[slice]:
    return [slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]
