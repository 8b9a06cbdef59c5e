"""PyMC models at points that are given on the scale of their parameters."""

from __future__ import annotations

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
    plain = remove_value_transforms(model)
    values = {plain.rvs_to_values[plain[name]].name: value for name, value in point.items()}
    with plain:
        function = pm.compile(
            list(plain.value_vars), plain.logp(jacobian=False), mode="FAST_COMPILE", on_unused_input="ignore"
        )
    return float(function(*(np.asarray(values[value.name], dtype=float) for value in plain.value_vars)))
