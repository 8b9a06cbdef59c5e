"""The model, as the generative statement of what ran."""

from __future__ import annotations

from poolwise.report.blocks import Paragraph, Statement
from poolwise.report.section import Passage, ReportContent, Section
from poolwise.show import statement

SYMBOLS = (
    "y is the estimate of a study and se its standard error, taken as known; θ is the true effect in that study, μ the "
    "mean of the true effects and τ their standard deviation."
)


def _passage(content: ReportContent) -> Passage:
    tables = content.analysis.tables
    symbols = SYMBOLS if tables is None else f"The same in every table. {SYMBOLS}"
    return Passage(
        "Model", (Statement(tuple(statement(line) for line in content.analysis.statement())), Paragraph(symbols))
    )


SECTION = Section("model", _passage, appendix=True)
