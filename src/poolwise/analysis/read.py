"""One analysis file, read and checked to the end: what comes out is ready to run."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poolwise import datasets
from poolwise.analysis import problems
from poolwise.analysis.plan import check_evidence, planned_fits, planned_panel, resolved
from poolwise.analysis.problems import Problem, tried
from poolwise.analysis.reconstructed import check_fits, check_panel, drawn_tables
from poolwise.analysis.record import Analysis
from poolwise.effects import Effects
from poolwise.errors import AnalysisError
from poolwise.reconstruct import Reconstruction

if TYPE_CHECKING:
    from poolwise.analysis.sources import Asked
    from poolwise.analysis.spec import Spec


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
    path = Path(path)
    content = _content(path)
    document = _document(path, content)
    spec, found = _validated(document)
    effects, tables = _data(document, path.parent, found)
    if spec is None or effects is None:
        raise problems.together(path, found)
    model = tried("model", found, partial(resolved, spec, effects))
    if model is None:
        raise problems.together(path, found)
    fits = planned_fits(spec, model, effects, found)
    if tables is None:
        priors = tried("sensitivity", found, partial(planned_panel, spec, model, effects))
        check_evidence(spec, model, found)
    else:
        priors = check_panel(spec, model, tables, found)
        check_fits(spec, tables, fits, found)
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
        panel=priors,
        prob=spec.report.prob,
        rope=spec.report.rope,
        evidence=spec.report.evidence,
        spec_hash=hashlib.sha256(content).hexdigest(),
        data_notes=_data_notes(spec.data.dataset, effects) if tables is None else tables.notes,
        tables=tables,
        nuts_tables=3 if spec.data.reconstruct is None else spec.data.reconstruct.nuts_tables,
        restarts=0 if spec.data.reconstruct is None else spec.data.reconstruct.restarts,
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        beside = [other.name for other in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, beside, n=1)
        advice = f"did you mean '{path.parent / close[0]}'?" if close else "poolwise list"
        raise AnalysisError(f"cannot read '{path}': {error.strerror}", "an analysis file", advice) from None


def _document(path: Path, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise AnalysisError(f"{path} is not UTF-8 text (byte {error.start})", "a TOML file in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise AnalysisError(f"{path} is not valid TOML: {error}", "a TOML file such as those in models/") from None


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


_STUDIES = (("study", "cluster"), ("study", "factors"))  # the study itself, which needs no column of its own


def _asked(section: object) -> Asked:
    """What the section [model] asks of the table, valid or not."""
    from poolwise.analysis.sources import Asked

    if not isinstance(section, dict):
        return Asked({}, "")
    named = {key: section.get(key) for key in ("moderators", "pooled", "scale", "factors", "by", "cluster")}
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
