"""Whatever is reported beside an estimate as a standard error; means and standard deviations from order statistics."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.errors import InputError, warn
from poolwise.measures.statistics import ANY, P_VALUE, POSITIVE, in_one_order, read, refuse, whole
from poolwise.settings import check_option, check_prob

Array = NDArray[np.float64]

LOPSIDED = 0.1
"""Share of the half-width by which rounding may move an estimate off the middle of its limits."""
_METHODS = ("luo-wan-shi",)
_ORDER = ("minimum", "q1", "median", "q3", "maximum")
_SETS = (
    frozenset({"minimum", "median", "maximum"}),
    frozenset({"q1", "median", "q3"}),
    frozenset(_ORDER),
)


def standard_error(
    y: ArrayLike,
    *,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    prob: float = 0.95,
    p: ArrayLike | None = None,
    sides: int | None = None,
    z: ArrayLike | None = None,
    t: ArrayLike | None = None,
    df: ArrayLike | None = None,
) -> Array:
    """Standard error of an estimate from its interval, its p-value, or its z or t.

    From limits (upper - lower) / (2 q) with the quantile q of the normal law, or of t with `df`; one limit does where
    the other is not known, |y - limit| / q. From z or t: |y / z|. From p: |y| / q with q at 1 - p/2, or at 1 - p for
    ``sides=1``.

    Parameters
    ----------
    y : array_like
        Estimates on the scale on which the interval is symmetric: logs of ratios, a regression's or Cox coefficient.
    lower, upper : array_like, optional
        Limits on the same scale.
    prob : float
        Probability of the interval.
    p : array_like, optional
        p-value of the test of y = 0.
    sides : int, optional
        1 or 2; asked for with `p`, and never guessed.
    z, t : array_like, optional
        Statistic of the test of y = 0; `t` with its `df` or without gives the same standard error.
    df : array_like, optional
        Degrees of freedom where the interval, or p, came from Student's t; infinite for the normal law.

    Returns
    -------
    ndarray

    Raises
    ------
    InputError
        For an estimate outside its limits, p without `sides`, and for several sources at once, or none.

    Warns
    -----
    PoolwiseWarning
        Where the middle of the limits is elsewhere, by a tenth of the half-width and more, as with those of a ratio.

    Notes
    -----
    prob is .95 by default since nearly all intervals are; nothing is rounded, so that the standard error is as exact as
    the limits that were printed.

    References
    ----------
    Higgins et al. 2023, Cochrane Handbook for Systematic Reviews of Interventions, sections 6.3.1 and 6.3.2.

    Examples
    --------
    >>> standard_error(0.5, lower=0.108, upper=0.892).round(4)
    np.float64(0.2)
    >>> standard_error(0.5, p=0.0124, sides=2).round(4)
    np.float64(0.2)
    """
    sources = {"lower and upper": lower is not None or upper is not None, "p": p is not None}
    sources |= {"z": z is not None, "t": t is not None}
    named = [name for name, is_there in sources.items() if is_there]
    handed = {"y": y, "lower": lower, "upper": upper, "p": p, "z": z, "t": t, "df": df}
    there = in_one_order("standard error", {name: values for name, values in handed.items() if values is not None})
    y = there["y"]
    lower, upper, p, z, t, df = (there.get(name) for name in ("lower", "upper", "p", "z", "t", "df"))
    if len(named) != 1:
        found = " and ".join(named) if named else "none"
        raise InputError(f"standard_error has {len(named)} sources: {found}", "one of lower and upper, p, z, t")
    if named == ["p"]:
        return _from_p(y, p, sides, df)
    if named == ["z"] or named == ["t"]:
        reported = z if z is not None else t
        assert reported is not None
        y, statistic = read("standard error", {"y": (y, ANY), named[0]: (reported, ANY)})
        refuse("standard error", y * statistic < 0.0, f"y and {named[0]} differ in sign", "the same sign")
        refuse("standard error", statistic == 0.0, f"{named[0]} is 0, which tells no standard error", "an interval")
        _refuse_zero(y, named[0])
        return np.abs(y / statistic)
    return _from_limits(y, lower, upper, _quantile(df, (1.0 + check_prob(prob)) / 2.0))


def _from_p(y: ArrayLike, p: ArrayLike | None, sides: int | None, df: ArrayLike | None) -> Array:
    if sides not in (1, 2):
        raise InputError(f"p was given with sides = {sides}", "sides=2 or sides=1, as the report says")
    assert p is not None
    y, p = read("standard error", {"y": (y, ANY), "p": (p, P_VALUE)})
    refuse(
        "standard error", p >= (1.0 if sides == 2 else 0.5), f"p of a {sides}-sided test tells no standard error", ""
    )
    _refuse_zero(y, "p")
    return np.abs(y) / -_quantile(df, p / sides)


def _refuse_zero(y: Array, test: str) -> None:
    """Refuse an estimate of 0, which has the same test whatever its standard error."""
    refuse("standard error", y == 0.0, f"y is 0, of which {test} tells no standard error", "an interval")


def _from_limits(y: ArrayLike, lower: ArrayLike | None, upper: ArrayLike | None, q: Array) -> Array:
    one_sided = lower is None or upper is None
    low, high = (np.nan if limit is None else limit for limit in (lower, upper))
    y, low, high = read("standard error", {"y": (y, ANY), "lower": (low, ANY), "upper": (high, ANY)})
    advice = "swapped limits, or those of a ratio, whose logs are needed"
    refuse("standard error", (low > high) | (y < low) | (y > high), "y lies outside its limits", "inside", advice)
    if one_sided:
        return np.abs(y - (high if lower is None else low)) / q
    half = (high - low) / 2.0
    lopsided = int(np.sum(np.abs(y - (low + high) / 2.0) > LOPSIDED * half))
    if lopsided:
        warn(
            f"{lopsided} estimates lie off the middle of their limits by more than {LOPSIDED:.0%} of the half-width. "
            "Limits of a ratio are symmetric on the scale of logs: were the logs meant?"
        )
    return half / q


def _quantile(df: ArrayLike | None, prob: ArrayLike) -> Array:
    """Of the normal law, or of t."""
    if df is None:
        return np.asarray(special.ndtri(prob))
    endless = np.asarray(df, dtype=float) == np.inf  # of the normal law
    (degrees,) = read("standard error", {"df": (np.where(endless, 1.0, df), POSITIVE)})
    return np.where(endless, special.ndtri(prob), special.stdtrit(degrees, prob))


@dataclass(frozen=True, eq=False)
class MeanSd:
    """Means and standard deviations that were estimated from order statistics.

    Attributes
    ----------
    mean, sd : ndarray
        Estimates.
    skewed : ndarray of bool
        Whether the order statistics are too skewed for normal data at the 5 % level, so that the estimates mislead.
    """

    mean: Array
    sd: Array
    skewed: NDArray[np.bool_]


def mean_sd(
    *,
    n: ArrayLike,
    minimum: ArrayLike | None = None,
    q1: ArrayLike | None = None,
    median: ArrayLike | None = None,
    q3: ArrayLike | None = None,
    maximum: ArrayLike | None = None,
    method: str = "luo-wan-shi",
) -> MeanSd:
    """Mean and standard deviation of normal data from the median with the range, the quartiles, or both.

    With the mid-range r = (minimum + maximum) / 2, the mid-hinge h = (q1 + q3) / 2 and the median m the mean is w r +
    (1 - w) m with w = 4 / (4 + n^.75); or w h + (1 - w) m with w = .7 + .39 / n; or w1 r + w2 h + (1 - w1 - w2) m with
    w1 = 2.2 / (2.2 + n^.75), w2 = .7 - .72 / n^.55. The standard deviation is s_r = (maximum - minimum) / (2 Phi^-1((n
    - .375) / (n + .25))); or s_h = (q3 - q1) / (2 Phi^-1((.75 n - .125) / (n + .25))); or w s_r + (1 - w) s_h with w =
    1 / (1 + .07 n^.6).

    Parameters
    ----------
    n : array_like
        Sample sizes of at least 5.
    minimum, q1, median, q3, maximum : array_like, optional
        Three or all five of them, on the scale of the data.
    method : str
        ``"luo-wan-shi"``, the one that is optimal for normal data.

    Returns
    -------
    MeanSd
        With the test of skewness of Shi et al., whose null hypothesis is normal data.

    Raises
    ------
    InputError
        For another set of order statistics, or ones out of order.

    References
    ----------
    Luo, Wan, Liu & Tong 2018, Statistical Methods in Medical Research 27:1785, 10.1177/0962280216669183; Wan, Wang, Liu
    & Tong 2014, BMC Medical Research Methodology 14:135, 10.1186/1471-2288-14-135; Shi, Luo, Weng, Zeng, Lin, Chu &
    Tong 2020, Research Synthesis Methods 11:641, 10.1002/jrsm.1429; Shi et al. 2023, Statistics in Medicine, on
    skewness.

    Examples
    --------
    >>> found = mean_sd(n=50, q1=8, median=10, q3=12.4)
    >>> found.mean.round(3), found.sd.round(3), bool(found.skewed)
    (np.float64(10.142), np.float64(3.359), False)
    """
    check_option("method", method, _METHODS, error=InputError)
    given = dict(zip(_ORDER, (minimum, q1, median, q3, maximum), strict=True))
    named = {name: (values, ANY) for name, values in given.items() if values is not None}
    if frozenset(named) not in _SETS:
        found = ", ".join(named) if named else "nothing"
        raise InputError(
            f"mean_sd has {found}", "minimum, median and maximum; or q1, median and q3; or all five of them"
        )
    n, *values = read("mean and sd", {"n": (n, whole(5))} | named)
    order = dict(zip(named, values, strict=True))
    for low, high in pairwise(values):
        refuse("mean and sd", low > high, "order statistics out of order", "minimum <= q1 <= median <= q3 <= maximum")
    with np.errstate(invalid="ignore"):  # values that are all the same are not skewed
        if "q1" not in order:
            return _from_range(n, order)
        return _from_quartiles(n, order) if "minimum" not in order else _from_five(n, order)


def _from_range(n: Array, order: dict[str, Array]) -> MeanSd:
    low, m, high = order["minimum"], order["median"], order["maximum"]
    w = 4.0 / (4.0 + n**0.75)
    skew = np.abs(low + high - 2.0 * m) / (high - low)
    return MeanSd(
        w * (low + high) / 2.0 + (1.0 - w) * m, _range_sd(n, order), skew > 1.01 / np.log(n + 9.0) + 2.43 / (n + 1.0)
    )


def _from_quartiles(n: Array, order: dict[str, Array]) -> MeanSd:
    low, m, high = order["q1"], order["median"], order["q3"]
    w = 0.7 + 0.39 / n
    skew = np.abs(low + high - 2.0 * m) / (high - low)
    mean = w * (low + high) / 2.0 + (1.0 - w) * m
    return MeanSd(mean, _quartile_sd(n, order), skew > 2.66 / np.sqrt(n) - 5.92 / n**2)


def _from_five(n: Array, order: dict[str, Array]) -> MeanSd:
    low, q1, m, q3, high = (order[name] for name in _ORDER)
    w1, w2 = 2.2 / (2.2 + n**0.75), 0.7 - 0.72 / n**0.55
    mean = w1 * (low + high) / 2.0 + w2 * (q1 + q3) / 2.0 + (1.0 - w1 - w2) * m
    w = 1.0 / (1.0 + 0.07 * n**0.6)
    sd = w * _range_sd(n, order) + (1.0 - w) * _quartile_sd(n, order)
    outer = 2.65 * np.log(0.6 * n) / np.sqrt(n) * np.abs(low + high - 2.0 * m) / (high - low)
    inner = np.abs(q1 + q3 - 2.0 * m) / (q3 - q1)
    return MeanSd(mean, sd, np.maximum(outer, inner) > 2.97 / np.sqrt(n) - 39.1 / n**3)


def _range_sd(n: Array, order: dict[str, Array]) -> Array:
    return (order["maximum"] - order["minimum"]) / (2.0 * special.ndtri((n - 0.375) / (n + 0.25)))


def _quartile_sd(n: Array, order: dict[str, Array]) -> Array:
    return (order["q3"] - order["q1"]) / (2.0 * special.ndtri((0.75 * n - 0.125) / (n + 0.25)))
