"""Checks of settings: probabilities, counts, and the memory that they ask for."""

from __future__ import annotations

import os
from numbers import Real

import numpy as np

from poolwise.errors import ModelError

NUMBERS_OF_A_DRAW = 10  # of a model of two studies: parameters, true effects, statistics of the sampler
UNTOLD_MEMORY = 2**36  # bytes


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


def check_memory(what: str, numbers: int, advice: str = "") -> None:
    """Refuse what cannot fit in memory, before it is taken.

    Parameters
    ----------
    what : str
        What is to be held, for the message: ``"NUTS(draws=1000000000000)"``.
    numbers : int
        Numbers of 8 bytes that it holds at least.
    advice : str
        What to try instead.

    Raises
    ------
    ModelError
        Saying how much it would take, and how much there is.
    """
    needed, there = 8 * int(numbers), _memory()
    if needed > there:
        raise ModelError(
            f"{what} would take at least {_bytes(needed)} of memory",
            f"at most the {_bytes(there)} of this machine",
            advice,
        )


def _memory() -> int:
    """Bytes of memory of this machine; where the system does not tell, as much as a large one has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return UNTOLD_MEMORY


def _bytes(count: int) -> str:
    return f"{count / 1e9:,.3g} GB" if count < 1e15 else f"{count / 1e9:.2g} GB"
