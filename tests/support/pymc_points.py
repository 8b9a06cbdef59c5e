"""PyMC models at points that are given on the scale of their parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pymc as pm
from pymc.model.transform.conditioning import remove_value_transforms


def log_posterior(model: pm.Model, **point: object) -> float:
    """Unnormalised log posterior at a point, every variable on its own scale: tau itself, not what is sampled of it.

    Parameters
    ----------
    model : pymc.Model
    point : mapping
        A value for each free variable.
    """
    return log_posterior_of(model)(**point)


def log_posterior_of(model: pm.Model) -> Callable[..., float]:
    """The same as a function of the point, compiled once for several."""
    plain = remove_value_transforms(model)
    with plain:
        function = pm.compile(
            list(plain.value_vars), plain.logp(jacobian=False), mode="FAST_COMPILE", on_unused_input="ignore"
        )

    def at(**point: object) -> float:
        values = {plain.rvs_to_values[plain[name]].name: value for name, value in point.items()}
        return float(function(*(np.asarray(values[value.name], dtype=float) for value in plain.value_vars)))

    return at
