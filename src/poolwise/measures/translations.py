"""Ways to show an effect to readers; none of them is analysed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.measures.statistics import ANY, CORRELATION, RISK, read

Array = NDArray[np.float64]


def binomial_effect_size_display(r: ArrayLike) -> tuple[Array, Array]:
    """Shares of success with and without treatment that have the correlation r: (1 + r) / 2 and (1 - r) / 2 (BESD).

    Parameters
    ----------
    r : array_like
        Correlation of treatment with success, where half are treated and half succeed.

    Returns
    -------
    treated, control : ndarray
        Between 0 and 1.

    Notes
    -----
    It shows r, not what happened: with other base rates the shares are others.

    References
    ----------
    Rosenthal & Rubin 1982, Journal of Educational Psychology 74:166, 10.1037/0022-0663.74.2.166.
    """
    (r,) = read("BESD", {"r": (r, CORRELATION)})
    return (1.0 + r) / 2.0, (1.0 - r) / 2.0


def cohen_u3(d: ArrayLike) -> Array:
    """Share of the second group below the mean of the first, Phi(d), for normal data of equal variances (U3).

    Parameters
    ----------
    d : array_like
        Standardised mean difference.

    Returns
    -------
    ndarray
        Between 0 and 1.

    References
    ----------
    Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, 2nd edition, section 2.2, 10.4324/9780203771587.
    """
    (d,) = read("U3", {"d": (d, ANY)})
    return special.ndtr(d)


def cohen_u1(d: ArrayLike) -> Array:
    """Share of both groups together that the other one does not overlap, (2 Phi(|d|/2) - 1) / Phi(|d|/2) (U1).

    Parameters
    ----------
    d : array_like
        Standardised mean difference.

    Returns
    -------
    ndarray
        Between 0 and 1.

    References
    ----------
    Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, 2nd edition, section 2.2, 10.4324/9780203771587.
    """
    (d,) = read("U1", {"d": (d, ANY)})
    half = special.ndtr(np.abs(d) / 2.0)
    return np.asarray((2.0 * half - 1.0) / half)


def cohen_u2(d: ArrayLike) -> Array:
    """Share of the first group that lies above the same share of the second, Phi(d/2) (U2).

    Parameters
    ----------
    d : array_like
        Standardised mean difference.

    Returns
    -------
    ndarray
        Between 0 and 1.

    References
    ----------
    Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, 2nd edition, section 2.2, 10.4324/9780203771587.
    """
    (d,) = read("U2", {"d": (d, ANY)})
    return np.asarray(special.ndtr(d / 2.0))


def overlap_coefficient(d: ArrayLike) -> Array:
    """Share of two normal densities of equal variance that lies under both, 2 Phi(-|d| / 2) (OVL).

    Parameters
    ----------
    d : array_like
        Standardised mean difference.

    Returns
    -------
    ndarray
        Between 0 and 1.

    References
    ----------
    Inman & Bradley 1989, Communications in Statistics: Theory and Methods 18:3851, 10.1080/03610928908830127.
    """
    (d,) = read("OVL", {"d": (d, ANY)})
    return np.asarray(2.0 * special.ndtr(-np.abs(d) / 2.0))


def number_needed_to_treat(d: ArrayLike, *, base_rate: ArrayLike) -> Array:
    """People to be treated for one more success, 1 / (Phi(Phi^-1(p) + d) - p) at the base rate p (NNT).

    Parameters
    ----------
    d : array_like
        Standardised mean difference of the normal variable behind success, positive in favour of treatment.
    base_rate : array_like
        Share of success without treatment; asked for, since the answer depends on it as much as on d.

    Returns
    -------
    ndarray
        Negative where treatment harms, infinite where it does nothing.

    Notes
    -----
    An interval of d that includes 0 has no interval of NNT, but two pieces that meet at infinity.

    References
    ----------
    Furukawa & Leucht 2011, PLoS ONE 6:e19070, 10.1371/journal.pone.0019070; Altman 1998, BMJ 317:1309, on intervals,
    10.1136/bmj.317.7168.1309.

    Examples
    --------
    >>> number_needed_to_treat(0.5, base_rate=0.2).round(2)
    np.float64(6.01)
    """
    d, p = read("NNT", {"d": (d, ANY), "base_rate": (base_rate, RISK)})
    more = np.asarray(special.ndtr(special.ndtri(p) + d) - p)
    return np.divide(1.0, more, out=np.full(more.shape, np.inf), where=np.broadcast_to(d != 0.0, more.shape))
