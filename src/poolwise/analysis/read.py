"""One analysis file, read and checked to the end: what comes out is ready to run."""

from __future__ import annotations

import difflib
import hashlib
import os
import unicodedata
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poolwise import datasets
from poolwise.analysis import problems
from poolwise.analysis.plan import (
    check_evidence,
    check_null,
    check_threshold,
    planned_bias,
    planned_fits,
    planned_panel,
    planned_refits,
    resolved,
)
from poolwise.analysis.problems import Problem, tried
from poolwise.analysis.reconstructed import check_fits, check_panel, drawn_tables
from poolwise.analysis.record import Analysis, Panel, PlannedFit, PlannedSimulation
from poolwise.analysis.syntax import parsed
from poolwise.effects import Effects
from poolwise.errors import AnalysisError, InputError
from poolwise.intake.text_file import read_bytes, shown
from poolwise.model import Model
from poolwise.reconstruct import Reconstruction
from poolwise.settings import unprintable

if TYPE_CHECKING:
    from poolwise.analysis.sources import Asked
    from poolwise.analysis.spec import Spec
    from poolwise.coding import Flow, Protocol

MOST = 5_000_000  # bytes of an analysis file


def load_analysis(path: str | Path) -> Analysis:
    """Read an analysis file and check it to the end, before anything is fitted.

    Parameters
    ----------
    path : str or Path
        A TOML file; see ``poolwise schema`` for what it may say.

    Returns
    -------
    Analysis
        With the very effects, models and engines that `run` will use.

    Raises
    ------
    AnalysisError
        When the file cannot be read, or with every problem in it: key, value found, what was expected, and
        the nearest known name.

    Examples
    --------
    >>> import poolwise as pw
    >>> analysis = pw.load_analysis("models/misconduct.toml")  # doctest: +SKIP
    >>> print(*analysis.statement(), sep="\\n")  # doctest: +SKIP
    """
    if not isinstance(path, str | os.PathLike):
        raise AnalysisError(f"load_analysis was given {type(path).__name__}", "the path of an analysis file")
    path = Path(path)
    content, tables_of_file = document(path)
    _check_name(path)
    spec, found = _validated(tables_of_file)
    effects, tables = _data(tables_of_file, path.parent, found)
    if spec is None or effects is None:
        raise problems.together(path, found)
    return _planned(path, hashlib.sha256(content).hexdigest(), spec, effects, tables, found)


def _planned(
    path: Path, spec_hash: str, spec: Spec, effects: Effects, tables: Reconstruction | None, found: list[Problem]
) -> Analysis:
    """What a valid file of valid data asks for, checked against these data and against each other."""
    protocol, flow = (None, None) if found else _review(spec, path.parent, found)
    model = tried("model", found, partial(resolved, spec, effects))
    if model is None:
        raise problems.together(path, found)
    fits = planned_fits(spec, model, effects, found)
    panel = _panel(spec, model, effects, tables, fits, found)
    bias = planned_bias(spec, effects, found)
    refits = planned_refits(spec, model, effects, found, tables=tables is not None)
    simulation = None if found else _simulation(spec, model, fits, effects, tables, found)
    if found:
        raise problems.together(path, found)
    return Analysis(
        name=path.stem,
        title=spec.title,
        question=spec.question,
        source=path.name,
        effects=effects,
        model=model,
        fits=fits,
        panel=panel,
        prob=spec.report.prob,
        rope=spec.report.rope,
        threshold=spec.report.threshold,
        evidence=spec.report.evidence,
        spec_hash=spec_hash,
        data_notes=_data_notes(spec.data.dataset, effects) if tables is None else tables.notes,
        tables=tables,
        inputs=tuple(Path(os.path.abspath(one)) for one in (path, *_own_csv(spec, path.parent))),
        nuts_tables=3 if spec.data.reconstruct is None else spec.data.reconstruct.nuts_tables,
        restarts=0 if spec.data.reconstruct is None else spec.data.reconstruct.restarts,
        protocol=protocol,
        flow=flow,
        publication_bias=bias,
        refits=refits,
        simulation=simulation,
    )


def _simulation(
    spec: Spec,
    model: Model,
    fits: tuple[PlannedFit, ...],
    effects: Effects,
    tables: Reconstruction | None,
    found: list[Problem],
) -> PlannedSimulation | None:
    """What the methods are tried on, None where that is not asked for; methods that cannot be are problems."""
    if spec.simulate is None:
        return None
    from poolwise.analysis.simulation import planned_simulation

    prob, threshold = spec.report.prob, spec.report.threshold
    make = partial(
        planned_simulation, spec.simulate, model, fits, effects, tables=tables, prob=prob, threshold=threshold
    )
    return tried("simulate", found, make)


