"""The bubble plot of a meta-regression: effects against a moderator, the fitted mean, where new studies would lie."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from poolwise import tables
from poolwise.design import NEW_LEVEL
from poolwise.errors import MissingQuantityError, nearest
from poolwise.plot import _axis, _canvas, _marks, _sheet, _text, _words
from poolwise.plot._chart import chart, name_axes
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase
from poolwise.result import Result, check_result
from poolwise.show import capital, greek, level
from poolwise.show import status as status_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 61
_BIGGEST, _SMALLEST = 22.0, 3.0  # diameters in points
BUBBLE_COLUMNS = (
    "row", "label", "x", "y", "se", "weight", "point", "lower", "upper", "new_lower", "new_upper", "prob", "interval",
    "new_interval", "prior", "data",
)  # fmt: skip


def bubble_frame(result: Result, moderator: str | None = None, *, prob: float = 0.95) -> pd.DataFrame:
    """Every number that `bubble` draws, on the analysis scale.

    Parameters
    ----------
    result : Result
        Of a model with moderators.
    moderator : str, optional
        A numeric moderator; the first one when None. The others are held at their mean, or at their most frequent
        level.
    prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        Columns row (``"study"`` or ``"curve"``), label, x (the moderator), y, se, weight (of a study), point, lower,
        upper (the mean effect at x), new_lower, new_upper (the true effect in a new study), prob, interval,
        new_interval (their kinds), prior, data.

    Raises
    ------
    MissingQuantityError
        When the model has no such moderator.
    """
    name = _chosen(result, moderator)
    values = result.effects.moderators
    x = values[name].to_numpy(dtype=float)
    at = pd.DataFrame({name: np.linspace(x.min(), x.max(), POINTS)})
    fixed = others(result, name)
    for other, held in fixed.items():
        at[other] = held
    curve = tables.predict(result, at, prob=prob).drop(columns=list(fixed)).rename(columns={name: "x"})
    curve = curve.assign(row="curve", label=result.label)
    studies = pd.DataFrame(
        {
            "row": "study",
            "label": list(result.effects.labels),
            "x": x,
            "y": result.effects.y,
            "se": result.effects.se,
            "weight": [result.weights.get(label, math.nan) for label in result.effects.labels],
            "prob": prob,
            "prior": result.prior,
            "data": list(result.effects.provenance),
        }
    )
    return pd.concat([studies, curve], ignore_index=True).reindex(columns=list(BUBBLE_COLUMNS))


def others(result: Result, name: str) -> dict[str, Any]:
    """The values at which the other moderators are held: means, or the most frequent level; a new pooled level."""
    assert result.design is not None
    values, pooled = result.effects.moderators, result.design.pooled
    return {
        other: float(values[other].astype(float).mean()) if levels is None else values[other].astype(str).mode().iloc[0]
        for other, levels in result.design.levels.items()
        if other != name and other not in pooled
    } | dict.fromkeys(pooled, NEW_LEVEL)


def numeric_moderators(result: Result) -> tuple[str, ...]:
    """The numeric moderators of a result that are columns of its study table."""
    check_result("plot.numeric_moderators", result)
    if result.design is None:
        return ()
    columns = result.effects.moderators.columns
    return tuple(name for name, levels in result.design.levels.items() if levels is None and name in columns)


def bubble(
    result: Result,
    moderator: str | None = None,
    *,
    prob: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Bubble plot: each study's estimate against a moderator, its area in proportion to its weight.

    The line is the fitted mean effect, the dark band its interval, the pale band that of the true effect in a new
    study. `bubble_frame` gives every number drawn.

    Parameters
    ----------
    result : Result
        Of a model with moderators, by any engine.
    moderator : str, optional
        A numeric moderator; the first one when None.
    prob : float
        Probability of both bands.
    title : str, optional
        Words above, instead of the study table's own title.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure.

    Returns
    -------
    Axes
        The moderator against the effect on the analysis scale; the ticks of the effect read on its natural scale.

    Raises
    ------
    MissingQuantityError
        When the model has no numeric moderator, or none of that name.

    Examples
    --------
    >>> import poolwise as pw
    >>> fit = pw.fit(pw.datasets.load("bcg"), pw.MetaRegression("~ ablat"), pw.Exact())
    >>> pw.plot.close(pw.plot.bubble(fit))
    """
    name = _chosen(result, moderator)
    frame = bubble_frame(result, name, prob=prob)
    effects = result.effects
    with plain_text():
        words = _text.plain(effects.title if title is None else title)
        data = " — reconstructed data" if effects.reconstructed and "reconstructed" not in words.casefold() else ""
        own = chart(f"{words}{data}", _notes(result, frame, name), ax)
        _draw(own, frame)
        _ticks(own, result)
        name_axes(own, _text.plain(name), _text.plain(effects.scale.natural_label))
    return own


