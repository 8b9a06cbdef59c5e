"""The answer: two sentences on the reading scale, and under what they hold."""

from __future__ import annotations

from poolwise.report.answers import answer, conditions
from poolwise.report.blocks import Paragraph, answers
from poolwise.report.content import Content
from poolwise.report.section import Passage, Section
from poolwise.show import greek


def _passage(content: Content) -> Passage:
    title = "The answer under the priors of the file" if content.few and content.panel is not None else "The answer"
    bias = () if content.publication_bias is None else answers([greek(content.publication_bias.in_short)])
    return Passage(title, (*answers(answer(content)), *bias, Paragraph(conditions(content), fine=True)))


SECTION = Section("answer", _passage)
