"""What NUTS needs to know of a model whose true effects are not normal given the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.nuts.plans import Unit
from poolwise.model import Model
from poolwise.priors import Prior
from poolwise.pymc_models.priors import prior_data as data_of
from poolwise.quantities import Quantity

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Completed:
    """What is drawn, or follows, given the parameters.

    Attributes
    ----------
    theta : ndarray
        True effects of the studies, shape (chains, draws, k).
    new : ndarray
        True effect in a new study, shape (chains, draws).
    weight : ndarray
        Precision with which each study tells about mu, shape (chains, draws, k).
    by_study : mapping of str to ndarray
        Other draws that each study has, shape (chains, draws, k).
    """

    theta: Array
    new: Array
    weight: Array
    by_study: Mapping[str, Array] = field(default_factory=dict)


class Latent(Protocol):
    """One model on one study table: what to sample, and what the draws mean.

    Parameters are the unknowns with a name in the result (mu, tau, nu, ...) on the scale of the effects, by name, of
    shape (chains, draws).
    """

    @property
    def effects(self) -> Effects:
        """The study table."""

    @property
    def model(self) -> Model:
        """With every prior explicit."""

    @property
    def absent(self) -> Mapping[str, str]:
        """Why a quantity that other models have is not here."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell about this model on this table."""

    def compiled(self) -> Any:
        """The compiled PyMC model; once in a process for all tables."""

    def data(self) -> Mapping[str, Any]:
        """What it is given."""

    def parameters(self, drawn: Mapping[str, Array]) -> dict[str, Array]:
        """The parameters, from the variables of the PyMC model."""

    def moments(self) -> dict[str, int]:
        """Highest moment that exists a posteriori, at most 4, of every parameter, of theta_new and of tau2."""

    def complete(
        self, parameters: Mapping[str, Array], drawn: Mapping[str, Array], rng: np.random.Generator
    ) -> Completed:
        """The rest, given the parameters and whatever else was sampled."""

    def derived(self, parameters: Mapping[str, Array], rest: Completed) -> dict[str, Quantity]:
        """Quantities of this model alone."""

    def new_effects(self, parameters: Mapping[str, Array], size: int, rng: np.random.Generator) -> Array:
        """True effects of new studies, shape (chains, draws, size)."""

    def log_likelihood(self, parameters: Mapping[str, Array]) -> Array:
        """Log density of each study's data, its true effect integrated out, shape (chains, draws, k)."""

    def replicates(
        self, parameters: Mapping[str, Array], rest: Completed | None, rng: np.random.Generator
    ) -> dict[str, Array]:
        """Data of new studies of the same sizes by name, shape (chains, draws, k); `rest` is None for the prior."""

    def observed(self) -> dict[str, NDArray]:
        """The data under the names of the replicates, shape (k,)."""

    def own_prior(self, size: tuple[int, int], rng: np.random.Generator) -> dict[str, Array]:
        """Draws of the parameters whose prior is part of the model and cannot be chosen."""


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
