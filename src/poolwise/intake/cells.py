"""Cells into numbers: what cannot be read is an error that names the row."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import InputError, listing, shown
from poolwise.intake.alignment import arranged, order_of
from poolwise.intake.columns import ONE_EACH, Block, Cells, Labels, Table, column, is_date, is_table, labels_of, table
from poolwise.intake.labels import INVISIBLE, missing

Array = NDArray[np.float64]

MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", ".", "-", "--", "–", "—", "#n/a", "#na", "#nv", "#n/d"})
"""What stands in a cell without a number; the last are "not available" as spreadsheets write it in their languages."""
NOT_REPORTED = frozenset({
    "n.a.", "nr", "n.r.", "n/r", "nd", "n.d.", "n/d", "not reported", "not available", "not applicable", "not given",
    "not stated", "not estimable", "not known", "no data", "unknown", "unclear", "missing", "?", "..", "...",
    "k.a.", "keine angabe", "keine angaben", "nicht berichtet",
})  # fmt: skip
"""Words by which reviewers say that a number is missing; such a cell is read as empty, and told."""
NOT_SIGNIFICANT = re.compile(r"n\.?\s?s\.?|not sig(nificant|\.)?|non-?significant|>\s*\.05", re.IGNORECASE)
FORMULA_ERRORS = {
    "divided by zero": ("#div/0!",),
    "was given text where it needs a number": ("#value!", "#wert!", "#valeur!", "#valor!"),
    "points at a cell that is gone": ("#ref!", "#bezug!", "#¡ref!"),
    "has a name that the spreadsheet does not know": ("#name?", "#nom?", "#¿nombre?"),
    "has a number that it cannot use": ("#num!", "#zahl!", "#nombre!", "#¡num!"),
    "takes ranges that do not meet": ("#null!", "#nul!"),
}
"""What went wrong in a formula, with the words that spreadsheets leave in its cell: no number, nor one that lacks."""
AS_PRINTED = "the number that was printed: a spreadsheet makes dates of 1.3, 3/12 or 2-4; cells as text keep them"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}([.,]\d{3})+")  # as much a number of thousands as one with decimals
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([ \u00a0\u2009\u202f'’.,]\d{3})+([.,]\d+)?", re.ASCII)  # 1 000; 1.234,5
GAP = re.compile(r"[ \u00a0\u2009\u202f'’.,](?=\d{3}(?!\d))")
FULLWIDTH = {chr(code + 0xFEE0): chr(code) for code in map(ord, "0123456789.,+-%")}  # as Japanese keyboards write
MINUS = str.maketrans(FULLWIDTH | dict.fromkeys("−‒–﹣－", "-"))
MANY_TABLES = "shape (n, k), NaN where a table has fewer studies"
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
        rows = np.flatnonzero(keep).tolist()
        labels = tuple(self.labels[row] for row in rows) if self.labels else ()
        return Rows(labels, tuple(self.number(row) - 1 for row in rows))

    def names(self, rows: ArrayLike) -> str:
        """Rows by index or by mask, as a list for a message."""
        chosen = np.asarray(rows)
        if chosen.dtype == bool:
            chosen = np.flatnonzero(chosen)
        return listing(self.name(int(row)) for row in chosen)


def numbers(values: Any, what: str, rows: Rows = Rows(), *, decimal: str = ".") -> tuple[Array, tuple[Remark, ...]]:
    """A column of numbers, and what was noticed on the way.

    Text is read as a number where that is beyond doubt (a Unicode minus, footnote marks).

    Parameters
    ----------
    values : Column or array_like
        Cells: numbers, text, None.
    what : str
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
    own = column(values, what, "one number for each study")
    if isinstance(own.cells, np.ndarray):
        return own.cells.astype(float), ()
    kinds = set(map(type, own.cells))
    if kinds == {float}:
        return np.array(own.cells, dtype=float), ()
    if kinds <= _PLAIN:
        return np.array([_float(cell) for cell in own.cells], dtype=float), ()
    marked: list[int] = []
    result = np.empty(len(own))
    for row, cell in enumerate(own.cells):
        result[row], clean = _number(cell, what, row, rows, decimal)
        if not clean:
            marked.append(row)
    return result, marks(own.cells, result, marked, what, rows)


