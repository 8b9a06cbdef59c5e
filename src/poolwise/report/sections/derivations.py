"""From reports to effects: what each report said, the way from there to y, and what other ways would have given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from poolwise.report.blocks import Column, Paragraph, Table, folded, marked, numbers, rows, with_note
from poolwise.report.content import Content
from poolwise.report.section import Passage, Section
from poolwise.show import number, with_minus

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis

BESIDE = ("page", "adjusted")
"""Moderators that say where a statistic stands, and whether it is adjusted for other variables."""
MEANING = (
    "Each line begins with the statistics as they were read, then tells every step to y on the scale of the analysis. "
    "Where a study reports enough for several ways, the nearest is taken, and the others stand beside it: they are not "
    "analysed. Numbers here are rounded for reading; the estimates are not."
)


def _passage(content: Content) -> Passage:
    frame = derivations(content)
    told = int((frame["derivation"] != "").sum())
    counted = f"All {told} estimates were" if told == len(frame) else f"{told} of {len(frame)} estimates were"
    opening = f"{counted} computed from what the reports print."
    adjusted = int((frame["adjusted"] == "yes").sum()) if "adjusted" in frame else 0
    if adjusted:
        opening += f" {adjusted} of them {'is' if adjusted == 1 else 'are'} adjusted for other variables."
    blocks = (Paragraph(opening), Paragraph(MEANING), _table(content, frame))
    return Passage("From reports to effects", blocks, tables={"derivations.csv": frame})


def _told(analysis: Analysis) -> bool:
    return any(analysis.effects.derivation)


SECTION = Section("derivations", _passage, tables=("derivations.csv",), planned=_told, appendix=True)


def derivations(content: Content) -> pd.DataFrame:
    """The frame behind ``derivations.csv``: one row for each estimate.

    Parameters
    ----------
    content : Content
        What the report tells.

    Returns
    -------
    DataFrame
        study, outcome, row (from 1, in the table as it was handed in), page and adjusted where they were coded,
        derivation, y, se.
    """
    effects = content.effects
    coded = {name: list(effects.moderators[name]) for name in BESIDE if name in effects.moderators}
    return pd.DataFrame(
        {
            "study": list(effects.study),
            "outcome": list(effects.outcome),
            "row": [place + 1 for place in effects.order],
            **coded,
            "derivation": list(effects.derivation),
            "y": effects.y,
            "se": effects.se,
        }
    )


def _table(content: Content, frame: pd.DataFrame) -> Table:
    flagged = "adjusted" in frame
    columns = (
        Column("Study"),
        Column("What was reported, and the way from there", head="wide", cells="way"),
        *([Column("Adjusted")] if flagged else []),
        numbers("y"),
        numbers("SE"),
    )
    ways = [_way(str(row["derivation"])) for row in frame.to_dict("records")]
    cells = (
        (
            with_note(str(row["study"]), _place(row)),
            folded(way),
            *([_text(row["adjusted"])] if flagged else []),
            number(float(str(row["y"]))),
            number(float(str(row["se"]))),
        )
        for way, row in zip(ways, frame.to_dict("records"), strict=True)
    )
    caption = marked(
        "On the scale {scale}. {long}All are in <code>derivations.csv</code>.",
        scale=content.effects.scale.label,
        long="Long ways open on a click. " if any(folded(way) != way for way in ways) else "",
    )
    return Table(columns, rows(cells), caption)


def _way(derivation: str) -> str:
    """How an estimate was had, with Fisher's z by its name."""
    if not derivation:
        return "reported as an estimate with its standard error"
    return with_minus(derivation).replace("ZCOR from ", "Fisher z from ")


def _place(row: dict[object, object]) -> str:
    return _text(row.get("page")) or f"row {row['row']}"


def _text(value: object) -> str:
    return "" if value is None or pd.isna(value) else str(value)  # type: ignore[call-overload]
