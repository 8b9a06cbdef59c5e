"""A summary forest: a line for each outcome, subgroup or whole analysis, with mean, new study, tau and probability."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.effects import Effects
from poolwise.errors import listing
from poolwise.plot import _axis, _canvas, _dress, _marks, _sheet, _steps, _text, _words
from poolwise.plot._chart import refuse_small
from poolwise.plot._marks import Look
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet, Sizes
from poolwise.plot._width import room, size_of
from poolwise.plot.forest_layout import wrapped_label
from poolwise.plot.summary_forest_frame import Results, named, summary_forest_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOOKS = {
    "credible": Look("credible", _marks.COLOURS[0], width=2.8),
    "confidence": Look("confidence", _marks.RAW, width=2.8, marker="s"),
}
_SIGNS = {"credible": "●", "confidence": "■"}
_PLOT_INCHES, _LONGEST, _MARKER, _NARROW, _PITCH, _INDENT = 2.2, 2.0, 6.0, 5.6, 0.24, "   "
_MOST_PRIORS = 3
_LINES = {False: 0.32, True: 0.37}  # inches of rows whose names stand on two lines, in a column on three
_COLUMN = replace(_sheet.COMPACT, body=7.0)


def summary_forest(results: Results, *, title: str | None = None, prob: float = 0.95, ax: Axes | None = None) -> Axes:
    """Draw a line for each outcome, subgroup or whole analysis: mean with interval, and a thin bar for a new study.

    A blue circle has a credible interval, a grey square a confidence interval. Beside them stand the number of effects,
    the mean on the reading scale, tau, and of posteriors the probability of the side of the null value on which the
    median lies; a confidence interval has none. `summary_forest_frame` gives every number drawn.

    Parameters
    ----------
    results : Result, mapping of str to Result, or sequence of Result
        Several results on one scale by name; those of a sequence are named by the titles of their tables, or by their
        labels. One result of `Subgroups` or `JointOutcomes` has a line for each group.
    title : str, optional
        Words above, instead of the title that the study tables share.
    prob : float
        Probability of the intervals.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure as large as its rows need.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For what are no results, none, or results on several scales; axes that are too small.
    MissingQuantityError
        For a result without mean effects.
    ModelError
        When `prob` is no probability.

    References
    ----------
    Higgins et al. 2019, Cochrane Handbook for Systematic Reviews of Interventions, 2nd ed., chapter 12,
    10.1002/9781119536604, for one line of a mean for each outcome.

    Examples
    --------
    >>> import poolwise as pw
    >>> bcg = pw.datasets.load("bcg")
    >>> fits = {"exact": pw.fit(bcg, pw.RandomEffects(), pw.Exact()), "REML": pw.fit(bcg)}
    >>> pw.plot.close(pw.plot.summary_forest(fits))
    """
    frame = summary_forest_frame(results, prob=prob)
    tables = [result.effects for result in named(results).values()]
    with plain_text():
        frame = _placed(frame)
        narrow = room(ax) < _NARROW
        sheet = _with_directions(_table(frame, tables, title, narrow=narrow), tables, ax)
        if ax is not None:
            refuse_small(sheet, ax, (0.8 if narrow else 1.1, 0.75 * sheet.rows * sheet.pitch))
        axes, placed = _canvas.draw(sheet, ax)
        axes[0].set_xlim(*_limits(frame, tables[0]))
        _dress.dress(axes[0], placed, tables[0].scale)
        _draw(axes[0], frame, tables[0].scale.null_value)
        if tables[0].scale.null_value is not None and any(_directions(tables)):
            _dress.direct(axes[0], placed, tables[0].scale.null_value, _directions(tables))
    return axes[0]


def _placed(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with their heights: groups of one of several results stand under a line with its name."""
    several = frame["result"].nunique() > 1
    heights, y, before = [], 0.1, ""
    for result, group in zip(frame["result"], frame["group"], strict=True):
        y += 1.0
        if several and group and result != before:
            y += 1.0
        heights.append(y - 0.5)
        before = result
    return frame.assign(y=heights)


