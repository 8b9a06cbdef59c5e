"""The study table as it was handed in, and as it leaves the checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.errors import InputError, listing
from poolwise.intake import covariance, remarks, rows
from poolwise.intake.alignment import arranged
from poolwise.intake.cells import Array, Remark, Rows, numbers
from poolwise.intake.columns import Block, Column, Table, column, is_record_list, is_table, table
from poolwise.intake.labels import check_encoding, check_texts, spelling_sentence, words
from poolwise.intake.moderators import moderator_remarks
from poolwise.intake.roles import Values, identifiers, moderator
from poolwise.scale import Scale
from poolwise.settings import check_option

PROVENANCES = ("reported", "reconstructed", "simulated")
OWN_COLUMNS = ("study", "study_as_given", "outcome", "y", "se", "n", "provenance")


@dataclass(frozen=True, eq=False)
class Given:
    """What the caller of `Effects` handed in: read, in one order, unchecked.

    Attributes
    ----------
    columns : mapping of str to Column
        Those of y, se, v, n, study, study_as_given, outcome, provenance, derivation, combined that were handed in, one
        row for each study.
    texts : mapping of str to str
        Those of outcome, provenance and derivation of which one text stands for every row.
    moderators : Table or None
    covariance : Block or None
    remarks : tuple of Remark
        What was noticed while they were read.
    absent : mapping of int to str
        Why a row without an effect and a standard error has none, by its place.
    advice : str
        What to know of such rows, and to try.
    blocks : mapping of str to Block
        Numbers in two dimensions, from which estimates will be computed.
    decimal : str
        The decimal mark in cells of text.
    identifiers : tuple of str
        Moderators whose cells are names by their role.
    order : tuple of int
        Place of each row, from 0, in the table that messages count by; empty where it is this one.
    coded : bool
        Whether the moderators are fields of a coding protocol, of which models use few: what they lack is noted, not
        warned of.
    framed : bool
        Whether the columns are those of a frame, so that messages call them by their names.
    """

    columns: Mapping[str, Column]
    texts: Mapping[str, str] = field(default_factory=dict)
    moderators: Table | None = None
    covariance: Block | None = None
    remarks: tuple[Remark, ...] = ()
    absent: Mapping[int, str] = field(default_factory=dict)
    advice: str = ""
    blocks: Mapping[str, Block] = field(default_factory=dict)
    decimal: str = "."
    identifiers: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    coded: bool = False
    framed: bool = False

    @property
    def labels(self) -> Column | None:
        """The study labels; None where there are none."""
        return self.columns.get("study")

    @property
    def rows(self) -> Rows:
        """What messages call the rows."""
        return Rows(study_labels(self.labels)[0], self.order)

    def named(self, role: str) -> str:
        """What messages call a column: by its role, or by its name in a frame."""
        name = self.columns[role].name
        return f"column '{name}'" if self.framed and name else role

    def estimating(
        self,
        numbers: Mapping[str, Array],
        remarks: Sequence[Remark] = (),
        absent: Mapping[int, str] | None = None,
    ) -> Given:
        """The same rows with estimates, standard errors and sizes in the place of what these were computed from.

        Parameters
        ----------
        numbers : mapping of str to ndarray
            y, se or v, and n; shape (k,).
        remarks : sequence of Remark
            What was noticed on the way.
        absent : mapping of int to str, optional
            Why a row has no estimate.

        Returns
        -------
        Given
        """
        kept = {name: own for name, own in self.columns.items() if name in ROLES[4:]}
        columns = kept | {name: Column(values) for name, values in numbers.items()}
        return replace(self, columns=columns, remarks=(*self.remarks, *remarks), absent=absent or {})


class StudyTable(Protocol):
    """What is made of columns that have been read: `Effects`."""

    @classmethod
    def _of(cls, given: Given, scale: Scale | str, **words: Any) -> Self:
        """The table, checked."""


TEXTS = ("outcome", "provenance", "derivation")
"""Of which one text may stand for every row."""
ROLES = ("y", "se", "v", "n", "study", "study_as_given", *TEXTS)


def read(first: str, handed: Mapping[str, Any]) -> Given:
    """Everything that has a row for each study, read once and put into one order by the labels that it carries.

    Where no study labels are handed in, those of an index that is made of text are taken.

    Parameters
    ----------
    first : str
        What is estimated, whose order counts where nothing else tells one.
    handed : mapping of str to object
        By name; None for what was not handed in. Records of this package are taken as they are.

    Returns
    -------
    Given

    Raises
    ------
    InputError
        For what cannot be read, and for labels that disagree.
    """
    texts = {name: value for name, value in handed.items() if name in TEXTS and isinstance(value, str)}
    parts: dict[str, Any] = {}
    for name, values in handed.items():
        if values is None or name in texts:
            continue
        if isinstance(values, Block | Column | Table):
            parts[name] = values
        elif name == "moderators":
            parts[name] = _moderator_table(values)
        else:
            parts[name] = column(values, name, _expected(name))
    study = parts.pop("study", None)
    if first not in parts:
        raise InputError(f"{first} is None", "one number for each study")
    parts = arranged({first: parts.pop(first), **parts}, study)
    remarks: tuple[Remark, ...] = ()
    if study is None:
        study, remarks = _index_as_labels(parts)
    moderators, known = parts.pop("moderators", None), parts.pop("covariance", None)
    blocks = {name: parts.pop(name) for name in list(parts) if isinstance(parts[name], Block)}
    return Given(parts | ({} if study is None else {"study": study}), texts, moderators, known, remarks, blocks=blocks)


def _expected(name: str) -> str:
    return "a sequence, one entry for each study" if name in ROLES[4:] else "one number for each study"


def _moderator_table(values: Any) -> Table:
    known = isinstance(values, Mapping | pd.Series) or is_table(values) or is_record_list(values)
    known = known or (isinstance(values, np.ndarray) and values.dtype.names) or hasattr(values, "to_pandas")
    if not known:
        raise InputError(
            f"moderators is {type(values).__name__}", "a DataFrame with a row for each study, or {'dose': [...]}"
        )
    return table(values, "moderators")


def _index_as_labels(parts: Mapping[str, Column | Table | Block]) -> tuple[Column | None, tuple[Remark, ...]]:
    """Study labels from an index that is made of text, or is called study."""
    for name, part in parts.items():
        each = {name: part} if not isinstance(part, Table) or part.labels is not None else part.columns
        for own in each.values():
            labels = own.labels
            if labels is not None and (labels.kind == "text" or labels.title == "study"):
                told = f"no study labels were given; the index of {name} is taken: {listing(labels.names, 3)}"
                return Column(list(labels.names)), (Remark(told, warn=False),)
    return None, ()


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
    derivation : tuple of str
        Length k; how each estimate follows from what was reported, "" where it was reported itself.
    combined : tuple of int
        Length k; of how many reported results each estimate is the mean.
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
    derivation: tuple[str, ...]
    combined: tuple[int, ...]
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
            derivation=tuple(self.derivation[row] for row in chosen),
            combined=tuple(self.combined[row] for row in chosen),
            covariance=None if self.covariance is None else _frozen(self.covariance[np.ix_(keep, keep)]),
        )

    def looks(self, scale: Scale, names: Rows, *, quiet: bool = False) -> tuple[Remark, ...]:
        """What the numbers look like on this scale, and the moderators; of these quietly where they are mere codes."""
        about = moderator_remarks(self.moderators, names)
        other_law = np.array(["of Kendall's tau" in way for way in self.derivation], dtype=bool)  # .437 / (n - 4)
        n = np.where(other_law, np.nan, self.n)
        return (
            *remarks.value_remarks(self.y, self.se, n, scale, names, np.array(self.combined)),
            *(replace(remark, warn=False) if quiet else remark for remark in about),
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
    own = given.columns
    columns, named, noticed = _columns(given)
    keep, gone = rows.missing_rows(columns.y, columns.se, named, given.absent, given.advice)
    dropped = tuple(label for label, kept in zip(columns.study, keep.tolist(), strict=True) if not kept)
    known = covariance.checked(given.covariance, columns.se, keep, named)
    if gone:
        columns, named = columns.kept(keep), named.kept(keep)
    columns = replace(columns, covariance=known)
    lost = f"{gone[0].sentence}; then " if gone else ""
    counted = remarks.count_remarks(len(columns.y), allow_single, lost)
    unique, repeated = rows.unique_labels(
        columns.study, columns.outcome, columns.moderators, columns.y, columns.se, named
    )
    if "study_as_given" in own:
        repeated = tuple(replace(remark, warn=False) for remark in repeated)
    if "study" not in own:
        repeated += rows.twins(np.stack([columns.y, columns.se, columns.n]), columns.outcome, columns.moderators, named)
    spelled = _spelling(columns)
    named_so = remarks.names_tell(own["y"], own.get("se"), own.get("v"), scale)
    named_so += (*remarks.summary_rows(columns.study, named), *covariance.correlation_remarks(known))
    return Checked(
        columns=replace(columns, study=unique),
        history=(*given.remarks, *noticed, *named_so, *gone, *repeated, *spelled),
        looks=(*counted, *columns.looks(scale, named, quiet=given.coded)),
        dropped=dropped,
    )


def _columns(given: Given) -> tuple[Columns, Rows, tuple[Remark, ...]]:
    """The columns by their roles, each cell checked by itself; what messages call the rows; and what was noticed."""
    own = given.columns
    labels, history = study_labels(own.get("study"))
    named = Rows(labels, given.order)
    y, read_y = numbers(own["y"], given.named("y"), named, decimal=given.decimal)
    k = len(y)
    if "study" in own and len(labels) != k:
        raise InputError(f"study has {len(labels)} labels and y has {len(y)} values", "one label for each study")
    if given.covariance is not None:
        covariance.check_size(given.covariance, k)
        if "se" not in own and "v" not in own:
            own = {**own, "v": Column(np.diagonal(given.covariance.values).copy())}
    se, n, more = _spreads(given, own, k, named)
    rows.check_estimates(y, named)
    rows.check_sizes(n, named)
    if "study" not in own and k:
        history += (Remark(f"no study labels were given; labelled 'study 1' to 'study {k}'", warn=False),)
    study = rows.invented(labels or ("",) * k)
    moderators, told = _moderators(given, k, named)
    columns = Columns(
        y=_frozen(y),
        se=_frozen(se),
        n=_frozen(n),
        study=study,
        study_as_given=_studies(own.get("study_as_given"), study),
        outcome=_words(given, "outcome", k),
        provenance=_provenance(given, k),
        moderators=moderators,
        order=given.order or tuple(range(k)),
        derivation=_words(given, "derivation", k),
        combined=_combined(own.get("combined"), k, named),
    )
    blank = np.array([not outcome for outcome in columns.outcome], dtype=bool)
    if blank.any() and not blank.all():
        told += (Remark(f"no outcome is named for {named.names(blank)}, which counts as an outcome of its own"),)
    texts = {"study": study, "study_as_given": columns.study_as_given, "outcome": columns.outcome}
    check_texts(texts, columns.moderators)
    return columns, named, (*history, *read_y, *more, *told)


def _combined(own: Column | None, k: int, named: Rows) -> tuple[int, ...]:
    """Of how many results each estimate is the mean: as told, else of one."""
    if own is None:
        return (1,) * k
    counts = numbers(own, "combined", named)[0]
    wrong = ~((counts >= 1.0) & (counts == np.round(counts)))
    if wrong.any() or len(counts) != k:
        told = f"combined is {counts[wrong][0]:g} for {named.names(wrong)}" if wrong.any() else f"{len(counts)} counts"
        raise InputError(told, "for each estimate the number of results that it is the mean of, 1 or more")
    return tuple(int(count) for count in counts)


def study_labels(own: Column | None) -> tuple[tuple[str, ...], tuple[Remark, ...]]:
    """Study labels, and what was noticed.

    Parameters
    ----------
    own : Column or None
        As handed in; anything but text becomes text.

    Returns
    -------
    labels : tuple of str
        ``""`` where one is missing; empty for None.
    remarks : tuple of Remark

    Raises
    ------
    InputError
        For labels garbled by a wrong encoding, and cells that are collections.
    """
    if own is None:
        return (), ()
    cells = own.tolist()
    labels = words(cells, len(cells), "study")
    for row, label in enumerate(labels):
        if not label.isascii():
            check_encoding(label, row)
    return labels, _label_remarks(cells, labels) if labels != tuple(cells) else ()


def _label_remarks(cells: Sequence[object], labels: tuple[str, ...]) -> tuple[Remark, ...]:
    blank = [str(row + 1) for row, label in enumerate(labels) if not label]
    other = [str(row + 1) for row, cell in enumerate(cells) if labels[row] and not isinstance(cell, str)]
    remarks = []
    if blank:
        told = f"no study label in row(s) {listing(blank)}; labelled 'study' and the row number"
        most = 2 * len(blank) > len(cells)
        if most:
            told = f"{len(blank)} of {len(cells)} study labels are missing: {told}; is study the column of labels?"
        remarks.append(Remark(told, warn=most))
    if other:
        remarks.append(Remark(f"study labels that are not text, in row(s) {listing(other)}, became text", warn=False))
    return tuple(remarks)


def _studies(own: Column | None, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The study of each effect: as it was told, else by the label."""
    if own is None:
        return labels
    told = words(own.tolist(), len(labels), "study_as_given")
    return tuple(name or label for name, label in zip(told, labels, strict=True))


