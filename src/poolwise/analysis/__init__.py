"""Whole analyses: one TOML file, read and checked to the end, then run."""

from poolwise.analysis.read import load_analysis
from poolwise.analysis.record import Analysis, Panel, PlannedFit
from poolwise.analysis.runs import Run, Step, run

__all__ = ["Analysis", "Panel", "PlannedFit", "Run", "Step", "load_analysis", "run"]
