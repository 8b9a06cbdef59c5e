"""Publication bias: every method on one study table, none of which dominates."""

from poolwise.checks.publication_bias.methods import METHODS, Method
from poolwise.checks.publication_bias.publication_bias import PublicationBias, publication_bias, value_words

__all__ = ["METHODS", "Method", "PublicationBias", "publication_bias", "value_words"]
