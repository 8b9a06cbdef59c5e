"""The mean and the studies given tau, and tau's posterior below: what small k hangs on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.plot import _axis, _marks, _sheet, _text
from poolwise.plot._chart import effect_ticks, effect_words, keyed_chart, name_axes, plain_ticks
from poolwise.plot._keys import Key
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase
from poolwise.plot._width import figure_of, size_of
from poolwise.plot._words import prior
from poolwise.plot.conditional_frame import conditional_frame
from poolwise.result import NO_PRIOR, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MEAN, _STUDY, _BAND = _marks.COLOURS[0], "#a34400", "#cce3f0"
_DOTS, _DASHES = (0, (1, 1.5)), (0, (4, 2))
_NAMED = 15  # studies whose lines have their names beside them
_BESIDE, _LABEL_HIGH = 0.12, 0.145  # inches from the lines to the names of studies, and from name to name
_LEAST_NAMED = 3.0  # inches of axes that have room for names
_SHARE = 0.24  # of the height that tau's posterior takes
_HIGH = 3.9


def conditional(
    result: Result,
    *,
    of: str | None = None,
    threshold: float = 0.0,
    prob: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean effect with its interval, and the studies' true effects, given each value of tau.

    Below, in grey, what the data and the prior say of tau. The vertical line is where the interval of the mean meets
    the threshold: the answer stands or falls with how probable a smaller tau is. `conditional_frame` gives every number
    drawn.

    Parameters
    ----------
    result : Result
        A fit by any engine of a model with one tau and normal or flat priors on its coefficients. A closed-form result
        has no posterior of tau, so that none is drawn.
    of : str, optional
        The mean effect or coefficient; the first answer by default (with moderators, the intercept). Studies are drawn
        that have this mean.
    threshold : float
        On the analysis scale: no effect, or an edge of a region of practical equivalence.
    prob : float
        Probability of the interval.
    title : str, optional
        Words above, instead of the answer.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure.

    Returns
    -------
    Axes
        tau against the effect on the analysis scale, ticks on its natural one.

    Raises
    ------
    InputError
        For what is no result; axes that are too small.
    ModelError
        For a model without one tau, coefficients that are not normal given tau, a `prob` that is no probability.

    Notes
    -----
    The threshold is 0 by default, no effect, as everywhere here.

    References
    ----------
    Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., section 5.5 and figures 5.6 and 5.7, 10.1201/b16018.

    Examples
    --------
    >>> import poolwise as pw
    >>> fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())
    >>> pw.plot.close(pw.plot.conditional(fit))
    """
    frame = conditional_frame(result, of=of, threshold=threshold, prob=prob)
    with plain_text():
        words = _text.plain(_answer(result, frame) if title is None else title)
        made = " — reconstructed data" if result.effects.reconstructed and "reconstructed" not in words else ""
        own = keyed_chart(f"{words}{made}", _notes(result, frame), _keys(frame), ax, high=_HIGH)
        named = 0 < len(_studies(frame)) <= _NAMED and size_of(own)[0] > _LEAST_NAMED
        names = _names(_studies(frame)) if named else []
        room = min(max((_text.width(name, _sheet.NOTE_SIZE) for name in names), default=0.0), 0.35 * size_of(own)[0])
        lower = _part(own, frame, room + _BESIDE if named else 0.0)
        _draw(own, frame)
        if named:
            _name_studies(own, _studies(frame), [_text.fit(name, room, _sheet.NOTE_SIZE) for name in names])
        _mark_tipping(own, lower, frame)
        if _on_effect_axis(frame):
            effect_ticks(own, result.effects.scale, "y")
        else:
            plain_ticks(own, "y")
        foot = own if lower is None else lower
        name_axes(own, "", _named(result, frame))
        name_axes(foot, f"between-study sd τ{_tau_words(result)}", "" if lower is not None else _named(result, frame))
        plain_ticks(foot, "x")
    return own


def _on_effect_axis(frame: pd.DataFrame) -> bool:
    name = _mean_name(frame)
    return name.startswith("mu") or "intercept" in name


def _mean_name(frame: pd.DataFrame) -> str:
    return str(frame.loc[frame["row"] == "mean", "name"].iloc[0])


def _named(result: Result, frame: pd.DataFrame) -> str:
    if _on_effect_axis(frame):
        return effect_words(result.effects.scale)
    return f"{show.symbol(_mean_name(frame))}, {result.effects.scale.label} per unit"


