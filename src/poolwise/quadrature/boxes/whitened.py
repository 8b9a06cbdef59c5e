"""One standard deviation on boxes, and coefficients with normal priors on lattices given it.

Boxes have no idea where in several dimensions a density lies, and ask for millions of nodes. Here only the first
variable stands on boxes; given it the others are summed on the lattices of `slices`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.boxes.boxes import Boxes, integrate
from poolwise.quadrature.boxes.lattice import TINY, WIDE, Lattice, kernel_weights
from poolwise.quadrature.boxes.slices import NATS, Slices, Target, looked, on_lattices, points_of, slices
from poolwise.quadrature.boxes.variables import Variable
from poolwise.quadrature.rules.mixture import NormalMixture, trimmed
from poolwise.quadrature.rules.panels import Panels

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

ALONG = (3.0, 6.0, 12.0, 24.0)  # points of a lattice to a coarse step along the variable whose law is asked for
ACROSS = 3.0  # and along the others
SMOOTH = 1e-7  # probability of a slice times the mismatch of its lattice at which kernels are put on it
ROUNDS = 4  # of halving the edges between which the first variable is looked for
ENOUGH_EDGES = 4
INNER = {2: 0.02, 3: 0.0008}  # share of the tolerance to which a slice is resolved, whose coefficients are not smoother
LEFT_OUT = {2: 1e-9, 3: 1e-7}  # probability of slices that a law leaves out, by how many variables stand on lattices
HIGHER = 1.5  # times as high a density may be as the kernels it is drawn by


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
        for which, part in slices(target, x[0], r, top, INNER[r] * tolerance):
            out[0, which] = part.log_total
            parts.append(part)
        return out

    boxes = integrate(evaluate, [edges], tolerance)
    mass = dict(zip(boxes.points.ravel().tolist(), boxes.mass.ravel().tolist(), strict=True))
    kept, weights = [], []
    while parts:
        part = parts.pop()
        weight = np.array([mass.get(x, 0.0) for x in part.first.tolist()])
        if (used := np.flatnonzero(weight)).size:
            kept.append(part.at(used))
            weights.append(weight[used])
    return Whitened(target, boxes, tuple(kept), tuple(weights))


def _profiles(target: Target, first: Array, r: int, weight: Array) -> Iterator[tuple[Ints, Lattice]]:
    """Densities of the first of the others, the rest summed out, on lattices that kernels can be put on.

    Where the first variable is small a density of it may be steep on one side; the lattice is refined along it alone.
    """
    left = np.arange(len(first))
    for finer in ALONG:
        missed = [left[:0]]
        for rows, part in on_lattices(target, first[left], (finer, *(ACROSS,) * (r - 1))):
            lattice = part.along_first()
            done = weight[left[rows]] * lattice.mismatch <= SMOOTH
            if finer == ALONG[-1]:
                done[:] = True
            yield left[rows[done]], lattice.at(np.flatnonzero(done))
            missed.append(left[rows[~done]])
        left = np.concatenate(missed)
        if not len(left):
            return


def _range(target: Target, edges: Array, r: int) -> tuple[Array, float]:
    """Edges about those first ones between which the density lies, and the highest log integral over the others."""
    for _ in range(ROUNDS):
        total = looked(target, edges, r)[2]
        total = np.where(np.isnan(total), -np.inf, total)
        held = np.flatnonzero(total > total.max() - NATS[r])
        first, last = max(held[0] - 1, 0), min(held[-1] + 1, len(edges) - 1)
        edges = edges[first : last + 1]
        if len(edges) > ENOUGH_EDGES:
            break
        edges = np.sort(np.concatenate([edges, 0.5 * (edges[1:] + edges[:-1])]))
    return edges, float(total.max())


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
        Of the slices of each part in the density of the first variable.
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
        pairs = zip(self.parts, self.weights, strict=True)
        return self.boxes.error + self._on_rims + sum(float(w @ part.mismatch**2) for part, w in pairs)

    @cached_property
    def _on_rims(self) -> float:
        """Probability of what lies where slices end, which exceeds that of what they leave out."""
        pairs = zip(self.parts, self.weights, strict=True)
        return sum(float(w @ (part.summed(part.relative * part.on_rim) / part.total)) for part, w in pairs)

    @cached_property
    def mass(self) -> Array:
        """Probability of each node, shape (J,)."""
        pairs = zip(self.parts, self.weights, strict=True)
        mass = np.concatenate([part.relative * part.each(w / part.total) for part, w in pairs])
        return mass / mass.sum()

    @property
    def points(self) -> Array:
        """The nodes, shape (d, J)."""
        return np.concatenate([part.points for part in self.parts], axis=1)

    @property
    def values(self) -> Array:
        """What the density's function returned there, shape (m, J)."""
        return np.concatenate([part.values for part in self.parts], axis=1)

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
        for part, w in zip(self.parts, self.weights, strict=True):
            weighted = part.relative * share[at : (at := at + int(part.count.sum()))]
            gap = part.parity_gap(weighted) / part.total
            inner += float(np.abs(w) @ (gap * np.maximum(gap, part.mismatch)))
            by_first |= dict(zip(part.first.tolist(), (part.summed(weighted) / part.total).tolist(), strict=True))
        means = np.array([by_first.get(x, 0.0) for x in self.boxes.points.ravel().tolist()])
        return self.boxes.missed(means) + inner + self._on_rims

    def draw(self, size: int, rng: np.random.Generator) -> Array:
        """Independent draws of the variables, shape (d, size), by rejection from the kernels of the nearest slice."""
        first = self.boxes.draw(size, rng)[0]
        panels = self.boxes.marginal(0)
        expected = np.log(np.maximum(panels.pdf(first), TINY)) + self.log_total
        out = np.empty((self.d, size))
        out[0] = first
        which, slot = _nearest(self.parts, first)
        for number, part in enumerate(self.parts):
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
    spread, r = WIDE * part.step, len(z)
    root = part.root[..., 0]
    log_size = float(np.log(np.abs(np.diagonal(root))).sum())
    out, above = np.full((r, len(first)), np.nan), HIGHER
    while (left := np.flatnonzero(np.isnan(out[0]))).size:
        tried = z[:, rng.choice(len(weight), len(left), p=weight)] + spread * rng.standard_normal((r, len(left)))
        n = len(left)
        points = points_of(
            first[left], part.centre[:, [0] * n], part.root[..., [0] * n], np.ones((r, n)), np.ones(n, np.intp), tried
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
