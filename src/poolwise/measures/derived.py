"""Statistics that follow exactly from others: d from means, t, F, p or r; r from t or p; cells from group sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.measures.means import groups, pooled_sd
from poolwise.measures.paired import change_sd, occasions
from poolwise.measures.statistics import (
    ANY,
    CORRELATION,
    COUNT,
    GROUP,
    NOT_NEGATIVE,
    PEOPLE,
    PROPORTION,
    SHARE,
    SIGN,
    SIGNED_P,
    read,
    refuse,
)

Array = NDArray[np.float64]


def d_of_means(*, n1: ArrayLike, m1: ArrayLike, sd1: ArrayLike, n2: ArrayLike, m2: ArrayLike, sd2: ArrayLike) -> Array:
    """Cohen's d of two independent groups, (m1 - m2) / s with the pooled standard deviation s.

    Parameters
    ----------
    n1, m1, sd1, n2, m2, sd2 : array_like
        Sizes, means and standard deviations of both groups.

    Returns
    -------
    ndarray

    References
    ----------
    Hedges 1981, Journal of Educational Statistics 6:107, 10.3102/10769986006002107.
    """
    n1, m1, sd1, n2, m2, sd2 = groups("d", n1, m1, sd1, n2, m2, sd2)
    return (m1 - m2) / pooled_sd(n1, sd1, n2, sd2)


def d_of_t(*, t: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> Array:
    """Cohen's d from the t of Student's test of two independent groups, t sqrt(1/n1 + 1/n2).

    Parameters
    ----------
    t : array_like
        With the sign of the effect.
    n1, n2 : array_like
        Sizes of the groups.

    Returns
    -------
    ndarray

    References
    ----------
    Borenstein 2009, in The Handbook of Research Synthesis and Meta-Analysis, chapter 12, 10.7758/9781610448864.
    """
    t, n1, n2 = read("d", {"t": (t, ANY), "n1": (n1, PEOPLE), "n2": (n2, PEOPLE)})
    return t * np.sqrt(1.0 / n1 + 1.0 / n2)


def d_of_p(*, p: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> Array:
    """Cohen's d from the two-sided p-value of Student's test, which carries the sign of the effect.

    Parameters
    ----------
    p : array_like
        Two-sided; -0.018 stands for p = 0.018 with a negative effect, since p itself tells no direction.
    n1, n2 : array_like
        Sizes of the groups.

    Returns
    -------
    ndarray

    References
    ----------
    Borenstein 2009, in The Handbook of Research Synthesis and Meta-Analysis, chapter 12, 10.7758/9781610448864.
    """
    p, n1, n2 = read("d", {"p": (p, SIGNED_P), "n1": (n1, PEOPLE), "n2": (n2, PEOPLE)})
    return d_of_t(t=t_of_p(p, n1 + n2 - 2.0), n1=n1, n2=n2)


def d_of_f(*, f: ArrayLike, sign: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> Array:
    """Cohen's d from F(1, n1 + n2 - 2) of two independent groups, by t = sign sqrt(F).

    Parameters
    ----------
    f : array_like
        With one degree of freedom in the numerator; more compare more than two groups and make no d.
    sign : array_like
        1 or -1, the direction of the effect, which F does not tell.
    n1, n2 : array_like
        Sizes of the groups.

    Returns
    -------
    ndarray

    References
    ----------
    Borenstein 2009, in The Handbook of Research Synthesis and Meta-Analysis, chapter 12, 10.7758/9781610448864.
    """
    f, sign = read("d", {"f": (f, NOT_NEGATIVE), "sign": (sign, SIGN)})
    return d_of_t(t=sign * np.sqrt(f), n1=n1, n2=n2)


def d_of_r(*, r: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> Array:
    """Cohen's d from a point-biserial correlation, by t = r sqrt((n1 + n2 - 2) / (1 - r^2)), exactly.

    Parameters
    ----------
    r : array_like
        Correlation of the outcome with the group.
    n1, n2 : array_like
        Sizes of the groups.

    Returns
    -------
    ndarray

    References
    ----------
    Jacobs & Viechtbauer 2017, Research Synthesis Methods 8:161, 10.1002/jrsm.1218.
    """
    r, n1, n2 = read("d", {"r": (r, CORRELATION), "n1": (n1, PEOPLE), "n2": (n2, PEOPLE)})
    return d_of_t(t=r * np.sqrt((n1 + n2 - 2.0) / (1.0 - r**2)), n1=n1, n2=n2)


def d_of_eta2(*, eta2: ArrayLike, sign: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> Array:
    """Cohen's d from the eta squared of two independent groups, by r = sign sqrt(eta^2), exactly.

    Parameters
    ----------
    eta2 : array_like
        Share of the variance that lies between the two groups; of more groups, or beside other factors, there is no d.
    sign : array_like
        1 or -1, the direction of the effect, which eta^2 does not tell.
    n1, n2 : array_like
        Sizes of the groups.

    Returns
    -------
    ndarray

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 7, 10.1002/9780470743386.

    Examples
    --------
    >>> d_of_eta2(eta2=0.1, sign=-1, n1=20, n2=20).round(4), d_of_f(f=38 / 9, sign=-1, n1=20, n2=20).round(4)
    (np.float64(-0.6498), np.float64(-0.6498))
    """
    eta2, sign = read("d", {"eta2": (eta2, SHARE), "sign": (sign, SIGN)})
    return d_of_r(r=sign * np.sqrt(eta2), n1=n1, n2=n2)


def r_of_t(*, t: ArrayLike, n: ArrayLike) -> Array:
    """Correlation from the t that tests it, t / sqrt(t^2 + n - 2).

    Parameters
    ----------
    t, n : array_like
        Statistic with the sign of the correlation, and sample size.

    Returns
    -------
    ndarray

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 6, 10.1002/9780470743386.
    """
    t, n = read("r", {"t": (t, ANY), "n": (n, GROUP)})
    return t / np.sqrt(t**2 + n - 2.0)


def r_of_p(*, p: ArrayLike, n: ArrayLike) -> Array:
    """Correlation from the two-sided p that tests it, which carries its sign.

    Parameters
    ----------
    p, n : array_like
        Two-sided p, negative for a negative correlation, and sample size.

    Returns
    -------
    ndarray

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 6, 10.1002/9780470743386.
    """
    p, n = read("r", {"p": (p, SIGNED_P), "n": (n, GROUP)})
    return r_of_t(t=t_of_p(p, n - 2.0), n=n)


def change_of_means(
    *, n: ArrayLike, m1: ArrayLike, m2: ArrayLike, sd1: ArrayLike, sd2: ArrayLike, r: ArrayLike
) -> Array:
    """Mean change over the standard deviation of the changes, (m1 - m2) / sqrt(sd1^2 + sd2^2 - 2 r sd1 sd2).

    Parameters
    ----------
    n, m1, m2, sd1, sd2, r : array_like
        As for `mean_change`.

    Returns
    -------
    ndarray

    References
    ----------
    Morris & DeShon 2002, Psychological Methods 7:105, 10.1037/1082-989X.7.1.105.
    """
    n, m1, m2, sd1, sd2, r = occasions("d", n, m1, m2, sd1, sd2, r)
    return (m1 - m2) / change_sd(sd1, sd2, r)


def change_of_t(*, t: ArrayLike, n: ArrayLike) -> Array:
    """The same from the t of the paired test, t / sqrt(n).

    Parameters
    ----------
    t, n : array_like
        Statistic with the sign of the change m1 - m2, and people (or pairs).

    Returns
    -------
    ndarray

    References
    ----------
    Morris & DeShon 2002, Psychological Methods 7:105, 10.1037/1082-989X.7.1.105.
    """
    t, n = read("d", {"t": (t, ANY), "n": (n, GROUP)})
    return t / np.sqrt(n)


def change_of_p(*, p: ArrayLike, n: ArrayLike) -> Array:
    """The same from the two-sided p of the paired test, which carries the sign of the change.

    Parameters
    ----------
    p, n : array_like
        Two-sided p, negative for a negative change, and people (or pairs).

    Returns
    -------
    ndarray

    References
    ----------
    Morris & DeShon 2002, Psychological Methods 7:105, 10.1037/1082-989X.7.1.105.
    """
    p, n = read("d", {"p": (p, SIGNED_P), "n": (n, GROUP)})
    return change_of_t(t=t_of_p(p, n - 1.0), n=n)


def t_of_coefficient(*, p: ArrayLike, n: ArrayLike, predictors: ArrayLike) -> Array:
    """The t of a regression's coefficient from its two-sided p, which carries the sign of the coefficient.

    Parameters
    ----------
    p, n, predictors : array_like
        Two-sided p, negative for a negative coefficient; sample size; number of predictors, this one included.

    Returns
    -------
    ndarray

    References
    ----------
    Aloe & Thompson 2013, Journal of the Society for Social Work and Research 4:390, 10.5243/jsswr.2013.24.
    """
    p, n, predictors = read("t", {"p": (p, SIGNED_P), "n": (n, GROUP), "predictors": (predictors, PEOPLE)})
    refuse("t", n - predictors < 2.0, "n leaves no degree of freedom", "n above the number of predictors by 2")
    return t_of_p(p, n - predictors - 1.0)


def t_of_partial(*, partial_r: ArrayLike, n: ArrayLike, predictors: ArrayLike) -> Array:
    """The t of a regression's coefficient from its partial correlation, r sqrt(df / (1 - r^2)), df = n - m - 1.

    Parameters
    ----------
    partial_r, n, predictors : array_like
        Partial correlation (with the sign of the coefficient, the root of partial eta^2); sample size; number of
        predictors, this one included.

    Returns
    -------
    ndarray

    References
    ----------
    Aloe & Thompson 2013, Journal of the Society for Social Work and Research 4:390, 10.5243/jsswr.2013.24.
    """
    r, n, predictors = read(
        "t", {"partial_r": (partial_r, CORRELATION), "n": (n, GROUP), "predictors": (predictors, PEOPLE)}
    )
    refuse("t", n - predictors < 2.0, "n leaves no degree of freedom", "n above the number of predictors by 2")
    return r * np.sqrt((n - predictors - 1.0) / (1.0 - r**2))


def t_of_semipartial(*, semipartial_r: ArrayLike, n: ArrayLike, predictors: ArrayLike, r2: ArrayLike) -> Array:
    """The t of a regression's coefficient from its semi-partial correlation, r sqrt(df / (1 - R^2)), df = n - m - 1.

    Parameters
    ----------
    semipartial_r, n, predictors, r2 : array_like
        Semi-partial correlation; sample size; number of predictors, this one included; R^2 of the regression.

    Returns
    -------
    ndarray

    References
    ----------
    Aloe & Becker 2012, Journal of Educational and Behavioral Statistics 37:278, 10.3102/1076998610396901.
    """
    statistics = {
        "semipartial_r": (semipartial_r, CORRELATION),
        "n": (n, GROUP),
        "predictors": (predictors, PEOPLE),
        "r2": (r2, SHARE),
    }
    r, n, predictors, r2 = read("t", statistics)
    refuse("t", n - predictors < 2.0, "n leaves no degree of freedom", "n above the number of predictors by 2")
    return r * np.sqrt((n - predictors - 1.0) / (1.0 - r2))


def r2_of_f(*, f: ArrayLike, n: ArrayLike, predictors: ArrayLike) -> Array:
    """R^2 of a regression from the F that tests it, m F / (m F + n - m - 1) with m predictors.

    Parameters
    ----------
    f, n, predictors : array_like
        F(m, n - m - 1), sample size, number of predictors.

    Returns
    -------
    ndarray

    References
    ----------
    Olkin & Finn 1995, Psychological Bulletin 118:155, 10.1037/0033-2909.118.1.155.
    """
    f, n, m = read("R2", {"f": (f, NOT_NEGATIVE), "n": (n, GROUP), "predictors": (predictors, PEOPLE)})
    refuse("R2", n - m < 2.0, "n leaves no degree of freedom", "n above the number of predictors by 2")
    return m * f / (m * f + n - m - 1.0)


def phi_of_both(*, a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike, both: ArrayLike) -> Array:
    """Phi coefficient of pairs from their margins and the share with the event under both treatments.

    (p12 - p1 p2) / sqrt(p1 (1 - p1) p2 (1 - p2)) with the shares p1 = a / (a + b) and p2 = c / (c + d).

    Parameters
    ----------
    a, b, c, d : array_like
        As for `marginal_odds_ratio_of_margins`.
    both : array_like
        Share p12 of pairs in which the event happened under both treatments.

    Returns
    -------
    ndarray
        NaN where these margins do not allow this share.

    References
    ----------
    Elbourne et al. 2002, International Journal of Epidemiology 31:140, 10.1093/ije/31.1.140.
    """
    statistics = {"a": (a, COUNT), "b": (b, COUNT), "c": (c, COUNT), "d": (d, COUNT), "both": (both, PROPORTION)}
    a, b, c, d, both = read("MPORM", statistics)
    p1, p2 = a / (a + b), c / (c + d)
    phi = (both - p1 * p2) / np.sqrt(p1 * (1.0 - p1) * p2 * (1.0 - p2))
    return np.where(np.abs(phi) < 1.0, phi, np.nan)


def cells_of_events(
    *, events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    """The four cells of a table from the events and the sizes of both groups.

    Parameters
    ----------
    events1, n1, events2, n2 : array_like
        People with the event, and all people, of the first and of the second group.

    Returns
    -------
    a, b, c, d : ndarray
        Events and others of the first group, events and others of the second.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 5, 10.1002/9780470743386.
    """
    statistics = {"events1": (events1, COUNT), "n1": (n1, PEOPLE), "events2": (events2, COUNT), "n2": (n2, PEOPLE)}
    a, n1, c, n2 = read("2 x 2 table", statistics)
    for events, size, name in ((a, n1, "events1 exceeds n1"), (c, n2, "events2 exceeds n2")):
        refuse("2 x 2 table", events > size, name, "at most as many events as people", "looking for swapped columns")
    return a, n1 - a, c, n2 - c


def t_of_p(p: Array, df: Array) -> Array:
    """Student's t from a two-sided p-value with the sign of the effect; from the tail, where p keeps its digits.

    Examples
    --------
    >>> t_of_p(np.array([-0.05]), np.array([38.0])).round(4).tolist()
    [-2.0244]
    """
    return -np.sign(p) * special.stdtrit(df, np.abs(p) / 2.0)
