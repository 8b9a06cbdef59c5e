"""A quantity as people read it: in a sentence on the reading scale, and as a small drawing."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import numpy as np

from poolwise import show
from poolwise.density_strip import Strip
from poolwise.effects import Effects
from poolwise.laws import DrawsLaw
from poolwise.priors import Prior
from poolwise.quantities import Posterior, Quantity, bulk
from poolwise.scale import Scale, as_scale

_MOST = 3  # sentences of a card
_SPREADS = ("tau", "tau_between", "tau_within")
_DRAWS = 1500  # enough for a drawing of 250 pixels


def sentences(effects: Effects, quantities: Iterable[tuple[str, Quantity]], prob: float = 0.95) -> str:
    """The first few quantities in a sentence each, and how many more there are.

    Parameters
    ----------
    effects : Effects
        Whose scale and words of directions are used.
    quantities : iterable of (str, Quantity)
    prob : float
        Probability of the intervals.

    Returns
    -------
    str
    """
    every = list(quantities)
    said = [sentence(effects, name, quantity, prob) for name, quantity in every[:_MOST]]
    more = len(every) - _MOST
    return " ".join([*said, *([f"And {more} more."] if more > 0 else [])])


def sentence(effects: Effects, name: str, quantity: Quantity, prob: float = 0.95) -> str:
    """A quantity with its interval on the reading scale; of a posterior, the probability of the side of its median.

    Parameters
    ----------
    effects : Effects
    name : str
        ``"mu"``, ``"mu[misconduct]"``, ``"beta[ablat]"``, ...
    quantity : Quantity
    prob : float
        Probability of the interval.

    Returns
    -------
    str
    """
    scale, natural = effects.scale, _is_effect(name)
    times = _multiplies(scale, name)
    said = _told(scale, name, quantity, prob)
    if name in _SPREADS:
        return f"{said}."
    null = 0.0 if name.startswith("beta[") and not natural else scale.null_value
    if not isinstance(quantity, Posterior) or null is None:
        return f"{said}."
    above = 1.0 - float(quantity.cdf(null))
    below = float(quantity.cdf(np.nextafter(null, -np.inf)))
    side, size = ("below", below) if below >= above else ("above", above)
    at = f"{float(scale.back(null)) if natural or times else null:g}"
    place = show.side_said(side, at, effects.directions if natural else ("", ""))  # type: ignore[arg-type]
    return f"{said}; {place} with probability {show.chance_said(size)}."


def paragraphs(effects: Effects, answers: Iterable[str], quantities: Mapping[str, Quantity]) -> list[str]:
    """What a result says, a sentence each: its answers, where a new study would lie, and the heterogeneity.

    Parameters
    ----------
    effects : Effects
    answers : iterable of str
        Names of the quantities that answer the question.
    quantities : mapping of str to Quantity
        Those that are there.

    Returns
    -------
    list of str
    """
    names = [*answers, *(name for name in ("theta_new", *_SPREADS) if name in quantities)]
    return [sentence(effects, name, quantities[name]) for name in names]


def reading_scale(quantity: str, scale: Scale) -> Scale:
    """The scale on which a quantity is told: that of the study table for a mean effect, whose `back` is then applied.

    Contrasts and coefficients are told as they were analysed, which a scale without a transform leaves as it is.
    """
    return scale if quantity.startswith("mu") and not show.is_contrast(quantity) else as_scale("identity")


def mean_words(quantity: str, scale: Scale) -> str:
    """A quantity in a sentence: the mean on the scale on which it is told, with its level, or its name.

    Examples
    --------
    >>> mean_words("mu[women]", as_scale("log RR")), mean_words("mu", as_scale("SMD"))
    ('the mean risk ratio[women]', 'mu')
    """
    told = reading_scale(quantity, scale)
    if told.transform == "identity":
        return quantity
    return f"the mean {told.natural_label}{quantity.removeprefix('mu')}"


def digits(told: Scale) -> int:
    """Digits of an effect in a sentence: two of what is read on another scale than it was analysed on, else three."""
    return 3 if told.transform == "identity" else 2


def titled(name: str, names: Collection[str]) -> str:
    """The symbol of a quantity; of the mean, and of tau, beside those of outcomes, whose centre it is.

    Examples
    --------
    >>> titled("mu", ["mu[pain]", "mu[sleep]", "mu"]), titled("tau", ["mu[women]", "mu[men]", "tau"])
    ('μ of a typical outcome', 'τ')
    """
    typical = name in ("mu", "tau") and any(other.startswith(f"{name}[") for other in names)
    return f"{show.symbol(name)}{' of a typical outcome' if typical else ''}"


def strip(effects: Effects, name: str, quantity: Quantity, prior: Prior | None = None, *, share: float = 1.0) -> Strip:
    """A quantity as a small drawing: density and prior of a posterior, point and interval of an estimate.

    Parameters
    ----------
    effects : Effects
    name : str
    quantity : Quantity
    prior : Prior, optional
        Drawn as an outline, unless it is improper.
    share : float
        Prior probability of the models that have this prior, by which an average draws it, as it does their posterior.

    Returns
    -------
    Strip
    """
    scale, natural = effects.scale, _is_effect(name)
    lower, upper = quantity.interval(0.95)
    null = scale.null_value if natural else (0.0 if name.startswith("beta[") else None)
    law = quantity.law if isinstance(quantity, Posterior) else None
    if law is not None:
        x = bulk(law, positive=not natural and not name.startswith("beta["), show=() if null is None else (null,))
        if isinstance(law, DrawsLaw):
            flat = law.draws.ravel()
            law = replace(law, draws=flat[:: max(flat.size // _DRAWS, 1)])
    else:
        ends = [value for value in (quantity.point, lower, upper, null) if value is not None and math.isfinite(value)]
        margin = 0.1 * (max(ends) - min(ends)) or 0.1
        x = np.array([min(ends) - margin, max(ends) + margin])
    drawn = prior is not None and prior.proper and not prior.awaits_variances and law is not None
    before = share * prior.pdf(x) if drawn and prior is not None else None
    words = f"{show.symbol(name)}{', dashed: its prior' if before is not None else ''}"
    return Strip(
        words,
        sentence(effects, name, quantity),
        x,
        None if law is None else law.pdf(x),
        before,
        (lower, quantity.point, upper),
        (_words(scale, lower, natural), _words(scale, upper, natural)),
        math.nan if null is None else null,
        "" if null is None else f"{float(scale.back(null)) if natural else null:g}",
    )


def _is_effect(name: str) -> bool:
    """Whether a quantity is an effect, which is read on the reading scale."""
    return (name.partition("[")[0] in ("mu", "theta_new") and not show.is_contrast(name)) or name == "beta[intercept]"


def _multiplies(scale: Scale, name: str) -> bool:
    """Whether a quantity is a coefficient by which a ratio is multiplied for each unit of its moderator."""
    return scale.is_ratio and name.startswith("beta[") and name != "beta[intercept]"


def _told(scale: Scale, name: str, quantity: Quantity, prob: float) -> str:
    """A quantity and its interval; of a new study the interval alone, since its median says nothing new."""
    values = np.array([quantity.point, *quantity.interval(prob)])
    if _multiplies(scale, name):
        point, lower, upper = map(show.number, np.exp(values))
    else:
        point, lower, upper = (_words(scale, value, _is_effect(name)) for value in values.tolist())
    if math.isnan(values[1]):
        return f"{_named(scale, name)} {point}"
    kind = f"{show.level(prob)} {show.kind(quantity.interval_kind())}"
    if name.startswith("theta_new"):
        return f"{_named(scale, name)} between {lower} and {upper}, {kind}"
    return f"{_named(scale, name)} {point} [{lower}, {upper}], {kind}"


def _named(scale: Scale, name: str) -> str:
    stem, bracket, rest = name.partition("[")
    if stem == "mu" and not show.is_contrast(name):
        label = scale.natural_label
        if scale.null_value is None:
            label = f"Typical {label}"
        else:  # there is no mean of mean differences in plain words
            label = f"Mean effect ({label})" if "mean" in label.split() else f"Mean {label}"
        return f"{label} for {rest[:-1]}:" if bracket else label
    if stem == "theta_new":
        return f"In a new study{f' of {rest[:-1]}' if bracket else ''}, true {scale.natural_label}"
    if name == "beta[intercept]":
        return f"Where every moderator is 0 the {scale.natural_label} is"
    if stem == "beta":
        effect = f"{scale.natural_label} is multiplied by" if scale.is_ratio else f"{scale.label} changes by"
        return f"{show.symbol(name)}: per unit the {effect}"
    if name in _SPREADS and scale.transform != "identity":
        return f"{show.symbol(name)} ({scale.label})"
    return show.symbol(name)


def _words(scale: Scale, value: float, natural: bool) -> str:
    digits = 2 if natural and scale.null_value is not None else 3
    return show.number(float(scale.back(value)) if natural else value, digits)