def _limits(frame: pd.DataFrame, effects: Effects) -> tuple[float, float]:
    null = effects.scale.null_value
    show_null = [] if null is None else [null]
    ends = [frame[["mu_lower", "new_lower"]].min(axis=1), frame[["mu_upper", "new_upper"]].max(axis=1)]
    low, high = (each.to_numpy(dtype=float) for each in ends)
    return _axis.limits(frame["mu_point"].to_numpy(dtype=float), low, high, show=show_null)


def _draw(ax: Axes, frame: pd.DataFrame, null: float | None) -> None:
    if null is not None:
        ax.axvline(null, color=_sheet.SOFT, lw=0.9, zorder=1.0, label="null value")
    most = min(1.0, 72.0 * _pitch(frame) / 9.0)
    for kind, rows in frame.groupby("kind", sort=False):
        look = _LOOKS[str(kind)]
        new = replace(look, name=f"{look.name}, new study", width=0.9 * most)
        _marks.intervals(ax, rows["new_lower"], rows["new_upper"], rows["y"], new)
        _marks.intervals(ax, rows["mu_lower"], rows["mu_upper"], rows["y"], replace(look, width=look.width * most))
        _marks.points(ax, rows["mu_point"], rows["y"], _MARKER * most, look)


def _pitch(frame: pd.DataFrame, wanted: float = _PITCH) -> float:
    return min(wanted, _steps.most_high() / (float(frame["y"].iloc[-1]) + 0.6))


def _table(frame: pd.DataFrame, tables: list[Effects], title: str | None, *, narrow: bool) -> Sheet:
    scale, prob = tables[0].scale, float(frame["prob"].iloc[0])
    mixed = frame["kind"].nunique() > 1
    lines, names, cells = _lines(frame, tables, narrow=narrow)
    spill = frozenset(i for i, row in enumerate(cells) if row is None)
    columns: list[Column | Plot] = [Column("", tuple(names), spill=spill)]
    counts = (frame["k"] != frame["studies"]).any()
    arrows = all(_directions(tables))
    told = [
        ("", "", "", "") if row is None else _numbers(row, tables[0], counts=bool(counts), arrows=arrows)
        for row in cells
    ]
    k, estimates, taus, chances = (tuple(each) for each in zip(*told, strict=True))
    if not narrow:
        columns.append(Column("k (studies)" if counts else "k", k, align="right"))
    columns.append(Plot(_PLOT_INCHES))
    heading = f"{'' if narrow else _heading(scale.natural_label)} [{show.level(prob)}]".strip()
    if mixed:
        signs = ["" if row is None else f"{_SIGNS[str(row['kind'])]} " for row in cells]
        estimates = tuple(f"{sign}{words}" for sign, words in zip(signs, estimates, strict=True))
    columns.append(Column(heading, estimates, align="right"))
    if not narrow and frame["tau_point"].notna().any():
        columns.append(Column("τ", taus, align="right"))
    if not narrow and frame["p_side"].notna().any():
        columns.append(Column("P(side)", chances, align="right"))
    own = title if title is not None else _shared_title(tables)
    return Sheet(
        title=_title(_text.plain(own), tables),
        lines=tuple(lines),
        rows=float(frame["y"].iloc[-1]) + 0.6,
        pitch=_pitch(frame, _LINES[narrow] if any("\n" in name for name in names) else _PITCH),
        columns=tuple(columns),
        notes=tuple(_notes(frame, tables, narrow=narrow)),
        sizes=_COLUMN if narrow else Sizes(),
        below=0.5,
    )


def _with_directions(sheet: Sheet, tables: list[Effects], ax: Axes | None) -> Sheet:
    """The sheet with room below the axis for the words of the directions."""
    if tables[0].scale.null_value is None:
        return sheet
    placed = _sheet.place(sheet, None if ax is None else size_of(ax)[0])
    room = _dress.room_of(_directions(tables), placed.sheet.sizes, placed.width)
    return replace(sheet, below=sheet.below + room)


