"""The PyMC model that NUTS samples, on the scale of the effects, for a user to extend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.nuts.planned import planned
from poolwise.engines.nuts.plans import AS_GIVEN
from poolwise.engines.nuts.row_models import LATENTS, latent_of
from poolwise.model import CorrelatedOutcomes, CrossedEffects, MetaRegression, Model
from poolwise.model.structure import NormalStructure

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def open_model(effects: Effects, model: Model) -> pm.Model:
    """The PyMC model of a model on a study table, in the unit of the effects.

    Parameters
    ----------
    effects : Effects
    model : Model
        One that NUTS knows.

    Returns
    -------
    pymc.Model
        Its priors, data and likelihood are those that `NUTS` samples, which only measures effects from another origin
        and in another unit.
    """
    if type(model) in LATENTS:
        effects = model.table(effects)
        resolved = model.resolved(effects)
        row = latent_of(effects, resolved, AS_GIVEN)
        return _with_data(row.compiled().make(), row.data(), {"study": effects.labels})
    resolved = model.resolved(effects)
    plan = planned(effects, resolved, unit=AS_GIVEN).plan
    out = _with_data(plan.compiled().make(), plan.data, _labels(effects, resolved, plan.means.structure))
    _add_factors(out, resolved)
    return out


def _with_data(model: pm.Model, data: Mapping[str, Any], labels: Mapping[str, tuple[str, ...]]) -> pm.Model:
    """The model with these data, and labels along the dimensions that it has."""
    import pymc as pm

    coords = {dim: list(names) for dim, names in labels.items() if dim in model.dim_lengths}
    pm.set_data({name: np.asarray(value) for name, value in data.items()}, model=model, coords=coords)
    for dim, names in labels.items():
        if dim not in model.dim_lengths:
            model.add_coord(dim, list(names))
    return model


def _labels(effects: Effects, model: Model, structure: NormalStructure) -> dict[str, tuple[str, ...]]:
    """Labels of studies, of outcomes and levels, and of clusters."""
    labels = {"study": effects.labels}
    if structure.units.word not in ("study", "block", "component"):
        labels[structure.units.word] = structure.units.names
    if isinstance(model, CrossedEffects):
        levels = {factor: dict.fromkeys(values) for factor, values in model.levels(effects).items()}
        labels |= {"effect": effects.labels, "level": tuple(f"{f}: {level}" for f in levels for level in levels[f])}
    if structure.uncertain is not None:
        labels["moderator"] = tuple(structure.uncertain.names)
    if isinstance(model, CorrelatedOutcomes):
        labels["outcome"] = tuple(name.partition("[")[2].removesuffix("]") for name in structure.coefficients)
    return labels


def _add_factors(out: pm.Model, model: Model) -> None:
    """Standard deviations between the levels of each factor, by the names of the factors: ``tau_of``, ``sd``."""
    import pymc as pm

    if isinstance(model, CrossedEffects):
        stem, name, factors = "tau", "tau_of", list(model.factors)
    elif isinstance(model, MetaRegression) and isinstance(model.pooled, Mapping) and model.pooled:
        stem, name, factors = "sd", "sd", list(model.pooled)
    else:
        return
    out.add_coord("factor", factors)
    with out:
        pm.Deterministic(name, pm.math.stack([out[f"{stem}[{f}]"] for f in range(len(factors))]), dims="factor")
