"""The Gaussian part of a model: coefficients that integrate out in closed form, whatever the variances are.

y ~ N(X beta, V), beta ~ N(b, L^-1) with a diagonal precision L (0 for a flat prior). In an orthonormal basis
of the columns of X, measured from the inverse-variance fit, y = Q g + residual and

    precision   A = Q' V^-1 Q + M             M, m: precision and mean of the prior on g
    mean        g_hat = A^-1 (Q' V^-1 y + M m)
    log p(y)  = -1/2 [k log 2 pi + log |V| + log |A| + y' V^-1 y - g_hat' (2 Q' V^-1 y - Q' V^-1 Q g_hat)
                      + (g_hat - m)' M (g_hat - m)] + constant of the priors and the change of basis

Source: the normal linear model, e.g. Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., chapter 14,
10.1201/b16018; written out from the normal densities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

Array = NDArray[np.float64]
LOG_2PI = math.log(2.0 * math.pi)
UNEVEN = 1e6  # largest over smallest variance
# LAPACK's codes for dgejsv: the columns are scaled, no left vectors, right vectors.
SCALED, NO_LEFT, RIGHT = 0, 3, 0
SILENT = 1e-13  # length of a design's row, in units of the longest, that only rounding leaves


@final
@dataclass(frozen=True, eq=False)
class Basis:
    """Designs and priors of n jobs in an orthonormal basis, centred for numerical safety.

    Attributes
    ----------
    y, v : ndarray
        Estimates less the inverse-variance fit, and variances, shape (n, k) or (1, k) where all jobs share one
        table; v = inf and y = 0 where a study is missing.
    Q : ndarray
        Columns, orthonormal unless they are `moved`, shape (n, k, p) or (1, k, p); rows of 0 where a study is missing.
    back : ndarray
        Leads from g to the coefficients of the design as given, beta = origin + back g, shape (n, p, p) or (1, p, p).
    origin : ndarray
        Coefficients of the inverse-variance fit, shape (n, p) or (1, p).
    mean, precision : ndarray
        Of the prior on g, shape (n, p) and (n, p, p), or 1 for n; a precision of 0 for the flat prior.
    root : ndarray
        A root of the precision, root' root = precision, shape (n, p, p) or (1, p, p).
    constant : ndarray
        What the priors and the change of basis add to log p(y), shape (n,) or (1,).
    proper : ndarray
        Whether all coefficients have proper priors, shape (n,) or (1,).
    """

    y: Array
    v: Array
    Q: Array
    back: Array
    origin: Array
    mean: Array
    precision: Array
    root: Array
    constant: Array
    proper: NDArray[np.bool_]

    @classmethod
    def of(cls, y: Array, v: Array, X: Array, b: Array, s: Array) -> Basis:
        """Prepare tables.

        Parameters
        ----------
        y, v : ndarray
            Shape (n, k) or (1, k); NaN where a study is missing.
        X : ndarray
            Designs of full column rank, shape (n, k, p) or (1, k, p).
        b, s : ndarray
            Means and standard deviations of the priors on beta, shape (n, p) or (1, p); s = inf for a flat one,
            the same ones in all jobs.
        """
        missing = np.isnan(y) | np.isnan(v)
        v = np.where(missing, np.inf, v)
        y = np.where(missing, 0.0, y)
        proper = np.isfinite(s)
        # With the flat columns first, R leads the proper coefficients to the last components of g alone; taken in
        # reverse these are the first, and elimination meets their precision before it is lost against nothing.
        order = np.argsort(proper[0], kind="stable")
        Q, R = np.linalg.qr(np.where(missing[..., None], 0.0, X)[..., order])
        Q, R = Q[..., ::-1], R[..., ::-1, np.argsort(order)]
        flat_part = proper[0][:, None] & (np.arange(X.shape[-1]) >= proper[0].sum())
        back = np.where(flat_part, 0.0, np.linalg.inv(R))
        apart = uneven(v)
        weighted = Q / np.where(apart[:, None] & ~missing, 1.0, v)[..., None]
        centre = np.linalg.solve(weighted.mT @ Q, (weighted.mT @ y[..., None]))[..., 0]
        residual = np.where(missing, 0.0, y - (Q @ centre[..., None])[..., 0])
        for row in np.flatnonzero(apart):
            centre[row], residual[row] = _from_reference(Q[row if len(Q) > 1 else 0], y[row], v[row])
        origin = (back @ centre[..., None])[..., 0]
        precision = back.mT @ ((1.0 / (s * s))[..., None] * back)
        mean = (R @ (np.where(proper, b, origin) - origin)[..., None])[..., 0]
        logs = np.where(proper, -np.log(np.where(proper, s, 1.0)) - 0.5 * LOG_2PI, 0.0).sum(axis=-1)
        volume = np.linalg.slogdet(R)[1]
        constant = logs - volume + 0.5 * X.shape[-1] * LOG_2PI
        root = (1.0 / s)[..., None] * back
        return cls(residual, v, Q, back, origin, mean, precision, root, constant, proper.all(axis=-1))

    def moved(self, T: Array) -> Basis:
        """The same in other coordinates, g = T g'.

        Parameters
        ----------
        T : ndarray
            With determinant 1 or -1, shape (p, p).
        """
        return replace(
            self,
            Q=self.Q @ T,
            back=self.back @ T,
            mean=np.linalg.solve(T, self.mean[..., None])[..., 0],
            precision=T.T @ self.precision @ T,
            root=self.root @ T,
        )

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return self.Q.shape[-1]

    def columns(self) -> Array:
        """What weights are multiplied with: products Q_a Q_b (a <= b), Q_a y and y^2, shape (n, k, m)."""
        first, second = np.triu_indices(self.p)
        pairs = self.Q[..., first] * self.Q[..., second]
        return np.concatenate([pairs, self.Q * self.y[..., None], self.y[..., None] ** 2], axis=-1)

    def narrowest(self) -> Array:
        """A length on which the mean effects are known at tau = 0, shape (n,) or (1,)."""
        if uneven(self.v).any():
            leverage = self._leverage_by_rows()
        else:
            information = self.Q.mT @ (self.Q / self.v[..., None]) + self.precision
            leverage = ((self.Q @ np.linalg.inv(information)) * self.Q).sum(axis=-1)
        length = np.linalg.norm(self.Q, axis=-1)  # 0 but for rounding where a contrast of equal rows tells nothing
        tells = length > SILENT * length.max(axis=-1, keepdims=True)
        known = np.where(np.isfinite(self.v) & tells, leverage, np.inf)
        return np.sqrt(known.min(axis=-1))

    def _leverage_by_rows(self) -> Array:
        """Variances of the mean effects of the studies at tau = 0, without the information matrix, shape (n, k)."""
        n = max(len(self.v), len(self.root), len(self.Q))
        Q = np.broadcast_to(self.Q, (n, *self.Q.shape[1:]))
        v = np.broadcast_to(self.v, (n, self.v.shape[1]))
        root = np.broadcast_to(self.root, (n, *self.root.shape[1:]))
        R = _triangle(np.concatenate([root, Q / np.sqrt(v)[..., None]], axis=1), self.p)
        half = np.linalg.solve(R.mT, Q.mT)
        return np.asarray((half * half).sum(axis=-2))


def uneven(v: Array) -> NDArray[np.bool_]:
    """Whether the variances of a table, inf where a study is missing, lie further apart than `UNEVEN`; shape (n,)."""
    return np.where(np.isfinite(v), v, 0.0).max(axis=1) > UNEVEN * v.min(axis=1)


def _triangle(rows: Array, p: int) -> Array:
    """R of a QR decomposition of rows of very different sizes (in their first p columns): the largest come first."""
    order = np.argsort(-np.abs(rows[..., :p]).max(axis=-1), axis=-1)
    return np.linalg.qr(np.take_along_axis(rows, order[..., None], axis=-2), mode="r")


def _from_reference(Q: Array, y: Array, v: Array) -> tuple[Array, Array]:
    """Coefficients that fit the p studies that know most of them, and what they leave of y; one table.

    Where weights lie far apart the inverse-variance fit runs through these studies but for rounding, which their
    weights would make large: here their residuals are 0.
    """
    p = Q.shape[-1]
    reference = qr((Q / np.sqrt(v)[:, None]).T, mode="r", pivoting=True)[1][:p]
    centre = np.linalg.solve(Q[reference], y[reference])
    residual = np.where(np.isfinite(v), y - Q @ centre, 0.0)
    residual[reference] = 0.0
    return centre, residual


def conditional(sums: Array, log_det: Array, mean: Array, precision: Array, constant: Array) -> Array:
    """Log likelihood and the normal law of g, from sums over the studies.

    Parameters
    ----------
    sums : ndarray
        Q' V^-1 Q (upper triangle by rows), Q' V^-1 y and y' V^-1 y, shape (m, ...), m = p (p + 1) / 2 + p + 1.
    log_det : ndarray
        log |V| + k log 2 pi, shape (...).
    mean, precision, constant : ndarray
        Of the prior on g, shapes (p, ...), (p, p, ...) and (...), to broadcast.

    Returns
    -------
    ndarray
        Shape (1 + p + p (p + 1) / 2, ...): log p(y); mean of g; the lower triangle (by rows) of U, where the
        covariance of g is U' U.

    References
    ----------
    Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., chapter 14, 10.1201/b16018; written out from the normal
    densities.
    """
    p = len(mean)
    pairs = p * (p + 1) // 2
    rows = {(a, b): sums[a * p - a * (a - 1) // 2 + b - a] for a in range(p) for b in range(a, p)}
    information = [[rows[min(a, b), max(a, b)] for b in range(p)] for a in range(p)]
    score = sums[pairs : pairs + p]
    pull = [sum(precision[a, b] * mean[b] for b in range(p)) for a in range(p)]
    root = _cholesky([[information[a][b] + precision[a, b] for b in range(a + 1)] for a in range(p)])
    inverse = _inverse(root)
    turned = [sum(inverse[a][b] * (score[b] + pull[b]) for b in range(a + 1)) for a in range(p)]
    fitted = [sum(inverse[b][a] * turned[b] for b in range(a, p)) for a in range(p)]
    misfit = sums[-1].copy()
    for a in range(p):
        misfit -= fitted[a] * (2.0 * score[a] - sum(information[a][b] * fitted[b] for b in range(p)))
        misfit += (fitted[a] - mean[a]) * sum(precision[a, b] * (fitted[b] - mean[b]) for b in range(p))
    log_a = sum(2.0 * np.log(root[a][a]) for a in range(p))
    out = np.empty((1 + p + pairs, *log_det.shape))
    out[0] = constant - 0.5 * (log_det + log_a + misfit)
    for a in range(p):
        out[1 + a] = fitted[a]
        for b in range(a + 1):
            out[1 + p + a * (a + 1) // 2 + b] = inverse[a][b]
    return out


def _cholesky(A: list[list[Array]]) -> list[list[Array]]:
    """Lower L with L L' = A for many small matrices, entry by entry; A holds the lower triangle by rows."""
    L: list[list[Array]] = []
    for a, row in enumerate(A):
        L.append([])
        for b in range(a):
            L[a].append((row[b] - sum(L[a][c] * L[b][c] for c in range(b))) / L[b][b])
        rest = row[a] - sum(L[a][c] ** 2 for c in range(a))
        L[a].append(np.sqrt(np.where(rest > 0.0, rest, np.nan)))  # no density where rounding leaves no precision
    return L


