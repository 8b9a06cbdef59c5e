"""A bar on the terminal for work in parts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from poolwise.errors import ModelError, described

Progress = Callable[[int, int], None]


@contextmanager
def as_progress(given: bool | Progress | None) -> Iterator[Progress]:
    """A function that is told how many parts are done, and of how many."""
    if callable(given):
        yield given
        return
    if given not in (None, True, False):
        raise ModelError(f"progress is {described(given)}", "True, False, or a function of two numbers")
    if given is False or (given is None and not sys.stderr.isatty()):
        yield lambda done, total: None
        return
    with _bar() as report:
        yield report


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("simulated tables"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)

        def report(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield report
