"""The model, as the generative statement of what ran."""

from __future__ import annotations

import re

from poolwise.report.blocks import Paragraph, Statement
from poolwise.report.section import Passage, ReportContent, Section
from poolwise.show import capital, statement

SYMBOLS: tuple[tuple[str, str], ...] = (
    (r"\by_\w+ ~", "y is the estimate of a study and se its standard error, taken as known"),
    (r"θ_\w+ ~", "θ is the true effect that is estimated"),
    (r"x_i β", "xβ is the mean effect at the moderators of a study, with the coefficients β"),
    (r"Normal\(x_i β, τ\)", "τ is the standard deviation of the true effects about it"),
    (r"\bμ_j ~", "μ_j is the mean of the true effects in cluster j"),
    (r"μ\[g\]", "μ[g] is the mean of the true effects in subgroup g"),
    (r"μ\[o\]", "μ[o] is the mean of the true effects on outcome o"),
    (r"Normal\(μ\[g\], τ\)", "τ is their standard deviation"),
    (r"τ\[[go]\]", "τ[…] is their standard deviation"),
    (r"Normal\(μ, σ_μ\)", "μ and τ are those of a typical one"),
    (r"\bσ_μ ~", "σ_μ is the standard deviation of the means"),
    (r"\bσ_logτ ~", "σ_logτ is the standard deviation of log τ"),
    (r"Normal\(μ(?:, τ(?:_between)?)?\)", "μ is the mean of the true effects"),
    (r"Normal\(μ, τ\)", "τ is their standard deviation"),
    (r"\bτ_between ~", "τ_between is the standard deviation of the means of clusters"),
    (r"\bτ_within ~", "τ_within is the standard deviation of the effects within a cluster"),
)
"""What the symbols of a statement mean, each by what it has in it."""


def meanings(statement: str) -> str:
    """The symbols of a statement in words, as far as they are the same in every model that has them."""
    said = [meaning for pattern, meaning in SYMBOLS if re.search(pattern, statement)]
    return f"{capital('; '.join(said))}." if said else ""


def _passage(content: ReportContent) -> Passage:
    tables = content.analysis.tables
    lines = tuple(statement(line) for line in content.analysis.statement())
    symbols = meanings("\n".join(lines))
    symbols = symbols if tables is None else f"The same in every table. {symbols}".strip()
    return Passage("Model", (Statement(lines), *([Paragraph(symbols)] if symbols else [])))


SECTION = Section("model", _passage, appendix=True)
