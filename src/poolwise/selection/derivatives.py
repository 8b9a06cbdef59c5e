"""The likelihood of estimates that were selected by their p-values, with its first and second derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_LOG_2PI = math.log(2.0 * math.pi)


@final
@dataclass(frozen=True, eq=False)
class Studies:
    """Estimates that point in the direction of what gets published.

    Attributes
    ----------
    y : ndarray, shape (k,)
        Estimates.
    v : ndarray, shape (k,)
        Sampling variances.
    X : ndarray, shape (k, p)
        Design of the mean effects.
    """

    y: Array
    v: Array
    X: Array

    @cached_property
    def se(self) -> Array:
        """Standard errors, shape (k,)."""
        return np.sqrt(self.v)

    @cached_property
    def z(self) -> Array:
        """What p-values are made of, y / se, shape (k,)."""
        return self.y / self.se

    @cached_property
    def typical(self) -> float:
        """The harmonic mean of the sampling variances."""
        return float(len(self.v) / np.sum(1.0 / self.v))


@final
@dataclass(frozen=True, eq=False)
class Weighing:
    """What the weights omega do at k rows, given the mean and the variance of their estimates and q parameters psi.

    A = E omega over what an estimate would be, were everything published; u its distance from the mean in standard
    deviations.

    Attributes
    ----------
    log_weight : ndarray, shape (k,)
        log omega at the estimates.
    log_a : ndarray, shape (k,)
        log A.
    hermite : ndarray, shape (4, k)
        E omega He_n(u) / A for n = 1 to 4, He_n the Hermite polynomials u, u^2 - 1, u^3 - 3 u, u^4 - 6 u^2 + 3.
    slope : ndarray, shape (k, q)
        Derivatives of log omega - log A in psi.
    curvature : ndarray, shape (q, q)
        Their derivatives, summed over the rows.
    hermite_slope : ndarray, shape (2, k, q)
        Derivatives of the first two of `hermite` in psi.
    """

    log_weight: Array
    log_a: Array
    hermite: Array
    slope: Array
    curvature: Array
    hermite_slope: Array


class Weights(Protocol):
    """A function omega(p) of the p-value with q unknown parameters psi."""

    @property
    def q(self) -> int:
        """How many parameters are unknown."""
        ...

    @property
    def lower(self) -> Array:
        """Least values of psi, shape (q,)."""
        ...

    @property
    def upper(self) -> Array:
        """Largest values of psi that are searched, shape (q,)."""
        ...

    def weighing(self, mean: Array, variance: Array, psi: Array) -> Weighing:
        """What the weights do at the rows, whose estimates have these means and variances."""
        ...

    def best(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """About the best psi for each of m means and variances, shape (m, k), and log omega - log A summed there."""
        ...


@final
@dataclass(frozen=True, eq=False)
class Height:
    """A log likelihood with its gradient (n,) and Hessian (n, n)."""

    value: float
    gradient: Array
    hessian: Array


@final
@dataclass(frozen=True, eq=False)
class SelectionLikelihood:
    """The log likelihood of selected estimates in theta = (beta, log(tau2 + c), psi).

    Row i has the density Normal(y_i; eta_i, S_i) omega(p_i) / A_i, eta = X beta, S_i = v_i + tau2. The constant c is
    the harmonic mean of the sampling variances, so that tau2 = 0 is an ordinary end of its range and not minus
    infinity. A_i is smoothed by the normal law, dA/dS = (1/2) d2A/deta2, so that all its derivatives in eta and S are
    E omega He_n(u).

    Attributes
    ----------
    studies : Studies
    weights : Weights
    tau2 : float, optional
        Where it is known; it is then no part of theta.

    References
    ----------
    Hedges 1992, Statistical Science 7:246, 10.1214/ss/1177011364; Vevea & Hedges 1995, Psychometrika 60:419,
    10.1007/BF02294384.
    """

    studies: Studies
    weights: Weights
    tau2: float | None = None

    @property
    def p(self) -> int:
        """Number of mean coefficients."""
        return self.studies.X.shape[1]

    @property
    def spreads(self) -> int:
        """1 where tau2 is unknown, 0 where it is known."""
        return 1 if self.tau2 is None else 0

    @property
    def n(self) -> int:
        """Number of unknown parameters."""
        return self.p + self.spreads + self.weights.q

    def tau2_of(self, theta: Array) -> float:
        """The between-study variance at these parameters."""
        if self.tau2 is not None:
            return self.tau2
        c = self.studies.typical
        return max(c * math.expm1(float(theta[self.p]) - math.log(c)), 0.0)

    def at(self, theta: Array) -> Height:
        """Value, gradient and Hessian.

        Parameters
        ----------
        theta : ndarray, shape (n,)

        References
        ----------
        Vevea & Hedges 1995, Psychometrika 60:419, 10.1007/BF02294384.
        """
        p, extra, X, y = self.p, self.spreads, self.studies.X, self.studies.y
        mean, S = X @ theta[:p], self.studies.v + self.tau2_of(theta)
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            by = self.weights.weighing(mean, S, theta[p + extra :])
            r, sd = y - mean, np.sqrt(S)
            normal = -0.5 * (_LOG_2PI + np.log(S) + r * r / S)
            value = float(np.sum(normal + by.log_weight - by.log_a))
            a1, a2, a3, a4 = by.hermite
            of_mean = r / S - a1 / sd
            hessian = np.empty((self.n, self.n))
            hessian[:p, :p] = X.T @ ((-1.0 - a2 + a1 * a1)[:, None] / S[:, None] * X)
            hessian[:p, p + extra :] = -X.T @ (by.hermite_slope[0] / sd[:, None])
            hessian[p + extra :, p + extra :] = by.curvature
            gradient = np.concatenate([X.T @ of_mean, np.zeros(extra), by.slope.sum(0)])
            if extra:
                e = math.exp(theta[p])
                of_S = 0.5 * (r * r / S - 1.0 - a2) / S
                gradient[p] = e * of_S.sum()
                hessian[:p, p] = e * (X.T @ (-r / S**2 - 0.5 * (a3 - a1 * a2) / (S * sd)))
                twice = (0.5 - r * r / S - 0.25 * (a4 - a2 * a2)) / S**2
                hessian[p, p] = gradient[p] + e * e * twice.sum()
                hessian[p, p + 1 :] = -0.5 * e * (by.hermite_slope[1] / S[:, None]).sum(0)
        lower = np.tril_indices(self.n, -1)
        hessian[lower] = hessian.T[lower]
        if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            value = -math.inf
        return Height(value, gradient, hessian)
