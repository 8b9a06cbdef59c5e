"""How a CSV file is written: the encoding, the delimiter, the decimal mark; refused where it could be either."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping

from poolwise.errors import InputError
from poolwise.intake.cells import COMMA_NUMBER, NUMBER, THOUSANDS, bare_text

DELIMITERS = ",;\t|"
MARKS = ((b"\xff\xfe\x00\x00", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
NAMES = {"\t": "'\\t' (a tab)"}


def detected_encoding(content: bytes) -> str:
    """The encoding that the first bytes of a file name, else UTF-8."""
    return next((encoding for mark, encoding in MARKS if content.startswith(mark)), "utf-8")


def detected_delimiter(name: str, text: str) -> str:
    """The delimiter that divides the header into most names.

    Parameters
    ----------
    name : str
        Of the file.
    text : str
        All of it.

    Returns
    -------
    str
        A comma where the header is one name.

    Raises
    ------
    InputError
        Where two delimiters divide it into as many.
    """
    header = text.lstrip().partition("\n")[0]
    cells = {mark: _fields(header, mark) for mark in DELIMITERS}
    most = max(cells.values())
    best = [mark for mark in DELIMITERS if cells[mark] == most]
    if most > 1 and len(best) > 1:
        told = " and ".join(f"'{mark}'" for mark in best)
        raise InputError(
            f"the header of {name} has {most} names with each of the delimiters {told}: {header.strip()!r}",
            "one delimiter",
            f"delimiter='{best[0]}'",
        )
    return best[0]


def _fields(header: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([header], delimiter=delimiter), []))
    except csv.Error:
        return 0


def detected_decimal(columns: Mapping[str, Iterable[object]], delimiter: str) -> str:
    """The decimal mark in columns of numbers.

    Parameters
    ----------
    columns : mapping of str to iterable
        Cells of text by the name of the column.
    delimiter : str
        What separates cells; files that use the semicolon often use the comma as decimal mark.

    Returns
    -------
    str
        ``"."`` where no number has decimals.

    Raises
    ------
    InputError
        Where both marks occur, or where marks of thousands are as likely as decimal marks.
    """
    commas: dict[str, str] = {}
    points: dict[str, str] = {}
    for name, cells in columns.items():
        for cell in cells:
            text = bare_text(cell) if isinstance(cell, str) else ""
            if "," in text and COMMA_NUMBER.fullmatch(text):
                commas.setdefault(text, name)
            elif "." in text and NUMBER.fullmatch(text):
                points.setdefault(text, name)
    sure = {
        mark: [text for text in known if not THOUSANDS.fullmatch(text)]
        for mark, known in ((",", commas), (".", points))
    }
    if sure[","] and not points:
        return ","
    if points and not commas and (sure["."] or delimiter != ";"):
        return "."
    if not points and not commas:
        return "."
    shown = [f"{known[text]!r} has {text!r}" for known in (commas, points) for text in list(known)[:1]]
    raise InputError(
        f"the decimal mark is ambiguous: {' and '.join(shown)}",
        "'.' or ',' as the decimal mark of the whole file",
        "decimal=',' or decimal='.'",
    )


def dialect_sentence(name: str, *, encoding: str | None, delimiter: str | None, decimal: str | None) -> str:
    """What was detected, as a note; empty where it is what is written most often."""
    told = [
        f"the encoding {encoding}" if encoding not in (None, "utf-8") else "",
        f"the delimiter {NAMES.get(delimiter or '', repr(delimiter))}" if delimiter not in (None, ",") else "",
        "the decimal mark ','" if decimal == "," else "",
    ]
    known = [words for words in told if words]
    return f"{name} was read with {' and '.join(known)}, as it seems to be written" if known else ""
