"""Operating characteristics of an analysis: its methods on tables whose truth is known, and the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, final

from poolwise.analysis.record import Analysis
from poolwise.settings import check_whole

if TYPE_CHECKING:
    from poolwise.analysis.simulation import Simulated

PARTS = "operating_characteristics.kept"  # in the folder of kept fits


@final
@dataclass(frozen=True, eq=False)
class SimulationRun:
    """What one simulation found, and where its files are.

    Attributes
    ----------
    analysis : Analysis
    found : Simulated
    files : mapping of str to Path
        Every file by name.
    """

    analysis: Analysis
    found: Simulated
    files: Mapping[str, Path]


def tried_in(analysis: Analysis, folder: Path, fresh: bool, tell: Callable[[str], None]) -> Simulated | None:
    """What the section [simulate] of an analysis asks for, its parts kept in a folder of results; None without one."""
    from poolwise.analysis.simulation import simulated
    from poolwise.report import FITS

    if analysis.simulation is None:
        return None
    tell("operating characteristics")
    if fresh:
        from poolwise.simulate.characteristics.running import forget

        forget(folder / FITS / PARTS)
    return simulated(analysis.simulation, keep=folder / FITS / PARTS)


def simulate(
    analysis: Analysis,
    *,
    out: Path,
    replications: int | None = None,
    executor: Any = None,
    progress: bool | Callable[[int, int], None] = False,
) -> SimulationRun:
    """Try the methods of an analysis on tables whose truth is known, and write what comes of it.

    Parameters
    ----------
    analysis : Analysis
        From `load_analysis`; with or without a section [simulate].
    out : Path
        Folder of the files. Finished parts are kept there, so that a run that was stopped, or is asked for more,
        repeats nothing.
    replications : int, optional
        Tables of each truth, in the place of what the file says.
    executor, progress
        As of `simulate.operating_characteristics`.

    Returns
    -------
    SimulationRun

    Raises
    ------
    AnalysisError
        When the methods cannot be tried, or the folder cannot be written to or holds something else.
    """
    from poolwise.analysis.simulation import default_simulation, simulated
    from poolwise.report import FITS, write_characteristics

    planned = default_simulation(analysis)
    if replications is not None:
        planned = replace(planned, replications=check_whole("replications", replications, 2, 2000))
    with write_characteristics.held(analysis, out):
        began = perf_counter()
        found = simulated(planned, executor=executor, keep=out / FITS / PARTS, progress=progress)
        files = write_characteristics.write(analysis, found, out, perf_counter() - began)
    return SimulationRun(analysis, found, files)
