"""Weighted least squares on many data sets and many weightings at once, at a cost linear in the studies.

Shapes: n data sets side by side, m values of tau2 for each, k studies, p coefficients. No array has two
axes of length k: every trace that a k x k matrix would give is written with p x p matrices.

The coefficients are the mean effects of p reference studies, those that know most, and estimates are measured from
theirs: y_R = 0 and X_R = I. With N the other studies, M = X_N' W_N X_N and A = (W_R + M)^-1, the projection
P = W - W X A X' W has the blocks

    P_NN = W_N - W_N X_N A X_N' W_N,    P_NR = -W_N X_N A W_R,    P_RR = M A W_R

in which nothing cancels, however much more precise than all others the reference studies are: as W_R grows, what is
left of it in P is M, where W_R - W_R A W_R would be the difference of two numbers that agree to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
SNAP = 1e-14  # rounding of an entry of the design measured by the reference studies
AS_GIVEN = np.ones((1, 1, 1))  # leads from an intercept alone to itself
DEPENDENT = 1e-12  # a row that keeps less of its length than this beside the reference rows depends on them


@final
@dataclass(frozen=True, eq=False)
class Data:
    """Estimates, sampling variances and a design, made ready for weighted least squares.

    Attributes
    ----------
    y : ndarray, shape (n, k)
        Estimates less what the reference studies foretell, so that a common offset costs no digits; 0 where missing.
    v : ndarray, shape (n, k)
        Sampling variances; the data set's mean variance where missing.
    X : ndarray, shape (n, k, p)
        Design whose rows are those of the identity at the reference studies (an intercept stays a column of ones);
        rows of 0 where missing.
    present : ndarray, shape (n, k)
        1 for a study that is there, 0 for padding.
    count : ndarray, shape (n,)
        Studies in each data set.
    centre : ndarray, shape (n, p)
        Estimates of the reference studies: the coefficients that `y` is measured from.
    back : ndarray, shape (n, p, p) or (1, p, p)
        Leads from coefficients of `X` to coefficients of the design as given.
    reference : ndarray of int, shape (n, p)
        The reference studies.
    others : ndarray, shape (n, k)
        1 for a study that is there and no reference study.
    products : ndarray, shape (n, k, p * p)
        Products of the columns of `X`, study by study; 0 at the reference studies.
    mean_alone : bool
        Whether the design is an intercept alone, for which every sum over the studies is a plain one.
    """

    y: Array
    v: Array
    X: Array
    present: Array
    count: Array
    centre: Array
    back: Array
    reference: Ints
    others: Array
    products: Array
    mean_alone: bool

    @cached_property
    def p(self) -> int:
        """Number of coefficients."""
        return self.X.shape[-1]

    @cached_property
    def df(self) -> Array:
        """Residual degrees of freedom k - p, shape (n,)."""
        return self.count - self.p

    @cached_property
    def lowest(self) -> Array:
        """Smallest variance of each data set, shape (n,)."""
        return self.v.min(-1)

    @cached_property
    def at_zero(self) -> Fit:
        """The inverse-variance fit, tau2 = 0; one weighting."""
        return weighted_fit(self, (self.present / self.v)[:, None, :])

    def take(self, rows: NDArray[np.intp]) -> Data:
        """The data sets with these numbers, in this order."""
        if len(rows) == len(self.y) and (len(rows) == 1 or (rows == np.arange(len(rows))).all()):
            return self
        columns = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "mean_alone"}
        chosen = {name: column if len(column) == 1 < len(self.y) else column[rows] for name, column in columns.items()}
        return replace(self, **chosen)

    def at_reference(self, table: Array) -> Array:
        """The columns of a table of shape (n, m, k) that belong to the reference studies, shape (n, m, p)."""
        if len(table) == 1:
            return table.take(self.reference[0], axis=-1)
        return np.take_along_axis(table, self.reference[:, None, :], axis=-1)


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
    w_reference : ndarray, shape (n, m, p)
        Weights of the reference studies.
    M : ndarray, shape (n, m, p, p)
        X' W X over the other studies.
    A : ndarray, shape (n, m, p, p)
        (X' W X)^-1.
    b : ndarray, shape (n, m, p)
        Coefficients, measured from ``data.centre``.
    r : ndarray, shape (n, m, k)
        Residuals; 0 where missing.

    References
    ----------
    Hedges & Olkin 1985, Statistical Methods for Meta-Analysis, chapter 8, for weighted least squares of effects;
    measuring from reference studies is ours, against the loss of digits.
    """

    data: Data
    w: Array
    w_reference: Array
    M: Array
    A: Array
    b: Array
    r: Array

    @cached_property
    def square(self) -> Array:
        """Squared weights, shape (n, m, k)."""
        return self.w * self.w

    @cached_property
    def second(self) -> Array:
        """X' W^2 X over the other studies, row by row, shape (n, m, p * p)."""
        if self.data.mean_alone:
            return np.vecdot(self.square, self.data.others[:, None, :])[..., None]
        return self.square @ self.data.products

    @cached_property
    def misfit(self) -> Array:
        """Generalised Q, sum w r^2, shape (n, m)."""
        return np.vecdot(self.w * self.r, self.r)

    @cached_property
    def reference_block(self) -> Array:
        """The block of P at the reference studies, M A W, shape (n, m, p, p)."""
        return self.M @ self.A * self.w_reference[..., None, :]


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
        With the estimates and the design measured from the reference studies.

    References
    ----------
    Hedges & Olkin 1985, Statistical Methods for Meta-Analysis, chapter 8, for weighted least squares of effects;
    measuring from reference studies is ours, against the loss of digits.
    """
    y, v = np.array(y, dtype=float, ndmin=2, copy=None), np.array(v, dtype=float, ndmin=2, copy=None)
    there = np.isfinite(y) & np.isfinite(v)
    present = there.astype(float)
    count = np.vecdot(present, present)
    known = v
    if np.count_nonzero(there) < there.size:
        y, v, known = np.where(there, y, 0.0), np.where(there, v, 0.0), np.where(there, v, np.inf)
        v = np.where(there, v, (v.sum(-1) / count)[:, None])
    design, back, reference = _from_reference(X, present, known)
    rows = np.arange(len(y))[:, None]
    others = present.copy()
    others[rows, reference] = 0.0
    centre = y[rows, reference]
    if X is None:
        foretold, products = centre, others[..., None]
    else:
        foretold = (design @ centre[..., None])[..., 0]
        products = (design[..., :, None] * design[..., None, :]).reshape(*design.shape[:-1], -1) * others[..., None]
    measured = (y - foretold) * others
    return Data(measured, v, design, present, count, centre, back, reference, others, products, X is None)


def _from_reference(X: ArrayLike | None, present: Array, v: Array) -> tuple[Array, Array, Ints]:
    """The design measured by its reference studies, the matrix that leads back to the one given, and these studies.

    Variances are infinite where a study is missing.
    """
    if X is None:
        return present[..., None], AS_GIVEN, v.argmin(-1)[:, None]
    given = np.asarray(X, dtype=float)
    given = np.where(present[..., None] > 0, given, 0.0)
    design, triangle = np.linalg.qr(given)  # with columns that are orthonormal
    reference = _reference(design, 1.0 / np.sqrt(v))
    rows = np.arange(len(design))[:, None]
    turn = np.linalg.inv(design[rows, reference])
    design = design @ turn
    whole = np.round(design)  # a study with the moderators of a reference study has its row, to the last digit
    design = np.where(np.abs(design - whole) < SNAP, whole, design)
    design[rows, reference] = np.eye(design.shape[-1])
    return design, np.linalg.solve(triangle, turn), reference


def _reference(design: Array, root: Array) -> Ints:
    """The studies that determine the coefficients best: the pivots of the weighted rows, shape (n, p)."""
    left = root[..., None] * design
    rows, p = np.arange(len(design)), design.shape[-1]
    first = np.vecdot(left, left)
    pivots = np.empty((len(design), p), dtype=np.intp)
    for step in range(p):
        square = np.vecdot(left, left)
        square = np.where(square > DEPENDENT**2 * first, square, -1.0)
        square[rows[:, None], pivots[:, :step]] = -2.0
        pivots[:, step] = square.argmax(axis=1)
        unit = left[rows, pivots[:, step]]
        unit = unit / np.linalg.norm(unit, axis=-1, keepdims=True)
        left = left - (left @ unit[..., None]) * unit[:, None, :]
    return pivots


def _inverse(cross: Array) -> Array:
    """Inverses of positive definite p x p matrices, of whatever sizes their diagonals are."""
    size = 1.0 / np.sqrt(np.diagonal(cross, axis1=-2, axis2=-1))
    both = size[..., :, None] * size[..., None, :]
    return np.linalg.inv(cross * both) * both


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

    References
    ----------
    Hedges & Olkin 1985, Statistical Methods for Meta-Analysis, chapter 8, for weighted least squares of effects;
    measuring from reference studies is ours, against the loss of digits.
    """
    y, p = data.y[:, None, :], data.p
    w_reference = data.at_reference(w)
    if data.mean_alone:
        M = np.vecdot(w, data.others[:, None, :])[..., None]
        A = 1.0 / (M + w_reference)
        b = A * np.vecdot(w, y)[..., None]
        return Fit(data, w, w_reference, M[..., None], A[..., None], b, y - b * data.present[:, None, :])
    M = (w @ data.products).reshape(*w.shape[:-1], p, p)
    A = _inverse(M + w_reference[..., None, :] * np.eye(p))
    b = times(A, (w * y) @ data.X)
    return Fit(data, w, w_reference, M, A, b, y - b @ data.X.mT)


