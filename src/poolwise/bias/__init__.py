"""Publication bias: classical tests and adjustments, and what no model of selection needs."""

from poolwise.bias.asymmetry import AsymmetryTest
from poolwise.bias.begg import RankTest, begg
from poolwise.bias.egger import egger, pustejovsky, thompson_sharp
from poolwise.bias.excess_significance import ExcessSignificance, excess_significance
from poolwise.bias.fail_safe_n import FailSafeN, fail_safe_n
from poolwise.bias.from_counts import deeks, harbord, macaskill, peters
from poolwise.bias.henmi_copas import HenmiCopas, henmi_copas
from poolwise.bias.limit_meta_analysis import LimitMetaAnalysis, limit_meta_analysis
from poolwise.bias.multilevel_egger import multilevel_egger
from poolwise.bias.p_uniform_star import PUniformStar, p_uniform_star
from poolwise.bias.pet_peese import PetPeese, PrecisionEffect, peese, pet, pet_peese
from poolwise.bias.s_value import SValue, WorstCase, s_value, worst_case
from poolwise.bias.trim_and_fill import TrimAndFill, trim_and_fill
from poolwise.bias.vevea_woods import VeveaWoods, vevea_woods

__all__ = [
    "AsymmetryTest",
    "ExcessSignificance",
    "FailSafeN",
    "HenmiCopas",
    "LimitMetaAnalysis",
    "PUniformStar",
    "PetPeese",
    "PrecisionEffect",
    "RankTest",
    "SValue",
    "TrimAndFill",
    "VeveaWoods",
    "WorstCase",
    "begg",
    "deeks",
    "egger",
    "excess_significance",
    "fail_safe_n",
    "harbord",
    "henmi_copas",
    "limit_meta_analysis",
    "macaskill",
    "multilevel_egger",
    "p_uniform_star",
    "peese",
    "pet",
    "pet_peese",
    "peters",
    "pustejovsky",
    "s_value",
    "thompson_sharp",
    "trim_and_fill",
    "vevea_woods",
    "worst_case",
]
