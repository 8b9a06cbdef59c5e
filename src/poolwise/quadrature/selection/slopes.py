"""PET and PEESE: estimates that grow with their standard errors, by a slope that is integrated on panels.

y ~ Normal(mu + b r, s^2 + tau^2), r = s or s^2. Given tau (and mu, unless its prior is normal: then mu is integrated
in closed form) the likelihood of b is normal, and one dimension remains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.quadrature.selection.weights import Lattice

Array = NDArray[np.float64]
LOG_2PI = np.log(2.0 * np.pi)
REACH = 80.0  # twice the nats below the highest value at which the likelihood of b is left out
WITHIN = np.linspace(0.0, 1.0, 13)
AT = np.array([1e-6, 0.05, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 0.997, 0.999, 0.9999, 0.99999])
X, W = np.polynomial.legendre.leggauss(14)
PANELS_ERR = 1e-9  # relative; the panels are good to 1e-12, what lies beyond them is less than this


@final
@dataclass(frozen=True, eq=False)
class Slope:
    """The likelihood of b in each node, exp(constant - (b - centre)^2 / (2 spread^2)).

    Attributes
    ----------
    constant, centre, spread : ndarray
        Shape (N,).
    mean, pull, sd : ndarray
        mu given b is Normal(mean - pull b, sd^2), shape (N,); sd is 0 where mu is known.
    """

    constant: Array
    centre: Array
    spread: Array
    mean: Array
    pull: Array
    sd: Array


@final
@dataclass(frozen=True, eq=False)
class SlopeLikelihood:
    """Estimates with a share of their standard errors.

    Attributes
    ----------
    y, se, regressor : ndarray
        Estimates in the direction of what gets published, standard errors, and r, shape (k,).
    prior : Prior
        Of b.
    normal : tuple of float, optional
        Mean and sd of a normal prior of mu, which is then integrated in closed form.
    """

    y: Array
    se: Array
    regressor: Array
    prior: Prior
    normal: tuple[float, float] | None = None

    def given(self, mu: Array, tau: Array) -> Slope:
        """The likelihood of b in nodes, shape (N,) each; mu is not read where it has a normal prior."""
        variance = self.se**2 + tau[:, None] ** 2
        w, r = 1.0 / variance, self.regressor
        origin = mu if self.normal is None else np.full(len(mu), self.normal[0])
        y = self.y - origin[:, None]
        whole, of_y, of_r = w.sum(axis=1), (w * y).sum(axis=1), w @ r
        inverse = 0.0 if self.normal is None else 1.0 / (whole + self.normal[1] ** -2.0)
        a = w @ (r * r) - of_r**2 * inverse
        c = (w * y) @ r - of_y * of_r * inverse
        d = (w * y * y).sum(axis=1) - of_y**2 * inverse
        constant = -0.5 * (np.log(variance).sum(axis=1) + LOG_2PI * len(self.y) + d - c * c / a)
        if self.normal is not None:
            constant = constant - 0.5 * np.log1p(whole * self.normal[1] ** 2)
        return Slope(
            constant, c / a, a**-0.5, origin + of_y * inverse, of_r * inverse, np.sqrt(inverse * np.ones(len(mu)))
        )

    def panels(self, slope: Slope) -> tuple[Array, Array]:
        """Nodes of b and the logs of likelihood, prior and measure, shape (N, q) each."""
        lower, upper = self.prior.lowest, self.prior.upper
        likely = np.unique(np.clip(self.prior.ppf(AT), lower, upper))
        top = np.clip(slope.centre, lower, upper)
        away = np.abs(top - slope.centre) / slope.spread
        reach = slope.spread * (np.sqrt(away**2 + REACH) - away)
        low, high = np.maximum(top - reach, lower), np.minimum(top + reach, upper)
        own = low[:, None] + (high - low)[:, None] * WITHIN
        edges = np.sort(np.concatenate([own, np.broadcast_to(likely, (len(own), len(likely)))], axis=1), axis=1)
        half = 0.5 * np.diff(edges, axis=1)[:, :, None]
        b = (edges[:, :-1, None] + half * (1.0 + X)).reshape(len(own), -1)
        with np.errstate(divide="ignore"):
            measure = np.log(half * W).reshape(b.shape)
        z = (b - slope.centre[:, None]) / slope.spread[:, None]
        return b, slope.constant[:, None] - 0.5 * z * z + self.prior.log_pdf(b) + measure

    def laplace(self, mu: Array, tau: Array) -> Array:
        """Log likelihood with b integrated out, shape (N,)."""
        return self.integrated(mu, tau, np.zeros(len(mu)), 1.0, 1.0).log

    def integrated(self, mu: Array, tau: Array, depth: Array, step: float, radius: float) -> Lattice:
        """The same: it is exact in one step."""
        n = len(mu)
        log = np.empty(n)
        for start in range(0, n, 2000):
            part = slice(start, start + 2000)
            _, value = self.panels(self.given(mu[part], tau[part]))
            top = value.max(axis=1)
            log[part] = top + np.log(np.exp(value - top[:, None]).sum(axis=1))
        return Lattice.of_logs(log, PANELS_ERR)
