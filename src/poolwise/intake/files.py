"""A user's own CSV file as a frame, read strictly."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path

import pandas as pd

from poolwise.errors import InputError, listing
from poolwise.intake.columns import check_columns, column_name
from poolwise.intake.dialect import detected_delimiter, detected_encoding
from poolwise.intake.labels import check_cells
from poolwise.intake.text_file import decoded, read_bytes

NO_DELIMITERS = "\"'\r\n\0.+-_"
MOST = 200_000_000  # bytes; a million studies take less


def read_csv(path: str | Path, *, encoding: str | None = None, delimiter: str | None = None) -> pd.DataFrame:
    """Read a CSV file of studies, one row each, with a header.

    Parameters
    ----------
    path : str or Path
        The file.
    encoding : str, optional
        How its text is written; by default as a byte order mark says, else UTF-8. A byte order mark is removed.
    delimiter : str, optional
        What separates the cells; by default what a first line ``sep=;`` tells, else comma, semicolon, tab or bar,
        whichever divides the header into most names.

    Returns
    -------
    DataFrame
        Cells as text, without blanks around them: what a column is read as is decided by its role. ``attrs`` name the
        encoding and the delimiter.

    Raises
    ------
    InputError
        When the delimiter is not one character, or the file is missing, empty, has only a header, is not in that
        encoding, names a column twice, or has a row with more or fewer cells than the header.

    Examples
    --------
    >>> frame = read_csv("studies.csv")  # doctest: +SKIP
    >>> effects = Effects.from_frame(frame, y="d", se="se", study="study", scale="SMD")  # doctest: +SKIP
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"read_csv was given {type(path).__name__}", "the path of a CSV file")
    path = Path(path)
    content = read_bytes(path, "a CSV file", MOST)
    encoding = detected_encoding(content) if encoding is None else encoding
    text = decoded(path, content, encoding)
    if not text.strip():
        raise InputError(f"{path.name} is empty", "a header and one row for each study")
    told = _TOLD.match(text)  # the delimiter, in a line of its own, as Excel writes it
    if told:
        text, delimiter = "\n" + text[told.end() :], delimiter or told[1]
    if delimiter is not None and not _separates(delimiter):
        raise InputError(f"delimiter = {delimiter!r}", "one character between the cells", "delimiter=';'")
    chosen = delimiter or detected_delimiter(path.name, text)
    table = _rows(path, text, chosen)
    if not table:
        raise InputError(f"{path.name} has no cell that holds anything", "a header and one row for each study")
    header = [column_name(name) for name in table[0][1]]
    _check_header(path, header)
    if len(table) == 1:
        raise InputError(f"{path.name} has a header and no rows", "one row for each study")
    for line, row in table[1:]:
        if len(row) != len(header):
            raise InputError(
                f"{path.name}, line {line}, has {len(row)} cells and the header has {len(header)}",
                "as many cells as columns",
                f"quotes around a cell that contains '{chosen}', or delimiter=...",
            )
    cells = zip(*(row for _, row in table[1:]), strict=True)
    frame = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in zip(header, cells, strict=True)})
    frame.attrs = {"encoding": encoding, "delimiter": chosen}
    return frame


_TOLD = re.compile(r'"?sep=([^\w\s"]|\t)"?[ \t]*(?:\r\n?|\n)', re.IGNORECASE)


def _separates(delimiter: object) -> bool:
    """Whether this can stand between the cells of a CSV file."""
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        return False
    return delimiter not in NO_DELIMITERS and not delimiter.isalnum()


def _rows(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Rows that are not blank, with the line numbers at which they begin."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    numbered, line = [], 1
    try:
        for row in reader:
            numbered.append((line, [cell.strip() for cell in row]))
            line = reader.line_num + 1
    except csv.Error as error:
        told = {
            "unexpected end of data": "opens a quote that nothing closes",
            f"'{delimiter}' expected after '\"'": f"has a quote inside a cell in quotes, or no '{delimiter}' after it",
        }
        raise InputError(
            f"{path.name}, line {line}, {told.get(str(error), f'cannot be read: {error}')}: {_shown(text, line)}",
            "a quote at both ends of a cell, and doubled inside it",
            "mending the quotes there, or saving the file anew as CSV",
        ) from None
    return [(line, row) for line, row in numbered if any(row)]


def _shown(text: str, line: int) -> str:
    """A line of a text, cut when long."""
    words = text.splitlines()[line - 1].strip() if line <= len(text.splitlines()) else ""
    return words if len(words) <= 80 else f"{words[:77]}..."


def _check_header(path: Path, header: list[str]) -> None:
    check_columns([name for name in header if name], path.name)
    check_cells(header, f"{path.name}, the header", "column")
    nameless = [place + 1 for place, name in enumerate(header) if not name]
    if nameless:
        raise InputError(f"{path.name} has no name for column(s) {listing(nameless)}", "a name for each column")
