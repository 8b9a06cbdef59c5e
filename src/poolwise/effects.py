"""The study table: estimates, standard errors, names, moderators; checked once, never changed."""

from __future__ import annotations

import copy
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from poolwise import show
from poolwise.errors import InputError, MissingQuantityError, listing, nearest, shown, warn
from poolwise.intake import reliability as attenuation
from poolwise.intake.cells import Remark, Rows
from poolwise.intake.constructors import FromSources
from poolwise.intake.covariance import square
from poolwise.intake.remarks import count_remarks
from poolwise.intake.table import Columns, Given, check, read
from poolwise.lent import Lent
from poolwise.scale import Scale, as_scale
from poolwise.settings import check_flag, check_words

Array = NDArray[np.float64]


SHOWN_ROWS = 6  # of a table in a notebook
MUTED = 1e6  # standard error of an estimate that says nothing, in units of the largest, or of the range of the effects
_KEPT = ("scale", "title", "citation", "directions", "dropped")


@final
@dataclass(frozen=True, eq=False, init=False, repr=False)
class Effects(FromSources):
    """k estimates with known standard errors.

    Rows without an effect or a standard error are dropped with a warning that lists them. Repeated labels on
    one outcome get the suffixes ``(2)``, ``(3)``, so that a label names one effect on one outcome; which study
    an effect comes from stays known in `study_as_given`.

    Parameters
    ----------
    se, v : array_like, optional
        Standard errors, or variances v = se^2, shape (k,); one of the two, or neither where `covariance` tells them.
    allow_single : bool
        Accept a table with one study.

    Attributes
    ----------
    y, se : ndarray
        Estimates and standard errors on the analysis scale, shape (k,), read-only.
    study : tuple of str
        Study labels, length k.
    study_as_given : tuple of str
        The study of each effect, length k: the labels before repeated ones were told apart, which effects of one
        study share. To be given where the labels are unique already; then repeated labels bring no warning.
    moderators : DataFrame
        One row for each estimate (no columns when there are none); a new copy each time it is asked for.
    covariance : ndarray or None
        Known covariance of the sampling errors, shape (k, k), read-only; None where they are independent. `Exact` takes
        it into account where one tau stands behind all effects; other fits refuse it.
    outcome : tuple of str
        Outcome of each estimate, length k.
    n : ndarray
        Sample sizes, shape (k,), NaN where unknown, read-only.
    scale : Scale
        What the numbers are.
    provenance : tuple of str
        Where each estimate came from: ``"reported"``, ``"reconstructed"``, ``"simulated"``.
    title, citation : str
        What the table is and whom to cite.
    directions : tuple of str
        Words for the two directions of the axis, below and above the null value.
    notes : tuple of str
        What was noticed while the table was checked; repeated in every fit's report.
    dropped : tuple of str
        Labels of the rows that were dropped because a number was missing.
    allow_single : bool
        Whether one study is enough.
    derivation : tuple of str
        How each estimate follows from what was reported, length k; "" where it was reported itself. See `explain`. A
        copy by `dataclasses.replace` keeps it: with other estimates tell other words.
    combined : tuple of int
        Of how many reported results each estimate is the mean, length k; 1 unless a rule made one of several. The mean
        of several may be more precise than a single result of n people can be.
    order : tuple of int
        Place of each row, from 0, in the table that was handed in before rows were dropped or selected, length k;
        messages count rows by it.

    Raises
    ------
    InputError
        For numbers that cannot be analysed; the message names the rows, what was found and what to try.

    Examples
    --------
    >>> Effects([0.2, 0.5, 0.3], se=[0.1, 0.2, 0.1], study=["A", "B", "C"], scale="SMD")
    Effects(k=3, scale='SMD')
    """

    y: Array
    se: Array
    study: tuple[str, ...]
    study_as_given: tuple[str, ...]
    moderators: pd.DataFrame
    covariance: Array | None
    outcome: tuple[str, ...]
    n: Array
    scale: Scale
    provenance: tuple[str, ...]
    title: str
    citation: str
    directions: tuple[str, str]
    notes: tuple[str, ...]
    dropped: tuple[str, ...]
    allow_single: bool
    derivation: tuple[str, ...]
    combined: tuple[int, ...]
    order: tuple[int, ...] = field(init=False)
    _history: tuple[str, ...] = field(init=False)

    def __init__(
        self,
        y: ArrayLike,
        *,
        se: ArrayLike | None = None,
        v: ArrayLike | None = None,
        study: Sequence[object] | None = None,
        study_as_given: Sequence[object] | None = None,
        moderators: pd.DataFrame | Mapping[str, Any] | None = None,
        outcome: Sequence[object] | str | None = None,
        n: ArrayLike | None = None,
        scale: Scale | str = "identity",
        provenance: Sequence[str] | str = "reported",
        covariance: ArrayLike | None = None,
        title: str = "",
        citation: str = "",
        directions: tuple[str, str] = ("", ""),
        notes: Sequence[str] = (),
        dropped: Sequence[str] = (),
        allow_single: bool = False,
        derivation: Sequence[str] | str = "",
        combined: ArrayLike | None = None,
    ) -> None:
        known = square(covariance)
        columns = {"y": y, "se": se, "v": v, "n": n, "study": study, "study_as_given": study_as_given}
        columns["combined"] = combined
        texts = {"outcome": outcome, "provenance": provenance, "derivation": derivation}
        given = read("y", {**columns, **texts, "moderators": moderators, "covariance": known})
        words = {"title": title, "citation": citation, "directions": directions, "notes": notes, "dropped": dropped}
        _build(self, given, as_scale(scale), words, allow_single)

    @classmethod
    def _of(cls, given: Given, scale: Scale | str, *, allow_single: bool = False, **words: Any) -> Effects:
        """A table from columns that have been read."""
        made = object.__new__(cls)
        _build(made, given, as_scale(scale), words, allow_single)
        return made

    @property
    def v(self) -> Array:
        """Sampling variances se^2, shape (k,)."""
        return self.se**2

    @property
    def k(self) -> int:
        """Number of estimates."""
        return len(self.y)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The distinct outcomes, in order of appearance."""
        return tuple(dict.fromkeys(self.outcome))

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each row that no other row has: the study, with its outcome where it has several."""
        if len(set(self.study)) == self.k:
            return self.study
        count = Counter(self.study)
        pairs = zip(self.study, self.outcome, strict=True)
        return tuple(f"{study}: {outcome}" if count[study] > 1 else study for study, outcome in pairs)

    @property
    def rows(self) -> Rows:
        """What messages call the rows: by the numbers of the table that was handed in."""
        return Rows(self.study, self.order)

    @property
    def reconstructed(self) -> bool:
        """Whether any estimate is a reconstruction, so that everything made from the table must say so."""
        return "reconstructed" in self.provenance

    @property
    def counted(self) -> str:
        """How many effects of how many studies in words: ``"13 studies"``, ``"100 effects of 17 studies"``."""
        studies = len(set(self.study_as_given))
        if studies < self.k:
            return f"{self.k} effects of {studies} studies"
        return (
            f"{self.k} {'study' if self.k == 1 else 'studies'}"
            if len(self.outcomes) < 2
            else f"{self.k} effects on {len(self.outcomes)} outcomes"
        )

    @property
    def data_label(self) -> str:
        """``"reconstructed"`` when any study was reconstructed, else ``"reported"`` (or ``"simulated"``)."""
        return "reconstructed" if self.reconstructed else " and ".join(sorted(set(self.provenance)))

    @cached_property
    def data_hash(self) -> str:
        """SHA-256 of all that enters a fit, row by row, 16 hex digits; titles and notes do not count."""
        sizes = np.where(np.isnan(self.n), -1.0, self.n)
        digest = hashlib.sha256(b"".join((x + 0.0).tobytes() for x in (self.y, self.se, sizes)))
        digest.update(repr((self.study, self.outcome, self.scale.name, self.provenance)).encode())
        if self.covariance is not None:
            digest.update(self.covariance.tobytes())
        if self.study_as_given != self.study:
            digest.update(repr(self.study_as_given).encode())
        for name, column in self.moderators.items():
            digest.update(repr((name, _canonical(column))).encode())
        return digest.hexdigest()[:16]

    def select(
        self,
        *,
        outcome: str | Sequence[str] | None = None,
        where: Mapping[str, object] | None = None,
        allow_single: bool = False,
    ) -> Effects:
        """The rows of some outcomes, or with some values of the moderators.

        Parameters
        ----------
        outcome : str or sequence of str, optional
            Outcomes to keep.
        where : mapping, optional
            For each column of `to_frame`, a value or a collection of values: ``{"setting": "community"}``.
        allow_single : bool
            Accept a table with one study.

        Returns
        -------
        Effects

        Raises
        ------
        MissingQuantityError
            For an outcome, column or value that the table does not have; the message offers the nearest.
        InputError
            When fewer than two studies are left, or `where` is no mapping.
        """
        if where is not None and not isinstance(where, Mapping):
            raise InputError(f"where is {where!r}", "a mapping", "where={'setting': 'community'}")
        wanted = {**({} if outcome is None else {"outcome": outcome}), **(where or {})}
        frame = self.to_frame()
        keep = np.ones(self.k, dtype=bool)
        for name, values in wanted.items():
            if name not in frame:
                advice = nearest(name, frame.columns)
                raise MissingQuantityError(f"there is no column '{name}'", advice=advice)
            chosen = _several(values)
            known = frame[name].dropna().unique().tolist()
            if known == [""]:
                raise MissingQuantityError(
                    f"the table names no {name}, so that none can be chosen", advice=f"{name}=..."
                )
            absent = [value for value in chosen if value not in known]
            if absent:
                advice = nearest(shown(absent[0]), known)
                raise MissingQuantityError(f"no study has {name} = {shown(absent[0])}", advice=advice)
            keep &= frame[name].isin(chosen).to_numpy()
        return _subset(self, keep, "", allow_single)

    def drop(self, *, study: str | Sequence[str], allow_single: bool = False) -> Effects:
        """The table without one or several studies, by label.

        Parameters
        ----------
        study : str or sequence of str
            Labels to leave out.
        allow_single : bool
            Accept a table with one study.

        Returns
        -------
        Effects

        Raises
        ------
        MissingQuantityError
            For an unknown label; the message offers the nearest.
        InputError
            When fewer than two studies are left.
        """
        names = _several(study)
        for name in names:
            if name not in self.study:
                label = name if isinstance(name, str) else shown(name)
                raise MissingQuantityError(f"there is no study '{label}'", advice=nearest(label, self.study))
        keep = np.array([label not in names for label in self.study])
        return _subset(self, keep, f"left out on request: {listing(names)}" if names else "", allow_single)

    def disattenuated(self, reliability: str | float | ArrayLike) -> Effects:
        """The table of effects on what an unreliable measure measures: y / sqrt(r) with standard errors se / sqrt(r).

        An estimate in the unit of a measure's standard deviation, y_i ~ Normal(sqrt(r_i) theta_i, se_i) with the
        reliability r_i, tells as much about theta_i as y_i / sqrt(r_i) ~ Normal(theta_i, se_i / sqrt(r_i)) does, so
        that every engine answers for theta_i. It holds for correlations, and for standardised mean differences of a
        continuous measure with its reliability within the groups; a Fisher z is corrected as the correlation, its
        standard error by the delta method. Two unreliable measures are corrected for one after the other.

        Parameters
        ----------
        reliability : str, float or array_like
            Reliability of the measure, 0 < r <= 1, taken as known: a column of the table, one number, or shape (k,).

        Returns
        -------
        Effects
            Its notes, and so every report, say that it is corrected.

        Raises
        ------
        ModelError
            On another scale than SMD, Fisher z or identity.
        InputError
            For what is no reliability, and correlations that would not stay below 1.

        References
        ----------
        Wiernik & Dahlke 2020, Advances in Methods and Practices in Psychological Science 3:94,
        10.1177/2515245919885611.

        Examples
        --------
        >>> table = Effects([0.3, 0.6, 0.2], se=[0.1, 0.2, 0.1], study=["A", "B", "C"], scale="SMD")
        >>> table.disattenuated(0.81).se.round(3).tolist()
        [0.111, 0.222, 0.111]
        """
        r = attenuation.reliabilities(reliability, self.moderators, self.labels, self.rows)
        y, factor = attenuation.corrected(self.y, r, self.scale, self.rows)
        covariance = None if self.covariance is None else self.covariance * np.outer(factor, factor)
        for column in (y, covariance):
            if column is not None:
                column.setflags(write=False)
        se = self.se * factor
        se.setflags(write=False)
        ways = tuple(attenuation.way(way, share) for way, share in zip(self.derivation, r.tolist(), strict=True))
        columns = replace(self._columns, y=y, se=se, covariance=covariance, derivation=ways)
        looks = columns.looks(self.scale, Rows(self.study, self.order))
        return self._with(columns, (*self._history, attenuation.sentence(r)), looks)

    @property
    def _columns(self) -> Columns:
        """The checked columns, of which each is a field."""
        return Columns(**{column.name: getattr(self, column.name) for column in fields(Columns)})

    def _with(
        self, columns: Columns, history: tuple[str, ...], looks: tuple[Remark, ...], *, allow_single: bool | None = None
    ) -> Effects:
        """The same table, by its words, with other columns that have been checked already."""
        words = {name: getattr(self, name) for name in _KEPT}
        made = object.__new__(Effects)
        allowed = self.allow_single if allow_single is None else allow_single
        _fill(made, columns, words | {"allow_single": allowed}, history, looks)
        return made

    def described(self, *, title: str | None = None, directions: tuple[str, str] | None = None) -> Effects:
        """The same table under another title, or with other words for its two directions.

        `dataclasses.replace` builds a table anew from its numbers, whose rows it counts from 1; this keeps `order`.

        Parameters
        ----------
        title : str, optional
            What the table is; as it was when left out.
        directions : tuple of str, optional
            Words for the two directions of the axis; as they were when left out.

        Returns
        -------
        Effects

        Raises
        ------
        InputError
            For words that cannot be printed.

        Examples
        --------
        >>> Effects([0.2, 0.5, 0.3], se=[0.1, 0.2, 0.1]).described(title="Three studies").title
        'Three studies'
        """
        words: dict[str, object] = {}
        if title is not None:
            check_words(title, "title")
            words["title"] = title
        if directions is not None:
            check_words(" ".join(_directions(directions)), "directions")
            words["directions"] = _directions(directions)
        made = copy.copy(self)
        for name, value in words.items():
            object.__setattr__(made, name, value)
        return made

    def explain(self, study: str) -> str:
        """How the estimates of a study came about: from what was reported, by which way, to the number analysed.

        Parameters
        ----------
        study : str
            A label, or the study as it was given, which may have several rows.

        Returns
        -------
        str
            A line for each row, and what other statistics of the row would have given.

        Raises
        ------
        MissingQuantityError
            If no study is called that; the message offers the nearest.
        """
        rows = [row for row in range(self.k) if study in (self.study[row], self.study_as_given[row])]
        if not rows:
            raise MissingQuantityError(f"no study '{study}'", advice=nearest(study, self.study))
        return "\n".join(self._explained(row) for row in rows)

    def _explained(self, row: int) -> str:
        y, se = show.number(float(self.y[row])), show.number(float(self.se[row]))
        way = self.derivation[row] or f"{self.provenance[row]} as an estimate with its standard error"
        page = self.moderators["page"].iloc[row] if "page" in self.moderators else None
        where = f", page {page}" if page is not None and not pd.isna(page) else ""
        return f"{self.labels[row]} (row {self.order[row] + 1}{where}): {way}; y = {y}, se = {se} ({self.scale.label})"

    def to_frame(self) -> pd.DataFrame:
        """The table as a new frame: study, outcome, y, se, n, the moderators, provenance; k rows.

        Where studies are not what the labels say, `study_as_given` is a column too.
        """
        columns: dict[str, Any] = {"study": list(self.study)}
        columns |= {"study_as_given": list(self.study_as_given)} if self.study_as_given != self.study else {}
        columns |= {"outcome": list(self.outcome)}
        columns |= {"y": self.y, "se": self.se, "n": self.n}
        columns |= {str(name): column for name, column in self.moderators.items()}
        return pd.DataFrame({**columns, "provenance": list(self.provenance)})

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy or a pickle: NumPy forgets that its arrays were read-only."""
        vars(self).update(state)
        for column in (self.y, self.se, self.n):
            column.setflags(write=False)

    def __repr__(self) -> str:
        title = f", title={self.title!r}" if self.title else ""
        mark = ", reconstructed" if self.reconstructed else ""
        return f"Effects(k={self.k}, scale='{self.scale}'{title}{mark})"

    def _repr_html_(self) -> str:
        """A compact table for notebooks: title, k, scale, provenance, the first rows, the notes."""
        shown = ["study", *(["outcome"] if any(self.outcome) else []), "y", "se"]
        shown += ["n"] if np.isfinite(self.n).any() else []
        facts = (f"{self.k} studies", self.scale.label, ", ".join(dict.fromkeys(self.provenance)))
        first = self.to_frame()[shown].head(SHOWN_ROWS)
        rows = [
            [_cell(name, value) for name, value in zip(shown, row, strict=True)]
            for row in first.itertuples(index=False, name=None)
        ]
        more = (f"and {self.k - SHOWN_ROWS} more studies",) if self.k > SHOWN_ROWS else ()
        low, high = (show.number(float(self.scale.back(end)), 2) for end in (self.y.min(), self.y.max()))
        what = self.scale.natural_label
        answer = f"One study: {what} {low}." if self.k == 1 else f"{self.k} studies: {what} from {low} to {high}."
        return show.card(
            self.title or "Effects", answer=answer, facts=facts, header=shown, rows=rows, notes=(*more, *self.notes)
        )


def _cell(name: str, value: object) -> str:
    """A value in words; sizes are whole numbers, unless the table has parts of people."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if name == "n" and value.is_integer() else show.number(value)


