"""A sheet put on a figure: its words, its rules, and the axes where the marks go."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, final

from poolwise.errors import InputError
from poolwise.plot import _sheet, _text, _theme
from poolwise.plot._plain import TEXT, settings
from poolwise.plot._sheet import Column, Line, Phrase, Placed, Plot, Sheet
from poolwise.plot._width import figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEADING_UP = 0.14
_LEAST_PITCH = 0.15
_BETWEEN = 1.2  # from line to line within a cell, for each point of type


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
        placed = _sheet.place(sheet)
        figure = new_figure(placed.width, placed.height)
        axes = _axes(figure, placed, (0.0, 0.0), None)
    else:
        parent = figure_of(ax)
        inches = parent.get_size_inches()
        box = ax.get_position()
        placed = _squeezed(sheet, box.width * inches[0], box.height * inches[1])
        axes = _axes(parent, placed, (box.x0 * inches[0], box.y0 * inches[1]), ax)
    _theme.note(figure_of(axes[0]))
    rule(axes[0], placed, 0.0)
    _write_body(axes[0], placed)
    own = placed.sheet
    _write_lines(axes[0], placed, placed.title, own.sizes.margin - placed.above)
    _write_lines(axes[0], placed, placed.notes, own.below + own.rows * own.pitch)
    return axes, placed


def write(
    ax: Axes, placed: Placed, at: tuple[float, float], phrase: Phrase, align: Literal["left", "right"] = "left"
) -> None:
    """Write a phrase at (inches from the sheet's left edge, row heights from the top of the body)."""
    start, length = placed.main
    ax.text(
        (at[0] - start) / length,
        at[1],
        phrase.words,
        transform=ax.get_yaxis_transform(),
        ha=align,
        va="center",
        color=phrase.colour,
        fontproperties=_text.font(phrase.words, phrase.size, bold=phrase.bold),
        parse_math=phrase.math,
        clip_on=False,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8} if phrase.backed else None,
    )


def rule(ax: Axes, placed: Placed, y: float) -> None:
    """Draw a thin line across the whole sheet at this row height."""
    start, length = placed.main
    margin = placed.sheet.sizes.margin
    ends = [(margin - start) / length, (placed.width - margin - start) / length]
    ax.plot(ends, [y, y], transform=ax.get_yaxis_transform(), color=_sheet.RULE, lw=0.7, clip_on=False, zorder=0.5)


def new_figure(width: float, height: float) -> Figure:
    # pyplot only makes the figure, so that a notebook or a window shows it; whoever asked for it closes it.
    from matplotlib import pyplot

    return pyplot.figure(figsize=(width, height), facecolor="white", FigureClass=figure_class())


@lru_cache(maxsize=1)
def figure_class() -> type[Figure]:
    """The class of our figures, by which pyplot makes them: words in their SVG and PDF are text, not outlines."""
    from matplotlib.figure import Figure

    @final
    class PoolwiseFigure(Figure):
        """A figure whose words can be read, found and set anew in every file."""

        def savefig(self, fname: Any, **options: Any) -> None:
            """Save as matplotlib does, words as text."""
            with settings(TEXT):
                super().savefig(fname, **options)

    PoolwiseFigure.__qualname__ = PoolwiseFigure.__name__
    return PoolwiseFigure


def __getattr__(name: str) -> Any:
    if name == "PoolwiseFigure":  # where pickle looks for it
        return figure_class()
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


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
        spine.set_color(_sheet.SOFT)
        spine.set_linewidth(0.8)


def _squeezed(sheet: Sheet, width: float, height: float) -> Placed:
    """The sheet within this many inches, refused where that is too small for its words."""
    placed = _sheet.place(sheet, width)
    pitch = (height - placed.above - placed.beneath) / sheet.rows
    least_pitch = max(_LEAST_PITCH, _for_cells(placed.sheet))
    if pitch < least_pitch - 1e-9 or placed.width > width + 0.01:
        own = _sheet.place(sheet)
        least = max(placed.width, width), placed.above + placed.beneath + least_pitch * sheet.rows
        raise InputError(
            f"the axes given are {width:.1f} x {height:.1f} inches, too small for the figure and its words",
            f"at least {least[0]:.1f} x {least[1]:.1f} inches",
            f"ax=None, which makes a figure of {own.width:.1f} x {own.height:.1f}, or larger axes",
        )
    return replace(placed, sheet=replace(placed.sheet, pitch=max(pitch, 0.02)))


def _for_cells(sheet: Sheet) -> float:
    """The pitch at which cells of several lines do not meet those above and below; 0 where there are none."""
    least = 0.0
    for column in sheet.columns:
        if isinstance(column, Plot):
            continue
        cells = sorted(
            (line.y, cell.count("\n") + 1) for line, cell in zip(sheet.lines, column.cells, strict=True) if cell
        )
        for (upper, above), (lower, below) in itertools.pairwise(cells):
            if max(above, below) > 1 and lower > upper:
                least = max(least, 0.5 * (above + below) * sheet.sizes.body * _BETWEEN / 72.0 / (lower - upper))
    return least


def _write_body(ax: Axes, placed: Placed) -> None:
    sheet, size = placed.sheet, placed.sheet.sizes.body
    down = size * _BETWEEN / 72.0 / sheet.pitch
    for index, (column, (x, own)) in enumerate(zip(sheet.columns, placed.edges, strict=True)):
        if isinstance(column, Plot):
            continue
        at = x if column.align == "left" else x + own
        spill = _sheet.spill_room(sheet, index) if column.spill else 0.0
        above = column.heading.split("\n")
        for n, words in enumerate(above):
            colour = column.colours[n] if n < len(column.colours) else column.colour
            height = -_HEADING_UP / sheet.pitch - (len(above) - 1 - n) * down
            write(ax, placed, (at, height), Phrase(words, size, colour, bold=True), column.align)
        for i, (line, cell) in enumerate(zip(sheet.lines, column.cells, strict=True)):
            room = own + spill if i in column.spill else own
            if line.free and index == 0:
                room = sum(placed.main) - x
            parts = cell.split("\n")
            for n, phrase in enumerate(_cell(parts, line, column, size, room)):
                if phrase.words:
                    write(ax, placed, (at, line.y + (n - 0.5 * (len(parts) - 1)) * down), phrase, column.align)


def _cell(parts: Sequence[str], line: Line, column: Column, size: float, room: float) -> list[Phrase]:
    """The lines of a cell, each cut to its room."""
    phrases = []
    for n, words in enumerate(parts):
        aside = line.aside and n > 0
        own, bold = (min(size, _sheet.ASIDE_SIZE), False) if aside else (size, line.bold)
        several = len(parts) > 1 and n < len(column.colours)
        colour = column.colours[n] if several else _sheet.SOFT if aside else line.colour
        phrases.append(Phrase(_text.fit(words, room, own, bold=bold), own, colour, bold=bold, backed=line.free))
    return phrases


def _write_lines(ax: Axes, placed: Placed, lines: Sequence[Phrase], top: float) -> None:
    """Write lines one below the other, from this many inches below the top of the body."""
    for line in lines:
        height = line.size * _sheet.LINE
        write(ax, placed, (placed.sheet.sizes.margin, (top + 0.5 * height) / placed.sheet.pitch), line)
        top += height
