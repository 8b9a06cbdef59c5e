"""The quadrature over the hyperparameters of exchangeable groups: m and s of the means, tau and r of log tau_o.

s = unit sinh(x), r = unit sinh(x), tau = exp(l); m = centre(s) + width(s) z, where centre and width follow what the
posterior of m given s would be if every tau_o were known. Panels of Gauss-Legendre nodes stand on x, z and l.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import ModelError
from poolwise.priors import Prior
from poolwise.quadrature.groups.outcome_likelihood import Group
from poolwise.quadrature.rules.gauss_rules import gauss_legendre, panel_nodes, panel_weights

Array = NDArray[np.float64]

LEAST = 1e-300  # quantile of a prior below which it counts as this
LEFT_OUT = 1e-12  # prior probability above the reach of the panels
LARGEST = 1e150  # value that they reach at most: its square must not overflow
LUMPED = 1e-7  # prior probability of tau below the panels in log tau, where a single node stands for it
FARTHEST = 60.0  # nats below the least standard error that those panels reach at most
NO_MASS = 1e-10  # posterior probability of an outer panel that is dropped
Z_EDGES = np.array([-30.0, -9.0, -3.0, 0.0, 3.0, 9.0, 30.0])
_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)


@final
@dataclass(frozen=True)
class Hyperpriors:
    """The priors of exchangeable groups.

    Attributes
    ----------
    m0, s0 : float
        Normal prior on m; s0 = inf for the flat one. Without `spread`, prior on the mean of each group.
    spread : Prior or None
        Prior on the spread s of the means; None for groups with independent means.
    tau, tau_spread : Prior
        Priors on exp of the mean, and on the sd, of log tau_o.
    """

    m0: float
    s0: float
    spread: Prior | None
    tau: Prior
    tau_spread: Prior


@final
@dataclass(frozen=True, eq=False)
class Points:
    """Nodes of a pair of hyperparameters: (m, s), or (log tau, r).

    Attributes
    ----------
    first, second : ndarray
        Their values, shape (M,); log tau = -inf for the lump below the panels.
    log_weight : ndarray
        Log of quadrature weight x prior density, shape (M,).
    shape : tuple
        Nodes of the first and of the second one, before any were left out.
    place : ndarray
        Where each node stands in the grid of that shape, shape (M,).
    """

    first: Array
    second: Array
    log_weight: Array
    shape: tuple[int, int]
    place: NDArray[np.intp]

    @classmethod
    def of(cls, first: Array, second: Array, log_weight: Array) -> Points:
        """All nodes of a grid; arrays that broadcast to one shape."""
        first, second, log_weight = np.broadcast_arrays(first, second, log_weight)
        shape = (first.shape[0], first.shape[1])
        return cls(first.ravel(), second.ravel(), log_weight.ravel(), shape, np.arange(first.size))

    def kept(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Points:
        """Some of the nodes."""
        return replace(
            self,
            first=self.first[keep],
            second=self.second[keep],
            log_weight=self.log_weight[keep],
            place=self.place[keep],
        )

    def whole(self, values: Array) -> Array:
        """Values at the nodes, shape (n, ...), on the whole grid, 0 where nodes were left out; shape (*shape, ...)."""
        out = np.zeros((self.shape[0] * self.shape[1], *values.shape[1:]))
        out[self.place] = values
        return out.reshape(*self.shape, *values.shape[1:])


@final
@dataclass(frozen=True, eq=False)
class HyperGrid:
    """Panels of every hyperparameter.

    Attributes
    ----------
    priors : Hyperpriors
    z, s, l, r : ndarray
        Panel edges; z and s empty for groups with independent means.
    s_unit, r_unit : float
        Units of the coordinates of s and r.
    mean, se : ndarray
        Typical mean and standard error of each group, by which m is centred, shape (G,).
    """

    priors: Hyperpriors
    z: Array
    s: Array
    l: Array  # noqa: E741
    r: Array
    s_unit: float
    r_unit: float
    mean: Array
    se: Array

    def has_edges_of(self, other: HyperGrid) -> bool:
        """Whether every panel is the other's too."""
        return all(np.array_equal(getattr(self, axis), getattr(other, axis)) for axis in ("z", "s", "l", "r"))

    def centre(self, s: Array) -> tuple[Array, Array]:
        """Centre and width of m at values of s, shape (q,)."""
        weight = 1.0 / (s[:, None] ** 2 + self.se**2)
        precision = weight.sum(axis=1) + self.priors.s0**-2.0
        return (weight @ self.mean + self.priors.m0 * self.priors.s0**-2.0) / precision, precision**-0.5

    def means(self, order: int) -> Points:
        """Nodes of (m, s), `order` for each panel and axis; z is the first axis."""
        prior = self.priors
        if prior.spread is None:
            return Points.of(np.full((1, 1), prior.m0), np.full((1, 1), prior.s0), np.zeros((1, 1)))
        s, s_weight = _sinh_nodes(self.s, order, self.s_unit)
        z = panel_nodes(self.z, order)[:, None]
        centre, width = self.centre(s)
        m = centre + width * z
        weight = np.log(panel_weights(self.z, order))[:, None] + np.log(width)
        if math.isfinite(prior.s0):
            weight = weight - 0.5 * ((m - prior.m0) / prior.s0) ** 2 - math.log(prior.s0) - _LOG_ROOT_2PI
        return Points.of(m, s, weight + s_weight + prior.spread.log_pdf(s))

    def spreads(self, order: int) -> Points:
        """Nodes of (log tau, r), `order` for each panel and axis; the last log tau is the lump at -inf."""
        prior = self.priors
        l = panel_nodes(self.l, order)  # noqa: E741
        l_weight = np.log(panel_weights(self.l, order)) + prior.tau.log_pdf(np.exp(l)) + l
        with np.errstate(divide="ignore"):
            below = np.log(prior.tau.cdf(np.exp(self.l[0])))
        r, r_weight = _sinh_nodes(self.r, order, self.r_unit)
        weight = np.append(l_weight, below)[:, None] + r_weight + prior.tau_spread.log_pdf(r)
        return Points.of(np.append(l, -np.inf)[:, None], r, weight)


