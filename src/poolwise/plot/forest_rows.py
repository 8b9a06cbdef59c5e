"""The body of a forest plot as lines and columns of words, before anything is drawn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, final

import numpy as np
import pandas as pd

from poolwise.effects import Effects
from poolwise.errors import InputError, nearest, shown
from poolwise.plot import _dress, _marks, _sheet, _text, _words
from poolwise.plot._sheet import Column, Line, Phrase, Plot, Sheet
from poolwise.plot.forest_choices import EVENTS, Choices
from poolwise.plot.forest_frame import blocks
from poolwise.plot.forest_layout import NARROW, Layout, fitted, labels_of, sizes_of, wrapped_label
from poolwise.result import Result
from poolwise.show import capital, level, method, percent

PAGE_HEIGHT = 9.4
EYE = 1.6  # row heights of a density above its summary
_INDENT = "  "
_SAID = "reconstructed"
_BOLD = ("group", "block", "mean")
_FREE = ("group", "block")  # lines of words alone, which run on over the axes
_RIGHT = ("raw", "shrunken", "stacked", "estimate", "weight")
_HEADING = 0.95

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
    aside : str
        Words below the label, in small type: the kind of interval.
    """

    kind: Literal["group", "study", "block"] | Summary
    label: str
    y: float
    numbers: Mapping[Any, Any] = field(default_factory=dict)
    colour: str = _sheet.INK
    aside: str = ""


@final
@dataclass(frozen=True)
class Steps:
    """Heights of the lines.

    Attributes
    ----------
    pitch : float
        Inches of a row height, which is that of a summary.
    study : float
        Row heights of a study.
    eyes : frozenset
        Result, group and kind of the summaries that have a density above them, and so room for one.
    named : bool
        Whether there is room for the labels of studies.
    deep : bool
        Whether kinds of intervals stand on two lines.
    thin : bool
        Whether the line of a study is too low for two intervals.
    apart : float
        Row heights of raw and shrunken marks from the middle of their line.
    """

    pitch: float
    study: float
    eyes: frozenset[tuple[str, str, str]] = frozenset()
    named: bool = True
    deep: bool = False
    thin: bool = False
    apart: float = 0.18


@final
@dataclass(frozen=True)
class Body:
    """The lines of a forest plot.

    Attributes
    ----------
    rows : tuple of Row
        From the top: studies in their groups, each with its summaries below; then a block for each other result.
    rules : tuple of float
        Where a rule parts the studies from the results, in row heights from the top; empty on a page of studies alone.
    height : float
        Of the whole, in row heights.
    steps : Steps
        Of its lines.
    """

    rows: tuple[Row, ...]
    rules: tuple[float, ...]
    height: float
    steps: Steps


@final
class _Pile:
    """Rows one below the other."""

    def __init__(self, steps: Steps, said: Callable[[Mapping[Any, Any]], str], *, mixed: bool, indent: str) -> None:
        self.steps, self.said, self.mixed, self.indent = steps, said, mixed, indent
        self.rows: list[Row] = []
        self.y: list[float] = [0.1]

    def down(self, step: float) -> None:
        """Leave room."""
        self.y.append(self.y[-1] + step)

    def heading(self, kind: Literal["group", "block"], label: str, colour: str = _sheet.INK) -> None:
        """A line of words alone."""
        self.rows.append(Row(kind, label, self.y[-1] + 0.5 * _HEADING, colour=colour))
        self.down(_HEADING)

    def study(self, record: Mapping[Any, Any]) -> None:
        """A line for a study."""
        label = (self.indent if record["group"] else "") + _study_label(record, self.mixed)
        self.rows.append(Row("study", label, self.y[-1] + 0.5 * self.steps.study, record))
        self.down(self.steps.study)

    def summaries(self, group: str, block: Mapping[str, Mapping[Any, Any]], colour: str, *, own: bool) -> None:
        """Lines for the mean effect and a new study; of groups that stand elsewhere with their names."""
        for kind in _SUMMARIES:
            if kind in block:
                record = block[kind]
                self.down(EYE if (record["result"], record["group"], kind) in self.steps.eyes else 0.0)
                indent = self.indent if own and group else ""
                label = indent + _summary_label("" if own else group, kind)
                aside = indent + " ".join(filter(None, (self.said(record), _words.kind(record["interval"]))))
                self.rows.append(Row(kind, label, self.y[-1] + 0.5, record, colour, aside.rstrip()))
                self.down(1.0)


