"""Agreement of coders: kappa, weighted kappa and the intraclass correlation, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from poolwise import show
from poolwise.errors import InputError, described, listing, nearest
from poolwise.settings import check_option, check_prob

Array = NDArray[np.float64]

KINDS = ("nominal", "ordinal", "interval")
WEIGHTS = ("linear", "quadratic")


@dataclass(frozen=True)
class Agreement:
    """Agreement of coders on one field.

    Attributes
    ----------
    statistic : str
        ``"kappa"``, ``"weighted kappa"`` or ``"ICC(A,1)"``.
    point, lower, upper : float
        The coefficient and its confidence interval; NaN where all codes are one and the same.
    prob : float
        Probability of the interval.
    same : float
        Share of the units that were coded alike.
    units : int
        Units that both coded.
    """

    statistic: str
    point: float
    lower: float
    upper: float
    prob: float
    same: float
    units: int

    def __repr__(self) -> str:
        """One line: the coefficient with its interval, units, and how many were coded alike."""
        limits = show.interval(self.lower, self.upper)
        told = f"{show.number(self.point)}, {show.level(self.prob)} confidence {limits}"
        none = "none, since all codes are one and the same"
        return (
            f"<Agreement: {self.statistic} {none if math.isnan(self.point) else told}; "
            f"{show.percent(self.same)} of {self.units} units coded alike>"
        )


def agreement(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    key: str,
    fields: Sequence[str] | None = None,
    kind: str | dict[str, str] = "nominal",
    weights: str = "quadratic",
    prob: float = 0.95,
) -> pd.DataFrame:
    """How far two coders agree, field by field, on the units that both coded.

    Parameters
    ----------
    first, second : DataFrame
        One row for each unit.
    key : str
        Column that names the unit.
    fields : sequence of str, optional
        Columns to compare; all that both have when left out.
    kind : str or dict
        ``"nominal"`` (Cohen's kappa), ``"ordinal"`` (weighted kappa over the sorted codes) or ``"interval"`` (ICC), for
        all fields or by field.
    weights : str
        ``"linear"`` or ``"quadratic"``, of ordinal codes.
    prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        One row for each field: field, statistic, point, lower, upper, prob, same, units, and the units coded otherwise.

    Raises
    ------
    InputError
        For a column that is missing, a unit that occurs twice, and fewer than two units that both coded.

    Notes
    -----
    Kappa and the share of units coded alike stand side by side, since kappa is low where nearly all codes are one.

    References
    ----------
    Cohen 1960, Educational and Psychological Measurement 20:37, 10.1177/001316446002000104; Cohen 1968, Psychological
    Bulletin 70:213, 10.1037/h0026256; McGraw & Wong 1996, Psychological Methods 1:30, 10.1037/1082-989X.1.1.30.
    """
    check_prob(prob)
    check_option("weights", weights, WEIGHTS, error=InputError)
    a, b = (_keyed(frame, key, word) for frame, word in ((first, "first"), (second, "second")))
    units = a.index.intersection(b.index)
    if len(units) < 2:
        raise InputError(f"{len(units)} units were coded by both", "at least two", f"the same names in '{key}'")
    names = list(fields) if fields is not None else [name for name in a.columns if name in b.columns]
    rows = []
    for name in names:
        if name not in a.columns or name not in b.columns:
            raise InputError(f"no column '{name}' for both coders", advice=nearest(name, a.columns))
        own = kind if isinstance(kind, str) else kind.get(name, "nominal")
        check_option("kind", own, KINDS, error=InputError)
        one, two = a.loc[units, name], b.loc[units, name]
        both = (one.notna() & two.notna()).to_numpy()
        found = _of_field(one[both], two[both], own, weights, prob)
        apart = [str(unit) for unit, x, y in zip(units[both], one[both], two[both], strict=True) if x != y]
        rows.append({"field": name, **vars(found), "apart": listing(apart)})
    return pd.DataFrame(rows)


def kappa(table: Array, weight: Array, prob: float) -> tuple[float, float, float]:
    """Weighted kappa of a table of counts, with the confidence interval of its large-sample standard error.

    kappa = (p_o - p_e) / (1 - p_e) with p_o = sum w_ij p_ij and p_e = sum w_ij p_i. p_.j; and with the mean weights u_i
    = sum_j p_.j w_ij and t_j = sum_i p_i. w_ij

    n (1 - p_e)^2 se^2 = sum p_ij (w_ij - (u_i + t_j)(1 - kappa))^2 - (kappa - p_e (1 - kappa))^2.

    Parameters
    ----------
    table : ndarray
        Counts, shape (c, c): the first coder's codes by the second's.
    weight : ndarray
        Agreement weights, 1 on the diagonal, shape (c, c).
    prob : float

    Returns
    -------
    point, lower, upper : float
        NaN where chance alone would agree wholly.

    References
    ----------
    Fleiss, Cohen & Everitt 1969, Psychological Bulletin 72:323, equation 9 with the weights of the paper,
    10.1037/h0028106.
    """
    n = table.sum()
    p = table / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    chance = float((weight * np.outer(rows, columns)).sum())
    if chance >= 1.0:
        return np.nan, np.nan, np.nan
    point = (float((weight * p).sum()) - chance) / (1.0 - chance)
    means = (weight @ columns)[:, None] + (rows @ weight)[None, :]
    spread = (p * (weight - means * (1.0 - point)) ** 2).sum() - (point - chance * (1.0 - point)) ** 2
    half = special.ndtri((1.0 + prob) / 2.0) * np.sqrt(max(float(spread), 0.0) / n) / (1.0 - chance)
    return point, max(point - half, -1.0), min(point + half, 1.0)


def intraclass_correlation(scores: Array, prob: float) -> tuple[float, float, float]:
    """ICC(A,1): absolute agreement of single scores where units and coders are random, with its interval.

    With the mean squares of units R, coders C and the rest E of n units by k coders, (R - E) / (R + (k - 1) E + k (C -
    E) / n); the interval is McGraw and Wong's, with Satterthwaite's degrees of freedom.

    Parameters
    ----------
    scores : ndarray
        Shape (n, k).
    prob : float

    Returns
    -------
    point, lower, upper : float

    References
    ----------
    McGraw & Wong 1996, Psychological Methods 1:30, table 7, 10.1037/1082-989X.1.1.30; Shrout & Fleiss 1979,
    Psychological Bulletin 86:420, 10.1037/0033-2909.86.2.420.
    """
    n, k = scores.shape
    grand = scores.mean()
    units = k * ((scores.mean(axis=1) - grand) ** 2).sum() / (n - 1)
    coders = n * ((scores.mean(axis=0) - grand) ** 2).sum() / (k - 1)
    total = ((scores - grand) ** 2).sum()
    rest = (total - (n - 1) * units - (k - 1) * coders) / ((n - 1) * (k - 1))
    below = units + (k - 1) * rest + k * (coders - rest) / n
    if below <= 0.0:
        return np.nan, np.nan, np.nan
    point = float((units - rest) / below)
    if point >= 1.0:
        return 1.0, 1.0, 1.0
    a = k * point / (n * (1.0 - point))
    b = 1.0 + k * point * (n - 1) / (n * (1.0 - point))
    df = (a * coders + b * rest) ** 2 / ((a * coders) ** 2 / (k - 1) + (b * rest) ** 2 / ((n - 1) * (k - 1)))
    tail = (1.0 + prob) / 2.0
    low, high = special.fdtri(n - 1, df, tail), special.fdtri(df, n - 1, tail)
    mixed = k * coders + (k * n - k - n) * rest
    lower = n * (units - low * rest) / (low * mixed + n * units)
    return point, float(lower), float(n * (high * units - rest) / (mixed + n * high * units))


def _keyed(frame: pd.DataFrame, key: str, which: str) -> pd.DataFrame:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"the {which} coder's table is {described(frame)}", "a DataFrame, one row for each unit")
    if key not in frame.columns:
        raise InputError(f"the {which} coder's table has no column '{key}'", advice=nearest(key, frame.columns))
    twice = frame[key][frame[key].duplicated()].tolist()
    if twice:
        raise InputError(f"the {which} coder has {listing(twice)} twice in '{key}'", "one row for each unit")
    return frame.set_index(key)


def _of_field(one: pd.Series, two: pd.Series, kind: str, weights: str, prob: float) -> Agreement:
    same = float((one.to_numpy() == two.to_numpy()).mean()) if len(one) else np.nan
    if kind == "interval":
        scores = np.column_stack([one.astype(float), two.astype(float)])
        values = intraclass_correlation(scores, prob) if len(one) > 1 else (np.nan,) * 3
        return Agreement("ICC(A,1)", *values, prob, same, len(one))
    codes = sorted({*one, *two}, key=_sortable)
    place = {code: number for number, code in enumerate(codes)}
    table = np.zeros((len(codes), len(codes)))
    for x, y in zip(one, two, strict=True):
        table[place[x], place[y]] += 1.0
    name = "weighted kappa" if kind == "ordinal" else "kappa"
    values = kappa(table, _weight(len(codes), kind, weights), prob) if len(one) else (np.nan,) * 3
    return Agreement(name, *values, prob, same, len(one))


def _weight(codes: int, kind: str, weights: str) -> Array:
    if kind == "nominal" or codes < 2:
        return np.eye(codes)
    apart = np.abs(np.subtract.outer(np.arange(codes), np.arange(codes))) / (codes - 1)
    return 1.0 - (apart if weights == "linear" else apart**2)


def _sortable(code: object) -> tuple[int, float, str]:
    """Numbers by size, then text."""
    return (0, float(code), "") if isinstance(code, int | float) else (1, 0.0, str(code))
