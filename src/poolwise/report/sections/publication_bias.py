"""Publication bias: every method beside the others, and the assumptions that would overturn the answer."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

from poolwise import plot
from poolwise.checks.publication_bias import PublicationBias, value_words
from poolwise.evidence import BiasAveraged
from poolwise.report import words
from poolwise.report.blocks import (
    Block,
    Body,
    Column,
    Paragraph,
    Picture,
    Row,
    Table,
    folded,
    numbers,
    rows,
    with_note,
)
from poolwise.report.content import Content
from poolwise.report.section import Figure, Passage, Section
from poolwise.show import NOTHING, capital, greek, interval, level, number, percent, status

NONE_DOMINATES = (
    "No method dominates: each is right where its assumption is, and the data alone do not tell which that is "
    "(Carter, Schönbrodt, Gervais & Hilgard 2019). Read the range, not the row that pleases. A test that finds no "
    "asymmetry does not show that nothing is missing; a funnel is asymmetric for other reasons as well. A confidence "
    "interval gives no probability of a value."
)
_NAMED, _TRY = re.compile(r"^No answer: [a-z_.]+(?= was given)"), re.compile(r"\. Try: .*$", re.DOTALL)
"""The name of a function that has no answer, and what to call instead: of no use on a page."""
HEADINGS = {
    "unadjusted": "As if every result had been published",
    "test": "Tests",
    "adjusted": "Adjusted under a model",
    "sensitivity": "If selection were as strong as assumed",
}


def _passage(content: Content) -> Passage | None:
    panel = content.publication_bias
    if panel is None:
        return None
    blocks: list[Block] = [
        Paragraph(greek(panel.sentence)),
        Picture(
            "publication_bias", f"The mean effect by each method, the unadjusted one on top. {greek(panel.sentence)}"
        ),
        Picture(
            "funnel",
            f"Funnel plot of {content.effects.counted} with regions of significance, and the line of PET-PEESE",
        ),
        *_average(panel),
        _table(panel),
        Paragraph(NONE_DOMINATES),
    ]
    return Passage("Publication bias", tuple(blocks), {"publication_bias.csv": panel.frame}, _figures(panel))


SECTION: Section[Content] = Section(
    "publication-bias",
    _passage,
    tables=("publication_bias.csv",),
    figures=("publication_bias.svg", "funnel.svg"),
    planned=lambda analysis: analysis.publication_bias is not None,
)


def _figures(panel: PublicationBias) -> dict[str, Figure]:
    result, line = panel.records.get("Random effects", panel.effects), panel.records.get("PET-PEESE")
    return {
        "publication_bias": Figure("Publication bias", lambda: plot.publication_bias(panel, notes="short")),
        "funnel": Figure("Funnel plot", lambda: plot.funnel(result, records=[] if line is None else [line])),
    }


def _average(panel: PublicationBias) -> tuple[Block, ...]:
    """The two answers of the average side by side; nothing where there is no average."""
    average = panel.records.get("PSMA average")
    if not isinstance(average, BiasAveraged):
        return ()
    factors = {row["question"]: row for row in average.bayes_factors.to_dict("records")}
    without = 1.0 - float(factors["effect"]["posterior"])
    first, second = average["mu"], average.conditional["mu"]
    columns = (Column(""), numbers("Averaged over all models"), numbers("Given an effect"))
    both = [f"{number(mu.point)} {interval(*mu.interval(panel.prob))}" for mu in (first, second)]
    cells = [
        (f"Mean effect μ, {level(panel.prob)} {words.kind(first.interval_kind())}", *both),
        ("Posterior weight of no effect", percent(without), "none, by definition"),
    ]
    caption = (
        f"The average over {len(average.components)} models answers two questions: what is to be expected, no effect "
        f"included, and how large the effect is if there is one, which does not say whether there is one. "
        f"{'. '.join(_inclusion(name, row) for name, row in factors.items())}. Prior: {words.prior(average.prior)}; "
        "half of the prior weight without bias."
    )
    return (Table(columns, rows(cells), caption),)


def _inclusion(name: str, row: Mapping[Hashable, Any]) -> str:
    return (
        f"{capital(name)}: Bayes factor {row['bayes_factor']} (log10 {number(float(row['log10']), 2)}, "
        f"{row['strength']}, favours {greek(row['favours'])})"
    )


def _table(panel: PublicationBias) -> Table:
    columns = (
        Column("Method", head="short"),
        numbers("Mean effect μ"),
        Column("Interval"),
        numbers("Moved"),
        Column("Test or measure"),
    )
    every = panel.frame.to_dict("records")
    said = [_told(row) for row in every]
    below = ["" if words == before else folded(words) for before, words in zip(["", *said], said, strict=False)]
    told = {
        role: [Row(_cells(row), below=own) for row, own in zip(every, below, strict=True) if row["role"] == role]
        for role in HEADINGS
    }
    bodies = tuple(Body(tuple(told[role]), title) for role, title in HEADINGS.items())
    caption = (
        f"Every method, {panel.direction} results being taken to be likelier to be published; {level(panel.prob)} "
        "intervals. Moved: from the unadjusted random-effects mean, and in its standard errors. Below each: what it "
        "says, or why it has no answer."
    )
    return Table(columns, bodies, caption)


def _cells(row: Mapping[Hashable, Any]) -> tuple[str, ...]:
    limits = interval(row["lower"], row["upper"])
    value = value_words(row["measure"], row["value"]).removeprefix("number ")
    moved = number(row["moved"])
    return (
        with_note(row["method"], row["variant"]),
        f"{number(row['point'])} {limits}" if limits != NOTHING else number(row["point"]),
        str(row["interval"]).replace(" - ", " − "),
        moved if moved == NOTHING else with_note(moved, f"{number(row['moved_se'], 2)} se"),
        with_note(value, greek(row["tested"])) if value != NOTHING else NOTHING,
    )


def _told(row: Mapping[Hashable, Any]) -> str:
    """The sentence, and how the fit went where it is not in order."""
    told = _NAMED.sub("No answer: it", _TRY.sub(".", words.uncoded(greek(row["sentence"]))))
    if row["status"] == "ok" or row["sentence"] == row["reason"]:
        return told
    return f"{told} {status(row['status'])}: {words.uncoded(greek(row['reason']))}"
