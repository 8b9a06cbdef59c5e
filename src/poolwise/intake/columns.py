"""Whatever holds a column or a table, read exactly once into cells with the labels that it carries."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Hashable, Iterable, KeysView, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.errors import InputError, listing, shown
from poolwise.intake.labels import text_of

Cells = NDArray[Any] | list[Any]
ONE_EACH = "one value for each study"
ALONE = (str, bytes, int, float, np.number, np.bool_)  # a cell that stands for every row of a table


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels that the rows of a column or a table carry.

    Attributes
    ----------
    names : tuple of str
        One for each row.
    kind : {"text", "numbers", "default"}
        Names; numbers such as those of the rows of a larger frame; or 0, 1, 2, ..., which name nothing.
    title : str
        What the labels are called; empty where they have no name.
    """

    names: tuple[str, ...]
    kind: str
    title: str = ""

    def taken(self, order: Sequence[int]) -> Labels:
        """Those of some rows."""
        return replace(self, names=tuple(self.names[row] for row in order))


@dataclass(frozen=True, eq=False)
class Column:
    """One column, read once.

    Attributes
    ----------
    cells : ndarray or list
        Numbers in an array of shape (k,), or k cells of any kind; a cell that is masked is None.
    labels : Labels or None
        None where the rows carry none.
    name : str
        The column's own name; empty where it has none.
    dtype : CategoricalDtype or None
        The levels and their order, where they are declared.
    """

    cells: Cells
    labels: Labels | None = None
    name: str = ""
    dtype: pd.CategoricalDtype | None = None

    def __len__(self) -> int:
        return len(self.cells)

    def taken(self, order: Sequence[int]) -> Column:
        """Some rows, in that order."""
        cells = self.cells[list(order)] if isinstance(self.cells, np.ndarray) else [self.cells[row] for row in order]
        return replace(self, cells=cells, labels=None if self.labels is None else self.labels.taken(order))

    def unlabelled(self, name: str) -> Column:
        """The cells under that name, without the labels of the rows."""
        return replace(self, labels=None, name=name)

    def tolist(self) -> list[Any]:
        """The cells as Python objects."""
        return self.cells.tolist() if isinstance(self.cells, np.ndarray) else self.cells


def column(values: Any, what: str, expected: str = ONE_EACH) -> Column:
    """Read a column, whatever holds it: a list, an iterator, NumPy, pandas, xarray, polars, pyarrow.

    Parameters
    ----------
    values : object
        As handed in; an iterator is exhausted.
    what : str
        What the column is called in messages.
    expected : str
        What should have been handed in, for messages.

    Returns
    -------
    Column

    Raises
    ------
    InputError
        For a text, a mapping, a set, one number, a table, or an array of another shape than (k,).
    """
    if isinstance(values, Column):
        return values
    if isinstance(values, list | tuple):
        return Column(list(values))
    if isinstance(values, str | bytes | bytearray | Mapping) or (
        isinstance(values, Set) and not isinstance(values, KeysView)
    ):
        order = ", which has no order" if isinstance(values, set | frozenset) else ""
        raise InputError(f"{what} is {type(values).__name__} {shown(values)}{order}", expected)
    if isinstance(values, pd.Series):
        return _of_series(values, what)
    if isinstance(values, pd.MultiIndex):
        return Column(values.tolist())
    if isinstance(values, pd.Index | pd.api.extensions.ExtensionArray):
        return replace(_of_series(pd.Series(values), what), labels=None, name=str(getattr(values, "name", None) or ""))
    if is_table(values):
        raise InputError(f"{what} is a table ({type(values).__name__}), not a column", expected, "one of its columns")
    if hasattr(values, "dims") and hasattr(values, "coords"):
        return _of_data_array(values, what, expected)
    for method in ("to_pylist", "to_list"):  # pyarrow, polars
        if callable(getattr(values, method, None)):
            return Column(list(getattr(values, method)()), name=_own_name(values))
    if not isinstance(values, np.ndarray) and hasattr(values, "__array__"):
        values = np.asarray(values)
    if isinstance(values, np.ndarray):
        return Column(_of_array(values, what, expected))
    if not isinstance(values, Iterable):
        raise InputError(f"{what} is {type(values).__name__} {shown(values)}", expected)
    return Column(list(values))


