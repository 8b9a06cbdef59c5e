"""Publication bias: classical tests and adjustments, and what no model of selection needs."""

from poolwise.bias.asymmetry import AsymmetryTest
from poolwise.bias.begg import RankTest, begg
from poolwise.bias.egger import egger, pustejovsky, thompson_sharp
from poolwise.bias.from_counts import deeks, harbord, macaskill, peters
from poolwise.bias.multilevel_egger import multilevel_egger
from poolwise.bias.pet_peese import PetPeese, PrecisionEffect, peese, pet, pet_peese

__all__ = [
    "AsymmetryTest",
    "PetPeese",
    "PrecisionEffect",
    "RankTest",
    "begg",
    "deeks",
    "egger",
    "harbord",
    "macaskill",
    "multilevel_egger",
    "peese",
    "pet",
    "pet_peese",
    "peters",
    "pustejovsky",
    "thompson_sharp",
]
