"""A sheet: a table whose columns are words or axes, with a title above and notes below, measured in inches.

Every text column is as wide as its widest cell, measured, so that words never run into the axes. The body's
rows have a fixed height, so the figure grows with them while the type stays the same size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, final

from poolwise.plot import _text, _width

INK, SOFT, RULE, ALARM = "#1a1a1a", "#595959", "#b3b3b3", "#9e2a00"
TITLE_SIZE, BODY_SIZE, NOTE_SIZE, TICK_SIZE = 10.5, 8.5, 7.5, 8.0
ASIDE_SIZE = 7.0
MARGIN = 0.14
LINE = 1.38 / 72.0  # inches from line to line for each point of type
_GAP, _PLOT_GAP = 0.16, 0.2
_HEADING_HEIGHT, _NO_HEADING = 0.3, 0.14
LEAST_PLOT, _LEAST_LABEL = 1.2, 0.8  # inches


@final
@dataclass(frozen=True)
class Sizes:
    """Sizes of the type in points and of the gaps in inches, as a sheet's width allows.

    Attributes
    ----------
    title, body, tick : float
        Points of the title, of cells and headings, of tick labels.
    margin, gap, plot_gap, heading : float
        Inches at the edge, between columns, beside an axes, and for the headings.
    """

    title: float = TITLE_SIZE
    body: float = BODY_SIZE
    tick: float = TICK_SIZE
    margin: float = MARGIN
    gap: float = _GAP
    plot_gap: float = _PLOT_GAP
    heading: float = _HEADING_HEIGHT


COMPACT = Sizes(title=9.5, body=7.5, tick=7.0, margin=0.1, gap=0.13, plot_gap=0.15, heading=0.28)


@final
@dataclass(frozen=True)
class Phrase:
    """Words and how they look: a title, a heading, a cell, a paragraph.

    Attributes
    ----------
    words : str
        What is written.
    size : float
        Size of the type in points.
    colour : str
        Colour of the type.
    bold : bool
        Whether the type is bold.
    math : bool
        Whether dollars enclose mathtext.
    backed : bool
        Whether what lies below is hidden behind the words.
    """

    words: str
    size: float = NOTE_SIZE
    colour: str = SOFT
    bold: bool = False
    math: bool = False
    backed: bool = False


@final
@dataclass(frozen=True)
class Line:
    """A row of the body: its centre in row heights from the top, and how its words look.

    With `aside`, all but the first line of a cell is an aside, in small grey type; with `free`, the words of its first
    column may run on over the axes.
    """

    y: float
    bold: bool = False
    colour: str = INK
    aside: bool = False
    free: bool = False


@final
@dataclass(frozen=True)
class Column:
    """A column of words.

    Attributes
    ----------
    heading : str
        Words at its head, a line break between its lines.
    cells : tuple of str
        One for each line, ``""`` for none; a line break between the lines of one.
    align : {"left", "right"}
        Side to which its words are flush.
    colour : str
        Colour of the heading.
    spill : frozenset of int
        Lines whose cell may run over the next column.
    colours : tuple of str
        Colours of the lines of headings and cells that have several; empty for those of the sheet's line.
    inches : float, optional
        Its width; as wide as its words when None.
    """

    heading: str
    cells: tuple[str, ...]
    align: Literal["left", "right"] = "left"
    colour: str = INK
    spill: frozenset[int] = frozenset()
    colours: tuple[str, ...] = ()
    inches: float | None = None


@final
@dataclass(frozen=True)
class Plot:
    """The place of an axes, this many inches wide on a figure of our own."""

    inches: float


@final
@dataclass(frozen=True)
class Sheet:
    """What stands on the figure, before it has a place.

    Attributes
    ----------
    title : str
        First line, wrapped to the width; may be empty.
    lines : tuple of Line
        The rows of the body.
    rows : float
        Height of the body in row heights.
    pitch : float
        Height of a row in inches.
    columns : tuple of Column or Plot
        From left to right.
    notes : tuple of Phrase
        Paragraphs below the axes.
    below : float
        Inches below the body for tick labels and the words of the axis.
    sizes : Sizes
        Of its type and gaps.
    most : float
        Inches that a figure of our own has at most, if the words allow it; less where pictures are narrower, unless it
        is infinite: the columns are as wide as they are to be.
    """

    title: str
    lines: tuple[Line, ...]
    rows: float
    pitch: float
    columns: tuple[Column | Plot, ...]
    notes: tuple[Phrase, ...]
    below: float
    sizes: Sizes = Sizes()
    most: float = _width.PAGE


@final
@dataclass(frozen=True)
class Placed:
    """A sheet with its measures.

    Attributes
    ----------
    sheet : Sheet
        What was measured.
    edges : tuple of (float, float)
        Left edge and width of each column, in inches.
    width : float
        Inches of the whole.
    title, notes : tuple of Phrase
        The title and the paragraphs, a phrase for each line.
    """

    sheet: Sheet
    edges: tuple[tuple[float, float], ...]
    width: float
    title: tuple[Phrase, ...]
    notes: tuple[Phrase, ...]

    @property
    def main(self) -> tuple[float, float]:
        """Left edge and width of the first axes, in inches."""
        pairs = zip(self.sheet.columns, self.edges, strict=True)
        return next(edge for column, edge in pairs if isinstance(column, Plot))

    @property
    def above(self) -> float:
        """Inches above the body."""
        headed = any(isinstance(column, Column) and column.heading for column in self.sheet.columns)
        return self.sheet.sizes.margin + _height(self.title) + (self.sheet.sizes.heading if headed else _NO_HEADING)

    @property
    def beneath(self) -> float:
        """Inches below the body."""
        return self.sheet.below + _height(self.notes) + self.sheet.sizes.margin

    @property
    def height(self) -> float:
        """Inches of the whole."""
        return self.above + self.sheet.rows * self.sheet.pitch + self.beneath


def place(sheet: Sheet, width: float | None = None) -> Placed:
    """Measure a sheet: columns as wide as their words, paragraphs wrapped to the whole width.

    Where that is more than there is room for, the type is that of a table in print; then the axes are narrower.

    Parameters
    ----------
    sheet : Sheet
        What to measure.
    width : float, optional
        Inches that the whole has to fit into, if the words allow it; by default what its columns ask for.

    Returns
    -------
    Placed
    """
    widths = [_column_width(sheet, i) for i in range(len(sheet.columns))]
    edges, whole = _edges(sheet, widths)
    most = min(sheet.most, _width.at_hand()) if math.isfinite(sheet.most) else sheet.most
    if whole > (most if width is None else width) and sheet.sizes == Sizes():
        return place(_compact(sheet), width)
    sizes = sheet.sizes
    total = width if width is not None else most if whole > most else None
    if total is not None:
        edges, whole = _edges(sheet, _shared_out(sheet, widths, total))
    inside = whole - 2 * sizes.margin
    title = _wrapped(Phrase(sheet.title, sizes.title, INK, bold=True), inside) if sheet.title else ()
    notes = tuple(line for note in sheet.notes for line in _wrapped(note, inside))
    return Placed(sheet, edges, whole, title, notes)


def _compact(sheet: Sheet) -> Sheet:
    """The same sheet with the type of a table in print."""
    less = {BODY_SIZE: 8.0, NOTE_SIZE: 7.0}
    notes = tuple(replace(note, size=less.get(note.size, note.size)) for note in sheet.notes)
    return replace(sheet, sizes=COMPACT, notes=notes)


def _edges(sheet: Sheet, widths: Sequence[float]) -> tuple[tuple[tuple[float, float], ...], float]:
    """Left edge and width of each column, and the width of the whole."""
    sizes = sheet.sizes
    edges, x = [], sizes.margin
    for column, own in zip(sheet.columns, widths, strict=True):
        x += sizes.plot_gap - sizes.gap if isinstance(column, Plot) else 0.0
        edges.append((x, own))
        x += own + (sizes.plot_gap if isinstance(column, Plot) else sizes.gap)
    return tuple(edges), x - sizes.gap + sizes.margin


def spill_room(sheet: Sheet, index: int) -> float:
    """Inches beyond its column that a spilling cell may take: the columns of words that follow it."""
    room = 0.0
    for following, column in enumerate(sheet.columns[index + 1 :], start=index + 1):
        if isinstance(column, Plot):
            break
        room += sheet.sizes.gap + _column_width(sheet, following)
    return room


def _height(lines: Sequence[Phrase]) -> float:
    return sum(line.size * LINE for line in lines)


def _wrapped(phrase: Phrase, inches: float) -> tuple[Phrase, ...]:
    lines = _text.wrap(phrase.words, inches, phrase.size, bold=phrase.bold)
    return tuple(replace(phrase, words=line) for line in lines)


def _shared_out(sheet: Sheet, widths: list[float], total: float) -> list[float]:
    """Widths for a given total: axes take what the words leave, and the widest column of labels gives way."""
    columns, sizes = sheet.columns, sheet.sizes
    plots = [i for i, column in enumerate(columns) if isinstance(column, Plot)]
    gaps = 2 * sizes.margin + sizes.gap * (len(columns) - 1) + 2 * (sizes.plot_gap - sizes.gap) * len(plots)
    words = sum(own for i, own in enumerate(widths) if i not in plots)
    wanted = sum(widths[i] for i in plots)
    room = total - gaps - words
    least = LEAST_PLOT * len(plots)
    if room < least:
        labels = max(range(plots[0]), key=widths.__getitem__, default=None)
        given = 0.0 if labels is None else max(min(widths[labels] - _LEAST_LABEL, least - room), 0.0)
        widths = [own - given if i == labels else own for i, own in enumerate(widths)]
        room = max(room + given, 0.5 * least)
    return [own * room / wanted if i in plots else own for i, own in enumerate(widths)]


def _column_width(sheet: Sheet, index: int) -> float:
    column = sheet.columns[index]
    if isinstance(column, Plot):
        return column.inches
    if column.inches is not None:
        return column.inches
    room = spill_room(sheet, index) if column.spill else 0.0
    own = [_text.width(part, sheet.sizes.body, bold=True) for part in column.heading.split("\n")]
    for i, (line, cell) in enumerate(zip(sheet.lines, column.cells, strict=True)):
        if line.free:
            continue
        length = max(_text.width(part, sheet.sizes.body, bold=line.bold) for part in cell.split("\n"))
        own.append(length - room if i in column.spill else length)
    return max(own)
