"""Exchangeable groups: mu_o ~ N(m, s^2), log tau_o ~ N(log tau, r^2), by quadrature over m, s, tau and r.

Given the four hyperparameters the groups separate, L = prod_o L_o with

    L_o(m, s, tau, r) = integral of A_o(m, s, e^u) N(u; log tau, r^2) du,

A_o as in `outcome_likelihood`. On panels in u this is a matrix product, A_o[ms, t] B_o[t, tau r], whose weights B_o
(`product_rule`) are exact for spikes and for broad densities of u alike. Q_o = prior x prod of the other L makes
A_o x (Q_o B_o) the joint weights of m, s and u, over which mu_o, theta_i and theta_new are normal mixtures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.quadrature.groups.hyper_grid import HyperGrid, Hyperpriors, Points, first_grid, split, tail_of
from poolwise.quadrature.groups.outcome_likelihood import ORDER, Group, Table, first_edges, halved, unresolved
from poolwise.quadrature.rules.product_rule import REACH, normal_weights
from poolwise.threads import available_cores, one_thread

Array = NDArray[np.float64]
Summed = tuple[Array, list[Array]]

TOLERANCE = 2e-6  # disagreement of the two sums, of which each is the more exact where the other is coarse
SCOUT = 4  # nodes of a panel that find where the posterior is
COARSE = 7  # nodes of a panel on axes that are integrated over only
FINE = 12  # nodes of a panel on axes whose marginal is wanted
RESOLVED = (1e-5, 2e-7)  # last Legendre coefficients of a marginal density that are tried in turn
MOST_ROUNDS = 10
PRUNED = 1e-9  # probability of all nodes that are left out
STANDING = 48  # nodes that stand for all of the other pair while panels are adapted
CELLS = 200_000  # elements of a temporary array
FEW = 300_000  # pairs of nodes from which it pays to look how few rows of A_o differ
ALIKE = 300  # rows of A_o that span the others
RANK = 1e-11  # singular values over the largest that count
TINY = 1e-300


@final
@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the hyperparameters.

    Attributes
    ----------
    means, spreads : Points
        Nodes of (m, s) and of (log tau, r).
    log_total : float
        Log marginal likelihood, up to the constant of improper priors.
    means_mass, spreads_mass : ndarray
        Posterior probability of the nodes.
    over_means : tuple of ndarray
        For each group sum over (log tau, r) of posterior / A_o at (m, s) and the nodes of tau_o, shape (M, T); empty
        when not asked for.
    over_spreads : tuple of ndarray
        For each group the sum over (m, s) of posterior / L_o x A_o, shape (LR, T); empty when not asked for.
    tops : tuple of ndarray
        Log of what A_o is measured in: its highest value at (m, s), shape (M,).
    """

    means: Points
    spreads: Points
    log_total: float
    means_mass: Array
    spreads_mass: Array
    over_means: tuple[Array, ...] = ()
    over_spreads: tuple[Array, ...] = ()
    tops: tuple[Array, ...] = ()

    def joint(self, o: int, table: Table) -> Array:
        """Joint probability of (m, s) and the nodes of tau_o in group o, shape (M, T)."""
        height = table.log_joint(self.means.first, self.means.second)
        return self.over_means[o] * np.exp(height - self.tops[o][:, None])


def sums(
    tables: Sequence[Table], means: Points, spreads: Points, *, over_means: bool = False, over_spreads: bool = False
) -> Sums:
    """Sum the posterior over all pairs of nodes.

    Parameters
    ----------
    tables : sequence of Table
        One for each group.
    means, spreads : Points
        Nodes of (m, s) and of (log tau, r).
    over_means, over_spreads : bool
        Whether to make those arrays too.

    Returns
    -------
    Sums
    """
    offset = means.log_weight.copy()
    weights = tau_weights(tables[0].edges, spreads)
    parts, tops = [], []
    for table in tables:
        height = table.log_joint(means.first, means.second)
        tops.append(height.max(axis=1))
        offset += tops[-1]
        height -= tops[-1][:, None]
        parts.append(Part.of(np.exp(height, out=height), weights, len(weights) * len(offset) > FEW))
    peaks = float(offset.max()), float(spreads.log_weight.max())
    first, second = np.exp(offset - peaks[0]), np.exp(spreads.log_weight - peaks[1])
    work = Blocks(first, second, tuple(parts), over_means, over_spreads)
    means_mass, by_means = np.empty(len(first)), work.room_by_means()
    summed = work.all(means_mass, by_means)
    spreads_mass = sum((at_spreads for at_spreads, _ in summed), np.zeros(len(second)))
    by_spreads = [sum(each, np.zeros_like(each[0])) for each in zip(*(by for _, by in summed), strict=True)]
    by_spreads = [found @ part.basis.T for found, part in zip(by_spreads, parts, strict=bool(by_spreads))]
    total = float(means_mass.sum())
    for array in (means_mass, spreads_mass, *by_means, *by_spreads):
        array /= total
    log_total = math.log(total) + sum(peaks)
    return Sums(means, spreads, log_total, means_mass, spreads_mass, tuple(by_means), tuple(by_spreads), tuple(tops))


