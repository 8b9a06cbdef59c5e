"""The posterior of the normal-normal model by quadrature over tau, for one study table or many.

tau = c sinh(x) turns [0, inf) into a coordinate that is linear near 0 and logarithmic far out; the posterior
density of x is integrated by adaptive Gauss-Legendre panels (`panels`), and mu, theta_i and theta_new are
normal mixtures over the nodes (`mixture`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.exact.mixture import NormalMixture
from poolwise.exact.normal_normal import given_tau
from poolwise.exact.panels import ORDER, TO_COEFFICIENTS, WEIGHTS, Panels, integrate
from poolwise.priors import Prior

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
LOG_NODES_REACH = 1e-150  # c over the problem's scale where a prior needs nodes on log tau
FARTHEST = 1e140  # largest tau over the problem's scale; its square must not overflow
WATCHED = 5  # most precise, and most remote, studies whose limits are judged for all
NEGLIGIBLE = 1e-18  # nodes with less probability change nothing in double precision


@final
@dataclass(frozen=True)
class Studies:
    """Study tables of n jobs and their priors on mu, centred for numerical safety.

    Attributes
    ----------
    y, v : ndarray
        Centred estimates and variances, shape (n, k), or (1, k) where all jobs share one table;
        v = inf and y = 0 where a study is missing.
    offset : ndarray
        What was subtracted from y, shape (n,) or (1,).
    m0, s0 : ndarray
        Centred mean and the sd of the prior on mu, shape (n,) or (1,); s0 = inf for the flat prior.
    """

    y: Array
    v: Array
    offset: Array
    m0: Array
    s0: Array

    @classmethod
    def centred(cls, y: Array, v: Array, m0: Array, s0: Array) -> Studies:
        """Subtract each table's inverse-variance mean; y and v of shape (n, k), NaN where a study is missing."""
        missing = np.isnan(y) | np.isnan(v)
        v = np.where(missing, np.inf, v)
        y = np.where(missing, 0.0, y)
        weight = 1.0 / v
        offset = (weight * y).sum(axis=1) / weight.sum(axis=1)
        return cls(np.where(missing, 0.0, y - offset[:, None]), v, offset, m0 - offset, s0)

    def given_tau(self, job: Ints, tau: Array) -> Array:
        """Log likelihood, mean and sd of mu given tau, shape (3, P, q); mu still centred."""
        parts = (self.y, self.v, self.m0, self.s0)
        if job[0] != job[-1] and all(len(a) == 1 for a in parts):  # jobs that differ in the prior on tau only
            first, row = _distinct_rows(tau)
            return given_tau(tau[first], *parts)[:, row]
        return given_tau(tau, *(a if len(a) == 1 else a[job] for a in parts))


def _distinct_rows(table: Array) -> tuple[Ints, Ints]:
    """First row of each distinct kind, and the kind of each row: many jobs stand on the same panels."""
    ends = table[:, 0] + 1j * table[:, -1]
    _, first, row = np.unique(ends, return_index=True, return_inverse=True)
    if np.array_equal(table[first][row], table):
        return first, row
    everyone = np.arange(len(table))
    return everyone, everyone


@final
@dataclass(frozen=True)
class TauPriors:
    """Priors on tau of n jobs, evaluated family by family.

    Attributes
    ----------
    priors : tuple of Prior
        One for each job, or a single one for all.
    groups : tuple
        (log density of a family, its jobs as a mask of shape (n,), its parameters, each of shape (n,)).
    """

    priors: tuple[Prior, ...]
    groups: tuple[tuple[type[Prior], NDArray[np.bool_], tuple[Array, ...]], ...]

    @classmethod
    def of(cls, priors: Sequence[Prior]) -> TauPriors:
        """Group the priors by family."""
        groups = []
        for family in dict.fromkeys(type(prior) for prior in priors):
            mask = np.array([type(prior) is family for prior in priors])
            rows = [prior.parameters if type(prior) is family else None for prior in priors]
            width = len(next(row for row in rows if row is not None))
            table = np.array([row if row is not None else (np.nan,) * width for row in rows], dtype=float)
            groups.append((family, mask, tuple(table.reshape(len(priors), width).T)))
        return cls(tuple(priors), tuple(groups))

    def log_density(self, job: Ints, tau: Array) -> Array:
        """Log prior density at tau, shape (P, q)."""
        if len(self.priors) == 1:
            return self.priors[0].log_pdf(tau)
        if len(self.groups) == 1:
            family, _, parameters = self.groups[0]
            return family.log_density(tau, *(column[job][:, None] for column in parameters))
        out = np.empty_like(tau)
        for family, mask, parameters in self.groups:
            rows = np.flatnonzero(mask[job])
            out[rows] = family.log_density(tau[rows], *(column[job[rows]][:, None] for column in parameters))
        return out

    def medians(self) -> Array:
        """Prior medians, inf where a prior is improper; shape as many as there are priors."""
        out = np.full(len(self.priors), np.inf)
        for family, mask, parameters in self.groups:
            if family.proper:
                out[mask] = family.quantile(np.array(0.5), *(column[mask] for column in parameters))
        return out

    def ends(self) -> tuple[Array, Array]:
        """Lower and upper ends of the supports."""
        return np.array([p.lowest for p in self.priors]), np.array([p.upper for p in self.priors])

    def need_log_nodes(self) -> NDArray[np.bool_]:
        """Whether each prior needs nodes on log tau."""
        return np.array([p.needs_log_nodes for p in self.priors])


