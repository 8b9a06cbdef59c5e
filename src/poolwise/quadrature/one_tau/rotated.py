"""Sampling errors with a known covariance: turned onto its eigenvectors they are independent.

V = U diag(d) U' gives U'y ~ N(U'X beta, diag(d + tau^2)), since tau^2 I stays what it is: a regression like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.one_tau.mixtures import Mixtures
from poolwise.quadrature.one_tau.regression import Regression
from poolwise.quadrature.rules.gaussian import Basis, eigen
from poolwise.quadrature.rules.mixture import NormalMixture
from poolwise.quadrature.rules.normal_normal import draw_theta

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


@final
@dataclass(frozen=True, eq=False)
class Turned:
    """A study table turned onto the eigenvectors of its sampling covariance.

    Attributes
    ----------
    U : ndarray
        Eigenvectors, block by block of correlated estimates, shape (k, k).
    d : ndarray
        Eigenvalues, shape (k,).
    y, X : ndarray
        U'(y - X start), shape (k,), and U'X, shape (k, p).
    start, level : ndarray
        Coefficients taken off before turning, which would spread a large offset's rounding over all estimates, shape
        (p,), and X start, shape (k,).
    """

    U: Array
    d: Array
    y: Array
    X: Array
    start: Array
    level: Array

    @classmethod
    def of(cls, y: Array, covariance: Array, X: Array) -> Turned:
        """Turn a table; estimates that correlate, directly or through others, make a block."""
        block = blocks(covariance)
        U, d = np.zeros_like(covariance), np.empty(len(y))
        for b in range(block.max() + 1):
            rows = np.flatnonzero(block == b)
            d[rows], U[np.ix_(rows, rows)] = eigen(covariance[np.ix_(rows, rows)])
        start = np.linalg.lstsq(X, y)[0]
        return cls(U, d, U.T @ (y - X @ start), U.T @ X, start, X @ start)

    def table(self, b: Array, s: Array) -> Regression:
        """As a job of the quadrature over tau; b and s are the means and sds of the priors on beta, shape (p,)."""
        basis = Basis.of(self.y[None], self.d[None], self.X[None], (b - self.start)[None], s[None])
        return Regression(replace(basis, origin=basis.origin + self.start))

    def draw_theta(self, tau: Array, beta: Array, rng: np.random.Generator) -> Array:
        """Draws of the true effects given those of tau, shape (size,), and beta, (p, size); shape (size, k)."""
        return self.level + draw_theta(self._fitted(beta), self.y, self.d, tau[:, None] ** 2, rng) @ self.U.T

    def _fitted(self, beta: Array) -> Array:
        """U'X (beta - start) for beta of shape (p, size), shape (size, k)."""
        return (self.X @ (beta - self.start[:, None])).T

    def shares(self, weight: Array, tau: Array) -> Array:
        """Posterior mean share of each estimate in the generalised least-squares mean, shape (k,)."""
        ones = self.U.sum(axis=0)
        part = (ones / (self.d + tau[:, None] ** 2)) @ self.U.T
        return weight @ (part / part.sum(axis=1, keepdims=True)) / weight.sum()


@final
@dataclass(frozen=True, eq=False)
class TurnedMixtures:
    """What is normal given tau, turned back.

    Attributes
    ----------
    whole : Mixtures
        Of the turned table.
    turned : Turned
    """

    whole: Mixtures
    turned: Turned

    def linear(self, c: Array) -> NormalMixture:
        """The posterior of a linear combination of the coefficients."""
        return self.whole.linear(c)

    def new(self, c: Array) -> NormalMixture:
        """The posterior of the true effect in a new study."""
        return self.whole.new(c)

    def theta(self, i: int) -> NormalMixture:
        """The posterior of the true effect in study i.

        With b_j = d_j / (d_j + tau^2), theta_i | tau, beta has mean sum_j U_ij (b_j x_j'beta + (1 - b_j) y_j) and
        variance sum_j U_ij^2 (1 - b_j) d_j, y_j and x_j being turned; both less what was taken off before turning.
        """
        turned, nodes = self.turned, self.whole
        tables = nodes.tables
        assert isinstance(tables, Regression)
        square = nodes.tau**2
        to_mean = turned.d[:, None] / (turned.d[:, None] + square)
        own = turned.U[i][:, None]
        c = turned.X.T @ (own * to_mean)
        mean, sd = tables.combination(nodes.values, c)
        left = (tables.basis.origin[0] - turned.start) @ c + ((1.0 - to_mean) * own * turned.y[:, None]).sum(axis=0)
        centre = turned.level[i] + mean + left
        variance = (own**2 * (1.0 - to_mean) * turned.d[:, None]).sum(axis=0) + sd**2
        return NormalMixture(nodes.weight, centre, np.sqrt(variance), 2)


def blocks(covariance: Array) -> Ints:
    """Which estimates correlate, directly or through others: the number of its block for each row, from 0."""
    linked = covariance != 0.0
    found = np.full(len(covariance), -1, dtype=np.intp)
    for start in range(len(covariance)):
        if found[start] >= 0:
            continue
        reached, number = {start}, found.max(initial=-1) + 1
        while reached:
            row = reached.pop()
            found[row] = number
            reached |= {int(other) for other in np.flatnonzero(linked[row]) if found[other] < 0}
    return found
