"""NUTS on models whose true effects are not normal given the parameters: plan, sample, complete, read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.row_draws import RowDraws
from poolwise.engines.draws.row_tree import row_tree
from poolwise.engines.draws.tree import stream
from poolwise.engines.nuts import diagnostics
from poolwise.engines.nuts.counts import CountsLatent
from poolwise.engines.nuts.latent import Latent
from poolwise.engines.nuts.plans import refuse_unknown
from poolwise.engines.nuts.robust import RobustLatent
from poolwise.engines.nuts.run import drawn, report
from poolwise.engines.nuts.samplers import Chains, sampled
from poolwise.engines.nuts.settings import Settings
from poolwise.engines.nuts.stored_draws import Place
from poolwise.model import Counted, Robust, prior_words
from poolwise.moments import missing_moments, refuse_improper
from poolwise.quantities import Quantity
from poolwise.result import Result

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
LatentModel = Robust | Counted
type _Read = tuple[RowDraws, Mapping[str, Quantity]]


def fit_latent(effects: Effects, model: LatentModel, engine: Settings, *, kept: Place | None = None) -> Result:
    """Draws from the posterior of a model that `latent_of` describes.

    Parameters
    ----------
    effects : Effects
    model : Robust or Counted
    engine : NUTS
    kept : Place, optional
        Where the draws are kept.

    Returns
    -------
    Result
        With mu, tau, tau2, theta_new, the parameters of the model's own, and each study's true effect.
    """
    start = time.perf_counter()
    if isinstance(model, Counted):
        effects = model.table(effects)
    resolved = model.resolved(effects)
    refuse_unknown(resolved, advice="")
    refuse_improper(effects, resolved)
    latent = latent_of(effects, resolved)
    likelihood = latent.likelihood
    moments = likelihood.moments()

    def read(chains: Chains) -> tuple[_Read, Mapping[str, float]]:
        rng = stream(effects, resolved, engine.seed, use=1)
        draws = RowDraws.completed(likelihood, latent.parameters(chains.parameters), chains.parameters, rng)
        quantities = draws.quantities(moments)
        numbers = diagnostics.diagnostics(draws.parameters, chains.stats, moments, quantities)
        return (draws, quantities), numbers

    run, (draws, quantities), numbers = drawn(engine, effects, resolved, partial(sample, latent), read, kept=kept)
    chains, notes = run.chains, likelihood.notes
    missing = missing_moments(moments["tau"], moments["mu"] > 1)
    findings = diagnostics.findings(numbers, chains=chains.count, interrupted=chains.interrupted)
    findings += () if missing is None else (missing,)
    label = f"{model.label}, {engine.label}"
    return Result(
        label=label,
        effects=effects,
        model=resolved,
        engine=engine,
        interval_kind="credible (equal-tailed)",
        quantities=quantities,
        studies=draws.studies(),
        weights=draws.weights(),
        report=report(engine, effects, resolved, run, findings, numbers, quantities, start=start, notes=notes),
        prior=prior_words(resolved),
        native=chains,
        tree=partial(_tree, draws, chains.stats, engine.seed, label),
        absent=likelihood.absent,
    )


def latent_of(effects: Effects, model: LatentModel) -> Latent:
    """What is sampled of a model whose priors are explicit."""
    return CountsLatent.of(effects, model) if isinstance(model, Counted) else RobustLatent.of(effects, model)


def sample(latent: Latent, settings: Settings, target_accept: float) -> Chains:
    """Chains of draws of what is sampled, at this acceptance rate."""
    return sampled(latent.compiled().with_data(**latent.data()), settings, target_accept)


def _tree(draws: RowDraws, stats: Mapping[str, NDArray], seed: int, label: str) -> xr.DataTree:
    effects, model = draws.likelihood.effects, draws.likelihood.model
    return row_tree(draws, label, stream(effects, model, seed, use=2), stats)