Effects.moderators = Lent("moderators")  # type: ignore[assignment]


def _canonical(column: pd.Series) -> list[Any]:
    """A moderator's cells as they enter the hash: whole numbers are the same numbers as floats."""
    cells = column.tolist()
    if pd.api.types.is_integer_dtype(column) and all(int(float(cell)) == cell for cell in cells):
        return [float(cell) for cell in cells]
    if pd.api.types.is_float_dtype(column):
        return [cell + 0.0 for cell in cells]
    return [None if isinstance(cell, float) and np.isnan(cell) else cell for cell in cells]


def _several(values: object) -> list[Any]:
    """One value, or a collection of them, as a list."""
    return list(values) if isinstance(values, Collection) and not isinstance(values, str | bytes) else [values]


def _directions(words: tuple[str, str]) -> tuple[str, str]:
    if isinstance(words, str) or not isinstance(words, Sequence) or len(words) != 2:
        raise InputError(f"directions is {shown(words)}", "two texts, for below and above the null value")
    return str(words[0]), str(words[1])


def _texts(name: str, words: object) -> tuple[str, ...]:
    """One text, or several, as a tuple."""
    texts = (words,) if isinstance(words, str) else tuple(words) if isinstance(words, Iterable) else (words,)
    for text in texts:
        check_words(text, name)
    return texts


