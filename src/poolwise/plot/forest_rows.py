"""The body of a forest plot as lines and columns of words, before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import pandas as pd

from poolwise.effects import Effects
from poolwise.plot import _marks, _sheet, _text, _words
from poolwise.plot._sheet import Column, Line, Note, Plot, Sheet
from poolwise.result import Result

_PLOT_INCHES, _MOST_LABEL = 3.4, 2.9
_PITCH, _PITCH_PLAIN = 0.29, 0.225
_INDENT = "   "
_SAID = "reconstructed"


@final
@dataclass(frozen=True)
class Row:
    """A line of the body.

    Attributes
    ----------
    kind : str
        ``"group"``, ``"study"``, ``"rule"``, ``"block"``, ``"mean"``, ``"new study"`` or ``"end"``.
    label : str
        Words of the first column.
    y : float
        Centre in row heights from the top.
    numbers : mapping
        The row of the frame that it draws; empty for a heading.
    colour : str
        Colour of its words and marks.
    """

    kind: str
    label: str
    y: float
    numbers: Mapping[str, Any] = field(default_factory=dict)
    colour: str = _sheet.INK


def body(frame: pd.DataFrame, results: Sequence[Result]) -> list[Row]:
    """The lines from the top, each with its height: studies in their groups, then a block for each result."""
    records = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    rows, y = _study_rows([record for record in records if record["row"] == "study"])
    rows.append(Row("rule", "", y + 0.15))
    y += 0.3
    pooled = [record for record in records if record["row"] != "study"]
    starts = [i for i, record in enumerate(pooled) if record["row"] == "mean"]
    for position, (start, stop) in enumerate(zip(starts, [*starts[1:], len(pooled)], strict=True)):
        colour = _marks.COLOURS[position % len(_marks.COLOURS)]
        if len(results) > 1:
            rows.append(Row("block", results[position].label, y + 0.5, colour=colour))
            y += 0.9
        for record in pooled[start:stop]:
            if record["row"] in ("mean", "new study"):
                rows.append(Row(record["row"], _pooled_label(record), y + 0.5, record, colour))
                y += 0.95
        y += 0.1
    return [*rows, Row("end", "", y + 0.05)]


def forest_sheet(frame: pd.DataFrame, rows: Sequence[Row], effects: Effects, notes: Sequence[Note]) -> Sheet:
    """The sheet of a forest plot: its words in columns left and right of one axes."""
    shown = [row for row in rows if row.kind not in ("rule", "end")]
    shrunken = bool(frame.loc[frame["row"] == "study", "point"].notna().any())
    bold = ("group", "block", "mean")
    return Sheet(
        title=_title(effects),
        lines=tuple(
            Line(row.y, bold=row.kind in bold, colour=row.colour if row.kind == "block" else _sheet.INK)
            for row in shown
        ),
        rows=rows[-1].y,
        pitch=_PITCH if shrunken else _PITCH_PLAIN,
        columns=_columns(frame, shown, effects, shrunken),
        notes=tuple(notes),
        below=0.66 if any(effects.directions) else 0.5,
    )


def _study_rows(records: Sequence[Mapping[str, Any]]) -> tuple[list[Row], float]:
    rows: list[Row] = []
    y, group = 0.1, ""
    for record in records:
        if record["group"] != group:
            group = str(record["group"])
            y += 0.2 if rows else 0.0
            rows.append(Row("group", group, y + 0.5))
            y += 0.95
        label = (_INDENT if group else "") + _text.plain(record["label"])
        rows.append(Row("study", label, y + 0.5, record))
        y += 1.0
    return rows, y


def _pooled_label(record: Mapping[str, Any]) -> str:
    name = "Mean effect" if record["row"] == "mean" else "New study"
    return f"{name}, {_words.kind(record['interval'])}" if record["interval"] else name


def _columns(frame: pd.DataFrame, rows: Sequence[Row], effects: Effects, shrunken: bool) -> tuple[Column | Plot, ...]:
    places = _words.decimals(effects.scale, frame)

    def reading(row: Row, *names: str) -> str:
        numbers = [float(row.numbers[name]) for name in names] if row.numbers else [float("nan")] * 3
        point, lower, upper = (float(value) for value in effects.scale.back(numbers))
        return _words.estimate(point, lower, upper, places)

    raw = tuple(reading(row, "raw", "raw_lower", "raw_upper") for row in rows)
    own = tuple(reading(row, "point", "lower", "upper") for row in rows)
    level = f"[{_words.level(float(frame['prob'].iloc[0]))}]"
    first = Column(
        _study_heading(effects),
        tuple(_label(row, effects) for row in rows),
        most=_MOST_LABEL,
        spill=frozenset(i for i, row in enumerate(rows) if row.kind != "study"),
    )
    n = tuple(_words.count(float(row.numbers.get("n", "nan"))) for row in rows)
    columns: list[Column | Plot] = [
        first,
        *([Column("n", n, align="right")] if any(n) else []),
        Plot(_PLOT_INCHES),
    ]
    if shrunken:
        columns.append(Column(f"□ {_source(effects)} {level}", raw, align="right", colour=_marks.RAW))
        columns.append(Column(f"● Shrunken {level}", own, align="right", colour=_marks.COLOURS[0]))
    else:
        either = tuple(alone or pooled for alone, pooled in zip(raw, own, strict=True))
        columns.append(Column(f"Estimate {level}", either, align="right"))
    weight = tuple(_words.percent(float(row.numbers["weight"])) if row.kind == "study" else "" for row in rows)
    columns.append(Column("Weight", weight, align="right"))
    return tuple(columns)


def _label(row: Row, effects: Effects) -> str:
    """The words of the first column; a study's source is added where the sources differ."""
    source = str(row.numbers.get("data", ""))
    if row.kind != "study" or len(set(effects.provenance)) == 1 or source == "reported" or source in row.label:
        return _text.plain(row.label) if row.kind != "study" else row.label
    return f"{row.label} ({source})"


def _title(effects: Effects) -> str:
    title = _text.plain(effects.title)
    if not effects.reconstructed or _SAID in title.casefold():
        return title
    return f"{title} — reconstructed data" if title else "Reconstructed data"


def _study_heading(effects: Effects) -> str:
    if not effects.reconstructed:
        return "Study"
    return "Study (reconstructed)" if len(set(effects.provenance)) == 1 else "Study (some reconstructed)"


def _source(effects: Effects) -> str:
    sources = set(effects.provenance)
    return next(iter(sources)).capitalize() if len(sources) == 1 else "Estimate"
