"""How sure the extremes are: the search for the lowest and the highest of every answer."""

from __future__ import annotations

import pandas as pd

from poolwise.checks.ranges import words
from poolwise.checks.ranges.beyond import AGREE
from poolwise.report.blocks import Column, Paragraph, Table, marked, numbers, rows
from poolwise.report.ranges_content import RangesContent
from poolwise.report.section import Passage, Section
from poolwise.report.words import signed
from poolwise.show import number, symbol


def _passage(content: RangesContent) -> Passage | None:
    if content.extremes is None:
        return None
    ranges = content.ranges
    return Passage(
        "How sure the extremes are",
        (Paragraph(words.searched(ranges.searches, AGREE, symbol)), _table(content)),
        tables={
            "searches.csv": ranges.searches.assign(data=ranges.data),
            "extreme_tables.csv": extreme_tables(content),
        },
    )


SECTION = Section("search", _passage, tables=("searches.csv", "extreme_tables.csv"), appendix=True)


def _table(content: RangesContent) -> Table:
    columns = (
        Column("Quantity"),
        Column("Answer"),
        *(numbers(name) for name in ("Drawn", "Found", "Starts that agree", "Best to worst", "Beaten by")),
    )
    caption = marked(
        "The search for the exact fit (reconstructed data). Drawn: the same over the {tables} random tables. Starts "
        "that agree: how many end within 0.002 of the best. Where the starts end apart, a wider range may exist. "
        "Beaten: how much farther a table goes that was found for another answer. All searches are in "
        "<code>searches.csv</code>, the tables in <code>extreme_tables.csv</code>.",
        tables=str(content.ranges.tables),
    )
    return Table(columns, rows(_cells(content)), caption)


def _cells(content: RangesContent) -> tuple[tuple[str, ...], ...]:
    """The search for either end of every answer of the main fit: what was found, and how far its starts end apart."""
    frame = content.ranges.searches
    first = frame[frame["fit"] == frame["fit"].iloc[0]]
    return tuple(
        (
            symbol(str(row["quantity"])),
            f"{ENDS[row['end']]} {_answer(content, str(row['what']))}",
            number(row["drawn"], 3),
            number(row["value"], 3),
            f"{row['agree']} of {row['restarts']}",
            _apart(row["spread"]),
            number(row["beaten"], 3) if row["beaten"] > AGREE else "",
        )
        for row in first.to_dict("records")
    )


def _answer(content: RangesContent, what: str) -> str:
    """What was searched for, the region of practical equivalence by its limits."""
    rope = content.analysis.rope
    if what == "p_rope" and rope is not None:
        return f"P({signed(rope[0])} to {signed(rope[1])})"
    return ANSWERS[what]


def _apart(spread: float) -> str:
    """How far the starts end apart, to three decimals, which is finer than any number of the page."""
    return number(spread, 3) if spread >= _FINEST else f"< {_FINEST}"


_FINEST = 0.001
ENDS = {"low": "lowest", "high": "highest"}
ANSWERS = {
    "point": "estimate",
    "lower": "lower limit",
    "upper": "upper limit",
    "p_above": "P(> 0)",
    "p_rope": "P(region)",
}


def extreme_tables(content: RangesContent) -> pd.DataFrame:
    """The tables that the search found, study by study; ``table`` counts as in ``searches.csv``."""
    tables = content.extremes
    assert tables is not None
    first = content.ranges.tables + 1
    studies = [
        (first + i, j + 1, tables.levels[i][j] if tables.levels else "", tables.y[i, j], tables.se[i, j])
        for i in range(len(tables))
        for j in range(tables.k)
    ]
    return pd.DataFrame(studies, columns=["table", "study", "level", "y", "se"]).assign(data=content.ranges.data)