def _tau_words(result: Result) -> str:
    scale = result.effects.scale
    return f" ({scale.label})" if scale.transform != "identity" else ""


def _part(own: Axes, frame: pd.DataFrame, room: float) -> Axes | None:
    """Leave inches on the right for names, and room below for tau's density, whose axes are returned."""
    figure, box = figure_of(own), own.get_position()
    width = box.width - room / figure.get_size_inches()[0]
    top = float(frame.loc[frame["row"] == "mean", "tau"].max())
    posterior = frame["row"] == "posterior"
    if not posterior.any():
        own.set_position((box.x0, box.y0, width, box.height))
        own.set_xlim(0.0, top)
        return None
    share = _SHARE * box.height
    own.set_position((box.x0, box.y0 + share, width, box.height - share))
    lower = figure.add_axes((box.x0, box.y0, width, 0.86 * share))
    for each in (own, lower):
        each.set_xlim(0.0, top)
    own.set_xticks([])
    lower.spines[["top", "right", "left"]].set_visible(False)
    lower.set_yticks([])
    rows = frame[posterior]
    density = rows["density"].to_numpy(dtype=float)
    lower.fill_between(rows["tau"], 0.0, density, color="#c9ccd1", lw=0, label="posterior of tau")
    before = frame[frame["row"] == "prior"]
    if len(before):
        lower.plot(before["tau"], before["density"], color=_sheet.SOFT, lw=1.1, ls=_DASHES, label="prior of tau")
    lower.set_ylim(0.0, 1.08 * float(np.nanmax(density)))
    return lower


def _studies(frame: pd.DataFrame) -> list[pd.DataFrame]:
    return [rows for _, rows in frame[frame["row"] == "study"].groupby("name", sort=False)]


def _draw(ax: Axes, frame: pd.DataFrame) -> None:
    mean = frame[frame["row"] == "mean"]
    tau, x, lower, upper = (mean[name].to_numpy(dtype=float) for name in ("tau", "x", "lower", "upper"))
    studies = _studies(frame)
    ends = np.array([rows["x"].iloc[-1] for rows in studies])
    held = frame.loc[frame["row"] == "threshold", "x"].tolist()
    low, high = _axis.limits(np.concatenate([x, ends]), lower, upper, show=held)
    ax.set_ylim(low, high)
    ax.fill_between(tau, lower, upper, color=_BAND, lw=0, label="interval of the mean", zorder=0.5)
    if held and low < held[0] < high:
        ax.axhline(held[0], color=_sheet.INK, lw=0.9, zorder=1.0, label="threshold")
    width = 1.1 if len(studies) <= 20 else 0.6 if len(studies) <= 100 else 0.35
    for rows in studies:
        ax.plot(rows["tau"], rows["x"], color=_STUDY, lw=width, zorder=1.5, label=str(rows["name"].iloc[0]))
    ax.plot(tau, x, color=_MEAN, lw=2.2, zorder=2.0, label="mean")


def _names(studies: list[pd.DataFrame]) -> list[str]:
    return [_text.plain(str(rows["name"].iloc[0]).removesuffix(" (reconstructed)")) for rows in studies]


def _name_studies(ax: Axes, studies: list[pd.DataFrame], names: list[str]) -> None:
    """Names beside the ends of the lines, moved apart where they would overlap."""
    ends = np.array([rows["x"].iloc[-1] for rows in studies])
    low, high = ax.get_ylim()
    tall = size_of(ax)[1]
    inches = (np.clip(ends, low, high) - low) / (high - low) * tall
    order = np.argsort(inches, kind="stable")
    at = _apart(inches[order], _LABEL_HIGH, tall)
    right = ax.get_xlim()[1]
    for place, i in zip(at, order, strict=True):
        words = names[i]
        ax.annotate(
            words, (right, low + place / tall * (high - low)), (5, 0), textcoords="offset points", va="center",
            annotation_clip=False, fontproperties=_text.font(words, _sheet.NOTE_SIZE), color=_sheet.INK,
            parse_math=False,
        )  # fmt: skip


def _apart(at: np.ndarray, gap: float, tall: float) -> np.ndarray:
    """Increasing places moved apart by at least the gap, within the height."""
    out = np.maximum.accumulate(at - gap * np.arange(len(at))) + gap * np.arange(len(at))
    over = out[-1] - max(tall, gap * (len(at) - 1))
    if over > 0.0:
        out = out - over
        ceiling = out[-1] - gap * np.arange(len(at))[::-1]
        out = np.minimum(np.maximum(at - 0.5 * gap, out), ceiling)
        out = np.maximum.accumulate(out - gap * np.arange(len(at))) + gap * np.arange(len(at))
        out = np.minimum(out, ceiling)
    return out


