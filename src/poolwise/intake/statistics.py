"""A table whose rows report different statistics, read cell by cell and brought to one measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError, listing, nearest, shown
from poolwise.intake.cells import Remark, Rows, looks_like_day
from poolwise.intake.columns import Column, Labels, Table, column_name, is_date
from poolwise.intake.compound import COUNTS, figures, is_share, named_statistic
from poolwise.intake.dialect import detected_decimal, dialect_sentence
from poolwise.intake.doubts import doubtful
from poolwise.intake.frames import check_decimal, frame_columns
from poolwise.intake.headers import (
    ADJUSTED_FOR,
    IS_ADJUSTED,
    PRINTED,
    REGRESSION,
    REGRESSIONS,
    folded,
    for_target,
    group_of,
    guessed,
    is_adjusted,
    recognised,
    slopes,
    study_column,
    to_split,
    type_and_value,
)
from poolwise.intake.labels import missing
from poolwise.intake.layout import Columns, Layout, Reference, laid_out
from poolwise.intake.one_measure import SIZES, SLOPES_ALONE, estimated, unknown_columns
from poolwise.intake.reported_cells import ReportedCells, read_cells
from poolwise.intake.rows import KEY_COLUMNS
from poolwise.intake.table import Given, study_labels
from poolwise.measures.catalogue import MEASURES
from poolwise.measures.conversions import SD_RATIOS
from poolwise.measures.reports import DOMAINS, PUBLISHED, RULES, Converted, Settings, brought_to, targets, ways
from poolwise.scale import Scale, as_scale
from poolwise.settings import check_option, check_prob

Array = NDArray[np.float64]
_SLOPE = Scale("slope", "regression slope", "identity", "regression slope")
_YES = frozenset({"yes", "true", "1", "1.0", "adjusted", "y"})
_NO = frozenset({"no", "false", "0", "0.0", "", "unadjusted", "n", "nan", "none"})
_OF_REGRESSION = {"log_or": "logistic", "log_hr": "cox", "slope": "linear"}


def target_scale(target: str) -> Scale:
    """The scale of a target's estimates.

    Raises
    ------
    InputError
        For an unknown code.
    """
    check_option("target", target, targets(), error=InputError)
    own = {"HR": as_scale("log HR"), "GEN": as_scale("identity"), "SLOPE": _SLOPE}
    return own[target] if target in own else MEASURES[target].scale


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
    decimal: str | None,
    order: Sequence[int] = (),
    arm: str | None = None,
    reference: Reference = None,
) -> Given:
    """Columns of a study table from those of reported statistics; see `from_statistics`.

    The decimal mark is found where it is None, as in a file of effects; settings without a probability take the level
    that a header or a cell tells, else the usual one, and say so. Messages count rows by `order`, where it is told.
    """
    if decimal is not None:
        check_decimal(decimal)
    _check_settings(settings)
    there, labels = frame_columns(frame, "study")
    both = _compares_groups(target)
    layout = laid_out(there, columns, study=roles.get("study"), arm=arm, reference=reference, two_groups=both)
    if layout.order:
        order = tuple(order[row] for row in layout.order) if order else layout.order
        labels = None if labels is None else labels.taken(layout.order)
    used = _named(layout.columns, roles, (*moderators, *cluster))
    study = roles.get("study") or study_column(layout.columns)
    there, named = _each_its_column(layout, used, study, target)
    blank = _left_blank(there, study, named)
    given = Given(_texts(there, roles, study), moderators=_kept(there, moderators, cluster), identifiers=tuple(cluster))
    given = replace(_labelled(given, study, labels), order=layout.order)
    rows = Rows(study_labels(given.labels)[0], tuple(order))
    mark, told = (decimal, _by_reader(frame)) if decimal is not None else _decimal(frame, there, named)
    read = read_cells(there, named, rows, mark, settings)
    read.unknown = [str(name) for name in there if name not in {**used, **named, study or "": ""}]
    flags, by_header = _told_adjusted(there, adjusted, named, used, rows)
    noticed = (*_adjusted_by_header(by_header), *_slopes_by_header(named), *read.remarks())
    remarks = (*layout.remarks, *told, *blank, *noticed, *doubtful(read.numbers, rows))
    given = replace(given, remarks=remarks, decimal=mark)
    converted = brought_to(target, read.numbers, settings)
    flags |= _beside_others(read, converted)
    flags |= _from_header(converted, [named[name].split()[0] for name in by_header])
    return estimated(given, target, read, settings, converted, flags)


def _each_its_column(
    layout: Layout, used: Mapping[str, str], study: str | None, target: str
) -> tuple[Columns, dict[str, str]]:
    """A table with a column for each statistic, and the statistics by their columns."""
    told = {*used, *layout.statistics.values()}
    there = _by_regression(_by_name(_by_type(layout.columns, told), told), told)
    return there, _statistics(there, layout.statistics, {*used, *([study] if study else [])}, target)


def _named(there: Mapping[str, Column], roles: Mapping[str, str | None], others: Sequence[str]) -> dict[str, str]:
    """The columns that a caller names beside the statistics, and the names that they get."""
    used = {name: column_name(name) for name in (*others, *(name for name in roles.values() if name))}
    for name in used:
        if name not in there:
            raise InputError(f"no column '{name}'", advice=nearest(name, there))
    return used


def _labelled(given: Given, study: str | None, labels: Labels | None) -> Given:
    """With labels from the index of a frame, where no column has them."""
    if study is None and labels is not None and labels.kind == "text":
        return replace(given, columns={**given.columns, "study": Column(list(labels.names))})
    return given


def _adjusted_by_header(names: Sequence[str]) -> tuple[Remark, ...]:
    told = f"adjusted estimates, by their header: {listing(map(repr, names))}"
    return (Remark(told, warn=False),) if names else ()


def _compares_groups(target: str) -> bool:
    """Whether a target is reached from statistics of two groups."""
    check_option("target", target, targets(), error=InputError)
    return any(not {"m2", "c", "events2", "time2"}.isdisjoint(way.needs) for way in ways(target))


def _check_settings(settings: Settings) -> None:
    """Refuse what is no probability, no number of sides, no risk."""
    if settings.prob is not None:
        check_prob(settings.prob)
    if settings.sides not in (None, 1, 2) or isinstance(settings.sides, bool):
        raise InputError(f"sides is {shown(settings.sides)}", "1 or 2, the sides of reported p-values")
    rate = settings.base_rate
    if rate is not None and not (isinstance(rate, float | int) and 0.0 < rate < 1.0):
        raise InputError(f"base_rate is {shown(rate)}", "a risk between 0 and 1")
    check_option("responses", settings.responses, SD_RATIOS, error=InputError)
    for rule in settings.rules:
        check_option("rules", rule, RULES, error=InputError)


def _decimal(frame: Any, there: Mapping[str, Column], named: Mapping[str, str]) -> tuple[str, tuple[Remark, ...]]:
    """The decimal mark that the numbers in cells of text have, and what a file's reader noticed."""
    attrs = getattr(frame, "attrs", {})
    numeric = [name for name, statistics in named.items() if statistics.split()[0] not in COUNTS]
    printed = {name: [text for cell in there[name].tolist() for text in figures(cell)] for name in numeric}
    mark = detected_decimal(printed, str(attrs.get("delimiter", ",")))
    own = dialect_sentence(
        str(attrs.get("file", "the table")),
        encoding=attrs.get("encoding"),
        delimiter=attrs.get("delimiter"),
        decimal=mark,
    )
    return mark, tuple(Remark(told, warn=False) for told in (own, *attrs.get("notes", ())) if told)


