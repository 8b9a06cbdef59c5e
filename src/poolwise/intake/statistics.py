"""A table whose rows report different statistics, read cell by cell and brought to one measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError, listing, nearest, shown
from poolwise.intake.cells import Remark, Rows, bare_text, cell_advice, number_of
from poolwise.intake.columns import Column, Table, column_name
from poolwise.intake.compound import COUNTS, SIGNS, reading
from poolwise.intake.doubts import doubtful, impossible
from poolwise.intake.frames import check_decimal, frame_columns
from poolwise.intake.headers import folded, is_adjusted, level_in, recognised, sizes_in, study_column, type_and_value
from poolwise.intake.labels import missing
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
    study = roles.get("study") or study_column(there)
    there = _by_type(there, used, columns)
    named = _statistics(there, columns, {*used, *([study] if study else [])})
    blank = _left_blank(there, study, named)
    given = Given(_texts(there, roles, study), moderators=_kept(there, moderators, cluster), identifiers=tuple(cluster))
    if study is None and labels is not None and labels.kind == "text":
        given = replace(given, columns={**given.columns, "study": Column(list(labels.names))})
    rows = Rows(study_labels(given.labels)[0])
    read = _read_cells(there, named, rows, decimal, settings.prob)
    read.unknown = [str(name) for name in there if name not in {**used, **named, study or "": ""}]
    told = [name for name in named if is_adjusted(name)] if adjusted is None else []
    if told:
        blank += (Remark(f"adjusted estimates, by their header: {listing(map(repr, told))}", warn=False),)
    given = replace(given, remarks=(*blank, *read.remarks(), *doubtful(read.numbers, rows)))
    return _estimated(given, target, read, settings, _flags(there, adjusted, rows))


def _statistics(there: Mapping[str, Column], columns: Mapping[str, str] | None, used: set[str]) -> dict[str, str]:
    """The statistic of each column by its name: as told, else by its header."""
    told = dict(columns or {})
    for statistic, name in told.items():
        if not statistic.split() or set(statistic.split()) - set(DOMAINS):
            raise InputError(f"columns names '{statistic}', which is no statistic", listing(DOMAINS, most=60))
        if name not in there:
            raise InputError(f"no column '{name}' for {statistic}", advice=nearest(str(name), there))
    found = {name: statistic for name, statistic in recognised(map(str, there)).items() if name not in used}
    parts = {part for statistic in told for part in statistic.split()}
    found = {
        name: statistic
        for name, statistic in found.items()
        if statistic.split()[0] not in parts and name not in told.values()
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
    if not found or {part for statistic in found.values() for part in statistic.split()} <= _SIZES:
        raise _nothing_known(there, found)
    return found


def _by_type(there: dict[str, Column], used: Mapping[str, str], columns: Mapping[str, str] | None) -> dict[str, Column]:
    """A table with a column of types of statistics and one of their values, with a column for each type."""
    pair = type_and_value(name for name in map(str, there) if name not in {**used, **dict.fromkeys(columns or {})})
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
    names = [called.get(str(kind)) for kind in kinds]
    own = {
        name: [value if kind == name else None for kind, value in zip(names, values, strict=True)]
        for name in called.values()
    }
    rest = {name: column for name, column in there.items() if name != pair[1]}
    return rest | {kind: Column(cells) for kind, cells in own.items()}


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
    if any("%" in str(name) for name in there):
        headers += "; percentages as numbers of events, in whole persons of n"
    if any("median" in folded(str(name)) for name in there):
        headers += "; pw.measures.mean_sd for means and standard deviations from medians and quartiles"
    rest = [str(name) for name in there if name not in found]
    return InputError(
        f"no column of {listing(rest)} is known as a statistic",
        "columns such as n1, m1, sd1, n2, m2, sd2, or t, r, or, se",
        "columns={'n1': 'your column', ...}" + headers,
    )


def _texts(there: Mapping[str, Column], roles: Mapping[str, str | None], study: str | None) -> dict[str, Column]:
    named = {"study": study, "outcome": roles.get("outcome"), "study_as_given": roles.get("study_as_given")}
    return {role: Column(there[name].cells, None, name, there[name].dtype) for role, name in named.items() if name}


def _kept(there: Mapping[str, Column], moderators: Sequence[str], cluster: Sequence[str]) -> Table | None:
    names = dict.fromkeys((*moderators, *cluster, *(name for name in KEY_COLUMNS if name in there)))
    own = {name: Column(there[name].cells, None, name, there[name].dtype) for name in names}
    return Table(own) if own else None


@dataclass
class _Read:
    """Statistics as numbers while the cells of a table are read, and what was noticed on the way."""

    rows: Rows
    decimal: str
    prob: float
    numbers: dict[str, Array] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    parted: dict[str, list[str]] = field(default_factory=dict)
    bounds: dict[int, str] = field(default_factory=dict)
    told: list[Remark] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def column(self, name: str, statistics: tuple[str, ...], cells: Sequence[Any]) -> None:
        """One column, whose cells hold one or several of these statistics."""
        for statistic in statistics:
            self.numbers.setdefault(statistic, np.full(len(cells), np.nan))
        for row, cell in enumerate(cells):
            signs = SIGNS if statistics == ("sign",) and isinstance(cell, str) else {}
            sign = signs.get(str(cell).strip().casefold())
            value = number_of(cell, self.decimal) if sign is None else (sign, True)
            if value is not None:
                self._put(name, statistics[0], row, value[0])
                continue
            own = reading(cell, statistics, self.decimal, self.prob) if isinstance(cell, str) else None
            if own is None or own.fault:
                advice = own.fault if own else _advice(cell, statistics, self.decimal)
                self.faults.append(f"'{name}' is {shown(cell)} for {self.rows.name(row)}: try {advice}")
            elif own.bound:
                self.bounds[row] = f"'{name}' is {cell!r}, a bound"
            else:
                self._parts(name, row, cell, own.values)

    def _parts(self, name: str, row: int, cell: str, values: Mapping[str, float]) -> None:
        for statistic, value in values.items():
            self.numbers.setdefault(statistic, np.full(len(next(iter(self.numbers.values()))), np.nan))
            self._put(name, statistic, row, value)
        if len(values) > 1 or not np.isnan(next(iter(values.values()))):
            figures = ", ".join(f"{statistic} = {value:g}" for statistic, value in values.items())
            self.parted.setdefault(name, []).append(f"{cell.strip()!r} as {figures}")

    def _put(self, name: str, statistic: str, row: int, value: float) -> None:
        if np.isnan(value):
            return
        there = self.numbers[statistic][row]
        if not np.isnan(there) and there != value:
            told = f"'{name}' tells {statistic} = {value:g} for {self.rows.name(row)}, another column {there:g}"
            self.faults.append(f"{told}: one of the two")
        if not DOMAINS[statistic].holds(np.asarray(value)):
            expected = f"expected {DOMAINS[statistic].words}{_usual(statistic, value)}"
            self.faults.append(f"'{name}' is {value:g} for {self.rows.name(row)}: {expected}")
        self.numbers[statistic][row] = value

    def directed(self) -> None:
        """Give p-values the sign of the effect where a column tells it; other statistics must carry it themselves."""
        if "sign" not in self.numbers:
            return
        sign = self.numbers["sign"]
        for statistic in ("t", "d", "g", "r", "p"):
            values = self.numbers.get(statistic, np.full(len(sign), np.nan))
            opposed = (values < 0.0) & (sign > 0.0) if statistic == "p" else values * sign < 0.0
            for row in np.flatnonzero(opposed).tolist():
                told = f"{statistic} = {values[row]:g} and the sign {sign[row]:+g} for {self.rows.name(row)} disagree"
                self.faults.append(f"{told}: one of the two")
        if "p" in self.numbers:
            p = self.numbers["p"]
            self.numbers["p"] = np.where(np.isnan(sign), p, sign * np.abs(p))

    def sizes(self, sizes: Mapping[str, float]) -> list[Remark]:
        """Take sizes that stand in headers where no column tells them."""
        own = {statistic: size for statistic, size in sizes.items() if statistic not in self.numbers}
        k = len(next(iter(self.numbers.values())))
        self.numbers |= {statistic: np.full(k, size) for statistic, size in own.items()}
        told = ", ".join(f"{statistic} = {size:g}" for statistic, size in own.items())
        return [Remark(f"{told} in every row, by the headers", warn=False)] if own else []

    def spreads(self) -> list[Remark]:
        """Standard deviations from standard errors of means, sd = se * sqrt(n)."""
        remarks = []
        for group in ("1", "2", ""):
            sem, n = self.numbers.pop(f"sem{group}", None), self.numbers.get(f"n{group}")
            if sem is None or n is None:
                continue
            sd = self.numbers.setdefault(f"sd{group}", np.full(len(sem), np.nan))
            new = np.isnan(sd) & ~np.isnan(sem * n)
            sd[new] = sem[new] * np.sqrt(n[new])
            if new.any():
                told = f"sd{group} = se * sqrt(n{group}) from standard errors of means for {self.rows.names(new)}"
                remarks.append(Remark(told, warn=False))
        return remarks

    def remarks(self) -> list[Remark]:
        """Cells that were parted, by column, and bounds that are not used."""
        told = [
            Remark(f"cells of '{name}' hold several numbers or marks, read as such: {listing(cells, 3)}", warn=False)
            for name, cells in self.parted.items()
        ]
        if self.bounds:
            unused = listing(f"{words} for {self.rows.name(row)}" for row, words in self.bounds.items())
            told.append(Remark(f"not used: {unused}", warn=False))
        return [*told, *self.told]


def _usual(statistic: str, value: float) -> str:
    """What a number outside its domain often is."""
    if statistic in ("r", "p") and 1.0 < abs(value) <= 100.0:
        return "; a percentage?"
    thousands = value > 0.0 and value * 10.0 != np.floor(value * 10.0) and float(f"{value * 1000.0:.6f}").is_integer()
    if statistic in COUNTS and thousands:
        return f"; {value * 1000.0:.0f} with a mark of thousands? pd.read_csv(..., thousands='.', decimal=',')"
    return ""


def _unknown(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f"Columns that are not known as statistics: {listing(names)}; columns={{'sd1': ...}} names them.\n"


def _advice(cell: object, statistics: tuple[str, ...], decimal: str) -> str:
    if not isinstance(cell, str):
        return "a number"
    text = bare_text(cell)
    if recognised([text]):
        return "pd.read_csv(..., header=[0, 1]), if this is a second row of headers"
    if text.endswith("%") and statistics[0].startswith("events"):
        return "the number of events: the percentage of n, rounded to whole persons"
    other = "." if decimal == "," else ","
    if reading(cell, statistics, other, 0.95):
        return f"decimal='{other}', if that is the decimal mark of this table"
    return cell_advice(text, decimal)


def _read_cells(there: Mapping[str, Column], named: Mapping[str, str], rows: Rows, decimal: str, prob: float) -> _Read:
    """Each statistic as numbers; every cell that cannot be one stands in one error."""
    read = _Read(rows, decimal, prob)
    for name in sorted(named, key=lambda name: len(named[name].split()), reverse=True):
        level = level_in(name)
        if level is not None and "lower" in named[name] and not np.isclose(level, prob):
            raise InputError(f"the column '{name}' tells intervals of {level:.0%}, prob is {prob:g}", f"prob={level:g}")
        read.column(name, tuple(named[name].split()), there[name].tolist())
    columns = {part: name for name, statistics in named.items() for part in statistics.split()}
    read.directed()
    read.told += [*read.sizes(sizes_in(named)), *read.spreads()]
    read.faults += impossible(read.numbers, columns, rows)
    if read.faults:
        count = f"{len(read.faults)} cells cannot be used" if len(read.faults) > 1 else "a cell cannot be used"
        raise InputError(f"{count}:\n  " + listing(read.faults, _MOST_FAULTS, separator="\n  ") + "\n")
    return read


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
    read: _Read,
    settings: Settings,
    adjusted: NDArray[np.bool_],
) -> Given:
    numbers, rows = read.numbers, read.rows
    converted = brought_to(target, numbers, settings)
    short: list[str] = []
    absent: dict[int, str] = {}
    for row in np.flatnonzero([not way for way in converted.way]).tolist():
        filled = [name for name, values in numbers.items() if not np.isnan(values[row])]
        if set(filled) <= _SIZES and row not in read.bounds:
            absent[row] = "no statistic is reported"
            continue
        rest = lacking(target, filled, settings)
        bound = f"; {read.bounds[row]}: the exact p, t or the means, or no row for it" if row in read.bounds else ""
        short.append(
            f"{rows.name(row)} reports {listing(filled) or 'nothing'}: lacks {rest or f'a way to {target}'}{bound}"
        )
    if short:
        told = listing(short, _MOST_FAULTS, separator="\n  ")
        count = f"{len(short)} rows" if len(short) > 1 else "a row"
        raise InputError(f"{count} cannot be brought to {target}:\n  {told}\n{_unknown(read.unknown)}")
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
    for row in np.flatnonzero(adjusted).tolist():
        paths[row] += "; adjusted for other variables" if paths[row] else ""
    return replace(own, columns={**own.columns, "derivation": Column(paths)})
