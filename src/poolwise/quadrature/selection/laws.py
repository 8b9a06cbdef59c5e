"""Laws of step weights and of the slopes of PET and PEESE, from the nodes of a posterior."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from poolwise.quadrature.selection.posterior import RADIUS_OF_WEIGHTS, STEP_OF_WEIGHTS, LatticePosterior
from poolwise.quadrature.selection.slopes import Slope, SlopeLikelihood
from poolwise.quadrature.selection.smooth import PAD, WIDTH, filtered
from poolwise.quadrature.selection.tabulated import TabulatedLaw
from poolwise.quadrature.selection.weights import StepLikelihood, ball, bent_by, bent_rows, unbent

Array = NDArray[np.float64]
TELLING = 1e-6  # share of the probability that is left out
KNOTS = 81
FINER = ((4, 0.6), (40, 0.8), (10**9, 1.0))  # with few nodes, lattices at other places do not smooth one another
FINE = 4  # points of a distribution function in each step of the lattice, between which a cubic runs
MARGIN = 6  # steps beyond the last kernel, where it is 0 or 1
AT_ONCE = 400_000


def laws_of_weights(posterior: LatticePosterior) -> tuple[TabulatedLaw, ...]:
    """The law of each free weight, with a distribution function good to some 3e-4.

    A weight rises with one coordinate of the lattice given those before it, so that its distribution function is that
    of a coordinate, averaged: kernels along it, sums over the others.
    """
    likelihood = posterior.inner
    assert isinstance(likelihood, StepLikelihood)
    d = likelihood.free
    nodes = _telling(posterior.weight)
    step = STEP_OF_WEIGHTS[d] * next(share for most, share in FINER if len(nodes) <= most)
    radius = RADIUS_OF_WEIGHTS[d]
    share = posterior.weight[nodes] / posterior.weight[nodes].sum()
    points = ball(d, step, radius)
    offsets = np.rint(points / step).astype(int)
    reach = int(radius / step)
    P = likelihood.probabilities(posterior.nodes.mu[nodes], posterior.nodes.tau[nodes])
    shape = tuple(part[nodes] for part in (posterior.shape.centre, posterior.shape.root, posterior.shape.skew))
    cubes = [np.zeros((len(nodes),) + (2 * reach + 1,) * (j + 1)) for j in range(d)]
    size = max(1, AT_ONCE // (len(points)))
    sums = np.zeros((2, d))
    for start in range(0, len(nodes), size):
        part = slice(start, start + size)
        centre, root, skew = (x[part] for x in shape)
        bent, log_slope = bent_by(skew, points)
        x = centre[:, None] + bent @ np.swapaxes(root, 1, 2)
        value = likelihood.on_points(P[part], x) + log_slope
        mass = np.exp(value - value.max(axis=1, keepdims=True))
        mass *= (share[part] / mass.sum(axis=1))[:, None]
        weights = np.exp(likelihood.log_weights(x)[..., 1:])
        sums += np.stack([np.einsum("nq,nqd->d", mass, weights), np.einsum("nq,nqd->d", mass, weights**2)])
        for j, cube in enumerate(cubes):
            at = np.ravel_multi_index(tuple((offsets[:, : j + 1] + reach).T), cube.shape[1:])
            rows = np.arange(len(mass))[:, None] * cube[0].size + at
            flat = np.bincount(rows.ravel(), weights=mass.ravel(), minlength=len(mass) * cube[0].size)
            cube[part] = flat.reshape(-1, *cube.shape[1:])
    moments = sums[0], np.sqrt(np.maximum(sums[1] - sums[0] ** 2, 0.0))
    return tuple(_law(likelihood, shape, cubes[j], j, step, moments) for j in range(d))


def _telling(weight: Array) -> NDArray[np.intp]:
    order = np.argsort(weight)
    return order[np.cumsum(weight[order]) > TELLING * weight.sum()]


def _law(
    likelihood: StepLikelihood, shape: tuple[Array, ...], cube: Array, j: int, step: float, moments: tuple[Array, Array]
) -> TabulatedLaw:
    """The law of the weight behind coordinate j."""
    n, width = len(cube), cube.shape[-1]
    reach = width // 2
    rows = cube.reshape(n, -1, width)
    mass = rows.sum(axis=2)
    held = np.zeros(mass.size, dtype=bool)
    held[_telling(mass.ravel())] = True
    node, outer = np.nonzero(held.reshape(mass.shape))
    line = filtered(rows[node, outer], -reach).weight
    kernels = (np.arange(line.shape[1]) - PAD - reach) * step
    centre, root, skew = (x[node] for x in shape)
    log_before, base = np.zeros(len(node)), centre[:, j].copy()
    if j > 0:
        before = (np.stack(np.unravel_index(outer, cube.shape[1:-1]), axis=1) - reach) * step
        bent = np.stack([bent_rows(skew[:, i], before[:, i])[0] for i in range(j)], axis=1)
        x = centre[:, :j] + np.einsum("nij,nj->ni", root[:, :j, :j], bent)
        log_before = (np.log(np.maximum(ndtr(x), 1e-300)) / likelihood.powers[:j]).sum(axis=1)
        base += np.einsum("nj,nj->n", root[:, j, :j], bent)
    knots = _knots(line, base, root[:, j, j], skew[:, j], log_before, likelihood.powers[j])
    total = np.zeros(len(knots))
    at = kernels[0] - step * MARGIN + step / FINE * np.arange(FINE * (len(kernels) + 2 * MARGIN))
    away = (at - kernels[:, None]) / (WIDTH * step)
    below = line @ ndtr(away)
    slope = line @ (np.exp(-0.5 * away * away) / (FINE * WIDTH * np.sqrt(2.0 * np.pi)))
    size = max(1, AT_ONCE // len(knots))
    for start in range(0, len(node), size):
        part = slice(start, start + size)
        with np.errstate(divide="ignore", over="ignore"):
            ratio = np.minimum(np.exp(np.log(knots)[None] - log_before[part, None]), 1.0)
            x = ndtri(ratio ** likelihood.powers[j])
            z = unbent(skew[part, j][:, None], (x - base[part, None]) / root[part, j, j][:, None])
        total += _between(FINE / step * (z - at[0]), below[part], slope[part])
    total = np.maximum.accumulate(np.clip(total / line.sum(), 0.0, 1.0))
    total[0], total[-1] = 0.0, 1.0
    return TabulatedLaw(knots, total, float(moments[0][j]), float(moments[1][j]))


def _between(u: Array, below: Array, slope: Array) -> Array:
    """Sums over rows of curves through values with slopes at whole numbers, at u, shape (rows, knots) to (knots,)."""
    u = np.clip(u, 0.0, below.shape[1] - 1.000001)
    first = u.astype(int)
    part = u - first
    rows = np.arange(len(u))[:, None]
    left, right = below[rows, first], below[rows, first + 1]
    rise = right - left
    rest = 1.0 - part
    bend = rest * (slope[rows, first] - rise) - part * (slope[rows, first + 1] - rise)
    return np.asarray((left + part * rise + part * rest * bend).sum(axis=0))


def _knots(line: Array, base: Array, root: Array, skew: Array, log_before: Array, power: float) -> Array:
    """Values of the weight at which its law is computed: between far quantiles of it, evenly on the probit scale."""
    z = np.array([-5.0, -2.5, 0.0, 2.5, 5.0])
    bent = np.stack([bent_rows(skew, np.full(len(skew), value))[0] for value in z], axis=1)
    log = log_before[:, None] + np.log(np.maximum(ndtr(base[:, None] + root[:, None] * bent), 1e-300)) / power
    mass = line.sum(axis=1)
    probit = ndtri(np.clip(np.exp(log), 1e-300, 1.0 - 1e-16))
    middle = probit[:, 2] @ mass / mass.sum()
    held = mass > 1e-9 * mass.sum()
    sd = np.sqrt(((probit[held][:, 1:4] - middle) ** 2).mean(axis=1) @ mass[held] / mass[held].sum())
    low = max(probit[held, 0].min(), middle - 9.0 * sd)
    high = min(probit[held, 4].max(), middle + 9.0 * sd, 8.0)
    inner = np.exp(np.log(np.maximum(ndtr(np.linspace(low, high, KNOTS)), 1e-300)))
    return np.unique(np.concatenate([[0.0], inner, [1.0]]))


def law_of_slope(parts: list[tuple[float, LatticePosterior]]) -> TabulatedLaw:
    """The law of b over several models with the same prior of b, each with its probability."""
    slopes, weights = [], []
    likelihood = parts[0][1].inner
    assert isinstance(likelihood, SlopeLikelihood)
    for share, posterior in parts:
        own = posterior.inner
        assert isinstance(own, SlopeLikelihood)
        nodes = _telling(posterior.weight)
        slopes.append(own.given(posterior.nodes.mu[nodes], posterior.nodes.tau[nodes]))
        weights.append(share * posterior.weight[nodes] / posterior.weight[nodes].sum())
    joined = Slope(*(np.concatenate([getattr(s, f) for s in slopes]) for f in Slope.__dataclass_fields__))
    weight = np.concatenate(weights)
    b, value = likelihood.panels(joined)
    top = value.max(axis=1, keepdims=True)
    mass = np.exp(value - top)
    log_whole = top[:, 0] + np.log(mass.sum(axis=1))
    mass *= (weight / mass.sum(axis=1))[:, None]
    order = np.argsort(b, axis=None)
    flat, summed = b.ravel()[order], np.cumsum(mass.ravel()[order])
    edges = _edges(flat, summed / summed[-1], likelihood)
    x, w = np.polynomial.legendre.leggauss(12)
    half = 0.5 * np.diff(edges)
    at = (edges[:-1, None] + half[:, None] * (1.0 + x)).ravel()
    density = np.zeros(len(at))
    for start in range(0, len(weight), 200):
        part = slice(start, start + 200)
        z = (at - joined.centre[part, None]) / joined.spread[part, None]
        log = joined.constant[part, None] - 0.5 * z * z - log_whole[part, None]
        density += weight[part] @ np.exp(log)
    density *= likelihood.prior.pdf(at)
    probability = np.concatenate([[0.0], np.cumsum((density.reshape(-1, len(x)) * w).sum(axis=1) * half)])
    mean = float((mass * b).sum() / mass.sum())
    sd = float(np.sqrt((mass * (b - mean) ** 2).sum() / mass.sum()))
    return TabulatedLaw(edges, np.minimum(probability / probability[-1], 1.0), mean, sd)


def _edges(b: Array, probability: Array, likelihood: SlopeLikelihood) -> Array:
    """Values of b that cut its law into parts with about the same change of its probit."""
    lower = likelihood.prior.lowest
    levels = ndtr(np.linspace(-7.5, 7.5, 301))
    inner = np.interp(levels, probability, b)
    first = lower if np.isfinite(lower) else b[0]
    grid = np.unique(np.concatenate([[first], inner, np.linspace(inner[60], inner[240], 200), [b[-1]]]))
    return grid[np.concatenate([[True], np.diff(grid) > 1e-12 * (grid[-1] - grid[0])])]
