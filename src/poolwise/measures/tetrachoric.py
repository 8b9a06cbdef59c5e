"""The tetrachoric correlation: a bivariate normal density with the four cells of a table as its quadrants."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]

_X, _W = np.polynomial.legendre.leggauss(64)
_MOST_STEPS = 200
_CLOSE = 1e-13
_EDGE = np.pi / 2.0 * (1.0 - 1e-12)


def tetrachoric_correlation(a: Array, b: Array, c: Array, d: Array) -> tuple[Array, Array]:
    """Correlation r whose bivariate normal law gives the four cells, and its asymptotic variance.

    With the thresholds h = Phi^-1((a + b) / n) and k = Phi^-1((a + c) / n), r solves P(X < h, Y < k; r) = a / n, where

    P = Phi(h) Phi(k) + int_0^asin(r) exp(-(h^2 + k^2 - 2 h k sin t) / (2 cos^2 t)) dt / (2 pi),

    by Gauss-Legendre quadrature in t and Newton steps within a bracket. The variance is the delta method's for four
    multinomial cells: with the density f at (h, k), U = Phi((k - r h) / s) and W = Phi((h - r k) / s), s^2 = 1 - r^2,
    the derivatives of r by the shares of a, b, c and d are (1 - U - W, -U, -W, 0) / f.

    Parameters
    ----------
    a, b, c, d : ndarray
        Cells of one shape; NaN, or an empty cell, gives NaN.

    Returns
    -------
    r, v : ndarray
        Same shape.

    References
    ----------
    Pearson 1900, Philosophical Transactions of the Royal Society A 195:1, 10.1098/rsta.1900.0022; Drezner & Wesolowsky
    1990, Journal of Statistical Computation and Simulation 35:101, for the integral, 10.1080/00949659008811236.
    """
    cells = np.stack(np.broadcast_arrays(a, b, c, d)).astype(float)
    full = np.where((cells > 0.0).all(axis=0), cells, np.nan)
    n = full.sum(axis=0)
    shares = full / n
    h, k = special.ndtri(shares[0] + shares[1]), special.ndtri(shares[0] + shares[2])
    r = np.sin(_angle(h, k, shares[0] * shares[3] - shares[1] * shares[2]))
    s = np.sqrt(1.0 - r**2)
    density = np.exp(-(h**2 + k**2 - 2.0 * r * h * k) / (2.0 * s**2)) / (2.0 * np.pi * s)
    u, w = special.ndtr((k - r * h) / s), special.ndtr((h - r * k) / s)
    slopes = np.stack([1.0 - u - w, -u, -w])
    mean = (shares[:3] * slopes).sum(axis=0)
    return r, ((shares[:3] * slopes**2).sum(axis=0) - mean**2) / (n * density**2)


def _angle(h: Array, k: Array, apart: Array) -> Array:
    """The angle asin(r) at which P(X < h, Y < k) - P(X < h) P(Y < k) is `apart`; NaN where that is NaN."""
    angle = np.where(np.isnan(apart), np.nan, 0.0).ravel()
    low, high = np.full(angle.shape, -_EDGE), np.full(angle.shape, _EDGE)
    at_h, at_k, aim = (np.broadcast_to(x, apart.shape).ravel() for x in (h, k, apart))
    moving = np.flatnonzero(~np.isnan(angle))
    for _ in range(_MOST_STEPS):
        if not len(moving):
            break
        now = angle[moving]
        miss = _quadrant(now, at_h[moving], at_k[moving]) - aim[moving]
        below = miss < 0.0
        low[moving[below]], high[moving[~below]] = now[below], now[~below]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = now - miss * 2.0 * np.pi / _integrand(now, at_h[moving], at_k[moving])
        inside = (step > low[moving]) & (step < high[moving])
        angle[moving] = np.where(inside, step, (low[moving] + high[moving]) / 2.0)
        moving = moving[np.abs(angle[moving] - now) > _CLOSE]
    return angle.reshape(apart.shape)


def _quadrant(angle: Array, h: Array, k: Array) -> Array:
    """P(X < h, Y < k; r) - P(X < h) P(Y < k), r = sin(angle)."""
    t = angle[..., None] * (_X + 1.0) / 2.0
    return angle / 2.0 * (_integrand(t, h[..., None], k[..., None]) @ _W) / (2.0 * np.pi)


def _integrand(t: Array, h: Array, k: Array) -> Array:
    return np.exp(-(h**2 + k**2 - 2.0 * h * k * np.sin(t)) / (2.0 * np.cos(t) ** 2))
