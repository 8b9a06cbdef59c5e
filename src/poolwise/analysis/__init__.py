"""Whole analyses: one TOML file, read and checked to the end, then run."""

from poolwise.analysis.read import Analysis, Panel, PlannedFit, load_analysis
from poolwise.analysis.run import Run, Step, run

__all__ = ["Analysis", "Panel", "PlannedFit", "Run", "Step", "load_analysis", "run"]
