"""Cluster-robust covariances of weighted least squares, and the degrees of freedom that go with them.

Estimates of one cluster may be correlated in any way. A working covariance Phi, block-diagonal by cluster, gives the
weights W = Phi^-1; what it gets wrong is mended by the residuals e of whole clusters:

    V = M [ sum_j X_j' W_j A_j e_j e_j' A_j' W_j X_j ] M,    M = (X' W X)^-1

with A_j = I (CR0), or with what makes V unbiased where Phi is right (CR2): with Phi_j = D_j' D_j by Cholesky and
B_j = D_j (Phi_j - X_j M X_j') D_j', A_j = D_j' B_j^(-1/2) D_j, by the symmetric root of the pseudo-inverse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

NULL = 1e-10  # share of the largest eigenvalue below which one is 0: the cluster alone decides a coefficient
FACTORS: dict[str, Callable[[int, int], float]] = {
    "CR0": lambda clusters, p: 1.0,
    "CR1": lambda clusters, p: clusters / (clusters - 1.0),
    "CR1p": lambda clusters, p: clusters / (clusters - p) if clusters > p else np.nan,
    "CR2": lambda clusters, p: 1.0,
}


@final
@dataclass(frozen=True, eq=False)
class RobustFit:
    """Weighted least squares with a cluster-robust covariance.

    Attributes
    ----------
    beta : ndarray, shape (p,)
        Coefficients, M X' W y.
    cov : ndarray, shape (p, p)
        Their cluster-robust covariance.
    working : ndarray, shape (p, p)
        M, their covariance were the working covariance right.
    adjusted : ndarray, shape (clusters, p, p)
        X_j' W_j A_j Phi_j A_j' W_j X_j of each cluster.
    pulls : ndarray, shape (clusters, p, p)
        X_j' A_j' W_j X_j of each cluster.
    leverage : ndarray, shape (clusters,)
        Largest share of a direction of its own whitened rows that a cluster decides; 1 where it decides a coefficient
        alone, so that its residuals say nothing of that coefficient's error.

    References
    ----------
    Bell & McCaffrey 2002, Survey Methodology 28:169; Pustejovsky & Tipton 2018, J. Business & Economic Statistics
    36:672, 10.1080/07350015.2016.1247004.
    """

    beta: Array
    cov: Array
    working: Array
    adjusted: Array
    pulls: Array
    leverage: Array

    def sd(self, c: Array) -> float:
        """Standard error of the combination c'beta, c of shape (p,)."""
        return float(np.sqrt(max(float(c @ self.cov @ c), 0.0)))

    def df(self, c: Array) -> float:
        """Satterthwaite's degrees of freedom of the combination c'beta, c of shape (p,).

        The variance estimate is a quadratic form sum_j (g_j'e)^2. Under the working covariance g_i' and g_j' have the
        products Omega_ij = [i = j] a_i' Phi_i a_i - u_i' M u_j, with a_j = A_j' W_j X_j M c and u_j = X_j' a_j; a
        scaled chi-square with its mean and variance has (tr Omega)^2 / tr(Omega^2) degrees of freedom.

        References
        ----------
        Bell & McCaffrey 2002, Survey Methodology 28:169; Pustejovsky & Tipton 2018, J. Business & Economic Statistics
        36:672, 10.1080/07350015.2016.1247004, equation 11.
        """
        along = self.working @ c
        own = np.einsum("p,jpq,q->j", along, self.adjusted, along)
        u = self.pulls @ along
        reach = u @ self.working
        shared = np.vecdot(reach, u)
        crossed = u.T @ reach
        square = float(own @ own - 2.0 * own @ shared + np.trace(crossed @ crossed))
        total = float(own.sum() - shared.sum())
        return total**2 / square if square > 0.0 else np.nan


