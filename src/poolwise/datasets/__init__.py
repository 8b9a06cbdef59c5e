"""Packaged data: real study tables, and published aggregates with their rounding."""

from poolwise.datasets.catalogue import Dataset, describe, frame, load, names, published

__all__ = ["Dataset", "describe", "frame", "load", "names", "published"]
