"""fit: one question, one engine, one result; and the table of the pairs that exist."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from typing import TYPE_CHECKING, Protocol

from poolwise import show
from poolwise.closed_form.tau2 import ESTIMATORS
from poolwise.effects import Effects
from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.closed_form.notes import prediction
from poolwise.engines.closed_form.quantities import INTERVAL_WORDS
from poolwise.engines.exact import Exact
from poolwise.engines.nuts import NUTS
from poolwise.errors import FitError, ModelError, PoolwiseError, described, listing, warn
from poolwise.model import (
    MODELS,
    CommonEffect,
    MetaRegression,
    Model,
    RandomEffects,
    Subgroups,
    far_priors,
    group_remarks,
    remarks,
)
from poolwise.model.needs import CLUSTERS, CORRELATED, COVARIANCE, CROSSED, POOLED, UNCERTAIN
from poolwise.result import NO_PRIOR, Result
from poolwise.settings import check_flag, option_meant

if TYPE_CHECKING:
    from poolwise.engines.nuts.stored_draws import Place

ENGINES = (ClosedForm, Exact, NUTS)
ONE_TAU = (CommonEffect, RandomEffects, MetaRegression, Subgroups)
"""Models with one tau at most, under some of their settings at least."""
PAIRS: dict[type[Model], tuple[type, ...]] = {
    model: tuple(engine for engine in ENGINES if model.always_needs <= engine.can) for model in MODELS
}
"""The engines that know a model, under some of its settings at least."""


def exceptions(model: type[Model], engine: type[ClosedForm | Exact | NUTS]) -> tuple[str, ...]:
    """What a model may need under some of its settings and this engine cannot."""
    return tuple(need for need in model.may_need if need not in engine.can)


def fit_words(model: Model, engine: Engine, label: str = "") -> str:
    """A fit as people name it before it has run: ``"random effects, REML, Hartung-Knapp (frequentist, closed form)"``.

    Parameters
    ----------
    model : Model
    engine : Engine
    label : str
        Words of its own, which stand alone.
    """
    if label:
        return show.method(label)
    words = [model.label]
    if isinstance(engine, ClosedForm):
        words += [str(engine.tau2)] if model.varies else []
        words += [INTERVAL_WORDS.get(engine.interval, engine.interval).partition(",")[0]] if engine.interval else []
    return f"{show.method(', '.join(words))} ({show.engine(engine.label)})"


def pairs_table() -> str:
    """The supported pairs of model and engine as a Markdown table with its exceptions, as the README shows it."""
    lines = ["| model | for | " + " | ".join(f"`{engine.__name__}`" for engine in ENGINES) + " |"]
    lines.append("|---|---|" + "---|" * len(ENGINES))
    for model, known in PAIRS.items():
        cells = (_cell(exceptions(model, engine)) if engine in known else "no" for engine in ENGINES)
        lines.append(f"| `{model.__name__}` | {model.purpose} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_exceptions_of_tables_and_priors()])


def _cell(missing: tuple[str, ...]) -> str:
    return f"yes, without {' or '.join(missing)}" if missing else "yes"


def _exceptions_of_tables_and_priors() -> tuple[str, ...]:
    """What no pair of classes tells: which take a known covariance, and which priors an engine has."""
    able = " and ".join(f"`{engine.__name__}`" for engine in ENGINES if COVARIANCE in engine.can)
    return (
        f"- With {COVARIANCE}: {able} alone, for",
        f"  {_classes(ONE_TAU)}, with common tau and normal or flat priors on means.",
        "- `ClosedForm` estimates mu, so that no model may state it (`Fixed`).",
        "- `Exact` takes `Normal` and `Flat` priors on mean effects in every model; `StudentT`, `Cauchy`, `Mixture` in",
        f"  {_classes(ONE_TAU[:3])}; `TruncatedNormal` and `Fixed` there where the mean",
        "  effect is one; no `RegularizedHorseshoe`.",
        "- `NUTS` takes every prior of the package, custom densities and distributions among them.",
    )


def _classes(models: tuple[type, ...]) -> str:
    return ", ".join(f"`{model.__name__}`" for model in models)


SETTINGS = {UNCERTAIN: "missing=, errors=", POOLED: "pooled="}  # what brings a need, where fit itself refuses it


class Engine(Protocol):
    """How a model is computed: a frozen record of settings with one method."""

    @property
    def label(self) -> str:
        """Words for tables."""

    def fit(self, effects: Effects, model: Model) -> Result:
        """The answer to `model` on `effects`."""


def fit(
    effects: Effects,
    model: Model | None = None,
    engine: Engine | None = None,
    *,
    strict: bool = False,
    kept: Place | None = None,
) -> Result:
    """Fit a model to a study table by an engine.

    Parameters
    ----------
    effects : Effects
        The study table.
    model : Model, optional
        What is assumed; ``RandomEffects()`` with the priors of the scale when None.
    engine : Engine, optional
        ``ClosedForm()``, ``Exact()`` or ``NUTS()``; when None, ``Exact()`` where it knows the model, else ``NUTS()``.
    strict : bool
        Raise when the fit went wrong instead of returning a result that says so.
    kept : Place, optional
        Where the draws of NUTS are kept, and taken from when the same fit was finished earlier:
        ``pw.KeptFits("results/fits").place("bcg")``. The other engines are too quick to be kept.

    Returns
    -------
    Result
        With the same shape whatever the engine.

    Raises
    ------
    ModelError
        When the pair of model and engine does not exist, an argument is something else, a prior is left to a scale
        that has no default (mean differences: their unit is the user's), or the posterior is improper by construction.
    FitError
        With ``strict=True``, when the report's status is a failure.

    Notes
    -----
    `Exact` goes before `NUTS` where it knows the model: its answer has no Monte Carlo error, takes milliseconds, and
    has the log evidence. `RandomEffects` is the model unless another is named, since studies of one question seldom
    share one effect.

    References
    ----------
    Of the model and of the engine, in their own pages. Higgins, Thompson & Spiegelhalter 2009, J. R. Statist. Soc. A
    172:137, 10.1111/j.1467-985X.2008.00552.x, for why random effects.

    Examples
    --------
    >>> import poolwise as pw
    >>> bcg = pw.datasets.load("bcg")
    >>> pw.fit(bcg, pw.RandomEffects(), pw.ClosedForm(tau2="REML"))["mu"]
    <Estimate: −0.715, 95 % confidence (Hartung-Knapp ad hoc) [−1.108, −0.321]; t = −3.95 on 12 df, p = 0.002>
    >>> pw.fit(bcg)["mu"]
    <Posterior: median −0.706, 95 % credible (equal-tailed) [−1.112, −0.316]>
    """
    check_table(effects)
    model = _usual_model(effects, engine) if model is None else model
    check_model(model)
    engine = _usual_engine(model) if engine is None else engine
    _check_pair(effects, model, engine)
    _check_flags(strict, kept)
    result = engine.fit(effects, model, kept=kept) if isinstance(engine, NUTS) else engine.fit(effects, model)
    if isinstance(engine, ClosedForm) and model.pools and model.varies:
        for sentence in prediction(effects.k):
            warn(sentence)
    for finding in result.report.findings:
        if finding.status == "narrower_than_wald":
            warn(finding.sentence)
    of_table = (*_as_independent(result), *group_remarks(model, effects))
    for sentence in (*of_table, *(result.design.notes if result.design is not None else ())):
        warn(sentence)
    if result.prior != NO_PRIOR:
        for sentence in remarks(result.model, result.effects):
            warn(sentence)
    far = far_priors(result.model, result.effects, result.design) if result.prior != NO_PRIOR else ()
    notes = tuple(dict.fromkeys((*result.report.notes, *of_table, *far)))
    result = result if notes == result.report.notes else replace(result, report=replace(result.report, notes=notes))
    if strict and result.report.failed:
        raise FitError(f"{result.label}: status {result.report.status}", advice=result.report.advice)
    return result


def _usual_model(effects: Effects, engine: Engine | None) -> RandomEffects:
    """Random effects with the priors of the scale; an error that says what to do where it has none."""
    model = RandomEffects()
    if not isinstance(engine, ClosedForm):
        try:
            model.resolved(effects)
        except ModelError as error:
            advice = f"{error.advice}; or pw.fit(effects, RandomEffects(), ClosedForm()), which needs no priors"
            raise ModelError(error.found, error.expected, advice) from None
    return model


def _usual_engine(model: Model) -> Engine:
    """The exact engine, or NUTS where only it knows the model."""
    return Exact() if model.needs <= Exact.can else NUTS()


def check_table(effects: object, what: str = "fit", *, error: type[PoolwiseError] = ModelError) -> None:
    """Raise a ModelError, or another one, for what is no study table."""
    if isinstance(effects, Effects):
        return
    call, rest = ("pw.fit", "model, engine") if what == "fit" else (what, "...")
    advice = f"{call}(pw.Effects(y, se=se), {rest})"
    if hasattr(effects, "columns"):
        advice = f"{call}(pw.Effects.from_frame(frame, y=..., se=..., study=...), {rest})"
    elif isinstance(getattr(effects, "effects", None), Effects):
        advice = f"{call}(result.effects, {rest})" + (", or pw.refit(result, effects)" if what == "fit" else "")
    elif type(effects) in (*PAIRS, *ENGINES):
        advice = f"{call}(effects, {rest}), in this order"
    raise error(f"{what} was given {described(effects)} as its table", "Effects", advice)


def check_model(model: object, what: str = "fit") -> None:
    """Raise a ModelError for what is no model."""
    if type(model) in PAIRS:
        return
    names = {known.__name__: known for known in PAIRS}
    expected = " or ".join(names)
    advice = ""
    if type(model) in ENGINES or model in ENGINES:
        expected, advice = (
            "a model",
            f"pw.fit(effects, RandomEffects(), {_written(model)}): first the model, then the engine",
        )
    elif isinstance(model, Effects):
        expected, advice = "a model", "pw.fit(effects, model, engine), in this order"
    elif isinstance(model, type) and model in PAIRS:
        expected, advice = "an instance of it", f"{_written(model)}"
    elif isinstance(model, str) and "~" in model:
        expected, advice = "a model", f"MetaRegression({model!r})"
    elif isinstance(model, str):
        advice = option_meant("model", model, names)
    raise ModelError(f"{what} was given {_said(model)} as its model", expected, advice)


def _check_pair(effects: Effects, model: Model, engine: Engine) -> None:
    engines = PAIRS[type(model)]
    if type(engine) not in engines:
        expected = " or ".join(f"{known.__name__}()" for known in engines)
        if type(engine) in ENGINES:
            raise ModelError(f"{type(model).__name__} by {engine!r} does not exist", expected)
        advice = ""
        if isinstance(engine, type) and engine in ENGINES:
            advice = f"{_written(engine)}, an instance of it"
        elif type(engine) in PAIRS:
            advice = "pw.fit(effects, model, engine): one model, then the engine"
        elif isinstance(engine, str):
            advice = _engine_meant(engine)
        raise ModelError(f"fit was given {_said(engine)} as its engine", expected, advice)
    assert isinstance(engine, ENGINES)
    needed = model.needs
    for missing in exceptions(type(model), type(engine)):
        if missing in needed and missing in SETTINGS:
            raise ModelError(f"{engine.label} knows no {missing} ({SETTINGS[missing]})", "NUTS()")
    if effects.covariance is not None and COVARIANCE not in engine.can:
        model.table(effects)  # what no engine could fit, the model refuses itself
        raise ModelError(
            f"the sampling errors have a known covariance, which {engine.label} does not take into account",
            "Exact()",
        )


def _check_flags(strict: object, kept: object) -> None:
    check_flag("strict", strict)
    if kept is not None and not (hasattr(kept, "take") and hasattr(kept, "put")):
        expected = "the place of one fit"
        raise ModelError(f"kept is {_said(kept)}", expected, "kept=pw.KeptFits('results/fits').place('name')")


def _written(kind: object) -> str:
    """How a call of this class, or of the class of this instance, is written."""
    known = kind if isinstance(kind, type) else type(kind)
    required = [part.name for part in fields(known) if part.default is MISSING and part.default_factory is MISSING]
    return f"{known.__name__}({'...' if required else ''})"


def _said(given: object) -> str:
    """What was given: a model or an engine as it stands, else its kind."""
    return repr(given) if type(given) in (*PAIRS, *ENGINES) else described(given)


def _engine_meant(name: str) -> str:
    """The engine that a name in words, or that of an estimator, stands for; empty when none is near."""
    estimator = option_meant("tau2", name, ESTIMATORS)
    if name in ESTIMATORS or (estimator and len(name) <= 4):
        return f"ClosedForm(tau2='{name.upper()}')"
    words = {engine.__name__: engine for engine in ENGINES}
    return option_meant("engine", name, words) or "one of those, an object and not its name as text"


def refit(result: Result, effects: Effects, *, strict: bool = False, kept: Place | None = None) -> Result:
    """Fit the model of a result, with its priors, engine, seed and label, to another study table.

    By NUTS the compiled model serves again, so that only the sampling itself is paid for.

    Parameters
    ----------
    result : Result
        Of any engine.
    effects : Effects
        The other study table. Moderators are coded and centred anew.
    strict, kept
        As in `fit`.

    Returns
    -------
    Result

    Raises
    ------
    ModelError, FitError
        As `fit` does.

    Examples
    --------
    >>> import poolwise as pw
    >>> bcg = pw.datasets.load("bcg")
    >>> result = pw.fit(bcg, pw.RandomEffects(), pw.Exact())
    >>> pw.refit(result, bcg.drop(study="TPT Madras 1980"))["mu"]
    <Posterior: median −0.786, 95 % credible (equal-tailed) [−1.193, −0.386]>
    """
    if not isinstance(result, Result):
        raise ModelError(f"refit was given {type(result).__name__}", "a Result", "pw.refit(result, effects)")
    again = fit(effects, result.model, result.engine, strict=strict, kept=kept)
    return replace(again, label=result.label)


def _as_independent(result: Result) -> tuple[str, ...]:
    """What the model takes for independent that may not be: several outcomes, several effects of one study."""
    effects, needed, said = result.effects, result.model.needs, []
    if len(effects.outcomes) > 1 and not _tells_outcomes_apart(result):
        names = [outcome or "none named" for outcome in effects.outcomes]
        apart = "" if needed & {CLUSTERS, CROSSED} else ", and effects of one study as independent"
        said.append(
            f"{len(names)} outcomes ({listing(names)}) are pooled as one{apart}; "
            "effects.select(outcome=...) answers each question by itself"
        )
    told_apart = effects.study_as_given == effects.study  # by labels of which each has one effect on an outcome
    studies = effects.k if told_apart else len(set(zip(effects.study_as_given, effects.outcome, strict=True)))
    by_study = result.design is not None and "study" in result.design.pooled
    if studies < effects.k and not (by_study or needed & {CLUSTERS, CROSSED, CORRELATED}):
        said.append(
            f"{effects.k} effects of {len(set(effects.study_as_given))} studies are taken as independent; "
            "ThreeLevel() lets effects of one study resemble one another"
        )
    return tuple(said)


def _tells_outcomes_apart(result: Result) -> bool:
    """Whether each outcome has a mean effect of its own."""
    levels = () if result.design is None else result.design.levels
    return "outcome" in (*result.model.levels_apart, *levels)
