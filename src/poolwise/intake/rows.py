"""Checks of the study table row by row: which rows stop the analysis, which are left out, which repeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import chain, count
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.errors import InputError, listing
from poolwise.intake.cells import Array, Remark, Rows

LARGEST = 1e30  # up to here every sum of weights, and of their third powers times squares of estimates, is a number
SMALLEST = 1e-30  # likewise: a scale-free answer needs its variances far from where numbers under- and overflow
SE_V_TOLERANCE = 1e-6
MOST_PERSONS = 1e11  # more than ever lived
KEY_COLUMNS = ("timepoint", "rater")
BESIDES = ("report", "definition", "measure", "variant", "follow_up", "group")
"""Columns that tell effects of one study apart as well."""
EVENTS = ("events_treated", "events_control")
TOTALS = ("total_treated", "total_control")
ONE_ARM = ("events", "total")
ARMS = ("n1", "n2")
ADJUSTED = "adjusted"


def standard_errors(se: Array | None, v: Array | None, rows: Rows) -> Array:
    """Standard errors from what was given.

    Parameters
    ----------
    se, v : ndarray or None
        Standard errors and variances, shape (k,); where both are known they must agree.
    rows : Rows
        What the rows are called in messages.

    Returns
    -------
    ndarray
        Shape (k,), NaN where neither is known.

    Raises
    ------
    InputError
        When neither is given, both disagree, or one is infinite, negative or zero.
    """
    if se is None and v is None:
        raise InputError("no standard errors are given", "se= or v= (variances)", "se=...")
    for values, word, name in ((se, "standard error", "se"), (v, "variance", "v")):
        if values is not None:
            _check_spread(values, word, name, rows)
    if v is None:
        assert se is not None
        return se
    if se is None:
        return np.sqrt(v)
    apart = np.abs(se**2 - v) > SE_V_TOLERANCE * v
    if apart.any():
        row = int(np.flatnonzero(apart)[0])
        raise InputError(
            f"se and v disagree for {rows.names(apart)}: se^2 = {se[row] ** 2:.6g} and v = {v[row]:.6g} "
            f"in row {rows.number(row)}",
            "v = se^2",
            "passing only one of the two",
        )
    return np.where(np.isnan(se), np.sqrt(v), se)


def _check_spread(values: Array, word: str, name: str, rows: Rows) -> None:
    """Refuse standard errors or variances that are infinite, negative, zero or beyond the arithmetic."""
    power = 1 if word == "standard error" else 2
    low, high = SMALLEST**power, LARGEST**power
    if np.all((values >= low) & (values <= high)):
        return
    if np.isinf(values).any():
        raise InputError(
            f"the {word} is infinite for {rows.names(np.isinf(values))}",
            f"finite numbers in {name}",
            "looking at the conversion that made it (division by zero, log of 0); leave it empty if unknown",
        )
    if (values < 0).any():
        raise InputError(
            f"negative {word} for {rows.names(values < 0)}: {listing(f'{x:g}' for x in values[values < 0])}",
            f"a {word} above 0",
            "looking for a swapped column or a log taken by mistake",
        )
    if (values == 0).any():
        raise InputError(
            f"the {word} is 0 for {rows.names(values == 0)}",
            f"a {word} above 0; a study with no sampling error would take all the weight",
            "checking the conversion and the rounding, or leaving the study out",
        )
    extreme = (values < low) | (values > high)
    if extreme.any():
        raise InputError(
            f"the {word} is beyond the range of the arithmetic for {rows.names(extreme)}: "
            f"{listing(f'{x:g}' for x in values[extreme])}",
            f"a standard error between {SMALLEST:g} and {LARGEST:g}",
            "another unit for y and se",
        )


def check_estimates(y: Array, rows: Rows) -> None:
    """Refuse infinite or immense estimates.

    Raises
    ------
    InputError
        Naming the rows.
    """
    if (np.abs(y[np.isfinite(y)]) > LARGEST).any():
        huge = np.isfinite(y) & (np.abs(y) > LARGEST)
        raise InputError(
            f"the effect is beyond the range of the arithmetic for {rows.names(huge)}: "
            f"{listing(f'{x:g}' for x in y[huge])}",
            f"effects between {-LARGEST:g} and {LARGEST:g}",
            "another unit for y and se",
        )
    bad = np.isinf(y)
    if bad.any():
        raise InputError(
            f"the effect is infinite for {rows.names(bad)}",
            "finite numbers in y",
            "looking at the conversion that made it (atanh of 1, log of 0); leave it empty if unknown",
        )


def check_sizes(n: Array, rows: Rows) -> None:
    """Refuse sample sizes that are not counts of people.

    Raises
    ------
    InputError
        Naming the rows.
    """
    bad = (n < 1) | (n > MOST_PERSONS)
    if bad.any():
        raise InputError(
            f"n is {listing(f'{x:g}' for x in n[bad])} for {rows.names(bad)}",
            "a sample size from 1 to 1e11, or an empty cell when it is unknown",
        )
    parts = np.isfinite(n) & (n != np.round(n))
    if parts.any():
        raise InputError(
            f"n is {listing(f'{x:g}' for x in n[parts])} for {rows.names(parts)}, no whole number",
            "a whole number of people in each cell of n",
            "looking for marks of thousands read as decimals; an effective sample size belongs into se, not into n",
        )


def invented(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The labels, with ``"study 2"`` in row 2 where there is none, or another that no study has."""
    if all(labels):
        return labels
    taken = set(labels)

    def free(row: int) -> str:
        if (name := f"study {row}") not in taken:
            return name
        further = (f"unlabelled study {row} ({number})" for number in count(2))
        return next(name for name in chain((f"unlabelled study {row}",), further) if name not in taken)

    return tuple(label or free(row) for row, label in enumerate(labels, start=1))


