"""A sheet of an Excel workbook as a frame: what a person sees there, or an error that names the cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pandas as pd

from poolwise.errors import InputError, listing, nearest, warn
from poolwise.intake.columns import check_columns, column_name
from poolwise.intake.headers import recognised, study_column
from poolwise.intake.labels import missing
from poolwise.intake.text_file import read_bytes

MOST = 200_000_000  # bytes
ENDINGS = (".xlsx", ".xlsm")
_DEEPEST = 6  # rows in which a header is looked for
_RESULTS = "results"  # the sheet of the template

type Row = list[Any]


@dataclass(frozen=True)
class _Grid:
    """The cells of a sheet, merged ones filled, and the areas that were."""

    rows: list[Row]
    merged: tuple[str, ...]


def read_workbook(path: Path, *, sheet: str | None = None) -> pd.DataFrame:
    """The table in a sheet of a workbook.

    Empty rows and columns are passed over, and so is a title above the header, which may have two rows. Of merged
    cells each has the content. A cell that is formatted as a percentage is the text that is seen (``"45%"``).

    Parameters
    ----------
    path : Path
        Ending in .xlsx or .xlsm.
    sheet : str, optional
        Its name; by default the one called results, else the first that is neither hidden nor empty.

    Returns
    -------
    DataFrame
        ``attrs["notes"]`` tells what was done.

    Raises
    ------
    InputError
        For a file that cannot be read, a sheet that is not there or holds no table, a formula whose result was never
        stored.

    Warns
    -----
    PoolwiseWarning
        Naming the sheets that were not read.
    """
    path = Path(path)
    read_bytes(path, "a workbook", MOST)
    values, formulas = _opened(path, data_only=True), _opened(path, data_only=False)
    name = _chosen(path, values, sheet)
    grid = _grid(path, values[name], formulas[name])
    header, body, notes = _parted(path, name, grid)
    check_columns(header, f"the sheet '{name}' of {path.name}")
    frame = pd.DataFrame(
        {own: pd.Series(column, dtype=object) for own, column in zip(header, zip(*body, strict=True), strict=True)}
    )
    merged = (f"merged cells were filled: {listing(grid.merged, 5)}",) if grid.merged else ()
    frame.attrs = {"file": path.name, "notes": (*notes, *merged)}
    return frame


def _opened(path: Path, *, data_only: bool) -> Any:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        return load_workbook(path, data_only=data_only)
    except (OSError, ValueError, KeyError, BadZipFile, InvalidFileException, SyntaxError) as error:
        told = str(error).rstrip(".")
        raise InputError(f"'{path.name}' cannot be read: {told}", "a workbook with a header and a row each") from None


def _chosen(path: Path, book: Any, sheet: str | None) -> str:
    """The name of the sheet that is read."""
    names = [own.title for own in book.worksheets]
    if sheet is not None:
        if sheet not in names:
            raise InputError(f"{path.name} has no sheet '{sheet}'", advice=nearest(sheet, names))
        return sheet
    seen = [own.title for own in book.worksheets if own.sheet_state == "visible" and _holds(own)]
    if not seen:
        hidden = f"; hidden: {listing(names)}, sheet='{names[0]}' reads it" if names else ""
        raise InputError(f"{path.name} has no sheet that holds anything{hidden}", "a header and one row for each study")
    if _RESULTS in seen:
        return _RESULTS
    if len(seen) > 1:
        warn(
            f"the sheet '{seen[0]}' of {path.name} was read, not {listing(map(repr, seen[1:]))}; "
            f"sheet='{seen[1]}' reads another"
        )
    return str(seen[0])


def _holds(sheet: Any) -> bool:
    return any(not missing(cell) for row in sheet.iter_rows(values_only=True) for cell in row)


def _grid(path: Path, values: Any, formulas: Any) -> _Grid:
    """The cells without empty rows at the top and empty columns; merged ones hold what the first of them does."""
    rows: list[Row] = []
    unknown: list[str] = []
    for cells, sources in zip(values.iter_rows(), formulas.iter_rows(), strict=True):
        unknown += [
            own.coordinate
            for own, source in zip(cells, sources, strict=True)
            if own.value is None and source.data_type == "f"
        ]
        rows.append([_seen(own) for own in cells])
    if unknown:
        raise InputError(
            f"{path.name}: {listing(unknown)} hold formulas whose results were never stored",
            "numbers",
            "opening the file in Excel or LibreOffice and saving it, or pasting the values",
        )
    merged = []
    for area in values.merged_cells.ranges:
        content = rows[area.min_row - 1][area.min_col - 1]
        for row in range(area.min_row - 1, area.max_row):
            rows[row][area.min_col - 1 : area.max_col] = [content] * (area.max_col - area.min_col + 1)
        if not missing(content) and area.min_row != area.max_row:
            merged.append(area.coord)
    kept = [place for place in range(len(rows[0])) if any(not missing(row[place]) for row in rows)]
    first = next(place for place, row in enumerate(rows) if any(not missing(cell) for cell in row))
    return _Grid([[row[place] for place in kept] for row in rows[first:]], tuple(merged))


def _seen(cell: Any) -> Any:
    """What is seen of a cell: of a percentage, its text."""
    value, form = cell.value, str(cell.number_format or "")
    if form.endswith("%") and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{round(100.0 * value, 10):g}%"
    return value


def _parted(path: Path, name: str, grid: _Grid) -> tuple[list[str], list[Row], tuple[str, ...]]:
    """The header, the rows below it, and what was passed over above it."""
    rows = [row for row in grid.rows if any(not missing(cell) for cell in row)]
    widest = max(_distinct(row) for row in rows)
    titles = 0
    while widest > 1 and titles < len(rows) - 1 and _distinct(rows[titles]) == 1:
        titles += 1
    titles += _above_header(rows[titles : titles + _DEEPEST])
    notes = tuple(f"passed over above the header: {_first(row)!r}" for row in rows[:titles])
    rows = rows[titles:]
    if (three := _third_header(rows)) is not None:
        notes += (f"passed over in a header of three rows: {_outermost(rows[0])}",)
        rows = three
    depth = 2 if len(rows) > 1 and _second_header(rows[0], rows[1]) else 1
    header = [_joined([_above(rows[0], place) if depth == 2 else rows[0][place], *(r[place] for r in rows[1:depth])])
              for place in range(len(rows[0]))]  # fmt: skip
    nameless = [place for place, own in enumerate(header) if not own]
    filled = [place for place in nameless if any(not missing(row[place]) for row in rows[depth:])]
    if filled or len(rows) == depth:
        told = (
            f"column(s) {listing(place + 1 for place in filled)} without a name" if filled else "a header and no rows"
        )
        raise InputError(
            f"the sheet '{name}' of {path.name} has {told}", "a named column for each, a row for each study"
        )
    kept = [place for place, own in enumerate(header) if own]
    return [header[place] for place in kept], [[row[place] for place in kept] for row in rows[depth:]], notes


def _above_header(rows: Sequence[Row]) -> int:
    """How many of the first rows stand above one that names a study and two statistics, and name none themselves."""
    known = [recognised(str(cell) for cell in row if not missing(cell)) for row in rows]
    named = [study_column(str(cell) for cell in row if not missing(cell)) is not None for row in rows]
    once = [_distinct(row) == sum(not missing(cell) for cell in row) for row in rows]  # below groups, n stands twice
    place = next((place for place, own in enumerate(known) if named[place] and once[place] and len(own) > 1), 0)
    return 0 if any(len(own) > 1 for own in known[:place]) else place


def _third_header(rows: Sequence[Row]) -> list[Row] | None:
    """The rows without the outermost of three headers; None where there are fewer."""
    if len(rows) < 4 or any(not isinstance(cell, str) for cell in (*rows[1], *rows[2]) if not missing(cell)):
        return None
    middle = [upper if missing(cell) else cell for upper, cell in zip(rows[0], rows[1], strict=True)]
    together = [_joined([_above(middle, place), cell]) for place, cell in enumerate(rows[2])]
    if not _second_header(middle, rows[2]) or len(recognised(together)) < 2 or recognised(map(str, middle)):
        return None
    return [middle, *rows[2:]]


def _outermost(row: Row) -> str:
    return listing(dict.fromkeys(repr(str(cell)) for cell in row if not missing(cell)))


def _distinct(row: Sequence[Any]) -> int:
    return len({str(cell) for cell in row if not missing(cell)})


def _first(row: Sequence[Any]) -> str:
    return str(next(cell for cell in row if not missing(cell)))[:60]


def _second_header(upper: Row, lower: Row) -> bool:
    """Whether the row below the header belongs to it: words that name statistics together with those above."""
    if any(not isinstance(cell, str) for cell in lower if not missing(cell)):
        return False
    together = [_joined([_above(upper, place), cell]) for place, cell in enumerate(lower)]
    repeated = any(one == two for one, two in pairwise(map(str, upper))) or any(missing(cell) for cell in upper)
    return repeated and len(recognised(together)) > len(recognised(map(str, upper))) - 1


def _above(upper: Row, place: int) -> Any:
    """The name above a column: its own, else that of the columns before it, as of merged cells."""
    return next((upper[before] for before in range(place, -1, -1) if not missing(upper[before])), None)


def _joined(parts: Sequence[Any]) -> str:
    return " ".join(dict.fromkeys(column_name(str(part)) for part in parts if not missing(part)))
