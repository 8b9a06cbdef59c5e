"""Reading of reported statistics: numbers that broadcast, each within what it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import InputError, listing, shown

Array = NDArray[np.float64]
_MOST_NAMED = 5


ASSUMED_PROB = 0.95
"""Probability of intervals whose level nobody told: that of nearly all, in the Cochrane Handbook, section 6.3.1."""


@dataclass(frozen=True)
class Domain:
    """What a statistic can be: in words for a message, and as a test of numbers."""

    words: str
    holds: Callable[[Array], NDArray[np.bool_]]


ANY = Domain("a finite number", np.isfinite)
POSITIVE = Domain("a number above 0", lambda x: np.isfinite(x) & (x > 0.0))
NOT_NEGATIVE = Domain("a number of at least 0", lambda x: np.isfinite(x) & (x >= 0.0))
SIGN = Domain("1 or -1", lambda x: np.abs(x) == 1.0)
RISK = Domain("a share strictly between 0 and 1", lambda x: np.isfinite(x) & (x > 0.0) & (x < 1.0))


def whole(least: int) -> Domain:
    """Whole numbers of at least this."""
    return Domain(
        f"a whole number of at least {least}", lambda x: np.isfinite(x) & (x >= float(least)) & (x == np.floor(x))
    )


COUNT, PEOPLE, GROUP = whole(0), whole(1), whole(2)
ITEMS = GROUP
CORRELATION = Domain("a correlation strictly between -1 and 1", lambda x: np.isfinite(x) & (np.abs(x) < 1.0))
SHARE = Domain("a share from 0 to below 1", lambda x: np.isfinite(x) & (x >= 0.0) & (x < 1.0))
PERCENTAGE = Domain("a percentage from 0 to 100", lambda x: np.isfinite(x) & (x >= 0.0) & (x <= 100.0))
PROPORTION = Domain("a proportion from 0 to 1", lambda x: np.isfinite(x) & (x >= 0.0) & (x <= 1.0))
SIGNED_P = Domain(
    "a p-value above 0 and at most 1, with the sign of the effect",
    lambda x: np.isfinite(x) & (np.abs(x) > 0.0) & (np.abs(x) <= 1.0),
)
P_VALUE = Domain("a p-value above 0 and at most 1", lambda x: np.isfinite(x) & (x > 0.0) & (x <= 1.0))
RELIABILITY = Domain("a reliability below 1", lambda x: np.isfinite(x) & (x < 1.0))


def read(measure: str, statistics: Mapping[str, tuple[ArrayLike, Domain]]) -> list[Array]:
    """The statistics of a measure as arrays that broadcast, in the order of the mapping.

    Parameters
    ----------
    measure : str
        For messages.
    statistics : mapping of str to (array_like, Domain)
        By name. NaN stands for a statistic that is missing, and makes the estimate missing.

    Returns
    -------
    list of ndarray
        Of floats, each of its own shape.

    Raises
    ------
    InputError
        For what is no number, shapes that do not broadcast, labels that disagree, and numbers outside their
        domain: all of them at once, with their places.
    """
    given = in_one_order(measure, {name: values for name, (values, _) in statistics.items()})
    arrays = {name: _floats(measure, name, values) for name, values in given.items()}
    try:
        np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InputError(f"{measure}: the shapes differ: {shapes}", "as many of each, or one for all") from None
    wrong = [
        _outside(name, array, statistics[name][1])
        for name, array in arrays.items()
        if not _all_hold(array, statistics[name][1])
    ]
    if wrong:
        raise InputError(f"{measure}: " + "; ".join(wrong))
    return list(arrays.values())


def in_one_order[Values](measure: str, statistics: Mapping[str, Values]) -> dict[str, Values]:
    """The statistics with the rows of each in the order of the first one that carries labels.

    Labels are the index of a series of pandas, or the coordinate of an array of xarray. What has one row stands for
    all, and what carries no labels is taken as it stands where all labels agree.

    Parameters
    ----------
    measure : str
        For messages.
    statistics : mapping of str to array_like
        By name, as handed in.

    Returns
    -------
    dict
        The same names.

    Raises
    ------
    InputError
        For labels that are not the same; for the same in another order where something without labels stands beside.
    """
    labelled = {name: _labels(values) for name, values in statistics.items()}
    labels = {name: own for name, own in labelled.items() if own is not None and len(own) > 1}
    if len(labels) < 2:
        return dict(statistics)
    first, reference = next(iter(labels.items()))
    moved = {name: own for name, own in labels.items() if not own.equals(reference)}
    bare = [name for name, values in statistics.items() if name not in labels and np.size(np.asarray(values)) > 1]
    result = dict(statistics)
    for name, own in moved.items():
        places = own.get_indexer(reference) if own.is_unique and len(own) == len(reference) else np.array([-1])
        if (places < 0).any() or bare:
            beside = f"; without labels: {listing(bare)}" if bare else ""
            told = f"{measure}: {name} is labelled {listing(own)} and {first} {listing(reference)}{beside}"
            raise InputError(told, "the same labels in one order", "columns of one frame, or .to_numpy() of each")
        rows: Any = getattr(statistics[name], "iloc", statistics[name])
        result[name] = rows[places]
    return result


def _labels(values: object) -> Any:
    """The labels of the rows, as an index of pandas; None where there are none."""
    index = getattr(values, "index", None)
    if index is not None and not callable(index):
        return index if hasattr(index, "get_indexer") else None
    dims: tuple[Any, ...] = getattr(values, "dims", ())
    return values.indexes.get(dims[0]) if len(dims) == 1 and hasattr(values, "indexes") else None


def refuse(measure: str, wrong: NDArray[np.bool_], what: str, expected: str, advice: str = "") -> None:
    """Refuse rows that are impossible together, naming their places.

    Raises
    ------
    InputError
        Where `wrong` holds anywhere.
    """
    if np.any(wrong):
        raise InputError(f"{measure}: {what}{_places(np.asarray(wrong))}", expected, advice)


def refuse_direction(measure: str, sign: ArrayLike, effect: Array, what: str) -> None:
    """Refuse rows whose effect lies on another side than a sign that is told beside it.

    Raises
    ------
    InputError
        Naming their places.
    """
    (signs,) = read(measure, {"sign": (sign, SIGN)})
    told = f"{what} and the sign disagree"
    refuse(measure, effect * signs < 0.0, told, "one direction", "leaving out sign: the statistics carry it")


def _floats(measure: str, name: str, values: ArrayLike) -> Array:
    if isinstance(values, complex) or np.iscomplexobj(values):
        raise InputError(f"{measure}: {name} holds complex numbers", "real numbers")
    try:
        if isinstance(values, np.ma.MaskedArray):
            return np.asarray(np.ma.filled(values.astype(float), np.nan))
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        advice = "None and NaN stand for what is missing; pw.Effects.from_statistics reads cells of text"
        raise InputError(f"{measure}: {name} was given {shown(values)}", "numbers", advice) from None


def _all_hold(array: Array, domain: Domain) -> bool:
    return bool(np.all(domain.holds(array) | np.isnan(array)))


def _outside(name: str, array: Array, domain: Domain) -> str:
    wrong = ~(domain.holds(array) | np.isnan(array))
    found = ", ".join(f"{value:g}" for value in array[wrong].ravel()[:_MOST_NAMED])
    return f"{name} is {found}{_places(wrong)}, expected {domain.words}"


def _places(wrong: NDArray[np.bool_]) -> str:
    """' (rows 2 and 7)', counted from 1; nothing for a single number."""
    if wrong.ndim == 0:
        return ""
    rows = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1)) + 1
    named = ", ".join(str(row) for row in rows[:_MOST_NAMED])
    more = f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else ""
    return f" (row{'s' if len(rows) > 1 else ''} {named}{more})"
