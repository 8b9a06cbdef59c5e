"""Columns of a frame, correlations and ratios as estimates with standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from poolwise.errors import InputError
from poolwise.intake.cells import Array, Remark, Rows, numbers

CI_TOLERANCE = 0.1  # of half the interval's width, beyond rounding
SE_TOLERANCE = 0.05  # relative, beyond rounding


def fisher_z(r: Any, n: Any, rows: Rows) -> tuple[Array, Array, Array, tuple[Remark, ...]]:
    """Fisher's z = atanh(r) and its standard error 1 / sqrt(n - 3).

    Parameters
    ----------
    r, n : array_like
        Correlations and sample sizes, shape (k,).
    rows : Rows
        What the rows are called in messages.

    Returns
    -------
    z, se, n : ndarray
        Shape (k,).
    remarks : tuple of Remark
        Cells that were read without their marks.

    Raises
    ------
    InputError
        For a correlation outside (-1, 1) or n of 3 or less.

    References
    ----------
    Fisher 1921, Metron 1:3; Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 6, 10.1002/9780470743386.
    """
    (r, read), (n, more) = numbers(r, "r", rows), numbers(n, "n", rows)
    if len(r) != len(n):
        raise InputError(f"n has {len(n)} values and r has {len(r)}", "one for each study")
    outside = np.abs(r) > 1
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        advice = f"r / 100 if {r[row]:g} is a percentage" if abs(r[row]) <= 100 else "looking for a swapped column"
        raise InputError(f"r is {r[row]:g}, outside [-1, 1], for {rows.names(outside)}", "correlations", advice)
    if (np.abs(r) == 1).any():
        raise InputError(
            f"r is exactly 1 or -1 for {rows.names(np.abs(r) == 1)}, where Fisher's z is infinite",
            "|r| below 1",
            "looking for a variable correlated with itself, or leaving the study out",
        )
    if (n <= 3).any():
        raise InputError(
            f"n is 3 or less for {rows.names(n <= 3)}, where Fisher's z has no standard error",
            "n above 3",
            "leaving the study out",
        )
    from poolwise.measures.correlations import (
        z_and_variance,  # here, since `import poolwise` needs none of the measures
    )

    z, v = z_and_variance(r, n)
    return z, np.sqrt(v), n, (*read, *more)


def log_ratios(
    ratio: Any, se_log: Any, limits: tuple[Any, Any], told: float | None, rows: Rows
) -> tuple[Array, Array, tuple[Remark, ...]]:
    """Logs of ratios and their standard errors, and what was noticed.

    Standard errors come from `se_log`, or from the limits: (log upper - log lower) / (2 z).

    Parameters
    ----------
    ratio : array_like
        Ratios, shape (k,).
    se_log : array_like or None
        Standard errors of their logs, shape (k,).
    limits : tuple of array_like or None
        Lower and upper limits of the ratios, shape (k,).
    told : float or None
        Probability of the intervals between them; the usual one, with a remark, when None.
    rows : Rows
        What the rows are called in messages.

    Returns
    -------
    y, se : ndarray
        Shape (k,).
    remarks : tuple of Remark

    Raises
    ------
    InputError
        For ratios or limits of 0 or less, limits in the wrong order, a ratio outside them, a standard error
        that contradicts them, or no standard errors at all.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 5, 10.1002/9780470743386.
    """
    ratio, read = numbers(ratio, "ratio", rows)
    columns: list[Array | None] = []
    for values, name in zip((se_log, *limits), ("se_log", "lower", "upper"), strict=True):
        found, more = _beside(values, name, len(ratio), rows)
        columns.append(found)
        read += more
    se, lower, upper = columns
    _check_positive(ratio, "ratio", rows)
    if lower is None or upper is None:
        if se is None or lower is not None or upper is not None:
            raise InputError("a ratio needs se_log, or both lower and upper", "the standard error of the log ratio")
        return np.log(ratio), se, read
    _check_positive(lower, "lower", rows)
    _check_positive(upper, "upper", rows)
    _check_order(ratio, lower, upper, rows)
    y, low, high = np.log(ratio), np.log(lower), np.log(upper)
    from poolwise.measures.statistics import ASSUMED_PROB  # as above

    prob = ASSUMED_PROB if told is None else told
    step = 0.5 * 10.0 ** -_decimals(ratio, lower, upper)
    rounding = step * (1 / ratio + 1 / lower + 1 / upper)
    se_limits = (high - low) / (2.0 * float(special.ndtri(0.5 + prob / 2.0)))
    remarks = (*read, *_symmetry(y, low, high, rounding, step, rows))
    if told is None:
        sentence = f"limits were taken as those of {ASSUMED_PROB:.0%} intervals"
        remarks = (*remarks, Remark(f"{sentence}; prob={ASSUMED_PROB:g} (or another) tells it", warn=False))
    if prob < 0.5:
        rare = f"the limits are read as those of {100 * prob:g} % intervals, which few report; prob=0.95 for 95 %"
        remarks = (*remarks, Remark(rare))
    if se is None:
        return y, se_limits, remarks
    width = 2.0 * float(special.ndtri(0.5 + prob / 2.0))
    _check_agreement(se, se_limits, 0.5 * 10.0 ** -_decimals(lower, upper) * (1 / lower + 1 / upper) / width, rows)
    return y, np.where(np.isnan(se), se_limits, se), remarks


def _check_agreement(se: Array, se_limits: Array, rounding: Array, rows: Rows) -> None:
    """Refuse standard errors that contradict the limits beyond their rounding."""
    apart = np.abs(se - se_limits) > SE_TOLERANCE * se_limits + rounding
    if apart.any():
        row = int(np.flatnonzero(apart)[0])
        raise InputError(
            f"se_log and the limits disagree for {rows.names(apart)}: {se[row]:.4g} and {se_limits[row]:.4g} "
            f"in row {rows.number(row)}",
            "the standard error of the log ratio",
            "lower and upper alone; or another prob",
        )


def _beside(values: Any, name: str, k: int, rows: Rows) -> tuple[Array | None, tuple[Remark, ...]]:
    """A further column of as many numbers as there are ratios, None for none; and what was noticed."""
    if values is None:
        return None, ()
    found, read = numbers(values, name, rows)
    if len(found) != k:
        raise InputError(f"{name} has {len(found)} values and ratio has {k}", "one for each study")
    return found, read


def _check_positive(values: Array, name: str, rows: Rows) -> None:
    bad = (values <= 0) | np.isinf(values)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{name} is {values[row]:g} for {rows.names(bad)}",
            "ratios above 0",
            "Effects(y, se=...) if the numbers are logs already",
        )


def _check_order(ratio: Array, lower: Array, upper: Array, rows: Rows) -> None:
    swapped = lower >= upper
    if swapped.any():
        raise InputError(f"lower is not below upper for {rows.names(swapped)}", "lower < ratio < upper")
    outside = (ratio < lower) | (ratio > upper)
    if outside.any():
        raise InputError(f"the ratio lies outside its limits for {rows.names(outside)}", "lower < ratio < upper")


def _symmetry(y: Array, low: Array, high: Array, rounding: Array, step: float, rows: Rows) -> tuple[Remark, ...]:
    """Remark on intervals that are not symmetric about the log ratio beyond what rounding explains."""
    askew = np.abs(y - (low + high) / 2.0) > CI_TOLERANCE * (high - low) / 2.0 + rounding
    natural = _natural(y, low, high, step)
    if not askew.any() and not natural:
        return ()
    if natural:
        told = "all limits are symmetric about the ratios themselves and not about their logs"
        advice = (
            "their standard errors are then half the widths by 1.96, on the scale of the ratio; check how they came"
        )
        return (Remark(f"{told}; {advice}"),)
    return (
        Remark(
            f"the limits are not symmetric about the log ratio for {rows.names(askew)}; check the three "
            "numbers, and whether the interval is of another kind"
        ),
    )


def _natural(y: Array, low: Array, high: Array, step: float) -> bool:
    """Whether intervals are symmetric about the ratios throughout, though their logs would tell the difference."""
    known = np.isfinite(y) & np.isfinite(low) & np.isfinite(high)
    if known.sum() < 3:
        return False
    y, low, high = y[known], low[known], high[known]
    askew = np.exp(y) - (np.exp(low) + np.exp(high)) / 2.0
    off = np.abs(askew) / (np.exp(high) - np.exp(low)) * 2.0
    logs = (y - (low + high) / 2.0) / (high - low) * 2.0
    printed = np.abs(np.exp(2.0 * y - low) - np.exp(high)) > step  # where rounding does not hide the difference
    return bool(printed.mean() > 0.5 and off.max() < 0.02 and logs.min() > 4.0 * off.max() and logs.mean() > 0.05)


def _decimals(*columns: Array) -> int:
    """Decimals to which numbers were printed, at most 9."""
    printed = (np.format_float_positional(x, trim="-") for x in np.concatenate(columns).tolist() if np.isfinite(x))
    return min(max((len(text.partition(".")[2]) for text in printed), default=0), 9)
