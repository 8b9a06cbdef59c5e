"""Effects in clusters, given the standard deviations between and within them.

y_j ~ N(X_j beta, V_j + tau_w^2 I + tau_b^2 1 1') for each cluster j. With V_j = U diag(D) U', rotating by U'
leaves D + tau_w^2 on the diagonal and the one direction e = U' 1, so that with w = 1 / (D + tau_w^2) and
s = sum w e^2

    y' S^-1 y = sum w (y - e m)^2 + m^2 s / (1 + tau_b^2 s),   m = sum w e y / s,
    log |S|   = -sum log w + log(1 + tau_b^2 s),

and likewise for every product of columns: sums of squares only, at a cost linear in the effects.

Source: Konstantopoulos 2011, Research Synthesis Methods 2:61, 10.1002/jrsm.35, for the model; the identity is
Sherman and Morrison's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.rules.gaussian import LOG_2PI, Basis, combination, conditional, eigen
from poolwise.quadrature.rules.normal_normal import in_pieces, log_product

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
DUST = 1e-9  # length of an orthonormal column's part within clusters that rounding may have left


@final
@dataclass(frozen=True, eq=False)
class Levels:
    """A table of clustered effects; phi = (tau_between, tau_within).

    Attributes
    ----------
    basis : Basis
        Of a single job, its rows sorted by cluster.
    order : ndarray
        Row of the sorted table -> row of the table as given, shape (k,).
    starts : ndarray
        First sorted row of each cluster, shape (J,).
    rotation : tuple of ndarray
        U of each cluster.
    D, e : ndarray
        Eigenvalues of the sampling covariance, and the rotated ones, sorted rows, shape (k,).
    Z : ndarray
        Rotated columns of the design and y, less e times `centre`, sorted rows, shape (k, p + 1).
    centre : ndarray
        Of each cluster's columns, shape (J, p + 1).

    References
    ----------
    Konstantopoulos 2011, Research Synthesis Methods 2:61, 10.1002/jrsm.35, for the model.
    """

    basis: Basis
    order: Ints
    starts: Ints
    rotation: tuple[Array, ...]
    D: Array
    e: Array
    Z: Array
    centre: Array

    @classmethod
    def of(cls, y: Array, v: Array, X: Array, b: Array, s: Array, cluster: Ints, rho: float) -> Levels:
        """Prepare a table.

        Parameters
        ----------
        y, v : ndarray
            Shape (k,).
        X : ndarray
            Shape (k, p).
        b, s : ndarray
            Means and standard deviations of the priors on beta, shape (p,); s = inf for a flat one.
        cluster : ndarray
            Number of each row's cluster, shape (k,).
        rho : float
            Correlation of the sampling errors within a cluster.
        """
        order = np.argsort(cluster, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(cluster[order]) > 0])
        basis, constant = _separated(
            Basis.of(y[None, order], v[None, order], X[None, order], b[None], s[None]), starts, np.isfinite(s)
        )
        columns = np.concatenate([basis.Q[0], basis.y[0][:, None]], axis=1)
        se = np.sqrt(v[order])
        rotation, D, e, Z, centre = [], [], [], [], []
        for rows in np.split(np.arange(len(y)), starts[1:]):
            n = len(rows)
            V = np.outer(se[rows], se[rows]) * ((1.0 - rho) * np.eye(n) + rho)
            values, U = eigen(V) if rho > 0.0 else (se[rows] ** 2, np.eye(n))
            ones, turned = U.sum(axis=0), U.T @ columns[rows]
            middle = (ones / values) @ turned / ((ones / values) @ ones)
            rotation.append(U)
            D.append(values)
            e.append(ones)
            rest = _without_dust(turned - np.outer(ones, middle), columns[rows])
            rest[:, :-1][:, constant] = 0.0
            Z.append(rest)
            centre.append(middle)
        return cls(
            basis, order, starts, tuple(rotation), np.concatenate(D), np.concatenate(e), np.concatenate(Z),
            np.stack(centre),
        )  # fmt: skip

    def units(self) -> tuple[float, float]:
        """Lengths on which the likelihood changes near tau_between = 0 and tau_within = 0."""
        total = np.add.reduceat(self.e**2 / self.D, self.starts)
        known = float((total.sum()) ** -0.5)
        return min(float(total.max() ** -0.5), 4.0 * known), min(float(np.sqrt(self.D.min())), 4.0 * known)

    def given(self, phi: Array) -> Array:
        """Log likelihood and the normal law of g given (tau_between, tau_within), shape (m, N)."""
        return in_pieces(self._given, phi, self.D.size)

    def _given(self, phi: Array) -> Array:
        between, within = phi[0] ** 2, phi[1] ** 2
        total = self.D + within[:, None]
        w = 1.0 / total
        s, parts = self._cluster_sums(w)
        size = self.Z.shape[1]
        first, second = np.triu_indices(size)
        held = s / (1.0 + between[:, None] * s)
        means = [self.centre[:, a] + part / s for a, part in enumerate(parts)]
        products = (self.Z[:, first] * self.Z[:, second]).T @ w.T
        for at, (a, b) in enumerate(zip(first, second, strict=True)):
            products[at] += (means[a] * means[b] * held - parts[a] * parts[b] / s).sum(axis=1)
        log_det = log_product(total[None])[0] + np.log1p(between[:, None] * s).sum(axis=1)
        basis = self.basis
        return conditional(
            products[_by_kind(size)],
            log_det + self.D.size * LOG_2PI,
            basis.mean.T,
            basis.precision[0][..., None],
            basis.constant,
        )

    def _cluster_sums(self, w: Array) -> tuple[Array, list[Array]]:
        """Sums over each cluster of w e^2, and of w e Z for each column, shape (N, J)."""
        pulled = w * self.e
        s = np.add.reduceat(pulled * self.e, self.starts, axis=1)
        return s, [np.add.reduceat(pulled * column, self.starts, axis=1) for column in self.Z.T]

    def spread_of_new(self, phi: Array) -> Array:
        """Sd of the true effect in a new cluster, sqrt(tau_between^2 + tau_within^2)."""
        return np.hypot(phi[0], phi[1])

    def theta(self, i: int, phi: Array, values: Array) -> tuple[Array, Array]:
        """Mean and sd of the true effect of row i of the table as given.

        With r = y - X beta and a = S_j^-1 V_j e_i: theta_i = y_i - a'r + error, whose variance is
        v_i - a'V_j e_i.
        """
        row = int(np.flatnonzero(self.order == i)[0])
        j = int(np.searchsorted(self.starts, row, side="right")) - 1
        stop = self.starts[j + 1] if j + 1 < len(self.starts) else len(self.D)
        rows = slice(int(self.starts[j]), int(stop))
        direction = self.rotation[j][row - rows.start]
        pull = direction * self.D[rows]
        e = self.e[rows]
        w = 1.0 / (self.D[rows] + phi[1][:, None] ** 2)
        we = w * e
        held = phi[0] ** 2 / (1.0 + phi[0] ** 2 * (we @ e))
        a = w * pull - (held * (we @ pull))[:, None] * we
        columns = self.Z[rows] + np.outer(e, self.centre[j])
        weights = a @ columns
        basis = self.basis
        mean, sd = combination(values, weights[:, :-1].T)
        own = basis.y[0, row] + basis.Q[0, row] @ np.linalg.solve(basis.back[0], basis.origin[0])
        rest = np.maximum(direction @ pull - a @ pull, 0.0)
        return own - weights[:, -1] + mean, np.sqrt(rest + sd**2)

    def draw_theta(self, phi: Array, fitted: Array, y: Array, rng: np.random.Generator) -> Array:
        """Draws of the true effects given phi and mean effects of shape (k, N), shape (N, k).

        First what a cluster's effects share, then the rest of each, both given the estimates.
        """
        out = np.empty(fitted.T.shape)
        between, within = phi[0][:, None], phi[1][:, None]
        for U, rows in self._clusters():
            given = self.order[rows]
            r = (y[given] - fitted[given].T) @ U
            D, e = self.D[rows], self.e[rows]
            w = 1.0 / (D + within**2)
            keep = between**2 / (1.0 + between**2 * (w @ (e * e))[:, None])
            shared = keep * (w * r) @ e[:, None] + np.sqrt(keep) * rng.standard_normal(keep.shape)
            own = within**2 * w * (r - shared * e) + within * np.sqrt(w * D) * rng.standard_normal(r.shape)
            out[:, given] = fitted[given].T + shared + own @ U.T
        return out

    def _clusters(self) -> Iterator[tuple[Array, Ints]]:
        """The rotation and the sorted rows of each cluster."""
        return zip(self.rotation, np.split(np.arange(len(self.D)), self.starts[1:]), strict=True)

    def weights(self, phi: Array) -> Array:
        """Weights of the estimates in the mean effect of a model without moderators, shape (N, k), rows sum to 1."""
        w = 1.0 / (self.D + phi[1][:, None] ** 2)
        we = w * self.e
        s = np.add.reduceat(we * self.e, self.starts, axis=1)
        held = 1.0 / (1.0 + phi[0][:, None] ** 2 * s)
        scaled = we * np.repeat(held, np.diff(np.r_[self.starts, len(self.D)]), axis=1)
        turned = np.empty_like(scaled)
        for U, rows in self._clusters():
            turned[:, self.order[rows]] = scaled[:, rows] @ U.T
        return turned / turned.sum(axis=1, keepdims=True)


def _separated(basis: Basis, starts: Ints, proper: NDArray[np.bool_]) -> tuple[Basis, NDArray[np.bool_]]:
    """A basis of as many columns that are constant within clusters as the design has, and which these are, (p,).

    At a tau_between far beyond tau_within the former are known 1e16 times less than the rest: in columns that mix both
    nothing would be left of that. Flat coefficients, the last components of g, move among themselves alone, so that no
    prior comes to say anything of them.
    """
    p, of_proper = basis.p, int(proper.sum())
    if p == 1:
        return basis, np.zeros(1, dtype=np.bool_)
    sizes = np.diff(np.r_[starts, len(basis.Q[0])])
    rest = basis.Q[0] - np.repeat(np.add.reduceat(basis.Q[0], starts) / sizes[:, None], sizes, axis=0)
    T, constant = np.zeros((p, p)), np.zeros(p, dtype=np.bool_)
    own, flat = slice(0, of_proper), slice(of_proper, p)
    T[flat, flat], constant[flat] = _null_space(rest[:, flat])
    shared = np.linalg.lstsq(rest[:, flat], rest[:, own], rcond=DUST)[0]
    T[own, own], constant[own] = _null_space(rest[:, own] - rest[:, flat] @ shared)
    T[flat, own] = -shared @ T[own, own] * constant[own]
    return basis.moved(T), constant


def _null_space(columns: Array) -> tuple[Array, NDArray[np.bool_]]:
    """A rotation of columns, and which of them are then 0."""
    if columns.shape[1] == 0:
        return np.empty((0, 0)), np.empty(0, dtype=np.bool_)
    values, vectors = np.linalg.svd(columns)[1:]
    size = np.zeros(columns.shape[1])
    size[: len(values)] = values
    return vectors.T, size <= DUST


def _without_dust(rest: Array, columns: Array) -> Array:
    """What rounding alone has left of columns that are constant within a cluster is 0.

    Else it would stand for knowledge about the mean effect at a tau_between beyond 1e16 tau_within.
    """
    dust = 8.0 * len(columns) * np.finfo(float).eps * np.abs(columns).max(axis=0)
    return np.where(np.abs(rest) <= dust, 0.0, rest)


def _by_kind(size: int) -> Ints:
    """Where products of p + 1 columns stand, (row, column) by rows, when those with y come last."""
    second = np.triu_indices(size)[1]
    return np.concatenate([np.flatnonzero(second < size - 1), np.flatnonzero(second == size - 1)])
