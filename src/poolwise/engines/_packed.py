"""A PyMC model whose numbers and columns are packed in a few arrays, since numba takes half a second for each array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

if TYPE_CHECKING:
    import pymc as pm

Places = Mapping[str, tuple[str, ...]]


@final
@dataclass(frozen=True, eq=False)
class Packed:
    """A model and where its data lie.

    Attributes
    ----------
    model : pymc.Model
        The same model, which reads rows of the packed arrays.
    places : mapping
        Names of the data in each packed array, one after another along its first axis.
    """

    model: pm.Model
    places: Places

    def data(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The data by the names of the arrays that hold them."""
        inside = {name for names in self.places.values() for name in names}
        alone = {name: value for name, value in given.items() if name not in inside}
        return alone | {array: np.array([given[name] for name in names]) for array, names in self.places.items()}


def packed(model: pm.Model) -> Packed:
    """Let a model read its data from packed arrays: those that have the same shape whatever the data are.

    They are the numbers, and the columns along the same dimension. What is observed stays as it is, and so do integers.
    """
    import pytensor
    from pytensor.graph.traversal import ancestors

    groups: dict[str, list[str]] = {}
    observed = {model.rvs_to_values[rv].name for rv in model.observed_RVs}
    for datum in model.data_vars:
        dims = model.named_vars_to_dims.get(datum.name, ())
        if datum.dtype == "float64" and datum.name not in observed and datum.ndim == len(dims) < 2:
            groups.setdefault(" ".join(("packed", *dims)), []).append(datum.name)
    places = {array: tuple(names) for array, names in groups.items() if len(names) > 1}
    rows: dict[Any, Any] = {}
    for array, names in places.items():
        values = pytensor.shared(np.array([model[name].get_value() for name in names]), name=array)
        rows |= {model[name]: values[i] for i, name in enumerate(names)}
    for variable in ancestors([*model.basic_RVs, *model.potentials, *model.deterministics]):
        if variable.owner is not None:
            variable.owner.inputs = [rows.get(one, one) for one in variable.owner.inputs]
    return Packed(model, places)