def _inverse(L: list[list[Array]]) -> list[list[Array]]:
    """The inverse of a lower triangle, likewise."""
    U: list[list[Array]] = []
    for a in range(len(L)):
        last = 1.0 / L[a][a]
        U.append([-last * sum(L[a][c] * U[c][b] for c in range(b, a)) for b in range(a)])
        U[a].append(last)
    return U


def conditional_by_rows(weight: Array, basis: Basis, rows: slice | NDArray[np.intp], log_det: Array) -> Array:
    """What `conditional` returns, by an orthogonal decomposition of the weighted rows instead of their products.

    It costs more and keeps the digits where weights differ by more than about 1e6.

    Parameters
    ----------
    weight : ndarray
        Shape (P, q, k).
    basis : Basis
    rows : slice or ndarray
        Which jobs of the basis the P rows belong to.
    log_det : ndarray
        log |V| + k log 2 pi, shape (P, q).

    Returns
    -------
    ndarray
        Shape (1 + p + p (p + 1) / 2, P, q).

    References
    ----------
    Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., chapter 14, 10.1201/b16018; written out from the normal
    densities.
    """

    def of(table: Array) -> Array:
        return table if len(table) == 1 else table[rows]

    p, shape = basis.p, weight.shape[:-1]
    joined = np.concatenate([of(basis.Q), of(basis.y)[..., None]], axis=-1)[:, None]
    scaled = np.sqrt(weight)[..., None] * joined
    prior = np.concatenate([of(basis.root), of(basis.root) @ of(basis.mean)[..., None]], axis=-1)[:, None]
    prior = np.broadcast_to(prior, (*shape, p, p + 1))
    triangle = _triangle(np.concatenate([prior, scaled], axis=-2), p)
    R, z, rest = triangle[..., :p, :p], triangle[..., :p, p], triangle[..., p, p]
    inverse = np.linalg.inv(R)
    fitted = (inverse @ z[..., None])[..., 0]
    log_a = 2.0 * np.log(np.abs(np.diagonal(R, axis1=-2, axis2=-1))).sum(axis=-1)
    rows_, columns = np.tril_indices(p)
    out = np.empty((1 + p + len(rows_), *shape))
    out[0] = of(basis.constant)[:, None] - 0.5 * (log_det + log_a + rest * rest)
    out[1 : 1 + p] = np.moveaxis(fitted, -1, 0)
    out[1 + p :] = np.moveaxis(inverse.mT[..., rows_, columns], -1, 0)
    return out


