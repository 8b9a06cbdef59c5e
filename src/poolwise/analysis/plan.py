"""From the sections of an analysis file and the study table to the fits that will be run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from poolwise.analysis.model_section import FIELDS, KEYS, KINDS
from poolwise.analysis.problems import Problem, tried
from poolwise.analysis.record import Panel, PlannedBias, PlannedFit, PlannedRefits
from poolwise.effects import Effects
from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.exact import Exact
from poolwise.engines.exact.choice import refuse_unknown_priors
from poolwise.engines.nuts import NUTS
from poolwise.errors import AnalysisError, PoolwiseError, listing
from poolwise.fit import PAIRS
from poolwise.model import DEFAULT_PRIORS, CommonEffect, MetaRegression, Model, RandomEffects, with_prior
from poolwise.moments import refuse_improper
from poolwise.prior_catalogue import panel
from poolwise.priors import Prior
from poolwise.settings import SMALL_K

if TYPE_CHECKING:
    from poolwise.analysis.model_section import ModelSection
    from poolwise.analysis.spec import ClosedFormRow, Spec


def stated(section: ModelSection, kind: str) -> Model:
    """The model that a section states, its priors not yet resolved.

    Parameters
    ----------
    section : ModelSection
        The section [model].
    kind : str
        One of `model_section.KEYS`.

    Returns
    -------
    Model
    """
    given = {FIELDS.get(key, key): getattr(section, key) for key in KEYS[kind] if getattr(section, key) is not None}
    return KINDS[kind](**given)


def resolved(spec: Spec, effects: Effects) -> Model:
    """The model of the file, every prior explicit if any fit uses priors.

    Parameters
    ----------
    spec : Spec
        The file.
    effects : Effects
        Its study table.

    Returns
    -------
    Model
        With the priors as stated where only closed-form fits are asked for and the scale of effect has no
        defaults to fill them in.

    Raises
    ------
    PoolwiseError
        When a prior is needed, the file leaves it out and the scale of effect has no default; when a column that
        the model names is not there, is constant, misses values, or repeats others.
    """
    model = stated(spec.model, spec.model.kind)
    model.table(effects)
    return _explicit(model, effects, needed=_uses_priors(spec))


def _uses_priors(spec: Spec) -> bool:
    return _bayesian_fits(spec) or _panel_named(spec) or bool(spec.sensitivity.mu) or spec.report.evidence


def _bayesian_fits(spec: Spec) -> bool:
    return spec.engines.exact is not None or spec.engines.nuts is not None


def _panel_named(spec: Spec) -> bool:
    """Whether the file itself asks for a prior panel, not only by the default."""
    return spec.sensitivity.prior_panel and bool(spec.sensitivity.model_fields_set & {"prior_panel", "tau"})


def _explicit(model: Model, effects: Effects, *, needed: bool) -> Model:
    if needed or effects.scale.name in DEFAULT_PRIORS:
        return model.resolved(effects)
    return model


def planned_fits(spec: Spec, model: Model, effects: Effects, found: list[Problem]) -> tuple[PlannedFit, ...]:
    """Every fit that the file asks for: the frequentist ones, the exact ones, NUTS.

    Parameters
    ----------
    spec : Spec
        The file.
    model : Model
        Its model, every prior explicit where one is used.
    effects : Effects
        Its study table.
    found : list of Problem
        What is wrong so far; grows by the fits that cannot be run.

    Returns
    -------
    tuple of PlannedFit
        Those that can be run, in the order of the tables.
    """
    engines = spec.engines
    makers: list[tuple[str, Callable[[], PlannedFit]]] = [
        (f"engines.closed_form[{number}]", partial(_frequentist, spec, row, effects))
        for number, row in enumerate(engines.closed_form)
    ]
    if engines.exact is not None:
        makers.append(("engines.exact", partial(_exact, spec, model, effects)))
    for number, prior in enumerate(spec.sensitivity.mu):
        makers.append((f"sensitivity.mu[{number}]", partial(_beside, model, prior, effects)))
    if engines.nuts is not None:
        settings = engines.nuts.model_dump(exclude={"label"})
        makers.append(("engines.nuts", partial(_bayesian, engines.nuts.label, model, NUTS, settings, effects)))
    fits = [tried(key, found, partial(_existing, make)) for key, make in makers]
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
    section = spec.model if kind == spec.model.kind else spec.model.model_copy(update=dict.fromkeys(KEYS[kind]))
    model = _explicit(stated(section, kind), effects, needed=False)
    return PlannedFit(row.label or "", model, ClosedForm(**settings))


def _exact(spec: Spec, model: Model, effects: Effects) -> PlannedFit:
    row = spec.engines.exact
    assert row is not None
    if row.model is None or row.model == spec.model.kind:
        if Exact not in PAIRS[type(model)]:
            told = f"{model.label} by Exact does not exist"
            raise AnalysisError(told, "nuts = { seed = 1 }", "beside it exact = { model = 'random-effects' }")
        return _bayesian(row.label, model, Exact, {}, effects)
    return _bayesian(row.label, stated(spec.model, row.model).resolved(effects), Exact, {}, effects)


def _bayesian(
    label: str | None,
    model: Model,
    engine: type[Exact] | type[NUTS],
    settings: dict[str, Any],
    effects: Effects,
) -> PlannedFit:
    refuse_improper(effects, model)
    if engine is Exact:
        refuse_unknown_priors(effects, model)
    return PlannedFit(label or "", model, engine(**settings))


def _beside(model: Model, prior: Prior, effects: Effects) -> PlannedFit:
    if model.has_coefficients:
        raise AnalysisError("'mu' lists priors, and the model has coefficients", "priors in model.beta")
    words = "flat mu" if not prior.proper else f"mu ~ {prior}"
    return _bayesian(f"exact, {words}", with_prior(model, "mu", prior).resolved(effects), Exact, {}, effects)


def planned_panel(spec: Spec, model: Model, effects: Effects) -> Panel | None:
    """The prior panel, None when none is asked for or the model has no prior on tau; always with few studies.

    Parameters
    ----------
    spec : Spec
        The file.
    model : Model
        Its model, every prior explicit.
    effects : Effects
        Its study table.

    Returns
    -------
    Panel or None

    Raises
    ------
    PoolwiseError
        When the scale of effect has no panel and none is given, or a posterior would be improper.
    """
    wanted = spec.sensitivity
    mu, tau = (model.named_priors.get(name) if model.pools else None for name in ("mu", "tau"))
    if mu is None or tau is None:
        if wanted.tau:
            raise AnalysisError("'tau' lists priors for a panel, and the model has no prior on tau", "no 'tau'")
        if _panel_named(spec) and not model.pools:
            raise AnalysisError(
                f"prior_panel = true, and there is no panel for kind = '{spec.model.kind}'", "prior_panel = false"
            )
        return None
    asked_for = _panel_named(spec) or _bayesian_fits(spec) or effects.scale.name in DEFAULT_PRIORS
    few = effects.k < SMALL_K and effects.scale.name in DEFAULT_PRIORS
    if not ((wanted.prior_panel and asked_for) or few):
        return None
    for prior in wanted.tau or [entry.prior for entry in panel(effects.scale.name, effects.outcomes)]:
        refuse_improper(effects, with_prior(model, "tau", prior))
    return Panel(wanted.tau or None, mu, unasked=not wanted.prior_panel)


def planned_bias(spec: Spec, effects: Effects, found: list[Problem]) -> PlannedBias | None:
    """The panel of methods for publication bias, None when none is asked for; a problem where there can be none.

    Parameters
    ----------
    spec : Spec
        The file.
    effects : Effects
        Its study table, or one of its reconstructed ones.
    found : list of Problem
        What is wrong so far; grows.
    """
    wanted, key = spec.sensitivity.publication_bias, "sensitivity.publication_bias"
    if wanted is None:
        return None
    if effects.reconstructed:
        told = (
            "found, and the study table is reconstructed: which of its studies are large, small or significant is "
            "arbitrary by construction, so that every answer about publication bias would be made up"
        )
        found.append(Problem(key, told, "estimates that were reported", "no 'publication_bias' in this file"))
    elif len(effects.outcomes) > 1:
        names = listing(outcome or "none named" for outcome in effects.outcomes)
        told = f"found, and the table has {len(effects.outcomes)} outcomes ({names}), which one funnel would mix"
        found.append(Problem(key, told, "one outcome", "a file for each, with data.outcome"))
    return PlannedBias(wanted.direction, wanted.unit)


def planned_refits(spec: Spec, model: Model, effects: Effects, found: list[Problem], *, tables: bool) -> PlannedRefits:
    """What is fitted again; a problem where it has no answer.

    Parameters
    ----------
    spec : Spec
        The file.
    model : Model
        With its priors explicit.
    effects : Effects
        The study table, or one of the reconstructed ones.
    found : list of Problem
        What is wrong so far; grows.
    tables : bool
        Whether there are many reconstructed tables.
    """
    wanted = spec.sensitivity
    keys = [key for key in ("leave_one_out", "cumulative", "specifications") if getattr(wanted, key)]
    if tables:
        told = "found, and the studies are reconstructed, many tables of them: no study is the same in all"
        found.extend(Problem(f"sensitivity.{key}", told, "one study table", f"no '{key}' in this file") for key in keys)
        return PlannedRefits()
    if "leave_one_out" in keys and (effects.k < 2 or not _bayesian_fits(spec)):
        told, expected = "found true, without an exact fit or one by NUTS", "engines.exact = {}"
        if effects.k < 2:
            told, expected = "found true, with one study", "no 'leave_one_out' in this file"
        found.append(Problem("sensitivity.leave_one_out", told, expected))
    if "cumulative" in keys and _one_answer(model, effects, "cumulative", found):
        from poolwise.checks.cumulative.order import order

        try:
            order(effects, wanted.cumulative)
        except PoolwiseError as error:
            found.append(Problem("sensitivity.cumulative", error.found, error.expected, error.advice))
    if "specifications" in keys:
        if not isinstance(model, CommonEffect | RandomEffects | MetaRegression) or effects.covariance is not None:
            told = f"found true, for {model.label}"
            expected = "'random-effects', 'common-effect' or 'meta-regression', with independent sampling errors"
            found.append(Problem("sensitivity.specifications", told, expected))
        else:
            _one_answer(model, effects, "specifications", found)
    return PlannedRefits(wanted.leave_one_out, wanted.cumulative, wanted.specifications)


def _one_answer(model: Model, effects: Effects, key: str, found: list[Problem]) -> bool:
    """Whether a model has one answer to follow; else a problem is found."""
    structure = model.structure(effects)
    names = [] if structure is None else list(structure.linear)
    if model.pools or len([name for name in names if name != "beta[intercept]"]) == 1:
        return True
    told = f"found, and {model.label} has several answers"
    advice = f"pw.checks.{key}(..., of='{names[-1]}') in Python" if names else ""
    found.append(Problem(f"sensitivity.{key}", told, "one mean effect, or one moderator", advice))
    return False


def check_evidence(spec: Spec, model: Model, found: list[Problem]) -> None:
    """Find what keeps the log evidence from being reported: no exact fit, an improper prior."""
    if not spec.report.evidence:
        return
    if spec.engines.exact is None:
        found.append(Problem("report.evidence", "found true, without an exact fit", "engines.exact = {}"))
    for name, prior in model.named_priors.items():
        if prior is not None and not prior.proper:
            found.append(
                Problem(
                    f"model.{name.partition('[')[0]}",
                    f"the prior {prior} is improper, and the log evidence is asked for",
                    "a proper prior, or report.evidence = false",
                )
            )


def check_null(spec: Spec, effects: Effects, found: list[Problem]) -> None:
    """Find what is said about two sides of no effect where the scale has no such value: a proportion, a rate."""
    if effects.scale.null_value is not None:
        return
    told = f"the scale '{effects.scale}' has no value of no effect"
    for key in ("rope", "directions"):
        if getattr(spec.report, key) is not None:
            found.append(Problem(f"report.{key}", f"'{key}' is given, and {told}", f"no '{key}'", "threshold = ..."))


def check_threshold(spec: Spec, model: Model, found: list[Problem]) -> None:
    """Find a threshold of mean effects where the answers are coefficients, each in a unit of its own."""
    if spec.report.threshold != 0.0 and model.has_coefficients:
        told = f"found {spec.report.threshold:g}, and the answers are coefficients, which have units of their own"
        found.append(Problem("report.threshold", told, "no threshold, so that coefficients are held against 0"))
