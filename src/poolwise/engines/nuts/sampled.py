"""From what NUTS drew to joint draws on the scale of the effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.normal_draws import NormalDraws, by_name, correlations
from poolwise.engines.nuts.plans import TYPICAL_MEAN, Plan, constant_effect
from poolwise.model import Model

Array = NDArray[np.float64]


def sampled_draws(
    effects: Effects, model: Model, plan: Plan, drawn: Mapping[str, Array], rng: np.random.Generator
) -> NormalDraws:
    """Draws in the sampler's unit as draws on the scale of the effects, with true effects drawn given them.

    Parameters
    ----------
    effects : Effects
    model : Model
        With every prior explicit.
    plan : Plan
    drawn : mapping
        Variables of the PyMC model, shape (chains, draws, ...).
    rng : Generator

    Returns
    -------
    NormalDraws
    """
    unit, structure = plan.unit, plan.means.structure
    scalars: dict[str, Array] = {}
    for variable, names in plan.measured.items():
        origin = unit.centre if variable == TYPICAL_MEAN else 0.0
        scalars |= by_name(names, origin + unit.unit * drawn[variable])
    for variable, names in plan.free.items():
        scalars |= by_name(names, drawn[variable])
    roots = {layer.root: drawn[layer.root] for layer in structure.layers if layer.root}
    scalars |= correlations(structure, roots)
    shared = structure.shared_prior(structure.coefficients[0])
    if shared is None or not shared.centre:
        return NormalDraws(effects, model, plan.means, _coefficients(plan, drawn), scalars, roots).completed(rng)
    typical, spread = scalars[shared.centre], scalars[shared.spread]
    draws = NormalDraws(effects, model, plan.means, np.empty((*typical.shape, structure.p)), scalars, roots)
    return replace(draws, coefficients=_about(draws, typical, spread, rng)).completed(rng)


def _coefficients(plan: Plan, drawn: Mapping[str, Array]) -> Array:
    """Coefficients on the scale of the effects: a constant effect of `centre` is added back."""
    here = plan.unit.unit * (drawn["beta"] if "beta" in drawn else drawn["mu"])
    here = here[..., None] if here.ndim == 2 else here
    return here + plan.unit.centre * constant_effect(plan.means.X)


def _about(draws: NormalDraws, typical: Array, spread: Array, rng: np.random.Generator) -> Array:
    """mu[o] given everything else: its inverse-variance mean, drawn towards the typical one."""
    X, y, spread = draws.structure.X, draws.effects.y, spread[..., None]
    weight = 1.0 / draws.variance
    precision, pull = weight @ X, (weight * y) @ X
    kept = 1.0 / (1.0 + precision * spread**2)  # of the typical mean
    mean = kept * (typical[..., None] + pull * spread**2)
    return mean + spread * np.sqrt(kept) * rng.standard_normal(mean.shape)
