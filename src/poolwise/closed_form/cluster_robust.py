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
    factors: list[Array] = [np.linalg.cholesky(phi).T for phi in covariances]  # D_j, upper
    whitened = np.empty_like(X)
    target = np.empty_like(y)
    for place, D in zip(rows, factors, strict=True):
        whitened[place] = np.linalg.solve(D.T, X[place])
        target[place] = np.linalg.solve(D.T, y[place])
    basis, triangle = np.linalg.qr(whitened)
    back = np.linalg.inv(triangle)
    beta, working = back @ (basis.T @ target), back @ back.T
    residual = y - X @ beta
    scores, adjusted, pulls = [], [], []
    for place, D in zip(rows, factors, strict=True):
        weighted = np.linalg.solve(D, whitened[place])  # W_j X_j
        a = weighted if kind != "CR2" else _adjustment(D, basis[place]).T @ weighted
        scores.append(a.T @ residual[place])
        adjusted.append((D @ a).T @ (D @ a))
        pulls.append(X[place].T @ a)
    meat = np.array(scores).T @ np.array(scores) * FACTORS[kind](len(rows), X.shape[1])
    leverage = np.array([np.linalg.norm(basis[place], 2) ** 2 for place in rows])
    return RobustFit(beta, working @ meat @ working, working, np.array(adjusted), np.array(pulls), leverage)


def _adjustment(D: Array, basis: Array) -> Array:
    """A_j = D' B^(-1/2) D with B = D D' (I - H) D D', where H = basis basis' is the hat matrix of whitened rows."""
    inner = D @ D.T
    B = inner @ (np.eye(len(D)) - basis @ basis.T) @ inner
    values, vectors = np.linalg.eigh(0.5 * (B + B.T))
    held = values > NULL * max(float(values[-1]), 0.0)
    root = np.zeros_like(values)
    root[held] = 1.0 / np.sqrt(values[held])
    return D.T @ (vectors * root) @ vectors.T @ D
