"""Cumulative meta-analysis as a picture: the prior on top, the answer after each study below it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.checks import Cumulative
from poolwise.plot import _dress, _marks, _sheet, _steps, _text, _words
from poolwise.plot._given import check_given
from poolwise.plot._marks import Look
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet
from poolwise.plot._width import room
from poolwise.scale import as_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLOT_INCHES, _TAU_INCHES, _LONGEST = 2.0, 0.75, 2.0
_NARROW = 5.5  # inches below which numbers and tau give way to the picture
_PRIOR = Look("prior", _marks.RAW, width=1.0, marker="D", face="white")
_EXCLUDES = Look("excludes the threshold", _marks.COLOURS[0], width=1.4)
_INCLUDES = Look("includes the threshold", _marks.COLOURS[0], width=1.4, face="white")


def cumulative_frame(check: Cumulative) -> pd.DataFrame:
    """The rows of `cumulative` from top to bottom: the prior, where there is one, and a row for each study.

    Parameters
    ----------
    check : Cumulative
        What `checks.cumulative` returned.

    Returns
    -------
    DataFrame
        Rows of ``check.frame`` with their columns; y, the height in rows; settled, true for the row from which on the
        verdict no longer changes.

    Raises
    ------
    InputError
        For anything else.

    References
    ----------
    Lau et al. 1992, New England Journal of Medicine 327:248, 10.1056/NEJM199207233270406.
    """
    check_given("cumulative", check, Cumulative)
    frame = check.frame
    y = _steps.places(len(frame), first=bool((frame["step"] == 0).any()))
    return frame.assign(y=y, settled=(frame["step"] == check.settled) & frame["changes"])


def cumulative(check: Cumulative, *, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the answer after each study, from the prior at the top to all studies at the bottom, with tau beside it.

    A hollow diamond is the prior; a filled circle a step whose interval excludes the threshold, a hollow one a step
    whose interval includes it. The row in bold is the study since which that no longer changed. All numbers are those
    of `cumulative_frame`; with more steps than can be read, every second or third one has words.

    Parameters
    ----------
    check : Cumulative
        What `checks.cumulative` returned.
    title : str, optional
        Words above, instead of the study table's own title.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure as large as its rows need.

    Returns
    -------
    Axes
        Of the mean effect; that of tau stands beside it on the same figure.

    Raises
    ------
    InputError
        For anything else; axes that are too small.

    References
    ----------
    Lau et al. 1992, New England Journal of Medicine 327:248, 10.1056/NEJM199207233270406.

    Examples
    --------
    >>> import poolwise as pw
    >>> check = pw.checks.cumulative(pw.fit(pw.datasets.load("bcg")), by="year")
    >>> pw.plot.close(pw.plot.cumulative(check))
    """
    frame = cumulative_frame(check)
    scale = check.effects.scale if _steps.is_mean(check.quantity) else as_scale("identity")
    with plain_text():
        narrow = room(ax) < _NARROW
        sheet = _table(check, frame, title, narrow=narrow)
        axes, placed = _steps.draw_sheet(sheet, ax)
        axes[0].set_xlim(*_steps.limits(frame, check.threshold))
        _dress.dress(axes[0], placed, scale, label="" if _steps.is_mean(check.quantity) else _coefficient(check))
        if not math.isnan(check.threshold):
            axes[0].axvline(check.threshold, color=_sheet.SOFT, lw=0.9, zorder=1.0, label="threshold")
        _draw(axes[0], frame)
        if len(axes) > 1:
            _steps.draw_tau(axes[1], placed, frame)
    return axes[0]


def _draw(ax: Axes, frame: pd.DataFrame) -> None:
    size = _steps.marker(len(frame))
    prior, includes = frame["step"] == 0, frame["excludes"].isin(["no"])
    for rows, look in (
        (frame[prior], _PRIOR),
        (frame[~prior & includes], _INCLUDES),
        (frame[~prior & ~includes], _EXCLUDES),
    ):
        told, look = rows[rows["mu_point"].notna()], replace(look, width=_steps.line_width(len(frame), look.width))
        _marks.intervals(ax, told["mu_lower"], told["mu_upper"], told["y"], look)
        _marks.points(ax, told["mu_point"], told["y"], size, look)


