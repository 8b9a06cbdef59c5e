"""What a fit runs on: the versions of the packages that take part."""

from __future__ import annotations

from functools import cache
from importlib import metadata


def versions(*packages: str) -> dict[str, str]:
    """Versions of these packages by name."""
    return {package: _version(package) for package in packages}


@cache
def _version(package: str) -> str:
    return metadata.version(package)