def _lines(
    frame: pd.DataFrame, tables: list[Effects], *, narrow: bool
) -> tuple[list[Line], list[str], list[pd.Series | None]]:
    """Lines, names and rows of the frame; None for a line that only names the result of the groups below."""
    several = frame["result"].nunique() > 1
    mixed = frame["data"].nunique() > 1
    kept = set(_steps.worded(len(frame))) if _pitch(frame) < _steps.LEAST_PITCH else set(range(len(frame)))
    lines: list[Line] = []
    names: list[str] = []
    cells: list[pd.Series | None] = []
    before = ""
    long, size = (0.8, _COLUMN.body) if narrow else (_LONGEST, _sheet.BODY_SIZE)
    tall = _pitch(frame, _LINES[narrow]) == _LINES[narrow]
    for i, row in frame.iterrows():
        result, group = str(row["result"]), str(row["group"])
        if several and group and result != before:
            lines.append(Line(float(row["y"]) - 1.0, bold=True, free=narrow))
            names.append(
                _text.fit(_text.plain(result), 2.0 * long, size, bold=True) if not narrow else _text.plain(result)
            )
            cells.append(None)
        before = result
        if i not in kept:
            continue
        name = _text.plain(group or ("All groups" if not several and len(frame) > 1 else result))
        if mixed and row["data"] == "reconstructed" and "reconstructed" not in name:
            name = f"{name} (reconstructed)"
        indent = _INDENT if several and group else ""
        lines.append(Line(float(row["y"])))
        own = indent + name
        names.append(wrapped_label(own, long, size) if tall else _text.fit(own, long, size))
        cells.append(row)
    return lines, names, cells


def _numbers(row: pd.Series, effects: Effects, *, counts: bool, arrows: bool) -> tuple[str, str, str, str]:
    """Cells of k, the mean on the reading scale, tau and the probability of a side."""
    k = f"{row['k']:,} ({row['studies']:,})" if counts else f"{row['k']:,}"
    mean = _steps.on_reading_scale(row, effects.scale, mean=True)
    if math.isnan(row["p_side"]):
        return k, mean, _words.number(row["tau_point"], 2), show.NOTHING
    null = float(effects.scale.back(effects.scale.null_value or 0.0))
    side = ("←" if row["side"] == "below" else "→") if arrows else f"{row['side']} {null:g}"
    return k, mean, _words.number(row["tau_point"], 2), f"{show.chance(row['p_side'])} {side}"


def _heading(natural: str) -> str:
    words = _text.plain(natural)
    return show.capital(words) if len(words) <= 16 else "Mean"


def _shared_title(tables: list[Effects]) -> str:
    titles = {effects.title for effects in tables}
    return titles.pop() if len(titles) == 1 else ""


def _title(words: str, tables: list[Effects]) -> str:
    made = any(effects.reconstructed for effects in tables)
    every = all("reconstructed" in effects.provenance for effects in tables)
    said = (" — reconstructed data" if every else " — some data reconstructed") if made else ""
    return f"{words or 'Summary'}{'' if 'reconstructed' in words.casefold() else said}"


def _directions(tables: list[Effects]) -> tuple[str, str]:
    """The words for the two directions where all tables have the same."""
    words = {effects.directions for effects in tables}
    return words.pop() if len(words) == 1 else ("", "")