def _table(check: Cumulative, frame: pd.DataFrame, title: str | None, *, narrow: bool) -> Sheet:
    pitch = _steps.pitch(len(frame) + 1)
    kept = _steps.worded(len(frame), np.flatnonzero(frame["settled"]).tolist())
    rows = [frame.iloc[i] for i in kept]
    mean, scale = _steps.is_mean(check.quantity), check.effects.scale
    long, size = (1.5, _sheet.COMPACT.body) if narrow else (_LONGEST, _sheet.BODY_SIZE)
    names = tuple(_text.fit(_name(row, check), long, size, bold=bool(row["settled"])) for row in rows)
    columns: list[Column | Plot] = [Column("Study added", names)]
    if check.frame["by"].notna().any() and not narrow:
        columns.append(Column(_heading(check), tuple(_value(row["by"]) for row in rows), align="right"))
    columns.append(Plot(_PLOT_INCHES))
    if not narrow:
        numbers = tuple(_steps.on_reading_scale(row, scale, mean=mean) for row in rows)
        heading = _steps.estimate_heading(check.quantity, scale, check.prob)
        columns.append(Column(heading, numbers, align="right"))
        if frame["p_above"].notna().any():
            columns.append(_chances(check, frame, rows))
        if frame["tau_point"].notna().any():
            columns.append(Plot(_TAU_INCHES))
    words = _text.plain(check.effects.title if title is None else title)
    return Sheet(
        title=_steps.titled(words, f"cumulative by {check.order}", reconstructed=check.effects.reconstructed),
        lines=tuple(Line(float(row["y"]), bold=bool(row["settled"])) for row in rows),
        rows=float(frame["y"].iloc[-1]) + 0.6,
        pitch=pitch,
        columns=tuple(columns),
        notes=tuple(_notes(check, frame, len(kept), narrow=narrow)),
        below=0.5,
    )


def _name(row: pd.Series, check: Cumulative) -> str:
    if row["step"] == 0:
        return "Prior, no study yet"
    return f"+ {_steps.study_name(row['study'], reconstructed=check.effects.reconstructed)}"


def _heading(check: Cumulative) -> str:
    """The name of what studies are ordered by; the first word of it where that is ours."""
    name = check.order.partition(",")[0]
    return "SE" if name == "precision" else _text.fit(show.capital(_text.plain(name)), 0.9, _sheet.BODY_SIZE, bold=True)


def _value(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and not value.is_integer():
        return show.number(value, 2)
    whole = isinstance(value, float | int | np.integer) and not isinstance(value, bool)
    return f"{int(value):d}".replace("-", "−") if whole else _text.fit(_text.plain(value), 0.9, _sheet.BODY_SIZE)  # type: ignore[call-overload]


def _chances(check: Cumulative, frame: pd.DataFrame, rows: list[pd.Series]) -> Column:
    """P of the side on which the last median lies."""
    below = float(frame["mu_point"].iloc[-1]) < check.threshold
    mean = _steps.is_mean(check.quantity)
    at = float(check.effects.scale.back(check.threshold)) if mean else check.threshold
    sign = "<" if below else ">"
    cells = tuple(show.chance(1.0 - row["p_above"] if below else row["p_above"]) for row in rows)
    return Column(f"P({sign} {at:g})".replace("-", "−"), cells, align="right")


def _coefficient(check: Cumulative) -> str:
    return f"{_steps.name_of(check.quantity)} ({_text.plain(check.effects.scale.label)})"


def _notes(check: Cumulative, frame: pd.DataFrame, worded: int, *, narrow: bool) -> list[Phrase]:
    kinds = ", ".join(dict.fromkeys(str(kind) for kind in frame.loc[frame["step"] > 0, "interval"] if kind))
    prior = str(frame["prior"].iloc[0])
    what = f" Prior: {_words.prior(show.greek(prior))}." if (frame["step"] == 0).any() else ""
    marks = (
        "" if math.isnan(check.threshold) else " Filled: the interval excludes the threshold; hollow: it includes it."
    )
    low, high = _steps.limits(frame, check.threshold)
    beyond = (frame["mu_lower"] < low) | (frame["mu_upper"] > high)
    arrow = " Arrow: the interval goes on beyond the axis." if beyond.any() else ""
    beside = "" if narrow or frame["tau_point"].isna().all() else "; tau beside them"
    bold = " Bold: since that study the verdict has not changed." if frame["settled"].any() else ""
    thin = "" if worded == len(frame) else f" {worded} of {len(frame)} rows have words."
    return [
        Phrase(show.greek(_text.plain(check.sentence)), _sheet.BODY_SIZE, _sheet.INK, bold=True),
        Phrase(
            f"{_text.plain(show.method(check.label))}; "
            f"{show.level(check.prob)} intervals: {_words.kind(kinds)}{beside}."
            f"{what}{marks}{bold}{arrow}{thin}".replace("tau", "τ")
        ),
        Phrase(_text.plain(check.caveat)),
    ]
