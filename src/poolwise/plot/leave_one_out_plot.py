"""Leave-one-out as a picture: the mean effect and tau without each study, flips of the verdict marked."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pandas as pd

from poolwise import show
from poolwise.checks import LeaveOneOut
from poolwise.errors import ModelError
from poolwise.plot import _dress, _marks, _sheet, _steps, _text, _words
from poolwise.plot._given import check_given
from poolwise.plot._marks import Look
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet
from poolwise.plot._width import room
from poolwise.scale import as_scale
from poolwise.settings import check_option

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Sort = Literal["table", "effect", "influence"]
ALL = "none"  # left out: no study
_PLOT_INCHES, _TAU_INCHES, _LONGEST, _NARROW = 2.0, 0.75, 2.0, 5.5
_WHOLE = Look("all studies", _marks.RAW, width=1.6, marker="D")
_SAME = Look("same verdict", _marks.COLOURS[0], width=1.4)
_FLIPS = Look("other verdict", _marks.COLOURS[1], width=1.6, marker="s")
_BAND = "#e3e7eb"


def leave_one_out_frame(check: LeaveOneOut, *, of: str | None = None, sort: Sort = "table") -> pd.DataFrame:
    """The rows of `leave_one_out` from top to bottom: all studies, then without each one.

    Parameters
    ----------
    check : LeaveOneOut
        What `checks.leave_one_out` returned.
    of : str, optional
        A mean effect or coefficient of ``check.influence``; the first, or the only coefficient that is no intercept.
    sort : {"table", "effect", "influence"}
        The order of the rows: of the table, by the mean without the study, or by how far it moves.

    Returns
    -------
    DataFrame
        left_out, mu_point, mu_lower, mu_upper (of the quantity named), tau_point, tau_lower, tau_upper (NaN where the
        model has several or none), shift, excludes_zero, flips, quantity, prob, interval, prior, data, y.

    Raises
    ------
    InputError
        For anything else.
    ModelError
        For an unknown quantity or order.

    References
    ----------
    Viechtbauer & Cheung 2010, Research Synthesis Methods 1:112, 10.1002/jrsm.11.
    """
    check_given("leave_one_out", check, LeaveOneOut)
    check_option("sort", sort, ("table", "effect", "influence"))
    influence = check.influence
    means = [name for name in dict.fromkeys(influence["quantity"]) if not name.startswith("tau")]
    if not means:
        raise ModelError("the model states its mean effect, which no study can move", "a model with a prior on mu")
    slopes = [name for name in means if name != "beta[intercept]"]
    name = slopes[0] if of is None else check_option("of", of, means)
    ends = {"point": "mu_point", "lower": "mu_lower", "upper": "mu_upper"}
    rows = influence[influence["quantity"] == name].rename(columns=ends).drop(columns=["sd", "ratio"])
    tau = influence[influence["quantity"] == "tau"].set_index("left_out")[["point", "lower", "upper"]]
    frame = rows.join(tau.add_prefix("tau_"), on="left_out").reset_index(drop=True)
    for column in ("tau_point", "tau_lower", "tau_upper"):
        frame[column] = frame[column].astype(float)
    by: dict[str, list[float]] = {
        "table": [float(i) for i in range(len(frame))],
        "effect": frame["mu_point"].tolist(),
        "influence": (-frame["shift"].abs()).tolist(),
    }
    places = sorted(range(1, len(frame)), key=lambda i: (math.isnan(by[sort][i]), by[sort][i]))
    frame = frame.iloc[[0, *places]].reset_index(drop=True)
    return frame.assign(y=_steps.places(len(frame), first=True))


def leave_one_out(
    check: LeaveOneOut, *, of: str | None = None, sort: Sort = "table", title: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the mean effect and tau without each study in turn, the answer of all studies as a band behind them.

    An orange square is an answer that lies on another side of 0 than that of all studies; a blue circle one on the
    same. All numbers are those of `leave_one_out_frame`; with more rows than can be read, every second or third one has
    words, and every flip that has room.

    Parameters
    ----------
    check : LeaveOneOut
        What `checks.leave_one_out` returned.
    of : str, optional
        A mean effect or coefficient, where there are several.
    sort : {"table", "effect", "influence"}
        The order of the rows.
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
    Viechtbauer & Cheung 2010, Research Synthesis Methods 1:112, 10.1002/jrsm.11.

    Examples
    --------
    >>> import poolwise as pw
    >>> check = pw.checks.leave_one_out(pw.datasets.load("bcg"))
    >>> pw.plot.close(pw.plot.leave_one_out(check, sort="effect"))
    """
    frame = leave_one_out_frame(check, of=of, sort=sort)
    quantity = str(frame["quantity"].iloc[0])
    mean = _steps.is_mean(quantity)
    scale = check.effects.scale if mean else as_scale("identity")
    null = check.effects.scale.held_against(0.0) if mean else 0.0
    with plain_text():
        narrow = room(ax) < _NARROW
        sheet = _table(check, frame, title, null, narrow=narrow)
        axes, placed = _steps.draw_sheet(sheet, ax)
        axes[0].set_xlim(*_steps.limits(frame, null))
        label = "" if mean else f"{_steps.name_of(quantity)} ({_text.plain(check.effects.scale.label)})"
        _dress.dress(axes[0], placed, scale, label=label)
        _draw(axes[0], frame, null)
        if len(axes) > 1:
            _steps.draw_tau(axes[1], placed, frame)
            axes[1].axvline(float(frame["tau_point"].iloc[0]), color=_sheet.SOFT, lw=0.9, ls=(0, (1, 1.5)), zorder=1.0)
    return axes[0]


