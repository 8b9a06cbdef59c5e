"""The files of one run: every one whole or not there, the manifest last."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from poolwise.errors import AnalysisError
from poolwise.report import files, sections
from poolwise.report.page import page
from poolwise.report.room import needed
from poolwise.report.section import Passage, ReportContent, Section
from poolwise.report.sections import files_of, sections_of

if TYPE_CHECKING:
    import xarray as xr

    from poolwise.analysis.record import Analysis

PAGE = "report.html"


@contextmanager
def held(analysis: Analysis, folder: Path) -> Iterator[Path]:
    """Hold a folder for a run of this analysis, after what can be known before the fits: see `files.claimed`.

    Parameters
    ----------
    analysis : Analysis
        What will be run.
    folder : Path
        Where the files go.

    Yields
    ------
    Path
        The folder.

    Raises
    ------
    AnalysisError
        When the analysis file or its data lie in the folder, or `files.claimed` refuses it.
    """
    from poolwise.plot.figures import boxes_warned_of

    refuse_inputs(analysis, folder)
    told = {"source": analysis.source, "title": analysis.title, "question": analysis.question}
    with (
        files.claimed(folder, _possible(analysis), question=told, room=needed(analysis)),
        boxes_warned_of(_words(analysis)),
    ):
        yield folder


def _possible(analysis: Analysis) -> tuple[str, ...]:
    """The names of the files that a run of this analysis may write."""
    return (*files_of(sections_of(analysis)), PAGE)


def _names() -> tuple[str, ...]:
    """Every file that a run of any analysis may write, in the order in which it tells of them."""
    return (*files_of((*sections.ONE_TABLE, *sections.OVER_TABLES)), PAGE)


def _words(analysis: Analysis) -> Iterator[str]:
    """Every word of the user's that can stand in a picture."""
    effects = analysis.effects
    yield from (analysis.title, effects.title, *effects.directions, *(fit.label for fit in analysis.fits))
    yield from (*effects.study, *effects.outcomes, *map(str, effects.moderators.columns))
    for column in effects.moderators.select_dtypes(exclude="number"):
        yield from map(str, effects.moderators[column].unique())


def refuse_inputs(analysis: Analysis, folder: Path) -> None:
    """Refuse the folder in which a file lies that the analysis was read from, itself or a link to it."""
    try:
        there = [path for path in analysis.inputs if any(_same(folder, part.parent) for part in (path, path.resolve()))]
    except (OSError, ValueError) as error:
        raise files.unwritable(folder, error) from None
    if there:
        names = " and ".join(f"'{path.name}'" for path in there)
        raise AnalysisError(
            f"results would be written to '{folder}', where {names} of this analysis {'lie' if there[1:] else 'lies'}",
            "a folder of its own for the results",
            f"out = '{folder / 'results' / analysis.name}'",
        )


def _same(folder: Path, other: Path) -> bool:
    """Whether two paths lead to one folder."""
    if os.path.exists(folder) and os.path.exists(other):
        return os.path.samefile(folder, other)
    return os.path.realpath(folder) == os.path.realpath(other)


def write(content: ReportContent, folder: Path) -> Mapping[str, Path]:
    """Write every file of a run into a folder held by `held`.

    Parameters
    ----------
    content : Content or RangesContent
        What the files tell.
    folder : Path
        Where they go; what an earlier run left there and this one does not make is removed.

    Returns
    -------
    mapping of str to Path
        Every file by name, the manifest last.

    Raises
    ------
    AnalysisError
        When a file cannot be written; the run then has no manifest.
    """
    facts = _facts(content)
    every = [(section, section.passage_of(content)) for section in sections_of(content.analysis)]
    passages = [(section, passage) for section, passage in every if passage is not None]
    tables = {name: frame.to_csv(index=False) for _, passage in passages for name, frame in passage.tables.items()}
    pictures = {name: file for section, passage in passages for name, file in _drawn(content, section, passage)}
    svgs = {name.removesuffix(".svg"): svg.decode() for name, svg in pictures.items() if name.endswith(".svg")}
    html = page(content, [(section.name, passage) for section, passage in passages], svgs, facts)
    draws = {name: tree for _, passage in passages for name, tree in passage.draws.items()}
    return _written(folder, {**tables, **pictures, PAGE: html}, draws, facts)


def _drawn(content: ReportContent, section: Section[Any], passage: Passage) -> Iterator[tuple[str, bytes]]:
    """The pictures of a section, whole files by name, which say what they are and what of, read by programs too."""
    from poolwise.plot.figures import close, saved

    analysis, data = content.analysis, content.data_label
    for name, figure in passage.figures.items():
        stamp: dict[str, str | None] = {
            "Title": f"{figure.kind}: {analysis.title} ({data} data)",
            "Description": f"{analysis.question} Data: {data}. Made by poolwise from {analysis.source}.",
        }
        axes = figure.draw()
        for form in section.forms(name):
            yield f"{name}.{form}", saved(axes, form, stamp | ({"Date": None} if form == "svg" else {}))
        close(axes)


def _written(
    folder: Path, content: Mapping[str, bytes | str], draws: Mapping[str, xr.DataTree], facts: dict[str, Any]
) -> Mapping[str, Path]:
    """Write the files of a run, remove what an earlier one left and this one has not made, write the manifest."""
    names = tuple(name for name in _names() if name in content or name in draws)
    try:
        for name, whole in content.items():
            files.add(folder, name, whole)
        for name, tree in draws.items():
            with files.adding(folder, name) as part:
                tree.to_netcdf(part, engine="h5netcdf")
        files.remove(folder, set(_names()) - set(names))
        files.finish(folder, names, facts)
    except OSError as error:
        raise files.unwritable(folder, error) from None
    return MappingProxyType({name: folder / name for name in (*names, files.MANIFEST)})


def _facts(content: ReportContent) -> dict[str, Any]:
    """What the manifest tells of a run; JSON values."""
    analysis = content.analysis
    return {
        "poolwise": version("poolwise"),
        "analysis": {
            "source": analysis.source,
            "title": analysis.title,
            "question": analysis.question,
            "sha256": analysis.spec_hash,
            "quick": content.quick,
        },
        **content.facts(),
        "seconds": round(content.seconds, 3),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
