"""One thread of linear algebra while a fit runs, the caller's number of them afterwards, and the cores there are.

The products of a meta-analysis are small and many: threads of a BLAS library spend more time in waiting for one another
than they save, and on two cores make a three-level fit three times slower.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from itertools import product
from threading import Lock
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from threadpoolctl import LibController


@final
@dataclass(frozen=True, eq=False)
class Library:
    """A library of linear algebra that is loaded in this process.

    Attributes
    ----------
    threads : callable
        The number of threads that it may use now; None where it does not tell.
    set_threads : callable
        Sets it.
    by_caller : bool
        Whether every thread of Python has a number of its own, as with OpenMP, and not the process one.
    """

    threads: Callable[[], int | None]
    set_threads: Callable[[int], object]
    by_caller: bool


Counts = tuple[tuple[Library, int], ...]

_LOCK = Lock()
_CORES: ContextVar[int | None] = ContextVar("cores", default=None)
_HOLDS: list[Counts] = []
"""One entry for each hold that is open in this process; the first, and so the last to go, has what is restored."""

if hasattr(os, "register_at_fork"):  # a child must not inherit a lock that nobody in it will release
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold the linear algebra of NumPy and SciPy to one thread.

    Use it with ``with``, or as the decorator ``@one_thread()``. Afterwards each library has as many threads as before,
    whatever was raised. A hold inside another one changes nothing, and of holds that overlap in several threads of
    Python the last to end restores, as most libraries have one number for the whole process.

    Examples
    --------
    >>> with one_thread():
    ...     most_threads()
    1
    """
    with _LOCK:
        process, caller = _libraries()
        own = _hold(caller)
        _HOLDS.append(() if _HOLDS else _hold(process))
    try:
        yield
    finally:
        with _LOCK:
            shared = _HOLDS.pop()
            for library, threads in own if _HOLDS else (*own, *shared):
                library.set_threads(threads)


def available_cores() -> int:
    """Cores that this process may use; all of the machine's before Python 3.13, which first tells."""
    return _CORES.get() or getattr(os, "process_cpu_count", os.cpu_count)() or 1


@contextmanager
def one_core() -> Iterator[None]:
    """Hold engines to one core, where other processes have the others."""
    token = _CORES.set(1)
    try:
        yield
    finally:
        _CORES.reset(token)


def most_threads() -> int:
    """The largest number of threads that a library of linear algebra may use now; 1 where none tells."""
    return max((library.threads() or 1 for group in _libraries() for library in group), default=1)


def _hold(libraries: Iterable[Library]) -> Counts:
    """Set these libraries to one thread; those that had more, with their numbers."""
    before = []
    for library in libraries:
        threads = library.threads()
        if threads is not None and threads > 1:
            before.append((library, threads))
            library.set_threads(1)
    return tuple(before)


@cache
def _libraries() -> tuple[tuple[Library, ...], tuple[Library, ...]]:
    """The BLAS libraries of NumPy and of SciPy, which may be two; those with a number for the process come first.

    To look for them takes milliseconds.
    """
    import scipy.linalg  # noqa: F401  # loads SciPy's own, which is to be found too
    from threadpoolctl import ThreadpoolController

    libraries = [_library(one) for one in ThreadpoolController().select(user_api="blas").lib_controllers]
    return tuple(one for one in libraries if not one.by_caller), tuple(one for one in libraries if one.by_caller)


def _library(controller: LibController) -> Library:
    """How to ask and set this library.

    threadpoolctl lets only one thread of Python set an OpenBLAS without OpenMP, and silently refuses the others: a fit
    in a second thread would not be held, or its caller's number not restored. So we call the library itself.
    """
    by_caller = getattr(controller, "threading_layer", "") == "openmp"
    if controller.internal_api == "openblas" and not by_caller:
        for prefix, suffix in product(("", "scipy_"), ("", "64_", "_64")):
            read, write = (f"{prefix}openblas_{verb}_num_threads{suffix}" for verb in ("get", "set"))
            if hasattr(controller.dynlib, read) and hasattr(controller.dynlib, write):
                return Library(getattr(controller.dynlib, read), getattr(controller.dynlib, write), by_caller)
    return Library(controller.get_num_threads, controller.set_num_threads, by_caller)
