"""The rank correlation of effects with their sampling variances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from poolwise import show
from poolwise.bias.asymmetry import reading
from poolwise.bias.egger import ROBUST
from poolwise.bias.requirements import check_varies, few, independence, need_reported
from poolwise.closed_form.kendall import MOST_EXACT, kendall
from poolwise.effects import Effects
from poolwise.errors import InputError

Array = NDArray[np.float64]
TIE = 1e-12  # relative; the rounding of a variance that was a standard error


@final
@dataclass(frozen=True, eq=False, repr=False)
class RankTest:
    """Begg and Mazumdar's rank correlation test.

    Attributes
    ----------
    effects : Effects
    tau : float
        Kendall's rank correlation of standardised effects with sampling variances; above 0 where smaller studies
        report larger effects.
    statistic : float
        Kendall's S, concordant less discordant pairs.
    p_value : float
        Two-sided.
    exact : bool
        Whether the p-value is exact.
    notes : tuple of str
        What else is to be known, a sentence each.

    References
    ----------
    Begg & Mazumdar 1994, Biometrics 50:1088, 10.2307/2533446.
    """

    method: ClassVar[str] = "Begg's test"
    effects: Effects
    tau: float
    statistic: float
    p_value: float
    exact: bool
    notes: tuple[str, ...] = ()

    @property
    def test(self) -> str:
        """The test in words: ``"tau = 0.026, exact p = 0.952"``."""
        kind = "exact p" if self.exact else "normal approximation, p"
        return f"Kendall's tau = {show.number(self.tau)}, {kind} {show.probability(self.p_value)}"

    @property
    def sentence(self) -> str:
        """What was asked, the numbers, and what the test cannot tell at this k."""
        how = f"rank correlation of effects and variances, k = {self.effects.k}"
        return " ".join((f"Begg's test ({how}): {self.test}.", *self._rest))

    @property
    def _rest(self) -> tuple[str, ...]:
        return (reading(self.p_value, self.tau > 0.0), *few(self.effects.k), *self.notes)

    def __str__(self) -> str:
        """The sentence."""
        return show.wrapped([self.sentence])

    def __repr__(self) -> str:
        """One line: the test, studies."""
        return f"<Begg's test: {self.test}, k = {self.effects.k}>"

    def _repr_html_(self) -> str:
        """The numbers and the sentences, compact."""
        return show.card(
            "Begg's test",
            answer=" ".join(self._rest),
            facts=(self.effects.title, self.effects.counted),
            header=("Kendall's tau", "S", "p", ""),
            rows=[(show.number(self.tau), show.number(self.statistic, 0), show.chance(self.p_value),
                   "exact" if self.exact else "normal approximation")],
        )  # fmt: skip


def begg(effects: Effects) -> RankTest:
    """Begg and Mazumdar's rank correlation test for funnel plot asymmetry.

    Kendall's tau between v_i and (y_i - m) / sqrt(v_i - 1 / sum w), with w = 1 / v and m the inverse-variance mean. The
    p-value is exact where no two values are tied and k is at most 500; else S is taken as normal, with the variance
    that ties leave it.

    Parameters
    ----------
    effects : Effects

    Returns
    -------
    RankTest

    Raises
    ------
    InputError
        For fewer than 3 effects, a reconstructed table, and where all standard errors or all standardised effects are
        the same.

    Warns
    -----
    PoolwiseWarning
        When several effects are of one study: the test takes them as independent.

    References
    ----------
    Begg & Mazumdar 1994, Biometrics 50:1088, 10.2307/2533446.

    Examples
    --------
    >>> import poolwise as pw
    >>> test = begg(pw.datasets.load("bcg"))
    >>> round(test.tau, 3), round(test.p_value, 3), test.exact
    (0.026, 0.952, True)
    """
    need_reported(effects, "begg")
    check_varies("begg", effects.se, "standard error", "so that their ranks say nothing of any funnel")
    deviates = standardised(effects.y, effects.v)
    rounding = TIE * np.abs(effects.y).max() / effects.se
    first, second = _ranks(deviates, rounding), _ranks(effects.v, TIE * effects.v)
    if not first.any():
        raise InputError(
            f"begg: the {effects.k} effects are all the same, so that there are no ranks", "effects that differ"
        )
    found = kendall(first, second)
    notes: tuple[str, ...] = ()
    if found.tied:
        notes = (
            "Some values are tied, so that the p-value is that of a normal law, with a variance corrected for it.",
        )
    elif not found.exact:
        notes = (f"With more than {MOST_EXACT} effects the p-value is that of a normal law.",)
    notes += independence("Begg's test", effects, ROBUST)
    return RankTest(effects, found.tau, float(found.S), found.p_value, found.exact, notes)


def standardised(y: Array, v: Array) -> Array:
    """Deviations from the inverse-variance mean over their standard errors, (y - m) / sqrt(v - 1 / sum w).

    Parameters
    ----------
    y, v : ndarray, shape (k,)

    Returns
    -------
    ndarray, shape (k,)
        Measured from the most precise effect, whose deviation and variance would else be differences of nearly equal
        numbers where it outweighs the others.

    References
    ----------
    Begg & Mazumdar 1994, Biometrics 50:1088, 10.2307/2533446.
    """
    w = v.min() / v
    best = int(np.argmin(v))
    others = np.delete(w, best).sum()
    measured = y - y[best]
    share = np.where(np.arange(len(y)) == best, others, others + 1.0 - w) / (others + 1.0)
    return (measured - w @ measured / (others + 1.0)) / np.sqrt(v * share)


def _ranks(x: Array, rounding: Array) -> NDArray[np.intp]:
    """Ranks from 0, the same for neighbours that differ by no more than the rounding of either."""
    order = np.argsort(x, kind="stable")
    steps = np.diff(x[order]) > np.minimum(rounding[order][1:], rounding[order][:-1])
    ranks = np.empty(len(x), dtype=np.intp)
    ranks[order] = np.concatenate([[0], np.cumsum(steps)])
    return ranks
