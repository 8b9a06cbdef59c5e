"""One standard deviation on boxes, and coefficients with normal priors on lattices given it.

Boxes have no idea where in several dimensions a density lies, and ask for millions of nodes. Here only the first
variable stands on boxes. Given it, the r others x are scaled by their own posterior, x = centre + root z, and summed on
a lattice of z with equal steps, of which only those points are worked out that can matter. The trapezoidal rule
integrates an analytic density that falls off on all sides to an error of order exp(-c / step).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.boxes.boxes import Boxes, Evaluate, integrate
from poolwise.quadrature.boxes.lattice import TINY, WIDE, Lattice, kernel_weights
from poolwise.quadrature.boxes.variables import Variable
from poolwise.quadrature.rules.mixture import NormalMixture, trimmed
from poolwise.quadrature.rules.panels import Panels

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Score = Callable[[Array], tuple[Array, Array]]

NATS = {2: 27.0, 3: 22.0}  # below its maximum at which a density of so many variables is left out: 2e-12 and 3e-10
BAND = 2.0  # nats above that whose probability stands for what is left out, and exceeds it
COARSE = 1.2  # step of the look at where the density is, in its own standard deviations
FIRST_REACH = 3  # coarse steps on either side of the first look
REACH = {2: 10, 3: 7}  # and of the second, by how many variables stand on lattices
FINER = (2, 3)  # points of the lattice to a coarse step; the fewest that resolve a slice
ALONG = (3, 6, 12, 24)  # the same along the one whose law is asked for
SMOOTH = 1e-7  # probability of a slice times the mismatch of its lattice at which kernels are put on it
MARGIN = 1.5  # nats by which a density may be higher than the coarse look has it
ASCENTS = 12
ENOUGH = 0.05  # change of the coordinates, in prior sds, at which the ascent ends
ROUNDS = 4  # of halving the edges between which the first variable is looked for
ENOUGH_EDGES = 4
INNER = 0.02  # share of the tolerance to which a slice is resolved, whose coefficients are not smoother
LEFT_OUT = {2: 1e-9, 3: 1e-7}  # probability of nodes that are left out, by how many variables stand on lattices
LEAST_KERNEL = 1e-7  # weight of kernels that nothing is drawn by
PROFILES = 12  # slices whose fine lattices are held together
AT_ONCE = 400_000  # points that are worked out together
HIGHER = 1.5  # times as high a density may be as the kernels it is drawn by


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
        Of the lattice of z along each direction, shape (r,).
    owner : ndarray
        Which of the N each point belongs to, shape (P,).
    index : ndarray
        z / step of each point, integers, shape (r, P).
    values : ndarray
        What the density's function returned there, shape (m, P).
    """

    first: Array
    centre: Array
    root: Array
    step: Array
    owner: Ints
    index: Ints
    values: Array

    def at(self, rows: Ints) -> Slices:
        """Some of the slices."""
        new = np.full(len(self.first), -1)
        new[rows] = np.arange(len(rows))
        keep = new[self.owner] >= 0
        return Slices(
            self.first[rows], self.centre[:, rows], self.root[..., rows], self.step, new[self.owner[keep]],
            self.index[:, keep], self.values[:, keep],
        )  # fmt: skip

    def where(self, keep: NDArray[np.bool_]) -> Slices:
        """All slices, with some of their points."""
        return replace(self, owner=self.owner[keep], index=self.index[:, keep], values=self.values[:, keep])

    @property
    def points(self) -> Array:
        """The nodes, shape (d, P)."""
        return _points(self.first, self.centre, self.root, self.owner, self.step[:, None] * self.index)

    @cached_property
    def peak(self) -> Array:
        """Highest log density of each slice, shape (N,)."""
        out = np.full(len(self.first), -np.inf)
        np.maximum.at(out, self.owner, self.values[0])
        return out

    @cached_property
    def log_cell(self) -> Array:
        """Log volume of a lattice cell, shape (N,)."""
        size = np.abs(np.linalg.det(np.moveaxis(self.root, -1, 0)))
        return np.log(size) + float(np.log(self.step).sum())

    @cached_property
    def relative(self) -> Array:
        """Density over the slice's highest, shape (P,)."""
        return np.exp(self.values[0] - self.peak[self.owner])

    @property
    def log_total(self) -> Array:
        """Log integrals over the others, shape (N,)."""
        total = np.bincount(self.owner, self.relative, len(self.first))
        return self.peak + np.log(total) + self.log_cell

    @property
    def mismatch(self) -> Array:
        """How far the sums over every second point along each direction differ, relative to all; shape (N,)."""
        total = np.bincount(self.owner, self.relative, len(self.first))
        return self.parity_gap(self.relative / total[self.owner])

    def parity_gap(self, share: Array) -> Array:
        """How far sums over every second point along each axis of what stands there lie apart, shape (N,)."""
        corner = sum((self.index[axis] & 1) << axis for axis in range(len(self.index)))
        count = 1 << len(self.index)
        sums = np.bincount(self.owner * count + corner, share, len(self.first) * count).reshape(-1, count)
        return 0.5 * np.ptp(sums, axis=1) * count

    def kernels(self) -> tuple[Array, Array]:
        """Of a single slice, weights (Q,) and centres z (r, Q) of normal kernels whose sum is near the density of z."""
        table, low = self.table
        for axis in range(1, table.ndim):
            moved = np.moveaxis(table, axis, -1)
            smooth = kernel_weights(moved.reshape(-1, moved.shape[-1])).reshape(moved.shape)
            table = np.moveaxis(smooth, -1, axis)
        keep = np.nonzero(table[0] > LEAST_KERNEL)
        weight = table[0][keep]
        return weight / weight.sum(), self.step[:, None] * (np.stack(keep) + low[:, None])

    @cached_property
    def table(self) -> tuple[Array, Ints]:
        """Probability of each point of a slice, shape (N, n_1, ..., n_r), 0 where none is; and the first index."""
        low = self.index.min(axis=1)
        shape = tuple((self.index.max(axis=1) - low + 1).tolist())
        table = np.zeros((len(self.first), *shape))
        table[(self.owner, *(self.index - low[:, None]))] = self.relative
        return table / table.reshape(len(table), -1).sum(axis=1).reshape(-1, *(1,) * len(shape)), low

    def along_first(self) -> Lattice:
        """The density of the first of the others in each slice, summed over the rest, which its root does not move."""
        low, high = int(self.index[0].min()), int(self.index[0].max())
        size = high - low + 1
        summed = np.bincount(self.owner * size + self.index[0] - low, self.relative, len(self.first) * size)
        step = self.step[0] * self.root[0, 0]
        with np.errstate(divide="ignore"):
            log_density = np.log(np.maximum(summed.reshape(-1, size), TINY))
        return Lattice(self.centre[0] + low * step, step, log_density)


