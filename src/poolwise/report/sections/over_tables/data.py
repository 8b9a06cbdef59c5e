"""Data: the published figures, the tables that agree with them, and the levels of the moderator over the tables."""

from __future__ import annotations

import re

from poolwise.report import words
from poolwise.report.blocks import Block, Column, Paragraph, Table, Terms, notes, numbers, rows
from poolwise.report.ranges_content import RangesContent
from poolwise.report.section import Passage, Section
from poolwise.show import greek, number, percent


def _passage(content: RangesContent) -> Passage:
    ranges = content.ranges
    blocks: list[Block] = [
        _origin(content),
        notes(greek(note) for note in content.analysis.data_notes),
        _published(content),
    ]
    if ranges.levels.empty:
        return Passage("Data", tuple(blocks))
    blocks += [Paragraph(ranges.levels_sentence), _levels(content)]
    return Passage("Data", tuple(blocks), tables={"levels.csv": ranges.levels.assign(data=ranges.data)})


SECTION = Section("data", _passage, tables=("levels.csv",))


def _origin(content: RangesContent) -> Terms:
    effects, tables, factor = content.analysis.effects, content.analysis.tables, content.ranges.factor
    assert tables is not None
    below, above = effects.directions
    sides = (f"; a mean effect below 0: {below}" if below else "") + (f"; above 0: {above}" if above else "")
    return Terms(
        (
            ("Published figures", tables.published.citation),
            ("Outcome", f"{tables.published.outcome}{f', by {factor}' if factor else ''}"),
            ("Tables", content.drawn),
            ("Scale", f"{words.scale(effects.scale)}{sides}"),
            ("Origin of the numbers", content.data_label),
        )
    )


def _published(content: RangesContent) -> Table:
    """The published rows that every table agrees with: level, k, and the figures as printed."""
    tables = content.analysis.tables
    assert tables is not None
    columns = (Column("Row"), *(numbers(name) for name in ("k", "d", "SE", "Q", "I² in %", "p")))
    cells = (
        (
            row.name,
            "not printed" if row.k is None else str(row.k),
            *(_printed(row.figures.get(name, "–")) for name in ("d", "se", "q", "i2_percent", "p")),
        )
        for row in (tables.published, *tables.rows)
    )
    caption = "Published figures that every table agrees with: common-effect estimate d, its standard error, Q, I², p."
    return Table(columns, rows(cells), caption)


def _printed(figure: object) -> str:
    """A figure with the digits that the paper prints: ``"< 0.001"``, ``"0.390"``."""
    return re.sub(r"^([<>])(?=\S)", r"\1 ", str(figure))


def _levels(content: RangesContent) -> Table:
    """The number of studies of each level over the tables."""
    total = content.ranges.tables
    columns = (Column("Level"), *(numbers(name) for name in ("Fewest", "Median", "Most", "Tables with one study")))
    cells = (
        (
            str(row["level"]),
            str(row["fewest"]),
            number(row["median"], 1).removesuffix(".0"),
            str(row["most"]),
            percent(row["tables_with_one"] / total),
        )
        for row in content.ranges.levels.to_dict("records")
    )
    return Table(columns, rows(cells), f"Number of studies of each level over the {total} tables (reconstructed).")
