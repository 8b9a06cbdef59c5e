"""The keys of a chart: a small mark and words for each thing drawn, in as many lines as the width asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, final

from poolwise.plot import _sheet, _text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE = 0.185  # inches from line to line
_MARK, _NEAR, _APART = 0.3, 0.06, 0.2  # inches of a mark, between it and its words, between keys


@final
@dataclass(frozen=True)
class Key:
    """A mark and what it stands for.

    Attributes
    ----------
    words : str
        What it stands for.
    form : {"patch", "line", "point"}
    colour : str
        Of a patch's inside, of a line, of a point's edge.
    dash : str or tuple
        Matplotlib's style of a line.
    marker : str
        Matplotlib's sign of a point.
    face : str
        Inside of a point; `colour` when empty.
    """

    words: str
    form: Literal["patch", "line", "point"]
    colour: str
    dash: Any = "-"
    marker: str = "o"
    face: str = ""


def packed(keys: Sequence[Key], inches: float) -> list[list[tuple[float, Key]]]:
    """Keys in lines of at most this width, each with its distance from the left; words too long for a line are cut."""
    lines: list[list[tuple[float, Key]]] = []
    at = inches
    for key in keys:
        words = _text.fit(_text.plain(key.words), inches - _MARK - _NEAR, _sheet.NOTE_SIZE)
        own = _MARK + _NEAR + _text.width(words, _sheet.NOTE_SIZE)
        if not lines or at + own > inches:
            lines.append([])
            at = 0.0
        lines[-1].append((at, replace(key, words=words)))
        at += own + _APART
    return lines


def draw(ax: Axes, lines: Sequence[Sequence[tuple[float, Key]]], inches: float) -> None:
    """Draw lines of keys on axes of their own, this many inches wide."""
    ax.set_xlim(0.0, inches)
    ax.set_ylim(len(lines), 0.0)
    ax.set_axis_off()
    for i, line in enumerate(lines):
        for at, key in line:
            _mark(ax, at, i + 0.5, key)
            look = _text.font(key.words, _sheet.NOTE_SIZE)
            ax.text(
                at + _MARK + _NEAR, i + 0.5, key.words, fontproperties=look, va="center", color=_sheet.INK,
                parse_math=False,
            )  # fmt: skip


def _mark(ax: Axes, at: float, y: float, key: Key) -> None:
    if key.form == "patch":
        ax.barh(y, _MARK, left=at, height=0.62, color=key.colour, edgecolor=_sheet.SOFT, linewidth=0.7)
    elif key.form == "line":
        ax.plot([at, at + _MARK], [y, y], color=key.colour, ls=key.dash, lw=1.5, clip_on=False)
    else:
        ax.plot(
            [at + 0.5 * _MARK], [y], ls="", marker=key.marker, ms=5.5, color=key.colour, mfc=key.face or key.colour,
            clip_on=False,
        )  # fmt: skip
