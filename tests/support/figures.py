"""What stands on a figure: words, marks, and whether words overlap."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.text import Text
from matplotlib.transforms import Bbox

# Two boxes may touch; descenders and antialiasing reach half a point into a neighbour's line spacing.
TOUCH = 0.5 / 72.0


def words(ax: Axes) -> list[str]:
    """All words on the figure of these axes, spaces at which no line breaks as any other."""
    return [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in texts(ax)]


def texts(ax: Axes) -> list[Text]:
    """All visible texts on the figure of these axes, tick labels included."""
    found = ax.figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    beyond = {label for axes in ax.figure.axes for axis in (axes.xaxis, axes.yaxis) for label in _beyond(axis)}
    return [text for text in found if text.get_text().strip() and text not in beyond]


def _beyond(axis: Axis) -> list[Text]:
    """Labels of ticks beyond the ends of an axis, which are not drawn."""
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    room = 1e-9 * (high - low)
    far = [tick for tick in ticks if not low - room <= tick.get_loc() <= high + room]
    return [label for tick in far for label in (tick.label1, tick.label2)]


def boxes(ax: Axes, dpi: float) -> list[tuple[str, Bbox]]:
    """Each text's box in inches as drawn at this resolution."""
    figure = ax.figure
    figure.set_dpi(dpi)
    renderer = FigureCanvasAgg(figure).get_renderer()
    return [(text.get_text(), Bbox(text.get_window_extent(renderer).get_points() / dpi)) for text in texts(ax)]


def overlaps(found: list[tuple[str, Bbox]]) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes share more than a hair in both directions."""
    return [(a, b) for (a, one), (b, two) in itertools.combinations(found, 2) if _share(one, two)]


def covered(found: list[tuple[str, Bbox]], area: Bbox) -> list[str]:
    """Texts that reach into an area, in inches."""
    return [words for words, box in found if _share(box, area)]


def outside(found: list[tuple[str, Bbox]], ax: Axes) -> list[str]:
    """Texts that reach beyond the edge of the figure."""
    width, height = ax.figure.get_size_inches()
    return [words for words, box in found if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]


def points(ax: Axes, name: str) -> np.ndarray:
    """Horizontal positions of the markers with this label."""
    marks = [c for c in ax.collections if isinstance(c, PathCollection) and c.get_label() == name]
    return np.concatenate([np.asarray(mark.get_offsets())[:, 0] for mark in marks]) if marks else np.array([])


def intervals(ax: Axes, name: str) -> np.ndarray:
    """Ends of the intervals with this label, shape (m, 2)."""
    lines = [c for c in ax.collections if isinstance(c, LineCollection) and c.get_label() == name]
    return np.concatenate([[segment[:, 0] for segment in line.get_segments()] for line in lines])


def _share(one: Bbox, two: Bbox) -> bool:
    across = min(one.x1, two.x1) - max(one.x0, two.x0)
    down = min(one.y1, two.y1) - max(one.y0, two.y0)
    return across > TOUCH and down > TOUCH
