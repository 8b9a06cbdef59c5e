"""Ranges over reconstructed tables as a picture: how far an answer moves from table to table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.checks import Ranges
from poolwise.checks.ranges.table import tables_excluding
from poolwise.checks.ranges.words import short
from poolwise.plot import _axis, _canvas, _dress, _marks, _sheet, _text, _words
from poolwise.plot._marks import Look
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet
from poolwise.result import NO_PRIOR, NOTED
from poolwise.scale import as_scale
from poolwise.settings import SMALL_K, check_instance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLOT_INCHES, _PITCH, _MARKER = 3.4, 0.225, 5.5
_SPAN, _MIDDLE, _POINTS = "#bdbdbd", _marks.COLOURS[0], "#dcebf6"
_EDGE = _sheet.INK  # orange is another verdict, in every picture


def ranges_frame(ranges: Ranges) -> pd.DataFrame:
    """The rows of the picture, from top to bottom: contrasts first, then coefficients and mean effects.

    Parameters
    ----------
    ranges : Ranges
        What ``checks.ranges`` returned.

    Returns
    -------
    DataFrame
        Rows of ``ranges.frame`` with their columns, and y, the height on the axis in rows; a heading stands one row
        above the first row of each quantity.
    """
    check_instance(
        "plot.ranges",
        ranges,
        Ranges,
        expected="what checks.ranges returned",
        advice="plot.ranges(checks.ranges(tables, model, engine))",
    )
    frame = ranges.frame
    kept = frame[[_shown(name) for name in frame["quantity"]]].assign(block="")
    names = sorted(dict.fromkeys(kept["quantity"]), key=lambda name: not show.is_contrast(name))
    blocks = [kept[kept["quantity"] == name] for name in names]
    if len(ranges.panel):
        blocks.insert(0 if ranges.k < SMALL_K else len(blocks), _of_panel(ranges))
    rows, y = [], 0.6
    for block in blocks:
        y += 1.0
        for row in block.to_dict("records"):
            rows.append(row | {"y": y})
            y += 1.0
    return pd.DataFrame(rows)


def _of_panel(ranges: Ranges) -> pd.DataFrame:
    """The rows of the prior panel over all tables."""
    panel = ranges.panel
    told: dict[str, Any] = {
        "label": "tau ~ " + panel["prior"],
        "block": "mu, under each prior on tau",
        "quantity": "mu",
        "tables": ranges.tables,
        "found": ranges.found,
        "interval": "credible (equal-tailed)",
        "status": "ok",
    }
    return panel.assign(**told)


def ranges(ranges: Ranges, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw ranges over tables: the spread of the estimates, the median interval, the farthest limits.

    For each fit the box runs from the lowest to the highest estimate of any table, the blue line from the median
    lower to the median upper limit, the grey line from the lowest lower to the highest upper limit. The marker is the
    median estimate: filled where the interval excludes 0 in every table, hollow where in none, grey between. Where
    there is a table with equal weights, two ticks stand at its limits. A prior panel over the tables has rows of its
    own, on top where there are fewer than five studies. All numbers are those of `ranges_frame`, on the analysis scale.

    Parameters
    ----------
    ranges : Ranges
        What ``checks.ranges`` returned.
    title : str
        Words above.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure as large as its rows need.

    Returns
    -------
    Axes
    """
    frame = ranges_frame(ranges)
    with plain_text():
        (axes,), placed = _canvas.draw(_of(ranges, frame, title), ax)
        axes.set_xlim(*_limits(frame))
        _dress.dress(axes, placed, as_scale("identity"), label=f"effect ({_text.plain(ranges.scale.label)})")
        axes.axvline(0.0, color=_sheet.SOFT, lw=0.9, zorder=1.0, label="null value")
        _draw(axes, frame)
    return axes


def _shown(name: str) -> bool:
    return show.is_contrast(name) or name.startswith(("mu", "beta["))


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


