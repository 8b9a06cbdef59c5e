"""Differences of means in standard deviations: Hedges' g, and its kin for groups whose variances differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import InputError
from poolwise.measures.estimate import Estimate, estimate
from poolwise.measures.means import groups, small_sample_factor, weighted_mean
from poolwise.measures.statistics import ANY, GROUP, PEOPLE, POSITIVE, read
from poolwise.settings import check_flag, check_option

Array = NDArray[np.float64]

COX = 1.65
"""Log odds ratio over standardised difference for normal responses (Cox & Snell 1989)."""
LOGISTIC = np.pi / np.sqrt(3.0)
"""The same for logistic responses: the standard deviation of the logistic distribution."""
_REVMAN = 3.94
SMD_VARIANCES = ("LS", "LS2", "LS3", "UB", "AV", "H0")


def hedges_g(*, d: ArrayLike, n1: ArrayLike, n2: ArrayLike, variance: str = "LS", correct: bool = True) -> Estimate:
    """Hedges' g of two independent groups, y = J(n1 + n2 - 2) d; Cohen's d without J (SMD).

    Sampling variances, with m = n1 + n2 - 2:

    - ``"LS"``: 1/n1 + 1/n2 + y^2 / (2 (n1 + n2))
    - ``"LS2"``: J^2 (1/n1 + 1/n2 + d^2 / (2 (n1 + n2)))
    - ``"LS3"``: 1/n1 + 1/n2 + y^2 / (2 (n1 + n2 - 3.94))
    - ``"UB"``: 1/n1 + 1/n2 + (1 - (m - 2) / (m J^2)) y^2, unbiased
    - ``"AV"``: as ``"LS"`` with the mean of all y, weighted by n1 + n2, instead of each y
    - ``"H0"``: J^2 (1/n1 + 1/n2) m / (m - 2), right where there is no effect

    With ``correct=False``, y = d, ``"LS2"`` and ``"H0"`` have no J, and ``"UB"`` is (1/n1 + 1/n2) / J^2 + (1 - (m - 2)
    / (m J^2)) d^2, which is unbiased for the variance of d.

    Parameters
    ----------
    d : array_like
        Difference of the means over the pooled standard deviation, not corrected for bias; see `d_of_means`, `d_of_t`,
        `d_of_p`, `d_of_f` and `d_of_r`.
    n1, n2 : array_like
        Sizes of the groups.
    variance : str
        Which of these.
    correct : bool
        Whether d is corrected for its bias.

    Returns
    -------
    Estimate
        In standard deviations.

    Notes
    -----
    Corrected with ``"LS"`` by default, as most packages have it; ``"AV"`` and ``"H0"`` free the weights of the effects.
    metafor 5.2 takes J = 1 in ``"UB"`` of an uncorrected d, whose mean is then above the variance.

    References
    ----------
    Hedges 1981, Journal of Educational Statistics 6:107, 10.3102/10769986006002107; Hedges 1982, Psychological Bulletin
    92:490, equation 8 for LS, 10.1037/0033-2909.92.2.490; Borenstein 2009, in Cooper, Hedges & Valentine, The Handbook
    of Research Synthesis and Meta-Analysis, equation 12.17 for LS2, 10.7758/9781610448864; Hedges 1983, Psychological
    Bulletin 93:388, equation 9 for UB, 10.1037/0033-2909.93.2.388; Lin & Aloe 2021, Statistics in Medicine 40:403,
    equation 14 for LS3, 10.1002/sim.8781.

    Examples
    --------
    >>> y, v = hedges_g(d=0.5, n1=20, n2=20)
    >>> round(float(y), 4), round(float(v), 4)
    (0.4901, 0.103)
    """
    d, n1, n2 = read("SMD", {"d": (d, ANY), "n1": (n1, PEOPLE), "n2": (n2, PEOPLE)})
    return _hedges("SMD", d, n1, n2, variance, correct)


def smd_by_average_variance(
    *,
    n1: ArrayLike,
    m1: ArrayLike,
    sd1: ArrayLike,
    n2: ArrayLike,
    m2: ArrayLike,
    sd2: ArrayLike,
    correct: bool = True,
) -> Estimate:
    """Difference of means over the root of the average variance, for groups whose variances differ (SMDH).

    y = J(n1 + n2 - 2) (m1 - m2) / s with s^2 = (sd1^2 + sd2^2) / 2, and

    v = y^2 (sd1^4/(n1-1) + sd2^4/(n2-1)) / (8 s^4) + (sd1^2/(n1-1) + sd2^2/(n2-1)) / s^2.

    Parameters
    ----------
    n1, m1, sd1, n2, m2, sd2 : array_like
        Sizes, means and standard deviations of both groups.
    correct : bool
        Whether d is corrected for its bias.

    Returns
    -------
    Estimate

    Notes
    -----
    v holds the corrected y and no J besides, as in metafor from 4.6 on.

    References
    ----------
    Bonett 2008, Psychological Methods 13:99, 10.1037/1082-989X.13.2.99; Bonett 2009, Psychological Methods 14:225, for
    the factor, 10.1037/a0016619.
    """
    n1, m1, sd1, n2, m2, sd2 = groups("SMDH", n1, m1, sd1, n2, m2, sd2)
    check_flag("correct", correct, error=InputError)
    s2 = (sd1**2 + sd2**2) / 2.0
    y = (small_sample_factor(n1 + n2 - 2.0) if correct else 1.0) * (m1 - m2) / np.sqrt(s2)
    v = y**2 * (sd1**4 / (n1 - 1.0) + sd2**4 / (n2 - 1.0)) / (8.0 * s2**2)
    return estimate("SMDH", y, v + (sd1**2 / (n1 - 1.0) + sd2**2 / (n2 - 1.0)) / s2)


def glass_delta(
    *,
    n1: ArrayLike,
    m1: ArrayLike,
    n2: ArrayLike,
    m2: ArrayLike,
    sd2: ArrayLike,
    variance: str = "LS",
    correct: bool = True,
) -> Estimate:
    """Glass's Delta: the difference of means over the standard deviation of the second group (SMD1).

    y = J(n2 - 1) (m1 - m2) / sd2, v = 1/n1 + 1/n2 + y^2 / (2 n2) and the like, for equal variances of the groups.

    Parameters
    ----------
    n1, m1, n2, m2, sd2 : array_like
        Sizes and means of both groups, and the standard deviation of the second, as a rule the controls.
    variance : str
        As for `hedges_g`, with n2 - 1 degrees of freedom and n2 for n1 + n2; ``"LS3"`` is for pooled standard
        deviations alone.
    correct : bool
        Whether the difference is corrected for its bias.

    Returns
    -------
    Estimate

    References
    ----------
    Hedges 1981, Journal of Educational Statistics 6:107, 10.3102/10769986006002107.
    """
    statistics = {"n1": (n1, PEOPLE), "m1": (m1, ANY), "n2": (n2, GROUP), "m2": (m2, ANY), "sd2": (sd2, POSITIVE)}
    n1, m1, n2, m2, sd2 = read("SMD1", statistics)
    return _hedges("SMD1", (m1 - m2) / sd2, n1, n2, variance, correct, second_alone=True)


def glass_delta_heteroscedastic(
    *,
    n1: ArrayLike,
    m1: ArrayLike,
    sd1: ArrayLike,
    n2: ArrayLike,
    m2: ArrayLike,
    sd2: ArrayLike,
    correct: bool = True,
) -> Estimate:
    """Glass's Delta where the variances of the groups differ (SMD1H).

    y = J(n2 - 1) (m1 - m2) / sd2, v = (sd1^2 / sd2^2) / (n1 - 1) + 1 / (n2 - 1) + y^2 / (2 (n2 - 1)).

    Parameters
    ----------
    n1, m1, sd1, n2, m2, sd2 : array_like
        Sizes, means and standard deviations of both groups.
    correct : bool
        Whether the difference is corrected for its bias.

    Returns
    -------
    Estimate

    Notes
    -----
    v has n - 1, as that of `smd_by_average_variance` has, and as in metafor from 4.6 on.

    References
    ----------
    Bonett 2008, Psychological Methods 13:99, 10.1037/1082-989X.13.2.99.
    """
    n1, m1, sd1, n2, m2, sd2 = groups("SMD1H", n1, m1, sd1, n2, m2, sd2)
    check_flag("correct", correct, error=InputError)
    y = (small_sample_factor(n2 - 1.0) if correct else 1.0) * (m1 - m2) / sd2
    return estimate("SMD1H", y, (sd1 / sd2) ** 2 / (n1 - 1.0) + (1.0 + y**2 / 2.0) / (n2 - 1.0))


def log_odds_from_d_logistic(*, d: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> Estimate:
    """Cohen's d as a log odds ratio of logistic responses, y = d pi / sqrt(3) (D2ORL).

    v = pi^2 / 3 (1/n1 + 1/n2 + d^2 / (2 (n1 + n2))).

    Parameters
    ----------
    d, n1, n2 : array_like
        Cohen's d, not corrected for bias, and the sizes of the groups.

    Returns
    -------
    Estimate
        A log odds ratio.

    References
    ----------
    Hasselblad & Hedges 1995, Psychological Bulletin 117:167, 10.1037/0033-2909.117.1.167; Chinn 2000, Statistics in
    Medicine 19:3127, 10.1002/1097-0258(20001130)19:22<3127::AID-SIM784>3.0.CO;2-M.
    """
    return _log_odds_of_d("D2ORL", d, n1, n2, LOGISTIC)


def log_odds_from_d_normal(*, d: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> Estimate:
    """Cohen's d as a log odds ratio of normal responses, y = 1.65 d (D2ORN).

    v = 1.65^2 (1/n1 + 1/n2 + d^2 / (2 (n1 + n2))).

    Parameters
    ----------
    d, n1, n2 : array_like
        Cohen's d, not corrected for bias, and the sizes of the groups.

    Returns
    -------
    Estimate
        A log odds ratio.

    References
    ----------
    Cox & Snell 1989, Analysis of Binary Data, 2nd edition; Sánchez-Meca, Marín-Martínez & Chacón-Moscoso 2003,
    Psychological Methods 8:448, 10.1037/1082-989X.8.4.448.
    """
    return _log_odds_of_d("D2ORN", d, n1, n2, COX)


def _log_odds_of_d(measure: str, d: ArrayLike, n1: ArrayLike, n2: ArrayLike, factor: float) -> Estimate:
    d, n1, n2 = read(measure, {"d": (d, ANY), "n1": (n1, PEOPLE), "n2": (n2, PEOPLE)})
    own = _hedges(measure, d, n1, n2, "LS", correct=False)
    return estimate(measure, factor * own.y, factor**2 * own.v)


def _hedges(
    measure: str,
    d: Array,
    n1: Array,
    n2: Array,
    variance: str,
    correct: bool,
    second_alone: bool = False,
) -> Estimate:
    """Estimates from differences in standard deviations of both groups together, or of the second alone."""
    known = tuple(name for name in SMD_VARIANCES if name != "LS3") if second_alone else SMD_VARIANCES
    check_option("variance", variance, known, error=InputError, whose=f"{measure}: ")
    check_flag("correct", correct, error=InputError)
    df, size = (n2 - 1.0, n2) if second_alone else (n1 + n2 - 2.0, n1 + n2)
    j = small_sample_factor(df)
    factor = j if correct else np.ones_like(j)
    y = factor * d
    base = 1.0 / n1 + 1.0 / n2
    match variance:
        case "LS":
            v = base + y**2 / (2.0 * size)
        case "LS2":
            v = factor**2 * (base + d**2 / (2.0 * size))
        case "LS3":
            v = base + y**2 / (2.0 * (size - _REVMAN))
        case "UB":
            v = base / (1.0 if correct else j**2) + (1.0 - (df - 2.0) / (df * j**2)) * y**2
        case "AV":
            v = base + weighted_mean(y, n1 + n2) ** 2 / (2.0 * size)
        case _:
            v = factor**2 * base * df / np.where(df > 2.0, df - 2.0, np.nan)
    return estimate(measure, y, v)
