"""The engine of draws: PyMC models by the No-U-Turn Sampler."""

from poolwise.engines.nuts.engine import NUTS

__all__ = ["NUTS"]