def _build(effects: Effects, given: Given, scale: Scale, words: Mapping[str, Any], allow_single: bool) -> None:
    """Check what was read, warn of what was noticed, and set the fields."""
    check_flag("allow_single", allow_single, error=InputError)
    checked = check(given, scale, allow_single=allow_single)
    told, left_out = _texts("notes", words.get("notes", ())), _texts("dropped", words.get("dropped", ()))
    directions = _directions(words.get("directions", ("", "")))
    given_words = {name: words.get(name, "") for name in ("title", "citation")}
    titles = {name: text if isinstance(text, str) else shown(text) for name, text in given_words.items()}
    for what, text in {**titles, "directions": " ".join(directions)}.items():
        check_words(text, what)
    kept = {
        "scale": scale,
        **titles,
        "directions": directions,
        "dropped": (*left_out, *checked.dropped),
        "allow_single": allow_single,
    }
    looks = {remark.sentence for remark in checked.looks}
    history = (*(note for note in told if note not in looks), *(r.sentence for r in checked.history))
    for remark in (*checked.history, *checked.looks):
        if remark.warn and remark.sentence not in told:
            warn(remark.sentence)
    _fill(effects, checked.columns, kept, tuple(dict.fromkeys(history)), checked.looks)


def _fill(
    effects: Effects,
    columns: Columns,
    words: Mapping[str, object],
    history: tuple[str, ...],
    looks: tuple[Remark, ...],
) -> None:
    """Set the fields of a new record; `_history` is what a subset still has to say."""
    notes = tuple(dict.fromkeys((*history, *(remark.sentence for remark in looks))))
    for name, value in {**vars(columns), **words, "notes": notes, "_history": history}.items():
        object.__setattr__(effects, name, value)


