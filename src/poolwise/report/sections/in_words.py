"""In words for a paper: methods and results, written from the fits that ran, and the works that the page cites."""

from __future__ import annotations

from poolwise.report.blocks import Paragraph, notes
from poolwise.report.content import Content
from poolwise.report.paper import written
from poolwise.report.paper_besides import told_of
from poolwise.report.section import Passage, Section


def _methods(content: Content) -> Passage:
    return Passage("Methods, in words for a paper", (Paragraph(written(told_of(content)).methods),))


def _results(content: Content) -> Passage:
    return Passage("Results, in words for a paper", (Paragraph(written(told_of(content)).results),))


def _references(content: Content) -> Passage:
    return Passage("References", (notes(written(told_of(content)).references),))


METHODS = Section("methods", _methods)
RESULTS = Section("results", _results)
REFERENCES = Section("references", _references, end=True)
