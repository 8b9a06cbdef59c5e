"""In words for a paper: methods and results of ranges over reconstructed tables, and what they cite."""

from __future__ import annotations

from poolwise.report.blocks import Paragraph, notes
from poolwise.report.paper_ranges import words_of
from poolwise.report.ranges_content import RangesContent
from poolwise.report.section import Passage, Section


def _methods(content: RangesContent) -> Passage:
    return Passage("Methods, in words for a paper", (Paragraph(words_of(content).methods),))


def _results(content: RangesContent) -> Passage:
    return Passage("Results, in words for a paper", (Paragraph(words_of(content).results),))


def _references(content: RangesContent) -> Passage:
    return Passage("References", (notes(words_of(content).references),))


METHODS = Section("methods", _methods)
RESULTS = Section("results", _results)
REFERENCES = Section("references", _references, end=True)
