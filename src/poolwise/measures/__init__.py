"""Effect sizes from what reports say: measures, conversions, and whatever is reported as a standard error."""

from poolwise.measures.conversions import convert
from poolwise.measures.effect_size import effect_size
from poolwise.measures.estimate import Estimate
from poolwise.measures.reported import MeanSd, mean_sd, standard_error

__all__ = ["Estimate", "MeanSd", "convert", "effect_size", "mean_sd", "standard_error"]
