"""Files that are whole or not there, in a folder that one process writes at a time and whose other files are safe.

What a run may replace or remove is what an earlier run wrote there, byte for byte: the manifest of a finished run, and
the journal of an unfinished one, know every file by name and hash. Whatever else lies in the folder is its owner's.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from poolwise.errors import AnalysisError, listing
from poolwise.report.room import try_out

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis

MANIFEST = "manifest.json"
FITS = "fits"
SEARCH, RANGES = "search.kept", "ranges.kept"  # in the folder FITS
"""Folder of the kept fits in a folder of results."""
JOURNAL = ".poolwise-unfinished"
"""Names and hashes of what an unfinished run wrote or found of an earlier one; a JSON object on each line."""
_PART = ".part"
_ELSEWHERE = "another folder with --out (from Python out=...)"


def question_of(analysis: Analysis) -> dict[str, str]:
    """What tells the results of an analysis from those of another."""
    return {"source": analysis.source, "title": analysis.title, "question": analysis.question}


@final
@dataclass(frozen=True)
class Claim:
    """A folder that is held for one run.

    Attributes
    ----------
    folder : Path
    basis : str
        What its files will follow from: see `poolwise.report.basis`.
    unchanged : bool
        Whether all that stands there is what a finished run of the same basis wrote, so that it may stay as it is.
    """

    folder: Path
    basis: str = ""
    unchanged: bool = False


@contextmanager
def claimed(
    folder: Path,
    names: tuple[str, ...] = (),
    *,
    question: Mapping[str, str] | None = None,
    room: int = 0,
    basis: str = "",
) -> Iterator[Claim]:
    """Hold a folder for one run; the kernel lets go of it when the process ends, however it ends.

    The folder is made if need be and tried out for writing. Only then the manifest of an earlier run is removed, with
    what a killed run left behind, so that the folder counts as unfinished until a new manifest stands in it. Where
    a finished run of the same basis left every file that it wrote as it was, the folder stays as it is.

    Parameters
    ----------
    folder : Path
        Where the files of the run go.
    names : tuple of str
        Files that the run may write or remove.
    question : mapping of str to str, optional
        ``source``, ``title`` and ``question`` of the analysis.
    room : int
        Bytes that the run needs.
    basis : str
        What its files follow from; empty for a run that writes them in any case.

    Yields
    ------
    Claim

    Raises
    ------
    AnalysisError
        When the folder cannot be made or written to, has too little room, holds a file under one of these names that
        no earlier run wrote or that was changed since, holds the results of another analysis, or another process is
        writing to it. Nothing in the folder has then been touched.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except (OSError, ValueError) as error:
        raise unwritable(folder, error) from None
    try:
        _lock(folder, handle)
        try:
            _refuse_foreign(folder, names)
            _refuse_another(folder, dict(question or {}))
            unchanged = _unchanged(folder, basis)
            _try_out(folder, 0 if unchanged else room)
            if not unchanged:
                _begin(folder, names, dict(question or {}))
        except OSError as error:
            raise unwritable(folder, error) from None
        yield Claim(folder, basis, unchanged)
    finally:
        os.close(handle)


def _unchanged(folder: Path, basis: str) -> bool:
    """Whether a finished run of this basis left every file of its manifest as it stands there."""
    manifest = _manifest(folder) if basis else None
    return manifest is not None and manifest.get("basis") == basis and faults(folder) == ()


def _try_out(folder: Path, room: int) -> None:
    try_out(folder, room)
    if (folder / FITS).is_dir():
        try:
            try_out(folder / FITS, 0)
        except OSError as error:
            raise unwritable(folder / FITS, error) from None


def _lock(folder: Path, handle: int) -> None:
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AnalysisError(
            f"another process is writing to '{folder}'",
            "one run in a folder at a time",
            "wait until it has finished, or choose another folder with --out",
        ) from None
    except OSError as error:
        raise unwritable(folder, error) from None


