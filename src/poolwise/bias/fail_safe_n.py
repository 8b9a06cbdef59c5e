"""Fail-safe N: how many studies without an effect would have to lie in drawers to overturn the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from poolwise import show
from poolwise.bias.requirements import check_alpha, finite, need_independent, need_no_effect
from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.settings import check_flag, check_option

Array = NDArray[np.float64]
Kind = Literal["rosenthal", "orwin", "rosenberg", "general"]
KINDS = ("rosenthal", "orwin", "rosenberg", "general")
ONE_BY_ONE = 32  # numbers of null studies that are tried one by one, since an answer need not fall with every study
GROWTH = 1.25  # from there on, between numbers that are tried, before the last step is halved
MOST = 1e15  # null studies; whole numbers beyond are no longer exact
ROUNDING = 1e-9  # share of N by which it may exceed a whole number through rounding alone
SCAN = 65  # values of tau2 among which maxima are looked for


@final
@dataclass(frozen=True, repr=False)
class FailSafeN:
    """How many null results would overturn the answer.

    Attributes
    ----------
    n : int
        The fewest studies that do, a whole number; 0 where the answer does not stand even without them.
    exact : float
        The number before it was rounded up, where there is a formula; for ``"general"``, n.
    kind : str
        The method.
    mean : float
        Mean of the studies; NaN for Rosenthal's, which combines p-values.
    p_value : float
        Of the studies; NaN for Orwin's, which tests nothing.
    alpha, target : float
        What the significance level or the mean is brought down to; NaN where it is the other one.
    sentence : str
        The number in words and what it cannot tell.

    References
    ----------
    Rosenthal 1979, Psychological Bulletin 86:638, 10.1037/0033-2909.86.3.638; Orwin 1983, J. Educational Statistics
    8:157, 10.3102/10769986008002157; Rosenberg 2005, Evolution 59:464, 10.1111/j.0014-3820.2005.tb01004.x.
    """

    n: int
    exact: float
    kind: Kind
    mean: float
    p_value: float
    alpha: float
    target: float
    sentence: str

    def __str__(self) -> str:
        return show.wrapped([show.greek(self.sentence)])

    def __repr__(self) -> str:
        """One line: the method and the number."""
        return f"<FailSafeN: {self.n} ({_named(self.kind)})>"

    def _repr_html_(self) -> str:
        """The sentence as a card."""
        return show.card(f"Fail-safe N: {self.n}", facts=(_named(self.kind),), answer=show.greek(self.sentence))


def fail_safe_n(
    effects: Effects,
    *,
    kind: Kind = "rosenthal",
    alpha: float = 0.05,
    target: float | None = None,
    weighted: bool = False,
    tau2: Literal["REML", "DL"] | None = "REML",
) -> FailSafeN:
    """The fewest studies averaging no effect that would overturn the answer if they were added.

    ``"rosenthal"``: Stouffer's sum of z = y / s falls below the one-sided alpha, N = (sum z / z_alpha)^2 - k.
    ``"orwin"``: the mean, unweighted or weighted by 1 / v, falls to the target, N = k (mean - target) / target.
    ``"rosenberg"``: the two-sided p-value of the common effect rises to alpha, when null studies have the mean weight
    of the k studies: N = k ((sum w y / z_(alpha/2))^2 / sum w - 1), w = 1 / v.
    ``"general"``: N null studies join the k, with the harmonic mean u of their variances and as heterogeneous as they
    are: their estimates average 0 with the sample variance that the tau2 of the k studies lets expect, tau2 + u, and
    enter the estimating equations as such; tau2 is estimated anew from all, and N is the least number with which
    the two-sided Wald p-value of mu is at least alpha or, with a target, the size of mu at most the target's. Numbers
    up to 32 are tried one by one, larger ones in steps of a quarter, the last of which is halved. With tau2=None it is
    Rosenberg's, or Orwin's weighted.

    Parameters
    ----------
    effects : Effects
    kind : {"rosenthal", "orwin", "rosenberg", "general"}
    alpha : float
        Significance level; of a one-sided test in Rosenthal's method, as he has it.
    target : float, optional
        Mean on the analysis scale that would no longer matter, of either sign; half the mean when None for Orwin's.
    weighted : bool
        Whether Orwin's mean is weighted.
    tau2 : {"REML", "DL"}, optional
        For ``"general"``; a common effect when None.

    Returns
    -------
    FailSafeN

    Raises
    ------
    InputError
        For several effects of one study, or a reconstructed table.
    ModelError
        For an unknown option, a target of 0, which no number of null studies reaches, or a scale without a null value.

    Notes
    -----
    Rosenthal's is the default as the one that is asked for; ``"general"`` fits what is done today. alpha = 0.05 is the
    level that papers use. ``"general"`` works out every number, as metafor's `fsn(..., exact=TRUE)` does; the default
    there approximates, and comes to fewer: 112 instead of 119 studies for hackshaw1998. That null studies are as
    heterogeneous as the others matters: were they all 0, tau2 would fall to nothing with their number, and 323 instead
    of 26 would be needed for the vaccine trials below. Half of the mean as Orwin's target is arbitrary and gives N = k:
    state what would not matter.

    References
    ----------
    Rosenthal 1979, Psychological Bulletin 86:638, 10.1037/0033-2909.86.3.638; Orwin 1983, J. Educational Statistics
    8:157, 10.3102/10769986008002157; Rosenberg 2005, Evolution 59:464, 10.1111/j.0014-3820.2005.tb01004.x.

    Examples
    --------
    >>> import poolwise as pw
    >>> bcg = pw.datasets.load("bcg")
    >>> pw.bias.fail_safe_n(bcg).n, pw.bias.fail_safe_n(bcg, kind="general").n
    (598, 26)
    """
    table = need_independent(effects, "fail_safe_n", least=1)
    need_no_effect(table, "fail_safe_n")
    check_option("kind", kind, KINDS)
    level = check_alpha(alpha)
    aim = np.nan if target is None else abs(finite("target", target))
    if aim == 0.0:
        raise ModelError("target = 0, and no number of null studies brings a mean down to it", "a target beyond 0")
    if target is not None and kind in ("rosenthal", "rosenberg"):
        raise ModelError(f"a target is given, and kind='{kind}' asks about significance", "kind='orwin' or 'general'")
    check_flag("weighted", weighted)
    if kind == "rosenthal":
        if level >= 0.5:
            raise ModelError(f"alpha = {alpha!r} for a one-sided test", "a level below 0.5", "alpha=0.05")
        return _rosenthal(table.y, table.se, level)
    if kind == "orwin":
        return _orwin(table.y, table.v, aim, weighted)
    if kind == "rosenberg":
        return _rosenberg(table.y, table.v, level)
    if tau2 is not None:
        check_option("tau2", tau2, ("REML", "DL"))
    return _general(table.y, table.v, level, aim, tau2)


def _named(kind: Kind) -> str:
    """The method as people write it: two of the four are called after their authors."""
    return kind if kind in ("general",) else kind.capitalize()


def _rosenthal(y: Array, se: Array, alpha: float) -> FailSafeN:
    k = len(y)
    z = float((y / se).sum())
    p = float(ndtr(-abs(z) / np.sqrt(k)))
    exact = _exceeding((z / ndtri(alpha)) ** 2 - k) if p <= alpha else 0.0
    what = f"bring the one-sided p-value of the combined z-values, p {show.probability(p)}, above {alpha:g}"
    return _record("rosenthal", exact, k, np.nan, p, alpha, np.nan, what)


def _orwin(y: Array, v: Array, target: float, weighted: bool) -> FailSafeN:
    k = len(y)
    mean = float(np.average(y, weights=1.0 / v if weighted else None))
    aim = 0.5 * abs(mean) if np.isnan(target) else target
    exact = _exceeding(k * (abs(mean) - aim) / aim) if aim > 0.0 else 0.0
    kind = "weighted" if weighted else "unweighted"
    what = f"bring the {kind} mean from {show.number(mean)} to {show.number(float(np.copysign(aim, mean)))}"
    return _record("orwin", exact, k, mean, np.nan, np.nan, float(np.copysign(aim, mean)), what)


def _rosenberg(y: Array, v: Array, alpha: float) -> FailSafeN:
    k, w = len(y), 1.0 / v
    mean = float((w * y).sum() / w.sum())
    z = mean * np.sqrt(w.sum())
    p = float(2.0 * ndtr(-abs(z)))
    exact = _exceeding(k * ((z / ndtri(0.5 * alpha)) ** 2 - 1.0)) if p <= alpha else 0.0
    what = f"bring the p-value of the common effect, p {show.probability(p)}, to {alpha:g}"
    return _record("rosenberg", exact, k, mean, p, alpha, np.nan, what)


def _general(y: Array, v: Array, alpha: float, target: float, tau2: str | None) -> FailSafeN:
    unit = float(np.sqrt(v.min()))  # the arithmetic is scale-free
    rows = np.append(y, 0.0) / unit, np.append(v, 1.0 / np.mean(1.0 / v)) / unit**2
    alone = _between(*rows, np.append(np.ones(len(y)), 0.0), np.zeros(len(y) + 1), tau2)

    def mean_and_p(number: float) -> tuple[float, float]:
        count = np.append(np.ones(len(y)), number)
        share = (number - 1.0) / number if number else 0.0  # a sample variance has the divisor N - 1
        scatter = np.append(np.zeros(len(y)), share * (alone + rows[1][-1]))
        w = count / (rows[1] + _between(*rows, count, scatter, tau2))
        mean = float((w * rows[0]).sum() / w.sum())
        return mean * unit, float(2.0 * ndtr(-abs(mean) * np.sqrt(w.sum())))

    def overturned(number: float) -> bool:
        mean, p = mean_and_p(number)
        return p >= alpha if np.isnan(target) else abs(mean) <= target

    mean, p = mean_and_p(0.0)
    number = _fewest(overturned)
    if np.isnan(target):
        what = f"bring the p-value of mu, p {show.probability(p)}, to {alpha:g}"
        return _record("general", number, len(y), mean, p, alpha, np.nan, what)
    aim = float(np.copysign(target, mean))
    what = f"bring mu from {show.number(mean)} to {show.number(aim)}"
    return _record("general", number, len(y), mean, p, np.nan, aim, what)


def _fewest(overturned: Callable[[float], bool]) -> float:
    """The least whole number with which the answer is overturned."""
    low = -1.0
    for number in range(ONE_BY_ONE + 1):
        if overturned(float(number)):
            return float(number)
        low = float(number)
    high = np.ceil(GROWTH * low)
    while not overturned(high):
        low, high = high, np.ceil(GROWTH * high)
        if high > MOST:
            raise ModelError(
                f"more than {MOST:.0e} null studies would be needed, beyond what numbers tell apart",
                "a target or level that is within reach",
                "a target in the unit of the effects",
            )
    while high - low > 1.0:
        middle = np.floor(0.5 * (low + high))
        low, high = (low, middle) if overturned(middle) else (middle, high)
    return float(high)


def _between(y: Array, v: Array, count: Array, scatter: Array, tau2: str | None) -> float:
    """tau2 from rows that stand for several studies each, which scatter about their y with a variance."""
    if tau2 is None or count.sum() <= 1.0:
        return 0.0
    return _reml(y, v, count, scatter) if tau2 == "REML" else _dl(y, v, count, scatter)


def _dl(y: Array, v: Array, count: Array, scatter: Array) -> float:
    w = count / v
    mean = (w * y).sum() / w.sum()
    q = (w * ((y - mean) ** 2 + scatter)).sum()
    return float(max((q - (count.sum() - 1.0)) / (w.sum() - (w / v).sum() / w.sum()), 0.0))


def _reml(y: Array, v: Array, count: Array, scatter: Array) -> float:
    """The tau2 at which the restricted likelihood has its maximum."""

    from scipy.optimize import brentq

    def parts(tau2: Array) -> tuple[Array, Array, Array, Array]:
        w = 1.0 / (v + tau2[..., None])
        weight = count * w
        total = weight.sum(-1)
        square = (y - ((weight * y).sum(-1) / total)[..., None]) ** 2 + scatter
        return w, total, square, weight

    def score(tau2: Array) -> Array:
        w, total, square, weight = parts(tau2)
        return (weight * w * square).sum(-1) - total + (weight * w).sum(-1) / total

    def log_likelihood(tau2: float) -> float:
        w, total, square, weight = parts(np.array([tau2]))
        return float(((count * np.log(w)).sum(-1) - np.log(total) - (weight * square).sum(-1))[0])

    top = 2.0 * float(np.ptp(y) ** 2 + scatter.max())
    if top == 0.0:
        return 0.0
    grid = np.expm1(np.linspace(0.0, np.log1p(top / v.min()), SCAN)) * v.min()
    slope = score(grid)
    falls = np.flatnonzero((slope[:-1] > 0.0) & (slope[1:] <= 0.0))
    maxima = [
        brentq(lambda x: score(np.array([x]))[0], grid[at], grid[at + 1], xtol=1e-14 * grid[at + 1], rtol=1e-14)
        for at in falls
    ]
    return float(max([0.0, *maxima] if slope[0] <= 0.0 else maxima, key=log_likelihood))


def _exceeding(number: float) -> float:
    return max(float(number), 0.0)


def _record(
    kind: Kind, exact: float, k: int, mean: float, p_value: float, alpha: float, target: float, what: str
) -> FailSafeN:
    n = int(np.ceil(exact - ROUNDING * max(exact, 1.0)))
    if n <= 0:
        words = (
            f"Fail-safe N ({_named(kind)}): 0, since the {k} studies alone do not stand: nothing is needed to {what}."
        )
    else:
        words = (
            f"Fail-safe N ({_named(kind)}): {n:,} studies averaging no effect beside the {k} studies, {n / k:.1f} for "
            f"each, would {what}."
        )
    words += (
        " It is no estimate of how many are missing, and takes them to average no effect: fewer that point the other "
        "way would do."
    )
    return FailSafeN(max(n, 0), exact, kind, mean, p_value, alpha, target, words)
