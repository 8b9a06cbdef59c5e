"""Rules that make one row of several results of one sample: named, logged, and never silent about a correlation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, final

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError
from poolwise.settings import as_number, check_option

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """The results of one sample on one outcome.

    Attributes
    ----------
    y, se, n : ndarray
        Shape (m,); n is NaN where unknown.
    report : tuple of str
        Length m.
    """

    y: Array
    se: Array
    n: Array
    report: tuple[str, ...]


@dataclass(frozen=True)
class Single:
    """What a rule makes of them.

    Attributes
    ----------
    y, se, n : float
    used : tuple of int
        Places of the results that count.
    words : str
        What was done, for the log.
    """

    y: float
    se: float
    n: float
    used: tuple[int, ...]
    words: str


class Rule(Protocol):
    """A rule for dependent results."""

    def of(self, rows: Rows) -> Single:
        """One result of several."""


def correlation(r: float) -> float:
    """The correlation between results of one sample, checked to lie in [0, 1).

    Raises
    ------
    InputError
        When it does not.
    """
    value = as_number(r)
    if not 0.0 <= value < 1.0:
        raise InputError(
            f"r = {r!r} as the correlation between results of one sample", "a number from 0 to below 1", "r=0.7"
        )
    return value


@final
@dataclass(frozen=True)
class Average:
    """The mean of the results, y = sum y_i / m, se^2 = sum_ij r_ij se_i se_j / m^2 with r_ij = r, r_ii = 1.

    Parameters
    ----------
    r : float
        Correlation between the sampling errors of results of one sample, from 0 to below 1. It has no default: 0 makes
        the mean look too precise, 1 as if nothing were learned from more than one.

    Raises
    ------
    InputError
        For an r outside [0, 1).

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 24, 10.1002/9780470743386.

    Examples
    --------
    >>> rows = Rows(np.array([0.2, 0.4]), np.array([0.1, 0.1]), np.array([50.0, 50.0]), ("A", "A"))
    >>> round(Average(r=0.5).of(rows).se, 4)
    0.0866
    """

    r: float

    def __post_init__(self) -> None:
        correlation(self.r)

    def of(self, rows: Rows) -> Single:
        """The mean of the results."""
        m = len(rows.y)
        independent = (rows.se**2).sum()
        variance = (independent + self.r * (rows.se.sum() ** 2 - independent)) / m**2
        n = float(np.nanmax(rows.n)) if np.isfinite(rows.n).any() else np.nan
        words = f"mean of {m} results with r = {self.r:g} between them"
        return Single(float(rows.y.mean()), float(np.sqrt(variance)), n, tuple(range(m)), words)


type Criterion = Literal["largest sample", "first report"]


@final
@dataclass(frozen=True)
class Chosen:
    """The results that come first by a criterion; their mean where several do.

    Parameters
    ----------
    r : float
        Correlation for that mean, as for `Average`.
    by : {"largest sample", "first report"}
        The criterion: the size of the sample, or the order of the reports in the protocol.

    Raises
    ------
    InputError
        For an r outside [0, 1), another criterion.

    References
    ----------
    Higgins et al. 2023, Cochrane Handbook for Systematic Reviews of Interventions, section 5.2.1, on several reports.
    """

    r: float
    by: Criterion

    def __post_init__(self) -> None:
        correlation(self.r)
        check_option("by", self.by, tuple(_CHOSEN), error=InputError)

    def of(self, rows: Rows) -> Single:
        """The results that were chosen, as one."""
        chosen, words = _CHOSEN[self.by](rows)
        return _of_some(rows, chosen, self.r, words)


def _largest(rows: Rows) -> tuple[NDArray[np.bool_], str]:
    if not np.isfinite(rows.n).any():
        raise InputError(f"the sizes of {', '.join(dict.fromkeys(rows.report))} are unknown", "n, for the largest")
    most = np.nanmax(rows.n)
    return rows.n == most, f"largest sample, n = {most:g}"


def _first(rows: Rows) -> tuple[NDArray[np.bool_], str]:
    return np.array([report == rows.report[0] for report in rows.report]), f"first report, {rows.report[0]}"


_CHOSEN: dict[str, Callable[[Rows], tuple[NDArray[np.bool_], str]]] = {
    "largest sample": _largest,
    "first report": _first,
}


def Largest(r: float) -> Chosen:  # noqa: N802 (the name of a rule, as `Average` is)
    """The result with the largest sample; the mean of them where several are of one size.

    Parameters
    ----------
    r : float
        Correlation for that mean, as for `Average`.

    Returns
    -------
    Chosen

    References
    ----------
    Higgins et al. 2023, Cochrane Handbook for Systematic Reviews of Interventions, section 5.2.1, on several reports.
    """
    return Chosen(r, "largest sample")


def FirstReport(r: float) -> Chosen:  # noqa: N802 (the name of a rule, as `Average` is)
    """The results of the report that comes first in the protocol; their mean where it has several.

    Parameters
    ----------
    r : float
        Correlation for that mean, as for `Average`.

    Returns
    -------
    Chosen

    References
    ----------
    Higgins et al. 2023, Cochrane Handbook for Systematic Reviews of Interventions, section 5.2.1, on several reports.
    """
    return Chosen(r, "first report")


def _of_some(rows: Rows, chosen: NDArray[np.bool_], r: float, words: str) -> Single:
    """The mean of the rows that were chosen, or the only one of them; its places are those of all rows."""
    places = np.flatnonzero(chosen)
    part = Rows(rows.y[places], rows.se[places], rows.n[places], tuple(rows.report[place] for place in places))
    mean = Average(r).of(part)
    told = f"{words}; {mean.words}" if len(places) > 1 else f"{words}; others left out"
    return Single(mean.y, mean.se, mean.n, tuple(places.tolist()), told)