def whitened(target: Target, edges: Array, r: int, tolerance: float) -> Whitened:
    """Integrate a density of 1 + r variables.

    Parameters
    ----------
    target : Target
    edges : ndarray
        First edges along the first variable, increasing; the support must lie within.
    r : int
        How many others there are, each on the whole line.
    tolerance : float
        Largest estimated error of the integral, relative.

    Returns
    -------
    Whitened
    """
    parts: list[Slices] = []
    edges, top = _range(target, edges, r)

    def evaluate(x: Array) -> Array:
        out = np.empty((1, x.shape[1]))
        for which, part in slices(target, x[0], r, top, INNER * tolerance):
            out[0, which] = part.log_total
            parts.append(part)
        return out

    boxes = integrate(evaluate, [edges], tolerance)
    mass = dict(zip(boxes.points.ravel().tolist(), boxes.mass.ravel().tolist(), strict=True))
    weights = [np.array([mass.get(x, 0.0) for x in part.first.tolist()]) for part in parts]
    used = [number for number, weight in enumerate(weights) if weight.any()]
    return Whitened(target, boxes, tuple(parts[at] for at in used), tuple(weights[at] for at in used))


def slices(target: Target, first: Array, r: int, top: float, tolerance: float) -> Iterator[tuple[Ints, Slices]]:
    """The density at values of the first variable, shape (N,), on lattices of the r others, with their numbers.

    Each is as fine as it takes to resolve it to a tolerance, relative to a slice whose log integral is `top`; each
    comes once, and one that the finest lattice does not resolve is among the last.
    """
    centre, root, _ = _looked(target, first, r)
    rows = np.arange(len(first))
    for finer in FINER:
        out = _on_lattice(target, first[rows], centre[:, rows], root[..., rows], (finer,) * r)
        missed = out.mismatch**2 * np.exp(np.minimum(out.log_total - top, 0.0))
        done = missed <= tolerance if finer < FINER[-1] else np.ones(len(rows), dtype=np.bool_)
        if done.any():
            yield rows[done], out.at(np.flatnonzero(done))
        rows = rows[~done]
        if not len(rows):
            return


