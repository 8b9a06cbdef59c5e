"""The sections of a report of ranges over reconstructed tables, in the order of the page."""

from __future__ import annotations

from poolwise.report.ranges_content import RangesContent
from poolwise.report.section import Section
from poolwise.report.sections import characteristics, conventions, model
from poolwise.report.sections.over_tables import answer, data, diagnostics, prior_panel, ranges, search

OVER_TABLES: tuple[Section[RangesContent], ...] = (
    answer.SECTION,
    prior_panel.FIRST,
    ranges.SECTION,
    prior_panel.SECTION,
    search.SECTION,
    characteristics.SECTION,
    data.SECTION,
    model.SECTION,
    diagnostics.SECTION,
    conventions.SECTION,
)
"""The sections of a report over reconstructed tables."""
