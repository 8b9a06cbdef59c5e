"""Data: the study table, as it is and as the models see it."""

from __future__ import annotations

import pandas as pd

from poolwise import tables
from poolwise.report import words
from poolwise.report.blocks import Block, Column, Table, Terms, marked, notes, numbers, rows
from poolwise.report.content import Content
from poolwise.report.section import Passage, Section
from poolwise.show import greek, interval, level, method, number, percent


def _passage(content: Content) -> Passage:
    frame = studies(content)
    blocks: tuple[Block, ...] = (
        _origin(content),
        notes(greek(note) for note in content.analysis.data_notes),
        _table(content, frame[frame["label"] == content.main.label]),
    )
    return Passage("Data", blocks, tables={"studies.csv": frame})


SECTION = Section("data", _passage, tables=("studies.csv",))


def _origin(content: Content) -> Terms:
    effects = content.effects
    outcome = f", outcome: {content.outcome}" if content.outcome else ""
    return Terms(
        (
            ("Table", f"{effects.title or content.analysis.source}{outcome}"),
            ("Size", effects.counted),
            ("Scale", words.scale(effects.scale)),
            ("Origin of the numbers", content.data_label),
            *([("Citation", effects.citation)] if effects.citation else []),
        )
    )


def _table(content: Content, frame: pd.DataFrame) -> Table:
    limits = f"{level(content.analysis.prob)} interval"
    columns = {
        "study": Column("Study"),
        "n": numbers("n"),
        "y": numbers("Estimate\u00a0y"),
        "se": numbers("SE"),
        "raw": numbers(limits),
        "theta": numbers("Shrunken\u00a0θ"),
        "shrunken": numbers(limits),
        "weight": numbers("Weight"),
        "data": Column("Origin"),
    }
    unsaid = {"n": not frame["n"].notna().any(), "data": not _mixed(content)}
    told = [name for name in columns if not unsaid.get(name)]
    caption = marked(
        "Studies{data}, with shrunken estimates and weights from “{label}”. Those of the other results are in "
        "<code>studies.csv</code>.",
        data=" (reconstructed)" if content.effects.reconstructed else "",
        label=method(content.main.label),
    )
    cells = (tuple(row[name] for name in told) for row in _study_rows(frame, mixed=_mixed(content)))
    return Table(tuple(columns[name] for name in told), rows(cells), caption)


def _mixed(content: Content) -> bool:
    """Whether the numbers of the studies have more than one origin."""
    return len(set(content.effects.provenance)) > 1


def studies(content: Content) -> pd.DataFrame:
    """The frame behind ``studies.csv``: one row for each result and study.

    Parameters
    ----------
    content : Content
        What the report tells.

    Returns
    -------
    DataFrame
        Columns label, engine, prior, and those of `poolwise.tables.studies`.
    """
    frames = [
        tables.studies(result, prob=content.analysis.prob).assign(
            label=result.label, engine=result.engine_label, prior=result.prior
        )
        for result in content.results
    ]
    frame = pd.concat(frames, ignore_index=True)
    first = ["label", "engine", "prior"]
    return frame[first + [name for name in frame.columns if name not in first]]


def _study_rows(frame: pd.DataFrame, *, mixed: bool) -> tuple[dict[str, str], ...]:
    """The words of the table, a row for each study: raw is its own interval, shrunken that of its true effect."""
    return tuple(
        {
            "study": str(row["study"]) if mixed else str(row["study"]).removesuffix(" (reconstructed)"),
            "n": words.count(row["n"]),
            "y": number(row["y"]),
            "se": number(row["se"]),
            "raw": interval(row["y_lower"], row["y_upper"]),
            "theta": number(row["theta"]),
            "shrunken": interval(row["theta_lower"], row["theta_upper"]),
            "weight": percent(row["weight"]),
            "data": str(row["data"]),
        }
        for row in frame.to_dict("records")
    )
