"""Correlations: raw, unbiased, Fisher's z, partial and semi-partial, point-biserial and biserial."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.errors import InputError
from poolwise.measures.estimate import Estimate, as_z, estimate
from poolwise.measures.means import weighted_mean
from poolwise.measures.statistics import ANY, CORRELATION, GROUP, PEOPLE, SHARE, read, refuse, whole
from poolwise.settings import check_option

Array = NDArray[np.float64]

COR_VARIANCES = ("LS", "AV", "H0")
UCOR_VARIANCES = ("LS", "UB", "AV")
R2_VARIANCES = ("LS", "LS2", "AV", "AV2")
SAMPLING = ("ST", "CS")

_LARGE = 40.0  # from here on the terms of the series fall fast even at x = 1, where they are as k to the power -c
_TERMS = 200
_SMALLEST = 1e-18


def correlation(*, r: ArrayLike, n: ArrayLike, variance: str = "LS") -> Estimate:
    """Raw correlation, y = r, v = (1 - r^2)^2 / (n - 1).

    Parameters
    ----------
    r, n : array_like
        Correlations and sample sizes of at least 3.
    variance : str
        ``"LS"``; ``"AV"`` with the mean of all r, weighted by n, in the variance; ``"H0"``, (1 - r^2) / (n
        - 2), whose mean is the variance where there is no correlation, 1 / (n - 1).

    Returns
    -------
    Estimate
        A correlation; its variance depends on it, so that Fisher's z is the better scale for pooling.

    References
    ----------
    Borenstein 2009, in The Handbook of Research Synthesis and Meta-Analysis, equation 12.27, 10.7758/9781610448864.
    """
    check_option("variance", variance, COR_VARIANCES, error=InputError, whose="COR: ")
    r, n = read("COR", {"r": (r, CORRELATION), "n": (n, whole(3))})
    if variance == "H0":
        return estimate("COR", r, (1.0 - r**2) / (n - 2.0))
    return estimate("COR", r, _large_sample(weighted_mean(r, n) if variance == "AV" else r, n))


def unbiased_correlation(*, r: ArrayLike, n: ArrayLike, variance: str = "LS") -> Estimate:
    """Correlation without its bias, y = r F(1/2, 1/2; (n - 2) / 2; 1 - r^2) with the hypergeometric function F.

    v = (1 - y^2)^2 / (n - 1) for ``"LS"``; for ``"UB"`` the unbiased y^2 - 1 + (n - 3)/(n - 2) (1 - r^2) F(1, 1; n/2;
    1 - r^2); for ``"AV"`` as ``"LS"`` with the mean of all y, weighted by n.

    Parameters
    ----------
    r, n : array_like
        Correlations and sample sizes of at least 4.
    variance : str
        Which variance.

    Returns
    -------
    Estimate

    References
    ----------
    Olkin & Pratt 1958, Annals of Mathematical Statistics 29:201, equation 2.3, 10.1214/aoms/1177706717; Hedges 1989,
    Journal of Applied Psychology 74:469, for UB, 10.1037/0021-9010.74.3.469.
    """
    check_option("variance", variance, UCOR_VARIANCES, error=InputError, whose="UCOR: ")
    r, n = read("UCOR", {"r": (r, CORRELATION), "n": (n, whole(4))})
    rest = 1.0 - r**2
    factor = _hypergeometric(0.5, (n - 2.0) / 2.0, rest)
    y = r * np.where(r == 0.0, 1.0, factor)  # which is infinite for r = 0 and n = 4, and r times it goes to 0
    if variance == "UB":
        v = y**2 - 1.0 + (n - 3.0) / (n - 2.0) * rest * _hypergeometric(1.0, n / 2.0, rest)
        return estimate("UCOR", y, v)
    return estimate("UCOR", y, _large_sample(weighted_mean(y, n) if variance == "AV" else y, n))


def _hypergeometric(a: float, c: Array, x: Array) -> Array:
    """F(a, a; c; x) for x from 0 to 1: by its series where c is large, whose gamma functions overflow elsewhere."""
    c, x = np.broadcast_arrays(np.asarray(c, dtype=float), np.asarray(x, dtype=float))
    large = c > _LARGE
    found = special.hyp2f1(a, a, np.where(large, _LARGE, c), np.where(large, 0.0, x))
    if not large.any():
        return np.asarray(found)
    c, x = np.where(large, c, _LARGE), np.where(large, x, 0.0)
    term, total = np.ones_like(x), np.ones_like(x)
    for k in range(_TERMS):
        term = term * (a + k) ** 2 / ((c + k) * (k + 1.0)) * x
        total = total + term
        if np.all(np.abs(term) < _SMALLEST * total):
            break
    return np.where(large, total, found)


def fisher_z(*, r: ArrayLike, n: ArrayLike) -> Estimate:
    """Fisher's z of a correlation, y = atanh(r), v = 1 / (n - 3).

    Parameters
    ----------
    r, n : array_like
        Correlations and sample sizes of at least 4.

    Returns
    -------
    Estimate

    References
    ----------
    Fisher 1921, Metron 1:3; Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 6, 10.1002/9780470743386.

    Examples
    --------
    >>> y, v = fisher_z(r=0.5, n=103)
    >>> round(float(y), 4), float(v)
    (0.5493, 0.01)
    """
    return estimate("ZCOR", *z_and_variance(*read("ZCOR", {"r": (r, CORRELATION), "n": (n, whole(4))})))


def z_and_variance(r: Array, n: Array) -> tuple[Array, Array]:
    """Fisher's z and its variance, from correlations and sample sizes that have been checked; see `fisher_z`."""
    return np.arctanh(r), 1.0 / (n - 3.0)


