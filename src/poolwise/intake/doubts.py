"""Reported statistics that are impossible together, or look like something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import listing
from poolwise.intake.cells import Remark, Rows
from poolwise.intake.compound import WITH_INTERVAL
from poolwise.measures.reported import LOPSIDED

Array = NDArray[np.float64]
RATIOS = frozenset({"or", "rr", "hr", "irr"})
SIGNED = (
    *("t", "d", "g", "r", "z", "phi", "fisher_z", "md", "rd", "log_or", "log_rr", "log_hr"),
    *("slope", "std_beta", "spearman", "kendall"),
)
"""Statistics that carry the sign of the effect themselves."""
LARGE = 3.0  # a difference of so many standard deviations is hardly ever seen
UNEVEN = 3.0  # sds of two arms that differ by more


def impossible(numbers: Mapping[str, Array], called: Mapping[str, str], rows: Rows) -> list[str]:
    """Sentences on cells that cannot be right together: more events than persons, limits that are swapped.

    Parameters
    ----------
    numbers : mapping of str to ndarray
        Statistics by name, shape (k,).
    called : mapping of str to str
        The column of each.
    rows : Rows
        For messages.

    Returns
    -------
    list of str
    """
    faults = []

    def name(statistic: str) -> str:
        return f"'{called.get(statistic, statistic)}'"

    for events, size in (("events1", "n1"), ("events2", "n2"), ("events", "n")):
        if events in numbers and size in numbers:
            whole = numbers[size] == np.floor(numbers[size])
            for row in np.flatnonzero(whole & (numbers[events] > numbers[size])).tolist():
                more = f"exceeds {name(size)}" if name(events) != name(size) else "tells more events than persons"
                faults.append(f"{name(events)} {more} for {rows.name(row)}: swapped columns?")
    for sd, size in (("sd1", "n1"), ("sd2", "n2"), ("sd", "n")):
        if sd in numbers and size in numbers:
            for row in np.flatnonzero((numbers[size] < 2.0) & ~np.isnan(numbers[sd])).tolist():
                faults.append(f"{name(size)} is {numbers[size][row]:g} for {rows.name(row)}, who can have no sd")
    if "r" in numbers and "n" in numbers:
        for row in np.flatnonzero((numbers["n"] < 4.0) & ~np.isnan(numbers["r"])).tolist():
            told = f"{name('n')} is {numbers['n'][row]:g} for {rows.name(row)}"
            faults.append(f"{told}: a correlation has a standard error from 4 persons on")
    if "lower" not in numbers or "upper" not in numbers:
        return faults
    low, high = numbers["lower"], numbers["upper"]
    for row in np.flatnonzero(low >= high).tolist():
        faults.append(f"lower {low[row]:g} is not below upper {high[row]:g} for {rows.name(row)}: swapped limits?")
    for statistic, y in _with_limits(numbers).items():
        for row in np.flatnonzero((low <= 0.0) & ~np.isnan(y) & (statistic in RATIOS)).tolist():
            told = f"{name('lower')} is {low[row]:g} for {rows.name(row)}, and '{called.get(statistic, statistic)}'"
            faults.append(f"{told} is a ratio: a limit above 0, with more digits if it was rounded to 0")
        for row in np.flatnonzero((low < high) & ((y < low) | (y > high))).tolist():
            limits = f"[{low[row]:g}, {high[row]:g}]"
            faults.append(f"{name(statistic)} is {y[row]:g} for {rows.name(row)}, outside its interval {limits}")
    return faults


def doubtful(numbers: Mapping[str, Array], rows: Rows) -> tuple[Remark, ...]:
    """What looks like something else: standard errors as sds, an interval that is not symmetric.

    Parameters
    ----------
    numbers : mapping of str to ndarray
        Statistics by name, shape (k,).
    rows : Rows
        For messages.

    Returns
    -------
    tuple of Remark
    """
    return (*_sd_like_se(numbers, rows), *_lopsided(numbers, rows), *_degrees(numbers, rows))


def opposed(numbers: Mapping[str, Array], sign: Array) -> Iterator[tuple[str, int]]:
    """Rows whose estimate lies on another side than a column of signs tells, each with what it says.

    Parameters
    ----------
    numbers : mapping of str to ndarray
        Statistics by name, shape (k,).
    sign : ndarray
        1, -1 or NaN, shape (k,).

    Yields
    ------
    tuple of str and int
        Words, and the row.
    """
    cells = [numbers.get(cell, np.full(len(sign), np.nan)) for cell in "abc"]
    sides = {statistic: numbers[statistic] for statistic in SIGNED if statistic in numbers}
    if "d" in sides:  # may be the last cell of a table
        sides["d"] = np.where(np.isnan(sum(cells)), sides["d"], np.nan)
    sides |= {ratio: np.log(np.maximum(numbers[ratio], 1e-300)) for ratio in sorted(RATIOS) if ratio in numbers}
    for after, before in (("m1", "m2"), ("post", "pre")):
        if {after, before} <= set(numbers):
            sides[f"{after} - {before}"] = numbers[after] - numbers[before]
    if {"post1", "post2"} <= set(numbers):
        unknown = np.full(len(sign), np.nan)
        at_first = np.nan_to_num(numbers.get("pre1", unknown) - numbers.get("pre2", unknown))
        sides["the difference of the groups"] = numbers["post1"] - numbers["post2"] - at_first
    if "p" in numbers:
        sides["p"] = np.where(numbers["p"] < 0.0, numbers["p"], np.nan)
    for statistic, values in sides.items():
        shown = numbers.get(statistic, values)
        for row in np.flatnonzero(values * sign < 0.0).tolist():
            yield f"{statistic} = {shown[row]:g}", row


def _sd_like_se(numbers: Mapping[str, Array], rows: Rows) -> list[Remark]:
    """A difference of many sds that is ordinary if the sds are standard errors; one arm's sd that fits only as one."""
    if not {"m1", "sd1", "n1", "m2", "sd2", "n2"} <= set(numbers):
        return []
    sd1, sd2 = numbers["sd1"], numbers["sd2"]
    root1, root2 = np.sqrt(numbers["n1"]), np.sqrt(numbers["n2"])
    difference = np.abs(numbers["m1"] - numbers["m2"])
    as_sd, as_se = (difference / np.sqrt((a**2 + b**2) / 2.0) for a, b in ((sd1, sd2), (sd1 * root1, sd2 * root2)))
    ratio = np.log(sd1 / sd2)
    one = (np.abs(ratio) > np.log(UNEVEN)) & (
        np.minimum(np.abs(ratio + np.log(root1)), np.abs(ratio - np.log(root2))) < np.log(1.5)
    )
    both = (as_sd > LARGE) & (as_se < LARGE)
    found = np.flatnonzero(both | one).tolist()
    if not found:
        return []
    told = listing(
        f"{rows.name(row)}: d = {as_sd[row]:.3g}, and {as_se[row]:.2g} were they standard errors"
        if both[row]
        else f"{rows.name(row)}: {sd1[row]:g} and {sd2[row]:g} in its two arms"
        for row in found
    )
    sentence = f"standard deviations that look like standard errors of means: {told}; if so, sd = se * sqrt(n)"
    return [Remark(sentence)]


