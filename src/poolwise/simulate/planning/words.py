"""Widths and values in words, on the scale on which effects are read."""

from __future__ import annotations

import math

from poolwise import show
from poolwise.scale import Scale


def wide(scale: Scale, width: float) -> str:
    """How wide an interval on the analysis scale is, where effects are read: of a ratio by the factor that it spans.

    Examples
    --------
    >>> from poolwise.scale import as_scale
    >>> wide(as_scale("SMD"), 0.5), wide(as_scale("log RR"), math.log(2.0))
    ('0.500 wide', 'a factor of 2.00 wide')
    """
    if scale.transform == "log":
        return f"a factor of {show.number(math.exp(width), 2)} wide"
    where = "" if scale.transform == "identity" else f" on the scale of the {scale.label}"
    return f"{show.number(width)} wide{where}"


def spread(scale: Scale, low: float, high: float) -> str:
    """How wide intervals are from the narrow to the wide, in the words of `wide`: ``"1.26 to 9.39"``."""
    digits, ends = (2, (math.exp(low), math.exp(high))) if scale.transform == "log" else (3, (low, high))
    return " to ".join(show.number(end, digits) for end in ends)


def value(scale: Scale, x: float) -> str:
    """A value of the analysis scale where effects are read: ``"a risk ratio of 0.50"``."""
    if scale.transform == "identity":
        return f"{x:.3g}".replace("-", "\N{MINUS SIGN}")
    return f"a {scale.natural_label} of {show.number(float(scale.back(x)), 2)}"
