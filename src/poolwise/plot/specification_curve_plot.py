"""The specification curve as a picture: all estimates with their intervals in order, the choices behind each below."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.checks import Specifications
from poolwise.plot import _axis, _canvas, _keys, _marks, _sheet, _steps, _text, _width, _words
from poolwise.plot._chart import effect_ticks, effect_words, refuse_small, with_power
from poolwise.plot._keys import Key
from poolwise.plot._marks import RAW
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet, Sizes
from poolwise.plot._width import PAGE, room, size_of
from poolwise.plot.specification_curve_frame import Matrix, matrix, specification_curve_frame
from poolwise.scale import as_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST, _LEAST_NAMES, _NARROW = 2.0, 1.1, 4.6  # inches: of the names of options, of a picture in a column
_ROW, _UPPER, _BETWEEN = 0.138, 2.1, 0.1  # inches: of a matrix row, of the curve, between them
_HEAD = (_UPPER + _BETWEEN) / _ROW  # rows of the sheet that the curve takes, with the space below it
_COLUMN = replace(_sheet.COMPACT, body=7.0)
_LABEL = 0.55  # inches from the curve to the words of its axis
CREDIBLE = _marks.COLOURS[0]
_BAND, _RULE = "#f3e3c8", "#ececec"
_LOOKS = {"closed form": ("confidence", RAW, "s"), "exact": ("credible", CREDIBLE, "o")}
_WIDEST = 4.0  # points of a mark


def specification_curve(check: Specifications, *, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw every specification's estimate and interval in the order of the estimates, and its choices below.

    Grey squares are confidence intervals, blue circles credible ones; hollow where the interval includes the threshold.
    The pale band marks the reference specification, through the matrix as well. All numbers are those of
    `specification_curve_frame`. Shares of specifications are not probabilities.

    Parameters
    ----------
    check : Specifications
        What `checks.specifications` returned.
    title : str, optional
        Words above, instead of the study table's own title.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure of page width.

    Returns
    -------
    Axes
        Of the curve; the matrix stands below it on the same figure.

    Raises
    ------
    InputError
        For anything else; axes that are too small.

    References
    ----------
    Voracek, Kossmeier & Tran 2019, Zeitschrift fuer Psychologie 227:64, 10.1027/2151-2604/a000357; Simonsohn, Simmons
    & Nelson 2020, Nature Human Behaviour 4:1208, 10.1038/s41562-020-0912-z.

    Examples
    --------
    >>> import poolwise as pw
    >>> check = pw.checks.specifications(pw.datasets.load("bcg"))
    >>> pw.plot.close(pw.plot.specification_curve(check))
    """
    frame = specification_curve_frame(check)
    with plain_text():
        below = matrix(frame)
        keys = _key_lines(check, frame, room(ax))
        sheet = _table(check, frame, below, title, (len(keys), room(ax)))
        if ax is not None:
            refuse_small(sheet, ax, (1.4, 0.9 * sheet.rows * sheet.pitch))
        (choices,), placed = _canvas.draw(sheet, ax)
        curve = _curve_axes(choices, sheet)
        _draw_curve(curve, check, frame)
        _draw_matrix(choices, frame, below, _HEAD)
        _draw_keys(choices, placed, keys)
    return curve


def _table(
    check: Specifications, frame: pd.DataFrame, below: Matrix, title: str | None, measures: tuple[int, float]
) -> Sheet:
    (lines, inches), head = measures, _HEAD
    narrow = inches < _NARROW
    sizes, longest, least = (_COLUMN, 1.32, 0.9) if narrow else (Sizes(), _LONGEST, _LEAST_NAMES)
    cells = tuple(
        _text.fit(("" if row["heading"] else "   ") + row["words"], longest, sizes.body, bold=row["heading"])
        for row in below.rows.to_dict("records")
    )
    names = Column("", cells or ("",))
    rows = tuple(Line(head + row["y"], bold=row["heading"]) for row in below.rows.to_dict("records"))
    wide = max([least, *(_text.width(cell, sizes.body, bold=True) for cell in cells)])
    words = _text.plain(check.effects.title if title is None else title)
    return Sheet(
        title=_steps.titled(words, f"{len(frame)} specifications", reconstructed=check.effects.reconstructed),
        lines=rows or (Line(head),),
        rows=head + below.height,
        pitch=_ROW,
        columns=(names, Plot(inches if narrow else max(min(inches, PAGE) - 2.0 * sizes.margin - wide - 0.4, 2.6))),
        notes=tuple(_notes(check, frame, small=narrow)),
        below=0.08 + _keys.LINE * lines,
        sizes=sizes,
    )