def _profiles(target: Target, first: Array, r: int, weight: Array) -> Iterator[tuple[Ints, Lattice]]:
    """Densities of the first of the others, the rest summed out, on lattices that kernels can be put on.

    Where the first variable is small a density of it may be steep on one side; the lattice is refined along it alone.
    A few slices at a time: all together they would take a gigabyte.
    """
    for start in range(0, len(first), PROFILES):
        part = slice(start, start + PROFILES)
        for rows, lattice in _some_profiles(target, first[part], r, weight[part]):
            yield start + rows, lattice


def _some_profiles(target: Target, first: Array, r: int, weight: Array) -> Iterator[tuple[Ints, Lattice]]:
    centre, root, _ = _looked(target, first, r)
    rows = np.arange(len(first))
    for finer in ALONG:
        part = _on_lattice(target, first[rows], centre[:, rows], root[..., rows], (finer, *(FINER[-1],) * (r - 1)))
        lattice = part.along_first()
        done = weight[rows] * lattice.mismatch <= SMOOTH if finer < ALONG[-1] else np.ones(len(rows), dtype=np.bool_)
        if done.any():
            yield rows[done], lattice.at(np.flatnonzero(done))
        rows = rows[~done]
        if not len(rows):
            return


def _range(target: Target, edges: Array, r: int) -> tuple[Array, float]:
    """Edges about those first ones between which the density lies, and the highest log integral over the others."""
    for _ in range(ROUNDS):
        total = _looked(target, edges, r)[2]
        total = np.where(np.isnan(total), -np.inf, total)
        held = np.flatnonzero(total > total.max() - NATS[r])
        first, last = max(held[0] - 1, 0), min(held[-1] + 1, len(edges) - 1)
        edges = edges[first : last + 1]
        if len(edges) > ENOUGH_EDGES:
            break
        edges = np.sort(np.concatenate([edges, 0.5 * (edges[1:] + edges[:-1])]))
    return edges, float(total.max())


def _looked(target: Target, first: Array, r: int) -> tuple[Array, Array, Array]:
    """Centre (r, N) and root of the covariance (r, r, N) of the others, and log integrals over them, all roughly.

    By ascent, then by the sums of a coarse look.
    """
    centre, root = _climbed(target, first, r)
    z = COARSE * _grid(r, FIRST_REACH)
    owner = np.repeat(np.arange(len(first)), z.shape[1])
    points = _points(first, centre, root, owner, np.tile(z, len(first)))
    height = _in_parts(target.evaluate, points)[0].reshape(len(first), -1)
    top = height.max(axis=1)
    share = np.exp(height - top[:, None])
    size = np.abs(np.linalg.det(np.moveaxis(root, -1, 0))) * COARSE**r
    total = top + np.log(share.sum(axis=1) * size)
    share /= share.sum(axis=1, keepdims=True)
    x = points[1:].reshape(r, len(first), -1)
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