def unwritable(folder: Path, error: OSError | ValueError) -> AnalysisError:
    """The error of a folder that cannot be written to."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    with suppress(OSError, ValueError):
        taken = next((part for part in (folder, *folder.parents) if os.path.lexists(part)), folder)
        if not taken.is_dir():
            kind = "a link to nothing" if taken.is_symlink() and not taken.exists() else "a file"
            reason = f"'{taken}' is {kind}" if taken != folder else f"it is {kind}"
    return AnalysisError(
        f"cannot write to the folder {str(folder)!r}: {reason}",
        "a folder that can be made and written to",
        f"{_ELSEWHERE}, or the right to write there and free space",
    )


def _refuse_foreign(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder in which something stands that this run would have to replace and no run has written."""
    ours = _ours(folder)
    foreign = [name for name in names if not _replaceable(folder, name, ours)]
    if os.path.lexists(folder / MANIFEST) and _manifest(folder) is None:
        foreign.append(MANIFEST)
    if os.path.lexists(folder / FITS) and not (folder / FITS).is_dir():
        foreign.append(FITS)
    if foreign:
        raise AnalysisError(
            f"'{folder}' holds {listing(foreign, 20)}, which no run wrote there or which changed since, and which a "
            "run would replace",
            "an empty folder, or one as an earlier run left it",
            f"{_ELSEWHERE}, or moving what is yours out of '{folder}' first",
        )


def _replaceable(folder: Path, name: str, ours: Mapping[str, set[str]]) -> bool:
    """Whether nothing stands under this name, or a file that an earlier run wrote, byte for byte."""
    path = folder / name
    if not os.path.lexists(path):
        return True
    return path.is_file() and not path.is_symlink() and name in ours and _hash(path) in ours[name]


def _refuse_another(folder: Path, question: dict[str, str]) -> None:
    """Refuse the results of another analysis: of a file of another name, or with another title and another question."""
    there = (_manifest(folder) or {}).get("analysis") or _journal(folder)[0]
    if not question or not isinstance(there, dict) or not isinstance(there.get("source"), str):
        return
    same = [there.get(key) == question.get(key) for key in ("source", "title", "question")]
    if not same[0] or not any(same[1:]):
        raise AnalysisError(
            f"'{folder}' holds the results of another analysis, '{there.get('title')}' ({there['source']})",
            "a folder of its own for each analysis",
            f"{_ELSEWHERE}, or removing '{folder}' if its results are no longer wanted",
        )


def _begin(folder: Path, names: Iterable[str], question: dict[str, str]) -> None:
    """Note what is known of an earlier run, then remove its manifest and what a killed run left of half files."""
    ours = _ours(folder)
    if ours:
        lines = [question, *({"name": name, "sha256": known} for name in ours for known in sorted(ours[name]))]
        write(folder / JOURNAL, "".join(json.dumps(line) + "\n" for line in lines))
    (folder / MANIFEST).unlink(missing_ok=True)
    half = re.compile(rf"\.({'|'.join(map(re.escape, (*names, *ours, MANIFEST, JOURNAL)))})\.\d+{re.escape(_PART)}")
    fit = re.compile(
        rf"\.([a-z0-9-]*-[0-9a-f]{{8}}\.npz|{re.escape(SEARCH)}|{re.escape(RANGES)})\.\d+{re.escape(_PART)}"
    )
    for place, pattern in ((folder, half), (folder / FITS, fit)):
        for leftover in place.glob(f".*{_PART}"):
            if pattern.fullmatch(leftover.name) and leftover.is_file():
                leftover.unlink()


def kept(folder: Path) -> tuple[str, ...]:
    """The names of the files of a finished run, in the order of its manifest."""
    return tuple((_manifest(folder) or {"files": {}})["files"])


def written(folder: Path) -> tuple[str, ...]:
    """The names of the files that an earlier run wrote into a folder, or is known to have begun."""
    return tuple(_ours(folder))


def _ours(folder: Path) -> dict[str, set[str]]:
    """The hashes that each file of an earlier run may have, by name; never a name with a folder in it."""
    manifest = _manifest(folder) or {"files": {}}
    ours = {name: {facts["sha256"]} for name, facts in manifest["files"].items() if Path(name).name == name}
    for name, known in _journal(folder)[1]:
        ours.setdefault(name, set()).add(known)
    return ours


