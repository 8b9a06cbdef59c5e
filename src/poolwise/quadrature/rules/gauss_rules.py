"""Gauss rules, and the polynomials through their nodes: on panels, and of a discrete measure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class GaussLegendre:
    """Gauss-Legendre nodes on a panel [-1, 1] and the way from values there to Legendre coefficients.

    Attributes
    ----------
    nodes, weights : ndarray
        Shape (n,).
    to_coefficients : ndarray
        Values at the nodes times this are the Legendre coefficients, shape (n, n).
    """

    nodes: Array
    weights: Array
    to_coefficients: Array


@cache
def gauss_legendre(order: int) -> GaussLegendre:
    """The rule with `order` nodes."""
    nodes, weights = legendre.leggauss(order)
    norms = (2 * np.arange(order) + 1) / 2.0
    return GaussLegendre(nodes, weights, legendre.legvander(nodes, order - 1) * weights[:, None] * norms)


def nodes_between(left: Array, right: Array, order: int) -> Array:
    """Nodes of panels between edges of shape (P,), shape (P, order)."""
    half = 0.5 * (right - left)
    return (left + half)[:, None] + half[:, None] * gauss_legendre(order).nodes


def panel_nodes(edges: Array, order: int) -> Array:
    """Nodes of all panels, shape (panels x order,), in order; edges increasing, shape (panels + 1,)."""
    return nodes_between(edges[:-1], edges[1:], order).reshape(-1)


def panel_weights(edges: Array, order: int) -> Array:
    """Weights of all nodes, shape (panels x order,)."""
    return (0.5 * np.diff(edges)[:, None] * gauss_legendre(order).weights).reshape(-1)


def lagrange(edges: Array, order: int, x: Array) -> Array:
    """Values at the nodes of all panels -> value at x of the polynomial there, shape (q, panels x order).

    Beyond the panels the outermost polynomial is taken at its end.
    """
    panel = np.clip(np.searchsorted(edges, x) - 1, 0, len(edges) - 2)
    t = np.clip(2.0 * (x - edges[panel]) / np.diff(edges)[panel] - 1.0, -1.0, 1.0)
    values = legendre.legvander(t, order - 1) @ gauss_legendre(order).to_coefficients.T
    out = np.zeros((len(x), (len(edges) - 1) * order))
    np.put_along_axis(out, panel[:, None] * order + np.arange(order), values, axis=1)
    return out


def discrete_gauss(weight: Array, x: Array, size: int) -> tuple[Array, Array]:
    """The Gauss rule of a discrete measure: exact for polynomials in x of degree 2 size - 1.

    Lanczos's method, started at the roots of the weights, gives the recurrence of the measure's orthogonal
    polynomials; the eigenvalues of their Jacobi matrix are the nodes.

    Parameters
    ----------
    weight, x : ndarray
        Weights that sum to 1, and nodes, shape (J,).
    size : int
        Nodes asked for, at most J.

    Returns
    -------
    tuple of ndarray
        Weights that sum to 1, and nodes, shape (n,), n <= size: fewer where the measure has fewer points.

    References
    ----------
    Gautschi 2004, Orthogonal Polynomials: Computation and Approximation, section 2.2.3,
    10.1093/oso/9780198506720.001.0001; Golub & Welsch 1969, Mathematics of Computation 23:221,
    10.1090/S0025-5718-69-99647-1.

    Examples
    --------
    >>> weight, x = discrete_gauss(np.full(100, 0.01), np.linspace(0.0, 1.0, 100), 2)
    >>> bool(np.isclose(weight @ x**3, np.mean(np.linspace(0.0, 1.0, 100) ** 3)))
    True
    """
    middle = weight @ x
    length = np.sqrt(weight @ (x - middle) ** 2)
    if not length > 0.0:
        return np.ones(1), np.array([middle])
    z = (x - middle) / length
    basis = np.empty((size, len(x)))
    diagonal, beside = np.empty(size), np.empty(size)
    here, count = np.sqrt(weight), 0
    while count < size:
        basis[count] = here / np.linalg.norm(here)
        here = z * basis[count]
        diagonal[count] = basis[count] @ here
        for _ in range(2):  # once is not enough against rounding
            here = here - basis[: count + 1].T @ (basis[: count + 1] @ here)
        beside[count] = np.linalg.norm(here)
        count += 1
        if beside[count - 1] < 1e-12:
            break
    jacobi = np.diag(diagonal[:count]) + np.diag(beside[: count - 1], 1) + np.diag(beside[: count - 1], -1)
    nodes, vectors = np.linalg.eigh(jacobi)
    return vectors[0] ** 2, middle + length * nodes


def lagrange_through(nodes: Array, x: Array) -> Array:
    """Values at few nodes -> values at x of the polynomial through them, shape (q, n); the barycentric formula.

    Parameters
    ----------
    nodes : ndarray
        Distinct, shape (n,).
    x : ndarray
        Shape (q,).

    Returns
    -------
    ndarray
        Shape (q, n); the transpose takes a measure on x to weights of the nodes that integrate the same polynomials of
        degree n - 1.

    References
    ----------
    Berrut & Trefethen 2004, SIAM Review 46:501, 10.1137/S0036144502417715.

    Examples
    --------
    >>> lagrange_through(np.array([0.0, 1.0, 2.0]), np.array([1.5])) @ np.array([0.0, 1.0, 4.0])
    array([2.25])
    """
    apart = nodes[:, None] - nodes
    np.fill_diagonal(apart, 1.0)
    away = x[:, None] - nodes
    hit = away == 0.0
    part = 1.0 / (np.where(hit, 1.0, away) * apart.prod(axis=1))
    return np.where(hit.any(axis=1)[:, None], hit, part / part.sum(axis=1, keepdims=True))
