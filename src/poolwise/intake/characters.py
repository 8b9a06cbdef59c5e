"""Characters that no label, title or name of a column may hold: they are seen by nobody and break files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from poolwise.errors import InputError, listing

# XML 1.0 (section 2.2) allows no other control characters than tab and line breaks, no surrogates, no U+FFFE, U+FFFF.
_BAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
_KINDS = (
    ("\ud800", "\udfff", "half of a character (a lone surrogate)"),
    ("\u202a", "\u2069", "a mark that turns the direction of the text"),
    ("\ufffe", "\uffff", "no character"),
    ("\x00", "\x9f", "a control character"),
)


def unprintable(text: str) -> str:
    """The first character of a text that cannot stand in one, as a message names it; empty when there is none.

    Examples
    --------
    >>> unprintable("Smith\\x1b 2010"), unprintable("Müller 2010")
    ('U+001B, a control character', '')
    """
    if text.isprintable():
        return ""
    bad = _BAD.search(text)
    if bad is None:
        return ""
    kind = next(words for low, high, words in _KINDS if low <= bad[0] <= high)
    return f"U+{ord(bad[0]):04X}, {kind}"


def check_words(text: str, what: str) -> None:
    """Refuse a text with a character that cannot stand in one.

    Parameters
    ----------
    text : str
        The text.
    what : str
        What it is, for the message.

    Raises
    ------
    InputError
        Naming the character.
    """
    bad = unprintable(text)
    if bad:
        raise InputError(f"{what} {text[:80]!a} holds {bad}", "text that can be printed", "removing it")


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
