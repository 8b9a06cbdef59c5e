"""The answer of a run on a terminal: the sentences of its report, then a row for each method."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from poolwise import show
from poolwise.quantities import Distribution

if TYPE_CHECKING:
    from rich.console import Console

    from poolwise.checks import Ranges
    from poolwise.result import Result
    from poolwise.runs import Run
    from poolwise.scale import Scale

_NARROW = 60  # characters to a line below which a table is told row by row
_WITHOUT_ONE = 80  # characters to a line where there is no terminal


def print_answer(done: Run) -> None:
    """Print the answer in sentences, and a table of the mean effect, a new study, tau and P by every method."""
    from poolwise.report import Content
    from poolwise.report.answers import answer

    if done.ranges is not None:
        _print_ranges(done.analysis.title, done.ranges)
        return
    analysis = done.analysis
    few = [done.panel.caution] if done.panel is not None and done.panel.caution else []
    said = [*few, *answer(Content(analysis, done.results, done.panel, done.borrowed))]
    rows, kinds = _rows(done.results, analysis.prob, analysis.threshold)
    ratio = analysis.effects.scale
    below = [f"{show.level(analysis.prob)} intervals: {_together(kinds)}."]
    if ratio.transform != "identity":
        below.append(_scales(ratio, done.results))
    below += [show.prior(one.sentence) for one in (done.panel, done.borrowed) if one is not None]
    below += [] if done.bias is None else [show.greek(done.bias.in_short)]
    word = " (reconstructed data)" if analysis.effects.reconstructed else ""
    print_table(f"{analysis.title}{word}", said, ("by", "estimate", "new study", "τ", "P"), rows, below)


def _scales(scale: Scale, results: Sequence[Result]) -> str:
    """On which scale what is told, where the analysis was of a transform."""
    slopes = any(name.startswith("beta[") for result in results for name in result.answers)
    what = "coefficients and τ are" if slopes else "τ is"
    return f"Effects are {scale.natural_label}s; {what} on the {scale.label} scale."


def _rows(results: Sequence[Result], prob: float, threshold: float) -> tuple[list[tuple[str, ...]], list[str]]:
    """The rows below a heading for each quantity, and the kinds of their intervals."""
    names = list(dict.fromkeys(name for result in results for name in result.answers))
    rows: list[tuple[str, ...]] = []
    kinds: dict[str, None] = {}
    for name in names:
        if names != ["mu"]:
            rows.append((show.symbol(name), "", "", "", ""))
        for result in results:
            if name in result.quantities:
                rows.append(_row(result, name, prob, threshold))
                kinds |= dict.fromkeys(_kinds(result, name))
    return rows, list(kinds)


def _row(result: Result, name: str, prob: float, threshold: float) -> tuple[str, ...]:
    """One method's answer, where a new study would lie, the heterogeneity, and the probability of its side."""
    status = result.report.status
    label = show.method(result.label)
    noted = "" if status == "ok" else f" ({'ok, ' if result.concern() == 'note' else ''}{show.status_within(status)})"
    new, tau = (_beside(result, name, stem) for stem in ("theta_new", "tau"))
    return (
        f"{label}{noted}",
        _limits(result, name, prob, point=True),
        "" if new is None else _limits(result, new, prob, point=False),
        "" if tau is None else show.number(result[tau].point, 2),
        _side(result, name, threshold),
    )


def _beside(result: Result, name: str, stem: str) -> str | None:
    """The quantity of this stem that belongs to a mean effect, of its own group where there is one."""
    own = name.replace("mu[", f"{stem}[", 1) if name.startswith("mu[") else stem
    return next((each for each in (own, stem) if each in result.quantities), None)


def _limits(result: Result, name: str, prob: float, *, point: bool) -> str:
    quantity, scale = result[name], result.effects.scale
    values = [quantity.point, *quantity.interval(prob)]
    values = scale.back(values).tolist() if show.is_effect(name) else values
    digits = 2 if show.is_effect(name) and scale.null_value is not None else 3
    limits = show.interval(values[1], values[2], digits)
    return f"{show.number(values[0], digits)} {limits}" if point else limits


