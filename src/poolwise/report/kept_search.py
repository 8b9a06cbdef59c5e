"""A search for extremes that is kept, so that a run which was stopped, or is run again, need not repeat it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

import numpy as np
import pandas as pd

from poolwise.errors import warn
from poolwise.reconstruct.extremes import Extremes
from poolwise.reconstruct.record import Reconstruction
from poolwise.report import sealed


@final
@dataclass(frozen=True, eq=False)
class KeptSearch:
    """The file of one search.

    Attributes
    ----------
    path : Path
        Written whole or not at all when the search is finished; it ends with a hash of all its bytes.
    fresh : bool
        Whether to search again, whatever is kept.
    said : list of str
        What was taken, a sentence; grows.
    """

    path: Path
    fresh: bool = False
    said: list[str] = field(default_factory=list)

    def take(self, drawn: Reconstruction, facts: Sequence[object]) -> Extremes | None:
        """The search that is kept, if it was made from these facts.

        Parameters
        ----------
        drawn : Reconstruction
            The tables that it started from.
        facts : sequence
            All that it depends on.
        """
        if self.fresh or not self.path.is_file():
            return None
        try:
            document = json.loads(sealed.read(self.path))
            if document["facts"] != _facts(facts):
                return None
            extremes = Extremes(pd.DataFrame(document["rows"]), tables_of(document, drawn))
        except Exception:  # whatever goes wrong in reading it, the search is not kept
            self.said.append(f"the search for extremes was run again, as '{self.path.name}' cannot be read")
            return None
        self.said.append(f"the search for extremes was taken from '{self.path.name}'")
        return extremes

    def put(self, found: Extremes | None, facts: Sequence[object]) -> None:
        """Keep a search.

        Parameters
        ----------
        found : Extremes or None
            Nothing is kept of a search that had nothing to search for.
        facts : sequence
            All that it depends on.
        """
        if found is None:
            return
        rows = json.loads(json.dumps(found.frame.to_dict("records")))
        document = {"facts": _facts(facts), "rows": rows, **told_of(found.tables)}
        try:
            aside = sealed.write(self.path, json.dumps(document).encode())
            if aside:
                self.said.append(f"the search for extremes: {aside}")
        except OSError as error:
            warn(f"the search for extremes could not be kept in '{self.path}': {error.strerror}. Its result is whole")


def told_of(tables: Reconstruction) -> dict[str, Any]:
    """What tells tables from others of their reconstruction; JSON values."""
    return {"y": tables.y.tolist(), "se": tables.se.tolist(), "levels": [list(names) for names in tables.levels]}


def tables_of(told: Mapping[str, Any], drawn: Reconstruction) -> Reconstruction:
    """The tables that `told_of` told, of the reconstruction that `drawn` is of."""
    y, se = np.array(told["y"]), np.array(told["se"])
    y.flags.writeable = se.flags.writeable = False
    return replace(drawn, y=y, se=se, levels=tuple(tuple(names) for names in told["levels"]))


def _facts(facts: Sequence[object]) -> list[str]:
    return [f"poolwise {version('poolwise')}", f"scipy {version('scipy')}", *map(str, facts)]
