"""The S-value as a picture: the mean under selection ever stronger, the threshold, and where the mean tends to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.bias import SValue
from poolwise.plot import _axis, _marks, _sheet, _text
from poolwise.plot._chart import effect_ticks, effect_words, keyed_chart, name_axes
from poolwise.plot._given import check_given
from poolwise.plot._keys import Key
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase
from poolwise.plot._words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVE, _S, _WORST = _marks.COLOURS[0], _marks.COLOURS[1], "#00664a"
_DOTS = (0, (1, 1.5))
_RATIOS = (1, 2, 5, 10, 20, 50, 100, 200)


def s_value_frame(record: SValue) -> pd.DataFrame:
    """Every number that `s_value` draws, on the analysis scale.

    Parameters
    ----------
    record : SValue
        What `bias.s_value` returned.

    Returns
    -------
    DataFrame
        Columns row, eta (how many times likelier significant results are published), mu, lower, upper, prob. Rows
        ``"curve"``, ``"S of the mean"`` and ``"S of the limit"`` (mu is the threshold; eta may be 1 or infinite),
        ``"worst case"`` (eta is infinite).

    Raises
    ------
    InputError
        For anything else.

    References
    ----------
    Mathur & VanderWeele 2020, J. R. Statist. Soc. C 69:1091, 10.1111/rssc.12440.
    """
    check_given("s_value", record, SValue)
    worst = record.worst_case.mean
    lower, upper = worst.interval(record.prob)
    rows = [
        {"row": "S of the mean", "eta": record.point, "mu": record.threshold},
        {"row": "S of the limit", "eta": record.limit, "mu": record.threshold},
        {"row": "worst case", "eta": math.inf, "mu": worst.point, "lower": lower, "upper": upper},
    ]
    frame = pd.concat([record.curve.assign(row="curve"), pd.DataFrame(rows)], ignore_index=True)
    return frame.assign(prob=record.prob)[["row", "eta", "mu", "lower", "upper", "prob"]]


def s_value(record: SValue, *, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the mean with its interval over the selection ratio, the threshold, and the S-values where they are crossed.

    The ratio says how many times likelier significant results are published than others; at 1 there is no selection,
    and the dotted line is where the mean tends to as the ratio grows. `s_value_frame` gives every number drawn.

    Parameters
    ----------
    record : SValue
        What `bias.s_value` returned.
    title : str, optional
        Words above, instead of the study table's own title.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure.

    Returns
    -------
    Axes
        The ratio on a log axis against the effect on the analysis scale, ticks on its natural one.

    Raises
    ------
    InputError
        For what is no S-value; axes that are too small.

    References
    ----------
    Mathur & VanderWeele 2020, J. R. Statist. Soc. C 69:1091, 10.1111/rssc.12440.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = pw.bias.s_value(pw.datasets.load("bcg"), direction="negative")
    >>> pw.plot.close(pw.plot.s_value(found))
    """
    frame = s_value_frame(record)
    effects = record.worst_case.effects
    with plain_text():
        words = _text.plain(effects.title if title is None else title) or "S-value"
        own = keyed_chart(words, _notes(record), _keys(record, frame), ax)
        _draw(own, record, frame)
        effect_ticks(own, effects.scale, "y")
        name_axes(own, "selection ratio (log axis)", effect_words(effects.scale))
    return own


def _draw(ax: Axes, record: SValue, frame: pd.DataFrame) -> None:
    curve, worst = frame[frame["row"] == "curve"], frame[frame["row"] == "worst case"].iloc[0]
    ax.set_xscale("log")
    ax.set_xlim(1.0, float(curve["eta"].max()))
    mu, lower, upper = (curve[name].to_numpy(dtype=float) for name in ("mu", "lower", "upper"))
    bottom, top = _axis.limits(np.append(mu, [worst["mu"], record.threshold]), lower, upper, show=[record.threshold])
    room = 0.04 * (top - bottom)
    ax.set_ylim(min(bottom, record.threshold - room), max(top, record.threshold + room))
    if np.isfinite(lower).any():
        ax.fill_between(curve["eta"], lower, upper, color=_CURVE, alpha=0.2, lw=0, label="mean, interval")
    ax.plot(curve["eta"], mu, color=_CURVE, lw=1.9, label="mean")
    ax.axhline(record.threshold, color=_sheet.INK, lw=0.9, label="threshold")
    ax.axhline(worst["mu"], color=_WORST, lw=1.5, ls=_DOTS, label="worst case")
    low, high = ax.get_xlim()
    for name, face in (("S of the mean", _S), ("S of the limit", "white")):
        eta = float(frame.loc[frame["row"] == name, "eta"].iloc[0])
        if low < eta <= high:
            ax.plot([eta, eta], [record.threshold, ax.get_ylim()[0]], color=_S, lw=1.0, ls=(0, (4, 2)))
            ax.plot([eta], [record.threshold], "o", ms=7, color=_S, mfc=face, mew=1.4, label=name, zorder=3.0)
    ax.set_xticks(_RATIOS, labels=[f"{ratio}" for ratio in _RATIOS])
    ax.minorticks_off()


def _keys(record: SValue, frame: pd.DataFrame) -> list[Key]:
    keys = [Key("mean", "line", _CURVE)]
    if frame.loc[frame["row"] == "curve", "lower"].notna().any():
        keys.append(Key(f"{show.level(record.prob)} interval", "patch", "#cce3f0"))
    keys += [Key("threshold", "line", _sheet.INK), Key("worst case", "line", _WORST, dash=_DOTS)]
    highest = float(frame.loc[frame["row"] == "curve", "eta"].max())
    for words, eta, face in (("S of the mean", record.point, ""), ("S of the limit", record.limit, "white")):
        if 1.0 < eta <= highest:
            keys.append(Key(f"{words}: {show.number(eta, 2)}", "point", _S, face=face))
    return keys


def _notes(record: SValue) -> list[Phrase]:
    worst, scale = record.worst_case, record.worst_case.effects.scale
    at = f"{float(scale.back(record.threshold)):.4g}".replace("-", "−")
    said = [
        f"Selection ratio: how many times likelier results significant in the {record.direction} direction "
        f"({worst.affirmative} of {worst.affirmative + worst.nonaffirmative}) are published than others."
    ]
    said += [
        _reached("mean", record.point, at),
        _reached(f"limit of its {show.level(record.prob)} interval", record.limit, at),
    ]
    others = "the other one" if worst.nonaffirmative == 1 else f"the {worst.nonaffirmative} others"
    said.append(
        f"Worst case, by {others} alone: {number(float(scale.back(worst.mean.point)), 2)}. "
        f"Interval: {record.observed.kind}. How much selection there is, the data do not tell."
    )
    return [Phrase(_text.plain(" ".join(part for part in said if part)))]


def _reached(what: str, ratio: float, threshold: str) -> str:
    if math.isnan(ratio):
        return ""
    if ratio == 1.0:
        return f"The {what} does not lie beyond {threshold} even without selection."
    if math.isinf(ratio):
        return f"No ratio moves the {what} to {threshold}."
    return f"A ratio of {show.number(ratio, 2)} moves the {what} to {threshold}."