def _side(result: Result, name: str, threshold: float) -> str:
    quantity, scale, effect = result[name], result.effects.scale, show.is_effect(name)
    at = scale.held_against(threshold) if effect else 0.0
    if not isinstance(quantity, Distribution) or math.isnan(at) or name == "beta[intercept]":
        return ""
    side, size = show.likelier(1.0 - float(quantity.cdf(at)))
    shown = f"{float(scale.back(at)) if effect else at:.3g}".replace("-", "−")
    return f"{show.chance(size)} ({side} {shown})"


def _kinds(result: Result, name: str) -> Iterator[str]:
    new = _beside(result, name, "theta_new")
    for each in filter(None, (name, new)):
        yield result[each].interval_kind()


def _together(kinds: Sequence[str]) -> str:
    """Kinds of intervals in a line: ``"confidence (Wald; Hartung-Knapp), credible (equal-tailed)"``."""
    inner: dict[str, list[str]] = {}
    for kind in kinds:
        outer, _, convention = kind.replace(" - ", " − ").removesuffix(")").partition(" (")
        inner.setdefault(outer, []).append(convention)
    return ", ".join(
        f"{outer} ({'; '.join(filter(None, each))})" if any(each) else outer for outer, each in inner.items()
    )


def _print_ranges(title: str, ranges: Ranges) -> None:
    """The range of every contrast and mean effect over the tables, by every fit."""
    from poolwise.checks.ranges.table import reach, span, tables_excluding

    heads = ("by", "estimate", f"{show.level(ranges.prob)} limits", "0 excluded in", "P")
    rows: list[tuple[str, ...]] = []
    before = ""
    order = list(dict.fromkeys(ranges.frame["quantity"]))
    for row in sorted(ranges.frame.to_dict("records"), key=lambda each: order.index(each["quantity"])):
        name = str(row["quantity"])
        if not (show.is_contrast(name) or name.startswith(("mu", "beta["))):
            continue
        if name != before:
            rows.append((show.symbol(name), "", "", "", ""))
        before = name
        status = "" if row["status"] == "ok" else f" ({show.status_within(row['status'])})"
        chances = show.chances_of_side(row["p_above_low"], row["p_above_high"]).removeprefix(show.NOTHING)
        label = f"{show.method(str(row['label']))}{status}"
        rows.append((label, span(row, "point"), reach(row), tables_excluding(row), chances))
    words = f"{ranges.data} data, {ranges.tables} tables of {ranges.k} studies, lowest to highest (median)"
    print_table(f"{title}: {words}", (), heads, rows, [show.greek(each) for each in ranges.sentences])


def print_table(
    title: str, said: Sequence[str], heads: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[str]
) -> None:
    """Print a table with sentences above and below, wrapped to the terminal; columns without a cell are left out."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table

    width = shutil.get_terminal_size((_WITHOUT_ONE, 24)).columns
    console = Console(highlight=False, markup=False, width=width)
    for line in title.split("\n"):
        console.print(show.wrapped([line], width), style="bold")
    for sentence in said:
        console.print(show.wrapped([sentence], width))
    if width < _NARROW:
        _print_stacked(console, heads, rows, width)
    else:
        used = [place for place in range(len(heads)) if place == 0 or any(row[place] for row in rows)]
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        word = 2 + max((len(word) for row in rows for word in row[0].split()), default=0)  # of a label, unbroken
        cells = [max(len(text) for text in (heads[place], *(row[place] for row in rows))) for place in used[1:]]
        whole = word + sum(cells) + 3 * len(used) <= width  # an interval stays in its line where that has room
        for place in used:
            table.add_column(heads[place], overflow="fold", min_width=2 if place else word, no_wrap=whole and place > 0)
        for row in rows:
            inner = _headed(rows) and any(row[1:])
            first = Padding(row[0], (0, 0, 0, 2)) if inner else row[0]
            table.add_row(first, *(row[place] for place in used[1:]), style=None if any(row[1:]) else "bold")
        console.print(table)
    for sentence in below:
        console.print(f"{show.wrapped([sentence], width)}\n")


def _print_stacked(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> None:
    """Each row as a few lines, where columns have no room."""
    console.print()
    for row in rows:
        console.print(show.wrapped([row[0]], width), style="bold")
        for head, cell in zip(heads[1:], row[1:], strict=True):
            if cell:
                console.print(show.hanging(f"  {head} ", cell, width))
    console.print()


def _headed(rows: Sequence[Sequence[str]]) -> bool:
    """Whether headings stand among the rows."""
    return any(not any(row[1:]) for row in rows)
