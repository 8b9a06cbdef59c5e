"""An axis of effects, dressed: round ticks of the reading scale, its label, words for the two directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolwise.plot import _axis, _canvas, _sheet, _text, _width
from poolwise.plot._sheet import Phrase, Placed, Plot, Sizes
from poolwise.plot._width import size_of
from poolwise.scale import Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABEL_DOWN, _WORDS_DOWN, _NEAR = 0.34, 0.51, 0.08
_DIRECTIONS = 0.16  # inches for the words of the directions on one line
_DIRECTION_STEP = 0.13  # inches from the words of one direction to those of the other, where they need two lines
NOTES = {"log": " (log axis)", "fisher z": " (Fisher z axis)", "logit": " (logit axis)"}


def dress(ax: Axes, placed: Placed, scale: Scale, *, label: str = "") -> None:
    """Put ticks at round numbers of the reading scale, and the words of the axis below them.

    Parameters
    ----------
    ax : Axes
        With its final limits, on the analysis scale.
    placed : Placed
        The sheet on which it stands.
    scale : Scale
        Scale of the effects.
    label : str
        Words of the axis; those of the reading scale when empty.
    """
    sizes = placed.sheet.sizes
    inches = size_of(ax)[0]
    low, high = ax.get_xlim()
    power = _axis.power(scale, low, high)
    found = _axis.ticks(
        scale, low, high, width=lambda words: _text.width(words, sizes.tick), inches=inches, power=power
    )
    ax.set_xticks([x for x, _ in found], labels=[words for _, words in found])
    ax.minorticks_off()
    ax.tick_params(axis="x", length=3.0, width=0.8, color=_sheet.SOFT, labelcolor=_sheet.INK, top=False, labeltop=False)
    ax.tick_params(axis="x", bottom=True, labelbottom=True, direction="out", pad=2.5)
    for tick in ax.get_xticklabels():
        tick.set_fontproperties(_text.font(tick.get_text(), sizes.tick))
    words = _axis.with_power(label or _text.plain(scale.natural_label) + NOTES.get(scale.transform, ""), power)
    look = _text.font(words, sizes.body)
    ax.set_xlabel(words, fontproperties=look, color=_sheet.INK, parse_math=False, va="center")
    down = placed.sheet.rows + _LABEL_DOWN / placed.sheet.pitch
    start, length = _edge(ax, placed)
    half = 0.5 * _text.width(words, sizes.body)
    centre = min(max(start + 0.5 * length, half + sizes.margin), placed.width - sizes.margin - half)
    ax.xaxis.set_label_coords((centre - start) / length, down, transform=ax.get_yaxis_transform())


def _edge(ax: Axes, placed: Placed) -> tuple[float, float]:
    """Left edge and width of axes on their sheet, in inches: of several, those whose width and place are its own."""
    inches = _width.figure_of(ax).get_size_inches()[0]
    box = ax.get_position()
    plots = [edge for column, edge in zip(placed.sheet.columns, placed.edges, strict=True) if isinstance(column, Plot)]
    return min(plots, key=lambda edge: abs(edge[1] - box.width * inches))


def direct(ax: Axes, placed: Placed, null: float, directions: tuple[str, str]) -> None:
    """Write the words for the directions below and above the null value, each on its side of it, beneath the axis.

    Parameters
    ----------
    ax : Axes
        With its final limits, between which the null value lies.
    placed : Placed
        The sheet on which it stands.
    null : float
        The null value on the analysis scale.
    directions : tuple of str
        Words for effects below and above it; ``""`` for none.
    """
    low, high = ax.get_xlim()
    start, length = placed.main
    at = start + (null - low) / (high - low) * length
    y = placed.sheet.rows + _WORDS_DOWN / placed.sheet.pitch
    below, above = (_text.plain(words) for words in directions)
    sizes = placed.sheet.sizes
    left, right = sizes.margin, placed.width - sizes.margin
    texts = [f"← {below}" if below else "", f"{above} →" if above else ""]
    if lines_of(directions, sizes, placed.width) == 2:
        for n, words in enumerate(texts):
            own = Phrase(_text.fit(words, right - left, sizes.tick), sizes.tick)
            down = n * _DIRECTION_STEP / placed.sheet.pitch
            _canvas.write(ax, placed, ((left, right)[n], y + down), own, "left" if n == 0 else "right")
        return
    # Where the null value is so near an edge that the words on that side would be cut, both move.
    if above:
        at = min(at, right - _NEAR - _text.width(texts[1], sizes.tick))
    if below:
        at = max(at, left + _NEAR + _text.width(texts[0], sizes.tick))
        _canvas.write(ax, placed, (at - _NEAR, y), Phrase(texts[0], sizes.tick), "right")
    if above:
        _canvas.write(ax, placed, (at + _NEAR, y), Phrase(texts[1], sizes.tick), "left")


def room_of(directions: tuple[str, str], sizes: Sizes, inches: float) -> float:
    """Inches below the words of the axis for those of the directions, on as many lines as they need."""
    return (0.0, _DIRECTIONS, _DIRECTIONS + _DIRECTION_STEP)[lines_of(directions, sizes, inches)]


def lines_of(directions: tuple[str, str], sizes: Sizes, inches: float) -> int:
    """Lines that the words of the directions need on a sheet of this width: 0, 1 or 2."""
    long = [_text.width(f"← {_text.plain(words)}", sizes.tick) for words in directions if words]
    return 0 if not long else 1 if sum(long) + 2.0 * (_NEAR + sizes.margin) <= inches else 2
