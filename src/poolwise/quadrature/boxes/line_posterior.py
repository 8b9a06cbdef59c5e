"""Posteriors of a mean that is not normal given two or three other parameters: boxes over these, lattices along it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.boxes.boxes import Boxes, integrate
from poolwise.quadrature.boxes.lattice import WIDE, Lattice, Line, drawn, kernel_weights, lattices
from poolwise.quadrature.boxes.variables import Variable
from poolwise.quadrature.rules.gauss_rules import gauss_legendre, lagrange_through
from poolwise.quadrature.rules.mixture import NormalMixture, trimmed
from poolwise.quadrature.rules.panel_law import PanelLaw

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Parts = tuple[Array, Array, Array]

TOLERANCE = {2: 1e-5, 3: 1e-4}  # of the last Legendre coefficients; errors seen are 1e4 times smaller
RESOLVED = 1e-4  # mismatch of a lattice whose total is asked for: the error is its cube
SMOOTH = 1e-6  # mismatch of a lattice that kernels are put on
NODES = {2: (6, 8, 10, 12, 14, 16), 3: (4, 6, 8, 10)}  # in each direction of a box, from which laws are taken
LONGEST = 2000  # points of a law on the lattice of mu
BEYOND = 8.5  # standard deviations of a normal law beyond which there is next to no probability
LEFT_OUT = 1e-10  # probability of nodes, and of components of mixtures, that are left out
FINEST = 1e-5  # half-widths to which limits are worked out, however small the tolerance asked for
LIMITS = np.array([0.025, 0.5, 0.975])
TINY = np.finfo(float).tiny
SIDES = (-BEYOND, BEYOND)
_LOG_2PI = float(np.log(2.0 * np.pi))


class Rows(Line, Protocol):
    """Estimates whose true effects are spread about mu = z by a law with the parameters phi, shape (d, N)."""

    @property
    def y(self) -> Array:
        """Estimates, shape (k,)."""

    @property
    def v(self) -> Array:
        """Their sampling variances, shape (k,)."""

    def log_row(self, i: int, z: Array, phi: Array) -> Array:
        """Log density of estimate i at z of shape (N, M), its true effect integrated out."""

    def log_about(self, x: Array, variance: Array, phi: Array) -> Array:
        """Log density at x, shape (N, M), of theta - mu + Normal(0, variance), variance of shape (N,)."""

    def extent(self, phi: Array) -> tuple[Array, Array]:
        """Ends of theta - mu beyond which there is next to no probability, shape (N,) each."""


@final
@dataclass(frozen=True, eq=False)
class LinePosterior:
    """Posterior of mu, of the other parameters and of the true effects.

    Laws are mixtures over few nodes in each box that integrate the same polynomials as all of them. At a node, mu is a
    sum of normal kernels; the true effect in a new study is its convolution with the law of theta - mu; and theta_i
    that of a new study given the others, times the density of y_i. All are normal mixtures, smooth where tau is small.

    Attributes
    ----------
    rows : Rows
    variables : tuple of Variable
        The d other parameters, in the order of phi.
    boxes : Boxes
        The density of their coordinates, mu integrated out.
    moments : int
        Highest moment of the first of them, a standard deviation, that exists.
    """

    rows: Rows
    variables: tuple[Variable, ...]
    boxes: Boxes
    moments: int

    @property
    def log_total(self) -> float:
        """Log marginal likelihood (log integral, where a prior is improper)."""
        return self.boxes.log_total

    @cached_property
    def nodes(self) -> tuple[Array, Array, Array]:
        """Weights (J,), parameters (d, J) and values (1, J) of all nodes."""
        points = self.boxes.points.reshape(self.boxes.d, -1)
        return self.boxes.mass.reshape(-1), self._parameters(points), self.boxes.values.reshape(1, -1)

    def marginal(self, axis: int, moments: int) -> PanelLaw:
        """The law of one of the other parameters, whose highest moment that exists is given."""
        weight, phi, _ = self.nodes
        return PanelLaw(partial(self.boxes.marginal, axis), self.variables[axis], weight, phi[axis], moments)

    def mu(self, moments: int = 2) -> NormalMixture:
        """The posterior of mu, whose highest moment that exists is given."""
        return replace(self._means[0], moments=moments)

    def new(self, moments: int = 2) -> NormalMixture:
        """The posterior of the true effect in a new study."""
        return _mixture([part for each in self._at_nodes for part in each.new(self.rows)], moments)

    def theta(self, i: int) -> NormalMixture:
        """The posterior of the true effect theta_i."""
        return _mixture([part for each in self._at_nodes for part in each.theta(self.rows, i)], 2)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Independent joint draws: mu (size,) and the other parameters (d, size)."""
        phi = self._parameters(self.boxes.draw(size, rng))
        mu = np.empty(size)
        for which, lattice in lattices(self.rows, phi, RESOLVED):
            mu[which] = drawn(self.rows, lattice, phi[:, which], rng)
        return mu, phi

    @property
    def limit_error(self) -> float:
        """Estimated error of medians and limits of mu, in half-widths of the 95 % interval.

        How far they move with two nodes less in each direction, which exceeds the error.
        """
        return self._means[1] + self.boxes.error

    @cached_property
    def _means(self) -> tuple[NormalMixture, float, int]:
        """The law of mu, the error of the one before it, and the nodes of that one, which suffice for true effects."""
        sizes = NODES[self.boxes.d]
        laws = [self._mean(sizes[0])]
        for size in sizes[1:]:
            laws.append(self._mean(size))
            at = laws[-1].ppf(LIMITS)
            moved = np.abs(laws[-2].cdf(at) - LIMITS) / (laws[-1].pdf(at) * 0.5 * (at[2] - at[0]))
            if (error := float(moved.max())) <= FINEST:
                break
        return laws[-1], error, sizes[len(laws) - 2]

    def _mean(self, size: int) -> NormalMixture:
        return _mixture([each.mu() for each in self._nodes_of(size)], 2)

    @cached_property
    def _at_nodes(self) -> tuple[_AtNodes, ...]:
        return tuple(self._nodes_of(self._means[2]))

    def _nodes_of(self, size: int) -> Iterator[_AtNodes]:
        weight, points = condensed(self.boxes, size)
        phi = self._parameters(points)
        for which, lattice in lattices(self.rows, phi, SMOOTH):
            yield _AtNodes(weight[which], phi[:, which], lattice)

    def _parameters(self, points: Array) -> Array:
        return np.stack([one.parameter(x) for one, x in zip(self.variables, points, strict=True)])


