"""Log predictive densities of single units by refits: by quadrature for exact results, by NUTS for those of NUTS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.checks._bridge import left_out_density
from poolwise.engines.exact.left_out import Refits, Unit, refits
from poolwise.engines.nuts import NUTS
from poolwise.engines.nuts.muted_rows import log_likelihood_without
from poolwise.engines.nuts.read_draws import ReadDraws
from poolwise.errors import ModelError
from poolwise.result import Result

Array = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Density:
    """The log predictive density of a unit, its Monte Carlo standard error, and how its refit went.

    References
    ----------
    Vehtari, Gelman & Gabry 2017, Statistics and Computing 27:1413, 10.1007/s11222-016-9696-4.
    """

    log_density: float
    mcse: float
    status: str


@final
@dataclass(frozen=True, eq=False)
class Refitter:
    """Fits a result's model to its table without one unit.

    Attributes
    ----------
    result : Result
    log_likelihood : ndarray
        Of its units at its draws, shape (chains, draws, units).

    References
    ----------
    Vehtari, Gelman & Gabry 2017, Statistics and Computing 27:1413, 10.1007/s11222-016-9696-4.
    """

    result: Result
    log_likelihood: Array

    @cached_property
    def model(self) -> Refits:
        """Exact fits of the same model, which know what can be left out."""
        return refits(self.result.effects, self.result.model)

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """What can be left out, in the order of the likelihood."""
        of_row = {int(unit.rows[0]): unit for unit in self.model.units}
        structure = self.result.model.structure(self.result.effects)
        if structure is None:  # rows are independent given the parameters
            return tuple(of_row.values())
        return tuple(of_row[int(rows[0])] for rows in structure.units.rows)

    @cached_property
    def log_total(self) -> float:
        """Log integral of prior times likelihood of the whole table."""
        return self.model.fit(np.ones(self.result.effects.k, dtype=bool)).log_total

    def density(self, u: int) -> Density:
        """Log p(y_u | y_-u) of the unit with this number; NaN where the others cannot tell."""
        keep = np.ones(self.result.effects.k, dtype=bool)
        keep[self.units[u].rows] = False
        status = self.model.status(keep)
        if status != "ok":
            return Density(np.nan, np.nan, status)
        if not isinstance(self.result.engine, NUTS):
            less = self.model.fit(keep)
            return Density(self.log_total - less.log_total, 0.0, "grid_too_coarse" if less.coarse else "ok")
        result = self.result
        logs = log_likelihood_without(result.effects, result.model, result.engine, self.units[u].rows)
        return Density(*left_out_density(self.log_likelihood[..., u], logs[..., u]), "ok")


def need_refits(result: Result) -> None:
    """Raise a ModelError for a model that no exact refit knows, and for draws that were made elsewhere."""
    if isinstance(result.engine, ReadDraws):
        raise ModelError(
            "loo cannot refit draws that were made elsewhere", "importance sampling alone", "refit_above=None"
        )
    if result.model.publication is not None:
        raise ModelError(
            f"loo cannot refit a model of selection ({result.model.label}) without a study",
            "importance sampling alone",
            "refit_above=None",
        )
    try:
        refits(result.effects, result.model)
    except ModelError as error:
        raise ModelError(
            f"loo cannot leave a study out of {result.model.label}: {error.found}", error.expected, "refit_above=None"
        ) from error


def with_refits(tree: Any, psis: Any, above: float, density: Callable[[int], float]) -> Any:
    """ArviZ's leave-one-out with the values of those units replaced whose Pareto k is too high.

    Parameters
    ----------
    tree : DataTree
    psis : ELPDData
        What ``az.loo`` returned, pointwise.
    above : float
        Pareto k from which a unit is refitted.
    density : callable
        The log predictive density of the unit with this number.

    Returns
    -------
    ELPDData

    References
    ----------
    Vehtari, Gelman & Gabry 2017, Statistics and Computing 27:1413, 10.1007/s11222-016-9696-4.
    """
    import arviz as az
    import xarray as xr

    class Wrapper(az.SamplingWrapper):  # ArviZ asks for a subclass of its own
        def sel_observations(self, idx: int) -> tuple[int, int]:
            return idx, idx

        def sample(self, modified_observed_data: int) -> int:
            return modified_observed_data

        def get_inference_data(self, fitted_model: int) -> int:
            return fitted_model

        def log_likelihood__i(self, excluded_obs: int, idata__i: int) -> Any:
            return xr.DataArray([[density(int(excluded_obs))]], dims=("chain", "draw"))

    return az.reloo(Wrapper(None, idata_orig=tree), psis, k_threshold=above, pointwise=True)
