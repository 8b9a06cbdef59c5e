"""Smooth weights as the likelihood asks for them: Gauss's rule over z where omega varies, closed form beyond."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_ndtr

from poolwise.selection.derivatives import Array, Studies, Weighing
from poolwise.selection.intervals import Sides
from poolwise.selection.weights import Kind, PValues, Rule, log_weight, p_values, rule

LARGEST = 1e4  # delta beyond this leaves nothing but p = 0 in print
SMALLEST = 1e-5  # of the parameters of the beta function, which must be above 0
SCAN = {1: (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 40.0, 100.0), 2: (0.1, 0.3, 0.6, 1.0, 1.7, 3.0, 8.0)}
"""Values of each delta among which the best is looked for first, by how many there are."""
SIDES = np.array([-1.0, 1.0])  # of z = 0: where the weight is constant below and above
_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)


@final
@dataclass(frozen=True, eq=False)
class SmoothWeights:
    """A weight function on a study table: psi = log(1 + delta), in the beta function log delta, of unknown deltas.

    Attributes
    ----------
    studies : Studies
    kind : str
        Of the weight function.
    sides : 1 or 2
        Of its p-values.
    known : tuple of float or None
        The value of each delta that is known.
    by_precision : bool
        Whether delta is multiplied by se / max(se).
    """

    studies: Studies
    kind: Kind
    sides: Sides
    known: tuple[float | None, ...]
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
        return np.full(self.q, math.log(SMALLEST) if self.kind == "beta" else 0.0)

    @property
    def upper(self) -> Array:
        """Largest values of psi that are searched."""
        return np.full(self.q, math.log(LARGEST))

    def delta(self, psi: Array) -> Array:
        """All parameters of the function, shape (..., count)."""
        values = [0.0 if value is None else value for value in self.known]
        delta = np.tile(values, (*psi.shape[:-1], 1))
        delta[..., self.free] = np.exp(psi) if self.kind == "beta" else np.expm1(psi)
        return delta

    @cached_property
    def precision(self) -> Array:
        """What multiplies delta, shape (k, 1), or (1, 1) where nothing does."""
        se = self.studies.se[:, None]
        return se / se.max() if self.by_precision else np.ones((1, 1))

    @property
    def _rule(self) -> Rule:
        return rule(self.kind, self.sides)

    @cached_property
    def _p(self) -> PValues:
        """p-values of all nodes, then of what lies below the first end and above the last, shape (1, m + 2)."""
        parts = zip(*((at.p, at.log_p, at.log_q) for at in (self._rule.at, self._rule.ends)), strict=True)
        return PValues(*(np.concatenate(part)[None] for part in parts))

    @cached_property
    def _p_rows(self) -> PValues:
        """p-values of the estimates, shape (k, 1)."""
        return p_values(self.studies.z[:, None], self.sides, self.kind)

    def _log_omega(self, at: PValues, delta: Array) -> tuple[Array, Array, Array]:
        """Log omega, its first and second derivatives in delta; shapes (k, m), (count, k, m), (count, count, k, m)."""
        by = [self.precision * value for value in delta]
        shape = np.broadcast_shapes(at.p.shape, self.precision.shape)
        value = np.broadcast_to(log_weight(self.kind, at, by), shape)
        if self.kind == "beta":
            return value, np.stack([at.log_p, at.log_q]), np.zeros((2, 2, *at.p.shape))
        x = self.precision * {"halfnorm": at.p**2, "power": -at.log_q}.get(self.kind, at.p)
        if self.kind == "logistic":
            share = expit(by[0] * at.p)
            return value, (-x * share)[None], (-x * x * share * (1.0 - share))[None, None]
        return value, -x[None], np.zeros((1, 1, *x.shape))

    def weighing(self, mean: Array, variance: Array, psi: Array) -> Weighing:
        """What the weights do at the rows.

        References
        ----------
        Citkowicz & Vevea 2017, Psychological Methods 22:28, 10.1037/met0000119.
        """
        delta, free = self.delta(psi), self.free
        log_omega, first, second = self._log_omega(self._p, delta)
        shares, weighted, log_a = self._integrals(mean, variance, log_omega)
        slope = np.broadcast_to(first[free], (self.q, *shares.shape))
        twice = np.broadcast_to(second[np.ix_(free, free)], (self.q, self.q, *shares.shape))
        mean_slope = np.einsum("qkm,km->kq", slope, shares)
        hermite = weighted[1:].sum(-1)
        rows = [part[..., 0] for part in self._log_omega(self._p_rows, delta)]
        gradient = rows[1][free].T - mean_slope
        curvature = rows[2][np.ix_(free, free)].sum(-1) + mean_slope.T @ mean_slope
        curvature -= np.einsum("akm,bkm,km->ab", slope, slope, shares) + np.einsum("abkm,km->ab", twice, shares)
        among = np.einsum("qkm,nkm->nkq", slope, weighted[1:3]) - hermite[:2, :, None] * mean_slope
        shift = (delta + (0.0 if self.kind == "beta" else 1.0))[free]  # d delta / d psi, and its own derivative
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
        by, sd, se = self._rule, np.sqrt(variance)[:, None], self.studies.se[:, None]
        u, ends = (se * by.z - mean[:, None]) / sd, (se * by.end * SIDES - mean[:, None]) / sd
        inside = by.log_width - 0.5 * u * u - _LOG_ROOT_2PI + np.log(se / sd)
        joint = np.concatenate([inside, log_ndtr(-ends * SIDES)], axis=1) + log_omega
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
        density = SIDES * np.exp(-0.5 * ends * ends - _LOG_ROOT_2PI + log_omega[..., -2:] - log_a[:, None])
        out[1, :, -2:] = density
        out[2, :, -2:] = ends * density
        out[3, :, -2:] = (ends * ends - 1.0) * density
        out[4, :, -2:] = ends * (ends * ends - 3.0) * density
        return out

    def best(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """The best psi of a grid for each of m means and variances (m, k), and log omega - log A summed there."""
        by, sd, se = self._rule, np.sqrt(variance)[..., None], self.studies.se[:, None]
        u, ends = (se * by.z - mean[..., None]) / sd, (se * by.end * SIDES - mean[..., None]) / sd
        inner = np.exp(by.log_width - _LOG_ROOT_2PI - 0.5 * u * u) * (se / sd)
        mass = np.concatenate([inner, np.exp(log_ndtr(-ends * SIDES))], axis=-1)
        psis = self._grid()
        heights = np.stack([self._height(mass, self.delta(psi)) for psi in psis], axis=-1)
        place = heights.argmax(-1)
        return psis[place], heights.max(-1)

    def _height(self, mass: Array, delta: Array) -> Array:
        log_omega = self._log_omega(self._p, delta)[0]
        with np.errstate(divide="ignore"):
            log_a = np.log(np.vecdot(mass, np.exp(log_omega)))
        at_rows = self._log_omega(self._p_rows, delta)[0].sum()
        return np.where(np.isfinite(log_a).all(-1), at_rows - log_a.sum(-1), -np.inf)

    def _grid(self) -> Array:
        """Values of psi among which the best is looked for first, shape (g, q)."""
        values = np.array(SCAN[len(self.known)])
        psi = np.log(values) if self.kind == "beta" else np.log1p(values)
        return np.array(list(itertools.product(psi, repeat=self.q))).reshape(-1, self.q)
