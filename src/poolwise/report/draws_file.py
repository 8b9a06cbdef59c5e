"""Draws as a netCDF file, written without the schedulers of clusters."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr


def write_draws(tree: xr.DataTree, path: Path) -> None:
    """Write a tree of draws, group by group; read back it is what ``tree.to_netcdf`` writes.

    That method asks first which scheduler of dask may be writing at the same time, and loads all of
    ``dask.distributed`` to ask, where it is installed: more time than the writing takes. Draws in memory have none,
    and the file is ours alone until it has its name.

    Parameters
    ----------
    tree : DataTree
        Draws in memory.
    path : Path
        The file, which is replaced.
    """
    from xarray.backends import H5NetCDFStore

    store = H5NetCDFStore.open(str(path), mode="w", lock=threading.Lock())
    try:
        for node in tree.subtree:
            place = store if node is tree else store.get_child_store(node.path)
            node.to_dataset(inherit=node is tree).dump_to_store(place)
        store.sync()
    finally:
        store.close()
