"""What all files of a folder of results follow from, as one hash: a run of the same leaves them as they are."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis

_PLAIN = re.compile(r"[\0-\u052f\u2000-\u22ff]*")
"""Latin, Greek and Cyrillic letters and the usual signs, which matplotlib's own font has. What it lacks is taken from
the fonts that are installed, so that the same picture may come out otherwise tomorrow."""


class _UnknownError(Exception):
    """Something whose content cannot be told in bytes, such as a function."""


def basis(analyses: Iterable[Analysis], words: Iterable[str], *besides: object) -> str:
    """The hash of all that the files of a run follow from.

    The analyses with their study tables, as they were read from their files; the versions of Python and of the packages
    that poolwise needs; every file of poolwise itself, since a checkout changes while its version stays.

    Parameters
    ----------
    analyses : iterable of Analysis
        What is run.
    words : iterable of str
        What is drawn in pictures.
    *besides
        What else the files depend on: whether draws are fewer, the forms of documents.

    Returns
    -------
    str
        SHA-256, 64 hex digits. Empty where it cannot be told: a prior that is a function, or words that a picture takes
        from the fonts of the machine.
    """
    return digest_of(tuple(analyses), *besides) if all(_PLAIN.fullmatch(each) for each in words) else ""


def digest_of(*values: object) -> str:
    """The hash of these values, of the versions of the packages and of every file of poolwise; empty for a function."""
    digest = hashlib.sha256()
    try:
        for value in (_house(), values):
            for part in _parts(value):
                digest.update(len(part).to_bytes(8))
                digest.update(part)
    except _UnknownError:
        return ""
    return digest.hexdigest()


def _parts(value: Any) -> Iterable[bytes]:
    """A value in bytes, part by part; equal for equal values in any process."""
    yield type(value).__qualname__.encode()
    if value is None or isinstance(value, bool | int | float | str | bytes | np.generic | Path):
        yield repr(value).encode(errors="surrogatepass")
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield from (value.dtype.str.encode(), repr(value.shape).encode(), value.tobytes())
    elif isinstance(value, pd.DataFrame | pd.Series):
        frame = value.to_frame() if isinstance(value, pd.Series) else value
        yield from _parts({str(name): frame[name].tolist() for name in frame.columns})
    else:
        for inner in _inner(value):
            yield from _parts(inner)
        yield b"end"


def _inner(value: Any) -> Iterable[Any]:
    """What a value consists of."""
    if isinstance(value, np.ndarray | tuple | list):
        return list(value)
    if isinstance(value, Mapping):
        return [each for item in value.items() for each in item]
    if is_dataclass(value) and not isinstance(value, type):
        return [each for field in fields(value) for each in (field.name, getattr(value, field.name))]
    raise _UnknownError


@cache
def _house() -> str:
    """Versions of Python and of the packages, and a hash of the package's own files."""
    names = sorted({re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in requires("poolwise") or ()} | {"poolwise"})
    digest, root = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted(root.rglob("*")):
        if path.suffix in _OWN and "__pycache__" not in path.parts:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(root)} {len(content)} ".encode())
            digest.update(content)
    return f"python {platform.python_version()}, {', '.join(map(_version, names))}, {digest.hexdigest()}"


_OWN = (".py", ".j2", ".csv", ".toml", ".json")


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"
