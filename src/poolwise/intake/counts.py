"""Two arms with counted events: effects from counts, and the counts back from a study table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError, listing
from poolwise.intake.cells import Remark, Rows, block
from poolwise.intake.columns import Block, Column, Table
from poolwise.intake.rows import EVENTS, TOTALS
from poolwise.intake.table import Given, StudyTable
from poolwise.settings import check_flag, check_option

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
MEASURES = ("log OR", "log RR", "log IRR")
CORRECTION = 0.5


def counted[T: StudyTable](cls: type[T], given: Given, measure: str, *, drop00: bool, **words: Any) -> T:
    """The study table of counts that have been read; see `from_counts`."""
    check_measure(measure)
    check_flag("drop00", drop00, error=InputError)
    events = given.blocks["events"].values
    totals = _same_columns(given.blocks["totals"], given.blocks["events"].columns)
    if events.shape != totals.shape:
        raise InputError(f"events has the shape {events.shape} and totals {totals.shape}", "(k, 2) for both")
    gaps = np.isnan(events).any(axis=1) | np.isnan(totals).any(axis=1)
    check_counts(np.where(gaps[:, None], 0.0, events), np.where(gaps[:, None], 1.0, totals), measure, given.rows)
    silent = _silent(events, totals, measure) & ~gaps & drop00
    left = ~gaps & ~silent
    absent = dict.fromkeys(np.flatnonzero(gaps).tolist(), "a count is missing")
    for row in np.flatnonzero(silent).tolist():
        absent[row] = "no event in either arm" if events[row].sum() == 0 else "everybody of both arms had the event"
    y, v = log_ratio(np.where(left[:, None], events, 1.0), np.where(left[:, None], totals, 2.0), measure)
    numbers = {"y": np.where(left, y, np.nan), "v": np.where(left, v, np.nan)}
    if measure != "log IRR":
        numbers["n"] = np.where(left, totals.sum(axis=1), np.nan)
    columns = dict(zip((*EVENTS, *TOTALS), (*events.T, *totals.T), strict=True))
    empty = int((_empty(events, totals, measure) & left).sum())
    sentence = f"0.5 was added to the cells of {empty} tables with an empty one, for the effects shown"
    estimated = given.estimating(numbers, (Remark(sentence, warn=False),) if empty else (), absent)
    advice = KEPT if silent.any() else ""
    return cls._of(replace(estimated, moderators=_beside(given.moderators, columns), advice=advice), measure, **words)


KEPT = (
    "trials without events, or with nothing else, in both arms say nothing of a ratio; drop00=False keeps them, for "
    "BinomialNormal() and PoissonNormal()"
)


def check_measure(measure: object) -> None:
    """Refuse what is no measure of two arms with counts.

    Raises
    ------
    InputError
        Offering the nearest.
    """
    check_option("measure", measure, MEASURES, error=InputError)


def arms(values: Any, name: str) -> Block:
    """Counts of two arms, one row for each study."""
    expected = "a column for the treated and one for the controls"
    own = block(values, name, expected)
    if own.values.ndim != 2 or own.values.shape[1] != 2:
        raise InputError(f"{name} has the shape {own.values.shape}", expected)
    return own


def _same_columns(totals: Block, names: tuple[str, ...]) -> Array:
    """Totals in the order of the columns of the events, where both are named alike."""
    if totals.columns != names and sorted(totals.columns) == sorted(names):
        return totals.values[:, [totals.columns.index(name) for name in names]]
    return totals.values


def _beside(moderators: Table | None, counts: Mapping[str, Array]) -> Table:
    """The counts beside the moderators."""
    own = {} if moderators is None else dict(moderators.columns)
    clash = [name for name in counts if name in own]
    if clash:
        raise InputError(f"moderators has the column(s) {listing(clash)}, which the counts get", "other names")
    return Table(own | {name: Column(values) for name, values in counts.items()})


def log_ratio(events: Array, totals: Array, measure: str) -> tuple[Array, Array]:
    """Log ratios and their sampling variances, shape (..., k), from counts of shape (..., k, 2).

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 5, 10.1002/9780470743386.
    """
    more = np.where(_empty(events, totals, measure), CORRECTION, 0.0)[..., None]
    a, rest = events + more, totals - events + more
    if measure == "log OR":
        logs, v = np.log(a) - np.log(rest), 1.0 / a + 1.0 / rest
    elif measure == "log RR":
        logs, v = np.log(a) - np.log(a + rest), 1.0 / a - 1.0 / (a + rest)
    else:
        logs, v = np.log(a) - np.log(totals), 1.0 / a
    return logs[..., 0] - logs[..., 1], v.sum(axis=-1)


def _empty(events: Array, totals: Array, measure: str) -> NDArray[np.bool_]:
    """Which tables have an empty cell."""
    none = (events == 0).any(axis=-1)
    return none if measure == "log IRR" else none | (events == totals).any(axis=-1)


def _silent(events: Array, totals: Array, measure: str) -> NDArray[np.bool_]:
    """Which tables have no event in either arm, or nothing but events in both."""
    none = (events == 0).all(axis=-1)
    return none if measure == "log IRR" else none | (events == totals).all(axis=-1)


def informative(events: Array, totals: Array, measure: str) -> int:
    """How many tables say how large an effect may be in both directions: those without an empty cell."""
    return int((~_empty(events, totals, measure)).sum())


def counts_of(moderators: pd.DataFrame, measure: str, rows: Rows) -> tuple[Array, Array]:
    """Events and totals in the moderators of a study table, shape (k, 2).

    Raises
    ------
    InputError
        When it has no such columns, or they are no counts.
    """
    missing = [name for name in (*EVENTS, *TOTALS) if name not in moderators]
    if missing:
        raise InputError(
            f"the table has no column {listing(missing)}",
            "counts of both arms",
            "pw.Effects.from_counts(events, totals)",
        )
    events, totals = (moderators[list(names)].to_numpy(dtype=float) for names in (EVENTS, TOTALS))
    check_counts(events, totals, measure, rows)
    return events, totals


def check_counts(events: Array, totals: Array, measure: str, rows: Rows) -> None:
    """Refuse what cannot be counts.

    Raises
    ------
    InputError
        Naming the rows.
    """
    persons = measure != "log IRR"
    wrong = ~(np.isfinite(events) & np.isfinite(totals) & (events >= 0) & (totals > 0) & (events == np.round(events)))
    if persons:
        wrong |= (events > totals) | (totals != np.round(totals))
    bad = wrong.any(axis=1)
    if bad.any():
        most = "whole numbers with 0 <= events <= persons" if persons else "whole events and a person-time above 0"
        raise InputError(f"the counts of {rows.names(bad)} are impossible", most)