@final
@dataclass(frozen=True)
class TauPosterior:
    """Posterior of tau, and of mu given tau at the nodes, for n jobs.

    Attributes
    ----------
    studies : Studies
    priors : TauPriors
    unit, c : ndarray
        Scale of the problem, and unit of the coordinate, tau = c sinh(x), shape (n,).
    reach : ndarray
        Least and largest tau between which the first panels follow a prior on log tau, shape (2, n).
    panels : Panels
        Density of x; `panels.values` holds log density, centred mean and sd of mu given tau.
    moments : ndarray
        Highest moment of tau that exists (0, 1, 2, ... 4), shape (n,).
    """

    studies: Studies
    priors: TauPriors
    unit: Array
    c: Array
    reach: Array
    panels: Panels
    moments: Ints

    def nodes(self, negligible: float = NEGLIGIBLE) -> tuple[Array, Array, Array, Array]:
        """Weights, tau, mean and sd of mu given tau, shape (n, J), padded with a job's first node at weight 0.

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
        weight, job, tau = weight[keep], job[keep], tau[keep]
        offset = self.studies.offset
        mean = panels.values[1].reshape(-1)[keep] + (offset[0] if len(offset) == 1 else offset[job])
        sd = panels.values[2].reshape(-1)[keep]
        n = panels.jobs
        if n == 1:
            return weight[None], tau[None], mean[None], sd[None]
        count = np.bincount(job, minlength=n)
        first = np.cumsum(count) - count
        place = np.arange(len(job)) - first[job]
        table = np.stack([weight, tau, mean, sd])
        out = np.repeat(table[:, first, None], count.max(), axis=2)
        out[0] = 0.0
        out[:, job, place] = table
        return out[0], out[1], out[2], out[3]

    @cached_property
    def only(self) -> tuple[Array, Array, Array, Array]:
        """The nodes of a single job, shape (J,) each."""
        weight, tau, mean, sd = (column[0] for column in self.nodes())
        return weight, tau, mean, sd

    @cached_property
    def mu(self) -> NormalMixture:
        """The posterior of mu of a single job."""
        weight, _, mean, sd = self.only
        proper = bool(np.isfinite(self.studies.s0[0]))
        return NormalMixture(weight, mean, sd, 2 if proper else min(int(self.moments[0]), 2))

    @cached_property
    def theta_new(self) -> NormalMixture:
        """The posterior of the true effect in a new study, N(mu, tau^2), of a single job."""
        weight, tau, mean, sd = self.only
        return NormalMixture(weight, mean, np.hypot(sd, tau), min(int(self.moments[0]), 2))

    def theta(self, i: int) -> NormalMixture:
        """The posterior of the true effect theta_i in study i of a single job.

        theta_i | tau ~ N(b_i mu_hat + (1 - b_i) y_i, (1 - b_i) v_i + b_i^2 sd(mu)^2), b_i = v_i / (v_i + tau^2).
        """
        weight, tau, mean, sd = self.only
        offset = self.studies.offset[0]
        centre, spread = self.theta_given_tau(i, tau, mean - offset, sd)
        return NormalMixture(weight, centre + offset, spread, 2)

    def theta_given_tau(self, i: int, tau: Array, mean: Array, sd: Array) -> tuple[Array, Array]:
        """Mean (centred) and sd of theta_i at values of tau, with mean and sd of mu there."""
        y, v = self.studies.y[0, i], self.studies.v[0, i]
        square = tau * tau
        to_mean, to_data = v / (v + square), square / (v + square)
        return to_mean * mean + to_data * y, np.sqrt(to_data * v + (to_mean * sd) ** 2)

    def tau_ppf(self, job: Ints, p: Array) -> Array:
        """Quantiles of tau; job and p of shape (q,)."""
        return self.c[job] * np.sinh(self.panels.ppf(job, p))


def tau_posterior(
    studies: Studies, priors: TauPriors, *, moments: Ints, tolerance: float = 1e-10, halvings: int = 0
) -> TauPosterior:
    """Integrate the posterior of tau.

    Parameters
    ----------
    studies : Studies
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
    """
    n = len(moments)
    unit, c, edges = _coordinate(studies, priors, n)
    lowest, upper = (np.broadcast_to(end, (n,))[:, None] for end in priors.ends())
    for _ in range(halvings):
        edges = np.sort(np.concatenate([edges, 0.5 * (edges[:, 1:] + edges[:, :-1])], axis=1), axis=1)

    def evaluate(job: Ints, x: Array) -> Array:
        tau = np.clip(c[job][:, None] * np.sinh(x), lowest[job], upper[job])  # rounding may leave the support
        values = studies.given_tau(job, tau)
        jacobian = x + np.log1p(np.exp(-2.0 * x)) + (np.log(c) - np.log(2.0))[job][:, None]
        values[0] += priors.log_density(job, tau) + jacobian
        return values

    def reference(job: Ints, x: Array) -> Array:
        with np.errstate(divide="ignore"):
            log_tau = np.log(-np.expm1(-2.0 * x)) + x
        return np.where(moments[job][:, None] > 0, moments[job][:, None] * log_tau, 0.0)

    k = np.isfinite(studies.v).sum(axis=1)
    slack = np.broadcast_to(2.0 * k, (n,)).astype(float)
    panels = integrate(evaluate, edges, reference, tolerance, slack)
    reach = np.stack([np.maximum(c, lowest[:, 0]), c * np.sinh(edges[:, -1])])
    return TauPosterior(studies, priors, unit, c, reach, panels, moments)


def _coordinate(studies: Studies, priors: TauPriors, n: int) -> tuple[Array, Array, Array]:
    """Scale of the problem, unit c of the coordinate and first panel edges of each job."""
    smallest = np.broadcast_to(np.sqrt(studies.v.min(axis=1)), (n,))
    # mu and theta_i given tau change where tau is about sd(mu | tau = 0)
    narrowest = ((1.0 / studies.v).sum(axis=1) + studies.s0**-2.0) ** -0.5
    unit = np.minimum(np.minimum(smallest, priors.medians()), SHARPER * narrowest)
    log_nodes = np.broadcast_to(priors.need_log_nodes(), (n,))
    lowest, upper = priors.ends()
    c = np.where(log_nodes, unit * LOG_NODES_REACH, unit)
    offsets = np.concatenate([-_OFFSETS[:0:-1], _OFFSETS]) if log_nodes.any() else _OFFSETS
    middle = np.where(log_nodes, np.arcsinh(unit / c), 0.0)
    with np.errstate(over="ignore"):
        last = np.arcsinh(np.minimum(upper, unit * FARTHEST) / c)
        first = np.arcsinh(np.broadcast_to(lowest, (n,)) / c)
    edges = np.clip(middle[:, None] + offsets, first[:, None], last[:, None])
    return unit, c, edges


def limit_error(posterior: TauPosterior) -> float:
    """Estimated error of medians and limits of mu, theta_new and theta_i of a single job, in half-widths.

    On each panel, density x Phi((limit - mean) / sd) is expanded in Legendre polynomials; the size of its
    last coefficients bounds what the quadrature misses of F(limit). The mass of the prior beyond the panels
    is missing from every F. F' turns both into an error of the limit, in units of half the 95 % interval.
    Of many studies the most precise and the most remote ones stand for all.

    Parameters
    ----------
    posterior : TauPosterior
        With one job.

    Returns
    -------
    float
    """
    panels, tau = posterior.panels, posterior.c[0] * np.sinh(posterior.panels.x)
    half = 0.5 * (panels.right - panels.left)
    density = panels.mass / (WEIGHTS * half[:, None])
    mean, sd = panels.values[1], panels.values[2]
    theta = [
        posterior.theta_given_tau(i, tau, mean, sd) for i in _telling(posterior, float((panels.mass * mean).sum()))
    ]
    centre = np.stack([mean, mean, *(one for one, _ in theta)])
    spread = np.stack([sd, np.hypot(sd, tau), *(one for _, one in theta)])
    own = np.stack([_points(law) for law in (posterior.mu, posterior.theta_new)])
    points = np.concatenate([own - posterior.studies.offset[0], _by_moments(panels.mass, centre[2:], spread[2:])])
    z = (points[:, :, None, None] - centre[:, None]) / spread[:, None]
    slope = (np.exp(-0.5 * z * z) / spread[:, None] * panels.mass).sum(axis=(2, 3)) / np.sqrt(2.0 * np.pi)
    tails = np.abs((density * ndtr(z)) @ TO_COEFFICIENTS[:, -3:]).max(axis=-1) @ half / ORDER
    unit = 0.5 * (points[:, 2] - points[:, 0])
    missed = tails + _beyond(posterior)
    return float((missed / np.maximum(slope * unit[:, None], 1e-300)).max())


def _telling(posterior: TauPosterior, mean: float) -> Ints:
    """The studies to watch: all of a few, else the most precise and the most remote."""
    y, v = posterior.studies.y[0], posterior.studies.v[0]
    if len(v) <= 2 * WATCHED:
        return np.arange(len(v))
    remote = np.abs(y - mean) / np.sqrt(v)
    return np.union1d(np.argpartition(v, WATCHED)[:WATCHED], np.argpartition(-remote, WATCHED)[:WATCHED])


def _points(law: NormalMixture) -> Array:
    return law.ppf(np.array([0.025, 0.5, 0.975]))


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


@final
@dataclass(frozen=True)
class TauLaw:
    """The law of tau of a single job.

    Attributes
    ----------
    posterior : TauPosterior
        With one job.
    """

    posterior: TauPosterior

    def raw_moment(self, power: int) -> float:
        """E[tau^power]; NaN when it does not exist."""
        if power > self.posterior.moments[0]:
            return np.nan
        mass = self.posterior.panels.mass
        held = mass > 0.0
        tau = self.posterior.c[0] * np.sinh(self.posterior.panels.x[held])
        return float((mass[held] * tau**power).sum())

    def square_moments(self) -> tuple[float, float]:
        """Mean and sd of tau^2; NaN when they do not exist."""
        mean = self.raw_moment(2)
        if self.posterior.moments[0] < 4:
            return mean, np.nan
        mass = self.posterior.panels.mass
        held = mass > 0.0
        square = (self.posterior.c[0] * np.sinh(self.posterior.panels.x[held])) ** 2
        return mean, float(np.linalg.norm(np.sqrt(mass[held]) * (square - mean)))

    @property
    def mean(self) -> float:
        """Posterior mean; NaN when it does not exist."""
        return self.raw_moment(1)

    @property
    def sd(self) -> float:
        """Posterior standard deviation; NaN when it does not exist."""
        if self.posterior.moments[0] < 2:
            return np.nan
        weight, tau, _, _ = self.posterior.only
        return float(np.sqrt(weight @ (tau - self.mean) ** 2))

    def pdf(self, x: Array) -> Array:
        """Density at x, evaluated from prior and likelihood; same shape as x."""
        tau = np.asarray(x, dtype=float).reshape(1, -1)
        job = np.zeros(1, dtype=np.intp)
        inside = tau >= 0
        safe = np.where(inside, tau, 1.0)
        log_density = self.posterior.studies.given_tau(job, safe)[0] + self.posterior.priors.log_density(job, safe)
        density = np.where(inside, np.exp(log_density - self.posterior.panels.log_total[0]), 0.0)
        return density.reshape(np.shape(x))

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x; same shape as x."""
        x = np.asarray(x, dtype=float)
        panels = self.posterior.panels
        inside = panels.cdf(np.arcsinh(np.maximum(x, 0.0) / self.posterior.c[0]))
        return np.where(x <= 0, 0.0, np.where(np.isinf(x), 1.0, inside))

    def ppf(self, p: Array) -> Array:
        """Quantile at p; same shape as p."""
        p = np.asarray(p, dtype=float)
        flat = p.reshape(-1)
        out = self.posterior.tau_ppf(np.zeros(flat.shape, dtype=np.intp), flat)
        prior = self.posterior.priors.priors[0]
        out = np.where(flat <= 0, prior.lowest, np.where(flat >= 1, prior.upper, out))
        return out.reshape(p.shape)

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Exact independent draws, by inversion."""
        return self.ppf(rng.random(size))
