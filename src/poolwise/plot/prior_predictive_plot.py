"""The prior predictive check as a picture: what the priors expect of each estimate, and the estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from poolwise.checks import PriorPredictive
from poolwise.plot import _canvas, _dress, _marks, _sheet, _text, _words
from poolwise.plot._given import check_given
from poolwise.plot._marks import Look
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet
from poolwise.plot._width import room
from poolwise.show import level, symbol

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLOT_INCHES, _PITCH, _MARKER = 4.2, 0.21, 5.0
_NARROW = 4.6  # inches below which names and marks have all the room
_FARTHEST = 12.0  # ranges of the data that the axis shows of a prior, at most
_PRIOR = Look("prior", _marks.COLOURS[0])
_NEW = Look("prior of a new study", _marks.COLOURS[2])
_DATA = Look("estimate", _marks.RAW)


def prior_predictive(check: PriorPredictive, *, ax: Axes | None = None) -> Axes:
    """Draw what the priors expect of each estimate as a pale bar, and the estimate with two standard errors on it.

    The last bars are the true effects of new studies. All numbers are those of ``check.frame``.

    Parameters
    ----------
    check : PriorPredictive
        What ``checks.prior_predictive`` returned.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure as large as its rows need.

    Returns
    -------
    Axes

    References
    ----------
    Gabry et al. 2019, JRSS A 182:389, 10.1111/rssa.12378, section 3.
    """
    check_given("prior_predictive", check, PriorPredictive)
    frame = check.frame.reset_index(drop=True)
    new = (frame["kind"] == "new study").to_numpy()
    height = np.arange(len(frame)) + 0.6 + 0.4 * new
    with plain_text():
        (own,), placed = _canvas.draw(_panel(check, frame, height, narrow=room(ax) < _NARROW), ax)
        own.set_xlim(*_limits(frame))
        _dress.dress(own, placed, check.scale)
        own.axvline(0.0, color=_sheet.SOFT, lw=0.9, zorder=1.0, label="null value")
        for (_, row), y in zip(frame.iterrows(), height, strict=True):
            look = _NEW if row["kind"] == "new study" else _PRIOR
            _marks.bar(own, float(row["median"]), (float(row["lower"]), float(row["upper"])), y, look)
        points, se, at = frame.loc[~new, "y"], frame.loc[~new, "se"], height[~new]
        _marks.intervals(own, points - 2.0 * se, points + 2.0 * se, at, Look("estimate, 2 se", _marks.RAW))
        _marks.points(own, points, at, _MARKER, _DATA)
    return own


def _limits(frame: pd.DataFrame) -> tuple[float, float]:
    """All of the priors, unless they are so wide that the data would be a point."""
    own = frame.dropna(subset="y")
    low, high = float((own["y"] - 2.0 * own["se"]).min()), float((own["y"] + 2.0 * own["se"]).max())
    reach = 0.5 * _FARTHEST * (high - low)
    start = max(min(low, float(frame["lower"].min())), low - reach)
    stop = min(max(high, float(frame["upper"].max())), high + reach)
    margin = 0.03 * (stop - start)
    return start - margin, stop + margin


def _panel(check: PriorPredictive, frame: pd.DataFrame, height: np.ndarray, *, narrow: bool) -> Sheet:
    rows = frame.to_dict("records")
    data = " — reconstructed data" if (frame["data"] == "reconstructed").any() else ""
    names = tuple(_name(row) for row in rows)
    numbers = [check.scale.back([row["median"], row["lower"], row["upper"]]).tolist() for row in rows]
    cells = tuple(_words.estimate(point, lower, upper, 2) for point, lower, upper in numbers)
    prior = _words.prior(_text.plain(frame["prior"].iloc[0]))
    draws = int(frame["draws"].iloc[0])
    drawn = f" {draws:,} draws." if draws else ""
    return Sheet(
        title=f"What the priors expect{data}",
        lines=tuple(Line(float(y)) for y in height),
        rows=float(height[-1]) + 0.6,
        pitch=_PITCH,
        columns=(
            Column("Study", names),
            Plot(_PLOT_INCHES),
            *(() if narrow else (Column(f"Prior [{level(check.prob)}]", cells, align="right"),)),
        ),
        notes=(
            Phrase(check.sentence, _sheet.BODY_SIZE, _sheet.INK, bold=True),
            Phrase(f"Priors: {prior}.{drawn}"),
            Phrase(
                f"Bars: {level(check.prob)} intervals, {frame['interval'].iloc[0]}, of each estimate and (last) of the "
                "true effect in a new study. Points: the estimates, with two standard errors."
            ),
        ),
        below=0.5,
    )


def _name(row: dict[Any, Any]) -> str:
    """A study's name; of a new one what it is, of several new ones of which group."""
    name = str(row["name"])
    if row["kind"] != "new study":
        return _text.plain(name)
    return "New study" if name == "theta_new" else _text.plain(symbol(name))
