"""Step weights as the likelihood asks for them: E omega He_n(u) in closed form, the best weights by Newton's method."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.selection.derivatives import Array, Studies, Weighing
from poolwise.selection.intervals import Intervals

WIDEST = 300.0  # of log omega, far beyond weights of any meaning and within floating point
_ROUNDS = 12  # of Newton's method for weights alone, which is concave
_LOG_ROOT_2PI = 0.5 * np.log(2.0 * np.pi)


@final
@dataclass(frozen=True, eq=False)
class StepWeights:
    """Step weights on a study table: psi are the logarithms of those that are unknown; the first is 1.

    Attributes
    ----------
    studies : Studies
    intervals : Intervals
    known : ndarray, shape (J,)
        The weights, NaN where they are unknown.
    """

    studies: Studies
    intervals: Intervals
    known: Array

    @cached_property
    def holding(self) -> NDArray[np.intp]:
        """The interval that holds each estimate, shape (k,)."""
        return self.intervals.holding(self.studies.z)

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """How many estimates each interval holds, shape (J,)."""
        return np.bincount(self.holding, minlength=self.intervals.count)

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Which weights are unknown, shape (J,)."""
        return np.isnan(self.known)

    @property
    def q(self) -> int:
        """How many weights are unknown."""
        return int(self.free.sum())

    @property
    def lower(self) -> Array:
        """Least values of psi."""
        return np.full(self.q, -WIDEST)

    @property
    def upper(self) -> Array:
        """Largest values of psi that are searched."""
        return np.full(self.q, WIDEST)

    @cached_property
    def _indicator(self) -> Array:
        return (self.holding[:, None] == np.flatnonzero(self.free)).astype(float)

    @cached_property
    def _cuts(self) -> Array:
        """On the scale of the estimates, shape (k, J - 1)."""
        return self.studies.se[:, None] * self.intervals.cuts

    @cached_property
    def _log_known(self) -> Array:
        with np.errstate(divide="ignore"):
            return np.log(self.known)

    def log_omega(self, psi: Array) -> Array:
        """Log weights of all intervals, shape (..., J)."""
        log_omega = np.empty((*psi.shape[:-1], len(self.known)))
        log_omega[...] = self._log_known
        log_omega[..., self.free] = psi
        return log_omega

    def weighing(self, mean: Array, variance: Array, psi: Array) -> Weighing:
        """What the weights do at the rows: the integrals of He_n between cuts are He_(n-1) at the cuts.

        References
        ----------
        Vevea & Hedges 1995, Psychometrika 60:419, 10.1007/BF02294384.
        """
        sd, log_omega = np.sqrt(variance), self.log_omega(psi)
        joint = self.intervals.log_probabilities(mean, sd, self.studies.se) + log_omega
        share, log_a = _shares(joint)
        beyond = self._beyond((self._cuts - mean[:, None]) / sd[:, None], log_a)
        if self.intervals.sides == 2:
            beyond -= self._beyond((-self._cuts - mean[:, None]) / sd[:, None], log_a)
        ends = np.zeros((4, len(mean), 1))
        parts = np.exp(log_omega) * np.diff(np.concatenate([ends, beyond, ends], axis=-1))
        hermite = parts.sum(-1)
        free = share[:, self.free]
        return Weighing(
            log_weight=log_omega[self.holding],
            log_a=log_a,
            hermite=hermite,
            slope=self._indicator - free,
            curvature=free.T @ free - np.diag(free.sum(0)),
            hermite_slope=parts[:2, :, self.free] - hermite[:2, :, None] * free,
        )

    @staticmethod
    def _beyond(cut: Array, log_a: Array) -> Array:
        """The integrals of He_1 to He_4 above cuts, over A, shape (4, k, J - 1)."""
        density = np.exp(-0.5 * cut * cut - _LOG_ROOT_2PI - log_a[:, None])
        return np.stack([density, cut * density, (cut * cut - 1.0) * density, cut * (cut * cut - 3.0) * density])

    def best(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """The best weights for each of m means and variances (m, k), and log omega - log A summed there.

        The log likelihood is concave in the log weights, since A is linear in the weights.
        """
        log_p = self.intervals.log_probabilities(mean, np.sqrt(variance), self.studies.se)
        psi = np.zeros((len(mean), self.q))
        counts = self.counts[self.free].astype(float)
        for _ in range(_ROUNDS if self.q else 0):
            share = _shares(log_p + self.log_omega(psi)[:, None, :])[0][..., self.free]
            total = share.sum(1)
            hessian = total[:, :, None] * np.eye(self.q) - share.mT @ share
            ridge = 1e-9 * (1.0 + np.trace(hessian, axis1=1, axis2=2))[:, None, None] * np.eye(self.q)
            step = np.linalg.solve(hessian + ridge, (counts - total)[..., None])[..., 0]
            psi = np.clip(psi + np.clip(step, -4.0, 4.0), -WIDEST, WIDEST)
        log_omega = self.log_omega(psi)
        log_a = _shares(log_p + log_omega[:, None, :])[1]
        return psi, np.sum(log_omega[..., self.holding], axis=-1) - log_a.sum(-1)


def _shares(joint: Array) -> tuple[Array, Array]:
    """Shares of a sum whose terms have these logarithms, along the last axis, and the logarithm of the sum."""
    top = joint.max(-1, keepdims=True)
    shares = np.exp(joint - top)
    total = shares.sum(-1, keepdims=True)
    shares /= total
    return shares, (top + np.log(total))[..., 0]
