"""Products of matrices and vectors that numba compiles in a second; a call of BLAS takes it half a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable


def times(matrix: TensorVariable, vector: TensorVariable) -> TensorVariable:
    """Matrix times vector, shape (k, p) and (p,) to (k,)."""
    if vector.type.shape == (1,):  # else the sum of a lone column is taken first, which numba compiles for five seconds
        return matrix[:, 0] * vector[0]
    return (matrix * vector).sum(axis=1)


def summed(vector: TensorVariable, belongs: TensorVariable) -> TensorVariable:
    """Transposed matrix times vector, shape (k,) and (k, groups) to (groups,)."""
    return (vector[:, None] * belongs).sum(axis=0)


def product(one: TensorVariable, other: TensorVariable) -> TensorVariable:
    """Matrix times matrix, shape (k, p) and (p, q) to (k, q), where p q is small."""
    return (one[:, :, None] * other[None]).sum(axis=1)
