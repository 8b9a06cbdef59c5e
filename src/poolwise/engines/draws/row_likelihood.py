"""The noun between an engine and a model whose true effects are not normal: what it states on one study table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.model import Model
from poolwise.quantities import Quantity

Array = NDArray[np.float64]
Parameters = Mapping[str, Array]


@final
@dataclass(frozen=True, eq=False)
class Completed:
    """What is drawn, or follows, given the parameters.

    Attributes
    ----------
    theta : ndarray
        True effects of the studies, shape (*S, k).
    new : ndarray, optional
        True effect in a new study, shape S; None where it depends on moderators.
    weight : ndarray
        Precision with which each study tells about mu, shape (*S, k).
    by_study : mapping of str to ndarray
        Other draws that each study has, shape (*S, k).
    """

    theta: Array
    new: Array | None
    weight: Array
    by_study: Mapping[str, Array] = field(default_factory=dict)


class RowLikelihood(Protocol):
    """One model on one study table whose rows are independent given the parameters.

    Parameters are the unknowns with a name in the result (mu, tau, nu, ...), by name, on the scale of the effects. They
    have one shape S, or shapes that broadcast to it: (chains, draws) of a sampler, the nodes of a quadrature. Nothing
    here knows how they were come by. A model of selection states the density of what was published: its log likelihood
    has the log of the normalising constant subtracted, and its replicates are drawn from what is published.
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

    def moments(self) -> dict[str, int]:
        """Highest moment that exists a posteriori, at most 4, of every parameter, of theta_new and of tau2."""

    def log_likelihood(self, parameters: Parameters) -> Array:
        """Log density of each study's data, its true effect integrated out, shape (*S, k)."""

    def complete(self, parameters: Parameters, drawn: Mapping[str, Array], rng: np.random.Generator) -> Completed:
        """The rest, given the parameters and whatever else was drawn by its name in the PyMC model."""

    def new_effects(self, parameters: Parameters, size: int, rng: np.random.Generator) -> Array:
        """True effects of new studies, shape (*S, size)."""

    def replicates(self, parameters: Parameters, rest: Completed | None, rng: np.random.Generator) -> dict[str, Array]:
        """Data of new studies of the same sizes by name, shape (*S, k); `rest` is None for the prior."""

    def observed(self) -> dict[str, NDArray]:
        """The data under the names of the replicates, shape (k,)."""

    def derived(self, parameters: Parameters, rest: Completed) -> dict[str, Quantity]:
        """Quantities of this model alone."""

    def own_prior(self, size: tuple[int, int], rng: np.random.Generator) -> dict[str, Array]:
        """Draws of the parameters whose prior is part of the model and cannot be chosen."""
