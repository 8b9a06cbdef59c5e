"""Rows of a meta-regression whose moderators miss a level: mixtures over the levels that they may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from poolwise.model.missing_levels import MissingLevels

Array = NDArray[np.float64]
TINY = np.finfo(float).tiny
_LOG_2PI = np.log(2.0 * np.pi)


@final
@dataclass(frozen=True, eq=False)
class MixedRows:
    """The m rows that miss a level, at joint draws of the coefficients and of the level probabilities.

    Attributes
    ----------
    gaps : MissingLevels
    mean : ndarray
        Mean effect with each combination of levels, shape (chains, draws, m, C).
    log_weight : ndarray
        Log probability of each combination before the estimate is seen, of the same shape.
    """

    gaps: MissingLevels
    mean: Array
    log_weight: Array

    @classmethod
    def of(cls, gaps: MissingLevels, coefficients: Array, pi: Array) -> MixedRows:
        """The rows at draws of shape (chains, draws, p) and (chains, draws, Q)."""
        m, C, p = gaps.X.shape
        mean = (coefficients @ gaps.X.reshape(m * C, p).T).reshape(*coefficients.shape[:-1], m, C)
        return cls(gaps, mean, gaps.log_weights(np.log(np.maximum(pi, TINY))))

    @property
    def rows(self) -> NDArray[np.intp]:
        """Their numbers in the study table, shape (m,)."""
        return np.flatnonzero(self.gaps.here)

    @property
    def expected(self) -> Array:
        """Mean effect of each row over its levels, shape (chains, draws, m)."""
        return np.asarray((np.exp(self.log_weight) * self.mean).sum(axis=-1))

    def log_density(self, y: Array, variance: Array) -> Array:
        """Log density of estimates, shape (m,), with these variances; shape (chains, draws, m)."""
        return np.asarray(logsumexp(self._log_joint(y, variance), axis=-1))

    def weights(self, y: Array, variance: Array) -> Array:
        """Probability of each combination given the estimates, shape (chains, draws, m, C)."""
        joint = self._log_joint(y, variance)
        return np.exp(joint - logsumexp(joint, axis=-1, keepdims=True))

    def drawn(self, weight: Array, rng: np.random.Generator) -> Array:
        """Mean effect with a combination that is drawn by these probabilities, shape (chains, draws, m)."""
        below = np.cumsum(weight, axis=-1)
        u = rng.random(below.shape[:-1]) * below[..., -1]
        choice = (u[..., None] >= below[..., :-1]).sum(axis=-1)
        return np.take_along_axis(self.mean, choice[..., None], axis=-1)[..., 0]

    def drawn_anew(self, rng: np.random.Generator) -> Array:
        """The same for new studies that miss the same moderators."""
        return self.drawn(np.exp(self.log_weight), rng)

    def _log_joint(self, y: Array, variance: Array) -> Array:
        own = variance[..., None]
        return self.log_weight - 0.5 * ((y[:, None] - self.mean) ** 2 / own + np.log(own) + _LOG_2PI)
