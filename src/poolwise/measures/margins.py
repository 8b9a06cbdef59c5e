"""A two-by-two table from its margins and one measure of association."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import InputError
from poolwise.measures.statistics import NOT_NEGATIVE, PEOPLE, POSITIVE, SIGN, Domain, read, refuse

Array = NDArray[np.float64]

_PHI = Domain("a number from -1 to 1", lambda x: np.isfinite(x) & (np.abs(x) <= 1.0))
ROUNDED = 0.5
"""By how much a cell may be rounded: more, and the measure does not belong to these margins."""


def cells_of_margins(
    *,
    n: ArrayLike,
    n1: ArrayLike,
    events: ArrayLike,
    odds_ratio: ArrayLike | None = None,
    phi: ArrayLike | None = None,
    chi2: ArrayLike | None = None,
    sign: ArrayLike | None = None,
    yates: bool = False,
) -> tuple[Array, Array, Array, Array]:
    """Cells of a table whose margins are known, with its odds ratio, phi coefficient or chi-squared.

    With a for the first cell, n1 and n2 people and e events in all: an odds ratio w solves w (n1 - a)(e - a) = a (n2 -
    e + a); phi gives a = (n1 e + phi sqrt(n1 n2 e (n - e))) / n; chi-squared is n phi^2, with its sign asked for, and
    with Yates' correction n (|a d - b c| - n/2)^2 / (n1 n2 e (n - e)).

    Parameters
    ----------
    n, n1, events : array_like
        All people, people of the first group, all events.
    odds_ratio, phi, chi2 : array_like, optional
        One of them.
    sign : array_like, optional
        1 or -1 with `chi2`, which tells no direction.
    yates : bool
        Whether `chi2` was corrected for continuity.

    Returns
    -------
    a, b, c, d : ndarray
        Whole numbers, the nearest ones.

    Raises
    ------
    InputError
        For none or several measures, margins that exceed n, and a measure that these margins do not allow.

    References
    ----------
    Fleiss, Levin & Paik 2003, Statistical Methods for Rates and Proportions, chapter 3, 10.1002/0471445428.

    Examples
    --------
    >>> [int(cell) for cell in cells_of_margins(n=87, n1=42, events=32, odds_ratio=0.5)]
    [12, 30, 20, 25]
    """
    measures = {"odds_ratio": odds_ratio, "phi": phi, "chi2": chi2}
    named = [name for name, value in measures.items() if value is not None]
    if len(named) != 1:
        raise InputError(f"cells_of_margins has {', '.join(named) or 'no measure'}", "one of odds_ratio, phi, chi2")
    size = {"n": (n, PEOPLE), "n1": (n1, PEOPLE), "events": (events, NOT_NEGATIVE)}
    n, n1, e = read("2 x 2 table", size)
    refuse("2 x 2 table", (n1 >= n) | (e > n), "a margin exceeds n", "n1 below n, events up to n")
    if odds_ratio is not None:
        (ratio,) = read("2 x 2 table", {"odds_ratio": (odds_ratio, POSITIVE)})
        a = _of_odds(n, n1, e, ratio)
    else:
        a = (n1 * e + _phi(n, n1, e, phi, chi2, sign, yates) * np.sqrt(n1 * (n - n1) * e * (n - e))) / n
    low, high = np.maximum(0.0, n1 + e - n), np.minimum(n1, e)
    outside = (a < low - ROUNDED) | (a > high + ROUNDED)
    refuse("2 x 2 table", outside, f"{named[0]} is impossible with these margins", "margins and measure of one table")
    a = np.clip(np.round(a), low, high)
    return a, n1 - a, e - a, n - n1 - e + a


def _of_odds(n: Array, n1: Array, e: Array, ratio: Array) -> Array:
    """The root of (1 - w) a^2 + (n - n1 - e + w (n1 + e)) a - w n1 e = 0 within the margins, stable at w = 1."""
    b, c = n - n1 - e + ratio * (n1 + e), ratio * n1 * e
    return 2.0 * c / (b + np.sqrt(b**2 + 4.0 * (1.0 - ratio) * c))


def _phi(
    n: Array,
    n1: Array,
    e: Array,
    phi: ArrayLike | None,
    chi2: ArrayLike | None,
    sign: ArrayLike | None,
    yates: bool,
) -> Array:
    if phi is not None:
        return read("2 x 2 table", {"phi": (phi, _PHI)})[0]
    if sign is None:
        raise InputError("chi2 tells no direction", "sign=1 or sign=-1, the direction of the association")
    assert chi2 is not None
    statistic, direction = read("2 x 2 table", {"chi2": (chi2, NOT_NEGATIVE), "sign": (sign, SIGN)})
    size = np.sqrt(statistic / n)
    spread = np.sqrt(n1 * (n - n1) * e * (n - e))
    return direction * (size + (n / 2.0) / spread if yates else size)
