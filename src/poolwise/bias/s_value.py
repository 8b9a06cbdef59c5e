"""S-value and worst case: how much selection would move the mean to a threshold, and how far selection can move it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Literal, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise import show
from poolwise.bias import _told
from poolwise.bias.requirements import (
    FEW,
    check_alpha,
    finite,
    need_errors_within,
    need_independent,
    need_no_effect,
    need_reported,
    sign_of,
)
from poolwise.bias.selection_ratio import Weighted
from poolwise.closed_form.least_squares import prepare
from poolwise.closed_form.tau2 import estimate_tau2
from poolwise.effects import Effects, some_rows
from poolwise.errors import InputError
from poolwise.lent import Lent
from poolwise.model.publication import NOT_SAID, Direction
from poolwise.quantities import Estimate, in_full, in_words
from poolwise.reading import mean_words
from poolwise.scale import Scale
from poolwise.selection.intervals import Intervals
from poolwise.settings import check_option, check_prob

Array = NDArray[np.float64]
PooledBy = Literal["random", "common"]
SHOWN = np.geomspace(1.0, 200.0, 61)  # ratios of the curve; Mathur & VanderWeele look as far as 200
NO_NARROWER = 1e-9  # share of a width that is rounding
ROUNDING = 1e-14  # share of the weighted estimates that their sum about the threshold may be off
SEARCHED = np.geomspace(1.0, 1e12, 169)  # ratios between which the limit's S-value is looked for


@final
@dataclass(frozen=True, repr=False, eq=False)
class WorstCase:
    """The mean of the studies that are not significant in the direction that gets published.

    Attributes
    ----------
    mean : Estimate
        Where the mean tends to as selection grows without end; its interval has no degrees of freedom with one study.
    affirmative, nonaffirmative : int
        Estimates significant in the direction, and the others.
    effects : Effects
        The others, for any other fit.
    direction : {"positive", "negative"}
    sentence : str
        The mean in words and what it assumes.

    References
    ----------
    Mathur & VanderWeele 2020, J. R. Statist. Soc. C 69:1091, 10.1111/rssc.12440.
    """

    mean: Estimate
    affirmative: int
    nonaffirmative: int
    effects: Effects = field(repr=False)
    direction: Direction
    sentence: str

    def __str__(self) -> str:
        return show.wrapped([show.greek(self.sentence)])

    def __repr__(self) -> str:
        """One line: the mean of how many studies."""
        return f"<WorstCase: μ = {in_full(self.mean)} by {_estimates(self.nonaffirmative)} not affirmative>"

    def _repr_html_(self) -> str:
        """The sentence as a card."""
        return show.card("Worst case of selection", answer=show.greek(self.sentence))


@final
@dataclass(frozen=True, repr=False, eq=False)
class SValue:
    """How many times likelier significant results must be published to move the mean to a threshold.

    Attributes
    ----------
    point : float
        For the mean: 1 where it does not lie beyond the threshold even without selection, infinite where no selection
        moves it there.
    limit : float
        For the limit of its interval on the threshold's side, likewise; NaN where there is no interval.
    observed : Estimate
        The mean without selection.
    worst_case : WorstCase
        What the mean tends to.
    threshold : float
        On the analysis scale.
    curve : DataFrame
        The mean with its limits by ratio: eta, mu, lower, upper; a new copy each time it is asked for.
    prob : float
        Probability of the interval.
    direction : {"positive", "negative"}
    sentence : str
        The two numbers in words and what they assume.

    References
    ----------
    Mathur & VanderWeele 2020, J. R. Statist. Soc. C 69:1091, 10.1111/rssc.12440.
    """

    point: float
    limit: float
    observed: Estimate
    worst_case: WorstCase = field(repr=False)
    threshold: float
    curve: pd.DataFrame = field(repr=False)
    prob: float
    direction: Direction
    sentence: str

    def __str__(self) -> str:
        return show.wrapped([show.greek(self.sentence)])

    def __repr__(self) -> str:
        """One line: both S-values."""
        return f"<SValue: {show.number(self.point, 2)} for the mean, {show.number(self.limit, 2)} for its limit>"

    def _repr_html_(self) -> str:
        """The means without and with endless selection, compact."""
        rows = [("as observed", in_words(self.observed)), ("worst case", in_words(self.worst_case.mean))]
        facts = (f"S = {show.number(self.point, 2)}", f"of the limit {show.number(self.limit, 2)}")
        sentence = show.greek(self.sentence)
        return show.card("S-value", answer=sentence, facts=facts, header=("selection", "μ"), rows=rows)


SValue.curve = Lent("curve")  # type: ignore[assignment]


def worst_case(
    effects: Effects, *, direction: Direction = NOT_SAID, model: PooledBy = "random", alpha: float = 0.05
) -> WorstCase:
    """The mean of the estimates that are not affirmative: not significant, or in the other direction.

    mu = sum(w y) / sum(w) over the estimates with y_i / s_i below z_(1 - alpha/2) in the direction, w = 1 / (v + tau2)
    with tau2 by REML from all estimates (``"random"``), or 1 / v (``"common"``). It is where the mean of `s_value`
    tends to as the ratio grows, so that no selection for significance, however strong, moves it further.

    Parameters
    ----------
    effects : Effects
        Estimates of one study may depend on one another with ``"random"``.
    direction : {"positive", "negative"}
        Of the significant results that get published.
    model : {"random", "common"}
        ``"random"``: standard errors clustered by study (CR2), t with Satterthwaite's degrees of freedom; ``"common"``:
        known variances, normal.
    alpha : float
        Two-sided level at which the studies were tested; its half cuts in the direction.

    Returns
    -------
    WorstCase

    Raises
    ------
    InputError
        For a reconstructed table, no estimate that is not affirmative, fewer than 2 estimates; for several estimates of
        one study with ``"common"``.
    ModelError
        For an unknown option, or a scale without a null value.

    Notes
    -----
    ``"random"`` is the default since effects differ and rows may depend; alpha = 0.05 is the level that studies use.

    References
    ----------
    Mathur & VanderWeele 2020, J. R. Statist. Soc. C 69:1091, 10.1111/rssc.12440; Pustejovsky & Tipton 2018, J. Business
    & Economic Statistics 36:672, 10.1080/07350015.2016.1247004, for CR2 and its degrees of freedom.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = pw.bias.worst_case(pw.datasets.load("bcg"), direction="negative")
    >>> found.nonaffirmative, round(found.mean.point, 2)
    (5, -0.13)
    """
    table = _asked(effects, "worst_case", direction, model)
    weighted = _weighted(table, "worst_case", sign_of(direction), model, check_alpha(alpha))
    return _worst(table, weighted, direction)


def s_value(
    effects: Effects,
    *,
    direction: Direction = NOT_SAID,
    threshold: float = 0.0,
    model: PooledBy = "random",
    alpha: float = 0.05,
    prob: float = 0.95,
) -> SValue:
    """How many times likelier affirmative results must be published than others to move the mean to a threshold.

    Affirmative estimates, with y_i / s_i at least z_(1 - alpha/2) in the direction, are eta times as likely published
    as the others, for which selection depends on nothing else; so the others stand for eta as many each:

        mu(eta) = (sum_A w y + eta sum_N w y) / (sum_A w + eta sum_N w),  w = 1 / (v + tau2),

    tau2 by REML from all estimates, or 0 with ``"common"``. The S-value of the mean is the eta at which mu(eta) is the
    threshold q, -sum_A w (y - q) / sum_N w (y - q); that of the limit the least eta at which the limit of the interval
    on the threshold's side is, by a search as far as 1e12.

    Parameters
    ----------
    effects : Effects
        Estimates of one study may depend on one another with ``"random"``.
    direction : {"positive", "negative"}
        Of the significant results that get published.
    threshold : float
        On the analysis scale, in the signs of the table.
    model : {"random", "common"}
        As in `worst_case`.
    alpha : float
        Two-sided level at which the studies were tested; its half cuts in the direction.
    prob : float
        Probability of the interval.

    Returns
    -------
    SValue

    Raises
    ------
    InputError
        As `worst_case` does.
    ModelError
        For an unknown option, numbers that are none, or a scale without a null value.

    Notes
    -----
    threshold = 0 asks whether there is an effect at all; ``"random"`` as effects differ and rows may depend; 0.05 and
    0.95 are the levels that papers use. The direction has no default: the data cannot tell it.

    References
    ----------
    Mathur & VanderWeele 2020, J. R. Statist. Soc. C 69:1091, 10.1111/rssc.12440; Pustejovsky & Tipton 2018, J. Business
    & Economic Statistics 36:672, 10.1080/07350015.2016.1247004, for CR2 and its degrees of freedom.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = pw.bias.s_value(pw.datasets.load("bcg"), direction="negative")
    >>> found.point, round(found.limit, 2)
    (inf, 3.36)
    """
    table = _asked(effects, "s_value", direction, model)
    sign, level, q = sign_of(direction), check_alpha(alpha), finite("threshold", threshold)
    check_prob(prob)
    weighted = _weighted(table, "s_value", sign, model, level)
    worst = _worst(table, weighted, direction)
    observed = _estimate(weighted, 1.0, sign)
    point, limit = _of_mean(weighted, sign * q), _of_limit(weighted, sign * q, prob)
    curve = _curve(weighted, sign, prob)
    words = _sentence(point, limit, observed, worst, q, prob, table.scale)
    return SValue(point, limit, observed, worst, q, curve, prob, direction, words)


def _asked(effects: object, method: str, direction: object, model: object) -> Effects:
    sign_of(direction)
    check_option("model", model, ("random", "common"))
    if model == "common":
        table = need_independent(effects, f"{method} with model='common'", least=2, instead="model='random'")
    else:
        table = need_reported(effects, method, least=2)
    need_no_effect(table, method)
    return table


def _weighted(table: Effects, method: str, sign: float, model: str, alpha: float) -> Weighted:
    y = sign * table.y
    affirmative = Intervals(np.array([0.5 * alpha]), 1).holding(y / table.se) == 0
    if affirmative.all():
        raise InputError(
            f"{method}: every estimate is significant in the direction that gets published, so that none shows what "
            "unpublished ones look like",
            "an estimate that is not significant, or lies in the other direction",
            "a selection model with a prior on its weights",
        )
    codes = {name: code for code, name in enumerate(dict.fromkeys(table.study_as_given))}
    cluster = np.array([codes[name] for name in table.study_as_given], dtype=np.intp)
    need_errors_within(table, method, cluster)
    tau2 = float(estimate_tau2(prepare(table.y, table.v), "REML").value[0]) if model == "random" else 0.0
    return Weighted(y, table.v + tau2, affirmative, cluster, model == "random")


def _estimate(weighted: Weighted, eta: float, sign: float) -> Estimate:
    mean, se, df = weighted.at(eta)
    kind = "confidence (t, clustered by study)" if weighted.robust else "confidence (Wald)"
    limits, known = partial(_turned, weighted, eta, sign), replace(weighted, robust=False)
    wald = partial(_turned, known, eta, sign)
    narrower = np.ptp(limits(0.95)) < (1.0 - NO_NARROWER) * np.ptp(wald(0.95))
    return Estimate(sign * mean, se, limits, kind, df=df, wider=wald if narrower else None)


def _turned(weighted: Weighted, eta: float, sign: float, prob: float) -> tuple[float, float]:
    _, lower, upper = weighted.limits(eta, prob)
    return (lower, upper) if sign > 0.0 else (-upper, -lower)


def _worst(table: Effects, weighted: Weighted, direction: Direction) -> WorstCase:
    others = ~weighted.affirmative
    mean = _estimate(weighted, np.inf, sign_of(direction))
    count = int(others.sum())
    level = f"95 %, {mean.kind}" if np.isfinite(mean.sd) else "one study has no interval by its own spread"
    few = f" With {count} such estimates it is known badly." if 1 < count < FEW else ""
    words = (
        f"Worst case: {_told.mean_is(mean, table.scale)} ({level}) by {_estimates(count)} of {table.k} not significant "
        f"in the {direction} direction. It is adjusted under the model of endless selection for significance and for "
        f"nothing else: selection of other kinds can move the mean further.{few}"
    )
    return WorstCase(mean, table.k - count, count, some_rows(table, others), direction, words)


def _of_mean(weighted: Weighted, threshold: float) -> float:
    affirmative, others = weighted.balance(threshold)
    if affirmative + others <= 0.0:
        return 1.0
    rounding = ROUNDING * float(((np.abs(weighted.y) + abs(threshold)) / weighted.variance).sum())
    return max(affirmative / -others, 1.0) if others < -rounding else np.inf


def _of_limit(weighted: Weighted, threshold: float, prob: float) -> float:
    """The least ratio at which the lower limit, in the direction, is the threshold."""

    from scipy.optimize import brentq

    def above(eta: float) -> float:
        return weighted.limits(eta, prob)[1] - threshold

    before = above(1.0)
    if np.isnan(before):
        return np.nan
    if before <= 0.0:
        return 1.0
    for low, high in pairwise(SEARCHED.tolist()):
        reached = above(high)
        if np.isnan(reached):  # one study has all the weight, and no interval by its own spread
            return np.inf
        if reached <= 0.0:
            return float(brentq(above, low, high, xtol=1e-13, rtol=1e-13))
    return np.inf


def _curve(weighted: Weighted, sign: float, prob: float) -> pd.DataFrame:
    mean, lower, upper = (
        sign * np.array(column) for column in zip(*(weighted.limits(x, prob) for x in SHOWN), strict=True)
    )
    low, high = (lower, upper) if sign > 0.0 else (upper, lower)
    return pd.DataFrame({"eta": SHOWN, "mu": mean, "lower": low, "upper": high})


def _sentence(
    point: float, limit: float, observed: Estimate, worst: WorstCase, threshold: float, prob: float, scale: Scale
) -> str:
    ends = {mean_words("mu", scale): point, f"the limit of its {show.level(prob)} interval": limit}
    if point == limit == np.inf:
        ends = {" or ".join(ends): np.inf}
    parts = [_moved(name, ratio, worst, threshold, scale) for name, ratio in ends.items() if not np.isnan(ratio)]
    return (
        f"S-value: {_told.mean_is(observed, scale, prob)} ({show.level(prob)}, {observed.kind}); {'; '.join(parts)}. "
        f"This takes significance in the {worst.direction} direction ({worst.affirmative} of "
        f"{worst.affirmative + worst.nonaffirmative} estimates) as all that publication depends on, and says how much "
        "selection it would take, not how much there is."
    )


def _moved(name: str, ratio: float, worst: WorstCase, threshold: float, scale: Scale) -> str:
    at = show.plain(float(f"{float(scale.back(threshold)):.3g}"))
    if ratio == 1.0:
        return f"{name} does not lie beyond {at} even without selection"
    if ratio == np.inf:
        counted = (
            f"{_estimates(worst.nonaffirmative)} that {'is' if worst.nonaffirmative == 1 else 'are'} not significant"
        )
        return (
            f"no selection for significance, however strong, would move {name} to {at}: at its "
            f"strongest only the {counted} in that direction would count, {_told.mean_is(worst.mean, scale)}"
        )
    times = f"{show.number(ratio, 2)} times"
    return f"significant results must be {times} as likely published as others to move {name} to {at}"


def _estimates(count: int) -> str:
    return f"{count} {'estimate' if count == 1 else 'estimates'}"
