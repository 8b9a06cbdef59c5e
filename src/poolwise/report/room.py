"""Room on the disk: how much a run needs, and whether its folder has it, before the first fit."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from poolwise.engines.nuts import NUTS
from poolwise.errors import AnalysisError

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis

_PAGES = 6_000_000  # bytes of tables, pictures and the page, of which twenty studies take 1.5 million
_ROW = 20_000  # more of them for each study
_FURTHER = 30  # numbers of a draw that are no true effects: parameters, statistics of the sampler
_PER_STUDY = 4  # numbers of a draw for each study: true effect, its standardised form, log likelihood, replicate
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EPERM)


def needed(analysis: Analysis) -> int:
    """Bytes that the files of a run take, draws of NUTS included, by a generous count."""
    k = analysis.effects.k
    draws = 0
    for planned in analysis.fits:
        if isinstance(planned.engine, NUTS):
            tables = 1 if analysis.tables is None else min(analysis.nuts_tables, len(analysis.tables))
            draws += planned.engine.chains * planned.engine.draws * tables
    numbers = draws * (_FURTHER + _PER_STUDY * k)
    return _PAGES + _ROW * k + 2 * 8 * numbers  # once as a kept fit, once as posterior.nc


def try_out(folder: Path, room: int) -> None:
    """Write to a folder on trial, and ask for `room` bytes there; nothing stays.

    Parameters
    ----------
    folder : Path
        An existing folder.
    room : int
        Bytes.

    Raises
    ------
    AnalysisError
        When there is too little room, telling how much there is and how much is needed.
    OSError
        When nothing can be written there.
    """
    handle, name = tempfile.mkstemp(prefix=".poolwise-", suffix=".part", dir=folder)
    try:
        os.write(handle, b"trial")
        missing = _missing_room(handle, folder, room)
        if missing:
            raise AnalysisError(
                f"'{folder}' {missing} and the files of this run need about {_megabytes(room)}",
                "as much free space, within the limits of your account",
                "freeing some, another folder with --out (from Python out=...), or fewer draws of NUTS",
            )
    finally:
        os.close(handle)
        os.unlink(name)


def _missing_room(handle: int, folder: Path, room: int) -> str:
    """How much less than these bytes the disk has or gives to an open file; empty when it gives them."""
    free = shutil.disk_usage(folder).free
    if free < room:
        return f"has room for {_megabytes(free)}"
    try:
        if room and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, room)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return f"gives no file as much room ({error.strerror})"
        if error.errno not in _UNSUPPORTED:
            raise
    return ""


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
