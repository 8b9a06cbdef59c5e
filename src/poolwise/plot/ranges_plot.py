"""Ranges over reconstructed tables as a picture: how far an answer moves from table to table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.checks import Ranges
from poolwise.checks.ranges.table import tables_excluding
from poolwise.checks.ranges.words import short
from poolwise.errors import listing
from poolwise.plot import _axis, _canvas, _dress, _marks, _sheet, _text, _words
from poolwise.plot._marks import Look
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet, Sizes
from poolwise.plot._width import room
from poolwise.plot.forest_layout import NARROW, note_size, sizes_of
from poolwise.plot.ranges_frame import ranges_frame, reading_scale, several
from poolwise.result import NO_PRIOR, NOTED
from poolwise.scale import Scale
from poolwise.settings import SMALL_K

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLOT_INCHES, _PITCH, _MARKER = 2.8, 0.29, 5.5
_LONGEST, _LONGEST_NARROW = 1.9, 1.1  # inches of the names
_SPAN, _MIDDLE, _POINTS = "#8f8f8f", _marks.COLOURS[0], "#dcebf6"
_EDGE = _sheet.INK  # orange is another verdict, in every picture


def ranges(ranges: Ranges | Mapping[str, Ranges], *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw ranges over tables: the spread of the estimates, the median interval, the farthest limits.

    For each fit the box runs from the lowest to the highest estimate of any table, the blue line from the median
    lower to the median upper limit, the grey line from the lowest lower to the highest upper limit. The marker is the
    median estimate: filled where the interval excludes no effect in every table, hollow where in none, grey between.
    Where there is a table with equal weights, two ticks stand at its limits. A prior panel over the tables has rows of
    its own, on top where there are fewer than five studies. In a column of print the numbers of tables and the
    probabilities are left to the frame. Numbers are read on the reading scale, ratios for their
    logarithms; `ranges_frame` has them on the analysis scale.

    Parameters
    ----------
    ranges : Ranges or mapping of str to Ranges
        What ``checks.ranges`` returned; or several of them on one scale, by name: a line for each answer.
    title : str
        Words above.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure as large as its rows need.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For anything else, or ranges that do not stand on one axis.

    Examples
    --------
    >>> import poolwise as pw
    >>> rows = pw.datasets.published("working_alliance").query("outcome == 'recidivism'")
    >>> found = pw.checks.ranges(pw.reconstruct(rows, tables=4, seed=1), pw.RandomEffects())
    >>> pw.plot.close(pw.plot.ranges({"recidivism": found}))
    """
    frame = ranges_frame(ranges)
    every = several(ranges) if isinstance(ranges, Mapping) else {"": ranges}
    scale = reading_scale(next(iter(every.values())).scale, frame["quantity"])
    with plain_text():
        sheet = _of(every, frame, scale, title, room(ax))
        (axes,), placed = _canvas.draw(sheet, ax)
        axes.set_xlim(*_limits(frame))
        _dress.dress(axes, placed, scale, label=_axis_words(next(iter(every.values())).scale, scale, frame))
        axes.axvline(0.0, color=_sheet.SOFT, lw=0.9, zorder=1.0, label="null value")
        _draw(axes, frame)
    return axes


def _axis_words(own: Scale, reading: Scale, frame: pd.DataFrame) -> str:
    """What the axis shows: the reading scale's own words, or those of differences and slopes on it."""
    if reading.transform == "identity":
        return f"effect ({_text.plain(own.label)})"
    differ = any(not str(name).startswith("mu") or show.is_contrast(str(name)) for name in frame["quantity"])
    return f"{_text.plain(own.natural_label)}, and ratios of them (log axis)" if differ else ""


