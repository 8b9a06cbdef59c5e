"""The effects against the moderator, where there is a single numeric one."""

from __future__ import annotations

from poolwise import plot
from poolwise.report.answers import alternative
from poolwise.report.blocks import Picture
from poolwise.report.content import Content
from poolwise.report.section import Figure, Passage, Section


def _passage(content: Content) -> Passage | None:
    result, analysis = content.main, content.analysis
    if len(plot.numeric_moderators(result)) != 1:
        return None
    bubble = Figure("Bubble plot", lambda: plot.bubble(result, prob=analysis.prob, title=analysis.title))
    picture = Picture("bubble", alternative(content, f"Bubble plot of {content.effects.counted}{content.caption_note}"))
    return Passage("Effects against the moderator", (picture,), figures={"bubble": bubble})


SECTION = Section("bubble", _passage, figures=("bubble.svg", "bubble.png"))
