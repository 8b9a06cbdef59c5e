"""The study table that an analysis file names: a packaged data set, or the user's own CSV."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

import pandas as pd

from poolwise import coding, datasets
from poolwise.analysis.data_section import CodingProtocol, Data, Rule, Statistics, Table
from poolwise.analysis.problems import Problem, tried
from poolwise.coding import Average, Chosen, FirstReport, Flow, Largest, Protocol
from poolwise.csv_studies import Roles, effects_of
from poolwise.effects import Effects
from poolwise.errors import closest, listing, nearest
from poolwise.intake import files
from poolwise.intake.counts import MEASURES
from poolwise.intake.remarks import VARIANCE_NAMES
from poolwise.intake.rows import ADJUSTED
from poolwise.intake.table import OWN_COLUMNS
from poolwise.intake.workbook import ENDINGS, read_workbook
from poolwise.scale import SCALES, as_scale

Directions = tuple[str, str] | None
type RuleOf = Average | Chosen
NAMING = ("pooled", "factors", "by", "cluster")  # keys of [model] that name columns of names


@final
@dataclass(frozen=True)
class Asked:
    """What a model asks of the study table.

    Attributes
    ----------
    columns : mapping of str to tuple of str
        Names of columns by the key of [model] that names them.
    kind : str
        Of the model; empty when it is not told.
    """

    columns: Mapping[str, tuple[str, ...]]
    kind: str

    @property
    def identifiers(self) -> frozenset[str]:
        """Columns of clusters, groups and factors, whose cells are names, not numbers."""
        numeric = {name for key, names in self.columns.items() if key not in NAMING for name in names}
        return frozenset(name for key in NAMING for name in self.columns.get(key, ())) - numeric

    @property
    def all_outcomes(self) -> bool:
        """Whether the model is about every outcome of the table."""
        return self.kind in ("joint-outcomes", "correlated-outcomes")

    def several_outcomes(self, column: str) -> bool:
        """Whether it can take several outcomes together: effects in clusters, or a column that tells them apart."""
        named = {name for names in self.columns.values() for name in names}
        return (
            self.all_outcomes
            or self.kind in ("three-level", "crossed-effects")
            or not named.isdisjoint({"outcome", column})
        )


def studies(data: Data, folder: Path, directions: Directions, asked: Asked, found: list[Problem]) -> Effects | None:
    """The study table, or None when something keeps it from being made, which joins `found`.

    Parameters
    ----------
    data : Data
        The section [data].
    folder : Path
        Folder of the analysis file, which a CSV file's path is relative to.
    directions : tuple of str, optional
        Words for the two directions of the axis, in the place of the table's own.
    asked : Asked
        What the model asks of the table.
    found : list of Problem
        What is wrong so far; grows.

    Returns
    -------
    Effects or None
        The rows of the outcome asked for, where the table names outcomes.
    """
    before = len(found)
    if data.scale is not None:
        tried("data.scale", found, partial(as_scale, data.scale))
    if data.statistics is not None:
        whole = _reported(data, data.statistics, folder, directions, asked, found)
    elif data.protocol is not None:
        whole = _coded(data, data.protocol, folder, directions, asked, found)
    elif data.csv is not None:
        whole = _own(data, data.csv, folder, directions, asked, found)
    else:
        whole = _packaged(data, directions, found)
    if whole is None or not _outcome_fits(data, whole.outcomes, asked, found) or len(found) > before:
        return None
    return whole if data.outcome is None else tried("data", found, partial(whole.select, outcome=data.outcome))


def _packaged(data: Data, directions: Directions, found: list[Problem]) -> Effects | None:
    name = str(data.dataset)
    if name not in datasets.names():
        known = datasets.names()
        found.append(Problem("data.dataset", f"no data set is called '{name}'", advice=nearest(name, known)))
        return None
    effects = datasets.load(name)
    if data.scale is not None and data.scale.casefold() != effects.scale.name.casefold():
        expected = f"'{effects.scale}', the scale of '{name}'"
        found.append(Problem("data.scale", f"'{data.scale}' is asked for", expected))
    return effects.described(directions=directions)


def _outcome_fits(data: Data, outcomes: tuple[str, ...], asked: Asked, found: list[Problem]) -> bool:
    """Whether the outcome asked for is there."""
    outcome = data.outcome
    column = "outcome" if data.own is None or data.own.outcome is None else data.own.outcome
    if outcome is not None and asked.all_outcomes:
        told = f"the outcome '{outcome}' is asked for, and the model takes all together"
        found.append(Problem("data.outcome", told, "no 'outcome'"))
        return False
    if outcome is None and len(outcomes) > 1 and not asked.several_outcomes(column):
        expected = f"one of {listing(name or 'no name' for name in outcomes)}"
        advice = "for all together, kind = 'joint-outcomes' or 'three-level'"
        found.append(Problem("data.outcome", f"the data have {len(outcomes)} outcomes", expected, advice))
        return False
    if outcome is not None and not any(outcomes):
        where = "the data name no outcomes" if data.own is None else f"'{data.own.file}' has no column '{column}'"
        told = f"the outcome '{outcome}' is asked for, and {where}"
        key = "csv" if data.csv is not None else "statistics"
        advice = "" if data.own is None else f"{key} = {{ outcome = '...' }}"
        found.append(Problem("data.outcome", told, "no 'outcome'", advice))
        return False
    if outcome is not None and outcome not in outcomes:
        there = f"one of {listing(outcomes)}"
        found.append(
            Problem("data.outcome", f"the data have no outcome '{outcome}'", there, nearest(outcome, outcomes))
        )
        return False
    return True


def _own(
    data: Data, table: Table, folder: Path, directions: Directions, asked: Asked, found: list[Problem]
) -> Effects | None:
    frame = _frame(folder, table, found)
    if data.scale is None:
        expected = f"one of {listing(SCALES, 20)}"
        found.append(Problem("data.scale", "this key is missing, and a CSV file does not tell it", expected))
    if frame is None:
        return None
    counts = table.events is not None and table.totals is not None
    names = _counts(data, table, frame, found) if counts else _names(table, frame, found)
    moderators = _moderators(table, frame, asked, found)
    if names is None or moderators is None or any(problem.key == "data.scale" for problem in found):
        return None
    kept, clusters = _kept(moderators, asked)
    roles = Roles(
        names.get("y"), names.get("se"), names.get("v"), names.get("study"), names.get("outcome"), names.get("n"),
        events=table.events, totals=table.totals, moderators=kept, cluster=clusters,
    )  # fmt: skip
    make = partial(
        effects_of,
        frame,
        roles,
        str(data.scale),
        table.decimal,
        title=Path(table.file).name,
        directions=directions or ("", ""),
        detected=(table.encoding is None, table.delimiter is None),
        drop00=table.drop00,
    )
    return tried("data.csv", found, make)


def _reported(
    data: Data, table: Statistics, folder: Path, directions: Directions, asked: Asked, found: list[Problem]
) -> Effects | None:
    """The study table of rows that report statistics; see `Effects.from_statistics`."""
    frame = _frame(folder, table, found, "data.statistics")
    _check_no_scale(data, table.target, found)
    if frame is None:
        return None
    moderators = _moderators(table, frame, asked, found)
    if moderators is None:
        return None
    kept, clusters = _kept(moderators, asked)
    make = partial(
        Effects.from_statistics,
        frame,
        **table.model_dump(exclude={"file", "sheet", "delimiter", "encoding", "without_adjusted"}),
        moderators=kept,
        cluster=clusters,
        title=Path(table.file).name,
        directions=directions or ("", ""),
    )
    effects = tried("data.statistics", found, make)
    if effects is None or not table.without_adjusted or ADJUSTED not in effects.moderators:
        return effects
    return tried("data.statistics.without_adjusted", found, partial(effects.select, where={ADJUSTED: "no"}))


def _kept(names: list[str], asked: Asked) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that are kept beside a table's own: moderators, and those whose cells are names."""
    kept = [name for name in names if name not in OWN_COLUMNS]
    clusters = tuple(name for name in kept if name in asked.identifiers)
    return tuple(name for name in kept if name not in clusters), clusters


