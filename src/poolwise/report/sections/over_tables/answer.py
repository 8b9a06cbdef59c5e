"""The answer: what holds over the whole range, in sentences."""

from __future__ import annotations

from poolwise.report.blocks import Block, Paragraph, answers
from poolwise.report.range_answers import answer
from poolwise.report.ranges_content import RangesContent
from poolwise.report.section import Passage, Section
from poolwise.show import symbol


def _passage(content: RangesContent) -> Passage:
    blocks: list[Block] = [*answers(answer(content)), Paragraph(symbol(content.ranges.edge_sentence))]
    if content.ranges.factor:
        blocks.append(
            Paragraph(
                f"The levels of {content.ranges.factor} were not assigned at random: a difference between them may "
                "come from anything else in which their studies differ."
            )
        )
    return Passage("The answer", tuple(blocks))


SECTION = Section("answer", _passage)
