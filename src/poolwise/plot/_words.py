"""The numbers and priors printed on figures, on the scale on which people read them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.scale import Scale
from poolwise.show import NOTHING

_LARGE = 1e6  # from which numbers are told by powers of ten
_MANY = 5  # decimals


def decimals(scale: Scale, frame: pd.DataFrame) -> int:
    """Decimals for the estimates of one figure, from the median width w of the studies' intervals.

    Two for ratios and correlations, and for w between 0.05 and 20; otherwise as many as tell w to two or three digits.
    For proportions and rates, at least two, as many as tell the median one to two digits.

    Parameters
    ----------
    scale : Scale
        Scale of the effects.
    frame : DataFrame
        With the columns raw, raw_lower and raw_upper, on the analysis scale.

    Returns
    -------
    int
        From 0 to 12.
    """
    if scale.null_value is None:
        size = abs(float(scale.back(np.nanmedian(frame["raw"].to_numpy(dtype=float)))))
        return int(np.clip(1 - math.floor(math.log10(size)), 2, 8)) if size > 0.0 else 2
    widths = (frame["raw_upper"] - frame["raw_lower"]).to_numpy(dtype=float)
    widths = widths[np.isfinite(widths) & (widths > 0)]
    middle = float(np.median(widths)) if widths.size else 1.0
    if scale.transform != "identity" or 0.05 <= middle < 20.0:
        return 2
    return int(np.clip(2 - math.floor(math.log10(middle)), 0, 12))


def number(value: float, places: int) -> str:
    """A number with this many decimals; two significant digits for a small one that would print as zero."""
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.{places}f}"
    if value != 0 and float(text.replace(",", "")) == 0.0:
        text = show.in_tens(f"{value:.1g}") if abs(value) >= min(1e-4, 10.0 ** (-places - 2)) else f"{0.0:.{places}f}"
    elif abs(value) >= _LARGE:
        text = show.in_tens(f"{value:.3g}")
    elif abs(value) >= 1000.0:
        text = f"{value:,.0f}"
    elif abs(value) >= 100.0:
        text = f"{value:.{min(places, 1)}f}"
    return text.replace("-", "−")


def estimate(point: float, lower: float, upper: float, places: int) -> str:
    """``0.49 [0.34, 0.70]``, or the point alone when there is no interval; of millions ``4.36 [3.94, 4.78] × 10⁶``."""
    if math.isnan(point):
        return ""
    power = _power([point, lower, upper], places)
    if power:
        point, lower, upper = (value / 10.0**power for value in (point, lower, upper))
        places = 2
    limits = "" if math.isnan(lower) else f" [{number(lower, places)}, {number(upper, places)}]"
    return f"{number(point, places)}{limits}{show.times(power)}"


def _power(values: Sequence[float], places: int) -> int:
    """The power of ten, by thousands, in which a large estimate or one of many decimals is told; 0 for others."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest >= _LARGE and 100.0 * abs(values[0]) >= largest:  # not where an interval ends at no number to read
        return show.thousands(largest)
    power = -3 * ((places - 1) // 3)
    return power if places >= _MANY and 0.0 < largest < 1000.0 * 10.0**power else 0


def percent_interval(point: float, lower: float, upper: float) -> str:
    """``92 % [82, 97]``, from shares."""
    limits = "" if math.isnan(lower) else f" [{100.0 * lower:.0f}, {100.0 * upper:.0f}]"
    return NOTHING if math.isnan(point) else f"{100.0 * point:.0f} %{limits}"


def kind(words: str) -> str:
    """The kind of an interval with a true minus sign: ``prediction (t, k − 1)``."""
    return words.replace(" - ", " − ")


def count(value: float) -> str:
    """A sample size, empty when unknown."""
    return "" if math.isnan(value) else f"{value:,.0f}"


def prior(words: str) -> str:
    """A prior's words in Greek, long numbers cut to three digits: ``HalfNormal(0.276)``."""
    short = re.sub(r"\d+\.\d{4,}", lambda found: f"{float(found[0]):.3g}", str(words))
    return show.prior(short)


def model(label: str) -> str:
    """A model's label with the package's own word for its tau in Greek: ``subgroups by alloc, common τ``."""
    return re.sub(r"(, \w+) tau$", r"\1 τ", label)
