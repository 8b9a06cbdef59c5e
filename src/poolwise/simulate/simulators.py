"""For each model, how its parameters and true effects come from its priors.

A model whose true effects are normal given its standard deviations joins by what it states (see `normal`), and by one
line in `families.FAMILIES`. Another one has a function from (model with explicit priors, design, random numbers),
marked with ``@simulates(Model)``, that returns a record of its own with the few methods of `truth.Generated`, which
also decides how the table is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.priors import Prior
from poolwise.simulate.truth import Generated

Rng = np.random.Generator
Simulator = Callable[[Any, Effects, Rng], Generated]

SIMULATORS: dict[type, Simulator] = {}
"""How a truth is drawn, by model."""


def simulates[Model, T: Generated](model: type[Model]) -> Callable[[Callable[[Model, Effects, Rng], T]], Simulator]:
    """Mark the function that draws the truth of a model."""

    def marked(draw: Callable[[Model, Effects, Rng], T]) -> Simulator:
        SIMULATORS[model] = draw
        return draw

    return marked


def truth(model: object, effects: Effects, rng: Rng) -> Generated:
    """Parameters drawn from the priors of a model on a design.

    Parameters
    ----------
    model : Model
        With every prior explicit.
    effects : Effects
        Whose standard errors, moderators, outcomes and clusters are the design; its estimates do not matter.
    rng : Generator

    Returns
    -------
    Generated

    Raises
    ------
    ModelError
        For a model that has no simulator, and for an improper prior, which nothing can be drawn from.

    References
    ----------
    Talts et al. 2018, arXiv:1804.06788.
    """
    if type(model) not in SIMULATORS:
        raise ModelError(f"{model!r} cannot be simulated", " or ".join(known.__name__ for known in SIMULATORS))
    return SIMULATORS[type(model)](model, effects, rng)


def drawn(prior: Prior | None, rng: Rng, name: str) -> float:
    """One value from a prior, by inversion."""
    if prior is None or not prior.proper:
        raise ModelError(
            f"{name} has the improper prior {prior}, which nothing can be drawn from",
            "a proper prior",
            f"{name} ~ {'HalfNormal(0.5)' if name.startswith('tau') else 'Normal(0, 1)'}",
        )
    return float(prior.ppf(rng.random()))
