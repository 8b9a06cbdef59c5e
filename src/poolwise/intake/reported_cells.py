"""The cells of a table of statistics as numbers: what is printed together is parted, what follows is computed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError, listing, shown
from poolwise.intake.cells import AS_PRINTED, THOUSANDS, Remark, Rows, bare_text, cell_advice, looks_like_day, number_of
from poolwise.intake.columns import Column, is_date
from poolwise.intake.compound import COUNTS, GROUPED, SIGNS, reading
from poolwise.intake.doubts import impossible, opposed
from poolwise.intake.headers import level_in, recognised, sizes_in, to_split
from poolwise.intake.rows import ARMS, EVENTS, TOTALS
from poolwise.measures.reported import mean_sd
from poolwise.measures.reports import DOMAINS, Settings

Array = NDArray[np.float64]
MOST_FAULTS = 20
_GROUPS = ("1", "2", "")
_QUARTILES, _RANGE = ("lower_q", "median", "upper_q"), ("minimum", "median", "maximum")
_LEAST_OF_ORDER = 5  # people from whose quartiles or range a standard deviation is estimated


@dataclass
class ReportedCells:
    """Statistics as numbers while the cells of a table are read, and what was noticed on the way.

    Attributes
    ----------
    rows : Rows
        For messages.
    decimal : str
        The decimal mark in cells of text.
    prob : float or None
        Probability of intervals, as told.
    numbers : dict of str to ndarray
        By statistic, shape (k,); `derived` is 1 where some of a row were computed from others.
    faults : list of str
        Sentences on cells that cannot be used.
    parted : dict of str to list of str
        By column, cells that hold several numbers, and what they were read as.
    bounds : dict of int to str
        By row, a cell that tells a bound only.
    origins : dict of int to list of str
        By row, statistics that were computed from what was printed.
    told : list of Remark
    unknown : list of str
        Columns that are no statistics.
    """

    rows: Rows
    decimal: str
    prob: float | None
    numbers: dict[str, Array] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    parted: dict[str, list[str]] = field(default_factory=dict)
    bounds: dict[int, str] = field(default_factory=dict)
    origins: dict[int, list[str]] = field(default_factory=dict)
    told: list[Remark] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def k(self) -> int:
        """Number of rows."""
        return len(next(iter(self.numbers.values())))

    def column(self, name: str, statistics: tuple[str, ...], cells: Sequence[Any]) -> None:
        """One column, whose cells hold one or several of these statistics."""
        for statistic in statistics:
            self.numbers.setdefault(statistic, np.full(len(cells), np.nan))
        for row, cell in enumerate(cells):
            if statistics == ("p",) and isinstance(cell, str) and cell.strip() and not bare_text(cell):
                self.bounds[row] = f"'{name}' is {cell!r}, a bound"  # a mark of significance alone
                continue
            signs = SIGNS if statistics == ("sign",) and isinstance(cell, str) else {}
            sign = signs.get(str(cell).strip().casefold())
            several = isinstance(cell, str) and ("percent" in statistics[-1] or _is_grouped(cell, statistics[0]))
            alone = sign is None and not several
            value = number_of(cell, self.decimal) if alone else None if sign is None else (sign, True)
            if value is not None:
                self._put(name, statistics[0], row, value[0])
                continue
            own = reading(cell, statistics, self.decimal, self.prob) if isinstance(cell, str) else None
            if own is None or own.fault:
                both = to_split([name]).get(name, "") if isinstance(cell, str) else ""
                advice = f"try {own.fault if own else _advice(cell, statistics, self.decimal)}"
                self.faults.append(f"'{name}' is {shown(cell)} for {self.rows.name(row)}: {both or advice}")
            elif own.bound:
                self.bounds[row] = f"'{name}' is {cell!r}, a bound"
            else:
                self._parts(name, row, cell, own.values)

    def _parts(self, name: str, row: int, cell: str, values: Mapping[str, float]) -> None:
        for statistic, value in values.items():
            self.numbers.setdefault(statistic, np.full(self.k, np.nan))
            self._put(name, statistic, row, value)
        if len(values) > 1 or not np.isnan(next(iter(values.values()))):
            figures = ", ".join(f"{statistic} = {value:g}" for statistic, value in values.items())
            self.parted.setdefault(name, []).append(f"{cell.strip()!r} as {figures}")

    def _put(self, name: str, statistic: str, row: int, value: float) -> None:
        if np.isnan(value):
            return
        if statistic == "level" and value > 1.0:
            value /= 100.0
        there = self.numbers[statistic][row]
        if not np.isnan(there) and there != value:
            told = f"'{name}' tells {statistic} = {value:g} for {self.rows.name(row)}, another column {there:g}"
            self.faults.append(f"{told}: one of the two")
        if not DOMAINS[statistic].holds(np.asarray(value)):
            expected = f"expected {DOMAINS[statistic].words}{_usual(statistic, value)}"
            self.faults.append(f"'{name}' is {value:g} for {self.rows.name(row)}: {expected}")
        self.numbers[statistic][row] = value

    def known(self, statistic: str) -> Array:
        """A statistic by row, NaN throughout where no column holds it."""
        return self.numbers.get(statistic, np.full(self.k, np.nan))

    def arms(self) -> dict[str, Array]:
        """Sizes of both groups, and events and persons of both, by row: NaN where cells do not tell them all."""
        a, b, c, d = (self.known(cell) for cell in "abcd")
        whole = ~np.isnan(a + b + c + d)
        sizes = [np.where(whole, cells, self.known(name)) for cells, name in zip((a + b, c + d), ARMS, strict=True)]
        sizes = [np.where(np.isnan(sum(sizes)), np.nan, size) for size in sizes]
        events = [
            np.where(whole, cell, self.known(name)) for cell, name in zip((a, c), ("events1", "events2"), strict=True)
        ]
        known = ~np.isnan(sum((*sizes, *events)))
        counts = [np.where(known, values, np.nan) for values in (*events, *sizes)]
        return dict(zip((*ARMS, *EVENTS, *TOTALS), (*sizes, *counts), strict=True))

    def directed(self, sides: int | None) -> None:
        """Give p-values the sign of the effect where a column tells it; other statistics must carry it themselves.

        A column of signs tells the side on which the estimate lies, whatever the statistic: t, d, means and ratios have
        it already, F and chi-squared take it, and so does p. Of a one-sided p above a half only the size counts then.
        """
        if "sign" not in self.numbers:
            return
        sign = self.numbers["sign"]
        for words, row in opposed(self.numbers, sign):
            told = f"{words} and the sign {sign[row]:+g} for {self.rows.name(row)} disagree"
            self.faults.append(f"{told}: one of the two")
        if "p" in self.numbers:
            p = self.numbers["p"]
            size = np.abs(p) if sides != 1 else np.minimum(np.abs(p), 1.0 - np.abs(p))
            self.numbers["p"] = np.where(np.isnan(sign), p, sign * size)

    def sizes(self, sizes: Mapping[str, float]) -> None:
        """Take sizes that headers tell where no column does; beside chi-squared or phi, n as the sum of both groups."""
        own = {statistic: size for statistic, size in sizes.items() if statistic not in self.numbers}
        self.numbers |= {statistic: np.full(self.k, size) for statistic, size in own.items()}
        if own:
            told = ", ".join(f"{statistic} = {size:g}" for statistic, size in own.items())
            self.told.append(Remark(f"{told} in every row, by the headers", warn=False))
        both = ~np.isnan(self.known("chi2")) | ~np.isnan(self.known("phi"))
        if both.any():
            self.numbers["n"] = np.where(
                both & np.isnan(self.known("n")), self.known("n1") + self.known("n2"), self.known("n")
            )

    def levels(self, headers: Mapping[str, float]) -> None:
        """The level of intervals that a header tells, where the cell or a column of its own does not."""
        if not headers:
            return
        level = next(iter(headers.values()))
        there = ~np.isnan(self.known("lower")) & np.isnan(self.known("level"))
        self.numbers["level"] = np.where(there, level, self.known("level"))

    def halves(self) -> None:
        """Of a table whose cells are told with the sizes of the groups only a and c: those are events."""
        for cell, rest, group in (("a", "b", "1"), ("c", "d", "2")):
            alone = ~np.isnan(self.known(cell) + self.known(f"n{group}")) & np.isnan(self.known(rest))
            alone &= np.isnan(self.known(f"events{group}"))
            if alone.any():
                self.numbers[f"events{group}"] = np.where(alone, self.known(cell), self.known(f"events{group}"))
                self.numbers[cell] = np.where(alone, np.nan, self.known(cell))

    def occasions(self) -> None:
        """A correlation beside pre- and post-test is the one between these, not one of two variables."""
        before = ~np.isnan(self.known("pre")) | ~np.isnan(self.known("pre1"))
        between = before & ~np.isnan(self.known("r")) & np.isnan(self.known("r_pre_post"))
        if between.any():
            self.numbers["r_pre_post"] = np.where(between, self.known("r"), self.known("r_pre_post"))
            self.numbers["r"] = np.where(between, np.nan, self.known("r"))

    def pairs(self) -> None:
        """Sizes of correlations from their degrees of freedom, n = df + 2, where no column tells n."""
        alone = ~np.isnan(self.known("r")) & ~np.isnan(self.known("df")) & np.isnan(self.known("n"))
        alone &= np.isnan(self.known("n1")) & np.isnan(self.known("t")) & np.isnan(self.known("predictors"))
        if alone.any():
            self.numbers["n"] = np.where(alone, self.known("df") + 2.0, self.known("n"))
            for row in np.flatnonzero(alone).tolist():
                self._derived(row, f"n = {self.numbers['n'][row]:g} from the degrees of freedom of r")
            told = f"n = df + 2 from the degrees of freedom of correlations for {self.rows.names(alone)}"
            self.told.append(Remark(told, warn=False))

    def spreads(self) -> None:
        """Standard deviations from standard errors of means, sd = se * sqrt(n)."""
        for group in _GROUPS:
            sem, n = self.numbers.get(f"sem{group}"), self.numbers.get(f"n{group}")
            if sem is None or n is None:
                continue
            sd = self.numbers.setdefault(f"sd{group}", np.full(len(sem), np.nan))
            new = np.isnan(sd) & ~np.isnan(sem * n)
            sd[new] = sem[new] * np.sqrt(n[new])
            for row in np.flatnonzero(new).tolist():
                self._derived(row, f"sd{group} = {sd[row]:.6g} from the standard error of the mean {sem[row]:g}")
            if new.any():
                told = f"sd{group} = se * sqrt(n{group}) from standard errors of means for {self.rows.names(new)}"
                self.told.append(Remark(told, warn=False))

    def events(self) -> None:
        """Numbers of events from percentages or proportions of n: the nearest whole number, which has to fit."""
        for group in _GROUPS:
            for kind, whole in (("percent", 100.0), ("proportion", 1.0)):
                share, n = self.numbers.get(f"{kind}{group}"), self.numbers.get(f"n{group}")
                if share is not None and n is not None:
                    unit = 0.01 if whole == 100.0 else 1.0
                    self._compare_shares(group, share / whole, n, unit)
                    self._events_of(group, share / whole, n, unit)

    def _compare_shares(self, group: str, share: Array, n: Array, unit: float) -> None:
        """Tell of shares that are not those of the events beside them."""
        count = self.known(f"events{group}")
        wrong: list[str] = []
        for row in np.flatnonzero(~np.isnan(count + share + n) & (n > 0.0)).tolist():
            own = count[row] / n[row]
            if abs(own - share[row]) > unit * 10.0 ** -_decimals(share[row] / unit) * (1.0 + 1e-9):
                words = f"{count[row]:g} of {n[row]:g} are {100.0 * own:.1f}%, not {100.0 * share[row]:g}%"
                wrong.append(f"{self.rows.name(row)}: {words}")
        if wrong:
            told = f"events{group} and the percentages beside them do not fit n{group}: {listing(wrong)}"
            self.told.append(Remark(f"{told}; the percentages may be of fewer people"))

    def _events_of(self, group: str, share: Array, n: Array, unit: float) -> None:
        """Events of a group; `unit` is the share that the last digit before the decimal mark stands for."""
        count = self.numbers.setdefault(f"events{group}", np.full(self.k, np.nan))
        rough: list[str] = []
        finest = unit * 10.0 ** -max((_decimals(value / unit) for value in share[~np.isnan(share)]), default=0)
        for row in np.flatnonzero(np.isnan(count) & (share <= 1.0) & ~np.isnan(n)).tolist():
            nearest = np.floor(share[row] * n[row] + 0.5)
            step = unit * 10.0 ** -_decimals(share[row] / unit)
            words = f"{100.0 * share[row]:.6g}% of n{group} = {n[row]:g}"
            if abs(nearest / n[row] - share[row]) > step:
                low = np.floor(share[row] * n[row])
                near = " and ".join(f"{m:g} are {100.0 * m / n[row]:.1f}%" for m in (low, low + 1.0))
                told = f"{words} for {self.rows.name(row)} are no whole people ({near})"
                self.faults.append(f"{told}: the number of events, or the n of this percentage")
                continue
            count[row] = nearest
            self._derived(row, f"events{group} = {nearest:g} from {words}")
            others = int(np.floor(0.5 * step * n[row]))
            only = 0.5 * finest * n[row] < 1.0 and abs(nearest / n[row] - share[row]) <= 0.5 * finest
            if others and not only:
                rough.append(f"{self.rows.name(row)}: {words}, {nearest:g} give or take {others}")
        if rough:
            told = f"events{group} from percentages that several numbers have, the nearest taken: {listing(rough)}"
            self.told.append(Remark(f"{told}; the numbers of events are better"))

    def order_statistics(self) -> None:
        """Means and standard deviations from medians with quartiles, the range, or both; see `mean_sd`."""
        for group in _GROUPS:
            names = {name: f"{name}{group}" for name in (*_QUARTILES, *_RANGE)}
            if f"median{group}" not in self.numbers:
                continue
            own = {name: self.known(called) for name, called in names.items()}
            n = self.known(f"n{group}")
            for parts in (tuple(own), _QUARTILES, _RANGE):
                free = np.isnan(self.known(f"m{group}")) & ~np.isnan(sum((own[part] for part in parts), start=n))
                free &= self._in_order(own, parts, n, group, free)
                if free.any():
                    self._from_order(group, {part: own[part][free] for part in parts}, n[free], np.flatnonzero(free))

    def _in_order(
        self, own: Mapping[str, Array], parts: Sequence[str], n: Array, group: str, free: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Rows whose order statistics stand in their order, of enough people; the others are faults."""
        order = [own[part] for part in ("minimum", "lower_q", "median", "upper_q", "maximum") if part in parts]
        wrong = free & np.any([low > high for low, high in pairwise(order)], axis=0)
        few = free & ~wrong & ((n < _LEAST_OF_ORDER) | (order[0] == order[-1]))
        for row in np.flatnonzero(wrong).tolist():
            self.faults.append(f"median{group} lies outside its limits for {self.rows.name(row)}: swapped numbers?")
        for row in np.flatnonzero(few).tolist():
            told = f"n{group} = {n[row]:g} and limits {order[0][row]:g} to {order[-1][row]:g} for {self.rows.name(row)}"
            self.faults.append(
                f"{told} tell no standard deviation: at least {_LEAST_OF_ORDER} people, limits that differ"
            )
        return ~(wrong | few)

    def _from_order(self, group: str, own: Mapping[str, Array], n: Array, rows: NDArray[np.intp]) -> None:
        found = mean_sd(
            n=n,
            minimum=own.get("minimum"),
            q1=own.get("lower_q"),
            median=own["median"],
            q3=own.get("upper_q"),
            maximum=own.get("maximum"),
        )
        for statistic, values in (("m", found.mean), ("sd", found.sd)):
            column = self.numbers.setdefault(f"{statistic}{group}", np.full(self.k, np.nan))
            column[rows] = np.where(np.isnan(column[rows]), values, column[rows])
        for place, row in enumerate(rows.tolist()):
            printed = ", ".join(f"{part} {values[place]:g}" for part, values in own.items())
            told = f"m{group} = {found.mean[place]:.6g}, sd{group} = {found.sd[place]:.6g} from {printed}"
            self._derived(row, f"{told}, Luo et al. 2018, Wan et al. 2014")
        told = f"m{group} and sd{group} from medians with quartiles or ranges for {self.rows.names(rows)}"
        self.told.append(Remark(told, warn=False))
        if found.skewed.any():
            skewed = self.rows.names(rows[found.skewed])
            told = f"medians{f' of group {group}' if group else ''} too skewed for normal data for {skewed}"
            self.told.append(Remark(f"{told}: means and standard deviations from them mislead (Shi et al. 2020)"))

    def _derived(self, row: int, words: str) -> None:
        self.origins.setdefault(row, []).append(words)
        self.numbers.setdefault("derived", np.zeros(self.k))[row] = 1.0

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


