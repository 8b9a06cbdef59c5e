"""The ranges themselves: for each method and quantity, the lowest and the highest over all tables."""

from __future__ import annotations

from math import isnan
from typing import Any

from poolwise import plot
from poolwise.report import words
from poolwise.report.blocks import Body, Column, Picture, Row, Table, lines, marked, numbers, soft
from poolwise.report.range_answers import answer
from poolwise.report.ranges_content import RangesContent
from poolwise.report.section import Figure, Passage, Section
from poolwise.report.spans import at_edge, chances, chances_of_its_side, excluding, extent
from poolwise.show import NOTHING, is_contrast, level, method


def _passage(content: RangesContent) -> Passage:
    title = content.analysis.title
    return Passage(
        "Ranges",
        (Picture("ranges", " ".join(("Ranges over reconstructed tables.", *answer(content)))), _table(content)),
        tables={"ranges.csv": content.ranges.frame},
        figures={"ranges": Figure("Ranges over tables", lambda: plot.ranges(content.ranges, title=title))},
    )


SECTION = Section("ranges", _passage, tables=("ranges.csv",), figures=("ranges.svg", "ranges.png"))


def _table(content: RangesContent) -> Table:
    groups, rope, prob = _groups(content), content.analysis.rope, level(content.ranges.prob)
    every = [row for _, _, records in groups for row in records]
    sampled = any(chances(row, "p_above") != NOTHING for row in every)
    edged = any(not isnan(row["lower_edge"]) for row in every)
    region = sampled and rope is not None

    def cells(row: dict[Any, Any]) -> Row:
        outer, inner = words.kind_parts(row["interval"])
        return Row(
            (
                lines(method(row["label"]), soft(f"{outer} {inner}")),
                *(extent(row, what) for what in ("point", "lower", "upper")),
                excluding(row),
                *([chances_of_its_side(row)] if sampled else []),
                *([chances(row, "p_rope")] if region else []),
                *([at_edge(row)] if edged else []),
            )
        )

    columns = (
        Column("Method", cells="fit"),
        *(numbers(name) for name in ("Estimate", "Lower limit", "Upper limit")),
        numbers(lines("0 excluded in", "tables")),
        *([numbers(lines("P of its", "side of 0"))] if sampled else []),
        *([numbers(f"P({words.signed(rope[0])} to {words.signed(rope[1])})")] if region and rope is not None else []),
        *([numbers(lines("Equal weights", "(optimistic edge)"))] if edged else []),
    )
    caption = marked(
        "Lowest to highest over all tables, the median of those drawn below (reconstructed data). Limits are those of "
        "{prob} intervals, whose kind stands below each method; credible ones are under the priors of the model below. "
        "Scale: {scale}. All digits are in <code>ranges.csv</code>.",
        prob=prob,
        scale=content.analysis.effects.scale.label,
    )
    bodies = tuple(Body(tuple(cells(row) for row in records), title, note) for title, note, records in groups)
    return Table(columns, bodies, caption)


def _groups(content: RangesContent) -> tuple[tuple[str, str, list[dict[Any, Any]]], ...]:
    """Title, note and rows of each quantity that the page tells of."""
    frame = content.ranges.frame
    named = [(name, *words.quantity(str(name))) for name in sorted(dict.fromkeys(frame["quantity"]), key=_order)]
    return tuple(
        (title, note, frame[frame["quantity"] == name].to_dict("records")) for name, title, note in named if title
    )


def _order(name: str) -> tuple[int, str]:
    """Contrasts first, then means, then new studies, then standard deviations."""
    if is_contrast(name):
        return 0, name
    kinds = ("mu", "beta", "theta_new", "tau")
    return next((place for place, kind in enumerate(kinds, start=1) if name.startswith(kind)), len(kinds) + 1), name
