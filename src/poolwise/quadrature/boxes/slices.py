"""A density of r variables at values of one more, each time on the points of a lattice that matter.

Given the first variable the r others x are scaled by their own posterior, x = centre + root z, and summed on a lattice
of z with equal steps along each direction. The trapezoidal rule integrates an analytic density that falls off on all
sides to an error of order exp(-c / step), so that the steps follow from how far sums over every second point lie apart.
Points are left out that lie far below the highest density of all values of the first variable together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.boxes.boxes import Evaluate
from poolwise.quadrature.boxes.lattice import TINY, Lattice, kernel_weights

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Score = Callable[[Array], tuple[Array, Array]]
Block = tuple[Array, Array, Array, Array]  # first variable, centres, roots and nats of some slices

NATS = {2: 27.0, 3: 19.0}  # below its maximum at which a density of so many variables is left out: 2e-12 and 6e-9
LEAST_NATS = 9.0  # of a slice that itself lies near there
BAND = 1.0  # nats above that whose probability stands for what is left out, and exceeds it
COARSE = 1.2  # step of the look at where the density is, in its own standard deviations
FIRST_REACH = 3  # coarse steps on either side of the first look
REACH = {2: 10, 3: 7}  # and of the second, by how many variables stand on lattices
FINER = (1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0)  # points of the lattice to a coarse step
FALL = 1.6  # power of the fineness with which the logarithm of a gap falls: 2 for a normal density, 1 at worst
MARGIN = 1.5  # nats by which a density may be higher than the coarse look has it
ASCENTS = 12
ENOUGH = 0.05  # change of the coordinates, in prior sds, at which the ascent ends
LEAST_KERNEL = 1e-7  # weight of kernels that nothing is drawn by
POINTS_AT_ONCE = 60_000  # of lattices that are worked out together: arrays that fit a processor's own memory
LARGEST = 600.0  # nats whose exponential is a number


@final
@dataclass(frozen=True, eq=False)
class Target:
    """A density of d variables: log density and whatever is summed at nodes, and the way uphill.

    Attributes
    ----------
    evaluate : callable
        Maps points (d, N) to values (m, N); row 0 is the log density.
    score : callable
        Maps points (d, N) to the gradient of the log density by the last r = d - 1 of them, shape (r, N), and its
        expected information, shape (r, r, N): a guide, that need not be exact.
    """

    evaluate: Evaluate
    score: Score

    def turned(self, axis: int) -> Target:
        """The same with another of the variables in the second place, where their roots leave it alone."""

        def order(d: int) -> list[int]:
            return [0, axis, *(other for other in range(1, d) if other != axis)]

        def back(d: int) -> list[int]:
            return np.argsort(order(d)).tolist()

        def evaluate(x: Array) -> Array:
            return self.evaluate(x[back(len(x))])

        def score(x: Array) -> tuple[Array, Array]:
            gradient, information = self.score(x[back(len(x))])
            others = np.array(order(len(x))[1:]) - 1
            return gradient[others], information[np.ix_(others, others)]

        return Target(evaluate, score)


@final
@dataclass(frozen=True, eq=False)
class Slices:
    """The density at N values of the first variable, on the points of a lattice that matter.

    Attributes
    ----------
    first : ndarray
        The first variable, shape (N,).
    centre, root : ndarray
        Of the others, shape (r, N) and (r, r, N).
    step : ndarray
        Of the lattice of z along each direction, shape (r, N).
    nats : ndarray
        Below its highest point at which each slice is left out, shape (N,).
    count : ndarray
        How many points belong to each of the N, which stand one after another, shape (N,); all are above 0.
    index : ndarray
        z / step of each point, small integers, shape (r, P).
    values : ndarray
        What the density's function returned there, shape (m, P).
    """

    first: Array
    centre: Array
    root: Array
    step: Array
    nats: Array
    count: Ints
    index: NDArray[np.int16]
    values: Array

    @property
    def start(self) -> Ints:
        """The first point of each slice, shape (N,)."""
        return np.cumsum(self.count) - self.count

    def each(self, of_slices: NDArray[Any]) -> NDArray[Any]:
        """Numbers of the slices, shape (N,), at each of their points, shape (P,)."""
        return np.repeat(of_slices, self.count)

    def summed(self, at_points: Array) -> Array:
        """Sums over the points of each slice, shape (N,)."""
        return np.add.reduceat(at_points, self.start)

    def at(self, rows: Ints) -> Slices:
        """Some of the slices, in their order."""
        if len(rows) == len(self.first):
            return self
        chosen = np.zeros(len(self.first), dtype=np.bool_)
        chosen[rows] = True
        keep = np.repeat(chosen, self.count)
        return Slices(
            self.first[rows], self.centre[:, rows], self.root[..., rows], self.step[:, rows], self.nats[rows],
            self.count[rows], self.index[:, keep], self.values[:, keep],
        )  # fmt: skip

    def where(self, keep: Bools) -> Slices:
        """All slices, with some of their points; each keeps one at least."""
        count = np.add.reduceat(keep, self.start, dtype=np.intp)
        return replace(self, count=count, index=self.index[:, keep], values=self.values[:, keep])

    @property
    def points(self) -> Array:
        """The nodes, shape (d, P)."""
        return points_of(self.first, self.centre, self.root, self.step, self.count, self.index)

    @cached_property
    def peak(self) -> Array:
        """Highest log density of each slice, shape (N,)."""
        return np.maximum.reduceat(self.values[0], self.start)

    @cached_property
    def log_cell(self) -> Array:
        """Log volume of a lattice cell, shape (N,)."""
        size = np.abs(np.linalg.det(np.moveaxis(self.root, -1, 0)))
        return np.log(size) + np.log(self.step).sum(axis=0)

    @cached_property
    def relative(self) -> Array:
        """Density over the slice's highest, shape (P,)."""
        return np.exp(self.values[0] - self.each(self.peak))

    @cached_property
    def total(self) -> Array:
        """Sums of that, shape (N,)."""
        return self.summed(self.relative)

    @property
    def log_total(self) -> Array:
        """Log integrals over the others, shape (N,)."""
        return self.peak + np.log(self.total) + self.log_cell

    @cached_property
    def mismatch(self) -> Array:
        """How far the sums over every second point along each direction differ, relative to all; shape (N,)."""
        return self.parity_gap(self.relative) / self.total

    def parity_gap(self, share: Array) -> Array:
        """How far sums over every second point along each axis of what stands there lie apart, shape (N,)."""
        sums = self.by_parity(share)
        return 0.5 * np.ptp(sums, axis=1) * sums.shape[1]

    def by_parity(self, share: Array) -> Array:
        """Sums of what stands at the points by which of their indices are odd, shape (N, 2^r)."""
        r, n = len(self.index), len(self.first)
        corner = np.repeat(np.arange(n) << r, self.count)
        for axis in range(r):
            corner |= (self.index[axis] & 1).astype(np.intp) << axis
        return np.bincount(corner, share, n << r).reshape(n, 1 << r)

    def kernels(self) -> tuple[Array, Array]:
        """Of a single slice, weights (Q,) and centres z (r, Q) of normal kernels whose sum is near the density of z."""
        table, low = self.table
        for axis in range(1, table.ndim):
            moved = np.moveaxis(table, axis, -1)
            smooth = kernel_weights(moved.reshape(-1, moved.shape[-1])).reshape(moved.shape)
            table = np.moveaxis(smooth, -1, axis)
        keep = np.nonzero(table[0] > LEAST_KERNEL)
        weight = table[0][keep]
        return weight / weight.sum(), self.step * (np.stack(keep) + low[:, None])

    @cached_property
    def table(self) -> tuple[Array, Ints]:
        """Probability of each point of a slice, shape (N, n_1, ..., n_r), 0 where none is; and the first index."""
        low = self.index.min(axis=1).astype(np.intp)
        shape = tuple((self.index.max(axis=1) - low + 1).tolist())
        table = np.zeros((len(self.first), *shape))
        table[(self.each(np.arange(len(self.first))), *(self.index - low[:, None]))] = self.relative
        return table / table.reshape(len(table), -1).sum(axis=1).reshape(-1, *(1,) * len(shape)), low

    def along_first(self) -> Lattice:
        """The density of the first of the others in each slice, summed over the rest, which its root does not move."""
        low, high = int(self.index[0].min()), int(self.index[0].max())
        n, size = len(self.first), high - low + 1
        at = self.each(np.arange(n)) * size + self.index[0] - low
        summed = np.bincount(at, self.relative, n * size)
        step = self.step[0] * self.root[0, 0]
        with np.errstate(divide="ignore"):
            log_density = np.log(np.maximum(summed.reshape(-1, size), TINY))
        return Lattice(self.centre[0] + low * step, step, log_density)

    @property
    def on_rim(self) -> Bools:
        """Which points lie on the rim of the look, or where the density is next to being left out; shape (P,)."""
        r = len(self.index)
        low = self.values[0] < self.each(self.peak - self.nats + BAND)
        for axis in range(r):
            outermost = np.floor(COARSE * REACH[r] / self.step[axis] + 1e-6)
            low |= np.abs(self.index[axis]) >= self.each(outermost)
        return low


