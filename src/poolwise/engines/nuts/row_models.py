"""NUTS on models whose true effects are not normal given the parameters: plan, sample, complete, read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.tree import stream
from poolwise.engines.heterogeneity import known
from poolwise.engines.nuts import diagnostics
from poolwise.engines.nuts.counts import CountsLatent
from poolwise.engines.nuts.one_arm import OneArmLatent
from poolwise.engines.nuts.plans import Unit
from poolwise.engines.nuts.robust import RobustLatent
from poolwise.engines.nuts.row_likelihood import Completed, Latent
from poolwise.engines.nuts.row_tree import latent_tree
from poolwise.engines.nuts.run import drawn, report
from poolwise.engines.nuts.samplers import Chains, sampled
from poolwise.engines.nuts.settings import Settings
from poolwise.engines.nuts.stored_draws import Place
from poolwise.intake.counts import ONE_ARM_MEASURES
from poolwise.laws import DrawsLaw
from poolwise.model import Counted, Model, Robust, prior_words
from poolwise.moments import missing_moments, refuse_improper
from poolwise.priors import Fixed
from poolwise.quantities import ByStudy, Posterior, Quantity
from poolwise.result import Finding, FitReport, Result

Array = NDArray[np.float64]
LatentModel = Robust | Counted


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

    def read(chains: Chains) -> tuple[RowReading, Mapping[str, float]]:
        reading = RowReading.of(row, chains.parameters, stream(effects, resolved, engine.seed, use=1))
        return reading, reading.diagnosed(chains.stats)

    run, reading, numbers = drawn(engine, effects, resolved, partial(_run, row), read, kept=kept)
    findings = reading.findings(numbers, run.chains)
    quantities = reading.quantities
    fit_report = report(engine, effects, resolved, run, findings, numbers, quantities, start=start, notes=row.notes)
    return reading.result(run.chains, f"{model.label}, {engine.label}", engine, engine.seed, fit_report)


@final
@dataclass(frozen=True, eq=False)
class RowReading:
    """Draws on the scale of the effects, with what was drawn given them and the quantities that a report needs."""

    row: Latent
    parameters: Mapping[str, Array]
    rest: Completed
    quantities: Mapping[str, Quantity]

    @classmethod
    def of(
        cls, row: Latent, drawn: Mapping[str, Array], rng: np.random.Generator, theta: Array | None = None
    ) -> RowReading:
        """The reading of the variables of a PyMC model; with true effects of the studies where they were drawn too."""
        parameters = row.parameters(drawn)
        rest = row.complete(parameters, drawn, rng)
        rest = rest if theta is None else replace(rest, theta=theta)
        return cls(row, parameters, rest, _quantities(row, parameters, rest, row.moments()))

    def diagnosed(self, stats: Mapping[str, NDArray]) -> dict[str, float]:
        """What the chains say about their own convergence."""
        unknown = _unknown(self.row.model, self.parameters)
        moments, studies = self.row.moments(), self.row.effects.k
        return diagnostics.diagnostics(unknown, stats, moments, self.quantities, studies=studies)

    def findings(self, numbers: Mapping[str, float], chains: Chains) -> tuple[Finding, ...]:
        """What went wrong, or does not exist."""
        moments = self.row.moments()
        missing = missing_moments(moments["tau"], moments["mu"] > 1)
        findings = diagnostics.findings(numbers, chains=chains.count, interrupted=chains.interrupted)
        return findings if missing is None else (*findings, missing)

    def result(self, chains: Chains, label: str, engine: object, seed: int, report: FitReport) -> Result:
        """The result that these draws make."""
        row, effects = self.row, self.row.effects
        return Result(
            label=label,
            effects=effects,
            model=row.model,
            engine=engine,
            interval_kind="credible (equal-tailed)",
            quantities=self.quantities,
            studies=ByStudy(effects.labels, partial(_study, self.rest.theta)),
            weights=_weights(effects, self.rest.weight),
            report=report,
            prior=prior_words(row.model),
            native=chains,
            tree=partial(latent_tree, row, self.parameters, self.rest, chains.stats, label, seed),
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
    if not isinstance(model, Counted):
        return RobustLatent.of(effects, model, unit)
    return (OneArmLatent if model.measure in ONE_ARM_MEASURES else CountsLatent).of(effects, model)


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
