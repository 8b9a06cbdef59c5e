"""The posterior of the normal-normal model by quadrature over tau, for one study table or many.

tau = c sinh(x) turns [0, inf) into a coordinate that is linear near 0 and logarithmic far out; the posterior
density of x is integrated by adaptive Gauss-Legendre panels (`panels`), and mu, theta_i and theta_new are
normal mixtures over the nodes (`mixture`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.one_tau.jobs import DECILES, MEAN, Tables, TauPriors
from poolwise.quadrature.one_tau.mixtures import Mixtures
from poolwise.quadrature.rules.panels import Panels
from poolwise.quadrature.rules.refine import Evaluate, integrate

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

# offsets of the first panel edges in x: fine near the scale of the problem, geometric far out
_OFFSETS = np.concatenate(
    [
        np.arange(0, 6, 0.75),
        [6, 8, 10, 12.5, 15, 18, 22, 27, 33, 40, 50, 62, 77, 96, 120, 150, 190, 240, 300, 380, 480, 600],
    ]
)
SHARPER = 4.0  # panels resolve what changes within this many times less than their first length
KNOWN_MEAN_REACH = 1e-6  # c over the problem's scale with mu known: theta | tau shrinks to a point as tau does
LOG_NODES_REACH = 1e-150  # c over the problem's scale where a prior needs nodes on log tau
FARTHEST = 1e140  # largest tau over the problem's scale
LEAST_MEDIAN = 1e-120  # of a prior, over the smallest standard error, that the panels follow
LARGEST = 1e150  # largest tau: its square must not overflow
NEGLIGIBLE = 1e-18  # nodes with less probability change nothing in double precision


@final
@dataclass(frozen=True, eq=False)
class TauPosterior:
    """Posterior of tau, and of the coefficients given tau at the nodes, for n jobs.

    Attributes
    ----------
    studies : Tables
    priors : TauPriors
    unit, c : ndarray
        Scale of the problem, and unit of the coordinate, tau = c sinh(x), shape (n,).
    reach : ndarray
        Least and largest tau between which the first panels follow a prior on log tau, shape (2, n).
    panels : Panels
        Density of x; `panels.values` holds log density and what else the tables' `given_tau` returns.
    moments : ndarray
        Highest moment of tau that exists (0, 1, 2, ... 4), shape (n,).

    References
    ----------
    Roever 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for the posterior; the quadrature is our own.
    """

    studies: Tables
    priors: TauPriors
    unit: Array
    c: Array
    reach: Array
    panels: Panels
    moments: Ints

    def nodes(self, negligible: float = NEGLIGIBLE) -> tuple[Array, Array, Array]:
        """Weights and tau, shape (n, J), and values, shape (m, n, J), padded with a job's first node at weight 0.

        Nodes whose probability, and whose share in the moments, is below `negligible` are left out.
        """
        panels = self.panels
        weight = panels.mass.reshape(-1)
        job = np.repeat(panels.job, panels.x.shape[1])
        tau = self.c[job] * np.sinh(panels.x.reshape(-1))
        keep = weight > negligible
        if self.moments.max() > 0:  # far nodes of next to no weight may still carry the moments of a heavy tail
            carried = weight * (tau / self.unit[job]) ** np.minimum(self.moments, 2)[job]
            keep |= (carried > negligible * np.bincount(job, carried, panels.jobs)[job]) & (self.moments > 0)[job]
        table = np.concatenate([weight[None], tau[None], panels.values.reshape(len(panels.values), -1)])[:, keep]
        n = panels.jobs
        if n == 1:
            return table[0][None], table[1][None], table[2:, None]
        job = job[keep]
        count = np.bincount(job, minlength=n)
        first = np.cumsum(count) - count
        place = np.arange(len(job)) - first[job]
        out = np.repeat(table[:, first, None], count.max(), axis=2)
        out[0] = 0.0
        out[:, job, place] = table
        return out[0], out[1], out[2:]

    @cached_property
    def mixtures(self) -> Mixtures:
        """The nodes of a single job, and what is normal given tau."""
        weight, tau, values = self.nodes()
        return Mixtures(self.studies, weight[0].copy(), tau[0].copy(), values[:, 0], int(self.moments[0]))

    def tau_ppf(self, job: Ints, p: Array) -> Array:
        """Quantiles of tau; job and p of shape (q,)."""
        return self.c[job] * np.sinh(self.panels.ppf(job, p))


def tau_posterior(
    studies: Tables, priors: TauPriors, *, moments: Ints, tolerance: float = 1e-10, halvings: int = 0
) -> TauPosterior:
    """Integrate the posterior of tau.

    Parameters
    ----------
    studies : Tables
    priors : TauPriors
    moments : ndarray
        Highest moment of tau that exists, shape (n,); the panels resolve tau^moments x density too.
    tolerance : float
        Largest tail of a panel's Legendre coefficients, relative to the whole.
    halvings : int
        Times that every first panel is halved before anything else, to verify a result.

    Returns
    -------
    TauPosterior

    References
    ----------
    Roever 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for the posterior; the quadrature is our own.
    """
    n = len(moments)
    unit, c, edges = _coordinate(studies, priors, n)
    lowest = np.broadcast_to(priors.ends()[0], (n,))
    for _ in range(halvings):
        edges = np.sort(np.concatenate([edges, 0.5 * (edges[:, 1:] + edges[:, :-1])], axis=1), axis=1)

    def reference(job: Ints, x: Array) -> Array:
        with np.errstate(divide="ignore"):
            log_tau = np.log(-np.expm1(-2.0 * x)) + x
        return np.where(moments[job][:, None] > 0, moments[job][:, None] * log_tau, 0.0)

    panels = integrate(_integrand(studies, priors, c), edges, reference, tolerance, _slack(studies, n))
    reach = np.stack([np.maximum(c, lowest), c * np.sinh(edges[:, -1])])
    return TauPosterior(studies, priors, unit, c, reach, panels, moments)


def log_density_of_mean(posterior: TauPosterior, mu: float, c_mean: Array = MEAN, tolerance: float = 1e-10) -> float:
    """Log posterior density of mu at one value, finite however remote the value is.

    log p(mu | y) = log of the integral of p(mu | tau, y) p(tau | y) over tau. Far from its centre the density of mu
    is carried by values of tau that have next to no posterior probability, where the posterior's own panels are
    coarse or absent; so the product is integrated on panels of its own.

    Parameters
    ----------
    posterior : TauPosterior
        With one job and a prior on mu, normal or flat.
    mu : float
        Where, on the scale of the estimates.
    c_mean : ndarray
        Weights of the coefficients in the mean effect, shape (p,); mu itself by default.
    tolerance : float
        As in `tau_posterior`.

    Returns
    -------
    float

    References
    ----------
    Roever 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for the posterior; the quadrature is our own.
    """
    studies, priors, n = posterior.studies, posterior.priors, 1
    _, c, edges = _coordinate(studies, priors, n)
    joint = _integrand(studies, priors, c)
    at = mu - studies.at_origin(c_mean)[0]

    def evaluate(job: Ints, x: Array) -> Array:
        values = joint(job, x)
        mean, sd = studies.combination(values, c_mean)
        values[0] += -0.5 * ((at - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2.0 * np.pi)
        return values

    def alone(job: Ints, x: Array) -> Array:
        return np.zeros_like(x)

    panels = integrate(evaluate, edges, alone, tolerance, _slack(studies, n))
    return float(panels.log_total[0] - posterior.panels.log_total[0])


def _integrand(studies: Tables, priors: TauPriors, c: Array) -> Evaluate:
    """Log density of x, and mean and sd of mu given tau, as `integrate` asks for them."""
    unit, lowest, upper = (np.broadcast_to(part, c.shape)[:, None] for part in (c, *priors.ends()))
    log_unit = np.log(unit) - np.log(2.0)

    def evaluate(job: Ints, x: Array) -> Array:
        own = slice(None) if len(c) == 1 else job  # a single job's row stands for all
        tau = np.clip(unit[own] * np.sinh(x), lowest[own], upper[own])  # rounding may leave the support
        values = studies.given_tau(job, tau)
        jacobian = x + np.log1p(np.exp(-2.0 * x)) + log_unit[own]
        values[0] += priors.log_density(job, tau) + jacobian
        return values

    return evaluate


def _slack(studies: Tables, n: int) -> Array:
    """Nats by which a coarse look may underestimate a panel, shape (n,)."""
    return np.broadcast_to(2.0 * np.isfinite(studies.v).sum(axis=1), (n,)).astype(float)


def _coordinate(studies: Tables, priors: TauPriors, n: int) -> tuple[Array, Array, Array]:
    """Scale of the problem, unit c of the coordinate and first panel edges of each job."""
    smallest = np.broadcast_to(np.sqrt(studies.v.min(axis=1)), (n,))
    # mu and theta_i given tau change where tau is about sd(mu | tau = 0)
    known = np.broadcast_to(studies.known, (n,))
    deciles = priors.quantiles(DECILES)
    medians = np.maximum(deciles[1], smallest * LEAST_MEDIAN)  # half of a vague gamma is below any number
    unit = np.minimum(np.minimum(smallest, medians), SHARPER * studies.narrowest())
    log_nodes = np.broadcast_to(priors.need_log_nodes(), (n,))
    lowest, upper = priors.ends()
    c = unit * np.where(log_nodes, LOG_NODES_REACH, np.where(known, KNOWN_MEAN_REACH, 1.0))
    both_ways = log_nodes | known
    offsets = np.concatenate([-_OFFSETS[:0:-1], _OFFSETS]) if both_ways.any() else _OFFSETS
    middle = np.where(both_ways, np.arcsinh(unit / c), 0.0)
    with np.errstate(over="ignore"):
        last = np.arcsinh(np.minimum(upper, np.minimum(unit * FARTHEST, LARGEST)) / c)
        # at tau = 0 a prior that needs nodes on log tau may have a pole, beside which no panel would seem to matter
        first = np.arcsinh(np.maximum(lowest, np.where(log_nodes, c, 0.0)) / c)
    edges = middle[:, None] + offsets
    narrow = priors.narrow(deciles)
    if narrow.size:
        extra = np.broadcast_to(np.arcsinh(narrow / c[:, None]), (n, narrow.shape[1]))
        edges = np.sort(np.concatenate([np.broadcast_to(edges, (n, edges.shape[1])), extra], axis=1), axis=1)
    return unit, c, np.clip(edges, first[:, None], last[:, None])