def body(frame: pd.DataFrame, results: Sequence[Result], choices: Choices, steps: Steps) -> Body:
    """The lines of a forest plot, each with its height.

    Parameters
    ----------
    frame : DataFrame
        From `forest_frame`, or its studies alone for a page without results.
    results : sequence of Result
        Those of the frame, in its order; none for a page without results.
    choices : Choices
        What is shown.
    steps : Steps
        Heights of the lines.

    Returns
    -------
    Body
    """
    studies = frame[frame["row"] == "study"]
    indent = _INDENT if choices.inches >= NARROW else ""
    pile = _Pile(steps, _sayer(frame, results, choices), mixed=studies["data"].nunique() > 1, indent=indent)
    series = choices.theme.series
    told = blocks(frame, results) if results else []
    own = {str(group) for group in studies["group"]}
    inner = told[0] if told and told[0] and set(told[0]) - {""} and set(told[0]) - {""} <= own else {}
    if not steps.named and studies["group"].nunique() == 1:
        pile.heading("group", results[0].effects.counted if results else f"{len(studies)} studies")
    for group in dict.fromkeys(studies["group"]):
        members = studies[studies["group"] == group]
        if group:
            pile.down(0.15 if pile.rows else 0.0)
            pile.heading("group", _text.plain(group))
        for record in members.to_dict("records"):
            pile.study(record)
        if group in inner:
            pile.down(0.08)
            pile.summaries(str(group), inner[str(group)], series[0], own=True)
    rules = []
    rest = [{} if i == 0 and inner else each for i, each in enumerate(told)]
    shown_rest = [any(kind in block for block in each.values() for kind in _SUMMARIES) for each in rest]
    if any(shown_rest):
        rules.append(pile.y[-1] + 0.12)
        pile.down(0.24)
    for i, each in enumerate(rest):
        if not shown_rest[i]:
            continue
        colour = series[i % len(series)]
        if len(results) > 1:
            name = next(record["result"] for block in each.values() for record in block.values())
            pile.heading("block", _text.plain(method(str(name))), _marks.of_words(colour))
        for group, block in each.items():
            pile.summaries(group, block, colour, own=False)
        pile.down(0.1)
    return Body(tuple(pile.rows), tuple(rules), pile.y[-1] + 0.08, steps)


def _sayer(frame: pd.DataFrame, results: Sequence[Result], choices: Choices) -> Callable[[Mapping[Any, Any]], str]:
    """Says the numbers of a summary below its name, where there is no column of estimates."""
    if not results or choices.columns is None or "estimate" in choices.columns:
        return lambda record: ""
    scale = results[0].effects.scale
    places = _words.decimals(scale, frame)

    def said(record: Mapping[Any, Any]) -> str:
        point, lower, upper = scale.back([record["point"], record["lower"], record["upper"]]).tolist()
        return f"{choices.theme.interval(_words.estimate(point, lower, upper, places))}, {level(record['prob'])}"

    return said


def layout(frame: pd.DataFrame, lines: Body, effects: Effects, choices: Choices) -> Layout:
    """The columns that fit, each with its width.

    Parameters
    ----------
    frame : DataFrame
        From `forest_frame`.
    lines : Body
        All its lines, however many pages they fill.
    effects : Effects
        The study table.
    choices : Choices
        What is shown.

    Returns
    -------
    Layout
        Without the column of labels.
    """
    sizes = sizes_of(choices.inches)
    columns = _columns(frame, lines, effects, choices)
    line = tuple(
        Line(row.y, bold=row.kind in _BOLD and not (row.kind == "mean" and choices.inches < NARROW))
        for row in lines.rows
    )
    sheet = Sheet("", line, 1.0, 1.0, tuple(column for _, column in columns), (), 0.0, sizes, math.inf)
    wide = [(name, replace(column, inches=_sheet.place(sheet).edges[i][1])) for i, (name, column) in enumerate(columns)]
    spill = sum((column.inches or 0.0) + sizes.gap for name, column in wide if name not in _RIGHT)
    names = [row.label for row in lines.rows if row.kind == "study" and lines.steps.named]
    heading = _heading(effects, choices)
    asides = [row.aside for row in lines.rows if row.aside] + [
        row.label for row in lines.rows if row.kind in ("block", "mean", "new study")
    ]
    labels = labels_of([*names, *heading.split("\n")], asides, sizes, spill)
    return fitted(wide, _RIGHT, labels, choices.inches, sizes)


