"""Weighted least squares on many data sets and many weightings at once, at a cost linear in the studies.

Shapes: n data sets side by side, m values of tau2 for each, k studies, p coefficients. No array has two
axes of length k: every trace that a k x k matrix would give is written with p x p matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Data:
    """Estimates, sampling variances and a design, made ready for weighted least squares.

    Attributes
    ----------
    y : ndarray, shape (n, k)
        Estimates less the inverse-variance fit, so that a common offset costs no digits; 0 where missing.
    v : ndarray, shape (n, k)
        Sampling variances; the data set's mean variance where missing.
    X : ndarray, shape (n, k, p)
        Design with orthonormal columns (an intercept stays a column of ones); rows of 0 where missing.
    present : ndarray, shape (n, k)
        1 for a study that is there, 0 for padding.
    count : ndarray, shape (n,)
        Studies in each data set.
    centre : ndarray, shape (n, p)
        Coefficients of the inverse-variance fit that `y` is measured from.
    back : ndarray, shape (n, p, p) or (1, p, p)
        Leads from coefficients of `X` to coefficients of the design as given.
    products : ndarray, shape (n, k, p * p)
        Products of the columns of `X`, study by study.
    A0 : ndarray, shape (n, 1, p, p)
        (X' V^-1 X)^-1 of the inverse-variance fit.
    """

    y: Array
    v: Array
    X: Array
    present: Array
    count: Array
    centre: Array
    back: Array
    products: Array
    A0: Array

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return self.X.shape[-1]

    @property
    def df(self) -> Array:
        """Residual degrees of freedom k - p, shape (n,)."""
        return self.count - self.p

    def take(self, rows: NDArray[np.intp]) -> Data:
        """The data sets with these numbers, in this order."""
        if len(rows) == len(self.y) and np.array_equal(rows, np.arange(len(rows))):
            return self
        back = self.back if len(self.back) == 1 else self.back[rows]
        return Data(
            self.y[rows],
            self.v[rows],
            self.X[rows],
            self.present[rows],
            self.count[rows],
            self.centre[rows],
            back,
            self.products[rows],
            self.A0[rows],
        )


@final
@dataclass(frozen=True, eq=False)
class Fit:
    """A weighted least-squares fit for each of m weightings of each of n data sets.

    With W = diag(w), the projection is P = W - W X A X' W; it never exists as a matrix.

    Attributes
    ----------
    data : Data
        What was fitted.
    w : ndarray, shape (n, m, k)
        Weights; 0 where missing.
    A : ndarray, shape (n, m, p, p)
        (X' W X)^-1.
    b : ndarray, shape (n, m, p)
        Coefficients, measured from ``data.centre``.
    r : ndarray, shape (n, m, k)
        Residuals; 0 where missing.
    """

    data: Data
    w: Array
    A: Array
    b: Array
    r: Array


def prepare(y: ArrayLike, v: ArrayLike, X: ArrayLike | None = None) -> Data:
    """Arrays made ready for `weighted_fit`.

    Parameters
    ----------
    y : array_like, shape (k,) or (n, k)
        Estimates; NaN marks padding.
    v : array_like, same shape
        Sampling variances, positive; NaN marks padding.
    X : array_like, shape (k, p) or (n, k, p), optional
        Design of full column rank; an intercept alone when None.

    Returns
    -------
    Data
        With the estimates centred and the columns of the design made orthonormal.
    """
    y, v = np.atleast_2d(np.asarray(y, dtype=float)), np.atleast_2d(np.asarray(v, dtype=float))
    there = np.isfinite(y) & np.isfinite(v)
    present = there.astype(float)
    count = present.sum(-1)
    if not there.all():
        y, v = np.where(there, y, 0.0), np.where(there, v, 0.0)
        v = np.where(there, v, (v.sum(-1) / count)[:, None])
    design, back = _orthonormal(X, present)
    products = (design[..., :, None] * design[..., None, :]).reshape(*design.shape[:-1], -1)
    w = (present / v)[:, None, :]
    A0 = _inverse(w @ products, design.shape[-1])
    right = (w * y[:, None, :]) @ design
    centre = (A0 @ right[..., None])[:, 0, :, 0]
    centred = (y - (design @ centre[..., None])[..., 0]) * present
    return Data(centred, v, design, present, count, centre, back, products, A0)


def _inverse(cross: Array, p: int) -> Array:
    """Inverses of p x p matrices that come as vectors of length p * p."""
    return 1.0 / cross[..., None] if p == 1 else np.linalg.inv(cross.reshape(*cross.shape[:-1], p, p))


def _orthonormal(X: ArrayLike | None, present: Array) -> tuple[Array, Array]:
    """The design with orthonormal columns and the matrix that leads its coefficients back."""
    if X is None:
        return present[..., None], np.ones((1, 1, 1))
    given = np.asarray(X, dtype=float)
    given = np.where(present[..., None] > 0, given, 0.0)
    design, triangle = np.linalg.qr(given)
    return design, np.linalg.inv(triangle)


def weights(data: Data, tau2: Array) -> Array:
    """Inverse-variance weights 1 / (v_i + tau2).

    Parameters
    ----------
    data : Data
        n data sets of k studies.
    tau2 : ndarray, shape (n, m)
        Between-study variances.

    Returns
    -------
    ndarray, shape (n, m, k)
        Weights, 0 where a study is missing.
    """
    return data.present[:, None, :] / (data.v[:, None, :] + tau2[..., None])


def weighted_fit(data: Data, w: Array) -> Fit:
    """Weighted least squares: b = (X' W X)^-1 X' W y.

    Parameters
    ----------
    data : Data
        n data sets of k studies.
    w : ndarray, shape (n, m, k)
        Weights.

    Returns
    -------
    Fit
        One fit for each weighting.
    """
    A = _inverse(w @ data.products, data.p)
    b = times(A, (w * data.y[:, None, :]) @ data.X)
    r = data.y[:, None, :] - b @ data.X.mT
    return Fit(data, w, A, b, r)


def fit_at(data: Data, tau2: Array) -> Fit:
    """The fit with the weights 1 / (v + tau2) for one tau2 of each data set, shape (n,); one weighting."""
    return weighted_fit(data, weights(data, tau2[:, None]))


def inverse_variance_fit(data: Data) -> Fit:
    """The fit at tau2 = 0, which `prepare` has made: its coefficients are the centre; one weighting."""
    b = np.zeros((len(data.y), 1, data.p))
    return Fit(data, (data.present / data.v)[:, None, :], data.A0, b, data.y[:, None, :])


def quadratic(fit: Fit) -> Array:
    """Generalised Q = y'Py = sum w r^2, shape (n, m)."""
    return np.vecdot(fit.w * fit.r, fit.r)


def trace(fit: Fit) -> Array:
    """Trace of P: sum w - tr(A X'W^2 X), shape (n, m)."""
    return total_weight(fit) - np.vecdot(flattened(fit.A), (fit.w * fit.w) @ fit.data.products)


def total_weight(fit: Fit) -> Array:
    """Trace of W: sum w, shape (n, m)."""
    return np.vecdot(fit.w, fit.data.present[:, None, :])


def trace_sandwich(fit: Fit, sigma2: Array | None = None) -> Array:
    """Trace of P S P S with S = diag(sigma2), or of P P when `sigma2` is None.

    Parameters
    ----------
    fit : Fit
        Supplies P.
    sigma2 : ndarray, shape (n, m, k), optional
        Marginal variances of the studies.

    Returns
    -------
    ndarray, shape (n, m)
        sum (w s)^2 - 2 tr(A X'W S W S W X) + tr((A X'W S W X)^2), S left out when None.
    """
    data = fit.data
    scaled = fit.w if sigma2 is None else fit.w * sigma2
    inner = fit.A @ ((fit.w * scaled) @ data.products).reshape(*fit.A.shape)
    outer = (fit.w * scaled * scaled) @ data.products
    return np.vecdot(scaled, scaled) - 2.0 * np.vecdot(flattened(fit.A), outer) + trace_of_square(inner)


def trace_weighted(fit: Fit, sigma2: Array) -> Array:
    """Trace of P S with S = diag(sigma2) of shape (n, m, k); shape (n, m)."""
    inner = (fit.w * fit.w * sigma2) @ fit.data.products
    return np.vecdot(fit.w, sigma2) - np.vecdot(flattened(fit.A), inner)


def times(matrices: Array, vectors: Array) -> Array:
    """Products of p x p matrices with vectors of length p."""
    return matrices[..., 0] * vectors if vectors.shape[-1] == 1 else (matrices @ vectors[..., None])[..., 0]


def trace_of_square(matrices: Array) -> Array:
    """Trace of M M for each p x p matrix M."""
    if matrices.shape[-1] == 1:
        return matrices[..., 0, 0] ** 2
    return np.vecdot(flattened(matrices.mT), flattened(matrices))


def flattened(matrices: Array) -> Array:
    """Matrices p x p as vectors of length p * p."""
    return matrices.reshape(*matrices.shape[:-2], -1)
