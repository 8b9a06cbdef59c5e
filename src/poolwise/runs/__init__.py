"""Runs: an analysis is fitted, checked and reported, on one study table or over all that could be meant."""

from poolwise.runs.analysis_run import Run, Step, run

__all__ = ["Run", "Step", "run"]