def _draw(ax: Axes, frame: pd.DataFrame) -> None:
    y = frame["y"]
    _marks.intervals(ax, frame["lower_low"], frame["upper_high"], y, Look("farthest limits", _SPAN, width=1.6))
    low, high = ax.get_xlim()
    left, right = frame["point_low"].clip(low, high), frame["point_high"].clip(low, high)
    ax.barh(y, right - left, left=left, height=0.56, color=_POINTS, ec=_MIDDLE, lw=0.7, zorder=1.5, label="estimates")
    _marks.intervals(ax, frame["lower_median"], frame["upper_median"], y, Look("median interval", _MIDDLE, width=1.4))
    for face, rows in frame.groupby(_faces(frame), sort=False):
        look = Look(f"median estimate, {_said(str(face))}", _MIDDLE, face=str(face))
        _marks.points(ax, rows["point_median"], rows["y"], _MARKER, look)

    for what in ("lower", "upper"):
        edge = frame.dropna(subset=[f"{what}_edge"])
        ax.plot(
            edge[f"{what}_edge"],
            edge["y"],
            "|",
            ms=9.0,
            mew=1.6,
            color=_EDGE,
            zorder=3.2,
            label=f"equal weights, {what}",
        )


def _faces(frame: pd.DataFrame) -> pd.Series:
    faces = {"none": "white", "above": _MIDDLE, "below": _MIDDLE}
    return frame["excludes"].map(lambda one: faces.get(one, _SPAN))


def _said(face: str) -> str:
    words = {"white": "0 in every interval", _MIDDLE: "0 in no interval", _SPAN: "0 in some intervals"}
    return words[face]


def _limits(frame: pd.DataFrame) -> tuple[float, float]:
    point, lower, upper = (frame[name].to_numpy(dtype=float) for name in ("point_median", "lower_low", "upper_high"))
    return _axis.limits(point, lower, upper, show=[0.0])


def _of(every: Mapping[str, Ranges], frame: pd.DataFrame, scale: Scale, title: str, inches: float) -> Sheet:
    first, single = next(iter(every.values())), "name" not in frame
    at = f"{float(scale.back(0.0)):g}"
    side = _side(frame)
    sizes, narrow = sizes_of(inches, heading_lines=2), inches < NARROW
    longest = _room_of_names(frame, scale, sizes, inches) if narrow else _LONGEST
    lines, names, rows = _lines(frame, longest, sizes) if single else _named_lines(frame, longest, sizes)
    told = [("", "") if row is None else _cells(row, scale, at, side) for row in rows]
    estimates, verdicts = zip(*told, strict=True)
    level = show.level(first.prob)
    chance = "" if frame["p_above_low"].isna().all() else f"P({side} {at})" if side else "P of side"
    return Sheet(
        title=_title(every, frame, title),
        lines=tuple(lines),
        rows=float(frame["y"].iloc[-1]) + 0.7,
        pitch=_PITCH,
        columns=(
            Column("Fit" if single else "", tuple(names), spill=frozenset(i for i, row in enumerate(rows) if not row)),
            Plot(_PLOT_INCHES),
            Column(f"Estimate\n{level} limits", estimates, align="right"),
            *(() if narrow else (Column(f"{at} excluded\n{chance}".rstrip(), verdicts, align="right"),)),
        ),
        notes=tuple(_notes(every, frame, scale, inches)),
        below=0.5,
        sizes=sizes,
    )


def _room_of_names(frame: pd.DataFrame, scale: Scale, sizes: Sizes, inches: float) -> float:
    """Inches that names have in a column of print, beside the estimates and the least that the axes need."""
    cells = [part for row in frame.to_dict("records") for part in _cells(row, scale, "", "")[0].split("\n")]
    numbers = max(_text.width(part, sizes.body) for part in (*cells, "95 % limits"))
    gaps = 2 * (sizes.margin + sizes.plot_gap)
    return min(inches - gaps - numbers - _sheet.LEAST_PLOT, _LONGEST_NARROW)


