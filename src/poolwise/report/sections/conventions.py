"""How to read the numbers: what each kind of interval means, and what it does not."""

from __future__ import annotations

from poolwise.report import words
from poolwise.report.blocks import Terms
from poolwise.report.section import Passage, ReportContent, Section

RANGE = (
    "Range",
    "The lowest and the highest value over the tables drawn and found; the median is of those drawn. What holds over "
    "the whole range, the published figures say under this model; what holds in a part of it, they leave open.",
)


def _passage(content: ReportContent) -> Passage:
    tables = content.analysis.tables
    pairs = words.CONVENTIONS if tables is None else (RANGE, *words.CONVENTIONS[:2])
    return Passage("How to read the numbers", (Terms(pairs),))


SECTION = Section("conventions", _passage, appendix=True)
