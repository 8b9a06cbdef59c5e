"""Run an analysis of reconstructed tables: every fit on every table, the ranges, the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from poolwise.analysis.record import Analysis
from poolwise.engines.nuts import NUTS

if TYPE_CHECKING:
    from poolwise.checks import Ranges
    from poolwise.checks._range_answers import Asked


def run_tables(
    analysis: Analysis, folder: Path, quick: bool, fresh: bool, tell: Callable[[int, str], None]
) -> tuple[Ranges, Mapping[str, Path], tuple[str, ...]]:
    """Run every fit on every table, and write the files.

    Parameters
    ----------
    analysis : Analysis
        With reconstructed tables.
    folder : Path
        Where the files go; held against other processes meanwhile.
    quick : bool
        Whether fewer draws are taken than the file asks for.
    fresh : bool
        Whether fits by NUTS that are kept are run again.
    tell : callable
        Told the number and the words of each step as it begins.

    Returns
    -------
    Ranges, mapping of str to Path, tuple of str
        The ranges, every file by name, and which fits were kept or run again.
    """
    from poolwise import report
    from poolwise.checks._range_answers import Asked
    from poolwise.checks.ranges import ranges_of

    assert analysis.tables is not None
    steps, tables = count(1), len(analysis.tables)
    fits = [Asked(one.label, one.model, one.engine) for one in analysis.fits]
    few = min(analysis.nuts_tables, tables)

    def words(one: Asked) -> str:
        number = few if isinstance(one.engine, NUTS) else tables
        return f"{one.label or f'{one.model.label}, {one.engine.label}'}, {number} tables"

    with report.held(analysis, folder):
        began, kept = perf_counter(), report.KeptFits(folder / report.FITS, fresh)
        found = ranges_of(
            analysis.tables,
            fits,
            prob=analysis.prob,
            rope=analysis.rope,
            nuts_tables=few,
            kept=kept,
            tell=lambda one: tell(next(steps), words(one)),
        )
        tell(next(steps), "files")
        files = report.write_ranges(report.RangesContent(analysis, found, quick, perf_counter() - began), folder)
    return found, files, tuple(kept.said)
