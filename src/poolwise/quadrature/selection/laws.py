"""Laws of step weights and of the slopes of PET and PEESE, from the nodes of a posterior."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.quadrature.selection.about import About, WeightLaw
from poolwise.quadrature.selection.posterior import STEP_OF_WEIGHTS, LatticePosterior
from poolwise.quadrature.selection.slopes import Slope, SlopeLikelihood
from poolwise.quadrature.selection.smooth import PAD, WIDTH, filtered
from poolwise.quadrature.selection.tabulated import TabulatedLaw
from poolwise.quadrature.selection.weights import (
    COARSE,
    NEAR,
    StepLikelihood,
    ball,
    bent_by,
    bent_rows,
    cells,
    moments_of,
    unbent,
)

Array = NDArray[np.float64]
TELLING = 3e-6  # share of the probability that is left out
KNOTS = 81
ALONG = 0.4  # step, in sds, along the coordinate whose law is asked for: kernels then follow any shape it has
RADIUS = {1: 9.0, 2: 7.5, 3: 6.2, 4: 5.4}  # by how many weights are free; beyond lies less than `TELLING`
FINE = 2  # points of a distribution function in each step of the lattice, between which a cubic runs
MARGIN = 6  # steps beyond the last kernel, where it is 0 or 1
FAR = 8.0  # sds of a coordinate in a node, beyond which its law is taken to be 0 or 1
AT_ONCE = 400_000


def laws_of_weights(posterior: LatticePosterior) -> tuple[WeightLaw, ...]:
    """The law of each free weight, good to some 1e-5 in probability, to 1e-4 where the data contradict the model.

    Parameters
    ----------
    posterior : LatticePosterior
        Of a `StepLikelihood` with free weights.
    """
    assert isinstance(posterior.inner, StepLikelihood)
    return tuple(law_of_weight(posterior, j) for j in range(posterior.inner.free))


def law_of_weight(posterior: LatticePosterior, j: int) -> WeightLaw:
    """The law of one free weight: kernels along its own coordinate, on fine steps, and sums over the others.

    Parameters
    ----------
    posterior : LatticePosterior
    j : int
        Which weight after the first, from 0.
    """
    likelihood = posterior.inner
    assert isinstance(likelihood, StepLikelihood)
    nodes = _telling(posterior.weight)
    share = posterior.weight[nodes] / posterior.weight[nodes].sum()
    P = likelihood.probabilities(posterior.nodes.mu[nodes], posterior.nodes.tau[nodes])
    about = About(likelihood.free, j)
    whitened = tuple(part[nodes] for part in (posterior.shape.centre, posterior.shape.root, posterior.shape.skew))
    centre, root, skew = _shape_about(likelihood, about, P, whitened)
    line, reach = _lines(likelihood, about, P, share, (centre, root, skew))
    w = about.weight(_along(centre, root, skew, reach))
    mean = float((line * w).sum())
    sd = float(np.sqrt(max((line * w**2).sum() - mean**2, 0.0)))
    return _law(about, line, (centre[:, 0], root[:, 0, 0], skew[:, 0]), (mean, sd))


def _shape_about(
    likelihood: StepLikelihood, about: About, P: Array, whitened: tuple[Array, ...]
) -> tuple[Array, Array, Array]:
    """Mean, root of the covariance and skewness of the coordinates about a weight, from a coarse lattice of others."""
    points = ball(likelihood.free, COARSE, NEAR)
    bent, log_slope = bent_by(whitened[2], points)
    x = whitened[0][:, None] + bent @ np.swapaxes(whitened[1], 1, 2)
    logs = likelihood.log_weights(x)
    value = likelihood.at_weights(P, logs, x) + log_slope
    return moments_of(about.place(logs), value)


def _along(centre: Array, root: Array, skew: Array, reach: int) -> Array:
    """First coordinates on the lattice, shape (N, 2 reach + 1)."""
    z = np.broadcast_to(ALONG * np.arange(-reach, reach + 1), (len(centre), 2 * reach + 1))
    return centre[:, :1] + root[:, 0, :1] * bent_rows(skew[:, :1], z)[0]


def _lines(
    likelihood: StepLikelihood, about: About, P: Array, share: Array, shape: tuple[Array, Array, Array]
) -> tuple[Array, int]:
    """Probability along the first coordinate in each node, shape (N, 2 reach + 1), and the reach."""
    d = likelihood.free
    points = cells((ALONG,) + (STEP_OF_WEIGHTS[d],) * (d - 1), RADIUS[d])
    offset = np.rint(points[:, 0] / ALONG).astype(int)
    reach = int(offset.max())
    size = max(1, AT_ONCE // (len(points) * max(len(likelihood.y) // 8, 1)))
    line = np.empty((len(P), 2 * reach + 1))
    for start in range(0, len(P), size):
        part = slice(start, start + size)
        centre, root, skew = (x[part] for x in shape)
        bent, log_slope = bent_by(skew, points)
        y = centre[:, None] + bent @ np.swapaxes(root, 1, 2)
        z = ALONG * np.arange(-reach, reach + 1)
        w = about.weight(
            centre[:, :1] + root[:, 0, :1] * bent_rows(skew[:, :1], np.broadcast_to(z, line[part].shape))[0]
        )
        value = likelihood.at_weights(P[part], about.log_weights(w[:, offset + reach], y), y) + log_slope
        mass = np.exp(value - value.max(axis=1, keepdims=True))
        mass *= (share[part] / mass.sum(axis=1))[:, None]
        rows = np.arange(len(mass))[:, None] * line.shape[1] + offset + reach
        flat = np.bincount(rows.ravel(), weights=mass.ravel(), minlength=len(mass) * line.shape[1])
        line[part] = flat.reshape(len(mass), -1)
    return line, reach


def _telling(weight: Array) -> NDArray[np.intp]:
    order = np.argsort(weight)
    return order[np.cumsum(weight[order]) > TELLING * weight.sum()]


def _law(about: About, line: Array, shape: tuple[Array, Array, Array], moments: tuple[float, float]) -> WeightLaw:
    """The law of a weight from the probabilities along its coordinate in each node."""
    centre, root, skew = (part[:, None] for part in shape)
    reach = line.shape[1] // 2
    mixture = filtered(line, -reach).weight
    kernels = (np.arange(mixture.shape[1]) - PAD - reach) * ALONG
    at = kernels[0] - ALONG * MARGIN + ALONG / FINE * np.arange(FINE * (len(kernels) + 2 * MARGIN))
    away = (at - kernels[:, None]) / (WIDTH * ALONG)
    below = mixture @ ndtr(away)
    slope = mixture @ (np.exp(-0.5 * away * away) / (FINE * WIDTH * np.sqrt(2.0 * np.pi)))
    knots = _knots(line.sum(axis=1), *shape)
    z = unbent(skew, (knots - centre) / root)
    total = _between(FINE / ALONG * (z - at[0]), below, slope)
    total = np.maximum.accumulate(np.clip(total / line.sum(), 0.0, 1.0))
    total[0], total[-1] = 0.0, 1.0
    return WeightLaw(TabulatedLaw(knots, total, np.nan, np.nan), about, *moments)


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


def _knots(mass: Array, centre: Array, root: Array, skew: Array) -> Array:
    """Coordinates of the weight at which its law is computed: evenly between far quantiles of it."""
    z = np.array([-FAR, -2.5, 0.0, 2.5, FAR])
    y = centre[:, None] + root[:, None] * bent_rows(skew[:, None], np.broadcast_to(z, (len(skew), 5)))[0]
    middle = float(y[:, 2] @ mass / mass.sum())
    sd = float(np.sqrt(((y[:, 1:4] - middle) ** 2).mean(axis=1) @ mass / mass.sum()))
    low, high = max(float(y[:, 0].min()), middle - 9.0 * sd), min(float(y[:, 4].max()), middle + 9.0 * sd)
    return low + (high - low) * np.linspace(0.0, 1.0, KNOTS)


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
