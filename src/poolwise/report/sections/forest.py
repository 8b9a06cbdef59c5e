"""The forest plot."""

from __future__ import annotations

from typing import Any

from poolwise import plot
from poolwise.report.answers import alternative
from poolwise.report.blocks import Picture
from poolwise.report.content import Content
from poolwise.report.section import Figure, Passage, Section


def _passage(content: Content) -> Passage:
    label = alternative(content, f"Forest plot of {content.effects.counted}{content.caption_note}")
    figure = Figure("Forest plot", lambda: _drawn(content))
    return Passage("Forest plot", (Picture("forest", label),), figures={"forest": figure})


SECTION = Section("forest", _passage, figures=("forest.svg", "forest.png"))


def _drawn(content: Content) -> Any:
    analysis = content.analysis
    return plot.forest(
        content.main,
        beside=content.beside,
        prob=analysis.prob,
        rope=analysis.rope,
        threshold=analysis.threshold,
        title=analysis.title,
    )
