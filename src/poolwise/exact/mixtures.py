"""What is normal given tau, as mixtures over nodes of tau: coefficients, new studies, study effects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.exact.jobs import MEAN, Tables
from poolwise.exact.mixture import TAIL, NormalMixture, quantiles

Array = NDArray[np.float64]
TOGETHER = 60  # studies at most whose limits are found in one go


@final
@dataclass(frozen=True, eq=False)
class Mixtures:
    """The nodes of a single job, and every mixture over them.

    Attributes
    ----------
    tables : Tables
        Of a single job.
    weight, tau : ndarray
        Weights that sum to 1 and tau at the nodes, shape (J,).
    values : ndarray
        What `tables.given_tau` returns there, shape (m, J).
    moments : int
        Highest moment of tau that exists.
    """

    tables: Tables
    weight: Array
    tau: Array
    values: Array
    moments: int

    @classmethod
    def at(cls, tables: Tables, tau: float) -> Mixtures:
        """The single node of a known tau."""
        node = np.array([[tau]])
        values = tables.given_tau(np.zeros(1, dtype=np.intp), node)[:, 0]
        return cls(tables, np.ones(1), node[0], values, 2)

    @property
    def log_likelihood(self) -> Array:
        """Log p(y | tau) at the node of a known tau, shape (1,)."""
        return self.values[0]

    def linear(self, c: Array = MEAN) -> NormalMixture:
        """The posterior of a linear combination c'beta of the coefficients; of mu by default."""
        mean, sd = self.tables.combination(self.values, c)
        moments = 2 if self.tables.proper[0] else min(self.moments, 2)
        return NormalMixture(self.weight, mean + self.tables.at_origin(c)[0], sd, moments)

    def new(self, c: Array = MEAN) -> NormalMixture:
        """The posterior of the true effect in a new study with the mean effect c'beta, N(c'beta, tau^2)."""
        mean, sd = self.tables.combination(self.values, c)
        centre = mean + self.tables.at_origin(c)[0]
        return NormalMixture(self.weight, centre, np.hypot(sd, self.tau), min(self.moments, 2))

    def theta(self, i: int) -> NormalMixture:
        """The posterior of the true effect theta_i in study i."""
        if len(self.tables.v[0]) <= TOGETHER:
            return self._thetas[i]
        return self._theta(i)

    @cached_property
    def _thetas(self) -> tuple[NormalMixture, ...]:
        """All of a few studies, their medians and 95 % limits found in one go."""
        laws = tuple(self._theta(i) for i in range(len(self.tables.v[0])))
        if not all(law.spread.all() for law in laws):  # known values have no quantiles to look for
            return laws
        p = np.tile([0.5, TAIL, 1.0 - TAIL], len(laws))
        table = [np.repeat(np.stack([getattr(law, name) for law in laws]), 3, axis=0) for name in ("centre", "spread")]
        found = quantiles(p, np.broadcast_to(self.weight, table[0].shape), *table)
        for law, row in zip(laws, found.reshape(-1, 3).tolist(), strict=True):
            law.known.update(zip(p[:3].tolist(), row, strict=True))
        return laws

    def _theta(self, i: int) -> NormalMixture:
        centre, spread = shrunken(self.tables, i, self.tau, self.values)
        return NormalMixture(self.weight, centre + self.tables.at_origin(self.tables.at_study(i))[0], spread, 2)

    def draw(self, tau: Array, rng: np.random.Generator) -> Array:
        """Draws of the coefficients given draws of tau, shape (p, size)."""
        return self.tables.draw(self.tables.given_tau(np.zeros(1, dtype=np.intp), tau[None])[:, 0], rng)


def shrunken(tables: Tables, i: int, tau: Array, values: Array) -> tuple[Array, Array]:
    """Mean (centred) and sd of theta_i given tau.

    theta_i | tau ~ N(b_i x_i'beta_hat + (1 - b_i) y_i, (1 - b_i) v_i + b_i^2 var(x_i'beta)),
    b_i = v_i / (v_i + tau^2).

    Parameters
    ----------
    tables : Tables
        Of a single job.
    i : int
        Row of the study.
    tau : ndarray
        Of any shape.
    values : ndarray
        What `tables.given_tau` returns there, shape (m, *tau.shape).

    Returns
    -------
    tuple of ndarray
        Each of the shape of tau.
    """
    mean, sd = tables.combination(values, tables.at_study(i))
    y, v = tables.y[0, i], tables.v[0, i]
    square = tau * tau
    to_mean, to_data = v / (v + square), square / (v + square)
    return to_mean * mean + to_data * y, np.sqrt(to_data * v + (to_mean * sd) ** 2)
