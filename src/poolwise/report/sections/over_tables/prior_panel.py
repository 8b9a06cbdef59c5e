"""Prior panel over all tables. With fewer than 5 studies it is read before the ranges."""

from __future__ import annotations

from dataclasses import replace

from poolwise.report.blocks import Column, Paragraph, Table, lines, marked, numbers, rows, soft
from poolwise.report.ranges_content import RangesContent
from poolwise.report.section import Passage, Section
from poolwise.report.spans import at_edge, chances_of_its_side, excluding, extent
from poolwise.report.words import UNASKED, prior
from poolwise.settings import SMALL_K
from poolwise.show import level, symbol


def _passage(content: RangesContent, *, small: bool) -> Passage | None:
    ranges = content.ranges
    if ranges.panel.empty or (ranges.k < SMALL_K) != small:
        return None
    title = "What can be said, prior by prior" if small else "If you believed otherwise"
    frame = ranges.panel.assign(prob=ranges.prob, data=ranges.data)
    plan = content.analysis.panel
    blocks = (Paragraph(UNASKED),) if plan is not None and plan.unasked else ()
    said = Paragraph(_WITH_FEW.format(k=ranges.k) if small else symbol(ranges.panel_sentence))
    return Passage(title, (*blocks, said, _table(content)), tables={"prior_panel.csv": frame})


_WITH_FEW = (
    "With k = {k} studies no prior on τ is to be read alone. Whoever holds one of these finds in its row what the "
    "answer above then comes to."
)
"""The answer over all priors stands above, once."""

FIRST: Section[RangesContent] = Section(
    "priors", lambda content: _passage(content, small=True), tables=("prior_panel.csv",)
)
"""Before the ranges."""
SECTION = replace(FIRST, passage=lambda content: _passage(content, small=False))


def _table(content: RangesContent) -> Table:
    ranges = content.ranges
    columns = (
        Column("Prior on τ", cells="prior"),
        numbers("Lower limit"),
        numbers("Upper limit"),
        numbers(lines("0 excluded in", "tables")),
        numbers(lines("P(μ on its", "side of 0)")),
        numbers(lines("Upper limit", "of τ")),
        numbers(lines("Equal weights", "(optimistic edge)")),
    )
    caption = marked(
        "μ under each prior on τ of the panel, over all tables (reconstructed data): lowest to highest, the median "
        "of the tables drawn below. {prob} equal-tailed credible intervals. All digits are in "
        "<code>prior_panel.csv</code>.",
        prob=level(ranges.prob),
    )
    cells = (
        (
            lines(prior(row["prior"]), soft(row["name"])),
            extent(row, "lower"),
            extent(row, "upper"),
            excluding(row | {"tables": ranges.tables, "found": ranges.found}),
            chances_of_its_side(row),
            extent(row, "tau_upper"),
            at_edge(row),
        )
        for row in ranges.panel.to_dict("records")
    )
    return Table(columns, rows(cells), caption)
