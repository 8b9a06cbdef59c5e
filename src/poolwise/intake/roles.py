"""A moderator's cells read by what they are: numbers, levels, dates; what becomes levels is told."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.errors import InputError, listing
from poolwise.intake.cells import COMMA_NUMBER, Remark, Rows, bare_text, cell_advice, marks, not_reported, number_of
from poolwise.intake.columns import Column, is_date
from poolwise.intake.labels import check_cells, entry, missing, text_of

Values = NDArray[Any] | pd.api.extensions.ExtensionArray
NEARLY = re.compile(r"[<>≤≥~≈±]?\s*[+-]?\d[\d.,'\s]*\s*%?")  # numbers with a mark of thousands, a bound, a percentage
PLAIN_ID = 2**53  # beyond it whole numbers are not all floats


def moderator(column: Column, name: str, rows: Rows, *, decimal: str = ".") -> tuple[Values, tuple[Remark, ...]]:
    """A moderator as numbers or as levels, and what was noticed.

    Text that reads as numbers throughout is made of numbers, unless two texts are one number or a text is more than its
    number (``"1.1"`` and ``"1.10"``, ``"007"``); such a column stays text, which a regression reads as numbers and a
    cluster as names.

    Parameters
    ----------
    column : Column
        As handed in.
    name : str
        What it is called.
    rows : Rows
        What its rows are called in messages.
    decimal : str
        The decimal mark in text.

    Returns
    -------
    values : ndarray or ExtensionArray
        Numbers with NaN, text with None, levels as a categorical column, or dates; shape (k,).
    remarks : tuple of Remark

    Raises
    ------
    InputError
        For lists, complex numbers, and a cell with an ambiguous mark, naming the row.
    """
    if column.dtype is not None:
        return _declared(column, name, rows), ()
    if isinstance(column.cells, np.ndarray):
        return column.cells if column.cells.dtype.itemsize <= 8 else column.cells.astype(float), ()
    cells = column.cells
    if (plain := _plain(cells)) is not None:
        return plain, ()
    filled = [cell for cell in cells if not missing(cell)]
    if not filled and not any(isinstance(cell, float) for cell in cells):
        return np.full(len(cells), None, dtype=object), ()
    _check_cells(cells, name, rows)
    if filled and all(isinstance(cell, bool | np.bool_) for cell in filled):
        values = [None if missing(cell) else bool(cell) for cell in cells]
        return np.array(values, dtype=bool if len(filled) == len(cells) else object), ()  # with gaps, levels
    if filled and all(map(is_date, filled)):
        return pd.Series([None if missing(cell) else cell for cell in cells]).array, ()
    read = [None if isinstance(cell, bool | np.bool_) else number_of(cell, decimal) for cell in cells]
    odd = [row for row, value in enumerate(read) if value is None]
    _check_ambiguous(cells, odd, name, rows, decimal)
    count = sum(value is not None and not np.isnan(value[0]) for value in read)
    if not odd and (count or not filled):
        return _numbers(cells, [value[0] for value in read if value is not None], name, rows, decimal)
    return _levels(cells, odd, count, name, rows, decimal)


def _plain(cells: Sequence[Any]) -> Values | None:
    """The numbers of a column that holds floats alone, or small whole numbers alone; None for any other."""
    kinds = set(map(type, cells))
    if kinds == {float}:
        return np.array(cells, dtype=float)
    if kinds == {int} and min(cells) >= -PLAIN_ID and max(cells) <= PLAIN_ID:
        return np.array(cells, dtype=np.int64)
    return None


def identifiers(column: Column, name: str) -> Values:
    """A column of names (clusters, groups) as levels, in the order of their numbers where they have numbers.

    Parameters
    ----------
    column : Column
        As handed in.
    name : str
        What it is called.

    Returns
    -------
    Categorical
        With gaps where a cell is missing.
    """
    if column.dtype is not None:
        return _declared(column, name, Rows())
    text = [entry(cell, f"'{name}'", row) or None for row, cell in enumerate(column.tolist())]
    known = {cell for cell in text if cell is not None}
    read = {cell: number_of(cell) for cell in known}
    counted = all(value is not None and not np.isnan(value[0]) for value in read.values())
    order = sorted(known, key=lambda cell: (read[cell] if counted else (0.0,), cell))
    return pd.Categorical(text, categories=order)


def _declared(column: Column, name: str, rows: Rows) -> Values:
    """A categorical column with clean names of its levels, in their order."""
    assert column.dtype is not None
    known = list(column.dtype.categories)
    if not all(isinstance(level, str) for level in known):
        return pd.Categorical(column.cells, dtype=column.dtype)
    _check_cells(column.tolist(), name, rows)
    levels = [level for level in dict.fromkeys(map(text_of, known)) if not missing(level)]
    cells = [entry(cell, name, row) or None for row, cell in enumerate(column.tolist())]
    return pd.Categorical(cells, categories=levels, ordered=bool(column.dtype.ordered))


def _check_cells(cells: Sequence[Any], name: str, rows: Rows) -> None:
    """Refuse cells that hold several values or are complex."""
    for row, cell in enumerate(cells):
        if isinstance(cell, str | float | int) or missing(cell):
            continue
        if isinstance(cell, complex | np.complexfloating):
            raise InputError(f"the moderator '{name}' is {cell!r} for {rows.name(row)}", "a number, or a word")
        if not isinstance(cell, Hashable) or (np.ndim(cell) and not isinstance(cell, tuple)):  # type: ignore[arg-type]
            raise InputError(f"the moderator '{name}' holds lists or tables", "a number or a word in each cell")


def _check_ambiguous(cells: Sequence[Any], odd: Sequence[int], name: str, rows: Rows, decimal: str) -> None:
    """Refuse ``"1.234"`` under the decimal mark ``","`` in a column of numbers."""
    if decimal != "," or not odd:
        return
    for row in odd:
        points = isinstance(cells[row], str) and number_of(cells[row]) is not None
        others = [cell for place, cell in enumerate(cells) if place not in odd and not missing(cell)]
        if points and (others or len(odd) == len(cells)):
            raise InputError(
                f"the moderator '{name}' is {cells[row]!r} for {rows.name(row)}, ambiguous with the decimal mark ','",
                "one decimal mark in the whole table",
                "decimal='.' if points are decimal marks, else the number without marks of thousands",
            )


def _numbers(
    cells: Sequence[Any], values: list[float], name: str, rows: Rows, decimal: str
) -> tuple[Values, tuple[Remark, ...]]:
    """Cells that all read as numbers: as numbers where that loses nothing, else as text."""
    whole = [cell for cell in cells if not missing(cell)]
    if all(isinstance(cell, int | np.integer) for cell in whole) and whole:
        big = any(abs(int(cell)) > PLAIN_ID for cell in whole)
        if len(whole) == len(cells) and all(-(2**63) <= int(cell) < 2**63 for cell in whole):
            return np.array([int(cell) for cell in cells], dtype=np.int64), ()
        if not big:
            return np.array(values, dtype=float), ()
    named = [_identity(cell, value, decimal) for cell, value in zip(cells, values, strict=True)]
    texts = {text: value for text, value in zip(named, values, strict=True) if not np.isnan(value)}
    often = Counter(texts.values())
    twice = [text for text, value in texts.items() if often[value] > 1]
    lost = [text for text, value in texts.items() if _more_than_number(text, value)]
    if not twice and not lost:
        return np.array(values, dtype=float), _marked(cells, values, name, rows)
    held = (
        f"{listing(map(repr, twice))} are the same numbers"
        if twice
        else f"{listing(map(repr, lost))} are more than numbers"
    )
    text = [None if np.isnan(value) else text for text, value in zip(named, values, strict=True)]
    sentence = (
        f"in '{name}' {held}: kept as text, which clusters and groups take as it is and a regression reads as numbers"
    )
    return _text(text), (Remark(sentence, warn=False),)


def _marked(cells: Sequence[Any], values: list[float], name: str, rows: Rows) -> tuple[Remark, ...]:
    """Remarks on cells that were read without a mark, with a minus of another kind, or as missing."""
    odd = [
        row
        for row, (cell, value) in enumerate(zip(cells, values, strict=True))
        if isinstance(cell, str)
        and (not_reported(bare_text(cell)) if np.isnan(value) else bare_text(cell) != cell.strip())
    ]
    return marks(list(cells), values, odd, f"'{name}'", rows)


def _identity(cell: Any, value: float, decimal: str) -> str:
    """The cell as a name."""
    if isinstance(cell, str):
        text = bare_text(cell)
        text = text.replace(",", ".") if decimal == "," and COMMA_NUMBER.fullmatch(text) else text
        whole = text.rstrip("0").removesuffix(".") if "." in text and float(value).is_integer() else text
        return "0" if value == 0.0 and not whole.strip("+-0") and len(whole.strip("+-")) == 1 else whole
    return text_of(int(cell)) if isinstance(cell, int | np.integer) else text_of(value)


def _more_than_number(text: str, value: float) -> bool:
    """Whether a text is a name made of digits: leading zeros, or more digits than a float keeps."""
    digits = text.lstrip("+-")
    return (len(digits) > 1 and digits.isdigit() and digits[0] == "0") or (
        digits.isdigit() and abs(value) > PLAIN_ID and digits != f"{abs(value):.0f}"
    )


def _levels(
    cells: Sequence[Any], odd: Sequence[int], count: int, name: str, rows: Rows, decimal: str
) -> tuple[Values, tuple[Remark, ...]]:
    """Cells of which some are no numbers: levels; and a remark where others are numbers."""
    text = [entry(cell, name, row) or None for row, cell in enumerate(cells)]
    check_cells(text, f"the moderator '{name}'")
    values = _text(text)
    nearly = [row for row in odd if isinstance(cells[row], str) and NEARLY.fullmatch(bare_text(cells[row]))]
    if not odd or (not count and len(nearly) < len(odd)):
        return values, _unreported(cells, name, rows)
    shown = listing(f"{cells[row]!r} for {rows.name(row)}" for row in (nearly or odd))
    first = cells[(nearly or odd)[0]]
    advice = cell_advice(bare_text(first), decimal) if isinstance(first, str) else "numbers alone"
    held = f"holds {count} numbers and {shown}" if count else f"holds {shown}"
    sentence = f"the moderator '{name}' {held}, which is no number: all its values are taken as levels"
    return values, (Remark(f"{sentence}; if it is numeric, try {advice}", warn=count >= len(odd) or bool(nearly)),)


def _unreported(cells: Sequence[Any], name: str, rows: Rows) -> tuple[Remark, ...]:
    """Remark on levels whose word may mean that nothing is known."""
    there = [row for row, cell in enumerate(cells) if isinstance(cell, str) and not_reported(bare_text(cell))]
    if not there or len(there) == len(cells):
        return ()
    words = listing(dict.fromkeys(repr(text_of(cells[row])) for row in there))
    told = f"the moderator '{name}' is {words} for {rows.names(there)}, taken as a level like others"
    return (Remark(f"{told}; an empty cell is a missing value", warn=False),)


def _text(cells: list[Any]) -> Values:
    """A column of text with gaps."""
    return pd.Series(cells, dtype="str").array


def numbers_in_text(cells: Sequence[Any]) -> list[float] | None:
    """The numbers that a column of text holds throughout; None where a cell is something else.

    Examples
    --------
    >>> numbers_in_text(["1.1", "1.10", "007"]), numbers_in_text(["1", "low"])
    ([1.1, 1.1, 7.0], None)
    """
    read = [None if isinstance(cell, bool | np.bool_) else number_of(cell) for cell in cells]
    known = [value[0] for value in read if value is not None]
    return known if len(known) == len(read) and not all(np.isnan(known)) else None


def odd_cells(cells: Sequence[Any]) -> list[int]:
    """Rows of a column of text whose cells are no numbers, where most are numbers, or all but a mark or a bound."""
    odd = [row for row, cell in enumerate(cells) if not missing(cell) and number_of(cell) is None]
    filled = sum(not missing(cell) for cell in cells)
    nearly = all(NEARLY.fullmatch(bare_text(str(cells[row]))) for row in odd)
    return odd if nearly or 2 * len(odd) < filled else []
