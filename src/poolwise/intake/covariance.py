"""The known covariance of sampling errors, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError
from poolwise.intake.alignment import order_of
from poolwise.intake.cells import Remark, Rows, block
from poolwise.intake.columns import Block, Labels

Array = NDArray[np.float64]
SAME = 1e-6  # relative difference of a variance given twice that is rounding
SINGULAR = 1e-12  # smallest eigenvalue of the correlations that is rounding
ALIKE = 1e-8  # relative difference of an entry and its mirror image that is rounding


def square(covariance: Any) -> Block | None:
    """The covariance as it was handed in, and the labels of its rows; None for none.

    Labels of the columns have to be those of the rows, in any order.

    Raises
    ------
    InputError
        When it is no square table of numbers, or its rows and columns are not labelled alike.
    """
    if covariance is None:
        return None
    if isinstance(covariance, str | bytes):
        raise InputError(f"covariance is {covariance!r}, which is no number", "a square table of shape (k, k)")
    own = block(covariance, "covariance", "a square table of shape (k, k)")
    values, labels, columns = own.values, own.labels, own.columns
    if values.shape[0] != values.shape[1]:
        raise InputError(f"covariance has shape {values.shape}", "a square table of shape (k, k)")
    named = columns if columns and columns != tuple(map(str, range(len(columns)))) else ()
    if labels is None or labels.kind == "default":
        kind = "numbers" if all(name.isdigit() for name in named) else "text"
        return Block(values, Labels(named, kind) if named else None, square=True)
    if named and named != labels.names:
        values = values[:, order_of(named, labels.names, "the columns of covariance", "its rows")]
    return Block(values, labels, square=True)


def check_size(covariance: Block, k: int) -> None:
    """Refuse a covariance of another number of rows.

    Raises
    ------
    InputError
        Naming both numbers.
    """
    if len(covariance) != k:
        raise InputError(
            f"covariance has {len(covariance)} values on its diagonal and y has {k} values", f"shape ({k}, {k})"
        )


def checked(covariance: Block | None, se: Array, keep: NDArray[np.bool_], rows: Rows) -> Array | None:
    """The covariance of the rows that are kept, read-only; None where none is given.

    Parameters
    ----------
    covariance : Block or None
        Shape (k, k), in the order of the rows.
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
    table = covariance.values[np.ix_(keep, keep)]
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
    apart = np.abs(correlation - correlation.T)
    if apart.max(initial=0.0) > ALIKE:
        i, j = np.unravel_index(np.argmax(apart), apart.shape)
        told = f"{table[i, j]:g} and {table[j, i]:g} for {named.name(int(i))} and {named.name(int(j))}"
        raise InputError(f"covariance is not symmetric: {told}", "the same number on both sides of the diagonal")
    if len(table) and (least := float(np.linalg.eigvalsh(correlation).min())) <= SINGULAR:
        raise InputError(
            "covariance is not positive definite, as if some estimates were combinations of others: the least "
            f"eigenvalue of its correlations is {least:.2g}",
            "correlations that can hold together",
            "fewer effects of one study, or smaller correlations",
        )
    whole = 0.5 * (table + table.T)
    np.fill_diagonal(whole, v)
    whole.setflags(write=False)
    return whole


def correlation_remarks(covariance: Array | None) -> tuple[Remark, ...]:
    """What a covariance looks like that has 1 everywhere on its diagonal and correlated errors."""
    if covariance is None or len(covariance) < 2 or np.ptp(np.append(np.diagonal(covariance), 1.0)) > ALIKE:
        return ()
    if not (covariance - np.diag(np.diagonal(covariance))).any():
        return ()
    return (Remark("covariance has 1 throughout its diagonal as correlations have; a covariance is r_ij se_i se_j"),)