def _panel(
    spec: Spec,
    model: Model,
    effects: Effects,
    tables: Reconstruction | None,
    fits: tuple[PlannedFit, ...],
    found: list[Problem],
) -> Panel | None:
    """The prior panel, and what is asked for besides, checked against the model and the data."""
    if tables is not None:
        panel = check_panel(spec, model, tables, found)
        check_fits(spec, tables, fits, found)
        return panel
    panel = tried("sensitivity", found, partial(planned_panel, spec, model, effects))
    check_evidence(spec, model, found)
    check_threshold(spec, model, found)
    check_null(spec, effects, found)
    return panel


def document(path: Path) -> tuple[bytes, dict[str, Any]]:
    """The bytes of an analysis file, and its tables.

    Raises
    ------
    AnalysisError
        When it cannot be read or is not TOML.
    """
    try:
        content = read_bytes(path, "an analysis file", MOST)
    except InputError as error:
        beside = [other.name for other in path.parent.glob("*.toml")] if os.path.isdir(path.parent) else []
        close = [] if os.path.lexists(path) else difflib.get_close_matches(path.name, beside, n=1)
        advice = f"did you mean '{path.parent / close[0]}'?" if close else error.advice
        found = error.found if "read" in error.found else f"cannot read {shown(path)}: {error.found}"
        raise AnalysisError(found, error.expected, advice) from None
    return content, parsed(path, content)


def _check_name(path: Path) -> None:
    """Refuse the name of a file that cannot be the name of a folder of results."""
    if unprintable(path.name) or any(unicodedata.category(one) == "Cc" for one in path.name):
        raise AnalysisError(f"the name of the file {path.name!a} cannot be printed", "a name without such characters")
    if not path.stem.strip(". "):
        raise AnalysisError(f"'{path.name}' gives no name for a folder of results", "a name such as 'question.toml'")


def _validated(document: dict[str, Any]) -> tuple[Spec | None, list[Problem]]:
    from pydantic import ValidationError

    from poolwise.analysis.spec import Spec

    try:
        return Spec.model_validate(document), []
    except ValidationError as error:
        return None, problems.of_validation(error, Spec)


def _data(document: dict[str, Any], folder: Path, found: list[Problem]) -> tuple[Effects | None, Reconstruction | None]:
    """The study table, or reconstructed ones and the first of them, when the sections that tell about it are valid."""
    from pydantic import ValidationError

    from poolwise.analysis.data_section import Data
    from poolwise.analysis.sources import studies
    from poolwise.analysis.spec import Report

    try:
        data = Data.model_validate(document.get("data"))
    except ValidationError:
        return None, None
    report = document.get("report", {})
    try:
        directions = Report.model_validate({"directions": report["directions"]}).directions
    except (ValidationError, KeyError, TypeError):
        directions = None
    if data.reconstruct is not None:
        drawn = drawn_tables(data, directions, found)
        return (None if drawn is None else drawn.effects(0)), drawn
    return studies(data, folder, directions, _asked(document.get("model")), found), None


def _review(spec: Spec, folder: Path, found: list[Problem]) -> tuple[Protocol | None, Flow | None]:
    """What the file tells of the review: its protocol, and its flow."""
    from poolwise.analysis.sources import flow_of, protocol_of

    return protocol_of(spec.data, folder, spec.report.directions, found), flow_of(spec.data, found)


_STUDIES = (("study", "cluster"), ("study", "factors"))  # the study itself, which needs no column of its own


def _asked(section: object) -> Asked:
    """What the section [model] asks of the table, valid or not."""
    from poolwise.analysis.model_section import COLUMNS
    from poolwise.analysis.sources import Asked

    if not isinstance(section, dict):
        return Asked({}, "")
    named = {key: section.get(key) for key in COLUMNS}
    if isinstance(section.get("errors"), dict):
        named["errors"] = list(section["errors"].values())
    lists = {key: [one] if isinstance(one, str) and key in ("by", "cluster") else one for key, one in named.items()}
    columns = {
        key: tuple(name for name in names if _is_column(name) and (name, key) not in _STUDIES)
        for key, names in lists.items()
        if isinstance(names, list)
    }
    return Asked(columns, str(section.get("kind", "")))


def _is_column(name: object) -> bool:
    """Whether this can name a column; a formula, which the section itself refuses, cannot."""
    return isinstance(name, str) and not name.lstrip().startswith("~")


def _own_csv(spec: Spec, folder: Path) -> tuple[Path, ...]:
    """The path of the user's own table, where the file names one."""
    return () if spec.data.own is None else (folder / spec.data.own.file,)


def _data_notes(dataset: str | None, effects: Effects) -> tuple[str, ...]:
    """What the data set says of itself, without the notes on its other outcomes."""
    if dataset is None:
        return ()
    others = set(datasets.load(dataset).outcomes) - set(effects.outcomes)
    notes = datasets.describe(dataset).notes
    return tuple(
        note
        for note in notes
        if any(name and name in note for name in effects.outcomes) or not any(name in note for name in others)
    )