def partial_correlation(*, t: ArrayLike, n: ArrayLike, predictors: ArrayLike) -> Estimate:
    """Partial correlation of a regression's coefficient, y = t / sqrt(t^2 + df), v = (1 - y^2)^2 / (df + 1) (PCOR).

    Parameters
    ----------
    t : array_like
        The coefficient's t.
    n : array_like
        Sample sizes.
    predictors : array_like
        Number m of predictors in the regression, the one of interest included: df = n - m - 1.

    Returns
    -------
    Estimate

    Notes
    -----
    A partial correlation has the law of a correlation of m - 1 people less, so that df + 1 = n - m stands where that
    has n - 1; metafor does so from 4.4 on.

    References
    ----------
    Aloe & Thompson 2013, Journal of the Society for Social Work and Research 4:390, 10.5243/jsswr.2013.24.
    """
    t, n, predictors = _regression("PCOR", t, n, predictors)
    df = n - predictors - 1.0
    y = t / np.sqrt(t**2 + df)
    return estimate("PCOR", y, (1.0 - y**2) ** 2 / (df + 1.0))


def fisher_z_of_partial(*, t: ArrayLike, n: ArrayLike, predictors: ArrayLike) -> Estimate:
    """Fisher's z of a partial correlation, v = 1 / (n - m - 2) (ZPCOR).

    Parameters
    ----------
    t, n, predictors : array_like
        As for `partial_correlation`.

    Returns
    -------
    Estimate

    Notes
    -----
    n - m - 2 with m counting the predictor of interest is n - 3 less one for each variable held constant.

    References
    ----------
    Fisher 1924, Metron 3:329; Aloe & Thompson 2013, Journal of the Society for Social Work and Research 4:390,
    10.5243/jsswr.2013.24.
    """
    t, n, predictors = _regression("ZPCOR", t, n, predictors)
    refuse("ZPCOR", n - predictors < 3.0, "n is too small", "n above the number of predictors by 3 or more")
    df = n - predictors - 1.0
    return estimate("ZPCOR", np.arctanh(t / np.sqrt(t**2 + df)), 1.0 / (df - 1.0))


def semipartial_correlation(*, t: ArrayLike, n: ArrayLike, predictors: ArrayLike, r2: ArrayLike) -> Estimate:
    """Semi-partial correlation of a regression's coefficient, y = t sqrt((1 - R^2) / df) (SPCOR).

    v = (R^4 - 2 R^2 + R'^2 + 1 - R'^4) / n, with R'^2 = R^2 - y^2 of the regression without the predictor.

    Parameters
    ----------
    t, n, predictors : array_like
        As for `partial_correlation`.
    r2 : array_like
        R^2 of the regression.

    Returns
    -------
    Estimate

    References
    ----------
    Aloe & Becker 2012, Journal of Educational and Behavioral Statistics 37:278, 10.3102/1076998610396901.
    """
    t, n, predictors = _regression("SPCOR", t, n, predictors)
    (r2,) = read("SPCOR", {"r2": (r2, SHARE)})
    y = t * np.sqrt((1.0 - r2) / (n - predictors - 1.0))
    refuse("SPCOR", y**2 > r2, "t is too large for this R^2", "a predictor that explains at most R^2")
    without = r2 - y**2
    return estimate("SPCOR", y, (r2**2 - 2.0 * r2 + without + 1.0 - without**2) / n)