def _on_lattice(target: Target, first: Array, centre: Array, root: Array, finer: Sequence[int]) -> Slices:
    """The points that a coarse look does not rule out, so much finer along each direction, and the density there."""
    n, r = len(first), len(centre)
    reach = REACH[r]
    grid = _grid(r, reach)
    owner = np.repeat(np.arange(n), grid.shape[1])
    height = _in_parts(target.evaluate, _points(first, centre, root, owner, COARSE * np.tile(grid, n)))[0]
    top = height.reshape(n, -1).max(axis=1)
    table = np.maximum(height.reshape(n, *(2 * reach + 1,) * r), (top - 3.0 * NATS[r]).reshape(n, *(1,) * r))
    cells = np.nonzero(_between(table, finer) > (top - NATS[r] - MARGIN).reshape(n, *(1,) * r))
    index = np.stack(cells[1:]) - reach * np.array(finer)[:, None]
    step: Array = COARSE / np.array(finer, dtype=np.float64)
    values = _in_parts(target.evaluate, _points(first, centre, root, cells[0], step[:, None] * index))
    out = Slices(first, centre, root, step, cells[0], index, values)
    return out.where(values[0] > out.peak[cells[0]] - NATS[r])


def _between(table: Array, finer: Sequence[int]) -> Array:
    """A table (N, n, ..., n) on a grid so much finer along each axis, by straight lines."""
    coarse = np.arange(table.shape[1])
    for axis, times in enumerate(finer, start=1):
        fine = np.linspace(0.0, coarse[-1], times * int(coarse[-1]) + 1)
        lines = np.array([np.interp(fine, coarse, row) for row in np.eye(len(coarse))])
        table = np.moveaxis(np.moveaxis(table, axis, -1) @ lines, -1, axis)
    return table


def _grid(r: int, reach: int) -> Ints:
    """All integers between -reach and reach in r dimensions, shape (r, (2 reach + 1)^r)."""
    return np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * r, indexing="ij")).reshape(r, -1)


def _points(first: Array, centre: Array, root: Array, owner: Ints, z: NDArray[np.floating[Any]]) -> Array:
    """Points (d, P) of slices at z, shape (r, P)."""
    out = np.empty((1 + len(centre), len(owner)))
    out[0] = first[owner]
    for a in range(len(centre)):
        out[1 + a] = centre[a][owner]
        for b in range(a + 1):  # the root is a lower triangle
            out[1 + a] += root[a, b][owner] * z[b]
    return out


def _in_parts(evaluate: Evaluate, points: Array) -> Array:
    parts = [evaluate(points[:, at : at + AT_ONCE]) for at in range(0, points.shape[1], AT_ONCE)]
    return np.concatenate(parts, axis=1)


