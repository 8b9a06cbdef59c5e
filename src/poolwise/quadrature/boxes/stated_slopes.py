"""Independent estimates with coefficients that are nonlinear parameters, since their priors are not normal.

y_i ~ N(x_i beta, v_i + tau^2). Given tau and those coefficients the others are normal, with y less what the given ones
explain: one-sided slopes of PET and PEESE, truncated means.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.quadrature.boxes.diagonal import Diagonal
from poolwise.quadrature.boxes.own_rows import OwnRows
from poolwise.quadrature.boxes.variables import Spread
from poolwise.quadrature.rules.gaussian import LOG_2PI, Basis, conditional
from poolwise.quadrature.rules.normal_normal import in_pieces, log_product

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


@final
@dataclass(frozen=True, eq=False)
class StatedSlopes(OwnRows):
    """A table of independent estimates; phi = (tau, beta_1 ...), without tau where it is known.

    Attributes
    ----------
    basis : Basis
        Of a single job and all coefficients: g holds those that are normal in an orthonormal basis, then the given
        ones as they are.
    rest : Basis
        Of the normal coefficients alone.
    columns : ndarray
        Of the given coefficients, shape (k, q).
    known : ndarray
        The last ones of them, whose values are stated, shape (r,).
    near : ndarray
        Values of the given ones about which y is centred, shape (q,).
    plain : Diagonal
        The same table with flat priors, for the length of tau.
    known_tau : float, optional

    References
    ----------
    Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., chapter 14, 10.1201/b16018; written out from the normal
    densities.
    """

    basis: Basis
    rest: Basis
    columns: Array
    known: Array
    near: Array
    plain: Diagonal
    known_tau: float | None = None

    @classmethod
    def of(
        cls, y: Array, v: Array, X: Array, b: Array, s: Array, given: Ints, stated: Ints, known_tau: float | None
    ) -> StatedSlopes:
        """Prepare a table.

        Parameters
        ----------
        y, v : ndarray
            Shape (k,).
        X : ndarray
            Shape (k, p).
        b, s : ndarray
            Means and standard deviations of the priors on beta, shape (p,); s = inf for a flat one. Of a stated
            coefficient b is the value.
        given, stated : ndarray
            Columns whose coefficients are nonlinear parameters, and those with known values.
        known_tau : float, optional
        """
        p, others = X.shape[1], np.concatenate([given, stated])
        normal = np.setdiff1d(np.arange(p), others)
        near = np.concatenate([_fitted(y - X[:, stated] @ b[stated], v, X, stated)[given], b[stated]])
        columns = X[:, others]
        centred = y - columns @ near
        rest = Basis.of(centred[None], v[None], X[None][..., normal], b[None, normal], s[None, normal])
        basis = _joined(rest, columns, normal, others, columns @ near)
        none = np.array([], dtype=np.intp)
        plain = Diagonal.of(y, v, X, np.zeros(p), np.full(p, np.inf), np.zeros((len(y), 0)), none, known_tau)
        return cls(basis, rest, columns, b[stated], near, plain, known_tau)

    def spread(self, prior: Prior) -> Spread:
        """The coordinate of tau under a prior, on the length on which the likelihood changes near 0."""
        return self.plain.spread(prior)

    def values_of(self, phi: Array) -> Array:
        """The given coefficients, shape (q, N)."""
        free = phi[len(phi) - (len(self.near) - len(self.known)) :]
        return np.concatenate([free, np.broadcast_to(self.known[:, None], (len(self.known), phi.shape[1]))])

    def given(self, phi: Array) -> Array:
        """Log likelihood and the normal law of g given phi, shape (m, N)."""
        return in_pieces(self._given, phi, self.rest.v.size)

    def _given(self, phi: Array) -> Array:
        rest, q, p = self.rest, self.rest.p, self.basis.p
        total = rest.v + self.squares(phi)
        w = 1.0 / total
        beta = self.values_of(phi)
        away = rest.y - (beta - self.near[:, None]).T @ self.columns.T  # (N, k)
        pairs = rest.Q[0][:, np.triu_indices(q)[0]] * rest.Q[0][:, np.triu_indices(q)[1]]
        weighted = w * away
        sums = np.concatenate([pairs.T @ w.T, rest.Q[0].T @ weighted.T, (weighted * away).sum(axis=1)[None]])
        log_det = log_product(total[None])[0] + total.shape[1] * LOG_2PI
        constant = rest.constant + np.zeros(phi.shape[1])
        found = conditional(sums, log_det, rest.mean.T, rest.precision[0][..., None], constant)
        out = np.zeros((1 + p + p * (p + 1) // 2, phi.shape[1]))
        out[: 1 + q] = found[: 1 + q]
        out[1 + q : 1 + p] = beta
        out[1 + p : 1 + p + q * (q + 1) // 2] = found[1 + q :]
        return out

    def squares(self, phi: Array) -> Array:
        """tau^2, shape (N, k)."""
        tau = phi[0] if self.known_tau is None else np.full(phi.shape[1], self.known_tau)
        return tau[:, None] ** 2 + np.zeros(self.rest.v.shape[1])


def lengths(v: Array, X: Array, stated: Ints) -> Array:
    """Standard deviations of the coefficients at tau = 0 under flat priors, shape (p,); 0 for stated ones."""
    free = np.setdiff1d(np.arange(X.shape[1]), stated)
    root = np.linalg.qr(X[:, free] / np.sqrt(v)[:, None], mode="r")
    out = np.zeros(X.shape[1])
    out[free] = np.sqrt((np.linalg.inv(root) ** 2).sum(axis=1))
    return out


def _fitted(y: Array, v: Array, X: Array, stated: Ints) -> Array:
    """Coefficients of the inverse-variance fit, shape (p,); 0 for stated ones."""
    free = np.setdiff1d(np.arange(X.shape[1]), stated)
    root = 1.0 / np.sqrt(v)
    out = np.zeros(X.shape[1])
    out[free] = np.linalg.lstsq(X[:, free] * root[:, None], y * root, rcond=None)[0]
    return out


def _joined(rest: Basis, columns: Array, normal: Ints, others: Ints, shift: Array) -> Basis:
    """The basis of all coefficients: the orthonormal one of some, and the others as they are."""
    q, p = len(normal), len(normal) + len(others)
    back, origin = np.zeros((1, p, p)), np.zeros((1, p))
    back[0][np.ix_(normal, np.arange(q))] = rest.back[0]
    back[0, others, np.arange(q, p)] = 1.0
    origin[0, normal] = rest.origin[0]
    return replace(
        rest,
        y=rest.y + shift,
        Q=np.concatenate([rest.Q, columns[None]], axis=-1),
        back=back,
        origin=origin,
        mean=np.zeros((1, p)),
        precision=np.zeros((1, p, p)),
        root=np.zeros((1, p, p)),
    )