def fisher_z_of_semipartial(*, t: ArrayLike, n: ArrayLike, predictors: ArrayLike, r2: ArrayLike) -> Estimate:
    """Fisher's z of a semi-partial correlation, v by the delta method (ZSPCOR); it does not stabilise the variance.

    Parameters
    ----------
    t, n, predictors, r2
        As for `semipartial_correlation`.

    Returns
    -------
    Estimate

    References
    ----------
    Aloe & Becker 2012, Journal of Educational and Behavioral Statistics 37:278, 10.3102/1076998610396901.
    """
    return as_z("ZSPCOR", semipartial_correlation(t=t, n=n, predictors=predictors, r2=r2))


def coefficient_of_determination(
    *, r2: ArrayLike, n: ArrayLike, predictors: ArrayLike, variance: str = "LS"
) -> Estimate:
    """R^2 of a regression, y = R^2, v = 4 R^2 (1 - R^2)^2 / n (R2).

    For ``"LS2"`` v = 4 R^2 (1 - R^2)^2 (n - m - 1)^2 / ((n^2 - 1)(n + 3)) with m predictors; ``"AV"`` and ``"AV2"`` are
    these with the mean of all R^2, weighted by n. All of them for a true R^2 that is not 0.

    Parameters
    ----------
    r2, n, predictors : array_like
        R^2, sample sizes, and number of predictors of each regression.
    variance : str
        Which variance.

    Returns
    -------
    Estimate
        Never negative, so that a pooled one says nothing of whether the predictors predict at all.

    References
    ----------
    Olkin & Finn 1995, Psychological Bulletin 118:155, 10.1037/0033-2909.118.1.155.
    """
    check_option("variance", variance, R2_VARIANCES, error=InputError, whose="R2: ")
    r2, n, m = _determination("R2", r2, n, predictors)
    share = weighted_mean(r2, n) if variance in ("AV", "AV2") else r2
    v = 4.0 * share * (1.0 - share) ** 2
    return estimate(
        "R2", r2, v / n if variance in ("LS", "AV") else v * (n - m - 1.0) ** 2 / ((n**2 - 1.0) * (n + 3.0))
    )


def fisher_z_of_determination(*, r2: ArrayLike, n: ArrayLike, predictors: ArrayLike) -> Estimate:
    """Fisher's z of the root of R^2, y = atanh(R), v = 1 / n (ZR2).

    Parameters
    ----------
    r2, n, predictors : array_like
        As for `coefficient_of_determination`.

    Returns
    -------
    Estimate

    References
    ----------
    Olkin & Finn 1995, Psychological Bulletin 118:155, 10.1037/0033-2909.118.1.155, whose z is twice as large.
    """
    r2, n, _ = _determination("ZR2", r2, n, predictors)
    return estimate("ZR2", np.arctanh(np.sqrt(r2)), 1.0 / n)


def _determination(measure: str, r2: ArrayLike, n: ArrayLike, predictors: ArrayLike) -> list[Array]:
    r2, n, m = read(measure, {"r2": (r2, SHARE), "n": (n, GROUP), "predictors": (predictors, PEOPLE)})
    refuse(measure, n - m < 2.0, "n leaves no degree of freedom", "n above the number of predictors by 2")
    return [r2, n, m]


def point_biserial(*, d: ArrayLike, n1: ArrayLike, n2: ArrayLike, sampling: str = "ST") -> Estimate:
    """Point-biserial correlation of a group with a measurement, y = d / sqrt(d^2 + h), h = m/n1 + m/n2 (RPB).

    With m = n1 + n2 - 2 and p the share of the first group: for stratified sampling (``"ST"``) v = h^2 / (h + d^2)^3
    (1/n1 + 1/n2 + d^2 / (2 (n1 + n2))); for cross-sectional sampling (``"CS"``) v = (1 - y^2)^2 (y^2 / (4 p (1 - p)) +
    (2 - 3 y^2) / 2) / (n1 + n2).

    Parameters
    ----------
    d, n1, n2 : array_like
        Cohen's d of the groups and their sizes; see `d_of_means`.
    sampling : str
        ``"ST"`` when the sizes of the groups were set, ``"CS"`` when they came about.

    Returns
    -------
    Estimate
        A correlation.

    References
    ----------
    Tate 1954, Annals of Mathematical Statistics 25:603, for CS, 10.1214/aoms/1177728730; Jacobs & Viechtbauer 2017,
    Research Synthesis Methods 8:161, 10.1002/jrsm.1218.
    """
    return _rpb("RPB", _cohen("RPB", d, n1, n2), sampling)


