"""The flow diagram of a systematic review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from poolwise.coding.prisma import Flow
from poolwise.errors import InputError
from poolwise.plot import _theme
from poolwise.plot._canvas import figure_of
from poolwise.plot._plain import plain_text
from poolwise.settings import check_instance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE, GAP, WIDTH, APART = 0.24, 0.35, 3.2, 0.6  # inches
SIZE = 9  # points


def prisma(flow: Flow, *, ax: Axes | None = None) -> Axes:
    """Draw the flow by PRISMA 2020: what goes on at the left, what leaves at the right.

    Parameters
    ----------
    flow : Flow
    ax : Axes, optional
        A new figure of its own size when left out.

    Returns
    -------
    Axes

    References
    ----------
    Page et al. 2021, BMJ 372:n71, figure 1, 10.1136/bmj.n71.
    """
    import matplotlib.pyplot as plt

    check_instance(
        "plot.prisma", flow, Flow, expected="a Flow", advice="plot.prisma(pw.coding.prisma({...}))", error=InputError
    )
    rows = _rows(flow)
    heights = [LINE * (max(len(left), len(right)) + 1) for left, right in rows]
    total = sum(heights) + GAP * (len(rows) + 1)
    if ax is None:
        _, ax = plt.subplots(figsize=(2 * WIDTH + APART + 2 * GAP, total + (0.3 if flow.title else 0.0)))
    with plain_text():
        _theme.note(figure_of(ax))
        _draw(ax, flow, rows, heights)
    return ax


def _draw(ax: Axes, flow: Flow, rows: list[tuple[list[str], list[str]]], heights: list[float]) -> None:
    total = sum(heights) + GAP * (len(rows) + 1)
    ax.set_xlim(0.0, 2 * WIDTH + APART + 2 * GAP)
    ax.set_ylim(0.0, total)
    ax.set_axis_off()
    top = total - GAP
    for number, ((left, right), height) in enumerate(zip(rows, heights, strict=True)):
        middle = top - height / 2.0
        _box(ax, GAP, top, left, height)
        if right:
            _box(ax, GAP + WIDTH + APART, top, right, height)
            _arrow(ax, (GAP + WIDTH, middle), (GAP + WIDTH + APART, middle))
        top -= height + GAP
        if number < len(rows) - 1:
            _arrow(ax, (GAP + WIDTH / 2.0, top + GAP), (GAP + WIDTH / 2.0, top))
    if flow.title:
        ax.set_title(flow.title, fontsize=SIZE + 1, loc="left")


def _rows(flow: Flow) -> list[tuple[list[str], list[str]]]:
    """Lines of the boxes that go on, and of those that leave."""
    included = [f"reports (n = {flow.reports})", f"studies (n = {flow.studies})"]
    included += [f"independent samples (n = {flow.samples})"] if flow.samples != flow.studies else []
    return [
        (["Records identified", *_each(flow.identified)], ["Removed before screening", *_each(flow.removed)]),
        ([f"Records screened (n = {flow.screened})"], [f"Records excluded (n = {flow.excluded})"]),
        ([f"Reports sought (n = {flow.sought})"], [f"Reports not retrieved (n = {flow.not_retrieved})"]),
        ([f"Reports assessed (n = {flow.assessed})"], ["Reports excluded", *_each(flow.excluded_reports)]),
        (["Included in the review", *included], []),
    ]


def _each(numbers: Mapping[str, int]) -> list[str]:
    return [f"{word} (n = {number})" for word, number in numbers.items()] or ["(n = 0)"]


def _box(ax: Axes, left: float, top: float, lines: list[str], height: float) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((left, top - height), WIDTH, height, fill=False, linewidth=0.8))
    text = "\n".join(lines)
    middle = top - height / 2.0
    ax.text(left + 0.1, middle, text, va="center", ha="left", fontsize=SIZE, parse_math=False, wrap=True)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "linewidth": 0.8, "color": "black"})
