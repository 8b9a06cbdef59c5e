"""The funnel plot: estimates against their standard errors, regions of significance, where a fit expects estimates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from poolwise.bias import PetPeese, TrimAndFill
from poolwise.effects import Effects
from poolwise.errors import InputError, nearest
from poolwise.plot import _axis, _marks, _sheet, _text
from poolwise.plot._chart import effect_ticks, effect_words, keyed_chart, name_axes, number_ticks
from poolwise.plot._keys import Key
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase
from poolwise.plot._words import number
from poolwise.plot.funnel_frame import Record, as_records, deepest, funnel_frame
from poolwise.result import Result
from poolwise.show import level, method

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 10  # studies below which the shape of a funnel tells next to nothing
_SHADES = {0.10: "#f1f2f4", 0.05: "#e2e5e9", 0.01: "#cdd2d9"}  # outside p = .10, .05, .01
_WORDS = {1.0: "p > .10", 0.10: ".05 < p < .10", 0.05: ".01 < p < .05", 0.01: "p < .01"}
_FIT, _FILLED = _marks.COLOURS[0], _marks.COLOURS[1]
_LINES = {"PET": "#a34400", "PEESE": "#00664a"}
_DOTS, _DASHES = (0, (1, 1.4)), (0, (4, 2))
_MARKERS = ("o", "s", "^", "D", "v", "P")
_HIGH = 3.7


def funnel(
    studies: Result | Effects,
    *,
    records: Sequence[Record] | Record = (),
    colour_by: str | None = None,
    prob: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Contour-enhanced funnel plot: each estimate against its standard error, precise studies on top.

    The shaded regions tell the two-sided p-value of an estimate against the null value: where studies are missing from
    the regions that are not significant, and only there, publication is suspected. The line and the dashed envelope
    are of the fit: mu, and mu -+ z sqrt(se^2 + tau^2), between which a share `prob` of the estimates would lie if mu
    and tau were known and nothing was held back. A study table without a fit has neither. `funnel_frame` gives every
    number drawn.

    Parameters
    ----------
    studies : Result or Effects
        A fit by any engine, or a study table.
    records : sequence, optional
        What `bias.trim_and_fill` returned, whose filled-in studies are drawn hollow; or `bias.pet`, `bias.peese`,
        `bias.pet_peese`, whose line is dotted where it is extrapolated beyond the most precise study.
    colour_by : str, optional
        A moderator with at most six values by which studies are told apart.
    prob : float
        Probability of the envelope.
    title : str, optional
        Words above, instead of the study table's own title.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure.

    Returns
    -------
    Axes
        The effect on the analysis scale, ticks on its natural one, against the standard error, which grows downwards.

    Raises
    ------
    InputError
        For what is neither a result nor a study table, a record of other studies, a moderator that is not there or has
        more than six values, axes that are too small.
    ModelError
        When `prob` is no probability.

    References
    ----------
    Peters et al. 2008, J. Clinical Epidemiology 61:991, 10.1016/j.jclinepi.2007.11.010.

    Examples
    --------
    >>> import poolwise as pw
    >>> fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.ClosedForm())
    >>> pw.plot.close(pw.plot.funnel(fit))
    """
    frame = funnel_frame(studies, records=records, prob=prob)
    effects = studies if isinstance(studies, Effects) else studies.effects
    groups = _groups(effects, colour_by)
    with plain_text():
        words = _text.plain(effects.title if title is None else title) or "Funnel plot"
        data = " — reconstructed data" if effects.reconstructed and "reconstructed" not in words.casefold() else ""
        limits, foot = _limits(frame), deepest(effects.se)
        notes = _notes(studies, frame, as_records(records), limits)
        own = keyed_chart(f"{words}{data}", notes, _keys(frame, groups, prob), ax, high=_HIGH)
        own.set_xlim(*limits)
        own.set_ylim(foot, 0.0)
        _draw(own, frame, groups)
        effect_ticks(own, effects.scale, "x")
        number_ticks(own.yaxis)
        name_axes(own, effect_words(effects.scale), "standard error")
    return own