def marks(
    cells: Cells, values: Sequence[float] | Array, marked: Sequence[int], what: str, rows: Rows
) -> tuple[Remark, ...]:
    """What was read otherwise than as it stands: numbers with a mark, and words for a number that is missing.

    Parameters
    ----------
    cells : sequence
        As handed in.
    values : sequence of float
        As read, of the same length.
    marked : sequence of int
        The rows that are meant.
    what : str
        What the column is called.
    rows : Rows
        What its rows are called.

    Returns
    -------
    tuple of Remark
    """
    read = [f"{cells[row]!r} as {values[row]:g} for {rows.name(row)}" for row in marked if not math.isnan(values[row])]
    words = [f"{cells[row]!r} for {rows.name(row)}" for row in marked if math.isnan(values[row])]
    told = [f"{what} was read without its marks: {listing(read)}"] if read else []
    told += [f"{what} is {listing(words)}, which was read as missing"] if words else []
    return tuple(Remark(sentence, warn=False) for sentence in told)


_PLAIN = {float, int, np.float64, np.int64, type(None)}


def _float(cell: Any) -> float:
    try:
        return math.nan if cell is None else float(cell)
    except OverflowError:
        return math.inf if cell > 0 else -math.inf


def _number(cell: Any, what: str, row: int, rows: Rows, decimal: str) -> tuple[float, bool]:
    """One cell as a number, and whether it could be read as it stands."""
    value = number_of(cell, decimal)
    if value is not None:
        return value
    if isinstance(cell, list | tuple | np.ndarray) and np.iterable(cell):
        raise InputError(
            f"{what} holds {shown(cell)} in row {row + 1}, as if rows of different lengths or a matrix were meant",
            "one number for each study",
        )
    bare = bare_text(cell) if isinstance(cell, str) else ""
    told = f"{what} is {shown(cell)} for {rows.name(row)}"
    if decimal == "," and THOUSANDS.fullmatch(bare):
        raise InputError(
            f"{told}, ambiguous with the decimal mark ',': {bare.replace('.', '')} or {bare.replace('.', ',')}",
            "one decimal mark in the whole table",
            "decimal='.' if points are decimal marks, else the number without marks of thousands",
        )
    raise InputError(told, "a number", cell_advice(bare, decimal) if isinstance(cell, str) else _kind_advice(cell))


RAISED_POINT = re.compile(r"(?<=\d)·(?=\d)|(?<![\d\w])·(?=\d)")
"""The decimal mark of some journals, '0·85'."""


def bare_text(cell: str) -> str:
    """A cell of text with an ordinary minus, without blanks at its ends, footnote marks and what cannot be seen."""
    text = cell.strip()
    if not text.isascii():
        text = INVISIBLE.sub("", text).translate(MINUS).replace("\N{NO-BREAK SPACE}", "").strip()
        text = RAISED_POINT.sub(".", text)
    return text.rstrip(FOOTNOTE_MARKS + " ")


def number_of(cell: Any, decimal: str = ".") -> tuple[float, bool] | None:
    """One cell as a number (NaN where it holds nothing), and whether it could be read as it stands; None for no number.

    Examples
    --------
    >>> number_of("−1,5", ","), number_of("<5"), number_of("1.234", ",")
    ((-1.5, False), None, None)
    """
    if isinstance(cell, str):
        text = bare_text(cell)
        if _too_narrow(cell):
            return None
        if text.casefold() in MISSING or missing(text):
            return math.nan, True
        if not_reported(text):
            return math.nan, False
        if decimal == ",":
            if NUMBER.fullmatch(text) and "." in text:
                return None
            plain = text.replace(",", ".") if COMMA_NUMBER.fullmatch(text) else text
        else:
            plain = text
        if NUMBER.fullmatch(plain) and plain.isascii():
            return float(plain), text == cell.strip()
        return (float(plain), True) if plain.casefold().lstrip("+-") in {"inf", "infinity"} else None
    if missing(cell):
        return math.nan, True
    if callable(getattr(cell, "as_py", None)):  # a scalar of pyarrow
        return number_of(cell.as_py(), decimal)
    if (
        isinstance(cell, bool | np.bool_ | complex | np.complexfloating | bytes | bytearray)
        or is_date(cell)
        or _has_shape(cell)
    ):
        return None
    try:
        return _float(cell), True
    except (TypeError, ValueError, AttributeError):
        return None


