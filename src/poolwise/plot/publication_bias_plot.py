"""The panel of methods for publication bias as a picture: the mean by each, unadjusted on top."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.checks import PublicationBias
from poolwise.errors import InputError
from poolwise.plot import _axis, _canvas, _dress, _marks, _sheet, _text, _words
from poolwise.plot._chart import refuse_small
from poolwise.plot._given import check_given
from poolwise.plot._marks import Look
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet
from poolwise.plot._width import PAGE, room
from poolwise.settings import check_option

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLOT_INCHES, _PITCH, _LEAST_PITCH, _MARKER = 2.6, 0.215, 0.17, 5.5
_HEADS = {
    "unadjusted": "Unadjusted",
    "adjusted": "Adjusted under a model of bias",
    "sensitivity": "If selection were this strong",
}
_LOOKS = {
    "unadjusted": Look("unadjusted", _marks.RAW, width=1.4, marker="s"),
    "adjusted": Look("adjusted", _marks.COLOURS[0], width=1.4),
    "sensitivity": Look("sensitivity", _marks.COLOURS[2], width=1.4, face="white"),
}
_LONGEST = 3.0  # inches of a method's name
_SHORTER = {
    "Adjusted under a model of bias": "Adjusted",
    "If selection were this strong": "Assumed selection",
    "Vevea-Woods weights, ": "",
    " average,": ",",
    " weight function": " weights",
}
_MOST = 1e6  # upper limits beyond which no digits are worth printing
NO_ANSWER = "no answer"


def publication_bias_frame(check: PublicationBias) -> pd.DataFrame:
    """The rows of `publication_bias` from top to bottom: the unadjusted mean, adjusted ones, sensitivities.

    Parameters
    ----------
    check : PublicationBias
        What `checks.publication_bias` returned.

    Returns
    -------
    DataFrame
        Rows of ``check.frame`` about the mean, tests left out, with their columns and y, the height in rows; one row
        for each method that has no answer.

    Raises
    ------
    InputError
        For anything else.

    References
    ----------
    Carter, Schönbrodt, Gervais & Hilgard 2019, Advances in Methods and Practices in Psychological Science 2:115,
    10.1177/2515245919847196.
    """
    check_given("publication_bias", check, PublicationBias)
    frame = check.frame
    frame = frame[frame["role"].isin(list(_HEADS)) & (frame["point"].notna() | (frame["status"] != "ok"))]
    parts, y = [], 0.6
    for role in _HEADS:
        rows = frame[frame["role"] == role]
        if len(rows):
            y += 1.0
            parts.append(rows.assign(y=y + np.arange(len(rows))))
            y += len(rows) + 0.2
    return pd.concat(parts, ignore_index=True)


def publication_bias(
    check: PublicationBias,
    *,
    title: str | None = None,
    notes: Literal["full", "short"] = "full",
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean effect by each method for publication bias, a row each, the unadjusted one on top.

    No method dominates, so that the spread is the message. A method that has no answer on this table keeps its row. All
    numbers are those of `publication_bias_frame`.

    Parameters
    ----------
    check : PublicationBias
        What `checks.publication_bias` returned.
    title : str, optional
        Words above, instead of the study table's own title.
    notes : {"full", "short"}
        Whether the verdict stands below the picture, or, where the text beside it has it, only how to read it.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure as large as its rows need.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For anything else; unknown notes; axes that are too small.

    References
    ----------
    Carter, Schönbrodt, Gervais & Hilgard 2019, Advances in Methods and Practices in Psychological Science 2:115,
    10.1177/2515245919847196.

    Examples
    --------
    >>> import poolwise as pw
    >>> check = pw.checks.publication_bias(pw.datasets.load("bcg"), direction="negative")
    >>> pw.plot.close(pw.plot.publication_bias(check))
    """
    frame = publication_bias_frame(check)
    check_option("notes", notes, ("full", "short"), error=InputError)
    scale = check.effects.scale
    with plain_text():
        words = _text.plain(check.effects.title if title is None else title)
        sheet = _table(check, frame, f"Publication bias{': ' if words else ''}{words}")
        sheet = sheet if notes == "full" else replace(sheet, notes=sheet.notes[1:])
        if _sheet.place(sheet, room(ax)).edges[0][1] < 0.98 * _sheet.place(sheet, PAGE).edges[0][1]:
            sheet = _narrow(sheet)
        if ax is not None:
            refuse_small(sheet, ax, (1.1, _LEAST_PITCH * sheet.rows))
        (own,), placed = _canvas.draw(sheet, ax)
        own.set_xlim(*_limits(frame, scale.null_value))
        _dress.dress(own, placed, scale)
        if scale.null_value is not None:
            own.axvline(scale.null_value, color=_sheet.SOFT, lw=0.9, zorder=1.0, label="null value")
        first = float(frame["point"].iloc[0])
        if np.isfinite(first):
            own.axvline(first, color=_sheet.SOFT, lw=0.9, ls=(0, (1, 1.5)), zorder=1.0, label="unadjusted mean")
        for role, look in _LOOKS.items():
            rows = frame[(frame["role"] == role) & frame["point"].notna()]
            _marks.intervals(own, rows["lower"], rows["upper"], rows["y"], look)
            _marks.points(own, rows["point"], rows["y"], _MARKER, look)
    return own


