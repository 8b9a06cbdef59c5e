"""The engine of draws: PyMC models by the No-U-Turn Sampler."""

from poolwise.engines.nuts.engine import NUTS
from poolwise.engines.nuts.read_draws import ReadDraws

__all__ = ["NUTS", "ReadDraws"]
