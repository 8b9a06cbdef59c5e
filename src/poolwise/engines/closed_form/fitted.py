"""What a fit in closed form yields, whatever the model, and the result that is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import final

import numpy as np

from poolwise.closed_form.least_squares import Array
from poolwise.effects import Effects
from poolwise.engines.environment import versions
from poolwise.engines.means import Means
from poolwise.model import Model
from poolwise.quantities import ByStudy, Estimate
from poolwise.result import Finding, FitReport, Linear, Result


@final
@dataclass(frozen=True, eq=False)
class Fitted:
    """What a fit yields before it is packed into a Result.

    Attributes
    ----------
    label : str
    quantities : dict of str to Estimate
        The mean effect, or the first of them, at the beginning.
    study : callable
        Makes the estimate of the true effect of the study in a row.
    findings : tuple of Finding
    notes : tuple of str
        Beside those of the table and of the design.
    diagnostics : dict of str to float
    absent : dict of str to str
        Why a quantity is not there.
    weights : ndarray, shape (k,) or (0,)
        Share of each study in what its estimate informs; none where selection leaves no such share.
    means : Means, optional
        Names and design of several mean effects.
    linear : Linear, optional
        Makes estimates of linear combinations of coefficients.
    """

    label: str
    quantities: dict[str, Estimate]
    study: Callable[[int], Estimate]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    diagnostics: Mapping[str, float]
    absent: Mapping[str, str]
    weights: Array = field(default_factory=lambda: np.empty(0))
    means: Means | None = None
    linear: Linear | None = None


def packed(fitted: Fitted, effects: Effects, model: Model, engine: object, began: float) -> Result:
    """The result of a fit that began at a reading of `perf_counter`."""
    labels, means = effects.labels, fitted.means
    return Result(
        label=fitted.label,
        effects=effects,
        model=model,
        engine=engine,
        interval_kind=next(iter(fitted.quantities.values())).kind,
        quantities=fitted.quantities,
        studies=ByStudy(labels, fitted.study),
        weights=dict(zip(labels, fitted.weights.tolist(), strict=True)) if fitted.weights.size else {},
        report=FitReport(
            findings=fitted.findings,
            notes=effects.notes + fitted.notes,
            diagnostics=fitted.diagnostics,
            seconds=perf_counter() - began,
            versions=versions("poolwise", "numpy", "scipy"),
            data_hash=effects.data_hash,
        ),
        absent=fitted.absent,
        combinations={} if means is None else means.linear,
        linear=fitted.linear,
        design=None if means is None else means.design,
    )