def _limits(frame: pd.DataFrame, null: float | None) -> tuple[float, float]:
    point, lower, upper = (frame[name].to_numpy(dtype=float) for name in ("point", "lower", "upper"))
    return _axis.limits(point, lower, upper, show=[] if null is None else [null])


def _table(check: PublicationBias, frame: pd.DataFrame, title: str) -> Sheet:
    scale = check.effects.scale
    lines: list[Line] = []
    names: list[str] = []
    cells: list[str] = []
    for role, rows in frame.groupby("role", sort=False):
        lines.append(Line(float(rows["y"].iloc[0]) - 1.0, bold=True))
        names.append(_HEADS[str(role)])
        cells.append("")
        for row in rows.to_dict("records"):
            silent = bool(np.isnan(row["point"]))
            lines.append(Line(float(row["y"]), colour=_sheet.SOFT if silent else _sheet.INK))
            name = f"{row['method']}, {row['variant']}" if row["variant"] else row["method"]
            names.append(_text.fit(_text.plain(name), _LONGEST, _sheet.BODY_SIZE))
            ends = [float(scale.back(row[part])) for part in ("point", "lower", "upper")]
            cells.append(NO_ANSWER if silent else _estimate(ends[0], min(ends[1:]), max(ends[1:])))
    return Sheet(
        title=title,
        lines=tuple(lines),
        rows=float(frame["y"].iloc[-1]) + 0.7,
        pitch=_PITCH,
        columns=(
            Column("Method", tuple(names)),
            Plot(_PLOT_INCHES),
            Column(f"Mean [{show.level(check.prob)}]", tuple(cells), align="right"),
        ),
        notes=tuple(_notes(check, frame)),
        below=0.5,
    )


def _estimate(point: float, lower: float, upper: float) -> str:
    words = _words.estimate(point, lower, min(upper, _MOST), 2)
    return words if not upper > _MOST else words[: words.rindex(",")] + ", > 10⁶]"


def _narrow(sheet: Sheet) -> Sheet:
    """The sheet without its column of numbers, with shorter names and the verdict in smaller type."""
    names, plot = sheet.columns[0], sheet.columns[1]
    assert isinstance(names, Column)
    shorter = list(names.cells)
    for longer, short in _SHORTER.items():
        shorter = [name.replace(longer, short) for name in shorter]
    small = tuple(replace(note, size=_sheet.NOTE_SIZE) for note in sheet.notes)
    columns = (replace(names, cells=tuple(shorter)), plot)
    return replace(sheet, columns=columns, notes=small)


def _notes(check: PublicationBias, frame: pd.DataFrame) -> list[Phrase]:
    kinds = ", ".join(dict.fromkeys(re.sub(r", narrower than [^)]*", "", kind) for kind in frame["interval"] if kind))
    silent = frame[frame["point"].isna()]
    arrow = _limits(frame, check.effects.scale.null_value)
    beyond = (frame["lower"] < arrow[0]) | (frame["upper"] > arrow[1])
    said = (
        f"k = {check.effects.k}; direction of what gets published: {check.direction}, stated and not found. Dotted: "
        f"the unadjusted mean. Intervals: {_words.kind(kinds)}."
        f"{' Arrow: the interval goes on beyond the axis.' if beyond.any() else ''}"
    )
    notes = [
        Phrase(show.greek(_text.plain(check.sentence)), _sheet.BODY_SIZE, _sheet.INK),
        Phrase(_text.plain(said)),
    ]
    if len(silent):
        why = "; ".join(f"{row['method']}: {_short(row['reason'])}" for row in silent.to_dict("records"))
        notes.append(Phrase(_text.plain(f"Without an answer: {why}.")))
    return notes


def _short(reason: str) -> str:
    """The first sentence of a reason."""
    return reason.removeprefix("No answer: ").split(". ")[0].rstrip(".")
