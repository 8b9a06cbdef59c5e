"""Evidence: Bayes factors of results, and averages over models with and without an effect and heterogeneity."""

from poolwise.evidence.averaged import Averaged
from poolwise.evidence.averaging import average
from poolwise.evidence.bias_averaged import BiasAveraged
from poolwise.evidence.comparison import BayesFactor, bayes_factor

__all__ = ["Averaged", "BayesFactor", "BiasAveraged", "average", "bayes_factor"]
