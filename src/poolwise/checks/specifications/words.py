"""What a set of specifications says: how far the limits spread, and which choices move them most."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.effects import Effects
from poolwise.errors import listing
from poolwise.scale import Scale

NOT_PROBABILITIES = (
    "Shares of specifications are not probabilities: which ones are in the list is a choice, and all rest on the same "
    "studies."
)
NAMES = {
    "engine": "confidence or credible",
    "model": "the choice between a common effect and random effects",
    "tau2": "the estimator of tau2",
    "interval": "the confidence interval",
    "tau_prior": "the prior on τ",
    "mu_prior": "the prior on the mean",
    "studies": "the studies",
}


def spread_sentence(frame: pd.DataFrame, effects: Effects, quantity: str) -> str:
    """From where to where estimate and limits run, and how many intervals lie on which side.

    Parameters
    ----------
    frame : DataFrame
        Of `Specifications`.
    effects : Effects
    quantity : str

    Returns
    -------
    str
    """
    told = frame[frame["point"].notna()]
    if told.empty:
        return "No specification has an answer."
    scale = effects.scale
    ends = {name: " to ".join(_ends(told[name].tolist(), scale, quantity)) for name in ("point", "lower", "upper")}
    unit = scale.natural_label if is_mean(quantity) else f"{quantity}, {scale.label}"
    made = ", all on one reconstructed table," if effects.reconstructed else ""
    return (
        f"Over {len(told)} specifications{made} the estimate runs from {ends['point']} ({unit}), the lower limit of "
        f"the {show.level(float(told['prob'].iloc[0]))} interval from {ends['lower']}, the upper one from "
        f"{ends['upper']}.{_sides(told, scale, quantity)}"
    )


def choices_sentence(choices: pd.DataFrame, effects: Effects, quantity: str) -> str:
    """Which choices move the limits most: the range of the median limits over the options of each.

    Parameters
    ----------
    choices : DataFrame
        Of `Specifications`.
    effects : Effects
    quantity : str

    Returns
    -------
    str
    """
    first = choices[choices["moves"] > 0.0].drop_duplicates("choice").head(2)
    if first.empty:
        return ""
    parts = []
    for row in first.to_dict("records"):
        options = choices[choices["choice"] == row["choice"]]
        which = str(row["limit"])
        medians = options[f"{which}_median"]
        low, high = (str(options.loc[at, "option"]) for at in (medians.idxmin(), medians.idxmax()))
        first_end, last_end = _ends(medians.tolist(), effects.scale, quantity)
        parts.append(
            f"{NAMES[str(row['choice'])]} (median {which} limit {first_end} {_under(low)}, {last_end} {_under(high)})"
        )
    return f"What moves the limits most is {', then '.join(parts)}."


def _under(option: str) -> str:
    """An option as it follows a number: ``"under DL"``, ``"without Smith 2001"``, ``"with setting = prison"``."""
    if option.startswith("without "):
        return option
    return f"with {option}" if " = " in option else f"under {show.prior(option)}"


def is_mean(quantity: str) -> bool:
    """Whether a quantity is a mean effect, which has a reading scale."""
    return quantity.startswith("mu") and " - " not in quantity


def _ends(values: Sequence[float], scale: Scale, quantity: str) -> tuple[str, str]:
    """The lowest and the highest value in words, of a mean effect on the reading scale."""
    ends = np.array([np.nanmin(values), np.nanmax(values)])
    with np.errstate(over="ignore"):
        ends = scale.back(ends) if is_mean(quantity) else ends
    digits = 2 if is_mean(quantity) else 3  # a coefficient has the unit of its moderator
    low, high = float(ends[0]), float(ends[1])
    while show.number(low, digits) == show.number(high, digits) and abs(high - low) > 1e-3 * abs(high) and digits < 9:
        digits += 1  # in a small unit
    return show.number(low, digits), show.number(high, digits)


def _sides(told: pd.DataFrame, scale: Scale, quantity: str) -> str:
    threshold = float(told["threshold"].iloc[0])
    if math.isnan(threshold):
        return ""
    value = float(scale.back(threshold)) if is_mean(quantity) else threshold
    words = {"above": "lie above", "below": "lie below", "no": "include"}
    at = f"{value:.3g}".replace("-", "−")
    counts = told["excludes"].value_counts()
    said = [f"{counts[side]} {words[side]} {at}" for side in words if side in counts]
    if len(said) == 1:
        return f" All intervals {said[0].split(' ', 1)[1]}."
    return f" {listing(said, separator=', ')}."