def _groups(effects: Effects, name: str | None) -> list[tuple[str, np.ndarray]]:
    """Words and members of each group of studies: all of them in one without a name."""
    everyone = np.ones(effects.k, dtype=bool)
    if name is None:
        return [("studies", everyone)]
    columns = effects.moderators.columns
    if name not in columns:
        raise InputError(
            f"colour_by = {name!r} is no moderator of the study table",
            "a moderator",
            nearest(str(name), columns) if len(columns) else "colour_by=None: the table has no moderators",
        )
    values = effects.moderators[name].astype(str).to_numpy()
    levels = list(dict.fromkeys(values))
    if len(levels) > len(_MARKERS):
        raise InputError(
            f"'{name}' has {len(levels)} values", f"at most {len(_MARKERS)}, which marks can tell apart", "bubble"
        )
    return [(f"{name}: {each}", values == each) for each in levels]


def _limits(frame: pd.DataFrame) -> tuple[float, float]:
    """All studies but far ones, and the widest of the envelope, or of the region of p > .05 without a fit."""
    points = frame.loc[frame["row"].isin(["study", "filled"]), "x"].to_numpy(dtype=float)
    region = frame[(frame["row"] == "region") & (frame["prob"] == 0.05)]
    fit = frame[frame["row"] == "fit"]
    ends = fit if len(fit) else region
    null = region["x"].iloc[:1].tolist()
    lower = np.array([points.min(), ends["lower"].min()])
    upper = np.array([points.max(), ends["upper"].max()])
    return _axis.limits(points, lower, upper, show=null)


def _draw(ax: Axes, frame: pd.DataFrame, groups: list[tuple[str, np.ndarray]]) -> None:
    low, high = ax.get_xlim()
    regions = frame[frame["row"] == "region"]
    for name, region in regions.groupby("name", sort=False):
        shade = _SHADES[float(region["prob"].iloc[0])]
        se, edges = region["se"], (region["lower"].clip(low, high), region["upper"].clip(low, high))
        for start, stop in ((low, edges[0]), (edges[1], high)):
            ax.fill_betweenx(se, start, stop, color=shade, lw=0, zorder=0.2, label=f"beyond {name}")
    if len(regions):
        ax.axvline(regions["x"].iloc[0], color=_sheet.INK, lw=0.9, zorder=1.0, label="null value")
    fit = frame[frame["row"] == "fit"]
    if len(fit):
        ax.plot(fit["x"], fit["se"], color=_FIT, lw=1.5, zorder=1.2, label="mean")
        for end in ("lower", "upper"):
            ax.plot(fit[end], fit["se"], color=_FIT, lw=1.3, ls=_DASHES, zorder=1.2, label=f"envelope, {end}")
    studies = frame[frame["row"] == "study"]
    for name, line in frame[frame["row"] == "line"].groupby("name", sort=False):
        seen = line["se"] >= studies["se"].min()
        for part, dash, words in ((line[seen], "-", ""), (line[~seen], _DOTS, ", extrapolated")):
            ax.plot(part["x"], part["se"], color=_LINES[str(name)], lw=1.8, ls=dash, zorder=1.4, label=f"{name}{words}")
    size = 6.0 if len(studies) <= 40 else 4.5 if len(studies) <= 120 else 3.5
    for i, (words, members) in enumerate(groups):
        colour = _sheet.INK if len(groups) == 1 else _marks.COLOURS[i]
        _points(ax, studies[members], (size, colour, _MARKERS[i], colour), words)
    filled = frame[frame["row"] == "filled"]
    if len(filled):
        _points(ax, filled, (size, _FILLED, "o", "white"), "filled in")


def _points(ax: Axes, rows: pd.DataFrame, look: tuple[float, str, str, str], name: str) -> None:
    """Marks of studies; an arrow at the edge for each one that lies beyond it."""
    size, colour, marker, face = look
    low, high = ax.get_xlim()
    foot = ax.get_ylim()[0]
    x, se = rows["x"].to_numpy(dtype=float), rows["se"].to_numpy(dtype=float)
    inside = (x >= low) & (x <= high) & (se <= foot)
    edge = "white" if face == colour else colour
    ax.scatter(
        x[inside], se[inside], s=size**2, marker=marker, facecolors=face, edgecolors=edge,
        linewidths=0.5 if face == colour else 1.1, zorder=3.0, clip_on=False, label=name,
    )  # fmt: skip
    for beyond, sign in ((se > foot, "v"), ((x < low) & (se <= foot), "<"), ((x > high) & (se <= foot), ">")):
        if beyond.any():
            at = np.clip(x[beyond], low, high), np.minimum(se[beyond], foot)
            ax.scatter(*at, s=26, marker=sign, color=colour, clip_on=False, zorder=3.0, label=f"{name}, beyond")


