"""The DataTree of exact independent draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.engines.draws.normal_draws import NormalDraws, by_name
from poolwise.engines.draws.normal_law import NormalLaw
from poolwise.engines.draws.normal_tree import normal_tree
from poolwise.engines.draws.row_tree import row_tree
from poolwise.engines.draws.tree import check_room, stream
from poolwise.engines.exact.groups import Grouped
from poolwise.engines.exact.posterior import Fitted
from poolwise.engines.exact.row_answer import RowAnswer
from poolwise.engines.exact.rows import RowFit
from poolwise.engines.exact.selected import SelectedFit

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
Rng = np.random.Generator


def exact_tree(
    fitted: Fitted | Grouped | RowFit | SelectedFit, shape: tuple[int, int], seed: int, label: str
) -> xr.DataTree:
    """The DataTree of exact independent draws.

    Parameters
    ----------
    fitted : Fitted, Grouped, RowFit or SelectedFit
    shape : tuple of int
        Chains and draws.
    seed : int
    label : str
        Words for the result.

    Returns
    -------
    xarray.DataTree
        As `normal_tree` or `row_tree` makes it.
    """
    check_room(fitted.effects, shape)
    rng = stream(fitted.effects, fitted.model, seed)
    if isinstance(fitted, RowAnswer):
        return row_tree(fitted.draws(shape, rng), label, rng)
    return normal_tree(exact_draws(fitted, shape, rng), label, rng)


def exact_draws(fitted: Fitted | Grouped, shape: tuple[int, int], rng: Rng) -> NormalDraws:
    """Exact independent joint draws.

    Parameters
    ----------
    fitted : Fitted or Grouped
    shape : tuple of int
        Chains and draws.
    rng : Generator

    Returns
    -------
    NormalDraws
    """
    drawn = fitted.draw(shape[0] * shape[1], rng)
    mean = fitted.means
    structure, coefficients = mean.structure, drawn.coefficients
    scalars = {name: x for name, x in drawn.spreads.items() if name not in structure.known}
    new = NormalLaw.of(structure, scalars, len(coefficients)).new_theta(structure.new, coefficients, rng)
    return NormalDraws(
        fitted.effects,
        fitted.model,
        mean,
        coefficients.reshape(*shape, -1),
        {name: x.reshape(shape) for name, x in scalars.items()},
        theta=drawn.theta.reshape(*shape, -1),
        new=by_name(structure.new.names, new.reshape(*shape, -1)),
    )