def slices(target: Target, first: Array, r: int, top: float, tolerance: float) -> Iterator[tuple[Ints, Slices]]:
    """The density at values of the first variable, shape (N,), on lattices of the r others, with their numbers.

    Each is as fine along each direction as it takes to resolve it to a tolerance, relative to a slice whose log
    integral is `top`; each comes once, and one that the finest lattice does not resolve comes as that.
    """
    centre, root, total = looked(target, first, r)
    nats = np.clip(NATS[r] - (top - total), LEAST_NATS, NATS[r])
    allowed = tolerance * np.exp(np.clip(top - total, 0.0, LARGEST))
    for rows in _blocks(nats, r):
        block = _of_block((first, centre, root, nats), rows)
        table = _coarse(target, *block)
        gap = _by_direction(_parity_of(table))
        for which, part in _fine(target, block, table, _finer(gap, np.ones(gap.shape), allowed[rows]), allowed[rows]):
            yield rows[which], part


def _blocks(nats: Array, r: int) -> Iterator[Ints]:
    """Numbers of slices that are worked out together: as many as have so many points, roughly."""
    size = (2.0 * nats) ** (0.5 * r) * (2.0 / COARSE) ** r * 4.0
    block = (np.cumsum(size) // POINTS_AT_ONCE).astype(np.intp)
    for number in np.unique(block):
        yield np.flatnonzero(block == number)


def on_lattices(target: Target, first: Array, finer: tuple[float, ...]) -> Iterator[tuple[Ints, Slices]]:
    """The density at values of the first variable on lattices of one fineness, with their numbers."""
    r = len(finer)
    centre, root, _ = looked(target, first, r)
    nats = np.full(len(first), NATS[r])
    for rows in _blocks(nats, r):
        block = _of_block((first, centre, root, nats), rows)
        yield rows, _on_lattice(target, block, _coarse(target, *block), np.array(finer))


def looked(target: Target, first: Array, r: int) -> tuple[Array, Array, Array]:
    """Centre (r, N) and root of the covariance (r, r, N) of the others, and log integrals over them, all roughly.

    By ascent, then by the sums of a coarse look.
    """
    centre, root = _climbed(target, first, r)
    grid = _grid(r, FIRST_REACH)
    n, size = len(first), grid.shape[1]
    points = points_of(first, centre, root, np.full((r, n), COARSE), np.full(n, size), np.tile(grid, n))
    height = target.evaluate(points)[0].reshape(n, -1)
    top = height.max(axis=1)
    share = np.exp(height - top[:, None])
    cell = np.abs(np.linalg.det(np.moveaxis(root, -1, 0))) * COARSE**r
    total = top + np.log(share.sum(axis=1) * cell)
    share /= share.sum(axis=1, keepdims=True)
    x = points[1:].reshape(r, n, -1)
    mean = (share * x).sum(axis=-1)
    away = x - mean[..., None]
    cov = np.einsum("np,anp,bnp->nab", share, away, away)
    least = 1e-4 * np.einsum("ajn,bjn->nab", root, root)  # where all lies on one point of the look
    return mean, np.moveaxis(np.linalg.cholesky(cov + least), 0, -1), total


def _climbed(target: Target, first: Array, r: int) -> tuple[Array, Array]:
    """Modes of the others, and roots of the inverse information there, by scoring with halved steps."""
    x = np.zeros((r, len(first)))
    height = target.evaluate(np.concatenate([first[None], x]))[0]
    for _ in range(ASCENTS):
        gradient, information = target.score(np.concatenate([first[None], x]))
        move = np.linalg.solve(np.moveaxis(information, -1, 0), gradient.T[..., None])[..., 0].T
        for _ in range(6):
            tried = target.evaluate(np.concatenate([first[None], x + move]))[0]
            worse = ~(tried >= height)
            if not worse.any():
                break
            move = np.where(worse, 0.5 * move, move)
        move[:, ~(tried >= height)] = 0.0
        x, height = x + move, np.maximum(tried, height)
        if np.abs(move).max() < ENOUGH:
            break
    information = np.moveaxis(target.score(np.concatenate([first[None], x]))[1], -1, 0)
    return x, np.moveaxis(np.linalg.cholesky(np.linalg.inv(information)), 0, -1)


def _coarse(target: Target, first: Array, centre: Array, root: Array, nats: Array) -> Array:
    """Log density on the coarse lattice, shape (N, n, ..., n): of the points that matter and those beside them.

    Begins with a ball and grows where the density is not yet low. Others have -inf.
    """
    n, r = len(first), len(centre)
    grid = _grid(r, REACH[r])
    table = np.full((n, grid.shape[1]), -np.inf)
    known = np.zeros(table.shape, dtype=np.bool_)
    wanted = COARSE**2 * np.square(grid).sum(axis=0) <= 2.0 * nats[:, None]
    step = np.full((r, n), COARSE)
    while wanted.any():
        owner, at = np.nonzero(wanted)
        count = wanted.sum(axis=1)
        height = target.evaluate(points_of(first, centre, root, step, count, grid[:, at]))[0]
        table[owner, at] = np.where(np.isnan(height), -np.inf, height)
        known |= wanted
        inside = table > table.max(axis=1, keepdims=True) - (nats + MARGIN)[:, None]
        wanted = _grown(inside.reshape(n, *(2 * REACH[r] + 1,) * r)).reshape(n, -1) & ~known
    return table.reshape(n, *(2 * REACH[r] + 1,) * r)


def _grown(inside: Bools) -> Bools:
    """The points of a table (N, n, ..., n) that are inside, with all their neighbours."""
    for axis in range(1, inside.ndim):
        along = np.moveaxis(inside, axis, 0)
        grown = along.copy()
        grown[1:] |= along[:-1]
        grown[:-1] |= along[1:]
        inside = np.moveaxis(grown, 0, axis)
    return inside


def _of_block(block: Block, rows: Ints) -> Block:
    first, centre, root, nats = block
    return first[rows], centre[:, rows], root[..., rows], nats[rows]


def _fine(target: Target, block: Block, table: Array, finer: Array, allowed: Array) -> Iterator[tuple[Ints, Slices]]:
    """Slices of a block on lattices that resolve them, with their numbers: as fine as was thought, or finer."""
    waiting = [(np.arange(len(allowed)), finer)]
    while waiting:
        rows, finer = waiting.pop()
        combinations, which = np.unique(finer, axis=1, return_inverse=True)
        for number, combination in enumerate(combinations.T):
            some = rows[which.reshape(-1) == number]
            part = _on_lattice(target, _of_block(block, some), table[some], combination)
            done = part.mismatch**2 <= allowed[some]
            if combination.min() >= FINER[-1]:
                done[:] = True
            if done.any():
                yield some[done], part.at(np.flatnonzero(done))
            if not done.all():
                gap = _by_direction(part.by_parity(part.relative))[:, ~done]
                now = np.repeat(combination[:, None], gap.shape[1], axis=1)
                waiting.append((some[~done], _finer(gap, now, allowed[some[~done]], again=True)))


def _on_lattice(target: Target, block: Block, table: Array, finer: Array) -> Slices:
    """The points that a coarse look does not rule out, so much finer along each direction, and the density there."""
    first, centre, root, nats = block
    n, r = len(first), len(centre)
    top = table.reshape(n, -1).max(axis=1)
    table = np.maximum(table, (top - 3.0 * NATS[r]).reshape(n, *(1,) * r))
    cells = np.nonzero(_between(table, finer) > (top - nats - MARGIN).reshape(n, *(1,) * r))
    index = np.stack([cell - np.floor(REACH[r] * q) for cell, q in zip(cells[1:], finer, strict=True)])
    step = np.repeat((COARSE / finer)[:, None], n, axis=1)
    count = np.bincount(cells[0], minlength=n)
    values = target.evaluate(points_of(first, centre, root, step, count, index))
    values[0][np.isnan(values[0])] = -np.inf
    out = Slices(first, centre, root, step, nats, count, index.astype(np.int16), values)
    return out.where(values[0] > out.each(out.peak - nats))


def _between(table: Array, finer: Array) -> Array:
    """A table (N, n, ..., n) on lattices so much finer along each axis, with the same middle, by straight lines."""
    reach = table.shape[1] // 2
    coarse = np.arange(-reach, reach + 1)
    for axis, times in enumerate(finer, start=1):
        most = np.floor(reach * times)
        fine = np.arange(-most, most + 1.0) / times
        lines = np.array([np.interp(fine, coarse, row) for row in np.eye(len(coarse))])
        table = np.moveaxis(np.moveaxis(table, axis, -1) @ lines, -1, axis)
    return table


def _parity_of(table: Array) -> Array:
    """Sums of a density over every second point along each axis, shape (N, 2^r), from its logarithm on a lattice."""
    n, r = len(table), table.ndim - 1
    density = np.exp(table - table.reshape(n, -1).max(axis=1).reshape(n, *(1,) * r))
    sums = []
    for corner in range(1 << r):
        some = tuple(slice(corner >> axis & 1, None, 2) for axis in range(r))
        sums.append(density[:, *some].reshape(n, -1).sum(axis=1))
    return np.stack(sums, axis=1)


def _by_direction(sums: Array) -> Array:
    """How far sums by parity, shape (N, 2^r), lie apart along each direction, relative to all; shape (r, N).

    What waves along several directions counts for the one of them along which more does.
    """
    count = sums.shape[1]
    r = count.bit_length() - 1
    signs = np.array([[(-1.0) ** (a & b).bit_count() for b in range(count)] for a in range(count)])
    waves = np.abs(sums @ signs) / sums.sum(axis=1, keepdims=True)
    alone = waves[:, [1 << axis for axis in range(r)]].T
    out = alone.copy()
    for wave in range(1, count):
        along = [axis for axis in range(r) if wave >> axis & 1]
        strongest = np.array(along)[alone[along].argmax(axis=0)]
        np.maximum.at(out, (strongest, np.arange(len(sums))), waves[:, wave])
    return out


def _finer(gap: Array, now: Array, allowed: Array, *, again: bool = False) -> Array:
    """How many points to a coarse step resolve slices along each direction, where so many leave such gaps; (r, N).

    A gap falls as exp(-c n^FALL) with the n points to a step, roughly; what falls less is refined again.
    """
    enough = 0.5 * np.sqrt(allowed)
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = now * np.maximum(np.log(enough) / np.log(np.minimum(gap, 0.9)), 1.0) ** (1.0 / FALL)
    steps = np.array(FINER)
    new = steps[np.minimum(np.searchsorted(steps, needed - 1e-9), len(steps) - 1)]
    new = np.maximum(new, now)
    if again and (stuck := np.flatnonzero((new == now).all(axis=0))).size:  # together they miss what none does alone
        worst = np.where(now < steps[-1], gap, -1.0).argmax(axis=0)[stuck]
        new[worst, stuck] = steps[np.searchsorted(steps, now[worst, stuck]) + 1]
    return new


def _grid(r: int, reach: int) -> Ints:
    """All integers between -reach and reach in r dimensions, shape (r, (2 reach + 1)^r)."""
    return np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * r, indexing="ij")).reshape(r, -1)


def points_of(first: Array, centre: Array, root: Array, step: Array, count: Ints, index: NDArray[Any]) -> Array:
    """Points (d, P) of slices, of which each has so many, at indices (r, P) of its lattice."""
    out = np.empty((1 + len(centre), index.shape[1]))
    out[0] = np.repeat(first, count)
    for a in range(len(centre)):
        out[1 + a] = np.repeat(centre[a], count)
        for b in range(a + 1):  # the root is a lower triangle
            out[1 + a] += np.repeat(root[a, b] * step[b], count) * index[b]
    return out
