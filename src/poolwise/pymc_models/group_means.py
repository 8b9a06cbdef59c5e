"""What estimates say of the means of their groups given tau in each, by an Op whose loops numba compiles.

As products of matrices the same density and its gradient pass over all estimates a dozen times.
"""

from __future__ import annotations

from hashlib import sha256
from inspect import getsource
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.builders import FinalizedOpFromGraph
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key
from pytensor.tensor import TensorVariable

Array = NDArray[np.float64]


class GroupMeans(FinalizedOpFromGraph):
    """Mean, precision and rest of each group, and their derivatives with respect to its `between`.

    The graph below is what other backends than numba run.
    """

    def __init__(self) -> None:
        inputs = pt.dvector(), pt.dvector(), pt.dmatrix(), pt.dvector()
        super().__init__(list(inputs), list(graph(*inputs)), name="group_means")

    def pullback(self, inputs: Any, outputs: Any, output_grads: Any) -> list[TensorVariable]:
        """Of `between` alone: estimates, their variances and groups are data, and slopes have no derivatives here."""
        live = [not isinstance(grad.type, DisconnectedType) for grad in output_grads[:3]]
        slopes = [output_grads[n] * outputs[n + 3] for n in range(3) if live[n]]
        of_data = [pt.zeros_like(data) for data in inputs[:3]]
        if not (live[0] or live[2]):  # the precision does not know of the estimates
            of_data[0] = disconnected_type()
        return [*of_data, sum(slopes) if slopes else pt.zeros_like(inputs[3])]


def graph(
    y: TensorVariable, v: TensorVariable, belongs: TensorVariable, between: TensorVariable
) -> tuple[TensorVariable, ...]:
    """What the loops compute, for all groups at once."""
    weight = 1.0 / (v + (belongs * between).sum(axis=1))
    precision = (belongs * weight[:, None]).sum(axis=0)
    known = pt.switch(pt.gt(precision, 0.0), precision, 1.0)
    mean = (belongs * (weight * y)[:, None]).sum(axis=0) / known
    apart = y - (belongs * mean).sum(axis=1)
    rest = (belongs * (weight * apart**2 + pt.log(2.0 * np.pi / weight))[:, None]).sum(axis=0)
    by_precision = -(belongs * (weight**2)[:, None]).sum(axis=0)
    by_mean = -(belongs * (weight**2 * apart)[:, None]).sum(axis=0) / known
    by_rest = (belongs * (weight - (weight * apart) ** 2)[:, None]).sum(axis=0)
    return mean, precision, rest, by_mean, by_precision, by_rest


def group_means(y: Array, v: Array, belongs: Array, between: Array) -> tuple[Array, ...]:
    """Sufficient statistics for the mean of each group of normal estimates with variances v_i + between[g].

    With w_i = 1 / (v_i + between[g]), sums over the rows of a group: W = sum w_i, m = sum w_i y_i / W and
    D = sum (w_i (y_i - m)^2 - log(w_i / (2 pi))), so that -(D + W (m - mu)^2) / 2 is the log density of the group's
    estimates about any mean mu. D does not change with m to the first order, as m minimises it.

    Parameters
    ----------
    y, v : ndarray
        Estimates and their variances, shape (k,).
    belongs : ndarray
        1 where an estimate is one of a group and 0 elsewhere, one 1 in a row, shape (k, groups).
    between : ndarray
        tau^2 of each group, shape (groups,).

    Returns
    -------
    tuple of ndarray
        m (0 in a group of no estimates), W, D, and the derivatives of each with respect to `between` of the same
        group, all of shape (groups,).
    """
    groups = belongs.shape[1]
    mean, precision, rest = np.zeros(groups), np.zeros(groups), np.zeros(groups)
    by_mean, by_precision, by_rest = np.zeros(groups), np.zeros(groups), np.zeros(groups)
    for i in range(len(y)):
        for g in range(groups):
            if belongs[i, g] != 0.0:
                weight = 1.0 / (v[i] + between[g])
                mean[g] += weight * y[i]
                precision[g] += weight
                by_precision[g] -= weight**2
    for g in range(groups):
        if precision[g] > 0.0:
            mean[g] /= precision[g]
    for i in range(len(y)):
        for g in range(groups):
            if belongs[i, g] != 0.0:
                total, apart = v[i] + between[g], y[i] - mean[g]
                pulled = apart / total
                rest[g] += apart * pulled + np.log(2.0 * np.pi * total)
                by_mean[g] -= pulled / total
                by_rest[g] += 1.0 / total - pulled**2
    for g in range(groups):
        if precision[g] > 0.0:
            by_mean[g] /= precision[g]
    return mean, precision, rest, by_mean, by_precision, by_rest


@register_funcify_and_cache_key(GroupMeans)
def loops(op: GroupMeans, node: Any = None, **options: Any) -> tuple[Any, str]:
    """What numba compiles, and the key by which it finds that in its cache."""
    return numba_njit(group_means), sha256(getsource(group_means).encode()).hexdigest()
