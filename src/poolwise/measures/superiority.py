"""Stochastic superiority: the probability that somebody of one group lies above somebody of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.errors import InputError
from poolwise.measures.estimate import Estimate, estimate
from poolwise.measures.means import MD_VARIANCES, groups, pooled_sd
from poolwise.measures.paired import occasions
from poolwise.measures.statistics import GROUP, RISK, read
from poolwise.settings import check_option

Array = NDArray[np.float64]

CLES_VARIANCES = ("LS", "LS2")


def area_under_the_curve(*, auc: ArrayLike, n1: ArrayLike, n2: ArrayLike, variance: str = "LS") -> Estimate:
    """Common language effect size that is reported as such, y = A = P(X1 > X2), the area under the ROC curve (CLES).

    With m = (n1 + n2) / 2 - 1, for ``"LS"`` v = A (1 - A) (1 + m (1 - A) / (2 - A) + m A / (1 + A)) / ((n1 - 1)(n2 -
    1)); for ``"LS2"`` v = (A (1 - A) + (n1 - 1)(A / (2 - A) - A^2) + (n2 - 1)(2 A^2 / (1 + A) - A^2)) / ((n1 - 1)(n2 -
    1)).

    Parameters
    ----------
    auc, n1, n2 : array_like
        Probability (U / (n1 n2) with the U of Mann and Whitney), and sizes of the groups.
    variance : str
        ``"LS"`` is Newcombe's fourth method, ``"LS2"`` that of Hanley and McNeil.

    Returns
    -------
    Estimate
        A probability.

    References
    ----------
    Newcombe 2006, Statistics in Medicine 25:559, for LS, 10.1002/sim.2324; Hanley & McNeil 1982, Radiology 143:29,
    equations 1 and 2, for LS2, 10.1148/radiology.143.1.7063747; Cho, Matthews & Harel 2019, International Statistical
    Review 87:152, for n - 1 in the denominators, 10.1111/insr.12277.
    """
    check_option("variance", variance, CLES_VARIANCES, error=InputError, whose="CLES: ")
    a, n1, n2 = read("CLES", {"auc": (auc, RISK), "n1": (n1, GROUP), "n2": (n2, GROUP)})
    below, above = (1.0 - a) / (2.0 - a), a / (1.0 + a)
    if variance == "LS":
        m = (n1 + n2) / 2.0 - 1.0
        spread = a * (1.0 - a) * (1.0 + m * (below + above))
    else:
        spread = a * (1.0 - a) * (1.0 + (n1 - 1.0) * below + (n2 - 1.0) * above)
    return estimate("CLES", a, spread / ((n1 - 1.0) * (n2 - 1.0)))


def common_language_effect_size(
    *,
    n1: ArrayLike,
    m1: ArrayLike,
    sd1: ArrayLike,
    n2: ArrayLike,
    m2: ArrayLike,
    sd2: ArrayLike,
    variance: str = "LS",
) -> Estimate:
    """Probability that somebody of the first group lies above somebody of the second, for normal data (CLESN).

    y = Phi(z) with z = (m1 - m2) / sqrt(S), S = sd1^2 + sd2^2, and v = phi(z)^2 v_z with

    v_z = (sd1^2/(n1-1) + sd2^2/(n2-1)) / S + z^2 (sd1^4/(n1-1) + sd2^4/(n2-1)) / (2 S^2);

    for ``"HO"`` both groups have the pooled standard deviation, and v_z = (1/n1 + 1/n2 + z^2 / (n1 + n2)) / 2.

    Parameters
    ----------
    n1, m1, sd1, n2, m2, sd2 : array_like
        Sizes, means and standard deviations of both groups.
    variance : str
        ``"LS"`` or ``"HO"``.

    Returns
    -------
    Estimate
        A probability; of a reported d, `convert` makes the one of ``"HO"``.

    References
    ----------
    McGraw & Wong 1992, Psychological Bulletin 111:361, 10.1037/0033-2909.111.2.361; Goddard & Hinberg 1990, Statistics
    in Medicine 9:325, equations 3 and 4, for the variance, 10.1002/sim.4780090315.
    """
    check_option("variance", variance, MD_VARIANCES, error=InputError, whose="CLESN: ")
    n1, m1, sd1, n2, m2, sd2 = groups("CLESN", n1, m1, sd1, n2, m2, sd2)
    if variance == "HO":
        z = (m1 - m2) / pooled_sd(n1, sd1, n2, sd2) / np.sqrt(2.0)
        return _of_z("CLESN", z, (1.0 / n1 + 1.0 / n2 + z**2 / (n1 + n2)) / 2.0)
    total = sd1**2 + sd2**2
    z = (m1 - m2) / np.sqrt(total)
    v = (sd1**2 / (n1 - 1.0) + sd2**2 / (n2 - 1.0)) / total
    v = v + z**2 * (sd1**4 / (n1 - 1.0) + sd2**4 / (n2 - 1.0)) / (2.0 * total**2)
    return _of_z("CLESN", z, v)


def common_language_effect_size_of_pairs(
    *,
    n: ArrayLike,
    m1: ArrayLike,
    m2: ArrayLike,
    sd1: ArrayLike,
    sd2: ArrayLike,
    r: ArrayLike,
) -> Estimate:
    """Probability that somebody at the first occasion lies above somebody else at the second, y = Phi(z) (CLESCN).

    z = (m1 - m2) / sqrt(S), S = sd1^2 + sd2^2, and v = phi(z)^2 v_z with, for normal data,

    v_z = ((sd1^2 + sd2^2 - 2 r sd1 sd2) / S + z^2 (sd1^4 + sd2^4 + 2 r^2 sd1^2 sd2^2) / (2 S^2)) / (n - 1).

    Parameters
    ----------
    n, m1, m2, sd1, sd2, r : array_like
        As for `mean_change`.

    Returns
    -------
    Estimate
        A probability, that of two different people, not of one person's change.

    References
    ----------
    McGraw & Wong 1992, Psychological Bulletin 111:361, 10.1037/0033-2909.111.2.361; Goddard & Hinberg 1990, Statistics
    in Medicine 9:325, 10.1002/sim.4780090315; the covariance of both occasions by the delta method.
    """
    n, m1, m2, sd1, sd2, r = occasions("CLESCN", n, m1, m2, sd1, sd2, r)
    total, shared = sd1**2 + sd2**2, r * sd1 * sd2
    z = (m1 - m2) / np.sqrt(total)
    v = (total - 2.0 * shared) / total + z**2 * (sd1**4 + sd2**4 + 2.0 * shared**2) / (2.0 * total**2)
    return _of_z("CLESCN", z, v / (n - 1.0))


def _of_z(measure: str, z: Array, v: Array) -> Estimate:
    """Phi(z), with the variance of z carried over by the delta method."""
    return estimate(measure, special.ndtr(z), np.exp(-(z**2)) / (2.0 * np.pi) * v)
