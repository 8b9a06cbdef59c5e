"""Two-by-two tables: ratios, differences, associations, and standardised differences behind a dichotomy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.errors import InputError
from poolwise.measures.estimate import Estimate, estimate
from poolwise.measures.statistics import COUNT, read, refuse
from poolwise.measures.tetrachoric import tetrachoric_correlation
from poolwise.measures.zeros import ADD, added, positive
from poolwise.settings import check_flag, check_option

Array = NDArray[np.float64]

RD_VARIANCES = ("LS", "UB", "AV")
SAMPLING = ("ST", "CS")
COX = 1.65
"""Log odds ratio over standardised difference for normal responses (Cox & Snell 1989)."""
LOGISTIC = np.pi / np.sqrt(3.0)
"""The same for logistic responses: the standard deviation of the logistic distribution."""


@dataclass(frozen=True)
class Table:
    """Cells of two-by-two tables after counts were added, with a note on it."""

    a: Array
    b: Array
    c: Array
    d: Array
    notes: tuple[str, ...]

    @property
    def n1(self) -> Array:
        """People of the first group."""
        return self.a + self.b

    @property
    def n2(self) -> Array:
        """People of the second group."""
        return self.c + self.d

    @property
    def p1(self) -> Array:
        """Share with the event in the first group."""
        return _over(self.a, self.n1)

    @property
    def p2(self) -> Array:
        """Share with the event in the second group."""
        return _over(self.c, self.n2)

    @property
    def reciprocals(self) -> Array:
        """1/a + 1/b + 1/c + 1/d, NaN where a cell is empty."""
        return sum((_over(1.0, cell) for cell in (self.a, self.b, self.c, self.d)), start=np.zeros(()))


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
    return _log_odds("OR", table("OR", a, b, c, d, add=add, to=to, drop00=drop00))


def log_risk_ratio(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    add: float = ADD,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
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
    t = table("RR", a, b, c, d, add=add, to=to, drop00=drop00)
    v = _over(1.0, t.a) - _over(1.0, t.n1) + _over(1.0, t.c) - _over(1.0, t.n2)
    return estimate("RR", _log(t.p1) - _log(t.p2), v, t.notes)


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
    v = p1 * (1.0 - p1) / (t.n1 - less) + p2 * (1.0 - p2) / (t.n2 - less)
    return estimate("RD", t.p1 - t.p2, v, t.notes)


def arcsine_risk_difference(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    add: float = 0.0,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
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
    Ruecker, Schwarzer, Carpenter & Olkin 2009, Statistics in Medicine 28:721, 10.1002/sim.3511.
    """
    t = table("AS", a, b, c, d, add=add, to=to, drop00=drop00)
    y = np.arcsin(np.sqrt(t.p1)) - np.arcsin(np.sqrt(t.p2))
    return estimate("AS", y, 0.25 / t.n1 + 0.25 / t.n2, t.notes)


