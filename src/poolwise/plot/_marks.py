"""The marks of a plot of effects: points, intervals with arrows where they leave the axis, diamonds, bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
# Okabe and Ito's palette, told apart under every common colour blindness; grey for what was reported.
RAW = "#4d4d4d"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def intervals(
    ax: Axes, lower: ArrayLike, upper: ArrayLike, y: ArrayLike, *, colour: str, width: float, name: str
) -> None:
    """Horizontal intervals at heights y; an end beyond the axis becomes an arrow at its edge."""
    low, high = ax.get_xlim()
    start, stop, height = (np.atleast_1d(np.asarray(each, dtype=float)) for each in (lower, upper, y))
    known = ~(np.isnan(start) | np.isnan(stop)) & (stop >= low) & (start <= high)
    start, stop, height = start[known], stop[known], height[known]
    ax.hlines(
        height,
        np.maximum(start, low),
        np.minimum(stop, high),
        colors=colour,
        lw=width,
        label=name,
        zorder=2.0,
    )
    arrows(ax, height[start < low], "left", colour=colour, name=name)
    arrows(ax, height[stop > high], "right", colour=colour, name=name)


def arrows(ax: Axes, y: Array, side: str, *, colour: str, name: str) -> None:
    """Arrow heads at the left or right edge of the axis, pointing outwards."""
    if len(y) == 0:
        return
    edge = ax.get_xlim()[0 if side == "left" else 1]
    ax.scatter(
        np.full(len(y), edge),
        y,
        s=26,
        marker="<" if side == "left" else ">",
        color=colour,
        linewidths=0,
        clip_on=False,
        zorder=2.5,
        label=f"{name}, beyond the {side} edge",
    )


def points(ax: Axes, x: ArrayLike, y: ArrayLike, *, sizes: ArrayLike, look: tuple[str, str, str], name: str) -> None:
    """Markers at the points that lie on the axis; `look` is marker, face colour, edge colour."""
    low, high = ax.get_xlim()
    x, y, sizes = (np.asarray(each, dtype=float) for each in (x, y, sizes))
    inside = (x >= low) & (x <= high)
    marker, face, edge = look
    ax.scatter(
        x[inside],
        y[inside],
        s=np.broadcast_to(sizes, x.shape)[inside] ** 2,
        marker=marker,
        facecolors=face,
        edgecolors=edge,
        linewidths=1.0,
        zorder=3.0,
        label=name,
    )
    arrows(ax, y[x < low], "left", colour=edge, name=name)
    arrows(ax, y[x > high], "right", colour=edge, name=name)


def diamond(ax: Axes, point: float, limits: tuple[float, float], y: float, *, colour: str, name: str) -> None:
    """A diamond from the lower to the upper limit, waist at the point; a small one for a point alone."""
    low, high = ax.get_xlim()
    lower, upper = limits
    if np.isnan(lower) or np.isnan(upper):
        points(ax, [point], [y], sizes=7.0, look=("D", colour, colour), name=name)
        return
    (patch,) = ax.fill([lower, point, upper, point], [y, y - 0.3, y, y + 0.3], color=colour, lw=0, zorder=3.0)
    patch.set_label(name)
    arrows(ax, np.array([y] if lower < low else []), "left", colour=colour, name=name)
    arrows(ax, np.array([y] if upper > high else []), "right", colour=colour, name=name)


def bar(ax: Axes, point: float, limits: tuple[float, float], y: float, *, colour: str, name: str) -> None:
    """A pale bar from the lower to the upper limit with a tick at the point: for a new study."""
    low, high = ax.get_xlim()
    lower, upper = limits
    if np.isnan(lower) or np.isnan(upper):
        return
    start, stop = max(lower, low), min(upper, high)
    (patch,) = ax.barh(y, stop - start, left=start, height=0.3, color=colour, alpha=0.3, lw=0, zorder=2.0)
    patch.set_label(name)
    ax.hlines([y - 0.15, y + 0.15], start, stop, colors=colour, lw=0.9, zorder=2.5)
    ends = [end for end in (lower, upper) if low <= end <= high]
    ax.vlines(
        [*ends, point] if low <= point <= high else ends,
        y - 0.15,
        y + 0.15,
        colors=colour,
        lw=1.2,
        zorder=2.6,
    )
    arrows(ax, np.array([y] if lower < low else []), "left", colour=colour, name=name)
    arrows(ax, np.array([y] if upper > high else []), "right", colour=colour, name=name)
