"""The forest plot."""

from __future__ import annotations

from typing import Any

from poolwise import plot
from poolwise.report.blocks import Picture
from poolwise.report.content import Content
from poolwise.report.section import Figure, Passage, Section


def _passage(content: Content) -> Passage:
    picture = Picture("forest", f"Forest plot of {content.analysis.title}")
    return Passage("Forest plot", (picture,), figures={"forest": Figure("Forest plot", lambda: _drawn(content))})


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
