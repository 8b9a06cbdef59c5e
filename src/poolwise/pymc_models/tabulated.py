"""A PyMC variable whose log density is a table, for priors of which PyMC has no family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.shape_utils import rv_size_is_none

from poolwise.priors import Prior
from poolwise.pymc_models.tables import DEGREE, table_of
from poolwise.pymc_models.transforms import Supported

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable

OF_SUPPORT = ("lower", "upper", "middle", "width", "heavy")


def tabulated(prior: Prior, name: str, dims: str | None = None) -> TensorVariable:
    """A variable with this prior, inside a model context; its table may be exchanged for that of any other prior.

    Parameters
    ----------
    prior : Prior
        On [0, inf), or on the line.
    name : str
        Of the variable.
    dims : str, optional
        Dimension along which there is one such variable for each coordinate, independent of one another.

    Returns
    -------
    TensorVariable
    """
    data = {part: pm.Data(f"{name}_{part}", value) for part, value in vars(table_of(prior)).items()}
    edges, powers, middle, width = (data[part] for part in ("edges", "powers", "middle", "width"))

    def logp(value: TensorVariable, *support: TensorVariable) -> TensorVariable:
        inside = pt.ge(value, support[0]) & pt.le(value, support[1])
        within = pt.switch(inside, value, Supported().backward(pt.zeros_like(value), *support))
        u = pt.log(within) if prior.positive else pt.arcsinh((within - middle) / width)
        return pt.switch(inside, log_density(u, edges, powers), -np.inf)

    return pm.CustomDist(
        name,
        *(data[part] for part in OF_SUPPORT),
        logp=logp,
        support_point=_middle,
        transform=Supported(),
        class_name="Tabulated",
        dims=dims,
    )


def _middle(variable: TensorVariable, size: TensorVariable, *support: TensorVariable) -> TensorVariable:
    """Where x is 0; no draw of the variable itself is needed for it."""
    return Supported().backward(pt.zeros(() if rv_size_is_none(size) else size), *support)


def log_density(u: TensorVariable, edges: TensorVariable, powers: TensorVariable) -> TensorVariable:
    """The log density at u, by a table; in the shape of u.

    Parameters
    ----------
    u : TensorVariable
        The coordinate of `poolwise.pymc_models.tables.Table`.
    edges, powers : TensorVariable
        As there.
    """
    within = pt.clip(u, edges[0], edges[-1])
    panel = pt.ge(within[..., None], edges[1:-1]).sum(axis=-1)
    half = 0.5 * (edges[panel + 1] - edges[panel])
    t, rows = (within - edges[panel]) / half - 1.0, powers[panel]
    value, slope = rows[..., DEGREE], pt.zeros_like(u)
    for power in range(DEGREE - 1, -1, -1):
        slope = slope * t + value
        value = value * t + rows[..., power]
    return value + slope / half * (u - within)
