"""Effect sizes from what reports say: measures, conversions, and whatever is reported as a standard error."""

from poolwise.measures.conversions import convert
from poolwise.measures.effect_size import effect_size
from poolwise.measures.estimate import Estimate
from poolwise.measures.margins import cells_of_margins
from poolwise.measures.reported import MeanSd, mean_sd, standard_error
from poolwise.measures.translations import (
    binomial_effect_size_display,
    cohen_u1,
    cohen_u2,
    cohen_u3,
    number_needed_to_treat,
    overlap_coefficient,
)

__all__ = [
    "Estimate",
    "MeanSd",
    "binomial_effect_size_display",
    "cells_of_margins",
    "cohen_u1",
    "cohen_u2",
    "cohen_u3",
    "convert",
    "effect_size",
    "mean_sd",
    "number_needed_to_treat",
    "overlap_coefficient",
    "standard_error",
]
