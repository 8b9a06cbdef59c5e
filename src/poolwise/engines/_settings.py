"""Checks of an engine's settings."""

from __future__ import annotations

import numpy as np

from poolwise.errors import ModelError


def check_whole(name: str, value: object, least: int, usual: int) -> None:
    """Raise a ModelError unless the setting is a whole number of at least `least`; `usual` is offered instead."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value < 2**63:
        expected = f"{name} as a whole number of at least {least}"
        raise ModelError(f"{name} = {value!r}", expected, f"{name}={usual}")
