"""A run of NUTS with what belongs to it: kept or made with care, at the acceptance rate of its model, and reported."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from poolwise.effects import Effects
from poolwise.engines.nuts.limit_errors import sign_notes
from poolwise.engines.nuts.remedies import Reader, Sample, careful
from poolwise.engines.nuts.settings import Settings
from poolwise.engines.nuts.stored_draws import Drawn, Place, facts
from poolwise.model import Model, remarks
from poolwise.model.needs import COUNTS, EXCHANGEABLE, SCALE_MODERATORS, SKEWED
from poolwise.pymc_models.standardised import MOST_COEFFICIENTS, STANDARDISED
from poolwise.quantities import Quantity
from poolwise.result import Finding, FitReport
from poolwise.threads import available_cores

NEEDS_OF_STANDARDISED = frozenset({EXCHANGEABLE, SCALE_MODERATORS})  # what such a model may need
USUAL, USUAL_OF_COUNTS, USUAL_OF_CURVED, USUAL_OF_STANDARDISED = 0.95, 0.9, 0.85, 0.8


def drawn[T](
    settings: Settings,
    effects: Effects,
    model: Model,
    sample: Sample,
    read: Reader[T],
    *,
    kept: Place | None = None,
    coefficients: int = 1,
) -> tuple[Drawn, T, Mapping[str, float]]:
    """The run that is kept, where there is one; else a careful run, which is kept unless it was interrupted.

    With it how it reads, and its diagnostics.
    """
    known = None if kept is None else facts(effects, model, settings)
    stored = None if kept is None or known is None else kept.take(known)
    if stored is not None:
        return stored, *read(stored.chains)
    start = time.perf_counter()
    made, reading, numbers = careful(settings, accepts(settings, model, coefficients), sample, read)
    if kept is not None and known is not None and not made.chains.interrupted:
        kept.put(known, replace(made, earlier=time.perf_counter() - start))
    return made, reading, numbers


def accepts(settings: Settings, model: Model, coefficients: int = 1) -> float:
    """The acceptance rate aimed at for a model with this number of coefficients."""
    if settings.target_accept is not None:
        return settings.target_accept
    if COUNTS in model.needs:
        return USUAL_OF_COUNTS
    if SKEWED in model.needs:
        return USUAL_OF_CURVED
    if not _is_standardised(model, coefficients):
        return USUAL
    return USUAL_OF_CURVED if EXCHANGEABLE in model.needs else USUAL_OF_STANDARDISED


def report(
    settings: Settings,
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
        + _core_notes(settings)
        + drawn.notes
        + sign_notes(quantities, numbers, about=effects.scale.held_against(0.0)),
        diagnostics={**numbers, **drawn.settings},
        seconds=drawn.earlier or time.perf_counter() - start,
        versions=settings.versions,
        seed=settings.seed,
        data_hash=effects.data_hash,
    )


def _core_notes(settings: Settings) -> tuple[str, ...]:
    """That more cores were asked for than there are."""
    if settings.sampler != "nutpie":
        return ()
    available = available_cores()
    if settings.cores <= available:
        return ()
    return (f"cores = {settings.cores} was asked for and there are {available}, which the chains share.",)


def _is_standardised(model: Model, coefficients: int) -> bool:
    """Whether its mean effects are sampled as their distance from where the estimates put them given tau."""
    of_means = [prior for name, prior in model.named_priors.items() if name == "mu" or name.startswith("beta")]
    if any(prior is not None and not isinstance(prior, STANDARDISED) for prior in of_means):
        return False
    if not model.needs <= NEEDS_OF_STANDARDISED:
        return False
    return not model.has_coefficients or coefficients <= MOST_COEFFICIENTS
