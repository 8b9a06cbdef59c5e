"""Checks of settings: probabilities and counts."""

from __future__ import annotations

from numbers import Real

import numpy as np

from poolwise.errors import ModelError

SMALL_K = 5  # fewer studies say so little of tau that one prior alone is never read


def check_prob(prob: float) -> float:
    """The probability of an interval, checked to lie strictly between 0 and 1.

    Raises
    ------
    ModelError
        When it does not.
    """
    if isinstance(prob, bool) or not isinstance(prob, Real) or not 0.0 < prob < 1.0:
        percent = isinstance(prob, Real) and 1.0 < prob < 100.0
        hint = f"prob={prob / 100:g}" if percent else "prob=0.95"
        raise ModelError(f"prob = {prob!r} is no probability", "a number between 0 and 1", hint)
    return float(prob)


def check_whole(name: str, value: object, least: int, usual: int) -> int:
    """The setting, checked to be a whole number of at least `least`.

    Raises
    ------
    ModelError
        When it is not; the message offers `usual` instead.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value < 2**63:
        expected = f"{name} as a whole number of at least {least}"
        raise ModelError(f"{name} = {value!r}", expected, f"{name}={usual}")
    return int(value)
