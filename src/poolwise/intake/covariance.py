"""The known covariance of sampling errors, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import InputError
from poolwise.intake.cells import Rows

Array = NDArray[np.float64]
SAME = 1e-6  # relative difference of a variance given twice that is rounding
ALIKE = 1e-8  # relative difference of an entry and its mirror image that is rounding


def diagonal(covariance: ArrayLike) -> Array:
    """Sampling variances, where nothing else tells them; shape (k,).

    Raises
    ------
    InputError
        When it is no square table of numbers.
    """
    return np.diagonal(_square(covariance)).copy()


def checked(covariance: Any, se: Array, keep: NDArray[np.bool_], rows: Rows) -> Array | None:
    """The covariance of the rows that are kept, read-only; None where none is given.

    Parameters
    ----------
    covariance : array_like or None
        Shape (k, k).
    se : ndarray
        Standard errors, shape (k,).
    keep : ndarray
        Rows without missing numbers, shape (k,).
    rows : Rows
        Their names.

    Returns
    -------
    ndarray or None

    Raises
    ------
    InputError
        When it is no covariance, or its diagonal is not that of the standard errors.
    """
    if covariance is None:
        return None
    table = _square(covariance)
    if len(table) != len(se):
        raise InputError(
            f"covariance has shape {table.shape} and y has {len(se)} values", f"shape ({len(se)}, {len(se)})"
        )
    table = table[np.ix_(keep, keep)]
    v, own = se[keep] ** 2, np.diagonal(table)
    named = rows.kept(keep)
    if not np.isfinite(table).all():
        raise InputError(
            f"covariance is not a number for {named.names(~np.isfinite(table).all(axis=1))}", "0 for independent errors"
        )
    wrong = np.abs(own - v) > SAME * v
    if wrong.any():
        raise InputError(
            f"covariance and standard errors disagree for {named.names(wrong)}: {own[wrong][0]:g} on the diagonal, "
            f"se^2 = {v[wrong][0]:g}",
            "variances on the diagonal",
            "covariance alone, without se and v",
        )
    root = np.sqrt(v)
    correlation = table / np.outer(root, root)
    if np.abs(correlation - correlation.T).max(initial=0.0) > ALIKE:
        raise InputError("covariance is not symmetric", "the same number on both sides of the diagonal")
    if len(table) and np.linalg.eigvalsh(correlation).min() <= 0.0:
        raise InputError(
            "covariance is not positive definite, as if some estimates were combinations of others",
            "correlations that can hold together",
            "fewer effects of one study, or smaller correlations",
        )
    whole = 0.5 * (table + table.T)
    np.fill_diagonal(whole, v)
    whole.setflags(write=False)
    return whole


def _square(covariance: ArrayLike) -> Array:
    try:
        table = np.array(covariance, dtype=float)
    except (TypeError, ValueError):
        raise InputError("covariance holds something that is no number", "a table of shape (k, k)") from None
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise InputError(f"covariance has shape {table.shape}", "a square table of shape (k, k)")
    return table
