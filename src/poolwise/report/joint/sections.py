"""The sections of a page over several analyses, in the order of the page."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from poolwise import plot
from poolwise.checks import Ranges
from poolwise.report.answers import answer as answer_of_table
from poolwise.report.blocks import Block, Column, Paragraph, Picture, Table, numbers, rows
from poolwise.report.blocks import notes as listed_notes
from poolwise.report.content import Content
from poolwise.report.joint.content import JointContent, Part
from poolwise.report.joint.moderators import moderators, table
from poolwise.report.paper import with_source
from poolwise.report.paper_besides import told_of
from poolwise.report.paper_methods import methods as methods_of_table
from poolwise.report.paper_ranges import methods as methods_of_ranges
from poolwise.report.paper_ranges import results as results_of_ranges
from poolwise.report.paper_results import results as results_of_table
from poolwise.report.range_answers import answer as answer_of_ranges
from poolwise.report.ranges_content import RangesContent
from poolwise.report.said import Said, keys_of, paragraph
from poolwise.report.section import Figure, Passage, Section
from poolwise.result import Result
from poolwise.scale import Scale
from poolwise.show import level


def _answers(part: Part) -> tuple[str, ...]:
    return answer_of_table(part) if isinstance(part, Content) else answer_of_ranges(part)


def _how(part: Part) -> tuple[Said, ...]:
    return methods_of_table(told_of(part)) if isinstance(part, Content) else tuple(methods_of_ranges(part))


def _found(part: Part) -> tuple[Said, ...]:
    return results_of_table(told_of(part)) if isinstance(part, Content) else tuple(results_of_ranges(part))


def _answer(content: JointContent) -> Passage:
    said = (Paragraph(f"{part.analysis.title}: {' '.join(_answers(part))}") for part in content.parts)
    return Passage("The answers", tuple(said))


def _summary(content: JointContent) -> Passage:
    """Mean effects side by side: a picture of results and one of ranges, each on one scale, and the table."""
    frame = moderators(content)
    whole = frame[frame["moderator"] == ""]
    blocks: list[Block] = []
    figures: dict[str, Figure] = {}
    drawn, ranged = _drawable(content), _ranged(content)
    if drawn:
        blocks.append(Picture("summary_forest", _alternative(content, "Summary forest", Content)))
        figures["summary_forest"] = Figure("Summary forest", lambda: plot.summary_forest(drawn))
    if ranged:
        blocks.append(Picture("summary_ranges", _alternative(content, "Ranges over all tables", RangesContent)))
        figures["summary_ranges"] = Figure("Summary of ranges", lambda: plot.ranges(ranged))
    if len(whole):
        blocks.append(table(whole, _scales(content), _caption(content, "Mean effects"), moderated=False))
    return Passage("Mean effects side by side", tuple(blocks), {"effects.csv": frame}, figures)


def _drawable(content: JointContent) -> dict[str, Result]:
    """The main results by title, where all that are no ranges have means on one scale; else none."""
    parts = [part for part in content.parts if isinstance(part, Content)]
    means = {
        part.analysis.title: part.main
        for part in parts
        if any(name == "mu" or name.startswith("mu[") for name in part.main.answers)
    }
    one_scale = len({result.effects.scale.name for result in means.values()}) == 1
    return means if one_scale and len(means) == len(parts) else {}


def _ranged(content: JointContent) -> dict[str, Ranges]:
    """The ranges by title, where they are on one scale; else none."""
    parts = [part for part in content.parts if isinstance(part, RangesContent)]
    one_scale = len({part.analysis.effects.scale.name for part in parts}) == 1
    return {part.analysis.title: part.ranges for part in parts} if one_scale else {}


def _alternative(content: JointContent, what: str, kind: type[Part]) -> str:
    """The text alternative of a summary: what it is, and the answer of each analysis in it."""
    said = (f"{part.analysis.title}: {_answers(part)[0]}" for part in content.parts if isinstance(part, kind))
    return f"{what}. {' '.join(said)}"


def _moderators(content: JointContent) -> Passage | None:
    frame = moderators(content)
    moderated = frame[frame["moderator"] != ""].reset_index(drop=True)
    if moderated.empty:
        return None
    caption = _caption(content, "Every level of every moderator, and the differences between levels")
    note = "Levels were not assigned at random: a difference between them may come from anything else that differs."
    blocks = (table(moderated, _scales(content), caption, moderated=True), Paragraph(note))
    return Passage("Moderators", blocks, {"moderators.csv": moderated})


def _scales(content: JointContent) -> dict[str, Scale]:
    return {part.analysis.title: part.analysis.effects.scale for part in content.parts}


def _caption(content: JointContent, what: str) -> str:
    kinds = dict.fromkeys(f"{level(part.analysis.prob)}" for part in content.parts)
    ranged = any(not isinstance(part, Content) for part in content.parts)
    over = (
        " Over reconstructed tables: “a to b” is from the lowest to the highest over all of them, and an interval "
        "reaches from the lowest of the lower limits to the highest of the upper ones."
        if ranged
        else ""
    )
    names = dict.fromkeys(part.analysis.effects.scale.natural_label for part in content.parts)
    return f"{what}, by the main fit of each analysis: {' or '.join(kinds)} intervals; {', '.join(names)}.{over}"


def characteristics(content: JointContent) -> pd.DataFrame:
    """What each analysis is made of: outcome, studies, scale, moderator with its levels, origin of the numbers."""
    return pd.DataFrame([_made_of(part) for part in content.parts])


def _made_of(part: Part) -> dict[str, object]:
    effects = part.analysis.effects
    outcome = ", ".join(filter(None, effects.outcomes))
    levels = ""
    if isinstance(part, Content):
        strata = part.main.model.strata
        if strata in effects.moderators:
            counts = Counter(map(str, effects.moderators[strata]))
            levels = ", ".join(f"{name}: {k}" for name, k in counts.items())
    elif part.ranges.factor:
        each = part.ranges.levels.to_dict("records")
        levels = ", ".join(f"{row['level']}: {row['fewest']} to {row['most']}" for row in each)
    return {
        "analysis": part.analysis.title,
        "outcome": outcome,
        "studies": effects.k,
        "scale": effects.scale.label,
        "levels": levels,
        "data": part.data_label,
    }


def _characteristics(content: JointContent) -> Passage:
    frame = characteristics(content)
    heads = (Column("Analysis"), Column("Outcome"), numbers("k"), Column("Scale"), Column("Levels"), Column("Data"))
    cells = (tuple(map(str, row.values())) for row in frame.to_dict("records"))
    caption = "What each analysis is made of; of a moderator the number of studies at each level, of tables its range."
    return Passage("Studies", (Table(heads, rows(cells), caption),), {"analyses.csv": frame})


def _methods(content: JointContent) -> Passage:
    """What was done in every analysis once, then what was done in one of them."""
    each = {part.analysis.title: _how(part) for part in content.parts}
    counts = Counter(str(one) for said in each.values() for one in dict.fromkeys(map(str, said)))
    common = [one for one in next(iter(each.values())) if counts[str(one)] == len(each)]
    blocks = [Paragraph(f"In every analysis: {paragraph(common)}")] if common else []
    for title, said in each.items():
        own = [one for one in said if counts[str(one)] < len(each)]
        if own:
            blocks.append(Paragraph(f"{title}: {paragraph(own)}"))
    return Passage("Methods, in words for a paper", tuple(blocks))


def _results(content: JointContent) -> Passage:
    said = (Paragraph(f"{part.analysis.title}: {paragraph(_found(part))}") for part in content.parts)
    return Passage("Results, in words for a paper", tuple(said))


def _references(content: JointContent) -> Passage:
    said = [one for part in content.parts for one in (*_how(part), *_found(part))]
    sources = [_citation(part) for part in content.parts]
    every = {line for source in sources for line in with_source(source, keys_of(said))}
    return Passage("References", (listed_notes(sorted(every, key=str.casefold)),))


def _citation(part: Part) -> str:
    tables = part.analysis.tables
    return part.analysis.effects.citation if tables is None else tables.published.citation


JOINT: tuple[Section[JointContent], ...] = (
    Section("answer", _answer),
    Section("summary", _summary, tables=("effects.csv",), figures=("summary_forest.svg", "summary_ranges.svg")),
    Section("moderators", _moderators, tables=("moderators.csv",)),
    Section("characteristics", _characteristics, tables=("analyses.csv",)),
    Section("methods", _methods),
    Section("results", _results),
    Section("references", _references, end=True),
)
"""The sections of a report over several analyses."""
