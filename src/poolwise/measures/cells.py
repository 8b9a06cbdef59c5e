"""The cells of a two-by-two table: read, checked, and added to where one is empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import InputError
from poolwise.measures.estimate import Estimate, estimate
from poolwise.measures.statistics import COUNT, read, refuse
from poolwise.measures.zeros import added, positive
from poolwise.settings import check_flag

Array = NDArray[np.float64]
type Values = tuple[Array, Array]
"""Estimates and their variances."""


@dataclass(frozen=True)
class Table:
    """Cells of two-by-two tables after counts were added, with a note on it."""

    a: Array
    b: Array
    c: Array
    d: Array
    notes: tuple[str, ...]

    @property
    def n1(self) -> Array:
        """People of the first group."""
        return self.a + self.b

    @property
    def n2(self) -> Array:
        """People of the second group."""
        return self.c + self.d

    @property
    def p1(self) -> Array:
        """Share with the event in the first group."""
        return over(self.a, self.n1)

    @property
    def p2(self) -> Array:
        """Share with the event in the second group."""
        return over(self.c, self.n2)

    @property
    def reciprocals(self) -> Array:
        """1/a + 1/b + 1/c + 1/d, NaN where a cell is empty."""
        return sum((over(1.0, cell) for cell in (self.a, self.b, self.c, self.d)), start=np.zeros(()))


class OfCells(Protocol):
    """A measure of two-by-two tables."""

    def __call__(
        self,
        *,
        a: ArrayLike,
        b: ArrayLike,
        c: ArrayLike,
        d: ArrayLike,
        add: float = ...,
        to: str = ...,
        drop00: bool = ...,
    ) -> Estimate:
        """Estimates of tables."""


def of_cells(measure: str, *, add: float) -> Callable[[Callable[[Table], Values]], OfCells]:
    """Make a measure of two-by-two tables of its arithmetic: cells are read, checked and added to before it.

    Parameters
    ----------
    measure : str
        Its code.
    add : float
        What is added to the cells by default: half an observation, or nothing where nothing is needed.
    """
    usual = add

    def made(arithmetic: Callable[[Table], Values]) -> OfCells:
        def of_tables(
            *,
            a: ArrayLike,
            b: ArrayLike,
            c: ArrayLike,
            d: ArrayLike,
            add: float = usual,
            to: str = "only0",
            drop00: bool = False,
        ) -> Estimate:
            t = table(measure, a, b, c, d, add=add, to=to, drop00=drop00)
            return estimate(measure, *arithmetic(t), t.notes)

        for name in ("__module__", "__name__", "__qualname__", "__doc__"):
            setattr(of_tables, name, getattr(arithmetic, name))
        return of_tables

    return made


def table(
    measure: str,
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    d: ArrayLike,
    *,
    add: float,
    to: str,
    drop00: bool,
) -> Table:
    """Cells that have been read, checked and, where they are to be, added to; see `log_odds_ratio`."""
    check_flag("drop00", drop00, error=InputError)
    cells = stacked(measure, a, b, c, d)
    refuse(measure, (cells[:2].sum(axis=0) == 0) | (cells[2:].sum(axis=0) == 0), "a group is empty", "people in both")
    silent = ((cells[0] + cells[2] == 0.0) | (cells[1] + cells[3] == 0.0)) & drop00
    more, notes = added(measure, (cells == 0.0).any(axis=0), add, to)
    if silent.any():
        notes = (*notes, f"{measure}: {int(silent.sum())} tables without an event, or with nothing else, are left out")
    left = np.where(silent, np.nan, cells + more)
    return Table(left[0], left[1], left[2], left[3], notes)


def stacked(measure: str, a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike) -> Array:
    """Four counts of one shape, shape (4, ...)."""
    counts = {"a": (a, COUNT), "b": (b, COUNT), "c": (c, COUNT), "d": (d, COUNT)}
    return np.stack(np.broadcast_arrays(*read(measure, counts)))


def over(x: ArrayLike, y: Array) -> Array:
    """Ratios, NaN where y is 0."""
    return np.asarray(x, dtype=float) / np.where(y == 0.0, np.nan, y)


def log(x: Array) -> Array:
    """The log of values above 0, NaN elsewhere."""
    return np.log(positive(x))
