"""Matched pairs with a dichotomy: the same people, or pairs of them, under two treatments or at two occasions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.measures.cells import Table, Values, log, over, stacked
from poolwise.measures.estimate import Estimate, estimate
from poolwise.measures.statistics import CORRELATION, COUNT, read, refuse
from poolwise.measures.zeros import ADD, added

Array = NDArray[np.float64]


class OfPairs(Protocol):
    """A measure of tables of pairs."""

    def __call__(
        self, *, a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike, add: float = ADD, to: str = "only0"
    ) -> Estimate:
        """Estimates of tables."""


def _of_pairs(measure: str) -> Callable[[Callable[[Table], Values]], OfPairs]:
    """Make a measure of tables of pairs of its arithmetic."""

    def made(arithmetic: Callable[[Table], Values]) -> OfPairs:
        def of_tables(
            *, a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike, add: float = ADD, to: str = "only0"
        ) -> Estimate:
            cells = stacked(measure, a, b, c, d)
            refuse(measure, cells.sum(axis=0) == 0.0, "a table is empty", "pairs in every table")
            more, notes = added(measure, (cells == 0.0).any(axis=0), add, to)
            both, first, second, neither = cells + more
            return estimate(measure, *arithmetic(Table(both, first, second, neither, notes)), notes)

        for name in ("__module__", "__name__", "__qualname__", "__doc__"):
            setattr(of_tables, name, getattr(arithmetic, name))
        return of_tables

    return made


@_of_pairs("MPRD")
def marginal_risk_difference(t: Table) -> Values:
    """Marginal risk difference of pairs, y = (b - c) / n, v = (b + c) / n^2 - (b - c)^2 / n^3 (MPRD).

    Parameters
    ----------
    a, b, c, d : array_like
        Pairs in which the event happened under both treatments, under the first alone, under the second alone, under
        neither; n = a + b + c + d.
    add : float
        What is added to each cell of the tables that `to` names.
    to : str
        As for `log_odds_ratio`.

    Returns
    -------
    Estimate

    Notes
    -----
    Half an observation in tables with an empty cell by default, as for tables of independent groups.

    References
    ----------
    Newcombe 1998, Statistics in Medicine 17:2635, 10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C;
    Elbourne et al. 2002, International Journal of Epidemiology 31:140, 10.1093/ije/31.1.140.
    """
    n, difference = t.n1 + t.n2, t.b - t.c
    return difference / n, (t.b + t.c) / n**2 - difference**2 / n**3


@_of_pairs("MPRR")
def marginal_risk_ratio(t: Table) -> Values:
    """Marginal log risk ratio of pairs, y = log((a + b) / (a + c)), v = (b + c) / ((a + b)(a + c)) (MPRR).

    Parameters
    ----------
    a, b, c, d, add, to
        As for `marginal_risk_difference`.

    Returns
    -------
    Estimate

    References
    ----------
    Zou 2007, Clinical Trials 4:25, 10.1177/1740774506075667; Elbourne et al. 2002, International Journal of
    Epidemiology 31:140, 10.1093/ije/31.1.140.
    """
    first, second = t.a + t.b, t.a + t.c
    return log(first) - log(second), over(t.b + t.c, first * second)


@_of_pairs("MPOR")
def marginal_odds_ratio(t: Table) -> Values:
    """Marginal log odds ratio of pairs, y = log((a + b) / (c + d)) - log((a + c) / (b + d)) (MPOR).

    v = 1/(n p1 q1) + 1/(n p2 q2) - 2 (a d - b c) / n^2 / (n p1 q1 p2 q2) with the shares p1 = (a + b) / n, p2 = (a + c)
    / n and q = 1 - p.

    Parameters
    ----------
    a, b, c, d, add, to
        As for `marginal_risk_difference`.

    Returns
    -------
    Estimate

    References
    ----------
    Becker & Balagtas 1993, Biometrics 49:997, 10.2307/2532242; Elbourne et al. 2002, International Journal of
    Epidemiology 31:140, 10.1093/ije/31.1.140.
    """
    n = t.n1 + t.n2
    covariance = (t.a * t.d - t.b * t.c) / n**2
    return _of_margins(n, (t.a + t.b) / n, (t.a + t.c) / n, covariance)


@_of_pairs("MPORC")
def conditional_odds_ratio(t: Table) -> Values:
    """Conditional log odds ratio of pairs, y = log(b / c), v = 1/b + 1/c (MPORC).

    Parameters
    ----------
    a, b, c, d, add, to
        As for `marginal_risk_difference`; pairs that agree tell nothing of it.

    Returns
    -------
    Estimate

    References
    ----------
    Zou 2007, Clinical Trials 4:25, 10.1177/1740774506075667; Curtin, Elbourne & Altman 2002, Statistics in Medicine
    21:2145, 10.1002/sim.1206.
    """
    return log(t.b) - log(t.c), over(1.0, t.b) + over(1.0, t.c)


@_of_pairs("MPPETO")
def peto_conditional_odds_ratio(t: Table) -> Values:
    """Peto's conditional log odds ratio of pairs, y = 2 (b - c) / (b + c), v = 4 / (b + c) (MPPETO).

    Parameters
    ----------
    a, b, c, d, add, to
        As for `marginal_risk_difference`.

    Returns
    -------
    Estimate

    References
    ----------
    Zou 2007, Clinical Trials 4:25, 10.1177/1740774506075667; Curtin, Elbourne & Altman 2002, Statistics in Medicine
    21:2145, 10.1002/sim.1206.
    """
    return over(2.0 * (t.b - t.c), t.b + t.c), over(4.0, t.b + t.c)


def marginal_odds_ratio_of_margins(*, a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike, r: ArrayLike) -> Estimate:
    """Marginal log odds ratio of pairs from both margins and the phi coefficient of the pairs (MPORM).

    y = log(a / b) - log(c / d), v = 1/(n p1 q1) + 1/(n p2 q2) - 2 r / (n sqrt(p1 q1 p2 q2)).

    Parameters
    ----------
    a, b : array_like
        People with and without the event under the first treatment.
    c, d : array_like
        The same people with and without it under the second one: a + b = c + d = n.
    r : array_like
        Phi coefficient of the pairs.

    Returns
    -------
    Estimate
        NaN where a cell is empty, and where these margins do not allow this phi.

    References
    ----------
    Elbourne et al. 2002, International Journal of Epidemiology 31:140, 10.1093/ije/31.1.140.
    """
    statistics = {"a": (a, COUNT), "b": (b, COUNT), "c": (c, COUNT), "d": (d, COUNT), "r": (r, CORRELATION)}
    a, b, c, d, r = read("MPORM", statistics)
    refuse("MPORM", a + b != c + d, "a + b and c + d differ", "both margins of the same people")
    n = np.where(a + b > 0.0, a + b, np.nan)
    p1, p2 = a / n, c / n
    covariance = r * np.sqrt(p1 * (1.0 - p1) * p2 * (1.0 - p2))
    both = p1 * p2 + covariance
    possible = (both >= np.maximum(0.0, p1 + p2 - 1.0) - _ROUNDING) & (both <= np.minimum(p1, p2) + _ROUNDING)
    return estimate("MPORM", *_of_margins(n, p1, p2, np.where(possible, covariance, np.nan)))


_ROUNDING = 1e-12  # relative to shares, of which sums have a few units of 1e-16


def _of_margins(n: Array, p1: Array, p2: Array, covariance: Array) -> Values:
    spread1, spread2 = p1 * (1.0 - p1), p2 * (1.0 - p2)
    v = over(1.0, n * spread1) + over(1.0, n * spread2) - over(2.0 * covariance, n * spread1 * spread2)
    return log(p1) - log(1.0 - p1) - log(p2) + log(1.0 - p2), v
