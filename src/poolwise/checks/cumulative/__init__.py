"""Cumulative meta-analysis: the answer after each study, in any order."""

from poolwise.checks.cumulative.cumulative import Cumulative, cumulative

__all__ = ["Cumulative", "cumulative"]