def _curve_axes(choices: Axes, sheet: Sheet) -> Axes:
    """Axes for the curve over the upper rows of the sheet's own."""
    for line in tuple(choices.lines):
        line.remove()  # the rule of a table would cut through the curve
    choices.spines["bottom"].set_visible(False)
    choices.set_xticks([])
    figure, box = _width.figure_of(choices), choices.get_position()
    share = (_UPPER / _ROW) / sheet.rows
    curve = figure.add_axes((box.x0, box.y1 - share * box.height, box.width, share * box.height))
    curve.spines[["top", "right", "bottom"]].set_visible(False)
    curve.spines["left"].set_color(_sheet.SOFT)
    return curve


def _draw_curve(ax: Axes, check: Specifications, frame: pd.DataFrame) -> None:
    mean = _steps.is_mean(check.quantity)
    scale = check.effects.scale if mean else as_scale("identity")
    point, lower, upper = (frame[name].to_numpy(dtype=float) for name in ("point", "lower", "upper"))
    shown = [] if math.isnan(check.threshold) else [check.threshold]
    ax.set_ylim(*_axis.limits(point, lower, upper, show=shown))
    ax.set_xlim(-0.8, len(frame) - 0.2)
    ax.set_facecolor("none")
    inches = size_of(ax)[0]
    apart = 72.0 * inches / len(frame)  # points from one specification to the next
    for engine, rows in frame.groupby("engine", sort=False):
        _draw_specifications(ax, rows, str(engine), apart)
    reference = frame[frame["reference"]]
    if len(reference):
        ax.axvspan(*_band(reference), color=_BAND, lw=0, zorder=0.1, label="reference")
        ax.axhline(float(reference["point"].iloc[0]), color=_sheet.SOFT, lw=0.8, ls=(0, (1, 1.5)), zorder=0.5)
    if shown:
        ax.axhline(check.threshold, color=_sheet.INK, lw=0.9, zorder=0.6, label="threshold")
    effect_ticks(ax, scale, "y")
    label = effect_words(scale) if mean else f"{_steps.name_of(check.quantity)} ({check.effects.scale.label})"
    label = _text.fit(with_power(ax, _text.plain(label)), _UPPER, _sheet.BODY_SIZE)
    ax.set_ylabel(label, fontproperties=_text.font(label, _sheet.BODY_SIZE), color=_sheet.INK, parse_math=False)
    ax.yaxis.set_label_coords(-_LABEL / inches, 0.5)
    ax.set_xticks([])
    ax.tick_params(axis="y", labelsize=_sheet.TICK_SIZE, color=_sheet.SOFT, labelcolor=_sheet.INK)


def _draw_specifications(ax: Axes, rows: pd.DataFrame, engine: str, apart: float) -> None:
    name, colour, marker = _LOOKS[engine]
    low, high = ax.get_ylim()
    x, lower, upper = (rows[column].to_numpy(dtype=float) for column in ("x", "lower", "upper"))
    width = min(1.3, max(0.35 * apart, 0.5))
    ends = np.maximum(lower, low), np.minimum(upper, high)
    ax.vlines(x, *ends, color=colour, lw=width, zorder=2.0, label=f"{name} interval")
    for out, at, sign in ((lower < low, low, "v"), (upper > high, high, "^")):
        if out.any():
            edge = np.full(int(out.sum()), at)
            ax.scatter(x[out], edge, s=10, marker=sign, color=colour, lw=0, clip_on=False, zorder=2.5)
    size = min(_WIDEST, max(0.8 * apart, 1.6))
    for hollow, part in rows.groupby(rows["excludes"] == "no"):
        face = "white" if hollow else colour
        said = ", includes the threshold" if hollow else ""
        ax.scatter(
            part["x"], part["point"], s=size**2, marker=marker, facecolors=face, edgecolors=colour, linewidths=0.7,
            zorder=3.0, label=f"{name}{said}",
        )  # fmt: skip


