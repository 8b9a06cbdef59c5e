"""The bubble plot of a meta-regression: effects against a moderator, the fitted mean, where new studies would lie."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from poolwise import tables
from poolwise.design import NEW_LEVEL
from poolwise.errors import MissingQuantityError, nearest
from poolwise.plot import _axis, _marks, _sheet, _text, _width, _words
from poolwise.plot._chart import chart, effect_words, keyed_chart, name_axes
from poolwise.plot._keys import Key
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase
from poolwise.plot._width import size_of
from poolwise.result import Result, check_result
from poolwise.show import capital, engine, level
from poolwise.show import status as status_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 61
_BIGGEST, _SMALLEST = 22.0, 3.0  # diameters in points
BUBBLE_COLUMNS = (
    "row", "label", "x", "y", "se", "weight", "point", "lower", "upper", "new_lower", "new_upper", "prob", "interval",
    "new_interval", "prior", "data", "level",
)  # fmt: skip
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))


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
        new_interval (their kinds), prior, data, level (of the factor with which the moderator interacts, whose every
        level has a curve over its own studies; empty without an interaction).

    Raises
    ------
    MissingQuantityError
        When the model has no such moderator.

    References
    ----------
    Thompson & Higgins 2002, Statistics in Medicine 21:1559, 10.1002/sim.1187, on what such a picture can tell.
    """
    name = _chosen(result, moderator)
    values = result.effects.moderators
    x = values[name].to_numpy(dtype=float)
    factor = interacting(result, name)
    own = pd.Series("", index=values.index) if factor is None else values[factor].astype(str)
    fixed = others(result, name)
    curves = []
    for level_of in dict.fromkeys(own):
        seen = x[(own == level_of).to_numpy()]
        low, high = (seen.min(), seen.max()) if np.ptp(seen) > 0.0 else (x.min(), x.max())
        held = fixed | ({} if factor is None else {factor: level_of})
        at = pd.DataFrame({name: np.linspace(low, high, POINTS)}).assign(**held)
        predicted = tables.predict(result, at, prob=prob).drop(columns=list(held)).rename(columns={name: "x"})
        curves.append(predicted.assign(row="curve", label=result.label, level=level_of))
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
            "level": own.to_numpy(),
        }
    )
    return pd.concat([studies, *curves], ignore_index=True).reindex(columns=list(BUBBLE_COLUMNS))


def interacting(result: Result, name: str) -> str | None:
    """The factor with whose levels the slope of a moderator differs; None where one line tells all."""
    assert result.design is not None
    factors = [other for other, levels in result.design.levels.items() if levels is not None and other != name]
    parts = [set(re.split(r"[:\[\]()]", term)) for term in result.design.own if ":" in term]
    found = (factor for factor in factors if any({name, factor} <= each for each in parts))
    return next((factor for factor in found if factor not in result.design.pooled), None)


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
    study. Where the moderator interacts with a factor, each level has a line and a colour of its own, with the interval
    of the mean effect alone. `bubble_frame` gives every number drawn.

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

    References
    ----------
    Thompson & Higgins 2002, Statistics in Medicine 21:1559, 10.1002/sim.1187, on what such a picture can tell.

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
        own = _chart(f"{words}{data}", _notes(result, frame, name), frame, ax)
        _draw(own, frame)
        _ticks(own, result)
        name_axes(own, _text.plain(name), effect_words(effects.scale))
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


def _levels(frame: pd.DataFrame) -> list[str]:
    """The levels that have a curve each; one empty word without an interaction."""
    return list(dict.fromkeys(frame.loc[frame["row"] == "curve", "level"]))


def _chart(title: str, notes: list[Phrase], frame: pd.DataFrame, ax: Axes | None) -> Axes:
    levels = _levels(frame)
    if len(levels) == 1:
        return chart(title, notes, ax)
    keys = [Key(words, "line", *_look(i)) for i, words in enumerate(levels)]
    return keyed_chart(title, notes, keys, ax)


def _look(place: int) -> tuple[str, object]:
    """Colour and dashes of a level."""
    colours = _marks.COLOURS
    return colours[place % len(colours)], _DASHES[place // len(colours) % len(_DASHES)]


def _draw(ax: Axes, frame: pd.DataFrame) -> None:
    levels = _levels(frame)
    area = _marks.areas(frame.loc[frame["row"] == "study", "weight"], _BIGGEST, _SMALLEST)
    sized = frame.loc[frame["row"] == "study"].assign(area=area)
    for place, words in enumerate(levels):
        curve = frame[(frame["row"] == "curve") & (frame["level"] == words)]
        _draw_curve(ax, curve, place, alone=len(levels) == 1)
        studies = sized[sized["level"] == words]
        edge = _sheet.INK if len(levels) == 1 else _look(place)[0]
        name = f"studies{f', {words}' if words else ''}"
        ax.scatter(
            studies["x"],
            studies["y"],
            s=studies["area"],
            facecolor="none",
            edgecolor=edge,
            lw=1.0,
            label=name,
            zorder=3,
        )
    x = frame["x"].to_numpy(dtype=float)
    wide = size_of(ax)[0]
    room = float(np.ptp(x)) * max(0.05, 0.5 * _BIGGEST / 72.0 / max(wide - _BIGGEST / 72.0, 0.5))  # of whole circles
    ax.set_xlim(x.min() - room, x.max() + room)


def _draw_curve(ax: Axes, curve: pd.DataFrame, place: int, *, alone: bool) -> None:
    """The line of a level and its band; the band of a new study only where it is the only one."""
    colour, dashes = _look(place)
    x, words = curve["x"].to_numpy(dtype=float), str(curve["level"].iloc[0])
    suffix = f", {words}" if words else ""
    low, high, new_low, new_high = (
        curve[name].to_numpy(dtype=float) for name in ("lower", "upper", "new_lower", "new_upper")
    )
    if alone and curve["new_lower"].notna().all():
        ax.fill_between(x, new_low, new_high, color=colour, alpha=0.12, lw=0, label="new study", zorder=0.5)
    shade = 0.28 if alone else 0.16
    ax.fill_between(x, low, high, color=colour, alpha=shade, lw=0, label=f"mean effect, interval{suffix}", zorder=0.6)
    ax.plot(x, curve["point"], color=colour, ls=dashes, lw=1.8, label=f"mean effect{suffix}", zorder=2)


def _ticks(ax: Axes, result: Result) -> None:
    scale = result.effects.scale
    low, high = ax.get_ylim()
    if scale.null_value is not None and low <= scale.null_value <= high:
        ax.axhline(scale.null_value, color=_sheet.SOFT, lw=0.9, zorder=1, label="null value")
    height = ax.get_position().height * _width.figure_of(ax).get_size_inches()[1]
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
    new, levels = "", _levels(frame)
    factor = interacting(result, name)
    if factor is not None:
        held = "".join(
            f", {other} at {value:.4g}" if isinstance(value, float) else f", {other} at '{value}'"
            for other, value in others(result, name).items()
            if other != factor
        )
        held = f" at each level of {factor}, over its own studies{held}"
    if pd.notna(curve["new_lower"]) and len(levels) == 1:
        new = f"; pale band: true effect in a new study, {_words.kind(curve['new_interval'])}"
    parts = [
        f"{capital(_words.model(result.model.label))}, k = {result.effects.k}; {engine(result.engine_label)}; prior: "
        f"{_words.prior(result.prior)}.",
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