def not_reported(text: str) -> bool:
    """Whether a bare text says that what should stand here is missing.

    Examples
    --------
    >>> not_reported("N. A."), not_reported("(NR)"), not_reported("ns")
    (True, True, False)
    """
    word = text.strip("()[] ").casefold().replace("…", "...")
    return word in NOT_REPORTED or word.replace(". ", ".") in NOT_REPORTED


_DAY = re.compile(r"\d{1,2}[-. ][A-Za-z]{3,9}\.?|[A-Za-z]{3,9}[-. ]\d{2}(?:\d{2})?|\d{4}-\d{2}-\d{2}.*")


def looks_like_day(cell: object) -> bool:
    """Whether a cell is the text of a day, which a spreadsheet makes of 3/12 or 2-4.

    Examples
    --------
    >>> looks_like_day("4-Mar"), looks_like_day("Mar-40"), looks_like_day("3/12")
    (True, True, False)
    """
    return isinstance(cell, str) and bool(_DAY.fullmatch(cell.strip()))


def _too_narrow(cell: str) -> bool:
    """Whether a cell is what a spreadsheet shows of a number in a column that is too narrow for it."""
    text = cell.strip()
    return len(text) > 1 and set(text) == {"#"}


def _has_shape(cell: Any) -> bool:
    shape = getattr(cell, "shape", ())
    kind = getattr(getattr(cell, "dtype", None), "kind", "f")
    return bool(shape) or kind in "bcSUV"


def cell_advice(text: str, decimal: str) -> str:
    """What to try where a cell of text is no number."""
    if decimal != "," and THOUSANDS.fullmatch(text) and "." not in text:
        told = f"{text.replace(',', '')} if the comma marks thousands"
        if text.count(",") > 1:
            return told
        return f"{told}; {text.replace(',', '.')}, or decimal=',' (from_frame, read_csv), if it is the decimal mark"
    if GROUPED.fullmatch(text):
        bare = GAP.sub("", text)
        comma = " with decimal=','" if "," in bare and decimal != "," else ""
        return f"the number without marks of thousands, {bare}{comma}"
    if COMMA_NUMBER.fullmatch(text) and decimal != ",":
        return "a decimal point, or decimal=',' (from_frame, read_csv) if the comma is the decimal mark"
    if decimal == "," and NUMBER.fullmatch(text):
        return "a decimal comma, or decimal='.' if points are the decimal marks of this table"
    wrong = next((told for told, words in FORMULA_ERRORS.items() if text.casefold() in words), "")
    if wrong:
        return f"what the formula of that cell in the spreadsheet should give, since it {wrong}, or an empty cell"
    if looks_like_day(text):
        return AS_PRINTED
    if not text:
        return "the number itself, which the spreadsheet's column was too narrow to show"
    if NOT_SIGNIFICANT.fullmatch(text):
        return "the number itself: leaving out what was not significant would move the mean"
    if text[:1] in {"<", ">", "≤", "≥"}:
        return "the number itself; a bound cannot be analysed"
    if text.endswith("%"):
        return "a fraction instead of a percentage"
    return "a corrected cell, or an empty one when the number is unknown"


def _kind_advice(cell: object) -> str:
    if is_date(cell):
        return AS_PRINTED
    if isinstance(cell, complex | np.complexfloating):
        return "its real part, if the imaginary part is 0"
    if isinstance(cell, bool | np.bool_):
        return "0 and 1 instead of bool values, if these are meant"
    return ""


