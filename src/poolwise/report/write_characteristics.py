"""The files of `poolwise simulate`, in a folder of its own."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from poolwise.errors import AnalysisError, listing
from poolwise.report import characteristics as words
from poolwise.report import files

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis
    from poolwise.analysis.simulation import Simulated

NAMES = (words.CSV, words.SVG, words.PNG)
ROOM = 20_000_000  # bytes: a table, two pictures, and the parts of a long simulation


@contextmanager
def held(analysis: Analysis, folder: Path) -> Iterator[Path]:
    """Hold a folder for the simulation of this analysis: see `files.claimed`.

    Parameters
    ----------
    analysis : Analysis
        What is simulated.
    folder : Path
        Where the files go.

    Yields
    ------
    Path
        The folder.

    Raises
    ------
    AnalysisError
        When the folder holds a report, whose files a simulation would orphan, or `files.claimed` refuses it.
    """
    from poolwise.plot.figures import boxes_warned_of
    from poolwise.report.write import refuse_inputs

    refuse_inputs(analysis, folder)
    others = [name for name in files.written(folder) if name not in NAMES]
    if others:
        raise AnalysisError(
            f"'{folder}' holds the results of a run ({listing(others, 3)})",
            "a folder of its own for a simulation",
            "another folder with --out (from Python out=...)",
        )
    told = files.question_of(analysis)
    with files.claimed(folder, NAMES, question=told, room=ROOM), boxes_warned_of([analysis.title]):
        yield folder


def write(analysis: Analysis, found: Simulated, folder: Path, seconds: float) -> Mapping[str, Path]:
    """Write table and pictures into a folder held by `held`.

    Parameters
    ----------
    analysis : Analysis
        What was simulated.
    found : Simulated
        What came of it.
    folder : Path
        Where the files go.
    seconds : float
        Wall time.

    Returns
    -------
    mapping of str to Path
        Every file by name, the manifest last.

    Raises
    ------
    AnalysisError
        When a file cannot be written.
    """
    from poolwise.plot.figures import close, saved

    axes = words.drawn(found)
    stamp: dict[str, str | None] = {
        "Title": f"Operating characteristics: {analysis.title} ({found.data} standard errors)",
        "Description": f"{analysis.question} Simulated tables. Made by poolwise from {analysis.source}.",
    }
    try:
        files.add(folder, words.CSV, found.frame.to_csv(index=False))
        files.add(folder, words.SVG, saved(axes, "svg", stamp | {"Date": None}))
        files.add(folder, words.PNG, saved(axes, "png", stamp))
        files.finish(folder, NAMES, _facts(analysis, found, seconds))
    except OSError as error:
        raise files.unwritable(folder, error) from None
    finally:
        close(axes)
    return MappingProxyType({name: folder / name for name in (*NAMES, files.MANIFEST)})


def _facts(analysis: Analysis, found: Simulated, seconds: float) -> dict[str, object]:
    planned = found.planned
    return {
        "poolwise": version("poolwise"),
        "analysis": {
            **files.question_of(analysis),
            "sha256": analysis.spec_hash,
        },
        "data": {"label": found.data, "hash": analysis.data_hash},
        "simulation": {"replications": planned.replications, "seed": planned.seed, "truths": planned.truths},
        "seconds": round(seconds, 3),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
