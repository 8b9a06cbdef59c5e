"""Coefficients of reliability: Cronbach's alpha, raw and transformed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from poolwise.measures.estimate import Estimate, estimate
from poolwise.measures.statistics import ITEMS, RELIABILITY, read, whole


def raw_alpha(*, alpha: ArrayLike, items: ArrayLike, n: ArrayLike) -> Estimate:
    """Cronbach's alpha, y = alpha, v = 2 m (1 - alpha)^2 / ((m - 1)(n - 2)) with m items (ARAW).

    Parameters
    ----------
    alpha, items, n : array_like
        Alpha below 1, number of items of at least 2, and sample size of at least 3.

    Returns
    -------
    Estimate

    References
    ----------
    Bonett 2010, Psychological Methods 15:368, 10.1037/a0020142.
    """
    alpha, items, n = _alphas("ARAW", alpha, items, n)
    return estimate("ARAW", alpha, 2.0 * items * (1.0 - alpha) ** 2 / ((items - 1.0) * (n - 2.0)))


def bonett_alpha(*, alpha: ArrayLike, items: ArrayLike, n: ArrayLike) -> Estimate:
    """Bonett's transformation, y = -log(1 - alpha), v = 2 m / ((m - 1)(n - 2)) with m items (ABT).

    Parameters
    ----------
    alpha, items, n : array_like
        As for `raw_alpha`.

    Returns
    -------
    Estimate
        It grows with alpha; Bonett's own is log(1 - alpha).

    References
    ----------
    Bonett 2002, Journal of Educational and Behavioral Statistics 27:335, 10.3102/10769986027004335.
    """
    alpha, items, n = _alphas("ABT", alpha, items, n)
    return estimate("ABT", -np.log1p(-alpha), 2.0 * items / ((items - 1.0) * (n - 2.0)))


def hakstian_whalen_alpha(*, alpha: ArrayLike, items: ArrayLike, n: ArrayLike) -> Estimate:
    """Hakstian and Whalen's transformation, y = 1 - (1 - alpha)^(1/3) (AHW).

    v = 18 m (n - 1) (1 - alpha)^(2/3) / ((m - 1)(9 n - 11)^2) with m items.

    Parameters
    ----------
    alpha, items, n : array_like
        As for `raw_alpha`.

    Returns
    -------
    Estimate
        It grows with alpha; Hakstian and Whalen's own is (1 - alpha)^(1/3).

    References
    ----------
    Hakstian & Whalen 1976, Psychometrika 41:219, 10.1007/BF02291840.
    """
    alpha, items, n = _alphas("AHW", alpha, items, n)
    root = np.cbrt(1.0 - alpha)
    v = 18.0 * items * (n - 1.0) * root**2 / ((items - 1.0) * (9.0 * n - 11.0) ** 2)
    return estimate("AHW", 1.0 - root, v)


def _alphas(measure: str, alpha: ArrayLike, items: ArrayLike, n: ArrayLike) -> list[np.ndarray]:
    return read(measure, {"alpha": (alpha, RELIABILITY), "items": (items, ITEMS), "n": (n, whole(3))})
