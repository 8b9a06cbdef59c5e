"""Operating characteristics of an analysis file: its own methods, tried on tables with its own standard errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import pandas as pd

from poolwise.analysis.record import Analysis, PlannedFit, PlannedSimulation
from poolwise.analysis.simulate_section import ESTIMATE, Simulate
from poolwise.effects import Effects
from poolwise.engines.exact import Exact
from poolwise.engines.nuts import NUTS
from poolwise.errors import AnalysisError, InputError, ModelError, PoolwiseError, PoolwiseWarning, listing
from poolwise.fit import fit
from poolwise.model import DEFAULT_PRIORS, Model
from poolwise.reconstruct import Reconstruction
from poolwise.scale import Scale
from poolwise.show import numbered

if TYPE_CHECKING:
    from poolwise.simulate import OperatingCharacteristics

TAU = (0.0, 0.1, 0.2, 0.4)  # standardised mean differences; other scales as their default priors are wide
DIGITS = 3  # significant ones of an estimate that stands for a truth, so that it can be written down
NONE = "none"


@final
@dataclass(frozen=True, eq=False)
class Simulated:
    """The operating characteristics of the methods of an analysis.

    Attributes
    ----------
    planned : PlannedSimulation
    answer : OperatingCharacteristics
    estimates : tuple of float
        The true mean effects that are estimates of the main fit, to three digits.
    data : str
        What the table is whose standard errors were lent: ``"reported"``, ``"reconstructed"`` or ``"simulated"``.
    """

    planned: PlannedSimulation
    answer: OperatingCharacteristics
    estimates: tuple[float, ...]
    data: str

    @property
    def frame(self) -> pd.DataFrame:
        """Every row of the answer, with the word on the data whose standard errors were lent."""
        return self.answer.frame.assign(standard_errors=self.data)


def planned_simulation(
    section: Simulate,
    model: Model,
    fits: Sequence[PlannedFit],
    effects: Effects,
    *,
    tables: Reconstruction | None,
    prob: float,
    threshold: float,
) -> PlannedSimulation:
    """What the section asks for, each method tried on a made-up table of each design.

    Parameters
    ----------
    section : Simulate
    model : Model
        What the file states.
    fits : sequence of PlannedFit
        Those of the file.
    effects : Effects
        Its study table, or the first of the reconstructed ones.
    tables : Reconstruction, optional
        The reconstructed ones.
    prob, threshold : float

    Returns
    -------
    PlannedSimulation

    Raises
    ------
    PoolwiseError
        For dependent rows, a model without one mean effect, fits by NUTS alone, and a scale of effect that has no
        default tau where none is given.

    Notes
    -----
    tau is 0, .1, .2 and .4 of a standardised mean difference, none to large heterogeneity; on other scales it grows
    with the scale of their default half-normal prior on tau. mu is 0 and the estimate, since the answer is between
    these for most readers.

    References
    ----------
    Morris, White & Crowther 2019, Statistics in Medicine 38:2074, 10.1002/sim.8086, for choosing truths.
    """
    from poolwise.simulate.characteristics import Design

    designs = _designs(section, effects, tables)
    lent = next(iter(designs.values()))
    try:
        example = Design.of(lent).example()
    except InputError as error:
        words = "data.outcome, a protocol with a rule, or a file of its own"
        raise AnalysisError(error.found, error.expected, words) from None
    own = _without_nuts(section, fits)
    labels = numbered([_label(planned, example) for planned in own])
    methods = tuple(replace(planned, label=label) for planned, label in zip(own, labels, strict=True))
    stated = [one for one in methods if isinstance(one.engine, Exact) and type(one.model) is type(model)]
    return PlannedSimulation(
        methods=methods,
        designs=designs,
        mu=_means(section, lent.scale),
        tau=_taus(section, lent.scale),
        laws=section.law,
        mechanisms={NONE: ()} | ({} if section.mechanism is None else {_names(section.mechanism): section.mechanism}),
        main=stated[0] if stated else methods[-1],
        replications=section.replications,
        seed=section.seed,
        prob=prob,
        threshold=threshold,
        without_nuts=len(own) < len(fits),
        reconstructed=effects.reconstructed,
    )


def _without_nuts(section: Simulate, fits: Sequence[PlannedFit]) -> list[PlannedFit]:
    """The fits that are simulated: those by other engines than NUTS, of models with one mean."""
    from poolwise.simulate.characteristics.methods import refuse_several_means

    own = [planned for planned in fits if not isinstance(planned.engine, NUTS)]
    if not own:
        raise AnalysisError(
            f"NUTS is the only fit, and {price_of_nuts(section.replications)} for each truth",
            "a fit by another engine beside it",
            "engines.exact = {}",
        )
    for planned in own:
        try:
            refuse_several_means(planned.label or planned.model.label, planned.model)
        except ModelError as error:
            words = "a file of its own with kind = 'random-effects'"
            raise AnalysisError(error.found, "random effects, or another model with one mean", words) from None
    return own


def default_simulation(analysis: Analysis) -> PlannedSimulation:
    """What the analysis asks for, or what an empty section [simulate] would.

    Raises
    ------
    AnalysisError
        Where its methods cannot be tried.

    Notes
    -----
    The defaults are those of the section.

    References
    ----------
    Morris, White & Crowther 2019, Statistics in Medicine 38:2074, 10.1002/sim.8086, for choosing truths.
    """
    if analysis.simulation is not None:
        return analysis.simulation
    try:
        return planned_simulation(
            Simulate(), analysis.model, analysis.fits, analysis.effects, tables=analysis.tables, prob=analysis.prob,
            threshold=analysis.threshold,
        )  # fmt: skip
    except PoolwiseError as error:
        raise AnalysisError(f"{analysis.source}: {error.found}", error.expected, error.advice) from None


def simulated(
    planned: PlannedSimulation,
    *,
    executor: Any = None,
    keep: Path | None = None,
    progress: bool | Callable[[int, int], None] = False,
) -> Simulated:
    """Run a planned simulation.

    Parameters
    ----------
    planned : PlannedSimulation
    executor, keep, progress
        As of `simulate.operating_characteristics`.

    Returns
    -------
    Simulated

    References
    ----------
    Morris, White & Crowther 2019, Statistics in Medicine 38:2074, 10.1002/sim.8086.
    """
    from poolwise.simulate import operating_characteristics

    lent = next(iter(planned.designs.values()))
    estimates = tuple(_estimate(planned.main, lent) for value in planned.mu if value is None)
    mu = [value for value in planned.mu if value is not None]
    mu += [value for value in estimates if value not in mu]
    answer = operating_characteristics(
        planned.designs,
        {one.label: (one.model, one.engine) for one in planned.methods},
        truth={"mu": mu, "tau": list(planned.tau), "law": list(planned.laws)},
        mechanism=planned.mechanisms,
        replications=planned.replications,
        seed=planned.seed,
        prob=planned.prob,
        threshold=planned.threshold,
        executor=executor,
        keep=keep,
        progress=progress,
    )
    return Simulated(planned, answer, estimates, lent.data_label)


def _designs(section: Simulate, effects: Effects, tables: Reconstruction | None) -> Mapping[str, Effects]:
    """The study table; of reconstructed ones that with equal standard errors, and others from even to lopsided."""
    if tables is None:
        return {effects.title or f"{effects.k} studies": effects}
    weight = tables.se**-2.0
    order = np.argsort(weight.max(axis=1) / weight.sum(axis=1), kind="stable")
    places = np.unique(np.linspace(len(order) - 1, 0, section.tables, endpoint=False).round().astype(int))
    equal = {"equal standard errors (reconstructed)": tables.reference()}
    return equal | {
        f"standard errors of table {order[place] + 1} of {len(tables)} (reconstructed)": tables.effects(order[place])
        for place in places
    }


def _label(planned: PlannedFit, example: Effects) -> str:
    """What the results of this fit are called; it is tried on the way."""
    if planned.label:
        return planned.label
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoolwiseWarning)
        return fit(example, planned.model, planned.engine).label


def _means(section: Simulate, scale: Scale) -> tuple[float | None, ...]:
    given = section.mu
    if given is None:
        return (None,) if scale.null_value is None else (0.0, None)
    return tuple(None if value == ESTIMATE else float(value) for value in given)


def _taus(section: Simulate, scale: Scale) -> tuple[float, ...]:
    if section.tau is not None:
        return section.tau
    known = DEFAULT_PRIORS.get(scale.name)
    if known is None:
        raise AnalysisError(
            f"'tau' is missing, and the scale '{scale}' has no default",
            f"true between-study sds in the unit of the effects (defaults exist for {listing(DEFAULT_PRIORS)})",
            "[simulate] with tau = [0, ...]",
        )
    ratio = float(known[1].ppf(0.5) / DEFAULT_PRIORS["SMD"][1].ppf(0.5))
    return tuple(float(f"{value * ratio:.3g}") for value in TAU)


def price_of_nuts(tables: int) -> str:
    """What NUTS would take for this many tables, in words.

    Examples
    --------
    >>> price_of_nuts(2000)
    'takes about 0.03 s for each table once compiled, 1.0 minute for 2,000'
    """
    from poolwise.simulate.characteristics.methods import NUTS_SECONDS

    minutes = NUTS_SECONDS * tables / 60.0
    time = f"{minutes:.1f} minute{'s' if minutes > 1.0 else ''}" if minutes < 90.0 else f"{minutes / 60.0:.1f} hours"
    return f"takes about {NUTS_SECONDS:g} s for each table once compiled, {time} for {tables:,}"


def _names(mechanisms: Sequence[Any]) -> str:
    return ", ".join(type(one).__name__ for one in mechanisms)


def _estimate(planned: PlannedFit, effects: Effects) -> float:
    point = fit(effects, planned.model, planned.engine)["mu"].point
    return float(f"{point:.{DIGITS}g}")
