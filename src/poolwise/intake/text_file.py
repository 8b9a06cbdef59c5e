"""The text of a file of the user's: a regular file, of a size that can be, in the encoding that it is said to have."""

from __future__ import annotations

import codecs
import stat
from pathlib import Path

from poolwise.errors import InputError, closest

_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1", "cp1250", "cp1251", "gb18030", "shift_jis", "euc_kr")
_NO_ENCODING = ("undefined", "idna", "punycode", "unicode-escape", "raw-unicode-escape")  # for one word, or for code
_EXCEL = "saving the sheet as CSV UTF-8, or Effects.from_frame(pd.read_excel(...))"
_PACKED = "unpacking it first"
_NO_TEXT = {  # first bytes of what is often handed in under the name of a text file
    b"PK\x03\x04": ("an Excel workbook or another zip archive", _EXCEL),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", _EXCEL),
    b"\x1f\x8b": ("packed by gzip", _PACKED),
    b"BZh": ("packed by bzip2", _PACKED),
    b"\xfd7zXZ": ("packed by xz", _PACKED),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", _PACKED),
    b"PAR1": ("a Parquet file", "Effects.from_frame(pd.read_parquet(...))"),
    b"%PDF": ("a PDF", "copying its table into a CSV file"),
    b"\x89PNG": ("a picture", "a CSV file of its numbers"),
    b"{\\rtf": ("a text processor's document (RTF)", "saving it as plain text"),
}
_WIDE = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_bytes(path: Path, kind: str, most: int) -> bytes:
    """All bytes of a regular file.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        What it should be, for messages: ``"a CSV file"``.
    most : int
        The largest size in bytes.

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        When there is no such file, it cannot be read, or it is a folder, a pipe, a device, or larger than `most`.
    """
    try:
        facts = path.stat()
        regular = stat.S_ISREG(facts.st_mode) and facts.st_size <= most
        content = path.read_bytes() if regular else b""
    except FileNotFoundError:
        told = f"{shown(path)} is a link to nothing" if path.is_symlink() else f"there is no file {shown(path)}"
        raise InputError(told, kind, "the path from the folder you are in") from None
    except OSError as error:
        advice = "the right to read it (chmod u+r)" if isinstance(error, PermissionError) else ""
        raise InputError(f"{shown(path)} cannot be read: {error.strerror}", kind, advice) from None
    except ValueError:  # a NUL in the path
        raise InputError(f"{shown(path)} cannot be the path of a file", kind) from None
    if stat.S_ISDIR(facts.st_mode):
        raise InputError(f"{shown(path)} is a folder", kind, "the path of a file in it")
    if not stat.S_ISREG(facts.st_mode):
        raise InputError(f"{shown(path)} is a pipe or a device", kind, "writing its content to a file first")
    if not regular:
        raise InputError(
            f"{shown(path)} is {facts.st_size / 1e6:,.0f} MB large", f"{kind} of at most {most / 1e6:,.0f} MB"
        )
    return content


def decoded(path: Path, content: bytes, encoding: str) -> str:
    """The bytes of a file as text, without a byte order mark.

    Parameters
    ----------
    path : Path
        The file, for messages.
    content : bytes
        What stands in it.
    encoding : str
        How it is said to be written.

    Returns
    -------
    str

    Raises
    ------
    InputError
        When it is no text file, the encoding is none, or the bytes are not text in it; with the line.
    """
    for first, (what, advice) in _NO_TEXT.items():
        if content.startswith(first):
            raise InputError(f"{path.name} is {what}, not text", "a text file", advice)
    _check_encoding(encoding)
    wide = next((name for mark, name in _WIDE.items() if content.startswith(mark)), None)
    if wide and not encoding.lower().replace("_", "-").startswith(("utf-16", "utf16", "u16", "utf-32", "utf32")):
        raise InputError(f"{path.name} is written in UTF-16", encoding, f"encoding='{wide}', or saving it as UTF-8")
    try:
        text = content.decode(encoding)
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        raise InputError(
            f"{path.name}, line {content[:start].count(b'\n') + 1}, is not {encoding} text",
            encoding,
            "encoding='cp1252' (Windows) or 'latin-1', or saving the file as UTF-8",
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        advice = "encoding='utf-16-le'" if content[1:2] == b"\0" else "removing it, or saving the file anew as text"
        raise InputError(f"{path.name}, line {line}, holds a NUL (U+0000)", "text", advice)
    return text.lstrip("\ufeff")


def _check_encoding(encoding: str) -> None:
    """Refuse the name of what is no encoding of text."""
    try:
        codec = codecs.lookup(encoding)
        known = codec._is_text_encoding and codec.name.replace("_", "-") not in _NO_ENCODING
    except (LookupError, ValueError, TypeError):
        known = False
    if not known:
        advice = closest(encoding, _ENCODINGS) or "encoding='utf-8'"
        raise InputError(f"unknown encoding {encoding!r}", "an encoding of text", advice)


def shown(path: Path) -> str:
    """A path for a message: as it is, escaped where it holds what cannot be printed."""
    text = str(path)
    return text if text.isprintable() else ascii(text)
