"""Cells into numbers and words: what cannot be read is an error that names the row."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import InputError, listing

Array = NDArray[np.float64]

MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", ".", "-", "--", "–", "—"})
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+")
FOOTNOTE_MARKS = "*†‡§¶#ᵃᵇᶜᵈᵉ"


@dataclass(frozen=True)
class Remark:
    """Something noticed in a table: kept in the notes, and warned of when `warn` is true."""

    sentence: str
    warn: bool = True


@dataclass(frozen=True)
class Rows:
    """Names of the rows as they were handed in, for messages.

    Attributes
    ----------
    labels : tuple of str
        Study labels; empty where none were given.
    order : tuple of int
        Place of each row among those handed in, from 0; empty when no row has been left out.
    """

    labels: tuple[str, ...] = ()
    order: tuple[int, ...] = ()

    def number(self, row: int) -> int:
        """The row's number as its author counts, from 1."""
        return (self.order[row] if self.order else row) + 1

    def name(self, row: int) -> str:
        """One row (counted from 0) as a message names it: ``'Smith 2010' (row 3)``."""
        if row < len(self.labels) and self.labels[row]:
            return f"'{self.labels[row]}' (row {self.number(row)})"
        return f"row {self.number(row)}"

    def kept(self, keep: NDArray[np.bool_]) -> Rows:
        """The names of the rows that are kept."""
        order = tuple(np.flatnonzero(keep).tolist())
        return Rows(tuple(self.labels[row] for row in order) if self.labels else (), order)

    def names(self, rows: ArrayLike) -> str:
        """Rows by index or by mask, as a list for a message."""
        chosen = np.asarray(rows)
        if chosen.dtype == bool:
            chosen = np.flatnonzero(chosen)
        return listing(self.name(int(row)) for row in chosen)


def numbers(values: Any, column: str, rows: Rows = Rows(), *, decimal: str = ".") -> tuple[Array, tuple[Remark, ...]]:
    """A column of numbers, and what was noticed on the way.

    Text is read as a number where that is beyond doubt (a Unicode minus, footnote marks).

    Parameters
    ----------
    values : array_like
        Cells: numbers, text, None.
    column : str
        What the column is called in messages.
    rows : Rows
        What its rows are called in messages.
    decimal : str
        The decimal mark in text, ``"."`` or ``","``.

    Returns
    -------
    values : ndarray
        Shape (k,), NaN where a cell is missing.
    remarks : tuple of Remark
        Which cells were read without their marks.

    Raises
    ------
    InputError
        For what is no column of numbers, and for text such as ``"<.001"`` or ``"ns"``, naming the row.

    Examples
    --------
    >>> numbers(["0.2", "−0.1*", "NA"], "y")[0].tolist()
    [0.2, -0.1, nan]
    """
    if isinstance(values, str | bytes | Mapping | set) or not np.iterable(values):
        raise InputError(f"{column} is {type(values).__name__} {values!r}", "one number for each study")
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(float), np.nan)
    try:
        raw = np.asarray(values if hasattr(values, "__array__") else list(values))
    except ValueError:
        raise InputError(f"{column} has rows of different lengths", "one number for each study") from None
    if raw.ndim != 1:
        raise InputError(f"{column} has the shape {raw.shape}", "one dimension: a number for each study")
    if raw.dtype.kind in "fiu":
        return raw.astype(float), ()
    if raw.dtype.kind not in "OUT":
        raise InputError(f"{column} holds {raw.dtype} values", "numbers")
    marked: list[int] = []
    result = np.empty(len(raw))
    cells = raw.tolist() if hasattr(values, "__array__") else list(values)
    for row, cell in enumerate(cells):
        result[row], clean = _number(cell, column, row, rows, decimal)
        if not clean:
            marked.append(row)
    if not marked:
        return result, ()
    read = listing(f"{cells[row]!r} as {result[row]:g} for {rows.name(row)}" for row in marked)
    return result, (Remark(f"{column} was read without its marks: {read}", warn=False),)


