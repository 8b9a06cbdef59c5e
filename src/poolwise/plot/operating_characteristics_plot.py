"""Operating characteristics as a picture: coverage against width, a panel for each truth, a mark for each method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.errors import InputError, described
from poolwise.plot import _marks, _sheet, _text, _width
from poolwise.plot._chart import inside, keyed_chart
from poolwise.plot._keys import Key
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase
from poolwise.plot._width import room, size_of
from poolwise.settings import check_option

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACROSS, _ACROSS_COLUMN = 4, 2  # panels in a row, and in a column of print
_NARROW = 4.6  # inches
_HIGH, _HEAD, _BETWEEN = 1.55, 0.26, 0.3  # inches
_LINE, _MOST_LINES = 0.125, 3  # of a title
_LEFT = 0.1
_MOST = 24  # panels
_ERRORS = 2.0  # Monte Carlo standard errors that a mark's line reaches to each side
_MARKERS = "osD^vP*X"
_PROMISE = "#e7edf3"
NEEDED = ("design", "mechanism", "law", "mu", "tau", "method", "quantity", "coverage", "coverage_mcse", "width", "prob")
_AXES = {"mu": "values of \N{GREEK SMALL LETTER MU}", "tau": "values of \N{GREEK SMALL LETTER TAU}"}
TRUTH = ("design", "mechanism", "law", "mu", "tau")


def operating_characteristics_frame(answer: Any, *, quantity: str = "mu", together: str | None = None) -> pd.DataFrame:
    """Every number that `operating_characteristics` draws.

    Parameters
    ----------
    answer : OperatingCharacteristics or DataFrame
        What ``simulate.operating_characteristics`` returned, or rows of its frame.
    quantity : str
        ``"mu"``, ``"tau"`` or ``"theta_new"``.
    together : str, optional
        ``"design"``, ``"mechanism"``, ``"law"``, ``"mu"`` or ``"tau"``: what does not make a panel of its own.

    Returns
    -------
    DataFrame
        Columns panel (from 0), design, mechanism, law, mu, tau, method, coverage, coverage_mcse, width, prob.

    Raises
    ------
    InputError
        For anything else, and for a quantity of which there is no row.

    References
    ----------
    Morris, White & Crowther 2019, Statistics in Medicine 38:2074, 10.1002/sim.8086, section 6, for showing simulations.
    """
    frame = getattr(answer, "frame", answer)
    if not isinstance(frame, pd.DataFrame) or any(name not in frame for name in NEEDED):
        raise InputError(
            f"plot.operating_characteristics was given {described(answer)}",
            "what simulate.operating_characteristics returned, or rows of its frame",
        )
    own = frame[frame["quantity"] == quantity]
    if own.empty:
        known = ", ".join(dict.fromkeys(frame["quantity"].astype(str)))
        raise InputError(f"there is no row of {quantity!r}", f"one of {known}")
    if together is not None:
        check_option("together", together, TRUTH, error=InputError)
    apart = [name for name in TRUTH if name != together]
    panel = own.groupby(apart, sort=False, dropna=False).ngroup()
    columns = [*TRUTH, "method", "coverage", "coverage_mcse", "width", "prob"]
    return own[columns].assign(panel=panel)[["panel", *columns]].reset_index(drop=True)


def operating_characteristics(
    answer: Any,
    *,
    quantity: str = "mu",
    together: str | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often intervals hold the truth against how wide they are: high enough and far to the left is good.

    Each panel is a truth, each mark a method; the band is where intervals hold the truth as often as they promise, or
    more often. Lines through the marks reach two Monte Carlo standard errors to each side.
    `operating_characteristics_frame` gives every number drawn.

    Parameters
    ----------
    answer : OperatingCharacteristics or DataFrame
        What ``simulate.operating_characteristics`` returned, or rows of its frame.
    quantity : str
        ``"mu"``, ``"tau"`` or ``"theta_new"``.
    together : str, optional
        An axis whose values share a panel, such as ``"design"``: the marks of one method are joined by a line.
    title : str, optional
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
        For anything else; more than 24 truths; axes that are too small.

    Notes
    -----
    mu, since which interval of the mean effect to trust is what is asked most.

    References
    ----------
    Morris, White & Crowther 2019, Statistics in Medicine 38:2074, 10.1002/sim.8086, section 6, for showing simulations.

    Examples
    --------
    >>> import poolwise as pw
    >>> methods = {"REML, HK": (pw.RandomEffects(), pw.ClosedForm())}
    >>> design = pw.simulate.Design(k=3, se=0.2)
    >>> answer = pw.simulate.operating_characteristics(design, methods, truth={"tau": [0, 0.3]}, replications=100)
    >>> pw.plot.close(pw.plot.operating_characteristics(answer))
    """
    frame = operating_characteristics_frame(answer, quantity=quantity, together=together)
    count = int(frame["panel"].max()) + 1
    if count > _MOST:
        raise InputError(
            f"there are {count} truths, a panel for each", f"at most {_MOST}", "answer.frame.query('mu == 0')"
        )
    every = list(dict.fromkeys(getattr(answer, "frame", answer)["method"].astype(str)))  # one sign in all pictures
    keys = {name: key for name, key in zip(every, _keys(every), strict=True) if name in set(frame["method"])}
    with plain_text():
        words = title or f"Coverage of {show.symbol(quantity)} against width"
        across = _across(count, room(ax))
        rows = math.ceil(count / across)
        titles = _titles(frame, together, (inside(ax) - _LEFT * (across - 1)) / across)
        head = _HEAD + (max(map(len, titles)) - 1) * _LINE
        high = rows * (_HIGH + head + _BETWEEN) - _BETWEEN
        note = Phrase(_text.plain(_note(frame, quantity, together)))
        own = keyed_chart(_text.plain(words), [note], list(keys.values()), ax, high=high, fixed=True)
        panels = _panels(own, count, across, head)
        for number, panel in enumerate(panels):
            _fill(panel, frame[frame["panel"] == number], keys)
        _shared(panels, frame, across)
        _name(panels, titles, quantity)
    return panels[0]