@final
@dataclass(frozen=True, eq=False)
class Part:
    """A_o = a basis' of few columns, B_o, and basis' B_o'."""

    a: Array
    basis: Array
    b: Array
    ab: Array

    @classmethod
    def of(cls, a: Array, b: Array, many: bool) -> Part:
        """A_o, shape (M, T), where there is much to do on the span of some of its rows: few of them differ."""
        if not many:
            return cls(a, np.eye(a.shape[1]), b, b.T)
        some = a[:: 1 + len(a) // ALIKE]
        _, size, right = np.linalg.svd(some, full_matrices=False)
        basis = right[size > RANK * size[0]].T
        return cls(a @ basis, basis, b, basis.T @ b.T)

    def likelihood(self, block: slice, out: Array | None = None) -> Array:
        """L_o at some of the (m, s)."""
        found = np.matmul(self.a[block], self.ab, out=out)
        return np.maximum(found, TINY, out=found)


@final
@dataclass(frozen=True, eq=False)
class Blocks:
    """The sums of `sums`, over blocks of (m, s) and so in little memory, on as many cores as there are.

    Attributes
    ----------
    first, second : ndarray
        Weights of (m, s) and of (log tau, r), shapes (M,) and (LR,).
    parts : tuple of Part
        One for each group.
    over_means, over_spreads : bool
        As `sums` has them.
    """

    first: Array
    second: Array
    parts: tuple[Part, ...]
    over_means: bool
    over_spreads: bool

    @property
    def rows(self) -> int:
        """The (m, s) of a block."""
        return min(len(self.first), max(1, CELLS // len(self.second)))

    def room_by_means(self) -> list[Array]:
        """Where the sums over (log tau, r) go; none when not asked for."""
        return [np.empty((len(self.first), part.b.shape[1])) for part in self.parts] if self.over_means else []

    def all(self, means_mass: Array, by_means: list[Array]) -> list[Summed]:
        """The sums over (m, s) of each block, in order: the same to the last bit whatever the number of cores."""
        starts = range(0, len(self.first), self.rows)
        workers = min(len(starts), available_cores())
        if workers == 1:
            return self.some(starts, means_mass, by_means)
        with ThreadPoolExecutor(workers) as pool:  # NumPy lets go of the lock
            shares = [starts[worker::workers] for worker in range(workers)]
            found = list(pool.map(lambda share: self.some(share, means_mass, by_means), shares))
        return [found[block % workers][block // workers] for block in range(len(starts))]

    @one_thread()  # of threads of Python each may have a number of its own
    def some(self, starts: Sequence[int], means_mass: Array, by_means: list[Array]) -> list[Summed]:
        """The sums over (m, s) of these blocks; those over (log tau, r) are written where they belong."""
        room = np.empty((1 + len(self.parts), self.rows, len(self.second)))  # once: memory mapped anew is slow
        return [self.one(slice(start, start + self.rows), room, means_mass, by_means) for start in starts]

    def one(self, block: slice, room: Array, means_mass: Array, by_means: list[Array]) -> Summed:
        """The sums of one block."""
        first, by_spreads = self.first[block], []
        joint, *each = room[:, : len(first)]
        np.multiply(first[:, None], self.second, out=joint)
        for part, likelihood in zip(self.parts, each, strict=True):
            joint *= part.likelihood(block, out=likelihood)
        means_mass[block] = joint.sum(axis=1)
        for o, part in enumerate(self.parts if self.over_means or self.over_spreads else ()):
            others = np.divide(joint, each[o], out=each[o])
            if self.over_means:
                np.matmul(others, part.b, out=by_means[o][block])
            if self.over_spreads:
                by_spreads.append(others.T @ part.a[block])
        return joint.sum(axis=0), by_spreads


def tau_weights(edges: Array, spreads: Points) -> Array:
    """B: weights of the nodes of tau_o under log tau_o ~ N(log tau, r^2), shape (LR, T)."""
    location, scale = spreads.first, spreads.second
    out = np.zeros((len(location), 1 + (len(edges) - 1) * ORDER))
    inside = np.isfinite(location)
    out[inside, 1:] = normal_weights(edges, ORDER, location[inside], scale[inside])
    out[:, 0] = ndtr((edges[0] - location) / scale)
    return out


@final
@dataclass(frozen=True, eq=False)
class Exchangeable:
    """The posterior of exchangeable groups.

    Attributes
    ----------
    groups : tuple of Group
        Shifted so that estimates are near 0.
    shift : float
        What was subtracted.
    grid : HyperGrid
    tables : tuple of Table
    fine_means : Sums
        With many nodes in (m, s), and the joint weights of m, s and tau_o.
    fine_spreads : Sums
        With many nodes in (log tau, r), and the sums over (m, s).

    References
    ----------
    Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., section 5.4, 10.1201/b16018, for the hierarchy; the quadrature
    is our own.
    """

    groups: tuple[Group, ...]
    shift: float
    grid: HyperGrid
    tables: tuple[Table, ...]
    fine_means: Sums
    fine_spreads: Sums

    @property
    def error(self) -> float:
        """How far the two sums disagree, and what their marginal densities do not resolve.

        The largest of: differences of the log totals, differences of the means of m, s, log tau and r in their
        standard deviations, last Legendre coefficients of the marginal densities over their degree. Each sum is
        fine where the other is coarse, so that they share no error of an axis.
        """
        one, other = self.fine_means, self.fine_spreads
        gaps = [abs(one.log_total - other.log_total)]
        for a, b, mass_a, mass_b in (
            (one.means, other.means, one.means_mass, other.means_mass),
            (one.spreads, other.spreads, one.spreads_mass, other.spreads_mass),
        ):
            gaps += [_gap(a.first, b.first, mass_a, mass_b), _gap(a.second, b.second, mass_a, mass_b)]
        means, spreads = one.means.whole(one.means_mass), other.spreads.whole(other.spreads_mass)
        tails = [(self.grid.l, spreads.sum(axis=1)[:-1]), (self.grid.r, spreads.sum(axis=0))]
        if self.grid.priors.spread is not None:
            tails += [(self.grid.z, means.sum(axis=1)), (self.grid.s, means.sum(axis=0))]
        return max(*gaps, *(float(tail_of(edges, mass, FINE).max()) / FINE for edges, mass in tails))


def _gap(a: Array, b: Array, mass_a: Array, mass_b: Array) -> float:
    """Difference of two means over the standard deviation; 0 for what is known."""
    (a, mass_a), (b, mass_b) = ((x[np.isfinite(x)], mass[np.isfinite(x)]) for x, mass in ((a, mass_a), (b, mass_b)))
    if not len(a) or np.ptp(a) == 0.0:
        return 0.0
    mean, other = mass_a @ a, mass_b @ b
    return float(abs(mean - other) / math.sqrt(mass_a @ (a - mean) ** 2))


def exchangeable(groups: Sequence[Group], priors: Hyperpriors, tolerance: float = TOLERANCE) -> Exchangeable:
    """Integrate the posterior of exchangeable groups.

    Parameters
    ----------
    groups : sequence of Group
    priors : Hyperpriors
    tolerance : float
        Largest `Exchangeable.error` for which the panels are not refined once more.

    Returns
    -------
    Exchangeable

    References
    ----------
    Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., section 5.4, 10.1201/b16018, for the hierarchy; the quadrature
    is our own.
    """
    weight = np.concatenate([1.0 / group.v for group in groups])
    shift = float(weight @ np.concatenate([group.y for group in groups]) / weight.sum())
    moved = tuple(Group(group.y - shift, group.v) for group in groups)
    priors = replace(priors, m0=priors.m0 - shift if math.isfinite(priors.s0) else 0.0)
    grid = first_grid(moved, priors)
    for resolved in RESOLVED:
        found = _fitted(moved, shift, grid, resolved)
        if found.error <= tolerance:
            break
    return found


def _fitted(groups: tuple[Group, ...], shift: float, grid: HyperGrid, resolved: float) -> Exchangeable:
    scouting = _adapted(groups, grid, resolved)
    grid, tables = scouting.grid, scouting.tables
    coarse_means = sums(tables, grid.means(COARSE), scouting.few_spreads)
    coarse_spreads = sums(tables, scouting.few_means, grid.spreads(COARSE))
    fine_means = sums(tables, _held_means(scouting.at_means), _held_spreads(coarse_spreads), over_means=True)
    fine_spreads = sums(tables, _held_means(coarse_means), _held_spreads(scouting.at_spreads), over_spreads=True)
    return Exchangeable(groups, shift, grid, tables, fine_means, fine_spreads)


@final
@dataclass(frozen=True, eq=False)
class Scouting:
    """Where the posterior is on one grid: sums over few nodes of all axes, then over many of one pair at a time.

    Attributes
    ----------
    grid : HyperGrid
    tables : tuple of Table
    coarse : Sums
        At `SCOUT` nodes of each panel.
    """

    grid: HyperGrid
    tables: tuple[Table, ...]
    coarse: Sums

    @classmethod
    def on(cls, grid: HyperGrid, tables: tuple[Table, ...]) -> Scouting:
        """The scouts of a grid, with what tells whether its panels in log tau_o are fine enough."""
        return cls(grid, tables, sums(tables, grid.means(SCOUT), grid.spreads(SCOUT), over_means=True))

    @cached_property
    def few_means(self) -> Points:
        """Nodes that stand for all (m, s)."""
        return _standing(self.coarse.means, self.coarse.means_mass)

    @cached_property
    def few_spreads(self) -> Points:
        """Nodes that stand for all (log tau, r)."""
        return _standing(self.coarse.spreads, self.coarse.spreads_mass)

    @cached_property
    def at_means(self) -> Sums:
        """Sums over many (m, s)."""
        return sums(self.tables, self.grid.means(FINE), self.few_spreads)

    @cached_property
    def at_spreads(self) -> Sums:
        """Sums over many (log tau, r)."""
        return sums(self.tables, self.few_means, self.grid.spreads(FINE))


def _first_edges(groups: Sequence[Group], grid: HyperGrid) -> Array:
    """The first panels in log tau_o."""
    highest = float(grid.l[-1] + REACH * grid.r_unit * math.sinh(grid.r[-1]))
    longest = float(np.ptp(np.concatenate([group.y for group in groups])))
    if grid.priors.spread is not None:
        longest = max(longest, float(grid.priors.spread.ppf(np.array(0.99))))
    return first_edges(groups, longest, highest)


def _adapted(groups: Sequence[Group], grid: HyperGrid, resolved: float) -> Scouting:
    """Panels on which every marginal density of a hyperparameter is resolved, and every A_o where it matters."""
    edges = _first_edges(groups, grid)
    for _ in range(MOST_ROUNDS):
        scouting = Scouting.on(grid, tuple(Table.at(group, edges) for group in groups))
        scouts = scouting.coarse
        bad = np.zeros(len(edges) - 1, dtype=bool)
        for o, table in enumerate(scouting.tables):
            height = table.log_joint(scouts.means.first, scouts.means.second)
            bad |= unresolved(height, scouts.joint(o, table))
        grid, more = _split(scouting, resolved)
        if not (more or bad.any()):
            break
        edges = halved(edges, bad)
    return scouting if scouting.grid.has_edges_of(grid) else Scouting.on(grid, scouting.tables)


def _split(scouting: Scouting, resolved: float) -> tuple[HyperGrid, bool]:
    """The grid with panels halved where a marginal density is not resolved, and whether any was."""
    grid, found = scouting.grid, scouting.at_spreads
    at_spreads = found.spreads.whole(found.spreads_mass)
    log_tau, more_tau = split(grid.l, at_spreads.sum(axis=1)[:-1], FINE, resolved)
    r, more_r = split(grid.r, at_spreads.sum(axis=0), FINE, resolved)
    new = replace(grid, l=log_tau, r=r)
    if grid.priors.spread is None:
        return new, more_tau or more_r
    found = scouting.at_means
    at_means = found.means.whole(found.means_mass)
    z, more_z = split(grid.z, at_means.sum(axis=1), FINE, resolved)
    s, more_s = split(grid.s, at_means.sum(axis=0), FINE, resolved)
    return replace(new, z=z, s=s), more_tau or more_r or more_z or more_s


def _standing(points: Points, mass: Array) -> Points:
    """A few nodes that stand for all: systematically drawn by the root of their mass, weighted up to the whole."""
    root = np.sqrt(mass)
    cumulative = np.cumsum(root) / root.sum()
    picked = np.searchsorted(cumulative, (np.arange(STANDING) + 0.5) / STANDING)
    chosen, times = np.unique(np.minimum(picked, len(mass) - 1), return_counts=True)
    up = points.log_weight[chosen] + np.log(times * root.sum() / root[chosen] / STANDING)
    return replace(points.kept(chosen), log_weight=up)


def _held_means(found: Sums) -> Points:
    """The nodes of (m, s) that hold all but a negligible part of the posterior."""
    return found.means.kept(_held(found.means_mass))


def _held_spreads(found: Sums) -> Points:
    """The nodes of (log tau, r) that hold all but a negligible part of the posterior."""
    return found.spreads.kept(_held(found.spreads_mass))


def _held(mass: Array) -> NDArray[np.bool_]:
    order = np.argsort(mass)
    keep = np.ones(len(mass), dtype=bool)
    keep[order[np.cumsum(mass[order]) < PRUNED]] = False
    return keep
