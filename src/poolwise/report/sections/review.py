"""The review: the flow of records and reports by PRISMA, and what each study is, as the protocol has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from poolwise import plot
from poolwise.coding import Protocol, characteristics, study_results
from poolwise.effects import Effects
from poolwise.report.blocks import Block, Column, Paragraph, Picture, Table, numbers, rows
from poolwise.report.content import Content
from poolwise.report.section import Figure, Passage, Section

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis


def _passage(content: Content) -> Passage:
    blocks: list[Block] = []
    frames: dict[str, pd.DataFrame] = {}
    figures: dict[str, Figure] = {}
    flow, protocol = content.analysis.flow, content.analysis.protocol
    if flow is not None:
        blocks += [Paragraph(flow.sentence), Picture("prisma", f"PRISMA flow: {flow.sentence}")]
        frames["prisma.csv"] = flow.frame
        figures["prisma"] = Figure("PRISMA flow", lambda: plot.prisma(flow))
    if protocol is not None:
        frame = _characteristics(content.effects, protocol)
        frames |= {
            "characteristics.csv": frame,
            "study_results.csv": study_results(content.effects, prob=content.analysis.prob),
        }
        blocks.append(_table(frame))
    return Passage("The review", tuple(blocks), tables=frames, figures=figures)


def _told(analysis: Analysis) -> bool:
    return analysis.flow is not None or analysis.protocol is not None


SECTION = Section(
    "review",
    _passage,
    tables=("prisma.csv", "characteristics.csv", "study_results.csv"),
    figures=("prisma.svg", "prisma.png"),
    planned=_told,
)


def _characteristics(effects: Effects, protocol: Protocol) -> pd.DataFrame:
    """What the studies that are analysed are, with the size of the sample that is analysed where none was coded."""
    frame = characteristics(protocol)
    frame = frame[frame["study"].isin(effects.study_as_given)].reset_index(drop=True)
    sizes = pd.Series(effects.n).groupby(list(effects.study_as_given), sort=False).max()
    analysed = frame["study"].map(sizes)
    n = frame["n"].fillna(analysed) if "n" in frame else analysed
    rest = frame.drop(columns="n", errors="ignore")
    rest.insert(2, "n", n)
    return rest


def _table(frame: pd.DataFrame) -> Table:
    """Table 1 of a review: fields that nobody coded are left out."""
    coded = [str(name) for name in frame.columns if frame[name].notna().any()]
    columns = [numbers(name) if name == "n" else Column(name.replace("_", " ").capitalize()) for name in coded]
    cells = (tuple(_text(row[name]) for name in coded) for row in frame.to_dict("records"))
    caption = (
        "Characteristics of the studies, as coded; different codes of one study are joined by +. In full in "
        "characteristics.csv; the result of each study in study_results.csv."
    )
    return Table(tuple(columns), rows(cells), caption)


def _text(value: object) -> str:
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
