"""Files that end with a hash of all their bytes: read only when it agrees, never written over what is none of ours."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from poolwise.report import files

_SEAL, _DIGEST = b"\npoolwise sha256:", 64
"""A sealed file ends with these bytes and the SHA-256, 64 hex digits, of all bytes before them."""


def read(path: Path) -> bytes:
    """What stands before the seal of a file whose bytes agree with it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        When there is no seal, or it is that of other bytes.
    OSError
        When the file cannot be read.
    """
    sealed = path.read_bytes()
    content, seal = sealed[: -len(_SEAL) - _DIGEST], sealed[-len(_SEAL) - _DIGEST :]
    if seal != _SEAL + hashlib.sha256(content).hexdigest().encode():
        raise ValueError("the bytes do not agree with their hash")
    return content


def write(path: Path, content: bytes) -> str:
    """Write a sealed file whole or not at all; what stands under its name and is no sealed file gets another name.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    content : bytes
        What stands before the seal.

    Returns
    -------
    str
        What was put aside, a sentence; empty when nothing was.

    Raises
    ------
    OSError
        When it cannot be written; `path` is then as it was before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _put_aside(path)
    files.write(path, content + _SEAL + hashlib.sha256(content).hexdigest().encode())
    return aside


def _put_aside(path: Path) -> str:
    """Give what stands under this name and is no sealed file another name."""
    if not os.path.lexists(path):
        return ""
    if path.is_file() and not path.is_symlink():
        try:
            read(path)
            return ""
        except ValueError:
            pass
    other, number = path.with_name(f"{path.name}.damaged"), 2
    while os.path.lexists(other):
        other, number = path.with_name(f"{path.name}.damaged{number}"), number + 1
    path.rename(other)
    return f"'{path.name}', which cannot be read, is now called '{other.name}'"
