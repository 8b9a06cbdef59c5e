"""Two-by-two tables: ratios, differences, associations, and standardised differences behind a dichotomy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.errors import InputError
from poolwise.measures.cells import Table, Values, log, of_cells, over, table
from poolwise.measures.estimate import Estimate, as_z, estimate
from poolwise.measures.standardised import COX, LOGISTIC
from poolwise.measures.tetrachoric import tetrachoric_correlation
from poolwise.measures.zeros import ADD, positive
from poolwise.settings import check_option

Array = NDArray[np.float64]

RD_VARIANCES = ("LS", "UB", "AV")
SAMPLING = ("ST", "CS")


def log_odds_ratio(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    add: float = ADD,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
    """Log odds ratio, y = log(a d / (b c)), v = 1/a + 1/b + 1/c + 1/d (OR).

    Parameters
    ----------
    a, b, c, d : array_like
        Events and others of the first group, events and others of the second.
    add : float
        What is added to each cell of the tables that `to` names.
    to : str
        ``"only0"``: tables with an empty cell; ``"all"``; ``"if0all"``: all, if any has an empty cell; ``"none"``.
    drop00 : bool
        Leave out (as missing) tables without an event in either group, or with nothing but events.

    Returns
    -------
    Estimate
        NaN where a cell stays empty.

    Notes
    -----
    Half an observation in tables with an empty cell is the usual rule, and a crude one: `BinomialNormal` needs none.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 5, 10.1002/9780470743386; Sweeting, Sutton & Lambert
    2004, Statistics in Medicine 23:1351, on what is added, 10.1002/sim.1761.

    Examples
    --------
    >>> y, v = log_odds_ratio(a=4, b=119, c=11, d=128)
    >>> round(float(y), 4), round(float(v), 4)
    (-0.9387, 0.3571)
    """
    t = table("OR", a, b, c, d, add=add, to=to, drop00=drop00)
    return estimate("OR", *_log_odds(t), t.notes)


@of_cells("RR", add=ADD)
def log_risk_ratio(t: Table) -> Values:
    """Log risk ratio, y = log(a/n1) - log(c/n2), v = 1/a - 1/n1 + 1/c - 1/n2 (RR).

    Parameters
    ----------
    a, b, c, d, add, to, drop00
        As for `log_odds_ratio`.

    Returns
    -------
    Estimate

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 5, 10.1002/9780470743386.
    """
    v = over(1.0, t.a) - over(1.0, t.n1) + over(1.0, t.c) - over(1.0, t.n2)
    return log(t.p1) - log(t.p2), v


def risk_difference(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    variance: str = "LS",
    add: float = ADD,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
    """Risk difference, y = a/n1 - c/n2, v = p1 (1 - p1) / n1 + p2 (1 - p2) / n2 (RD).

    Parameters
    ----------
    a, b, c, d, add, to, drop00
        As for `log_odds_ratio`.
    variance : str
        ``"LS"``; ``"UB"`` with n - 1 for n; ``"AV"`` with the mean risks of all tables, weighted by n.

    Returns
    -------
    Estimate

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 5, 10.1002/9780470743386.
    """
    check_option("variance", variance, RD_VARIANCES, error=InputError, whose="RD: ")
    t = table("RD", a, b, c, d, add=add, to=to, drop00=drop00)
    less = 1.0 if variance == "UB" else 0.0
    p1, p2 = t.p1, t.p2
    if variance == "AV":
        p1, p2 = (np.asarray(np.nansum(x) / np.nansum(n)) for x, n in ((t.a, t.n1), (t.c, t.n2)))
    v = over(p1 * (1.0 - p1), t.n1 - less) + over(p2 * (1.0 - p2), t.n2 - less)
    return estimate("RD", t.p1 - t.p2, v, t.notes)


@of_cells("AS", add=0.0)
def arcsine_risk_difference(t: Table) -> Values:
    """Arcsine difference, y = asin(sqrt(p1)) - asin(sqrt(p2)), v = 1/(4 n1) + 1/(4 n2) (AS).

    Parameters
    ----------
    a, b, c, d, add, to, drop00
        As for `log_odds_ratio`; nothing is added by default, since nothing is needed.

    Returns
    -------
    Estimate
        Half of Cohen's h.

    References
    ----------
    Rücker, Schwarzer, Carpenter & Olkin 2009, Statistics in Medicine 28:721, 10.1002/sim.3511.
    """
    y = np.arcsin(np.sqrt(t.p1)) - np.arcsin(np.sqrt(t.p2))
    return y, 0.25 / t.n1 + 0.25 / t.n2


@of_cells("PETO", add=ADD)
def peto_log_odds_ratio(t: Table) -> Values:
    """Peto's log odds ratio, y = (a - E) / V, v = 1 / V (PETO).

    E = n1 (a + c) / n and V = n1 n2 (a + c)(b + d) / (n^2 (n - 1)), n = n1 + n2, are mean and variance of a given the
    margins.

    Parameters
    ----------
    a, b, c, d, add, to, drop00
        As for `log_odds_ratio`.

    Returns
    -------
    Estimate

    References
    ----------
    Yusuf, Peto, Lewis, Collins & Sleight 1985, Progress in Cardiovascular Diseases 27:335,
    10.1016/S0033-0620(85)80003-7.
    """
    n, events, others = t.n1 + t.n2, t.a + t.c, t.b + t.d
    spread = events * others * (t.n1 / n) * (t.n2 / n) / (n - 1.0)
    return over(t.a - events * t.n1 / n, spread), over(1.0, spread)


def phi_coefficient(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    sampling: str = "CS",
    add: float = 0.0,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
    """Phi, the correlation of two dichotomies, y = (a d - b c) / sqrt(n1 n2 (a + c)(b + d)) (PHI).

    v by the delta method: for stratified sampling (``"ST"``) with the shares p1 and p2 binomial and n1, n2 fixed; for
    cross-sectional sampling (``"CS"``) with all four cells multinomial.

    Parameters
    ----------
    a, b, c, d, add, to, drop00
        As for `log_odds_ratio`; nothing is added by default.
    sampling : str
        ``"ST"`` or ``"CS"``.

    Returns
    -------
    Estimate

    Notes
    -----
    Cross-sectional by default, as in metafor: phi describes how two observed variables hang together. With groups whose
    sizes were set, as in a trial, ``"ST"`` is right.

    References
    ----------
    Yule 1912, Journal of the Royal Statistical Society 75:579, for CS, 10.2307/2340126; Fleiss & Berlin 2009, in The
    Handbook of Research Synthesis and Meta-Analysis, chapter 13, 10.7758/9781610448864.
    """
    return _phi("PHI", table("PHI", a, b, c, d, add=add, to=to, drop00=drop00), sampling)


def fisher_z_of_phi(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    sampling: str = "CS",
    add: float = 0.0,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
    """Fisher's z of a phi coefficient, v by the delta method (ZPHI); it does not stabilise the variance.

    Parameters
    ----------
    a, b, c, d, sampling, add, to, drop00
        As for `phi_coefficient`.

    Returns
    -------
    Estimate

    References
    ----------
    Yule 1912, Journal of the Royal Statistical Society 75:579, 10.2307/2340126; Jacobs & Viechtbauer 2017, Research
    Synthesis Methods 8:161, for z of correlations that are not of Pearson's kind, 10.1002/jrsm.1218.
    """
    return as_z("ZPHI", _phi("ZPHI", table("ZPHI", a, b, c, d, add=add, to=to, drop00=drop00), sampling))


def _phi(measure: str, t: Table, sampling: str) -> Estimate:
    check_option("sampling", sampling, SAMPLING, error=InputError, whose=f"{measure}: ")
    n = t.n1 + t.n2
    row, col = t.n1 / n, (t.a + t.c) / n
    y = over(t.a * t.d - t.b * t.c, np.sqrt(t.n1 * t.n2 * (t.a + t.c) * (t.b + t.d)))
    rows, cols = row * (1.0 - row), positive(col * (1.0 - col))
    if sampling == "CS":
        r, s = 2.0 * row - 1.0, 2.0 * col - 1.0
        cross = (y + y**3 / 2.0) * r * s / np.sqrt(rows * cols)
        v = (1.0 - y**2 + cross - 0.75 * y**2 * (r**2 / rows + s**2 / cols)) / n
        return estimate("PHI", y, v, t.notes)
    lean = y * (1.0 - 2.0 * col) / (2.0 * cols)
    slope = np.sqrt(rows / cols)
    by_first = (slope - row * lean) ** 2 * t.p1 * (1.0 - t.p1) / t.n1
    by_second = (slope + (1.0 - row) * lean) ** 2 * t.p2 * (1.0 - t.p2) / t.n2
    return estimate("PHI", y, by_first + by_second, t.notes)


@of_cells("YUQ", add=ADD)
def yule_q(t: Table) -> Values:
    """Yule's Q, y = (OR - 1) / (OR + 1), v = (1 - y^2)^2 (1/a + 1/b + 1/c + 1/d) / 4 (YUQ).

    Parameters
    ----------
    a, b, c, d, add, to, drop00
        As for `log_odds_ratio`.

    Returns
    -------
    Estimate

    References
    ----------
    Yule 1912, Journal of the Royal Statistical Society 75:579, 10.2307/2340126.
    """
    y = over(t.a * t.d - t.b * t.c, t.a * t.d + t.b * t.c)
    return y, (1.0 - y**2) ** 2 * t.reciprocals / 4.0


@of_cells("YUY", add=ADD)
def yule_y(t: Table) -> Values:
    """Yule's Y, y = (sqrt(OR) - 1) / (sqrt(OR) + 1), v = (1 - y^2)^2 (1/a + 1/b + 1/c + 1/d) / 16 (YUY).

    Parameters
    ----------
    a, b, c, d, add, to, drop00
        As for `log_odds_ratio`.

    Returns
    -------
    Estimate

    References
    ----------
    Yule 1912, Journal of the Royal Statistical Society 75:579, 10.2307/2340126.
    """
    straight, crossed = np.sqrt(t.a * t.d), np.sqrt(t.b * t.c)
    y = over(straight - crossed, straight + crossed)
    return y, (1.0 - y**2) ** 2 * t.reciprocals / 16.0


@of_cells("RTET", add=0.0)
def tetrachoric(t: Table) -> Values:
    """Tetrachoric correlation: that of the bivariate normal variables behind both dichotomies (RTET).

    Parameters
    ----------
    a, b, c, d, add, to, drop00
        As for `log_odds_ratio`; nothing is added by default, and a table with an empty cell has no value then.

    Returns
    -------
    Estimate
        See `tetrachoric_correlation` for the equations.

    References
    ----------
    Pearson 1900, Philosophical Transactions of the Royal Society A 195:1, 10.1098/rsta.1900.0022; Hamdan 1970,
    Biometrika 57:212, for the variance, 10.1093/biomet/57.1.212.
    """
    return tetrachoric_correlation(t.a, t.b, t.c, t.d)


@of_cells("ZTET", add=0.0)
def fisher_z_of_tetrachoric(t: Table) -> Values:
    """Fisher's z of a tetrachoric correlation, v by the delta method (ZTET); it does not stabilise the variance.

    Parameters
    ----------
    a, b, c, d, add, to, drop00
        As for `tetrachoric`.

    Returns
    -------
    Estimate

    References
    ----------
    Pearson 1900, Philosophical Transactions of the Royal Society A 195:1, 10.1098/rsta.1900.0022; Hamdan 1970,
    Biometrika 57:212, for the variance, 10.1093/biomet/57.1.212.
    """
    y, v = as_z("ZTET", estimate("RTET", *tetrachoric_correlation(t.a, t.b, t.c, t.d)))
    return y, v


@of_cells("PBIT", add=ADD)
def probit_difference(t: Table) -> Values:
    """Difference of probits, an SMD of the normal variable behind the event (PBIT).

    y = z1 - z2 with z = Phi^-1(p), v = 2 pi (p1 (1 - p1) exp(z1^2) / n1 + p2 (1 - p2) exp(z2^2) / n2).

    Parameters
    ----------
    a, b, c, d, add, to, drop00
        As for `log_odds_ratio`.

    Returns
    -------
    Estimate
        In standard deviations.

    References
    ----------
    Sánchez-Meca, Marín-Martínez & Chacón-Moscoso 2003, Psychological Methods 8:448, 10.1037/1082-989X.8.4.448.
    """
    z1, z2 = special.ndtri(t.p1), special.ndtri(t.p2)
    with np.errstate(invalid="ignore"):
        v1 = 2.0 * np.pi * t.p1 * (1.0 - t.p1) * np.exp(z1**2) / t.n1
        v2 = 2.0 * np.pi * t.p2 * (1.0 - t.p2) * np.exp(z2**2) / t.n2
        return z1 - z2, v1 + v2


@of_cells("OR2DL", add=ADD)
def smd_from_odds_logistic(t: Table) -> Values:
    """Log odds ratio as an SMD of logistic responses, y = log OR sqrt(3) / pi (OR2DL).

    Parameters
    ----------
    a, b, c, d, add, to, drop00
        As for `log_odds_ratio`.

    Returns
    -------
    Estimate

    References
    ----------
    Hasselblad & Hedges 1995, Psychological Bulletin 117:167, 10.1037/0033-2909.117.1.167; Chinn 2000, Statistics in
    Medicine 19:3127, 10.1002/1097-0258(20001130)19:22<3127::AID-SIM784>3.0.CO;2-M.
    """
    y, v = _log_odds(t)
    return y / LOGISTIC, v / LOGISTIC**2


@of_cells("OR2DN", add=ADD)
def smd_from_odds_normal(t: Table) -> Values:
    """Log odds ratio as an SMD of normal responses, y = log OR / 1.65 (OR2DN).

    Parameters
    ----------
    a, b, c, d, add, to, drop00
        As for `log_odds_ratio`.

    Returns
    -------
    Estimate

    References
    ----------
    Cox & Snell 1989, Analysis of Binary Data, 2nd edition; Sánchez-Meca, Marín-Martínez & Chacón-Moscoso 2003,
    Psychological Methods 8:448, 10.1037/1082-989X.8.4.448.
    """
    y, v = _log_odds(t)
    return y / COX, v / COX**2


def _log_odds(t: Table) -> Values:
    return log(t.a) - log(t.b) - log(t.c) + log(t.d), t.reciprocals
