"""What is assumed: frozen records of models and their priors. Nothing here computes a fit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from poolwise.effects import Effects
from poolwise.errors import ModelError, listing
from poolwise.model._priors import DEFAULT_PRIORS, called
from poolwise.model.assumption import Assumption, Designed
from poolwise.model.coefficients import formula_words
from poolwise.model.correlated import CorrelatedOutcomes, CrossedEffects
from poolwise.model.counts import BinomialNormal, Counted, PoissonNormal
from poolwise.model.far_priors import far_priors
from poolwise.model.hierarchical import JointOutcomes, ThreeLevel
from poolwise.model.pooled import CommonEffect, RandomEffects
from poolwise.model.regression import LocationScale, MetaRegression
from poolwise.model.robust import ContaminatedRandomEffects, SkewNormalRandomEffects, StudentTRandomEffects
from poolwise.model.selection import Selection, StepSelection, WeightFunction
from poolwise.model.small_studies import PEESE, PET
from poolwise.model.structure import NormalStructure
from poolwise.model.subgroups import Subgroups
from poolwise.priors import Prior

__all__ = [
    "DEFAULT_PRIORS",
    "MODELS",
    "NORMAL_MODELS",
    "PEESE",
    "PET",
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
    "Selection",
    "SkewNormalRandomEffects",
    "StepSelection",
    "StudentTRandomEffects",
    "Subgroups",
    "ThreeLevel",
    "WeightFunction",
    "called",
    "far_priors",
    "group_remarks",
    "prior_words",
    "remarks",
    "stated",
    "with_prior",
]

Robust = StudentTRandomEffects | SkewNormalRandomEffects | ContaminatedRandomEffects
Grouped = Subgroups | ThreeLevel | LocationScale | JointOutcomes
OfRows = Robust | Counted
Correlated = CrossedEffects | CorrelatedOutcomes
Model = CommonEffect | RandomEffects | MetaRegression | Grouped | OfRows | Correlated | PET | PEESE | Selection
MODELS: tuple[type[Model], ...] = get_args(Model)
"""Every model, in the order of the table of pairs: a new one is a class in a file beside, and a name in `Model`."""
NORMAL_MODELS = tuple(model for model in MODELS if model.structure is not Assumption.structure)
"""Those whose true effects are normal given their standard deviations: they state a structure."""


def stated(effects: Effects, model: Model) -> tuple[Model, NormalStructure]:
    """A model with every prior explicit, and what it then states on a study table; a design is made once for both.

    Parameters
    ----------
    effects : Effects
    model : Model

    Returns
    -------
    tuple of Model and NormalStructure

    Raises
    ------
    ModelError
        When true effects are not normal given the standard deviations.
    """
    if isinstance(model, Designed):
        stated: tuple[Model, NormalStructure] = model.stated(effects)
        return stated
    resolved = model.resolved(effects)
    structure = resolved.structure(effects)
    if structure is None:
        raise ModelError(f"{model.label}: true effects are not normal given their standard deviations")
    return resolved, structure


def with_prior[M: Model](model: M, name: str, prior: Prior) -> M:
    """The model with another prior on one of its parameters.

    Parameters
    ----------
    model : Model
    name : str
        As `named_priors` has it: ``"mu"``, ``"tau"``, ``"beta[ablat]"``.
    prior : Prior
    """
    part, _, inner = name.partition("[")
    own = {"sd": "pooled", "omega": "weights"}.get(part, part)  # the field that has the priors of what bears this name
    parts: dict[str, Any] = {own: {**getattr(model, own), inner.removesuffix("]"): prior} if inner else prior}
    return replace(model, **parts)


def prior_words(model: Model) -> str:
    """The priors of a resolved model in one phrase, as tables and figures print them."""
    parts = [f"{name} ~ {prior}" for name, prior in model.named_priors.items()]
    known = model.tau_fixed
    return ", ".join(parts if known is None else [*parts, f"tau = {known:g}"])


def remarks(model: Model, effects: Effects) -> tuple[str, ...]:
    """What is odd about the priors of a resolved model on this study table, a sentence each.

    A prior that was made for another scale of effect, or one that puts nearly all its mass where no
    standardised mean difference varies.
    """
    priors = model.named_priors
    sentences = [
        f"the prior {prior} on {name} was made for '{prior.metric}' and the effects are '{effects.scale}'; "
        "move it with prior.for_metric(...), which names the factor"
        for name, prior in priors.items()
        if prior is not None and prior.metric is not None and prior.metric != effects.scale.name
    ]
    tau = priors.get("tau")
    if effects.scale.name == "SMD" and tau is not None and tau.proper and tau.cdf(10.0) < 0.01:
        sentences.append(
            f"the prior {tau} puts 99 % of its mass above tau = 10, far beyond any standardised mean difference; "
            "check its unit"
        )
    return tuple(sentences)


def group_remarks(model: Model, effects: Effects) -> tuple[str, ...]:
    """What a model of groups or clusters cannot learn from this study table, a sentence each.

    Parameters
    ----------
    model : Model
    effects : Effects

    Returns
    -------
    tuple of str
        Groups of one study, clusters of one effect each or one cluster for all, clusters that moderators tell apart.
    """
    match model:
        case Subgroups():
            sizes = Counter(model.groups(effects))
            alone = [f"'{group}'" for group, size in sizes.items() if size == 1]
            own = " and no heterogeneity of its own to be seen" if model.heterogeneity == "separate" else ""
            sentence = f"groups of '{model.by}' with one study: {listing(alone)}; a mean that one study alone decides"
            return (f"{sentence} says nothing general{own}",) if alone else ()
        case ThreeLevel():
            return _cluster_remarks(model, effects)
    return ()


def _cluster_remarks(model: ThreeLevel, effects: Effects) -> tuple[str, ...]:
    sizes = Counter(model.clusters(effects))
    if len(sizes) in (1, effects.k) and effects.k > 1:
        held = "every cluster has one effect" if len(sizes) > 1 else "all effects are in one cluster"
        sentence = f"{held}, so that tau_between and tau_within cannot be told apart by the data"
        other = "RandomEffects()" if model.moderators is None else f"MetaRegression({model.moderators!r})"
        return (f"{sentence}; {other} has one tau, cluster=... names another column",)
    if model.moderators is None:
        return ()
    structure = model.structure(effects)
    if structure.layers[0].stands_for(structure.X, np.arange(effects.k)) < len(sizes):
        return ()
    design = formula_words(model.moderators)
    return (
        f"the moderators {design} tell all {len(sizes)} clusters apart, so that tau_between has nothing but its prior; "
        "fewer moderators, or a cluster=... that groups more effects",
    )
