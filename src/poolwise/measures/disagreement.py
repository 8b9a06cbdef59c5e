"""Whether two ways from what a row reports to one measure agree, as far as rounded figures allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError
from poolwise.measures.estimate import Estimate

Array = NDArray[np.float64]
type Columns = Mapping[str, Array]

EXACT = frozenset({"n1", "n2", "n", "a", "b", "c", "events1", "events2", "events", "sign", "predictors", "items"})
"""Statistics that are not rounded, and that two ways may share without telling the same of the effect."""
CONVERTED = 0.5
"""Share of the standard error by which a conversion between measures may move an estimate: it is an approximation."""
NEGLIGIBLE = 0.05
"""Share of the standard error below which a difference is of no account."""
INFORMATION = 0.2
"""Share by which the information, 1 / v, may differ between two reports of the uncertainty of one estimate."""
_MOST_DECIMALS = 12


@dataclass(frozen=True, eq=False)
class Answers:
    """What one way gives for the rows that allow it.

    Attributes
    ----------
    needs : tuple of str
        Statistics that it starts from.
    conversions : int
        Conversions between measures on the way.
    rows : ndarray of int
        Rows of the table, shape (m,).
    y, v : ndarray
        Estimates and variances, shape (m,), NaN where there is none.
    words : tuple of str
        The way with its figures, by row.
    compute : callable
        From columns of these rows to the target.
    """

    needs: tuple[str, ...]
    conversions: int
    rows: NDArray[np.intp]
    y: Array
    v: Array
    words: tuple[str, ...]
    compute: Callable[[Columns], Estimate]


def doubts(answers: Sequence[Answers], taken: NDArray[np.intp], columns: Columns) -> dict[int, str]:
    """Rows of which two ways tell different things: of the effect, or of its uncertainty.

    Two estimates agree when they differ by no more than moving each printed figure by half a unit of its last digit
    would move them, as far as independent errors add up (a twentieth of the standard error is of no account; half of it
    after a conversion between measures, which is an approximation). Of one estimate with two reports of its
    uncertainty, 1 / v may differ by a fifth.

    Parameters
    ----------
    answers : sequence of Answers
        In the order in which ways are taken.
    taken : ndarray of int
        Which of them each row took, shape (k,); -1 for none.
    columns : mapping of str to ndarray
        Statistics by name, shape (k,); `derived` is 1 for rows whose statistics were computed from others, whose
        rounding is not known.

    Returns
    -------
    dict of int to str
        A sentence by row.
    """
    found: dict[int, str] = {}
    for place, other in enumerate(answers):
        for first in set(taken[other.rows].tolist()) - {place, -1}:
            own = answers[first]
            both = other.rows[(taken[other.rows] == first) & np.isfinite(other.y)]
            for row, words in _compared(own, other, both, columns):
                found[row] = f"{found[row]}; {words}" if row in found else words
    return found


def _compared(first: Answers, other: Answers, rows: NDArray[np.intp], columns: Columns) -> list[tuple[int, str]]:
    """Sentences on the rows of both ways on which they do not agree."""
    if not len(rows):
        return []
    a, b = np.searchsorted(first.rows, rows), np.searchsorted(other.rows, rows)
    y, v, y_other, v_other = first.y[a], first.v[a], other.y[b], other.v[b]
    (dy, de), (dy_other, de_other) = (_rounding(part, rows, columns) for part in (first, other))
    loose = np.full(len(rows), bool(first.conversions or other.conversions))
    loose |= np.nan_to_num(columns.get("derived", np.zeros(int(rows.max()) + 1))[rows]) > 0.0
    if set(first.needs) & set(other.needs) - EXACT:
        with np.errstate(divide="ignore", invalid="ignore"):  # a variance of 0 is refused where the table is checked
            ratio = np.abs(np.log(v / v_other))
            rounded = 2.0 * (de / np.sqrt(v) + de_other / np.sqrt(v_other))
        wrong = (ratio > np.log1p(INFORMATION) + rounded) & ~loose
        answers = [f"se = {se:.3g} and {se_other:.3g}" for se, se_other in np.sqrt(np.column_stack([v, v_other]))]
    else:
        share = np.where(loose, CONVERTED, NEGLIGIBLE)
        wrong = np.abs(y - y_other) > dy + dy_other + share * np.sqrt(np.minimum(v, v_other))
        answers = [f"y = {one:.3g} and {two:.3g}" for one, two in zip(y, y_other, strict=True)]
    places = np.flatnonzero(wrong).tolist()
    return [(int(rows[i]), f"{first.words[a[i]]}, and {other.words[b[i]]}: {answers[i]}") for i in places]


def _rounding(answers: Answers, rows: NDArray[np.intp], columns: Columns) -> tuple[Array, Array]:
    """How far the rounding of its figures may move an estimate and its standard error, at most."""
    part = {name: values[rows] for name, values in columns.items()}
    here = np.searchsorted(answers.rows, rows)
    y, se = answers.y[here], np.sqrt(answers.v[here])
    dy, de = np.zeros(len(rows)), np.zeros(len(rows))
    for name in (name for name in answers.needs if name not in EXACT):
        step = 0.5 * 10.0 ** -_decimals(columns[name])
        up, down = (_moved(answers, part, name, sign * step) for sign in (1.0, -1.0))
        moved = [found for found in (up, down) if found is not None]
        dy += np.max([0.0 * y, *(np.nan_to_num(found.y - y) ** 2 for found in moved)], axis=0)
        de += np.max([0.0 * y, *(np.nan_to_num(np.sqrt(found.v) - se) ** 2 for found in moved)], axis=0)
    return np.sqrt(dy), np.sqrt(de)


def _moved(answers: Answers, part: Columns, name: str, step: float) -> Estimate | None:
    """What the way gives for figures that are moved; None where they cannot be."""
    try:
        return answers.compute({**part, name: part[name] + step})
    except InputError:
        return None


def _decimals(values: Array) -> int:
    """The most decimals that a figure of a column is printed with; one at least, as 11.0 is 11 among numbers."""
    known = np.unique(values[np.isfinite(values)])
    texts = [f"{value:.{_MOST_DECIMALS}f}".rstrip("0").partition(".")[2] for value in known.tolist()]
    return max(1, *map(len, texts))