def missing_rows(
    y: Array, se: Array, rows: Rows, absent: Mapping[int, str] = MappingProxyType({}), advice: str = ""
) -> tuple[NDArray[np.bool_], tuple[Remark, ...]]:
    """The rows that have an effect and a standard error, and the sentence that lists the others.

    Parameters
    ----------
    y, se : ndarray
        Estimates and standard errors, shape (k,), NaN where missing.
    rows : Rows
        What the rows are called in messages.
    absent : mapping of int to str
        Why a row has neither, where more is known.
    advice : str
        What to know of such rows, and to try.

    Returns
    -------
    keep : ndarray of bool
        Shape (k,).
    remarks : tuple of Remark
        Empty when no row is missing anything.
    """
    no_effect, no_se = np.isnan(y), np.isnan(se)
    gone = no_effect | no_se
    if not gone.any():
        return ~gone, ()

    def why(row: int) -> str:
        if row in absent:
            return absent[row]
        what = "no effect" if no_effect[row] else ""
        return " and ".join(part for part in (what, "no standard error" if no_se[row] else "") if part)

    listed = listing(f"{rows.name(row)}: {why(row)}" for row in np.flatnonzero(gone).tolist())
    return ~gone, (Remark(f"{gone.sum()} of {len(y)} studies dropped: {listed}" + (f"; {advice}" if advice else "")),)


def unique_labels(
    study: tuple[str, ...],
    outcome: tuple[str, ...],
    moderators: pd.DataFrame,
    y: Array,
    se: Array,
    rows: Rows,
) -> tuple[tuple[str, ...], tuple[Remark, ...]]:
    """Labels that tell the effects on one outcome apart, and what repeated labels may mean.

    The key of an effect is its study and outcome, with `timepoint` and `rater` where the moderators have
    such columns.

    Parameters
    ----------
    study, outcome : tuple of str
        Length k.
    moderators : DataFrame
        k rows.
    y, se : ndarray
        Shape (k,).
    rows : Rows
        What the rows are called in messages.

    Returns
    -------
    labels : tuple of str
        Length k; a later effect of one study on one outcome has its number behind the label.
    remarks : tuple of Remark

    Raises
    ------
    InputError
        When a key that names a timepoint or a rater occurs twice.
    """
    keys = list(zip(study, outcome, strict=True))
    if len(set(keys)) == len(keys):
        return study, ()
    groups: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    repeated = {key: group for key, group in groups.items() if len(group) > 1}
    _check_full_keys(repeated, moderators, rows)
    taken, labels = set(study), list(study)
    for (name, _), group in repeated.items():
        numbered = (f"{name} ({number})" for number in count(2))
        for row in group[1:]:
            labels[row] = next(label for label in numbered if label not in taken)
            taken.add(labels[row])
    return tuple(labels), _repetition_remarks(repeated, y, se, rows)