def _by_reader(frame: Any) -> tuple[Remark, ...]:
    """What the reader of a file noticed: titles above a header, merged cells."""
    attrs = getattr(frame, "attrs", None)
    notes = attrs.get("notes", ()) if isinstance(attrs, Mapping) else ()
    return tuple(Remark(str(note), warn=False) for note in notes if note)


def _statistics(there: Mapping[str, Column], told: Mapping[str, str], used: set[str], target: str) -> dict[str, str]:
    """The statistic of each column by its name: as told, else by its header."""
    for statistic, name in told.items():
        if not statistic.split() or set(statistic.split()) - set(DOMAINS):
            raise InputError(f"columns names '{statistic}', which is no statistic", listing(DOMAINS, most=60))
        if name not in there:
            raise InputError(f"no column '{name}' for {statistic}", advice=nearest(str(name), there))
    headers = for_target(recognised(map(str, there)), target)
    found = {name: statistic for name, statistic in headers.items() if name not in used}
    found = {name: statistic for name, statistic in found.items() if not _is_other(name, there, found, target)}
    for name, column in there.items():
        cells = [cell for cell in column.tolist() if not missing(cell)]
        if (
            (group := group_of(str(name)))
            and any(map(is_share, cells))
            and all(is_share(cell) or _is_day(cell) for cell in cells)
        ):
            found[name] = f"events{group} n{group}"
    rest = [str(name) for name in there if name not in {*used, *found, *told.values()}]
    found |= slopes(rest, target, told=(part for statistic in found.values() for part in statistic.split()))
    if not {"slope", "log_or", "log_hr", "std_beta"}.isdisjoint(" ".join((*found.values(), *told)).split()):
        found |= {name: "se" for name in rest if folded(name) in ("seb", "sebeta")}
    parts = {part for statistic in told for part in statistic.split()}
    found = {
        name: statistic
        for name, statistic in found.items()
        if statistic.split()[0] not in parts and name not in told.values()
    }
    found |= {name: statistic for statistic, name in told.items()}
    _check_no_protocol(there, found)
    for statistic in set(found.values()):
        twice = [name for name, own in found.items() if own == statistic]
        if len(twice) > 1:
            raise InputError(
                f"the columns {listing(map(repr, twice))} all look like {statistic}",
                "one column for each statistic",
                f"columns={{'{statistic}': '{twice[0]}'}}",
            )
    if not found or {part for statistic in found.values() for part in statistic.split()} <= SIZES:
        raise _nothing_known(there, found)
    return found


