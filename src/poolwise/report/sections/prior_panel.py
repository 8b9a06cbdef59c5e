"""Prior panel: the same model under other priors on tau. With fewer than 5 studies it is read before the answer."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

from poolwise import plot
from poolwise.checks.prior_panel import PriorPanel
from poolwise.errors import PoolwiseError
from poolwise.priors import Prior
from poolwise.report import words
from poolwise.report.answers import alternative
from poolwise.report.blocks import Block, Body, Column, Paragraph, Picture, Row, Table, marked, numbers
from poolwise.report.content import Content
from poolwise.report.section import Figure, Passage, Section
from poolwise.report.words import UNASKED
from poolwise.scale import Scale
from poolwise.show import chance, greek, interval, level, likelier, number, prior


def _passage(content: Content) -> Passage | None:
    panel, plan = content.panel, content.analysis.panel
    if panel is None or plan is None:
        return None
    blocks: list[Block] = [Paragraph(UNASKED)] if plan.unasked else []
    blocks += [
        Paragraph(prior(panel.sentence), answer=content.few),
        Paragraph(greek(panel.tau_sentence)),
        Paragraph(greek(panel.tipping_sentence)),
        Picture("prior_panel", _alternative(panel)),
        _table(content, panel, plan.mu),
    ]
    drawn = _conditional(content)
    if drawn is not None:
        blocks += [Paragraph(_AT_EVERY_TAU), Picture("conditional", alternative(content, _AT_EVERY_TAU))]
    tables = {"sensitivity.csv": panel.frame}
    figures = {"prior_panel": Figure("Prior panel", lambda: plot.prior_panel(panel, width="page"))} | (
        {} if drawn is None else {"conditional": drawn}
    )
    return Passage(_TITLES[content.few], tuple(blocks), tables, figures)


_AT_EVERY_TAU = (
    "The mean effect and the studies at every value of τ, with the posterior of τ below: whoever believes in another τ "
    "reads the answer there."
)


def _conditional(content: Content) -> Figure | None:
    """The answer at every tau, where the main result has one tau and means that are normal given it."""
    result, analysis = content.main, content.analysis
    try:
        plot.conditional_frame(result, threshold=analysis.threshold, prob=analysis.prob)
    except PoolwiseError:
        return None
    return Figure(
        "The answer at every tau",
        lambda: plot.conditional(result, threshold=analysis.threshold, prob=analysis.prob),
    )


FIRST: Section[Content] = Section(
    "prior-panel",
    lambda content: _passage(content) if content.few else None,
    tables=("sensitivity.csv",),
    figures=("prior_panel.svg", "conditional.svg"),
    planned=lambda analysis: analysis.panel is not None,
)
"""Before the answer."""
SECTION = replace(FIRST, passage=lambda content: None if content.few else _passage(content))


_TITLES = {True: "The answer, prior by prior", False: "If you believed otherwise"}


def _alternative(panel: PriorPanel) -> str:
    """What the picture shows, on the scale on which it is drawn."""
    frame = panel.frame
    ends = panel.reading.back([float(frame["mu_lower"].min()), float(frame["mu_upper"].max())])
    low, high = (number(end, 2) for end in ends.tolist())
    return (
        f"Prior panel: the {level(panel.prob)} credible interval of the mean effect ({panel.scale_words}) under each "
        f"of {len(frame)} priors on τ, reaching from {low} to {high}; {greek(panel.verdict)}."
    )


def _table(content: Content, panel: PriorPanel, mu: Prior) -> Table:
    side = likelier(float(panel.frame["p_positive"].median()))[0]
    plain = panel.reading.transform == "identity"
    than = ("μ > " if side == "above" else "μ < ") if plain else f"{side} "
    against = [
        numbers(f"P({than}{words.ratio(panel.threshold, panel.reading)})"),
        Column("Interval for μ" if plain else "Interval of the mean", cells="w"),
    ]
    columns = (
        Column("Prior on τ", cells="w prior"),
        numbers("Mean effect μ" if plain else f"Mean {panel.reading.natural_label}"),
        numbers(marked("New study θ<sub>new</sub>")),
        numbers("Between-study τ"),
        *([] if math.isnan(panel.threshold) else against),
        Column("Source of the prior", cells="source"),
    )
    caption = (
        f"The same model under other priors on τ, with μ ~ {words.prior(str(mu))}: posterior medians and "
        f"{level(content.analysis.prob)} equal-tailed credible intervals{content.caption_note}."
    )
    return Table(columns, (Body(panel_rows(panel)),), caption)


def panel_rows(panel: PriorPanel) -> tuple[Row, ...]:
    """A row for each prior, marked where it flips the verdict."""
    side = likelier(float(panel.frame["p_positive"].median()))[0]
    effects = ["mu_point", "mu_lower", "mu_upper", "theta_new_lower", "theta_new_upper"]
    told = panel.reading.back(panel.frame[effects].to_numpy(dtype=float)).tolist()
    return tuple(
        Row(
            (
                words.prior(str(row["prior"])),
                f"{number(point)} {interval(lower, upper)}",
                interval(*new),
                f"{number(row['tau_point'])} {interval(row['tau_lower'], row['tau_upper'])}",
                *_against(row, side, panel.reading),
                str(row["source"]),
            ),
            "flips" if row["flips"] else "",
        )
        for row, (point, lower, upper, *new) in zip(panel.frame.to_dict("records"), told, strict=True)
    )


def _against(row: Mapping[Hashable, Any], side: str, reading: Scale) -> tuple[str, ...]:
    """The probability of this side of the threshold, and where the interval lies; nothing without a threshold."""
    threshold = float(row["threshold"])
    if math.isnan(threshold):
        return ()
    size = row["p_positive"] if side == "above" else 1.0 - row["p_positive"]
    return chance(size), _side(str(row["excludes_zero"]), words.ratio(threshold, reading))


def _side(where: str, at: str) -> str:
    return f"{at} not excluded" if where == "no" else f"{where} {at}"