def forest_sheet(
    found: Layout,
    lines: Body,
    effects: Effects,
    choices: Choices,
    notes: Sequence[Phrase],
    title: str,
) -> Sheet:
    """The sheet of a forest plot: its words in columns left and right of one axes.

    Parameters
    ----------
    found : Layout
        From `layout`, with the cells of these lines.
    lines : Body
        Its lines.
    effects : Effects
        The study table.
    choices : Choices
        What is shown.
    notes : sequence of Phrase
        The paragraphs below.
    title : str
        Words above.

    Returns
    -------
    Sheet
    """
    columns = (_labels(lines, found, effects, choices), *found.columns)
    deep = max(column.heading.count("\n") + 1 for column in columns if isinstance(column, Column))
    return Sheet(
        title=title,
        lines=tuple(
            Line(
                row.y,
                bold=row.kind in _BOLD and not (row.kind == "mean" and choices.inches < NARROW),
                colour=row.colour if row.kind == "block" else _sheet.INK,
                aside=row.kind in _SUMMARIES,
                free=row.kind in _FREE,
            )
            for row in lines.rows
        ),
        rows=lines.height,
        pitch=lines.steps.pitch,
        columns=columns,
        notes=tuple(notes),
        below=_below(effects, choices),
        sizes=sizes_of(choices.inches, heading_lines=deep),
        most=math.inf,
    )


def _below(effects: Effects, choices: Choices) -> float:
    """Inches for ticks, the words of the axis, and those of the directions."""
    return 0.5 + _dress.room_of(effects.directions, sizes_of(choices.inches), choices.inches)


def title_of(words: str | None, effects: Effects) -> str:
    """The words above: those wished or the table's own, and that data are reconstructed in any case."""
    title = _text.plain(effects.title if words is None else words)
    if not effects.reconstructed or _SAID in title.casefold():
        return title
    return f"{title} — reconstructed data" if title else "Reconstructed data"


def with_cells(found: Layout, frame: pd.DataFrame, lines: Body, effects: Effects, choices: Choices) -> Layout:
    """The same columns, of the same widths, with the cells of one page."""
    fresh = dict(_columns(frame, lines, effects, choices))
    by_heading = {column.heading: column for column in fresh.values()}
    columns = tuple(
        column if isinstance(column, Plot) else replace(column, cells=by_heading[column.heading].cells)
        for column in found.columns
    )
    return replace(found, columns=columns)


def _study_label(record: Mapping[Any, Any], mixed: bool) -> str:
    """The study's own label; where the sources differ, with its source unless that was reported."""
    label, source = _text.plain(record["label"]), str(record["data"])
    if not mixed:
        return label.removesuffix(f" ({_SAID})") if source == _SAID else label  # the heading says it of all
    return f"{label} ({source})" if source != "reported" and source not in label else label


def _summary_label(group: str, kind: Summary) -> str:
    name = "Mean effect" if kind == "mean" else "New study"
    return f"{_text.plain(group)}: {name[0].lower()}{name[1:]}" if group else name


def _columns(frame: pd.DataFrame, lines: Body, effects: Effects, choices: Choices) -> list[tuple[str, Column]]:
    """Every column that is wished, by name; estimates apart and in one."""
    rows, named = lines.rows, lines.steps.named
    columns: list[tuple[str, Column]] = []
    for name in _wished(frame, effects, choices):
        if name == "estimate":
            columns += _estimates(frame, lines, effects, choices)
        elif named and name == "weight":
            cells = tuple(percent(row.numbers["weight"]) if row.kind == "study" else "" for row in rows)
            columns.append((name, Column("Weight", cells, align="right")))
        elif named and name == "events":
            columns += [(f"events {arm}", _events(rows, effects, choices, arm)) for arm in EVENTS if _has(effects, arm)]
        elif named:
            said = _count if name == "n" else _value
            cells = tuple(said(row.numbers[name]) if row.kind == "study" else "" for row in rows)
            numeric = name == "n" or pd.api.types.is_numeric_dtype(frame.loc[frame["row"] == "study", name])
            heading = "n" if name == "n" else _text.fit(capital(_text.plain(name)), 1.0, 7.0, bold=True)
            columns.append((name, Column(heading, cells, align="right" if numeric else "left")))
    return columns