def _is_other(name: str, there: Mapping[str, Column], found: Mapping[str, str], target: str) -> bool:
    """Whether a column is no statistic here: a slope for another target; tau or rho beside an estimate in each row."""
    if found[name].split()[0] == "slope":
        return target not in ("SLOPE", "GEN")
    if folded(name) not in ("tau", "rho"):
        return False
    others = [there[other].tolist() for other, own in found.items() if own.split()[0] in (*PUBLISHED, "r")]
    filled = [row for row, cell in enumerate(there[name].tolist()) if not missing(cell)]
    return bool(others) and all(any(not missing(cells[row]) for cells in others) for row in filled)


def _is_day(cell: object) -> bool:
    return is_date(cell) or looks_like_day(cell)


def _check_no_protocol(there: Mapping[str, Column], found: Mapping[str, str]) -> None:
    """Refuse a coding protocol, whose directions would be lost here."""
    for name, statistic in found.items():
        words = {str(cell).strip().casefold() for cell in there[name].tolist() if not missing(cell)}
        if statistic == "sign" and words and words <= {"same", "reversed"}:
            told = f"'{name}' tells {listing(sorted(map(repr, words)))}"
            raise InputError(
                f"{told}; 'same' and 'reversed' belong to a protocol (pw.coding)",
                "1 or -1, + or -, positive or negative",
                "pw.coding.read(file).effects(target=...), or [data] protocol in an analysis file",
            )


def _by_name(there: Columns, taken: set[str]) -> Columns:
    """A table with a column whose cells name their statistic, with a column for each statistic in its place."""
    printed = next((name for name in there if folded(str(name)) in PRINTED and name not in taken), None)
    if printed is None:
        return there
    cells = there[printed].tolist()
    names = [recognised([named_statistic(cell)]).get(named_statistic(cell), "") for cell in cells]
    known = all(name or missing(cell) for name, cell in zip(names, cells, strict=True))
    if not any(names) or not known or set(names) & set(recognised(map(str, there)).values()):
        return there
    return {name: column for name, column in there.items() if name != printed} | _by_kind(names, cells)


def _by_regression(there: Columns, taken: set[str]) -> Columns:
    """A table of slopes with a column of kinds of regressions, with a column for what each kind of slope is."""
    kind = next((name for name in there if folded(str(name)) in REGRESSION and name not in taken), None)
    plain = [name for name in there if name not in taken and folded(str(name)) in SLOPES_ALONE]
    if kind is None or len(plain) != 1:
        return there
    kinds = [REGRESSIONS.get(folded(str(cell))) for cell in there[kind].tolist()]
    if not any(kinds):
        return there
    cells = there[plain[0]].tolist()
    own = {f"{plain[0]} ({_OF_REGRESSION[slope]})": column for slope, column in _by_kind(kinds, cells).items()}
    rest = [None if of_row else cell for of_row, cell in zip(kinds, cells, strict=True)]
    if not all(map(missing, rest)):
        own[plain[0]] = Column(rest)  # of another regression, which is told with what is not known
    return {name: column for name, column in there.items() if name not in (kind, plain[0])} | own


