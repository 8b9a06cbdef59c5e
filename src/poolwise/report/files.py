"""Files that are whole or not there, in a folder that one process writes at a time."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from poolwise.errors import AnalysisError

MANIFEST = "manifest.json"
FITS = "fits"
"""Folder of the kept fits in a folder of results."""
_PART = ".part"


@contextmanager
def claimed(folder: Path) -> Iterator[Path]:
    """Hold a folder for one run; the kernel lets go of it when the process ends, however it ends.

    The folder is made if need be, tried out for writing, and cleared of the old manifest and of what a
    killed run left behind, so that from here on it counts as unfinished until a new manifest stands in it.

    Parameters
    ----------
    folder : Path
        Where the files of the run go.

    Yields
    ------
    Path
        The folder.

    Raises
    ------
    AnalysisError
        When the folder cannot be made or written to, or another process is writing to it.
    """
    import fcntl

    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnalysisError(
                f"another process is writing to '{folder}'",
                "one run in a folder at a time",
                "wait until it has finished, or choose another folder with --out",
            ) from None
        _clear(folder)
        yield folder
    finally:
        os.close(handle)


def _clear(folder: Path) -> None:
    try:
        (folder / MANIFEST).unlink(missing_ok=True)
        for leftover in (*folder.glob(f".*{_PART}"), *(folder / FITS).glob(f".*{_PART}")):
            leftover.unlink()
        write(folder / ".trial", b"")
        (folder / ".trial").unlink()
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> AnalysisError:
    return AnalysisError(
        f"cannot write to the folder '{folder}': {error.strerror}",
        "a folder that can be made and written to",
        "free some space, or choose another folder with --out",
    )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Let the caller write a temporary file beside `path`, then put it in the place of `path` in one step.

    When the caller fails, `path` is as it was before.

    Parameters
    ----------
    path : Path
        The file to be written.

    Yields
    ------
    Path
        The temporary file, which does not exist yet.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}{_PART}")
    try:
        yield part
        _to_disk(part)
        os.replace(part, path)
        _to_disk(path.parent)
    finally:
        part.unlink(missing_ok=True)


def write(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    content : bytes or str
        What stands in it; text as UTF-8.

    Raises
    ------
    OSError
        When it cannot be written; `path` is then as it was before.
    """
    with replacing(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def finish(folder: Path, names: tuple[str, ...], record: dict[str, Any]) -> Path:
    """Write the manifest, the last file of a run: `record` and the size and hash of every file.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    names : tuple of str
        Names of the files that belong to the run.
    record : dict
        What else the manifest tells; JSON values.

    Returns
    -------
    Path
        The manifest's path.
    """
    files = {name: {"sha256": _hash(folder / name), "bytes": (folder / name).stat().st_size} for name in names}
    write(folder / MANIFEST, json.dumps(record | {"files": files}, indent=2, ensure_ascii=False) + "\n")
    return folder / MANIFEST


def faults(folder: Path) -> tuple[str, ...]:
    """What keeps a folder from being a complete run, a sentence each; empty for a complete one.

    A run is complete when its manifest is there and every file in it is there with the hash it names.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    tuple of str
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return (f"'{manifest}' is missing: the run has not finished",)
    found = []
    for name, facts in json.loads(manifest.read_text(encoding="utf-8"))["files"].items():
        path = folder / name
        if not path.is_file():
            found.append(f"'{path}' is missing")
        elif _hash(path) != facts["sha256"]:
            found.append(f"'{path}' is not the file that the run wrote")
    return tuple(found)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
