"""Independent estimates whose spread and priors depend on several nonlinear parameters.

y_i ~ N(x_i beta, v_i + tau_i^2), log tau_i = log tau + z_i gamma; coefficients with Student-t priors are normal
given their own standard deviations, beta_j ~ N(b_j, s_j^2) with s_j^2 = scale_j^2 w_j and w_j inverse gamma.

Source: Viechtbauer & López-López 2022, Research Synthesis Methods 13:697, 10.1002/jrsm.1562, for location-scale
models; Andrews & Mallows 1974, J. R. Statist. Soc. B 36:99, 10.1111/j.2517-6161.1974.tb00989.x, for the t as a
scale mixture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.quadrature.boxes.own_rows import OwnRows
from poolwise.quadrature.boxes.variables import Spread
from poolwise.quadrature.rules.gaussian import LOG_2PI, Basis, conditional
from poolwise.quadrature.rules.normal_normal import in_pieces, log_product

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
LARGEST = 1e145  # tau_i from which it counts as infinite: its square is a number


@final
@dataclass(frozen=True, eq=False)
class Diagonal(OwnRows):
    """A table of independent estimates; phi = (tau, gamma_1 ..., s_1 ...), without tau where it is known.

    Attributes
    ----------
    basis : Basis
        Of a single job, built with s_j = 1 where s_j is a nonlinear parameter.
    Z : ndarray
        Centred moderators of log tau, shape (k, r); r = 0 for none.
    mixed : ndarray
        Columns of the design whose s_j are nonlinear parameters, shape (q,).
    steady : ndarray
        Prior precision of g from the other columns, shape (p, p).
    known_tau : float, optional
        Tau, where the model states it; there are no moderators of log tau then.

    References
    ----------
    Viechtbauer & López-López 2022, Research Synthesis Methods 13:697, 10.1002/jrsm.1562, for location-scale models;
    Andrews & Mallows 1974, J. R. Statist. Soc. B 36:99, 10.1111/j.2517-6161.1974.tb00989.x, for the t as a scale
    mixture.
    """

    basis: Basis
    Z: Array
    mixed: Ints
    steady: Array
    known_tau: float | None = None

    @classmethod
    def of(
        cls, y: Array, v: Array, X: Array, b: Array, s: Array, Z: Array, mixed: Ints, known_tau: float | None = None
    ) -> Diagonal:
        """Prepare a table.

        Parameters
        ----------
        y, v : ndarray
            Shape (k,).
        X : ndarray
            Shape (k, p).
        b, s : ndarray
            Means and standard deviations of the priors on beta, shape (p,); s = inf for a flat one, and 1 where s_j
            is a nonlinear parameter.
        Z : ndarray
            Centred moderators of log tau, shape (k, r).
        mixed : ndarray
            Columns whose s_j are nonlinear parameters.
        known_tau : float, optional
            Tau, where the model states it.
        """
        basis = Basis.of(y[None], v[None], X[None], b[None], s[None])
        others = np.setdiff1d(np.arange(len(s)), mixed)
        rest = basis.back[0][others] / s[others, None]
        return cls(basis, Z, mixed, rest.T @ rest, known_tau)

    def spread(self, prior: Prior) -> Spread:
        """The coordinate of tau under a prior, on the length on which the likelihood changes near 0."""
        return Spread(prior, min(float(np.sqrt(self.basis.v.min())), 4.0 * float(self.basis.narrowest()[0])))

    def given(self, phi: Array) -> Array:
        """Log likelihood and the normal law of g given phi, shape (m, N)."""
        return in_pieces(self._given, phi, self.basis.v.size)

    def _given(self, phi: Array) -> Array:
        basis = self.basis
        total = self.squares(phi)
        total += basis.v
        log_det = log_product(total[None])[0] + total.shape[1] * LOG_2PI
        w = np.reciprocal(total, out=total)
        sums = basis.columns()[0].T @ w.T
        precision, constant = self.steady[..., None], basis.constant + np.zeros(phi.shape[1])
        for column, s in zip(self.mixed, phi[len(phi) - len(self.mixed) :], strict=True):
            back = basis.back[0][column]
            precision = precision + np.outer(back, back)[..., None] / s**2
            constant = constant - np.log(s)
        return conditional(sums, log_det, basis.mean.T, precision, constant)

    def squares(self, phi: Array) -> Array:
        """tau_i^2, shape (N, k)."""
        r = self.Z.shape[1]
        if self.known_tau is not None:
            return np.full((phi.shape[1], self.basis.v.shape[1]), self.known_tau**2)
        if r == 0:
            return phi[0][:, None] ** 2 + np.zeros(self.basis.v.shape[1])
        with np.errstate(over="ignore", divide="ignore"):
            square = phi[1 : 1 + r].T @ (2.0 * self.Z.T)
            square += 2.0 * np.log(phi[0])[:, None]
            np.exp(square, out=square)
        return np.minimum(square, LARGEST**2, out=square)

    def score(self, phi: Array, values: Array) -> tuple[Array, Array]:
        """Gradient of the log likelihood by gamma, shape (r, N), and its expected information, shape (r, r, N).

        With a_i = 2 tau_i^2 / (v_i + tau_i^2) and residuals r_i of the mean effects' posterior means, sum a_i z_i
        (r_i^2 / (v_i + tau_i^2) - 1) / 2 and sum a_i^2 z_i z_i' / 2: what the mean effects' own uncertainty adds is
        left out, as this only leads uphill.

        Parameters
        ----------
        phi : ndarray
            Shape (d, N).
        values : ndarray
            What `given` returns there.
        """
        basis = self.basis
        square = self.squares(phi)
        total = basis.v[0] + square
        rest = basis.y[0] - values[1 : 1 + basis.p].T @ basis.Q[0].T
        a = 2.0 * square / total
        gradient = (0.5 * a * (rest**2 / total - 1.0)) @ self.Z
        return gradient.T, np.einsum("nk,kr,ks->rsn", 0.5 * a * a, self.Z, self.Z)

    def spread_at(self, phi: Array, z: Array) -> Array:
        """Sd of a true effect where the centred moderators of log tau are z, shape (r,): tau exp(z gamma), (N,)."""
        with np.errstate(over="ignore"):
            return np.minimum(phi[0] * np.exp(z @ phi[1 : 1 + len(z)]), LARGEST)
