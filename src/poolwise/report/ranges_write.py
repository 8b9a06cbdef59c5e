"""The files of a run over reconstructed tables: every one whole or not there, the manifest last."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from poolwise import show
from poolwise.report import ranges_content as told
from poolwise.report import words
from poolwise.report.page import environment, inline
from poolwise.report.ranges_content import RangesContent
from poolwise.report.write import question, written
from poolwise.settings import SMALL_K


def write_ranges(content: RangesContent, folder: Path) -> Mapping[str, Path]:
    """Write every file of a run over reconstructed tables into a folder held by `write.held`.

    Parameters
    ----------
    content : RangesContent
        What the files tell.
    folder : Path
        Where they go; what an earlier run left there and this one does not make is removed.

    Returns
    -------
    mapping of str to Path
        Every file by name, the manifest included.

    Raises
    ------
    AnalysisError
        When a file cannot be written; the run then has no manifest.
    """
    facts, ranges = _facts(content), content.ranges
    drawn = _pictures(content)
    made: dict[str, bytes | str] = {"ranges.csv": ranges.frame.to_csv(index=False), **drawn}
    if len(ranges.levels):
        made["levels.csv"] = ranges.levels.assign(data=ranges.data).to_csv(index=False)
    if len(ranges.nuts):
        made["nuts_check.csv"] = ranges.nuts.assign(data=ranges.data).to_csv(index=False)
    if len(ranges.panel):
        made["prior_panel.csv"] = ranges.panel.assign(prob=ranges.prob, data=ranges.data).to_csv(index=False)
    if content.extremes is not None:
        made["searches.csv"] = ranges.searches.assign(data=ranges.data).to_csv(index=False)
        made["extreme_tables.csv"] = told.extreme_tables(content).to_csv(index=False)
    made["report.html"] = _page(content, drawn["ranges.svg"].decode(), facts)
    return written(folder, made, facts)


def _pictures(content: RangesContent) -> dict[str, bytes]:
    from poolwise import plot
    from poolwise.plot.figures import saved

    asked, data = content.analysis, content.ranges.data
    axes = plot.ranges(content.ranges, title=asked.title)
    stamp: dict[str, str | None] = {
        "Title": f"Ranges over tables: {asked.title} ({data} data)",
        "Description": f"{asked.question} Data: {data}. Made by poolwise from {asked.source}.",
    }
    made = {
        "ranges.svg": saved(axes, "svg", stamp | {"Date": None}),
        "ranges.png": saved(axes, "png", stamp),
    }
    plot.close(axes)
    return made


def _page(content: RangesContent, picture: str, facts: dict[str, Any]) -> str:
    from markupsafe import Markup

    ranges, rope, rows = content.ranges, content.analysis.rope, told.groups(content)
    return (
        environment()
        .get_template("ranges.html.j2")
        .render(
            content=content,
            ranges=ranges,
            effects=content.analysis.effects,
            level=show.level(ranges.prob),
            groups=rows,
            rope="" if rope is None else f"{words.signed(rope[0])} to {words.signed(rope[1])}",
            sampled=any(row["above"] != show.NOTHING for group in rows for row in group["rows"]),
            published=told.published(content),
            levels=told.levels(content),
            nuts=told.nuts_rows(content),
            caution=told.caution(content),
            panel=told.panel(content),
            small=ranges.k < SMALL_K,
            searches=told.searches(content),
            edged=any(row["edge"][0] for group in rows for row in group["rows"]),
            fits=[
                {"label": label, "engine": engine, "settings": settings, "status": status, "seconds": words.duration(s)}
                for label, engine, settings, status, s in ranges.fits
            ],
            conventions=words.CONVENTIONS[:2],
            picture=Markup(inline(picture)),
            facts=facts,
        )
    )


def _facts(content: RangesContent) -> dict[str, Any]:
    """What the manifest tells of a run; JSON values."""
    analysis, ranges, tables = content.analysis, content.ranges, content.analysis.tables
    assert tables is not None
    packages = ("poolwise", "numpy", "scipy") + (("pymc", "nutpie") if len(ranges.nuts) else ())
    return {
        "poolwise": version("poolwise"),
        "analysis": question(analysis, quick=content.quick),
        "data": {
            "outcome": tables.published.outcome,
            "moderator": tables.factor,
            "tables": len(tables),
            "found": ranges.found,
            "plausible": {"se": [tables.plausible.se_min, tables.plausible.se_max], "d_max": tables.plausible.d_max},
            "k": tables.k,
            "seed": tables.seed,
            "acceptance": tables.acceptance,
            "scale": analysis.effects.scale.name,
            "label": ranges.data,
            "hash": analysis.data_hash,
            "citation": tables.published.citation,
        },
        "fits": [
            {"label": label, "engine": engine, "settings": settings, "status": status, "seconds": round(seconds, 6)}
            for label, engine, settings, status, seconds in ranges.fits
        ],
        "verdicts": [*filter(None, [ranges.panel_sentence]), *ranges.verdicts],
        "seeds": [tables.seed],
        "versions": {name: version(name) for name in packages} | {"python": platform.python_version()},
        "seconds": round(content.seconds, 3),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
