"""One analysis file, read and checked to the end: what comes out is ready to run."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from poolwise import datasets
from poolwise.analysis import problems
from poolwise.analysis.problems import Problem
from poolwise.effects import Effects
from poolwise.engines._moments import refuse_improper
from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.exact import Exact
from poolwise.engines.nuts import NUTS
from poolwise.errors import AnalysisError, PoolwiseError
from poolwise.fit import PAIRS, Engine
from poolwise.model import CommonEffect, Model, RandomEffects
from poolwise.prior_catalogue import panel
from poolwise.priors import Prior

if TYPE_CHECKING:
    from poolwise.analysis.spec import ClosedFormRow, ModelSection, Spec


@final
@dataclass(frozen=True)
class PlannedFit:
    """One fit of an analysis: what will be run, and what it will be called.

    Attributes
    ----------
    label : str
        Words for tables and figures; empty for the words that the engine finds.
    model : Model
        The model with every prior explicit.
    engine : Engine
        How it is computed.
    """

    label: str
    model: Model
    engine: Engine


@final
@dataclass(frozen=True)
class Panel:
    """The prior panel of an analysis.

    Attributes
    ----------
    priors : tuple of Prior, optional
        Priors on tau; the panel of the scale of effect when None.
    mu : Prior
        Prior on the mean effect, the same in every fit of the panel.
    """

    priors: tuple[Prior, ...] | None
    mu: Prior


@final
@dataclass(frozen=True, eq=False)
class Analysis:
    """One scientific question, checked to the end.

    Attributes
    ----------
    name : str
        The file's name without its ending; the name of the folder of results.
    title, question : str
        The question in a line and in a sentence.
    source : str
        Name of the file.
    effects : Effects
        The study table.
    model : Model
        The model, every prior explicit.
    fits : tuple of PlannedFit
        What will be run, in the order of the tables.
    panel : Panel, optional
        The prior panel, None when none is asked for.
    prob : float
        Probability of every interval.
    rope : tuple of float, optional
        Region of practical equivalence on the analysis scale.
    evidence : bool
        Whether the log evidence is reported.
    spec_hash : str
        SHA-256 of the file.
    data_notes : tuple of str
        What a reader has to know about the data.
    """

    name: str
    title: str
    question: str
    source: str
    effects: Effects
    model: Model
    fits: tuple[PlannedFit, ...]
    panel: Panel | None = None
    prob: float = 0.95
    rope: tuple[float, float] | None = None
    evidence: bool = False
    spec_hash: str = field(default="", repr=False)
    data_notes: tuple[str, ...] = field(default=(), repr=False)

    def statement(self) -> tuple[str, ...]:
        """The generative statement of the model that will run, a line each."""
        return self.model.statement()


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
    effects = _effects(document, path.parent, found)
    if spec is None or effects is None:
        raise problems.together(path, found)
    model = _tried("model", found, lambda: _model(spec.model, spec.model.kind).resolved(effects))
    if model is None:
        raise problems.together(path, found)
    fits = _fits(spec, model, effects, found)
    priors = _tried("sensitivity", found, partial(_panel, spec, model, effects))
    _check_evidence(spec, model, found)
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
        data_notes=_data_notes(spec.data.dataset, effects),
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
        raise AnalysisError(
            f"{path} is not UTF-8 text (byte {error.start})", "a TOML file in UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise AnalysisError(
            f"{path} is not valid TOML: {error}", "a TOML file, as poolwise show prints it"
        ) from None


def _validated(document: dict[str, Any]) -> tuple[Spec | None, list[Problem]]:
    from pydantic import ValidationError

    from poolwise.analysis.spec import Spec

    try:
        return Spec.model_validate(document), []
    except ValidationError as error:
        return None, problems.of_validation(error, Spec)


def _effects(document: dict[str, Any], folder: Path, found: list[Problem]) -> Effects | None:
    """The study table, when the sections that tell about it are valid, whatever else is wrong in the file."""
    from pydantic import ValidationError

    from poolwise.analysis.sources import studies
    from poolwise.analysis.spec import Data, Report

    try:
        data = Data.model_validate(document.get("data"))
    except ValidationError:
        return None
    report = document.get("report", {})
    try:
        directions = Report.model_validate({"directions": report["directions"]}).directions
    except (ValidationError, KeyError, TypeError):
        directions = None
    return studies(data, folder, directions, found)


def _tried[T](key: str, found: list[Problem], make: Callable[[], T]) -> T | None:
    """What `make` makes, or None when it raises an error of the package, which joins what was found."""
    try:
        return make()
    except PoolwiseError as error:
        found.append(problems.of_error(key, error))
        return None


def _model(section: ModelSection, kind: str) -> Model:
    if kind == "common-effect":
        return CommonEffect(mu=section.mu)
    return RandomEffects(mu=section.mu, tau=section.tau, tau_fixed=section.tau_fixed)


def _fits(spec: Spec, model: Model, effects: Effects, found: list[Problem]) -> tuple[PlannedFit, ...]:
    """Every fit that the file asks for: the frequentist ones, the exact ones, NUTS."""
    engines = spec.engines
    makers: list[tuple[str, Callable[[], PlannedFit]]] = [
        (f"engines.closed_form[{number}]", partial(_frequentist, spec, row, effects))
        for number, row in enumerate(engines.closed_form)
    ]
    if engines.exact is not None:
        makers.append(("engines.exact", partial(_bayesian, engines.exact.label, model, Exact, {}, effects)))
    for number, prior in enumerate(spec.sensitivity.mu):
        makers.append((f"sensitivity.mu[{number}]", partial(_beside, model, prior, effects)))
    if engines.nuts is not None:
        settings = engines.nuts.model_dump(exclude={"label"})
        makers.append(
            ("engines.nuts", partial(_bayesian, engines.nuts.label, model, NUTS, settings, effects))
        )
    fits = [_tried(key, found, partial(_existing, make)) for key, make in makers]
    return tuple(fit for fit in fits if fit is not None)


def _existing(make: Callable[[], PlannedFit]) -> PlannedFit:
    fit = make()
    engines = PAIRS.get(type(fit.model), ())
    if type(fit.engine) not in engines:
        raise AnalysisError(
            f"{fit.model.label} by {type(fit.engine).__name__} does not exist",
            " or ".join(engine.__name__ for engine in engines),
        )
    return fit


def _frequentist(spec: Spec, row: ClosedFormRow, effects: Effects) -> PlannedFit:
    kind = row.model or spec.model.kind
    settings = row.model_dump(exclude={"label", "model"}, exclude_none=True)
    if kind == "common-effect" and "tau2" in settings:
        raise AnalysisError("a common-effect fit has no tau2", "model = 'random-effects', or no tau2")
    section = spec.model
    if kind != section.kind:
        section = section.model_copy(update={"tau": None, "tau_fixed": None})
    return PlannedFit(row.label or "", _model(section, kind).resolved(effects), ClosedForm(**settings))


def _bayesian(
    label: str | None,
    model: Model,
    engine: type[Exact] | type[NUTS],
    settings: dict[str, Any],
    effects: Effects,
) -> PlannedFit:
    refuse_improper(effects, model)
    return PlannedFit(label or "", model, engine(**settings))


def _beside(model: Model, prior: Prior, effects: Effects) -> PlannedFit:
    words = "flat mu" if not prior.proper else f"mu ~ {prior}"
    return _bayesian(f"exact, {words}", replace(model, mu=prior).resolved(effects), Exact, {}, effects)


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


def _panel(spec: Spec, model: Model, effects: Effects) -> Panel | None:
    if not spec.sensitivity.prior_panel or not isinstance(model, RandomEffects) or model.mu is None:
        return None
    if model.tau_fixed is not None:
        return None
    chosen = spec.sensitivity.tau or tuple(
        entry.prior for entry in panel(effects.scale.name, tuple(dict.fromkeys(effects.outcome)))
    )
    for prior in chosen:
        refuse_improper(effects, replace(model, tau=prior))
    return Panel(spec.sensitivity.tau or None, model.mu)


def _check_evidence(spec: Spec, model: Model, found: list[Problem]) -> None:
    if not spec.report.evidence:
        return
    if spec.engines.exact is None:
        found.append(Problem("report.evidence", "found true, without an exact fit", "engines.exact = {}"))
    for name in ("mu", "tau"):
        prior = getattr(model, name, None)
        if prior is not None and not prior.proper:
            found.append(
                Problem(
                    f"model.{name}",
                    f"the prior {prior} is improper, and the log evidence is asked for",
                    "a proper prior, or report.evidence = false",
                )
            )
