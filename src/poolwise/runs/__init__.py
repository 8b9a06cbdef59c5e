"""Runs: an analysis is fitted, checked and reported, on one study table or over all that could be meant."""

from poolwise.runs.analysis_run import Run, Step, run
from poolwise.runs.simulation_run import SimulationRun, simulate

__all__ = ["Run", "SimulationRun", "Step", "run", "simulate"]
