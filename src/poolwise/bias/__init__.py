"""Publication bias: classical tests and adjustments, and what no model of selection needs."""

from poolwise.bias.excess_significance import ExcessSignificance, excess_significance
from poolwise.bias.fail_safe_n import FailSafeN, fail_safe_n
from poolwise.bias.henmi_copas import HenmiCopas, henmi_copas
from poolwise.bias.limit_meta_analysis import LimitMetaAnalysis, limit_meta_analysis
from poolwise.bias.p_uniform_star import PUniformStar, p_uniform_star
from poolwise.bias.s_value import SValue, WorstCase, s_value, worst_case
from poolwise.bias.trim_and_fill import TrimAndFill, trim_and_fill

__all__ = [
    "ExcessSignificance",
    "FailSafeN",
    "HenmiCopas",
    "LimitMetaAnalysis",
    "PUniformStar",
    "SValue",
    "TrimAndFill",
    "WorstCase",
    "excess_significance",
    "fail_safe_n",
    "henmi_copas",
    "limit_meta_analysis",
    "p_uniform_star",
    "s_value",
    "trim_and_fill",
    "worst_case",
]
