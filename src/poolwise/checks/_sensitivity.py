"""Sensitivity of draws to powers of their prior or likelihood, as ArviZ measures it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np


def moved_by_power(
    tree: Any,
    names: Sequence[str],
    part: Literal["prior", "likelihood"],
    scaled: Sequence[str] | None,
    powers: tuple[float, float],
) -> dict[str, float]:
    """How far each quantity moves, by its name.

    Parameters
    ----------
    tree : DataTree
        With ``posterior``, ``log_prior`` and ``log_likelihood``.
    names : sequence of str
        Variables of the posterior.
    part : {"prior", "likelihood"}
    scaled : sequence of str or None
        Variables of ``log_prior`` (or of the likelihood) that are raised to a power; all when None.
    powers : tuple of float

    Returns
    -------
    dict of str to float
        ``mu``, ``tau[dropout]``, ``beta[ablat]``, ...

    References
    ----------
    Kallioinen et al. 2023, Statistics and Computing 34:57, 10.1007/s11222-023-10366-5.
    """
    import arviz as az

    chosen = None if scaled is None else list(scaled)
    if _constant(tree["log_prior" if part == "prior" else "log_likelihood"], chosen):
        first_draw = tree["posterior"].to_dataset()[list(names)].isel(chain=0, draw=0)
        distances = first_draw - first_draw  # 0 for each; ArviZ has no weights for it
    else:
        distances = az.psense(tree, var_names=list(names), group=part, alphas=powers, group_var_names=chosen)
    out: dict[str, float] = {}
    for name in names:
        values = distances[name]
        if values.ndim == 0:
            out[name] = float(values)
            continue
        (dim,) = values.dims
        labels = values[dim].to_numpy().tolist()
        out |= {f"{name}[{label}]": float(x) for label, x in zip(labels, np.asarray(values), strict=True)}
    return out


def _constant(logs: Any, chosen: Sequence[str] | None) -> bool:
    """Whether a flat density is raised to a power, which moves nothing."""
    return all(np.ptp(logs[name].to_numpy()) == 0.0 for name in (chosen or logs.data_vars))
