"""The forest plot: studies as reported and as the model sees them, the mean effect, a new study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from poolwise.effects import Effects
from poolwise.plot import _axis, _canvas, _dress, _marks, _sheet
from poolwise.plot._marks import Look
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Placed
from poolwise.plot.forest_frame import forest_frame
from poolwise.plot.forest_notes import forest_notes
from poolwise.plot.forest_rows import Row, body, forest_sheet
from poolwise.result import Result
from poolwise.scale import Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_APART = 0.18
_BIGGEST, _SMALLEST, _CIRCLE = 8.0, 2.4, 4.4
_RAW_LINE = Look("raw interval", _marks.RAW, width=1.0)
_RAW_SQUARE = Look("raw estimate", _marks.RAW, marker="s", face="white")
_OWN_LINE = Look("shrunken interval", _marks.COLOURS[0], width=1.5)
_OWN_CIRCLE = Look("shrunken estimate", _marks.COLOURS[0])
_FITTED = Look("fitted mean", _sheet.INK, marker="d")
_TICK = 4.5


def forest(
    result: Result,
    *,
    beside: Sequence[Result] = (),
    prob: float = 0.95,
    by: str | None = None,
    rope: tuple[float, float] | None = None,
    threshold: float = 0.0,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Forest plot of a result from any engine.

    A row for each study: its own estimate and interval (hollow square, area in proportion to its weight)
    and, just below, the shrunken theta_i (filled circle). Then, for `result` and each result of `beside`, a
    diamond for mu and a pale bar for the effect in a new study; for subgroups and joint outcomes one of each for every
    group. With moderators, a small diamond marks the mean effect fitted for each study, and the coefficients are
    printed below (`bubble` draws the regression). Numbers are printed on the reading scale: ratios, not their
    logarithms. Probabilities are printed for posteriors only. `forest_frame` of the same results gives every number
    drawn.

    Parameters
    ----------
    result : Result
        Whose studies are shown.
    beside : sequence of Result
        Further results to set side by side, each by its label and kind of interval.
    prob : float
        Probability of all intervals.
    by : str, optional
        ``"outcome"`` or a moderator whose values head blocks of studies.
    rope : tuple of float, optional
        Region of practical equivalence to shade, on the analysis scale.
    threshold : float
        What the printed probabilities of mean effects are about, on the analysis scale: 0, or a value that matters.
    title : str, optional
        Words above the figure, instead of the study table's own title; reconstructed data are named in any case.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure as large as its rows need.

    Returns
    -------
    Axes
        Of the effects, on the analysis scale; its ``figure`` can be saved. A notebook shows it by itself;
        a script that makes many figures closes each by ``plot.close``.

    Raises
    ------
    InputError
        When `by` names no moderator, the scales differ, or the region does not hold the null value.

    References
    ----------
    Lewis and Clarke (2001), Forest plots, BMJ 322:1479, 10.1136/bmj.322.7300.1479; the bar for a new
    study: Guddat et al. (2012), Systematic Reviews 1:34, 10.1186/2046-4053-1-34.

    Examples
    --------
    >>> import poolwise as pw
    >>> fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.ClosedForm())
    >>> axes = pw.plot.forest(fit)
    >>> pw.plot.close(axes)
    """
    frame = forest_frame(result, beside=beside, prob=prob, by=by, rope=rope, threshold=threshold)
    results = (result, *beside)
    span = _span(frame, result.effects.scale, rope)
    with plain_text():
        lines = body(frame, results)
        notes = forest_notes(frame, results, rope=rope, threshold=threshold, leaves_axis=_leaves(frame, span))
        (axes, *_), placed = _canvas.draw(forest_sheet(frame, lines, result.effects, notes, title), ax)
        axes.set_xlim(*span)
        _draw_axis(axes, placed, result.effects, rope)
        _draw_studies(axes, lines.rows)
        _draw_pooled(axes, lines.rows)
        _canvas.rule(axes, placed, lines.rule)
    return axes


