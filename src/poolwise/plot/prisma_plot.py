"""The flow diagram of a systematic review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from poolwise.coding.prisma import Flow
from poolwise.errors import InputError
from poolwise.plot import _canvas, _text, _theme
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import INK, SOFT
from poolwise.plot._width import figure_of, room, size_of
from poolwise.settings import check_instance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE, GAP, APART, MARGIN = 0.19, 0.25, 0.4, 0.08  # inches
SIZE, TITLE = 8.5, 10.5  # points
_INSIDE, _LEAST = 0.1, 1.3  # inches from a box to its words, and of the narrowest box


def prisma(flow: Flow, *, ax: Axes | None = None) -> Axes:
    """Draw the flow by PRISMA 2020: what goes on at the left, what leaves at the right.

    Parameters
    ----------
    flow : Flow
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure, as wide as a page.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For axes that are too small for the words.

    References
    ----------
    Page et al. 2021, BMJ 372:n71, figure 1, 10.1136/bmj.n71.
    """
    check_instance(
        "plot.prisma", flow, Flow, expected="a Flow", advice="plot.prisma(pw.coding.prisma({...}))", error=InputError
    )
    with plain_text():
        width = room(ax)
        box = 0.5 * (width - APART - 2.0 * MARGIN)
        rows = _rows(flow, box - 2.0 * _INSIDE)
        heights = [LINE * (max(len(left), len(right)) + 0.7) for left, right in rows]
        total = sum(heights) + GAP * (len(rows) - 1) + 2.0 * MARGIN + (LINE + GAP if flow.title else 0.0)
        if ax is None:
            ax = _canvas.new_figure(width, total).add_axes((0.0, 0.0, 1.0, 1.0))
        elif box < _LEAST or size_of(ax)[1] < total - 0.01:
            high = f"{total:.1f}" if box >= _LEAST else "3"
            raise InputError(
                f"the axes given are {width:.1f} x {size_of(ax)[1]:.1f} inches, too small for the figure and its words",
                f"at least {max(width, 2.0 * (_LEAST + MARGIN) + APART):.1f} x {high} inches",
                "ax=None, which makes a figure of its own",
            )
        _theme.note(figure_of(ax))
        _draw(ax, flow.title, rows, heights, box)
    return ax


def _draw(ax: Axes, title: str, rows: list[tuple[list[str], list[str]]], heights: list[float], box: float) -> None:
    width, high = size_of(ax)
    ax.set_xlim(0.0, width)
    ax.set_ylim(0.0, high)
    ax.set_axis_off()
    top = high - MARGIN
    if title:
        words = _text.fit(_text.plain(title), width - 2.0 * MARGIN, TITLE, bold=True)
        look = _text.font(words, TITLE, bold=True)
        ax.text(MARGIN, top, words, va="top", color=INK, fontproperties=look, parse_math=False)
        top -= LINE + GAP
    right_edge = MARGIN + box + APART
    for number, ((left, right), height) in enumerate(zip(rows, heights, strict=True)):
        middle = top - height / 2.0
        _box(ax, (MARGIN, top), left, (box, height))
        if right:
            _box(ax, (right_edge, top), right, (box, height))
            _arrow(ax, (MARGIN + box, middle), (right_edge, middle))
        top -= height + GAP
        if number < len(rows) - 1:
            _arrow(ax, (MARGIN + box / 2.0, top + GAP), (MARGIN + box / 2.0, top))


def _rows(flow: Flow, inches: float) -> list[tuple[list[str], list[str]]]:
    """Lines of the boxes that go on, and of those that leave, each no longer than the box is wide."""
    included = {"reports": flow.reports, "studies": flow.studies}
    included |= {"independent samples": flow.samples} if flow.samples != flow.studies else {}
    removed, found = "Records removed before screening", "Records identified"
    before = {removed: flow.removed["before screening"]} if list(flow.removed) == ["before screening"] else None
    known = {found: flow.identified["records"]} if list(flow.identified) == ["records"] else None
    rows = [
        (
            _each(known) if known else _listed(found, flow.identified),
            _each(before) if before else _listed(removed, flow.removed),
        ),
        (_each({"Records screened": flow.screened}), _each({"Records excluded": flow.excluded})),
        (_each({"Reports sought": flow.sought}), _each({"Reports not retrieved": flow.not_retrieved})),
        (_each({"Reports assessed": flow.assessed}), _listed("Reports excluded", flow.excluded_reports)),
        (_listed("Included in the review", included), []),
    ]
    return [(_wrapped(left, inches), _wrapped(right, inches)) for left, right in rows]


def _listed(head: str, numbers: Mapping[str, int]) -> list[str]:
    """A heading over its numbers, or with a zero where there are none."""
    return [f"{head}:", *_each(numbers)] if numbers else [f"{head} (n = 0)"]


def _each(numbers: Mapping[str, int]) -> list[str]:
    return [f"{_text.plain(word)} (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{n:,})" for word, n in numbers.items()]


def _wrapped(lines: list[str], inches: float) -> list[str]:
    return [part for line in lines for part in _text.wrap(line, inches, SIZE)]


def _box(ax: Axes, corner: tuple[float, float], lines: list[str], size: tuple[float, float]) -> None:
    from matplotlib.patches import Rectangle

    (left, top), (wide, high) = corner, size
    ax.add_patch(Rectangle((left, top - high), wide, high, fill=False, edgecolor=SOFT, linewidth=0.8))
    first = top - 0.5 * high + 0.5 * LINE * (len(lines) - 1)
    for n, words in enumerate(lines):
        look = _text.font(words, SIZE)
        at = (left + _INSIDE, first - n * LINE)
        ax.text(*at, words, va="center", ha="left", color=INK, fontproperties=look, parse_math=False)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "linewidth": 0.8, "color": INK})
