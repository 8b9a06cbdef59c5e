"""What can be told of a density that somebody else wrote: is it vectorised, is it finite, how does it fall."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import ModelError, shown
from poolwise.priors._numeric import NumericLaw, numeric_law
from poolwise.settings import as_number

Array = NDArray[np.float64]

MISSED = 1e-9  # of the whole that may lie beyond what quadrature reaches
FAR = np.power(
    10.0, np.arange(41)
)  # where a tail is looked at; the eighth power of the last still overflows to a steep fall
SETTLED = 1e-6  # a power that changes less than this between two stretches of ten decades is one
STEEP = 6.0  # falling at least so fast, a density has every moment that a result reports
AS_LOG = "the natural logarithm of a density on [0, inf), up to a constant"


def check_support(name: str, lower: float, upper: float) -> None:
    """Raise a ModelError for a name that says nothing, or limits that are no part of [0, inf)."""
    if not isinstance(name, str) or not name.strip():
        raise ModelError(f"a density was given the name {shown(name)}", "words that tables and figures can print")
    if not 0.0 <= as_number(lower) < as_number(upper) or math.isinf(lower):
        raise ModelError(f"{name} has limits {shown(lower)} and {shown(upper)}", "0 <= lower < upper")


def check_points(name: str, points: Sequence[float], lower: float, upper: float) -> None:
    """Raise a ModelError for points that are no numbers within the support."""
    try:
        values = np.asarray(points, dtype=float)
    except (TypeError, ValueError, OverflowError):
        values = np.array(np.nan)
    outside = values.ndim != 1 or not ((values > lower) & (values < upper)).all()
    if outside:
        raise ModelError(
            f"{name} has points = {shown(points)}",
            f"numbers between {lower:g} and {upper:g}, in a list",
            "points=[0.3]",
        )


def check_vectorised(function: Callable[[Array], Array], name: str) -> None:
    """Raise a ModelError unless the function maps an array to an array of its shape."""
    x = np.array([[0.1, 0.5, 2.0], [0.2, 1.0, 3.0]])
    try:
        with np.errstate(all="ignore"):
            shape = np.shape(np.asarray(function(x), dtype=float))
    except Exception as error:  # whatever somebody else's function raises
        raise ModelError(
            f"{name} fails on an array of shape {x.shape}: {error}",
            "a function that takes an array and returns one of the same shape",
            "NumPy's functions instead of those of math",
        ) from error
    if shape != x.shape:
        raise ModelError(f"{name} maps an array of shape {x.shape} to one of shape {shape}", "the same shape")


def refuse_infinite(law: NumericLaw, name: str, upper: float, *, proper: bool) -> None:
    """Raise a ModelError unless the integral of the density is finite, for an improper one at least near 0."""
    if math.isnan(law.log_total):
        raise ModelError(
            f"{name} is NaN for some tau between 1e-150 and 1e140", AS_LOG + ", -inf where the density is 0"
        )
    if law.log_total == -math.inf:
        raise ModelError(f"the density {name} is 0 wherever it was looked at", AS_LOG, "lower= and upper=")
    near, far = law.missed()
    if not proper:
        near, far = numeric_law(law.log_function, 0.0, min(upper, 1.0)).missed()[0], 0.0
    if not near <= MISSED:
        raise ModelError(
            f"the density {name} has no finite integral near 0 that quadrature could find",
            "a density that grows more slowly than 1 / tau towards 0: with any other the posterior is improper",
        )
    if not far <= MISSED:
        raise ModelError(
            f"the density {name} has no finite integral that quadrature could find: it falls too slowly",
            AS_LOG,
            "np.log(...) around a function that returns the density itself; proper=False if this prior is meant to be "
            "improper",
        )


def checked_tail(function: Callable[[Array], Array], name: str, given: float | None, *, proper: bool) -> float:
    """The power with which a density falls, as found and as given.

    Parameters
    ----------
    function : callable
        Log density.
    name : str
        Words for messages.
    given : float or None
        What the user says.
    proper : bool
        Whether the density has a finite integral.

    Returns
    -------
    float
        a where the density falls as x^-a; inf for all that falls faster than x^-6 without settling on a power.

    Raises
    ------
    ModelError
        When no power is given and none can be told, or the density falls more slowly than was said.
    """
    found = _tail(function)
    if given is None and found is None:
        raise ModelError(
            f"the density {name} does not settle on a power between 1e20 and 1e40, so that its tail cannot be told",
            "the power a with which it falls, as tau^-a",
            "tail_power=math.inf if it falls faster than any power",
        )
    if given is None:
        assert found is not None
        return found
    if not as_number(given) >= (1.0 if proper else -math.inf):
        raise ModelError(f"{name} has tail_power = {shown(given)}", "a number, above 1 for a proper density")
    if found is not None and given > found + SETTLED:
        raise ModelError(
            f"{name} has tail_power = {given:g} and falls as tau^-{found:g} between 1e20 and 1e40",
            f"at most {found:g}",
            "no tail_power: it is found out",
        )
    return float(given)


def _tail(function: Callable[[Array], Array]) -> float | None:
    """The power with which a density falls; None when it cannot be told."""
    with np.errstate(all="ignore"):
        height = np.asarray(function(FAR), dtype=float)
    if (height == -np.inf).any():
        return math.inf
    slopes = -np.diff(height[[20, 30, 40]]) / np.diff(np.log(np.asarray(FAR)[[20, 30, 40]]))
    early, late = (float(slope) for slope in slopes)
    if abs(early - late) < SETTLED * max(1.0, abs(late)):
        return round(late, 6)
    return math.inf if min(early, late) >= STEEP else None
