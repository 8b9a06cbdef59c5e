"""Publication bias: classical tests and adjustments, and what no model of selection needs."""

from poolwise.bias.asymmetry import AsymmetryTest
from poolwise.bias.begg import RankTest, begg
from poolwise.bias.egger import egger, pustejovsky, thompson_sharp

__all__ = [
    "AsymmetryTest",
    "RankTest",
    "begg",
    "egger",
    "pustejovsky",
    "thompson_sharp",
]