def _spelling(columns: Columns) -> tuple[Remark, ...]:
    """Remark on labels, outcomes and levels that differ in capital letters only."""
    texts = {"study": columns.study, "outcome": columns.outcome}
    for name, values in columns.moderators.items():
        if values.dtype.kind in "biuf":
            continue
        if isinstance(values.dtype, pd.CategoricalDtype):
            texts[f"'{name}'"] = tuple(level for level in values.cat.categories if isinstance(level, str))
        elif not pd.api.types.is_numeric_dtype(values):
            texts[f"'{name}'"] = tuple(cell for cell in values.tolist() if isinstance(cell, str))
    told = spelling_sentence(texts)
    return (Remark(told),) if told else ()


def _words(given: Given, name: str, k: int, blank: str = "") -> tuple[str, ...]:
    cells = given.columns[name].tolist() if name in given.columns else given.texts.get(name)
    return words(cells, k, name, blank=blank)


def _frozen(values: Array) -> Array:
    values.setflags(write=False)
    return values


def _spreads(given: Given, own: Mapping[str, Column], k: int, named: Rows) -> tuple[Array, Array, tuple[Remark, ...]]:
    """Standard errors and sample sizes, shape (k,) each, and what was noticed."""
    remarks_read: tuple[Remark, ...] = ()
    found: dict[str, Array] = {}
    for name in ("se", "v", "n"):
        if name not in own:
            continue
        what = given.named(name) if name in given.columns else name
        found[name], more = numbers(own[name], what, named, decimal=given.decimal)
        remarks_read += more
        if len(found[name]) != k:
            raise InputError(f"{name} has {len(found[name])} values and y has {k}", "one for each study")
    se = rows.standard_errors(found.get("se"), found.get("v"), named)
    return se, found["n"] if "n" in found else np.full(k, np.nan), remarks_read


