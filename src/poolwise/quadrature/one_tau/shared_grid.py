"""One study table under every pair of normal priors on mu and half-normal priors on tau.

All that depends on tau and the data is computed once, at the nodes of panels that serve every pair. With the flat
prior on mu, given_tau yields L(tau), mu_hat(tau) and sd(tau); under mu ~ N(m0, s0^2)

    p(y | tau) = L(tau) N(mu_hat; m0, sd^2 + s0^2),   1 / sd_0^2 = 1 / sd^2 + 1 / s0^2,
    mean = sd_0^2 (mu_hat / sd^2 + m0 / s0^2)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.priors import HalfNormal
from poolwise.quadrature.one_tau.jobs import Studies
from poolwise.quadrature.rules.gauss_rules import nodes_between
from poolwise.quadrature.rules.mixture import quantiles
from poolwise.quadrature.rules.panels import ORDER, RULE, Panels, times
from poolwise.quadrature.rules.refine import integrate, unweighted

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

HALF_NORMAL_MEDIAN = 0.6744897501960817  # of HalfNormal(1)
REACH = 12.0  # scales of a half-normal beyond which it has less than e^-72 of its density
STEP = 0.75  # length of a first panel in x, tau = c sinh(x)
SAMPLE = 5  # scales, and priors on mu, on which the panels are refined before all are looked at
TOLERANCE = 1e-9  # of a panel's last Legendre coefficients x its half width
MOST_ROUNDS = 12
NEGLIGIBLE = 1e-14  # probability of a node that the quantiles of mu leave out
FEW = 4  # the quantiles of every fourth pair are found first
_LAST_COEFFICIENTS = RULE.to_coefficients[:, -3:] / RULE.weights[:, None]  # of a panel's masses, x its half width


@final
@dataclass(frozen=True, eq=False)
class SharedGrid:
    """Nodes in tau that serve all priors mu ~ Normal(m0, s0_r), tau ~ HalfNormal(s) with s in a range.

    Attributes
    ----------
    c : float
        Unit of the coordinate, tau = c sinh(x).
    left, right : ndarray
        Panel edges in x, shape (P,).
    tau : ndarray
        Nodes, shape (J,), J = 16 P.
    log_height : ndarray
        Log of p(y | tau) x dtau/dx under each prior on mu, shape (R, J).
    mean, sd : ndarray
        Of mu given tau under each prior on mu, shape (R, J).
    """

    c: float
    left: Array
    right: Array
    tau: Array
    log_height: Array
    mean: Array
    sd: Array

    def masses(self, scale: Array) -> Array:
        """Probability of each node under tau ~ HalfNormal(scale), shape (R, S, J)."""
        log_prior = HalfNormal.log_density(self.tau, scale[:, None])
        width = (RULE.weights * 0.5 * (self.right - self.left)[:, None]).reshape(-1)
        height = self.log_height[:, None, :] + log_prior
        height -= height.max(axis=2, keepdims=True)
        mass = np.exp(height, out=height)
        mass *= width
        mass /= mass.sum(axis=2, keepdims=True)
        return mass

    def below(self, mass: Array, threshold: float = 0.0) -> Array:
        """P(mu < threshold) for masses of shape (R, S, J), shape (R, S)."""
        return np.matmul(mass, ndtr((threshold - self.mean) / self.sd)[:, :, None])[:, :, 0]

    def mu_quantiles(self, mass: Array, p: Array) -> Array:
        """Quantiles of mu at p (q,) for masses of shape (R, S, J), shape (q, R, S).

        They are found for some of the pairs, and from there for all, interpolated values being the start.
        """
        rows, columns = (_every_few(count) for count in mass.shape[:2])
        some = self._solved(mass[np.ix_(rows, columns)], p, rows, None)
        start = _between(mass.shape[0], rows) @ some @ _between(mass.shape[1], columns).T
        return self._solved(mass, p, np.arange(len(mass)), start)

    def _solved(self, mass: Array, p: Array, rows: Ints, start: Array | None) -> Array:
        out = np.empty((len(p), *mass.shape[:2]))
        ends = np.repeat(p, mass.shape[1])
        for i, row in enumerate(rows):
            keep = mass[i].max(axis=0) > NEGLIGIBLE
            weight = np.tile(mass[i][:, keep], (len(p), 1))
            begin = None if start is None else start[:, i].reshape(-1)
            found = quantiles(ends, weight, self.mean[row, keep][None], self.sd[row, keep][None], begin)
            out[:, i] = found.reshape(len(p), -1)
        return out

    def tau_median(self, mass: Array) -> Array:
        """Medians of tau for masses of shape (R, S, J), shape (R, S)."""
        table = mass.reshape(-1, len(self.left), ORDER)
        jobs = np.arange(len(table))
        total = table.sum(axis=2).cumsum(axis=1)
        panel = (total < 0.5).sum(axis=1)
        own = table[jobs, panel]
        before = np.where(panel > 0, total[jobs, panel - 1], 0.0)
        left, right = self.left[panel], self.right[panel]
        density = own / (RULE.weights * 0.5 * (right - left)[:, None])
        alone = Panels.of_density(jobs, left, right, density, len(jobs), total=np.ones(len(jobs)))
        return self.c * np.sinh(alone.ppf(jobs, 0.5 - before)).reshape(mass.shape[:2])


def shared_grid(y: Array, v: Array, m0: float, s0: Array, scale: Array) -> SharedGrid:
    """Panels in tau that resolve the posterior under every pair of priors.

    Parameters
    ----------
    y, v : ndarray
        Estimates and variances, shape (k,).
    m0 : float
        Mean of the normal priors on mu.
    s0 : ndarray
        Their standard deviations, increasing, shape (R,); inf for the flat prior.
    scale : ndarray
        Scales of the half-normal priors on tau, increasing, shape (S,).

    Returns
    -------
    SharedGrid
    """
    studies = Studies.centred(y[None], v[None], np.array([m0]), np.array([np.inf]))
    narrowest = ((1.0 / v).sum() + s0.min() ** -2.0) ** -0.5
    c = float(min(np.sqrt(v.min()), HALF_NORMAL_MEDIAN * scale.min(), 4.0 * narrowest))
    edges = _first_edges(studies, c, s0, scale)
    for _ in range(MOST_ROUNDS):
        grid = _grid(studies, c, s0, edges)
        coarse = _unresolved(grid, scale)
        if not coarse.any():
            break
        edges = np.sort(np.concatenate([edges, 0.5 * (edges[:-1] + edges[1:])[coarse]]))
    return grid


def _first_edges(studies: Studies, c: float, s0: Array, scale: Array) -> Array:
    """Panel edges that resolve a few of the pairs, from the adaptive integrator."""
    some_s0, some_scale = (column[np.unique(np.linspace(0, len(column) - 1, SAMPLE).round().astype(int))]
                           for column in (s0, scale))  # fmt: skip
    prior = np.tile(some_scale, len(some_s0))[:, None]
    row = np.repeat(np.arange(len(some_s0)), len(some_scale))

    def evaluate(job: Ints, x: Array) -> Array:
        log_height, _, _ = _under_priors(studies, c, some_s0, x)
        own = log_height[row[job], np.arange(len(x))]
        return (own + HalfNormal.log_density(c * np.sinh(x), prior[job]))[None]

    last = float(np.arcsinh(REACH * scale.max() / c))
    first = np.linspace(0.0, last, int(np.ceil(last / STEP)) + 1)
    slack = np.full(len(row), 2.0 * studies.y.shape[1])
    panels = integrate(evaluate, np.tile(first, (len(row), 1)), unweighted, TOLERANCE, slack)
    return np.unique(np.concatenate([panels.left, panels.right]))


def _under_priors(studies: Studies, c: float, s0: Array, x: Array) -> tuple[Array, Array, Array]:
    """Log of p(y | tau) dtau/dx, mean and sd of mu given tau under each prior on mu, shape (R, P, q)."""
    tau = c * np.sinh(x)
    flat, centre, spread = studies.given_tau(np.zeros(len(x), dtype=np.intp), tau)
    jacobian = np.log(c * np.cosh(x))
    s0 = s0[:, None, None]
    proper = np.isfinite(s0)
    own = np.where(proper, s0, 1.0)
    total = spread**2 + own**2
    gap = centre - studies.m0[0]
    log_height = np.where(proper, flat - 0.5 * (gap**2 / total + np.log(2.0 * np.pi * total)), flat) + jacobian
    pull = np.where(proper, spread**2 / total, 0.0)
    return log_height, centre - pull * gap, spread * np.sqrt(1.0 - pull)


def _grid(studies: Studies, c: float, s0: Array, edges: Array) -> SharedGrid:
    left, right = edges[:-1], edges[1:]
    x = nodes_between(left, right, ORDER)
    parts = (part.reshape(len(s0), -1) for part in _under_priors(studies, c, s0, x))
    log_height, mean, sd = parts
    return SharedGrid(c, left, right, c * np.sinh(x).reshape(-1), log_height, mean + studies.offset[0], sd)


def _every_few(count: int) -> Ints:
    """Some of `count` places, both ends among them; all of a few."""
    return (
        np.arange(count) if count < 2 * FEW else np.linspace(0, count - 1, (count - 1) // FEW + 2).round().astype(int)
    )


def _between(count: int, places: Ints) -> Array:
    """Matrix that carries values at some places to all of `count`, by cubic polynomials, shape (count, places)."""
    out = np.zeros((count, len(places)))
    width = min(4, len(places))
    for i in range(count):
        first = int(np.clip(np.searchsorted(places, i) - width // 2, 0, len(places) - width))
        near = np.arange(first, first + width)
        for j in near:
            others = places[near[near != j]]
            out[i, j] = np.prod((i - others) / (places[j] - others))
    return out


def _unresolved(grid: SharedGrid, scale: Array) -> NDArray[np.bool_]:
    """Panels whose polynomial is not the density under some pair of priors, shape (P,)."""
    tail = np.abs(times(grid.masses(scale).reshape(-1, ORDER), _LAST_COEFFICIENTS)).max(axis=1)
    return tail.reshape(-1, len(grid.left)).max(axis=0) > TOLERANCE
