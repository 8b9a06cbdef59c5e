"""The figures of a report as files: SVG and PNG that carry their title and the word on their data."""

from __future__ import annotations

from typing import Any

from poolwise.report.content import Content


def pictures(content: Content) -> dict[str, bytes]:
    """The figures by file name: ``forest.svg``, ``forest.png``, ``prior_panel.svg``, ``bubble.svg``, ``bubble.png``.

    Title and description go into each file's metadata, so that a figure made from reconstructed data says so
    even when it is read by a program.

    Parameters
    ----------
    content : Content
        What the report tells; without a prior panel there is no picture of one, and without a single numeric
        moderator no bubble plot.

    Returns
    -------
    dict of str to bytes
        Whole files.
    """
    from poolwise import plot

    wanted = content.analysis
    axes = plot.forest(
        content.main,
        beside=content.beside,
        prob=wanted.prob,
        rope=wanted.rope,
        threshold=wanted.threshold,
        title=wanted.title,
    )
    made = {
        "forest.svg": _saved(axes, "svg", content, "Forest plot"),
        "forest.png": _saved(axes, "png", content, "Forest plot"),
    }
    plot.close(axes)
    if len(plot.numeric_moderators(content.main)) == 1:
        axes = plot.bubble(content.main, prob=wanted.prob, title=wanted.title)
        made |= {f"bubble.{form}": _saved(axes, form, content, "Bubble plot") for form in ("svg", "png")}
        plot.close(axes)
    if content.panel is not None:
        axes = plot.prior_panel(content.panel)
        made["prior_panel.svg"] = _saved(axes, "svg", content, "Prior panel")
        plot.close(axes)
    return made


def _saved(axes: Any, form: str, content: Content, kind: str) -> bytes:
    from poolwise.plot.figures import saved

    asked, data = content.analysis, content.data_label
    stamp: dict[str, str | None] = {
        "Title": f"{kind}: {asked.title} ({data} data)",
        "Description": f"{asked.question} Data: {data}. Made by poolwise from {asked.source}.",
    }
    if form == "svg":
        stamp["Date"] = None
    return saved(axes, form, stamp)
