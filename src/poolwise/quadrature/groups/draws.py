"""Independent joint draws from the posterior of exchangeable groups, by inverting one conditional law after the other.

s from its marginal law; m given s; r, then tau, given m and s, from the posterior evaluated there; tau_o, mu_o and
theta_i from their own densities given the four hyperparameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.groups.exchangeable import FINE, Exchangeable, tau_weights
from poolwise.quadrature.groups.hyper_grid import Points
from poolwise.quadrature.groups.laws import Laws
from poolwise.quadrature.groups.outcome_likelihood import Group
from poolwise.quadrature.rules.gauss_rules import lagrange, panel_nodes, panel_weights
from poolwise.quadrature.rules.normal_normal import draw_theta
from poolwise.quadrature.rules.panels import on_panels
from poolwise.quadrature.rules.product_rule import REACH

Array = NDArray[np.float64]

ROWS = 500  # draws made at once
INNER_PANELS = 12  # of log tau_o across its normal law, 17 sds
INNER_ORDER = 12


@final
@dataclass(frozen=True, eq=False)
class Draws:
    """Joint draws of exchangeable groups.

    Attributes
    ----------
    m, s, tau, r : ndarray
        Hyperparameters, shape (N,); m and s are those of the prior where the means are independent.
    mu, tau_of : ndarray
        Mean and heterogeneity of each group, shape (N, G).
    theta : tuple of ndarray
        True effects of each group's studies, shape (N, k_o).
    """

    m: Array
    s: Array
    tau: Array
    r: Array
    mu: Array
    tau_of: Array
    theta: tuple[Array, ...]


def draw(posterior: Exchangeable, size: int, rng: np.random.Generator) -> Draws:
    """Draw from the joint posterior.

    Parameters
    ----------
    posterior : Exchangeable
    size : int
        Number of draws N.
    rng : Generator

    Returns
    -------
    Draws
    """
    spread = Laws(posterior).spread.sample(size, rng) if posterior.grid.priors.spread is not None else np.empty(size)
    parts = [_some(posterior, spread[start : start + ROWS], rng) for start in range(0, size, ROWS)]
    m, s, tau, r, mu, tau_of = (np.concatenate([part[i] for part in parts]) for i in range(6))
    theta = tuple(
        draw_theta(mu[:, o, None], group.y, group.v, tau_of[:, o, None] ** 2, rng)
        for o, group in enumerate(posterior.groups)
    )
    shift = posterior.shift
    return Draws(m + shift, s, tau, r, mu + shift, tau_of, tuple(one + shift for one in theta))


def _some(posterior: Exchangeable, s: Array, rng: np.random.Generator) -> tuple[Array, ...]:
    m, s = _means(posterior, s, rng)
    log_tau, r = _spreads(posterior, m, s, rng)
    mu, tau_of = np.empty((2, len(m), len(posterior.groups)))
    for o, group in enumerate(posterior.groups):
        tau_of[:, o] = _tau_of(group, m, s, log_tau, r, rng)
        _, mean, se = group.given_tau(tau_of[:, o])
        to_data = np.where(np.isinf(s), 1.0, 1.0 / (1.0 + (se / s) ** 2))
        centre = mean + (1.0 - to_data) * (m - mean)
        mu[:, o] = centre + np.sqrt(to_data) * se * rng.standard_normal(len(m))
    return m, s, np.exp(log_tau), r, mu, tau_of


def _means(posterior: Exchangeable, s: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """M given s; the known ones where the means are independent."""
    grid, found = posterior.grid, posterior.fine_means
    if grid.priors.spread is None:
        return np.full(len(s), grid.priors.m0), np.full(len(s), grid.priors.s0)
    mass = found.means.whole(found.means_mass) / panel_weights(grid.s, FINE)
    rows = np.maximum(lagrange(grid.s, FINE, np.arcsinh(s / grid.s_unit)) @ mass.T, 0.0)
    centre, width = grid.centre(s)
    return centre + width * _inverted(grid.z, rows, FINE, rng), s


def _spreads(posterior: Exchangeable, m: Array, s: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Log tau and r given m and s; the lump of tau below the panels is left out."""
    grid, spreads = posterior.grid, posterior.fine_spreads.spreads
    weights = tau_weights(posterior.tables[0].edges, spreads)
    joint = np.repeat(np.exp(spreads.log_weight - spreads.log_weight.max())[None], len(m), axis=0)
    for table in posterior.tables:
        height = table.log_joint(m, s)
        joint *= np.maximum(np.exp(height - height.max(axis=1, keepdims=True)) @ weights.T, 0.0)
    whole = _whole(spreads, joint)[:, :-1]
    x = _inverted(grid.r, whole.sum(axis=1), FINE, rng)
    there = lagrange(grid.r, FINE, x) / panel_weights(grid.r, FINE)
    rows = np.maximum(np.einsum("nlr,nr->nl", whole, there), 0.0)
    return _inverted(grid.l, rows, FINE, rng), grid.r_unit * np.sinh(x)


def _whole(points: Points, rows: Array) -> Array:
    out = np.zeros((len(rows), points.shape[0] * points.shape[1]))
    out[:, points.place] = rows
    return out.reshape(len(rows), *points.shape)


def _tau_of(group: Group, m: Array, s: Array, log_tau: Array, r: Array, rng: np.random.Generator) -> Array:
    """tau_o given the hyperparameters, from A_o x N(log tau_o; log tau, r^2)."""
    edges = np.linspace(-REACH, REACH, INNER_PANELS + 1)
    x = panel_nodes(edges, INNER_ORDER)
    tau = np.exp(log_tau[:, None] + r[:, None] * x)
    log_likelihood, mean, se = group.given_tau(tau.ravel()).reshape(3, *tau.shape)
    height = log_likelihood - 0.5 * x * x
    if np.isfinite(s).all():
        variance = s[:, None] ** 2 + se**2
        height -= 0.5 * ((mean - m[:, None]) ** 2 / variance + np.log(variance))
    mass = np.exp(height - height.max(axis=1, keepdims=True)) * panel_weights(edges, INNER_ORDER)
    return np.exp(log_tau + r * _inverted(edges, mass, INNER_ORDER, rng))


def _inverted(edges: Array, mass: Array, order: int, rng: np.random.Generator) -> Array:
    """One draw for each row of masses of the nodes."""
    jobs = np.arange(len(mass))
    return on_panels(edges, mass, order).ppf(jobs, rng.random(len(mass)))
