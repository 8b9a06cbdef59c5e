"""The density of estimates that share normal terms and its derivatives, as loops for numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def shared_terms(
    apart: Array, variance: Array, terms: Array, starts: NDArray[np.int64]
) -> tuple[NDArray, Array, Array, Array]:
    """Log density of Normal(0, D + Z Z') in each group, D = diag(variance), Z the group's rows of `terms`.

    With M = I + Z' D^-1 Z, x = M^-1 Z' D^-1 y and e = y - Z x it is
    -(e' D^-1 e + x'x + log det(2 pi D) + log det M) / 2. M is inverted in place, one row after another (Gauss-Jordan;
    its pivots are at least 1). Zeros of Z cost nothing.

    Parameters
    ----------
    apart, variance : ndarray
        Estimates y less their means, and their own variances, shape (k,).
    terms : ndarray
        What each shared standard normal term adds to each estimate, shape (k, q).
    starts : ndarray of int
        First row of each group; groups are rows that follow one another.

    Returns
    -------
    tuple of ndarray
        The density, of shape (), and its derivatives with respect to `apart`, `variance` and `terms`.
    """
    (k, q), value = terms.shape, 0.0
    by_apart, by_variance, by_terms = np.empty(k), np.empty(k), np.empty((k, q))
    for g in range(len(starts)):
        rows = range(starts[g], starts[g + 1] if g + 1 < len(starts) else k)
        M, x, pull = np.zeros((q, q)), np.zeros(q), np.zeros(q)
        for a in range(q):
            M[a, a] = 1.0
        for i in rows:
            for a in range(q):
                if terms[i, a] != 0.0:
                    share = terms[i, a] / variance[i]
                    pull[a] += share * apart[i]
                    for b in range(q):
                        M[a, b] += share * terms[i, b]
        for p in range(q):
            pivot = M[p, p]
            value -= 0.5 * np.log(pivot)
            M[p, p] = 1.0
            for b in range(q):
                M[p, b] /= pivot
            for a in range(q):
                share = M[a, p]
                if a != p and share != 0.0:
                    M[a, p] = 0.0
                    for b in range(q):
                        M[a, b] -= share * M[p, b]
        for a in range(q):
            for b in range(q):
                x[a] += M[a, b] * pull[b]
            value -= 0.5 * x[a] ** 2
        for i in rows:
            e, explained = apart[i], 0.0
            spread = by_terms[i]
            spread[:] = 0.0
            for a in range(q):
                if terms[i, a] != 0.0:
                    e -= terms[i, a] * x[a]
                    for b in range(q):
                        spread[b] += terms[i, a] * M[a, b]
            for a in range(q):
                explained += terms[i, a] * spread[a]
                spread[a] = (e * x[a] - spread[a]) / variance[i]
            value -= 0.5 * (e**2 / variance[i] + np.log(2.0 * np.pi * variance[i]))
            by_apart[i] = -e / variance[i]
            by_variance[i] = 0.5 * ((e**2 + explained) / variance[i] - 1.0) / variance[i]
    return np.asarray(value), by_apart, by_variance, by_terms
