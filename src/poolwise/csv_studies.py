"""A CSV file of studies as a study table: the one reader of analysis files and of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import pandas as pd

from poolwise.effects import Effects
from poolwise.errors import InputError, nearest, shown
from poolwise.intake import files
from poolwise.intake.cells import Remark, numbers
from poolwise.intake.columns import Block, Column, column_name
from poolwise.intake.counts import counted
from poolwise.intake.dialect import detected_decimal, dialect_sentence
from poolwise.intake.frames import check_decimal, named_columns
from poolwise.intake.table import Given
from poolwise.scale import Scale, as_scale


@final
@dataclass(frozen=True)
class Roles:
    """The names of the columns of a file by what they are.

    Attributes
    ----------
    y, se, v : str or None
        Estimates, standard errors, or variances in their place.
    study, outcome, n : str or None
        Labels, outcomes, sample sizes.
    events, totals : tuple of str or None
        Counts of the treated and of the controls, or of one arm, in the place of estimates.
    moderators : tuple of str
        Numbers, or words whose levels count.
    cluster : tuple of str
        Names of clusters or groups: never numbers.
    """

    y: str | None
    se: str | None
    v: str | None = None
    study: str | None = None
    outcome: str | None = None
    n: str | None = None
    events: tuple[str, ...] | None = None
    totals: tuple[str, ...] | None = None
    moderators: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()

    @property
    def numeric(self) -> tuple[str, ...]:
        """The columns whose cells may be numbers with a decimal mark."""
        known = (self.y, self.se, self.v, self.n, *(self.events or ()), *(self.totals or ()), *self.moderators)
        return tuple(name for name in known if name is not None)


def read_csv(
    path: str | Path,
    *,
    y: str = "y",
    se: str | None = None,
    v: str | None = None,
    study: str | None = None,
    outcome: str | None = None,
    n: str | None = None,
    moderators: str | Sequence[str] = (),
    cluster: str | Sequence[str] | None = None,
    events: str | Sequence[str] | None = None,
    totals: str | Sequence[str] | None = None,
    decimal: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    scale: Scale | str = "identity",
    drop00: bool = True,
    title: str | None = None,
    directions: tuple[str, str] = ("", ""),
    allow_single: bool = False,
) -> Effects:
    """The study table in a CSV file: the reader, and the words, of ``[data] csv = {...}`` in an analysis file.

    A cell is read by the role of its column: estimates, standard errors and sizes are numbers, labels, outcomes and
    clusters are text that never passes through a number, moderators are numbers where every cell is one.

    Parameters
    ----------
    path : str or Path
        The file, with a header and one row for each estimate.
    y, se, v : str, optional
        Names of the columns of estimates and of standard errors (``"se"`` by default) or variances.
    study, outcome, n : str, optional
        Names of the columns of labels, outcomes and sample sizes; by default ``study``, ``outcome`` and ``n``, where
        the file has them.
    moderators : str or sequence of str
        Names of the columns to keep as moderators.
    cluster : str or sequence of str, optional
        Names of columns to keep whose cells are names: clusters, laboratories, groups.
    events, totals : str or sequence of str, optional
        Names of the columns of counts, treated first, in the place of estimates, or the name of one where the studies
        have one arm; see `Effects.from_counts`.
    decimal : {".", ","}, optional
        The decimal mark; by default the one that the numbers have.
    delimiter, encoding : str, optional
        As for the file; by default as it is written. A note says what was detected where it is not the usual.
    scale : Scale or str
        What the numbers are; the measure where counts are given.
    drop00
        As for `Effects.from_counts`.
    title, directions, allow_single
        As for the class; the title is the name of the file by default.

    Returns
    -------
    Effects

    Raises
    ------
    InputError
        For a file that cannot be read, a mark that is ambiguous, a column that does not exist (the message offers the
        nearest), and whatever `Effects` refuses.

    Examples
    --------
    >>> import poolwise as pw
    >>> effects = pw.read_csv("mine.csv", y="d", se="se", moderators=["dose"], scale="SMD")  # doctest: +SKIP
    """
    _check_columns({"y": y, "se": se, "v": v, "study": study, "outcome": outcome, "n": n}, several=False)
    several = {"moderators": moderators, "cluster": cluster, "events": events, "totals": totals}
    _check_columns(several, several=True)
    if y is None and events is None:
        raise InputError("y is None, and no events are named", "the column of estimates", "y='d'")
    if (events is None) != (totals is None):
        other, given = ("totals", events) if totals is None else ("events", totals)
        example = "'column'" if isinstance(given, str) or len(given or ()) == 1 else "('n_treated', 'n_control')"
        raise InputError("events or totals is given without the other", "both", f"{other}={example}")
    if events is not None and (se is not None or v is not None):
        raise InputError("events and standard errors are both given", "counts, or effects with standard errors")
    if decimal is not None:
        check_decimal(decimal)
    frame = files.read_csv(path, encoding=encoding, delimiter=delimiter)

    def optional(name: str | None, usual: str) -> str | None:
        return name or (usual if usual in frame else None)

    counts = events is not None
    roles = Roles(
        y=None if counts else y,
        se="se" if se is None and v is None and not counts else se,
        v=v,
        study=optional(study, "study"),
        outcome=optional(outcome, "outcome"),
        n=None if counts and n is None else optional(n, "n"),
        events=None if events is None else _names(events),
        totals=None if totals is None else _names(totals),
        moderators=_names(moderators),
        cluster=_names(cluster),
    )
    detected = (encoding is None, delimiter is None)
    return effects_of(
        frame,
        roles,
        scale,
        decimal,
        title=Path(path).name if title is None else title,
        directions=directions,
        detected=detected,
        drop00=drop00,
        allow_single=allow_single,
    )


def _check_columns(named: Mapping[str, object], *, several: bool) -> None:
    """Refuse what cannot name columns: a number, a list where one column is meant."""
    for role, name in named.items():
        known = name is None or isinstance(name, str)
        if several and not known:
            known = isinstance(name, Sequence) and all(isinstance(one, str) for one in name)
        if not known:
            expected = "names of columns" if several else "the name of one column"
            raise InputError(
                f"{role} = {shown(name)}", expected, f"{role}=['column']" if several else f"{role}='column'"
            )


def effects_of(
    frame: pd.DataFrame,
    roles: Roles,
    scale: Scale | str,
    decimal: str | None,
    *,
    title: str,
    directions: tuple[str, str],
    detected: tuple[bool, bool] = (True, True),
    drop00: bool = True,
    allow_single: bool = False,
) -> Effects:
    """The study table in the cells of a file.

    Parameters
    ----------
    frame : DataFrame
        Cells of text under clean names, as `intake.files.read_csv` has them; `attrs` name encoding and delimiter.
    roles : Roles
    scale : Scale or str
    decimal : str, optional
        The decimal mark; by default the one that the numbers have.
    title, directions, allow_single
        As for `Effects`.
    detected : tuple of bool
        Whether encoding and delimiter were detected.
    drop00 : bool
        As for `Effects.from_counts`.

    Returns
    -------
    Effects

    Raises
    ------
    InputError
        For a column that does not exist and whatever `Effects` refuses.
    """
    for name in (*roles.numeric, *roles.cluster):
        if column_name(name) not in frame:
            raise InputError(f"{title} has no column '{name}'", advice=nearest(name, frame.columns))
    mark = decimal or detected_decimal(
        {name: frame[column_name(name)] for name in roles.numeric}, str(frame.attrs.get("delimiter", ","))
    )
    told = dialect_sentence(
        title,
        encoding=frame.attrs.get("encoding") if detected[0] else None,
        delimiter=frame.attrs.get("delimiter") if detected[1] else None,
        decimal=mark if decimal is None else None,
    )
    names = tuple(map(column_name, dict.fromkeys(roles.cluster)))
    kept = tuple(name for name in map(column_name, dict.fromkeys(roles.moderators)) if name not in names)
    own = {"y": roles.y, "se": roles.se, "v": roles.v, "n": roles.n, "study": roles.study, "outcome": roles.outcome}
    given = replace(
        named_columns(frame, own, (*kept, *names), None),
        decimal=mark,
        identifiers=names,
        remarks=(Remark(told, warn=False),) if told else (),
    )
    words: dict[str, Any] = {"title": title, "directions": directions, "allow_single": allow_single}
    if roles.events is None or roles.totals is None:
        return Effects._of(given, scale, **words)
    arms = {"events": _arms(frame, roles.events, given), "totals": _arms(frame, roles.totals, given)}
    return counted(Effects, replace(given, blocks=arms), str(as_scale(scale)), drop00=drop00, **words)


def _names(told: str | Sequence[str] | None) -> tuple[str, ...]:
    return (told,) if isinstance(told, str) else tuple(told or ())


def _arms(frame: pd.DataFrame, names: Sequence[str], given: Given) -> Block:
    """The counts of one or two arms."""
    if len(names) not in (1, 2):
        expected = "one for the treated and one for the controls, or one alone"
        raise InputError(f"{len(names)} columns of counts are named", expected)
    cells = [
        numbers(Column(list(frame[column_name(name)])), f"column '{name}'", given.rows, decimal=given.decimal)[0]
        for name in names
    ]
    return Block(np.column_stack(cells))