def _keys(frame: pd.DataFrame, groups: list[tuple[str, np.ndarray]], prob: float) -> list[Key]:
    keys = []
    rows = set(frame["row"])
    for i, (words, _) in enumerate(groups):
        keys.append(Key(words, "point", _sheet.INK if len(groups) == 1 else _marks.COLOURS[i], marker=_MARKERS[i]))
    if "filled" in rows:
        keys.append(Key("filled in, not observed", "point", _FILLED, face="white"))
    if "region" in rows:
        shades = {1.0: "white"} | _SHADES
        keys += [Key(_WORDS[p], "patch", shade) for p, shade in shades.items()]
        keys.append(Key("null value", "line", _sheet.INK))
    if "fit" in rows:
        keys += [Key("mean", "line", _FIT), Key(f"{level(prob)} of estimates", "line", _FIT, dash=_DASHES)]
    for name in dict.fromkeys(frame.loc[frame["row"] == "line", "name"]):
        keys.append(Key(f"{name} (dotted: extrapolated)", "line", _LINES[str(name)]))
    return keys


def _notes(
    studies: Result | Effects, frame: pd.DataFrame, records: tuple[Record, ...], limits: tuple[float, float]
) -> list[Phrase]:
    effects = studies if isinstance(studies, Effects) else studies.effects
    said = []
    if effects.scale.null_value is None:
        said.append(f"The scale '{effects.scale}' has no null value, so that there are no regions of significance.")
    else:
        said.append("Shades: two-sided p-value of an estimate against the null value.")
    if isinstance(studies, Result):
        said.append(_of_fit(studies, frame))
    said += [_of_record(record, effects) for record in records]
    k = effects.k
    if k < FEW:
        said.append(f"With k = {k} no shape of a funnel can be told from chance.")
    else:
        said.append(
            f"k = {k}. A lopsided funnel has other causes than results held back: effects that differ with the size of "
            "a study, or chance."
        )
    x, se = frame["x"], frame["se"]
    beyond = frame["row"].isin(["study", "filled"]) & ((x < limits[0]) | (x > limits[1]) | (se > deepest(effects.se)))
    if beyond.any():
        said.append(f"Arrows: {int(beyond.sum())} beyond the axes.")
    return [Phrase(_text.plain(" ".join(said)))]


def _of_fit(result: Result, frame: pd.DataFrame) -> str:
    if "mu" not in result:
        return f"'{result.label}' has no single mean, so that there is no envelope."
    fit = frame[frame["row"] == "fit"].iloc[0]
    scale = result.effects.scale
    tau = f", τ = {number(result['tau'].point, 3)}" if "tau" in result else ", no heterogeneity"
    mean = number(float(scale.back(fit["x"])), 2)
    before = " before selection" if hasattr(result.model, "sides") else ""
    return (
        f"Blue: mean {mean} and where {level(fit['prob'])} of estimates{before} would lie (± z √(se² + τ²){tau}) by "
        f"{method(result.label)}, were both known."
    )


def _of_record(record: Record, effects: Effects) -> str:
    if isinstance(record, TrimAndFill):
        mean = number(float(effects.scale.back(record.result["mu"].point)), 2)
        if record.k0 == 0:
            return f"Trim and fill ({record.estimator}) fills in none on the {record.side}."
        return (
            f"Hollow: {record.k0} filled in on the {record.side} by trim and fill ({record.estimator}), with which the "
            f"mean is {mean}; that some are missing is what the method assumes of a lopsided funnel."
        )
    name = f"{record.chosen}, chosen by PET's test" if isinstance(record, PetPeese) else record.method
    mean = number(float(effects.scale.back(record.estimate.point)), 2)
    return f"{name}: mean {mean} where the line meets standard error 0, adjusted under its model."
