"""Effect sizes from what reports say: measures, conversions, and whatever is reported as a standard error."""

from poolwise.measures.effect_size import effect_size
from poolwise.measures.estimate import Estimate

__all__ = ["Estimate", "effect_size"]