def _across(count: int, inches: float) -> int:
    return min(_ACROSS if inches >= _NARROW else _ACROSS_COLUMN, count)


def _panels(own: Axes, count: int, across: int, above: float) -> list[Axes]:
    """Empty axes in rows in the place of these, each with so many inches above for its title."""
    figure, box = _width.figure_of(own), own.get_position()
    own.remove()
    inches = figure.get_size_inches()
    down = math.ceil(count / across)
    gap = _LEFT / inches[0]
    wide = (box.width - gap * (across - 1)) / across
    head, foot = above / inches[1], _BETWEEN / inches[1]
    tall = (box.height + foot) / down  # the last row has its ticks below the box
    made = []
    for number in range(count):
        row, column = divmod(number, across)
        place = (box.x0 + column * (wide + gap), box.y1 - (row + 1) * tall + foot)
        made.append(figure.add_axes((*place, wide, tall - head - foot)))
    return made


def _fill(ax: Axes, own: pd.DataFrame, keys: dict[str, Key]) -> None:
    prob = float(own["prob"].iloc[0])
    ax.axhspan(prob, 1.0, color=_PROMISE, lw=0, zorder=0)
    ax.axhline(prob, color=_sheet.INK, lw=0.9, zorder=0.5, label="promised")
    for name, several in own.groupby("method", sort=False):
        if len(several) > 1:
            path = several.sort_values("width")
            ax.plot(path["width"], path["coverage"], color=keys[str(name)].colour, lw=0.8, alpha=0.7, zorder=2)
    for _, row in own.iterrows():
        if not (np.isfinite(row["width"]) and np.isfinite(row["coverage"])):
            continue
        key = keys[str(row["method"])]
        reach = _ERRORS * row["coverage_mcse"]
        ax.plot([row["width"]] * 2, [row["coverage"] - reach, row["coverage"] + reach], color=key.colour, lw=1.0)
        ax.plot(
            [row["width"]], [row["coverage"]], ls="", marker=key.marker, color=key.colour, mfc=key.face or key.colour,
            ms=5.5, label=key.words, clip_on=False, zorder=3,
        )  # fmt: skip


def _shared(panels: list[Axes], frame: pd.DataFrame, across: int) -> None:
    """The same limits in all panels: widths on a log axis from the narrowest to the widest."""
    width = frame["width"][np.isfinite(frame["width"]) & (frame["width"] > 0)]
    low, high = (float(width.min()), float(width.max())) if len(width) else (0.5, 2.0)
    lowest = float((frame["coverage"] - _ERRORS * frame["coverage_mcse"]).min())
    floor = min(lowest, float(frame["prob"].min()) - 0.05)
    room = 0.06 * (1.0 - floor)
    for number, panel in enumerate(panels):
        panel.set_xscale("log")
        panel.set_xlim(low / 1.25, high * 1.25)
        panel.set_ylim(max(floor - room, -0.04), 1.0 + 0.5 * room)
        panel.spines[["top", "right"]].set_visible(False)
        _ticks(panel, first=number % across == 0)