def _number(cell: object, column: str, row: int, rows: Rows, decimal: str) -> tuple[float, bool]:
    """One cell as a number, and whether it could be read as it stands."""
    if isinstance(cell, str):
        text = cell.strip().replace("−", "-").replace("\N{NO-BREAK SPACE}", "").rstrip(FOOTNOTE_MARKS + " ")
        if text.casefold() in MISSING:
            return math.nan, True
        plain = text.replace(",", ".") if decimal == "," and COMMA_NUMBER.fullmatch(text) else text
        if NUMBER.fullmatch(plain):
            return float(plain), text == cell.strip()
        if plain.casefold().lstrip("+-") in {"inf", "infinity"}:
            return float(plain), True
        raise InputError(f"{column} is {cell!r} for {rows.name(row)}", "a number", _cell_advice(text, decimal))
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return math.nan, True
    try:
        if not isinstance(cell, bool | np.bool_ | complex | bytes):
            return float(cell), True  # type: ignore[arg-type]
    except (TypeError, ValueError):
        pass
    raise InputError(f"{column} is {cell!r} for {rows.name(row)}", "a number")


def _cell_advice(text: str, decimal: str) -> str:
    if COMMA_NUMBER.fullmatch(text) and decimal != ",":
        return "a decimal point, or decimal=',' in Effects.from_frame if the comma is the decimal mark"
    if text[:1] in "<>≤≥":
        return "the number itself; a bound cannot be analysed"
    if text.endswith("%"):
        return "a fraction instead of a percentage"
    return "a corrected cell, or an empty one when the number is unknown"


def words(values: Sequence[object] | str | None, k: int, column: str, *, blank: str = "") -> tuple[str, ...]:
    """A column of words.

    Parameters
    ----------
    values : sequence, str or None
        One for each row, one for all rows, or none.
    k : int
        Number of rows.
    column : str
        What the column is called in messages.
    blank : str
        What stands where a cell is missing.

    Returns
    -------
    tuple of str
        Length k.

    Raises
    ------
    InputError
        For another number of entries than rows.
    """
    if values is None:
        return (blank,) * k
    if isinstance(values, str):
        return (values,) * k
    result = tuple(blank if missing(value) else text_of(value) for value in _items(values, column))
    if len(result) != k:
        raise InputError(f"{column} has {len(result)} entries and y has {k}", "one for each study")
    return result


def study_labels(values: Sequence[object] | None) -> tuple[tuple[str, ...], tuple[Remark, ...]]:
    """Study labels, and what was noticed.

    Parameters
    ----------
    values : sequence or None
        As handed in; anything but text becomes text.

    Returns
    -------
    labels : tuple of str
        ``""`` where one is missing; empty for None.
    remarks : tuple of Remark

    Raises
    ------
    InputError
        For one text instead of a sequence, or labels garbled by a wrong encoding.
    """
    if values is None:
        return (), ()
    given = list(_items(values, "study"))
    labels = tuple("" if missing(value) else text_of(value) for value in given)
    remarks = _label_remarks(given, labels) if labels != tuple(given) else ()
    for row, label in enumerate(labels):
        if not label.isascii():
            _check_encoding(label, row)
    return labels, remarks


def _label_remarks(given: list[object], labels: tuple[str, ...]) -> tuple[Remark, ...]:
    blank = [str(row + 1) for row, label in enumerate(labels) if not label]
    other = [str(row + 1) for row, v in enumerate(given) if labels[row] and not isinstance(v, str)]
    remarks = []
    if blank:
        remarks.append(
            Remark(f"no study label in row(s) {listing(blank)}; labelled 'study' and the row number", warn=False)
        )
    if other:
        remarks.append(Remark(f"study labels that are not text, in row(s) {listing(other)}, became text", warn=False))
    return tuple(remarks)


def _items(values: Iterable[object], column: str) -> Iterable[object]:
    if isinstance(values, str | bytes | Mapping) or not np.iterable(values):
        raise InputError(f"{column} is {type(values).__name__} {values!r}", "a sequence, one entry for each study")
    return values


def missing(value: object) -> bool:
    """Whether a cell holds nothing."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def text_of(value: object) -> str:
    """A cell as one line of text; 3.0 becomes ``"3"``."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return " ".join(text.split()) if any(mark in text for mark in "\n\r\t") else text


def _check_encoding(label: str, row: int) -> None:
    """Refuse a label that was written in UTF-8 and read as something else."""
    repaired = ""
    for encoding in ("cp1252", "latin-1"):
        try:
            repaired = label.encode(encoding).decode("utf-8")
            break
        except UnicodeError:
            continue
    if repaired or "\N{REPLACEMENT CHARACTER}" in label:
        meant = f", perhaps '{repaired}'" if repaired else ""
        raise InputError(
            f"the study label '{label}' (row {row + 1}) was garbled by a wrong encoding{meant}",
            "text read in the encoding in which it was written",
            "reading the file again with encoding='utf-8', or with encoding='cp1252' if that fails",
        )