@final
@dataclass(frozen=True, eq=False)
class _AtNodes:
    """Nodes with their weights, shape (N,), and the log density of mu there, up to a constant, on lattices."""

    weight: Array
    phi: Array
    lattice: Lattice

    def mu(self) -> Parts:
        """Weights, centres and spreads of the kernels of mu, shape (N, M)."""
        share = self.weight[:, None] * kernel_weights(self.lattice.relative())
        return share, self.lattice.z, _columns(WIDE * self.lattice.step, share)

    def new(self, rows: Rows) -> Iterator[Parts]:
        """The same of the true effect in a new study, shape (n, L) for n of the nodes at a time."""
        yield from self._with_law(rows, self.lattice.relative())

    def theta(self, rows: Rows, i: int) -> Iterator[Parts]:
        """The same of the true effect theta_i."""
        y, v = rows.y[i], rows.v[i]
        log_others = np.log(np.maximum(self.lattice.relative(), TINY)) - rows.log_row(i, self.lattice.z, self.phi)
        for share, z, spread in self._with_law(rows, np.exp(log_others)):
            square = spread**2
            total = square + v
            height = np.exp(-0.5 * ((y - z) ** 2 / total + np.log(total) + _LOG_2PI))
            yield share * height, z + square / total * (y - z), np.sqrt(square * v / total)

    def _with_law(self, rows: Rows, density: Array) -> Iterator[Parts]:
        """Kernels of mu + (theta - mu), from the density of mu x step: nodes with laws about as long at a time."""
        low, high = rows.extent(self.phi)
        length = (high - low) / self.lattice.step
        doublings = np.ceil(np.log2(np.minimum(length, LONGEST + 1.0)))
        for each in np.unique(doublings):
            at = np.flatnonzero((doublings == each) & (length <= LONGEST))
            if len(at):
                yield self._convolved(rows, density[at], at)
        far = np.flatnonzero(length > LONGEST)
        if len(far):
            yield self._far(rows, density[far], far)

    def _convolved(self, rows: Rows, density: Array, at: Ints) -> Parts:
        phi, step = self.phi[:, at], self.lattice.step[at]
        low, high = rows.extent(phi)
        before, after = (int(np.ceil((end / step).max() + BEYOND * WIDE)) for end in (-low, high))
        x = step[:, None] * np.arange(-before, after + 1)
        about = np.exp(rows.log_about(x, (WIDE * step) ** 2, phi)) * step[:, None]
        share = self.weight[at, None] * kernel_weights(density, about)
        z = (self.lattice.first[at] - before * step)[:, None] + step[:, None] * np.arange(share.shape[1])
        return share, z, _columns(WIDE * step, share)

    def _far(self, rows: Rows, density: Array, at: Ints) -> Parts:
        """The same where the law of theta - mu is so much wider than mu that of mu only mean and sd matter."""
        phi, z = self.phi[:, at], self.lattice.z[at]
        total = density.sum(axis=1, keepdims=True)
        mean = (density * z).sum(axis=1, keepdims=True) / total
        variance = (density * (z - mean) ** 2).sum(axis=1) / total[:, 0]
        low, high = (end + side * np.sqrt(variance) for end, side in zip(rows.extent(phi), SIDES, strict=True))
        step = ((high - low) / LONGEST)[:, None]
        x = low[:, None] + step * np.arange(LONGEST + 1)
        share = self.weight[at, None] * total * kernel_weights(np.exp(rows.log_about(x, variance, phi)) * step)
        return share, mean + x, _columns(WIDE * step[:, 0], share)


