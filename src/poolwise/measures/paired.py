"""Change and matched pairs: means of the same people at two occasions, and pre-post designs with a control group."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import InputError
from poolwise.measures.estimate import Estimate, estimate
from poolwise.measures.means import mean_ratio, pooled_sd, small_sample_factor
from poolwise.measures.statistics import ANY, CORRELATION, GROUP, POSITIVE, read
from poolwise.settings import check_flag, check_option

Array = NDArray[np.float64]

CHANGE_VARIANCES = ("LS", "LS2")


def mean_change(
    *,
    n: ArrayLike,
    m1: ArrayLike,
    m2: ArrayLike,
    sd1: ArrayLike,
    sd2: ArrayLike,
    r: ArrayLike,
) -> Estimate:
    """Mean change, y = m1 - m2, v = (sd1^2 + sd2^2 - 2 r sd1 sd2) / n (MC).

    Parameters
    ----------
    n : array_like
        People (or pairs).
    m1, m2, sd1, sd2 : array_like
        Means and standard deviations at the two occasions.
    r : array_like
        Correlation between the occasions.

    Returns
    -------
    Estimate
        In the unit of the means.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 4, 10.1002/9780470743386.
    """
    n, m1, m2, sd1, sd2, r = occasions("MC", n, m1, m2, sd1, sd2, r)
    return estimate("MC", m1 - m2, change_sd(sd1, sd2, r) ** 2 / n)


def standardised_mean_change(*, d: ArrayLike, n: ArrayLike, variance: str = "LS", correct: bool = True) -> Estimate:
    """Mean change in standard deviations of the changes, y = J(n - 1) d (SMCC).

    v = 1/n + y^2 / (2 n), or J^2 (1/n + d^2 / (2 n)) for ``"LS2"``.

    Parameters
    ----------
    d : array_like
        Mean change over the standard deviation of the changes; see `change_of_means`, `change_of_t`, `change_of_p`.
    n : array_like
        People (or pairs).
    variance : str
        ``"LS"`` or ``"LS2"``.
    correct : bool
        Whether the change is corrected for its bias.

    Returns
    -------
    Estimate
        In standard deviations of changes, which are not those of people: do not mix with `hedges_g`.

    References
    ----------
    Gibbons, Hedeker & Davis 1993, Journal of Educational Statistics 18:271, 10.3102/10769986018003271; Morris & DeShon
    2002, Psychological Methods 7:105, 10.1037/1082-989X.7.1.105.
    """
    d, n = read("SMCC", {"d": (d, ANY), "n": (n, GROUP)})
    return _change("SMCC", d, n, 1.0, variance, correct)


def raw_standardised_change(
    *,
    n: ArrayLike,
    m1: ArrayLike,
    m2: ArrayLike,
    sd1: ArrayLike,
    r: ArrayLike,
    variance: str = "LS",
    correct: bool = True,
) -> Estimate:
    """Mean change over the standard deviation of the first occasion, y = J(n - 1) (m1 - m2) / sd1 (SMCR).

    v = 2 (1 - r) / n + y^2 / (2 n), or J^2 times that with d = y / J for ``"LS2"``.

    Parameters
    ----------
    n, m1, m2, sd1, r : array_like
        As for `mean_change`; `sd1` is the one that standardises, as a rule that before treatment.
    variance : str
        ``"LS"`` or ``"LS2"``.
    correct : bool
        Whether the change is corrected for its bias.

    Returns
    -------
    Estimate
        In standard deviations of people, as `hedges_g`.

    References
    ----------
    Becker 1988, British Journal of Mathematical and Statistical Psychology 41:257,
    10.1111/j.2044-8317.1988.tb00901.x.
    """
    statistics = {"n": (n, GROUP), "m1": (m1, ANY), "m2": (m2, ANY), "sd1": (sd1, POSITIVE), "r": (r, CORRELATION)}
    n, m1, m2, sd1, r = read("SMCR", statistics)
    return _change("SMCR", (m1 - m2) / sd1, n, 2.0 * (1.0 - r), variance, correct)


def raw_standardised_change_heteroscedastic(
    *,
    n: ArrayLike,
    m1: ArrayLike,
    m2: ArrayLike,
    sd1: ArrayLike,
    sd2: ArrayLike,
    r: ArrayLike,
    correct: bool = True,
) -> Estimate:
    """Mean change over the first standard deviation where both differ, y = J(n - 1) (m1 - m2) / sd1 (SMCRH).

    v = s_change^2 / (sd1^2 (n - 1)) + y^2 / (2 (n - 1)).

    Parameters
    ----------
    n, m1, m2, sd1, sd2, r : array_like
        As for `mean_change`.
    correct : bool
        Whether the change is corrected for its bias.

    Returns
    -------
    Estimate

    Notes
    -----
    v holds the corrected y and no J besides, as in metafor from 4.6 on.

    References
    ----------
    Bonett 2008, Psychological Methods 13:99, 10.1037/1082-989X.13.2.99.
    """
    n, m1, m2, sd1, sd2, r = occasions("SMCRH", n, m1, m2, sd1, sd2, r)
    check_flag("correct", correct, error=InputError)
    y = (small_sample_factor(n - 1.0) if correct else 1.0) * (m1 - m2) / sd1
    return estimate("SMCRH", y, (change_sd(sd1, sd2, r) ** 2 / sd1**2 + y**2 / 2.0) / (n - 1.0))


def pooled_standardised_change(
    *,
    n: ArrayLike,
    m1: ArrayLike,
    m2: ArrayLike,
    sd1: ArrayLike,
    sd2: ArrayLike,
    r: ArrayLike,
    correct: bool = True,
) -> Estimate:
    """Mean change over the pooled standard deviation of both occasions, y = J(m) (m1 - m2) / s (SMCRP).

    s^2 = (sd1^2 + sd2^2) / 2, which has m = 2 (n - 1) / (1 + r^2) degrees of freedom, and v = 2 (1 - r) / n + (1 +
    r^2) y^2 / (4 n), for equal variances of the occasions.

    Parameters
    ----------
    n, m1, m2, sd1, sd2, r : array_like
        As for `mean_change`.
    correct : bool
        Whether the change is corrected for its bias.

    Returns
    -------
    Estimate
        In standard deviations of people, as `hedges_g`.

    References
    ----------
    Cousineau 2020, The Quantitative Methods for Psychology 16:418, 10.20982/tqmp.16.4.p418.
    """
    n, m1, m2, sd1, sd2, r = occasions("SMCRP", n, m1, m2, sd1, sd2, r)
    y = _pooled_change(n, m1 - m2, sd1, sd2, r, correct)
    return estimate("SMCRP", y, 2.0 * (1.0 - r) / n + (1.0 + r**2) * y**2 / (4.0 * n))


def pooled_standardised_change_heteroscedastic(
    *,
    n: ArrayLike,
    m1: ArrayLike,
    m2: ArrayLike,
    sd1: ArrayLike,
    sd2: ArrayLike,
    r: ArrayLike,
    correct: bool = True,
) -> Estimate:
    """Mean change over the pooled standard deviation where the variances of the occasions differ (SMCRPH).

    y as for `pooled_standardised_change`, v = s_change^2 / (s^2 (n - 1)) + y^2 (sd1^4 + sd2^4 + 2 r^2 sd1^2 sd2^2) / (8
    s^4 (n - 1)).

    Parameters
    ----------
    n, m1, m2, sd1, sd2, r : array_like
        As for `mean_change`.
    correct : bool
        Whether the change is corrected for its bias.

    Returns
    -------
    Estimate

    References
    ----------
    Bonett 2008, Psychological Methods 13:99, equation 10, 10.1037/1082-989X.13.2.99.
    """
    n, m1, m2, sd1, sd2, r = occasions("SMCRPH", n, m1, m2, sd1, sd2, r)
    y = _pooled_change(n, m1 - m2, sd1, sd2, r, correct)
    s2 = (sd1**2 + sd2**2) / 2.0
    fourth = (sd1**4 + sd2**4 + 2.0 * r**2 * sd1**2 * sd2**2) / (8.0 * s2**2)
    return estimate("SMCRPH", y, (change_sd(sd1, sd2, r) ** 2 / s2 + y**2 * fourth) / (n - 1.0))


def _pooled_change(n: Array, change: Array, sd1: Array, sd2: Array, r: Array, correct: bool) -> Array:
    """J(m) change / s with s^2 the mean of both variances, and its degrees of freedom m."""
    check_flag("correct", correct, error=InputError)
    factor = small_sample_factor(2.0 * (n - 1.0) / (1.0 + r**2)) if correct else 1.0
    return factor * change / np.sqrt((sd1**2 + sd2**2) / 2.0)


def log_ratio_of_paired_means(
    *,
    n: ArrayLike,
    m1: ArrayLike,
    m2: ArrayLike,
    sd1: ArrayLike,
    sd2: ArrayLike,
    r: ArrayLike,
    variance: str = "LS",
    correct: bool = True,
) -> Estimate:
    """Log ratio of means of the same people, y = log(m1 / m2) + (c1^2 - c2^2) / (2 n) with c = sd / m (ROMC).

    v = (c1^2 + c2^2 - 2 r c1 c2) / n; for ``"LS2"`` with (c1^4 + c2^4 - 2 r^2 c1^2 c2^2) / (2 n^2) of the second order
    besides.

    Parameters
    ----------
    n, m1, m2, sd1, sd2, r : array_like
        As for `mean_change`; both means of one sign.
    variance : str
        ``"LS"`` or ``"LS2"``.
    correct : bool
        Whether the bias of the logs, the second term, is removed.

    Returns
    -------
    Estimate
        A log ratio; NaN where the means differ in sign or one is 0.

    References
    ----------
    Lajeunesse 2011, Ecology 92:2049, 10.1890/11-0423.1; Lajeunesse 2015, Ecology 96:2056, for the bias,
    10.1890/14-2402.1.
    """
    check_option("variance", variance, CHANGE_VARIANCES, error=InputError, whose="ROMC: ")
    n, m1, m2, sd1, sd2, r = occasions("ROMC", n, m1, m2, sd1, sd2, r)
    check_flag("correct", correct, error=InputError)
    ratio, note = mean_ratio("ROMC", m1, m2)
    c1, c2 = sd1 / m1, sd2 / m2
    y = np.log(ratio) + (0.5 * (c1**2 - c2**2) / n if correct else 0.0)
    return estimate("ROMC", y, _of_log_means(n, c1, c2, r, variance), note)


def log_ratio_of_paired_variation(
    *,
    n: ArrayLike,
    m1: ArrayLike,
    m2: ArrayLike,
    sd1: ArrayLike,
    sd2: ArrayLike,
    r: ArrayLike,
    variance: str = "LS",
    correct: bool = True,
) -> Estimate:
    """Log ratio of coefficients of variation c = sd / m of the same people (CVRC).

    y = log(c1 / c2) - (c1^2 - c2^2) / (2 n), v = (1 - r^2) / (n - 1) + (c1^2 + c2^2 - 2 r c1 c2) / n, for normal data;
    ``"LS2"`` adds the terms of second order of `log_variability_ratio_of_pairs` and `log_ratio_of_paired_means`.

    Parameters
    ----------
    n, m1, m2, sd1, sd2, r : array_like
        As for `mean_change`; both means above 0.
    variance : str
        ``"LS"`` or ``"LS2"``.
    correct : bool
        Whether the bias of the log means, the second term, is removed; those of the log standard deviations cancel.

    Returns
    -------
    Estimate
        A log ratio; NaN where a mean is not above 0.

    Notes
    -----
    Corrected by default, as metafor does from 5.0 on.

    References
    ----------
    Senior, Viechtbauer & Nakagawa 2020, Research Synthesis Methods 11:553, equation 23, 10.1002/jrsm.1423; terms of
    second order as for normal data, which equation 24 there does not give.
    """
    check_option("variance", variance, CHANGE_VARIANCES, error=InputError, whose="CVRC: ")
    check_flag("correct", correct, error=InputError)
    n, m1, m2, sd1, sd2, r = occasions("CVRC", n, m1, m2, sd1, sd2, r)
    ratio, note = mean_ratio("CVRC", m1, m2, positive=True)
    c1, c2 = sd1 / m1, sd2 / m2
    y = np.log(sd1 / sd2 / ratio) - (0.5 * (c1**2 - c2**2) / n if correct else 0.0)
    return estimate("CVRC", y, _of_log_sds(n, r, variance) + _of_log_means(n, c1, c2, r, variance), note)


def _of_log_means(n: Array, c1: Array, c2: Array, r: Array, variance: str) -> Array:
    """Variance of the difference of two log means of the same people, to first or second order."""
    v = (c1**2 + c2**2 - 2.0 * r * c1 * c2) / n
    return v + 0.5 * (c1**4 + c2**4 - 2.0 * (r * c1 * c2) ** 2) / n**2 if variance == "LS2" else v


def _of_log_sds(n: Array, r: Array, variance: str) -> Array:
    """Variance of the difference of two log standard deviations of the same people, to first or second order."""
    v = (1.0 - r**2) / (n - 1.0)
    return v + (1.0 - r**4) / (n - 1.0) ** 2 if variance == "LS2" else v


def log_variability_ratio_of_pairs(
    *, n: ArrayLike, sd1: ArrayLike, sd2: ArrayLike, r: ArrayLike, variance: str = "LS"
) -> Estimate:
    """Log ratio of standard deviations of the same people, y = log(sd1 / sd2), v = (1 - r^2) / (n - 1) (VRC).

    For ``"LS2"`` with (1 - r^4) / (n - 1)^2 of the second order besides. The biases of both logs cancel.

    Parameters
    ----------
    n, sd1, sd2, r : array_like
        As for `mean_change`.
    variance : str
        ``"LS"`` or ``"LS2"``.

    Returns
    -------
    Estimate
        A log ratio.

    References
    ----------
    Senior, Viechtbauer & Nakagawa 2020, Research Synthesis Methods 11:553, equation 21, 10.1002/jrsm.1423; the term of
    second order as for normal data, which equation 22 there does not give.
    """
    statistics = {"n": (n, GROUP), "sd1": (sd1, POSITIVE), "sd2": (sd2, POSITIVE), "r": (r, CORRELATION)}
    check_option("variance", variance, CHANGE_VARIANCES, error=InputError, whose="VRC: ")
    n, sd1, sd2, r = read("VRC", statistics)
    return estimate("VRC", np.log(sd1 / sd2), _of_log_sds(n, r, variance))


def pre_post_control(
    *,
    n1: ArrayLike,
    pre1: ArrayLike,
    post1: ArrayLike,
    sd1: ArrayLike,
    n2: ArrayLike,
    pre2: ArrayLike,
    post2: ArrayLike,
    sd2: ArrayLike,
    r: ArrayLike,
    correct: bool = True,
) -> Estimate:
    """Difference of the changes of a treated and a control group over their pooled pre-test standard deviation (PPC).

    y = J(m) ((post1 - pre1) - (post2 - pre2)) / s with m = n1 + n2 - 2, and

    v = J^2 m / (m - 2) (2 (1 - r) (1/n1 + 1/n2) + y^2) - y^2.

    Parameters
    ----------
    n1, pre1, post1, sd1 : array_like
        Size, means before and after, and standard deviation before, of the treated group.
    n2, pre2, post2, sd2 : array_like
        The same of the controls.
    r : array_like
        Correlation of pre- and post-test, the same in both groups.
    correct : bool
        Whether the difference is corrected for its bias.

    Returns
    -------
    Estimate
        In standard deviations of people, as `hedges_g`.

    References
    ----------
    Morris 2008, Organizational Research Methods 11:364, equations 8 and 25 (d_ppc2), 10.1177/1094428106291059.
    """
    statistics = {
        "n1": (n1, GROUP),
        "pre1": (pre1, ANY),
        "post1": (post1, ANY),
        "sd1": (sd1, POSITIVE),
        "n2": (n2, GROUP),
        "pre2": (pre2, ANY),
        "post2": (post2, ANY),
        "sd2": (sd2, POSITIVE),
        "r": (r, CORRELATION),
    }
    n1, pre1, post1, sd1, n2, pre2, post2, sd2, r = read("PPC", statistics)
    check_flag("correct", correct, error=InputError)
    df = n1 + n2 - 2.0
    d = ((post1 - pre1) - (post2 - pre2)) / pooled_sd(n1, sd1, n2, sd2)
    factor = small_sample_factor(df) if correct else np.ones_like(df)
    spread = 2.0 * (1.0 - r) * (1.0 / n1 + 1.0 / n2)
    usable = np.where(df > 2.0, df, np.nan)
    y = factor * d
    return estimate("PPC", y, factor**2 * usable / (usable - 2.0) * (spread + y**2) - y**2)


def occasions(
    measure: str, n: ArrayLike, m1: ArrayLike, m2: ArrayLike, sd1: ArrayLike, sd2: ArrayLike, r: ArrayLike
) -> list[Array]:
    """Sizes, means, standard deviations and correlations of two occasions, read and checked; see `read`."""
    means = {"n": (n, GROUP), "m1": (m1, ANY), "m2": (m2, ANY)}
    return read(measure, means | {"sd1": (sd1, POSITIVE), "sd2": (sd2, POSITIVE), "r": (r, CORRELATION)})


def change_sd(sd1: Array, sd2: Array, r: Array) -> Array:
    """Standard deviation of differences of the same people."""
    return np.sqrt(sd1**2 + sd2**2 - 2.0 * r * sd1 * sd2)


def _change(measure: str, d: Array, n: Array, spread: Array | float, variance: str, correct: bool) -> Estimate:
    """Estimates of a change d whose variance is spread / n + d^2 / (2 n)."""
    check_option("variance", variance, CHANGE_VARIANCES, error=InputError, whose=f"{measure}: ")
    check_flag("correct", correct, error=InputError)
    factor = small_sample_factor(n - 1.0)
    y = factor * d if correct else d
    if variance == "LS2" and correct:
        return estimate(measure, y, factor**2 * (spread / n + d**2 / (2.0 * n)))
    return estimate(measure, y, spread / n + y**2 / (2.0 * n))
