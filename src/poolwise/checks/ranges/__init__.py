"""Ranges: what can be said of studies that a paper printed in aggregates, over all study tables that fit it."""

from poolwise.checks.ranges.ranges import Ranges, ranges, ranges_of

__all__ = ["Ranges", "ranges", "ranges_of"]
