"""A sheet: a table whose columns are words or axes, with a title above and notes below, laid out in inches.

Every text column is as wide as its widest cell, measured, so that words never run into the axes. The body's
rows have a fixed height, so the figure grows with them while the type stays the same size.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, final

from poolwise.errors import InputError, PoolwiseWarning
from poolwise.plot import _text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, RULE, ALARM = "#1a1a1a", "#595959", "#b3b3b3", "#9e2a00"
TITLE_SIZE, BODY_SIZE, NOTE_SIZE, TICK_SIZE = 10.5, 8.5, 7.5, 8.0
MARGIN = 0.14
_GAP, _PLOT_GAP = 0.16, 0.2
_HEADING_HEIGHT, _LINE = 0.3, 1.38 / 72.0
_LEAST_PITCH, _LEAST_PLOT, _LEAST_LABEL = 0.15, 1.2, 0.8


@final
@dataclass(frozen=True)
class Line:
    """A row of the body: its centre in row heights from the top, and how its words look."""

    y: float
    bold: bool = False
    colour: str = INK


@final
@dataclass(frozen=True)
class Column:
    """A column of words.

    Attributes
    ----------
    heading : str
        Words at its head.
    cells : tuple of str
        One for each line, ``""`` for none.
    align : {"left", "right"}
        Side to which its words are flush.
    colour : str
        Colour of the heading.
    most : float
        Width in inches beyond which cells are cut.
    spill : frozenset of int
        Lines whose cell may run over the next column.
    """

    heading: str
    cells: tuple[str, ...]
    align: Literal["left", "right"] = "left"
    colour: str = INK
    most: float = math.inf
    spill: frozenset[int] = frozenset()


@final
@dataclass(frozen=True)
class Plot:
    """The place of an axes, this many inches wide on a figure of our own."""

    inches: float


@final
@dataclass(frozen=True)
class Note:
    """A paragraph below the axes."""

    words: str
    size: float = NOTE_SIZE
    colour: str = SOFT
    bold: bool = False
    math: bool = False


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
    notes : tuple of Note
        Below the axes.
    below : float
        Inches below the body for tick labels and the words of the axis.
    """

    title: str
    lines: tuple[Line, ...]
    rows: float
    pitch: float
    columns: tuple[Column | Plot, ...]
    notes: tuple[Note, ...]
    below: float


@final
@dataclass(frozen=True)
class Placed:
    """A sheet with its measures in inches: left edge and width of each column, the whole, above and below."""

    sheet: Sheet
    edges: tuple[tuple[float, float], ...]
    width: float
    title: tuple[str, ...]
    notes: tuple[tuple[str, Note], ...]

    @property
    def main(self) -> tuple[float, float]:
        """Left edge and width of the first axes, in inches."""
        pairs = zip(self.sheet.columns, self.edges, strict=True)
        return next(edge for column, edge in pairs if isinstance(column, Plot))

    @property
    def above(self) -> float:
        """Inches above the body."""
        return MARGIN + len(self.title) * TITLE_SIZE * _LINE + _HEADING_HEIGHT

    @property
    def beneath(self) -> float:
        """Inches below the body."""
        return self.sheet.below + sum(note.size * _LINE for _, note in self.notes) + MARGIN

    @property
    def height(self) -> float:
        """Inches of the whole."""
        return self.above + self.sheet.rows * self.sheet.pitch + self.beneath


def draw(sheet: Sheet, ax: Axes | None) -> tuple[list[Axes], Placed]:
    """Put the words of a sheet on a figure and return its axes, empty, with y running from 0 down to `rows`.

    Parameters
    ----------
    sheet : Sheet
        What to draw.
    ax : Axes or None
        Axes whose place the whole sheet takes; a new pyplot figure of the right size when None.

    Returns
    -------
    list of Axes, Placed
        One axes for each Plot column (the first is `ax` when given), and the measures.
    """
    if ax is None:
        placed = place(sheet)
        figure = _new_figure(placed.width, placed.height)
        axes = _axes(figure, placed, (0.0, 0.0), None)
    else:
        parent = figure_of(ax)
        inches = parent.get_size_inches()
        box = ax.get_position()
        placed = _squeezed(sheet, box.width * inches[0], box.height * inches[1])
        axes = _axes(parent, placed, (box.x0 * inches[0], box.y0 * inches[1]), ax)
    _write_body(axes[0], placed)
    _write_around(axes[0], placed)
    return axes, placed


