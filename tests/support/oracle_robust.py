"""Posteriors of random effects that are not normal, by trapezoid rules over every parameter and over the true effects.

Nothing is integrated in closed form: the density of an estimate is a sum over values of its true effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import logsumexp

Array = np.ndarray
_S = np.linspace(-10.0, 10.0, 201)  # theta = mu + tau sinh(s)
_AT_ONCE = 1000  # points of the grid
LogDensity = Callable[[Array, Mapping[str, Array]], Array]


@dataclass(frozen=True)
class Oracle:
    """Weights over a grid of parameters, and the posterior mean of the true effect of each study there."""

    grid: Mapping[str, Array]
    weight: Array
    theta: Array

    def mean(self, name: str) -> float:
        return float(np.sum(self.weight * self.grid[name]))

    def below(self, name: str, value: float) -> float:
        return float(np.sum(self.weight * (self.grid[name] < value)))

    def theta_mean(self, study: int) -> float:
        return float(np.sum(self.weight * self.theta[study]))


def oracle(y: Array, se: Array, axes: Mapping[str, tuple[Array, Array]], true_effect: LogDensity) -> Oracle:
    """The posterior; `axes` gives nodes and log prior (with the step's Jacobian) of each parameter."""
    mesh = np.meshgrid(*(nodes for nodes, _ in axes.values()), indexing="ij")
    grid = {name: part.ravel() for name, part in zip(axes, mesh, strict=True)}
    log_prior = sum(part.ravel() for part in np.meshgrid(*(log for _, log in axes.values()), indexing="ij"))
    found = [
        _given(y, se, {name: part[rows, None] for name, part in grid.items()}, true_effect)
        for rows in np.array_split(np.arange(log_prior.size), 1 + log_prior.size // _AT_ONCE)
    ]
    total = log_prior + np.concatenate([one[0] for one in found])
    return Oracle(grid, np.exp(total - logsumexp(total)), np.concatenate([one[1] for one in found], axis=-1))


def _given(y: Array, se: Array, point: Mapping[str, Array], true_effect: LogDensity) -> tuple[Array, Array]:
    """Log likelihood at points of the grid, shape (n,), and the mean of each true effect there, shape (k, n)."""
    spread = point["tau"] * np.sinh(_S)
    theta = point["mu"] + spread
    about = np.exp(true_effect(theta, point)) * point["tau"] * np.cosh(_S) * (_S[1] - _S[0])
    total, means = np.zeros(len(theta)), []
    for estimate, error in zip(y, se, strict=True):
        terms = about * np.exp(-0.5 * ((estimate - theta) / error) ** 2)
        density = terms.sum(axis=-1)
        total += np.log(density)
        means.append((terms * theta).sum(axis=-1) / density)
    return total, np.array(means)


def line(lower: float, upper: float, count: int, log_prior: Callable[[Array], Array]) -> tuple[Array, Array]:
    """Equidistant nodes and their log prior."""
    nodes = np.linspace(lower, upper, count)
    return nodes, log_prior(nodes)


def half_line(lower: float, upper: float, count: int, log_prior: Callable[[Array], Array]) -> tuple[Array, Array]:
    """Nodes equidistant in their logarithm, and the log prior of that."""
    logs = np.linspace(np.log(lower), np.log(upper), count)
    return np.exp(logs), log_prior(np.exp(logs)) + logs


def skew_normal(theta: Array, p: Mapping[str, Array]) -> Array:
    """By scipy, from mean, standard deviation and delta."""
    b = p["delta"] * np.sqrt(2.0 / np.pi)
    omega = p["tau"] / np.sqrt(1.0 - b * b)
    return stats.skewnorm.logpdf(theta, p["delta"] / np.sqrt(1.0 - p["delta"] ** 2), p["mu"] - omega * b, omega)


def contaminated(theta: Array, p: Mapping[str, Array]) -> Array:
    """Two normal densities."""
    far = np.hypot(p["tau"], p["tau_out"])
    near, out = (stats.norm.pdf(theta, p["mu"], sd) for sd in (p["tau"], far))
    return np.log((1.0 - p["pi"]) * near + p["pi"] * out + 1e-300)


def student_t(theta: Array, p: Mapping[str, Array]) -> Array:
    """By scipy."""
    return stats.t.logpdf(theta, p["nu"], p["mu"], p["tau"])
