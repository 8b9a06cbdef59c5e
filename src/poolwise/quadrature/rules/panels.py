"""Densities as polynomials on panels: distribution functions and quantiles of many one-dimensional laws at once.

Every density lives on panels [a, b] of a coordinate x; on each panel it is the polynomial through its
values at the Gauss-Legendre nodes. The antiderivative of the polynomials is the distribution function,
exactly as accurate as the density. `refine` finds the panels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from poolwise.quadrature.rules.gauss_rules import gauss_legendre, nodes_between, panel_weights

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

ORDER = 16
RULE = gauss_legendre(ORDER)
# Legendre coefficients -> coefficients of the antiderivative that vanishes at -1
_ANTIDERIVATIVE = np.stack([legendre.legint(unit, lbnd=-1) for unit in np.eye(ORDER)])
# Legendre coefficients -> Chebyshev coefficients, T_n(t) = cos(n arccos t), by their values at Chebyshev's nodes
_ANGLES = np.pi * (np.arange(2 * ORDER) + 0.5) / (2 * ORDER)
_TO_CHEBYSHEV = legendre.legvander(np.cos(_ANGLES), ORDER).T @ np.cos(np.outer(_ANGLES, np.arange(ORDER + 1))) / ORDER
_TO_CHEBYSHEV[:, 0] *= 0.5
_ANTIDERIVATIVE_CHEBYSHEV = _ANTIDERIVATIVE @ _TO_CHEBYSHEV
_KNOTS = np.linspace(-1.0, 1.0, 33)  # between which a quantile is looked for first
_AT_KNOTS = np.cos(np.outer(np.arange(ORDER + 1), np.arccos(_KNOTS)))
SMALL_PRODUCT = 250_000  # multiplications of a matrix product that OpenBLAS does not divide among threads
NEARLY = 1e-9  # a Newton step this small, in half panels, leaves an error of about its square


@dataclass(frozen=True, eq=False)
class Panels:
    """Densities of n jobs on P panels, sorted by job and position.

    Attributes
    ----------
    job : ndarray
        Job of each panel, shape (P,).
    left, right : ndarray
        Panel edges in x, shape (P,).
    x : ndarray
        Nodes, shape (P, 16).
    values : ndarray
        What the integrand returned at the nodes, shape (m, P, 16); row 0 is the log density in x.
    log_total : ndarray
        Log integral of each job's density, shape (n,).
    mass : ndarray
        Probability of each node (density x quadrature weight, normalised by job), shape (P, 16).
    coefficients : ndarray
        Legendre coefficients of the normalised density in x, shape (P, 16).
    error : ndarray
        Estimated absolute error of each job's normalised distribution function, shape (n,).
    """

    job: Ints
    left: Array
    right: Array
    x: Array
    values: Array
    log_total: Array
    mass: Array
    coefficients: Array
    error: Array

    @classmethod
    def of_density(
        cls,
        job: Ints,
        left: Array,
        right: Array,
        density: Array,
        n: int,
        *,
        peak: Array | float = 0.0,
        total: Array | None = None,
        values: Array | None = None,
    ) -> Panels:
        """Panels of densities known at the Gauss-Legendre nodes of each.

        Parameters
        ----------
        job, left, right : ndarray
            As in the attributes.
        density : ndarray
            Shape (P, order), at most 16 nodes for each panel.
        n : int
            Number of jobs.
        peak : ndarray or float
            Log of what the densities are to be multiplied with, shape (n,).
        total : ndarray, optional
            What they are divided by, shape (n,); by their integrals, where it is not stated.
        values : ndarray, optional
            What the integrand returned; the log density, where it is not stated.
        """  # fmt: skip
        order = density.shape[1]
        rule, half = gauss_legendre(order), 0.5 * (right - left)
        mass = density * rule.weights * half[:, None]
        if total is None:
            total = np.bincount(job, mass.sum(axis=1), n)
        coefficients = times(density, rule.to_coefficients) / total[job][:, None]
        tail = half * np.abs(coefficients[:, -3:]).max(axis=1) / order
        if order < ORDER:
            coefficients = np.pad(coefficients, ((0, 0), (0, ORDER - order)))
        x = nodes_between(left, right, order)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log(density)[None] if values is None else values
            log_total = np.log(total) + peak
        mass /= total[job][:, None]
        return cls(job, left, right, x, values, log_total, mass, coefficients, np.bincount(job, tail, n))

    @property
    def jobs(self) -> int:
        """Number of jobs n."""
        return len(self.log_total)

    def starts(self) -> Ints:
        """Index of each job's first panel, shape (n,)."""
        return np.searchsorted(self.job, np.arange(self.jobs))

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x for a single job; same shape as x."""
        x = np.asarray(x, dtype=float)
        panel = np.clip(np.searchsorted(self.right, x), 0, len(self.job) - 1)
        half = 0.5 * (self.right[panel] - self.left[panel])
        t = np.clip((x - self.left[panel]) / half - 1.0, -1.0, 1.0)
        inside = np.einsum("...i,...i->...", _chebyshev(t), self.coefficients[panel] @ _ANTIDERIVATIVE_CHEBYSHEV)
        return np.clip(self._cumulative()[panel] + half * inside, 0.0, 1.0)

    def pdf(self, x: Array) -> Array:
        """Density in x of a single job, from the polynomials; same shape as x."""
        x = np.asarray(x, dtype=float)
        panel = np.clip(np.searchsorted(self.right, x), 0, len(self.job) - 1)
        half = 0.5 * (self.right[panel] - self.left[panel])
        t = (x - self.left[panel]) / half - 1.0
        inside = np.abs(t) <= 1.0 + 1e-12
        basis = _chebyshev(np.clip(t, -1.0, 1.0))[..., :ORDER]
        return np.where(
            inside, np.einsum("...i,...i->...", basis, self.coefficients[panel] @ _TO_CHEBYSHEV[:ORDER, :ORDER]), 0.0
        )

    def _cumulative(self) -> Array:
        """Probability to the left of each panel within its job, shape (P,)."""
        per_panel = self.mass.sum(axis=1)
        total = np.cumsum(per_panel)
        before = total - per_panel
        return np.maximum(before - before[self.starts()][self.job], 0.0)

    def ppf(self, job: Ints, p: Array) -> Array:
        """Quantile in x of `job` at p; job and p of shape (q,).

        The panel is found from the cumulative masses; within it the antiderivative is inverted by Newton
        steps that bisection safeguards.
        """
        per_panel = self.mass.sum(axis=1)
        before = self._cumulative()
        starts = self.starts()
        stops = np.append(starts[1:], len(self.job))
        panel = np.searchsorted(self.job + np.minimum(before + per_panel, 1.0), job + p)
        panel = np.clip(panel, starts[job], stops[job] - 1)
        half = 0.5 * (self.right[panel] - self.left[panel])
        rest = np.clip((p - before[panel]) / half, 0.0, None)
        density = self.coefficients[panel] @ _TO_CHEBYSHEV[:ORDER]
        integral = self.coefficients[panel] @ _ANTIDERIVATIVE_CHEBYSHEV
        low, high = np.full(p.shape, -1.0), np.full(p.shape, 1.0)
        t = _between_knots(integral @ _AT_KNOTS, rest)
        for _ in range(60):
            basis = _chebyshev(t)
            gap = np.einsum("qi,qi->q", basis, integral) - rest
            low, high = np.where(gap < 0, t, low), np.where(gap < 0, high, t)
            slope = np.einsum("qi,qi->q", basis, density)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = t - gap / slope
            inside = (step >= low) & (step <= high)
            new = np.where(inside, step, 0.5 * (low + high))
            settled = (np.abs(gap) * half < 1e-16) | (np.abs(new - t) < np.where(inside, NEARLY, 1e-14))
            t = new
            if settled.all():
                break
        return self.left[panel] + half * (t + 1.0)


def on_panels(edges: Array, mass: Array, order: int) -> Panels:
    """Densities of n jobs on the same panels, from the mass of their Gauss-Legendre nodes.

    Parameters
    ----------
    edges : ndarray
        Shape (P + 1,).
    mass : ndarray
        Density x quadrature weight at the nodes, not normalised, shape (n, P x order).
    order : int
        Nodes of each panel, at most 16.

    Returns
    -------
    Panels
    """
    n, count = len(mass), len(edges) - 1
    density = (mass / panel_weights(edges, order)).reshape(n * count, order)
    left, right = np.tile(edges[:-1], n), np.tile(edges[1:], n)
    return Panels.of_density(np.repeat(np.arange(n), count), left, right, density, n)


def times(rows: Array, matrix: Array) -> Array:
    """Rows @ matrix, in pieces that BLAS works on in this thread: its own threads would only wait for one another.

    Parameters
    ----------
    rows : ndarray
        Shape (P, 16).
    matrix : ndarray
        Shape (16, m).

    Returns
    -------
    ndarray
        Shape (P, m).
    """
    piece = SMALL_PRODUCT // matrix.size
    if len(rows) <= piece:
        return rows @ matrix
    out = np.empty((len(rows), matrix.shape[1]))
    for start in range(0, len(rows), piece):
        np.matmul(rows[start : start + piece], matrix, out=out[start : start + piece])
    return out


def _between_knots(integral: Array, rest: Array) -> Array:
    """Where integrals at the knots, shape (q, 33), reach `rest`, shape (q,), on straight lines between them."""
    row, after = np.arange(len(rest)), np.clip((integral < rest[:, None]).sum(axis=1), 1, len(_KNOTS) - 1)
    below, above = integral[row, after - 1], integral[row, after]
    share = (rest - below) / np.maximum(above - below, np.finfo(float).tiny)
    return _KNOTS[after - 1] + (_KNOTS[1] - _KNOTS[0]) * np.clip(share, 0.0, 1.0)


def _chebyshev(t: Array) -> Array:
    """T_0(t) ... T_16(t), along a new last axis."""
    return np.cos(np.arccos(t)[..., None] * np.arange(ORDER + 1))
