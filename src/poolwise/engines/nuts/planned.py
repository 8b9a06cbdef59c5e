"""NUTS on models whose true effects are normal given their standard deviations: plan, sample, read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.normal_draws import NormalDraws
from poolwise.engines.draws.normal_tree import normal_tree
from poolwise.engines.draws.tree import stream
from poolwise.engines.means import Means, means, means_of
from poolwise.engines.nuts import diagnostics
from poolwise.engines.nuts.missing_levels import levels_plan, read_levels
from poolwise.engines.nuts.plans import Plan, Unit, plan
from poolwise.engines.nuts.pooled_levels import pooled_plan, read_pooled
from poolwise.engines.nuts.run import drawn, report
from poolwise.engines.nuts.sampled import sampled_draws
from poolwise.engines.nuts.samplers import Chains
from poolwise.engines.nuts.samplers import sampled as run_sampler
from poolwise.engines.nuts.settings import Settings
from poolwise.engines.nuts.shared_plans import shared_plan
from poolwise.engines.nuts.stored_draws import Place
from poolwise.engines.nuts.uncertain_moderators import read_uncertain, uncertain_plan
from poolwise.errors import ModelError
from poolwise.model import CorrelatedOutcomes, CrossedEffects, Model, prior_words, stated
from poolwise.moments import MOST_MOMENTS, missing_moments, refuse_improper
from poolwise.quantities import Quantity
from poolwise.result import Finding, FitReport, Result

if TYPE_CHECKING:
    import xarray as xr


Array = NDArray[np.float64]


def fit_planned(
    effects: Effects, model: Model, engine: Settings, *, mean: Means | None = None, kept: Place | None = None
) -> Result:
    """Draws from the posterior of a model whose true effects are normal given its standard deviations.

    Parameters
    ----------
    effects : Effects
    model : Model
        One that `planned` knows.
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
    if mean is None:
        resolved, structure = stated(effects, model)
        mean = means_of(structure)
    else:
        resolved = model.resolved(effects)
    road = planned(effects, resolved, mean)
    means = road.plan.means
    refuse_improper(effects, resolved, means.spreads)
    refuse_known(means, resolved)

    def judged(chains: Chains) -> tuple[Reading, Mapping[str, float]]:
        reading = Reading.of(road.read(chains.parameters, stream(effects, resolved, engine.seed, use=1)))
        return reading, reading.diagnosed(chains.stats)

    sample = partial(run, road.plan)
    made, reading, numbers = drawn(engine, effects, resolved, sample, judged, kept=kept, coefficients=means.p)
    notes = means.design.notes if means.design is not None else ()
    findings = reading.findings(numbers, made.chains)
    fit_report = report(
        engine, effects, resolved, made, findings, numbers, reading.quantities, start=start, notes=notes
    )
    return reading.result(made.chains, model.fit_label(engine.label), engine, engine.seed, fit_report)


@final
@dataclass(frozen=True, eq=False)
class Reading:
    """Draws on the scale of the effects, with the moments and quantities that a report needs of them."""

    draws: NormalDraws
    moments: Mapping[str, int]
    quantities: Mapping[str, Quantity]

    @classmethod
    def of(cls, draws: NormalDraws) -> Reading:
        """The reading of these draws."""
        return cls(draws, draws.existing_moments(), draws.quantities())

    def diagnosed(self, stats: Mapping[str, NDArray]) -> dict[str, float]:
        """What the chains say about their own convergence."""
        draws = self.draws
        return diagnostics.diagnostics(draws.watched, stats, self.moments, self.quantities, studies=draws.effects.k)

    def findings(self, numbers: Mapping[str, float], chains: Chains) -> tuple[Finding, ...]:
        """What went wrong, or does not exist."""
        least = min((self.moments[name] for name in self.draws.scalars), default=MOST_MOMENTS)
        missing = missing_moments(least, self.draws.means.proper)
        findings = diagnostics.findings(numbers, chains=chains.count, interrupted=chains.interrupted)
        return findings if missing is None else (*findings, missing)

    def result(self, chains: Chains, label: str, engine: object, seed: int, report: FitReport) -> Result:
        """The result that these draws make."""
        draws, means = self.draws, self.draws.means
        return Result(
            label=label,
            effects=draws.effects,
            model=draws.model,
            engine=engine,
            interval_kind="credible (equal-tailed)",
            quantities=self.quantities,
            studies=draws.studies(),
            weights=draws.weights(),
            report=report,
            prior=prior_words(draws.model),
            native=chains,
            tree=partial(_tree, draws, chains.stats, label, seed),
            absent=means.absent,
            combinations=means.linear,
            linear=Linear(draws, seed),
            design=means.design,
        )


@final
@dataclass(frozen=True, eq=False)
class Planned:
    """A plan, and how its draws are read."""

    plan: Plan
    read: Callable[[Mapping[str, Array], np.random.Generator], NormalDraws]


def planned(effects: Effects, model: Model, mean: Means | None = None, unit: Unit | None = None) -> Planned:
    """The plan of a model whose priors are explicit, and how its draws are read.

    Parameters
    ----------
    effects : Effects
    model : Model
    mean : Means, optional
        The mean effects of these rows, coded as in the whole table that they are a part of.
    unit : Unit, optional
        Where the sampler's origin and unit lie, unless it is where the table suggests.

    Returns
    -------
    Planned
    """
    if isinstance(model, CrossedEffects | CorrelatedOutcomes):
        known = shared_plan(effects, model, unit)
        return Planned(known, partial(sampled_draws, effects, model, known))
    mean = means(effects, model) if mean is None else mean
    if mean.structure.uncertain is not None:
        known, uncertain = uncertain_plan(effects, model, mean, unit)
        return Planned(known, partial(read_uncertain, effects, model, known, uncertain))
    if mean.structure.shares_priors and model.one_tau:
        known, pooling = pooled_plan(effects, model, mean, unit)
        return Planned(known, partial(read_pooled, effects, model, known, pooling))
    if mean.gaps is not None and mean.gaps.here.any():
        known = levels_plan(effects, model, mean, unit)
        return Planned(known, partial(read_levels, effects, model, known))
    known = plan(effects, model, mean, unit)
    return Planned(known, partial(sampled_draws, effects, model, known))


def refuse_known(means: Means, model: Model) -> None:
    """Raise a ModelError where the model leaves nothing to draw."""
    if set(means.structure.priors) <= set(means.structure.stated):
        raise ModelError(f"{model!r} leaves nothing unknown to be drawn", "a prior on mu or tau", "Exact()")


def run(plan: Plan, settings: Settings, target_accept: float) -> Chains:
    """One run of the sampler on a plan."""
    return run_sampler(plan.compiled().with_data(**plan.data), settings, target_accept, adaptation=plan.adaptation)


def _tree(draws: NormalDraws, stats: Mapping[str, NDArray], label: str, seed: int) -> xr.DataTree:
    return normal_tree(draws, label, stream(draws.effects, draws.model, seed, use=2), stats)


@final
@dataclass(frozen=True, eq=False)
class Linear:
    """Makes posteriors of linear combinations of coefficients.

    Attributes
    ----------
    draws : NormalDraws
    seed : int
        Of the true effects in new studies.
    """

    draws: NormalDraws
    seed: int

    def __call__(self, c: Array, *, new: bool) -> Quantity:
        """The mean effect c'beta, or the true effect in a new study with that mean effect."""
        rng = stream(self.draws.effects, self.draws.model, self.seed, use=3) if new else None
        return self.draws.combination(c, new=rng)