def _tells_adjusted(there: Mapping[str, Column], taken: set[str]) -> str | None:
    """The column that tells whether estimates are adjusted, by its header and its cells of yes and no."""
    for name in there:
        if folded(str(name)) in IS_ADJUSTED and name not in taken:
            words = {str(cell).strip().casefold() for cell in there[name].tolist()}
            if words <= {*_YES, *_NO}:
                return name
    return None


def _told_adjusted(
    there: Mapping[str, Column], adjusted: str | None, named: Mapping[str, str], used: Mapping[str, str], rows: Rows
) -> tuple[NDArray[np.bool_], list[str]]:
    """Rows that a column tells to be adjusted, and the columns of statistics that say so in their header."""
    if adjusted is not None:
        return _flags(there, adjusted, rows), []
    found = _tells_adjusted(there, {*used, *named})
    flags = _adjusted_for(there, set(named)) if found is None else _flags(there, found, rows)
    return flags, [name for name in named if is_adjusted(name)] if found is None else []


def _adjusted_for(there: Mapping[str, Column], taken: set[str]) -> NDArray[np.bool_]:
    """Rows for which a column names other variables for which the estimate is adjusted."""
    k = len(next(iter(there.values())))
    named = next((name for name in there if folded(str(name)) in ADJUSTED_FOR and name not in taken), None)
    if named is None:
        return np.zeros(k, dtype=bool)
    nothing = {*_NO, "-", "–", "—", "unadjusted", "crude", "nothing"}
    cells = there[named].tolist()
    return np.array([not missing(cell) and str(cell).strip().casefold() not in nothing for cell in cells], dtype=bool)


def _slopes_by_header(named: Mapping[str, str]) -> tuple[Remark, ...]:
    """What headers that may be several things were read as."""
    other = {"slope": "std_beta", "std_beta": "slope"}
    words = {
        "slope": "an unstandardised slope",
        "std_beta": "a standardised slope",
        "spearman": "Spearman's",
        "kendall": "Kendall's tau",
    }
    told = []
    for name, statistics in named.items():
        first = statistics.split()[0]
        if folded(name) in (*SLOPES_ALONE, "rho", "tau") and first in words:
            instead = f"; columns={{'{other[first]}': '{name}'}} if it is not" if first in other else ""
            told.append(Remark(f"'{name}' was read as {words[first]}{instead}", warn=False))
    return tuple(told)


def _beside_others(read: ReportedCells, converted: Converted) -> NDArray[np.bool_]:
    """Rows whose way starts from the slope of a regression with several predictors."""
    slope = {"slope", "std_beta", "log_or", "or", "log_hr", "hr"}
    several = np.nan_to_num(read.known("predictors"), nan=1.0) > 1.0
    return several & np.array([bool(slope & set(used)) for used in converted.used], dtype=bool)


def _by_type(there: Columns, taken: set[str]) -> Columns:
    """A table with a column of types of statistics and one of their values, with a column for each type."""
    pair = type_and_value(name for name in map(str, there) if name not in taken)
    if pair is None:
        return there
    kinds, values = ([*there[name].tolist()] for name in pair)
    known = {str(kind): recognised([str(kind)]) for kind in kinds if not missing(kind)}
    if not any(known.values()):
        return there
    unknown = [kind for kind, statistic in known.items() if not statistic]
    if unknown:
        told = f"'{pair[0]}' names {listing(map(repr, unknown))}, which are no statistics that are known"
        raise InputError(told, "words such as d, g, r, OR, RR, t, F")
    first = {statistic[kind]: kind for kind, statistic in reversed(known.items())}
    called = {kind: first[statistic[kind]] for kind, statistic in known.items()}
    twice = [kind for kind in called.values() if kind in there]
    if twice:
        raise InputError(f"'{pair[0]}' names '{twice[0]}', which is a column too", "one of the two")
    rest = {name: column for name, column in there.items() if name != pair[1]}
    return rest | _by_kind([called.get(str(kind)) for kind in kinds], values)


