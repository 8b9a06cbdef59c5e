"""Draws of study tables that have the right totals by construction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.reconstruct.partition import Plan
from poolwise.reconstruct.printed import Printed

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Proposals:
    """n proposed tables of k studies.

    Attributes
    ----------
    y, w : ndarray
        Estimates and inverse variances, shape (n, k); NaN where the levels leave no room.
    level : ndarray of int
        Column of the plan's `sizes` that each study belongs to, shape (n, k).
    """

    y: Array
    w: Array
    level: NDArray[np.int64]


def propose(plan: Plan, n: int, alpha: float, rng: np.random.Generator) -> Proposals:
    """Draw n tables.

    For level g with m_g studies the unrounded d_g, SE_g are drawn uniformly in their rounding boxes and
    W_g = SE_g^-2 is divided by a Dirichlet(alpha) law: w_i = W_g x_i. Standard normal z_i are made
    orthogonal to sqrt(w) within each level,

        u_i = z_i - sqrt(w_i) sum_g(sqrt(w) z) / W_g,

    and stretched until sum u^2 = Q - sum_g W_g (d_g - d)^2 (a level with a published Q to that Q
    first); then y_i = d_g + u_i / sqrt(w_i), so that sum w, sum w y within levels and Q are as drawn.

    Parameters
    ----------
    plan : Plan
        Levels, their possible sizes, and the overall row.
    n : int
        Number of tables.
    alpha : float
        Parameter of the Dirichlet law: 1 is uniform over all divisions of the weight, large values
        make the weights equal.
    rng : Generator
        Source of the draws.

    Returns
    -------
    Proposals
        Right in sum w, sum w y and Q by construction, and in nothing else.

    References
    ----------
    The construction is ours; see `poolwise.reconstruct`.
    """
    sizes = plan.sizes[rng.integers(len(plan.sizes), size=n)]
    level = (np.arange(plan.k)[None, :, None] >= np.cumsum(sizes, axis=1)[:, None, :]).sum(axis=2)
    member = level[:, :, None] == np.arange(sizes.shape[1])
    d, weight = _level_totals(plan, n, rng)
    shares = rng.standard_gamma(alpha, size=level.shape)
    z = rng.standard_normal(level.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        w = shares / _spread(_gather(shares, member), level) * _spread(weight, level)
        root = np.sqrt(w)
        u = z - root * _spread(_gather(root * z, member) / weight, level)
        u = u * _spread(_stretch(plan, d, weight, _gather(u**2, member), rng), level)
        y = _spread(d, level) + u / root
    return Proposals(y, w, level)


def _level_totals(plan: Plan, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Estimate and weight of every level, shape (n, levels), the level of leftover studies included."""
    d = np.column_stack([_uniform(level.figure("d"), n, rng) for level in plan.levels])
    weight = np.column_stack([_uniform(level.figure("se"), n, rng) ** -2.0 for level in plan.levels])
    if not plan.remainder:
        return d, weight
    whole = _uniform(plan.overall.figure("se"), n, rng) ** -2.0
    mean = _uniform(plan.overall.figure("d"), n, rng)
    left = whole - weight.sum(axis=1)
    left = np.where(left > 0.0, left, np.nan)
    d_left = (whole * mean - (weight * d).sum(axis=1)) / left
    return np.column_stack([d, d_left]), np.column_stack([weight, left])


def _stretch(plan: Plan, d: Array, weight: Array, squares: Array, rng: np.random.Generator) -> Array:
    """Factors for the residuals of each level, shape (n, levels), that give the drawn Q.

    Levels of one study have no residual (`squares` is round-off there) and keep the factor 0.
    """
    n = len(d)
    low, high = plan.overall.q_box()
    mean = (weight * d).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
    between = (weight * (d - mean) ** 2).sum(axis=1)
    left = rng.uniform(low, high, size=n) - between
    squares = np.where(squares > 1e-20, squares, 0.0)
    factor, free = np.zeros_like(squares), np.ones(squares.shape[1], dtype=bool)
    for g, row in enumerate(plan.levels):
        if row is plan.overall or row.q is None:
            continue
        own = rng.uniform(*row.q.inside, size=n)
        factor[:, g] = np.where(squares[:, g] > 0.0, np.sqrt(own / squares[:, g]), 0.0)
        left, free[g] = left - own, False
    pool = squares[:, free].sum(axis=1)
    common = np.where(pool > 0.0, np.sqrt(np.maximum(left, 0.0) / pool), 0.0)
    factor[:, free] = np.where(squares[:, free] > 0.0, common[:, None], 0.0)
    return factor


def _uniform(figure: Printed, n: int, rng: np.random.Generator) -> Array:
    return rng.uniform(*figure.inside, size=n)


def _gather(x: Array, member: NDArray[np.bool_]) -> Array:
    """Sums over the studies of each level: (n, k) with (n, k, levels) to (n, levels)."""
    return np.einsum("nk,nkg->ng", x, member)


def _spread(x: Array, level: NDArray[np.int64]) -> Array:
    """Values of levels handed to their studies: (n, levels) to (n, k)."""
    return np.take_along_axis(x, level, axis=1)
