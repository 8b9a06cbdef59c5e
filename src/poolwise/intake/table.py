"""The study table as it was handed in, and as it leaves the checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.errors import InputError, listing, nearest
from poolwise.intake import covariance, remarks, rows
from poolwise.intake.cells import Array, Remark, Rows, numbers, study_labels, words
from poolwise.intake.characters import check_texts
from poolwise.intake.moderators import moderator_remarks
from poolwise.scale import Scale

PROVENANCES = ("reported", "reconstructed", "simulated")
OWN_COLUMNS = ("study", "study_as_given", "outcome", "y", "se", "n", "provenance")


@dataclass(frozen=True, eq=False)
class Given:
    """What the caller of `Effects` handed in, unchecked."""

    y: Any
    se: Any = None
    v: Any = None
    study: Sequence[object] | None = None
    study_as_given: Sequence[object] | None = None
    moderators: pd.DataFrame | Mapping[str, Any] | None = None
    outcome: Sequence[object] | str | None = None
    n: Any = None
    provenance: Sequence[str] | str = "reported"
    covariance: Any = None


@dataclass(frozen=True, eq=False)
class Columns:
    """Checked columns of one length k.

    Attributes
    ----------
    y, se, n : ndarray
        Shape (k,), read-only; NaN in n where unknown.
    study, outcome, provenance : tuple of str
        Length k.
    study_as_given : tuple of str
        Length k; the studies before repeated labels were told apart.
    moderators : DataFrame
        k rows, index 0 ... k - 1.
    order : tuple of int
        Length k; place of each row among those handed in, from 0, which messages count by.
    covariance : ndarray or None
        Of the sampling errors, shape (k, k), read-only; None where they are independent.
    """

    y: Array
    se: Array
    n: Array
    study: tuple[str, ...]
    study_as_given: tuple[str, ...]
    outcome: tuple[str, ...]
    provenance: tuple[str, ...]
    moderators: pd.DataFrame
    order: tuple[int, ...]
    covariance: Array | None = None

    def kept(self, keep: NDArray[np.bool_]) -> Columns:
        """The rows where the mask is true."""
        chosen = np.flatnonzero(keep).tolist()
        return Columns(
            y=_frozen(self.y[keep]),
            se=_frozen(self.se[keep]),
            n=_frozen(self.n[keep]),
            study=tuple(self.study[row] for row in chosen),
            study_as_given=tuple(self.study_as_given[row] for row in chosen),
            outcome=tuple(self.outcome[row] for row in chosen),
            provenance=tuple(self.provenance[row] for row in chosen),
            moderators=self.moderators.iloc[chosen].reset_index(drop=True),
            order=tuple(self.order[row] for row in chosen),
            covariance=None if self.covariance is None else _frozen(self.covariance[np.ix_(keep, keep)]),
        )

    def looks(self, scale: Scale, names: Rows) -> tuple[Remark, ...]:
        """What the numbers look like on this scale, and the moderators."""
        return (
            *remarks.value_remarks(self.y, self.se, self.n, scale, names),
            *moderator_remarks(self.moderators, names),
        )


@dataclass(frozen=True, eq=False)
class Checked:
    """A table that passed.

    Attributes
    ----------
    columns : Columns
        What is analysed.
    history : tuple of Remark
        How the rows came to be as they are: what was dropped, relabelled, coerced.
    looks : tuple of Remark
        What the rows look like as they are.
    dropped : tuple of str
        Labels of the rows without an effect or a standard error.
    """

    columns: Columns
    history: tuple[Remark, ...]
    looks: tuple[Remark, ...]
    dropped: tuple[str, ...]


def check(given: Given, scale: Scale, *, allow_single: bool) -> Checked:
    """Check a table: errors for what cannot be analysed, remarks for what should be known.

    Parameters
    ----------
    given : Given
        As handed in.
    scale : Scale
        What the numbers are said to be.
    allow_single : bool
        Whether one study is enough.

    Returns
    -------
    Checked

    Raises
    ------
    InputError
        Naming rows or columns, what was found, what was expected and what to try.
    """
    if isinstance(given.moderators, Mapping):
        given = replace(given, moderators=_as_frame(given.moderators))
    _check_alignment(given)
    labels, history = study_labels(given.study)
    named = Rows(labels)
    y, read = numbers(given.y, "y", named)
    k = len(y)
    if given.study is not None and len(labels) != k:
        raise InputError(f"study has {len(labels)} labels and y has {len(y)} values", "one label for each study")
    se, n, more = _spreads(given, k, named)
    rows.check_estimates(y, named)
    rows.check_sizes(n, named)
    if given.study is None and k:
        history += (Remark(f"no study labels were given; labelled 'study 1' to 'study {k}'", warn=False),)
    study = tuple(label or f"study {row + 1}" for row, label in enumerate(labels or ("",) * k))
    columns = Columns(
        y=_frozen(y),
        se=_frozen(se),
        n=_frozen(n),
        study=study,
        study_as_given=_studies(given.study_as_given, study),
        outcome=words(given.outcome, k, "outcome"),
        provenance=_provenance(given.provenance, k),
        moderators=_moderators(given.moderators, k),
        order=tuple(range(k)),
    )
    texts = {"study": study, "study_as_given": columns.study_as_given, "outcome": columns.outcome}
    check_texts(texts, columns.moderators)
    keep, gone = rows.missing_rows(y, se, named)
    dropped = tuple(label for label, kept in zip(columns.study, keep.tolist(), strict=True) if not kept)
    known = covariance.checked(given.covariance, se, keep, named)
    if gone:
        columns, named = columns.kept(keep), named.kept(keep)
    columns = replace(columns, covariance=known)
    lost = f"{gone[0].sentence}; then " if gone else ""
    counted = remarks.count_remarks(len(columns.y), allow_single, lost)
    unique, repeated = rows.unique_labels(
        columns.study, columns.outcome, columns.moderators, columns.y, columns.se, named
    )
    if given.study_as_given is not None:
        repeated = tuple(replace(remark, warn=False) for remark in repeated)
    if given.study is None:
        repeated += rows.twins(np.stack([columns.y, columns.se, columns.n]), columns.outcome, columns.moderators, named)
    named_so = remarks.names_tell(given.y, given.se, given.v, scale)
    return Checked(
        columns=replace(columns, study=unique),
        history=(*history, *read, *more, *named_so, *gone, *repeated),
        looks=(*counted, *columns.looks(scale, named)),
        dropped=dropped,
    )


def _studies(given: Sequence[object] | None, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The study of each effect: as it was told, else by the label."""
    if given is None:
        return labels
    told = words(given, len(labels), "study_as_given")
    return tuple(name or label for name, label in zip(told, labels, strict=True))