def _chosen(result: Result, moderator: str | None) -> str:
    check_result("plot.bubble", result)
    known = numeric_moderators(result)
    if not known:
        raise MissingQuantityError(
            f"'{result.label}' has no numeric moderator",
            "a result of MetaRegression with one",
            "pw.plot.forest(result)",
        )
    if moderator is not None and moderator not in known:
        raise MissingQuantityError(
            f"'{result.label}' has no numeric moderator '{moderator}'", advice=nearest(str(moderator), known)
        )
    return known[0] if moderator is None else moderator


def _draw(ax: Axes, frame: pd.DataFrame) -> None:
    curve, studies = (frame[frame["row"] == row] for row in ("curve", "study"))
    colour = _marks.COLOURS[0]
    x = curve["x"].to_numpy(dtype=float)
    if curve["new_lower"].notna().all():
        band = (curve["new_lower"].to_numpy(dtype=float), curve["new_upper"].to_numpy(dtype=float))
        ax.fill_between(x, *band, color=colour, alpha=0.12, lw=0, label="new study", zorder=0.5)
    band = (curve["lower"].to_numpy(dtype=float), curve["upper"].to_numpy(dtype=float))
    ax.fill_between(x, *band, color=colour, alpha=0.28, lw=0, label="mean effect, interval", zorder=0.6)
    ax.plot(x, curve["point"], color=colour, lw=1.8, label="mean effect", zorder=2)
    weight = studies["weight"].to_numpy(dtype=float)
    share = np.sqrt(weight / np.nanmax(weight)) if np.isfinite(weight).any() else np.full(weight.shape, 0.5)
    size = np.maximum(_BIGGEST * np.nan_to_num(share), _SMALLEST) ** 2
    ax.scatter(
        studies["x"], studies["y"], s=size, facecolor="none", edgecolor=_sheet.INK, lw=1.0, label="studies", zorder=3
    )
    room = 0.05 * float(np.ptp(x))
    ax.set_xlim(x[0] - room, x[-1] + room)


def _ticks(ax: Axes, result: Result) -> None:
    scale = result.effects.scale
    low, high = ax.get_ylim()
    if scale.null_value is not None and low <= scale.null_value <= high:
        ax.axhline(scale.null_value, color=_sheet.SOFT, lw=0.9, zorder=1, label="null value")
    height = ax.get_position().height * _canvas.figure_of(ax).get_size_inches()[1]
    found = _axis.ticks(scale, low, high, width=lambda _: 0.3, inches=height)
    ax.set_yticks([y for y, _ in found], labels=[words for _, words in found])
    ax.minorticks_off()
    ax.set_ylim(low, high)


def _notes(result: Result, frame: pd.DataFrame, name: str) -> list[Phrase]:
    curve = frame[frame["row"] == "curve"].iloc[0]
    held = "".join(
        f", {other} at {value:.4g}" if isinstance(value, float) else f", {other} at '{value}'"
        for other, value in others(result, name).items()
    )
    new = ""
    if pd.notna(curve["new_lower"]):
        new = f"; pale band: true effect in a new study, {_words.kind(curve['new_interval'])}"
    parts = [
        f"{capital(result.model.label)}, k = {result.effects.k}; engine: {result.engine_label}; prior: "
        f"{greek(_words.prior(result.prior))}.",
        f"Circles: studies, area in proportion to weight. Line: mean effect{held}; dark band: "
        f"its {level(curve['prob'])} interval, {_words.kind(curve['interval'])}{new}.",
    ]
    status = result.report.status
    notes = [Phrase(_text.plain(part)) for part in parts]
    if status != "ok" and not result.report.alarming:
        notes.append(Phrase(_text.plain(result.report.advice)))
    elif status != "ok":
        words = f"{status_words(status)}. {result.report.advice}"
        notes.append(Phrase(_text.plain(words), colour=_sheet.ALARM, bold=True))
    return notes
