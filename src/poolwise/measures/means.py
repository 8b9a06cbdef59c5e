"""Two independent groups with means, and single groups: differences, ratios of means, of variation, of spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.errors import InputError
from poolwise.measures.estimate import Estimate, estimate
from poolwise.measures.statistics import ANY, GROUP, POSITIVE, read
from poolwise.settings import check_flag, check_option

Array = NDArray[np.float64]

MD_VARIANCES = ("LS", "HO")
ROM_VARIANCES = ("LS", "LS2", "HO", "AV", "AVHO")
VARIATION_VARIANCES = ("LS", "LS2")


def small_sample_factor(df: ArrayLike) -> Array:
    """Hedges' exact factor J(m) = Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2)), by which d overestimates delta.

    Parameters
    ----------
    df : array_like
        Degrees of freedom m of the standard deviation, above 1; NaN elsewhere.

    Returns
    -------
    ndarray
        Between 0 and 1, same shape.

    References
    ----------
    Hedges 1981, Journal of Educational Statistics 6:107, equation 6e, 10.3102/10769986006002107.

    Examples
    --------
    >>> small_sample_factor([10, 100]).round(6).tolist()
    [0.922746, 0.992478]
    """
    m = np.asarray(df, dtype=float)
    usable = np.where(m > 1.0, m, np.nan)
    return np.exp(special.gammaln(usable / 2.0) - 0.5 * np.log(usable / 2.0) - special.gammaln((usable - 1.0) / 2.0))


def mean_difference(
    *,
    n1: ArrayLike,
    m1: ArrayLike,
    sd1: ArrayLike,
    n2: ArrayLike,
    m2: ArrayLike,
    sd2: ArrayLike,
    variance: str = "LS",
) -> Estimate:
    """Raw difference of means, y = m1 - m2.

    v = sd1^2 / n1 + sd2^2 / n2, or s^2 (1/n1 + 1/n2) with the pooled s for ``variance="HO"``.

    Parameters
    ----------
    n1, m1, sd1, n2, m2, sd2 : array_like
        Sizes, means and standard deviations of both groups.
    variance : str
        ``"LS"`` assumes no equal variances, ``"HO"`` (homoscedastic) does.

    Returns
    -------
    Estimate
        In the unit of the means.

    Notes
    -----
    ``"LS"`` is the default, since it is right in either case.

    References
    ----------
    Borenstein 2009, in Cooper, Hedges & Valentine, The Handbook of Research Synthesis and Meta-Analysis, equations 12.3
    and 12.5, 10.7758/9781610448864.
    """
    check_option("variance", variance, MD_VARIANCES, error=InputError, whose="MD: ")
    n1, m1, sd1, n2, m2, sd2 = groups("MD", n1, m1, sd1, n2, m2, sd2)
    s1, s2 = (pooled_sd(n1, sd1, n2, sd2),) * 2 if variance == "HO" else (sd1, sd2)
    return estimate("MD", m1 - m2, s1**2 / n1 + s2**2 / n2)


def log_ratio_of_means(
    *,
    n1: ArrayLike,
    m1: ArrayLike,
    sd1: ArrayLike,
    n2: ArrayLike,
    m2: ArrayLike,
    sd2: ArrayLike,
    variance: str = "LS",
    correct: bool = True,
) -> Estimate:
    """Log response ratio, y = log(m1 / m2) + (c1^2/n1 - c2^2/n2) / 2 with the coefficients of variation c = sd / m.

    The second term removes the bias of a log to second order. v = c1^2/n1 + c2^2/n2; for ``"LS2"`` with (c1^4/n1^2 +
    c2^4/n2^2) / 2 of the second order besides; for ``"HO"`` both groups have the pooled sd, for ``"AV"`` the mean c of
    each group over the studies, for ``"AVHO"`` the mean over both, weighted by n.

    Parameters
    ----------
    n1, m1, sd1, n2, m2, sd2 : array_like
        Sizes, means of one sign, and standard deviations of both groups.
    variance : str
        ``"LS"``, ``"LS2"``, ``"HO"``, ``"AV"`` or ``"AVHO"``.
    correct : bool
        Whether the bias is removed.

    Returns
    -------
    Estimate
        A log ratio; NaN where the means differ in sign or one is 0, which the notes tell.

    Notes
    -----
    Corrected by default, as metafor does from 5.0 on; ``correct=False`` gives what was usual before.

    References
    ----------
    Hedges, Gurevitch & Curtis 1999, Ecology 80:1150, equation 1, 10.1890/0012-9658(1999)080[1150:TMAORR]2.0.CO;2;
    Lajeunesse 2015, Ecology 96:2056, equations 8 and 9, 10.1890/14-2402.1; Nakagawa et al. 2023, Ecology Letters
    26:232, 10.1111/ele.14144, for AV.
    """
    check_option("variance", variance, ROM_VARIANCES, error=InputError, whose="ROM: ")
    check_flag("correct", correct, error=InputError)
    n1, m1, sd1, n2, m2, sd2 = groups("ROM", n1, m1, sd1, n2, m2, sd2)
    ratio, note = mean_ratio("ROM", m1, m2)
    c1, c2 = sd1 / m1, sd2 / m2
    y = np.log(ratio) + (0.5 * (c1**2 / n1 - c2**2 / n2) if correct else 0.0)
    if variance == "HO":
        s = pooled_sd(n1, sd1, n2, sd2)
        c1, c2 = s / m1, s / m2
    elif variance == "AV":
        c1, c2 = weighted_mean(c1, n1), weighted_mean(c2, n2)
    elif variance == "AVHO":
        c1 = c2 = weighted_mean(np.stack(np.broadcast_arrays(c1, c2)), np.stack(np.broadcast_arrays(n1, n2)))
    v = c1**2 / n1 + c2**2 / n2
    return estimate("ROM", y, v + 0.5 * (c1**4 / n1**2 + c2**4 / n2**2) if variance == "LS2" else v, note)


def log_variability_ratio(
    *, n1: ArrayLike, sd1: ArrayLike, n2: ArrayLike, sd2: ArrayLike, variance: str = "LS", correct: bool = True
) -> Estimate:
    """Log ratio of standard deviations, y = log(sd1 / sd2) + (1/(n1-1) - 1/(n2-1)) / 2 (VR).

    v = (1/(n1-1) + 1/(n2-1)) / 2; for ``"LS2"`` with (1/(n1-1)^2 + 1/(n2-1)^2) / 2 of the second order besides.

    Parameters
    ----------
    n1, sd1, n2, sd2 : array_like
        Sizes and standard deviations of both groups.
    variance : str
        ``"LS"`` or ``"LS2"``.
    correct : bool
        Whether the bias of a log standard deviation, the second term, is removed.

    Returns
    -------
    Estimate
        A log ratio.

    References
    ----------
    Nakagawa et al. 2015, Methods in Ecology and Evolution 6:143, equations 9 and 10, 10.1111/2041-210X.12309; Senior,
    Viechtbauer & Nakagawa 2020, Research Synthesis Methods 11:553, equation 15 for LS2, 10.1002/jrsm.1423.
    """
    statistics = {"n1": (n1, GROUP), "sd1": (sd1, POSITIVE), "n2": (n2, GROUP), "sd2": (sd2, POSITIVE)}
    n1, sd1, n2, sd2 = read("VR", statistics)
    check_option("variance", variance, VARIATION_VARIANCES, error=InputError, whose="VR: ")
    check_flag("correct", correct, error=InputError)
    bias = 0.5 * (1.0 / (n1 - 1.0) - 1.0 / (n2 - 1.0)) if correct else 0.0
    return estimate("VR", np.log(sd1 / sd2) + bias, _of_log_sd(n1, variance) + _of_log_sd(n2, variance))


def log_ratio_of_variation(
    *,
    n1: ArrayLike,
    m1: ArrayLike,
    sd1: ArrayLike,
    n2: ArrayLike,
    m2: ArrayLike,
    sd2: ArrayLike,
    variance: str = "LS",
    correct: bool = True,
) -> Estimate:
    """Log ratio of coefficients of variation c = sd / m (CVR).

    y = log(c1 / c2) + (1/(n1-1) - 1/(n2-1)) / 2 - (c1^2/n1 - c2^2/n2) / 2, v = (1/(n1-1) + 1/(n2-1)) / 2 + c1^2/n1 +
    c2^2/n2, for normal data, whose mean and standard deviation are independent; ``"LS2"`` adds the terms of second
    order of `log_variability_ratio` and `log_ratio_of_means`.

    Parameters
    ----------
    n1, m1, sd1, n2, m2, sd2 : array_like
        Sizes, means above 0, and standard deviations of both groups.
    variance : str
        ``"LS"`` or ``"LS2"``.
    correct : bool
        Whether the biases of the log standard deviation and of the log mean are removed.

    Returns
    -------
    Estimate
        A log ratio; NaN where a mean is not above 0, since coefficients of variation belong to ratio scales.

    Notes
    -----
    Corrected for both biases by default, as metafor does from 5.0 on.

    References
    ----------
    Nakagawa et al. 2015, Methods in Ecology and Evolution 6:143, equations 11 and 12, 10.1111/2041-210X.12309; Senior,
    Viechtbauer & Nakagawa 2020, Research Synthesis Methods 11:553, equation 16 for LS2, whose terms of second order
    lack a factor 1/2, 10.1002/jrsm.1423.
    """
    check_option("variance", variance, VARIATION_VARIANCES, error=InputError, whose="CVR: ")
    n1, m1, sd1, n2, m2, sd2 = groups("CVR", n1, m1, sd1, n2, m2, sd2)
    check_flag("correct", correct, error=InputError)
    ratio, note = mean_ratio("CVR", m1, m2, positive=True)
    c1, c2 = (sd1 / m1) ** 2, (sd2 / m2) ** 2
    bias = 0.5 * (1.0 / (n1 - 1.0) - 1.0 / (n2 - 1.0)) - 0.5 * (c1 / n1 - c2 / n2) if correct else 0.0
    v = _of_log_sd(n1, variance) + _of_log_sd(n2, variance) + c1 / n1 + c2 / n2
    if variance == "LS2":
        v = v + 0.5 * (c1**2 / n1**2 + c2**2 / n2**2)
    return estimate("CVR", np.log(sd1 / sd2 / ratio) + bias, v, note)


def _of_log_sd(n: Array, variance: str) -> Array:
    """Variance of the log of the standard deviation of normal data, to first or second order."""
    half = 0.5 / (n - 1.0)
    return half + 2.0 * half**2 if variance == "LS2" else half


def raw_mean(*, n: ArrayLike, m: ArrayLike, sd: ArrayLike) -> Estimate:
    """Mean of one group, y = m, v = sd^2 / n.

    Parameters
    ----------
    n, m, sd : array_like
        Size, mean and standard deviation (not the standard error of the mean).

    Returns
    -------
    Estimate
        In the unit of the mean.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 4, 10.1002/9780470743386.
    """
    n, m, sd = read("MN", {"n": (n, GROUP), "m": (m, ANY), "sd": (sd, POSITIVE)})
    return estimate("MN", m, sd**2 / n)


def log_mean(*, n: ArrayLike, m: ArrayLike, sd: ArrayLike) -> Estimate:
    """Log mean of one group, y = log(m), v = sd^2 / (n m^2).

    Parameters
    ----------
    n, m, sd : array_like
        Size, mean above 0 and standard deviation.

    Returns
    -------
    Estimate

    References
    ----------
    Nakagawa et al. 2015, Methods in Ecology and Evolution 6:143, 10.1111/2041-210X.12309.
    """
    n, m, sd = read("MNLN", {"n": (n, GROUP), "m": (m, POSITIVE), "sd": (sd, POSITIVE)})
    return estimate("MNLN", np.log(m), (sd / m) ** 2 / n)


def single_standardised_mean(*, n: ArrayLike, m: ArrayLike, sd: ArrayLike, correct: bool = True) -> Estimate:
    """Mean of one group over its standard deviation, y = J(n - 1) m / sd, v = 1/n + y^2 / (2 n) (SMN).

    Parameters
    ----------
    n, m, sd : array_like
        Size, mean (or its difference from a known value) and standard deviation.
    correct : bool
        Whether the ratio is corrected for its bias.

    Returns
    -------
    Estimate

    References
    ----------
    Hedges 1981, Journal of Educational Statistics 6:107, 10.3102/10769986006002107.
    """
    n, m, sd = read("SMN", {"n": (n, GROUP), "m": (m, ANY), "sd": (sd, POSITIVE)})
    check_flag("correct", correct, error=InputError)
    y = (small_sample_factor(n - 1.0) if correct else 1.0) * m / sd
    return estimate("SMN", y, 1.0 / n + y**2 / (2.0 * n))


def log_variation(*, n: ArrayLike, m: ArrayLike, sd: ArrayLike, correct: bool = True) -> Estimate:
    """Log coefficient of variation of one group, y = log(sd / m) + 1 / (2 (n - 1)) (CVLN).

    v = 1 / (2 (n - 1)) + sd^2 / (n m^2), for normal data, whose mean and standard deviation are independent.

    Parameters
    ----------
    n, m, sd : array_like
        Size, mean above 0 and standard deviation.
    correct : bool
        Whether the bias of a log standard deviation, the second term, is removed.

    Returns
    -------
    Estimate

    References
    ----------
    Nakagawa et al. 2015, Methods in Ecology and Evolution 6:143, equations 26 and 27, 10.1111/2041-210X.12309.
    """
    n, m, sd = read("CVLN", {"n": (n, GROUP), "m": (m, POSITIVE), "sd": (sd, POSITIVE)})
    check_flag("correct", correct, error=InputError)
    half = 0.5 / (n - 1.0)
    return estimate("CVLN", np.log(sd / m) + (half if correct else 0.0), half + (sd / m) ** 2 / n)


def log_standard_deviation(*, n: ArrayLike, sd: ArrayLike, correct: bool = True) -> Estimate:
    """Log standard deviation of one group, y = log(sd) + 1 / (2 (n - 1)), v = 1 / (2 (n - 1)) (SDLN).

    Parameters
    ----------
    n, sd : array_like
        Size and standard deviation.
    correct : bool
        Whether the bias of a log standard deviation, the second term, is removed.

    Returns
    -------
    Estimate

    References
    ----------
    Raudenbush & Bryk 1987, Journal of Educational Statistics 12:241, 10.3102/10769986012003241; Nakagawa et al. 2015,
    Methods in Ecology and Evolution 6:143, 10.1111/2041-210X.12309.
    """
    n, sd = read("SDLN", {"n": (n, GROUP), "sd": (sd, POSITIVE)})
    check_flag("correct", correct, error=InputError)
    half = 0.5 / (n - 1.0)
    return estimate("SDLN", np.log(sd) + (half if correct else 0.0), half)


def groups(
    measure: str,
    n1: ArrayLike,
    m1: ArrayLike,
    sd1: ArrayLike,
    n2: ArrayLike,
    m2: ArrayLike,
    sd2: ArrayLike,
) -> list[Array]:
    """Sizes, means and standard deviations of two groups, read and checked; see `read`."""
    sizes = {"n1": (n1, GROUP), "n2": (n2, GROUP)}
    means = {"m1": (m1, ANY), "m2": (m2, ANY)}
    spreads = {"sd1": (sd1, POSITIVE), "sd2": (sd2, POSITIVE)}
    n1, n2, m1, m2, sd1, sd2 = read(measure, sizes | means | spreads)
    return [n1, m1, sd1, n2, m2, sd2]


def pooled_sd(n1: Array, sd1: Array, n2: Array, sd2: Array) -> Array:
    """Root of the mean variance of two groups, weighted by n - 1."""
    return np.sqrt(((n1 - 1.0) * sd1**2 + (n2 - 1.0) * sd2**2) / (n1 + n2 - 2.0))


def mean_ratio(measure: str, m1: Array, m2: Array, *, positive: bool = False) -> tuple[Array, tuple[str, ...]]:
    """m1 / m2 where both have one sign (or are above 0), NaN elsewhere, and a note on how many have none."""
    m1, m2 = np.broadcast_arrays(m1, m2)
    fits = (m1 > 0.0) & (m2 > 0.0) if positive else m1 * m2 > 0.0
    gone = int(np.sum(~fits & ~np.isnan(m1 * m2)))
    why = "a mean that is not above 0" if positive else "means of 0 or of two signs"
    note = (f"{measure}: {gone} of {m1.size} have {why}, and no ratio",) if gone else ()
    return np.where(fits, m1, np.nan) / m2, note


def weighted_mean(values: Array, weights: Array) -> Array:
    """The mean of all values, missing ones left out."""
    weights = np.where(np.isnan(values), np.nan, weights)
    return np.asarray(np.nansum(weights * values) / np.nansum(weights))
