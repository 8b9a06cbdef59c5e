"""A chart with two axes of its own, under a title and above notes as every figure here has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from poolwise.errors import InputError
from poolwise.plot import _axis, _canvas, _dress, _keys, _sheet, _text, _width
from poolwise.plot._keys import Key
from poolwise.plot._sheet import Phrase, Plot, Sheet
from poolwise.plot._width import size_of
from poolwise.scale import Scale
from poolwise.show import in_tens, number_in, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

_WIDE, _HIGH = 5.2, 3.6
_LEFT = 0.62  # inches for the words of the vertical axis
_PITCH = 0.2
_BELOW = 0.55  # inches for tick labels and the words of the axis
_WORDS_DOWN, _WORDS_LEFT = 0.26, 0.56  # inches from the axes to the words of their axes
_LABELS = 0.36  # inches for tick labels between the axes and the words of the vertical one
_KEYS_APART = 0.05  # inches between keys and notes
_LEAST = 1.5  # inches of a chart's own axes, either way
_ROWS = 10.0
_AS_IT_IS = Scale("value", "value", "identity", "value")


def chart(title: str, notes: Sequence[Phrase], ax: Axes | None) -> Axes:
    """Empty axes with their own limits on both sides, words placed around them.

    Parameters
    ----------
    title : str
        Words above.
    notes : sequence of Phrase
        Paragraphs below.
    ax : Axes or None
        Axes whose place the figure takes; a new pyplot figure when None.

    Returns
    -------
    Axes
    """
    high = _width.height(_HIGH, ax)
    sheet = Sheet(title, (), high / _PITCH, _PITCH, (Plot(_LEFT + _WIDE),), tuple(notes), below=_BELOW)
    if ax is not None:
        refuse_small(sheet, ax, (_LEAST + _LEFT, _LEAST))
    return _framed(sheet, ax, ())


def keyed_chart(
    title: str,
    notes: Sequence[Phrase],
    keys: Sequence[Key],
    ax: Axes | None,
    *,
    high: float = _HIGH,
    fixed: bool = False,
) -> Axes:
    """A chart with keys between its axis and its notes, or an error where the axes given are too small for it.

    Parameters
    ----------
    title : str
        Words above.
    notes : sequence of Phrase
        Paragraphs below.
    keys : sequence of Key
        What each mark stands for.
    ax : Axes or None
        Axes whose place the figure takes; a new pyplot figure when None.
    high : float
        Inches of the chart's own axes on a new figure as wide as a page; less on a narrower one.
    fixed : bool
        Whether that height is of rows or panels, and the same at every width.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        When the axes given leave less than 1.5 inches either way for the chart's own axes.
    """
    column = (Plot(_LEFT + _WIDE),)
    own = high if fixed else _width.height(high, ax)
    sheet = Sheet(title, (), _ROWS, own / _ROWS, column, tuple(notes), below=_BELOW)
    width = None if ax is None else size_of(ax)[0]
    lines = _keys.packed(keys, _sheet.place(sheet, width).width - 2.0 * _sheet.MARGIN)
    sheet = replace(sheet, below=_BELOW + _KEYS_APART + _keys.LINE * len(lines))
    if ax is not None:
        refuse_small(sheet, ax, (_LEAST + _LEFT, _LEAST))
    return _framed(sheet, ax, lines)


def inside(ax: Axes | None) -> float:
    """Inches across that the axes of a chart have between their words."""
    sheet = Sheet("", (), _ROWS, _HIGH / _ROWS, (Plot(_LEFT + _WIDE),), (), below=_BELOW)
    return _sheet.place(sheet, None if ax is None else size_of(ax)[0]).main[1] - _LEFT


def refuse_small(sheet: Sheet, ax: Axes, least: tuple[float, float]) -> None:
    """Refuse axes that leave less than this width and height, in inches, for the body of a sheet."""
    width, height = size_of(ax)
    placed = _sheet.place(sheet, width)
    across, down = placed.main[1], height - placed.above - placed.beneath
    if across >= least[0] and down >= least[1] and placed.width <= width + 0.01:
        return
    own = _sheet.place(sheet)
    needed = max(width, width + least[0] - across), placed.above + placed.beneath + least[1]
    raise InputError(
        f"the axes given are {width:.1f} x {height:.1f} inches, too small for the figure and its words",
        f"at least {needed[0]:.1f} x {needed[1]:.1f} inches",
        f"ax=None, which makes a figure of {own.width:.1f} x {own.height:.1f}, or larger axes",
    )


def _framed(sheet: Sheet, ax: Axes | None, lines: Sequence[Sequence[tuple[float, Key]]]) -> Axes:
    (frame,), placed = _canvas.draw(sheet, ax)
    frame.set_axis_off()
    for line in tuple(frame.lines):
        line.remove()  # the rule of a table would cut through the axis
    figure, box = _width.figure_of(frame), frame.get_position()
    inches = figure.get_size_inches()
    left = _LEFT / inches[0]
    made = figure.add_axes((box.x0 + left, box.y0, box.width - left, box.height))
    made.spines[["top", "right"]].set_visible(False)
    if lines:
        start = box.x0 * inches[0] - placed.main[0] + _sheet.MARGIN
        wide, tall = placed.width - 2.0 * _sheet.MARGIN, _keys.LINE * len(lines)
        foot = box.y0 * inches[1] - sheet.below + _KEYS_APART
        own = figure.add_axes((start / inches[0], foot / inches[1], wide / inches[0], tall / inches[1]))
        _keys.draw(own, lines, wide)
    return made


def effect_ticks(ax: Axes, scale: Scale, which: Literal["x", "y"]) -> None:
    """Ticks at round numbers of the reading scale, as many as fit."""
    across = which == "x"
    low, high = ax.get_xlim() if across else ax.get_ylim()
    box, inches = ax.get_position(), _width.figure_of(ax).get_size_inches()
    room = box.width * inches[0] if across else box.height * inches[1]
    ticks = _axis.ticks(
        scale, low, high, inches=room, width=lambda words: _text.width(words, _sheet.TICK_SIZE) if across else 0.18
    )
    if across:  # a label at the end stays within the figure
        ticks = [
            (at, words) for at, words in ticks
            if 0.5 * _text.width(words, _sheet.TICK_SIZE) <= (high - at) / (high - low) * room + _sheet.MARGIN
        ]  # fmt: skip
    axis = ax.xaxis if across else ax.yaxis
    axis.set_ticks([at for at, _ in ticks], labels=[words for _, words in ticks])
    ax.minorticks_off()


def number_ticks(axis: Axis, *, whole: bool = False) -> None:
    """Ticks at round numbers inside the axes, with true minus signs."""
    from matplotlib.ticker import MaxNLocator

    low, high = sorted(axis.get_view_interval())
    at = [x for x in MaxNLocator(6, integer=whole, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high) if low <= x <= high]
    axis.set_ticks(at, labels=[in_tens(f"{x:.10g}") for x in at])


def plain_ticks(ax: Axes, which: Literal["x", "y"]) -> None:
    """Ticks at round numbers of an axis that is read as it is, as many as fit."""
    effect_ticks(ax, _AS_IT_IS, which)


def effect_words(scale: Scale) -> str:
    """The words of an axis of effects: ``risk ratio (log axis)``."""
    return _text.plain(scale.natural_label) + _dress.NOTES.get(scale.transform, "")


def with_power(ax: Axes, words: str) -> str:
    """The words of a vertical axis, with the power of ten taken out of its labels where they would run into them."""
    drawn = zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    ticks = [(at, label.get_text()) for at, label in drawn if label.get_text()]
    if max((_text.width(label, _sheet.TICK_SIZE) for _, label in ticks), default=0.0) <= _LABELS:
        return words
    try:
        values = [number_in(label) for _, label in ticks]
    except ValueError:
        return words
    largest = max(map(abs, values))
    power = math.floor(math.log10(largest)) if largest > 0.0 else 0
    if not power:
        return words
    ax.set_yticks([at for at, _ in ticks], labels=[plain(round(value / 10.0**power, 9)) for value in values])
    return _axis.with_power(words, power)


def _on_one_line(words: str, inches: float) -> str:
    """Words of an axis, without what stands in brackets at their end where that has no room."""
    if _text.width(words, _sheet.BODY_SIZE) > inches:
        words = words.partition(" (")[0]
    return _text.fit(words, inches, _sheet.BODY_SIZE)


def name_axes(ax: Axes, x: str, y: str) -> None:
    """Words of both axes, and their ticks in the type of every figure."""
    wide, high = size_of(ax)
    across = _text.wrap_to(x, wide + 0.2, _sheet.BODY_SIZE, 2)
    y = with_power(ax, y)
    for axis, words in ((ax.xaxis, "\n".join(across)), (ax.yaxis, _on_one_line(y, high + 0.2))):
        look = _text.font(words, _sheet.BODY_SIZE)
        axis.set_label_text(words, fontproperties=look, color=_sheet.INK, parse_math=False)
    ax.xaxis.set_label_coords(0.5, -_WORDS_DOWN / high)
    ax.yaxis.set_label_coords(-_WORDS_LEFT / wide, 0.5)
    ax.tick_params(which="both", labelsize=_sheet.TICK_SIZE, color=_sheet.SOFT, labelcolor=_sheet.INK)