def draw(basis: Basis, values: Array, rng: np.random.Generator) -> Array:
    """Draws of the coefficients of a single job, one at each node.

    Parameters
    ----------
    basis : Basis
    values : ndarray
        As `conditional` returns them, shape (m, J).
    rng : Generator

    Returns
    -------
    ndarray
        Shape (p, J).
    """
    p = basis.p
    g = values[1 : 1 + p].copy()
    z = rng.standard_normal(g.shape)
    for at, (row, column) in enumerate(zip(*np.tril_indices(p), strict=True)):
        g[column] += values[1 + p + at] * z[row]
    return basis.origin[0][:, None] + basis.back[0] @ g


def combination(values: Array, a: Array) -> tuple[Array, Array]:
    """Mean and sd of a'g at nodes.

    Parameters
    ----------
    values : ndarray
        As `conditional` returns them, shape (1 + p + p (p + 1) / 2, ...).
    a : ndarray
        Weights of the p components of g, shape (p, ...), broadcast against the nodes.

    Returns
    -------
    tuple of ndarray
        Each of the shape of the nodes.
    """
    p = len(a)
    mean = sum(a[j] * values[1 + j] for j in range(p))
    square = np.zeros_like(values[0])
    at = 1 + p
    for row in range(p):
        part = sum(a[column] * values[at + column] for column in range(row + 1))
        square = square + part * part
        at += row + 1
    return np.asarray(mean + np.zeros_like(square)), np.sqrt(square)


