"""What is true in a simulated table, and the estimates that studies of it would report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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
class Truth:
    """Parameters drawn from the priors of a normal model: theta = mean + layers, y ~ Normal(theta, errors).

    Attributes
    ----------
    scalars : mapping of str to float
        True values by the names of a result's quantities.
    mean : ndarray
        Mean effect of each row, shape (k,).
    layers : tuple of Layer
        What true effects are made of beside their means; empty for a common effect.
    errors : ndarray
        Covariance of the sampling errors, shape (k, k).
    predictions : mapping of str to (ndarray, float)
        True effects of new studies that have no name in a result: weights of the coefficients in their mean effect,
        shape (p,), and the true value.
    """

    scalars: Mapping[str, float]
    mean: Array
    layers: tuple[Layer, ...]
    errors: Array
    predictions: Mapping[str, tuple[Array, float]] = field(default_factory=dict)

    def drawn(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """True effects and estimates, shape (k,) each."""
        theta = self.mean + sum((layer.drawn(rng) for layer in self.layers), np.zeros(len(self.mean)))
        return theta, theta + np.linalg.cholesky(self.errors) @ rng.standard_normal(len(theta))

    def log_likelihood(self, y: Array) -> float:
        """Log density of estimates given the parameters, true effects integrated out, as one k x k normal law."""
        total = self.errors + sum((layer.covariance() for layer in self.layers), np.zeros_like(self.errors))
        root = np.linalg.cholesky(total)
        z = np.linalg.solve(root, y - self.mean)
        return float(-0.5 * z @ z - np.log(np.diag(root)).sum() - 0.5 * len(y) * np.log(2.0 * np.pi))
