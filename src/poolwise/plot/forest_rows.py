"""The body of a forest plot as lines and columns of words, before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, final

import pandas as pd

from poolwise.effects import Effects
from poolwise.plot import _marks, _sheet, _text, _words
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet
from poolwise.plot.forest_frame import blocks
from poolwise.result import Result
from poolwise.show import capital, level, percent

_PLOT_INCHES = 3.4
_MOST_STUDY, _MOST_OTHER = 2.9, 3.6  # inches beyond which the label of a study, or of another line, is cut
_PITCH, _PITCH_PLAIN = 0.29, 0.225
_INDENT = "   "
_SAID = "reconstructed"
_BOLD = ("group", "block", "mean")

Summary = Literal["mean", "new study"]
_SUMMARIES: tuple[Summary, ...] = ("mean", "new study")


@final
@dataclass(frozen=True)
class Row:
    """A line of the body.

    Attributes
    ----------
    kind : {"group", "study", "block", "mean", "new study"}
        Heading of a group of studies, study, heading of a result, mean effect, effect in a new study.
    label : str
        Words of the first column.
    y : float
        Centre in row heights from the top.
    numbers : mapping
        The row of the frame that it draws; empty for a heading.
    colour : str
        Colour of its words and marks.
    """

    kind: Literal["group", "study", "block"] | Summary
    label: str
    y: float
    numbers: Mapping[Any, Any] = field(default_factory=dict)
    colour: str = _sheet.INK


@final
@dataclass(frozen=True)
class Body:
    """The lines of a forest plot.

    Attributes
    ----------
    rows : tuple of Row
        From the top: studies in their groups, then a block for each result.
    rule : float
        Where a rule parts the studies from the results, in row heights from the top.
    height : float
        Of the whole, in row heights.
    """

    rows: tuple[Row, ...]
    rule: float
    height: float


def body(frame: pd.DataFrame, results: Sequence[Result]) -> Body:
    """The lines of a forest plot, each with its height.

    Parameters
    ----------
    frame : DataFrame
        From `forest_frame`.
    results : sequence of Result
        Those of the frame, in its order.

    Returns
    -------
    Body
    """
    rows, y = _study_rows(frame[frame["row"] == "study"].to_dict("records"))
    rule = y + 0.15
    y += 0.3
    for position, (result, groups) in enumerate(zip(results, blocks(frame, results), strict=True)):
        colour = _marks.COLOURS[position % len(_marks.COLOURS)]
        shown = [(group, kind, block[kind]) for group, block in groups.items() for kind in _SUMMARIES if kind in block]
        if not shown:
            continue
        if len(results) > 1:
            rows.append(Row("block", _text.plain(result.label), y + 0.5, colour=colour))
            y += 0.9
        for group, kind, numbers in shown:
            rows.append(Row(kind, _summary_label(group, kind, numbers), y + 0.5, numbers, colour))
            y += 0.95
        y += 0.1
    return Body(tuple(rows), rule, y + 0.05)


def forest_sheet(
    frame: pd.DataFrame, lines: Body, effects: Effects, notes: Sequence[Phrase], title: str | None = None
) -> Sheet:
    """The sheet of a forest plot: its words in columns left and right of one axes.

    Parameters
    ----------
    frame : DataFrame
        From `forest_frame`.
    lines : Body
        Its lines.
    effects : Effects
        The study table.
    notes : sequence of Phrase
        The paragraphs below.
    title : str, optional
        Words above, instead of the table's own title.

    Returns
    -------
    Sheet
    """
    shrunken = bool(frame.loc[frame["row"] == "study", "point"].notna().any())
    return Sheet(
        title=_title(effects.title if title is None else title, effects),
        lines=tuple(
            Line(row.y, bold=row.kind in _BOLD, colour=row.colour if row.kind == "block" else _sheet.INK)
            for row in lines.rows
        ),
        rows=lines.height,
        pitch=_PITCH if shrunken else _PITCH_PLAIN,
        columns=_columns(frame, lines.rows, effects, shrunken),
        notes=tuple(notes),
        below=0.66 if any(effects.directions) else 0.5,
    )


def _study_rows(records: Sequence[Mapping[Any, Any]]) -> tuple[list[Row], float]:
    """A line for each study and for each group, and the height at which they end."""
    rows: list[Row] = []
    y, group = 0.1, ""
    mixed = len({record["data"] for record in records}) > 1
    for record in records:
        if record["group"] != group:
            group = str(record["group"])
            y += 0.2 if rows else 0.0
            rows.append(Row("group", _text.plain(group), y + 0.5))
            y += 0.95
        label = (_INDENT if group else "") + _study_label(record, mixed)
        rows.append(Row("study", label, y + 0.5, record))
        y += 1.0
    return rows, y


def _study_label(record: Mapping[Any, Any], mixed: bool) -> str:
    """The study's own label; where the sources differ, with its source unless that was reported."""
    label, source = _text.plain(record["label"]), str(record["data"])
    return f"{label} ({source})" if mixed and source != "reported" and source not in label else label


