"""Versions of the packages that take part in a fit."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version


@cache
def versions(*packages: str) -> dict[str, str]:
    """Versions of these packages by name."""
    return {package: version(package) for package in packages}
