"""What a prior panel says: on which side of the threshold, how far the answers spread, what the priors decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import pandas as pd

from poolwise import show
from poolwise.checks.panel_subject import Subject
from poolwise.checks.question import interval_words, said
from poolwise.errors import listing

_SIDES: tuple[Literal["above", "below"], ...] = ("above", "below")
NEAR_ZERO = 0.05  # share of the upper limit of tau below which the 2.5 % quantile of a prior counts as near 0


def verdict_sentence(frame: pd.DataFrame, reference: int, about: Subject) -> str:
    """On which side the interval lies under every prior, or which priors flip it; the spread of limits and of P.

    Parameters
    ----------
    frame : DataFrame
        Of a `PriorPanel`.
    reference : int
        Place of the reference prior.
    about : Subject

    Returns
    -------
    str
    """
    threshold, prob = float(frame["threshold"].iloc[0]), float(frame["prob"].iloc[0])
    interval, mu = interval_words(prob, about.words), show.prior(about.prior_words)
    if math.isnan(threshold):
        return f"The scale has no value of no effect, and no threshold is given ({mu}). {_spread(frame, about)}"
    where = said(frame["excludes_zero"].iloc[reference]).removesuffix("0") + _at(threshold, about)
    priors = [show.prior(prior) for prior in frame["prior"]]
    spread = _spread(frame, about)
    if len(frame) == 1:
        return f"Under tau ~ {priors[0]} alone, {interval} {where} ({mu}). {spread}"
    flipped = [each for each, flips in zip(priors, frame["flips"], strict=True) if flips]
    if not flipped:
        every = f"under all {len(frame)} priors ({mu})"
        return f"The side does not depend on the prior on tau: {interval} {where} {every}. {spread}"
    return (
        f"Prior-dependent: {interval} {where} under tau ~ {priors[reference]}, but the answer flips under "
        f"{len(flipped)} of {len(frame)} priors on tau: {listing(flipped, most=20)} ({mu}). {spread}"
    )


def tau_sentence(frame: pd.DataFrame) -> str:
    """How far the upper limit of tau spreads over the panel, and which priors forbid a tau near 0.

    A prior does when its own 2.5 % quantile is above a twentieth of the median upper limit of tau over the panel and
    its density vanishes at 0.
    """
    upper = frame["tau_upper"]
    low, high = float(upper.min()), float(upper.max())
    prob = show.level(float(frame["prob"].iloc[0]))
    if len(frame) == 1:
        text = f"The upper limit of tau ({prob} interval) is {show.number(high, 2)} under this prior."
    else:
        text = (
            f"How much the prior decides about heterogeneity: the upper limit of tau ({prob} interval) runs from "
            f"{show.number(low, 2)} to {show.number(high, 2)} over the panel, by a factor of {high / low:.1f}."
        )
    away = frame["vanishes_at_zero"] & (frame["prior_tau_low"] > NEAR_ZERO * upper.median())
    each = zip(frame["prior"], frame["prior_tau_low"], away, strict=True)  # rows of a wide frame cost a fit's time
    names = {show.prior(prior): show.number(lowest, 3) for prior, lowest, forbids in each if forbids}
    if names:
        verb, its = ("forbids", "its") if len(names) == 1 else ("forbid", "their")
        lowest = show.and_list(names.values())
        text += f" {show.and_list(names)} {verb} a tau near 0: 97.5 % of {its} probability lies above {lowest}."
    return text


def _spread(frame: pd.DataFrame, about: Subject) -> str:
    threshold = float(frame["threshold"].iloc[0])
    limits = (
        f"Over the panel the lower limit {_runs(frame['mu_lower'], about)} and the upper limit "
        f"{_runs(frame['mu_upper'], about)}"
    )
    if math.isnan(threshold):
        return f"{limits}." if len(frame) > 1 else f"There is one prior, tau ~ {show.prior(frame['prior'].iloc[0])}."
    if len(frame) == 1:
        return f"{_sides(frame, about)}."
    return f"{limits}{_unit(about)}. {_sides(frame, about)}."


def _unit(about: Subject) -> str:
    """The scale of the limits, where it is not the one on which people read the effect."""
    scale = about.effects.scale
    return "" if scale.transform == "identity" or about.reads_otherwise else f" ({scale.label})"


def _at(threshold: float, about: Subject) -> str:
    """The threshold, on the scale on which the quantity is told."""
    return f"{float(about.reading.back(threshold)):.3g}".replace("-", "−")


def _sides(frame: pd.DataFrame, about: Subject) -> str:
    """The probability of the side on which the median lies, over the panel; of either where the medians part."""
    above, threshold = frame["p_positive"], float(frame["threshold"].iloc[0])
    effect = about.quantity.startswith("mu") and not show.is_contrast(about.quantity) and threshold == 0.0
    said: list[str] = []
    sides = {"above": above[above >= 0.5], "below": 1.0 - above[above < 0.5]}
    for side in _SIDES:
        rows = sides[side]
        if len(rows):
            place = show.side_said(side, _at(threshold, about), about.effects.directions if effect else ("", ""))
            under = "" if len(rows) == len(above) else f" under {len(rows)} of {len(above)} priors"
            said.append(f"{place} is {show.chances_said(float(rows.min()), float(rows.max()))}{under}")
    return (
        f"The probability that {'it' if about.reads_otherwise else about.quantity} is {', and that it is '.join(said)}"
    )


def _runs(values: Sequence[float] | pd.Series, about: Subject) -> str:
    ends = [float(min(values)), float(max(values))]
    low, high = (show.number(end, 2) for end in about.reading.back(ends))
    return f"is {low} throughout" if low == high else f"runs from {low} to {high}"
