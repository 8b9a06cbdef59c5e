"""NUTS on models with moderators or groups: plan, sample, read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines import _diagnose, _readings
from poolwise.engines._kept import Place
from poolwise.engines._means import Means
from poolwise.engines._nuts_tree import sampled_tree
from poolwise.engines._plans import Plan, plan
from poolwise.engines._readings import Sampled
from poolwise.engines._samplers import Chains
from poolwise.engines._samplers import sampled as run_sampler
from poolwise.engines._tree import stream
from poolwise.model import Model, prior_words, remarks
from poolwise.moments import missing_moments, refuse_improper
from poolwise.quantities import Quantity
from poolwise.result import Finding, FitReport, Result

if TYPE_CHECKING:
    from poolwise.engines.nuts import NUTS

Array = NDArray[np.float64]


def fit_planned(
    effects: Effects, model: Model, engine: NUTS, *, mean: Means | None = None, kept: Place | None = None
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
    made = plan(effects, resolved, mean)
    refuse_improper(effects, resolved)
    drawn = engine.drawn(effects, resolved, partial(_run, made, engine), kept)
    chains = drawn.chains
    sampled = _readings.read(effects, resolved, made, chains.parameters, stream(effects, resolved, engine.seed, use=1))
    moments = _readings.existing_moments(sampled)
    numbers = _diagnose.diagnostics(sampled.watched, chains.stats, moments)
    design_notes = made.means.design.notes if made.means.design is not None else ()
    report = FitReport(
        findings=_findings(numbers, sampled, moments, chains),
        notes=effects.notes + design_notes + remarks(resolved, effects) + engine.core_notes() + drawn.notes,
        diagnostics=numbers | dict(drawn.settings),
        seconds=drawn.earlier or time.perf_counter() - start,
        versions=engine.versions,
        seed=engine.seed,
        data_hash=effects.data_hash,
    )
    label = f"{model.label}, {engine.label}"
    return Result(
        label=label,
        effects=effects,
        model=resolved,
        engine=engine,
        interval_kind="credible (equal-tailed)",
        quantities=_readings.quantities(sampled),
        studies=_readings.studies(sampled),
        weights=_readings.weights(sampled),
        report=report,
        prior=prior_words(resolved),
        native=chains,
        tree=partial(sampled_tree, sampled, chains.stats, label, engine.seed),
        absent=made.means.absent,
        combinations=made.means.linear,
        linear=_Linear(sampled, engine.seed),
        design=made.means.design,
    )


def _run(made: Plan, engine: NUTS, target_accept: float) -> Chains:
    return run_sampler(made.compiled().with_data(**made.data), engine, target_accept, adaptation="low_rank")


def _findings(
    numbers: Mapping[str, float], sampled: Sampled, moments: Mapping[str, int], chains: Chains
) -> tuple[Finding, ...]:
    least = min((moments[name] for name in sampled.scalars), default=4)
    missing = missing_moments(least, sampled.plan.means.proper)
    found = _diagnose.findings(numbers, chains=chains.count, interrupted=chains.interrupted)
    return found if missing is None else (*found, missing)


@final
@dataclass(frozen=True, eq=False)
class _Linear:
    """Makes posteriors of linear combinations."""

    sampled: Sampled
    seed: int

    def __call__(self, c: Array, *, new: bool) -> Quantity:
        sampled = self.sampled
        rng = stream(sampled.effects, sampled.model, self.seed, use=3) if new else None
        return _readings.combination(sampled, c, new=rng)