def place(sheet: Sheet, width: float | None = None) -> Placed:
    """Measure a sheet: columns as wide as their words, paragraphs wrapped to the whole width."""
    widths = [_column_width(sheet, i) for i in range(len(sheet.columns))]
    if width is not None:
        widths = _shared_out(sheet.columns, widths, width)
    edges, x = [], MARGIN
    for column, own in zip(sheet.columns, widths, strict=True):
        x += _PLOT_GAP - _GAP if isinstance(column, Plot) else 0.0
        edges.append((x, own))
        x += own + (_PLOT_GAP if isinstance(column, Plot) else _GAP)
    whole = x - _GAP + MARGIN
    inside = whole - 2 * MARGIN
    title = tuple(_text.wrap(sheet.title, inside, TITLE_SIZE, bold=True)) if sheet.title else ()
    notes = tuple(
        (line, note) for note in sheet.notes for line in _text.wrap(note.words, inside, note.size, bold=note.bold)
    )
    return Placed(sheet, tuple(edges), whole, title, notes)


def write(
    ax: Axes,
    placed: Placed,
    at: tuple[float, float],
    words: str,
    *,
    look: Note,
    align: str = "left",
) -> None:
    """Words at (inches from the sheet's left edge, row heights from the top of the body)."""
    start, length = placed.main
    ax.text(
        (at[0] - start) / length,
        at[1],
        words,
        transform=ax.get_yaxis_transform(),
        ha=align,
        va="center",
        color=look.colour,
        fontproperties=_text.font(words, look.size, bold=look.bold),
        parse_math=look.math,
        clip_on=False,
    )


def rule(ax: Axes, placed: Placed, y: float, colour: str = RULE) -> None:
    """A thin line across the whole sheet at this row height."""
    start, length = placed.main
    ends = [(MARGIN - start) / length, (placed.width - MARGIN - start) / length]
    ax.plot(ends, [y, y], transform=ax.get_yaxis_transform(), color=colour, lw=0.7, clip_on=False, zorder=0.5)


