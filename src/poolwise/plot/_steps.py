"""What pictures of refits share: a table of rows with the mean effect, tau beside it, and how many rows can be read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from poolwise.plot import _axis, _canvas, _dress, _marks, _text, _width
from poolwise.plot._chart import refuse_small
from poolwise.plot._marks import Look
from poolwise.plot._sheet import Placed, Sheet
from poolwise.plot._words import estimate
from poolwise.plot.forest_layout import NARROW
from poolwise.scale import Scale, as_scale
from poolwise.show import capital, level, symbol

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PITCH, LEAST_PITCH = 0.2, 0.155  # inches of a row, and of a row with words
_MOST_HIGH, _MOST_NARROW = 7.95, 6.2  # inches of all rows on a page, and in a column, whose notes are taller
_MANY = 45  # rows, beyond which marks are small
_FARTHEST = 1e6  # on the reading scale, beyond which no digits are worth printing


def pitch(rows: int) -> float:
    """Inches from row to row, so that all rows stay within a page."""
    return min(PITCH, most_high() / max(rows, 1))


def most_high() -> float:
    """Inches that all rows may have, so that title, axis and notes have room on the same page."""
    return _MOST_HIGH if _width.at_hand() >= NARROW else _MOST_NARROW


def places(rows: int, *, first: bool) -> np.ndarray:
    """Heights of the rows in row heights from the top, the first set apart from the others."""
    top = max(0.6, 0.1 / pitch(rows + 1))
    return np.arange(rows) + top + (np.arange(rows) > 0) * (max(0.4, 0.05 / pitch(rows + 1)) if first else 0.0)


def estimate_heading(quantity: str, scale: Scale, prob: float) -> str:
    """``Risk ratio [95 %]``, or ``Mean [95 %]`` where the name of the scale is long."""
    words = _text.plain(scale.natural_label if is_mean(quantity) else symbol(quantity))
    short = "Mean" if is_mean(quantity) else "Coefficient"
    return f"{capital(words) if len(words) <= 16 else short} [{level(prob)}]"


def titled(title: str, words: str, *, reconstructed: bool) -> str:
    """The title with what a picture shows of it, and a word on reconstructed data where it has none."""
    made = " — reconstructed data" if reconstructed and "reconstructed" not in title else ""
    return f"{title}: {words}{made}" if title else f"{capital(words)}{made}"


def study_name(label: object, *, reconstructed: bool) -> str:
    """The label of a study; without the word on reconstructed data where the title has it."""
    name = _text.plain(label)
    return name.removesuffix(" (reconstructed)") if reconstructed else name


def worded(rows: int, always: Iterable[int] = ()) -> list[int]:
    """Which rows have words: all, or as many evenly spaced ones as can be read; the first, the last and those named.

    Rows too near to one that always has words give way to it; so does one of two such rows.
    """
    every = max(1, math.ceil(LEAST_PITCH / pitch(rows)))
    kept: list[int] = []
    for row in (0, rows - 1, *always, *range(0, rows, every)):
        if all(abs(row - other) >= every for other in kept):
            kept.append(row)
    return sorted(kept)


def line_width(rows: int, usual: float) -> float:
    """Points of an interval's line, so that lines of neighbouring rows stay apart."""
    return min(usual, max(0.6 * 72.0 * pitch(rows), 0.5))


def on_reading_scale(row: pd.Series, scale: Scale, *, mean: bool) -> str:
    """``0.49 [0.33, 0.73]``, of a mean effect on the reading scale."""
    numbers = np.array([row["mu_point"], row["mu_lower"], row["mu_upper"]], dtype=float)
    if math.isnan(numbers[0]):
        return "no answer"
    if mean:
        with np.errstate(over="ignore"):
            numbers = np.sort(scale.back(numbers))[[1, 0, 2]]
    if np.abs(numbers).max() > _FARTHEST:
        numbers[np.abs(numbers) > _FARTHEST] = np.inf * np.sign(numbers[np.abs(numbers) > _FARTHEST])
    point, lower, upper = map(float, numbers)
    return estimate(point, lower, upper, 2)


def is_mean(quantity: str) -> bool:
    """Whether a quantity is a mean effect, which has a reading scale; a coefficient has the unit of its moderator."""
    return quantity.startswith("mu") and " - " not in quantity


def name_of(quantity: str) -> str:
    """The symbol of a quantity as a heading has it."""
    return _text.plain(symbol(quantity))


def limits(frame: pd.DataFrame, threshold: float) -> tuple[float, float]:
    """Limits of the axis of the mean effect."""
    columns = (frame[name].to_numpy(dtype=float) for name in ("mu_point", "mu_lower", "mu_upper"))
    return _axis.limits(*columns, show=[] if math.isnan(threshold) else [threshold])


def tau_limit(frame: pd.DataFrame) -> float:
    """Upper limit of the axis of tau: twice the median upper limit at most, and every point on it."""
    upper, point = (frame[name].to_numpy(dtype=float) for name in ("tau_upper", "tau_point"))
    upper = upper[np.isfinite(upper)]
    ends = [float(np.nanmax(point))] if np.isfinite(point).any() else [1.0]
    if upper.size:
        ends.append(float(min(upper.max(), 2.0 * np.median(upper))))
    return 1.06 * max(max(ends), 1e-6)


def draw_sheet(sheet: Sheet, ax: Axes | None) -> tuple[list[Axes], Placed]:
    """Put a table of refits on a figure, or refuse axes that are too small for it."""
    if ax is not None:
        refuse_small(sheet, ax, (1.1, 0.75 * sheet.rows * sheet.pitch))
    return _canvas.draw(sheet, ax)


def marker(rows: int) -> float:
    """Points of a marker of the mean effect, smaller where there are many rows."""
    return 5.0 if rows <= _MANY else 3.0


def draw_tau(ax: Axes, placed: Placed, frame: pd.DataFrame) -> None:
    """Draw tau with its interval beside the mean effect of each row."""
    ax.set_xlim(0.0, tau_limit(frame))
    _dress.dress(ax, placed, as_scale("identity"), label="τ")
    look = Look("tau", _marks.RAW, width=line_width(len(frame), 1.2), marker="s")
    _marks.intervals(ax, frame["tau_lower"], frame["tau_upper"], frame["y"], look)
    _marks.points(ax, frame["tau_point"], frame["y"], 3.75 if len(frame) <= _MANY else 2.0, look)
