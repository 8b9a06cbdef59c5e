"""One or two arms with counted events: effects from counts, and the counts back from a study table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError, listing
from poolwise.intake.cells import Remark, Rows, block, numbers
from poolwise.intake.columns import Block, Column, Table, column, is_table
from poolwise.intake.rows import EVENTS, ONE_ARM, TOTALS
from poolwise.intake.table import Given, StudyTable
from poolwise.settings import check_flag, check_option

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
ONE_ARM_MEASURES = ("logit", "log rate")
MEASURES = ("log OR", "log RR", "log IRR", *ONE_ARM_MEASURES)
RATES = ("log IRR", "log rate")
_ARMS = ("a column for the treated and one for the controls", "one column for a single arm")


def counted[T: StudyTable](cls: type[T], given: Given, measure: str | None, *, drop00: bool, **words: Any) -> T:
    """The study table of counts that have been read; see `from_counts`."""
    check_flag("drop00", drop00, error=InputError)
    events = given.blocks["events"].values
    totals = _same_columns(given.blocks["totals"], given.blocks["events"].columns)
    if measure is None:
        measure = "logit" if events.shape[1] == 1 else "log OR"
    check_measure(measure)
    _check_arms(events, totals, measure)
    gaps = np.isnan(events).any(axis=1) | np.isnan(totals).any(axis=1)
    check_counts(np.where(gaps[:, None], 0.0, events), np.where(gaps[:, None], 1.0, totals), measure, given.rows)
    others = totals - events if measure not in RATES else np.full(events.shape, np.inf)
    silent = silent_trials(events, others) if drop00 and measure not in ONE_ARM_MEASURES else {}
    missing = dict.fromkeys(np.flatnonzero(gaps).tolist(), "a count is missing")
    absent = silent | missing
    left = np.array([row not in absent for row in range(len(events))], dtype=bool)
    y, v = log_ratio(np.where(left[:, None], events, 1.0), np.where(left[:, None], totals, 2.0), measure)
    estimates = {"y": np.where(left, y, np.nan), "v": np.where(left, v, np.nan)}
    if measure not in RATES:
        estimates["n"] = np.where(left, totals.sum(axis=1), np.nan)
    columns = dict(zip(count_columns(measure), (*events.T, *totals.T), strict=True))
    corrected = _corrected(_empty(events, totals, measure) & left, measure, given.rows)
    estimated = given.estimating(estimates, corrected, absent)
    advice = KEPT if silent.keys() - missing.keys() else ""
    return cls._of(replace(estimated, moderators=_beside(given.moderators, columns), advice=advice), measure, **words)


SILENT = "trials without events, or with nothing else, in both arms say nothing of a ratio"
KEPT = f"{SILENT}; drop00=False keeps them, for BinomialNormal() and PoissonNormal()"


def silent_trials(events: Array, others: Array) -> dict[int, str]:
    """Rows that say nothing of a ratio, and why, from those with and without the event in two arms, shape (k, 2)."""
    everybody, nobody = (np.flatnonzero((cells == 0).all(axis=1)).tolist() for cells in (others, events))
    told = dict.fromkeys(everybody, "everybody of both arms had the event")
    return told | dict.fromkeys(nobody, "no event in either arm")


def check_measure(measure: object) -> None:
    """Refuse what is no measure of two arms with counts.

    Raises
    ------
    InputError
        Offering the nearest.
    """
    check_option("measure", measure, MEASURES, error=InputError)


def count_columns(measure: str) -> tuple[str, ...]:
    """The columns of a study table that hold the counts of a measure: events, then totals."""
    return ONE_ARM if measure in ONE_ARM_MEASURES else (*EVENTS, *TOTALS)


def arms(values: Any, name: str) -> Block:
    """Counts of one or two arms, one row for each study, shape (k, 1) or (k, 2)."""
    expected = ", or ".join(_ARMS)
    if not is_table(values) and not isinstance(values, Mapping | Block) and getattr(values, "ndim", 1) == 1:
        own = column(values, name, expected)
        lines = own.tolist()
        if not any(np.iterable(line) and not isinstance(line, str | bytes) for line in lines):
            return Block(numbers(own, name)[0][:, None], own.labels)
        values = lines
    both = block(values, name, expected)
    if both.values.ndim != 2 or both.values.shape[1] not in (1, 2):
        raise InputError(f"{name} has the shape {both.values.shape}", expected)
    return both


def _check_arms(events: Array, totals: Array, measure: str) -> None:
    """Refuse columns of which there are not as many as the measure has arms."""
    known = {"events": events.shape[1], "totals": totals.shape[1]}
    two = measure not in ONE_ARM_MEASURES
    if known["events"] == known["totals"] == 1 + two:
        if len(events) != len(totals):
            told = f"events has {len(events)} rows and totals {len(totals)}"
            raise InputError(told, "a row for each study in both")
        return
    told = " and ".join(f"{name} has {'one column' if n == 1 else f'{n} columns'}" for name, n in known.items())
    if known["events"] != known["totals"]:
        raise InputError(told, f"{', or '.join(_ARMS)}, in both")
    others = ONE_ARM_MEASURES if two else ("log OR", "log RR", "log IRR")
    advice = " or ".join(f"measure='{name}'" for name in others)
    raise InputError(f"{told}, and measure='{measure}'", _ARMS[0] if two else _ARMS[1], advice)


def _corrected(empty: NDArray[np.bool_], measure: str, rows: Rows) -> tuple[Remark, ...]:
    """What to tell of counts to which 0.5 was added for the estimates."""
    if not empty.any():
        return ()
    sentence = f"0.5 was added to the cells of {empty.sum()} tables with an empty one, for the effects shown"
    if measure == "logit":
        sentence = (
            f"0.5 was added to those with and without the event for the estimates shown of {rows.names(empty)}, where "
            "nobody or everybody had it"
        )
    elif measure == "log rate":
        sentence = f"0.5 was added to the events for the estimates shown of {rows.names(empty)}, where there was none"
    return (Remark(sentence, warn=False),)


def _same_columns(totals: Block, names: tuple[str, ...]) -> Array:
    """Totals in the order of the columns of the events, where both are named alike."""
    if totals.columns != names and sorted(totals.columns) == sorted(names):
        return totals.values[:, [totals.columns.index(name) for name in names]]
    for place, name in enumerate(totals.columns):
        if name in names and names.index(name) != place:
            told = f"events has the columns {listing(names)}, and totals {listing(totals.columns)}"
            raise InputError(told, "the arms in one order, or called alike in both")
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

    Of one arm, counts of shape (..., k, 1): the logit log(a / (n - a)) with the variance 1 / a + 1 / (n - a), or the
    log rate log(a / t) with 1 / a. Half an observation is added where a cell is empty; see `poolwise.measures`.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 5, 10.1002/9780470743386; Stijnen, Hamza & Özdemir
    2010, Statistics in Medicine 29:3046, 10.1002/sim.4040, for one arm.
    """
    # here, since `import poolwise` needs none of the measures
    from poolwise.measures import counts as rates
    from poolwise.measures import tables

    first, whole = events[..., 0], totals[..., 0]
    match measure:
        case "log OR":
            found = tables.log_odds_ratio(**_cells(events, totals))
        case "log RR":
            found = tables.log_risk_ratio(**_cells(events, totals))
        case "log IRR":
            found = rates.incidence_rate_ratio(events1=first, time1=whole, events2=events[..., 1], time2=totals[..., 1])
        case "logit":
            found = rates.logit_proportion(events=first, n=whole)
        case _:
            found = rates.log_incidence_rate(events=first, time=whole)
    return found.y, found.v


