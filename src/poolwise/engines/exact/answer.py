"""Which quadrature answers a model, and what a result asks of it: studies, combinations, a density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.exact.choice import quadrature
from poolwise.engines.exact.groups import Grouped, grouped, is_exchangeable
from poolwise.engines.exact.posterior import Fitted
from poolwise.engines.exact.row_answer import RowAnswer
from poolwise.engines.exact.rows import RowFit, fitted_rows, has_rows
from poolwise.engines.exact.selected import SelectedFit, fitted_steps, is_selected
from poolwise.engines.means import means_of
from poolwise.model import Model, stated
from poolwise.moments import refuse_improper
from poolwise.quantities import IntervalKind, Quantity
from poolwise.result import Result

Array = NDArray[np.float64]


def fitted(effects: Effects, model: Model, tolerance: float) -> Fitted | Grouped | RowFit | SelectedFit:
    """What quadrature finds for a model on a study table.

    Parameters
    ----------
    effects : Effects
    model : Model
        Any that `Exact` fits.
    tolerance : float
        As `Exact` has it.

    Returns
    -------
    Fitted, Grouped, RowFit or SelectedFit

    Raises
    ------
    ModelError
        When the posterior is improper.
    """
    if is_selected(model):
        return fitted_steps(effects, model.resolved(effects))
    if has_rows(model):
        return fitted_rows(effects, model.resolved(effects))
    if is_exchangeable(model):
        return grouped(effects, model.resolved(effects), tolerance)
    resolved, structure = stated(effects, model)
    mean = means_of(structure)
    refuse_improper(effects, resolved, mean.spreads)
    return quadrature(effects, resolved, tolerance, mean)


def study(found: Fitted | Grouped | RowFit | SelectedFit, kind: IntervalKind, row: int) -> Quantity:
    """The quantity of the true effect in one row."""
    return found.study(row, kind)


def linear(found: Fitted | Grouped | RowFit | SelectedFit, kind: IntervalKind) -> Linear | None:
    """What makes quantities of linear combinations of coefficients; None where no law of them is known."""
    return None if isinstance(found, RowAnswer) else Linear(found, kind)


@final
@dataclass(frozen=True, eq=False)
class Linear:
    """Makes posteriors of linear combinations."""

    fitted: Fitted | Grouped
    kind: IntervalKind

    def __call__(self, c: Array, *, new: bool) -> Quantity:
        """The posterior of c' beta, of a new true effect there when `new`."""
        return self.fitted.combination(c, new, self.kind)


def log_density_of_mu(result: Result, at: float) -> float:
    """Log posterior density of mu at one value, of an exact result with a prior on mu.

    Parameters
    ----------
    result : Result
        Of `Exact`.
    at : float
        On the analysis scale; however remote, the answer is finite.

    Returns
    -------
    float
    """
    assert isinstance(result.native, Fitted)
    return result.native.log_density_of_mu(at)