def _manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a run as it was written; None where there is none, or something else under its name."""
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        return None
    try:
        record = json.loads(path.read_bytes())
        seal = record.pop("sha256", None)
        whole = seal == _seal(record) if seal is not None else isinstance(record["poolwise"], str)
        known = all(isinstance(facts["sha256"], str) for facts in record["files"].values())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return record if whole and known else None


def _seal(record: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest's content, however its lines are broken."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _journal(folder: Path) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The question of an unfinished run, and every name and hash that it noted; its last line may be half."""
    path = folder / JOURNAL
    if path.is_symlink() or not path.is_file():
        return {}, []
    question: dict[str, Any] = {}
    noted = []
    for line in path.read_bytes().splitlines():
        try:
            entry = json.loads(line)
            if "name" in entry:
                noted.append((str(entry["name"]), str(entry["sha256"])))
            else:
                question = dict(entry)
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
    return question, noted


@contextmanager
def replacing(path: Path, before: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """Let the caller write a temporary file beside `path`, then put it in the place of `path` in one step.

    When the caller fails, `path` is as it was before.

    Parameters
    ----------
    path : Path
        The file to be written.
    before : callable, optional
        Called with the temporary file, which is whole by then, before it takes the place of `path`.

    Yields
    ------
    Path
        The temporary file, which does not exist yet.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}{_PART}")
    try:
        yield part
        _to_disk(part)
        if before is not None:
            before(part)
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


@contextmanager
def adding(folder: Path, name: str) -> Iterator[Path]:
    """Let the caller write a file of a run, which takes its place when it is whole and noted in the journal.

    Parameters
    ----------
    folder : Path
        A folder held by `claimed`.
    name : str
        Name of the file.

    Yields
    ------
    Path
        A temporary file, which does not exist yet.

    Raises
    ------
    AnalysisError
        When something has come to stand under this name that no run wrote.
    """

    def note(part: Path) -> None:
        _refuse_foreign(folder, (name,))
        line = json.dumps({"name": name, "sha256": _hash(part)})
        with (folder / JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write(f"{line}\n")
            journal.flush()
            os.fsync(journal.fileno())

    with replacing(folder / name, before=note) as part:
        yield part


def add(folder: Path, name: str, content: bytes | str) -> None:
    """Write a file of a run: see `adding`."""
    with adding(folder, name) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def remove(folder: Path, names: Iterable[str]) -> None:
    """Remove files that an earlier run wrote; whatever else stands under these names stays."""
    ours = _ours(folder)
    for name in names:
        if _replaceable(folder, name, ours):
            (folder / name).unlink(missing_ok=True)


def finish(folder: Path, names: tuple[str, ...], record: dict[str, Any]) -> Path:
    """Write the manifest, the last file of a run: `record`, the size and hash of every file, and its own seal.

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
    content = json.loads(json.dumps(record | {"files": files}))
    sealed = json.dumps(content | {"sha256": _seal(content)}, indent=2, ensure_ascii=False) + "\n"
    write(folder / MANIFEST, sealed)
    (folder / JOURNAL).unlink(missing_ok=True)
    return folder / MANIFEST


def faults(folder: Path) -> tuple[str, ...]:
    """What keeps a folder from being a complete run, a sentence each; empty for a complete one.

    A run is complete when its manifest is there as it was written, and every file in it is there with the hash it
    names.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    tuple of str
    """
    path = folder / MANIFEST
    if not path.is_file():
        return (f"'{path}' is missing: the run has not finished",)
    manifest = _manifest(folder)
    if manifest is None:
        return (f"'{path}' is not the manifest that a run wrote",)
    sentences = []
    for name, facts in manifest["files"].items():
        if not (folder / name).is_file():
            sentences.append(f"'{folder / name}' is missing")
        elif _hash(folder / name) != facts["sha256"]:
            sentences.append(f"'{folder / name}' is not the file that the run wrote")
    return tuple(sentences)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
