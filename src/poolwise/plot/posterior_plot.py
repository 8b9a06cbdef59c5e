"""Posteriors as densities: the mean effect, a new study's true effect and tau, with their priors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.plot import _marks, _sheet, _text
from poolwise.plot._chart import effect_ticks, effect_words, keyed_chart, name_axes, plain_ticks
from poolwise.plot._keys import Key
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase
from poolwise.plot._width import figure_of, room, size_of
from poolwise.plot._words import number, prior
from poolwise.plot.posterior_frame import Posteriors, is_coefficient, is_spread, posterior_frame
from poolwise.scale import Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DASHES = (0, (4, 2))
_TAU, _NEW = "#5b5f66", _marks.COLOURS[2]
_SIDE = 4.4  # inches of width from which tau stands beside the effects rather than below
_HIGH, _STACKED = 3.2, 2.9  # inches of effects beside tau, and of one below the other
_LANE = 0.14  # inches for a median with its interval below the density


def posterior(
    result: Posteriors,
    *,
    of: str | Sequence[str] | None = None,
    threshold: float = 0.0,
    rope: tuple[float, float] | None = None,
    prob: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw posterior densities of the mean effect, a new study's true effect and tau, with their priors as outlines.

    Densities are per unit of the analysis scale (of a ratio, per log ratio), so that equal areas are equal
    probabilities. A point mass of an average is an arrow with its probability. `posterior_frame` gives every number
    drawn.

    Parameters
    ----------
    result : Result, or what `average` returned
        A fit by `Exact` or `NUTS`, or an average over models.
    of : str or sequence of str, optional
        Names of quantities. By default the mean effects, the true effect of a new study, and tau; with moderators the
        first coefficient in the place of mean effects.
    threshold : float
        What effects are held against, on the analysis scale.
    rope : tuple of float, optional
        Region of practical equivalence on the analysis scale, shaded.
    prob : float
        Probability of the intervals.
    title : str, optional
        Words above, instead of the answer.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure.

    Returns
    -------
    Axes
        Of the effects, ticks on their natural scale; of tau where nothing else was asked for.

    Raises
    ------
    InputError
        For what has no posteriors of this kind; axes that are too small.
    MissingQuantityError
        For a closed-form result, whose confidence distribution is no posterior; for a quantity that is not there.
    ModelError
        For a `prob` or a region that is none, more than six mean effects.

    Notes
    -----
    The threshold is 0 by default, no effect, as everywhere here.

    References
    ----------
    Kruschke 2018, Advances in Methods and Practices in Psychological Science 1:270, 10.1177/2515245918771304, for
    regions of practical equivalence.

    Examples
    --------
    >>> import poolwise as pw
    >>> fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())
    >>> pw.plot.close(pw.plot.posterior(fit, rope=(-0.1, 0.1)))
    """
    frame = posterior_frame(result, of=of, threshold=threshold, rope=rope, prob=prob)
    names = list(dict.fromkeys(frame["quantity"]))
    spreads, others = [name for name in names if is_spread(name)], [name for name in names if not is_spread(name)]
    colours = _colours(names)
    effects = result.effects
    with plain_text():
        words = _text.plain(_answer(result, frame, threshold) if title is None else title)
        made = " — reconstructed data" if effects.reconstructed and "reconstructed" not in words else ""
        own = keyed_chart(
            f"{words}{made}", _notes(result, frame, threshold, rope), _keys(frame, colours, rope), ax,
            high=_HIGH if room(ax) >= _SIDE or not (spreads and others) else _STACKED, fixed=True,
        )  # fmt: skip
        places = _places(own, 2 if spreads and others else 1)
        held = effects.scale.held_against(threshold)
        for each, group in zip(places, [part for part in (others, spreads) if part], strict=True):
            lines = () if group is spreads else (held,)
            _draw(each, frame[frame["quantity"].isin(group)], colours, lines, None if group is spreads else rope)
            _name(each, group, effects.scale)
    return own


def _places(own: Axes, many: int) -> list[Axes]:
    """The axes themselves, and others beside or below them."""
    if many == 1:
        return [own]
    figure, box = figure_of(own), own.get_position()
    wide, high = size_of(own)
    if wide >= _SIDE:
        left, gap = 0.6 * box.width, 0.35 / figure.get_size_inches()[0]
        own.set_position((box.x0, box.y0, left, box.height))
        place = (box.x0 + left + gap, box.y0, box.width - left - gap, box.height)
    else:
        gap = 0.52 / high * box.height
        each = 0.5 * (box.height - gap)
        own.set_position((box.x0, box.y0 + each + gap, box.width, each))
        place = (box.x0, box.y0, box.width, each)
    other = figure.add_axes(place)
    other.spines[["top", "right"]].set_visible(False)
    return [own, other]