def fit_at(data: Data, tau2: Array) -> Fit:
    """The fit with the weights 1 / (v + tau2) for one tau2 of each data set, shape (n,); one weighting."""
    return weighted_fit(data, weights(data, tau2[:, None]))


def inverse_variance_fit(data: Data) -> Fit:
    """The fit at tau2 = 0, made once; one weighting."""
    return data.at_zero


def quadratic(fit: Fit) -> Array:
    """Generalised Q = y'Py = sum w r^2, shape (n, m)."""
    return fit.misfit


def total_weight(fit: Fit) -> Array:
    """Trace of W: sum w, shape (n, m)."""
    return np.vecdot(fit.w, fit.data.present[:, None, :])


def trace(fit: Fit) -> Array:
    """Trace of P, shape (n, m): sum w - tr(A X'W^2 X) over the other studies, and the trace of M A W."""
    if fit.data.mean_alone:
        M = fit.M[..., 0, 0]
        return M + fit.A[..., 0, 0] * (M * fit.w_reference[..., 0] - fit.second[..., 0])
    others = np.vecdot(fit.w, fit.data.others[:, None, :])
    return others - np.vecdot(flattened(fit.A), fit.second) + diagonal(fit.reference_block).sum(-1)


def trace_weighted(fit: Fit, sigma2: Array) -> Array:
    """Trace of P S with S = diag(sigma2) of shape (n, m, k); shape (n, m)."""
    scaled = fit.w * sigma2
    inner = (fit.w * scaled) @ fit.data.products
    others = np.vecdot(scaled, fit.data.others[:, None, :]) - np.vecdot(flattened(fit.A), inner)
    return others + np.vecdot(diagonal(fit.reference_block), fit.data.at_reference(sigma2))


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
        The sum over all pairs of studies of P_ij^2 s_i s_j, block by block.
    """
    if fit.data.mean_alone:
        return _trace_sandwich_of_mean(fit, sigma2)
    data, p = fit.data, fit.data.p
    scaled = fit.w if sigma2 is None else fit.w * sigma2
    inner = ((fit.w * scaled) @ data.products).reshape(fit.A.shape)
    outer = (fit.w * scaled * scaled) @ data.products
    square = np.vecdot(scaled * data.others[:, None, :], scaled)
    others = square - 2.0 * np.vecdot(flattened(fit.A), outer) + trace_of_square(fit.A @ inner)
    s = np.ones((1, 1, p)) if sigma2 is None else data.at_reference(sigma2)
    side = fit.A * fit.w_reference[..., None, :]
    mixed = diagonal(side.mT @ inner @ side) * s
    block = fit.reference_block
    return others + 2.0 * mixed.sum(-1) + np.vecdot(times(block * block, s), s)


def _trace_sandwich_of_mean(fit: Fit, sigma2: Array | None) -> Array:
    """`trace_sandwich` for a mean alone: the same sums, each a number."""
    others = fit.data.others[:, None, :]
    A, M = fit.A[..., 0, 0], fit.M[..., 0, 0]
    side = A * fit.w_reference[..., 0]
    if sigma2 is None:
        inner = square = fit.second[..., 0]
        outer = np.vecdot(fit.square * fit.w, others)
    else:
        scaled = fit.w * sigma2
        twice = fit.w * scaled
        inner, outer = np.vecdot(twice, others), np.vecdot(twice * scaled, others)
        square = np.vecdot(scaled * scaled, others)
        root = np.sqrt(fit.data.at_reference(sigma2)[..., 0])  # of the reference study, on both sides of P
        side, M = side * root, M * root
    pull = A * inner
    return square + pull * pull - 2.0 * A * outer + side * side * (2.0 * inner + M * M)


def inner_product(fit: Fit, u: Array) -> Array:
    """U'Pu for vectors of shape (n, m, k), measured from the reference studies as the estimates are; shape (n, m)."""
    data = fit.data
    if data.mean_alone:
        left = u - data.at_reference(u)
        pulled = fit.w * left
        c = np.vecdot(fit.w, left)
        return np.vecdot(pulled, left) - fit.A[..., 0, 0] * c * c
    left = u - data.at_reference(u) @ data.X.mT  # exactly 0 at the reference studies, whose rows are the identity's
    pulled = fit.w * left
    c = pulled @ data.X
    return np.vecdot(pulled, left) - np.vecdot(c, times(fit.A, c))


def times(matrices: Array, vectors: Array) -> Array:
    """Products of p x p matrices with vectors of length p."""
    return matrices[..., 0] * vectors if vectors.shape[-1] == 1 else (matrices @ vectors[..., None])[..., 0]


def trace_of_square(matrices: Array) -> Array:
    """Trace of M M for each p x p matrix M."""
    if matrices.shape[-1] == 1:
        return matrices[..., 0, 0] ** 2
    return np.vecdot(flattened(matrices.mT), flattened(matrices))


def diagonal(matrices: Array) -> Array:
    """The diagonals of p x p matrices, shape (..., p)."""
    return np.diagonal(matrices, axis1=-2, axis2=-1)


def flattened(matrices: Array) -> Array:
    """Matrices p x p as vectors of length p * p."""
    return matrices.reshape(*matrices.shape[:-2], -1)
