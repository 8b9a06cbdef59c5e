"""What a model may need of an engine, by name: models say what they need, engines what they can."""

from __future__ import annotations

from typing import Final

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