class _Cells(TypedDict):
    """The four cells of tables, by name."""

    a: Array
    b: Array
    c: Array
    d: Array


def _cells(events: Array, totals: Array) -> _Cells:
    others = totals - events
    return {"a": events[..., 0], "b": others[..., 0], "c": events[..., 1], "d": others[..., 1]}


def _empty(events: Array, totals: Array, measure: str) -> NDArray[np.bool_]:
    """Which tables have an empty cell."""
    none = (events == 0).any(axis=-1)
    return none if measure in RATES else none | (events == totals).any(axis=-1)


def informative(events: Array, totals: Array, measure: str) -> int:
    """How many tables say how large an effect may be in both directions: those without an empty cell."""
    return int((~_empty(events, totals, measure)).sum())


def unbounded(events: Array, totals: Array, measure: str) -> str:
    """Why the counts of one arm leave its mean log odds or log rate without a bound on one side; empty if they do not.

    A single study with an event bounds the mean from below, one with somebody who had none bounds a logit from above;
    a rate is bounded by any person-time.
    """
    if measure not in ONE_ARM_MEASURES:
        return ""
    if (events == 0).all():
        return "no study has an event"
    return "everybody of all studies has the event" if measure == "logit" and (events == totals).all() else ""


def counts_of(moderators: pd.DataFrame, measure: str, rows: Rows) -> tuple[Array, Array]:
    """Events and totals in the moderators of a study table, shape (k, 2), or (k, 1) where the measure is of one arm.

    Raises
    ------
    InputError
        When it has no such columns, or they are no counts.
    """
    columns = count_columns(measure)
    missing = [name for name in columns if name not in moderators]
    if missing:
        raise InputError(
            f"the table has no column {listing(missing)}",
            "counts of both arms" if len(columns) == 4 else "counts of one arm",
            "pw.Effects.from_counts(events, totals)"
            if len(columns) == 4
            else f"pw.Effects.from_counts(events, totals, measure='{measure}')",
        )
    events, totals = np.hsplit(moderators[list(columns)].to_numpy(dtype=float), 2)
    check_counts(events, totals, measure, rows)
    return events, totals


def check_counts(events: Array, totals: Array, measure: str, rows: Rows) -> None:
    """Refuse what cannot be counts.

    Raises
    ------
    InputError
        Naming the rows.
    """
    persons = measure not in RATES
    wrong = ~(np.isfinite(events) & np.isfinite(totals) & (events >= 0) & (totals > 0) & (events == np.round(events)))
    if persons:
        wrong |= (events > totals) | (totals != np.round(totals))
    bad = wrong.any(axis=1)
    if bad.any():
        most = "whole numbers with 0 <= events <= persons" if persons else "whole events and a person-time above 0"
        unit = "of" if persons else "in"
        arms = [
            " and ".join(f"{a:g} {unit} {n:g}" for a, n in zip(row, whole, strict=True))
            for row, whole in zip(events[bad].tolist(), totals[bad].tolist(), strict=True)
        ]
        told = f": {listing(arms, 3, separator='; ')}"
        fractions = measure == "logit" and bool((totals != np.round(totals)).any())
        advice = "person-time, rather than persons, by measure='log rate'" if fractions else ""
        raise InputError(f"the counts of {rows.names(bad)} are impossible{told}", most, advice)
