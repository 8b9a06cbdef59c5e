"""The prior panel as a picture: the mean effect and tau under each prior, and the verdict in words."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from poolwise.checks import PriorPanel
from poolwise.plot import _axis, _canvas, _dress, _marks, _sheet, _text, _words
from poolwise.plot._given import check_given
from poolwise.plot._marks import Look
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet, Sizes
from poolwise.plot._width import PAGE, WIDTHS, room
from poolwise.plot.forest_layout import sizes_of
from poolwise.result import NOTED
from poolwise.scale import Scale, as_scale
from poolwise.settings import check_option
from poolwise.show import chance, greek, level, likelier, plain, status_within, symbol

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLOT_INCHES, _TAU_INCHES, _MOST_SOURCE = 2.0, 0.8, 2.15
_SMALL_INCHES, _SMALL_TAU = 1.4, 0.8  # of the pictures in a text
_PITCH, _SMALL_PITCH, _MARKER = 0.3, 0.225, 5.5
_VERDICT_SIZE = 8.0
_NARROW = 4.2  # inches below which the marks of the mean effect stand alone
_SIZES = sizes_of(PAGE, heading_lines=2)
_VERDICTS = {"above": "above", "below": "below", "no": "includes"}
_SAME, _FLIPS = _marks.COLOURS[0], _marks.COLOURS[1]
_TAU_LINE = Look("tau interval", _marks.RAW)
_TAU_SQUARE = Look("tau median", _marks.RAW, marker="s")


def prior_panel(
    panel: PriorPanel, *, width: Literal["whole", "page", "column"] = "whole", ax: Axes | None = None
) -> Axes:
    """Draw a prior panel: the interval for mu under each prior on tau, tau beside it, the verdict below.

    A filled marker is a prior under which the interval for mu excludes the threshold, a hollow one a prior under which
    it includes it. A row in orange and in bold is a prior with another verdict than the reference prior. All numbers
    are those of ``panel.frame``, mean effects on the scale on which they are read (ratios, not their logarithms).

    Parameters
    ----------
    panel : PriorPanel
        What ``checks.prior_panel`` returned.
    width : {"whole", "page", "column"}
        ``"whole"`` with the sources of the priors and all that there is to say, ``"page"`` and ``"column"`` as wide as
        a page and a column of print, beside a text and a table that say the rest: the mean effect and tau with their
        numbers, or the marks of the mean effect alone, as on axes that are narrow.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure as large as its rows need.

    Returns
    -------
    Axes
        Of the mean effect; the axes of tau stands beside it on the same figure.
    """
    check_given("prior_panel", panel, PriorPanel)
    check_option("width", width, ("whole", "page", "column"))
    narrow = width == "column" or room(ax) < _NARROW
    frame = panel.frame.reset_index(drop=True)
    y = np.arange(len(frame)) + 0.6
    with plain_text():
        (left, *others), placed = _canvas.draw(_panel_sheet(panel, frame, y, width, narrow=narrow), ax)
        left.set_xlim(*_mu_limits(frame))
        _dress.dress(left, placed, panel.reading, label=_axis_words(panel))
        if not math.isnan(panel.threshold):
            left.axvline(panel.threshold, color=_sheet.SOFT, lw=0.9, zorder=1.0, label="threshold")
        for (verdict, flips), rows in frame.groupby(["excludes_zero", "flips"], sort=False):
            _draw_mu(left, rows, y[rows.index], str(verdict), flips=bool(flips))
        for right in others:
            right.set_xlim(0.0, _tau_limit(frame))
            _dress.dress(right, placed, as_scale("identity"), label="between-study sd τ")
            _marks.intervals(right, frame["tau_lower"], frame["tau_upper"], y, _TAU_LINE)
            _marks.points(right, frame["tau_point"], y, 0.8 * _MARKER, _TAU_SQUARE)
    return left


def _draw_mu(ax: Axes, rows: pd.DataFrame, y: np.ndarray, verdict: str, *, flips: bool) -> None:
    threshold = float(rows["threshold"].iloc[0])
    excludes = verdict != "no" or math.isnan(threshold)
    colour = _FLIPS if flips else _SAME
    name = "mu" if math.isnan(threshold) else f"mu {_VERDICTS[verdict]} {plain(threshold)}"
    _marks.intervals(ax, rows["mu_lower"], rows["mu_upper"], y, Look(f"{name}, interval", colour, width=1.4))
    _marks.points(ax, rows["mu_point"], y, _MARKER, Look(name, colour, face="" if excludes else "white"))


def _mu_limits(frame: pd.DataFrame) -> tuple[float, float]:
    point, lower, upper = (frame[name].to_numpy(dtype=float) for name in ("mu_point", "mu_lower", "mu_upper"))
    threshold = float(frame["threshold"].iloc[0])
    return _axis.limits(point, lower, upper, show=[] if math.isnan(threshold) else [threshold])


def _tau_limit(frame: pd.DataFrame) -> float:
    """Upper limit of the axis of tau: twice the median upper limit at most."""
    upper = frame["tau_upper"].to_numpy(dtype=float)
    return 1.04 * float(min(np.nanmax(upper), max(2.0 * np.nanmedian(upper), np.nanmax(frame["tau_point"]))))


def _panel_sheet(panel: PriorPanel, frame: pd.DataFrame, y: np.ndarray, width: str, *, narrow: bool) -> Sheet:
    rows: list[dict[Any, Any]] = frame.to_dict("records")
    whole = width == "whole"
    lines = tuple(Line(float(at), bold=bool(row["flips"]), aside=True) for at, row in zip(y, rows, strict=True))
    data = " — reconstructed data" if panel.data == "reconstructed" else ""
    columns = _whole_columns(panel, rows) if whole and not narrow else _few_columns(panel, rows, tau=not narrow)
    return Sheet(
        title=greek(f"Prior panel, k = {panel.k}{f': {panel.verdict}' if whole else ''}{data}"),
        lines=lines,
        rows=len(rows) + 0.2,
        pitch=_PITCH if whole and not narrow else _SMALL_PITCH,
        columns=columns,
        notes=tuple(_notes(panel, rows, whole=whole)),
        below=0.5,
        sizes=_SIZES if whole and not narrow else Sizes(),
        most=WIDTHS["column" if narrow and width == "column" else "page"],
    )


def _whole_columns(panel: PriorPanel, rows: list[dict[Any, Any]]) -> tuple[Column | Plot, ...]:
    """Priors over their sources, the mean effect over tau in numbers, the probability of a side."""
    priors = tuple("\n".join(filter(None, (_words.prior(row["prior"]), _source(row)))) for row in rows)
    numbers = tuple(f"{_triple(row, 'mu', panel.reading)}\n{_triple(row, 'tau')}" for row in rows)
    prob = f"[{level(panel.prob)}]"
    return (
        Column("Prior on τ\nwith its source", priors),
        Plot(_PLOT_INCHES),
        Column(f"{_name(panel)} {prob}\nτ {prob}", numbers, align="right"),
        *([] if math.isnan(panel.threshold) else [_chances(panel, rows)]),
        Plot(_TAU_INCHES),
    )


def _few_columns(panel: PriorPanel, rows: list[dict[Any, Any]], *, tau: bool) -> tuple[Column | Plot, ...]:
    """Priors and marks, with tau the numbers, too."""
    prob = f"[{level(panel.prob)}]"
    marks = (Column("Prior on τ", tuple(_words.prior(row["prior"]) for row in rows)), Plot(_SMALL_INCHES))
    if not tau:
        return marks
    return (
        *marks,
        Column(f"{_name(panel)} {prob}", tuple(_triple(row, "mu", panel.reading) for row in rows), align="right"),
        Plot(_SMALL_TAU),
        Column(f"τ {prob}", tuple(_triple(row, "tau") for row in rows), align="right"),
    )


def _chances(panel: PriorPanel, rows: list[dict[Any, Any]]) -> Column:
    """The probability of the side on which the median lies under most priors, which the heading names."""
    above = likelier(float(np.median([row["p_positive"] for row in rows])))[0] == "above"
    sizes = [row["p_positive"] if above else 1.0 - row["p_positive"] for row in rows]
    heading = f"P({'>' if above else '<'} {_at(panel)})"
    return Column(heading, tuple(map(chance, sizes)), align="right")


def _notes(panel: PriorPanel, rows: list[dict[Any, Any]], *, whole: bool) -> list[Phrase]:
    notes = []
    for sentence in panel.sentences if whole else ():
        if sentence == panel.tipping_sentence and math.isnan(panel.tipping_point):
            continue
        verdict = sentence == panel.sentence
        size, colour = (_VERDICT_SIZE, _sheet.INK) if verdict else (_sheet.ASIDE_SIZE, _sheet.SOFT)
        notes.append(Phrase(greek(_words.prior(_text.plain(sentence))), size, colour, bold=verdict))
    troubled = [
        f"{_words.prior(row['prior'])}: {status_within(row['status'])}" for row in rows if row["status"] not in NOTED
    ]
    if troubled:
        notes.append(Phrase(f"Status under {', '.join(troubled)}.", _sheet.ASIDE_SIZE, _sheet.ALARM, bold=True))
    kinds = ", ".join(dict.fromkeys(str(row["interval"]) for row in rows))
    filled = f"Filled: the interval for {_name(panel)} excludes {_at(panel)}; hollow: it includes it."
    key = (
        ""
        if math.isnan(panel.threshold)
        else f"{filled} Orange and bold: another verdict than under the reference prior."
    )
    arrow = " Arrow: the interval goes on beyond the axis." if _leaves_axis(panel.frame) else ""
    notes.append(Phrase(f"{level(panel.prob)} intervals: {kinds}. Points: medians. {key}{arrow}", _sheet.ASIDE_SIZE))
    return notes


def _at(panel: PriorPanel) -> str:
    return f"{float(panel.reading.back(panel.threshold)):.3g}".replace("-", "−")


def _name(panel: PriorPanel) -> str:
    return _text.plain(symbol(panel.quantity))


def _axis_words(panel: PriorPanel) -> str:
    if panel.reading.transform == "identity":
        return f"{'mean effect μ' if panel.quantity == 'mu' else _name(panel)} ({_text.plain(panel.scale.label)})"
    level_of = panel.quantity.removeprefix("mu")
    return _text.plain(f"mean {panel.scale.natural_label}{level_of}{_dress.NOTES[panel.reading.transform]}")


def _leaves_axis(frame: pd.DataFrame) -> bool:
    low, high = _mu_limits(frame)
    beyond = (frame["mu_lower"] < low) | (frame["mu_upper"] > high) | (frame["tau_upper"] > _tau_limit(frame))
    return bool(beyond.any())


def _source(row: dict[Any, Any]) -> str:
    """``default (Röver et al. 2021)``: what the prior is for, with its source cut after the year."""
    found = re.match(r"(.*?\b(?:19|20)\d\d)\b", row["source"])
    citation = _text.plain(found[1] if found else row["source"].partition(",")[0])
    citation = re.sub(r"^([^,&]+), .*& .* (\d{4})$", r"\1 et al. \2", citation)  # of three authors the first
    name = _text.plain(row["name"])
    words = citation or name
    if citation and name:
        room = _MOST_SOURCE - _text.width(f" ({citation})", _sheet.ASIDE_SIZE)
        words = f"{_text.fit(name, room, _sheet.ASIDE_SIZE)} ({citation})"
    return _text.fit(words, _MOST_SOURCE, _sheet.ASIDE_SIZE)


def _triple(row: dict[Any, Any], name: str, reading: Scale | None = None) -> str:
    numbers = np.array([row[f"{name}_{part}"] for part in ("point", "lower", "upper")], dtype=float)
    point, lower, upper = (numbers if reading is None else reading.back(numbers)).tolist()
    return _words.estimate(point, lower, upper, 2)