def _ticks(ax: Axes, *, first: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    low, high = ax.get_xlim()
    wide = size_of(ax)[0]
    at = _round_numbers(low, high, most=max(2, int(wide / 0.36)))
    ax.set_xticks(at, labels=[f"{x:g}" for x in at])
    bottom, top = ax.get_ylim()
    levels = [y for y in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(bottom, 1.0) if bottom <= y <= min(top, 1.0)]
    ax.set_yticks(levels, labels=[f"{100 * y:.0f} %" for y in levels] if first else [""] * len(levels))
    ax.minorticks_off()
    ax.tick_params(labelsize=_sheet.TICK_SIZE - 0.5, color=_sheet.SOFT, labelcolor=_sheet.INK, pad=2)


def _round_numbers(low: float, high: float, most: int) -> list[float]:
    """Round numbers inside the limits, as many as fit: fewer leading digits where they are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for leading in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [m * 10.0**p for p in powers for m in leading if low <= m * 10.0**p <= high]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def _titles(frame: pd.DataFrame, together: str | None, wide: float) -> list[list[str]]:
    """The truth above each panel, what differs between panels only, on as many lines as it needs."""
    truths = frame.drop_duplicates("panel")
    varied = [name for name in TRUTH if name != together and truths[name].nunique(dropna=False) > 1] or ["mu", "tau"]
    said = [_text.plain(", ".join(_told(name, row[name]) for name in varied)) for _, row in truths.iterrows()]
    return [_text.wrap_to(words, wide, _sheet.NOTE_SIZE, _MOST_LINES, bold=True) for words in said]


def _name(panels: list[Axes], titles: list[list[str]], quantity: str) -> None:
    """A title above each panel; words of both axes once."""
    for panel, lines in zip(panels, titles, strict=True):
        words = "\n".join(lines)
        look = _text.font(words, _sheet.NOTE_SIZE, bold=True)
        panel.set_title(words, fontproperties=look, color=_sheet.INK, loc="left", pad=4.0, parse_math=False)
    figure = _width.figure_of(panels[0])
    inches, boxes = figure.get_size_inches(), [panel.get_position() for panel in panels]
    left, right, foot = boxes[0].x0, max(box.x1 for box in boxes), min(box.y0 for box in boxes)
    look = _text.font("width", _sheet.BODY_SIZE)
    across = f"mean width of the interval of {show.symbol(quantity)} (log axis)"
    figure.text(
        0.5 * (left + right), foot - 0.3 / inches[1], across, ha="center", va="top", fontproperties=look,
        color=_sheet.INK, parse_math=False,
    )  # fmt: skip
    figure.text(
        left - 0.5 / inches[0], 0.5 * (foot + boxes[0].y1), "holds the truth in", ha="center", va="center", rotation=90,
        fontproperties=look, color=_sheet.INK, parse_math=False,
    )  # fmt: skip


def _told(name: str, value: Any) -> str:
    if name not in ("mu", "tau"):
        return str(value)
    drawn = isinstance(value, float) and math.isnan(value)
    return f"{show.symbol(name)} from its prior" if drawn else f"{show.symbol(name)} = {value:g}".replace("-", "−")


def _keys(methods: list[str]) -> list[Key]:
    """A sign for each method: colours go round first, shapes with them, and hollow from the second round."""
    keys = []
    for number, name in enumerate(methods):
        colour = _marks.COLOURS[number % len(_marks.COLOURS)]
        marker = _MARKERS[number % len(_MARKERS)]
        face = "" if number < len(_MARKERS) else "white"
        keys.append(Key(show.method(name), "point", colour, marker=marker, face=face))
    return keys


def _note(frame: pd.DataFrame, quantity: str, together: str | None) -> str:
    prob = show.level(float(frame["prob"].iloc[0]))
    of = "the true effect in a new study" if quantity == "theta_new" else show.symbol(quantity)
    several = 0 if together is None else frame[together].nunique(dropna=False)
    values = _AXES.get(str(together), f"{together}s")
    joined = f" Joined marks: the same method on {several} {values}." if several > 1 else ""
    return (
        f"How often {prob} intervals hold {of}, by simulation under a known truth, against how wide they are on the "
        f"analysis scale. Line: as often as promised; band: more often. Farther left is narrower. Lines through the "
        f"marks: two Monte Carlo standard errors.{joined}"
    )