def _title(every: Mapping[str, Ranges], frame: pd.DataFrame, title: str) -> str:
    ranges = next(iter(every.values()))
    made = [each.data == "reconstructed" for each in every.values()]
    data = " — reconstructed data" if all(made) else " — some data reconstructed" if any(made) else ""
    words = _text.plain(title) or "Ranges"
    if "name" not in frame:
        return f"{words}: {ranges.tables + ranges.found} tables of {ranges.k} studies{data}"
    return f"{words}: {len(every)} {'answer' if len(every) == 1 else 'answers'}, each over many tables{data}"


def _lines(
    frame: pd.DataFrame, longest: float, sizes: Sizes
) -> tuple[list[Line], list[str], list[dict[Any, Any] | None]]:
    """Lines, names and rows of one question; None for the heading of a quantity."""
    lines: list[Line] = []
    names: list[str] = []
    cells: list[dict[Any, Any] | None] = []
    for (block, name), rows in frame.groupby(["block", "quantity"], sort=False):
        lines.append(Line(float(rows["y"].iloc[0]) - 1.0, bold=True, free=True))
        names.append(_heading(str(block or name)))
        cells.append(None)
        for row in rows.to_dict("records"):
            lines.append(Line(float(row["y"])))
            label = _words.prior(show.greek(row["label"])) if row["block"] else show.method(row["label"])
            label = label.removeprefix("τ ~ ") if longest < _LONGEST else label  # the heading says it
            names.append("\n".join(_text.wrap_to(_text.plain(label), longest, sizes.body, 2, parted=True)))
            cells.append(row)
    return lines, names, cells


def _named_lines(
    frame: pd.DataFrame, longest: float, sizes: Sizes
) -> tuple[list[Line], list[str], list[dict[Any, Any] | None]]:
    """A line for each answer: the name, and below it what the answer is and of how many studies."""
    lines, names = [], []
    rows = frame.to_dict("records")
    for row in rows:
        lines.append(Line(float(row["y"]), aside=True))
        name = _text.fit(_text.plain(row["name"]), longest, sizes.body)
        aside = f"{_heading(str(row['quantity']))}; k = {row['k']}"
        names.append(f"{name}\n{_text.fit(aside, longest, min(sizes.body, _sheet.ASIDE_SIZE))}")
    return lines, names, list(rows)


def _heading(name: str) -> str:
    return _text.plain(short(name, show.symbol))


def _side(frame: pd.DataFrame) -> str:
    """The side that has more of the probability in every row; empty where rows differ or have none."""
    known = frame.dropna(subset=["p_above_low"])
    sides = {show.likelier_range(low, high)[0] for low, high in known[["p_above_low", "p_above_high"]].to_numpy()}
    return sides.pop() if len(sides) == 1 else ""


def _cells(row: Mapping[Any, Any], scale: Scale, at: str, side: str) -> tuple[str, str]:
    """Estimates over limits, and tables over probabilities, of one row."""
    chance = ""
    if not math.isnan(row["p_above_low"]):
        own, low, high = show.likelier_range(row["p_above_low"], row["p_above_high"])
        sign = "<" if own == "below" else ">"
        chance = _joined(show.chance(low), show.chance(high)) + ("" if side else f" ({sign} {at})")
    return (
        f"{_run(row['point_low'], row['point_high'], scale)}\n{_run(row['lower_low'], row['upper_high'], scale)}",
        f"{tables_excluding(row)}\n{chance}".rstrip(),
    )


def _run(low: float, high: float, scale: Scale) -> str:
    return _joined(*(_words.number(float(each), 2) for each in scale.back([low, high])))


