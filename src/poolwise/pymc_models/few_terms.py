"""A few normal terms that estimates share, integrated out by an elimination that is written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from poolwise.pymc_models.sums import times

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable

MOST = 8
"""Terms up to which this costs less than calls of LAPACK, in a gradient and in compiling it."""


def few_normal_terms(
    apart: TensorVariable, variance: TensorVariable, terms: TensorVariable, sd: TensorVariable, q: int
) -> TensorVariable:
    """Log density of estimates about their means with q terms u ~ Normal(0, diag(sd^2)) integrated out.

    It is that of Normal(0, D + W W'), D = diag(variance), W = terms diag(sd). Determinant and inverse come from
    M = I + W' D^-1 W, eliminated one row after another: with numbers of their own for its entries the gradient of
    2 terms takes half the time of a Cholesky factor's, that of 8 two thirds.

    Parameters
    ----------
    apart, variance : TensorVariable
        Estimates less their means, and their own variances, shape (k,).
    terms : TensorVariable
        Shape (k, q).
    sd : TensorVariable
        Shape (q,).
    q : int

    Returns
    -------
    TensorVariable
        A number.
    """
    import pymc as pm

    own = terms * sd
    pulled = own / variance[:, None]
    M, b = (pulled[:, :, None] * own[:, None, :]).sum(axis=0), times(pulled.T, apart)
    rows = [[M[i, j] + float(i == j) for j in range(i + 1)] for i in range(q)]
    left = [b[i] for i in range(q)]
    explained = log_det = 0.0
    for p in range(q):
        pivot = rows[p][p]
        explained, log_det = explained + left[p] ** 2 / pivot, log_det + pm.math.log(pivot)
        for i in range(p + 1, q):
            share = rows[i][p] / pivot
            left[i] = left[i] - share * left[p]
            for j in range(p + 1, i + 1):
                rows[i][j] = rows[i][j] - share * rows[j][p]
    about = (pm.math.log(variance) + apart**2 / variance + np.log(2.0 * np.pi)).sum()
    return 0.5 * (explained - log_det - about)
