"""The files of one run: every one whole or not there, the manifest last."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from poolwise.errors import AnalysisError
from poolwise.report import files, tables
from poolwise.report.content import Content
from poolwise.report.page import page
from poolwise.report.pictures import pictures
from poolwise.report.room import needed

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis

OF_ONE_TABLE = (
    "estimates.csv",
    "studies.csv",
    "sensitivity.csv",
    "borrowing.csv",
    "forest.svg",
    "forest.png",
    "bubble.svg",
    "bubble.png",
    "prior_panel.svg",
    "posterior.nc",
    "report.html",
)
OF_TABLES = (
    "ranges.csv",
    "levels.csv",
    "prior_panel.csv",
    "searches.csv",
    "extreme_tables.csv",
    "nuts_check.csv",
    "ranges.svg",
    "ranges.png",
    "report.html",
)
NAMES = tuple(dict.fromkeys((*OF_ONE_TABLE[:-1], *OF_TABLES)))
"""Every file that a run may write, in the order in which it tells of them."""
_OF_A_PANEL = ("sensitivity.csv", "prior_panel.svg")


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

    _refuse_inputs(analysis, folder)
    told = {"source": analysis.source, "title": analysis.title, "question": analysis.question}
    with (
        files.claimed(folder, _possible(analysis), question=told, room=needed(analysis)),
        boxes_warned_of(_words(analysis)),
    ):
        yield folder


def _possible(analysis: Analysis) -> tuple[str, ...]:
    """The names of the files that a run of this analysis may write."""
    if analysis.tables is not None:
        return OF_TABLES
    return tuple(name for name in OF_ONE_TABLE if analysis.panel is not None or name not in _OF_A_PANEL)


def _words(analysis: Analysis) -> Iterator[str]:
    """Every word of the user's that can stand in a picture."""
    effects = analysis.effects
    yield from (analysis.title, effects.title, *effects.directions, *(fit.label for fit in analysis.fits))
    yield from (*effects.study, *effects.outcomes, *map(str, effects.moderators.columns))
    for column in effects.moderators.select_dtypes(exclude="number"):
        yield from map(str, effects.moderators[column].unique())


def _refuse_inputs(analysis: Analysis, folder: Path) -> None:
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


def write(content: Content, folder: Path) -> Mapping[str, Path]:
    """Write every file of a run into a folder held by `held`.

    Parameters
    ----------
    content : Content
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
    facts = _facts(content)
    drawn = pictures(content)
    made: dict[str, bytes | str] = {
        "estimates.csv": tables.estimates(content).to_csv(index=False),
        "studies.csv": tables.studies(content).to_csv(index=False),
        **drawn,
    }
    if content.panel is not None:
        made["sensitivity.csv"] = content.panel.frame.to_csv(index=False)
    if content.borrowed is not None:
        made["borrowing.csv"] = content.borrowed.frame.to_csv(index=False)
    shown = {name.removesuffix(".svg"): svg.decode() for name, svg in drawn.items() if name.endswith(".svg")}
    made["report.html"] = page(content, shown, facts)
    draws = {} if content.posterior is None else {"posterior.nc": _draws(content)}
    return written(folder, made, facts, draws)


def written(
    folder: Path,
    made: Mapping[str, bytes | str],
    facts: dict[str, Any],
    writers: Mapping[str, Callable[[Path], None]] | None = None,
) -> Mapping[str, Path]:
    """Write the files of a run, remove what an earlier one left and this one has not made, write the manifest.

    Parameters
    ----------
    folder : Path
        Held by `held`.
    made : mapping of str to bytes or str
        Whole files by name.
    facts : dict
        What the manifest tells.
    writers : mapping of str to callable, optional
        By name, what writes a file itself to the path that it is called with.

    Returns
    -------
    mapping of str to Path
        Every file by name, in the order of `NAMES`, the manifest last.

    Raises
    ------
    AnalysisError
        When a file cannot be written; the run then has no manifest.
    """
    writers = writers or {}
    names = tuple(name for name in NAMES if name in made or name in writers)
    try:
        for name, whole in made.items():
            files.add(folder, name, whole)
        for name, write_to in writers.items():
            with files.adding(folder, name) as part:
                write_to(part)
        files.remove(folder, set(NAMES) - set(names))
        files.finish(folder, names, facts)
    except OSError as error:
        raise files.unwritable(folder, error) from None
    return MappingProxyType({name: folder / name for name in (*names, files.MANIFEST)})


def question(analysis: Analysis, *, quick: bool) -> dict[str, Any]:
    """What the manifest tells of the analysis file."""
    return {
        "source": analysis.source,
        "title": analysis.title,
        "question": analysis.question,
        "sha256": analysis.spec_hash,
        "quick": quick,
    }


def _draws(content: Content) -> Callable[[Path], None]:
    """What writes the draws as netCDF, with the question and the word on the data among the attributes."""
    assert content.posterior is not None
    tree = content.posterior.to_datatree()
    tree.attrs.update(
        {
            "title": content.analysis.title,
            "data": content.data_label,
            "data_hash": content.effects.data_hash,
            "label": content.posterior.label,
            "prior": content.posterior.prior,
        }
    )
    return lambda path: tree.to_netcdf(path, engine="h5netcdf")


def _facts(content: Content) -> dict[str, Any]:
    """What the manifest tells of a run; JSON values."""
    versions = {name: number for result in content.results for name, number in result.report.versions.items()}
    analysis, effects = content.analysis, content.effects
    return {
        "poolwise": version("poolwise"),
        "analysis": question(analysis, quick=content.quick),
        "data": {
            "title": effects.title,
            "outcome": content.outcome,
            "k": effects.k,
            "scale": effects.scale.name,
            "label": content.data_label,
            "hash": effects.data_hash,
            "citation": effects.citation,
        },
        "fits": [
            {
                "label": result.label,
                "model": result.model.label,
                "engine": result.engine_label,
                "settings": repr(result.engine),
                "prior": result.prior,
                "status": result.report.status,
                "seed": result.report.seed,
                "seconds": round(result.report.seconds, 6),
            }
            for result in content.results
        ],
        "seeds": [result.report.seed for result in content.results if result.report.seed is not None],
        "versions": {"poolwise": version("poolwise"), "python": platform.python_version()} | versions,
        "seconds": round(content.seconds, 3),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