def _band(reference: pd.DataFrame) -> tuple[float, float]:
    x = float(reference["x"].iloc[0])
    return x - 0.5, x + 0.5


def _draw_matrix(ax: Axes, frame: pd.DataFrame, below: Matrix, head: float) -> None:
    ax.set_xlim(-0.8, len(frame) - 0.2)
    inches = size_of(ax)[0]
    width = min(72.0 * inches / len(frame) * 0.75, 3.0)
    reference = frame[frame["reference"]]
    if len(reference):
        start, stop = _band(reference)
        ax.fill_between([start, stop], head, head + below.height, color=_BAND, lw=0, zorder=0.1, label="reference")
    for row in below.rows[~below.rows["heading"].astype(bool)].to_dict("records"):
        y = head + row["y"]
        ax.plot([-0.8, len(frame) - 0.2], [y, y], color=_RULE, lw=0.6, zorder=0.0)
        for engine, rows in frame[frame[row["choice"]] == row["option"]].groupby("engine", sort=False):
            name, colour, _ = _LOOKS[str(engine)]
            ax.vlines(rows["x"], y - 0.3, y + 0.3, color=colour, lw=width, zorder=1.0, label=f"{row['option']}, {name}")


def _key_lines(check: Specifications, frame: pd.DataFrame, inches: float) -> list[list[tuple[float, Key]]]:
    prob = show.level(check.prob)
    keys = []
    if (frame["engine"] == "closed form").any():
        keys.append(Key(f"{prob} confidence interval", "point", RAW, marker="s"))
    if (frame["engine"] == "exact").any():
        keys.append(Key(f"{prob} credible interval, equal-tailed", "point", CREDIBLE))
    if (frame["excludes"] == "no").any():
        keys.append(Key("hollow: includes the threshold", "point", RAW, marker="s", face="white"))
    keys.append(Key("reference", "patch", _BAND))
    return _keys.packed(keys, min(inches, PAGE) - 2.0 * _sheet.MARGIN)


def _draw_keys(choices: Axes, placed: _sheet.Placed, lines: list[list[tuple[float, Key]]]) -> None:
    figure, box = _width.figure_of(choices), choices.get_position()
    inches = figure.get_size_inches()
    wide, tall = placed.width - 2.0 * _sheet.MARGIN, _keys.LINE * len(lines)
    start, foot = box.x0 * inches[0] - placed.main[0] + _sheet.MARGIN, box.y0 * inches[1] - 0.06 - tall
    own = figure.add_axes((start / inches[0], foot / inches[1], wide / inches[0], tall / inches[1]))
    _keys.draw(own, lines, wide)


def _notes(check: Specifications, frame: pd.DataFrame, *, small: bool) -> list[Phrase]:
    silent = int(check.frame["point"].isna().sum())
    row = frame[frame["reference"]].iloc[:1]
    says = {"tau2": "{}", "interval": "{}", "tau_prior": "τ ~ {}", "mu_prior": "mean ~ {}"}
    chosen = [words.format(_words.prior(row[name].iloc[0])) for name, words in says.items() if row[name].iloc[0]]
    which = f"Reference: {', '.join(chosen)}. " if len(row) else ""
    warned = "Why an interval counts as too narrow: column warning of the frame. " if frame["caution"].any() else ""
    low, high = _axis.limits(
        *(frame[name].to_numpy(dtype=float) for name in ("point", "lower", "upper")),
        show=[] if math.isnan(check.threshold) else [check.threshold],
    )
    beyond = (frame["lower"] < low) | (frame["upper"] > high)
    arrow = "Triangle: the interval goes on beyond the axis. " if beyond.any() else ""
    size = _COLUMN.body if small else _sheet.BODY_SIZE
    left = f"{silent} more have no answer. " if silent else ""
    said = f"k = {check.effects.k}. {which}{warned}{arrow}{left}".strip()
    return [
        *(Phrase(show.greek(_words.prior(_text.plain(one))), size, _sheet.INK) for one in check.sentences),
        Phrase(_text.plain(said), size if small else _sheet.NOTE_SIZE),
    ]
