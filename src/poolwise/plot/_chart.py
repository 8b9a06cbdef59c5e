"""A chart with two axes of its own, under a title and above notes as every figure here has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from poolwise.plot import _canvas, _sheet, _text
from poolwise.plot._sheet import Phrase, Plot, Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDE, _HIGH = 5.2, 3.6
_LEFT = 0.62  # inches for the words of the vertical axis
_PITCH = 0.2


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
    column = (Plot(_LEFT + _WIDE),)
    sheet = Sheet(title, (), _HIGH / _PITCH, _PITCH, column, tuple(notes), below=0.55)
    (frame,), _ = _canvas.draw(sheet, ax)
    frame.set_axis_off()
    for line in tuple(frame.lines):
        line.remove()  # the rule of a table would cut through the axis
    box = frame.get_position()
    left = box.width * _LEFT / (_LEFT + _WIDE)
    made = _canvas.figure_of(frame).add_axes((box.x0 + left, box.y0, box.width - left, box.height))
    made.spines[["top", "right"]].set_visible(False)
    return made


def name_axes(ax: Axes, x: str, y: str) -> None:
    """Words of both axes, and their ticks in the type of every figure."""
    for axis, words in ((ax.xaxis, x), (ax.yaxis, y)):
        look = _text.font(words, _sheet.BODY_SIZE)
        axis.set_label_text(words, fontproperties=look, color=_sheet.INK, parse_math=False)
    ax.tick_params(which="both", labelsize=_sheet.TICK_SIZE, color=_sheet.SOFT, labelcolor=_sheet.INK)
