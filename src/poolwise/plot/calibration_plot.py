"""Calibration as a picture: how far the places of the truth are from uniform, with bands that hold along a curve."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from poolwise.errors import InputError
from poolwise.plot import _canvas, _marks, _sheet, _text, _width
from poolwise.plot._given import check_given
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase, Plot, Sheet
from poolwise.plot._width import room
from poolwise.show import symbol

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACROSS = 4  # panels in a row
_WIDE, _HIGH, _BETWEEN, _HEAD = 1.55, 1.2, 0.16, 0.24  # inches
_LEFT = 0.62
_NARROW = 4.6  # inches below which two panels stand in a row
_PITCH = 0.2
_BAND = "#dfe3e8"
_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)))
_NEEDED = ("quantity", "z", "difference", "lower", "upper", "inside")


def calibration(curves: pd.DataFrame, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw the empirical distribution function of the places of the truth, less the uniform one, for each quantity.

    Parameters
    ----------
    curves : DataFrame
        What ``simulate.ecdf`` returned; a column `engine`, if there is one, tells curves of one panel apart.
    title : str
        Words above.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure.

    Returns
    -------
    Axes
        Of the first panel; the others follow it in ``figure.axes``.

    Raises
    ------
    InputError
        For a frame without the columns of ``simulate.ecdf``.

    References
    ----------
    Säilynoja, Bürkner & Vehtari 2022, Statistics and Computing 32:32, 10.1007/s11222-022-10090-6.
    """
    check_given("calibration", curves, pd.DataFrame)
    missing = [name for name in _NEEDED if name not in curves]
    if missing or curves.empty:
        raise InputError(
            f"the curves have no column {', '.join(missing)}" if missing else "there are no curves",
            "what simulate.ecdf returned",
            "plot.calibration(simulate.ecdf(places))",
        )
    names = list(dict.fromkeys(curves["quantity"]))
    engines = list(dict.fromkeys(curves["engine"])) if "engine" in curves else [""]
    limit = 1.08 * float(curves[["lower", "upper", "difference"]].abs().to_numpy().max())
    with plain_text():
        panels = _panels(title or "Calibration", names, _notes(curves, engines), ax)
        _name(panels)
        for panel, name in zip(panels, names, strict=True):
            _fill(panel, curves[curves["quantity"] == name], engines)
            panel.set_xlim(0.0, 1.0)
            panel.set_ylim(-limit, limit)
    return panels[0]


def _fill(ax: Axes, curves: pd.DataFrame, engines: list[str]) -> None:
    """The band, and the curve of each engine; a curve that leaves the band is thick."""
    for i, engine in enumerate(engines):
        own = curves[curves["engine"] == engine] if engine else curves
        if own.empty:
            continue
        z = own["z"].to_numpy()
        if not ax.collections:
            ax.fill_between(z, own["lower"], own["upper"], color=_BAND, lw=0, label="band")
        ax.plot(
            z,
            own["difference"],
            color=_marks.COLOURS[i % len(_marks.COLOURS)],
            ls=_DASHES[i % len(_DASHES)],
            lw=1.1 if own["inside"].all() else 2.4,
            label=engine or "places",
        )
    ax.axhline(0.0, color=_sheet.SOFT, lw=0.5, zorder=0.9)


def _across(count: int, ax: Axes | None) -> int:
    """Panels in a row: at least as many as leave the notes room."""
    return min(_ACROSS, max(3, count)) if room(ax) >= _NARROW else 2


def _name(panels: list[Axes]) -> None:
    """Words of both axes, once."""
    figure, boxes = _width.figure_of(panels[0]), [panel.get_position() for panel in panels]
    inches, look = figure.get_size_inches(), _text.font("quantile z", _sheet.NOTE_SIZE)
    left, right, foot = boxes[0].x0, max(box.x1 for box in boxes), min(box.y0 for box in boxes)
    written: dict[str, Any] = {
        "fontproperties": look,
        "color": _sheet.INK,
        "ha": "center",
        "va": "center",
        "parse_math": False,
    }
    figure.text(0.5 * (left + right), foot - 0.32 / inches[1], "quantile z of the posterior", **written)
    figure.text(left - 0.48 / inches[0], 0.5 * (foot + boxes[0].y1), "share below z, less z", rotation=90, **written)


def _panels(title: str, names: list[str], notes: tuple[Phrase, ...], ax: Axes | None) -> list[Axes]:
    """Empty axes for each quantity under its name, in rows."""
    across = _across(len(names), ax)
    down = math.ceil(len(names) / across)
    wide, high = _LEFT + across * (_WIDE + _BETWEEN), down * (_HIGH + _HEAD)
    sheet = Sheet(title, (), high / _PITCH, _PITCH, (Plot(wide),), notes, below=0.5)
    (frame,), _ = _canvas.draw(sheet, ax)
    frame.set_axis_off()
    for line in tuple(frame.lines):
        line.remove()  # the rule of a table would cut through the panels
    box, figure = frame.get_position(), _width.figure_of(frame)
    made = []
    for i, name in enumerate(names):
        row, column = divmod(i, across)
        left = box.x0 + box.width * (_LEFT + column * (_WIDE + _BETWEEN)) / wide
        foot = box.y1 - box.height * ((row + 1) * (_HIGH + _HEAD)) / high
        panel = figure.add_axes((left, foot, box.width * _WIDE / wide, box.height * _HIGH / high))
        _dress(panel, name, first=column == 0, last=i + across >= len(names))
        made.append(panel)
    return made


def _dress(ax: Axes, name: str, *, first: bool, last: bool) -> None:
    words = _text.fit(_text.plain(symbol(name)), _WIDE, _sheet.NOTE_SIZE)
    look = _text.font(words, _sheet.NOTE_SIZE)
    ax.set_title(words, fontproperties=look, color=_sheet.INK, loc="left", pad=2.5, parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_xticks([0.0, 0.5, 1.0], labels=["0", "0.5", "1"] if last else [""] * 3)
    ax.tick_params(labelsize=_sheet.TICK_SIZE - 1.0, color=_sheet.SOFT, labelcolor=_sheet.INK, pad=2)
    ax.locator_params(axis="y", nbins=4)
    if not first:
        ax.tick_params(labelleft=False)


def _notes(curves: pd.DataFrame, engines: list[str]) -> tuple[Phrase, ...]:
    n = curves.groupby([name for name in ("engine", "quantity") if name in curves])["z"].size()
    told = f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"
    lines = ["solid", "dashed", "dotted"]
    key = "; ".join(f"{lines[i % 3]}: {engine}" for i, engine in enumerate(engines) if engine)
    prob = curves.attrs.get("prob")
    out = [
        str(name)
        for name in np.unique(curves.loc[~curves["inside"].astype(bool), "quantity"].astype(str))
    ]  # fmt: skip
    left = f" Outside, and drawn thick: {', '.join(_text.plain(symbol(name)) for name in out)}." if out else ""
    share = f"the {100 * prob:g} % band" if prob else "the band"
    return (
        Phrase(
            f"Share of the {told} simulations in which the truth lies below the posterior's quantile z, less z. "
            f"Grey: {share} of one quantity, all z together.{' ' + key[0].upper() + key[1:] + '.' if key else ''}{left}"
        ),
    )
