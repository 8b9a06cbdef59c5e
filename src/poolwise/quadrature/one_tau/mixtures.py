"""What is normal given tau, as mixtures over nodes of tau: coefficients, new studies, study effects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.one_tau.jobs import MEAN, Studies, Tables
from poolwise.quadrature.rules.gauss_rules import discrete_gauss
from poolwise.quadrature.rules.mixture import LIMITS, NormalMixture, quantiles
from poolwise.quadrature.rules.normal_normal import shrinkage

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
FEW = 60  # studies whose limits are found from all nodes; of more from a condensed rule, where it is as good
CONDENSED = 24  # nodes of that rule
AS_GOOD = 1e-11  # half-widths by which its limits may miss those of all nodes, for the studies that it fits worst
MOST = 20_000  # studies whose limits are found in one go


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
        return self._thetas[i] if len(self.tables.v[0]) <= MOST else self._theta(i)

    @cached_property
    def _thetas(self) -> tuple[NormalMixture, ...]:
        """All studies, their medians and 95 % limits found in one go."""
        centre, spread = self._shrunken()
        laws = tuple(NormalMixture(self.weight, *row, 2) for row in zip(centre, spread, strict=True))
        if spread.all():  # known values have no quantiles to look for
            for law, found in zip(laws, self._limits(centre, spread).tolist(), strict=True):
                law.known.update(zip(LIMITS, found, strict=True))
        return laws

    def _limits(self, centre: Array, spread: Array) -> Array:
        """Medians and 95 % limits of all studies, shape (k, 3)."""
        if len(centre) <= FEW:
            return limits(self.weight, centre, spread)
        weight, tau = discrete_gauss(self.weight, self.tau, CONDENSED)
        if not (tau >= 0.0).all():
            return limits(self.weight, centre, spread)
        values = self.tables.given_tau(np.zeros(1, dtype=np.intp), tau[None])[:, 0]
        few_centres, few_spreads = replace(self, weight=weight, tau=tau, values=values)._shrunken()
        found = limits(weight, few_centres, few_spreads)
        telling = self._telling()
        exact = limits(self.weight, centre[telling], spread[telling], found[telling])
        apart = np.abs(found[telling] - exact) / (exact[:, 2:] - exact[:, 1:2])
        return found if apart.max() < AS_GOOD else limits(self.weight, centre, spread, found)

    def _telling(self) -> Ints:
        """The studies whose effects depend on tau the most: the most and least exact, the most remote."""
        y, v = self.tables.y[0], self.tables.v[0]
        middle = float(self.weight @ (self.tau * self.tau))
        remote = np.abs(y - np.median(y)) / np.sqrt(v + middle)
        return np.unique(np.concatenate([np.argsort(part)[[0, 1, -2, -1]] for part in (v, remote, y)]))

    def _shrunken(self) -> tuple[Array, Array]:
        """Mean and sd of every theta_i at every node, shape (k, J)."""
        rows = np.arange(len(self.tables.v[0]))
        if isinstance(self.tables, Studies):
            mean, sd = self.tables.combination(self.values, MEAN)
            y, v = self.tables.y[0][:, None], self.tables.v[0][:, None]
            centre, spread = shrinkage(mean, sd, y, v, self.tau**2)
            return centre + self.tables.offset[0], spread
        pairs = [(law.centre, law.spread) for law in map(self._theta, rows.tolist())]
        centres, spreads = zip(*pairs, strict=True)
        return np.stack(centres), np.stack(spreads)

    def _theta(self, i: int) -> NormalMixture:
        centre, spread = shrunken(self.tables, i, self.tau, self.values)
        return NormalMixture(self.weight, centre + self.tables.at_origin(self.tables.at_study(i))[0], spread, 2)

    def draw(self, tau: Array, rng: np.random.Generator) -> Array:
        """Draws of the coefficients given draws of tau, shape (p, size)."""
        return self.tables.draw(self.tables.given_tau(np.zeros(1, dtype=np.intp), tau[None])[:, 0], rng)


def limits(weight: Array, centre: Array, spread: Array, start: Array | None = None) -> Array:
    """Medians and 95 % limits of mixtures in rows, found in one go.

    Parameters
    ----------
    weight : ndarray
        Of the components of each mixture, shape (J,).
    centre, spread : ndarray
        Means and standard deviations of the components, shape (n, J).
    start : ndarray, optional
        Where to begin, shape (n, 3).

    Returns
    -------
    ndarray
        Shape (n, 3): median, lower limit, upper limit.
    """
    n = len(centre)
    table = np.repeat(np.stack([centre, spread]), 3, axis=1)
    begin = None if start is None else start.ravel()
    weights = np.broadcast_to(weight, table[0].shape)
    return quantiles(np.tile(LIMITS, n), weights, table[0], table[1], begin).reshape(n, 3)


def shrunken(tables: Tables, i: int, tau: Array, values: Array) -> tuple[Array, Array]:
    """Mean (centred) and sd of theta_i given tau.

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

    References
    ----------
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for shrinkage given tau.
    """
    mean, sd = tables.combination(values, tables.at_study(i))
    return shrinkage(mean, sd, tables.y[0, i], tables.v[0, i], tau * tau)