def _colours(names: Sequence[str]) -> dict[str, str]:
    """A colour of each quantity: a mean effect and its own tau share theirs where there are several."""
    means = [name for name in names if not is_spread(name)]
    if sum(name.startswith("mu[") for name in names) > 1:
        inner = list(dict.fromkeys(name.partition("[")[2] for name in names))
        return {name: _marks.COLOURS[inner.index(name.partition("[")[2]) % 6] for name in names}
    out = {name: _NEW if name.startswith("theta_new") and len(means) > 1 else "" for name in names}
    free = iter([colour for colour in _marks.COLOURS if colour not in out.values()])
    spreads = iter((_TAU, *_marks.COLOURS[1:]))
    return {name: colour or next(spreads if is_spread(name) else free) for name, colour in out.items()}


def _draw(
    ax: Axes,
    frame: pd.DataFrame,
    colours: dict[str, str],
    lines: Sequence[float],
    rope: tuple[float, float] | None,
) -> None:
    densities = frame[frame["row"] == "posterior"]
    top = float(np.nanmax(densities["density"]))
    low, high = _reach(frame, (*lines, *(rope or ())))
    if rope is not None:
        _marks.region(ax, rope)
    for at in lines:
        if low < at < high:
            ax.axvline(at, color=_sheet.INK, lw=0.9, zorder=0.6, label="threshold")
    names = list(dict.fromkeys(frame["quantity"]))
    head = 1.16 * top if (frame["row"] == "atom").any() else 1.06 * top
    below = _LANE * (len(names) + 0.6)
    inch = head / max(size_of(ax)[1] - below, 0.3)
    for lane, name in enumerate(names, start=1):
        rows, colour = frame[frame["quantity"] == name], colours[name]
        mine, summary = rows[rows["row"] == "posterior"], rows[rows["row"] == "summary"].iloc[0]
        ax.fill_between(mine["x"], 0.0, mine["density"], color=colour, alpha=0.3, lw=0, zorder=1.0)
        ax.plot(mine["x"], mine["density"], color=colour, lw=1.7, zorder=1.6, label=f"posterior of {name}")
        before = rows[rows["row"] == "prior"]
        if len(before):
            ax.plot(
                before["x"], before["density"], color=_sheet.SOFT, lw=1.1, ls=_DASHES, zorder=1.4,
                label=f"prior of {name}",
            )  # fmt: skip
        y = -_LANE * inch * (lane - 0.1)
        ends = float(np.clip(summary["lower"], low, high)), float(np.clip(summary["upper"], low, high))
        ax.plot(ends, (y, y), color=colour, lw=2.2, solid_capstyle="butt", zorder=2.0, label=f"interval of {name}")
        ax.plot([summary["x"]], [y], "o", ms=5.0, color=colour, mec="white", mew=0.7, zorder=2.2)
        for _, atom in rows[rows["row"] == "atom"].iterrows():
            _arrow(ax, float(atom["x"]), 1.02 * top, colour)
    ax.set_xlim(low, high)
    ax.set_ylim(-below * inch, head)
    ax.axhline(0.0, color=_sheet.RULE, lw=0.8, zorder=0.5)
    ax.set_yticks([])


def _reach(frame: pd.DataFrame, marks: Sequence[float]) -> tuple[float, float]:
    """Where the densities end, or a mark that stands not far from them."""
    drawn = frame.loc[frame["row"].isin(["posterior", "prior"]), "x"]
    low, high = float(drawn.min()), float(drawn.max())
    for at in marks:
        if math.isfinite(at) and low - 0.6 * (high - low) <= at <= high + 0.6 * (high - low):
            low, high = min(low, at), max(high, at)
    return low, high


def _arrow(ax: Axes, at: float, top: float, colour: str) -> None:
    """A point mass: an arrow up to the height of the densities, whose probability the keys tell."""
    ax.annotate(
        "", (at, top), (at, 0.0), zorder=2.4, annotation_clip=False,
        arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2.0, "shrinkA": 0.0, "shrinkB": 0.0},
    )  # fmt: skip


def _name(ax: Axes, names: Sequence[str], scale: Scale) -> None:
    """Ticks and words of the axes of some quantities."""
    unit = scale.label if scale.transform != "identity" else scale.natural_label
    if is_spread(names[0]):
        plain_ticks(ax, "x")
        words = "between-study sd τ" if names == ["tau"] else "between-study sd"
        name_axes(ax, words, "")
    elif is_coefficient(names[0]):
        plain_ticks(ax, "x")
        name_axes(ax, f"{show.symbol(names[0])}, {unit} per unit", "density")
        ax.yaxis.set_label_coords(-0.18 / size_of(ax)[0], 0.5)
    else:
        effect_ticks(ax, scale, "x")
        per = " per log ratio" if scale.is_ratio and size_of(ax)[1] > 1.6 else ""
        name_axes(ax, effect_words(scale), f"density{per}")
        ax.yaxis.set_label_coords(-0.18 / size_of(ax)[0], 0.5)