def _span(frame: pd.DataFrame, scale: Scale, rope: tuple[float, float] | None) -> tuple[float, float]:
    points, lower, upper = _drawn(frame)
    null = () if scale.null_value is None else (scale.null_value,)
    return _axis.limits(points, lower, upper, show=(*null, *(rope or ())))


def _leaves(frame: pd.DataFrame, span: tuple[float, float]) -> bool:
    """Whether anything drawn goes beyond the axis."""
    numbers = np.concatenate(_drawn(frame))
    return bool(np.any((numbers < span[0]) | (numbers > span[1])))


def _drawn(frame: pd.DataFrame) -> list[np.ndarray]:
    """All points, lower ends and upper ends of what is drawn as marks."""
    effect = frame[frame["row"].isin(["study", "mean", "new study"])]
    pairs = (("raw", "point"), ("raw_lower", "lower"), ("raw_upper", "upper"))
    return [effect[list(names)].to_numpy(dtype=float).ravel() for names in pairs]


def _draw_axis(ax: Axes, placed: Placed, effects: Effects, rope: tuple[float, float] | None) -> None:
    low, high = ax.get_xlim()
    null = effects.scale.null_value
    _dress.dress(ax, placed, effects.scale)
    if rope is not None:
        ax.axvspan(*rope, color="#f2e6b8", lw=0, zorder=0.1, label="region of practical equivalence")
    if null is not None and low <= null <= high:
        ax.axvline(null, color=_sheet.SOFT, lw=0.9, zorder=1.0, label="null value")
        _dress.direct(ax, placed, null, effects.directions)


def _draw_studies(ax: Axes, rows: Sequence[Row]) -> None:
    studies = pd.DataFrame([{**row.numbers, "y": row.y} for row in rows if row.kind == "study"])
    y = studies["y"].to_numpy(dtype=float)
    shrunken = bool(studies["point"].notna().any())
    apart = _APART if shrunken else 0.0
    _marks.intervals(ax, studies["raw_lower"], studies["raw_upper"], y - apart, _RAW_LINE)
    _marks.points(ax, studies["raw"], y - apart, _sides(studies["weight"]), _RAW_SQUARE)
    if shrunken:
        _marks.intervals(ax, studies["lower"], studies["upper"], y + apart, _OWN_LINE)
        _marks.points(ax, studies["point"], y + apart, _CIRCLE, _OWN_CIRCLE)
    if studies["fitted"].notna().any():
        _marks.points(ax, studies["fitted"], y + apart, _TICK, _FITTED)


def _sides(weight: pd.Series) -> np.ndarray:
    """Sides of the squares in points: area in proportion to weight, and never too small to see."""
    known = weight.to_numpy(dtype=float)
    if not np.isfinite(known).any():
        return np.full(known.shape, 0.5 * _BIGGEST)
    return np.maximum(_BIGGEST * np.sqrt(np.nan_to_num(known / np.nanmax(known))), _SMALLEST)


def _draw_pooled(ax: Axes, rows: Sequence[Row]) -> None:
    means = [row for row in rows if row.kind == "mean"]
    if means and not means[0].numbers["group"]:
        ax.plot(
            [means[0].numbers["point"]] * 2,
            [0.0, means[0].y],
            color=means[0].colour,
            lw=0.8,
            ls=(0, (1, 2)),
            zorder=0.9,
            label="line of the mean effect",
        )
    for row in rows:
        if row.kind in ("mean", "new study"):
            shape = _marks.diamond if row.kind == "mean" else _marks.bar
            limits = (row.numbers["lower"], row.numbers["upper"])
            name = ", ".join(filter(None, (row.numbers["result"], row.numbers["group"])))
            shape(ax, row.numbers["point"], limits, row.y, Look(f"{row.kind}: {name}", row.colour))
