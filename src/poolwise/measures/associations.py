"""Associations that are no product-moment correlation, brought to one: correlations of ranks, standardised slopes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.measures.estimate import Estimate, estimate
from poolwise.measures.statistics import ANY, CORRELATION, read, refuse, whole

Array = NDArray[np.float64]
MOST_BETA = 0.5
"""Size of the standardised slopes up to which Peterson & Brown saw their formula hold."""


def fisher_z_of_spearman(*, spearman: ArrayLike, n: ArrayLike) -> Estimate:
    """Fisher's z of a rank correlation of Spearman, y = atanh(r), v = (1 + r^2 / 2) / (n - 3).

    Parameters
    ----------
    spearman, n : array_like
        Rank correlations and sample sizes of at least 4.

    Returns
    -------
    Estimate

    Notes
    -----
    Taken for the correlation itself: of normal variables the two differ by at most .018.

    References
    ----------
    Bonett & Wright 2000, Psychometrika 65:23, 10.1007/BF02294183.

    Examples
    --------
    >>> y, v = fisher_z_of_spearman(spearman=0.5, n=103)
    >>> round(float(y), 4), float(v)
    (0.5493, 0.01125)
    """
    r, n = read("ZCOR", {"spearman": (spearman, CORRELATION), "n": (n, whole(4))})
    return estimate("ZCOR", np.arctanh(r), (1.0 + r**2 / 2.0) / (n - 3.0))


def fisher_z_of_kendall(*, kendall: ArrayLike, n: ArrayLike) -> Estimate:
    """Fisher's z of a rank correlation of Kendall, y = atanh(tau), v = .437 / (n - 4).

    Parameters
    ----------
    kendall, n : array_like
        Kendall's tau and sample sizes of at least 5.

    Returns
    -------
    Estimate

    Notes
    -----
    tau of a normal correlation is about two thirds of it; `fisher_z_of_greiner` asks for the correlation.

    References
    ----------
    Bonett & Wright 2000, Psychometrika 65:23, 10.1007/BF02294183; Fieller, Hartley & Pearson 1957, Biometrika 44:470.

    Examples
    --------
    >>> y, v = fisher_z_of_kendall(kendall=0.3, n=104)
    >>> round(float(y), 4), float(v)
    (0.3095, 0.00437)
    """
    tau, n = read("ZCOR", {"kendall": (kendall, CORRELATION), "n": (n, whole(5))})
    return estimate("ZCOR", np.arctanh(tau), 0.437 / (n - 4.0))


def fisher_z_of_greiner(*, kendall: ArrayLike, n: ArrayLike) -> Estimate:
    """Fisher's z of the normal correlation that has this tau of Kendall, r = sin(pi tau / 2), by the delta method.

    Parameters
    ----------
    kendall, n : array_like
        As for `fisher_z_of_kendall`, whose variance is carried over: v = .437 / (n - 4) (dz/dw)^2 with w = atanh(tau),
        dz/dw = (pi / 2) (1 - tau^2) / cos(pi tau / 2).

    Returns
    -------
    Estimate

    References
    ----------
    Greiner's relation, in Kendall & Gibbons 1990, Rank Correlation Methods, section 9; Bonett & Wright 2000,
    Psychometrika 65:23, 10.1007/BF02294183.
    """
    tau, n = read("ZCOR", {"kendall": (kendall, CORRELATION), "n": (n, whole(5))})
    angle = np.pi * tau / 2.0
    slope = np.pi / 2.0 * (1.0 - tau**2) / np.cos(angle)
    return estimate("ZCOR", np.arctanh(np.sin(angle)), 0.437 / (n - 4.0) * slope**2)


def r_of_only_beta(*, std_beta: ArrayLike, predictors: ArrayLike) -> Array:
    """Correlation that the standardised slope of the only predictor of a regression is.

    Parameters
    ----------
    std_beta, predictors : array_like
        Standardised slopes; number of predictors, which has to be 1.

    Returns
    -------
    ndarray

    Raises
    ------
    InputError
        For several predictors, and for slopes that are no correlation.

    References
    ----------
    Peterson & Brown 2005, Journal of Applied Psychology 90:175, 10.1037/0021-9010.90.1.175.
    """
    beta, m = read("r", {"std_beta": (std_beta, ANY), "predictors": (predictors, whole(1))})
    told = "a standardised slope beside other predictors is no correlation"
    advice = (
        "its t (or p with sides) with n and predictors for target='PCOR', t and r2 for 'SPCOR', or "
        "rules=['peterson-brown'], which imputes a correlation"
    )
    refuse("r", m > 1.0, told, "predictors = 1", advice)
    refuse("r", np.abs(beta) >= 1.0, "the standardised slope of an only predictor is a correlation", "inside -1 and 1")
    return beta


def r_of_beta(*, std_beta: ArrayLike) -> Array:
    """Correlation that is imputed for a standardised slope, r = .98 beta + .05 (beta >= 0).

    Parameters
    ----------
    std_beta : array_like
        Standardised slopes between -.5 and .5, of a regression with any predictors.

    Returns
    -------
    ndarray

    Raises
    ------
    InputError
        For larger ones.

    Notes
    -----
    An average over published regressions, not a conversion: how far a single correlation lies from it is in no
    standard error.

    References
    ----------
    Peterson & Brown 2005, Journal of Applied Psychology 90:175, 10.1037/0021-9010.90.1.175.

    Examples
    --------
    >>> r_of_beta(std_beta=[0.2, -0.2]).round(3).tolist()
    [0.246, -0.196]
    """
    (beta,) = read("r", {"std_beta": (std_beta, ANY)})
    refuse("r", np.abs(beta) > MOST_BETA, "std_beta is too large for the rule of Peterson & Brown", "from -.5 to .5")
    return 0.98 * beta + 0.05 * (beta >= 0.0)
