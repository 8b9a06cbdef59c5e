"""NUTS on models with moderators or groups: plan, sample, read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.tree import stream
from poolwise.engines.means import Means, means
from poolwise.engines.nuts import diagnostics, readings, shared_readings
from poolwise.engines.nuts.missing_levels import level_chances, levels_plan, read_levels
from poolwise.engines.nuts.plans import Plan, plan
from poolwise.engines.nuts.pooled_levels import pooled_plan, read_pooled
from poolwise.engines.nuts.run import drawn, report
from poolwise.engines.nuts.samplers import Chains
from poolwise.engines.nuts.samplers import sampled as run_sampler
from poolwise.engines.nuts.settings import Settings
from poolwise.engines.nuts.shared_plans import shared_plan
from poolwise.engines.nuts.shared_tree import sampled_tree as shared_tree
from poolwise.engines.nuts.stored_draws import Place
from poolwise.engines.nuts.tree import sampled_tree
from poolwise.engines.nuts.uncertain_moderators import read_uncertain, uncertain_plan
from poolwise.model import CorrelatedOutcomes, CrossedEffects, MetaRegression, Model, prior_words
from poolwise.moments import MOST_MOMENTS, missing_moments, refuse_improper
from poolwise.quantities import Quantity
from poolwise.result import Finding, Result

if TYPE_CHECKING:
    import xarray as xr


Array = NDArray[np.float64]


def fit_planned(
    effects: Effects, model: Model, engine: Settings, *, mean: Means | None = None, kept: Place | None = None
) -> Result:
    """Draws from the posterior of a model with moderators or groups.

    Parameters
    ----------
    effects : Effects
    model : Model
        One that `_plans.plan` knows.
    engine : NUTS
    mean : Means, optional
        The mean effects of these rows, coded as in the whole table that they are a part of.
    kept : Place, optional
        Where the draws are kept, and taken from when they are there already.

    Returns
    -------
    Result
        With the quantities that `Exact` gives, under the same names.
    """
    start = time.perf_counter()
    resolved = model.resolved(effects)
    way = planned(effects, resolved, mean)
    made = way.plan
    refuse_improper(effects, resolved)

    def judged(chains: Chains) -> tuple[_Read, Mapping[str, float]]:
        found = way.read(chains.parameters, stream(effects, resolved, engine.seed, use=1))
        return found, diagnostics.diagnostics(found.watched, chains.stats, found.moments, found.quantities)

    sampled, read, numbers = drawn(
        engine, effects, resolved, partial(run, made), judged, kept=kept, coefficients=made.means.p
    )
    chains = sampled.chains
    design_notes = made.means.design.notes if made.means.design is not None else ()
    findings = _findings(numbers, read, made, chains)
    fit_report = report(
        engine, effects, resolved, sampled, findings, numbers, read.quantities, start=start, notes=design_notes
    )
    label = f"{model.label}, {engine.label}"
    return Result(
        label=label,
        effects=effects,
        model=resolved,
        engine=engine,
        interval_kind="credible (equal-tailed)",
        quantities=read.quantities,
        studies=read.studies,
        weights=read.weights,
        report=fit_report,
        prior=prior_words(resolved),
        native=chains,
        tree=partial(read.tree, chains.stats, label, engine.seed),
        absent=made.means.absent,
        combinations=made.means.linear,
        linear=_Linear(read.combination, effects, resolved, engine.seed),
        design=made.means.design,
    )


@final
@dataclass(frozen=True, eq=False)
class _Read:
    """What a result takes from draws.

    Attributes
    ----------
    watched : mapping
        What was sampled, for diagnosis, shape (chains, draws).
    moments : mapping
        Highest moment that exists, by name.
    spreads : tuple of str
        Names of what the existence of moments depends on.
    quantities, studies, weights : mapping
        As in the result.
    tree : callable
        Makes the DataTree.
    combination : callable
        Makes the posterior of a linear combination.
    """

    watched: Mapping[str, Array]
    moments: Mapping[str, int]
    spreads: tuple[str, ...]
    quantities: Mapping[str, Quantity]
    studies: Mapping[str, Quantity]
    weights: Mapping[str, float]
    tree: Callable[[Mapping[str, NDArray], str, int], xr.DataTree]
    combination: partial[Quantity]

    @property
    def sampled(self) -> Any:
        """The joint draws that all of it is made of."""
        return self.combination.args[0]


@final
@dataclass(frozen=True, eq=False)
class Planned:
    """A plan, and how its draws are read."""

    plan: Plan
    read: Callable[[Mapping[str, Array], np.random.Generator], _Read]


def planned(effects: Effects, model: Model, mean: Means | None = None) -> Planned:
    """The plan of a model whose priors are explicit, and how its draws are read.

    Parameters
    ----------
    effects : Effects
    model : Model
    mean : Means, optional
        The mean effects of these rows, coded as in the whole table that they are a part of.

    Returns
    -------
    Planned
    """
    if isinstance(model, CrossedEffects | CorrelatedOutcomes):
        return _shared(effects, model)
    if isinstance(model, MetaRegression) and model.uncertain(effects) is not None:
        return _uncertain(effects, model)
    if isinstance(model, MetaRegression) and model.shares_priors:
        made, pooling = pooled_plan(effects, model, mean)
        return _independent(made, partial(read_pooled, effects, model, made, pooling))
    if isinstance(model, MetaRegression) and model.missing == "model":
        mean = mean or means(effects, model)
        if mean.gaps is not None and mean.gaps.here.any():
            made = levels_plan(effects, model, mean)
            return _independent(made, partial(read_levels, effects, model, made))
    made = plan(effects, model, mean)
    return _independent(made, partial(readings.read, effects, model, made))


def _independent(made: Plan, sample: Callable[..., readings.Sampled]) -> Planned:
    """Models whose true effects are independent of one another given the coefficients, or in clusters of two levels."""

    def read(drawn: Mapping[str, Array], rng: np.random.Generator) -> _Read:
        sampled = sample(drawn, rng)
        return _Read(
            sampled.watched,
            readings.existing_moments(sampled),
            tuple(sampled.scalars),
            readings.quantities(sampled) | ({} if sampled.mixed is None else level_chances(sampled)),
            readings.studies(sampled),
            readings.weights(sampled),
            partial(sampled_tree, sampled),
            partial(readings.combination, sampled),
        )

    return Planned(made, read)


def _uncertain(effects: Effects, model: MetaRegression) -> Planned:
    """Meta-regressions on moderators that are missing or measured with error."""
    made, what = uncertain_plan(effects, model)

    def read(drawn: Mapping[str, Array], rng: np.random.Generator) -> _Read:
        sampled, more = read_uncertain(effects, model, made, what, drawn, rng)
        return _Read(
            sampled.watched | more.watched,
            readings.existing_moments(sampled) | dict.fromkeys(more.watched, MOST_MOMENTS),
            tuple(sampled.scalars),
            {**readings.quantities(sampled), **more.quantities},
            readings.studies(sampled),
            readings.weights(sampled),
            partial(sampled_tree, sampled),
            partial(readings.combination, sampled),
        )

    return Planned(made, read)


def _shared(effects: Effects, model: CrossedEffects | CorrelatedOutcomes) -> Planned:
    """Models whose true effects correlate across rows."""
    shared = shared_plan(effects, model)

    def read(drawn: Mapping[str, Array], rng: np.random.Generator) -> _Read:
        sample = shared_readings.read(effects, model, shared, drawn, rng)
        return _Read(
            sample.watched,
            shared_readings.existing_moments(sample),
            tuple(sample.scalars),
            shared_readings.quantities(sample),
            shared_readings.studies(sample),
            shared_readings.weights(sample),
            partial(shared_tree, sample),
            partial(shared_readings.combination, sample),
        )

    return Planned(shared.plan, read)


def run(made: Plan, settings: Settings, target_accept: float) -> Chains:
    """One run of the sampler on a plan."""
    return run_sampler(made.compiled().with_data(**made.data), settings, target_accept, adaptation=made.adaptation)


def _findings(numbers: Mapping[str, float], read: _Read, made: Plan, chains: Chains) -> tuple[Finding, ...]:
    least = min((read.moments[name] for name in read.spreads), default=4)
    missing = missing_moments(least, made.means.proper)
    found = diagnostics.findings(numbers, chains=chains.count, interrupted=chains.interrupted)
    return found if missing is None else (*found, missing)


@final
@dataclass(frozen=True, eq=False)
class _Linear:
    """Makes posteriors of linear combinations."""

    combination: partial[Quantity]
    effects: Effects
    model: Model
    seed: int

    @property
    def sampled(self) -> Any:
        """The draws that combinations are made of."""
        return self.combination.args[0]

    def __call__(self, c: Array, *, new: bool) -> Quantity:
        rng = stream(self.effects, self.model, self.seed, use=3) if new else None
        return self.combination(c, new=rng)