def read_cells(
    there: Mapping[str, Column], named: Mapping[str, str], rows: Rows, decimal: str, settings: Settings
) -> ReportedCells:
    """Each statistic as numbers.

    Parameters
    ----------
    there : mapping of str to Column
        Columns by name.
    named : mapping of str to str
        The statistics of each column that holds some.
    rows : Rows
        For messages.
    decimal : str
        The decimal mark.
    settings : Settings

    Returns
    -------
    ReportedCells

    Raises
    ------
    InputError
        For cells that cannot be numbers, or not together: all of them at once.
    """
    read = ReportedCells(rows, decimal, settings.prob)
    levels: dict[str, float] = {}
    for name in sorted(named, key=lambda name: len(named[name].split()), reverse=True):
        level = level_in(name)
        if level is not None and "lower" in named[name].split():
            if settings.prob is not None and not np.isclose(level, settings.prob):
                told = f"the column '{name}' tells intervals of {level:.0%}, prob is {settings.prob:g}"
                raise InputError(told, f"prob={level:g}")
            levels[name] = level
        read.column(name, tuple(named[name].split()), there[name].tolist())
    columns = {part: name for name, statistics in named.items() for part in statistics.split()}
    columns |= {f"events{group}": columns[cell] for cell, group in (("a", "1"), ("c", "2")) if cell in columns}
    read.halves()
    read.occasions()
    read.directed(settings.sides)
    read.levels(levels)
    read.sizes(sizes_in(named))
    for derive in (read.pairs, read.spreads, read.events, read.order_statistics):
        derive()
    read.faults += impossible(read.numbers, columns, rows)
    if read.faults:
        count = f"{len(read.faults)} cells cannot be used" if len(read.faults) > 1 else "a cell cannot be used"
        raise InputError(f"{count}:\n  " + listing(read.faults, MOST_FAULTS, separator="\n  ") + "\n")
    return read


