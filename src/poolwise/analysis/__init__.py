"""Whole analyses as questions: one TOML file, read and checked to the end before anything is fitted."""

from poolwise.analysis.read import load_analysis
from poolwise.analysis.record import Analysis, Panel, PlannedFit

__all__ = ["Analysis", "Panel", "PlannedFit", "load_analysis"]