@final
@dataclass(frozen=True, eq=False)
class Whitened:
    """A density of d variables, the first on boxes and the others on lattices, as `Boxes` has it.

    Attributes
    ----------
    target : Target
    boxes : Boxes
        The density of the first variable.
    parts : tuple of Slices
    weights : tuple of ndarray
        Of the slices of each part in the density of the first variable, 0 for those that only led there.
    """

    target: Target
    boxes: Boxes
    parts: tuple[Slices, ...]
    weights: tuple[Array, ...]

    @property
    def d(self) -> int:
        """Number of variables."""
        return 1 + len(self.parts[0].centre)

    @property
    def log_total(self) -> float:
        """Log integral."""
        return self.boxes.log_total

    @property
    def left(self) -> Array:
        """Left edges of the boxes, shape (B, 1)."""
        return self.boxes.left

    @cached_property
    def error(self) -> float:
        """Estimated error of the integral, relative: of the boxes, of the lattices, and what lies on their rims."""
        inner = sum(
            float(w @ (part.mismatch**2 + _on_rim(part))) for part, w in zip(self.parts, self.weights, strict=True)
        )
        return self.boxes.error + inner

    @cached_property
    def _kept(self) -> tuple[NDArray[np.bool_], ...]:
        """Which points of each part are nodes: those that matter."""
        mass = [_mass(part, w) for part, w in zip(self.parts, self.weights, strict=True)]
        least = LEFT_OUT[self.d - 1] / sum(len(one) for one in mass)
        return tuple(np.abs(one) > least for one in mass)

    @cached_property
    def _nodes(self) -> tuple[Array, Array, Array]:
        """Probability (J,), points (d, J) and values (m, J) of the nodes."""
        parts = [part.where(keep) for part, keep in zip(self.parts, self._kept, strict=True)]
        weight = np.concatenate(
            [_mass(part, w)[keep] for part, w, keep in zip(self.parts, self.weights, self._kept, strict=True)]
        )
        points = np.concatenate([part.points for part in parts], axis=1)
        return weight / weight.sum(), points, np.concatenate([part.values for part in parts], axis=1)

    @property
    def mass(self) -> Array:
        """Probability of each node, shape (J,)."""
        return self._nodes[0]

    @property
    def points(self) -> Array:
        """The nodes, shape (d, J)."""
        return self._nodes[1]

    @property
    def values(self) -> Array:
        """What the density's function returned there, shape (m, J)."""
        return self._nodes[2]

    def marginal(self, axis: int) -> Panels:
        """The marginal density of the first variable, as one job."""
        assert axis == 0, "only the first variable stands on panels"
        return self.boxes.marginal(0)

    def law(self, axis: int, variable: Variable, moments: int) -> NormalMixture:
        """The law of one of the others' parameters, a linear function of it, as a sum of normal kernels."""
        first, weight = np.concatenate([part.first for part in self.parts]), np.concatenate(self.weights)
        telling = np.abs(weight) > LEFT_OUT[self.d - 1] / len(weight)
        first, weight = first[telling], weight[telling]
        share, centre, spread = [], [], []
        for which, lattice in _profiles(self.target.turned(axis), first, self.d - 1, weight):
            kernels = weight[which, None] * kernel_weights(lattice.relative())
            share.append(kernels.ravel())
            centre.append(lattice.z.ravel())
            spread.append(np.repeat(WIDE * lattice.step, kernels.shape[1]))
        ends = variable.parameter(np.array([0.0, 1.0]))
        law = trimmed(np.concatenate(share), np.concatenate(centre), np.concatenate(spread), LEFT_OUT[self.d - 1])
        unit = float(ends[1] - ends[0])
        return NormalMixture(law.weight, float(ends[0]) + unit * law.centre, unit * law.spread, moments)

    def missed(self, share: Array) -> float:
        """What the quadrature may miss of the integral of density x share, which stands at the nodes, shape (J,)."""
        by_first: dict[float, float] = {}
        inner, at = 0.0, 0
        for part, w, keep in zip(self.parts, self.weights, self._kept, strict=True):
            few = part.where(keep)
            relative = few.relative * share[at : (at := at + len(few.owner))]
            total = np.bincount(few.owner, few.relative, len(w))
            inner += float(np.abs(w) @ few.parity_gap(relative / total[few.owner]) ** 2)
            mean = np.bincount(few.owner, relative, len(w)) / np.where(total > 0.0, total, 1.0)
            by_first |= dict(zip(few.first.tolist(), mean.tolist(), strict=True))
        means = np.array([by_first.get(x, 0.0) for x in self.boxes.points.ravel().tolist()])
        return self.boxes.missed(means) + inner

    def draw(self, size: int, rng: np.random.Generator) -> Array:
        """Independent draws of the variables, shape (d, size), by rejection from the kernels of the nearest slice."""
        first = self.boxes.draw(size, rng)[0]
        panels = self.boxes.marginal(0)
        expected = np.log(np.maximum(panels.pdf(first), TINY)) + self.log_total
        out = np.empty((self.d, size))
        out[0] = first
        firsts = [part.at(np.flatnonzero(w)) for part, w in zip(self.parts, self.weights, strict=True)]
        which, slot = _nearest(firsts, first)
        for number, part in enumerate(firsts):
            for one in np.unique(slot[which == number]):
                rows = np.flatnonzero((which == number) & (slot == one))
                out[1:, rows] = _drawn(self.target, part.at(np.array([one])), first[rows], expected[rows], rng)
        return out


