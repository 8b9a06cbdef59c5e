"""A user's own CSV file as a frame, read strictly."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from poolwise.errors import InputError, listing
from poolwise.intake.columns import check_columns, column_name
from poolwise.intake.dialect import detected_delimiter, detected_encoding


def read_csv(path: str | Path, *, encoding: str | None = None, delimiter: str | None = None) -> pd.DataFrame:
    """Read a CSV file of studies, one row each, with a header.

    Parameters
    ----------
    path : str or Path
        The file.
    encoding : str, optional
        How its text is written; by default as a byte order mark says, else UTF-8. A byte order mark is removed.
    delimiter : str, optional
        What separates the cells; by default comma, semicolon, tab or bar, whichever divides the header into most names.

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
    path = Path(path)
    encoding = encoding or detected_encoding(path)
    text = _text(path, encoding)
    if not text.strip():
        raise InputError(f"{path.name} is empty", "a header and one row for each study")
    if delimiter is not None and len(delimiter) != 1:
        raise InputError(f"delimiter = {delimiter!r}", "one character", "delimiter=';'")
    chosen = delimiter or detected_delimiter(path.name, text)
    table = _rows(path, text, chosen)
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


def _text(path: Path, encoding: str) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"there is no file {path}", advice="the path from the folder you are in") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") and not encoding.lower().startswith("utf-16"):
        raise InputError(f"{path.name} is written in UTF-16", encoding, "encoding='utf-16'")
    try:
        return content.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path.name}, line {line}, is not {encoding} text",
            encoding,
            "encoding='cp1252' (Windows) or 'latin-1', or saving the file as UTF-8",
        ) from None
    except LookupError:
        raise InputError(f"unknown encoding '{encoding}'", advice="encoding='utf-8'") from None


def _rows(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Rows that are not blank, with their line numbers."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        numbered = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise InputError(
            f"{path.name}, line {reader.line_num + 1}, cannot be read: {error}",
            "a CSV file",
            "saving it anew as CSV",
        ) from None
    return [(line, row) for line, row in numbered if any(row)]


def _check_header(path: Path, header: list[str]) -> None:
    check_columns([name for name in header if name], path.name)
    nameless = [place + 1 for place, name in enumerate(header) if not name]
    if nameless:
        raise InputError(f"{path.name} has no name for column(s) {listing(nameless)}", "a name for each column")
