"""Cells that are text by their role (labels, clusters, outcomes, groups), cleaned; none passes through a float."""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from poolwise.errors import InputError, listing, shown
from poolwise.settings import unprintable

MISSING_TEXT = frozenset({"", "na", "n/a", "nan", "<na>", "#n/a", "#nv", "n.a."})  # "none" and "-" may be levels
INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u2060-\u2064\ufeff]")
BLANKS = re.compile(r"[^\S\x0b\x0c\x1c-\x1f\x85]+")  # control characters that count as blanks elsewhere stay
JOINERS = re.compile("(?<![^\x00-\x7f])[\u200c\u200d]+(?![^\x00-\x7f])")  # between other letters they mean something

_LATIN = dict(zip("АВЕКМНОРСТУХЅІЈаеорсухѕіјΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEKMHOPCTYXSIJaeopcyxsijABEZHIKMNOPTYXo", strict=True))
LOOKALIKES = str.maketrans(
    _LATIN | dict.fromkeys("‐‑‒–—―−", "-") | dict.fromkeys("‘’ʼ`´", "'") | dict.fromkeys("“”„", '"')
)
"""Letters of other alphabets and marks that look like those of the keyboard."""


def text_of(value: object) -> str:
    """A cell as one line of clean text; 3.0 becomes ``"3"``.

    Blanks at the ends go, blanks and line breaks within become one blank, composed letters are written in one way
    (NFC), and what cannot be seen (zero-width blanks, marks of direction, soft hyphens) goes.

    Examples
    --------
    >>> text_of(" Smith\\u00a0 2010\\u200b "), text_of(3.0), text_of("1.10")
    ('Smith 2010', '3', '1.10')
    """
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, float | np.floating) and math.isfinite(value) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return text_of(_decoded(value))
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
        value = value.item()
    elif callable(getattr(value, "as_py", None)):  # a scalar of pyarrow
        value = value.as_py()  # type: ignore[attr-defined]
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    return _clean(value if isinstance(value, str) else _written(value))


def _clean(text: str) -> str:
    """A text in one line and one way, without what cannot be seen."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")
    if not text.isascii():
        text = JOINERS.sub("", INVISIBLE.sub("", unicodedata.normalize("NFC", text)))
    return BLANKS.sub(" ", text).strip(" ")


def _written(value: object) -> str:
    try:
        return str(value)
    except ValueError:
        raise InputError(f"a label is {shown(value)}", "a name or a number that can be read", "text") from None


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"the label {value!r} is not UTF-8 text", "text", "label.decode('cp1252')") from None


def missing(value: object) -> bool:
    """Whether a cell holds nothing: None, NaN, NA, a masked cell, an empty text, ``"NA"``, ``"n/a"``."""
    if isinstance(value, str):
        return len(value) < 40 and text_of(value).casefold() in MISSING_TEXT
    if value is None or value is pd.NA or value is pd.NaT or value is np.ma.masked:
        return True
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return isinstance(value, float | np.floating) and math.isnan(value)


def entry(value: object, what: str, row: int) -> str:
    """A cell as text, ``""`` where it holds nothing.

    Raises
    ------
    InputError
        For a list, a table or another collection.
    """
    if isinstance(value, str):
        text = _clean(value)
        return "" if len(text) < 5 and text.casefold() in MISSING_TEXT else text
    if missing(value):
        return ""
    if isinstance(value, list | dict | set | frozenset | pd.Series | pd.DataFrame) or np.ndim(value) > 1:  # type: ignore[arg-type]
        raise InputError(f"{what} is {shown(value)} in row {row + 1}", "one text or number in each cell")
    return " / ".join(map(text_of, value)) if isinstance(value, tuple) else text_of(value)


def words(cells: Sequence[Any] | str | None, k: int, what: str, *, blank: str = "") -> tuple[str, ...]:
    """A column of words.

    Parameters
    ----------
    cells : sequence, str or None
        One for each row, one for all rows, or none.
    k : int
        Number of rows.
    what : str
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
    if cells is None:
        return (blank,) * k
    if isinstance(cells, str):
        return (entry(cells, what, 0) or blank,) * k
    if len(cells) != k:
        raise InputError(f"{what} has {len(cells)} entries and y has {k}", "one for each study")
    return tuple(entry(cell, what, row) or blank for row, cell in enumerate(cells))


def check_encoding(label: str, row: int) -> None:
    """Refuse a label that was written in UTF-8 and read as something else.

    Raises
    ------
    InputError
        Showing what it may have been.
    """
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


def spelled_alike(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of texts that differ in the case of letters only, or in characters that look alike (width, form, dashes).

    Examples
    --------
    >>> spelled_alike(["RCT", "obs", "rct", "RCT"])
    [('RCT', 'rct')]
    """
    first: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    distinct = dict.fromkeys(texts)
    if len(set(map(str.casefold, distinct))) == len(distinct) and all(map(str.isascii, distinct)):
        return pairs
    for text in distinct:
        folded = text if text.isascii() else unicodedata.normalize("NFKC", text).translate(LOOKALIKES)
        known = first.setdefault(folded.casefold(), text)
        if known != text:
            pairs.append((known, text))
    return pairs


def spelling_sentence(columns: Mapping[str, Iterable[str]]) -> str:
    """One sentence on the spellings that differ in case only, by column; empty where there are none."""
    told = [
        f"{name} {listing(f"'{one}' and '{other}'" for one, other in pairs)}"
        for name, texts in columns.items()
        if (pairs := spelled_alike(texts))
    ]
    if not told:
        return ""
    found = f"spellings that differ in capitals or forms of letters only are kept apart: {'; '.join(told)}"
    return f"{found}; write them alike if they are one"


def check_cells(cells: Iterable[object], what: str, place: str = "row") -> None:
    """Refuse a column in which a text holds a character that cannot stand in one.

    Parameters
    ----------
    cells : iterable
        The column; what is not text is passed over.
    what : str
        What the column is called.
    place : str
        What one of its places is called.

    Raises
    ------
    InputError
        Naming rows and characters.
    """
    texts = [cell if isinstance(cell, str) else "" for cell in cells]
    if "".join(texts).isprintable():
        return
    bad = [
        f"{text[:60]!a} in {place} {row + 1} holds {character}"
        for row, text in enumerate(texts)
        if (character := unprintable(text))
    ]
    if bad:
        raise InputError(f"{what}: {listing(bad, 4)}", "text that can be printed", "removing these characters")


def check_texts(columns: Mapping[str, Iterable[object]], moderators: pd.DataFrame) -> None:
    """Refuse a study table with a text that holds a character that cannot stand in one.

    Parameters
    ----------
    columns : mapping of str to iterable
        Columns of text by name.
    moderators : DataFrame

    Raises
    ------
    InputError
        Naming rows and characters.
    """
    for name, cells in columns.items():
        check_cells(cells, name)
    check_cells(moderators.columns, "the names of the moderators", "column")
    for moderator, column in moderators.items():
        if column.dtype.kind not in "biufcmM":
            check_cells(column, f"the moderator '{moderator}'")
