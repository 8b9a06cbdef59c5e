"""What is true in a simulated table, and the estimates that studies of it would report."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.errors import PoolwiseWarning

Array = NDArray[np.float64]


class Generated(Protocol):
    """What every simulator returns; `Truth` for normal models, a record of its own for others.

    References
    ----------
    Talts et al. 2018, arXiv:1804.06788, for parameters drawn from the priors, and data given them.
    """

    @property
    def scalars(self) -> Mapping[str, float]:
        """True values by the names of a result's quantities."""

    @property
    def predictions(self) -> Mapping[str, tuple[Array, float]]:
        """True effects of new studies that have no name in a result: weights of the coefficients, true value."""

    @property
    def varied(self) -> bool:
        """Whether true effects differ from their means."""

    def drawn(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """True effects, shape (k,), and what studies report."""

    def table(self, effects: Effects, data: Array) -> Effects:
        """The study table of a design in which this is reported."""

    def log_likelihood(self, data: Array) -> float:
        """Log density of what studies report given the parameters, as the log_likelihood of a DataTree adds up to."""


@final
@dataclass(frozen=True, eq=False)
class Layer:
    """Random effects that true effects share: one for each group, Normal(0, sd).

    Attributes
    ----------
    sd : ndarray or float
        Standard deviation of the effect in each row, shape (k,) or ().
    group : ndarray of int
        Which of the layer's effects each row has, shape (k,).

    References
    ----------
    Konstantopoulos 2011, Research Synthesis Methods 2:61, 10.1002/jrsm.35, for effects within clusters;
    Fernandez-Castilla et al. 2019, Behavior Research Methods 51:1286, 10.3758/s13428-018-1063-2, for crossed ones.
    """

    sd: Array | float
    group: NDArray[np.intp]

    def drawn(self, rng: np.random.Generator) -> Array:
        """The layer's part of each true effect, shape (k,)."""
        return np.asarray(self.sd * rng.standard_normal(int(self.group.max()) + 1)[self.group])

    def covariance(self) -> Array:
        """Of the layer's parts of the true effects, shape (k, k)."""
        sd = np.broadcast_to(self.sd, self.group.shape)
        return np.outer(sd, sd) * (self.group[:, None] == self.group)


@final
@dataclass(frozen=True, eq=False)
class Joint:
    """Random effects that correlate: root times independent standard normal numbers.

    Attributes
    ----------
    root : ndarray
        Shape (k, q).

    References
    ----------
    Riley 2009, J. R. Statist. Soc. A 172:789, 10.1111/j.1467-985X.2008.00593.x, for the model of outcomes whose effects
    correlate.
    """

    root: Array

    def drawn(self, rng: np.random.Generator) -> Array:
        """The layer's part of each true effect, shape (k,)."""
        return np.asarray(self.root @ rng.standard_normal(self.root.shape[1]))

    def covariance(self) -> Array:
        """Of the layer's parts of the true effects, shape (k, k)."""
        return np.asarray(self.root @ self.root.T)


@final
@dataclass(frozen=True, eq=False)
class Truth:
    """Parameters drawn from the priors of a normal model: theta = mean + layers, y ~ Normal(theta, errors).

    Attributes
    ----------
    scalars : mapping of str to float
        True values by the names of a result's quantities.
    mean : ndarray
        Mean effect of each row, shape (k,).
    layers : tuple of Layer or Joint
        What true effects are made of beside their means; empty for a common effect.
    errors : ndarray
        Covariance of the sampling errors, shape (k, k).
    predictions : mapping of str to (ndarray, float)
        True effects of new studies that have no name in a result: weights of the coefficients in their mean effect,
        shape (p,), and the true value.

    References
    ----------
    Talts et al. 2018, arXiv:1804.06788, for parameters drawn from the priors, and data given them.
    """

    scalars: Mapping[str, float]
    mean: Array
    layers: tuple[Layer | Joint, ...]
    errors: Array
    predictions: Mapping[str, tuple[Array, float]] = field(default_factory=dict)

    @property
    def varied(self) -> bool:
        """Whether true effects differ from their means."""
        return bool(self.layers)

    def drawn(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """True effects and estimates, shape (k,) each."""
        theta = self.mean + sum((layer.drawn(rng) for layer in self.layers), np.zeros(len(self.mean)))
        return theta, theta + np.linalg.cholesky(self.errors) @ rng.standard_normal(len(theta))

    def table(self, effects: Effects, data: Array) -> Effects:
        """The design with these estimates."""
        return with_estimates(effects, data)

    def log_likelihood(self, data: Array) -> float:
        """Log density of estimates given the parameters, true effects integrated out, as one k x k normal law."""
        total = self.errors + sum((layer.covariance() for layer in self.layers), np.zeros_like(self.errors))
        root = np.linalg.cholesky(total)
        z = np.linalg.solve(root, data - self.mean)
        return float(-0.5 * z @ z - np.log(np.diag(root)).sum() - 0.5 * len(data) * np.log(2.0 * np.pi))


@dataclass(frozen=True, eq=False)
class GivenTruth:
    """Parameters of a model that leaves something beside true effects unknown, which `given` knows.

    Attributes
    ----------
    given : Truth
        Of the estimates given all that is unknown.
    """

    given: Truth

    @property
    def scalars(self) -> Mapping[str, float]:
        """True values by the names of a result's quantities."""
        return self.given.scalars

    @property
    def predictions(self) -> Mapping[str, tuple[Array, float]]:
        """True effects of new studies that have no name in a result."""
        return self.given.predictions

    @property
    def varied(self) -> bool:
        """Whether true effects differ from their means."""
        return self.given.varied

    def drawn(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """True effects and estimates, shape (k,) each."""
        return self.given.drawn(rng)

    def table(self, effects: Effects, data: Array) -> Effects:
        """The design with these estimates."""
        return self.given.table(effects, data)


def with_estimates(effects: Effects, y: Array) -> Effects:
    """The same table with simulated estimates, shape (k,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoolwiseWarning)  # a simulated table may look odd; it is as the model has it
        return Effects(
            y,
            se=effects.se,
            study=effects.study,
            study_as_given=effects.study_as_given,
            moderators=effects.moderators,
            outcome=effects.outcome,
            n=effects.n,
            scale=effects.scale,
            provenance="simulated",
            covariance=effects.covariance,
            title="simulated",
            allow_single=effects.allow_single,
        )
