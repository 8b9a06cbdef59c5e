"""Rows that report different statistics brought to one measure, and what is told of how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError, listing
from poolwise.intake.cells import Remark
from poolwise.intake.columns import Column, Table
from poolwise.intake.counts import SILENT, silent_trials
from poolwise.intake.headers import (
    VALUE,
    folded,
)
from poolwise.intake.remarks import sums_up
from poolwise.intake.reported_cells import MOST_FAULTS, ReportedCells
from poolwise.intake.rows import ADJUSTED, ARMS
from poolwise.intake.table import Given
from poolwise.measures.lacking import lacking
from poolwise.measures.margins import cells_of_margins, off_table, whole_cells
from poolwise.measures.reports import DOMAINS, PUBLISHED, Converted, Settings
from poolwise.measures.statistics import ASSUMED_PROB

Array = NDArray[np.float64]
_ESTIMATE = frozenset({*VALUE, "yi", "y"})  # names of estimates that tell no measure
SIZES = frozenset({"n1", "n2", "n", "df", "predictors"})  # say nothing of an effect
ONE_SIDED = frozenset({"se", "v", "level", "sign", "a", "b", "c"})  # nor do these, and those of one group, alone
SLOPES_ALONE = ("b", "beta", "slope", "coefficient", "coef", "regressioncoefficient")
"""Headers of one slope, of which a column of kinds of regressions tells what it is."""
NOTHING = "no statistic is reported"
KEPT = f"{SILENT}; Effects.from_counts(..., drop00=False) keeps them, for BinomialNormal() and PoissonNormal()"
_RATIOS_OF_COUNTS = frozenset({"OR", "RR", "PETO", "OR2DL", "OR2DN", "YUQ", "YUY", "IRR"})


def estimated(
    given: Given,
    target: str,
    read: ReportedCells,
    settings: Settings,
    converted: Converted,
    adjusted: NDArray[np.bool_],
) -> Given:
    """The columns of a study table from what its rows were brought to; rows without a way are refused.

    Parameters
    ----------
    given : Given
        Labels, moderators and remarks of the rows.
    target : str
    read : ReportedCells
    settings : Settings
    converted : Converted
    adjusted : ndarray of bool
        Rows whose estimate is adjusted for other variables.
    """
    rows = read.rows
    absent, short = _without_way(target, read, settings, converted)
    if short:
        told = listing(short, MOST_FAULTS, separator="\n  ")
        count = f"{len(short)} rows" if len(short) > 1 else "a row"
        raise InputError(f"{count} cannot be brought to {target}:\n  {told}\n{unknown_columns(read.unknown, short[0])}")
    remarks = [Remark(note, warn=False) for note in converted.notes]
    kinds = dict.fromkeys(way.split(" from ")[0] for way in converted.way if way)
    if len(kinds) > 1:
        counts = {kind: sum(way.startswith(f"{kind} from") for way in converted.way) for kind in kinds}
        told = listing(f"{count} from {kind}" for kind, count in counts.items())
        remarks.append(Remark(f"the rows report different statistics, brought to {target}: {told}", warn=False))
    remarks += _kendall(read, settings, converted)
    if adjusted.any() and not adjusted.all():
        remarks.append(Remark(f"adjusted and unadjusted estimates are mixed; adjusted: {rows.names(adjusted)}"))
    remarks += _unused_baselines(read, converted)
    remarks += _assumed_level(read, settings, converted)
    remarks += _no_table(read, converted)
    if converted.doubts:
        told = listing((f"{rows.name(row)}: {words}" for row, words in converted.doubts.items()), 3, separator="; ")
        remarks.append(Remark(f"statistics of one row that do not agree, beyond rounding: {told}; check the report"))
    silent = _silent(read, converted)
    absent |= silent
    y, v, n = (
        np.where([row in silent for row in range(len(x))], np.nan, x) for x in (converted.y, converted.v, converted.n)
    )
    own = given.estimating({"y": y, "v": v, "n": n}, remarks, absent)
    own = replace(own, advice=KEPT if silent else own.advice)
    own = replace(own, columns={**own.columns, "derivation": Column(_paths(read, converted, adjusted))})
    return replace(own, moderators=_beside(own.moderators, read, converted, adjusted))


def unknown_columns(names: Sequence[str], lacks: str) -> str:
    """Columns that are no statistics; the first may be what the first row lacks."""
    if not names:
        return ""
    slope = next((name for name in names if folded(name) in SLOPES_ALONE), None)
    if slope is not None:
        example = (
            f"'{slope}' may be the slope of a regression: columns={{'log_or': '{slope}'}} of a logistic one, "
            f"'log_hr' of a Cox regression, 'slope' for target='SLOPE', 'std_beta' for a standardised one with n and "
            f"predictors (1: it is the correlation); t with n and predictors leads to target='PCOR'"
        )
        return f"Columns that are not known as statistics: {listing(names)}; {example}.\n"
    wanted = lacks.rpartition(": lacks ")[2].partition(",")[0].partition(" ")[0]
    statistic = wanted if wanted in DOMAINS else "sd1"
    likely = next((name for name in names if folded(name) in _ESTIMATE and statistic in PUBLISHED), names[0])
    example = f"columns={{'{statistic}': '{likely}'}}"
    return f"Columns that are not known as statistics: {listing(names)}; {example} would name one.\n"


def _beside(
    moderators: Table | None, read: ReportedCells, converted: Converted, adjusted: NDArray[np.bool_]
) -> Table | None:
    """What later questions ask of a row, beside the moderators: sizes of groups, counts, whether it is adjusted."""
    there = np.array([bool(way) for way in converted.way])
    cells = read.arms()
    found = {name: Column(values) for name, values in cells.items() if name in ARMS and np.isfinite(values).any()}
    counts = {name: values for name, values in cells.items() if name not in ARMS}
    if all(np.isfinite(values[there]).all() for values in counts.values()):
        found |= {name: Column(values) for name, values in counts.items()}
    if adjusted.any():
        found[ADJUSTED] = Column(np.where(adjusted, "yes", "no").tolist())
    own = {} if moderators is None else dict(moderators.columns)
    return Table(found | own) if found else moderators


def _no_table(read: ReportedCells, converted: Converted) -> list[Remark]:
    """Rows whose odds ratio no table of whole people with their margins has."""
    rows = np.array([{"events", "n1", "n2", "or"} == set(used) for used in converted.used])
    if not rows.any():
        return []
    n1, n2, events, ratio = (read.known(name)[rows] for name in ("n1", "n2", "events", "or"))
    cells = whole_cells(*cells_of_margins(n=n1 + n2, n1=n1, events=events, odds_ratio=ratio, rounded=False))
    odd = np.flatnonzero(rows)[off_table(cells, ratio)].tolist()
    if not odd:
        return []
    told = listing(f"{read.rows.name(row)}: or = {read.numbers['or'][row]:g}" for row in odd)
    return [Remark(f"no table of whole people with these margins has such an odds ratio, the nearest is taken: {told}")]


def _silent(read: ReportedCells, converted: Converted) -> dict[int, str]:
    """Rows whose way is a ratio of counts that say nothing of it, which `from_counts` leaves out, too."""
    ratio = [way.split(" from ")[0] in _RATIOS_OF_COUNTS for way in converted.way]
    events = np.column_stack([_either(read, "a", "events1"), _either(read, "c", "events2")])
    others = np.column_stack([_either(read, "b", "n1", "events1"), _either(read, "d", "n2", "events2")])
    return {row: why for row, why in silent_trials(events, others).items() if ratio[row]}


def _either(read: ReportedCells, cell: str, whole: str, part: str | None = None) -> Array:
    """A cell of a table by row, or what is left of its group without a part."""
    rest = read.known(whole) - (read.known(part) if part else 0.0)
    return np.where(np.isnan(read.known(cell)), rest, read.known(cell))


def _without_way(
    target: str, read: ReportedCells, settings: Settings, converted: Converted
) -> tuple[dict[int, str], list[str]]:
    """Rows that report nothing, and sentences on those that report something else."""
    short: list[str] = []
    absent: dict[int, str] = {}
    rests: dict[tuple[str, ...], str] = {}
    for row in np.flatnonzero([not way for way in converted.way]).tolist():
        filled = tuple(name for name, values in read.numbers.items() if not np.isnan(values[row]) and name in DOMAINS)
        if set(filled) <= SIZES and row not in read.bounds:
            absent[row] = NOTHING
            continue
        if row in read.unreported and all(name in SIZES | ONE_SIDED or name[-1] in "12" for name in filled):
            absent[row] = read.unreported[row]
            continue
        if row in converted.faults:
            short.append(f"{read.rows.name(row)}: {converted.faults[row]}")
            continue
        if filled not in rests:
            rests[filled] = lacking(target, filled, settings) or f"a way to {target}"
        bound = f"; {read.bounds[row]}: the exact p, t or the means, or no row for it" if row in read.bounds else ""
        if read.rows.labels and sums_up(read.rows.labels[row]):
            bound += "; by its label a summary rather than a study: leave it out"
        told = f"{read.rows.name(row)} reports {listing(filled) or 'nothing'}: lacks {rests[filled]}{bound}"
        short.append(told)
    return absent, short


def _kendall(read: ReportedCells, settings: Settings, converted: Converted) -> list[Remark]:
    """Rows whose tau was taken for a correlation, though it is smaller than that of the same people."""
    tau = np.array(["kendall" in used for used in converted.used], dtype=bool)
    if "greiner" in settings.rules or not tau.any():
        return []
    mixed = " beside other statistics" if tau.sum() < sum(map(bool, converted.used)) else ""
    told = f"Kendall's tau, about two thirds of a correlation, was taken for one{mixed} for {read.rows.names(tau)}"
    return [Remark(f"{told}; rules=['greiner'] makes the correlation r = sin(pi tau / 2) of it")]


def _unused_baselines(read: ReportedCells, converted: Converted) -> list[Remark]:
    """Which rows have pre-tests of both groups that no way could use."""
    before = ~np.isnan(read.known("pre1") + read.known("pre2"))
    rows = [row for row in np.flatnonzero(before) if converted.used[row] and "pre1" not in converted.used[row]]
    if not rows:
        return []
    told = f"pre-tests are not used for {read.rows.names(rows)}: r_pre_post, their correlation with the post-tests"
    return [Remark(f"{told}, is not told", warn=False)]


def _assumed_level(read: ReportedCells, settings: Settings, converted: Converted) -> list[Remark]:
    """Which rows rest on an interval whose level nobody told."""
    if settings.prob is not None:
        return []
    level = read.numbers.get("level", np.full(len(converted.y), np.nan))
    rows = [row for row, used in enumerate(converted.used) if "lower" in used and np.isnan(level[row])]
    if not rows:
        return []
    told = f"intervals whose level is not told were taken as {ASSUMED_PROB:.0%} intervals for {read.rows.names(rows)}"
    return [Remark(f"{told}; prob={ASSUMED_PROB:g} (or another) tells it")]


def _paths(read: ReportedCells, converted: Converted, adjusted: NDArray[np.bool_]) -> list[str]:
    """The way of each row: the figures printed, what they were brought to, what other ways give, if it is adjusted."""
    paths, flagged = [], set(np.flatnonzero(adjusted).tolist())
    for row, (way, others) in enumerate(zip(converted.way, converted.others, strict=True)):
        printed = "".join(f"; {words}" for words in read.origins.get(row, ()) if way)
        beside = f" (other ways: {others})" if others else ""
        paths.append(way + printed + beside + ("; adjusted for other variables" if way and row in flagged else ""))
    return paths
