"""Diagnostics: how the fits went over all tables, NUTS beside the exact engine on some, what was noticed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from poolwise import show
from poolwise.report import words
from poolwise.report.blocks import Block, Body, Column, Row, Table, marked, notes, numbers, rows
from poolwise.report.ranges_content import RangesContent
from poolwise.report.section import Passage, Section
from poolwise.show import number, symbol


def _passage(content: RangesContent) -> Passage:
    ranges = content.ranges
    check: tuple[Block, ...] = () if ranges.nuts.empty else (_beside_exact(content),)
    tables = {} if ranges.nuts.empty else {"nuts_check.csv": ranges.nuts.assign(data=ranges.data)}
    return Passage(
        "Diagnostics",
        (_fits(content), *check, notes(words.remark(show.prior(sentence)) for sentence in _told_once(ranges.notes))),
        tables=tables,
    )


_NUMBER = re.compile(r"[−-]?\d[\d.,]*")

SECTION = Section("diagnostics", _passage, tables=("nuts_check.csv",), appendix=True)


def _told_once(sentences: Sequence[str]) -> tuple[str, ...]:
    """The notes, those that differ in nothing but their numbers as the first of them and how many there are."""
    alike: dict[str, list[str]] = {}
    for sentence in sentences:
        alike.setdefault(_NUMBER.sub("#", sentence), []).append(sentence)
    return tuple(
        each[0] if len(each) == 1 else f"{each[0]} ({len(each)} notes are like this one, with other numbers.)"
        for each in alike.values()
    )


def _fits(content: RangesContent) -> Table:
    titles = ("Fit", "Engine", "Status over the tables")
    told = tuple(
        Row(
            (show.method(label), show.engine(engine), show.status(status), words.duration(seconds)),
            below=marked("<code>{settings}</code>", settings=settings),
        )
        for label, engine, settings, status, seconds in content.ranges.fits
    )
    columns = (*(Column(title) for title in titles), numbers("Time of all"))
    return Table(columns, (Body(told),), "Each fit, and below it its settings.")


def _beside_exact(content: RangesContent) -> Table:
    """NUTS beside the exact engine, by table and parameter."""
    distances = ("Mean apart", "2.5 % apart", "97.5 % apart", "R-hat", "Divergences")
    columns = (
        numbers("Table"),
        Column("Quantity"),
        *(numbers(title) for title in ("Mean by NUTS", "Exact mean", *distances)),
        Column("Status"),
    )
    cells = (
        (
            str(row["table"]),
            symbol(str(row["quantity"])),
            number(row["nuts_mean"]),
            number(row["exact_mean"]),
            *(number(row[f"{name}_apart"], 1) for name in ("mean", "q2.5", "q97.5")),
            number(row["r_hat"]),
            str(row["divergences"]),
            show.status(str(row["status"])),
        )
        for row in content.ranges.nuts.to_dict("records")
    )
    caption = f"{content.ranges.nuts_sentence} Distances in Monte Carlo standard errors (reconstructed data)."
    return Table(columns, rows(cells), caption)