def _wished(frame: pd.DataFrame, effects: Effects, choices: Choices) -> list[str]:
    """Names of the columns; those of left of the axes first."""
    if choices.columns is not None:
        names = list(dict.fromkeys(choices.columns))
    else:
        names = [*(["n"] if np.isfinite(effects.n).any() else []), "estimate", "weight"]
    for name in names:
        if name == "events" and not any(_has(effects, arm) for arm in EVENTS):
            raise InputError("columns: no events are known", "a table of counts", "Effects.from_counts(...)")
        if name not in ("n", "weight", "estimate", "events") and name not in frame.columns:
            raise InputError(f"columns: {shown(name)} is none", "a column", nearest(str(name), frame.columns))
    return sorted(names, key=lambda name: {"estimate": 1, "weight": 2}.get(name, 0))


def _estimates(frame: pd.DataFrame, lines: Body, effects: Effects, choices: Choices) -> list[tuple[str, Column]]:
    places = _words.decimals(effects.scale, frame)
    rows, named = lines.rows, lines.steps.named

    def reading(row: Row, *names: str) -> str:
        if not row.numbers or (row.kind == "study" and not named):
            return ""
        point, lower, upper = effects.scale.back([row.numbers[name] for name in names]).tolist()
        return choices.theme.interval(_words.estimate(point, lower, upper, places))

    raw = tuple(reading(row, "raw", "raw_lower", "raw_upper") for row in rows)
    own = tuple(reading(row, "point", "lower", "upper") for row in rows)
    told = {cell.partition(" × ")[2] for cell in (*raw, *own) if cell}
    factor = f" × {told.pop()}" if len(told) == 1 and "" not in told else ""  # stands above the column
    raw, own = (tuple(cell.removesuffix(factor) for cell in cells) for cells in (raw, own))
    prob = f"[{level(float(frame['prob'].iloc[0]))}]{factor}"
    between = "\n" if choices.inches < NARROW else " "
    both = choices.raw and choices.shrunken and named
    if not both:
        pooled = tuple("" if row.kind == "study" else words for row, words in zip(rows, own, strict=True))
        alone = raw if choices.raw else tuple("" for _ in rows)
        summed = pooled if choices.raw else own
        either = tuple(one or other for one, other in zip(alone, summed, strict=True))
        head = "Estimate" if choices.raw or not named else "● Shrunken"
        return [("estimate", Column(f"{head}{between}{prob}", either, align="right"))]
    look = choices.theme
    heads = f"□ {_source(effects)}", "● Shrunken"
    stacked = tuple("\n".join(filter(None, pair)) for pair in zip(raw, own, strict=True))
    one = f"{heads[0]}\n{heads[1]}\n{prob}" if between == "\n" else f"{heads[0]} {prob}\n{heads[1]} {prob}"
    together = Column(one, stacked, align="right", colours=(look.raw, look.shrunken))
    if choices.compact:
        either, colours = tuple(a or b for a, b in zip(raw, own, strict=True)), (look.raw, look.shrunken)
        head = one if between == "\n" else f"{heads[0]} {prob}\n{heads[1]}"
        return [("raw", Column(head, either, align="right", colours=colours))]
    return [
        ("raw", Column(f"{heads[0]} {prob}", raw, align="right", colour=look.raw)),
        ("shrunken", Column(f"{heads[1]} {prob}", own, align="right", colour=look.shrunken)),
        ("stacked", together),
    ]


def _has(effects: Effects, arm: str) -> bool:
    return EVENTS[arm][0] in effects.moderators.columns