def protocol_of(data: Data, folder: Path, directions: Directions, found: list[Problem]) -> Protocol | None:
    """The coding protocol that the file names; None where it names none, or where it cannot be read."""
    if data.protocol is None:
        return None
    path = folder / data.protocol.file
    if not _is_there(path, "data.protocol", ("*.csv", "*.xlsx"), found):
        return None
    protocol = tried("data.protocol", found, partial(coding.read, path, directions=directions or ("", "")))
    if protocol is None or not data.protocol.without_adjusted or ADJUSTED not in protocol.frame:
        return protocol
    return tried("data.protocol.without_adjusted", found, partial(protocol.select, {ADJUSTED: ["no", ""]}))


def flow_of(data: Data, found: list[Problem]) -> Flow | None:
    """The PRISMA flow that the file tells; None where it tells none, or where it does not add up."""
    return None if data.flow is None else tried("data.flow", found, partial(coding.prisma, data.flow))


def _coded(
    data: Data, own: CodingProtocol, folder: Path, directions: Directions, asked: Asked, found: list[Problem]
) -> Effects | None:
    """The study table of a protocol: one row for each sample and outcome by rules, or every result apart."""
    protocol = protocol_of(data, folder, directions, found)
    _check_no_scale(data, own.target, found)
    if protocol is None:
        return None
    options = own.model_dump(include={"columns", "prob", "sides", "base_rate", "responses", "decimal"})
    options |= {"target": own.target, "outcome": data.outcome}
    if own.apart is not None:
        make = partial(protocol.apart, r=own.apart, **options)
    else:
        overlap = _overlap(own, protocol, found)
        make = partial(protocol.effects, rule=_rule(own.rule), overlap=overlap, **options)
    effects = tried("data.protocol", found, make)
    if effects is None or _moderators(own, effects.moderators, asked, found, ("outcome",)) is None:
        return None
    return effects.described(title=Path(own.file).name)


