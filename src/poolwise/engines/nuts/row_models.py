"""NUTS on models whose true effects are not normal given the parameters: plan, sample, complete, read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.tree import stream
from poolwise.engines.heterogeneity import known
from poolwise.engines.nuts import diagnostics
from poolwise.engines.nuts.counts import CountsLatent
from poolwise.engines.nuts.plans import Unit
from poolwise.engines.nuts.robust import RobustLatent
from poolwise.engines.nuts.row_likelihood import Completed, Latent
from poolwise.engines.nuts.row_tree import latent_tree
from poolwise.engines.nuts.run import drawn, report
from poolwise.engines.nuts.samplers import Chains, sampled
from poolwise.engines.nuts.settings import Settings
from poolwise.engines.nuts.stored_draws import Place
from poolwise.laws import DrawsLaw
from poolwise.model import Counted, Model, Robust, prior_words
from poolwise.moments import missing_moments, refuse_improper
from poolwise.priors import Fixed
from poolwise.quantities import ByStudy, Posterior, Quantity
from poolwise.result import Result

Array = NDArray[np.float64]
LatentModel = Robust | Counted
type _Read = tuple[Mapping[str, Array], Completed, Mapping[str, Quantity]]


def fit_latent(effects: Effects, model: LatentModel, engine: Settings, *, kept: Place | None = None) -> Result:
    """Draws from the posterior of a model that `latent` describes.

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
    refuse_improper(effects, resolved)
    row = latent(effects, resolved)
    moments = row.moments()

    def read(chains: Chains) -> tuple[_Read, Mapping[str, float]]:
        parameters = row.parameters(chains.parameters)
        rest = row.complete(parameters, chains.parameters, stream(effects, resolved, engine.seed, use=1))
        quantities = _quantities(row, parameters, rest, moments)
        return (parameters, rest, quantities), diagnostics.diagnostics(
            _unknown(resolved, parameters), chains.stats, moments, quantities
        )

    run, (parameters, rest, quantities), numbers = drawn(
        engine, effects, resolved, partial(_run, row), read, kept=kept
    )  # fmt: skip
    chains = run.chains
    missing = missing_moments(moments["tau"], moments["mu"] > 1)
    findings = diagnostics.findings(numbers, chains=chains.count, interrupted=chains.interrupted)
    findings += () if missing is None else (missing,)
    fit_report = report(engine, effects, resolved, run, findings, numbers, quantities, start=start, notes=row.notes)
    label = f"{model.label}, {engine.label}"
    return Result(
        label=label,
        effects=effects,
        model=resolved,
        engine=engine,
        interval_kind="credible (equal-tailed)",
        quantities=quantities,
        studies=ByStudy(effects.labels, partial(_study, rest.theta)),
        weights=_weights(effects, rest.weight),
        report=fit_report,
        prior=prior_words(resolved),
        native=chains,
        tree=partial(latent_tree, row, parameters, rest, chains.stats, label, engine.seed),
        absent=row.absent,
    )


def _unknown(model: Model, parameters: Mapping[str, Array]) -> dict[str, Array]:
    """The parameters without those that the model states."""
    priors = model.named_priors
    return {name: draws for name, draws in parameters.items() if not isinstance(priors.get(name), Fixed)}


def latent(effects: Effects, model: LatentModel, unit: Unit | None = None) -> Latent:
    """What NUTS needs to know of a model whose priors are explicit.

    Parameters
    ----------
    effects : Effects
    model : Robust or Counted
    unit : Unit, optional
        Where the sampler's origin and unit lie, unless it is where the table suggests; counts have their own.
    """
    return CountsLatent.of(effects, model) if isinstance(model, Counted) else RobustLatent.of(effects, model, unit)


def _run(latent: Latent, settings: Settings, target_accept: float) -> Chains:
    return sampled(latent.compiled().with_data(**latent.data()), settings, target_accept)


def _quantities(
    latent: Latent, parameters: Mapping[str, Array], rest: Completed, moments: Mapping[str, int]
) -> dict[str, Quantity]:
    out: dict[str, Quantity] = {}
    for name, draws in parameters.items():
        prior = latent.model.named_priors.get(name)
        if isinstance(prior, Fixed):
            out[name] = known(prior.value)
            continue
        positive = float(draws.min()) >= 0.0 and name not in ("mu", "delta", "base", "slope")
        out[name] = Posterior(DrawsLaw(draws, moments[name], lower=0.0 if positive else -np.inf))
        if name == "tau":
            out["tau2"] = Posterior(DrawsLaw(draws**2, moments["tau2"], lower=0.0))
    out["theta_new"] = Posterior(DrawsLaw(rest.new, moments["theta_new"]))
    return out | latent.derived(parameters, rest)


def _study(theta: Array, row: int) -> Posterior:
    return Posterior(DrawsLaw(theta[..., row]))


def _weights(effects: Effects, weight: Array) -> dict[str, float]:
    """Posterior mean of each study's share of the precision."""
    shares = (weight / weight.sum(axis=-1, keepdims=True)).mean(axis=(0, 1))
    return dict(zip(effects.labels, shares.tolist(), strict=True))