def figure_of(ax: Axes) -> Figure:
    """The figure on which axes stand."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise InputError("the axes given are on no figure any more", "axes of a live figure")
    return figure


def _new_figure(width: float, height: float) -> Figure:
    # pyplot only makes the figure, so that a notebook or a window shows it; whoever asked for it closes it.
    from matplotlib import pyplot

    return pyplot.figure(figsize=(width, height), facecolor="white")


def _axes(figure: Figure, placed: Placed, origin: tuple[float, float], first: Axes | None) -> list[Axes]:
    total = figure.get_size_inches()
    sheet = placed.sheet
    found: list[Axes] = []
    for column, (x, length) in zip(sheet.columns, placed.edges, strict=True):
        if isinstance(column, Plot):
            box = (
                (origin[0] + x) / total[0],
                (origin[1] + placed.beneath) / total[1],
                length / total[0],
                sheet.rows * sheet.pitch / total[1],
            )
            if first is not None and not found:
                first.set_position(box)
                found.append(first)
            else:
                found.append(figure.add_axes(box))
    for each in found:
        _bare(each, sheet.rows)
    return found


def _bare(ax: Axes, rows: float) -> None:
    ax.set_ylim(rows, 0.0)
    ax.set_facecolor("none")
    ax.grid(False)
    ax.set_yticks([])
    for side, spine in ax.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(SOFT)
        spine.set_linewidth(0.8)


def _squeezed(sheet: Sheet, width: float, height: float) -> Placed:
    placed = place(sheet, width)
    pitch = (height - placed.above - placed.beneath) / sheet.rows
    if pitch < _LEAST_PITCH or placed.width > width + 0.01:
        own = place(sheet)
        warnings.warn(
            f"the axes given are {width:.1f} x {height:.1f} inches, too small for the words of the figure, "
            f"which by itself would be {own.width:.1f} x {own.height:.1f}. Give larger axes, or none",
            PoolwiseWarning,
            stacklevel=5,
        )
    return replace(placed, sheet=replace(sheet, pitch=max(pitch, 0.02)))


def _shared_out(columns: Sequence[Column | Plot], widths: list[float], total: float) -> list[float]:
    """Widths for a given total: axes take what the words leave, and the widest column of labels gives way."""
    plots = [i for i, column in enumerate(columns) if isinstance(column, Plot)]
    gaps = 2 * MARGIN + _GAP * (len(columns) - 1) + 2 * (_PLOT_GAP - _GAP) * len(plots)
    words = sum(own for i, own in enumerate(widths) if i not in plots)
    wanted = sum(widths[i] for i in plots)
    room = total - gaps - words
    least = _LEAST_PLOT * len(plots)
    if room < least:
        labels = max(range(plots[0]), key=widths.__getitem__)
        given = max(min(widths[labels] - _LEAST_LABEL, least - room), 0.0)
        widths = [own - given if i == labels else own for i, own in enumerate(widths)]
        room = max(room + given, 0.5 * least)
    return [own * room / wanted if i in plots else own for i, own in enumerate(widths)]


def _column_width(sheet: Sheet, index: int) -> float:
    column = sheet.columns[index]
    if isinstance(column, Plot):
        return column.inches
    own, spilled = [_text.width(column.heading, BODY_SIZE, bold=True)], 0.0
    for i, (line, cell) in enumerate(zip(sheet.lines, column.cells, strict=True)):
        length = _text.width(cell, BODY_SIZE, bold=line.bold)
        if i in column.spill:
            spilled = max(spilled, length)
        else:
            own.append(length)
    if spilled:
        own.append(spilled - _spill_room(sheet, index))
    return min(max(own), column.most)


def _spill_room(sheet: Sheet, index: int) -> float:
    following = sheet.columns[index + 1] if index + 1 < len(sheet.columns) else None
    return _GAP + _column_width(sheet, index + 1) if isinstance(following, Column) else 0.0


def _write_body(ax: Axes, placed: Placed) -> None:
    sheet = placed.sheet
    for index, (column, (x, own)) in enumerate(zip(sheet.columns, placed.edges, strict=True)):
        if isinstance(column, Plot):
            continue
        at = x if column.align == "left" else x + own
        heading = Note(column.heading, BODY_SIZE, column.colour, bold=True)
        write(ax, placed, (at, -0.14 / sheet.pitch), column.heading, look=heading, align=column.align)
        for i, (line, cell) in enumerate(zip(sheet.lines, column.cells, strict=True)):
            room = own + (_spill_room(sheet, index) if i in column.spill else 0.0)
            words = _text.fit(cell, room, BODY_SIZE, bold=line.bold)
            look = Note(words, BODY_SIZE, line.colour, bold=line.bold)
            if words:
                write(ax, placed, (at, line.y), words, look=look, align=column.align)


def _write_around(ax: Axes, placed: Placed) -> None:
    pitch = placed.sheet.pitch
    rule(ax, placed, 0.0)
    y = -(placed.above - MARGIN)
    for line in placed.title:
        y += TITLE_SIZE * _LINE
        look = Note(line, TITLE_SIZE, INK, bold=True)
        write(ax, placed, (MARGIN, (y - 0.5 * TITLE_SIZE * _LINE) / pitch), line, look=look)
    y = placed.sheet.rows * pitch + placed.sheet.below
    for line, note in placed.notes:
        y += note.size * _LINE
        write(ax, placed, (MARGIN, (y - 0.5 * note.size * _LINE) / pitch), line, look=note)
