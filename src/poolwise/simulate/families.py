"""The models and designs on which the engines are calibrated."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from poolwise.effects import Effects
from poolwise.errors import PoolwiseWarning
from poolwise.model import (
    PEESE,
    PET,
    BinomialNormal,
    CommonEffect,
    ContaminatedRandomEffects,
    CorrelatedOutcomes,
    CrossedEffects,
    JointOutcomes,
    LocationScale,
    MetaRegression,
    Model,
    PoissonNormal,
    RandomEffects,
    SkewNormalRandomEffects,
    StepSelection,
    StudentTRandomEffects,
    Subgroups,
    ThreeLevel,
    WeightFunction,
)
from poolwise.priors import Beta, Cauchy, HalfCauchy, HalfNormal, Normal, RegularizedHorseshoe, StudentT


@final
@dataclass(frozen=True, eq=False)
class Family:
    """A model with proper priors, on a design.

    Attributes
    ----------
    model : Model
    effects : Effects
        Standard errors, moderators, outcomes and clusters; all estimates are 0.

    References
    ----------
    Talts et al. 2018, arXiv:1804.06788.
    """

    model: Model
    effects: Effects


SE = (0.25, 0.12, 0.4, 0.18, 0.3, 0.1, 0.35, 0.2, 0.15, 0.28, 0.22, 0.13)


def design(k: int = 12, *, outcomes: str = "") -> Effects:
    """A study table with k unequal standard errors, a number `x`, groups `g` of unequal sizes and clusters `lab`.

    Parameters
    ----------
    k : int
        Studies, at most 12.
    outcomes : str
        A letter for the outcome of each study; none when empty.

    Returns
    -------
    Effects
    """
    moderators = {
        "x": np.linspace(-1.0, 1.0, 12)[[3, 8, 0, 10, 5, 1, 11, 6, 2, 9, 4, 7]][:k],
        "g": list("abcabaacbaba"[:k]),
        "lab": list("pqqrrrssssqt"[:k]),
    }
    return Effects(
        np.zeros(k),
        se=SE[:k],
        study=[f"study {i + 1}" for i in range(k)],
        moderators=moderators,
        outcome=list(outcomes) or None,
        scale="SMD",
        provenance="simulated",
    )


def two_arms(measure: str, size: float = 1.0) -> Effects:
    """12 studies with two arms of unequal sizes, 20 to 150 persons, or person-years.

    Parameters
    ----------
    measure : str
        ``"log OR"``, ``"log RR"`` or ``"log IRR"``.
    size : float
        Factor of the sizes.

    Returns
    -------
    Effects
        Its counts are placeholders.
    """
    treated = np.array([40, 120, 20, 80, 60, 150, 30, 70, 100, 50, 90, 110]) * size
    control = np.array([50, 110, 30, 60, 60, 120, 20, 90, 100, 40, 50, 150]) * size
    study = [f"study {i + 1}" for i in range(12)]
    return Effects.from_counts(
        np.full((12, 2), 5), np.stack([treated, control], axis=1), measure=measure, study=study
    )  # fmt: skip


def one_arm(measure: str) -> Effects:
    """12 studies of one group of 20 to 150 persons, or person-years.

    Parameters
    ----------
    measure : str
        ``"logit"`` or ``"log rate"``.

    Returns
    -------
    Effects
        Its counts are placeholders.
    """
    totals = two_arms("log OR").moderators["total_treated"]
    return Effects.from_counts([5] * 12, totals, measure=measure, study=[f"study {i + 1}" for i in range(12)])


def _teams() -> Effects:
    """Three outcomes, of which teams have studied all, two or one."""
    plain, team = design(outcomes="uvwuvwuvvwuw"), list("aaabbbccddef")
    return _with(plain, plain.moderators.assign(team=team))


def _with_gaps() -> Effects:
    """A moderator that is missing for three studies and has a standard error in the others."""
    plain = design()
    x = np.array(plain.moderators["x"], dtype=float)
    x[[2, 6, 9]] = np.nan
    return _with(plain, plain.moderators.assign(x=x, se_x=[0.0, 0.2, 0.3, 0.1, 0.4, 0.0, 0.3, 0.2, 0.5, 0.3, 0.1, 0.3]))


def _with_missing_levels() -> Effects:
    """Groups that three studies do not tell, the first among them, whose true effect is looked at."""
    plain = design()
    g = plain.moderators["g"].astype(object)
    g.iloc[[0, 4, 9]] = None
    return _with(plain, plain.moderators.assign(g=g))


def _with(plain: Effects, moderators: pd.DataFrame) -> Effects:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoolwiseWarning)  # of what is missing, which is meant
        return Effects(
            plain.y,
            se=plain.se,
            study=plain.study,
            moderators=moderators,
            outcome=plain.outcome,
            scale=plain.scale,
            provenance="simulated",
        )


_UNIT, _HALF = Normal(0.0, 1.0), HalfNormal(0.5)
_TWELVE = design()
_SHRUNK = RegularizedHorseshoe(0.1, 0.5)

FAMILIES: dict[str, Family] = {
    "common effect": Family(CommonEffect(_UNIT), _TWELVE),
    "random effects": Family(RandomEffects(_UNIT, _HALF), _TWELVE),
    "random effects, three studies": Family(RandomEffects(_UNIT, _HALF), design(3)),
    "random effects, heavy tails": Family(RandomEffects(StudentT(4.0, 0.0, 0.5), HalfCauchy(0.3)), _TWELVE),
    "meta-regression": Family(MetaRegression("~ x", beta=_UNIT, tau=_HALF), _TWELVE),
    "meta-regression, heavy tails": Family(
        MetaRegression("~ x", beta={"intercept": _UNIT, "x": Cauchy(0.0, 0.3)}, tau=_HALF), _TWELVE
    ),
    "subgroups, common tau": Family(Subgroups("g", _UNIT, _HALF), _TWELVE),
    "subgroups, separate taus": Family(Subgroups("g", _UNIT, _HALF, "separate"), _TWELVE),
    "subgroups, exchangeable taus": Family(Subgroups("g", _UNIT, _HALF, "exchangeable", _HALF), _TWELVE),
    "three levels": Family(ThreeLevel("lab", _UNIT, _HALF, _HALF), _TWELVE),
    "three levels, correlated errors": Family(ThreeLevel("lab", _UNIT, _HALF, _HALF, rho=0.6), _TWELVE),
    "three levels with a moderator": Family(
        ThreeLevel("lab", tau_between=_HALF, tau_within=_HALF, rho=0.6, moderators="~ x", beta=_UNIT), _TWELVE
    ),
    "location and scale": Family(
        LocationScale("~ x", "~ x", beta=_UNIT, tau=_HALF, gamma=Normal(0.0, 1.0)), _TWELVE
    ),
    "joint outcomes": Family(JointOutcomes(_UNIT, _HALF, _HALF, _HALF), design(outcomes="uvwuvuuwvuvu")),
    "uncertain moderator": Family(
        MetaRegression("~ x", beta=_UNIT, tau=_HALF, missing="model", errors={"x": "se_x"}), _with_gaps()
    ),
    "missing levels": Family(MetaRegression("~ x + g", beta=_UNIT, tau=_HALF, missing="model"), _with_missing_levels()),
    "pooled levels": Family(MetaRegression("~ x", beta=_UNIT, tau=_HALF, pooled={"lab": _HALF}), _TWELVE),
    "regularised horseshoe": Family(
        MetaRegression("~ x + g", beta={"intercept": _UNIT, "x": _SHRUNK, "g[b]": _SHRUNK, "g[c]": _SHRUNK}, tau=_HALF),
        _TWELVE,
    ),
    "t random effects": Family(StudentTRandomEffects(_UNIT, _HALF), _TWELVE),
    "skew-normal random effects": Family(SkewNormalRandomEffects(_UNIT, _HALF), _TWELVE),
    "random effects with outliers": Family(
        ContaminatedRandomEffects(_UNIT, HalfNormal(0.3), HalfNormal(1.5), Beta(2.0, 8.0)), _TWELVE
    ),
    "crossed effects": Family(CrossedEffects(["g", "lab"], _UNIT, _HALF, _HALF), _TWELVE),
    "correlated outcomes": Family(CorrelatedOutcomes("outcome", "team", _UNIT, _HALF, rho=0.5), _teams()),
    "binomial, odds ratio": Family(
        BinomialNormal("log OR", _UNIT, _HALF, base=Normal(-1.0, 1.0)), two_arms("log OR")
    ),
    "binomial, risk ratio": Family(
        BinomialNormal("log RR", Normal(0.0, 0.5), _HALF, "exchangeable", Normal(-1.0, 0.5), _HALF),
        two_arms("log RR"),
    ),
    "Poisson, baseline as covariate": Family(
        PoissonNormal(_UNIT, _HALF, "exchangeable", Normal(-2.0, 0.5), _HALF, slope=Normal(0.0, 0.5)),
        two_arms("log IRR"),
    ),
    "binomial, one arm": Family(BinomialNormal("logit", Normal(-2.0, 1.0), _HALF), one_arm("logit")),
    "Poisson, one arm": Family(PoissonNormal(Normal(-2.0, 1.0), _HALF), one_arm("log rate")),
}  # fmt: skip
"""What `make calibrate` runs, by name."""

BIAS_FAMILIES: dict[str, Family] = {
    "one step": Family(StepSelection(direction="positive", mu=_UNIT, tau=_HALF), _TWELVE),
    "two steps, negative": Family(StepSelection((0.025, 0.5), direction="negative", mu=_UNIT, tau=_HALF), _TWELVE),
    "two-sided step": Family(StepSelection((0.05,), sides=2, direction="positive", mu=_UNIT, tau=_HALF), _TWELVE),
    "beta weights": Family(WeightFunction("beta", direction="positive", mu=_UNIT, tau=_HALF), _TWELVE),
    "half-normal weights": Family(WeightFunction("halfnorm", direction="positive", mu=_UNIT, tau=_HALF), _TWELVE),
    "PET": Family(PET(direction="positive", mu=_UNIT, tau=_HALF, b=_UNIT), _TWELVE),
    "PEESE": Family(PEESE(direction="positive", mu=_UNIT, tau=_HALF, b=Normal(0.0, 2.0)), _TWELVE),
}
"""Models of publication bias by name, which `make calibrate-bias` runs beside their average."""
