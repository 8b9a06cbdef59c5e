"""Figures of metafor, from tests/reference."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "reference"
NAMES = tuple(sorted(path.stem.removeprefix("metafor_") for path in FOLDER.glob("metafor_*.json")))


@cache
def figures(name: str) -> dict[str, Any]:
    """The figures of one data set."""
    return json.loads((FOLDER / f"metafor_{name}.json").read_text(encoding="utf-8"))
