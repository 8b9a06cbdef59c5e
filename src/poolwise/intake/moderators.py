"""What a table's moderators look like before any regression asks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.errors import listing
from poolwise.intake.cells import Array, Remark, Rows
from poolwise.intake.remarks import code_words, missing_codes
from poolwise.intake.rows import ADJUSTED, ARMS, EVENTS, KEY_COLUMNS, ONE_ARM, TOTALS

UNREAD = frozenset((*KEY_COLUMNS, *EVENTS, *TOTALS, *ONE_ARM, *ARMS, ADJUSTED))
ALIAS_TOLERANCE = 1e-8  # of a column's own length, after the mean is taken out


def moderator_remarks(moderators: pd.DataFrame, rows: Rows) -> tuple[Remark, ...]:
    """Moderators that a regression will refuse, or that say little.

    A table may carry columns that no model uses, so that what stops a regression is a warning here.

    Parameters
    ----------
    moderators : DataFrame
        k rows; columns that tell the effects of one study apart, counts, sizes of groups and whether an estimate is
        adjusted are not looked at.
    rows : Rows
        What the rows are called in messages.

    Returns
    -------
    tuple of Remark
        Missing values, constants and columns that determine each other with a warning; levels with one study and
        as many coefficients as studies without: most tables hold more columns than any one regression takes.
    """
    columns = {name: column for name, column in moderators.items() if name not in UNREAD}
    k = len(moderators)
    if not columns or not k:
        return ()
    remarks: list[Remark] = []
    numbers: dict[str, Array] = {}
    lone: list[str] = []
    coefficients = 1
    for name, column in columns.items():
        gaps = _gaps(column)
        missing = bool(gaps.any())
        numeric = column.dtype.kind in "biuf" or pd.api.types.is_numeric_dtype(column)
        values = column.to_numpy(dtype=float, na_value=np.nan) if numeric else None
        remarks += _unusable(str(name), gaps, values, rows)
        count = {} if values is not None else _levels(column, gaps)
        alike = (values == values[0]).all() if values is not None else sum(map(bool, count.values())) == 1
        if k > 1 and alike and not missing and column.nunique() == 1:  # large whole numbers differ, floats may not
            told = f"the moderator '{name}' is {column.tolist()[0]!r} for all studies and can explain no differences"
            remarks.append(Remark(told))
        elif values is not None:
            coefficients += 1
            if not missing:
                numbers[str(name)] = values
        else:
            coefficients += len(count) - 1
            lone += [f"{name}[{level}]" for level, often in count.items() if often == 1] if len(count) < k else []
    remarks += _determined(numbers)
    if lone:
        remarks.append(Remark(f"levels of moderators with one study: {listing(lone)}", warn=False))
    if coefficients >= k > 2:
        told = f"all moderators together take {coefficients} coefficients and there are {k} studies"
        remarks.append(Remark(f"{told}; a regression needs fewer, best ten studies for each", warn=False))
    return tuple(remarks)


def _unusable(name: str, gaps: NDArray[np.bool_], values: Array | None, rows: Rows) -> list[Remark]:
    """Remarks on missing and infinite values, and on codes for missing ones."""
    remarks = []
    if gaps.any():
        told = f"the moderator '{name}' is missing for {rows.names(gaps)}"
        remarks.append(Remark(f"{told}; a regression on it needs every value, or missing='model'"))
    if values is not None and (endless := np.isinf(values)).any():
        remarks.append(
            Remark(f"the moderator '{name}' is infinite for {rows.names(endless)}; no regression can use it")
        )
    if values is not None and (codes := missing_codes(values)).any():
        remarks.append(Remark(f"the moderator '{name}' is {code_words(values, codes, rows)}"))
    return remarks


def _gaps(column: pd.Series) -> NDArray[np.bool_]:
    """Where a column misses a value, shape (k,)."""
    if column.dtype.kind in "biu" and isinstance(column.dtype, np.dtype):
        return np.zeros(len(column), dtype=bool)
    return column.isna().to_numpy(dtype=bool)


def _levels(column: pd.Series, gaps: NDArray[np.bool_]) -> Mapping[Hashable, int]:
    """How often each level occurs; declared levels that no study has are among them, with 0."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return dict(column.value_counts().items())
    return Counter(cell for cell, missing in zip(column.tolist(), gaps.tolist(), strict=True) if not missing)


def _determined(numbers: dict[str, Array]) -> list[Remark]:
    k = len(next(iter(numbers.values()), ()))
    if len(numbers) < 2 or k <= len(numbers) + 1 or not all(np.isfinite(x).all() for x in numbers.values()):
        return []
    names = ("intercept", *numbers)
    found = aliased(np.column_stack([np.ones(k), *numbers.values()]), names, constant=True)
    if not found:
        return []
    told = "; ".join(f"'{name}' by {both(others)}" for name, others in found.items())
    return [Remark(f"moderators are determined by others, and no regression can hold both: {told}")]


def both(names: Sequence[str]) -> str:
    """Names of columns as a sentence names several: ``'a' and 'b'``."""
    return " and ".join(f"'{name}'" for name in names)


def aliased(X: Array, names: Sequence[str], *, constant: bool) -> dict[str, list[str]]:
    """Columns that are linear combinations of columns before them, each with those columns.

    Parameters
    ----------
    X : ndarray
        A design matrix, shape (k, p).
    names : sequence of str
        Its columns.
    constant : bool
        Whether the first column is the intercept.

    Returns
    -------
    dict of str to list of str
        Empty when the columns are linearly independent.
    """
    deviations = X - X.mean(axis=0) if constant else X
    kept: list[int] = []
    found: dict[str, list[str]] = {}
    for place in range(int(constant), X.shape[1]):
        length = float(np.linalg.norm(deviations[:, place]))
        if length <= ALIAS_TOLERANCE * float(np.linalg.norm(X[:, place])):
            found[names[place]] = [names[0]]
            continue
        column, before = deviations[:, place] / length, deviations[:, kept]
        before = before / np.linalg.norm(before, axis=0)
        share, *_ = np.linalg.lstsq(before, column, rcond=None)
        if np.linalg.norm(column - before @ share) > ALIAS_TOLERANCE:
            kept.append(place)
        else:
            used = np.abs(share) > 1e-6
            found[names[place]] = [names[other] for other, uses in zip(kept, used, strict=True) if uses]
    return found