def fisher_z_of_point_biserial(*, d: ArrayLike, n1: ArrayLike, n2: ArrayLike, sampling: str = "ST") -> Estimate:
    """Fisher's z of a point-biserial correlation, v by the delta method (ZPB); it does not stabilise the variance.

    Parameters
    ----------
    d, n1, n2, sampling
        As for `point_biserial`.

    Returns
    -------
    Estimate

    References
    ----------
    Jacobs & Viechtbauer 2017, Research Synthesis Methods 8:161, 10.1002/jrsm.1218.
    """
    return as_z("ZPB", _rpb("RPB", _cohen("ZPB", d, n1, n2), sampling))


def biserial(*, d: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> Estimate:
    """Biserial correlation: that of the measurement with the normal variable behind the two groups (RBIS).

    y = r sqrt(p q) / f with the point-biserial r, the shares p and q of the groups, and the normal density f at the
    quantile z of p; v is Soper's, (y^4 + y^2 (p q z^2 / f^2 + (1 - 2 p) z / f - 5/2) + p q / f^2) / (n - 1).

    Parameters
    ----------
    d, n1, n2 : array_like
        Cohen's d of the groups and their sizes; see `d_of_means`.

    Returns
    -------
    Estimate
        A correlation; kept within [-1, 1], which a note tells (of groups that hardly overlap the formula makes more).

    Notes
    -----
    metafor takes 1 in the variance, too, and leaves the estimate beyond 1 as it is.

    References
    ----------
    Soper 1914, Biometrika 10:384, 10.1093/biomet/10.2-3.384; Jacobs & Viechtbauer 2017, Research Synthesis Methods
    8:161, 10.1002/jrsm.1218.
    """
    return _biserial(_cohen("RBIS", d, n1, n2))


def fisher_z_of_biserial(*, d: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> Estimate:
    """Fisher's z of a biserial correlation, v by the delta method (ZBIS); it does not stabilise the variance.

    Parameters
    ----------
    d, n1, n2 : array_like
        Cohen's d of the groups and their sizes; see `d_of_means`.

    Returns
    -------
    Estimate

    References
    ----------
    Jacobs & Viechtbauer 2017, Research Synthesis Methods 8:161, 10.1002/jrsm.1218.
    """
    return as_z("ZBIS", _biserial(_cohen("ZBIS", d, n1, n2)))


def _large_sample(r: Array, n: Array) -> Array:
    return (1.0 - r**2) ** 2 / (n - 1.0)


def _regression(measure: str, t: ArrayLike, n: ArrayLike, predictors: ArrayLike) -> list[Array]:
    t, n, predictors = read(measure, {"t": (t, ANY), "n": (n, GROUP), "predictors": (predictors, PEOPLE)})
    refuse(measure, n - predictors < 2.0, "n leaves no degree of freedom", "n above the number of predictors by 2")
    return [t, n, predictors]


def _cohen(measure: str, d: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> list[Array]:
    return read(measure, {"d": (d, ANY), "n1": (n1, PEOPLE), "n2": (n2, PEOPLE)})


def _rpb(measure: str, cohen: list[Array], sampling: str) -> Estimate:
    check_option("sampling", sampling, SAMPLING, error=InputError, whose=f"{measure}: ")
    d, n1, n2 = cohen
    n = n1 + n2
    h = (n - 2.0) * (1.0 / n1 + 1.0 / n2)
    y = d / np.sqrt(d**2 + h)
    if sampling == "ST":
        v = h**2 / (h + d**2) ** 3 * (1.0 / n1 + 1.0 / n2 + d**2 / (2.0 * n))
    else:
        p = n1 / n
        v = (1.0 - y**2) ** 2 * (y**2 / (4.0 * p * (1.0 - p)) + (2.0 - 3.0 * y**2) / 2.0) / n
    return estimate(measure, y, v)


def _biserial(cohen: list[Array]) -> Estimate:
    d, n1, n2 = cohen
    n = n1 + n2
    p, q = n1 / n, n2 / n
    z = special.ndtri(p)
    f = np.exp(-(z**2) / 2.0) / np.sqrt(2.0 * np.pi)
    raw = np.sqrt(p * q) / f * d / np.sqrt(d**2 + (n - 2.0) * (1.0 / n1 + 1.0 / n2))
    y, beyond = np.clip(raw, -1.0, 1.0), int(np.sum(np.abs(raw) > 1.0))
    note = (f"RBIS: {beyond} of {raw.size} lie beyond 1 and were set to it",) if beyond else ()
    soper = p * q * z**2 / f**2 + (1.0 - 2.0 * p) * z / f - 2.5
    return estimate("RBIS", y, (y**4 + y**2 * soper + p * q / f**2) / (n - 1.0), note)
