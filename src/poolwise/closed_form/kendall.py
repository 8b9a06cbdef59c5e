"""Kendall's rank correlation with its exact law where nothing is tied."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

MOST_EXACT = 500  # pairs of values; the exact law of more costs seconds, and is normal to the digits that are read


@final
@dataclass(frozen=True)
class Kendall:
    """Kendall's rank correlation and its test.

    Attributes
    ----------
    tau : float
        S over the root of the product of the pairs that are not tied in either (tau-b; without ties, tau).
    S : int
        Concordant less discordant pairs.
    p_value : float
        Two-sided.
    exact : bool
        Whether the p-value is exact, rather than that of a normal law.
    tied : bool
        Whether any values are tied.

    References
    ----------
    Kendall 1938, Biometrika 30:81, 10.1093/biomet/30.1-2.81.
    """

    tau: float
    S: int
    p_value: float
    exact: bool
    tied: bool


def kendall(first: Ints, second: Ints) -> Kendall:
    """Kendall's rank correlation of two rankings.

    Without ties the p-value is exact: of all orders, twice the share that is as far on this side or farther. With
    ties S is normal with the variance that ties leave it, without a correction for continuity.

    Parameters
    ----------
    first, second : ndarray of int, shape (n,)
        Ranks; equal ranks are ties. Neither is all ties.

    Returns
    -------
    Kendall

    References
    ----------
    Kendall 1938, Biometrika 30:81, 10.1093/biomet/30.1-2.81, for tau and its exact law; Kendall 1945, Biometrika
    33:239, 10.1093/biomet/33.3.239, for ties.
    """
    n = len(first)
    signs = np.sign(first[:, None] - first) * np.sign(second[:, None] - second)
    S = int(signs.sum()) // 2
    ties = [np.unique(ranks, return_counts=True)[1].astype(float) for ranks in (first, second)]
    pairs = 0.5 * n * (n - 1)
    apart = [pairs - float((t * (t - 1.0)).sum()) / 2.0 for t in ties]
    tau = S / math.sqrt(apart[0] * apart[1])
    tied = min(apart) < pairs
    if tied or n > MOST_EXACT:
        sd = math.sqrt(_variance(n, ties))
        return Kendall(tau, S, float(2.0 * ndtr(-abs(S) / sd)), exact=False, tied=tied)
    fewer = (round(pairs) - abs(S)) // 2  # pairs out of order on the nearer side
    return Kendall(tau, S, min(1.0, 2.0 * share_with_inversions(n, fewer)), exact=True, tied=False)


def _variance(n: int, ties: list[Array]) -> float:
    """Variance of S given the ties in both rankings (Kendall 1945)."""
    m = n * (n - 1.0)
    bare = (m * (2.0 * n + 5.0) - sum(float((t * (t - 1.0) * (2.0 * t + 5.0)).sum()) for t in ties)) / 18.0
    twos = [float((t * (t - 1.0)).sum()) for t in ties]
    threes = [float((t * (t - 1.0) * (t - 2.0)).sum()) for t in ties]
    triple = threes[0] * threes[1] / (9.0 * m * (n - 2.0)) if n > 2 else 0.0
    return bare + twos[0] * twos[1] / (2.0 * m) + triple


def share_with_inversions(n: int, most: int) -> float:
    """Share of the orders of n things with at most so many pairs out of order.

    The j-th thing put in goes before 0 to j - 1 of the earlier ones, each as often: the shares f_j(s) are running
    means of f_(j-1) over j places.

    Parameters
    ----------
    n : int
    most : int
        Pairs out of order, at least 0 and at most half of all.

    Returns
    -------
    float

    References
    ----------
    Kendall 1938, Biometrika 30:81, 10.1093/biomet/30.1-2.81.
    """
    share = np.zeros(most + 1)
    share[0] = 1.0
    for j in range(2, n + 1):
        running = np.cumsum(share)
        running[j:] -= running[:-j].copy()
        share = np.maximum(running, 0.0) / j
    return float(share.sum())
