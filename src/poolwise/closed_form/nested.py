"""Restricted likelihood of effects nested in clusters: two variances above known sampling variances.

y ~ Normal(X b, S), S = diag(v + within) + between Z Z', where Z tells the cluster of each row. S is diagonal plus one
rank for each cluster, so that everything costs as much as there are rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

SHARES = np.array([0.0, 0.01, 0.04, 0.15, 0.6, 2.4])  # of the effects' variance, from which the search starts
STARTS = 3  # best of these pairs that are climbed from
STILL = 1e-12  # relative step at which the search ends
LEAST_INFORMATION = 1e-9  # share of sum w^2, what the information about a variance is in size
ROUNDING = 1e-11  # of the log likelihood, which is no guide where it is flat to rounding; the step is
ROUNDS = 200
HALVINGS = 40


@final
@dataclass(frozen=True)
class Nested:
    """The global maximum of the restricted likelihood, as far as a grid of starts tells.

    Attributes
    ----------
    between, within : float
        Variances between clusters, and between the effects of one.
    log_likelihood : float
        Restricted log likelihood, up to a constant.

    References
    ----------
    Konstantopoulos 2011, Research Synthesis Methods 2:61, 10.1002/jrsm.35.
    """

    between: float
    within: float
    log_likelihood: float


@final
@dataclass(frozen=True, eq=False)
class _Point:
    value: float
    gradient: Array
    information: Array


def nested_reml(y: Array, v: Array, X: Array, cluster: Ints) -> Nested:
    """Restricted maximum likelihood of the variances between and within clusters.

    Average-information steps from the best points of a grid, held at 0 where the likelihood falls beyond. Where every
    cluster has one row only the sum of both variances is known, and `between` is 0.

    Parameters
    ----------
    y, v : ndarray, shape (k,)
        Effects and sampling variances.
    X : ndarray, shape (k, p)
        Design of full column rank.
    cluster : ndarray of int, shape (k,)
        Number of each row's cluster, from 0.

    Returns
    -------
    Nested

    References
    ----------
    Konstantopoulos 2011, Research Synthesis Methods 2:61, 10.1002/jrsm.35; Gilmour, Thompson & Cullis 1995, Biometrics
    51:1440, 10.2307/2533274, for the average information.
    """
    unit = max(float(np.var(y)), float(v.mean()))
    y, v = (y - y.mean()) / np.sqrt(unit), v / unit
    single = int(cluster.max()) + 1 == len(y)
    shares = [(0.0, within) for within in SHARES] if single else [(b, w) for b in SHARES for w in SHARES]
    points = [np.array(pair) for pair in shares]
    heights = [_point(y, v, X, cluster, pair).value for pair in points]
    best = sorted(range(len(points)), key=lambda i: -heights[i])[:STARTS]
    tops = [_climb(y, v, X, cluster, points[i], single) for i in best]
    place, height = max(tops, key=lambda top: top[1])
    return Nested(unit * float(place[0]), unit * float(place[1]), height)


def _climb(y: Array, v: Array, X: Array, cluster: Ints, start: Array, single: bool) -> tuple[Array, float]:
    """A local maximum over variances of at least 0."""
    place, here = start, _point(y, v, X, cluster, start)
    for _ in range(ROUNDS):
        free = (place > 0.0) | (here.gradient > 0.0)
        free[0] &= not single
        if not free.any():
            break
        step = np.zeros(2)
        step[free] = np.linalg.solve(here.information[np.ix_(free, free)], here.gradient[free])
        moved, there = place, here
        for _ in range(HALVINGS):
            moved = np.maximum(place + step, 0.0)
            there = _point(y, v, X, cluster, moved)
            if there.value >= here.value - ROUNDING * max(abs(here.value), 1.0):
                break
            step *= 0.5
        change = np.abs(moved - place).max()
        place, here = moved, there
        if change <= STILL * max(place.max(), float(v.min())):
            break
    return place, here.value


def _point(y: Array, v: Array, X: Array, cluster: Ints, variances: Array) -> _Point:
    """Restricted log likelihood, its slopes in both variances and their average information."""
    between, within = variances
    count = int(cluster.max()) + 1
    w = 1.0 / (v + within)
    s = np.bincount(cluster, w, count)
    pull = between / (1.0 + between * s)

    def solved(u: Array) -> Array:
        return w * (u - (pull * np.bincount(cluster, w * u, count))[cluster])

    def summed(u: Array) -> Array:
        return np.bincount(cluster, u, count)

    SX = np.column_stack([solved(column) for column in X.T])
    cross = X.T @ SX
    M = np.linalg.inv(cross)

    def projected(u: Array) -> Array:
        return solved(u) - SX @ (M @ (SX.T @ u))

    Py = projected(y)
    by_cluster = summed(Py)
    U = np.column_stack([summed(column) for column in SX.T])
    value = -0.5 * (-np.log(w).sum() + np.log1p(between * s).sum() + np.linalg.slogdet(cross)[1] + float(y @ Py))
    trace_between = (s / (1.0 + between * s)).sum() - np.trace(M @ (U.T @ U))
    trace_within = w.sum() - pull @ summed(w * w) - np.trace(M @ (SX.T @ SX))
    gradient = -0.5 * np.array([trace_between - by_cluster @ by_cluster, trace_within - Py @ Py])
    sides = np.column_stack([by_cluster[cluster], Py])
    information = 0.5 * sides.T @ np.column_stack([projected(column) for column in sides.T])
    information += LEAST_INFORMATION * float(w @ w) * np.eye(2)  # of effects on a line there is none
    return _Point(float(value), gradient, information)
