"""Skew-normal random effects by the trapezoidal rule over mu, tau and delta, from SciPy's density of a skew normal.

tau = exp(t - e^-t) and delta = tanh(pi / 2 sinh u) let the density fall off at both ends of t and u (Takahasi & Mori
1974). Shares no code with poolwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from support.trapezoid import Axis, Weighted, mesh

Array = NDArray[np.float64]
LogPrior = Callable[[Array], Array]


def tau_of(t: Array) -> Array:
    return np.exp(t - np.exp(-t))


def delta_of(u: Array) -> Array:
    return np.tanh(0.5 * np.pi * np.sinh(u))


def true_effect(mu: Array, tau: Array, delta: Array, v: float = 0.0):
    """SciPy's law of theta + Normal(0, v), theta skew-normal with mean mu, sd tau and delta."""
    b = delta * np.sqrt(2.0 / np.pi)
    omega = tau / np.sqrt(1.0 - b * b)
    alpha = delta * omega / np.sqrt(v + omega**2 * (1.0 - delta**2))
    return stats.skewnorm(alpha, mu - omega * b, np.sqrt(omega**2 + v))


@dataclass(frozen=True)
class SkewOracle:
    """The posterior on a grid over mu, t and u."""

    y: Array
    v: Array
    weighted: Weighted

    @property
    def kept(self) -> tuple[Array, tuple[Array, Array, Array]]:
        """Weights above 1e-12 and the parameters there, shape (n,) each."""
        keep = self.weighted.weights > 1e-11
        mu, t, u = (part[keep] for part in mesh(self.weighted.axes))
        return self.weighted.weights[keep], (mu, tau_of(t), delta_of(u))

    def new_below(self, x: float) -> float:
        """P(theta_new < x)."""
        weights, (mu, tau, delta) = self.kept
        b = delta * np.sqrt(2.0 / np.pi)
        omega = tau / np.sqrt(1.0 - b * b)
        z = (x - mu) / omega + b
        return float(weights @ (special.ndtr(z) - 2.0 * special.owens_t(z, delta / np.sqrt(1.0 - delta**2))))

    def theta_mean(self, i: int) -> float:
        """Tweedie's formula: E[theta | y] = y + v d/dy log p(y), averaged over the parameters (Efron 2011)."""
        weights, parameters = self.kept
        law, step = true_effect(*parameters, self.v[i]), 1e-4 * np.sqrt(self.v[i])
        slope = (law.logpdf(self.y[i] + step) - law.logpdf(self.y[i] - step)) / (2.0 * step)
        return float(self.y[i] + self.v[i] * (weights @ slope))


def skew_oracle(y: Array, se: Array, mu: LogPrior, tau: LogPrior, axes: tuple[Axis, Axis, Axis]) -> SkewOracle:
    """The posterior; `mu` and `tau` are log prior densities, `axes` those of mu, t and u."""
    m, t, u = mesh(axes)
    sd, delta = tau_of(t), delta_of(u)
    logs = mu(m) + tau(sd) + np.log(sd) + np.log1p(np.exp(-t))
    logs += np.log(0.25 * np.pi * np.cosh(u)) - 2.0 * np.log(np.cosh(0.5 * np.pi * np.sinh(u)))
    for estimate, error in zip(y, se, strict=True):
        logs += true_effect(m, sd, delta, error**2).logpdf(estimate)
    return SkewOracle(y, se**2, Weighted(axes, logs))
