"""Can these intervals be trusted here? What the file's own methods do on tables whose truth is known."""

from __future__ import annotations

from poolwise.report import characteristics as words
from poolwise.report.blocks import (
    Block,
    Body,
    Column,
    Paragraph,
    Picture,
    Row,
    Table,
    answers,
    numbers,
    with_note,
)
from poolwise.report.blocks import notes as listed
from poolwise.report.section import Figure, Passage, ReportContent, Section
from poolwise.result import NO_PRIOR
from poolwise.show import greek, level

NAME = words.CSV.removesuffix(".csv")
WHAT_IT_IS = (
    "An interval can be trusted here as far as it holds the truth as often as it promises under every truth that could "
    "be this one; which that is, no simulation knows. A confidence interval promises that for every truth; a credible "
    "interval promises its probability on average over its prior, and may hold a single truth more or less often."
)


def _passage(content: ReportContent) -> Passage | None:
    found = content.characteristics
    if found is None:
        return None
    blocks: list[Block] = [
        *answers(words.sentences(found)),
        Picture(
            NAME, f"How often intervals hold the mean effect, against their width: {' '.join(words.sentences(found))}"
        ),
        Table(
            (Column("Method"), Column("Interval"), *map(numbers, words.heads(found)[1:])),
            tuple(Body(tuple(_row(*row) for row in rows), title) for title, rows in words.groups(found)),
            f"Coverage of {level(found.planned.prob)} intervals of the mean effect{_note(found.data)}.",
        ),
        listed(words.notes(found)),
        Paragraph(WHAT_IT_IS),
    ]
    return Passage(
        "Can these intervals be trusted here?",
        tuple(blocks),
        {words.CSV: found.frame},
        {NAME: Figure("Operating characteristics", lambda: words.drawn(found))},
    )


SECTION: Section[ReportContent] = Section(
    "operating-characteristics",
    _passage,
    tables=(words.CSV,),
    figures=(words.SVG, words.PNG),
    planned=lambda analysis: analysis.simulation is not None,
)


def _row(name: str, kind: str, prior: str, cells: tuple[str, ...]) -> Row:
    return Row((name, with_note(kind, "" if prior == NO_PRIOR else greek(prior)), *cells))


def _note(data: str) -> str:
    """What a caption adds where the standard errors are those of reconstructed tables."""
    return " (reconstructed data: the range over tables)" if data == "reconstructed" else ""
