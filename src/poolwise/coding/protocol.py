"""The coding protocol: a row for each reported result, and how these become a study table."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.coding.fields import FIELDS, KEYS
from poolwise.coding.rules import Rows, Rule, Single, correlation
from poolwise.effects import Effects
from poolwise.errors import InputError, closest, listing, nearest, shown
from poolwise.intake import files
from poolwise.intake.cells import Remark
from poolwise.intake.columns import Column, Table, column_name
from poolwise.intake.compound import named_statistic
from poolwise.intake.covariance import square
from poolwise.intake.headers import recognised
from poolwise.intake.labels import text_of
from poolwise.intake.one_measure import NOTHING, SIZES
from poolwise.intake.rows import ARMS
from poolwise.intake.statistics import from_columns, target_scale
from poolwise.intake.table import Given
from poolwise.intake.workbook import ENDINGS, read_workbook
from poolwise.measures.catalogue import SUPERIORITY
from poolwise.measures.reports import Settings
from poolwise.scale import Scale
from poolwise.settings import check_instance

Array = NDArray[np.float64]
_NAMES = tuple(own.name for own in FIELDS)
_MONTHS = "follow_up"
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_OPTIONS = ("columns", "prob", "sides", "base_rate", "responses", "rules", "decimal")


@final
@dataclass(frozen=True, eq=False)
class Protocol:
    """What was coded: one row for each reported result.

    Attributes
    ----------
    frame : DataFrame
        The fields of `fields.FIELDS`, and columns of statistics under the names that `Effects.from_statistics` knows.
    directions : tuple of str
        Words for effects below and above the null value, printed with every result.

    Raises
    ------
    InputError
        For a field that is missing or empty, and a word that is none of its words: all of them at once, by row.

    Examples
    --------
    >>> from poolwise.coding import Average
    >>> protocol = Protocol(pd.DataFrame({"report": ["A 2001", "A 2001"], "study": ["A", "A"], "outcome": "dropout",
    ...     "rater": ["client", "therapist"], "direction": ["same", "reversed"], "r": [0.2, -0.3], "n": [80, 80]}))
    >>> protocol.effects(target="SMD", rule=Average(r=0.5), allow_single=True).y.round(2).tolist()
    [0.52]
    """

    frame: pd.DataFrame
    directions: tuple[str, str] = field(default=("", ""))

    def __post_init__(self) -> None:
        check_instance(
            "Protocol",
            self.frame,
            pd.DataFrame,
            expected="a DataFrame",
            advice="pw.coding.read('results.csv')",
            error=InputError,
        )
        attrs = dict(self.frame.attrs)
        frame = _spelled(self.frame.reset_index(drop=True).replace(r"^\s*$", np.nan, regex=True))
        missing = [own.name for own in FIELDS if own.needed and own.name not in frame]
        if missing:
            advice = nearest(missing[0], map(str, frame.columns))
            raise InputError(f"the protocol has no column {listing(missing)}", "a column for each needed field", advice)
        faults = [fault for own in FIELDS if own.name in frame for fault in _faults(frame[own.name], own.name)]
        if faults:
            raise InputError("the protocol cannot be used:\n  " + listing(faults, 20, separator="\n  ") + "\n")
        _check_once(frame)
        sample = frame["sample"] if "sample" in frame else pd.Series([None] * len(frame))
        frame = frame.assign(sample=sample.where(sample.notna(), frame["study"]))
        frame.attrs = attrs
        object.__setattr__(self, "frame", frame)

    @property
    def overlaps(self) -> pd.DataFrame:
        """Samples of which several reports tell the same outcome: sample, outcome, reports."""
        rows = [
            {"sample": sample, "outcome": outcome, "reports": tuple(dict.fromkeys(part["report"]))}
            for (sample, outcome), part in self.frame.groupby(["sample", "outcome"], sort=False)
            if part["report"].nunique() > 1
        ]
        return pd.DataFrame(rows, columns=["sample", "outcome", "reports"])

    def select(self, where: Mapping[str, object]) -> Protocol:
        """The protocol without the rows that are coded otherwise: by one rater, or of estimates that are not adjusted.

        Parameters
        ----------
        where : mapping of str to object
            For each field a word or a collection of words to keep: ``{"adjusted": ["no", ""]}``; ``""`` keeps rows that
            are not coded.

        Returns
        -------
        Protocol

        Raises
        ------
        InputError
            For a column that the protocol does not have, or when no row is left.

        Examples
        --------
        >>> protocol = Protocol(pd.DataFrame({"report": ["A", "B"], "study": ["A", "B"], "outcome": "dropout",
        ...     "adjusted": ["yes", "no"], "direction": "same", "r": [0.2, 0.3], "n": [80, 60]}))
        >>> protocol.select({"adjusted": "no"}).frame["study"].tolist()
        ['B']
        """
        if not isinstance(where, Mapping):
            raise InputError(f"where is {shown(where)}", "a mapping", "{'adjusted': 'no'}")
        keep = np.ones(len(self.frame), dtype=bool)
        for name, words in where.items():
            if name not in self.frame:
                raise InputError(f"the protocol has no column '{name}'", advice=nearest(str(name), self.frame.columns))
            wanted = [words] if isinstance(words, str) or not isinstance(words, Collection) else list(words)
            cells = self.frame[name]
            keep &= (cells.isin(wanted) | (cells.isna() & ("" in wanted))).to_numpy()
        if not keep.any():
            raise InputError(f"no row of the protocol has {dict(where)}", "words that the protocol's rows have")
        return replace(self, frame=self.frame[keep])

    def results(self, target: str, *, outcome: str | None = None, **options: Any) -> Results:
        """Every reported result on the target's scale, in the protocol's direction, before any rule.

        Parameters
        ----------
        target : str
            Code of a measure, as for `Effects.from_statistics`.
        outcome : str, optional
            Only this outcome.
        **options
            Further words of `Effects.from_statistics`: columns, prob, sides, base_rate, responses, decimal, which is
            found from the numbers when left out.

        Returns
        -------
        Results

        Raises
        ------
        InputError
            For an outcome that nobody coded, a reversed result of a measure without a direction, and whatever
            `Effects.from_statistics` refuses.

        Notes
        -----
        A direction is made explicit twice, each time once. A column ``sign`` tells on which side the estimate lies as
        the report has it: F, chi-squared and p take it, all other statistics have it already and may not contradict it.
        The field ``direction`` turns the estimate about the value of no effect where the report points the other way
        than the protocol. So the same numbers reversed give minus the estimate, whatever was reported.
        """
        _check_options(options)
        asked = np.ones(len(self.frame), bool) if outcome is None else (self.frame["outcome"] == outcome).to_numpy()
        frame, place = self.frame[asked].reset_index(drop=True), np.flatnonzero(asked)
        if not len(frame):
            raise InputError(f"no outcome '{outcome}' was coded", advice=nearest(str(outcome), self.frame["outcome"]))
        kept = [name for name in _NAMES if name in frame and name not in ("study", "outcome")]
        if not options.get("columns") and _told_in_words_alone(frame):
            kept.remove("statistic")
        given = from_columns(
            frame,
            target,
            columns=options.pop("columns", None),
            roles={"study": "study", "outcome": "outcome"},
            moderators=kept,
            cluster=(),
            adjusted="adjusted" if "adjusted" in frame else None,
            decimal=options.pop("decimal", None),
            settings=Settings(**options),
            order=place.tolist(),
        )
        y, v, n = (np.asarray(given.columns[name].cells, dtype=float) for name in ("y", "v", "n"))
        known = np.isfinite(y)
        reversed_ = (frame["direction"] == "reversed").to_numpy()
        centre = _centre(target, place[reversed_])
        ways = given.columns["derivation"].tolist()
        ways = [f"{way}; direction reversed" if flip else str(way) for way, flip in zip(ways, reversed_, strict=True)]
        rows = np.flatnonzero(known)
        return Results(
            y=np.where(reversed_, 2.0 * centre - y, y)[rows],
            se=np.sqrt(v[rows]),
            n=n[rows],
            ways=tuple(ways[row] for row in rows),
            frame=frame.iloc[rows].reset_index(drop=True),
            sizes=_sizes(given, rows),
            scale=target_scale(target),
            order=place[rows],
            remarks=(*given.remarks, *_left_out(given, known, place)),
        )

    def effects(
        self,
        *,
        target: str,
        rule: Rule | None = None,
        overlap: Rule | Mapping[str, Rule] | None = None,
        outcome: str | None = None,
        allow_single: bool = False,
        **options: Any,
    ) -> Effects:
        """One row for each sample and outcome, by a rule.

        Parameters
        ----------
        target : str
            Code of a measure, as for `Effects.from_statistics`.
        rule : Rule, optional
            `Average`, `Largest` or `FirstReport`; asked for where a sample has several results on one outcome.
        overlap : Rule or mapping of str to Rule, optional
            The rule for samples that several reports share, for all or by sample; `rule` when left out, unless reports
            overlap: then it is asked for, since the same people would count twice or silently by one rule.
        outcome : str, optional
            Only this outcome.
        allow_single : bool
            As for `Effects`.
        **options
            Further words of `Effects.from_statistics`.

        Returns
        -------
        Effects
            `explain` tells the results of each row with their numbers, and what the rule did.

        Raises
        ------
        InputError
            For several results without a rule, and overlapping reports without one.
        """
        results = self.results(target, outcome=outcome, **options)
        return self.combined(results, rule=rule, overlap=overlap, allow_single=allow_single)

    def combined(
        self,
        results: Results,
        *,
        rule: Rule | None = None,
        overlap: Rule | Mapping[str, Rule] | None = None,
        allow_single: bool = False,
    ) -> Effects:
        """One row for each sample and outcome of results on one scale, which are read once for several rules.

        Parameters
        ----------
        results : Results
            Of `results`.
        rule, overlap, allow_single
            As for `effects`.

        Returns
        -------
        Effects

        Raises
        ------
        InputError
            For several results without a rule, and overlapping reports without one.
        """
        groups = _groups(results)
        singles = [self._single(results, rows, rule, overlap) for rows in groups]
        words = tuple(_log(results, rows, single) for rows, single in zip(groups, singles, strict=True))
        y, se, n = (np.array([getattr(single, name) for single in singles]) for name in ("y", "se", "n"))
        numbers = {"y": y, "se": se, "n": n, "combined": np.array([len(single.used) for single in singles])}
        used = [rows[list(single.used)] for rows, single in zip(groups, singles, strict=True)]
        return self._table(results, numbers, words, used, allow_single=allow_single)

    def apart(self, *, target: str, r: float, outcome: str | None = None, **options: Any) -> Effects:
        """Every result kept, with the covariance of the sampling errors of one sample.

        cov_ij = r se_i se_j for results of one sample, 0 otherwise: for moderators within studies, multilevel models
        and robust standard errors.

        Parameters
        ----------
        target : str
            Code of a measure.
        r : float
            Correlation between results of one sample, from 0 to below 1.
        outcome : str, optional
            Only this outcome.
        **options
            Further words of `Effects.from_statistics`.

        Returns
        -------
        Effects
            With `covariance`.

        References
        ----------
        Hedges, Tipton & Johnson 2010, Research Synthesis Methods 1:39, 10.1002/jrsm.5.
        """
        correlation(r)
        results = self.results(target, outcome=outcome, **options)
        sample = results.frame["sample"].to_numpy()
        covariance = np.outer(results.se, results.se) * np.where(np.equal.outer(sample, sample), r, 0.0)
        np.fill_diagonal(covariance, results.se**2)
        numbers = {"y": results.y, "se": results.se, "n": results.n}
        rows = [np.array([row]) for row in range(len(results.y))]
        return self._table(results, numbers, results.ways, rows, covariance=covariance)

    def _single(
        self, results: Results, rows: NDArray[np.intp], rule: Rule | None, overlap: Rule | Mapping[str, Rule] | None
    ) -> Single:
        """One result of the rows of a sample on an outcome."""
        report = results.frame["report"].to_numpy()[rows]
        own = Rows(results.y[rows], results.se[rows], results.n[rows], tuple(map(str, report)))
        if len(rows) == 1:
            return Single(float(own.y[0]), float(own.se[0]), float(own.n[0]), (0,), "")
        sample = str(results.frame["sample"].iloc[rows[0]])
        chosen = rule
        if len(set(own.report)) > 1:
            chosen = overlap.get(sample, rule) if isinstance(overlap, Mapping) else overlap
            if chosen is None:
                raise InputError(
                    f"the reports {listing(dict.fromkeys(own.report))} share the sample '{sample}'",
                    "overlap=..., a rule for samples that several reports tell of",
                    "overlap=pw.coding.Largest(r=0.7), or {'" + sample + "': pw.coding.Average(r=0.7)}",
                )
        if chosen is None:
            raise InputError(
                f"the sample '{sample}' has {len(rows)} results on '{results.frame['outcome'].iloc[rows[0]]}'",
                "rule=..., which makes one of them",
                "rule=pw.coding.Average(r=0.7), or protocol.apart(r=0.7)",
            )
        return chosen.of(own)

    def _table(
        self,
        results: Results,
        numbers: Mapping[str, Array],
        words: Sequence[str],
        groups: Sequence[NDArray[np.intp]],
        *,
        covariance: Array | None = None,
        allow_single: bool = False,
    ) -> Effects:
        """A study table of groups of rows; the fields of a group are those of its rows, the follow-up their mean."""
        frame = results.frame
        kept = [name for name in _NAMES if name in frame and frame[name].notna().any() and name != "direction"]
        shared = {name: [one_code(frame[name].iloc[rows]) for rows in groups] for name in kept}
        if _MONTHS in shared and pd.api.types.is_numeric_dtype(frame[_MONTHS]):
            shared[_MONTHS] = [float(frame[_MONTHS].iloc[rows].mean()) for rows in groups]
        texts: dict[str, list[Any]] = {
            "study": shared.pop("study"),
            "outcome": shared.pop("outcome"),
            "derivation": list(words),
        }
        texts["study_as_given"] = texts["study"]
        codes = {name: Column(cells) for name, cells in shared.items()}
        sizes = {name: _of_groups(values, groups) for name, values in results.sizes.items()}
        beside = {name: Column(values) for name, values in sizes.items() if np.isfinite(values).any()}
        given = Given(
            {name: Column(values) for name, values in numbers.items()}
            | {name: Column(cells) for name, cells in texts.items()},
            moderators=Table(codes | beside),
            covariance=None if covariance is None else square(covariance),
            remarks=results.remarks,
            identifiers=tuple(name for name in shared if name != _MONTHS),
            order=tuple(int(results.order[rows[0]]) for rows in groups),
            coded=True,
        )
        return Effects._of(given, results.scale, directions=self.directions, allow_single=allow_single)


@final
@dataclass(frozen=True, eq=False)
class Results:
    """Every reported result on one scale, before any rule.

    Attributes
    ----------
    y, se, n : ndarray
        Estimates in the protocol's direction, standard errors and sample sizes, shape (m,).
    ways : tuple of str
        How each follows from what was reported.
    frame : DataFrame
        The protocol's fields of these rows.
    sizes : mapping of str to ndarray
        Sizes of both groups as ``n1`` and ``n2``, shape (m,), NaN where unknown; empty where no result tells them.
    scale : Scale
    order : ndarray of int
        Places in the protocol, from 0, shape (m,).
    remarks : tuple of Remark
        What was noticed.
    """

    y: Array
    se: Array
    n: Array
    ways: tuple[str, ...]
    frame: pd.DataFrame
    sizes: Mapping[str, Array]
    scale: Scale
    order: NDArray[np.intp]
    remarks: tuple[Remark, ...]


def read(
    path: str | Path,
    *,
    directions: tuple[str, str] = ("", ""),
    sheet: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Protocol:
    """The protocol in a CSV or XLSX file, as the template of `poolwise template` has it.

    Parameters
    ----------
    path : str or Path
        Ending in .csv or .xlsx.
    directions : tuple of str
        Words for effects below and above the null value.
    sheet : str, optional
        Of a workbook; by default the one called results, else the first that is neither hidden nor empty.
    encoding, delimiter : str, optional
        As for `read_csv`; by default as the file is written.

    Returns
    -------
    Protocol

    Raises
    ------
    InputError
        For a file that cannot be read, and whatever `Protocol` refuses.
    """
    return Protocol(read_table(path, sheet=sheet, encoding=encoding, delimiter=delimiter), directions)


def read_table(
    path: str | Path, *, sheet: str | None = None, encoding: str | None = None, delimiter: str | None = None
) -> pd.DataFrame:
    """The cells of a CSV file, or of a sheet of a workbook.

    Parameters
    ----------
    path : str or Path
    sheet, encoding, delimiter : str, optional
        As for `read`.

    Returns
    -------
    DataFrame

    Raises
    ------
    InputError
        For a file that cannot be read.
    """
    if not isinstance(path, str | Path):
        raise InputError(f"a table was to be read from {shown(path)}", "the path of a .csv or .xlsx file")
    path = Path(path)
    if path.suffix.casefold() in ENDINGS:
        return read_workbook(path, sheet=sheet)
    if path.suffix.casefold() in (".xls", ".ods"):
        raise InputError(f"'{path.name}' as a table", "a file that ends in .xlsx or .csv", "saving it as .xlsx")
    if sheet is not None:
        raise InputError(f"sheet = '{sheet}' of '{path.name}', which has none", "a workbook, or no sheet")
    return files.read_csv(path, encoding=encoding, delimiter=delimiter)


def _centre(target: str, reversed_: NDArray[np.intp]) -> float:
    """The value about which estimates at these places are turned: that of no effect."""
    if len(reversed_) and target_scale(target).null_value is None and target not in SUPERIORITY:
        rows = listing(reversed_ + 1)
        told = f"'direction' is 'reversed' in row {rows}, and {target} has no direction"
        raise InputError(told, "same", "the share, mean or rate of what the protocol counts")
    return 0.5 if target in SUPERIORITY else 0.0


def _check_options(options: Mapping[str, Any]) -> None:
    for name in options:
        if name not in _OPTIONS:
            raise InputError(f"no option '{name}' of results", listing(_OPTIONS), closest(name, _OPTIONS))


def _spelled(frame: pd.DataFrame) -> pd.DataFrame:
    """Fields by their own names and words, whatever their capitals and blanks; True and 1 stand for yes."""
    names = {column_name(str(name)).casefold().replace(" ", "_"): name for name in reversed(frame.columns)}
    frame = frame.rename(columns={names[own]: own for own in _NAMES if own in names and own not in frame})
    for field_ in (own for own in FIELDS if own.words and own.name in frame):
        known = {word.casefold(): word for word in field_.words}
        if set(field_.words) == {"yes", "no"}:
            known |= {**dict.fromkeys(("true", "1", "1.0"), "yes"), **dict.fromkeys(("false", "0", "0.0"), "no")}
        cells = [known.get(str(cell).strip().casefold(), cell) for cell in frame[field_.name]]
        frame[field_.name] = pd.Series(cells, index=frame.index, dtype=object)
    if _MONTHS in frame and all(_NUMBER.fullmatch(str(cell).strip()) for cell in frame[_MONTHS].dropna()):
        frame[_MONTHS] = [np.nan if pd.isna(cell) else float(str(cell).replace(",", ".")) for cell in frame[_MONTHS]]
    return frame


def _faults(cells: pd.Series, name: str) -> list[str]:
    own = next(own for own in FIELDS if own.name == name)
    faults = []
    for row, cell in enumerate(cells.tolist(), start=1):
        empty = cell is None or (isinstance(cell, float) and np.isnan(cell)) or not str(cell).strip()
        if empty and own.needed:
            faults.append(f"'{name}' is empty in row {row}: {own.meaning}")
        elif not empty and own.words and str(cell) not in own.words:
            advice = nearest(str(cell), own.words)
            faults.append(f"'{name}' is {shown(cell)} in row {row}: expected {', '.join(own.words)}; {advice}")
    return faults


def _check_once(frame: pd.DataFrame) -> None:
    """Refuse two rows that nothing tells apart."""
    keys = [name for name in ("report", "study", "sample", "outcome", *KEYS) if name in frame]
    twice = frame.duplicated(keys, keep=False)
    if twice.any():
        rows = np.flatnonzero(twice) + 1
        raise InputError(
            f"rows {listing(rows)} of the protocol have the same {', '.join(keys)}",
            "one row for each result",
            f"a field that tells them apart: {', '.join(KEYS)}",
        )


def _groups(results: Results) -> list[NDArray[np.intp]]:
    """Rows of each sample and outcome, in order of appearance."""
    places = results.frame.groupby(["sample", "outcome"], sort=False).indices
    return sorted((np.asarray(rows) for rows in places.values()), key=lambda rows: int(rows[0]))


def _left_out(given: Given, known: NDArray[np.bool_], place: NDArray[np.intp]) -> list[Remark]:
    """What is told of the results that have no estimate; `place` has their rows in the protocol."""
    gone = np.flatnonzero(~known).tolist()
    blank = [row for row in gone if given.absent.get(row, NOTHING) == NOTHING]
    silent = [f"row {place[row] + 1}: {given.absent[row]}" for row in gone if row not in blank]
    remarks = []
    if blank:
        rows = listing(place[blank] + 1)
        remarks.append(Remark(f"results without a statistic are left out: rows {rows} of the protocol"))
    if silent:
        told = f"results that say nothing of a ratio are left out, of the protocol {listing(silent)}"
        remarks.append(Remark(told))
    return remarks


def _told_in_words_alone(frame: pd.DataFrame) -> bool:
    """Whether statistics stand in the field ``statistic`` as printed, 't(38) = 2.10', and in no column of their own."""
    if "statistic" not in frame or not any(map(named_statistic, frame["statistic"])):
        return False
    columns = recognised(str(name) for name in frame if name not in _NAMES).values()
    return {part for statistic in columns for part in statistic.split()} <= SIZES


def _sizes(given: Given, rows: NDArray[np.intp]) -> dict[str, Array]:
    """Sizes of both groups of these rows, where the statistics tell them."""
    own = {} if given.moderators is None else given.moderators.columns
    return {name: np.asarray(own[name].cells, dtype=float)[rows] for name in ARMS if name in own}


def _of_groups(values: Array, groups: Sequence[NDArray[np.intp]]) -> Array:
    """The number that the rows of a group share, NaN where they do not."""
    return np.array([values[rows[0]] if (values[rows] == values[rows[0]]).all() else np.nan for rows in groups])


def _log(results: Results, rows: NDArray[np.intp], single: Single) -> str:
    """What was reported, and what the rule did with it."""
    if len(rows) == 1:
        return results.ways[rows[0]]
    lines = []
    for place, row in enumerate(rows.tolist()):
        own = results.frame.iloc[row]
        what = ", ".join(text_of(own[name]) for name in ("report", *KEYS) if name in own and not pd.isna(own[name]))
        told = "" if place in single.used else ", left out"
        lines.append(f"[{what}: {results.ways[row]}: {results.y[row]:.4g} ({results.se[row]:.4g}){told}]")
    return f"{single.words}: " + " ".join(lines)


def one_code(cells: pd.Series) -> object:
    """The one cell, or the different ones joined by ' + '."""
    known = [cell for cell in dict.fromkeys(cells.tolist()) if not pd.isna(cell)]
    if not known:
        return None
    return known[0] if len(known) == 1 else " + ".join(text_of(cell) for cell in known)