def _subset(effects: Effects, keep: NDArray[np.bool_], said: str, allow_single: bool) -> Effects:
    """The rows where the mask is true: checked already, so that only their number can bring a new warning."""
    allowed = allow_single or effects.allow_single
    counted = count_remarks(int(keep.sum()), allowed)
    if keep.all():
        return effects
    for remark in counted:
        if remark.warn:
            warn(remark.sentence)
    return _part(effects, keep, said, allowed, counted)


def some_rows(effects: Effects, keep: NDArray[np.bool_]) -> Effects:
    """The rows where the mask is true, however few, without a warning: for fits that nobody asked to see by themselves.

    Parameters
    ----------
    effects : Effects
    keep : ndarray of bool
        Shape (k,).

    Returns
    -------
    Effects
    """
    return _part(effects, keep, "", True, ())


def muted_rows(effects: Effects, rows: NDArray[np.intp]) -> Effects:
    """The whole table, where some rows have standard errors so large that they say nothing.

    For fits without those rows that keep designs and groups as they are; the sampling errors are independent.

    Parameters
    ----------
    effects : Effects
    rows : ndarray of int
        Shape (n,).

    Returns
    -------
    Effects
    """
    loud = max(float(np.ptp(effects.y)), float(effects.se.max()))
    se = effects.se.copy()
    se[rows] *= MUTED * loud / se[rows].max()
    return effects._with(replace(effects._columns, se=se), effects._history, ())


def _part(effects: Effects, keep: NDArray[np.bool_], said: str, allowed: bool, counted: tuple[Remark, ...]) -> Effects:
    """A new record of some rows, which have been checked already."""
    columns = effects._columns.kept(keep)
    history = (*effects._history, said) if said else effects._history
    looks = (*counted, *columns.looks(effects.scale, Rows(columns.study, columns.order)))
    return effects._with(columns, history, looks, allow_single=allowed)
