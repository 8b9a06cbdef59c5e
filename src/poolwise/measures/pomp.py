"""Percent of the maximum possible: means on scales of known ends, as shares of the way from one end to the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.measures.estimate import Estimate, estimate
from poolwise.measures.means import mean_difference, raw_mean
from poolwise.measures.paired import mean_change
from poolwise.measures.statistics import ANY, read, refuse

Array = NDArray[np.float64]


def pomp_mean(*, n: ArrayLike, m: ArrayLike, sd: ArrayLike, lowest: ArrayLike, highest: ArrayLike) -> Estimate:
    """Mean as percent of the maximum possible, y = 100 (m - lowest) / (highest - lowest) (POMPMN).

    v = (100 / (highest - lowest))^2 sd^2 / n.

    Parameters
    ----------
    n, m, sd : array_like
        Size, mean and standard deviation.
    lowest, highest : array_like
        Ends of the scale (those that are possible, not those that were observed).

    Returns
    -------
    Estimate
        In percent.

    References
    ----------
    Cohen, Cohen, Aiken & West 1999, Multivariate Behavioral Research 34:315, 10.1207/S15327906MBR3403_2.
    """
    low, percent = _scale("POMPMN", lowest, highest)
    own = raw_mean(n=n, m=m, sd=sd)
    return estimate("POMPMN", percent * (own.y - low), percent**2 * own.v)


def pomp_difference(
    *,
    n1: ArrayLike,
    m1: ArrayLike,
    sd1: ArrayLike,
    n2: ArrayLike,
    m2: ArrayLike,
    sd2: ArrayLike,
    lowest: ArrayLike,
    highest: ArrayLike,
    variance: str = "LS",
) -> Estimate:
    """Difference of means in percent of the maximum possible, y = 100 (m1 - m2) / (highest - lowest) (POMPMD).

    Parameters
    ----------
    n1, m1, sd1, n2, m2, sd2, variance
        As for `mean_difference`, whose variance is multiplied by (100 / (highest - lowest))^2.
    lowest, highest : array_like
        As for `pomp_mean`.

    Returns
    -------
    Estimate
        In percent.

    References
    ----------
    Cohen, Cohen, Aiken & West 1999, Multivariate Behavioral Research 34:315, 10.1207/S15327906MBR3403_2.

    Examples
    --------
    >>> y, v = pomp_difference(n1=20, m1=3, sd1=1, n2=20, m2=2, sd2=1, lowest=1, highest=5)
    >>> float(y), float(v)
    (25.0, 62.5)
    """
    _, percent = _scale("POMPMD", lowest, highest)
    own = mean_difference(n1=n1, m1=m1, sd1=sd1, n2=n2, m2=m2, sd2=sd2, variance=variance)
    return estimate("POMPMD", percent * own.y, percent**2 * own.v)


def pomp_change(
    *,
    n: ArrayLike,
    m1: ArrayLike,
    m2: ArrayLike,
    sd1: ArrayLike,
    sd2: ArrayLike,
    r: ArrayLike,
    lowest: ArrayLike,
    highest: ArrayLike,
) -> Estimate:
    """Mean change in percent of the maximum possible, y = 100 (m1 - m2) / (highest - lowest) (POMPMC).

    Parameters
    ----------
    n, m1, m2, sd1, sd2, r
        As for `mean_change`, whose variance is multiplied by (100 / (highest - lowest))^2.
    lowest, highest : array_like
        As for `pomp_mean`.

    Returns
    -------
    Estimate
        In percent.

    References
    ----------
    Cohen, Cohen, Aiken & West 1999, Multivariate Behavioral Research 34:315, 10.1207/S15327906MBR3403_2.
    """
    _, percent = _scale("POMPMC", lowest, highest)
    own = mean_change(n=n, m1=m1, m2=m2, sd1=sd1, sd2=sd2, r=r)
    return estimate("POMPMC", percent * own.y, percent**2 * own.v)


def _scale(measure: str, lowest: ArrayLike, highest: ArrayLike) -> tuple[Array, Array]:
    """The lower end, and percent for one unit."""
    low, high = read(measure, {"lowest": (lowest, ANY), "highest": (highest, ANY)})
    refuse(measure, low >= high, "lowest is not below highest", "the ends of the scale")
    return low, 100.0 / (high - low)
