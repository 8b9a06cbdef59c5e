"""The sections of a report of ranges over reconstructed tables, in the order of the page."""

from __future__ import annotations

from poolwise.report.ranges_content import RangesContent
from poolwise.report.section import Section
from poolwise.report.sections import characteristics, conventions, model
from poolwise.report.sections.over_tables import (
    answer,
    checklists,
    data,
    diagnostics,
    in_words,
    prior_panel,
    ranges,
    search,
)

OVER_TABLES: tuple[Section[RangesContent], ...] = (
    # The answer, and the picture that shows it.
    answer.SECTION,
    # If you believed otherwise; with few studies before the ranges.
    prior_panel.FIRST,
    ranges.SECTION,
    prior_panel.SECTION,
    characteristics.SECTION,
    # In words for a paper.
    in_words.METHODS,
    in_words.RESULTS,
    # The data.
    data.SECTION,
    # The appendix.
    search.SECTION,
    model.SECTION,
    diagnostics.SECTION,
    conventions.SECTION,
    checklists.SECTION,
    # The end.
    in_words.REFERENCES,
)
"""The sections of a report over reconstructed tables."""
