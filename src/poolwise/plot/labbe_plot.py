"""The plot of L'Abbe: how often the event was in the two arms of each study, and what the pooled effect makes of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from poolwise import show
from poolwise.effects import Effects
from poolwise.engines.closed_form import ClosedForm
from poolwise.errors import InputError
from poolwise.fit import fit
from poolwise.intake.counts import RATES, counts_of
from poolwise.model import CommonEffect, RandomEffects
from poolwise.plot import _marks, _sheet, _text
from poolwise.plot._chart import effect_ticks, keyed_chart, name_axes, number_ticks
from poolwise.plot._given import check_given
from poolwise.plot._keys import Key
from poolwise.plot._plain import plain_text
from poolwise.plot._sheet import Phrase
from poolwise.plot._width import figure_of, size_of
from poolwise.plot._words import kind, number, prior
from poolwise.result import Result
from poolwise.scale import as_scale
from poolwise.settings import check_option, check_prob

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
On = Literal["rates", "log"]
_COLOUR, _BAND = _marks.COLOURS[0], "#dbe9f4"
_DIFFERENCES = ("RD", "risk difference")
_HIGH, _POINTS = 4.6, 201
_FIRST = (0.5, 0.1, 0.9, 0.01, 0.99, 0.001, 0.999, 1e-4, 0.9999, 1e-5)  # risks that have a tick before others
_RISKS = (*_FIRST, 0.2, 0.05, 0.02, 0.005, 0.002, 0.3, 0.7, 0.8, 0.95, 0.98, 0.995, 0.998, 5e-4, 2e-4, 0.4, 0.6)
_TICKS_APART, _FEWEST = 0.5, 3  # inches; ticks below which the general ones are taken
_BIGGEST, _SMALLEST = 17.0, 3.0  # points of the diameters of studies


def labbe_frame(studies: Result | Effects, *, on: On = "rates", prob: float = 0.95) -> pd.DataFrame:
    """Every number that `labbe` draws.

    A control rate p goes with the treated rate p o / (1 - p + p o) under an odds ratio o, p r under a ratio r of risks
    or rates, p + d under a difference d of risks.

    Parameters
    ----------
    studies : Result or Effects
        A fit, or a study table with the counts of two arms, which is pooled by random effects (REML).
    on : {"rates", "log"}
        Risks or rates, or their log odds or logarithms, where 0.5 is added to all cells of a study with an empty one.
    prob : float
        Probability of the interval of the mean.

    Returns
    -------
    DataFrame
        Columns row, study, x (controls), y (treated), lower, upper (of a curve), weight (a fraction; of a study), prob,
        interval, prior, data. Rows ``"study"``, ``"no effect"`` and, where there is one mean, ``"mean"``.

    Raises
    ------
    InputError
        For what is neither a result nor a study table, a scale of effects that no counts of two arms have, a table
        without these counts.
    ModelError
        For an unknown `on`, a `prob` that is no probability.

    Notes
    -----
    A table alone is pooled by REML, as `ClosedForm` does by default, which needs no prior; a single study is its own
    mean.

    References
    ----------
    L'Abbe, Detsky & O'Rourke 1987, Annals of Internal Medicine 107:224, 10.7326/0003-4819-107-2-224.
    """
    result = _result(studies)
    check_option("on", on, ("rates", "log"))
    check_prob(prob)
    effects = result.effects
    events, totals = counts_of(effects.moderators, effects.scale.name, effects.rows)
    rates = events / totals
    if on == "log":
        empty = _empty(effects)[:, None]
        rates = (events + 0.5 * empty) / (totals + (1.0 if _persons(effects) else 0.0) * empty)
    known = {"y": _placed(rates[:, 0], effects, on), "x": _placed(rates[:, 1], effects, on)}
    rows = pd.DataFrame({"row": "study", "study": list(effects.labels), **known, "weight": _weights(result)})
    low, high = _reach(known["x"], known["y"], on)
    at = np.linspace(low, high, _POINTS)
    parts = [rows, pd.DataFrame({"row": "no effect", "x": at, "y": at})]
    if "mu" in result:
        mean = result["mu"]
        ends = dict(zip(("lower", "upper"), mean.interval(prob), strict=True))
        curves = {name: _treated(at, effect, effects, on) for name, effect in {"y": mean.point, **ends}.items()}
        parts.append(pd.DataFrame({"row": "mean", "x": at, **curves, "interval": mean.interval_kind()}))
    frame = pd.concat(parts, ignore_index=True).assign(prob=prob, prior=result.prior, data=effects.data_label)
    names = ["row", "study", "x", "y", "lower", "upper", "weight", "prob", "interval", "prior", "data"]
    return frame.reindex(columns=names)


def labbe(
    studies: Result | Effects,
    *,
    on: On = "rates",
    prob: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """L'Abbe plot: the risk (or rate) among the treated against that among controls, a circle for each study.

    The area of a circle is in proportion to the study's weight. On the dotted diagonal there is no effect; the line is
    what the mean makes of each control risk, a curve of an odds ratio, a ray of a risk ratio, the band its interval.
    `labbe_frame` gives every number drawn.

    Parameters
    ----------
    studies : Result or Effects
        A fit, or a study table with the counts of two arms, which is pooled by random effects (REML).
    on : {"rates", "log"}
        Risks or rates on a plain axis, or on one of log odds (logarithms, of rates), where rare events come apart.
    prob : float
        Probability of the interval of the mean.
    title : str, optional
        Words above, instead of the study table's own title.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For what is neither a result nor a study table, a scale of effects that no counts of two arms have, a table
        without these counts; axes that are too small.
    ModelError
        For an unknown `on`, a `prob` that is no probability.

    Notes
    -----
    Plain risks are the default, as the plot was proposed.

    References
    ----------
    L'Abbe, Detsky & O'Rourke 1987, Annals of Internal Medicine 107:224, 10.7326/0003-4819-107-2-224.

    Examples
    --------
    >>> import poolwise as pw
    >>> pw.plot.close(pw.plot.labbe(pw.datasets.load("bcg"), on="log"))
    """
    result = _result(studies)
    frame = labbe_frame(result, on=on, prob=prob)
    effects = result.effects
    with plain_text():
        words = _text.plain(effects.title if title is None else title) or "Events in the two arms"
        made = " — reconstructed data" if effects.reconstructed and "reconstructed" not in words.casefold() else ""
        own = keyed_chart(f"{words}{made}", _notes(result, frame, on), _keys(frame), ax, high=_HIGH)
        _square(own)
        curve = frame.loc[frame["row"] == "no effect", "x"]
        own.set_xlim(float(curve.iloc[0]), float(curve.iloc[-1]))
        own.set_ylim(own.get_xlim())
        _draw(own, frame)
        _ticks(own, effects, on)
    return own


def _result(studies: Result | Effects) -> Result:
    check_given("labbe", studies, (Result, Effects))
    effects = studies if isinstance(studies, Effects) else studies.effects
    if effects.scale.name not in ("log OR", "log RR", "log IRR", *_DIFFERENCES):
        raise InputError(
            f"the effects are in {effects.scale}, which no counts of two arms have",
            "log OR, log RR, log IRR or RD",
            "pw.Effects.from_counts(events, totals, measure='log RR')",
        )
    counts_of(effects.moderators, effects.scale.name, effects.rows)
    if isinstance(studies, Result):
        return studies
    return fit(effects, CommonEffect() if effects.k == 1 else RandomEffects(), ClosedForm())


def _persons(effects: Effects) -> bool:
    return effects.scale.name not in RATES


def _placed(rates: Array, effects: Effects, on: On) -> Array:
    """Risks or rates as coordinates."""
    if on == "rates":
        return rates
    return logit(rates) if _persons(effects) else np.log(rates)


def _treated(at: Array, effect: float, effects: Effects, on: On) -> Array:
    """Where the treated lie under an effect, at coordinates of the controls; NaN where no risk is as large."""
    name = effects.scale.name
    if on == "log" and name in ("log OR", "log IRR"):
        return at + effect
    p = at if on == "rates" else expit(at)
    if name == "log OR":
        return expit(logit(p) + effect) if on == "rates" else at + effect
    treated = p + effect if name in _DIFFERENCES else p * math.exp(effect)
    if _persons(effects):
        treated = np.where((treated >= 0.0) & (treated <= 1.0), treated, np.nan)
    return treated if on == "rates" else logit(treated)


def _reach(x: Array, y: Array, on: On) -> tuple[float, float]:
    """Limits that both axes share."""
    both = np.concatenate([x, y])
    low, high = float(both.min()), float(both.max())
    if on == "rates":
        return 0.0, 1.08 * high if high > 0.0 else 1.0
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


def _weights(result: Result) -> Array:
    effects = result.effects
    if not result.weights:
        return effects.v**-1.0 / float((effects.v**-1.0).sum())
    return np.array([result.weights[label] for label in effects.labels])


def _square(ax: Axes) -> None:
    """Make both axes as long as the shorter one, at the left and top of their place."""
    box, (wide, high) = ax.get_position(), figure_of(ax).get_size_inches()
    side = min(box.width * wide, box.height * high)
    ax.set_position((box.x0, box.y0, side / wide, box.height))


def _draw(ax: Axes, frame: pd.DataFrame) -> None:
    null, mean = frame[frame["row"] == "no effect"], frame[frame["row"] == "mean"]
    ax.plot(null["x"], null["y"], color=_sheet.SOFT, lw=1.0, ls=(0, (1, 1.5)), zorder=1.0, label="no effect")
    if len(mean):
        low, high = ax.get_ylim()
        lower, upper = mean["lower"].fillna(low), mean["upper"].fillna(high)
        if mean["lower"].notna().any() or mean["upper"].notna().any():
            ax.fill_between(mean["x"], lower, upper, color=_BAND, lw=0, zorder=0.3, label="interval of mean")
        ax.plot(mean["x"], mean["y"], color=_COLOUR, lw=1.8, zorder=1.4, label="mean")
    studies = frame[frame["row"] == "study"].sort_values("weight", ascending=False, kind="stable")
    share = np.sqrt(studies["weight"] / studies["weight"].max()).to_numpy(dtype=float)
    biggest = _BIGGEST * min(1.0, math.sqrt(40.0 / max(len(studies), 40)))
    ax.scatter(
        studies["x"], studies["y"], s=np.maximum(biggest * share, _SMALLEST) ** 2, facecolors="none",
        edgecolors=_sheet.INK, linewidths=1.0, zorder=3.0, clip_on=False, label="studies",
    )  # fmt: skip


def _ticks(ax: Axes, effects: Effects, on: On) -> None:
    what = "risk" if _persons(effects) else "rate"
    if on == "rates":
        number_ticks(ax.xaxis)
        number_ticks(ax.yaxis)
        more = ""
    elif _persons(effects):
        _risk_ticks(ax)
        more = " (log odds axis)"
    else:
        effect_ticks(ax, as_scale("log rate"), "x")
        effect_ticks(ax, as_scale("log rate"), "y")
        more = " (log axis)"
    name_axes(ax, f"{what} among controls{more}", f"{what} among the treated{more}")


def _risk_ticks(ax: Axes) -> None:
    """Ticks at round risks, small and near 1 too, as far apart as their words are wide; the same on both axes."""
    low, high = ax.get_xlim()
    inches = size_of(ax)[0] / (high - low)
    inside = [risk for risk in _RISKS if low <= logit(risk) <= high]
    kept: list[float] = []
    for risk in inside:
        if all(abs(logit(risk) - logit(other)) * inches > _TICKS_APART for other in kept):
            kept.append(risk)
    if len(kept) < _FEWEST:
        effect_ticks(ax, as_scale("logit"), "x")
        effect_ticks(ax, as_scale("logit"), "y")
        return
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([float(logit(risk)) for risk in sorted(kept)], labels=[f"{risk:.10g}" for risk in sorted(kept)])
    ax.minorticks_off()


def _keys(frame: pd.DataFrame) -> list[Key]:
    keys = [
        Key("study, area by weight", "point", _sheet.INK, face="none"),
        Key("no effect", "line", _sheet.SOFT, dash=(0, (1, 1.5))),
    ]
    mean = frame[frame["row"] == "mean"]
    if len(mean):
        keys.append(Key("mean", "line", _COLOUR))
    if mean["lower"].notna().any():
        keys.append(Key(f"its {show.level(float(mean['prob'].iloc[0]))} interval", "patch", _BAND))
    return keys


def _notes(result: Result, frame: pd.DataFrame, on: On) -> list[Phrase]:
    effects, studies = result.effects, frame[frame["row"] == "study"]
    fewer, k = int((studies["y"] < studies["x"]).sum()), len(studies)
    same = int((studies["y"] == studies["x"]).sum())
    often = "rarer" if 2 * fewer >= k - same else "more frequent"
    count = fewer if often == "rarer" else k - same - fewer
    answer = f"The event is {often} among the treated in {count} of {k} {'study' if k == 1 else 'studies'}."
    said = f"{show.capital(result.label)}; prior: {show.greek(prior(result.prior))}."
    if "mu" in result:
        level = float(studies["prob"].iloc[0])
        point, lower, upper = effects.scale.back([result["mu"].point, *result["mu"].interval(level)]).tolist()
        ends = "" if math.isnan(lower) else f" [{number(lower, 2)}, {number(upper, 2)}], {show.level(level)} "
        words = kind(result["mu"].interval_kind()) if ends else ""
        said = f"Mean {effects.scale.natural_label} {number(point, 2)}{ends}{words}; {said}"
    else:
        said = f"No line of a mean: the model has several. {said}"
    shape = {"log OR": "a curve", "log RR": "a ray", "log IRR": "a ray"}.get(effects.scale.name, "a parallel")
    if on == "rates" and "mu" in result:
        said += f" A constant {effects.scale.natural_label} is {shape} here."
    elif on == "log" and bool(_empty(effects).any()):
        said += f" 0.5 added to all cells of {int(_empty(effects).sum())} with an empty one."
    return [Phrase(answer, _sheet.BODY_SIZE, _sheet.INK, bold=True), Phrase(_text.plain(said))]


def _empty(effects: Effects) -> NDArray[np.bool_]:
    events, totals = counts_of(effects.moderators, effects.scale.name, effects.rows)
    return ((events == 0) | (_persons(effects) & (events == totals))).any(axis=1)
