"""Estimates that an unreliable measure made smaller, corrected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import InputError, ModelError, nearest
from poolwise.intake.alignment import arranged
from poolwise.intake.cells import Rows, numbers
from poolwise.intake.columns import Column, column
from poolwise.scale import Scale

Array = NDArray[np.float64]
SHRUNK = ("SMD", "Fisher z", "identity")
"""Scales whose effects are in the unit of a measure's standard deviation (identity: correlations as they are)."""


def reliabilities(given: str | float | ArrayLike, moderators: pd.DataFrame, labels: Sequence[str], rows: Rows) -> Array:
    """The reliability of each estimate's measure, shape (k,).

    Parameters
    ----------
    given : str, float or array_like
        A column of the moderators, one number for all, or one for each estimate.
    moderators : DataFrame
    labels : sequence of str
        Of the estimates, length k.
    rows : Rows
        What messages call them.

    Returns
    -------
    ndarray

    Raises
    ------
    InputError
        For a column that does not exist, another number of values, and what is no reliability.
    """
    if isinstance(given, str):
        if given not in moderators:
            raise InputError(f"there is no column '{given}'", advice=nearest(given, map(str, moderators.columns)))
        given = moderators[given].to_numpy()
    expected = "numbers above 0 and at most 1"
    alone = not np.iterable(given)
    own = column([given] * len(labels) if alone else given, "reliability", expected)
    if len(own) != len(labels):
        raise InputError(f"reliability has shape ({len(own)},)", f"one number, or shape ({len(labels)},)")
    own = arranged({"reliability": own}, Column(list(labels)))["reliability"]
    each = numbers(own, "reliability", rows)[0]
    wrong = ~((each > 0.0) & (each <= 1.0))
    if wrong.any():
        raise InputError(
            f"the reliability is {each[wrong][0]:g} for {rows.names(wrong)}",
            "above 0 and at most 1 for each estimate",
            "the mean reliability of the measure in the other studies, where a study reports none",
        )
    return np.array(each)


def corrected(y: Array, reliability: Array, scale: Scale, rows: Rows) -> tuple[Array, Array]:
    """Estimates of effects on what a measure measures, and what their standard errors are multiplied by.

    y / sqrt(r) and 1 / sqrt(r); on the Fisher z scale atanh(tanh(z) / sqrt(r)), and the derivative of that.

    Parameters
    ----------
    y, reliability : ndarray
        Estimates and the reliability of their measures, shape (k,).
    scale : Scale
        What the estimates are.
    rows : Rows
        What messages call them.

    Returns
    -------
    tuple of ndarray
        Shape (k,) each.

    Raises
    ------
    ModelError
        On a scale whose effects unreliability does not shrink in this way.
    InputError
        For correlations that would not be below 1.

    References
    ----------
    Wiernik & Dahlke 2020, Advances in Methods and Practices in Psychological Science 3:94, 10.1177/2515245919885611.
    """
    root = np.sqrt(reliability)
    if scale.name not in SHRUNK:
        raise ModelError(
            f"effects on the scale '{scale}' are not in the unit of a measure's standard deviation",
            "one of " + ", ".join(SHRUNK),
        )
    if scale.name != "Fisher z":
        return y / root, 1.0 / root
    r = np.tanh(y)
    whole = r / root
    wrong = np.abs(whole) >= 1.0
    if wrong.any():
        raise InputError(
            f"a correlation of {r[wrong][0]:.3g} with the reliability {reliability[wrong][0]:.3g} is corrected to "
            f"{whole[wrong][0]:.3g} for {rows.names(wrong)}",
            "correlations below the root of the reliability",
        )
    return np.arctanh(whole), (1.0 - r**2) / (1.0 - whole**2) / root


def way(derivation: str, reliability: float) -> str:
    """How an estimate came about, with its correction; "" where it was reported itself and the note says all."""
    return f"{derivation}; corrected for the reliability {reliability:.3g}" if derivation else ""


def sentence(reliability: Array) -> str:
    """What a corrected table says of itself."""
    low, high = reliability.min(), reliability.max()
    told = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
    return f"effects and standard errors are corrected for the reliability of a measure ({told}), taken as known"
