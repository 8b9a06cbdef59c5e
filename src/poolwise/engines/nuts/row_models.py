"""Fits by NUTS of models whose true effects are not normal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, final, get_args

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.row_draws import RowDraws
from poolwise.engines.draws.row_tree import row_tree
from poolwise.engines.draws.tree import stream
from poolwise.engines.nuts import diagnostics
from poolwise.engines.nuts.counts import CountsLatent
from poolwise.engines.nuts.latent import Latent
from poolwise.engines.nuts.one_arm import OneArmLatent
from poolwise.engines.nuts.plans import Unit
from poolwise.engines.nuts.robust import RobustLatent
from poolwise.engines.nuts.run import drawn, report
from poolwise.engines.nuts.samplers import Chains, sampled
from poolwise.engines.nuts.selection import SelectionLatent
from poolwise.engines.nuts.settings import Settings
from poolwise.engines.nuts.stored_draws import Place
from poolwise.intake.counts import ONE_ARM_MEASURES
from poolwise.model import Counted, Model, Robust, Selection, prior_words
from poolwise.moments import missing_moments, refuse_improper
from poolwise.priors import Fixed
from poolwise.quantities import Quantity
from poolwise.result import Finding, FitReport, Result

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]


def fit_latent(effects: Effects, model: Model, engine: Settings, *, kept: Place | None = None) -> Result:
    """Draws from the posterior of a model that `latent_of` describes.

    Parameters
    ----------
    effects : Effects
    model : Model
        One of `LATENTS`; the table is that of `model.table`.
    engine : Settings
    kept : Place, optional
        Where the draws are kept.

    Returns
    -------
    Result
    """
    start = time.perf_counter()
    effects = model.table(effects)
    resolved = model.resolved(effects)
    refuse_improper(effects, resolved)
    latent = latent_of(effects, resolved)

    def read(chains: Chains) -> tuple[RowReading, Mapping[str, float]]:
        reading = RowReading.of(latent, chains.parameters, stream(effects, resolved, engine.seed, use=1))
        return reading, reading.diagnosed(chains.stats)

    run, reading, numbers = drawn(engine, effects, resolved, partial(sample, latent), read, kept=kept)
    findings, notes = reading.findings(numbers, run.chains), latent.likelihood.notes
    quantities = reading.quantities
    fit_report = report(engine, effects, resolved, run, findings, numbers, quantities, start=start, notes=notes)
    return reading.result(run.chains, f"{model.label}, {engine.label}", engine, engine.seed, fit_report)


@final
@dataclass(frozen=True, eq=False)
class RowReading:
    """Draws with the quantities that a report needs of them."""

    draws: RowDraws
    moments: Mapping[str, int]
    quantities: Mapping[str, Quantity]

    @classmethod
    def of(
        cls, latent: Latent, drawn: Mapping[str, Array], rng: np.random.Generator, theta: Array | None = None
    ) -> RowReading:
        """The reading of the variables of a PyMC model; with true effects of the studies where they were drawn too."""
        draws = RowDraws.completed(latent.likelihood, latent.parameters(drawn), drawn, rng)
        draws = draws if theta is None else replace(draws, rest=replace(draws.rest, theta=theta))
        moments = latent.likelihood.moments()
        return cls(draws, moments, draws.quantities(moments))

    def diagnosed(self, stats: Mapping[str, NDArray]) -> dict[str, float]:
        """What the chains say about their own convergence, without the parameters that the model states."""
        likelihood = self.draws.likelihood
        priors, studies = likelihood.model.named_priors, likelihood.effects.k
        known = {name for name, prior in priors.items() if isinstance(prior, Fixed)}
        known |= set() if likelihood.model.tau_fixed is None else {"tau"}
        unknown = {name: draws for name, draws in self.draws.parameters.items() if name not in known}
        return diagnostics.diagnostics(unknown, stats, self.moments, self.quantities, studies=studies)

    def findings(self, numbers: Mapping[str, float], chains: Chains) -> tuple[Finding, ...]:
        """What went wrong, or does not exist."""
        missing = missing_moments(self.moments["tau"], self.moments["mu"] > 1)
        findings = diagnostics.findings(numbers, chains=chains.count, interrupted=chains.interrupted)
        return findings if missing is None else (*findings, missing)

    def result(self, chains: Chains, label: str, engine: object, seed: int, report: FitReport) -> Result:
        """The result that these draws make."""
        likelihood = self.draws.likelihood
        return Result(
            label=label,
            effects=likelihood.effects,
            model=likelihood.model,
            engine=engine,
            interval_kind="credible (equal-tailed)",
            quantities=self.quantities,
            studies=self.draws.studies(),
            weights=self.draws.weights(),
            report=report,
            prior=prior_words(likelihood.model),
            native=chains,
            tree=partial(_tree, self.draws, chains.stats, seed, label),
            absent=likelihood.absent,
        )


def latent_of(effects: Effects, model: Model, unit: Unit | None = None) -> Latent:
    """What is sampled of a model whose priors are explicit.

    Parameters
    ----------
    effects : Effects
    model : Model
        One of `LATENTS`.
    unit : Unit, optional
        Where the sampler's origin and unit lie, unless it is where the table suggests; counts have their own.
    """
    return LATENTS[type(model)](effects, model, unit)


def _counted(effects: Effects, model: Counted, unit: Unit | None) -> Latent:
    return (OneArmLatent if model.measure in ONE_ARM_MEASURES else CountsLatent).of(effects, model)


LATENTS: dict[type[Model], Callable[[Effects, Any, Unit | None], Latent]] = (
    dict.fromkeys(get_args(Robust), RobustLatent.of)
    | dict.fromkeys(get_args(Counted), _counted)
    | dict.fromkeys(get_args(Selection), SelectionLatent.of)
)
"""What is sampled of each model whose true effects are not normal."""


def sample(latent: Latent, settings: Settings, target_accept: float) -> Chains:
    """Chains of draws of what is sampled, at this acceptance rate."""
    return sampled(latent.compiled().with_data(**latent.data()), settings, target_accept)


def _tree(draws: RowDraws, stats: Mapping[str, NDArray], seed: int, label: str) -> xr.DataTree:
    effects, model = draws.likelihood.effects, draws.likelihood.model
    return row_tree(draws, label, stream(effects, model, seed, use=2), stats)