def _by_kind(kinds: Sequence[str | None], cells: Sequence[Any]) -> Columns:
    """A column for each kind: the cells of the rows that are of this kind, and none in the others."""
    return {
        own: Column([cell if kind == own else None for kind, cell in zip(kinds, cells, strict=True)])
        for own in dict.fromkeys(filter(None, kinds))
    }


def _left_blank(there: Mapping[str, Column], study: str | None, named: Mapping[str, str]) -> tuple[Remark, ...]:
    """Cells of the study below another one that are blank though the row reports something: merged cells."""
    if study is None:
        return ()
    cells = there[study].tolist()
    filled = [any(not missing(there[name].tolist()[row]) for name in named) for row in range(len(cells))]
    blank = [row for row in range(1, len(cells)) if missing(cells[row]) and filled[row]]
    if not blank:
        return ()
    advice = f"if cells were merged, frame['{study}'] = frame['{study}'].ffill() names the study of each row"
    return (Remark(f"'{study}' is empty in {listing(f'row {row + 1}' for row in blank)}; {advice}"),)


def _nothing_known(there: Mapping[str, Column], found: Mapping[str, str]) -> InputError:
    """What to say of a table without a column that tells of an effect."""
    second = recognised(str(column.tolist()[0]) for column in there.values())
    headers = (
        "; pd.read_csv(..., header=[0, 1]), if the first row is a second row of headers" if len(second) > 1 else ""
    )
    if len(there) == 1 and (mark := next((mark for mark in ";\t|" if mark in next(iter(there))), None)):
        raise InputError(f"the table has one column, '{next(iter(there))}'", advice=f"pd.read_csv(..., sep={mark!r})")
    if guess := guessed(str(name) for name in there if name not in found):
        headers += f"; perhaps columns={ {statistic: name for name, statistic in guess.items()} }"
    rest = [str(name) for name in there if name not in found]
    if split := to_split(rest):
        told = "; ".join(split.values())
        none = f"no column of {listing(rest)} is known as a statistic"
        return InputError(none, "one number in a cell, or two as in 'M (SD) treatment' and 'OR [95% CI]'", told)
    if any(folded(name) in SLOPES_ALONE for name in rest):
        headers += f"; {unknown_columns(rest, '').partition('; ')[2].strip()}"
    return InputError(
        f"no column of {listing(rest)} is known as a statistic",
        "columns such as n1, m1, sd1, n2, m2, sd2, or t, r, or, se",
        "columns={'n1': 'your column', ...}" + headers,
    )


def _texts(there: Mapping[str, Column], roles: Mapping[str, str | None], study: str | None) -> dict[str, Column]:
    named = {"study": study, "outcome": roles.get("outcome"), "study_as_given": roles.get("study_as_given")}
    return {role: there[name].unlabelled(name) for role, name in named.items() if name}


def _kept(there: Mapping[str, Column], moderators: Sequence[str], cluster: Sequence[str]) -> Table | None:
    names = dict.fromkeys((*moderators, *cluster, *(name for name in KEY_COLUMNS if name in there)))
    return Table({name: there[name].unlabelled(name) for name in names}) if names else None


def _flags(there: Mapping[str, Column], adjusted: str | None, rows: Rows) -> NDArray[np.bool_]:
    """Rows whose estimate is adjusted for other variables."""
    if adjusted is None:
        return np.zeros(len(next(iter(there.values()))), dtype=bool)
    if adjusted not in there:
        raise InputError(f"no column '{adjusted}' for adjusted", advice=nearest(adjusted, there))
    words = [str(cell).strip().casefold() for cell in there[adjusted].tolist()]
    wrong = [row for row, word in enumerate(words) if word not in _YES | _NO]
    if wrong:
        raise InputError(f"'{adjusted}' is {words[wrong[0]]!r} for {rows.names(wrong)}", "yes or no")
    return np.array([word in _YES for word in words])


def _from_header(converted: Converted, statistics: Sequence[str]) -> NDArray[np.bool_]:
    """Rows whose way starts from a statistic that a header calls adjusted."""
    return np.array([not set(statistics).isdisjoint(used) for used in converted.used], dtype=bool)