def _decimals(value: float) -> int:
    return len(f"{value:.8f}".rstrip("0").partition(".")[2])


def _is_grouped(cell: str, statistic: str) -> bool:
    """Whether a cell is a count with marks of thousands, which could be no other number."""
    return statistic in COUNTS and bool(GROUPED.fullmatch(bare_text(cell)))


def _usual(statistic: str, value: float) -> str:
    """What a number outside its domain often is."""
    if statistic == "p" and value == 0.0:
        return "; printed as .000 it is a bound: the exact p, or the t"
    if statistic in ("r", "p") and 1.0 < abs(value) <= 100.0:
        return "; a percentage?"
    thousands = value > 0.0 and value * 10.0 != np.floor(value * 10.0) and float(f"{value * 1000.0:.6f}").is_integer()
    if statistic in COUNTS and thousands:
        return f"; {value * 1000.0:.0f} with a mark of thousands? pd.read_csv(..., thousands='.', decimal=',')"
    return ""


def _advice(cell: object, statistics: tuple[str, ...], decimal: str) -> str:
    if is_date(cell) or looks_like_day(cell):
        return AS_PRINTED
    if not isinstance(cell, str):
        return "a number"
    text = bare_text(cell)
    if statistics == ("sign",):
        return "1 or -1, + or -, positive or negative; 'same' and 'reversed' belong to a protocol (pw.coding)"
    if recognised([text]):
        return "pd.read_csv(..., header=[0, 1]), if this is a second row of headers"
    if THOUSANDS.fullmatch(text) and decimal not in text:
        plain = re.sub(r"[.,]", "", text)
        return f"{plain} without its mark of thousands, or decimal='{text[-4]}' if {text.replace(',', '.')} is meant"
    other = "." if decimal == "," else ","
    if reading(cell, statistics, other, None):
        return f"decimal='{other}', if that is the decimal mark of this table"
    return cell_advice(text, decimal)
