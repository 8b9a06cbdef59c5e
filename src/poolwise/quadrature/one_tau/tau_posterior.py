"""The posterior of the normal-normal model by quadrature over tau, for one study table or many.

tau = c sinh(x) turns [0, inf) into a coordinate that is linear near 0 and logarithmic far out; the posterior
density of x is integrated by adaptive Gauss-Legendre panels (`panels`), and mu, theta_i and theta_new are
normal mixtures over the nodes (`mixture`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.quadrature.one_tau.jobs import DECILES, MEAN, Studies, Tables, TauPriors
from poolwise.quadrature.one_tau.mixtures import Mixtures, limits, shrunken
from poolwise.quadrature.rules.mixture import LIMITS, NormalMixture, quantiles
from poolwise.quadrature.rules.normal_normal import shrinkage
from poolwise.quadrature.rules.panel_law import PanelLaw, Sinh
from poolwise.quadrature.rules.panels import ORDER, RULE, Panels
from poolwise.quadrature.rules.refine import Evaluate, integrate, unweighted

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
LEFT_OUT = 1e-14  # probability of a node that a batch leaves out, to work on shorter rows
TOLERANCE = 1e-10  # tail of a panel's Legendre coefficients, relative to the whole
WATCHED = 5  # most precise, and most remote, studies whose limits are judged for all
MU = {"mu": MEAN}


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
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for the posterior; the quadrature is our own.
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

    @cached_property
    def tau(self) -> PanelLaw:
        """The law of tau of a single job."""
        prior = self.priors.priors[0]
        return PanelLaw.of_panels(
            self.panels,
            Sinh(float(self.c[0])),
            moments=int(self.moments[0]),
            support=(prior.lowest, prior.upper),
            density=self._tau_density,
        )

    def _tau_density(self, tau: Array) -> Array:
        """Density of tau of a single job, from prior and likelihood."""
        job = np.zeros(1, dtype=np.intp)
        log_density = self.studies.given_tau(job, tau[None])[0] + self.priors.log_density(job, tau[None])
        return np.exp(log_density - self.panels.log_total[0])[0]

    def tau_ppf(self, job: Ints, p: Array) -> Array:
        """Quantiles of tau; job and p of shape (q,)."""
        return self.c[job] * np.sinh(self.panels.ppf(job, p))


def tau_posterior(
    studies: Tables, priors: TauPriors, *, moments: Ints, tolerance: float = TOLERANCE, halvings: int = 0
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
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for the posterior; the quadrature is our own.
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


def log_density_of_mean(posterior: TauPosterior, mu: float) -> float:
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

    Returns
    -------
    float

    References
    ----------
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for the posterior; the quadrature is our own.
    """
    studies, priors, n = posterior.studies, posterior.priors, 1
    _, c, edges = _coordinate(studies, priors, n)
    joint = _integrand(studies, priors, c)
    at = mu - studies.at_origin(MEAN)[0]

    def evaluate(job: Ints, x: Array) -> Array:
        values = joint(job, x)
        mean, sd = studies.combination(values, MEAN)
        values[0] += -0.5 * ((at - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2.0 * np.pi)
        return values

    panels = integrate(evaluate, edges, unweighted, TOLERANCE, _slack(studies, n))
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


def watched_limits(
    posterior: TauPosterior, linear: Sequence[Array], new: Sequence[Array]
) -> tuple[float, list[NormalMixture], list[NormalMixture]]:
    """Estimated error of medians and limits of the linear quantities of a single job, in half-widths.

    On each panel, density x Phi((limit - mean) / sd) is expanded in Legendre polynomials; the size of its
    last coefficients bounds what the quadrature misses of F(limit). The mass of the prior beyond the panels
    is missing from every F. F' turns both into an error of the limit, in units of half the 95 % interval.
    Of many studies the most precise and the most remote ones stand for all. A known mu has no limits.

    Parameters
    ----------
    posterior : TauPosterior
        With one job.
    linear, new : sequence of ndarray
        Weights of the coefficients in the mean effects, and in those of new studies, that are watched.

    Returns
    -------
    tuple
        The error; the laws of `linear`, and those of `new`, whose medians and limits are known unless mu is.
    """
    panels, tau = posterior.panels, posterior.c[0] * np.sinh(posterior.panels.x)
    half = 0.5 * (panels.right - panels.left)
    density = panels.mass / (RULE.weights * half[:, None])
    tables, nodes = posterior.studies, posterior.mixtures
    means, of_new = [nodes.linear(c) for c in linear], [nodes.new(c) for c in new]
    watched = [] if tables.known[0] else [(c, law, False) for c, law in zip(linear, means, strict=True)]
    watched += [(c, law, True) for c, law in zip(new, of_new, strict=True)]
    laws = [law for _, law, _ in watched]
    shape = (len(laws), len(nodes.weight))  # of no rows where a model states the only mean and names no new study
    table = np.array([[law.centre for law in laws], [law.spread for law in laws]]).reshape(2, *shape)
    points = limits(nodes.weight, table[0], table[1])
    for law, found in zip(laws, points.tolist(), strict=True):
        law.known.update(zip(LIMITS, found, strict=True))
    origin = np.array([tables.at_origin(c)[0] for c, _, _ in watched])
    centres, spreads = [], []
    for c, _, is_new in watched:
        mean, sd = tables.combination(panels.values, c)
        centres.append(mean)
        spreads.append(np.hypot(sd, tau) if is_new else sd)
    theta_centre, theta_spread = _study_effects(posterior, tau)
    centre = np.concatenate([*(row[None] for row in centres), theta_centre])
    spread = np.concatenate([*(row[None] for row in spreads), theta_spread])
    of_theta = _by_moments(panels.mass, theta_centre, theta_spread)
    at = np.concatenate([points[:, [1, 0, 2]] - origin[:, None], of_theta])  # lower limit, median, upper limit
    inverse = 1.0 / spread
    z = at[:, :, None, None] - centre[:, None]
    z *= inverse[:, None]
    below = ndtr(z)
    below *= density
    tails = np.abs(below @ RULE.to_coefficients[:, -3:]).max(axis=-1) @ half / ORDER
    with np.errstate(over="ignore"):  # at and beside a component that is all but a point
        np.multiply(z, z, out=z)
        z *= -0.5
        slope = np.einsum("mlpq,mpq->ml", np.exp(z, out=z), inverse * panels.mass) / np.sqrt(2.0 * np.pi)
    unit = 0.5 * (at[:, 2] - at[:, 0])
    missed = tails + _beyond(posterior)
    return float((missed / np.maximum(slope * unit[:, None], 1e-300)).max()), means, of_new


def _study_effects(posterior: TauPosterior, tau: Array) -> tuple[Array, Array]:
    """Mean and sd of the watched theta_i at every node, shape (m, P, q) each."""
    tables, values, rows = posterior.studies, posterior.panels.values, _telling(posterior)
    if isinstance(tables, Studies):
        mean, sd = tables.combination(values, MEAN)
        return shrinkage(mean, sd, tables.y[0, rows, None, None], tables.v[0, rows, None, None], tau * tau)
    pairs = [shrunken(tables, i, tau, values) for i in rows.tolist()]
    return np.stack([mean for mean, _ in pairs]), np.stack([sd for _, sd in pairs])


def _telling(posterior: TauPosterior) -> Ints:
    """The studies to watch: all of a few, else the most precise and the most remote."""
    y, v = posterior.studies.y[0], posterior.studies.v[0]
    if len(v) <= 2 * WATCHED:
        return np.arange(len(v))
    remote = np.abs(y) / np.sqrt(v)
    return np.union1d(np.argpartition(v, WATCHED)[:WATCHED], np.argpartition(-remote, WATCHED)[:WATCHED])


def _by_moments(mass: Array, centre: Array, spread: Array) -> Array:
    """Mean and mean -/+ 2 sd of mixtures, shape (m, 3), near enough to median and limits to stand for them."""
    mean = (mass * centre).sum(axis=(1, 2))
    sd = np.sqrt((mass * (spread**2 + (centre - mean[:, None, None]) ** 2)).sum(axis=(1, 2)))
    return mean[:, None] + sd[:, None] * np.array([-2.0, 0.0, 2.0])


def _beyond(posterior: TauPosterior) -> float:
    """Posterior probability of the tau beyond the reach of the panels, for priors with mass at every power of 10."""
    prior, (low, high) = posterior.priors.priors[0], posterior.reach[:, 0]
    if not prior.proper or not prior.needs_log_nodes:
        return 0.0
    below, above = float(prior.cdf(low)), 1.0 - float(prior.cdf(high))
    likelihood = posterior.studies.given_tau(np.zeros(1, dtype=np.intp), np.array([[low, high]]))[0, 0]
    return float(np.array([below, above]) @ np.exp(likelihood - posterior.panels.log_total[0]))


def summaries(
    posterior: TauPosterior,
    mu_moments: NDArray[np.intp],
    prob: float,
    new: bool,
    combinations: Mapping[str, Array] = MU,
) -> dict[str, Array]:
    """Means, sds, medians and equal-tailed limits of mean effects, tau and new studies of each job.

    Parameters
    ----------
    posterior : TauPosterior
        With n jobs.
    mu_moments : ndarray
        Highest moment of mu that exists, shape (n,).
    prob : float
        Probability of the intervals.
    new : bool
        Whether to summarise theta_new, the true effect of a new study with the first mean effect, too.
    combinations : mapping of str to ndarray
        Weights of the coefficients in each mean effect, shape (p,); mu alone by default.

    Returns
    -------
    dict
        ``mu``, ``mu_mean``, ``mu_sd``, ``mu_lower``, ``mu_upper`` and the same for tau (and theta_new), and
        ``log_total``, ``grid_error``; each of shape (n,). A moment that does not exist is NaN.
    """
    n = posterior.panels.jobs
    weight, tau, values = posterior.nodes(LEFT_OUT)
    p = np.repeat([0.5, 0.5 * (1.0 - prob), 0.5 * (1.0 + prob)], n)
    out: dict[str, Array] = {}
    weights = np.tile(weight, (3, 1))
    for at, (name, c) in enumerate(combinations.items()):
        mean, sd = posterior.studies.combination(values, c)
        mean = mean + posterior.studies.at_origin(c)[:, None]
        means = np.tile(mean, (3, 1))
        out |= _row(name, quantiles(p, weights, means, np.tile(sd, (3, 1))))
        out |= _moments(name, weight, mean, sd, mu_moments)
        if new and at == 0:
            spread = np.hypot(sd, tau)
            out |= _row("theta_new", quantiles(p, weights, means, np.tile(spread, (3, 1))))
            out |= _moments("theta_new", weight, mean, spread, posterior.moments)
    out |= _row("tau", posterior.tau_ppf(np.tile(np.arange(n), 3), p))
    out |= _moments("tau", weight, tau, np.zeros_like(tau), posterior.moments)
    out["log_total"], out["grid_error"] = posterior.panels.log_total, posterior.panels.error
    return out


def below(posterior: TauPosterior, weights: Array, threshold: float) -> Array:
    """P(weights @ coefficients < threshold) of each job, shape (n,).

    Parameters
    ----------
    posterior : TauPosterior
        With n jobs.
    weights : ndarray
        Of the coefficients, shape (p,).
    threshold : float
        On the scale of the estimates.
    """
    weight, _, values = posterior.nodes()
    centre, spread = posterior.studies.combination(values, weights)
    centre = centre + posterior.studies.at_origin(weights)[:, None]
    return np.asarray((weight * ndtr((threshold - centre) / spread)).sum(axis=1))


def _row(name: str, values: Array) -> dict[str, Array]:
    point, lower, upper = values.reshape(3, -1)
    return {name: point, f"{name}_lower": lower, f"{name}_upper": upper}


def _moments(name: str, weight: Array, centre: Array, spread: Array, exists: NDArray[np.intp]) -> dict[str, Array]:
    mean = (weight * centre).sum(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        sd = np.sqrt((weight * (spread**2 + (centre - mean[:, None]) ** 2)).sum(axis=1))
    return {
        f"{name}_mean": np.where(exists >= 1, mean, np.nan),
        f"{name}_sd": np.where(exists >= 2, sd, np.nan),
    }