def _summary_label(group: str, kind: Summary, record: Mapping[Any, Any]) -> str:
    name = "Mean effect" if kind == "mean" else "New study"
    name = f"{_text.plain(group)}: {name[0].lower()}{name[1:]}" if group else name
    return f"{name}, {_words.kind(record['interval'])}" if record["interval"] else name


def _columns(frame: pd.DataFrame, rows: Sequence[Row], effects: Effects, shrunken: bool) -> tuple[Column | Plot, ...]:
    places = _words.decimals(effects.scale, frame)

    def reading(row: Row, *names: str) -> str:
        if not row.numbers:
            return ""
        point, lower, upper = effects.scale.back([row.numbers[name] for name in names]).tolist()
        return _words.estimate(point, lower, upper, places)

    raw = tuple(reading(row, "raw", "raw_lower", "raw_upper") for row in rows)
    own = tuple(reading(row, "point", "lower", "upper") for row in rows)
    prob = f"[{level(float(frame['prob'].iloc[0]))}]"
    n = tuple(_words.count(row.numbers["n"]) if row.numbers else "" for row in rows)
    columns: list[Column | Plot] = [_labels(rows, effects)]
    if any(n):
        columns.append(Column("n", n, align="right"))
    columns.append(Plot(_PLOT_INCHES))
    if shrunken:
        columns.append(Column(f"□ {_source(effects)} {prob}", raw, align="right", colour=_marks.RAW))
        columns.append(Column(f"● Shrunken {prob}", own, align="right", colour=_marks.COLOURS[0]))
    else:
        either = tuple(alone or pooled for alone, pooled in zip(raw, own, strict=True))
        columns.append(Column(f"Estimate {prob}", either, align="right"))
    weight = tuple(percent(row.numbers["weight"]) if row.kind == "study" else "" for row in rows)
    columns.append(Column("Weight", weight, align="right"))
    return tuple(columns)


def _labels(rows: Sequence[Row], effects: Effects) -> Column:
    """The first column; lines other than studies may run on into the next one."""
    heading = "Study"
    if effects.reconstructed:
        heading += " (reconstructed)" if len(set(effects.provenance)) == 1 else " (some reconstructed)"
    cells = tuple(
        _text.fit(
            row.label,
            _MOST_STUDY if row.kind == "study" else _MOST_OTHER,
            _sheet.BODY_SIZE,
            bold=row.kind in _BOLD,
        )
        for row in rows
    )
    return Column(heading, cells, spill=frozenset(i for i, row in enumerate(rows) if row.kind != "study"))


def _title(words: str, effects: Effects) -> str:
    title = _text.plain(words)
    if not effects.reconstructed or _SAID in title.casefold():
        return title
    return f"{title} — reconstructed data" if title else "Reconstructed data"


def _source(effects: Effects) -> str:
    sources = set(effects.provenance)
    return capital(next(iter(sources))) if len(sources) == 1 else "Estimate"
