"""The models and designs on which the engines are calibrated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from poolwise.effects import Effects
from poolwise.model import (
    CommonEffect,
    JointOutcomes,
    LocationScale,
    MetaRegression,
    Model,
    RandomEffects,
    Subgroups,
    ThreeLevel,
)
from poolwise.priors import Cauchy, HalfCauchy, HalfNormal, Normal, StudentT


@final
@dataclass(frozen=True, eq=False)
class Family:
    """A model with proper priors, on a design.

    Attributes
    ----------
    model : Model
    effects : Effects
        Standard errors, moderators, outcomes and clusters; all estimates are 0.
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


_UNIT, _HALF = Normal(0.0, 1.0), HalfNormal(0.5)
_TWELVE = design()

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
    "location and scale": Family(
        LocationScale("~ x", "~ x", beta=_UNIT, tau=_HALF, gamma=Normal(0.0, 1.0)), _TWELVE
    ),
    "joint outcomes": Family(JointOutcomes(_UNIT, _HALF, _HALF, _HALF), design(outcomes="uvwuvuuwvuvu")),
}  # fmt: skip
"""What `make calibrate` runs, by name."""
