"""Excess significance: more significant studies than their power allows for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import bdtrc, ndtr, ndtri

from poolwise import show
from poolwise.bias import _told
from poolwise.bias.requirements import check_alpha, few, finite, need_independent, need_no_effect
from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.lent import Lent
from poolwise.scale import Scale

Array = NDArray[np.float64]
CRITICAL = 0.10  # level of the test itself, which Ioannidis & Trikalinos 2007 propose as its power is low
FAR = 40.0  # standard errors beyond the largest estimate, where every power is 1


@final
@dataclass(frozen=True, repr=False, eq=False)
class ExcessSignificance:
    """How many studies are significant, and how many should be by their power.

    Attributes
    ----------
    observed : int
        Studies that are significant.
    expected : float
        Sum of their powers.
    p_value : float
        Of an excess, exactly: P(significant studies >= observed), each significant with its own power.
    p_chi2, p_binomial : float
        Of an excess by the signed root of Pearson's chi-square, and by a binomial with the mean power.
    theta, tau2 : float
        True mean and between-study variance behind the powers.
    limit : float
        The mean at which `p_value` is 0.10, beyond which the excess is no longer remarkable; NaN where no mean makes
        it remarkable.
    frame : DataFrame
        One row for each study: study, z, power, significant; a new copy each time it is asked for.
    sentence : str
        The two numbers in words and what the test cannot tell.

    References
    ----------
    Ioannidis & Trikalinos 2007, Clinical Trials 4:245, 10.1177/1740774507079441; the exact test: Francis 2013, J.
    Mathematical Psychology 57:153, 10.1016/j.jmp.2013.02.003.
    """

    observed: int
    expected: float
    p_value: float
    p_chi2: float
    p_binomial: float
    theta: float
    tau2: float
    limit: float
    frame: pd.DataFrame = field(repr=False)
    sentence: str

    def __str__(self) -> str:
        return show.wrapped([show.greek(self.sentence)])

    def __repr__(self) -> str:
        """One line: observed, expected, p."""
        return (
            f"<ExcessSignificance: {self.observed} significant, {show.number(self.expected, 2)} expected, "
            f"p {show.probability(self.p_value)}>"
        )

    def _repr_html_(self) -> str:
        """The three tests, compact."""
        tests = (("exact", self.p_value), ("chi-square", self.p_chi2), ("binomial", self.p_binomial))
        return show.card(
            "Excess significance",
            facts=(f"{self.observed} significant", f"{show.number(self.expected, 2)} expected"),
            header=("test", "p"),
            rows=[(name, show.chance(p)) for name, p in tests],
            answer=show.greek(self.sentence),
        )


ExcessSignificance.frame = Lent("frame")  # type: ignore[assignment]


def excess_significance(
    effects: Effects, *, theta: float | None = None, tau2: float = 0.0, alpha: float = 0.05
) -> ExcessSignificance:
    """Compare the number of significant studies with the one that their power lets expect.

    Study i is significant when |y_i| / s_i reaches z_(1 - alpha/2), which it does with the power

        P_i = Phi((theta - c_i) / sd_i) + Phi((-theta - c_i) / sd_i),  c_i = z_(1 - alpha/2) s_i,
        sd_i = sqrt(s_i^2 + tau2).

    With O the number of significant studies and E the sum of the P_i, the chi-square test has
    X2 = (O - E)^2 / E + (O - E)^2 / (k - E), of whose root the tail above is taken where O > E.

    Parameters
    ----------
    effects : Effects
    theta : float, optional
        True mean effect on the analysis scale; the weighted mean, w = 1 / (v + tau2), when None.
    tau2 : float
        Between-study variance of the true effects.
    alpha : float
        Two-sided level at which the studies were tested.

    Returns
    -------
    ExcessSignificance

    Raises
    ------
    InputError
        For fewer than 2 studies, several effects of one study, a reconstructed table.
    ModelError
        For numbers that are none, or a scale without a null value.

    Notes
    -----
    The common effect without heterogeneity is the authors' choice: it rests on the large studies, which selection
    distorts least. Heterogeneity that is left out makes excess where there is none: try tau2 as fitted. alpha = 0.05 is
    the level that studies use.

    References
    ----------
    Ioannidis & Trikalinos 2007, Clinical Trials 4:245, 10.1177/1740774507079441; the exact test: Francis 2013, J.
    Mathematical Psychology 57:153, 10.1016/j.jmp.2013.02.003.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = pw.bias.excess_significance(pw.datasets.load("bcg"))
    >>> found.observed, round(found.expected, 2), round(found.p_value, 3)
    (8, 6.09, 0.134)
    """
    table = need_independent(effects, "excess_significance", least=2)
    need_no_effect(table, "excess_significance")
    cut = -float(ndtri(0.5 * check_alpha(alpha)))
    between = finite("tau2", tau2)
    if between < 0.0:
        raise ModelError(f"tau2 = {tau2!r}", "a variance, at least 0")
    w = 1.0 / (table.v + between)
    mean = float((w * table.y).sum() / w.sum()) if theta is None else finite("theta", theta)
    sd = np.sqrt(table.v + between)
    powers = _powers(mean, cut * table.se, sd)
    significant = np.abs(table.y) >= cut * table.se
    k, observed, expected = table.k, int(significant.sum()), float(powers.sum())
    p_value = at_least(observed, powers)
    frame = pd.DataFrame(
        {"study": list(table.labels), "z": table.y / table.se, "power": powers, "significant": significant}
    )
    limit = _limit(observed, table.y, cut * table.se, sd, mean)
    return ExcessSignificance(
        observed,
        expected,
        p_value,
        _chi2(observed, expected, k),
        float(bdtrc(observed - 1, k, min(expected / k, 1.0))) if observed else 1.0,
        mean,
        between,
        limit,
        frame,
        _sentence(observed, expected, p_value, k, mean, between, table.scale),
    )


def _powers(theta: float, cuts: Array, sd: Array) -> Array:
    return ndtr((theta - cuts) / sd) + ndtr((-theta - cuts) / sd)


def at_least(number: int, chances: Array) -> float:
    """P(at least so many of independent events happen), each with its own chance, by convolution.

    References
    ----------
    Francis 2013, J. Mathematical Psychology 57:153, 10.1016/j.jmp.2013.02.003.
    """
    law = np.array([1.0])
    for chance in chances:
        law = np.append(law * (1.0 - chance), 0.0) + np.append(0.0, law * chance)
    return float(min(law[number:].sum(), 1.0))


def _chi2(observed: int, expected: float, k: int) -> float:
    away = observed - expected
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(np.float64(away) ** 2 / expected + np.float64(away) ** 2 / (k - expected))
    return 0.5 if away == 0.0 else float(ndtr(-np.copysign(root, away)))


def _limit(observed: int, y: Array, cuts: Array, sd: Array, theta: float) -> float:
    """The mean on the side of theta at which the exact test has the p-value 0.10."""

    from scipy.optimize import brentq

    def excess(mean: float) -> float:
        return at_least(observed, _powers(mean, cuts, sd)) - CRITICAL

    if excess(0.0) >= 0.0:
        return np.nan
    far = float(np.copysign(np.abs(y).max() + FAR * sd.max() + cuts.max(), theta))
    return float(brentq(excess, 0.0, far, xtol=1e-14 * abs(far), rtol=1e-14))


def _sentence(observed: int, expected: float, p_value: float, k: int, theta: float, tau2: float, scale: Scale) -> str:
    mean = f"{_told.mean_effect(scale)} is {_told.at(theta, scale)}"
    spread = f" and τ² = {show.number(tau2)}" if tau2 else " without heterogeneity"
    told = (
        f"Excess significance: {observed} of {k} studies are significant, {show.number(expected, 2)} were to be "
        f"expected by their power if {mean}{spread}; p {show.probability(p_value)} "
        "for an excess (exact, one-sided). An excess may come from selection of studies or of outcomes, or from "
        "heterogeneity that is left out; the mean itself may be biased, and then the expected number is too large."
    )
    return " ".join((told, *few(k)))