def _degrees(numbers: Mapping[str, Array], rows: Rows) -> list[Remark]:
    """Degrees of freedom of a t or an F that the sizes beside it do not have, with any covariates or Welch's."""
    if "df" not in numbers:
        return []
    df = numbers["df"]
    unknown = np.full(len(df), np.nan)
    n1, n2, n = (numbers.get(size, unknown) for size in ("n1", "n2", "n"))
    two = ~np.isnan(n1 + n2)
    most, least = np.where(two, n1 + n2 - 2.0, n - 1.0), np.where(two, np.fmin(n1, n2) - 1.0, n / 2.0 - 1.0)
    odd = np.flatnonzero((df > most) | (df < least)).tolist()
    if not odd:
        return []
    told = listing(
        f"{rows.name(row)}: df = {df[row]:g}, n = {n1[row] + n2[row] if two[row] else n[row]:g}" for row in odd
    )
    return [Remark(f"degrees of freedom and sizes do not belong to one test: {told}; check the report")]


def _lopsided(numbers: Mapping[str, Array], rows: Rows) -> list[Remark]:
    """Intervals that are not symmetric about their estimate, on the scale on which they should be, beyond rounding."""
    remarks = []
    for statistic, estimates in _with_limits(numbers).items():
        y, low, high = estimates, numbers["lower"], numbers["upper"]
        if statistic in RATIOS:
            positive = np.where((low > 0.0) & (y > 0.0), 1.0, np.nan)
            y, low, high = (np.log(np.where(positive > 0.0, part, 1.0)) * positive for part in (y, low, high))
        elif statistic == "r":
            y, low, high = (np.arctanh(np.clip(part, -0.999, 0.999)) for part in (y, low, high))
        off = np.abs(y - (low + high) / 2.0) > LOPSIDED * (high - low) / 2.0
        if off.any():
            scale = "on the scale of logs " if statistic in RATIOS else ""
            advice = "; are these ratios, not logs?" if statistic.startswith("log_") else ""
            remarks.append(
                Remark(
                    f"intervals of '{statistic}' are not symmetric about it {scale}for {rows.names(off)}: check the "
                    f"estimate and its limits{advice}"
                )
            )
    return remarks


def _with_limits(numbers: Mapping[str, Array]) -> dict[str, Array]:
    """Estimates to which limits belong: those that are the only one of their row, NaN elsewhere."""
    there = {statistic: numbers[statistic] for statistic in WITH_INTERVAL if statistic in numbers}
    if not there or not {"lower", "upper"} <= set(numbers):
        return {}
    several = sum(~np.isnan(values) for values in there.values()) > 1
    return {statistic: np.where(several, np.nan, values) for statistic, values in there.items()}