def robust_fit(y: Array, X: Array, rows: Sequence[Ints], covariances: Sequence[Array], kind: str = "CR2") -> RobustFit:
    """Weighted least squares by a working covariance, with a cluster-robust covariance of its coefficients.

    Parameters
    ----------
    y : ndarray, shape (k,)
        Estimates.
    X : ndarray, shape (k, p)
        Design of full column rank.
    rows : sequence of ndarray of int
        The rows of each cluster; every row in one.
    covariances : sequence of ndarray
        Working covariance of each cluster, shape (n_j, n_j), up to a common factor.
    kind : {"CR0", "CR1", "CR1p", "CR2"}
        CR1 is CR0 times m / (m - 1), CR1p times m / (m - p), of m clusters.

    Returns
    -------
    RobustFit

    Notes
    -----
    CR2, which is unbiased where the working covariance is right: CR0 is too small where clusters are few.

    References
    ----------
    Bell & McCaffrey 2002, Survey Methodology 28:169; Pustejovsky & Tipton 2018, J. Business & Economic Statistics
    36:672, 10.1080/07350015.2016.1247004.
    """
    whitened, target = np.empty_like(X), np.empty_like(y)
    batches = _by_size(rows, covariances)
    for batch in batches:
        whitened[batch.rows] = np.linalg.solve(batch.D.mT, X[batch.rows])
        target[batch.rows] = np.linalg.solve(batch.D.mT, y[batch.rows][..., None])[..., 0]
    basis, triangle = np.linalg.qr(whitened)
    back = np.linalg.inv(triangle)
    beta, working = back @ (basis.T @ target), back @ back.T
    residual = y - X @ beta
    count, p = len(rows), X.shape[1]
    scores, leverage = np.empty((count, p)), np.empty(count)
    adjusted, pulls = np.empty((count, p, p)), np.empty((count, p, p))
    for batch in batches:
        weighted = np.linalg.solve(batch.D, whitened[batch.rows])  # W_j X_j
        a = weighted if kind != "CR2" else _adjustment(batch.D, basis[batch.rows]).mT @ weighted
        scores[batch.clusters] = (a.mT @ residual[batch.rows][..., None])[..., 0]
        adjusted[batch.clusters] = (batch.D @ a).mT @ (batch.D @ a)
        pulls[batch.clusters] = X[batch.rows].mT @ a
        leverage[batch.clusters] = np.linalg.norm(basis[batch.rows], 2, axis=(-2, -1)) ** 2
    meat = scores.T @ scores * FACTORS[kind](count, p)
    return RobustFit(beta, working @ meat @ working, working, adjusted, pulls, leverage)


@final
@dataclass(frozen=True, eq=False)
class _Batch:
    """The c clusters of n rows each: their numbers (c,), rows (c, n) and upper Cholesky factors (c, n, n)."""

    clusters: Ints
    rows: Ints
    D: Array


def _by_size(rows: Sequence[Ints], covariances: Sequence[Array]) -> list[_Batch]:
    """Clusters of one size side by side."""
    sizes = np.array([len(place) for place in rows])
    batches = []
    for size in np.unique(sizes):
        alike = np.flatnonzero(sizes == size)
        D = np.linalg.cholesky(np.array([covariances[j] for j in alike.tolist()])).mT
        batches.append(_Batch(alike, np.array([rows[j] for j in alike.tolist()]), D))
    return batches


def _adjustment(D: Array, basis: Array) -> Array:
    """A_j = D' B^(-1/2) D with B = D D' (I - H) D D', where H = basis basis' is the hat matrix of whitened rows."""
    inner = D @ D.mT
    B = inner @ (np.eye(D.shape[-1]) - basis @ basis.mT) @ inner
    values, vectors = np.linalg.eigh(0.5 * (B + B.mT))
    held = values > NULL * np.maximum(values[..., -1:], 0.0)
    root = np.where(held, 1.0 / np.sqrt(np.where(held, values, 1.0)), 0.0)
    return D.mT @ (vectors * root[..., None, :]) @ vectors.mT @ D
