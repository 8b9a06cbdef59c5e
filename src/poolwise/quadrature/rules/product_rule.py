"""Product integration: a smooth function on panels times a normal density of any width, sharp or broad.

On each panel the function is the polynomial through its values at the Gauss-Legendre nodes, so that

    integral of f(x) Normal(x; location, scale) over the panels = sum_t f(x_t) B[row, t],
    B[row, t] = integral of phi_t(x) Normal(x; location_row, scale_row),   phi_t the Lagrange basis of its panel.

The weights are exact for spikes, that fixed nodes miss, and for broad densities alike.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.rules.gauss_rules import gauss_legendre

Array = NDArray[np.float64]

REACH = 8.5  # sds of a normal density beyond which its mass, 2e-17, does not count
BROAD = 1.0  # scale over half a panel from which the density is as smooth as the panel's own nodes resolve
INNER = 32  # nodes of the rule across a sharp density: 17 sds by 32 nodes are good to 3e-11
ROWS = 4000  # densities worked on at once
_ROOT_2PI = math.sqrt(2.0 * math.pi)


def normal_weights(edges: Array, order: int, location: Array, scale: Array) -> Array:
    """B: integrals of every Lagrange basis function times normal densities.

    Parameters
    ----------
    edges : ndarray
        Panel edges, increasing, shape (panels + 1,).
    order : int
        Nodes for each panel.
    location, scale : ndarray
        Means and standard deviations (above 0) of the normal densities, shape (rows,).

    Returns
    -------
    ndarray
        Shape (rows, panels x order); a row sums to the probability of the panels.
    """
    out = np.zeros((len(location), len(edges) - 1, order))
    for panel in range(len(edges) - 1):
        half = 0.5 * (edges[panel + 1] - edges[panel])
        where = (location - edges[panel]) / half - 1.0
        width = scale / half
        with np.errstate(over="ignore"):  # of a spike the ends of the panel are infinitely far away
            low, high = (np.clip((end - where) / width, -REACH, REACH) for end in (-1.0, 1.0))
        met = high > low
        broad = np.flatnonzero(met & (width >= BROAD))
        out[broad, panel] = gauss_legendre(order).weights * _normal(
            gauss_legendre(order).nodes, where[broad], width[broad]
        )
        sharp = np.flatnonzero(met & (width < BROAD))
        for start in range(0, len(sharp), ROWS):
            rows = sharp[start : start + ROWS]
            out[rows, panel] = _sharp(order, where[rows], width[rows], low[rows], high[rows])
    return out.reshape(len(location), -1)


def _normal(x: Array, location: Array, scale: Array) -> Array:
    z = (x - location[:, None]) / scale[:, None]
    return np.exp(-0.5 * z * z) / (_ROOT_2PI * scale[:, None])


def _sharp(order: int, location: Array, scale: Array, low: Array, high: Array) -> Array:
    """Weights on [-1, 1] of densities that reach from low to high, in sds from their location; by Legendre moments.

    In sds, since ends on the panel itself would lose the width of a spike to rounding.
    """
    inner = gauss_legendre(INNER)
    half = 0.5 * (high - low)[:, None]
    z = low[:, None] + half * (1.0 + inner.nodes)
    x = location[:, None] + scale[:, None] * z
    mass = half * inner.weights * np.exp(-0.5 * z * z) / _ROOT_2PI
    moments = np.empty((len(location), order))
    before, now = np.zeros_like(x), np.ones_like(x)
    for degree in range(order):
        moments[:, degree] = np.einsum("ik,ik->i", mass, now)
        before, now = now, ((2 * degree + 1) * x * now - degree * before) / (degree + 1)
    return moments @ gauss_legendre(order).to_coefficients.T
