"""Running the parts of a simulation: in this process, in several by joblib, on many machines by Dask; kept as they end.

The tallies of parts are added up in the order of the parts, so that the numbers do not depend on who ran what when.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import IO, Any, final

import numpy as np

from poolwise.errors import ModelError, described
from poolwise.simulate.characteristics.parts import Part
from poolwise.simulate.characteristics.tallies import BIN_SUMS, BINS, SUMS, Tally
from poolwise.threads import available_cores, one_core

Tallies = dict[str, Tally]
"""By name of the method."""
Progress = Callable[[int, int], None]
HEADER = {"poolwise": "operating characteristics", "format": 1, "sums": list(SUMS)}
AHEAD = 3  # tasks that wait for each worker of a cluster
SECONDS = 1.0  # of a task on a cluster
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # of mallopt, in malloc.h of glibc


def run_all(parts: Sequence[Part], executor: Any, keep: Path | None, progress: Progress) -> list[Tallies]:
    """The tallies of these parts, in their order: those that are kept are not run again.

    Raises
    ------
    ModelError
        For what is no executor, a package that is missing, and a file that holds something else.
    """
    workers = _executor(executor)
    with _kept(keep) as kept:
        done: dict[int, Tallies] = {}
        for number, part in enumerate(parts):
            if part.key in kept.tallies:
                done[number] = kept.tallies[part.key]
        progress(len(done), len(parts))
        missing = [number for number in range(len(parts)) if number not in done]
        for number, tallies in workers([(number, parts[number]) for number in missing]):
            done[number] = tallies
            kept.add(parts[number].key, tallies)
            progress(len(done), len(parts))
    return [done[number] for number in range(len(parts))]


Numbered = tuple[int, Part]
Workers = Callable[[Sequence[Numbered]], Iterator[tuple[int, Tallies]]]


def _executor(given: Any) -> Workers:
    if given is None:
        return _here
    if given == "joblib":
        return _joblib
    if given == "dask" or (isinstance(given, str) and "://" in given):
        return lambda parts: _on_own_cluster(None if given == "dask" else given, parts)
    if callable(getattr(given, "submit", None)) and hasattr(given, "scheduler_info"):
        return lambda parts: _on_cluster(given, parts)
    raise ModelError(
        f"executor is {described(given)}",
        "None, 'joblib', 'dask', the address of a Dask scheduler such as 'tcp://10.0.0.1:8786', or a Dask client",
    )


def _here(parts: Sequence[Numbered]) -> Iterator[tuple[int, Tallies]]:
    for number, part in parts:
        yield number, part.run()


def _alone(numbered: Numbered) -> tuple[int, Tallies]:
    """A part in a process of its own, which takes one core: the others have their own parts."""
    with one_core():
        return numbered[0], numbered[1].run()


def _joblib(parts: Sequence[Numbered]) -> Iterator[tuple[int, Tallies]]:
    try:
        import joblib
    except ImportError:
        raise _missing("joblib") from None
    if not parts:
        return
    pool = joblib.Parallel(n_jobs=available_cores(), return_as="generator_unordered")
    yield from pool(joblib.delayed(_alone)(numbered) for numbered in parts)


def _on_own_cluster(address: str | None, parts: Sequence[Numbered]) -> Iterator[tuple[int, Tallies]]:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise _missing("dask") from None
    if not parts:
        return
    if address is not None:
        try:
            client = Client(address, timeout="10s")
        except (OSError, ValueError) as error:
            told = f"no Dask scheduler answers at '{address}' ({str(error).splitlines()[0]})"
            raise ModelError(told, "the address of one that runs", "dask scheduler, and dask worker ADDRESS") from None
        with client:
            yield from _on_cluster(client, parts)
        return
    cores = available_cores()
    with (
        _script_not_run_again(),
        LocalCluster(n_workers=cores, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield from _on_cluster(client, parts)


@contextmanager
def _script_not_run_again() -> Iterator[None]:
    """Let new processes start without running the caller's script, as those of joblib do.

    Python imports the main script anew in each process that it spawns, so that a script without the lines
    ``if __name__ == "__main__"`` would start its simulation again in every worker. Functions of the script reach the
    workers by value.
    """
    main = sys.modules["__main__"]
    hidden = {name: getattr(main, name) for name in ("__file__", "__spec__") if getattr(main, name, None) is not None}
    try:
        for name in hidden:
            setattr(main, name, None)
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)


def _on_cluster(client: Any, parts: Sequence[Numbered]) -> Iterator[tuple[int, Tallies]]:
    """Some parts for each worker at a time, so that a scheduler never holds a whole simulation.

    A scheduler takes some 15 ms for each task, as long as a quick part itself: several go together, as many as take a
    worker about `SECONDS`, but few enough that at the end every worker has some.
    """
    from distributed import as_completed

    waiting = iter(parts)  # each is taken once
    left, size = len(parts), 1
    workers = max(1, sum(worker["nthreads"] for worker in client.scheduler_info()["workers"].values()))

    def send() -> Iterator[Any]:
        nonlocal left
        batch = list(itertools.islice(waiting, max(1, min(size, left // (AHEAD * workers)))))
        left -= len(batch)
        if batch:
            yield client.submit(_several, batch, pure=False)

    running = as_completed([future for _ in range(AHEAD * workers) for future in send()])
    for future in running:
        done, seconds = future.result()
        size = max(1, int(SECONDS * len(done) / max(seconds, 1e-3)))
        for each in send():
            running.add(each)
        yield from done


def _several(parts: Sequence[Numbered]) -> tuple[list[tuple[int, Tallies]], float]:
    """Parts in a process of their own, and the seconds that they took."""
    _keep_freed_blocks()
    began = perf_counter()
    return [_alone(numbered) for numbered in parts], perf_counter() - began


@cache
def _keep_freed_blocks() -> None:
    """Let the C library use blocks of memory again that were freed, as it does by itself.

    Dask starts its workers with MALLOC_TRIM_THRESHOLD_, by which every array of some size is handed back to the system
    and mapped anew: exact posteriors then take 2.6 times as long. Both numbers are the largest that glibc comes to.
    """
    if "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 2**25)
        mallopt(_TRIM_THRESHOLD, 2**26)


def _missing(package: str) -> ModelError:
    return ModelError(
        f"executor = '{package}' needs a package that is not installed",
        "the extra 'parallel'",
        "pip install 'poolwise[parallel]'",
    )


@final
@dataclass(frozen=True, eq=False)
class _Kept:
    """Tallies of parts that a file holds, and where further ones are added; both empty without a file."""

    tallies: dict[str, Tallies] = field(default_factory=dict)
    file: IO[str] | None = None

    def add(self, key: str, tallies: Tallies) -> None:
        """Write a part as a line of its own, at once."""
        if self.file is None:
            return
        line = {"part": key, "tallies": {name: _plain(tally) for name, tally in tallies.items()}}
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())


@contextmanager
def _kept(path: Path | None) -> Iterator[_Kept]:
    if path is None:
        yield _Kept()
        return
    try:
        tallies, whole = _read(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("r+" if path.exists() else "w", encoding="utf-8")
    except OSError as error:
        told = f"keep = '{path}' cannot be written: {error.strerror}"
        raise ModelError(told, "a file in a folder that can be written to") from None
    with file:
        file.seek(whole)
        file.truncate()  # a line that was cut off when a run was killed
        if not whole:
            file.write(json.dumps(HEADER) + "\n")
        yield _Kept(tallies, file)


def forget(path: Path) -> None:
    """Remove a file of kept parts, and nothing else that stands there.

    Raises
    ------
    ModelError
        For a file that holds something else.
    """
    if path.exists():
        _read(path)
        path.unlink()


def _read(path: Path) -> tuple[dict[str, Tallies], int]:
    """The parts that a file holds, and the length of its whole lines."""
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return {}, 0
    if not path.is_file():
        raise _not_ours(path)
    tallies: dict[str, Tallies] = {}
    whole = 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            entry = _entry(line)
            if number == 0 and entry != HEADER:
                raise _not_ours(path)
            if entry is None:
                break
            whole += len(line)
            if number:
                tallies[entry["part"]] = {name: _tally(plain) for name, plain in entry["tallies"].items()}
    return tallies, whole


def _entry(line: bytes) -> Any:
    """What a whole line says; None for one that was cut off."""
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None


def _not_ours(path: Path) -> ModelError:
    return ModelError(
        f"keep = '{path}' is no file of operating characteristics of this version",
        "a file that does not exist, or one from a run that was stopped",
        "another name",
    )


def _plain(tally: Tally) -> dict[str, Any]:
    return {"sums": {name: sums.tolist() for name, sums in tally.sums.items()}, "bins": tally.bins.tolist()}


def _tally(plain: Any) -> Tally:
    sums = {name: np.array(values) for name, values in plain["sums"].items()}
    return Tally(sums, np.array(plain["bins"]).reshape(BINS, len(BIN_SUMS)))