def peto_log_odds_ratio(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    add: float = ADD,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
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
    t = table("PETO", a, b, c, d, add=add, to=to, drop00=drop00)
    n, events, others = t.n1 + t.n2, t.a + t.c, t.b + t.d
    spread = events * others * (t.n1 / n) * (t.n2 / n) / (n - 1.0)
    return estimate("PETO", _over(t.a - events * t.n1 / n, spread), _over(1.0, spread), t.notes)


def phi_coefficient(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    sampling: str = "ST",
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

    References
    ----------
    Yule 1912, Journal of the Royal Statistical Society 75:579, for CS, 10.2307/2340126; Fleiss & Berlin 2009, in The
    Handbook of Research Synthesis and Meta-Analysis, chapter 13, 10.7758/9781610448864.
    """
    check_option("sampling", sampling, SAMPLING, error=InputError, whose="PHI: ")
    t = table("PHI", a, b, c, d, add=add, to=to, drop00=drop00)
    n = t.n1 + t.n2
    row, col = t.n1 / n, (t.a + t.c) / n
    y = _over(t.a * t.d - t.b * t.c, np.sqrt(t.n1 * t.n2 * (t.a + t.c) * (t.b + t.d)))
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


def yule_q(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    add: float = ADD,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
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
    t = table("YUQ", a, b, c, d, add=add, to=to, drop00=drop00)
    y = _over(t.a * t.d - t.b * t.c, t.a * t.d + t.b * t.c)
    return estimate("YUQ", y, (1.0 - y**2) ** 2 * t.reciprocals / 4.0, t.notes)


def yule_y(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    add: float = ADD,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
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
    t = table("YUY", a, b, c, d, add=add, to=to, drop00=drop00)
    straight, crossed = np.sqrt(t.a * t.d), np.sqrt(t.b * t.c)
    y = _over(straight - crossed, straight + crossed)
    return estimate("YUY", y, (1.0 - y**2) ** 2 * t.reciprocals / 16.0, t.notes)


def tetrachoric(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    add: float = 0.0,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
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
    t = table("RTET", a, b, c, d, add=add, to=to, drop00=drop00)
    y, v = tetrachoric_correlation(t.a, t.b, t.c, t.d)
    return estimate("RTET", y, v, t.notes)


def probit_difference(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    add: float = ADD,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
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
    Sanchez-Meca, Marin-Martinez & Chacon-Moscoso 2003, Psychological Methods 8:448, 10.1037/1082-989X.8.4.448.
    """
    t = table("PBIT", a, b, c, d, add=add, to=to, drop00=drop00)
    z1, z2 = special.ndtri(t.p1), special.ndtri(t.p2)
    with np.errstate(invalid="ignore"):
        v1 = 2.0 * np.pi * t.p1 * (1.0 - t.p1) * np.exp(z1**2) / t.n1
        v2 = 2.0 * np.pi * t.p2 * (1.0 - t.p2) * np.exp(z2**2) / t.n2
        return estimate("PBIT", z1 - z2, v1 + v2, t.notes)


def smd_from_odds_logistic(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    add: float = ADD,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
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
    y, v = odds = _log_odds("OR2DL", table("OR2DL", a, b, c, d, add=add, to=to, drop00=drop00))
    return estimate("OR2DL", y / LOGISTIC, v / LOGISTIC**2, odds.notes)


def smd_from_odds_normal(
    *,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    add: float = ADD,
    to: str = "only0",
    drop00: bool = False,
) -> Estimate:
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
    Cox & Snell 1989, Analysis of Binary Data, 2nd edition; Sanchez-Meca, Marin-Martinez & Chacon-Moscoso 2003,
    Psychological Methods 8:448, 10.1037/1082-989X.8.4.448.
    """
    y, v = odds = _log_odds("OR2DN", table("OR2DN", a, b, c, d, add=add, to=to, drop00=drop00))
    return estimate("OR2DN", y / COX, v / COX**2, odds.notes)


def table(
    measure: str,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    *,
    add: float,
    to: str,
    drop00: bool,
) -> Table:
    """Cells that have been read, checked and, where they are to be, added to; see `log_odds_ratio`."""
    check_flag("drop00", drop00, error=InputError)
    cells = np.stack(
        np.broadcast_arrays(*read(measure, {"a": (a, COUNT), "b": (b, COUNT), "c": (c, COUNT), "d": (d, COUNT)}))
    )
    refuse(measure, (cells[:2].sum(axis=0) == 0) | (cells[2:].sum(axis=0) == 0), "a group is empty", "people in both")
    silent = ((cells[0] + cells[2] == 0.0) | (cells[1] + cells[3] == 0.0)) & drop00
    more, notes = added(measure, (cells == 0.0).any(axis=0), add, to)
    if silent.any():
        notes = (*notes, f"{measure}: {int(silent.sum())} tables without an event, or with nothing else, are left out")
    left = np.where(silent, np.nan, cells + more)
    return Table(left[0], left[1], left[2], left[3], notes)


def _log_odds(measure: str, t: Table) -> Estimate:
    return estimate(measure, _log(t.a) - _log(t.b) - _log(t.c) + _log(t.d), t.reciprocals, t.notes)


def _over(x: ArrayLike, y: Array) -> Array:
    return np.asarray(x, dtype=float) / np.where(y == 0.0, np.nan, y)


def _log(x: Array) -> Array:
    return np.log(positive(x))
