"""``poolwise simulate``: how often the intervals of a file hold the truth."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from poolwise.commands.files import check_names, each, loaded_files
from poolwise.commands.options import add_files, add_out

if TYPE_CHECKING:
    from poolwise.analysis import Analysis
    from poolwise.runs import SimulationRun

WORDS = "How often the intervals of a file hold the truth at its own standard errors: simulated tables."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which files, how many tables, where they are worked on."""
    add_files(parser)
    words = "simulated tables of each truth (by default as the file says, or 2000)"
    parser.add_argument("--replications", type=int, metavar="N", help=words)
    words = "where it runs: 'joblib', 'dask', or the address of a Dask scheduler (by default in this process)"
    parser.add_argument("--executor", metavar="WHERE", help=words)
    add_out(parser, "simulations")


def run(chosen: argparse.Namespace) -> int:
    """Simulate for every file; the exit code."""
    loaded, code = loaded_files(chosen.files)
    check_names([analysis.name for _, analysis in loaded])
    done, code = each(loaded, code, lambda analysis: _one_simulation(analysis, chosen))
    if len(done) < len(chosen.files):
        print(f"poolwise: {len(done)} of {len(chosen.files)} simulations ran, see the messages above", file=sys.stderr)
    for one in done:
        for name, path in one.files.items():
            if name != "manifest.json":
                print(path)
    return code


def _one_simulation(analysis: Analysis, chosen: argparse.Namespace) -> SimulationRun:
    from poolwise.report import characteristics as words
    from poolwise.runs import simulate
    from poolwise.terminal import print_table

    progress = True if sys.stderr.isatty() else _tenths(analysis.name)
    done = simulate(
        analysis,
        out=chosen.out / analysis.name,
        replications=chosen.replications,
        executor=chosen.executor,
        progress=progress,
    )
    mark = " (reconstructed data)" if done.found.planned.reconstructed else ""
    said = [*words.sentences(done.found), *words.notes(done.found)]
    groups = [*words.groups(done.found)]
    for number, (title, methods) in enumerate(groups, start=1):
        rows = [(name, *cells) for name, _, _, cells in methods]
        above = f"{analysis.title}{mark}\n{title}" if number == 1 else title
        print_table(above, (), words.heads(done.found), rows, said if number == len(groups) else [])
    return done


def _tenths(name: str) -> Callable[[int, int], None]:
    """Tell of every tenth of the parts of a simulation on standard error."""

    told: set[int] = set()

    def tell(done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if tenth not in told:
            told.add(tenth)
            print(f"{name}: {done} of {total} parts", file=sys.stderr, flush=True)

    return tell