def line_posterior(rows: Rows, variables: Sequence[Variable], *, moments: int) -> LinePosterior:
    """Integrate a model over mu and its other parameters.

    Parameters
    ----------
    rows : Rows
    variables : sequence of Variable
        The other parameters and their priors, a standard deviation first.
    moments : int
        Highest moment of it that exists.

    Returns
    -------
    LinePosterior
    """

    def evaluate(x: Array) -> Array:
        phi = np.stack([one.parameter(at) for one, at in zip(variables, x, strict=True)])
        values = np.empty((1, x.shape[1]))
        for which, lattice in lattices(rows, phi, RESOLVED):
            values[0, which] = lattice.log_total
        values[0] += sum(one.log_prior(at) for one, at in zip(variables, x, strict=True))
        return values

    edges = [one.edges for one in variables]
    return LinePosterior(rows, tuple(variables), integrate(evaluate, edges, TOLERANCE[len(edges)]), moments)


def condensed(boxes: Boxes, size: int) -> tuple[Array, Array]:
    """Fewer nodes that integrate density times a polynomial of lower degree in each box as all nodes do.

    Parameters
    ----------
    boxes : Boxes
    size : int
        Nodes in each direction of a box; the degree is size - 1.

    Returns
    -------
    tuple of ndarray
        Weights that sum to 1, shape (J,), a few perhaps slightly below 0; and nodes, shape (d, J), without those that
        matter least.
    """
    d, order = boxes.d, boxes.order
    few, many = gauss_legendre(size).nodes, gauss_legendre(order).nodes
    weight, through = boxes.mass.reshape(-1, *(order,) * d), lagrange_through(few, many)
    for _ in range(d):
        weight = np.moveaxis(weight, 1, -1) @ through
    weight = weight.ravel()
    ascending = np.argsort(np.abs(weight))
    share = np.cumsum(np.abs(weight[ascending]))
    keep = np.sort(ascending[share > LEFT_OUT * share[-1]])
    grid = np.stack(np.meshgrid(*[few] * d, indexing="ij")).reshape(d, 1, -1)
    half = 0.5 * (boxes.right - boxes.left).T[:, :, None]
    points = (boxes.left.T[:, :, None] + half * (1.0 + grid)).reshape(d, -1)
    return weight[keep] / weight[keep].sum(), points[:, keep]


def _columns(spread: Array, share: Array) -> Array:
    return np.broadcast_to(spread[:, None], share.shape)


def _mixture(parts: Sequence[Parts], moments: int) -> NormalMixture:
    weight, centre, spread = (np.concatenate([part.ravel() for part in same]) for same in zip(*parts, strict=True))
    telling = np.abs(weight) > 1e-3 * LEFT_OUT / len(weight)  # all others together are a thousandth of what is left out
    law = trimmed(weight[telling], centre[telling], spread[telling], LEFT_OUT)
    return NormalMixture(law.weight, law.centre, law.spread, moments)
