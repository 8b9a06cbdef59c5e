"""Adaptive integration of one density of one, two or three variables, as polynomials on boxes.

A box is a product of intervals with Gauss-Legendre nodes in each direction. Where the last Legendre
coefficients along a direction are too large, the box is halved in that direction. What depends on the nodes
alone (means and variances of whatever is normal given them) is summed over nodes; the density's polynomials
give the marginal law of each variable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import final

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from poolwise.quadrature.rules.gauss_rules import gauss_legendre, nodes_between
from poolwise.quadrature.rules.panels import ORDER, RULE, Panels
from poolwise.threads import one_thread

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Evaluate = Callable[[Array], Array]

NEGLIGIBLE = {1: 45.0, 2: 40.0, 3: 28.0}  # nats below the maximum at which a box is left out
STEEP = 12.0  # nats between a high box's points that call for halving before its polynomial is looked at
MOST_RISE = 1e6  # nats; keeps -inf at a box's corner from making the box immortal
LOWEST = -1e300  # log density that stands for none
THREE = np.array([-0.8, 0.0, 0.8])
MAX_ROUNDS = 60
MOST_NODES = 3_000_000  # a density that asks for more is reported as unresolved
MOST_FIRST_NODES = 2 * MOST_NODES  # bounds the memory where a density vanishes steeply along a whole surface
PER_BOX = {1: 16, 2: 16, 3: 12}  # nodes in each direction


@final
@dataclass(frozen=True, eq=False)
class Boxes:
    """A density of d variables on B boxes.

    Attributes
    ----------
    left, right : ndarray
        Edges, shape (B, d).
    values : ndarray
        What the integrand returned at the nodes, shape (m, B, n^d), the last variable running fastest; row 0 is
        the log density.
    log_total : float
        Log integral.
    mass : ndarray
        Probability of each node, shape (B, n^d).
    error : float
        Estimated error of the integral, relative.
    """

    left: Array
    right: Array
    values: Array
    log_total: float
    mass: Array
    error: float

    @property
    def d(self) -> int:
        """Number of variables."""
        return self.left.shape[1]

    @property
    def order(self) -> int:
        """Nodes in each direction."""
        return PER_BOX[self.d]

    @cached_property
    def points(self) -> Array:
        """The nodes, shape (d, B, n^d)."""
        return _points(self.left, self.right)

    @cached_property
    def density(self) -> Array:
        """Normalised density at the nodes, shape (B, n, ..., n)."""
        volume = np.prod(0.5 * (self.right - self.left), axis=1)
        weights = _tensor_weights(self.d)
        return (self.mass / (volume[:, None] * weights)).reshape(-1, *(self.order,) * self.d)

    def marginal(self, axis: int) -> Panels:
        """The marginal density of one variable, as one job on panels between all edges of boxes."""
        rest = [i for i in range(self.d) if i != axis]
        half = 0.5 * (self.right - self.left)
        rule = gauss_legendre(self.order)
        f = np.moveaxis(self.density, 1 + axis, -1)
        for i in range(self.d - 1):
            f = np.einsum("bi...,i->b...", f, rule.weights) * half[:, rest[i]].reshape(-1, *(1,) * (self.d - 1 - i))
        coefficients = f @ rule.to_coefficients
        edges = np.unique(np.concatenate([self.left[:, axis], self.right[:, axis]]))
        first = np.searchsorted(edges, self.left[:, axis])
        count = np.searchsorted(edges, self.right[:, axis]) - first
        box = np.repeat(np.arange(len(first)), count)
        panel = first[box] + np.arange(len(box)) - np.repeat(np.cumsum(count) - count, count)
        left, right = edges[:-1], edges[1:]
        x = nodes_between(left[panel], right[panel], ORDER)
        t = (x - self.left[box, axis][:, None]) / half[box, axis][:, None] - 1.0
        seen = np.einsum("qni,qi->qn", legendre.legvander(t, self.order - 1), coefficients[box])
        total = np.zeros((len(left), ORDER))
        np.add.at(total, panel, seen)
        held = np.bincount(panel, minlength=len(left)) > 0
        job, log_total = np.zeros(held.sum(), dtype=np.intp), np.array([self.log_total])
        return Panels.of_density(job, left[held], right[held], total[held], 1, peak=log_total, total=np.ones(1))

    def missed(self, share: Array) -> float:
        """What the quadrature may miss of the integral of density x share, which stands at the nodes, shape (J,)."""
        return float(tails(self.left, self.right, self.density * share.reshape(self.density.shape)).sum()) / self.order

    def draw(self, size: int, rng: np.random.Generator) -> Array:
        """Independent draws of the variables, shape (d, size): a box by its mass, then variable by variable."""
        share = np.clip(self.mass.sum(axis=1), 0.0, None)
        box = rng.choice(len(share), size=size, p=share / share.sum())
        rule, jobs = gauss_legendre(self.order), np.arange(size)
        f = self.density[box]
        half = 0.5 * (self.right - self.left)[box]
        out = np.empty((self.d, size))
        basis = _lagrange_to_sixteen(self.order)
        for axis in range(self.d):
            g = f
            for _ in range(self.d - 1 - axis):
                g = g @ rule.weights
            ends = self.left[box, axis], self.right[box, axis]
            panels = Panels.of_density(jobs, *ends, np.maximum(g @ basis, 0.0), size)
            out[axis] = panels.ppf(jobs, rng.random(size))
            t = np.clip((out[axis] - ends[0]) / half[:, axis] - 1.0, -1.0, 1.0)
            at = legendre.legvander(t, self.order - 1) @ rule.to_coefficients.T
            f = np.einsum("qi...,qi->q...", f, at)
        return out


@one_thread()
def integrate(evaluate: Evaluate, edges: Sequence[Array], tolerance: float, halvings: int = 0) -> Boxes:
    """Integrate a density of one, two or three variables.

    Parameters
    ----------
    evaluate : callable
        Maps points (d, N) to values (m, N); row 0 is the log density.
    edges : sequence of ndarray
        First edges of the boxes along each variable, increasing; the support must lie within.
    tolerance : float
        Largest tail of the Legendre coefficients in all boxes together, relative to the integral.
    halvings : int
        Times that every first box is halved in each direction before anything else, to verify a result.

    Returns
    -------
    Boxes
    """
    left, right = _first_boxes(evaluate, [_halved(e, halvings) for e in edges])
    values = _look(evaluate, left, right)
    for _ in range(MAX_ROUNDS):
        height = values[0].max(axis=1)
        keep = height > height.max() - NEGLIGIBLE[left.shape[1]]
        left, right, values = left[keep], right[keep], values[:, keep]
        total, known = _tails(left, right, values[0], height.max())
        bad = known.max(axis=1) > tolerance * total / max(len(left), 50)
        if not bad.any() or values[0].size > MOST_NODES:
            break
        new_left, new_right = _split(left[bad], right[bad], known[bad].argmax(axis=1))
        fresh = _look(evaluate, new_left, new_right)
        left, right = np.concatenate([left[~bad], new_left]), np.concatenate([right[~bad], new_right])
        values = np.concatenate([values[:, ~bad], fresh], axis=1)
    return _packed(left, right, values)


def _lagrange_to_sixteen(order: int) -> Array:
    """Values at the nodes -> values of the same polynomial at the 16 nodes of a panel, shape (order, 16)."""
    return gauss_legendre(order).to_coefficients @ legendre.legvander(RULE.nodes, order - 1).T


def _tensor_weights(d: int) -> Array:
    return reduce(np.multiply.outer, [gauss_legendre(PER_BOX[d]).weights] * d).reshape(-1)


def _points(left: Array, right: Array) -> Array:
    d = left.shape[1]
    nodes = gauss_legendre(PER_BOX[d]).nodes
    grid = np.stack(np.meshgrid(*[nodes] * d, indexing="ij")).reshape(d, 1, -1)
    half = 0.5 * (right - left).T[:, :, None]
    return left.T[:, :, None] + half * (1.0 + grid)


def _halved(edges: Array, times: int) -> Array:
    for _ in range(times):
        edges = np.sort(np.concatenate([edges, 0.5 * (edges[1:] + edges[:-1])]))
    return edges


def _first_boxes(evaluate: Evaluate, edges: Sequence[Array]) -> tuple[Array, Array]:
    """Boxes that can matter, judged by the density at three points along each direction.

    Within a box the density may rise above its highest point by about as much as the points differ. Steep
    boxes that can matter are halved until they are no longer steep, or too many.
    """
    left, right = _all_boxes(evaluate, edges)
    height = _coarse(evaluate, left, right)
    for _ in range(MAX_ROUNDS):
        top = height.reshape(len(height), -1).max(axis=1)
        fall = top - height.reshape(len(height), -1).min(axis=1)
        keep = top + np.minimum(fall, MOST_RISE) > top.max() - NEGLIGIBLE[left.shape[1]]
        depth = top.max() - top[keep]
        left, right, height, fall = left[keep], right[keep], height[keep], fall[keep]
        steep = (fall > STEEP + depth) & ((right - left) > 1e-9 * np.maximum(np.abs(right), 1.0)).all(axis=1)
        if not steep.any() or len(left) * PER_BOX[left.shape[1]] ** left.shape[1] > MOST_FIRST_NODES:
            break
        axis = _steepest(height[steep])
        new_left, new_right = _split(left[steep], right[steep], axis)
        fresh = _coarse(evaluate, new_left, new_right)
        left, right = np.concatenate([left[~steep], new_left]), np.concatenate([right[~steep], new_right])
        height = np.concatenate([height[~steep], fresh])
    return left, right


def _all_boxes(evaluate: Evaluate, edges: Sequence[Array]) -> tuple[Array, Array]:
    """The boxes between first edges, but for those that the density at their corners rules out."""
    shape = tuple(len(e) for e in edges)
    corners = np.stack(np.meshgrid(*edges, indexing="ij")).reshape(len(edges), -1)
    height = _clean(evaluate(corners)[0]).reshape(shape)
    top, bottom = height, height
    for axis in range(len(edges)):
        below, above = range(shape[axis] - 1), range(1, shape[axis])
        top = np.maximum(np.take(top, below, axis), np.take(top, above, axis))
        bottom = np.minimum(np.take(bottom, below, axis), np.take(bottom, above, axis))
    index = np.nonzero(top + np.minimum(top - bottom, MOST_RISE) > height.max() - NEGLIGIBLE[len(edges)])
    left = np.stack([e[i] for e, i in zip(edges, index, strict=True)], axis=1)
    right = np.stack([e[i + 1] for e, i in zip(edges, index, strict=True)], axis=1)
    return left, right


def _clean(log_density: Array) -> Array:
    """Log densities that can be compared; an integrable pole, at tau = 0, stands for nothing there."""
    return np.maximum(np.where(np.isnan(log_density) | (log_density == np.inf), LOWEST, log_density), LOWEST)


def _coarse(evaluate: Evaluate, left: Array, right: Array) -> Array:
    """Log density at three points along each direction, shape (B, 3, ..., 3)."""
    d = left.shape[1]
    grid = np.stack(np.meshgrid(*[THREE] * d, indexing="ij")).reshape(d, 1, -1)
    points = left.T[:, :, None] + 0.5 * (right - left).T[:, :, None] * (1.0 + grid)
    return _clean(evaluate(points.reshape(d, -1))[0]).reshape(-1, *(3,) * d)


def _steepest(height: Array) -> Ints:
    """The direction along which each box's points differ most, shape (B,)."""
    d = height.ndim - 1
    falls = [np.ptp(height, axis=1 + axis).reshape(len(height), -1).max(axis=1) for axis in range(d)]
    return np.argmax(falls, axis=0)


