"""What a model asks of an engine, by name: engines say what they can, and the pairs that exist follow from both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from poolwise.model.correlated import CorrelatedOutcomes, CrossedEffects
from poolwise.model.counts import BinomialNormal, PoissonNormal
from poolwise.model.hierarchical import JointOutcomes, ThreeLevel
from poolwise.model.pooled import CommonEffect, RandomEffects
from poolwise.model.regression import LocationScale, MetaRegression, Subgroups
from poolwise.model.robust import ContaminatedRandomEffects, SkewNormalRandomEffects, StudentTRandomEffects
from poolwise.model.selection import StepSelection, WeightFunction
from poolwise.model.small_studies import PEESE, PET

CLUSTERS: Final = "effects in clusters"
SCALE_MODERATORS: Final = "moderators of heterogeneity"
EXCHANGEABLE: Final = "exchangeable groups"
SKEWED: Final = "skewed true effects"
HEAVY_TAILED: Final = "heavy-tailed true effects"
OUTLYING: Final = "outlying true effects"
COUNTS: Final = "likelihoods of counts"
CROSSED: Final = "crossed groups"
CORRELATED: Final = "correlated true effects"
UNCERTAIN: Final = "uncertain moderators"
POOLED: Final = "pooled levels"
SELECTED_BY_STEPS: Final = "selection in steps of p"
MANY_WEIGHTS: Final = "more than four free weights"
OWN_WEIGHTS: Final = "weights with priors of their own"
SELECTED_MODERATORS: Final = "moderators"
SELECTED: Final = "selection by a function of p"
COVARIANCE: Final = "a known covariance of the sampling errors"  # of a study table, whatever the model

ALWAYS: dict[type, frozenset[str]] = {
    CommonEffect: frozenset(),
    RandomEffects: frozenset(),
    MetaRegression: frozenset(),
    Subgroups: frozenset(),
    ThreeLevel: frozenset({CLUSTERS}),
    LocationScale: frozenset({SCALE_MODERATORS}),
    JointOutcomes: frozenset({EXCHANGEABLE}),
    StudentTRandomEffects: frozenset({HEAVY_TAILED}),
    SkewNormalRandomEffects: frozenset({SKEWED}),
    ContaminatedRandomEffects: frozenset({OUTLYING}),
    BinomialNormal: frozenset({COUNTS}),
    PoissonNormal: frozenset({COUNTS}),
    CrossedEffects: frozenset({CROSSED}),
    CorrelatedOutcomes: frozenset({CORRELATED}),
    PET: frozenset(),
    PEESE: frozenset(),
    StepSelection: frozenset({SELECTED_BY_STEPS}),
    WeightFunction: frozenset({SELECTED}),
}
"""What each model needs whatever its settings, in the order of the table of pairs."""

BY_SETTING: dict[type, dict[str, Callable[[Any], bool]]] = {
    MetaRegression: {UNCERTAIN: lambda model: model.takes_uncertain, POOLED: lambda model: bool(model.pooled)},
    StepSelection: {
        SELECTED_MODERATORS: lambda model: model.moderators is not None,
        OWN_WEIGHTS: lambda model: bool(model.weight_priors),
        MANY_WEIGHTS: lambda model: len(model.free_weights) > 4,
    },
    Subgroups: {EXCHANGEABLE: lambda model: model.heterogeneity == "exchangeable"},
}
"""What a model needs under some settings, and whether these are such ones."""


def needs(model: object) -> frozenset[str]:
    """What a model with these settings asks of an engine.

    Parameters
    ----------
    model : Model

    Returns
    -------
    frozenset of str
    """
    kind = type(model)
    return ALWAYS[kind] | {name for name, holds in BY_SETTING.get(kind, {}).items() if holds(model)}


def may_need(kind: type) -> tuple[str, ...]:
    """What models of a class need under some settings only, in the order that refusals go through it."""
    return tuple(BY_SETTING.get(kind, {}))
