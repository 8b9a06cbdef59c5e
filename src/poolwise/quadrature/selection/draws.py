"""Exact independent draws from a posterior on nodes, by rejection from what the nodes say of it.

A node is drawn by the highest weight about it, mu and tau evenly within its cell, the weights from the bent normal law
of the node with a share of the prior; the density itself then decides. No draw depends on another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.selection.coordinates import Coordinate
from poolwise.quadrature.selection.posterior import LatticePosterior
from poolwise.quadrature.selection.slopes import Slope, SlopeLikelihood
from poolwise.quadrature.selection.smooth import dense
from poolwise.quadrature.selection.weights import LOG_2PI, StepLikelihood, bent_rows, unbent

Array = NDArray[np.float64]
PILOT = 20_000  # proposals by which the highest ratio is found before any is accepted
ROOM = 1.15  # above the highest ratio seen
FROM_PRIOR = 0.1  # share of proposals of the weights from their prior, whose tails are the heavier
WIDER = 1.1
AT_ONCE = 5000


@final
@dataclass(frozen=True, eq=False)
class Drawn:
    """Independent draws.

    Attributes
    ----------
    mu, tau : ndarray
        Shape (n,); mu in the direction of what gets published.
    rest : ndarray
        Weights after the first, shape (n, J - 1), or the slope b, shape (n, 1).
    """

    mu: Array
    tau: Array
    rest: Array


@final
@dataclass(frozen=True, eq=False)
class _Proposals:
    mu: Array
    tau: Array
    x: Array
    log_ratio: Array


def draws(posterior: LatticePosterior, size: int, rng: np.random.Generator) -> Drawn:
    """Independent draws from the posterior.

    Parameters
    ----------
    posterior : LatticePosterior
    size : int
    rng : Generator
    """
    if isinstance(posterior.inner, SlopeLikelihood):
        return _with_slopes(posterior, size, rng)
    likelihood = posterior.inner
    assert isinstance(likelihood, StepLikelihood)
    mu, tau, x = _accepted(posterior, size, rng)
    return Drawn(mu, tau, np.exp(likelihood.log_weights(x)[:, 1:]) if likelihood.free else np.empty((size, 0)))


def _accepted(posterior: LatticePosterior, size: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    proposal = _proposal(posterior)
    pilot = _proposed(posterior, proposal, PILOT, rng)
    bound = pilot.log_ratio.max() + np.log(ROOM)
    while True:
        kept: list[tuple[Array, Array, Array]] = []
        held, highest = 0, bound
        while held < size and highest <= bound:
            batch = _proposed(posterior, proposal, AT_ONCE, rng)
            highest = max(highest, batch.log_ratio.max())
            good = np.log(rng.random(AT_ONCE)) < batch.log_ratio - bound
            kept.append((batch.mu[good], batch.tau[good], batch.x[good]))
            held += int(good.sum())
        if highest <= bound:
            mu, tau, x = (np.concatenate(parts)[:size] for parts in zip(*kept, strict=True))
            return mu, tau, x
        bound = highest + np.log(ROOM)  # a ratio above the bound: all over again


def _proposal(posterior: LatticePosterior) -> Array:
    """Probability of each node as a proposal: the highest weight among its neighbours."""
    nodes, weight = posterior.nodes, posterior.weight
    if len(weight) == 1:
        return np.ones(1)
    table, row, column = dense(nodes.row, nodes.column, weight)
    padded = np.pad(table, 1)
    around = np.max(
        [
            padded[1 + i : padded.shape[0] - 1 + i, 1 + j : padded.shape[1] - 1 + j]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
        ],
        axis=0,
    )
    high = around[nodes.row - row, nodes.column - column]
    return high / high.sum()


def _proposed(posterior: LatticePosterior, probability: Array, size: int, rng: np.random.Generator) -> _Proposals:
    nodes, likelihood = posterior.nodes, posterior.inner
    at = rng.choice(len(probability), size=size, p=probability)
    log_proposal = np.log(probability[at])
    mu, tau, log_prior = nodes.mu[at], nodes.tau[at], np.zeros(size)
    if isinstance(posterior.tau, Coordinate):
        t = nodes.t[at] + nodes.step_t * (rng.random(size) - 0.5)
        tau, log_prior = posterior.tau.value(t), posterior.tau.log_density(t)
        log_proposal -= np.log(nodes.step_t)
    if isinstance(posterior.mu, Coordinate):
        q = nodes.q[at] + nodes.step_q[at] * (rng.random(size) - 0.5)
        mu, log_prior = posterior.mu.value(q), log_prior + posterior.mu.log_density(q)
        log_proposal -= np.log(nodes.step_q[at])
    if not isinstance(likelihood, StepLikelihood):
        return _Proposals(mu, tau, np.empty((size, 0)), likelihood.laplace(mu, tau) + log_prior - log_proposal)
    whole = likelihood.unselected(mu, tau) + log_prior
    if likelihood.free == 0:
        value = likelihood.known(likelihood.probabilities(mu, tau))
        return _Proposals(mu, tau, np.empty((size, 0)), whole + value - log_proposal)
    x, log_density = _weights(posterior, at, rng)
    value = likelihood.on_points(likelihood.probabilities(mu, tau), x[:, None, :])[:, 0]
    return _Proposals(mu, tau, x, whole + value - log_proposal - log_density)


def _weights(posterior: LatticePosterior, at: NDArray[np.intp], rng: np.random.Generator) -> tuple[Array, Array]:
    """Proposals of the coordinates of the weights, and their log density."""
    centre, root, skew = (part[at] for part in (posterior.shape.centre, posterior.shape.root, posterior.shape.skew))
    d = centre.shape[1]
    z = WIDER * rng.standard_normal(centre.shape)
    bent = np.stack([bent_rows(skew[:, j], z[:, j])[0] for j in range(d)], axis=1)
    x = centre + np.einsum("nij,nj->ni", root, bent)
    of_prior = rng.random(len(at)) < FROM_PRIOR
    x[of_prior] = rng.standard_normal((int(of_prior.sum()), d))
    w = np.linalg.solve(root, (x - centre)[..., None])[..., 0]
    back = np.stack([unbent(skew[:, j], w[:, j]) for j in range(d)], axis=1)
    log_slope = sum((bent_rows(skew[:, j], back[:, j])[1] for j in range(d)), np.zeros(len(at)))
    own = -0.5 * ((back / WIDER) ** 2).sum(axis=1) - d * np.log(WIDER) - log_slope
    own -= np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    log = np.logaddexp(np.log1p(-FROM_PRIOR) + own, np.log(FROM_PRIOR) - 0.5 * (x * x).sum(axis=1))
    return x, log - 0.5 * d * LOG_2PI


def _with_slopes(posterior: LatticePosterior, size: int, rng: np.random.Generator) -> Drawn:
    likelihood = posterior.inner
    assert isinstance(likelihood, SlopeLikelihood)
    mu, tau, _ = _accepted(posterior, size, rng)
    slope = likelihood.given(mu, tau)
    b = np.empty(size)
    for start in range(0, size, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        b[part] = _slopes(likelihood, slope, part, rng)
    if likelihood.normal is not None:
        mu = slope.mean - slope.pull * b + slope.sd * rng.standard_normal(size)
    return Drawn(mu, tau, b[:, None])


def _slopes(likelihood: SlopeLikelihood, slope: Slope, part: slice, rng: np.random.Generator) -> Array:
    """Draws of b, one for each node, by inversion of the panels' own distribution function."""
    own = Slope(*(getattr(slope, f)[part] for f in Slope.__dataclass_fields__))
    b, value = likelihood.panels(own)
    mass = np.exp(value - value.max(axis=1, keepdims=True))
    below = np.cumsum(mass, axis=1)
    u = rng.random(len(b)) * below[:, -1]
    middle = below - 0.5 * mass
    at = np.clip((middle < u[:, None]).sum(axis=1), 1, b.shape[1] - 1)
    rows = np.arange(len(b))
    low, high = middle[rows, at - 1], middle[rows, at]
    share = np.clip((u - low) / np.maximum(high - low, 1e-300), 0.0, 1.0)
    return b[rows, at - 1] + share * (b[rows, at] - b[rows, at - 1])