def _of(ranges: Ranges, frame: pd.DataFrame, title: str) -> Sheet:
    cells: list[tuple[str, ...]] = []
    lines: list[Line] = []
    for (block, name), rows in frame.groupby(["block", "quantity"], sort=False):
        lines.append(Line(float(rows["y"].iloc[0]) - 1.0, bold=True))
        cells.append((_heading(str(block or name)), "", "", "", ""))
        for row in rows.to_dict("records"):
            lines.append(Line(float(row["y"])))
            cells.append(_cells(row))
    columns = list(zip(*cells, strict=True))
    level = show.level(ranges.prob)
    data = f" — {ranges.data} data" if ranges.data == "reconstructed" else ""
    return Sheet(
        title=f"{_text.plain(title) or 'Ranges'}: {ranges.tables + ranges.found} tables of {ranges.k} studies{data}",
        lines=tuple(lines),
        rows=float(frame["y"].iloc[-1]) + 0.7,
        pitch=_PITCH,
        columns=(
            Column("Fit", columns[0]),
            Plot(_PLOT_INCHES),
            Column("Estimate", columns[1], align="right"),
            Column(f"{level} limits", columns[2], align="right"),
            Column("0 excluded", columns[3], align="right"),
            Column("P of side", columns[4], align="right"),
        ),
        notes=tuple(_notes(ranges, frame)),
        below=0.5,
    )


def _heading(name: str) -> str:
    return _text.plain(short(name, show.symbol))


def _cells(row: dict[Any, Any]) -> tuple[str, ...]:
    label = _words.prior(show.greek(row["label"])) if row["block"] else show.method(row["label"])
    return (
        f"  {_text.plain(label)}",
        _run(row["point_low"], row["point_high"]),
        _run(row["lower_low"], row["upper_high"]),
        tables_excluding(row),
        "" if math.isnan(row["p_above_low"]) else show.chances_of_side(row["p_above_low"], row["p_above_high"]),
    )


def _run(low: float, high: float) -> str:
    first, last = _words.number(low, 2), _words.number(high, 2)
    return first if first == last else f"{first} to {last}"


def _priors(ranges: Ranges) -> str:
    """The priors of each fit that has any; of the panel, the one on tau stands with each row."""
    fits = ranges.frame[["label", "prior"]].drop_duplicates("label")
    stated = [
        f"{show.method(row['label'])}: {_words.prior(row['prior'])}"
        for row in fits[fits["prior"] != NO_PRIOR].to_dict("records")
    ]
    return _text.plain(f"Priors, {'; '.join(stated)}.") if stated else ""


def _notes(ranges: Ranges, frame: pd.DataFrame) -> list[Phrase]:
    notes = [Phrase(_text.plain(words), _sheet.BODY_SIZE, _sheet.INK) for words in ranges.headline(show.symbol)]
    if ranges.levels_sentence:
        notes.append(Phrase(_text.plain(ranges.levels_sentence)))
    troubled = frame.loc[~frame["status"].isin([*NOTED, "boundary_tau"]), ["label", "status"]].drop_duplicates()
    if len(troubled):
        said = ", ".join(
            f"{show.method(row['label'])}: {show.status_within(row['status'])}" for row in troubled.to_dict("records")
        )
        notes.append(Phrase(_text.plain(f"Status in some tables: {said}."), colour=_sheet.ALARM, bold=True))
    if stated := _priors(ranges):
        notes.append(Phrase(stated))
    kinds = ", ".join(dict.fromkeys(_words.kind(kind) for kind in frame["interval"]))
    low, high = _limits(frame)
    edged = bool(frame["lower_edge"].notna().any())
    edge = " Ticks: limits of the table with equal weights, an optimistic edge." if edged else ""
    whole = "Grey line, printed" if not ranges.found else "Grey line, found by search and printed"
    beyond = bool(np.any((frame["lower_low"] < low) | (frame["upper_high"] > high)))
    arrow = " Arrow: goes on beyond the axis." if beyond else ""
    notes.append(
        Phrase(
            "Box: lowest to highest estimate of any table. Blue line: median lower to median upper limit, marker "
            "at the median estimate (filled: 0 excluded in every table; hollow: in none; grey: in some). "
            f"{whole}: lowest lower to highest upper limit.{edge} {show.level(ranges.prob)} intervals: {kinds}. The "
            f"tables are a set, not a sample: shares of them are no probabilities.{arrow}"
        )
    )
    return notes
