"""fit: one question, one engine, one result; and the table of the pairs that exist."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from poolwise.effects import Effects
from poolwise.engines._kept import Place
from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.closed_form_notes import prediction
from poolwise.engines.exact import Exact
from poolwise.engines.nuts import NUTS
from poolwise.errors import FitError, ModelError, listing, warn
from poolwise.model import (
    BinomialNormal,
    CommonEffect,
    ContaminatedRandomEffects,
    CorrelatedOutcomes,
    CrossedEffects,
    JointOutcomes,
    LocationScale,
    MetaRegression,
    Model,
    PoissonNormal,
    RandomEffects,
    SkewNormalRandomEffects,
    StudentTRandomEffects,
    Subgroups,
    ThreeLevel,
    far_priors,
    remarks,
)
from poolwise.result import NO_PRIOR, Result

PAIRS: dict[type, tuple[type, ...]] = {
    CommonEffect: (ClosedForm, Exact, NUTS),
    RandomEffects: (ClosedForm, Exact, NUTS),
    MetaRegression: (ClosedForm, Exact, NUTS),
    Subgroups: (ClosedForm, Exact, NUTS),
    ThreeLevel: (Exact, NUTS),
    LocationScale: (Exact, NUTS),
    JointOutcomes: (Exact, NUTS),
    StudentTRandomEffects: (NUTS,),
    SkewNormalRandomEffects: (NUTS,),
    ContaminatedRandomEffects: (NUTS,),
    BinomialNormal: (NUTS,),
    PoissonNormal: (NUTS,),
    CrossedEffects: (NUTS,),
    CorrelatedOutcomes: (NUTS,),
}


def pairs_table() -> str:
    """The supported pairs of model and engine as a Markdown table, as the README shows it."""
    engines = list(dict.fromkeys(engine for known in PAIRS.values() for engine in known))
    lines = ["| model | " + " | ".join(f"`{engine.__name__}`" for engine in engines) + " |"]
    lines.append("|---|" + "---|" * len(engines))
    for model, known in PAIRS.items():
        cells = ("yes" if engine in known else "no" for engine in engines)
        lines.append(f"| `{model.__name__}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


class Engine(Protocol):
    """How a model is computed: a frozen record of settings with one method."""

    @property
    def label(self) -> str:
        """Words for tables."""

    def fit(self, effects: Effects, model: Model) -> Result:
        """The answer to `model` on `effects`."""


def fit(effects: Effects, model: Model, engine: Engine, *, strict: bool = False, kept: Place | None = None) -> Result:
    """Fit a model to a study table by an engine.

    Parameters
    ----------
    effects : Effects
        The study table.
    model : Model
        What is assumed.
    engine : Engine
        ``ClosedForm()``, ``Exact()`` or ``NUTS()``.
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
        When the pair of model and engine does not exist, the table is none, or the posterior is improper by
        construction.
    FitError
        With ``strict=True``, when the report's status is a failure.

    Examples
    --------
    >>> import poolwise as pw
    >>> bcg = pw.datasets.load("bcg")
    >>> pw.fit(bcg, pw.RandomEffects(), pw.ClosedForm(tau2="REML"))
    <Result 'REML, Hartung-Knapp': k = 13, mu = −0.715 [−1.108, −0.321], status ok>
    >>> pw.fit(bcg, pw.RandomEffects(), pw.Exact())
    <Result 'exact': k = 13, mu = −0.706 [−1.112, −0.316], status ok>
    """
    engines = PAIRS.get(type(model))
    if engines is None:
        raise ModelError(f"{model!r} is not a model", " or ".join(known.__name__ for known in PAIRS))
    if type(engine) not in engines:
        raise ModelError(
            f"{type(model).__name__} by {engine!r} does not exist",
            " or ".join(f"{known.__name__}()" for known in engines),
        )
    if isinstance(model, MetaRegression) and model.takes_uncertain and not isinstance(engine, NUTS):
        raise ModelError(f"{engine.label} knows no uncertain moderators (missing=, errors=)", "NUTS()")
    if isinstance(model, MetaRegression) and model.pooled and not isinstance(engine, NUTS):
        raise ModelError(f"{engine.label} knows no pooled levels (pooled=)", "NUTS()")
    if not isinstance(effects, Effects):
        raise ModelError(
            f"fit was given {type(effects).__name__} as its table", "Effects", "pw.Effects.from_frame(frame, ...)"
        )
    if effects.covariance is not None and not isinstance(engine, Exact):
        raise ModelError(
            f"the sampling errors have a known covariance, which {engine.label} does not take into account",
            "Exact()",
        )
    result = engine.fit(effects, model, kept=kept) if isinstance(engine, NUTS) else engine.fit(effects, model)
    if isinstance(engine, ClosedForm) and isinstance(model, RandomEffects):
        for sentence in prediction(effects.k):
            warn(sentence)
    for sentence in _as_independent(result):
        result = replace(result, report=replace(result.report, notes=(*result.report.notes, sentence)))
        warn(sentence)
    for sentence in result.design.notes if result.design is not None else ():
        warn(sentence)
    if result.prior != NO_PRIOR:
        for sentence in remarks(result.model, result.effects):
            warn(sentence)
        far = far_priors(result.model, result.effects)
        result = replace(result, report=replace(result.report, notes=(*result.report.notes, *far)))
    if strict and result.report.failed:
        raise FitError(f"{result.label}: status {result.report.status}", advice=result.report.advice)
    return result


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
    >>> pw.refit(result, bcg.drop(study="TPT Madras 1980"))
    <Result 'exact': k = 12, mu = −0.786 [−1.193, −0.386], status ok>
    """
    if not isinstance(result, Result):
        raise ModelError(f"refit was given {type(result).__name__}", "a Result", "pw.refit(result, effects)")
    again = fit(effects, result.model, result.engine, strict=strict, kept=kept)
    return replace(again, label=result.label)


def _as_independent(result: Result) -> tuple[str, ...]:
    """What the model takes for independent that may not be: several outcomes, several effects of one study."""
    effects, model, said = result.effects, result.model, []
    if len(effects.outcomes) > 1 and not _tells_outcomes_apart(result):
        names = [outcome or "none named" for outcome in effects.outcomes]
        apart = "" if isinstance(model, ThreeLevel | CrossedEffects) else ", and effects of one study as independent"
        said.append(
            f"{len(names)} outcomes ({listing(names)}) are pooled as one{apart}; "
            "effects.select(outcome=...) answers each question by itself"
        )
    studies = len(set(zip(effects.study_as_given, effects.outcome, strict=True)))
    by_study = result.design is not None and "study" in result.design.pooled
    if studies < effects.k and not (by_study or isinstance(model, ThreeLevel | CrossedEffects | CorrelatedOutcomes)):
        said.append(
            f"{effects.k} effects of {len(set(effects.study_as_given))} studies are taken as independent; "
            "ThreeLevel() lets effects of one study resemble one another"
        )
    return tuple(said)


def _tells_outcomes_apart(result: Result) -> bool:
    """Whether each outcome has a mean effect of its own."""
    match result.model:
        case JointOutcomes() | Subgroups(by="outcome") | CorrelatedOutcomes(by="outcome"):
            return True
        case CrossedEffects():
            return "outcome" in result.model.factors
        case _:
            return result.design is not None and "outcome" in result.design.levels
