"""What is assumed: frozen records of models and their priors. Nothing here computes a fit."""

from __future__ import annotations

from poolwise.effects import Effects
from poolwise.model._priors import DEFAULT_PRIORS, called
from poolwise.model.correlated import CorrelatedOutcomes, CrossedEffects
from poolwise.model.counts import BinomialNormal, Counted, PoissonNormal
from poolwise.model.far_priors import far_priors
from poolwise.model.hierarchical import JointOutcomes, ThreeLevel
from poolwise.model.pooled import CommonEffect, RandomEffects
from poolwise.model.regression import LocationScale, MetaRegression, Subgroups
from poolwise.model.robust import ContaminatedRandomEffects, SkewNormalRandomEffects, StudentTRandomEffects

__all__ = [
    "DEFAULT_PRIORS",
    "BinomialNormal",
    "CommonEffect",
    "ContaminatedRandomEffects",
    "CorrelatedOutcomes",
    "Counted",
    "CrossedEffects",
    "JointOutcomes",
    "LocationScale",
    "MetaRegression",
    "Model",
    "PoissonNormal",
    "RandomEffects",
    "Robust",
    "SkewNormalRandomEffects",
    "StudentTRandomEffects",
    "Subgroups",
    "ThreeLevel",
    "called",
    "far_priors",
    "prior_words",
    "remarks",
]

Robust = StudentTRandomEffects | SkewNormalRandomEffects | ContaminatedRandomEffects
Grouped = Subgroups | ThreeLevel | JointOutcomes | CrossedEffects | CorrelatedOutcomes
Normal = CommonEffect | RandomEffects | MetaRegression | LocationScale | Grouped
Model = Normal | Robust | Counted


def prior_words(model: Model) -> str:
    """The priors of a resolved model in one phrase, as tables and figures print them."""
    parts = [f"{name} ~ {prior}" for name, prior in model.named_priors.items()]
    known = getattr(model, "tau_fixed", None)
    return ", ".join(parts if known is None else [*parts, f"tau = {known:g}"])


def remarks(model: Model, effects: Effects) -> tuple[str, ...]:
    """What is odd about the priors of a resolved model on this study table, a sentence each.

    A prior that was made for another scale of effect, or one that puts nearly all its mass where no
    standardised mean difference varies.
    """
    given = model.named_priors
    found = [
        f"the prior {prior} on {name} was made for '{prior.metric}' and the effects are '{effects.scale}'; "
        "move it with prior.for_metric(...), which names the factor"
        for name, prior in given.items()
        if prior is not None and prior.metric is not None and prior.metric != effects.scale.name
    ]
    tau = given.get("tau")
    if effects.scale.name == "SMD" and tau is not None and tau.proper and tau.cdf(10.0) < 0.01:
        found.append(
            f"the prior {tau} puts 99 % of its mass above tau = 10, far beyond any standardised mean difference; "
            "check its unit"
        )
    return tuple(found)