def _nearest(parts: Sequence[Slices], first: Array) -> tuple[Ints, Ints]:
    """The part, and the slice in it, whose first variable is nearest to each value."""
    known = np.concatenate([part.first for part in parts])
    which = np.repeat(np.arange(len(parts)), [len(part.first) for part in parts])
    slot = np.concatenate([np.arange(len(part.first)) for part in parts])
    order = np.argsort(known)
    right = np.clip(np.searchsorted(known[order], first), 1, len(known) - 1)
    left_is_nearer = first - known[order][right - 1] < known[order][right] - first
    nearest = order[np.where(left_is_nearer, right - 1, right)]
    return which[nearest], slot[nearest]


def _drawn(target: Target, part: Slices, first: Array, expected: Array, rng: np.random.Generator) -> Array:
    """Draws of the others given values of the first variable, shape (r, n), by the kernels of one slice near them.

    Parameters
    ----------
    target : Target
    part : Slices
        A single one.
    first : ndarray
        Shape (n,).
    expected : ndarray
        Log integrals over the others there, shape (n,).
    rng : Generator
    """
    weight, z = part.kernels()
    spread, r = WIDE * part.step[:, None], len(z)
    root = part.root[..., 0]
    log_size = float(np.log(np.abs(np.diagonal(root))).sum())
    out, above = np.full((r, len(first)), np.nan), HIGHER
    while (left := np.flatnonzero(np.isnan(out[0]))).size:
        tried = z[:, rng.choice(len(weight), len(left), p=weight)] + spread * rng.standard_normal((r, len(left)))
        points = _points(
            first[left], part.centre[:, [0] * len(left)], part.root[..., [0] * len(left)], np.arange(len(left)), tried
        )
        height = target.evaluate(points)[0] + log_size - expected[left]
        away = (tried[:, :, None] - z[:, None, :]) / spread[..., None]
        kernels = np.exp(-0.5 * np.square(away).sum(axis=0)) @ weight / float(np.prod(np.sqrt(2.0 * np.pi) * spread))
        ratio = np.exp(height) / kernels
        if (ratio > above).any():  # the kernels lie lower than was thought: begin anew
            above, out = 1.5 * float(ratio.max()), np.full(out.shape, np.nan)
            continue
        taken = rng.random(len(left)) * above < ratio
        out[:, left[taken]] = points[1:, taken]
    return out


def _mass(part: Slices, weight: Array) -> Array:
    """Probability of each point of a part, shape (P,)."""
    total = np.bincount(part.owner, part.relative, len(part.first))
    return part.relative * (weight / total)[part.owner]


def _on_rim(part: Slices) -> Array:
    """Share of each slice on the rim of its look, and where the density is next to being left out; shape (N,)."""
    half = 0.5 * part.step[:, None]
    outermost = (np.abs(part.step[:, None] * part.index) > COARSE * REACH[len(half)] - half).any(axis=0)
    low = part.values[0] < part.peak[part.owner] - NATS[len(part.centre)] + BAND
    rim = outermost | low
    share = np.bincount(part.owner[rim], part.relative[rim], len(part.first))
    return share / np.bincount(part.owner, part.relative, len(part.first))
