"""Cells of a range: lowest to highest over all tables, and what is said besides."""

from __future__ import annotations

from math import isnan
from typing import Any

from markupsafe import Markup

from poolwise.checks.ranges.table import span, tables_excluding
from poolwise.report.blocks import with_note
from poolwise.show import chance, chances_of_side, interval, likelier


def extent(row: dict[Any, Any], what: str) -> Markup:
    """Lowest to highest, and the median; no median where all are alike."""
    ends, _, median = span(row, what).rstrip(")").partition(" (")
    return with_note(ends, median)


def excluding(row: dict[Any, Any]) -> Markup:
    """What holds of 0 over all tables, and in how many of those drawn where it depends on the table."""
    verdict, _, drawn = tables_excluding(row).rstrip(")").partition(" (")
    return with_note(verdict, drawn)


def at_edge(row: dict[Any, Any]) -> Markup:
    """What the table with equal weights says: limits, and P(> 0) where there is one; empty without the table."""
    if isnan(row["lower_edge"]):
        return Markup()
    above = "" if isnan(row["p_above_edge"]) else of_side(float(row["p_above_edge"]))
    return with_note(interval(row["lower_edge"], row["upper_edge"], 2), above)


def of_side(above: float) -> str:
    """The probability of the side of 0 on which the median lies: ``"P(< 0) 0.930"``."""
    side, size = likelier(above)
    return f"P({'>' if side == 'above' else '<'} 0) {chance(size)}"


def chances_of_its_side(row: dict[Any, Any]) -> Markup:
    """The lowest and the highest probability of the side of 0 on which the median lies, and the side."""
    ends, _, side = chances_of_side(row["p_above_low"], row["p_above_high"]).rstrip(")").partition(" (")
    return with_note(ends, side)


def chances(row: dict[Any, Any], what: str) -> str:
    """The lowest and the highest probability."""
    low, high = (chance(row[f"{what}_{end}"]) for end in ("low", "high"))
    return low if low == high else f"{low} to {high}"
