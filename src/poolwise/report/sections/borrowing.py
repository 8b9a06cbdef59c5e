"""What the outcomes of a joint fit borrow from one another."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from poolwise.checks.borrowing import Borrowing, borrowed_sentence
from poolwise.report import words
from poolwise.report.blocks import Column, Paragraph, Table, lines, numbers, rows
from poolwise.report.content import Content
from poolwise.report.section import Passage, Section
from poolwise.show import interval, level, number, percent


def _passage(content: Content) -> Passage | None:
    borrowed = content.borrowed
    if borrowed is None:
        return None
    return Passage(
        "What the outcomes borrow from one another",
        (Paragraph(borrowed_sentence(borrowed.frame, mu="μ")), _table(content, borrowed), Paragraph(MEANING)),
        tables={"borrowing.csv": borrowed.frame},
    )


SECTION = Section("borrowing", _passage, tables=("borrowing.csv",))

MEANING = (
    "Precision borrowed is 1 − (sd of μ jointly / sd of μ alone)²: 0 where the other outcomes add nothing, below 0 "
    "where the joint fit is the less certain one. The joint fit assumes that the outcomes are exchangeable: nothing "
    "known beforehand says which has the larger effect. Borrowed precision is worth what that assumption is worth."
)


def _table(content: Content, borrowed: Borrowing) -> Table:
    columns = (
        Column("Outcome"),
        numbers("k"),
        numbers("μ, joint"),
        numbers("μ, alone"),
        numbers(lines("Precision", "borrowed")),
        numbers(lines("Shift of μ", "in sd")),
        numbers("τ, joint"),
        numbers("τ, alone"),
    )
    first = borrowed.frame.iloc[0]
    caption = (
        f"Each outcome in the joint fit and fitted alone{content.caption_note}: posterior medians and "
        f"{level(content.analysis.prob)} {words.kind(first['interval'])}s. "
        f"Joint: {words.prior(str(first['prior']))}. Alone: {words.prior(str(first['prior_alone']))}."
    )
    return Table(columns, rows(_cells(row) for row in borrowed.frame.to_dict("records")), caption)


def _cells(row: Mapping[Hashable, object]) -> tuple[str, ...]:
    return (
        str(row["outcome"]),
        str(row["k"]),
        _limits(row, "mu"),
        _limits(row, "mu", "_alone"),
        percent(float(str(row["mu_borrowed"]))),
        number(float(str(row["mu_shift"])), 2),
        _limits(row, "tau"),
        _limits(row, "tau", "_alone"),
    )


def _limits(row: Mapping[Hashable, object], what: str, suffix: str = "") -> str:
    point, lower, upper = (float(str(row[f"{what}_{part}{suffix}"])) for part in ("point", "lower", "upper"))
    return f"{number(point)} {interval(lower, upper)}"
