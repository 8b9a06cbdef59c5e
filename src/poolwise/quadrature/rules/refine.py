"""Adaptive piecewise Legendre integration of many one-dimensional densities at once.

The decay of a panel's Legendre coefficients tells whether it resolves the density; panels that do not are
halved.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.rules.gauss_rules import nodes_between
from poolwise.quadrature.rules.panels import ORDER, RULE, Panels, times

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

_TO_ENDS = RULE.to_coefficients @ np.stack([(-1.0) ** np.arange(ORDER), np.ones(ORDER)], axis=1)
# values at the nodes -> integral, last coefficients, values at the ends, all for a panel of half width 1
_TO_LOOKS = np.concatenate([RULE.weights[:, None], RULE.to_coefficients[:, -3:], _TO_ENDS], axis=1)
ENDS = 100.0  # a polynomial may miss its panel's ends by this many tolerances: extrapolation is less exact
NEGLIGIBLE = 60.0  # nats below the maximum at which a panel is left out: e^-60 = 1e-26
SHARP = 2.0  # nats between a panel's highest node and its neighbours that call for halving
MAX_ROUNDS = 40
MOST_PANELS = 20_000  # of a job: a density that needs more is made of rounding
LOWEST = -1e300  # log density that stands for none

Evaluate = Callable[[Ints, Array], Array]


def unweighted(job: Ints, x: Array) -> Array:
    """The log weight of 1, a `reference` of `integrate` that asks for the density alone."""
    return np.zeros_like(x)


def integrate(
    evaluate: Evaluate,
    edges: Array,
    reference: Callable[[Ints, Array], Array],
    tolerance: float,
    slack: Array,
) -> Panels:
    """Integrate n densities, refining panels until each resolves its density.

    Parameters
    ----------
    evaluate : callable
        Maps jobs (P,) and nodes (P, q) to values (m, P, q); row 0 is the log density in x.
    edges : ndarray
        First panel edges of each job, increasing, shape (n, E + 1).
    reference : callable
        Maps jobs and nodes to a log weight whose product with the density is resolved as well
        (for example the square of the variable, so that moments are right), shape (P, q).
    tolerance : float
        Largest coefficient tail, relative to the job's total, that counts as resolved.
    slack : ndarray
        Nats by which a coarse look may underestimate a panel, shape (n,).

    Returns
    -------
    Panels
    """
    job, left, right = _first_panels(evaluate, edges, reference, slack)
    values, looks = _look(evaluate, reference, job, left, right)
    n = len(edges)
    for _ in range(MAX_ROUNDS):
        bad = _unresolved(job, looks, tolerance, slack) & (right - left > 1e-12 * np.maximum(np.abs(right), 1.0))
        if not bad.any() or len(bad) > MOST_PANELS * n:
            break
        good = ~bad
        middle = 0.5 * (left[bad] + right[bad])
        new_job = np.concatenate([job[bad], job[bad]])
        new_left, new_right = np.concatenate([left[bad], middle]), np.concatenate([middle, right[bad]])
        new_values, new_looks = _look(evaluate, reference, new_job, new_left, new_right)
        job = np.concatenate([job[good], new_job])
        left, right = np.concatenate([left[good], new_left]), np.concatenate([right[good], new_right])
        values = np.concatenate([values[:, good], new_values], axis=1)
        looks = np.concatenate([looks[:, good], new_looks], axis=1)
    order = np.lexsort((left, job))
    return with_values(job[order], left[order], right[order], values[:, order], n)


def _first_panels(
    evaluate: Evaluate, edges: Array, reference: Callable[[Ints, Array], Array], slack: Array
) -> tuple[Ints, Array, Array]:
    """Panels that can matter, judged by the density at their edges."""
    n, count = edges.shape[0], edges.shape[1] - 1
    jobs = np.arange(n)
    log_density = evaluate(jobs, edges)[0]
    with np.errstate(invalid="ignore"):
        weighted = log_density + reference(jobs, edges)
    keep = np.zeros((n, count), dtype=bool)
    for height in (log_density, weighted):
        height = _at_edges(height)
        keep |= _ceiling(edges, height) > (height.max(axis=1) - NEGLIGIBLE - slack)[:, None]
    keep &= edges[:, 1:] > edges[:, :-1]
    job, column = np.nonzero(keep)
    return job, edges[job, column], edges[job, column + 1]


def _at_edges(height: Array) -> Array:
    """Log densities at edges; an integrable pole at tau = 0 stands for nothing there."""
    return np.where(np.isnan(height) | (height == np.inf), -np.inf, height)


def _ceiling(edges: Array, height: Array) -> Array:
    """How high the log density may rise within each panel, shape (n, E), from its values at the edges.

    Where the chords of the two neighbouring panels meet above a panel, a concave function may rise as far as
    there: a peak between two edges shows in the slopes beside them. Elsewhere the higher edge counts.
    """
    top = np.maximum(height[:, :-1], height[:, 1:])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slope = np.diff(height, axis=1) / np.diff(edges, axis=1)
        rise, fall = slope[:, :-2], slope[:, 2:]
        left, right = edges[:, 1:-2], edges[:, 2:-1]
        low, high = height[:, 1:-2], height[:, 2:-1]
        ahead = (high - low - fall * (right - left)) / (rise - fall)
        meets = (rise > fall) & (ahead > 0.0) & (ahead < right - left)
        top[:, 1:-1] = np.where(meets, np.fmax(low + rise * ahead, top[:, 1:-1]), top[:, 1:-1])
    return top


def _look(
    evaluate: Evaluate, reference: Callable[[Ints, Array], Array], job: Ints, left: Array, right: Array
) -> tuple[Array, Array]:
    """Values of panels, and what tells whether a panel is resolved, shape (8, P).

    The rows: log height, mass, last coefficients and what the polynomial misses at the ends, all over the
    height; how far the highest node rises above its neighbours; then height, mass and last coefficients of
    density x reference.
    """
    half = 0.5 * (right - left)
    x = nodes_between(left, right, ORDER)
    everywhere = evaluate(job, np.concatenate([x, left[:, None], right[:, None]], axis=1))
    values, ends = everywhere[..., :ORDER], _at_edges(everywhere[0, :, ORDER:])
    log_density = values[0]
    plain = _shape(log_density, np.maximum(log_density.max(axis=1), ends.max(axis=1)), half)
    height, mass, tail, at_ends = plain
    missed = half * np.abs(np.exp(ends - height[:, None]) - at_ends).max(axis=1)
    weighted = log_density + reference(job, x)
    heavy = _shape(weighted, weighted.max(axis=1), half)
    return values, np.stack([height, mass, tail, missed, _rise(log_density), *heavy[:3]])


def _shape(log_density: Array, height: Array, half: Array) -> tuple[Array, Array, Array, Array]:
    """Log height of each panel and, over the height: mass, last coefficients x half width, values at the ends."""
    height = np.maximum(height, LOWEST)
    seen = times(np.exp(log_density - height[:, None]), _TO_LOOKS)
    return height, half * seen[:, 0], half * np.abs(seen[:, 1:4]).max(axis=1), seen[:, 4:]


def _rise(log_density: Array) -> Array:
    """Nats between a panel's highest node and the higher of its neighbours; 0 where it is the first or the last."""
    top = log_density.argmax(axis=1)
    rows = np.arange(len(top))
    beside = np.maximum(log_density[rows, np.maximum(top - 1, 0)], log_density[rows, np.minimum(top + 1, ORDER - 1)])
    inside = (top > 0) & (top < ORDER - 1)
    with np.errstate(invalid="ignore"):
        return np.where(inside, log_density[rows, top] - beside, 0.0)


