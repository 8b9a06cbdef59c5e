"""The sections of each kind of report, one file each, in the order of the page: a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from poolwise.report.content import Content
from poolwise.report.section import Section
from poolwise.report.sections import (
    answer,
    borrowing,
    bubble,
    characteristics,
    checklists,
    comparison,
    conventions,
    data,
    derivations,
    diagnostics,
    forest,
    in_words,
    model,
    posterior,
    prior_panel,
    publication_bias,
    review,
    robustness,
)
from poolwise.report.sections.over_tables import OVER_TABLES

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis

ONE_TABLE: tuple[Section[Content], ...] = (
    # The answer, and the picture that shows it; with few studies never under one prior alone.
    prior_panel.FIRST,
    answer.SECTION,
    forest.SECTION,
    bubble.SECTION,
    posterior.SECTION,
    # If you believed otherwise: the prior panel, and what the mean is at every tau.
    prior_panel.SECTION,
    in_words.METHODS,
    in_words.RESULTS,
    # The tables.
    comparison.SECTION,
    borrowing.SECTION,
    # Robustness: leave-one-out, specifications, publication bias; whether the methods keep their promises here.
    robustness.LEAVE_ONE_OUT,
    robustness.CUMULATIVE,
    robustness.SPECIFICATIONS,
    publication_bias.SECTION,
    characteristics.SECTION,
    # The data.
    review.SECTION,
    data.SECTION,
    # The appendix.
    derivations.SECTION,
    model.SECTION,
    diagnostics.SECTION,
    conventions.SECTION,
    checklists.SECTION,
    # The end.
    in_words.REFERENCES,
)
"""The sections of a report on one study table."""


def sections_of(analysis: Analysis) -> tuple[Section[Any], ...]:
    """The sections of the report on an analysis, in the order of the page."""
    every: tuple[Section[Any], ...] = ONE_TABLE if analysis.tables is None else OVER_TABLES
    return tuple(section for section in every if section.planned(analysis))


def files_of(sections: Iterable[Section[Any]]) -> tuple[str, ...]:
    """Every file that these sections may write: tables, then pictures, then draws."""
    kinds = ("tables", "figures", "draws")
    every = [*sections]
    return tuple(dict.fromkeys(name for kind in kinds for section in every for name in getattr(section, kind)))