def _frozen(values: Array) -> Array:
    values.setflags(write=False)
    return values


def _spreads(given: Given, k: int, named: Rows) -> tuple[Array, Array, tuple[Remark, ...]]:
    """Standard errors and sample sizes, shape (k,) each, and what was noticed."""
    read: tuple[Remark, ...] = ()
    found: dict[str, Array] = {}
    for column, values in (("se", given.se), ("v", given.v), ("n", given.n)):
        if values is None:
            continue
        found[column], more = numbers(values, column, named)
        read += more
        if len(found[column]) != k:
            raise InputError(f"{column} has {len(found[column])} values and y has {k}", "one for each study")
    se = rows.standard_errors(found.get("se"), found.get("v"), named)
    return se, found["n"] if "n" in found else np.full(k, np.nan), read


def _check_alignment(given: Given) -> None:
    """Refuse pandas columns whose indexes differ, since rows are matched by place."""
    first = None
    for column in ("y", "se", "v", "n", "study", "study_as_given", "outcome", "moderators"):
        values = getattr(given, column)
        if not isinstance(values, pd.Series | pd.DataFrame):
            continue
        if first is None:
            first, index = column, values.index
        elif not values.index.equals(index):
            raise InputError(
                f"{first} and {column} have different indexes, so their rows may not belong together",
                "columns of one frame",
                "Effects.from_frame(...), or .to_numpy() if the order is right",
            )


def _provenance(values: Sequence[str] | str, k: int) -> tuple[str, ...]:
    result = words(values, k, "provenance", blank="reported")
    for word in dict.fromkeys(result):
        if word not in PROVENANCES:
            raise InputError(
                f"provenance is '{word}'",
                " or ".join(f"'{known}'" for known in PROVENANCES),
                nearest(word, PROVENANCES),
            )
    return result


def _moderators(moderators: pd.DataFrame | Mapping[str, Any] | None, k: int) -> pd.DataFrame:
    """A private copy with the index 0 ... k - 1."""
    if moderators is None:
        return _no_moderators(k).copy()
    if not isinstance(moderators, pd.DataFrame):
        raise InputError(f"moderators is {type(moderators).__name__}", "a DataFrame with a row for each study")
    if len(moderators) != k:
        raise InputError(f"moderators has {len(moderators)} rows and y has {k} values", "one row for each study")
    check_columns(moderators.columns, "moderators")
    clash = [column for column in moderators if column in OWN_COLUMNS]
    if clash:
        raise InputError(
            f"moderators has the column(s) {listing(clash)}, which the table keeps itself",
            "other names",
            "leaving them out of the moderators; designs can use 'se' and 'n' as they are",
        )
    for name, column in moderators.items():
        if not all(isinstance(cell, Hashable) for cell in column):
            raise InputError(f"the moderator '{name}' holds lists or tables", "a number or a word in each cell")
    result = moderators.reset_index(drop=True)
    if all(isinstance(column, str) for column in result.columns):
        return result
    return result.set_axis([str(column) for column in result.columns], axis=1)


def _as_frame(moderators: Mapping[str, Any]) -> pd.DataFrame:
    try:
        return pd.DataFrame(moderators)
    except ValueError as error:
        raise InputError(f"moderators cannot be made a table: {error}", "columns of one length") from None


@lru_cache(maxsize=64)
def _no_moderators(k: int) -> pd.DataFrame:
    """A frame of k rows without columns, to be copied: building one costs more than all the checks."""
    return pd.DataFrame(index=pd.RangeIndex(k))


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
