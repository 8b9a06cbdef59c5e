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

    The graph below is what other backends than numba run, and what the loops are tested against.
    """

    def __init__(self) -> None:
        apart, variance, terms, starts = pt.dvector(), pt.dvector(), pt.dmatrix(), pt.ivector()
        value = density(apart, variance, terms, starts)
        super().__init__(
            [apart, variance, terms, starts], [value, *pt.grad(value, [apart, variance, terms])], name="shared_terms"
        )

    def pullback(self, inputs: Any, outputs: Any, output_grads: Any) -> list[TensorVariable]:
        """The derivatives of the density, which are outputs themselves and have none here."""
        return [*(output_grads[0] * slope for slope in outputs[1:]), pt.zeros_like(inputs[3], dtype="float64")]


def density(
    apart: TensorVariable, variance: TensorVariable, terms: TensorVariable, starts: TensorVariable
) -> TensorVariable:
    """The log density from the Cholesky factors of M = I + Z' D^-1 Z of all groups."""
    after = pt.ge(pt.arange(apart.shape[0])[:, None], starts).sum(axis=1) - 1
    belongs = pt.eq(after[:, None], pt.arange(starts.shape[0])).astype("float64")
    q, pulled = terms.shape[1], terms / variance[:, None]
    each = (terms[:, :, None] * pulled[:, None, :]).reshape((-1, q * q))
    root = pt.linalg.cholesky(pt.eye(q) + (belongs.T @ each).reshape((-1, q, q)))
    explained = pt.linalg.solve_triangular(root, (belongs.T @ (pulled * apart[:, None]))[:, :, None], lower=True)
    about = (apart**2 / variance + pt.log(2.0 * np.pi * variance)).sum()
    log_det = 2.0 * pt.log(pt.diagonal(root, axis1=-2, axis2=-1)).sum()
    return 0.5 * ((explained**2).sum() - about - log_det)


@register_funcify_and_cache_key(SharedTerms)
def loops(op: SharedTerms, node: Any = None, **options: Any) -> tuple[Any, str]:
    """What numba compiles, and the key by which it finds that in its cache."""
    return numba_njit(shared_terms), sha256(getsource(shared_terms).encode()).hexdigest()
