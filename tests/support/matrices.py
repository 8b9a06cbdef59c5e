"""Meta-analysis by k x k matrices written out, sharing no code with poolwise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Matrices:
    """The model y ~ Normal(X beta, V + tau2 I) with every matrix explicit."""

    y: Array
    v: Array
    X: Array
    tau2: float = 0.0

    @cached_property
    def S(self) -> Array:
        return np.diag(self.v + self.tau2)

    @cached_property
    def W(self) -> Array:
        return np.linalg.inv(self.S)

    @cached_property
    def cov(self) -> Array:
        return np.linalg.inv(self.X.T @ self.W @ self.X)

    @cached_property
    def beta(self) -> Array:
        return self.cov @ self.X.T @ self.W @ self.y

    @cached_property
    def P(self) -> Array:
        return projection(self.W, self.X)

    @property
    def q(self) -> float:
        return float(self.y @ self.P @ self.y)

    @property
    def ml(self) -> float:
        r = self.y - self.X @ self.beta
        log_det = np.linalg.slogdet(self.S)[1]
        return float(-0.5 * (len(self.y) * math.log(2 * math.pi) + log_det + r @ self.W @ r))

    @property
    def reml(self) -> float:
        """The density of error contrasts K'y, K an orthonormal basis of the space orthogonal to X."""
        p = self.X.shape[1]
        K = np.linalg.qr(self.X, mode="complete")[0][:, p:]
        cov = K.T @ self.S @ K
        z = K.T @ self.y
        log_det = np.linalg.slogdet(cov)[1]
        return float(-0.5 * (len(z) * math.log(2 * math.pi) + log_det + z @ np.linalg.solve(cov, z)))


def projection(W: Array, X: Array) -> Array:
    """W - W X (X'WX)^-1 X'W."""
    return W - W @ X @ np.linalg.inv(X.T @ W @ X) @ X.T @ W


def problem(seed: int, k: int = 9, p: int = 1) -> Matrices:
    """A data set drawn at random: intercept and p - 1 moderators, sampling variances over two decades."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(k), *(rng.normal(size=k) + 3.0 for _ in range(p - 1))])
    v = np.exp(rng.uniform(-4.0, 0.6, k))
    return Matrices(X @ rng.normal(size=p) + rng.normal(size=k) * np.sqrt(v + 0.1), v, X)
