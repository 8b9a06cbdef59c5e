"""Errors and warnings that say where, what was found, what was expected and what to try."""

from __future__ import annotations

import difflib
import math
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

PACKAGE = str(Path(__file__).parent)


class PoolwiseError(ValueError):
    """Base of all errors that poolwise raises on purpose.

    Parameters
    ----------
    found : str
        What is wrong and where: names, rows, values.
    expected : str, optional
        What would have been right.
    advice : str, optional
        What to try.
    """

    def __init__(self, found: str, expected: str = "", advice: str = "") -> None:
        self.found, self.expected, self.advice = found, expected, advice
        super().__init__(sentence(found, expected, advice))


class InputError(PoolwiseError):
    """The studies cannot be used as given."""


class ModelError(PoolwiseError):
    """A model, prior or engine setting is impossible, or the pair is not supported."""


class AnalysisError(PoolwiseError):
    """An analysis file is wrong."""


class FitError(PoolwiseError):
    """A fit went wrong and ``strict=True`` was asked for."""


class MissingQuantityError(PoolwiseError, KeyError):
    """A result, table or data set does not contain what was asked for."""

    def __str__(self) -> str:
        return str(self.args[0])


class PoolwiseWarning(UserWarning):
    """Something to know about; the fit goes on and its report keeps the sentence."""


_Said = set[tuple[str, int, str]]
_MOST_CONTEXTS = 8
# What each line outside the package was told, in each context of warnings: Python's own record is lost whenever anybody
# enters `warnings.catch_warnings`, and a line that fits twice would hear the same sentence twice.
_told: list[tuple[object, _Said]] = []


def warn(sentence: str) -> None:
    """Warn with a `PoolwiseWarning` at the first line outside the package, which hears each sentence once.

    A context that `warnings.catch_warnings` opens hears everything anew.
    """
    said, place = _said_here(), (*_line_outside(), sentence)
    if place not in said:
        warnings.warn(sentence, PoolwiseWarning, skip_file_prefixes=(PACKAGE,))
        said.add(place)


def _said_here() -> _Said:
    """The record of the present context, which is known by its list of filters."""
    here: object = warnings.filters
    for context, said in _told:
        if context is here:
            return said
    fresh: _Said = set()
    _told.append((here, fresh))
    del _told[:-_MOST_CONTEXTS]
    return fresh


def _line_outside() -> tuple[str, int]:
    """File and line of the first caller outside the package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def sentence(found: str, expected: str = "", advice: str = "") -> str:
    """The three parts of a message as one line.

    Examples
    --------
    >>> sentence("se is 0 for row 3", "numbers above 0")
    'se is 0 for row 3. Expected: numbers above 0.'
    """
    parts = [_stopped(found)]
    if expected:
        parts.append(f"Expected: {_stopped(expected)}")
    if advice:
        parts.append(f"Try: {_stopped(advice)}")
    return " ".join(parts)


def _stopped(text: str) -> str:
    text = text.rstrip()
    return text if text.endswith(("?", "...")) else text.rstrip(".") + "."


_ALIKE, _SHORT_ALIKE = 0.6, 0.65
"""Share of letters from which two names are near, and that of names of three letters: 'fit' is no misspelt 'title'."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Words that offer the known name nearest to a misspelt one, or list the known ones.

    Examples
    --------
    >>> nearest("ablatt", ["alloc", "ablat"]), nearest("x", ["alloc", "ablat"])
    ("did you mean 'ablat'?", 'known: alloc, ablat')
    """
    options = [str(option) for option in known]
    return closest(name, options) or ("known: " + ", ".join(options) if options else "")


def closest(name: str, known: Iterable[str]) -> str:
    """Words that offer the known name nearest to a misspelt one; none when no name is near.

    Examples
    --------
    >>> closest("ablatt", ["alloc", "ablat"]), closest("x", ["alloc", "ablat"])
    ("did you mean 'ablat'?", '')
    """
    options = [str(option) for option in known]
    folded = {option.casefold(): option for option in reversed(options)}
    word = str(name).casefold()
    begun = [option for option in folded if len(word) > 2 and option.startswith(word)]
    whole = [option for option in folded if word and word in option.split()]
    alike = _ALIKE if len(word) > 3 else _SHORT_ALIKE
    close = begun or whole or difflib.get_close_matches(word, list(folded), n=1, cutoff=alike)
    if close:
        return f"did you mean '{folded[close[0]]}'?"
    return ""


def described(value: object) -> str:
    """Words for what was given instead of something else: its type, or the text or class itself.

    Examples
    --------
    >>> described([1, 2]), described("exact"), described(PoolwiseError)
    ('list', "'exact'", 'the class PoolwiseError')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return repr(value) if isinstance(value, str) else type(value).__name__


def shown(value: object, most: int = 60) -> str:
    """A value as a message shows it, cut after `most` characters.

    Examples
    --------
    >>> shown("0,39"), shown(-(10**5000))
    ("'0,39'", 'a whole number of 5001 digits')
    """
    try:
        text = repr(value)
    except ValueError:  # Python writes out no whole number of more than 4,300 digits, nor what holds one
        if not isinstance(value, int):
            return f"{described(value)} with a number of thousands of digits"
        return f"a whole number of {int(value.bit_length() * math.log10(2)) + 1} digits"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def listing(items: Iterable[object], most: int = 8, separator: str = ", ") -> str:
    """Items as a list for a message, cut after `most`.

    Examples
    --------
    >>> listing("abcde", most=3)
    'a, b, c and 2 more'
    """
    names = [str(item) for item in items]
    if len(names) <= most:
        return separator.join(names)
    return separator.join(names[:most]) + f" and {len(names) - most} more"