def _joined(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def _priors(every: Iterable[Ranges]) -> str:
    """The priors of each fit that has any; of the panel, the one on tau stands with each row."""
    frame = pd.concat([each.frame for each in every])[["label", "prior"]].drop_duplicates()
    stated = [
        f"{show.method(row['label'])}: {_words.prior(row['prior'])}"
        for row in frame[frame["prior"] != NO_PRIOR].to_dict("records")
    ]
    return _text.plain(f"Priors, {'; '.join(stated)}.") if stated else ""


def _notes(every: Mapping[str, Ranges], frame: pd.DataFrame, scale: Scale, inches: float) -> list[Phrase]:
    first, single = next(iter(every.values())), "name" not in frame
    said, size = sizes_of(inches).body, _sheet.NOTE_SIZE if inches >= NARROW else note_size(inches)
    notes = [
        Phrase(_text.plain(words), said, _sheet.INK)
        for words in (first.headline(show.symbol) if single else _overall(frame, f"{float(scale.back(0.0)):g}"))
    ]
    if single and first.levels_sentence:
        notes.append(Phrase(_text.plain(first.levels_sentence), size))
    if not single:
        notes += [Phrase(_text.plain(words), size) for words in _small(every)]
    troubled = frame.loc[~frame["status"].isin([*NOTED, "boundary_tau"])]
    if len(troubled):
        names = [row.get("name", show.method(row["label"])) for row in troubled.to_dict("records")]
        told = [f"{name}: {show.status_within(status)}" for name, status in zip(names, troubled["status"], strict=True)]
        words = ", ".join(dict.fromkeys(told))
        notes.append(Phrase(_text.plain(f"Status in some tables: {words}."), size, colour=_sheet.ALARM, bold=True))
    if stated := _priors(every.values()):
        notes.append(Phrase(stated, size))
    return [*notes, Phrase(_key(every, frame, scale), size)]


def _key(every: Mapping[str, Ranges], frame: pd.DataFrame, scale: Scale) -> str:
    """What the marks are."""
    at = f"{float(scale.back(0.0)):g}"
    kinds = ", ".join(dict.fromkeys(_words.kind(kind) for kind in frame["interval"]))
    low, high = _limits(frame)
    edged = bool(frame["lower_edge"].notna().any())
    edge = " Ticks: limits of the table with equal weights, an optimistic edge." if edged else ""
    found = any(each.found for each in every.values())
    whole = "Grey line, found by search and printed" if found else "Grey line, printed"
    beyond = bool(np.any((frame["lower_low"] < low) | (frame["upper_high"] > high)))
    arrow = " Arrow: goes on beyond the axis." if beyond else ""
    fit = "" if "name" not in frame else f" Fits: {listing([*dict.fromkeys(map(show.method, frame['label']))], 3)}."
    level = show.level(next(iter(every.values())).prob)
    return (
        "Box: lowest to highest estimate of any table. Blue line: median lower to median upper limit, marker "
        f"at the median estimate (filled: {at} excluded in every table; hollow: in none; grey: in some). "
        f"{whole}: lowest lower to highest upper limit.{edge} {level} intervals: {kinds}.{fit} The "
        f"tables are a set, not a sample: shares of them are no probabilities.{arrow}"
    )


def _overall(frame: pd.DataFrame, at: str) -> list[str]:
    """Which answers every table gives, in a sentence."""
    words = {
        "above": f"lies above {at} in every table",
        "below": f"lies below {at} in every table",
        "none": f"includes {at} in every table",
        "some": f"excludes {at} in some tables and not in others",
    }
    own = frame.groupby("name", sort=False)["quantity"].transform("size") > 1
    names = frame["name"].where(~own, frame["name"] + ": " + frame["quantity"].map(_heading))
    cut = np.array([_text.fit(_text.plain(name), 2.5, _sheet.BODY_SIZE) for name in names])
    told = {said: cut[(frame["excludes"] == key).to_numpy()].tolist() for key, said in words.items()}
    parts = [f"{said} for {listing(which, 6)}" for said, which in told.items() if which]
    return [f"The {show.level(float(frame['prob'].iloc[0]))} interval {'; it '.join(parts)}."] if parts else []


def _small(every: Mapping[str, Ranges]) -> list[str]:
    """That one prior alone is not to be read where studies are few."""
    few = [_text.plain(name) for name, each in every.items() if each.k < SMALL_K]
    if not few:
        return []
    return [f"Fewer than {SMALL_K} studies in {listing(few, 6)}: no prior on τ is to be read alone there."]
