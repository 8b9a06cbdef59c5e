"""Counts of zero: to which rows something is added, and a note on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import InputError
from poolwise.settings import as_number, check_option

Array = NDArray[np.float64]

ADD = 0.5
"""Half an observation, which all packages add to empty cells."""
TO = ("only0", "all", "if0all", "none")


def added(measure: str, empty: NDArray[np.bool_], add: float, to: str) -> tuple[Array, tuple[str, ...]]:
    """What is added to the counts of each row, and a note where it is anything.

    Parameters
    ----------
    measure : str
        For messages.
    empty : ndarray of bool
        Which rows have a count of zero.
    add : float
        How much, at least 0.
    to : str
        ``"only0"``: to rows with a zero; ``"all"``; ``"if0all"``: to all, if any has a zero; ``"none"``.

    Returns
    -------
    more : ndarray
        In the shape of `empty`.
    notes : tuple of str

    Raises
    ------
    InputError
        For another `to`, or an `add` that is no number of at least 0.

    References
    ----------
    Sweeting, Sutton & Lambert 2004, Statistics in Medicine 23:1351, 10.1002/sim.1761.
    """
    check_option("to", to, TO, error=InputError, whose=f"{measure}: ")
    amount = as_number(add)
    if not 0.0 <= amount < np.inf:
        raise InputError(f"{measure}: add = {add!r}", "a number of at least 0", f"add={ADD}")
    rows = {"only0": empty, "all": np.ones_like(empty), "if0all": np.full_like(empty, empty.any())}
    chosen = rows.get(to, np.zeros_like(empty))
    if amount == 0.0 or not chosen.any():
        return np.zeros(empty.shape), ()
    sentence = f"{measure}: {amount:g} was added to the counts of {int(chosen.sum())} of {chosen.size} rows"
    return np.where(chosen, amount, 0.0), (sentence,)


def positive(x: Array) -> Array:
    """Values above 0, NaN elsewhere."""
    return np.where(x > 0.0, x, np.nan)