def eigen(covariance: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors, each accurate relative to its own size.

    With V = S C S, C the correlations and C = L L', the right singular vectors of L'S are the eigenvectors of V.
    One-sided Jacobi rotations find them to the accuracy that C allows, however far the standard errors S are apart;
    a solver for V itself is good only to 1e-16 of the largest variance, so that a standard error of 1e-6 beside one
    of 1e2 is lost.

    Parameters
    ----------
    covariance : ndarray
        Positive definite, shape (n, n).

    Returns
    -------
    values : ndarray
        Shape (n,).
    vectors : ndarray
        In columns, shape (n, n).

    Raises
    ------
    ValueError
        When the rotations do not converge.

    References
    ----------
    Drmač & Veselić 2008, SIAM J. Matrix Analysis and Applications 29:1322, 10.1137/050639193.

    Examples
    --------
    >>> values, vectors = eigen(np.array([[1e-12, 5e-5], [5e-5, 1e4]]))
    >>> [float(f"{value:.6g}") for value in values]
    [10000.0, 7.5e-13]
    """
    from scipy.linalg.lapack import dgejsv

    se = np.sqrt(np.diagonal(covariance))
    root = np.linalg.cholesky(covariance / np.outer(se, se))
    found, _, vectors, work, _, info = dgejsv(root.T * se, joba=SCALED, jobu=NO_LEFT, jobv=RIGHT)
    if info != 0:
        raise ValueError(f"no singular values of a covariance of {len(se)} estimates: dgejsv returned {info}")
    return np.square(found * (work[0] / work[1])), vectors
