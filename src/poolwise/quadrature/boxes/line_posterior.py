"""Posteriors of a mean that is not normal given two or three other parameters: boxes over these, lattices along it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, final

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from poolwise.quadrature.boxes.boxes import Boxes, integrate
from poolwise.quadrature.boxes.lattice import WIDE, Lattice, Line, drawn, kernel_weights, lattices
from poolwise.quadrature.boxes.variables import Variable
from poolwise.quadrature.rules.condensed import lagrange_through
from poolwise.quadrature.rules.mixture import NormalMixture, trimmed

Array = NDArray[np.float64]
Parts = tuple[Array, Array, Array]

TOLERANCE = {2: 1e-5, 3: 1e-4}  # of the last Legendre coefficients; errors seen are 1e4 times smaller
RESOLVED = 1e-5  # mismatch of a lattice whose total is asked for: the error is its square
SMOOTH = 1e-7  # mismatch of a lattice that kernels are put on
NODES = {2: 8, 3: 6}  # in each direction of a box, from which the law of mu is taken
FEWER = {2: 6, 3: 4}  # of the laws of true effects, which are wider
LEFT_OUT = 1e-10  # probability of nodes, and of components of mixtures, that are left out
FINEST = 1e-5  # half-widths to which limits are worked out, however small the tolerance asked for
LIMITS = np.array([0.025, 0.5, 0.975])
TINY = np.finfo(float).tiny
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

    def mu(self, moments: int = 2) -> NormalMixture:
        """The posterior of mu, whose highest moment that exists is given."""
        return self._mu(NODES[self.boxes.d], moments)

    def new(self, moments: int = 2) -> NormalMixture:
        """The posterior of the true effect in a new study."""
        return _mixture([each.new(self.rows) for each in self._few], moments)

    def theta(self, i: int) -> NormalMixture:
        """The posterior of the true effect theta_i."""
        return _mixture([each.theta(self.rows, i) for each in self._few], 2)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Independent joint draws: mu (size,) and the other parameters (d, size)."""
        phi = self._parameters(self.boxes.draw(size, rng))
        mu = np.empty(size)
        for which, lattice in lattices(self.rows, phi, RESOLVED):
            mu[which] = drawn(self.rows, lattice, phi[:, which], rng)
        return mu, phi

    def limit_error(self) -> float:
        """Estimated error of medians and limits of mu, in half-widths of the 95 % interval.

        How far they move with the few nodes that true effects are integrated over, which exceeds the error with more.
        """
        law = self.mu()
        at = law.ppf(LIMITS)
        moved = np.abs(self._mu(FEWER[self.boxes.d], 2).cdf(at) - LIMITS)
        return float((moved / (law.pdf(at) * 0.5 * (at[2] - at[0]))).max()) + self.boxes.error

    @cached_property
    def _few(self) -> tuple[_AtNodes, ...]:
        return tuple(self._at_nodes(FEWER[self.boxes.d]))

    def _mu(self, size: int, moments: int) -> NormalMixture:
        return _mixture([each.mu() for each in self._at_nodes(size)], moments)

    def _at_nodes(self, size: int) -> Iterator[_AtNodes]:
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

    @property
    def spread(self) -> Array:
        """Of the kernels, shape (N,)."""
        return WIDE * self.lattice.step

    def mu(self) -> Parts:
        """Weights, centres and spreads of the kernels of mu, shape (N, M)."""
        return self._parts(kernel_weights(self.lattice.relative()), self.lattice.z)

    def new(self, rows: Rows) -> Parts:
        """The same of the true effect in a new study, shape (N, L)."""
        return self._parts(*self._with_law(rows, self.lattice.relative()))

    def theta(self, rows: Rows, i: int) -> Parts:
        """The same of the true effect theta_i, shape (N, L)."""
        y, v = rows.y[i], rows.v[i]
        log_others = np.log(np.maximum(self.lattice.relative(), TINY)) - rows.log_row(i, self.lattice.z, self.phi)
        with np.errstate(over="ignore"):
            share, z = self._with_law(rows, np.exp(log_others))
        square = self.spread[:, None] ** 2
        total = square + v
        height = np.exp(-0.5 * ((y - z) ** 2 / total + np.log(total) + _LOG_2PI))
        weight, centre, _ = self._parts(share * height, z + square / total * (y - z))
        return weight, centre, np.broadcast_to(np.sqrt(square * v / total), centre.shape)

    def _parts(self, share: Array, centre: Array) -> Parts:
        return self.weight[:, None] * share, centre, np.broadcast_to(self.spread[:, None], share.shape)

    def _with_law(self, rows: Rows, density: Array) -> tuple[Array, Array]:
        """Weights of the kernels of z + (theta - mu) and their centres, shape (N, L), from the density of z x step."""
        step, (low, high) = self.lattice.step, rows.extent(self.phi)
        before, after = int(np.ceil((-low / step).max())), int(np.ceil((high / step).max()))
        x = step[:, None] * np.arange(-before, after + 1)
        about = np.exp(rows.log_about(x, self.spread**2, self.phi)) * step[:, None]
        share = kernel_weights(density, about)
        return share, (self.lattice.first - before * step)[:, None] + step[:, None] * np.arange(share.shape[1])


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
    few, many = leggauss(size)[0], leggauss(order)[0]
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


def _mixture(parts: Sequence[Parts], moments: int) -> NormalMixture:
    weight, centre, spread = (np.concatenate([part.ravel() for part in same]) for same in zip(*parts, strict=True))
    telling = np.abs(weight) > 1e-3 * LEFT_OUT / len(weight)  # all others together are a thousandth of what is left out
    law = trimmed(weight[telling], centre[telling], spread[telling], LEFT_OUT)
    return NormalMixture(law.weight, law.centre, law.spread, moments)