def _mark_tipping(ax: Axes, lower: Axes | None, frame: pd.DataFrame) -> None:
    right = ax.get_xlim()[1]
    tips = frame[(frame["row"] == "tipping") & (frame["tau"] < right)]
    for _, tip in tips.iterrows():
        for each in (ax, lower):
            if each is not None:
                each.axvline(tip["tau"], color=_sheet.INK, lw=1.2, ls=_DOTS, zorder=2.5, label="tipping tau")
        ax.plot([tip["tau"]], [tip["x"]], "o", ms=5.5, color=_sheet.INK, zorder=3.0, label="tipping point")


def _keys(frame: pd.DataFrame) -> list[Key]:
    mean = frame[frame["row"] == "mean"].iloc[0]
    name = show.symbol(_mean_name(frame))
    keys = [Key(f"{name} given τ", "line", _MEAN), Key(f"its {show.level(mean['prob'])} interval", "patch", _BAND)]
    if len(_studies(frame)):
        keys.append(Key("studies given τ", "line", _STUDY))
    tips = frame[frame["row"] == "tipping"]
    right = float(frame.loc[frame["row"] == "mean", "tau"].max())
    drawn = tips[tips["tau"] < right]
    if len(drawn):
        at = " and ".join(show.number(tau, 2) for tau in drawn["tau"])
        keys.append(Key(f"tipping τ = {at}", "line", _sheet.INK, dash=_DOTS))
    if (frame["row"] == "posterior").any():
        keys.append(Key("posterior of τ", "patch", "#c9ccd1"))
    if (frame["row"] == "prior").any():
        keys.append(Key("prior of τ", "line", _sheet.SOFT, dash=_DASHES))
    return keys


def _answer(result: Result, frame: pd.DataFrame) -> str:
    """What the picture tells, in one sentence."""
    mean, tips = frame[frame["row"] == "mean"].iloc[0], frame[frame["row"] == "tipping"]
    whose = f"{show.level(mean['prob'])} interval of {show.symbol(_mean_name(frame))}"
    held = frame.loc[frame["row"] == "threshold", "x"]
    if held.empty:
        return f"The {whose} given τ"
    at = float(held.iloc[0])
    value = f"{float(result.effects.scale.back(at)) if _on_effect_axis(frame) else at:.4g}".replace("-", "−")
    holds = "holds" if mean["lower"] <= at <= mean["upper"] else "excludes"
    if tips.empty:
        return f"The {whose} {holds} {value} at every τ"
    tip = tips.iloc[0]
    p = "" if math.isnan(tip["p"]) else f", and P(τ < {show.number(tip['tau'], 2)}) {show.probability(tip['p'])}"
    return f"The {whose} {holds} {value} up to τ = {show.number(tip['tau'], 2)}{p}"


def _notes(result: Result, frame: pd.DataFrame) -> list[Phrase]:
    mean, tips = frame[frame["row"] == "mean"].iloc[0], frame[frame["row"] == "tipping"]
    name = _mean_name(frame)
    symbol = show.symbol(name)
    k = result.effects.k
    said = []
    if result.prior == NO_PRIOR:
        kind = "confidence interval (Wald), as if τ were known; no prior"
    else:
        own = result.model.named_priors.get(name)
        words = (
            f"prior {symbol} ~ {prior(str(own))}" if own is not None else f"priors: {prior(show.greek(result.prior))}"
        )
        kind = f"credible interval given τ; {words}"
    said.append(f"Band: {show.level(mean['prob'])} {kind}.")
    right = float(frame.loc[frame["row"] == "mean", "tau"].max())
    for tau in tips.loc[tips["tau"] >= right, "tau"]:
        said.append(f"The tipping τ = {show.number(tau, 2)} lies beyond the picture.")
    if (frame["row"] == "posterior").any():
        before = frame[frame["row"] == "prior"]
        law = f", prior τ ~ {prior(before['name'].iloc[0])}" if len(before) else ""
        said.append(f"Grey: the posterior of τ{law}; k = {k}.")
    else:
        said.append(f"A fit without priors gives no probabilities of τ; k = {k}.")
    if len(_studies(frame)):
        said.append("At τ = 0 all studies share the mean; the larger τ, the nearer each stays to its own estimate.")
    return [Phrase(_text.plain(" ".join(said)))]
