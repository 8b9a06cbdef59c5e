"""A two-by-two table from its margins and one measure of association."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.errors import InputError, listing, warn
from poolwise.measures.statistics import (
    NOT_NEGATIVE,
    P_VALUE,
    PEOPLE,
    SIGN,
    Domain,
    in_one_order,
    read,
    refuse,
    refuse_direction,
    whole,
)
from poolwise.settings import check_flag

Array = NDArray[np.float64]

_ASSOCIATION = Domain("a number from -1 to 1", lambda x: np.isfinite(x) & (np.abs(x) <= 1.0))
_RATIO = Domain("a ratio from 1e-30 to 1e30", lambda x: (x >= 1e-30) & (x <= 1e30))  # squares are numbers
_EVENTS = whole(0)
ROUNDED = 0.5
"""By how much a cell may be rounded: more, and the measure does not belong to these margins."""
TOLD_APART = 0.5
"""Share of its standard error by which the log odds ratio of rounded cells may differ from the one they stand for."""


def cells_of_margins(
    *,
    n: ArrayLike,
    n1: ArrayLike,
    events: ArrayLike,
    odds_ratio: ArrayLike | None = None,
    risk_ratio: ArrayLike | None = None,
    phi: ArrayLike | None = None,
    yule_q: ArrayLike | None = None,
    yule_y: ArrayLike | None = None,
    chi2: ArrayLike | None = None,
    p: ArrayLike | None = None,
    sign: ArrayLike | None = None,
    yates: bool = False,
    rounded: bool = True,
) -> tuple[Array, Array, Array, Array]:
    """Cells of a table whose margins are known, with one measure of its association.

    With a for the first cell, n1 and n2 people and e events in all: an odds ratio w solves w (n1 - a)(e - a) = a (n2 -
    e + a), and Q = (w - 1) / (w + 1), Y = (sqrt(w) - 1) / (sqrt(w) + 1); a risk ratio R gives a = R n1 e / (n2 + R n1);
    phi gives a = (n1 e + phi sqrt(n1 n2 e (n - e))) / n; chi-squared is n phi^2, with its sign asked for, and with
    Yates' correction n (|a d - b c| - n/2)^2 / (n1 n2 e (n - e)); p is that of chi-squared with one degree of freedom.

    Parameters
    ----------
    n, n1, events : array_like
        All people, people of the first group, all events.
    odds_ratio, risk_ratio, phi, yule_q, yule_y, chi2, p : array_like, optional
        One of them; the risk ratio is that of the first group to the second.
    sign : array_like, optional
        1 or -1 with `chi2` and `p`, which tell no direction.
    yates : bool
        Whether `chi2`, or the one behind `p`, was corrected for continuity.
    rounded : bool
        Whether cells are rounded to whole numbers.

    Returns
    -------
    a, b, c, d : ndarray
        Whole numbers, the nearest ones; fractions with ``rounded=False``.

    Raises
    ------
    InputError
        For none or several measures, margins that exceed n, and a measure that these margins do not allow.

    Warns
    -----
    PoolwiseWarning
        Where the rounded cells have another odds ratio than the one given, by half a standard error or because one is
        empty: whole people with these margins cannot have it.

    Notes
    -----
    No correction for continuity by default, since Pearson's own statistic has none; many programs print the corrected
    one for two-by-two tables, and reports seldom say which. A corrected chi-squared of 0 leaves open which table it is:
    it may be any within half a person of independence.

    References
    ----------
    Fleiss, Levin & Paik 2003, Statistical Methods for Rates and Proportions, chapter 3, 10.1002/0471445428; Bonett
    2007, American Psychologist 62:254, for the odds ratio, 10.1037/0003-066x.62.3.254.

    Examples
    --------
    >>> [int(cell) for cell in cells_of_margins(n=87, n1=42, events=32, odds_ratio=0.5)]
    [12, 30, 20, 25]
    """
    measures = {"odds_ratio": odds_ratio, "risk_ratio": risk_ratio, "phi": phi, "yule_q": yule_q, "yule_y": yule_y}
    given = {name: value for name, value in (measures | {"chi2": chi2, "p": p}).items() if value is not None}
    if len(given) != 1:
        told = ", ".join(given) or "no measure"
        raise InputError(f"cells_of_margins has {told}", f"one of {', '.join(_WAYS)}")
    check_flag("yates", yates, error=InputError)
    check_flag("rounded", rounded, error=InputError)
    handed = {"n": n, "n1": n1, "events": events, "sign": sign} | given
    there = in_one_order(_TABLE, {name: values for name, values in handed.items() if values is not None})
    sign = there.get("sign")
    size = {"n": (there["n"], PEOPLE), "n1": (there["n1"], PEOPLE), "events": (there["events"], _EVENTS)}
    n, n1, e = np.broadcast_arrays(*read(_TABLE, size))
    refuse(_TABLE, (n1 >= n) | (e > n), "a margin exceeds n", "n1 below n, events up to n")
    (name,) = given
    (measure,) = read(_TABLE, {name: (there[name], _WAYS[name][0])})
    if sign is not None and name not in ("chi2", "p"):
        refuse_direction(_TABLE, sign, measure - (1.0 if name.endswith("_ratio") else 0.0), name)
    if name in ("chi2", "p"):
        measure = _phi_of_test(n, n1, e, measure if name == "chi2" else _chi2(measure), sign, yates)
    a = _WAYS[name][1](n, n1, e, measure)
    low, high = np.maximum(0.0, n1 + e - n), np.minimum(n1, e)
    outside = (a < low - ROUNDED) | (a > high + ROUNDED)
    refuse(_TABLE, outside, f"{name} is impossible with these margins", "margins and measure of one table")
    a = np.clip(a, low, high)
    cells = (a, n1 - a, e - a, n - n1 - e + a)
    if not rounded:
        return cells
    cells = whole_cells(*cells)
    if name == "odds_ratio" and (odd := off_table(cells, measure)).any():
        told = listing(f"{value:g}" for value in np.atleast_1d(measure)[np.atleast_1d(odd)])
        warn(f"no table of whole people with these margins has the odds ratio {told}; the nearest table is returned")
    return cells


def whole_cells(a: Array, b: Array, c: Array, d: Array) -> tuple[Array, Array, Array, Array]:
    """The nearest table of whole people with the same margins."""
    n1, e, n2 = np.round(a + b), np.round(a + c), np.round(c + d)
    a = np.clip(np.round(a), np.maximum(0.0, e - n2), np.minimum(n1, e))
    return a, n1 - a, e - a, n2 - e + a


def off_table(cells: tuple[Array, Array, Array, Array], ratio: Array) -> NDArray[np.bool_]:
    """Whether whole cells have another odds ratio than the one they stand for: by half a standard error, or at a rim.

    With a margin that is empty there is no odds ratio, and nothing to be told apart.
    """
    a, b, c, d = cells
    some = np.minimum.reduce([a + b, c + d, a + c, b + d]) > 0.0
    empty = np.minimum.reduce(cells) == 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(np.log(a * d / (b * c)) - np.log(ratio)) > TOLD_APART * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return np.asarray(some & (empty | apart))


def _of_odds(n: Array, n1: Array, e: Array, ratio: Array) -> Array:
    """The root of (1 - w) a^2 + (n - n1 - e + w (n1 + e)) a - w n1 e = 0 within the margins, stable at w = 1."""
    b, c = n - n1 - e + ratio * (n1 + e), ratio * n1 * e
    root = np.sqrt(np.maximum(b**2 + 4.0 * (1.0 - ratio) * c, 0.0))
    whole_line = np.where(b + root > 0.0, b + root, np.nan)
    return np.where(c == 0.0, 0.0, 2.0 * c / whole_line)


def _of_risk(n: Array, n1: Array, e: Array, ratio: Array) -> Array:
    return ratio * n1 * e / (n - n1 + ratio * n1)


def _of_phi(n: Array, n1: Array, e: Array, phi: Array) -> Array:
    return np.asarray((n1 * e + phi * _spread(n, n1, e)) / n)


def _of_q(n: Array, n1: Array, e: Array, q: Array) -> Array:
    low, high = np.maximum(0.0, n1 + e - n), np.minimum(n1, e)
    inside = np.where(np.abs(q) < 1.0, q, 0.0)
    return np.where(np.abs(q) < 1.0, _of_odds(n, n1, e, (1.0 + inside) / (1.0 - inside)), np.where(q > 0.0, high, low))


def _of_y(n: Array, n1: Array, e: Array, y: Array) -> Array:
    return _of_q(n, n1, e, 2.0 * y / (1.0 + y**2))


def _spread(n: Array, n1: Array, e: Array) -> Array:
    return np.sqrt(n1 * (n - n1) * e * (n - e))


def _chi2(p: Array) -> Array:
    """Chi-squared with one degree of freedom of its p-value."""
    return special.ndtri(p / 2.0) ** 2


def _phi_of_test(n: Array, n1: Array, e: Array, chi2: Array, sign: ArrayLike | None, yates: bool) -> Array:
    if sign is None:
        raise InputError("chi2 tells no direction", "sign=1 or sign=-1, the direction of the association")
    (direction,) = read(_TABLE, {"sign": (sign, SIGN)})
    spread = _spread(n, n1, e)
    more = (n / 2.0) / np.where(spread > 0.0, spread, np.inf) if yates else 0.0
    return direction * (np.sqrt(chi2 / n) + more)


_TABLE = "2 x 2 table"
_WAYS: dict[str, tuple[Domain, Callable[[Array, Array, Array, Array], Array]]] = {
    "odds_ratio": (_RATIO, _of_odds),
    "risk_ratio": (_RATIO, _of_risk),
    "phi": (_ASSOCIATION, _of_phi),
    "yule_q": (_ASSOCIATION, _of_q),
    "yule_y": (_ASSOCIATION, _of_y),
    "chi2": (NOT_NEGATIVE, _of_phi),
    "p": (P_VALUE, _of_phi),
}
"""What each measure can be, and the first cell of it; a test is made a phi before."""
