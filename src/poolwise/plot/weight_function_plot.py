"""The weight function as a picture: how likely a result is published, by its p-value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from poolwise import show
from poolwise.evidence import BiasAveraged
from poolwise.evidence.bias_averaged import having
from poolwise.plot import _marks, _sheet, _text
from poolwise.plot._chart import keyed_chart, name_axes, number_ticks
from poolwise.plot._keys import Key
from poolwise.plot._plain import plain_text
from poolwise.plot._published import REFERENCE, Subject, intervals_of, relative_to_a_p, smooth_of
from poolwise.plot._sheet import Phrase
from poolwise.plot._width import size_of
from poolwise.plot.weight_frame import HIGH, LOW, weight_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOUR, _PRIOR = _marks.COLOURS[0], "#8c8c8c"
_DASHES = (0, (4, 2))
_TICKS = (0.5, 0.001, 0.025, 0.99, 0.00001, 0.05, 0.95, 0.2, 0.8, 0.0001, 0.999, 0.975)
_MOST = 3.0  # weights above which the axis does not go, unless the estimate does
_APART = 0.08  # inches between ticks' words


def weight_function(subject: Subject, *, prob: float = 0.95, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the relative probability of publication by the one-sided p-value, with its prior and the observed p-values.

    The most significant results stand at the left. The axis of p is spaced as z-values are, so that the p-values below
    .05, about which selection is, are not squeezed into a corner. Of an average the weights are those given selection,
    with the probability of selection in words. `weight_frame` gives every number drawn.

    Parameters
    ----------
    subject : Result or BiasAveraged
        A fit of `StepSelection` or `WeightFunction` by any engine, or an average among whose models are step functions.
    prob : float
        Probability of the bands.
    title : str, optional
        Words above, instead of the study table's own title.
    ax : Axes, optional
        Axes whose place the figure takes. By default a new pyplot figure.

    Returns
    -------
    Axes
        -z of the one-sided p-value against the weight.

    Raises
    ------
    InputError
        For what is neither a result nor an average over models of publication bias; axes that are too small.
    MissingQuantityError
        Without weights.
    ModelError
        When `prob` is no probability.

    References
    ----------
    Vevea & Hedges 1995, Psychometrika 60:419, 10.1007/BF02294384.

    Examples
    --------
    >>> import poolwise as pw
    >>> model = pw.StepSelection((0.025,), direction="negative")
    >>> pw.plot.close(pw.plot.weight_function(pw.fit(pw.datasets.load("bcg"), model, pw.ClosedForm())))
    """
    frame = weight_frame(subject, prob=prob)
    with plain_text():
        words = _text.plain(subject.effects.title if title is None else title) or "Weight function"
        own = keyed_chart(words, _notes(subject, frame), _keys(frame, prob), ax)
        _draw(own, frame)
        _ticks(own, subject)
        number_ticks(own.yaxis)
        name_axes(own, "one-sided p-value", "relative probability")
    return own


def _draw(ax: Axes, frame: pd.DataFrame) -> None:
    ax.set_xlim(-HIGH, -LOW)
    top = _top(frame)
    for row, colour, alpha, dash in (("prior", _PRIOR, 0.22, _DASHES), ("weight", _COLOUR, 0.24, "-")):
        part = frame[frame["row"] == row].sort_values("z", kind="stable")
        if part.empty:
            continue
        x = -part["z"].to_numpy(dtype=float)
        if part["lower"].notna().any():
            upper = part["upper"].fillna(np.inf).clip(upper=2.0 * top)
            upper = upper.where(part["lower"].notna())
            ax.fill_between(x, part["lower"], upper, color=colour, alpha=alpha, lw=0, label=f"{row}, interval")
        width = 1.2 if row == "prior" else 1.9
        ax.plot(x, part["point"], color=colour, lw=width, ls=dash, label=row, zorder=2.0)
    ax.set_ylim(0.0, top)
    _marks.rug(ax, -frame.loc[frame["row"] == "study", "z"], "p")


