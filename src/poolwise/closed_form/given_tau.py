"""Mean effects and true effects of the studies given tau: everything is normal there, and has a closed form.

y ~ Normal(X beta, V + tau^2 I), beta ~ Normal(b, diag(s^2)), theta | beta ~ Normal(X beta, tau^2 I)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class GivenTau:
    """Normal laws given each of T values of tau.

    Attributes
    ----------
    mean, sd : ndarray
        Of the combination of coefficients, shape (T,).
    theta : ndarray
        Mean of the true effect of each study, shape (T, k).
    """

    mean: Array
    sd: Array
    theta: Array


@final
@dataclass(frozen=True, eq=False)
class Problem:
    """What is known beside tau.

    Attributes
    ----------
    y : ndarray
        Estimates, shape (k,).
    v : ndarray
        Variances of their errors, shape (k,), or their covariance, shape (k, k).
    X : ndarray
        Design, shape (k, p).
    centre, width : ndarray
        Means and standard deviations of the normal priors on the coefficients, shape (p,): infinite for a flat prior,
        0 for a known coefficient.
    weights : ndarray
        Of the coefficients in the combination asked for, shape (p,).
    """

    y: Array
    v: Array
    X: Array
    centre: Array
    width: Array
    weights: Array


def given_tau(problem: Problem, tau: Array) -> GivenTau:
    """Mean and standard deviation of c'beta, and the mean of every theta_i, given tau.

    With W = (V + tau^2 I)^-1 and C = (X'WX + diag(s^-2))^-1: beta ~ Normal(C (X'Wy + diag(s^-2) b), C); theta has the
    mean X E(beta) + tau^2 W (y - X E(beta)). V is diagonalised once for all tau.

    Parameters
    ----------
    problem : Problem
    tau : ndarray
        At least 0, shape (T,).

    Returns
    -------
    GivenTau

    References
    ----------
    Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., section 5.4, equations 5.17 to 5.20, 10.1201/b16018; Lindley &
    Smith 1972, J. R. Statist. Soc. B 34:1, 10.1111/j.2517-6161.1972.tb00885.x, for any design.
    """
    lengths, axes = _diagonal(problem.v)
    free = problem.width > 0.0
    known = problem.X[:, ~free] @ problem.centre[~free]
    rotated = (lambda x: x) if axes is None else (lambda x: axes.T @ x)
    y, X = rotated(problem.y - known), rotated(problem.X[:, free])
    precision = problem.width[free] ** -2.0
    w = 1.0 / (lengths + tau[:, None] ** 2)
    covariance = np.linalg.inv(np.einsum("tk,kp,kq->tpq", w, X, X) + np.diag(precision))
    beta = np.einsum("tpq,tq->tp", covariance, (w * y) @ X + precision * problem.centre[free])
    c = problem.weights
    mean = beta @ c[free] + problem.centre[~free] @ c[~free]
    sd = np.sqrt(np.einsum("p,tpq,q->t", c[free], covariance, c[free]))
    kept = tau[:, None] ** 2 * w  # how much of a rotated row's residual its true effect takes
    fitted = beta @ X.T
    theta = fitted + kept * (y - fitted)
    return GivenTau(mean, sd, known + (theta if axes is None else theta @ axes.T))


def _diagonal(v: Array) -> tuple[Array, Array | None]:
    """Variances along the axes of V, and these axes; None where V is diagonal."""
    if v.ndim == 1:
        return v, None
    lengths, axes = np.linalg.eigh(v)
    return lengths, axes
