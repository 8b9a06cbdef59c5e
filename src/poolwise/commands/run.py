"""``poolwise run``: analysis files fitted, checked and reported."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from poolwise.commands.files import check_names, each, loaded_files
from poolwise.commands.options import add_files, add_forms, add_out, add_quick
from poolwise.commands.outcomes import FIT_FAILED

if TYPE_CHECKING:
    from poolwise.analysis import Analysis
    from poolwise.runs import Run, Step

WORDS = "Run analysis files and write their results."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which files, where results go, how much of it."""
    add_files(parser)
    add_out(parser, "results")
    add_quick(parser)
    words = "run every fit again; else fits by NUTS that an earlier run finished are taken from there"
    parser.add_argument("--fresh", action="store_true", help=words)
    add_forms(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run every file; the exit code."""
    return run_files(chosen)[1]


def run_files(chosen: argparse.Namespace, apart: Sequence[str] = ()) -> tuple[list[Run], int]:
    """Run every file, tell of each, and give the runs and the exit code."""
    loaded, code = loaded_files(chosen.files)
    check_names([*(analysis.name for _, analysis in loaded), *apart])
    done, code = each(loaded, code, lambda analysis: _one_run(analysis, chosen))
    return done, _told(done, chosen, code)


def _told(done: Sequence[Run], chosen: argparse.Namespace, code: int) -> int:
    """Tell which fits failed and where the pages are; the exit code."""
    for one in done:
        for result in one.failed:
            status = f"{result.report.status}. {result.report.advice}"
            print(f"poolwise: {one.analysis.source}: {result.label}: {status}", file=sys.stderr)
            code = max(code, FIT_FAILED)
    if len(done) < len(chosen.files):
        print(f"poolwise: {len(done)} of {len(chosen.files)} analyses ran, see the messages above", file=sys.stderr)
    for one in done:
        print(f"report: {one.report}")
        for name in one.files:
            if name.startswith("report.") and one.files[name] != one.report:
                print(f"report: {one.files[name]}")
    return code


def _one_run(analysis: Analysis, chosen: argparse.Namespace) -> Run:
    from poolwise.runs import run
    from poolwise.terminal import print_answer

    with _shown_progress(analysis.name) as progress:
        out = chosen.out / analysis.name
        forms = tuple(chosen.formats)
        done = run(analysis, out=out, quick=chosen.quick, fresh=chosen.fresh, formats=forms, progress=progress)
    for sentence in done.kept:
        print(f"{analysis.name}: {sentence}", file=sys.stderr)
    print_answer(done)
    return done


@contextmanager
def _shown_progress(name: str) -> Iterator[Callable[[Step], None]]:
    """Tell of each step on standard error: a bar on a terminal, a line each elsewhere."""
    if not sys.stderr.isatty():
        yield lambda step: print(f"{name}: {step.number} of {step.total}, {step.label}", file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(name)

        def tell(step: Step) -> None:
            bars.update(task, description=f"{name}: {step.label}", total=step.total, completed=step.number - 1)

        yield tell
