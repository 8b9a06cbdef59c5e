"""The marks of a plot of effects: points, intervals with arrows where they leave the axis, diamonds, bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
# The colours of Okabe and Ito's palette that have a contrast of 3 : 1 with the page, and two deeper ones in the place
# of those that have not; told apart under every common colour blindness. Grey for what was reported.
RAW = "#4d4d4d"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#6b4400", "#332288")
REGION, _EDGE = "#f2e6b8", "#98803a"
_CONTRAST = 4.52  # of words with a white page; the guidelines of the web ask for 4.5


@final
@dataclass(frozen=True)
class Look:
    """How a mark looks, and the name under which it stands on the axes.

    Attributes
    ----------
    name : str
        What it shows: ``"raw interval"``.
    colour : str
        Colour of its lines and edges.
    width : float
        Width of an interval's line in points.
    marker : str
        Matplotlib's sign for the shape of a point.
    face : str
        Colour inside a point; `colour` when empty.
    """

    name: str
    colour: str
    width: float = 1.2
    marker: str = "o"
    face: str = ""


def of_words(colour: str) -> str:
    """The colour of a mark for words: as dark as reading needs, a contrast of 4.5 with a white page, and of one hue."""
    from matplotlib.colors import to_hex, to_rgb

    rgb = np.asarray(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    linear = linear * min(1.0, (1.05 / _CONTRAST - 0.05) / max(luminance, 1e-9))
    back = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1.0 / 2.4) - 0.055)
    return to_hex(tuple(back.tolist()))


def areas(weights: ArrayLike, biggest: float, smallest: float = 0.0, *, heaviest: float | None = None) -> Array:
    """Areas of the marks of studies in proportion to their weights, by one rule for a whole picture.

    area_i = biggest^2 w_i / max(w), and never below smallest^2, so that every study can be seen. Marks in several
    blocks of one picture are drawn from all their weights at once, or with the heaviest of all of them: two studies of
    the same weight then look the same wherever they stand.

    Parameters
    ----------
    weights : array_like
        Shares, or precisions 1 / se^2, of every study in the picture, shape (m,); NaN where there is none.
    biggest, smallest : float
        Sides or diameters in points of the heaviest study, and of the smallest mark.
    heaviest : float, optional
        The largest weight in the picture, where these are not all of them.

    Returns
    -------
    ndarray
        In square points, shape (m,); all the same, a quarter of the largest, where no weight is known.
    """
    known = np.asarray(weights, dtype=float)
    if not np.isfinite(known).any():
        return np.full(known.shape, (0.5 * biggest) ** 2)
    top = float(np.nanmax(known)) if heaviest is None else heaviest
    return np.maximum(biggest**2 * np.nan_to_num(known / top), smallest**2)


def intervals(ax: Axes, lower: ArrayLike, upper: ArrayLike, y: ArrayLike, look: Look) -> None:
    """Draw horizontal intervals at heights y; an end beyond the axis becomes an arrow at its edge.

    Parameters
    ----------
    ax : Axes
        With its final limits.
    lower, upper, y : array_like
        Ends on the analysis scale and heights, shape (m,); an interval with a NaN end is left out.
    look : Look
        Name, colour and width.
    """
    low, high = ax.get_xlim()
    start, stop, height = (np.atleast_1d(np.asarray(each, dtype=float)) for each in (lower, upper, y))
    known = ~(np.isnan(start) | np.isnan(stop)) & (stop >= low) & (start <= high)
    start, stop, height = start[known], stop[known], height[known]
    ends = np.maximum(start, low), np.minimum(stop, high)
    ax.hlines(height, *ends, colors=look.colour, lw=look.width, label=look.name, zorder=2.0)
    arrows(ax, height[start < low], "left", look)
    arrows(ax, height[stop > high], "right", look)


def arrows(ax: Axes, y: Array, side: Literal["left", "right"], look: Look) -> None:
    """Draw arrow heads at one edge of the axis, at heights y, pointing outwards."""
    if len(y) == 0:
        return
    edge = ax.get_xlim()[0 if side == "left" else 1]
    ax.scatter(
        np.full(len(y), edge),
        y,
        s=26,
        marker="<" if side == "left" else ">",
        color=look.colour,
        linewidths=0,
        clip_on=False,
        zorder=2.5,
        label=f"{look.name}, beyond the {side} edge",
    )


def points(ax: Axes, x: ArrayLike, y: ArrayLike, sizes: ArrayLike, look: Look) -> None:
    """Draw a marker at each point that lies on the axis, an arrow at its edge for each other one.

    Parameters
    ----------
    ax : Axes
        With its final limits.
    x, y : array_like
        Estimates on the analysis scale and heights, shape (m,).
    sizes : array_like
        Side or diameter in points, shape (m,) or one for all.
    look : Look
        Name, colour, marker and face.
    """
    low, high = ax.get_xlim()
    x, y, sizes = (np.asarray(each, dtype=float) for each in (x, y, sizes))
    inside = (x >= low) & (x <= high)
    ax.scatter(
        x[inside],
        y[inside],
        s=np.broadcast_to(sizes, x.shape)[inside] ** 2,
        marker=look.marker,
        facecolors=look.face or look.colour,
        edgecolors=look.colour,
        linewidths=min(look.width, 1.0),
        zorder=3.0,
        label=look.name,
    )
    arrows(ax, y[x < low], "left", look)
    arrows(ax, y[x > high], "right", look)


def diamond(ax: Axes, point: float, limits: tuple[float, float], y: float, look: Look) -> None:
    """Draw a diamond from the lower to the upper limit, waist at the point; a small one for a point alone."""
    lower, upper = limits
    if np.isnan(lower) or np.isnan(upper):
        points(ax, [point], [y], 7.0, look)
        return
    (patch,) = ax.fill([lower, point, upper, point], [y, y - 0.3, y, y + 0.3], color=look.colour, lw=0, zorder=3.0)
    patch.set_label(look.name)
    _beyond(ax, limits, y, look)


def bar(ax: Axes, point: float, limits: tuple[float, float], y: float, look: Look) -> None:
    """Draw a pale bar from the lower to the upper limit with a tick at the point: for a new study."""
    low, high = ax.get_xlim()
    lower, upper = limits
    if np.isnan(lower) or np.isnan(upper):
        return
    start, stop = max(lower, low), min(upper, high)
    (patch,) = ax.barh(y, stop - start, left=start, height=0.3, color=look.colour, alpha=0.3, lw=0, zorder=2.0)
    patch.set_label(look.name)
    ax.hlines([y - 0.15, y + 0.15], start, stop, colors=look.colour, lw=0.9, zorder=2.5)
    ticks = [x for x in (lower, upper, point) if low <= x <= high]
    ax.vlines(ticks, y - 0.15, y + 0.15, colors=look.colour, lw=1.2, zorder=2.6)
    _beyond(ax, limits, y, look)


def _beyond(ax: Axes, limits: tuple[float, float], y: float, look: Look) -> None:
    low, high = ax.get_xlim()
    arrows(ax, np.array([y] if limits[0] < low else []), "left", look)
    arrows(ax, np.array([y] if limits[1] > high else []), "right", look)


def region(ax: Axes, limits: tuple[float, float]) -> None:
    """Shade a region of practical equivalence, with a thin line at either limit that is seen on a dark page, too."""
    ax.axvspan(*limits, color=REGION, lw=0, zorder=0.1, label="region of practical equivalence")
    for at in limits:
        ax.axvline(at, color=_EDGE, lw=0.5, zorder=0.15)


def rug(ax: Axes, x: ArrayLike, name: str) -> None:
    """Draw a short line above the axis at each value; those beyond its ends stand at them."""
    low, high = ax.get_xlim()
    at = np.clip(np.asarray(x, dtype=float), low, high)
    ax.vlines(at, 0.0, 0.035, transform=ax.get_xaxis_transform(), color="#1a1a1a", lw=0.9, zorder=3.0, label=name)