def _sinh_nodes(edges: Array, order: int, unit: float) -> tuple[Array, Array]:
    x = panel_nodes(edges, order)
    return unit * np.sinh(x), np.log(panel_weights(edges, order) * unit * np.cosh(x))


def first_grid(groups: Sequence[Group], priors: Hyperpriors) -> HyperGrid:
    """Panels that reach as far as the priors, for `split` to adapt.

    Raises
    ------
    ModelError
        When a prior reaches beyond every number whose square is one.
    """
    least = math.sqrt(min(float(group.v.min()) for group in groups))
    low = max(math.log(max(_quantile(priors.tau, LUMPED), LEAST)), math.log(least) - FARTHEST)
    log_tau = _even(low, math.log(_reach(priors.tau)), 3.0, np.log(priors.tau.narrow))
    r_unit, r = _sinh_edges(priors.tau_spread, 0.5)
    mean, se = _typical(groups, priors.tau, log_tau)
    z, s, s_unit = np.empty(0), np.empty(0), 1.0
    if priors.spread is not None:
        narrowest = min(float((1.0 / group.v).sum()) ** -0.5 for group in groups)
        s_unit, s = _sinh_edges(priors.spread, narrowest)
        z = Z_EDGES
    return HyperGrid(priors, z, s, log_tau, r, s_unit, r_unit, mean, se)


def _quantile(prior: Prior, p: float) -> float:
    return float(prior.ppf(np.array(p)))


def _reach(prior: Prior) -> float:
    """The largest value that the panels must reach."""
    high = _quantile(prior, 1.0 - LEFT_OUT)
    if not high < LARGEST:
        raise ModelError(
            f"exact quadrature over groups of studies follows a prior up to {LARGEST:g}: more than {LEFT_OUT:g} of the "
            f"probability of {prior!r} lies beyond. Fit the model by NUTS(), or take a prior with a lighter tail."
        )
    return high


def _even(low: float, high: float, longest: float, narrow: Array) -> Array:
    edges = np.linspace(low, high, 1 + max(1, math.ceil((high - low) / longest)))
    return np.union1d(edges, narrow[(narrow > low) & (narrow < high)])


def _sinh_edges(prior: Prior, unit: float) -> tuple[float, Array]:
    """Unit of the coordinate and first edges for a prior on [0, inf)."""
    unit = min(unit, _quantile(prior, 0.5))
    if prior.needs_log_nodes:
        unit = min(unit, max(_quantile(prior, 1e-9), 1e-100))
    low, high = math.asinh(prior.lowest / unit), math.asinh(_reach(prior) / unit)
    return unit, _even(low, high, 1.5, np.arcsinh(prior.narrow / unit))


def _typical(groups: Sequence[Group], tau: Prior, edges: Array) -> tuple[Array, Array]:
    """Posterior means of muhat_o and of log se_o for each group alone under this prior on tau_o."""
    l, weight = panel_nodes(edges, 8), panel_weights(edges, 8)  # noqa: E741
    found = []
    for group in groups:
        log_likelihood, mean, se = group.given_tau(np.exp(l))
        height = log_likelihood + tau.log_pdf(np.exp(l)) + l
        mass = weight * np.exp(height - height.max())
        found.append((mass @ mean / mass.sum(), math.exp(mass @ np.log(se) / mass.sum())))
    mean, se = np.array(found).T
    return mean, se


def split(edges: Array, mass: Array, order: int, tolerance: float) -> tuple[Array, bool]:
    """New panel edges of one axis: outer panels without mass dropped, those that are not resolved halved.

    Parameters
    ----------
    edges : ndarray
    mass : ndarray
        Posterior probability of each node of the axis, shape (panels x order,).
    order : int
        Nodes of each panel.
    tolerance : float
        Largest last Legendre coefficients x half width.

    Returns
    -------
    edges : ndarray
    halved : bool
        Whether any panel was halved.
    """
    held = np.flatnonzero(mass.reshape(-1, order).sum(axis=1) > NO_MASS)
    kept = edges[held[0] : held[-1] + 2]
    bad = (tail_of(edges, mass, order) > tolerance)[held[0] : held[-1] + 1]
    return np.sort(np.append(kept, 0.5 * (kept[1:] + kept[:-1])[bad])), bool(bad.any())


def tail_of(edges: Array, mass: Array, order: int) -> Array:
    """Last Legendre coefficients of a density x half width, shape (panels,)."""
    half = 0.5 * np.diff(edges)
    density = mass.reshape(-1, order) / (half[:, None] * gauss_legendre(order).weights)
    return half * np.abs(density @ gauss_legendre(order).to_coefficients[:, -2:]).max(axis=1)