def _unresolved(job: Ints, looks: Array, tolerance: float, slack: Array) -> NDArray[np.bool_]:
    """Panels whose polynomial is not yet their density.

    The last coefficients are too large for the job's total; or the polynomial misses the density at an end,
    where a peak that falls off before the first node leaves no trace in the coefficients; or a peak is so
    sharp that the nodes may stand on its flanks only, and may yet matter.
    """
    height, mass, tail, missed, rise, heavy_height, heavy_mass, heavy_tail = looks
    n = len(slack)
    peak, scale = _scale(job, height, mass, n)
    _, heavy_scale = _scale(job, heavy_height, heavy_mass, n)
    bad = (tail * scale > tolerance) | (heavy_tail * heavy_scale > tolerance) | (missed * scale > ENDS * tolerance)
    return bad | ((height > (peak - NEGLIGIBLE - slack)[job]) & (rise > SHARP))


def _scale(job: Ints, height: Array, mass: Array, n: int) -> tuple[Array, Array]:
    """Log peak of each job, and exp(height) over the job's total for each panel."""
    peak = _peaks(job, height, n)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        over_peak = np.exp(height - peak[job])
        return peak, over_peak / np.bincount(job, mass * over_peak, n)[job]


def _peaks(job: Ints, height: Array, n: int) -> Array:
    """The highest of each job's panels, shape (n,)."""
    peak = np.full(n, LOWEST)
    np.maximum.at(peak, job, height)
    return peak


def with_values(job: Ints, left: Array, right: Array, values: Array, n: int) -> Panels:
    """Panels of n densities from values at the nodes, shape (m, P, 16), of which row 0 is the log density."""
    peak = _peaks(job, values[0].max(axis=1), n)
    density = np.exp(values[0] - peak[job][:, None])
    return Panels.of_density(job, left, right, density, n, peak=peak, values=values)