def _notes(frame: pd.DataFrame, tables: list[Effects], *, narrow: bool) -> list[Phrase]:
    said = [Phrase(_text.plain(_answer(frame, tables[0])), _sheet.BODY_SIZE, _sheet.INK, bold=True)]
    level, kinds = show.level(float(frame["prob"].iloc[0])), []
    for kind, rows in frame.groupby("kind", sort=False):
        words = listing(list(dict.fromkeys(_words.kind(each) for each in rows["interval"])), 3)
        kinds.append(f"{_SIGNS[str(kind)]} {words}")
    new = [_words.kind(each) for each in dict.fromkeys(frame["new_interval"]) if each]
    thin = f" Thin bar: a new study, {listing(new, 3)}." if new else ""
    chance = "" if frame["p_side"].isna().all() or narrow else _chance(frame, tables)
    said.append(Phrase(_text.plain(f"{level} intervals: {'; '.join(kinds)}.{thin}{chance}{_arrows(frame, tables[0])}")))
    said.append(Phrase(_text.plain(_priors(frame))))
    alarms = frame.loc[~frame["status"].isin(["ok", "moment_does_not_exist"]), ["result", "status"]].drop_duplicates()
    if len(alarms):
        told = [f"{name}: {show.status_within(status)}" for name, status in alarms.itertuples(index=False)]
        said.append(Phrase(_text.plain(f"Status: {listing(told, 4)}."), colour=_sheet.ALARM, bold=True))
    return said


def _chance(frame: pd.DataFrame, tables: list[Effects]) -> str:
    """What the column of probabilities is about, in the words of the directions."""
    below, above = _directions(tables)
    which = f" (← {below}; → {above})" if below and above else ""
    none = " A confidence interval tells none." if (frame["kind"] == "confidence").any() else ""
    return f" P(side): posterior probability that the mean lies on that side{which}.{none}"


def _answer(frame: pd.DataFrame, effects: Effects) -> str:
    """Which intervals exclude the null value, in words of the reading scale."""
    null = effects.scale.null_value
    if null is None:
        low, high = (float(each) for each in effects.scale.back([frame["mu_point"].min(), frame["mu_point"].max()]))
        return f"Means from {_words.number(low, 2)} to {_words.number(high, 2)}."
    at, rows = f"{float(effects.scale.back(null)):g}", len(frame)
    names = [
        _text.fit(_text.plain(group or result), 2.0, _sheet.BODY_SIZE)
        for group, result in zip(frame["group"], frame["result"], strict=True)
    ]
    out = [name for name, excludes in zip(names, frame["excludes_null"], strict=True) if excludes]
    if rows == 1:
        return f"The interval {'excludes' if out else 'includes'} {at}."
    if len(out) in (0, rows):
        if not out:
            return f"{'Neither' if rows == 2 else 'None'} of the {rows} intervals excludes {at}."
        return f"{'Both' if rows == 2 else f'All {rows}'} intervals exclude {at}."
    which = f": {listing(out, 4)}" if len(out) <= 4 else ""
    return f"{len(out)} of {rows} intervals {'excludes' if len(out) == 1 else 'exclude'} {at}{which}."


def _arrows(frame: pd.DataFrame, effects: Effects) -> str:
    low, high = _limits(frame, effects)
    ends = frame[["mu_lower", "mu_upper", "new_lower", "new_upper"]].to_numpy(dtype=float)
    return " Arrow: it goes on beyond the axis." if bool(np.nansum((ends < low) | (ends > high))) else ""


def _priors(frame: pd.DataFrame) -> str:
    """The priors: once where all rows have the same, else by the names of the results."""
    pairs = frame[["result", "prior"]].drop_duplicates()
    words = list(dict.fromkeys(pairs["prior"]))
    if len(words) == 1:
        return f"Prior: {show.greek(_words.prior(words[0]))}."
    by = [(prior, list(rows["result"])) for prior, rows in pairs.groupby("prior", sort=False)]
    told = [f"{listing(names, 2)}: {show.greek(_words.prior(str(prior)))}" for prior, names in by[:_MOST_PRIORS]]
    more = "" if len(by) <= _MOST_PRIORS else f"; and {len(by) - _MOST_PRIORS} more (summary_forest_frame)"
    return f"Priors: {'; '.join(told)}{more}."
