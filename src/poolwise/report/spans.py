"""Cells of a range: lowest to highest over all tables, and what is said besides."""

from __future__ import annotations

from math import isnan
from typing import Any

from markupsafe import Markup

from poolwise.checks.ranges.table import span, tables_excluding
from poolwise.report.blocks import with_note
from poolwise.show import chance, interval


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
    above = "" if isnan(row["p_above_edge"]) else f"P(> 0) {chance(row['p_above_edge'])}"
    return with_note(interval(row["lower_edge"], row["upper_edge"], 2), above)


def chances(row: dict[Any, Any], what: str) -> str:
    """The lowest and the highest probability."""
    low, high = (chance(row[f"{what}_{end}"]) for end in ("low", "high"))
    return low if low == high else f"{low} to {high}"
