"""The columns of a frame by the roles that a caller gives them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from poolwise.errors import InputError, nearest
from poolwise.intake.alignment import arranged
from poolwise.intake.cells import Remark
from poolwise.intake.columns import Column, Labels, Table, column_name, table
from poolwise.intake.rows import KEY_COLUMNS
from poolwise.intake.table import Given

OPTIONAL = ("study", "study_as_given", "provenance")  # taken where a column has that very name


def check_decimal(decimal: object) -> None:
    """Refuse what is no decimal mark.

    Raises
    ------
    InputError
        Naming it.
    """
    if decimal not in (".", ","):
        raise InputError(f"decimal = {decimal!r}", "'.' or ','")


def frame_columns(frame: Any, first: str) -> tuple[dict[str, Column], Labels | None]:
    """The columns of a frame by clean names, and the labels of its rows.

    Parameters
    ----------
    frame : object
        As handed in.
    first : str
        The column of estimates, whose order counts.

    Returns
    -------
    columns : dict of str to Column
        Indexes with a name count as columns.
    labels : Labels or None

    Raises
    ------
    InputError
        When it is no table, has no rows, or names a column twice.
    """
    own = table(_with_index(frame), "the frame")
    columns = dict(own.columns)
    if not columns or not len(next(iter(columns.values()))):
        raise InputError("the frame has no rows", "one row for each study")
    if own.labels is not None:
        return columns, own.labels
    names = sorted(columns, key=lambda name: name != first)
    arranged_columns = arranged({name: columns[name] for name in names}, None)
    labels = next((cells.labels for cells in arranged_columns.values() if cells.labels is not None), None)
    return {name: arranged_columns[name] for name in columns}, labels


def _with_index(frame: Any) -> Any:
    """A frame of pandas with its named indexes as columns."""
    if not isinstance(frame, pd.DataFrame):
        return frame
    named = [name for name in frame.index.names if isinstance(name, str)]
    for name in named:
        if name in frame.columns and frame[name].tolist() != frame.index.get_level_values(name).tolist():
            raise InputError(
                f"the frame has a column '{name}' and an index '{name}' that differ",
                "one of the two",
                "reset_index(drop=True)",
            )
    new = [name for name in named if name not in frame.columns]
    return frame.reset_index(level=new) if new else frame


def named_columns(
    frame: Any, roles: Mapping[str, str | None], kept: Sequence[str], provenance: Sequence[str] | str | None
) -> Given:
    """The columns of a frame by role.

    Parameters
    ----------
    frame : object
        As handed in.
    roles : mapping of str to str or None
        The name of the column for y, se, v, study, outcome, n.
    kept : sequence of str
        Names of the columns that are kept as moderators.
    provenance : sequence of str, str or None
        Where the numbers came from; the column of that name when None.

    Returns
    -------
    Given

    Raises
    ------
    InputError
        For a column that does not exist (the message offers the nearest), and whatever `frame_columns` refuses.
    """
    there, labels = frame_columns(frame, str(roles["y"]))
    for name, count in Counter(
        roles[role] for role in ("y", "se", "v", "n") if isinstance(roles.get(role), str)
    ).items():
        if count > 1:
            twice = " and ".join(role for role, column in roles.items() if isinstance(column, str) and column == name)
            raise InputError(f"the column '{name}' is named for {twice}", "a column of its own for each")
    named = {role: name for role, name in roles.items() if name is not None}
    named |= {name: name for name in OPTIONAL if name in there and name not in named}
    if provenance is not None:
        named.pop("provenance", None)
    columns = {role: _column(there, name, role) for role, name in named.items()}
    names = [
        *kept,
        *(name for name in KEY_COLUMNS if name in there and name not in kept and name not in named.values()),
    ]
    moderators = {column_name(name): _column(there, name, "a moderator") for name in names}
    remarks: tuple[Remark, ...] = ()
    if "study" not in columns and labels is not None and labels.kind == "text":
        columns["study"] = Column(list(labels.names))
        remarks = (Remark("no column of study labels is named; the frame's index is taken", warn=False),)
    texts = {"provenance": provenance} if isinstance(provenance, str) else {}
    if provenance is not None and not texts:
        columns["provenance"] = Column(list(provenance))
    return Given(columns, texts, Table(moderators) if moderators else None, None, remarks, framed=True)


def _column(there: Mapping[str, Column], name: str, role: str) -> Column:
    """The column of that name, without labels."""
    known = column_name(name) if isinstance(name, str | int) else None
    if known not in there:
        raise InputError(f"no column '{name}' for {role}", advice=nearest(str(name), there))
    return there[known].unlabelled(known)
