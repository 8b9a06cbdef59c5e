"""The posterior of a selection model from its nodes: evidence with an estimate of its error, laws of mu, tau, theta."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from poolwise.quadrature.selection.coordinates import Coordinate
from poolwise.quadrature.selection.outer import DEEP, Nodes, extent, lattice
from poolwise.quadrature.selection.smooth import WIDTH, dense, filtered, refined
from poolwise.quadrature.selection.weights import Lattice, StepLikelihood

Array = NDArray[np.float64]
BEYOND = 16.0  # nats below the highest node at which a node lies on the rim
ENOUGH = 1.5e-4  # estimated relative error of an evidence at which nothing is refined
ROUNDS = 3
FLOOR, ROUNDING = 5e-8, 1e-9  # relative; what nodes left out can hold, and what sums lose
FINER = 0.75
RIM = 3.0  # mass beyond the rim over that on it: more than any tail that is not heavier than exponential has
U_BOUNDED = 0.25  # sds: step of a mean with ends, skewed in its coordinate, so that kernels follow its density
FINE = 16  # times as narrow are kernels that have to keep their shape under a function
LEAST = 1e-12  # weight of a kernel that is left out
STEP_OF_WEIGHTS = {0: 1.0, 1: 0.5, 2: 0.65, 3: 0.78, 4: 0.9}  # sds, by how many weights are free
RADIUS_OF_WEIGHTS = {0: 1.0, 1: 9.0, 2: 8.5, 3: 7.5, 4: 6.3}


class Inner(Protocol):
    """A likelihood that integrates all but mu and tau."""

    def laplace(self, mu: Array, tau: Array) -> Array:
        """About the log likelihood, the rest integrated out, shape (N,)."""

    def integrated(self, mu: Array, tau: Array, depth: Array, step: float, radius: float) -> Lattice:
        """The same by quadrature."""


@final
@dataclass(frozen=True, eq=False)
class Kernel:
    """A mixture of normal kernels in a coordinate.

    Attributes
    ----------
    weight, centre, spread : ndarray
        Shape (J,); the weights sum to 1, few are slightly below 0.
    tau : ndarray
        tau in the row of each, shape (J,).
    """

    weight: Array
    centre: Array
    spread: Array
    tau: Array


@final
@dataclass(frozen=True)
class Steps:
    """How finely to integrate: log tau (in its own unit or sds), mu and the weights (in sds)."""

    t: float = 0.42
    u: float = 0.5
    x: float = 0.75
    radius: float = 7.5


@final
@dataclass(frozen=True, eq=False)
class LatticePosterior:
    """The posterior on nodes of mu and tau.

    Attributes
    ----------
    inner : Inner
    mu, tau : Coordinate or float
        Unknown, or a known value; mu in the direction of what gets published.
    nodes : Nodes
    log : ndarray
        Log of prior, likelihood and measure of each node, shape (N,).
    shape : Lattice
        What is known of the rest in each node.
    log_evidence : float
    error : float
        Estimated relative error of the evidence, which bounds the true one.
    """

    inner: Inner
    mu: Coordinate | float
    tau: Coordinate | float
    nodes: Nodes
    log: Array
    shape: Lattice
    log_evidence: float
    error: float

    @cached_property
    def weight(self) -> Array:
        """Posterior probability of each node, shape (N,)."""
        return np.exp(self.log - self.log_evidence)

    @cached_property
    def of_t(self) -> Kernel:
        """The law of the coordinate of tau, as kernels."""
        rows = self.nodes.row
        mass = np.bincount(rows - rows.min(), weights=self.weight)
        found = filtered(mass, int(rows.min()))
        t = np.asarray((found.first + np.arange(len(found.weight))) * self.nodes.step_t, dtype=float)
        assert isinstance(self.tau, Coordinate)
        return _trimmed(Kernel(found.weight, t, np.full(len(t), WIDTH * self.nodes.step_t), self.tau.value(t)))

    @cached_property
    def of_q(self) -> Kernel:
        """The law of the coordinate of mu, as kernels that remember their tau."""
        return self._kernels(1)

    @cached_property
    def of_mu(self) -> Kernel:
        """The law of mu as kernels that remember their tau.

        Where mu is a function of its coordinate, kernels are so narrow that each keeps its shape: it is normal with
        the mean and the sd that three points of it give.
        """
        assert isinstance(self.mu, Coordinate)
        if self.mu.plain:
            return self.of_q
        narrow = self._kernels(FINE)
        away = np.sqrt(3.0) * np.array([-1.0, 0.0, 1.0])
        share = np.array([1.0, 4.0, 1.0]) / 6.0
        values = self.mu.value(narrow.centre[:, None] + narrow.spread[:, None] * away)
        mean = values @ share
        spread = np.sqrt((values - mean[:, None]) ** 2 @ share)
        return Kernel(narrow.weight, mean, spread, narrow.tau)

    def _kernels(self, finer: int) -> Kernel:
        nodes = self.nodes
        table, first_row, first = dense(nodes.row, nodes.column, self.weight)
        found = filtered(table, first)
        if finer > 1:
            found = refined(found, finer)
        columns = (found.first + np.arange(found.weight.shape[1])) / finer
        rows, one = np.unique(nodes.row, return_index=True)
        at = rows - first_row
        step, tau = nodes.step_q[one], nodes.tau[one]
        origin = nodes.q[one] - nodes.column[one] * step
        centre = origin[:, None] + columns * step[:, None]
        spread = np.broadcast_to(WIDTH / finer * step[:, None], centre.shape)
        taus = np.broadcast_to(tau[:, None], centre.shape)
        return _trimmed(Kernel(found.weight[at].ravel(), centre.ravel(), spread.ravel(), taus.ravel()))

    def mean_of_tau(self, power: int) -> float:
        """E[tau^power]."""
        return float(self.weight @ self.nodes.tau**power)


def _trimmed(kernel: Kernel) -> Kernel:
    kept = np.abs(kernel.weight) > LEAST
    weight = kernel.weight[kept]
    return Kernel(weight / weight.sum(), kernel.centre[kept], kernel.spread[kept], kernel.tau[kept])


def lattice_posterior(
    inner: Inner, mu: Coordinate | float, tau: Coordinate | float, steps: Steps | None = None
) -> LatticePosterior:
    """Integrate over mu and tau, more finely as long as the estimated error of the evidence asks for it.

    Parameters
    ----------
    inner : Inner
    mu, tau : Coordinate or float
    steps : Steps, optional
        To begin with; by how many weights are free when None.
    """
    if steps is None:
        free = inner.free if isinstance(inner, StepLikelihood) else 0
        bounded = isinstance(mu, Coordinate) and not mu.plain
        steps = Steps(u=U_BOUNDED if bounded else Steps.u, x=STEP_OF_WEIGHTS[free], radius=RADIUS_OF_WEIGHTS[free])
    found = extent(inner.laplace, mu, tau)
    best: LatticePosterior | None = None
    for _ in range(ROUNDS):
        length = min(found.sd_of_t, 1.0) if isinstance(tau, Coordinate) else 1.0
        nodes = lattice(found, mu, tau, steps.t * length, steps.u)
        rough = inner.laplace(nodes.mu, nodes.tau) + nodes.log_measure
        kept = rough > rough.max() - DEEP
        nodes, depth = nodes.kept(kept), rough.max() - rough[kept]
        shape = inner.integrated(nodes.mu, nodes.tau, depth, steps.x, steps.radius)
        log = shape.log + nodes.log_measure
        total = float(logsumexp(log))
        of_t, of_u, of_x, of_rim = errors(nodes, np.exp(log - total), shape, depth)
        made = LatticePosterior(inner, mu, tau, nodes, log, shape, total, of_t + of_u + of_x + of_rim)
        best = made if best is None or made.error < best.error else best
        if made.error < ENOUGH:
            break
        share = ENOUGH / 4.0
        steps = replace(
            steps,
            t=steps.t * (FINER if of_t > share else 1.0),
            u=steps.u * (FINER if of_u > share else 1.0),
            x=steps.x * (FINER if of_x > share else 1.0),
            radius=steps.radius + (2.0 if of_rim > share else 0.0),
        )
    assert best is not None
    return best


def errors(nodes: Nodes, weight: Array, shape: Lattice, depth: Array) -> tuple[float, float, float, float]:
    """Estimated relative errors by the steps of t, of u, of the weights, and by what lies beyond the rim.

    A sum over every second node errs by about the root of what the sum over all does, as the trapezoidal rule converges
    geometrically; the nodes on the rim count in full.
    """
    row = nodes.row - nodes.row.min()
    mass = np.bincount(row, weights=weight)
    of_t = (2.0 * mass[::2].sum() - 1.0) ** 2 if len(mass) > 1 else 0.0
    of_u = 0.0
    if np.isfinite(nodes.q).any():
        even = np.bincount(row, weights=np.where(nodes.column % 2 == 0, weight, 0.0), minlength=len(mass))
        held = mass > 0.0
        of_u = float(mass[held] @ (2.0 * even[held] / mass[held] - 1.0) ** 2)
    single = len(weight) == 1
    rim = 0.0 if single else float(weight[depth > BEYOND].sum())
    rim += 0.0 if single else FLOOR / RIM
    return float(of_t), of_u, float(weight @ shape.error) + ROUNDING, RIM * (rim + float(weight @ shape.rim))
