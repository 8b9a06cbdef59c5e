"""Arrays of draws as an ``xarray.DataTree`` that ArviZ accepts; knows arrays and names only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import ModelError

if TYPE_CHECKING:
    import xarray as xr

SAMPLE_DIMS = ("chain", "draw")
DATA_GROUPS = frozenset({"observed_data", "constant_data"})


def to_datatree(
    groups: Mapping[str, Mapping[str, NDArray]],
    *,
    coords: Mapping[str, Sequence[object]],
    dims: Mapping[str, tuple[str, ...]],
    attrs: Mapping[str, str | int | float],
) -> xr.DataTree:
    """Groups of arrays as a DataTree.

    Parameters
    ----------
    groups : mapping
        Arrays by variable, by group (``posterior``, ``sample_stats``, ``observed_data``, ...).
        Arrays have the shape (chains, draws, ...), in ``observed_data`` and ``constant_data`` (...).
    coords : mapping
        Labels along each dimension other than chain and draw, as words or numbers.
    dims : mapping
        Dimensions of a variable after chain and draw; a variable not named here has none.
    attrs : mapping
        Facts about the whole, plain enough for netCDF.

    Returns
    -------
    xarray.DataTree
        Dimensions ``chain``, ``draw`` and those of `coords`; chains and draws are numbered from 0.

    Raises
    ------
    ModelError
        When an array does not have the dimensions that it is said to have.
    """
    import xarray as xr

    labels = {name: _plain(values) for name, values in coords.items()}
    sets = {
        group: xr.Dataset(
            {name: _variable(group, name, values, dims, labels) for name, values in variables.items()},
            coords=_coords(group, variables, dims, labels),
        )
        for group, variables in groups.items()
    }
    for data in sets.values():
        data.attrs.update(attrs)
    tree = xr.DataTree.from_dict(sets)
    tree.attrs.update(attrs)
    return tree


def _variable(
    group: str, name: str, values: NDArray, dims: Mapping[str, tuple[str, ...]], labels: Mapping[str, NDArray]
) -> tuple[tuple[str, ...], NDArray]:
    named = (() if group in DATA_GROUPS else SAMPLE_DIMS) + tuple(dims.get(name, ()))
    shape = np.shape(values)
    expected = [len(labels[dim]) for dim in named if dim in labels]
    if len(shape) != len(named) or list(shape[len(shape) - len(expected) :]) != expected:
        raise ModelError(f"'{name}' in '{group}' has the shape {shape}", f"dimensions ({', '.join(named)})")
    return named, np.asarray(values)


def _coords(
    group: str,
    variables: Mapping[str, NDArray],
    dims: Mapping[str, tuple[str, ...]],
    labels: Mapping[str, NDArray],
) -> dict[str, NDArray]:
    used = {dim for name in variables for dim in dims.get(name, ())}
    coords = {dim: labels[dim] for dim in labels if dim in used}
    if group in DATA_GROUPS:
        return coords
    chains, draws = next(iter(variables.values())).shape[:2]
    return {"chain": np.arange(chains), "draw": np.arange(draws)} | coords


def _plain(values: Sequence[object]) -> NDArray:
    """Labels as an array of words or of numbers; objects do not survive netCDF."""
    array = np.asarray(values)
    return array.astype(str) if array.dtype == object else array
