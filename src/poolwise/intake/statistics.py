"""A table whose rows report different statistics, read cell by cell and brought to one measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError, listing, nearest
from poolwise.intake.cells import Remark, Rows, bare_text, cell_advice, number_of
from poolwise.intake.columns import Column, Table, column_name
from poolwise.intake.frames import check_decimal, frame_columns
from poolwise.intake.headers import STUDY, folded, recognised
from poolwise.intake.rows import KEY_COLUMNS
from poolwise.intake.table import Given, study_labels
from poolwise.measures.catalogue import MEASURES
from poolwise.measures.reports import DOMAINS, Settings, brought_to, lacking, targets
from poolwise.scale import Scale, as_scale
from poolwise.settings import check_option, check_prob

Array = NDArray[np.float64]
_MOST_FAULTS = 20
_SIZES = frozenset({"n1", "n2", "n"})  # say nothing of an effect


def target_scale(target: str) -> Scale:
    """The scale of a target's estimates.

    Raises
    ------
    InputError
        For an unknown code.
    """
    check_option("target", target, targets(), error=InputError)
    return as_scale("log HR") if target == "HR" else MEASURES[target].scale


def from_columns(
    frame: Any,
    target: str,
    *,
    columns: Mapping[str, str] | None,
    roles: Mapping[str, str | None],
    moderators: Sequence[str],
    cluster: Sequence[str],
    adjusted: str | None,
    settings: Settings,
    decimal: str,
) -> Given:
    """Columns of a study table from those of reported statistics; see `from_statistics`."""
    check_decimal(decimal)
    check_prob(settings.prob)
    there, labels = frame_columns(frame, "study")
    used = {name: column_name(name) for name in (*moderators, *cluster, *(n for n in roles.values() if n))}
    for name in used:
        if name not in there:
            raise InputError(f"no column '{name}'", advice=nearest(name, there))
    study = roles.get("study") or next((name for name in there if folded(str(name)) in STUDY), None)
    named = _statistics(there, columns, {*used, *([study] if study else [])})
    given = Given(_texts(there, roles, study), moderators=_kept(there, moderators, cluster), identifiers=tuple(cluster))
    if study is None and labels is not None and labels.kind == "text":
        given = replace(given, columns={**given.columns, "study": Column(list(labels.names))})
    rows = Rows(study_labels(given.labels)[0])
    numbers = _numbers({statistic: there[name] for name, statistic in named.items()}, named, rows, decimal)
    return _estimated(given, target, numbers, settings, rows, _flags(there, adjusted, rows))


def _statistics(there: Mapping[str, Column], columns: Mapping[str, str] | None, used: set[str]) -> dict[str, str]:
    """The statistic of each column by its name: as told, else by its header."""
    told = dict(columns or {})
    for statistic, name in told.items():
        if statistic not in DOMAINS:
            raise InputError(f"columns names '{statistic}', which is no statistic", listing(DOMAINS, most=60))
        if name not in there:
            raise InputError(f"no column '{name}' for {statistic}", advice=nearest(str(name), there))
    found = {name: statistic for name, statistic in recognised(map(str, there)).items() if name not in used}
    found = {
        name: statistic for name, statistic in found.items() if statistic not in told and name not in told.values()
    }
    found |= {name: statistic for statistic, name in told.items()}
    for statistic in set(found.values()):
        twice = [name for name, own in found.items() if own == statistic]
        if len(twice) > 1:
            raise InputError(
                f"the columns {listing(map(repr, twice))} all look like {statistic}",
                "one column for each statistic",
                f"columns={{'{statistic}': '{twice[0]}'}}",
            )
    if not found:
        raise InputError(
            f"no column of {listing(map(str, there))} is known as a statistic",
            "columns such as n1, m1, sd1, n2, m2, sd2, or t, r, or, se",
            "columns={'n1': 'your column', ...}",
        )
    return found


def _texts(there: Mapping[str, Column], roles: Mapping[str, str | None], study: str | None) -> dict[str, Column]:
    named = {"study": study, "outcome": roles.get("outcome"), "study_as_given": roles.get("study_as_given")}
    return {role: Column(there[name].cells, None, name, there[name].dtype) for role, name in named.items() if name}


def _kept(there: Mapping[str, Column], moderators: Sequence[str], cluster: Sequence[str]) -> Table | None:
    names = dict.fromkeys((*moderators, *cluster, *(name for name in KEY_COLUMNS if name in there)))
    own = {name: Column(there[name].cells, None, name, there[name].dtype) for name in names}
    return Table(own) if own else None


def _numbers(cells: Mapping[str, Column], named: Mapping[str, str], rows: Rows, decimal: str) -> dict[str, Array]:
    """Each statistic as numbers; every cell that cannot be one stands in one error."""
    called = {statistic: name for name, statistic in named.items()}
    numbers: dict[str, Array] = {}
    faults: list[str] = []
    for statistic, column in cells.items():
        domain, values = DOMAINS[statistic], np.empty(len(column))
        for row, cell in enumerate(column.tolist()):
            value = number_of(cell, decimal)
            values[row] = np.nan if value is None else value[0]
            if value is None:
                advice = cell_advice(bare_text(cell), decimal) if isinstance(cell, str) else "a number"
                faults.append(f"'{called[statistic]}' is {cell!r} for {rows.name(row)}: try {advice}")
            elif not np.isnan(value[0]) and not domain.holds(np.asarray(value[0])):
                faults.append(f"'{called[statistic]}' is {value[0]:g} for {rows.name(row)}: expected {domain.words}")
        numbers[statistic] = values
    for events, size in (("events1", "n1"), ("events2", "n2"), ("events", "n")):
        if events in numbers and size in numbers:
            for row in np.flatnonzero(numbers[events] > numbers[size]).tolist():
                faults.append(f"'{called[events]}' exceeds '{called[size]}' for {rows.name(row)}: swapped columns?")
    if faults:
        count = f"{len(faults)} cells cannot be used" if len(faults) > 1 else "a cell cannot be used"
        raise InputError(f"{count}:\n  " + listing(faults, _MOST_FAULTS, separator="\n  ") + "\n")
    return numbers


def _flags(there: Mapping[str, Column], adjusted: str | None, rows: Rows) -> NDArray[np.bool_]:
    """Rows whose estimate is adjusted for other variables."""
    if adjusted is None:
        return np.zeros(0, dtype=bool)
    if adjusted not in there:
        raise InputError(f"no column '{adjusted}' for adjusted", advice=nearest(adjusted, there))
    yes, no = (
        {"yes", "true", "1", "1.0", "adjusted", "y"},
        {"no", "false", "0", "0.0", "", "unadjusted", "n", "nan", "none"},
    )
    words = [str(cell).strip().casefold() for cell in there[adjusted].tolist()]
    wrong = [row for row, word in enumerate(words) if word not in yes | no]
    if wrong:
        raise InputError(f"'{adjusted}' is {words[wrong[0]]!r} for {rows.names(wrong)}", "yes or no")
    return np.array([word in yes for word in words])


def _estimated(
    given: Given,
    target: str,
    numbers: Mapping[str, Array],
    settings: Settings,
    rows: Rows,
    adjusted: NDArray[np.bool_],
) -> Given:
    converted = brought_to(target, numbers, settings)
    short: list[str] = []
    absent: dict[int, str] = {}
    for row in np.flatnonzero([not way for way in converted.way]).tolist():
        filled = [name for name, values in numbers.items() if not np.isnan(values[row])]
        if set(filled) <= _SIZES:
            absent[row] = "no statistic is reported"
            continue
        rest = lacking(target, filled, settings)
        short.append(f"{rows.name(row)} reports {listing(filled)}: lacks {rest or f'a way to {target}'}")
    if short:
        told = listing(short, _MOST_FAULTS, separator="\n  ")
        raise InputError(f"{len(short)} rows cannot be brought to {target}:\n  {told}\n")
    remarks = [Remark(note, warn=False) for note in converted.notes]
    kinds = dict.fromkeys(way.split(" from ")[0] for way in converted.way if way)
    if len(kinds) > 1:
        counts = {kind: sum(way.startswith(f"{kind} from") for way in converted.way) for kind in kinds}
        told = listing(f"{count} from {kind}" for kind, count in counts.items())
        remarks.append(Remark(f"the rows report different statistics, brought to {target}: {told}", warn=False))
    if adjusted.any() and not adjusted.all():
        remarks.append(Remark(f"adjusted and unadjusted estimates are mixed; adjusted: {rows.names(adjusted)}"))
    own = given.estimating({"y": converted.y, "v": converted.v, "n": converted.n}, remarks, absent)
    ways = zip(converted.way, converted.others, strict=True)
    paths = [f"{way} (other ways: {others})" if others else way for way, others in ways]
    return replace(own, columns={**own.columns, "derivation": Column(paths)})
