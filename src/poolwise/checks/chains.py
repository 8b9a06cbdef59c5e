"""Rank and trace plots of chains by ArviZ, which draws them; what stands around them is `poolwise.plot`'s."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from poolwise.checks.question import need_posterior
from poolwise.errors import ModelError, nearest
from poolwise.result import Result

FUNCTIONS_OF = ("theta", "tau2", "I2", "ICC")  # of the sampled parameters, or drawn from exact laws given those
ALPHA = 0.01  # p-value of the ranks below which places where chains part are marked


def chain_plot(result: Result, kind: Literal["ranks", "trace"], names: Sequence[str] | None) -> Any:
    """ArviZ's ``PlotCollection``, one panel for each quantity.

    Parameters
    ----------
    result : Result
        Of `Exact` or `NUTS`.
    kind : {"ranks", "trace"}
    names : sequence of str or None
        Variables or quantities; all that were sampled when None.

    Returns
    -------
    PlotCollection

    References
    ----------
    Vehtari et al. 2021, Bayesian Analysis 16:667, 10.1214/20-BA1221, for rank plots; Säilynoja, Bürkner & Vehtari
    2022, Statistics and Computing 32:32, 10.1007/s11222-022-10090-6, for their bands.
    """
    tree = need_posterior(result, f"plot.{kind}")
    posterior = tree["posterior"].to_dataset()
    if names is None:
        chosen = [str(name) for name in posterior.data_vars if not str(name).startswith(FUNCTIONS_OF)]
    else:
        chosen = [names] if isinstance(names, str) else list(names)
    panels = _panels(posterior, chosen)
    if not panels:
        raise ModelError(f"plot.{kind} was given no quantity to draw", "names of quantities, or None for all")
    import arviz as az
    import xarray as xr

    if kind == "ranks":
        data = xr.DataTree.from_dict({"posterior": _thinned(xr.Dataset(panels))})
        return az.plot_rank(data, method="mtc_c", envelope_prob=1.0 - ALPHA, backend="matplotlib")
    groups = {"posterior": xr.Dataset(panels)}
    if "sample_stats" in tree.children:
        groups["sample_stats"] = tree["sample_stats"].to_dataset()  # where trajectories diverged
    return az.plot_trace(xr.DataTree.from_dict(groups), backend="matplotlib")


def _thinned(draws: Any) -> Any:
    """Every n-th draw, n = draws / effective sample size of the slowest quantity: the test is of independent draws.

    ArviZ's own factor is smaller and leaves correlations by which the test finds faults in good chains.
    """
    import arviz as az

    least = min(float(az.ess(draws, method=method).to_array().min()) for method in ("bulk", "tail"))
    total = draws.sizes["chain"] * draws.sizes["draw"]
    return draws.isel(draw=slice(None, None, max(1, math.ceil(total / least))))


def _panels(posterior: Any, chosen: Sequence[str]) -> dict[str, Any]:
    """Each quantity as a variable without dimensions of its own: ``mu``, ``tau[dropout]``, ``beta[ablat]``."""
    every: dict[str, Any] = {}
    for name, values in posterior.data_vars.items():
        every |= dict(_split(str(name), values))
    out: dict[str, Any] = {}
    for name in chosen:
        panels = {
            variable: x for variable, x in every.items() if variable == name or variable.partition("[")[0] == name
        }
        if not panels:
            raise ModelError(f"there are no draws of '{name}'", "a quantity of the result", nearest(name, every))
        out |= panels
    return out


def _split(name: str, values: Any) -> list[tuple[str, Any]]:
    if values.ndim == 2:
        return [(name, values)]
    (dim,) = values.dims[2:]
    labels = values[dim].to_numpy().tolist()
    return [(f"{name}[{label}]", values.isel({dim: i}, drop=True)) for i, label in enumerate(labels)]
