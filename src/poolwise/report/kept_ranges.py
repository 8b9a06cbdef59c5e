"""Ranges over reconstructed tables that are kept, so that a page which is written anew costs no fit."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, final

import pandas as pd

from poolwise.checks.ranges import Ranges
from poolwise.errors import warn
from poolwise.reconstruct.record import Reconstruction
from poolwise.report import sealed
from poolwise.report.kept_search import tables_of, told_of
from poolwise.scale import Scale

_FRAMES = ("frame", "answers", "levels", "nuts", "searches", "panel")
_PLAIN = ("tables", "k", "factor", "prob", "data")


@final
@dataclass(frozen=True, eq=False)
class KeptRanges:
    """The file of one set of ranges.

    Attributes
    ----------
    path : Path
        Written whole or not at all when every fit is finished; it ends with a hash of all its bytes.
    basis : str
        The hash of all that the ranges follow from (`poolwise.report.basis`); empty where it cannot be told, and
        nothing is then kept.
    fresh : bool
        Whether to fit again, whatever is kept.
    said : list of str
        What was taken, a sentence; grows.
    """

    path: Path
    basis: str
    fresh: bool = False
    said: list[str] = field(default_factory=list)

    def take(self, drawn: Reconstruction, scale: Scale) -> tuple[Ranges, Reconstruction | None] | None:
        """The ranges that are kept and the tables that a search found, if they have this basis.

        Parameters
        ----------
        drawn : Reconstruction
            The tables drawn.
        scale : Scale
            Of the tables.
        """
        if self.fresh or not self.basis or not self.path.is_file():
            return None
        try:
            document = json.loads(sealed.read(self.path))
            if document["basis"] != self.basis:
                return None
            found = document["extremes"]
            kept = (_ranges(document, scale), None if found is None else tables_of(found, drawn))
        except Exception:  # whatever goes wrong in reading it, the ranges are not kept
            self.said.append(f"every table was fitted again, as '{self.path.name}' cannot be read")
            return None
        self.said.append(f"the ranges over all tables were taken from '{self.path.name}'")
        return kept

    def put(self, ranges: Ranges, extremes: Reconstruction | None) -> None:
        """Keep ranges and the tables found; not those with fits that failed, which are worth another try."""
        if not self.basis or ranges.failed:
            return
        document: dict[str, Any] = {"basis": self.basis, **{name: getattr(ranges, name) for name in _PLAIN}}
        document |= {name: _columns(getattr(ranges, name)) for name in _FRAMES}
        document |= {"verdicts": ranges.verdicts, "notes": ranges.notes, "fits": ranges.fits}
        document["extremes"] = None if extremes is None else told_of(extremes)
        try:
            aside = sealed.write(self.path, json.dumps(document).encode())
            if aside:
                self.said.append(f"the ranges: {aside}")
        except OSError as error:
            warn(f"the ranges could not be kept in '{self.path}': {error.strerror}. They are whole")


def _columns(frame: pd.DataFrame) -> list[tuple[str, str, list[Any]]]:
    """Name, type and values of each column; a number in JSON is read as the number that it was."""
    return [(str(name), str(frame[name].dtype), frame[name].tolist()) for name in frame.columns]


def _frame(columns: list[tuple[str, str, list[Any]]]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(values, dtype=kind) for name, kind, values in columns})


def _ranges(document: dict[str, Any], scale: Scale) -> Ranges:
    told = {name: document[name] for name in _PLAIN}
    told |= {name: _frame(document[name]) for name in _FRAMES}
    told |= {name: tuple(document[name]) for name in ("verdicts", "notes")}
    missing = {each.name for each in fields(Ranges)} - {*told, "scale", "failed", "fits"}
    if missing:
        raise ValueError(f"ranges without {missing}")
    return Ranges(scale=scale, fits=tuple(tuple(each) for each in document["fits"]), **told)