def _top(frame: pd.DataFrame) -> float:
    weight = frame[frame["row"] == "weight"]
    point, upper = weight["point"].to_numpy(dtype=float), weight["upper"].to_numpy(dtype=float)
    highest = np.max(upper[np.isfinite(upper)], initial=1.0)
    usual = float(np.quantile(point, 0.95)) if len(point) else 1.0
    return 1.06 * max(1.0, min(highest, max(_MOST, 1.5 * usual)), min(float(point.max()), max(_MOST, 1.5 * usual)))


def _ticks(ax: Axes, subject: Subject) -> None:
    """The p-values of steps first, then round ones, as far as their words fit side by side."""
    steps = intervals_of(subject)
    own: list[float] = []
    if steps is not None:
        one_sided = (steps.steps / steps.sides).tolist()
        own = [*one_sided, *([1.0 - p for p in one_sided] if steps.sides == 2 else [])]
    inches = size_of(ax)[0]
    places: list[tuple[float, float, str]] = []
    for p in [*own, *_TICKS]:
        at, words = float(ndtri(p)), f"{p:.6f}".rstrip("0").removeprefix("0")
        x, half = (at + HIGH) / (HIGH - LOW) * inches, 0.5 * _text.width(words, _sheet.TICK_SIZE)
        inside = -HIGH <= at <= -LOW
        if inside and all(abs(x - other) >= half + wide + _APART for other, wide, _ in places):
            places.append((x, half, words))
    ax.set_xticks([x / inches * (HIGH - LOW) - HIGH for x, _, _ in places], labels=[words for *_, words in places])
    for p in own:
        ax.axvline(float(ndtri(p)), color=_PRIOR, lw=0.7, ls=(0, (1, 1.5)), zorder=0.5, label="step")


def _keys(frame: pd.DataFrame, prob: float) -> list[Key]:
    weight = frame[frame["row"] == "weight"]
    bayesian = (frame["row"] == "prior").any()
    keys = [Key("median" if bayesian else "estimate", "line", _COLOUR)]
    if weight["lower"].notna().any():
        keys.append(Key(f"{show.level(prob)} interval", "patch", "#c2dcec"))
    if bayesian:
        keys += [
            Key("prior, median", "line", _PRIOR, dash=_DASHES),
            Key(f"prior, {show.level(prob)}", "patch", "#e2e2e2"),
        ]
    return [*keys, Key("observed p-values", "point", _sheet.INK, marker="|")]


def _notes(subject: Subject, frame: pd.DataFrame) -> list[Phrase]:
    weight = frame[frame["row"] == "weight"]
    said = []
    if isinstance(subject, BiasAveraged):
        inside = having("selection", subject.components)
        prior = np.array([component.prior for component in subject.components])
        before, after = float(prior[inside].sum() / prior.sum()), float(subject.probabilities[inside].sum())
        said.append(
            f"Given selection, over {int(inside.sum())} of {len(subject.components)} models; the probability of "
            f"selection is {show.chance(before)} before and {show.chance(after)} after the data."
        )
    else:
        said.append(f"By {show.method(subject.label)}, k = {subject.effects.k}.")
        smooth = smooth_of(subject)
        if smooth is not None and smooth.by_precision:
            said.append("Drawn for the largest standard error.")
    against = f"p = {REFERENCE:g}".replace("0.", ".") if relative_to_a_p(subject) else "the most significant results"
    said.append(f"Relative to {against}, whose weight is 1; p is spaced as z is.")
    kinds = [kind for kind in dict.fromkeys(weight["interval"].dropna()) if kind not in ("known", "none")]
    said.append(f"Interval: {', '.join(kinds)}." if kinds else "Without an interval, which this fit has not.")
    if (weight["point"] > 1.0 + 1e-9).any():
        said.append("A weight above 1: less significant results seem likelier to be published.")
    study = frame.loc[frame["row"] == "study", "z"]
    beyond = int(((study < LOW) | (study > HIGH)).sum())
    if beyond:
        said.append(f"{beyond} p-values beyond the axis stand at its edge.")
    return [Phrase(_text.plain(" ".join(said)))]
