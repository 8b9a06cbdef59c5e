"""What follows for true effects that vary each by itself, once coefficients and heterogeneity are known."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.rules.gaussian import Basis, combination
from poolwise.quadrature.rules.normal_normal import draw_theta, shrinkage

Array = NDArray[np.float64]


class OwnRows(ABC):
    """A table of k independent estimates, given nonlinear parameters phi, shape (d, N), of which the first is tau.

    Attributes
    ----------
    basis : Basis
        Of a single job.
    known_tau : float or None
        Tau, where the model states it.
    """

    basis: Basis
    known_tau: float | None

    @abstractmethod
    def squares(self, phi: Array) -> Array:
        """tau_i^2, shape (N, k)."""

    def spread_of_new(self, phi: Array) -> Array:
        """Tau: the sd of the true effect of a new study, at the mean of any moderators of log tau."""
        return phi[0] if self.known_tau is None else np.full(phi.shape[1], self.known_tau)

    def theta(self, i: int, phi: Array, values: Array) -> tuple[Array, Array]:
        """Mean and sd of theta_i: shrunken by v_i / (v_i + tau_i^2) towards x_i beta."""
        basis = self.basis
        mean, sd = combination(values, basis.Q[0, i])
        centre, spread = shrinkage(mean, sd, basis.y[0, i], basis.v[0, i], self.squares(phi)[:, i])
        return basis.Q[0, i] @ np.linalg.solve(basis.back[0], basis.origin[0]) + centre, spread

    def draw_theta(self, phi: Array, fitted: Array, y: Array, rng: np.random.Generator) -> Array:
        """Draws of the true effects given phi and mean effects of shape (k, N), shape (N, k)."""
        return draw_theta(fitted.T, y, self.basis.v[0], self.squares(phi), rng)
