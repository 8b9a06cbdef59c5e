"""What NUTS samples of a model that states a `RowLikelihood`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from poolwise.engines.draws.row_likelihood import RowLikelihood
from poolwise.engines.nuts.plans import Unit
from poolwise.priors import Prior
from poolwise.pymc_models.priors import prior_data as data_of

Array = NDArray[np.float64]


class Latent(Protocol):
    """One model on one study table: what to sample, beside the likelihood that says what the draws mean."""

    @property
    def likelihood(self) -> RowLikelihood:
        """What the model states."""

    def compiled(self) -> Any:
        """The compiled PyMC model; once in a process for all tables."""

    def data(self) -> Mapping[str, Any]:
        """What it is given."""

    def parameters(self, drawn: Mapping[str, Array]) -> dict[str, Array]:
        """The parameters, from the variables of the PyMC model."""


def in_unit(unit: Unit, priors: Mapping[str, Prior | None]) -> dict[str, Prior]:
    """The priors on mu and on standard deviations in the sampler's unit; others as they are."""
    moved: dict[str, Prior] = {}
    for name, prior in priors.items():
        assert prior is not None
        spread = name.startswith("tau")
        moved[name] = unit.mean(prior) if name == "mu" else unit.spread(prior) if spread else prior
    return moved


def prior_data(priors: Mapping[str, Prior]) -> dict[str, Any]:
    """Parameters of priors by the name of the model's data."""
    return {label: value for name, prior in priors.items() for label, value in data_of(name, prior).items()}


def out_of_unit(unit: Unit, drawn: Mapping[str, Array], names: tuple[str, ...]) -> dict[str, Array]:
    """Variables of the PyMC model on the scale of the effects."""
    out = {name: unit.unit * drawn[name] if name.startswith(("mu", "tau")) else drawn[name] for name in names}
    return out | {"mu": unit.centre + out["mu"]}