def block(values: Any, what: str, expected: str) -> Block:
    """Numbers in two dimensions: a frame, an array, a list of rows.

    Parameters
    ----------
    values : object
        As handed in.
    what : str
        What it is called in messages.
    expected : str
        What should have been handed in.

    Returns
    -------
    Block

    Raises
    ------
    InputError
        For another number of dimensions, and for a cell that is no number, naming its row.
    """
    if isinstance(values, Block):
        return values
    if callable(getattr(values, "toarray", None)):  # sparse matrices of scipy
        values = values.toarray()
    if isinstance(values, pd.DataFrame):  # names may occur twice, as studies do
        own = [numbers(values.iloc[:, place], what)[0] for place in range(values.shape[1])]
        cells = np.column_stack(own) if own else np.empty((len(values), 0))
        return Block(cells, labels_of(values.index), columns=labels_of(values.columns).names)
    if is_table(values) or isinstance(values, Mapping):
        named = table(values, what)
        if named.labels is None:
            named = Table(arranged(dict(named.columns), None))
        own = [numbers(column, f"'{name}' of {what}")[0] for name, column in named.columns.items()]
        labels = next((column.labels for column in named.columns.values() if column.labels is not None), None)
        return Block(np.column_stack(own) if own else np.empty((0, 0)), labels, columns=tuple(named.columns))
    labels, names = _coordinates(values)
    if hasattr(values, "dims") and hasattr(values, "values"):
        values = values.values
    if isinstance(values, np.ndarray):
        if values.ndim != 2:
            raise InputError(f"{what} has the shape {values.shape}", expected)
        if values.dtype.kind in "fiu" and not np.ma.isMaskedArray(values):
            return Block(values.astype(float), labels, columns=names)
        values = values.tolist()
    lines = column(values, what, expected).tolist()
    if not lines or any(isinstance(line, str) or not np.iterable(line) for line in lines):
        raise InputError(f"{what} has the shape ({len(lines)},)", expected)
    cells_of = [column(line, what, expected).tolist() for line in lines]
    if len({len(line) for line in cells_of}) > 1:
        raise InputError(f"{what} has rows of different lengths", expected)
    each = [[_number(cell, what, row, Rows(), ".")[0] for cell in line] for row, line in enumerate(cells_of)]
    return Block(np.array(each, dtype=float), labels, columns=names)


def _coordinates(values: Any) -> tuple[Labels | None, tuple[str, ...]]:
    """Labels of the rows, and names of the columns, of an array of xarray."""
    if not (hasattr(values, "dims") and hasattr(values, "indexes") and len(values.dims) == 2):
        return None, ()
    rows, columns = (values.indexes.get(dim) for dim in values.dims)
    return None if rows is None else labels_of(rows), () if columns is None else labels_of(columns).names


def tables(values: Any, what: str) -> Block:
    """Numbers of many tables, shape (n, k), or (1, k) for one.

    Parameters
    ----------
    values : object
        An array, a frame with a row for each table, a list of lists, or one column.
    what : str
        What it is called in messages.

    Returns
    -------
    Block

    Raises
    ------
    InputError
        For another number of dimensions, and for cells that are no numbers.
    """
    if isinstance(values, int | float | complex | np.number) or getattr(values, "ndim", 1) == 0:
        raise InputError(f"{what} is {shown(values)}", MANY_TABLES)
    if is_table(values) or getattr(values, "ndim", 1) > 1:
        return block(values, what, MANY_TABLES)
    own = column(values, what, ONE_EACH)
    lines = own.tolist()
    if any(np.iterable(line) and not isinstance(line, str | bytes) for line in lines):
        return block(lines, what, MANY_TABLES)
    names = () if own.labels is None or own.labels.kind == "default" else own.labels.names
    return Block(np.atleast_2d(numbers(own, what)[0]), columns=names)


def like(given: Block, first: Block, what: str, other: str) -> NDArray[np.float64]:
    """The numbers of a block in the order of another one, by the labels that both carry.

    Raises
    ------
    InputError
        For labels that are not the same.
    """
    values = given.values
    if values.shape[1] != first.values.shape[1]:
        return values
    both = given.labels is not None and first.labels is not None and values.shape == first.values.shape
    if both and given.labels is not None and first.labels is not None and given.labels.names != first.labels.names:
        values = values[order_of(given.labels.names, first.labels.names, f"the rows of {what}", f"the rows of {other}")]
    if given.columns and first.columns and given.columns != first.columns:
        values = values[:, order_of(given.columns, first.columns, f"the columns of {what}", f"the columns of {other}")]
    return values