def _overlap(own: CodingProtocol, protocol: Protocol, found: list[Problem]) -> RuleOf | Mapping[str, RuleOf] | None:
    """The rule for samples that reports share: one for all, or with rules of single samples beside it."""
    shared = dict.fromkeys(protocol.overlaps["sample"])
    for name in own.overlap_of:
        if name not in shared:
            told = f"no sample '{name}' is shared by reports"
            expected = f"one of {listing(shared)}" if shared else "no 'overlap_of', since no sample is"
            found.append(Problem(f"data.protocol.overlap_of.{name}", told, expected, nearest(name, shared)))
    if not own.overlap_of:
        return _rule(own.overlap)
    rest = {} if own.overlap is None else dict.fromkeys(shared, own.overlap)
    rules = {name: _rule(rule) for name, rule in (rest | own.overlap_of).items()}
    return {name: rule for name, rule in rules.items() if rule is not None}


def _rule(own: Rule | None) -> RuleOf | None:
    if own is None:
        return None
    name, r = own.choice
    rules: dict[str, Callable[[float], RuleOf]] = {
        "Average": Average,
        "Largest": Largest,
        "FirstReport": FirstReport,
    }
    return rules[name](r)


def _check_no_scale(data: Data, target: str, found: list[Problem]) -> None:
    if data.scale is not None:
        told = f"'scale' is given, and target = '{target}' tells it"
        found.append(Problem("data.scale", told, "no 'scale'"))


def _counts(data: Data, table: Table, frame: pd.DataFrame, found: list[Problem]) -> dict[str, str] | None:
    """The name of the columns beside two-arm counts; None when a column of counts is missing."""
    wanted = {"data.csv.events": table.events, "data.csv.totals": table.totals}
    lacking = _lacking(table.file, frame, [(key, name) for key, names in wanted.items() for name in names or ()], found)
    if data.scale is not None and data.scale not in MEASURES:
        found.append(Problem("data.scale", f"'{data.scale}' is no scale of counts", f"one of {listing(MEASURES)}"))
    if lacking or data.scale not in MEASURES:
        return None
    return {part: name for part in ("study", "outcome") if (name := getattr(table, part)) in frame}


def _names(table: Table, frame: pd.DataFrame, found: list[Problem]) -> dict[str, str] | None:
    """The name of the column for each part of the table; None when one is missing."""
    spread = {"v": table.v} if table.v is not None else {"se": table.se}
    names = {"y": table.y, **spread}
    for optional in ("study", "n", "outcome"):
        if getattr(table, optional) in frame or optional in table.model_fields_set:
            names[optional] = getattr(table, optional)
    wanted = [(f"data.csv.{part}", name) for part, name in names.items()]
    return None if _lacking(table.file, frame, wanted, found) else names


def _moderators(
    table: Table | Statistics | CodingProtocol,
    frame: pd.DataFrame,
    asked: Asked,
    found: list[Problem],
    known: tuple[str, ...] = (),
) -> list[str] | None:
    """The columns that the model names, in the order of its keys, but for those known; None when one is missing."""
    wanted = [(f"model.{key}", name) for key, names in asked.columns.items() for name in names if name not in known]
    return None if _lacking(table.file, frame, wanted, found) else list(dict.fromkeys(name for _, name in wanted))


def _lacking(file: str, frame: pd.DataFrame, wanted: list[tuple[str, str]], found: list[Problem]) -> bool:
    """Whether any column that a key names is not there; each is a problem."""
    there = [str(name) for name in frame.columns]
    missing = [(key, name) for key, name in wanted if name not in frame]
    for key, name in missing:
        variances = [other for other in there if key == "data.csv.se" and other.casefold() in VARIANCE_NAMES]
        advice = f"v = '{variances[0]}'" if variances else closest(name, there)
        found.append(Problem(key, f"'{file}' has no column '{name}'", f"one of {listing(there, 20)}", advice))
    return bool(missing)


def _frame(folder: Path, table: Table | Statistics, found: list[Problem], key: str = "data.csv") -> pd.DataFrame | None:
    path = folder / table.file
    if not _is_there(path, key, ("*.csv",), found):
        return None
    if isinstance(table, Statistics) and path.suffix.casefold() in ENDINGS:
        return tried(key, found, partial(read_workbook, path, sheet=table.sheet))
    make = partial(files.read_csv, path, encoding=table.encoding, delimiter=table.delimiter)
    return tried(key, found, make)


def _is_there(path: Path, key: str, patterns: tuple[str, ...], found: list[Problem]) -> bool:
    """Whether there is such a file; if not, the nearest name beside it is offered."""
    if os.path.lexists(path):
        return True
    parent = path.parent
    beside = [other.name for pattern in patterns for other in parent.glob(pattern)] if parent.is_dir() else []
    advice = nearest(path.name, beside) if beside else ""
    found.append(Problem(key, f"there is no file '{path}'", "a path from the analysis file's folder", advice))
    return False
