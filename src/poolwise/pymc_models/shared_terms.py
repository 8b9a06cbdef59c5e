"""Normal terms that estimates of a group share, integrated out by an Op whose loops numba compiles in a second.

Written with BLAS and LAPACK the same density takes numba a minute: it compiles a wrapper for each layout of the arrays.
"""

from __future__ import annotations

from hashlib import sha256
from inspect import getsource
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.builders import FinalizedOpFromGraph
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key
from pytensor.tensor import TensorVariable

from poolwise.pymc_models.shared_terms_loops import shared_terms


class SharedTerms(FinalizedOpFromGraph):
    """Log density of `apart`, and its derivatives with respect to `apart`, `variance` and `terms`.

    The graph below is what other backends than numba run.
    """

    def __init__(self) -> None:
        inputs = pt.dvector(), pt.dvector(), pt.dmatrix(), pt.ivector()
        super().__init__(list(inputs), list(graph(*inputs)), name="shared_terms")

    def pullback(self, inputs: Any, outputs: Any, output_grads: Any) -> list[TensorVariable]:
        """The derivatives of the density, which are outputs themselves and have none here."""
        return [*(output_grads[0] * slope for slope in outputs[1:]), pt.zeros_like(inputs[3], dtype="float64")]


def graph(
    apart: TensorVariable, variance: TensorVariable, terms: TensorVariable, starts: TensorVariable
) -> tuple[TensorVariable, ...]:
    """What the loops compute, for all groups at once: from M = I + Z' D^-1 Z, x = M^-1 Z' D^-1 y and e = y - Z x."""
    # by cumulative sums: JAX knows no range and no identity matrix of a size that is not written down
    row, column = pt.cumsum(pt.ones_like(apart)) - 1.0, pt.cumsum(pt.ones_like(terms[0]))
    begun, one = pt.ge(row[:, None], starts).astype("float64"), pt.eq(column[:, None], column).astype("float64")
    belongs = begun - pt.concatenate([begun[:, 1:], pt.zeros_like(begun[:, :1])], axis=1)
    pulled = terms / variance[:, None]
    products = belongs[:, :, None, None] * terms[:, None, :, None] * pulled[:, None, None, :]
    root = pt.linalg.cholesky(one + products.sum(axis=0))
    half = pt.linalg.solve_triangular(root, pt.ones_like(root) * one, lower=True)
    inverse = half.mT @ half
    x = (inverse * (belongs.T @ (pulled * apart[:, None]))[:, None, :]).sum(axis=2)
    e = apart - (terms * (belongs @ x)).sum(axis=1)
    spread = (belongs[:, :, None, None] * terms[:, None, :, None] * inverse).sum(axis=(1, 2))
    about = (e**2 / variance + pt.log(2.0 * np.pi * variance)).sum() + (x**2).sum()
    value = -0.5 * about - pt.log((one * root).sum(axis=-1)).sum()
    by_variance = 0.5 * ((e**2 + (terms * spread).sum(axis=1)) / variance - 1.0) / variance
    by_terms = (e[:, None] * (belongs @ x) - spread) / variance[:, None]
    return value, -e / variance, by_variance, by_terms


@register_funcify_and_cache_key(SharedTerms)
def loops(op: SharedTerms, node: Any = None, **options: Any) -> tuple[Any, str]:
    """What numba compiles, and the key by which it finds that in its cache."""
    return numba_njit(shared_terms), sha256(getsource(shared_terms).encode()).hexdigest()