def _own_name(values: object) -> str:
    name = getattr(values, "name", None)
    return name if isinstance(name, str) else ""


def _of_series(values: pd.Series, what: str) -> Column:
    """A series, with its index as labels and its name."""
    return _unlabelled(values, what, _own_name(values), labels_of(values.index))


def _unlabelled(values: pd.Series, what: str, name: str, labels: Labels | None = None) -> Column:
    """The cells of a series under another name."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        cells: Cells = values.to_numpy() if dtype.kind in "fiu" else values.tolist()
        return Column(cells, labels, name)
    if isinstance(dtype, pd.SparseDtype):
        return Column(_of_array(np.asarray(values), what, ONE_EACH), labels, name)
    return Column(values.tolist(), labels, name, dtype if isinstance(dtype, pd.CategoricalDtype) else None)


def _of_data_array(values: Any, what: str, expected: str) -> Column:
    """A column of xarray, with the coordinates of its dimension as labels."""
    cells = _of_array(values.values, what, expected)
    index = getattr(values, "indexes", {}).get(values.dims[0])
    return Column(cells, None if index is None else labels_of(index), _own_name(values))


def _of_array(values: NDArray[Any], what: str, expected: str) -> Cells:
    """The cells of an array of shape (k,): numbers stay one, all else becomes a list."""
    if values.dtype.names:
        raise InputError(f"{what} has the fields {listing(values.dtype.names)}", expected, "one of its fields")
    if values.ndim != 1:
        raise InputError(f"{what} has the shape {values.shape}", f"one dimension: {expected}")
    if np.ma.isMaskedArray(values):
        return values.tolist()
    if values.dtype.kind in "fiu":
        return values
    if values.dtype.kind in "mM":
        return pd.Series(values).tolist()
    return values.tolist()


def labels_of(index: pd.Index) -> Labels:
    """The labels in an index of pandas."""
    if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1:
        return Labels(tuple(map(str, range(len(index)))), "default", _own_name(index))
    cells = index.tolist()
    if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex | pd.PeriodIndex):
        return Labels(tuple(map(text_of, cells)), "numbers", _own_name(index))
    if pd.api.types.is_any_real_numeric_dtype(index.dtype) and not index.hasnans:
        default = cells == list(range(len(cells)))
        return Labels(tuple(map(text_of, cells)), "default" if default else "numbers", _own_name(index))
    return Labels(tuple(" / ".join(map(text_of, cell)) if isinstance(cell, tuple) else text_of(cell) for cell in cells),
                  "text", _own_name(index))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Table:
    """Columns by name, read once, and the labels that the rows carry together."""

    columns: Mapping[str, Column]
    labels: Labels | None = None

    def taken(self, order: Sequence[int]) -> Table:
        """Some rows, in that order."""
        columns = {name: own.taken(order) for name, own in self.columns.items()}
        return Table(columns, None if self.labels is None else self.labels.taken(order))


@dataclass(frozen=True, eq=False)
class Block:
    """Numbers in two dimensions, and the labels of the rows.

    Attributes
    ----------
    values : ndarray
        Shape (k, m), NaN where missing.
    labels : Labels or None
    square : bool
        Whether the columns are the same things as the rows, as in a covariance.
    columns : tuple of str
        Names of the columns; empty where they have none.
    """

    values: NDArray[np.float64]
    labels: Labels | None = None
    square: bool = False
    columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def taken(self, order: Sequence[int]) -> Block:
        """Some rows (and columns, where they are the same things), in that order."""
        rows = list(order)
        values = self.values[np.ix_(rows, rows)] if self.square else self.values[rows]
        return replace(self, values=values, labels=None if self.labels is None else self.labels.taken(order))


def is_record_list(values: object) -> bool:
    """Whether this is a list of rows that name their cells."""
    return isinstance(values, list | tuple) and bool(values) and all(isinstance(row, Mapping) for row in values)


def table(values: Any, what: str) -> Table:
    """Read a table, whatever holds it: a frame of pandas, polars or pyarrow, a mapping of columns, a list of rows.

    Parameters
    ----------
    values : object
        As handed in; iterators are exhausted.
    what : str
        What the table is called in messages.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        For what holds no columns with names, and for a name that occurs twice.
    """
    if isinstance(values, pd.DataFrame):
        check_columns(values.columns, what)
        names = [column_name(name) for name in values.columns]
        check_columns(names, what)
        series = (column for _, column in values.items())
        own = {name: _unlabelled(column, name, name) for name, column in zip(names, series, strict=True)}
        return Table(own, labels_of(values.index))
    if isinstance(values, pd.Series):
        if not isinstance(values.name, str):
            raise InputError(f"{what} is a Series without a name", "a name for the column", "series.rename('dose')")
        own_column = _of_series(values, what)
        return Table({column_name(values.name): replace(own_column, labels=None)}, own_column.labels)
    if is_record_list(values):
        names = list(dict.fromkeys(name for row in values for name in row))
        values = {name: [row.get(name) for row in values] for name in names}
    if isinstance(values, np.ndarray) and values.dtype.names and values.ndim == 1:
        values = {name: values[name] for name in values.dtype.names}
    if callable(getattr(values, "collect", None)):  # a lazy frame
        values = values.collect()
    if not isinstance(values, Mapping):
        values = _of_frame(values, what)
    names = [column_name(name) for name in values]
    check_columns(names, what)
    cells = dict(zip(names, values.values(), strict=True))
    alone = {name: cell for name, cell in cells.items() if cell is None or isinstance(cell, ALONE)}
    columns = {name: column(cell, f"'{name}' of {what}") for name, cell in cells.items() if name not in alone}
    sizes = {name: len(own) for name, own in columns.items()}
    if len(set(sizes.values())) > 1 or (alone and not sizes):
        told = ", ".join(f"'{name}' {size}" for name, size in sizes.items()) or "one value and no column"
        raise InputError(f"{what} cannot be made a table: {told}", "columns of one length")
    k = next(iter(sizes.values()), 0)
    return Table({name: columns[name] if name in columns else Column([alone[name]] * k) for name in names})


def _of_frame(values: Any, what: str) -> dict[str, Any]:
    """The columns of a frame that is not of pandas."""
    if hasattr(values, "column_names") and callable(getattr(values, "column", None)):  # pyarrow
        check_columns(values.column_names, what)
        return {name: values.column(place) for place, name in enumerate(values.column_names)}
    if hasattr(values, "columns") and callable(getattr(values, "get_column", None)):  # polars, narwhals
        return {name: values.get_column(name) for name in values.columns}
    if callable(getattr(values, "to_pandas", None)):
        frame = values.to_pandas()
        if isinstance(frame, pd.DataFrame):
            check_columns(frame.columns, what)
            return {name: frame[name] for name in frame.columns}
    raise InputError(
        f"{what} is {type(values).__name__}", "a table with named columns", "a DataFrame, or {'dose': [...]}"
    )


def is_table(values: object) -> bool:
    """Whether this is a frame of pandas, polars or pyarrow."""
    return isinstance(values, pd.DataFrame) or hasattr(values, "column_names") or callable(
        getattr(values, "get_column", None)
    )  # fmt: skip


def column_name(name: Hashable) -> str:
    """The name of a column as text, freed of a byte order mark and of what cannot be seen."""
    return text_of(str(name).lstrip("\ufeff")) if not isinstance(name, tuple) else " ".join(map(str, name)).strip()


def check_columns(names: Iterable[Hashable], what: str) -> None:
    """Refuse column names that occur twice.

    Parameters
    ----------
    names : iterable
        The names of the columns.
    what : str
        Whose they are, for the message.

    Raises
    ------
    InputError
        Naming them.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(
            f"{what} has the column name(s) {listing(twice)} more than once",
            "each name once",
            "renaming one of them",
        )


def is_date(cell: object) -> bool:
    """Whether a cell is a date or a time."""
    return isinstance(
        cell, datetime.date | datetime.time | datetime.timedelta | np.datetime64 | np.timedelta64 | pd.Period
    )