def _provenance(given: Given, k: int) -> tuple[str, ...]:
    result = _words(given, "provenance", k, "reported")
    for word in dict.fromkeys(result):
        check_option("provenance", word, PROVENANCES, error=InputError)
    return result


def _moderators(given: Given, k: int, named: Rows) -> tuple[pd.DataFrame, tuple[Remark, ...]]:
    """A private frame with the index 0 ... k - 1, each column read by what it is, and what was noticed."""
    table = given.moderators
    if table is None or not table.columns:
        return _no_moderators(k).copy(), ()
    size = len(next(iter(table.columns.values())))
    if size != k:
        raise InputError(f"moderators has {size} rows and y has {k} values", "one row for each study")
    clash = [name for name in table.columns if name in OWN_COLUMNS]
    if clash:
        raise InputError(
            f"moderators has the column(s) {listing(clash)}, which the table keeps itself",
            "other names",
            "leaving them out of the moderators; designs can use 'se' and 'n' as they are",
        )
    if any(not name.strip() for name in table.columns):
        raise InputError("a moderator has no name", "a name for each column", "{'dose': [...]}")
    columns: dict[str, Values] = {}
    said: tuple[Remark, ...] = ()
    for name, cells in table.columns.items():
        if name in given.identifiers:
            columns[name] = identifiers(cells, name)
            continue
        columns[name], more = moderator(cells, name, named, decimal=given.decimal)
        said += more
    return pd.DataFrame(columns, index=pd.RangeIndex(k)), said


@lru_cache(maxsize=64)
def _no_moderators(k: int) -> pd.DataFrame:
    """A frame of k rows without columns, to be copied: building one costs more than all the checks."""
    return pd.DataFrame(index=pd.RangeIndex(k))
