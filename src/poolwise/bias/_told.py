"""Means in the sentences of methods for publication bias, on the scale on which effects are read."""

from __future__ import annotations

from poolwise import show
from poolwise.quantities import Estimate, Quantity
from poolwise.reading import digits, mean_words
from poolwise.scale import Scale


def at(x: float, scale: Scale) -> str:
    """A mean effect where it is read: ``"0.64"`` of a risk ratio, ``"−0.453"`` of a difference."""
    return show.number(float(scale.back(x)), digits(scale))


def limits(lower: float, upper: float, scale: Scale) -> str:
    """The limits of an interval of a mean effect where it is read."""
    low, high = scale.back([lower, upper]).tolist()
    return show.interval(low, high, digits(scale))


def mean(quantity: Quantity, scale: Scale, prob: float = 0.95) -> str:
    """A mean effect with its interval, and Wald's where that is the wider: ``"0.64 [0.42, 0.97]"``."""
    own = limits(*quantity.interval(prob), scale)
    words = at(quantity.point, scale) if own == show.NOTHING else f"{at(quantity.point, scale)} {own}"
    wider = quantity.wider if isinstance(quantity, Estimate) else None
    return words if wider is None else f"{words} (Wald {limits(*wider(prob), scale)})"


def mean_is(quantity: Quantity, scale: Scale, prob: float = 0.95) -> str:
    """The same with its name: ``"the mean risk ratio is 0.64 [0.42, 0.97]"``, ``"mu = −0.453 [−0.874, −0.033]"``."""
    name = mean_words("mu", scale)
    return f"{name} {'=' if name == 'mu' else 'is'} {mean(quantity, scale, prob)}"


def mean_effect(scale: Scale) -> str:
    """The mean as a subject: ``"the mean risk ratio"``, ``"the mean effect"``."""
    name = mean_words("mu", scale)
    return "the mean effect" if name == "mu" else name
