"""Smooth weights as the likelihood asks for them: Gauss-Legendre over z where omega varies, closed form beyond."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from poolwise.selection.derivatives import Array, Studies, Weighing
from poolwise.selection.weights import Curve

PANEL = 2.2  # widest panel of z: omega and the normal density vary on a scale of 1
NODES = 20  # of Gauss and Legendre in a panel
LARGEST = 1e4  # delta beyond this leaves nothing but p = 0 in print
SMALLEST = 1e-5  # of the parameters of the beta function, which must be above 0
SCAN = {1: (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 40.0, 100.0), 2: (0.1, 0.3, 0.6, 1.0, 1.7, 3.0, 8.0)}
"""Values of each delta among which the best is looked for first, by how many there are."""
GRADED = 8.0  # ratio of the ends of a panel near z = 0, where two-sided (1 - p) to a power is not smooth
_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)


@final
@dataclass(frozen=True, eq=False)
class SmoothWeights:
    """A weight function on a study table: psi = log(1 + delta), in the beta function log delta, of unknown deltas.

    Attributes
    ----------
    studies : Studies
    curve : Curve
    known : tuple of float or None
        The value of each delta that is known.
    by_precision : bool
        Whether delta is multiplied by se / max(se).
    """

    studies: Studies
    curve: Curve
    known: tuple[float | None, ...] = (None,)
    by_precision: bool = False

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Which deltas are unknown."""
        return np.array([value is None for value in self.known])

    @property
    def q(self) -> int:
        """How many are unknown."""
        return int(self.free.sum())

    @property
    def lower(self) -> Array:
        """Least values of psi: no selection; for the beta function next to 0."""
        return np.full(self.q, math.log(SMALLEST) if self.curve.kind == "beta" else 0.0)

    @property
    def upper(self) -> Array:
        """Largest values of psi that are searched."""
        return np.full(self.q, math.log(LARGEST))

    def delta(self, psi: Array) -> Array:
        """All parameters of the function, shape (..., count)."""
        values = [0.0 if value is None else value for value in self.known]
        delta = np.tile(values, (*psi.shape[:-1], 1))
        delta[..., self.free] = np.exp(psi) if self.curve.kind == "beta" else np.expm1(psi)
        return delta

    @cached_property
    def precision(self) -> Array:
        """What multiplies delta, shape (k, 1), or (1, 1) where nothing does."""
        se = self.studies.se[:, None]
        return se / se.max() if self.by_precision else np.ones((1, 1))

    @cached_property
    def _rule(self) -> tuple[Array, Array]:
        """Nodes and weights in z, shape (m,) each, where omega varies."""
        x, w = np.polynomial.legendre.leggauss(NODES)
        nodes, weights = [], []
        for start, stop in itertools.pairwise(self.curve.ends.tolist()):
            edges = _panels(start, stop)
            half, middle = 0.5 * np.diff(edges)[:, None], 0.5 * (edges[1:] + edges[:-1])[:, None]
            nodes.append((middle + half * x).ravel())
            weights.append((half * w).ravel())
        return np.concatenate(nodes), np.concatenate(weights)

    @cached_property
    def _p(self) -> Array:
        """p-values of all nodes, then of what lies below the first end and above the last, shape (1, m + 2)."""
        outside = np.array([-np.inf, np.inf])
        return self.curve.p_values(np.concatenate([self._rule[0], outside]))[None]

    @cached_property
    def _p_rows(self) -> Array:
        return self.curve.p_values(self.studies.z)

    def weighing(self, mean: Array, variance: Array, psi: Array) -> Weighing:
        """What the weights do at the rows.

        References
        ----------
        Citkowicz & Vevea 2017, Psychological Methods 22:28, 10.1037/met0000119.
        """
        delta, free = self.delta(psi), self.free
        log_omega, first, second = self.curve.log_weight(self._p, delta, self.precision)
        shares, weighted, log_a = self._integrals(mean, variance, log_omega)
        slope = np.broadcast_to(first[free], (self.q, *shares.shape))
        twice = np.broadcast_to(second[np.ix_(free, free)], (self.q, self.q, *shares.shape))
        mean_slope = np.einsum("qkm,km->kq", slope, shares)
        hermite = weighted[1:].sum(-1)
        at_row = self.curve.log_weight(self._p_rows, delta, self.precision[:, 0])
        rows = [np.broadcast_to(part, (*part.shape[:-1], len(mean))) for part in at_row]
        gradient = rows[1][free].T - mean_slope
        curvature = rows[2][np.ix_(free, free)].sum(-1) + mean_slope.T @ mean_slope
        curvature -= np.einsum("akm,bkm,km->ab", slope, slope, shares) + np.einsum("abkm,km->ab", twice, shares)
        among = np.einsum("qkm,nkm->nkq", slope, weighted[1:3]) - hermite[:2, :, None] * mean_slope
        shift = (delta + (0.0 if self.curve.kind == "beta" else 1.0))[free]  # d delta / d psi, and its own derivative
        return Weighing(
            log_weight=rows[0],
            log_a=log_a,
            hermite=hermite,
            slope=gradient * shift,
            curvature=curvature * np.outer(shift, shift) + np.diag(gradient.sum(0) * shift),
            hermite_slope=among * shift,
        )

    def _integrals(self, mean: Array, variance: Array, log_omega: Array) -> tuple[Array, Array, Array]:
        """By node the share of A (k, m + 2), and omega He_n(u) over A for n = 0 to 4 (5, k, m + 2); log A (k,)."""
        z, w = self._rule
        sd, se = np.sqrt(variance)[:, None], self.studies.se[:, None]
        u, ends = (se * z - mean[:, None]) / sd, (se * self.curve.ends[[0, -1]] - mean[:, None]) / sd
        inside = np.log(w) - 0.5 * u * u - _LOG_ROOT_2PI + np.log(se / sd)
        joint = np.concatenate([inside, log_ndtr(ends * np.array([1.0, -1.0]))], axis=1) + log_omega
        top = joint.max(1, keepdims=True)
        shares = np.exp(joint - top)
        total = shares.sum(1, keepdims=True)
        shares /= total
        log_a = (top + np.log(total))[:, 0]
        return shares, self._hermite(u, ends, shares, log_omega, log_a), log_a

    @staticmethod
    def _hermite(u: Array, ends: Array, shares: Array, log_omega: Array, log_a: Array) -> Array:
        """Omega He_n(u) over A by node, and its integrals beyond the ends, for n = 0 to 4; shape (5, k, m + 2)."""
        out = np.empty((5, *shares.shape))
        out[0] = shares
        inner = shares[:, :-2]
        out[1, :, :-2] = u * inner
        out[2, :, :-2] = u * out[1, :, :-2] - inner
        for n in (3, 4):
            out[n, :, :-2] = u * out[n - 1, :, :-2] - (n - 1) * out[n - 2, :, :-2]
        sign = np.array([-1.0, 1.0])
        density = sign * np.exp(-0.5 * ends * ends - _LOG_ROOT_2PI + log_omega[..., -2:] - log_a[:, None])
        out[1, :, -2:] = density
        out[2, :, -2:] = ends * density
        out[3, :, -2:] = (ends * ends - 1.0) * density
        out[4, :, -2:] = ends * (ends * ends - 3.0) * density
        return out

    def best(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """The best psi of a grid for each of m means and variances (m, k), and log omega - log A summed there."""
        z, w = self._rule
        sd = np.sqrt(variance)
        u = (self.studies.se[:, None] * z - mean[..., None]) / sd[..., None]
        inner = np.exp(-0.5 * u * u) * (w / math.sqrt(2.0 * math.pi)) * (self.studies.se / sd)[..., None]
        ends = (self.studies.se[:, None] * self.curve.ends[[0, -1]] - mean[..., None]) / sd[..., None]
        mass = np.concatenate([inner, np.exp(log_ndtr(ends * np.array([1.0, -1.0])))], axis=-1)
        psis = self._grid()
        heights = np.stack([self._height(mass, self.delta(psi)) for psi in psis], axis=-1)
        place = heights.argmax(-1)
        return psis[place], heights.max(-1)

    def _height(self, mass: Array, delta: Array) -> Array:
        log_omega = self.curve.log_weight(self._p, delta, self.precision)[0]
        with np.errstate(divide="ignore"):
            log_a = np.log(np.vecdot(mass, np.exp(log_omega)))
        at_rows = self.curve.log_weight(self._p_rows, delta, self.precision[:, 0])[0].sum()
        return np.where(np.isfinite(log_a).all(-1), at_rows - log_a.sum(-1), -np.inf)

    def _grid(self) -> Array:
        """Values of psi among which the best is looked for first, shape (g, q)."""
        values = np.array(SCAN[self.curve.count])
        psi = np.log(values) if self.curve.kind == "beta" else np.log1p(values)
        return np.array(list(itertools.product(psi, repeat=self.q))).reshape(-1, self.q)


def _panels(start: float, stop: float) -> Array:
    """Edges of panels between two ends, which become narrow towards 0 where an end lies next to it."""
    if stop < 0.0:
        return -_panels(-stop, -start)[::-1]
    if not 0.0 < start < 0.1:
        return np.linspace(start, stop, math.ceil((stop - start) / PANEL) + 1)
    narrow = start * GRADED ** np.arange(math.ceil(math.log(PANEL / start, GRADED)))
    return np.concatenate([narrow[:-1], _panels(float(narrow[-1]), stop)])
