"""What a fit runs on: the versions of the packages that take part, and the processor cores that it may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import metadata

_CORES: ContextVar[int | None] = ContextVar("cores", default=None)


def versions(*packages: str) -> dict[str, str]:
    """Versions of these packages by name."""
    return {package: _version(package) for package in packages}


@cache
def _version(package: str) -> str:
    return metadata.version(package)


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
