"""What a prior panel says: on which side of the threshold, how far the answers spread, what the priors decide."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from poolwise import show
from poolwise.checks.panel_subject import Subject
from poolwise.checks.question import interval_words, said
from poolwise.errors import listing

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
    if math.isnan(threshold):
        return f"The scale has no value of no effect, and no threshold is given ({about.prior_words}). " + _spread(
            frame, about
        )
    where = said(frame["excludes_zero"].iloc[reference], threshold)
    interval, mu = interval_words(prob, about.quantity), about.prior_words
    flipped = frame["prior"][frame["flips"]]
    if len(frame) == 1:
        return f"Under tau ~ {frame['prior'].iloc[0]} alone, {interval} {where} ({mu}). {_spread(frame, about)}"
    if flipped.empty:
        return (
            f"The side does not depend on the prior on tau: {interval} {where} under all {len(frame)} priors ({mu}). "
            + _spread(frame, about)
        )
    return (
        f"Prior-dependent: {interval} {where} under tau ~ {frame['prior'].iloc[reference]}, but the answer flips "
        f"under {len(flipped)} of {len(frame)} priors on tau: {listing(list(flipped), most=20)} ({mu}). "
        + _spread(frame, about)
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
    names = [f"{prior} ({show.number(lowest, 3)})" for prior, lowest, forbids in each if forbids]
    if names:
        verb = "forbids" if len(names) == 1 else "forbid"
        text += f" {listing(names, most=20)} {verb} a tau near 0 (in brackets the 2.5 % quantile of the prior)."
    return text


def _spread(frame: pd.DataFrame, about: Subject) -> str:
    threshold = float(frame["threshold"].iloc[0])
    limits = (
        f"Over the panel the lower limit runs from {_reach(frame['mu_lower'])}, the upper limit from "
        f"{_reach(frame['mu_upper'])}"
    )
    if math.isnan(threshold):
        return f"{limits}." if len(frame) > 1 else f"There is one prior, tau ~ {frame['prior'].iloc[0]}."
    if len(frame) == 1:
        return f"P({about.quantity} > {threshold:g}) is {show.chance(float(frame['p_positive'].iloc[0]))}."
    return (
        f"{limits}, and P({about.quantity} > {threshold:g}) from "
        f"{show.chance(float(frame['p_positive'].min()))} to {show.chance(float(frame['p_positive'].max()))}."
    )


def _reach(values: Sequence[float] | pd.Series) -> str:
    return f"{show.number(float(min(values)), 2)} to {show.number(float(max(values)), 2)}"
