"""The columns of a forest plot fitted to a width: what gives way so that the effects have two fifths of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

from poolwise.plot import _sheet, _text
from poolwise.plot._sheet import Column, Plot, Sizes

LEAST_TYPE = 6.5
SHARE = 0.4
NARROW, _WIDE = 4.8, 6.2
_LEAST_LABEL = 0.6
_CUT_LABEL = 0.48  # inches to which labels are cut where nothing else gives way
_SLIM = 1.0  # inches of labels below which they may stand on three lines
_LONGEST = 0.34  # of the width, beyond which labels are wrapped
_PAGE = Sizes(title=9.5, body=7.5, tick=7.0, margin=0.1, gap=0.13, plot_gap=0.14)
_COLUMN = Sizes(title=8.0, body=LEAST_TYPE, tick=LEAST_TYPE, margin=0.05, gap=0.08, plot_gap=0.09)


@final
@dataclass(frozen=True)
class Layout:
    """The columns that fit.

    Attributes
    ----------
    columns : tuple of Column or Plot
        From left to right, the first one the labels, each with its width.
    labels : float
        Inches of the labels.
    stacked : bool
        Whether raw and shrunken estimates stand in one column, the one below the other.
    left_out : tuple of str
        Names of the columns for which there was no room.
    """

    columns: tuple[Column | Plot, ...]
    labels: float
    stacked: bool
    left_out: tuple[str, ...]


@final
@dataclass(frozen=True)
class Labels:
    """How wide labels are: as the longest is, wrapped over two lines, and the least for what else they hold."""

    whole: float
    wrapped: float
    aside: float


def sizes_of(inches: float, *, heading_lines: int = 1) -> Sizes:
    """Sizes of the type for a width: never below 6.5 points."""
    own = _PAGE if inches >= _WIDE else _COLUMN
    if NARROW <= inches < _WIDE:
        own = replace(_PAGE, title=9.0, body=7.0, tick=6.8, margin=0.08, gap=0.11)
    return replace(own, heading=0.26 + (heading_lines - 1) * 1.2 * own.body / 72.0)


def note_size(inches: float) -> float:
    """Points of the notes below a picture of this width."""
    return 7.0 if inches >= _WIDE else LEAST_TYPE


def fitted(
    columns: Sequence[tuple[str, Column]], right: Sequence[str], labels: Labels, width: float, sizes: Sizes
) -> Layout:
    """The columns that leave the effects two fifths of the width.

    What gives way, in this order: the two columns of raw and shrunken estimates become one; labels longer than a third
    of the width are wrapped over two lines; weight, n, events, and moderators from the last to the first are left out;
    labels are cut. Estimates stay.

    Parameters
    ----------
    columns : sequence of (str, Column)
        By name, from left to right: ``"raw"`` and ``"shrunken"``, or ``"stacked"`` as what they become.
    right : sequence of str
        Names of those that stand right of the axes.
    labels : Labels
        Their widths.
    width : float
        Inches of the whole.
    sizes : Sizes
        Of the sheet.

    Returns
    -------
    Layout
        Whose first column is missing: the labels, `labels` inches wide.
    """
    states = list(_states(columns, labels, width))
    room = 0.0
    for names, label in states:
        kept = [(name, column) for name, column in columns if name in names]
        room = _room(kept, label, width, sizes)
        if room >= SHARE * width:
            break
    else:
        short = SHARE * width - room
        given = min(short, max(label - _CUT_LABEL, 0.0))
        label, room = label - given, max(room + given, 0.25 * width)
    back = (
        min(max(room - SHARE * width, 0.0), max(labels.whole - label, 0.0)) if labels.whole <= _LONGEST * width else 0.0
    )
    label, room = label + back, room - back
    stacked = "stacked" in names
    left_out = tuple(name for name, _ in columns if name not in names and name not in ("raw", "shrunken", "stacked"))
    sides = ([column for name, column in kept if (name in right) is side] for side in (False, True))
    before, after = sides
    return Layout((*before, Plot(room), *after), label, stacked, left_out)


def _states(
    columns: Sequence[tuple[str, Column]], labels: Labels, width: float
) -> Iterator[tuple[frozenset[str], float]]:
    """Names of columns with a width of the labels, from what is wished to what is left."""
    names = [name for name, _ in columns]
    apart = frozenset(name for name in names if name != "stacked")
    together = frozenset(name for name in names if name not in ("raw", "shrunken")) if "stacked" in names else apart
    long = labels.whole > _LONGEST * width
    whole = max(labels.wrapped if long else labels.whole, labels.aside)
    yield apart, whole
    yield together, whole
    yield together, max(labels.wrapped if long else labels.whole, min(labels.aside, labels.whole))
    small = min(labels.whole, labels.wrapped)
    yield together, small
    estimates = ("raw", "shrunken", "stacked", "estimate")
    moderators = [name for name in names if name not in (*estimates, "weight", "n") and not name.startswith("events")]
    events = [name for name in names if name.startswith("events")]
    left = together
    for name in [*(each for each in ("weight", "n") if each in names), *events, *reversed(moderators)]:
        left = left - {name} if not name.startswith("events") else left - set(events)
        yield left, small


def _room(kept: Sequence[tuple[str, Column]], label: float, width: float, sizes: Sizes) -> float:
    """Inches that the axes have beside these columns."""
    words = sum(column.inches or 0.0 for _, column in kept)
    gaps = 2 * sizes.margin + sizes.gap * (len(kept) + 1) + 2 * (sizes.plot_gap - sizes.gap)
    return width - words - label - gaps


def wrapped_label(words: str, inches: float, size: float, *, bold: bool = False) -> str:
    """A label on one line, on two or, in a narrow column, on three, its long words parted; cut when it is longer."""
    if _text.width(words, size, bold=bold) <= inches:
        return words
    indent = words[: len(words) - len(words.lstrip())]
    room = inches - _text.width(indent, size, bold=bold)
    most = 3 if inches < _SLIM and not bold else 2
    return "\n".join(indent + line for line in _text.wrap_to(words.strip(), room, size, most, bold=bold, parted=True))


def labels_of(words: Sequence[str], asides: Sequence[str], sizes: Sizes, spill: float) -> Labels:
    """Widths of some labels, and of asides that may run `spill` inches further."""
    whole = max((_text.width(each, sizes.body) for each in words), default=_LEAST_LABEL)
    wrapped = max((_half(each, sizes.body) for each in words), default=_LEAST_LABEL)
    aside = max((_text.width(each, min(sizes.body, _sheet.ASIDE_SIZE)) for each in asides), default=0.0) - spill
    least = _LEAST_LABEL
    return Labels(max(whole, least), max(min(wrapped, 1.7 if sizes.body > LEAST_TYPE else 1.1), least), aside)


def _half(words: str, size: float) -> float:
    """The least width at which words stand on two lines."""
    parts = words.split(" ")
    if len(parts) == 1:
        return _text.width(words, size)
    lengths = [len(each) for each in parts]
    cut = min(range(1, len(parts)), key=lambda i: math.fabs(sum(lengths[:i]) - sum(lengths[i:])))
    return max(_text.width(" ".join(parts[:cut]), size), _text.width(" ".join(parts[cut:]), size))
