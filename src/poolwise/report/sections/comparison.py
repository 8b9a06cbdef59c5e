"""The comparison: every method's answers side by side, the tests, and posterior probabilities."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd
from markupsafe import Markup

from poolwise import show, tables
from poolwise.errors import listing
from poolwise.quantities import Distribution, Estimate
from poolwise.report import words
from poolwise.report.blocks import (
    Block,
    Body,
    Column,
    Paragraph,
    Row,
    Table,
    lines,
    marked,
    numbers,
    rows,
    soft,
    whole,
    with_note,
)
from poolwise.report.content import Content
from poolwise.report.section import Passage, Section
from poolwise.result import NO_PRIOR
from poolwise.scale import Scale
from poolwise.show import NOTHING, chance, greek, interval, is_contrast, level, number, percent

TESTS = {
    "Q": "Test of homogeneity: Q",
    "QE": "Test of residual heterogeneity: QE",
    "QM": "Test of the moderators",
    "Q_between": "Test of differences between subgroups",
    "LRT": "Likelihood-ratio test of no selection",
}

type Chances = tuple[tuple[str, tuple[dict[str, str], ...]], ...]
"""Title and rows for each effect, as of `chances`."""

_SHORT = {"True effect in a new study": "New study", "Between-study standard deviation": "τ"}
_MOST_COLUMNS = 6  # quantities that stand side by side on a page of print
FOUND = 0.05  # p of a test of heterogeneity from which it is said that a large p shows no homogeneity


def _passage(content: Content) -> Passage:
    blocks: list[Block] = [_table(content), *(Paragraph(greek(sentence)) for sentence in tests(content))]
    probabilities = chances(content)
    if probabilities:
        blocks.append(_chances_table(content, probabilities))
    return Passage("Every method", tuple(blocks), tables={"estimates.csv": estimates(content)})


SECTION = Section("comparison", _passage, tables=("estimates.csv",))


def _table(content: Content) -> Table:
    """One row for each method where the answer is one mean effect; else a block of rows for each quantity."""
    groups = comparison(content)
    if content.main.answers == ("mu",) and len(groups) <= _MOST_COLUMNS:
        return _by_method(content, groups)
    return _by_quantity(content, groups)


def _by_method(content: Content, groups: tuple[Group, ...]) -> Table:
    """A row for each method, a column for each quantity; methods whose numbers are all the same share a row."""
    scale = content.effects.scale
    heads = [
        with_note(_SHORT.get(group.title, group.title), f"as {scale.natural_label}" if _natural(group) else "")
        for group in groups
    ]
    columns = (Column("Method, its intervals and prior", cells="kinds"), *(numbers(head) for head in heads))
    kept: dict[tuple[Any, ...], list[dict[str, dict[str, Any]]]] = {}
    for label in dict.fromkeys(row["label"] for group in groups for row in group.rows):
        row_of = {group.title: row for group in groups for row in group.rows if row["label"] == label}
        shown = tuple((name, *(row[part] for part in ("point", "interval", "prior"))) for name, row in row_of.items())
        kept.setdefault(shown, []).append(row_of)
    cells = (
        (_described(alike), *(_estimate(alike[0].get(group.title)) for group in groups)) for alike in kept.values()
    )
    return Table(columns, rows(cells), _caption(content))


def _described(alike: Sequence[Mapping[str, Mapping[str, Any]]]) -> Markup:
    """The methods of a row, the kinds of their intervals, their prior."""
    prior = str(next(iter(alike[0].values()))["prior"])
    said = [_kinds(alike), *([] if prior == NO_PRIOR else [words.prior(prior)])]
    return lines(_methods([next(iter(row_of.values())) for row_of in alike]), *(soft(part) for part in said if part))


def _by_quantity(content: Content, groups: tuple[Group, ...]) -> Table:
    """A block for each quantity, in it a row for each method; methods whose numbers are all the same share a row."""
    prob = level(content.analysis.prob)
    natural = any(_natural(group) for group in groups)
    columns = (
        Column("Method", cells="fit"),
        numbers("Estimate"),
        numbers("SE or sd"),
        numbers(f"{prob} interval"),
        *([numbers(f"As {content.effects.scale.natural_label}")] if natural else []),
        Column("Kind of interval"),
        *([] if _one_prior(content) else [Column("Prior")]),
    )
    keep = len(columns)
    bodies = [
        Body(tuple(Row(_cells(alike, natural)[:keep]) for alike in _merged(group)), group.title, group.note)
        for group in groups
    ]
    return Table(columns, tuple(bodies), _caption(content) + _one_prior(content))


def _one_prior(content: Content) -> str:
    """The priors in a sentence where every posterior has the same; empty else."""
    stated = {one.prior for one in content.results if one.prior != NO_PRIOR}
    return f" Priors: {words.prior(stated.pop())}." if len(stated) == 1 else ""


def _caption(content: Content) -> Markup:
    return marked(
        "In brackets: {prob} intervals, of the kind named with each method. Scale of the analysis: {scale}{data}. "
        "Methods in one row have the same numbers. More quantities and all digits are in <code>estimates.csv</code>.",
        prob=level(content.analysis.prob),
        scale=content.effects.scale.label,
        data=". Reconstructed data" if content.effects.reconstructed else "",
    )


def _natural(group: Group) -> bool:
    """Whether its numbers read on another scale than that of the analysis."""
    return any(row["natural"] for row in group.rows)


def _merged(group: Group) -> tuple[tuple[dict[str, Any], ...], ...]:
    """The rows of a group, those that differ in nothing but the method together."""
    kept: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in group.rows:
        kept.setdefault(tuple(str(row[part]) for part in row if part not in ("label", "engine")), []).append(row)
    return tuple(tuple(alike) for alike in kept.values())


def _methods(alike: Sequence[Mapping[str, Any]]) -> Markup:
    """The methods of a row, below one another, each with its engine where its label does not name it."""
    named = [
        marked("{label} {engine}", label=row["label"], engine=soft(row["engine"])) if row["engine"] else row["label"]
        for row in alike
    ]
    return lines(named[0], *(marked("and {other}", other=other) for other in named[1:]))


def _estimate(row: Mapping[str, Any] | None) -> str:
    """A point, below it its interval, on the reading scale; then softly both on the scale of the analysis."""
    if row is None:
        return NOTHING
    if row["interval"] == NOTHING:
        return str(row["point"])
    if not row["natural"]:
        return lines(row["point"], row["interval"])
    point, _, limits = row["natural"].partition(" ")
    return lines(point, limits, soft(f"{row['point']} {row['interval']}"))


def _kinds(alike: Sequence[Mapping[str, Mapping[str, Any]]]) -> str:
    """The kinds of the intervals of the methods in a row, each once, with what it is of where they differ."""
    of_kind: dict[str, list[str]] = {}
    for name in alike[0]:
        kinds = dict.fromkeys(" ".join(filter(None, row_of[name]["kind"])) for row_of in alike if name in row_of)
        kind = " or ".join(each for each in kinds if each not in ("", NOTHING))
        if kind:
            short = _SHORT.get(name, name)
            of_kind.setdefault(kind, []).append(short if short == "I²" else short[:1].lower() + short[1:])
    if len(of_kind) == 1:
        return next(iter(of_kind))
    return "; ".join(f"{listing(names)}: {kind}" for kind, names in of_kind.items())


def _cells(alike: Sequence[Mapping[str, Any]], natural: bool) -> tuple[str, ...]:
    row = alike[0]
    outer, inner = row["kind"]
    return (
        _methods(alike),
        row["point"],
        row["sd"],
        row["interval"],
        *([row["natural"]] if natural else []),
        marked("{outer} {inner}", outer=outer, inner=whole(inner)),
        words.prior(row["prior"]),
    )


def _chances_table(content: Content, probabilities: Chances) -> Table:
    null, sides, region = null_words(content), directions(content), content.analysis.rope is not None
    columns = (
        Column("Method", cells="fit"),
        numbers(with_note(null["below"], sides[0])),
        numbers(with_note(null["above"], sides[1])),
        *([numbers(lines(null["within"], soft(null["limits"])))] if region else []),
        *([] if _one_prior(content) else [Column("Prior")]),
    )

    def cells(row: Mapping[str, str]) -> Row:
        within = [row["within"]] if region else []
        return Row((row["label"], row["below"], row["above"], *within, words.prior(row["prior"]))[: len(columns)])

    bodies = tuple(Body(tuple(cells(row) for row in group), title) for title, group in probabilities)
    caption = f"Posterior probabilities{content.caption_note}. Frequentist results have none.{_one_prior(content)}"
    return Table(columns, bodies, caption)


@final
@dataclass(frozen=True)
class Group:
    """Rows of the comparison that answer the same question.

    Attributes
    ----------
    title, note : str
        Name of the quantity, and what it is.
    rows : tuple of dict
        label, engine, point, sd, interval, natural, kind, prior.
    """

    title: str
    note: str
    rows: tuple[dict[str, Any], ...]


def estimates(content: Content) -> pd.DataFrame:
    """The frame behind ``estimates.csv`` and the comparison: one row for each result and quantity.

    Parameters
    ----------
    content : Content
        What the report tells.

    Returns
    -------
    DataFrame
        Columns as of `poolwise.tables.compare`.
    """
    return tables.compare(*content.results, prob=content.analysis.prob)


def comparison(content: Content) -> tuple[Group, ...]:
    """The comparison, a group for each quantity, a row for each result."""
    frame = estimates(content)
    scale = content.effects.scale
    groups = []
    known = [name for name in words.QUANTITIES if (frame["quantity"] == name).any()]
    for name in dict.fromkeys([*content.main.answers, *known, *frame["quantity"]]):
        title, note = words.typical(name) if name in ("mu", "tau") and _grouped(content) else words.quantity(name)
        records = frame[frame["quantity"] == name].to_dict("records")
        if title:
            groups.append(Group(title, note, tuple(_row(row, name, scale) for row in records)))
    return tuple(groups)


def _grouped(content: Content) -> bool:
    """Whether each outcome or subgroup has a mean of its own, beside which mu is that of a typical one."""
    return content.main.answers[0].startswith("mu[")


def _row(row: Mapping[Hashable, object], name: str, scale: Scale) -> dict[str, Any]:
    point, sd, lower, upper = (float(str(row[column])) for column in ("point", "sd", "lower", "upper"))
    share = name in words.SHARES
    natural = ""
    if _is_effect(name) and scale.transform != "identity":
        back = scale.back(np.array([point, lower, upper]))
        digits = words.natural_digits(scale, float(back[0]))
        natural = f"{number(back[0], digits)} {interval(back[1], back[2], digits)}"
    limits = f"[{percent(lower)}, {percent(upper)}]" if share else interval(lower, upper)
    return {
        "label": show.method(str(row["label"])),
        "engine": "" if str(row["engine"]) in str(row["label"]) else show.engine(str(row["engine"])),
        "point": percent(point) if share else number(point),
        "sd": "" if share else _sd(sd, str(row["interval"])),
        "interval": NOTHING if math.isnan(lower) and math.isnan(upper) else limits,
        "natural": natural,
        "kind": words.kind_parts(str(row["interval"]) if not math.isnan(lower) else ""),
        "prior": str(row["prior"]),
    }


def _sd(sd: float, interval_kind: str) -> str:
    """A standard error or deviation; of a posterior one may not exist, the closed form may have none to give."""
    if math.isnan(sd):
        return "does not exist" if interval_kind.startswith("credible") else ""
    return number(sd)


def _is_effect(name: str) -> bool:
    """Whether a quantity is a mean or a true effect, which reads on the natural scale; differences do not."""
    return name in ("mu", "theta_new") or (name.startswith(("mu[", "theta_new[")) and not is_contrast(name))


def chances(content: Content) -> Chances:
    """Posterior probabilities that an effect is below or above the threshold, or practically equivalent to 0.

    Differences between mean effects are held against 0 whatever the threshold, and say so where it is another one.
    Proportions and rates are held against a threshold of the user's alone.

    Returns
    -------
    tuple of (str, tuple of dict)
        Title and rows, for each mean effect, new study and contrast, or each coefficient; a row for each result that
        has a posterior, with the words label, prior, below, above and within.
    """
    blocks = []
    asked = [name for one in content.results for name in one if _is_effect(name) or name.startswith(("mu[", "beta["))]
    for name in sorted(dict.fromkeys(asked), key=lambda name: name.startswith("theta_new")):
        threshold = content.analysis.threshold if _is_effect(name) else 0.0
        if _is_effect(name) and math.isnan(content.effects.scale.held_against(threshold)):
            continue
        rows = tuple(
            {
                "label": show.method(one.label),
                "prior": one.prior,
                **_chances(quantity, threshold, content.analysis.rope),
            }
            for one in content.results
            if isinstance(quantity := one.quantities.get(name), Distribution)
        )
        if rows:
            against = "" if threshold == content.analysis.threshold else " (below and above 0)"
            title = words.typical(name) if name == "mu" and _grouped(content) else words.quantity(name)
            blocks.append((title[0] + against, rows))
    return tuple(blocks)


def _chances(quantity: Distribution, threshold: float, rope: tuple[float, float] | None) -> dict[str, str]:
    below = float(quantity.cdf(threshold))
    within = math.nan if rope is None else float(quantity.cdf(rope[1]) - quantity.cdf(rope[0]))
    return {"below": chance(below), "above": chance(1.0 - below), "within": chance(within)}


def tests(content: Content) -> tuple[str, ...]:
    """The tests of the frequentist results, a sentence each.

    Returns
    -------
    tuple of str
        Heterogeneity from the first result that has it, and moderators or subgroups from every result that tests them.
    """
    sentences, heterogeneity = [], False
    for result in content.results:
        for name, title in TESTS.items():
            test = result.quantities.get(name)
            if not isinstance(test, Estimate) or math.isnan(test.statistic):
                continue
            if name in ("Q", "QE"):
                if not heterogeneity:
                    sentences.append(_test(title, test) + _no_absence(test, content.effects.k))
                heterogeneity = True
            else:
                letter = "F" if math.isfinite(test.residual_df) else "Q"
                sentences.append(_test(f"{title} ({show.method(result.label)}): {letter}", test))
    return tuple(sentences)


def _test(title: str, test: Estimate) -> str:
    residual = f" and {words.count(test.residual_df)}" if math.isfinite(test.residual_df) else ""
    degrees = "degree" if test.df == 1 and not residual else "degrees"
    on = f"{words.count(test.df)}{residual} {degrees} of freedom"
    return f"{title} = {test.statistic:.2f} on {on}, {words.p_value(test.p_value)}."


def _no_absence(test: Estimate, k: int) -> str:
    """What a test of heterogeneity that finds none does not say."""
    if not test.p_value >= FOUND:
        return ""
    return f" With {words.count(k)} studies such a p does not show that τ is 0."


def null_words(content: Content) -> dict[str, str]:
    """Headings of the posterior probabilities: below, above and practically at the null value."""
    scale, rope, threshold = content.effects.scale, content.analysis.rope, content.analysis.threshold
    if not scale.is_ratio or _of_coefficients(content):
        limits = "" if rope is None else f"{words.signed(rope[0])} to {words.signed(rope[1])}"
        at = words.signed(threshold)
        return {
            "below": f"below\u00a0{at}",
            "above": f"above\u00a0{at}",
            "within": "practically\u00a00",
            "limits": limits,
        }
    name = scale.natural_label
    low, high = (0.0, 0.0) if rope is None else scale.back(rope)
    limits = "" if rope is None else f"{low:.2f} to {high:.2f}"
    return {
        "below": f"{name} below\u00a0{words.ratio(threshold, scale)}",
        "above": f"{name} above\u00a0{words.ratio(threshold, scale)}",
        "within": "practically\u00a01",
        "limits": limits,
    }


def directions(content: Content) -> tuple[str, str]:
    """What an effect below and above 0 means; nothing for coefficients, which are no effects, nor at a threshold."""
    silent = _of_coefficients(content) or content.analysis.threshold != 0.0
    return ("", "") if silent else content.effects.directions


def _of_coefficients(content: Content) -> bool:
    """Whether the answers are coefficients of moderators."""
    return any(name.startswith("beta[") for name in content.main.answers)
