"""Many study tables in one array, read as columns are and matched by their labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError
from poolwise.intake.alignment import order_of
from poolwise.intake.cells import block, numbers
from poolwise.intake.columns import ONE_EACH, Block, column, is_table

SHAPE = "shape (n, k), NaN where a table has fewer studies"


def tables(values: Any, what: str) -> Block:
    """Numbers of many tables, shape (n, k), or (1, k) for one.

    Parameters
    ----------
    values : object
        An array, a frame with a row for each table, a list of lists, or one column.
    what : str
        What it is called in messages.

    Returns
    -------
    Block

    Raises
    ------
    InputError
        For another number of dimensions, and for cells that are no numbers.
    """
    if isinstance(values, int | float | complex | np.number) or getattr(values, "ndim", 1) == 0:
        raise InputError(f"{what} is {values!r}", SHAPE)
    if is_table(values) or getattr(values, "ndim", 1) > 1:
        return block(values, what, SHAPE)
    own = column(values, what, ONE_EACH)
    lines = own.tolist()
    if any(np.iterable(line) and not isinstance(line, str | bytes) for line in lines):
        return block(lines, what, SHAPE)
    names = () if own.labels is None or own.labels.kind == "default" else own.labels.names
    return Block(np.atleast_2d(numbers(own, what)[0]), columns=names)


def like(given: Block, first: Block, what: str, other: str) -> NDArray[np.float64]:
    """The numbers of a block in the order of another one, by the labels that both carry.

    Raises
    ------
    InputError
        For labels that are not the same.
    """
    values = given.values
    if values.shape[1] != first.values.shape[1]:
        return values
    both = given.labels is not None and first.labels is not None and values.shape == first.values.shape
    if both and given.labels is not None and first.labels is not None and given.labels.names != first.labels.names:
        values = values[order_of(given.labels.names, first.labels.names, f"the rows of {what}", f"the rows of {other}")]
    if given.columns and first.columns and given.columns != first.columns:
        values = values[:, order_of(given.columns, first.columns, f"the columns of {what}", f"the columns of {other}")]
    return values
