"""Rows that share random terms: laws of true effects and estimates given the parameters, block by block.

In a block, turned onto the eigenvectors U of its sampling covariance, U'y = U'X beta + Z u + w + e with
u ~ Normal(0, L L'), w ~ Normal(0, tau_within^2 I) and e ~ Normal(0, diag(v)), so that S = D + Z L L' Z' with
D = diag(v) + tau_within^2 I, and S^-1 comes from M = I + L' Z' D^-1 Z L.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_LOG_2PI = np.log(2.0 * np.pi)
MOST_AT_ONCE = 4_000_000  # numbers in the largest array of one step over the draws


@final
@dataclass(frozen=True, eq=False)
class Block:
    """Rows that share random terms.

    Attributes
    ----------
    rows, columns : ndarray of int
        Which estimates, shape (n,), and which of all random terms, shape (q,).
    turn : ndarray
        Eigenvectors U of the sampling covariance, shape (n, n).
    v : ndarray
        Its eigenvalues, shape (n,).
    Z : ndarray
        U' times the indicators of the terms, shape (n, q).
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    turn: Array
    v: Array
    Z: Array

    def steps(self, draws: int) -> list[slice]:
        """Slices of the draws that are small enough to be worked on at once."""
        size = max(1, MOST_AT_ONCE // (len(self.rows) * max(len(self.columns), 1)))
        return [slice(start, start + size) for start in range(0, draws, size)]


@final
@dataclass(frozen=True, eq=False)
class Given:
    """A block at some draws of the parameters.

    Attributes
    ----------
    block : Block
    L : ndarray
        Root of the covariance of the terms, shape (N, q, q).
    within : ndarray
        tau_within, shape (N,).
    """

    block: Block
    L: Array
    within: Array

    @cached_property
    def own(self) -> Array:
        """Variances D that no rows share, shape (N, n)."""
        return self.block.v + self.within[:, None] ** 2

    @cached_property
    def scaled(self) -> Array:
        """Z L, shape (N, n, q)."""
        return self.block.Z @ self.L

    @cached_property
    def inner(self) -> Array:
        """M = I + L' Z' D^-1 Z L, shape (N, q, q)."""
        return np.eye(self.L.shape[-1]) + self.scaled.mT @ (self.scaled / self.own[..., None])

    def pulled(self, r: Array) -> Array:
        """S^-1 r of turned columns r, shape (N, n, c)."""
        w = r / self.own[..., None]
        return w - (self.scaled / self.own[..., None]) @ np.linalg.solve(self.inner, self.scaled.mT @ w)

    def log_density(self, r: Array) -> Array:
        """Log density of the turned residuals r, shape (N, n); returns shape (N,)."""
        square = (r * self.pulled(r[..., None])[..., 0]).sum(axis=-1)
        log_det = np.log(self.own).sum(axis=-1) + np.linalg.slogdet(self.inner)[1]
        return -0.5 * (square + log_det + r.shape[-1] * _LOG_2PI)

    def drawn(self, r: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """True effects about their means, turned back, and terms u, given the turned residuals r of the estimates.

        With (u*, w*, e*) from the model, u* + C S^-1 (r - r*) has the law given r, C the covariance of u and r
        (Matheron's rule), and so has w.
        """
        u = (self.L @ rng.standard_normal((*self.L.shape[:2], 1)))[..., 0]
        w = self.within[:, None] * rng.standard_normal(r.shape)
        e = np.sqrt(self.block.v) * rng.standard_normal(r.shape)
        pull = self.pulled((r - u @ self.block.Z.T - w - e)[..., None])
        u = u + (self.L @ (self.scaled.mT @ pull))[..., 0]
        w = w + self.within[:, None] ** 2 * pull[..., 0]
        return (u @ self.block.Z.T + w) @ self.block.turn.T, u

    def estimated(self, rng: np.random.Generator) -> Array:
        """Estimates of other studies like these about their means, turned back, shape (N, n)."""
        u = (self.L @ rng.standard_normal((*self.L.shape[:2], 1)))[..., 0]
        return (u @ self.block.Z.T + np.sqrt(self.own) * rng.standard_normal(self.own.shape)) @ self.block.turn.T