def twins(numbers: Array, outcome: tuple[str, ...], moderators: pd.DataFrame, rows: Rows) -> tuple[Remark, ...]:
    """Rows of a table without labels that are the same in every number and in their key.

    Parameters
    ----------
    numbers : ndarray
        Estimates, standard errors, sample sizes, shape (3, k).
    outcome : tuple of str
        Length k.
    moderators : DataFrame
        k rows.
    rows : Rows
        What the rows are called in messages.

    Returns
    -------
    tuple of Remark
    """
    keys = [outcome, *(moderators[name].astype(str) for name in KEY_COLUMNS if name in moderators)]
    groups: dict[tuple[object, ...], list[int]] = {}
    for row, key in enumerate(zip(*np.nan_to_num(numbers, nan=-1.0).tolist(), *keys, strict=True)):
        groups.setdefault(key, []).append(row)
    same = [f"rows {listing(rows.number(row) for row in group)}" for group in groups.values() if len(group) > 1]
    if not same:
        return ()
    return (Remark(f"identical rows: {'; '.join(same)}; a study entered twice counts twice; labels tell them apart"),)


def _check_full_keys(repeated: dict[tuple[str, str], list[int]], moderators: pd.DataFrame, rows: Rows) -> None:
    """Refuse a key that names a timepoint or a rater and occurs twice."""
    columns = [column for column in KEY_COLUMNS if column in moderators]
    if not columns:
        return
    columns += [column for column in BESIDES if column in moderators]
    details = list(zip(*(moderators[column].astype(str) for column in columns), strict=True))
    for group in repeated.values():
        seen: dict[tuple[str, ...], int] = {}
        for row in group:
            first = seen.setdefault(details[row], row)
            if first != row:
                raise InputError(
                    f"the same study, outcome, {' and '.join(columns)} occur twice: {rows.name(first)} "
                    f"and {rows.name(row)} ({', '.join(details[row])})",
                    "one effect for each",
                    "removing one of the rows, or correcting its key",
                )


def _repetition_remarks(
    repeated: dict[tuple[str, str], list[int]], y: Array, se: Array, rows: Rows
) -> tuple[Remark, ...]:
    same_numbers: list[str] = []
    kin: list[str] = []
    for (name, outcome), group in repeated.items():
        where = f"'{name}'" + (f" on '{outcome}'" if outcome else "")
        often = Counter((y[row], se[row]) for row in group)
        same = [row for row in group if often[y[row], se[row]] > 1]
        if same:
            same_numbers.append(f"{where} (rows {listing(rows.number(row) for row in same)})")
        if len(often) > 1:
            kin.append(f"{where} (rows {listing(rows.number(row) for row in group)})")
    remarks = []
    if same_numbers:
        remarks.append(
            f"identical rows: {listing(same_numbers)}; a study entered twice counts twice; remove one unless they "
            "are different samples (later ones are labelled '(2)', '(3)', ...)"
        )
    if kin:
        remarks.append(
            f"several effects from one study: {listing(kin)}; all models but ThreeLevel() treat them as "
            "independent, which they are not if they share participants; combine them first, or choose one (later "
            "ones are labelled '(2)', '(3)', ...)"
        )
    return tuple(Remark(sentence) for sentence in remarks)