def _draw(ax: Axes, frame: pd.DataFrame, null: float) -> None:
    size = _steps.marker(len(frame))
    whole = frame.iloc[0]
    low, high = ax.get_xlim()
    if not math.isnan(whole["mu_lower"]):
        span = max(float(whole["mu_lower"]), low), min(float(whole["mu_upper"]), high)
        ax.axvspan(*span, color=_BAND, lw=0, zorder=0.2, label="interval of all studies")
        ax.axvline(float(whole["mu_point"]), color=_sheet.SOFT, lw=0.9, ls=(0, (1, 1.5)), zorder=1.0, label="all")
    if not math.isnan(null):
        ax.axvline(null, color=_sheet.SOFT, lw=0.9, zorder=1.0, label="null value")
    first, flips = frame.index == 0, frame["flips"].to_numpy(dtype=bool) & (not math.isnan(null))
    for rows, look in ((frame[first], _WHOLE), (frame[~first & ~flips], _SAME), (frame[~first & flips], _FLIPS)):
        told, look = rows[rows["mu_point"].notna()], replace(look, width=_steps.line_width(len(frame), look.width))
        _marks.intervals(ax, told["mu_lower"], told["mu_upper"], told["y"], look)
        _marks.points(ax, told["mu_point"], told["y"], size, look)


def _table(check: LeaveOneOut, frame: pd.DataFrame, title: str | None, null: float, *, narrow: bool) -> Sheet:
    quantity, effects = str(frame["quantity"].iloc[0]), check.effects
    flips = [] if math.isnan(null) else frame.index[frame["flips"].astype(bool)].tolist()
    kept = _steps.worded(len(frame), flips)
    rows = [frame.iloc[i] for i in kept]
    mean, prob = _steps.is_mean(quantity), float(frame["prob"].iloc[0])
    bold = [bool(row["flips"]) and not math.isnan(null) for row in rows]
    long, size = (1.5, _sheet.COMPACT.body) if narrow else (_LONGEST, _sheet.BODY_SIZE)
    names = tuple(_text.fit(_name(row, check), long, size, bold=b) for row, b in zip(rows, bold, strict=True))
    columns: list[Column | Plot] = [Column("Left out", names), Plot(_PLOT_INCHES)]
    if not narrow:
        numbers = tuple(_steps.on_reading_scale(row, effects.scale, mean=mean) for row in rows)
        columns.append(Column(_steps.estimate_heading(quantity, effects.scale, prob), numbers, align="right"))
        if frame["tau_point"].notna().any():
            columns.append(Plot(_TAU_INCHES))
            taus = tuple(_words.number(row["tau_point"], 2) for row in rows)
            columns.append(Column("τ", taus, align="right"))
    words = _text.plain(effects.title if title is None else title)
    return Sheet(
        title=_steps.titled(words, "without each study", reconstructed=effects.reconstructed),
        lines=tuple(Line(float(row["y"]), bold=b) for row, b in zip(rows, bold, strict=True)),
        rows=float(frame["y"].iloc[-1]) + 0.6,
        pitch=_steps.pitch(len(frame) + 1),
        columns=tuple(columns),
        notes=tuple(_notes(check, frame, null, len(kept))),
        below=0.5,
    )


def _name(row: pd.Series, check: LeaveOneOut) -> str:
    if row["left_out"] == ALL:
        return "None: all studies"
    return f"− {_steps.study_name(row['left_out'], reconstructed=check.effects.reconstructed)}"


def _notes(check: LeaveOneOut, frame: pd.DataFrame, null: float, worded: int) -> list[Phrase]:
    first = frame.iloc[0]
    low, high = _steps.limits(frame, null)
    beyond = (frame["mu_lower"] < low) | (frame["mu_upper"] > high)
    arrow = " Arrow: the interval goes on beyond the axis." if beyond.any() else ""
    flips = " Orange square, bold: without this study the interval lies on another side of 0." if not math.isnan(
        null
    ) and frame["flips"].any() else ""  # fmt: skip
    thin = "" if worded == len(frame) else f" {worded} of {len(frame)} rows have words."
    told = [sentence for sentence in check.sentences if math.isfinite(null) or "answer" not in sentence]
    return [
        *(Phrase(_text.plain(one), _sheet.BODY_SIZE, _sheet.INK) for one in told[1:]),
        Phrase(
            f"k = {check.effects.k}; {show.level(float(first['prob']))} intervals: {first['interval']}; prior: "
            f"{show.greek(_words.prior(str(first['prior'])))}. Band and dotted line: all studies.{flips}{arrow}{thin}"
        ),
    ]
