"""The NUTS engine: hierarchical models in PyMC, sampled by nutpie, by PyMC itself or by numpyro."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines import _diagnose, _draws, _sampler
from poolwise.engines._careful import Reader, Sample, careful
from poolwise.engines._cores import available_cores
from poolwise.engines._kept import Drawn, Place, facts
from poolwise.engines._limits import sign_notes
from poolwise.engines._nuts_latent import LatentModel, fit_latent
from poolwise.engines._nuts_planned import fit_planned
from poolwise.engines._plans import refuse_unknown
from poolwise.engines._samplers import PACKAGES, Chains, Sampler, check_sampler
from poolwise.engines._tree import draws_tree, stream
from poolwise.engines._versions import versions
from poolwise.errors import ModelError
from poolwise.model import (
    CommonEffect,
    Counted,
    JointOutcomes,
    LocationScale,
    MetaRegression,
    Model,
    RandomEffects,
    Subgroups,
    prior_words,
    remarks,
)
from poolwise.moments import missing_moments, refuse_improper
from poolwise.priors import Fixed
from poolwise.pymc_models.standardised import MOST_COEFFICIENTS
from poolwise.quantities import Quantity
from poolwise.result import Finding, FitReport, Result
from poolwise.settings import NUMBERS_OF_A_DRAW, check_memory, check_whole
from poolwise.threads import one_thread

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]

USUAL, USUAL_OF_COUNTS, USUAL_OF_STANDARDISED = 0.95, 0.9, 0.8


@final
@dataclass(frozen=True)
class NUTS:
    """The posterior by the No-U-Turn Sampler: a PyMC model, sampled by nutpie unless another sampler is named.

    NUTS samples mean effects and standard deviations from marginal models such as y_i ~ Normal(mu, sqrt(v_i +
    tau^2)); theta_i and theta_new are then drawn from their exact normal laws given those. A run that diverges is
    repeated once with target_accept = 0.99; one with fewer than 100 effective draws for each chain or an R-hat
    above 1.01 once with four times as many draws, where these can be expected to do; where a limit of a 95 %
    interval has a Monte Carlo standard error above 0.1 posterior standard deviations, each chain goes on with a
    further run for as many draws as the error asks for, up to four times the first ones in all. The report says so,
    what remains of the error of limits, and which limits lie so near to 0 that their sign is noise. The same seed
    gives the same draws by the same sampler, whatever `cores` is.

    Ctrl-C ends a run and keeps its draws so far: the status is ``"interrupted"``, and the report says how many of how
    many draws there are. Where a chain has fewer than 100 draws after tuning, nothing is kept and the
    KeyboardInterrupt goes on; numpyro gives its draws all at once, so that nothing of its runs can be kept.

    Attributes
    ----------
    draws, tune : int
        Draws kept and draws spent on adaptation, in each chain.
    chains : int
        Independent chains; R-hat needs at least 2.
    seed : int
        Seed of all draws; 1 unless told otherwise, so that a fit can be repeated.
    target_accept : float, optional
        Acceptance rate that the step size aims at, between 0 and 1. When None 0.8 where mean effects are sampled as
        their standardised distance from where the estimates put them given tau (random effects, subgroups, joint
        outcomes, regressions and location and scale with at most two coefficients), which leaves nearly independent
        unknowns; 0.9 for counts, whose many unknowns are nearly independent too; 0.95 elsewhere, which small
        heterogeneity asks for.
    cores : int
        Chains that nutpie runs at the same time, in threads. PyMC's own sampler runs one after the other, numpyro
        all at once.
    progress : bool
        Whether to show the sampler's progress bar.
    sampler : str
        ``"nutpie"``, ``"pymc"`` (PyMC's own) or ``"numpyro"`` (which needs the extra ``poolwise[numpyro]``). Only
        nutpie's compiled model serves the next table too, and only nutpie follows parameters that correlate.

    Raises
    ------
    ModelError
        For a setting that is impossible, a sampler that is not installed.

    Examples
    --------
    >>> NUTS(draws=500).label, NUTS(sampler="pymc").label
    ('NUTS', 'NUTS (pymc)')
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    seed: int = 1
    target_accept: float | None = None
    cores: int = 2
    progress: bool = False
    sampler: Sampler = "nutpie"

    def __post_init__(self) -> None:
        for name, usual in (("draws", 1000), ("tune", 1000), ("chains", 4), ("cores", 2)):
            check_whole(name, getattr(self, name), 1, usual)
        check_memory(
            f"NUTS(draws={self.draws}, tune={self.tune}, chains={self.chains})",
            self.chains * (self.draws + self.tune) * NUMBERS_OF_A_DRAW,
            "draws=1000",
        )
        check_whole("seed", self.seed, 0, 1)
        accept = self.target_accept
        number = isinstance(accept, int | float) and not isinstance(accept, bool)
        if accept is not None and not (number and 0.0 < accept < 1.0):
            raise ModelError(f"target_accept = {accept!r}", "a number between 0 and 1", "target_accept=0.95")
        check_sampler(self.sampler)

    @property
    def label(self) -> str:
        """Words for tables."""
        return "NUTS" if self.sampler == "nutpie" else f"NUTS ({self.sampler})"

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that take part in a fit."""
        return versions("poolwise", "pymc", *PACKAGES[self.sampler], "arviz", "numpy")

    @one_thread()
    def fit(self, effects: Effects, model: Model, *, kept: Place | None = None) -> Result:
        """Draws from the posterior of `model` on `effects`.

        Parameters
        ----------
        effects : Effects
            The study table.
        model : Model
            Any that `poolwise.fit.PAIRS` names with NUTS.
        kept : Place, optional
            Where the draws are kept, and taken from when they are there already.

        Returns
        -------
        Result
            With the quantities that `Exact` gives for the same model, under the same names.

        Raises
        ------
        ModelError
            When the posterior is improper, which no sampler notices; when there is no point to start from.
        KeyboardInterrupt
            When the run was interrupted before each of its chains had 100 draws.

        References
        ----------
        Hoffman & Gelman 2014, J. Machine Learning Research 15, 1593-1623, algorithm 6, for the sampler.
        """
        what = f"{self.chains} chains of {self.draws} draws of the true effects of {effects.k} studies"
        check_memory(what, self.chains * self.draws * (NUMBERS_OF_A_DRAW + effects.k), "draws=1000")
        if isinstance(model, LatentModel):
            return fit_latent(effects, model, self, kept=kept)
        if not isinstance(model, CommonEffect | RandomEffects):
            return fit_planned(effects, model, self, kept=kept)
        start = time.perf_counter()
        resolved = model.resolved(effects)
        if isinstance(resolved.mu, Fixed):
            raise ModelError(
                f"NUTS has no model with a known mu, mu ~ {resolved.mu}", "Normal(...) or Flat() on mu", "Exact()"
            )
        refuse_unknown(resolved)
        refuse_improper(effects, resolved)
        moments = _draws.existing_moments(effects, resolved)

        def read(chains: Chains) -> tuple[tuple[Mapping[str, Array], Mapping[str, Quantity]], Mapping[str, float]]:
            draws = _draws.complete(effects, resolved, chains.parameters, stream(effects, resolved, self.seed, use=1))
            quantities = _draws.quantities(effects, resolved, draws, moments)
            return (draws, quantities), _diagnose.diagnostics(chains.parameters, chains.stats, moments, quantities)

        drawn, (draws, quantities), numbers = self.drawn(effects, resolved, self.run(effects, resolved), read, kept)
        chains = drawn.chains
        findings = self._findings(numbers, resolved, moments, chains)
        report = self.report(effects, resolved, drawn, findings, numbers, quantities, start=start)
        label = self.label if isinstance(resolved, RandomEffects) else f"common effect, {self.label}"
        return Result(
            label=label,
            effects=effects,
            model=resolved,
            engine=self,
            interval_kind="credible (equal-tailed)",
            quantities=quantities,
            studies=_draws.studies(effects, draws, moments),
            weights=_draws.weights(effects, draws),
            report=report,
            prior=prior_words(resolved),
            native=chains,
            tree=partial(_tree, effects, resolved, draws, chains.stats, label, self.seed),
        )

    def run(self, effects: Effects, model: CommonEffect | RandomEffects) -> Sample:
        """A run with some settings, at a target_accept."""
        assert model.mu is not None
        tau, known = (model.tau, model.tau_fixed) if isinstance(model, RandomEffects) else (None, None)
        v = effects.v if known is None else effects.v + known**2
        return partial(_sampler.run, effects.y, v, model.mu, tau)

    def drawn[T](
        self,
        effects: Effects,
        model: Model,
        sample: Sample,
        read: Reader[T],
        kept: Place | None = None,
        coefficients: int = 1,
    ) -> tuple[Drawn, T, Mapping[str, float]]:
        """The run that is kept, where there is one; else a careful run, which is kept unless it was interrupted.

        With it how it reads, and its diagnostics.
        """
        known = None if kept is None else facts(effects, model, self)
        found = None if kept is None or known is None else kept.take(known)
        if found is not None:
            return found, *read(found.chains)
        start = time.perf_counter()
        drawn, reading, numbers = careful(self, self.accepts(model, coefficients), sample, read)
        if kept is not None and known is not None and not drawn.chains.interrupted:
            kept.put(known, replace(drawn, earlier=time.perf_counter() - start))
        return drawn, reading, numbers

    def accepts(self, model: Model, coefficients: int = 1) -> float:
        """The acceptance rate aimed at for a model with this number of coefficients."""
        if self.target_accept is not None:
            return self.target_accept
        if isinstance(model, Counted):
            return USUAL_OF_COUNTS
        return USUAL_OF_STANDARDISED if _is_standardised(model, coefficients) else USUAL

    def report(
        self,
        effects: Effects,
        model: Model,
        drawn: Drawn,
        findings: tuple[Finding, ...],
        numbers: Mapping[str, float],
        quantities: Mapping[str, Quantity],
        *,
        start: float,
        notes: tuple[str, ...] = (),
    ) -> FitReport:
        """The report of a fit that began at `start`, with `notes` of the model's own after those of the table.

        Limits whose sign is noise are noted, whatever the status is.
        """
        return FitReport(
            findings=findings,
            notes=effects.notes
            + notes
            + remarks(model, effects)
            + self.core_notes()
            + drawn.notes
            + sign_notes(quantities, numbers),
            diagnostics={**numbers, **drawn.settings},
            seconds=drawn.earlier or time.perf_counter() - start,
            versions=self.versions,
            seed=self.seed,
            data_hash=effects.data_hash,
        )

    def _findings(
        self,
        numbers: Mapping[str, float],
        model: CommonEffect | RandomEffects,
        moments: Mapping[str, int],
        chains: Chains,
    ) -> tuple[Finding, ...]:
        assert model.mu is not None
        missing = missing_moments(moments["tau"], model.mu.proper)
        found = _diagnose.findings(numbers, chains=chains.count, interrupted=chains.interrupted)
        return found if missing is None else (*found, missing)

    def core_notes(self) -> tuple[str, ...]:
        """That more cores were asked for than there are."""
        if self.sampler != "nutpie":
            return ()
        available = available_cores()
        if self.cores <= available:
            return ()
        return (f"cores = {self.cores} was asked for and there are {available}, which the chains share.",)


def _is_standardised(model: Model, coefficients: int) -> bool:
    """Whether its mean effects are sampled as their distance from where the estimates put them given tau."""
    if isinstance(model, MetaRegression) and (model.shares_priors or model.takes_uncertain):
        return False
    if isinstance(model, MetaRegression | LocationScale):
        return coefficients <= MOST_COEFFICIENTS
    return isinstance(model, CommonEffect | RandomEffects | Subgroups | JointOutcomes)


def _tree(
    effects: Effects,
    model: CommonEffect | RandomEffects,
    draws: Mapping[str, Array],
    stats: Mapping[str, NDArray],
    label: str,
    seed: int,
) -> xr.DataTree:
    rng = stream(effects, model, seed, use=2)
    return draws_tree(effects, model, draws, label=label, rng=rng, sample_stats=stats)
