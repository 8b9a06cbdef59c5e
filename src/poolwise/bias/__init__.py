"""Publication bias: classical tests and adjustments, and what no model of selection needs."""

from poolwise.bias.vevea_woods import VeveaWoods, vevea_woods

__all__ = ["VeveaWoods", "vevea_woods"]