def _keys(frame: pd.DataFrame, colours: dict[str, str], rope: tuple[float, float] | None) -> list[Key]:
    keys = [Key(_named(name), "line", colour) for name, colour in colours.items()]
    if (frame["row"] == "prior").any():
        keys.append(Key("prior", "line", _sheet.SOFT, dash=_DASHES))
    level = show.level(frame.loc[frame["row"] == "summary", "prob"].iloc[0])
    keys.append(Key(f"median, {level} interval", "point", _sheet.INK))
    if rope is not None:
        keys.append(Key("practically equivalent", "patch", _marks.REGION))
    for _, atom in frame[frame["row"] == "atom"].iterrows():
        at = f"{atom['x']:g}"
        words = f"arrow: P({show.symbol(atom['quantity'])} = {at}) {show.probability(atom['p'])}"
        keys.append(Key(words, "point", colours[atom["quantity"]], marker="^"))
    return keys


def _named(name: str) -> str:
    words = {"mu": "mean effect μ", "theta_new": "true effect of a new study", "tau": "heterogeneity τ"}
    stem, bracket, rest = name.partition("[")
    return (
        words[name]
        if name in words
        else f"new study: {rest[:-1]}"
        if stem == "theta_new" and bracket
        else show.symbol(name)
    )


def _begun(name: str) -> str:
    """Words of a quantity at the beginning of a sentence; a symbol stays as it is."""
    words = _named(name)
    return show.capital(words) if words[:1].isascii() else words


def side_words(result: Posteriors, row: pd.Series, threshold: float) -> str:
    """The probability of the side where the median lies, in the words of that side."""
    if not math.isfinite(float(row["p_below"])):
        return ""
    below = bool(row["p_below"] >= row["p_above"])
    p, scale = (row["p_below"] if below else row["p_above"]), result.effects.scale
    coefficient = is_coefficient(row["quantity"])
    value = f"{threshold if coefficient else float(scale.back(threshold)):.4g}".replace("-", "−")
    said = f"P({'below' if below else 'above'} {value}) {show.probability(p)}"
    words = result.effects.directions[0 if below else 1] if threshold == 0.0 and not coefficient else ""
    return f"{said}, {words}" if words else said


def _answer(result: Posteriors, frame: pd.DataFrame, threshold: float) -> str:
    """What the picture tells of the first quantity, on the reading scale."""
    row = frame[frame["row"] == "summary"].iloc[0]
    name = str(row["quantity"])
    numbers = _numbers(result.effects.scale, name, row)
    said = side_words(result, row, threshold)
    head = f"{_begun(name)}: {numbers}"
    return f"{head}; {said}" if said else head


def _numbers(scale: Scale, name: str, row: pd.Series) -> str:
    values = [float(row[column]) for column in ("x", "lower", "upper")]
    if not is_spread(name) and not is_coefficient(name):
        values = [float(scale.back(value)) for value in values]
    places = 3 if is_coefficient(name) else 2
    point, lower, upper = (number(value, places) for value in values)
    return f"{point} [{lower}, {upper}]"


def _notes(result: Posteriors, frame: pd.DataFrame, threshold: float, rope: tuple[float, float] | None) -> list[Phrase]:
    summaries = frame[frame["row"] == "summary"]
    first = summaries.iloc[0]
    scale = result.effects.scale
    said = [f"Medians with {show.level(first['prob'])} {first['interval']} intervals, k = {result.effects.k}."]
    for _, row in summaries.iloc[1:].iterrows():
        side = side_words(result, row, threshold)
        said.append(f"{_begun(row['quantity'])}: {_numbers(scale, row['quantity'], row)}{'; ' + side if side else ''}.")
    if rope is not None:
        low, high = (f"{float(scale.back(end)):.3g}".replace("-", "−") for end in rope)
        within = summaries[summaries["p_within"].notna()]
        chances = ", ".join(f"{_named(row['quantity'])} {show.chance(row['p_within'])}" for _, row in within.iterrows())
        said.append(f"Practically equivalent: {low} to {high}; probability within: {chances}.")
    said.append(f"Priors: {prior(show.greek(str(result.prior)))}.")
    if scale.transform != "identity":
        said.append(f"Effects' priors, τ and density: on the {scale.label} scale.")
    if (frame["row"] == "atom").any():
        said.append("Arrows: what the models without an effect, or without heterogeneity, put on one value.")
    if not any(row["quantity"].startswith("beta[intercept") for _, row in summaries.iterrows()):
        return [Phrase(_text.plain(" ".join(said)))]
    said.append("The intercept is the mean effect where every moderator is 0.")
    return [Phrase(_text.plain(" ".join(said)))]
