"""What a cumulative meta-analysis says: when the answer settled, and what looking after each study does."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.effects import Effects
from poolwise.reading import digits, mean_words, reading_scale
from poolwise.result import NO_PRIOR, Result
from poolwise.scale import Scale

SIDES = {"above": "lies above {}", "below": "lies below {}", "no": "includes {}"}


def settled_sentence(frame: pd.DataFrame, settled: int, order: str, effects: Effects) -> str:
    """From which study on the verdict no longer changed, on the reading scale.

    Parameters
    ----------
    frame : DataFrame
        Of a `Cumulative`.
    settled : int
        The step from which on the verdict stays.
    order : str
    effects : Effects

    Returns
    -------
    str
    """
    studies = frame[frame["step"] > 0]
    total, last = len(studies), frame.iloc[-1]
    name, scale = str(last["quantity"]), effects.scale
    mean = show.symbol(mean_words(name, scale))
    what = f"the {show.level(float(last['prob']))} {show.kind(str(last['interval']))} for {mean}"
    ends = _interval(last, scale, name)
    made = "; the studies are reconstructed, so that their order by effect or precision is made up" * (
        effects.reconstructed
    )
    if not last["excludes"]:
        why = "the scale has no value of no effect to hold it against" if math.isnan(last["threshold"]) else "no answer"
        return f"By {order}, {what} with all {total} studies is {ends} ({why}){made}."
    verdict = SIDES[str(last["excludes"])].format(_value(float(last["threshold"]), scale, name))
    changes = int(studies["changes"].sum())
    if total == 1:
        return f"With the one study there is, {what} {verdict}: {ends}{made}."
    if not changes:
        start = "the first study" if settled <= 1 else f"study {settled}, the first step with an answer,"
        return f"By {order}, {what} {verdict} from {start} on; with all {total} studies it is {ends}{made}."
    row = frame[frame["step"] == settled].iloc[0]
    back = f"; before, the verdict had changed {changes - 1} more times" if changes > 2 else ""
    back = "; before, the verdict had changed once more" if changes == 2 else back
    since = f"since {row['study']} entered (study {settled} of {total})"
    return f"By {order}, {what} {verdict} {since}{back}; with all studies it is {ends}{made}."


def ties_sentence(ties: int) -> str:
    """How many studies share their value with another one; empty for none."""
    return f"{ties} studies share their value with another one and enter in the order of the table." if ties else ""


def caveat(result: Result, prob: float) -> str:
    """What repeated looks do to the intervals of a result."""
    if result.prior == NO_PRIOR:
        return (
            f"Confidence intervals that accumulate are not adjusted for repeated looks: with a look after each study, "
            f"one of them misses the true value more often than in {100.0 * (1.0 - prob):g} % of cases."
        )
    return (
        f"Each posterior is what it is under its prior ({show.prior(result.prior)}) and its model, however often one "
        "looks; that the verdict changed at one study says nothing of how often it would have, had the studies come in "
        "another order."
    )


def _value(value: float, scale: Scale, name: str) -> str:
    """A value of an effect on the reading scale, of a coefficient on the analysis scale."""
    return f"{float(reading_scale(name, scale).back(value)):.3g}".replace("-", "−")


def _interval(row: pd.Series, scale: Scale, name: str) -> str:
    numbers = np.array([row["mu_point"], row["mu_lower"], row["mu_upper"]], dtype=float)
    told = reading_scale(name, scale)
    unit = f" ({scale.label})" if told.transform == "identity" else ""
    point, lower, upper = told.back(numbers)
    return f"{show.number(point, digits(told))} {show.interval(lower, upper, digits(told))}{unit}"
