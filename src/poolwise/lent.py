"""Fields of a frozen record that would otherwise let a caller change it."""

from __future__ import annotations

from typing import Any

import pandas as pd


class Lent:
    """A field that hands out copies of its frame: what a caller does to one stays with the caller."""

    def __init__(self, name: str) -> None:
        self.name = "_" + name

    def __get__(self, record: object, owner: type | None = None) -> Any:
        if record is None:
            return self
        frame: pd.DataFrame = vars(record)[self.name]
        return frame.copy()

    def __set__(self, record: object, frame: pd.DataFrame) -> None:
        vars(record)[self.name] = frame