def _split(left: Array, right: Array, axis: Ints) -> tuple[Array, Array]:
    """Both halves of each box along a direction of its own."""
    rows = np.arange(len(left))
    middle = 0.5 * (left + right)[rows, axis]
    new_left, new_right = np.concatenate([left, left]), np.concatenate([right, right])
    new_right[rows, axis] = middle
    new_left[len(left) + rows, axis] = middle
    return new_left, new_right


def _look(evaluate: Evaluate, left: Array, right: Array) -> Array:
    points = _points(left, right)
    d, boxes, n = points.shape
    values = evaluate(points.reshape(d, -1))
    values[0] = _clean(values[0])
    return values.reshape(len(values), boxes, n)


def tails(left: Array, right: Array, f: Array) -> Array:
    """Size of the last Legendre coefficients of a function along each direction, integrated over the others.

    Parameters
    ----------
    left, right : ndarray
        Edges of the boxes, shape (B, d).
    f : ndarray
        The function at the nodes, shape (B, n, ..., n).

    Returns
    -------
    ndarray
        Shape (B, d).
    """
    d = left.shape[1]
    to = gauss_legendre(PER_BOX[d]).to_coefficients
    volume = np.prod(0.5 * (right - left), axis=1)
    out = np.empty((len(left), d))
    for axis in range(d):
        last = np.abs(np.moveaxis(f, 1 + axis, -1) @ to[:, -2:]).max(axis=-1)
        out[:, axis] = volume * (last.reshape(len(f), -1) @ _other_weights(d))
    return out


def _tails(left: Array, right: Array, log_density: Array, peak: float) -> tuple[float, Array]:
    """Integral over e^peak, and `tails` of the density over e^peak."""
    d = left.shape[1]
    volume = np.prod(0.5 * (right - left), axis=1)
    f = np.exp(log_density - peak)
    return float((f @ _tensor_weights(d)) @ volume), tails(left, right, f.reshape(-1, *(PER_BOX[d],) * d))


def _other_weights(d: int) -> Array:
    weights = gauss_legendre(PER_BOX[d]).weights
    return reduce(np.multiply.outer, [weights] * (d - 1)).reshape(-1) * 2.0 if d > 1 else np.array([2.0])


def _packed(left: Array, right: Array, values: Array) -> Boxes:
    peak = float(values[0].max())
    volume = np.prod(0.5 * (right - left), axis=1)
    raw = np.exp(values[0] - peak) * _tensor_weights(left.shape[1]) * volume[:, None]
    total = float(raw.sum())
    _, known = _tails(left, right, values[0], peak)
    error = float(known.sum() / total) / PER_BOX[left.shape[1]]
    return Boxes(left, right, values, float(np.log(total) + peak), raw / total, error)