def _events(rows: Sequence[Row], effects: Effects, choices: Choices, arm: str) -> Column:
    """Events of one arm among its persons: ``11/139``."""
    events, total = EVENTS[arm]
    table = effects.moderators
    words = {
        label: _count(table[events].iloc[i]) + (f"/{_count(table[total].iloc[i])}" if total in table else "")
        for i, label in enumerate(effects.labels)
    }
    heading = f"{arm}\nevents/n" if total in table else f"{arm}\nevents"
    cells = tuple(words[str(row.numbers["label"])] if row.kind == "study" else "" for row in rows)
    return Column(heading, cells, align="right")


def _count(value: Any) -> str:
    """Persons or events with marks of thousands, as tables have them; empty when unknown."""
    return "" if pd.isna(value) else f"{value:,.0f}" if float(value).is_integer() else _value(value)


def _value(value: Any) -> str:
    """A number or word of a study, empty when unknown."""
    if pd.isna(value):
        return ""
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool | np.bool_):
        number = float(value)
        grouped = f"{number:,.0f}" if abs(number) >= 10000 else f"{number:.0f}"
        return (grouped if number.is_integer() else f"{number:.4g}").replace("-", "−")
    return _text.fit(_text.plain(value), 1.1, 7.0)


def _heading(effects: Effects, choices: Choices) -> str:
    heading, between = choices.theme.study, "\n" if choices.inches < NARROW else " "
    if effects.reconstructed:
        heading += between + ("(reconstructed)" if len(set(effects.provenance)) == 1 else "(some reconstructed)")
    return heading


def deep(lines: Body, found: Layout, choices: Choices) -> bool:
    """Whether the kind of some interval is too long for one line of the labels."""
    size = min(sizes_of(choices.inches).body, _sheet.ASIDE_SIZE)
    room = label_room(found, choices)
    return any(_text.width(row.aside, size) > room for row in lines.rows if "%" not in row.aside)


def label_room(found: Layout, choices: Choices) -> float:
    """Inches of a label that may run over the columns of words beside it."""
    left = itertools.takewhile(lambda column: isinstance(column, Column), found.columns)
    gap = sizes_of(choices.inches).gap
    return found.labels + sum(gap + (column.inches or 0.0) for column in left if isinstance(column, Column))


def _labels(lines: Body, found: Layout, effects: Effects, choices: Choices) -> Column:
    """The first column; lines other than studies may run on into the next one."""
    sizes = sizes_of(choices.inches)
    room = label_room(found, choices)
    whole = room + sizes.plot_gap + next(column.inches for column in found.columns if isinstance(column, Plot))
    cells = []
    for row in lines.rows:
        words = row.label
        if row.kind == "study" and not lines.steps.named:
            words = ""
        elif row.kind == "study" and choices.compact:
            words = _text.fit(words, found.labels, sizes.body)
        elif row.kind == "study":
            words = wrapped_label(words, found.labels, sizes.body)
        elif row.kind == "block":
            pass
        elif row.kind == "group":
            words = wrapped_label(words, whole, sizes.body, bold=True)
        elif row.aside:
            small = min(sizes.body, _sheet.ASIDE_SIZE)
            aside = row.aside
            kind, bracket, rule = aside.partition(" (")
            if lines.steps.deep and bracket and "%" not in kind and _text.width(f"({rule}", small) <= room:
                indent = aside[: len(aside) - len(aside.lstrip())]
                words, aside = f"{words}\n{kind}", f"{indent}({rule}"
            for shorter in _shorter(aside):
                if _text.width(aside, small) > room:
                    aside = shorter
            words = f"{words}\n{aside}"
        cells.append(words)
    spill = frozenset(i for i, row in enumerate(lines.rows) if row.kind != "study")
    return Column(_heading(effects, choices), tuple(cells), spill=spill, inches=found.labels)


def _shorter(aside: str) -> tuple[str, str]:
    """An aside without the rule of its interval, and without its kind where numbers stand before it."""
    kind = aside.removesuffix("(equal-tailed)").rstrip()
    if "%" in kind:
        return kind, kind.rpartition(" % ")[0] + " %"
    return kind, kind.partition(" (")[0]


def _source(effects: Effects) -> str:
    sources = set(effects.provenance)
    return capital(next(iter(sources))) if len(sources) == 1 else "Estimate"
