"""Meta-regressions of many jobs at once, given tau: y ~ N(X beta, diag(v + tau^2))."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.one_tau.jobs import distinct_rows
from poolwise.quadrature.rules.gaussian import (
    LOG_2PI,
    UNEVEN,
    Basis,
    combination,
    conditional,
    conditional_by_rows,
    draw,
    uneven,
)
from poolwise.quadrature.rules.normal_normal import CHUNK, log_product

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


@final
@dataclass(frozen=True, eq=False)
class Regression:
    """Designs, tables and priors on the coefficients of n jobs.

    Attributes
    ----------
    basis : Basis
    """

    basis: Basis

    @property
    def y(self) -> Array:
        """Centred estimates, shape (n, k) or (1, k)."""
        return self.basis.y

    @property
    def v(self) -> Array:
        """Variances, inf where a study is missing, shape (n, k) or (1, k)."""
        return self.basis.v

    @property
    def proper(self) -> NDArray[np.bool_]:
        """Whether every coefficient has a proper prior."""
        return self.basis.proper

    @property
    def known(self) -> NDArray[np.bool_]:
        """No mean effect is: regression integrates over all its coefficients."""
        return np.zeros(1, dtype=bool)

    def narrowest(self) -> Array:
        """Sd of the best known mean effect at tau = 0."""
        return self.basis.narrowest()

    @cached_property
    def _uneven(self) -> bool:
        """Whether weights, or a prior, differ so much that their products with the columns would lose digits."""
        narrow = (self.basis.precision.max(axis=(1, 2)) * self.v.min(axis=1) > UNEVEN).any()
        return bool(narrow or uneven(self.v).any())

    @cached_property
    def _columns(self) -> Array:
        return self.basis.columns()

    def given_tau(self, job: Ints, tau: Array) -> Array:
        """Log likelihood, mean and root covariance of g given tau, shape (1 + p + p (p + 1) / 2, P, q)."""
        one = len(self.v) == 1 and len(self.basis.mean) == 1
        if one and job[0] != job[-1]:
            first, row = distinct_rows(tau)
            return self._in_pieces(job[first], tau[first])[:, row]
        return self._in_pieces(job, tau)

    def _in_pieces(self, job: Ints, tau: Array) -> Array:
        rows = max(1, CHUNK // max(1, tau.shape[1] * self.v.shape[1]))
        starts = range(0, max(len(tau), 1), rows)
        pieces = [self._given_tau(job[start : start + rows], tau[start : start + rows]) for start in starts]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)

    def _given_tau(self, job: Ints, tau: Array) -> Array:
        def of(table: Array) -> Array:
            return table if len(table) == 1 else table[job]

        v, columns, basis = of(self.v), of(self._columns), self.basis
        total = v[:, None, :] + (tau * tau)[:, :, None]
        weight = 1.0 / total
        present = np.isfinite(v)
        if not present.all():
            total = np.where(present[:, None, :], total, 1.0)
        log_det = log_product(total) + present.sum(axis=1)[:, None] * LOG_2PI
        if self._uneven:
            return conditional_by_rows(weight, basis, job, log_det)
        if len(columns) == 1:
            sums = (columns[0].T @ weight.reshape(-1, v.shape[1]).T).reshape(-1, *tau.shape)
        else:
            sums = np.moveaxis(weight @ columns, -1, 0)
        mean, precision, constant = of(basis.mean), of(basis.precision), of(basis.constant)
        return conditional(
            sums,
            log_det,
            np.moveaxis(mean, 0, -1)[..., None],
            np.moveaxis(precision, 0, -1)[..., None],
            constant[:, None],
        )

    def combination(self, values: Array, c: Array) -> tuple[Array, Array]:
        """Mean, measured from `at_origin`, and sd of c'beta at nodes.

        Parameters
        ----------
        values : ndarray
            As `given_tau` returns them, of one job (m, ...) or of all jobs (m, n, J).
        c : ndarray
            Weights of the coefficients: the same in all jobs, shape (p,), or each job's own, shape (p, n, 1).

        Returns
        -------
        tuple of ndarray
        """
        back = self.basis.back
        if len(back) == 1:
            return combination(values, np.tensordot(back[0], c, (0, 0)))
        if c.ndim > 1:
            return combination(values, np.einsum("nji,jnl->inl", back, c))
        return combination(values, np.einsum("nji,j->in", back, c)[:, :, None])

    def at_origin(self, c: Array) -> Array:
        """C'beta at the inverse-variance fit, from which means are measured; c of shape (p,) or (p, n)."""
        return np.einsum("np,pn->n", self.basis.origin, c) if c.ndim > 1 else self.basis.origin @ c

    def draw(self, values: Array, rng: np.random.Generator) -> Array:
        """Draws of the coefficients of a single job, one at each node, shape (p, J)."""
        return draw(self.basis, values, rng)

    def at_study(self, i: int) -> Array:
        """The coefficients' weights in the mean effect of study i of a single job, shape (p,)."""
        return np.linalg.solve(self.basis.back[0].T, self.basis.Q[0, i])
