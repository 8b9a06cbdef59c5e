"""The normal-normal model with any smooth prior on mu, by two integrations, sharing no code with poolwise.

`MuPriorOracle` lays a grid over log tau and mu = centre + width sinh(t) directly: no conjugacy is used. theta_i and
theta_new are normal given (tau, mu) with a spread s that vanishes with tau; where s is small against the grid, the
mean over mu of Phi((x - mu) / s) is taken as the mean over z ~ Normal(0, 1) of the distribution function of mu at
x - s z, which is smooth.

`TruncatedOracle` is for a normal prior cut off at a and b, where the law of (mu, theta) given tau is a bivariate
normal law cut off: Owen's T function gives its distribution function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp, ndtr, owens_t, sici

from support.trapezoid import LEVELS, Along, Array, Axis, Weighted, mesh, trimmed

SMALL = 2.0  # steps of the grid: a spread below that is integrated over z
Z = np.arange(-9.0, 9.01, 0.375)  # trapezoidal rule for Normal(0, 1): error e^(-2 pi^2 / 0.375^2)
Z_WEIGHTS = np.exp(-0.5 * Z**2) * 0.375 / math.sqrt(2 * math.pi)


def student_t(df: float, centre: float, scale: float) -> Callable[[Array], Array]:
    """Log density of the t law; df = 1 is Cauchy."""
    constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi) - math.log(scale)
    return lambda mu: constant - 0.5 * (df + 1) * np.log1p(((mu - centre) / scale) ** 2 / df)


def normal_mixture(parts: list[tuple[float, float, float]]) -> Callable[[Array], Array]:
    """Log density of a mixture of normal laws: (weight, mean, sd)."""
    weights, means, sds = np.array(parts).T

    def log_density(mu: Array) -> Array:
        z = (np.asarray(mu)[..., None] - means) / sds
        return logsumexp(np.log(weights / sds) - 0.5 * math.log(2 * math.pi) - 0.5 * z**2, axis=-1)

    return log_density


@dataclass(frozen=True)
class MuPriorOracle:
    """Posterior of (mu, tau) for one table.

    y, v: shape (k,). log_prior: of tau. log_prior_mu: of mu, for arrays. centre, width: of the grid over mu. steps: of
    log tau and of t.
    """

    y: Array
    v: Array
    log_prior: Callable[[float], float]
    log_prior_mu: Callable[[Array], Array]
    centre: float
    width: float
    steps: tuple[float, float] = (0.06, 0.04)
    low: float = -36.0
    high: float = 12.0
    reach: float = 16.0  # of t

    @cached_property
    def grid(self) -> Weighted:
        whole = Axis(self.low, self.high, self.steps[0]), Axis(-self.reach, self.reach, self.steps[1])
        return trimmed(self._weighted, whole)

    def _weighted(self, axes: tuple[Axis, ...]) -> Weighted:
        u, t = mesh(axes)
        mu = self.mu_at(t)
        density = self.log_prior_mu(mu) + np.log(self.width * np.cosh(t)) + u
        density += np.array([self.log_prior(tau) for tau in np.exp(axes[0].nodes).tolist()])[:, None]
        for y, v in zip(self.y.tolist(), self.v.tolist(), strict=True):
            total = v + np.exp(2 * u)
            density += -0.5 * (np.log(2 * math.pi * total) + (y - mu) ** 2 / total)
        return Weighted(axes, density)

    def mu_at(self, t: Array) -> Array:
        return self.centre + self.width * np.sinh(t)

    def t_at(self, mu: Array) -> Array:
        return np.arcsinh((np.asarray(mu) - self.centre) / self.width)

    @property
    def log_evidence(self) -> float:
        return self.grid.log_total

    @property
    def tau(self) -> Along:
        return self.grid.along(0)

    def mu_summary(self) -> dict[str, float]:
        return self.grid.along(1).summary(self.mu_at)

    def mu_cdf(self, x: float) -> float:
        return self.grid.along(1).cdf(float(self.t_at(x)))

    # ---- what is normal given tau and mu ----

    @cached_property
    def _rows(self) -> tuple[Array, Array, Array]:
        """The values of tau that have weight, their weights, and the weights of mu given each, rows of sum 1."""
        total = self.grid.weights.sum(axis=1)
        has = total > 1e-18
        return np.exp(self.grid.axes[0].nodes[has]), total[has], self.grid.weights[has] / total[has, None]

    def _mean_phi(self, x: Array, s: Array) -> Array:
        """Mean of Phi((x - mu) / s) over mu given tau, for x and s of the shape of the rows."""
        _, _, given = self._rows
        axis = self.grid.axes[1]
        mu = self.mu_at(axis.nodes)
        result = (given * ndtr((x[:, None] - mu) / s[:, None])).sum(axis=1)
        small = s < SMALL * axis.step * self.width * np.cosh(self.t_at(x))
        points = self.t_at(x[small, None] - s[small, None] * Z)
        for row, upper in zip(np.flatnonzero(small).tolist(), points, strict=True):
            below = 0.5 + sici(math.pi * (upper[:, None] - axis.nodes) / axis.step)[0] / math.pi
            result[row] = Z_WEIGHTS @ (below @ given[row])
        return result

    def new_cdf(self, x: float) -> float:
        """The true effect in a new study."""
        tau, weight, _ = self._rows
        return float(weight @ self._mean_phi(np.full_like(tau, x), tau))

    def theta_cdf(self, i: int, x: float) -> float:
        """The true effect in study i: Normal(w y + (1 - w) mu, sqrt(w v)) given tau and mu."""
        tau, weight, _ = self._rows
        y, v = self.y[i], self.v[i]
        pull = v / (v + tau**2)
        spread = np.sqrt(tau**2 * pull)
        return float(weight @ self._mean_phi((x - (1 - pull) * y) / pull, spread / pull))

    def _moments(self, slope: Array, level: Array, spread: Array) -> tuple[float, float]:
        """Mean and sd of level + slope mu + spread z; the three have the shape of the rows."""
        _, weight, given = self._rows
        mu = self.mu_at(self.grid.axes[1].nodes)
        centres = level[:, None] + slope[:, None] * mu
        mean = float(weight @ (given * centres).sum(axis=1))
        return mean, math.sqrt(weight @ ((given * (centres - mean) ** 2).sum(axis=1) + spread**2))

    def new_summary(self) -> dict[str, float]:
        tau = self._rows[0]
        return summarised(self.new_cdf, *self._moments(np.ones_like(tau), np.zeros_like(tau), tau))

    def theta_summary(self, i: int) -> dict[str, float]:
        tau = self._rows[0]
        pull = self.v[i] / (self.v[i] + tau**2)
        moments = self._moments(pull, (1 - pull) * self.y[i], np.sqrt(tau**2 * pull))
        return summarised(lambda x: self.theta_cdf(i, x), *moments)


@dataclass(frozen=True)
class TruncatedOracle:
    """mu ~ Normal(m, s) cut off to (a, b), tau by a prior; a trapezoidal rule over log tau, closed forms given tau."""

    y: Array
    v: Array
    log_prior: Callable[[float], float]
    m: float
    s: float
    a: float = -math.inf
    b: float = math.inf
    step: float = 0.05
    low: float = -38.0
    high: float = 12.0

    @cached_property
    def axis(self) -> Axis:
        return Axis(self.low, self.high, self.step)

    @cached_property
    def untruncated(self) -> tuple[Array, Array, Array]:
        """At every tau: log marginal likelihood, mean and sd of mu, were the prior not cut off."""
        tau2 = np.exp(2 * self.axis.nodes)
        found = []
        for t2 in tau2.tolist():
            total = self.v + t2
            precision = (1 / total).sum() + 1 / self.s**2
            mean = ((self.y / total).sum() + self.m / self.s**2) / precision
            covariance = np.diag(total) + self.s**2
            r = self.y - self.m
            log_det = np.linalg.slogdet(2 * math.pi * covariance)[1]
            found.append((-0.5 * (log_det + r @ np.linalg.solve(covariance, r)), mean, precision**-0.5))
        log_lik, mean, sd = np.array(found).T
        return log_lik, mean, sd

    @cached_property
    def mass(self) -> Array:
        """Probability of (a, b) given tau, were the prior not cut off."""
        _, mean, sd = self.untruncated
        return _between((self.a - mean) / sd, (self.b - mean) / sd)

    @cached_property
    def grid(self) -> Weighted:
        prior = np.array([self.log_prior(t) for t in np.exp(self.axis.nodes).tolist()]) + self.axis.nodes
        prior_mass = _between(np.array((self.a - self.m) / self.s), np.array((self.b - self.m) / self.s))
        return Weighted((self.axis,), self.untruncated[0] + prior + np.log(self.mass) - np.log(prior_mass))

    @property
    def log_evidence(self) -> float:
        return self.grid.log_total

    @property
    def tau(self) -> Along:
        return self.grid.along(0)

    def mu_cdf(self, x: float) -> float:
        _, mean, sd = self.untruncated
        x = min(max(x, self.a), self.b)
        return self.grid.mean(_between((self.a - mean) / sd, (x - mean) / sd) / self.mass)

    def new_cdf(self, x: float) -> float:
        tau = np.exp(self.axis.nodes)
        return self._cdf(x, np.ones_like(tau), np.zeros_like(tau), tau)

    def theta_cdf(self, i: int, x: float) -> float:
        tau2 = np.exp(2 * self.axis.nodes)
        pull = self.v[i] / (self.v[i] + tau2)
        return self._cdf(x, pull, (1 - pull) * self.y[i], np.sqrt(tau2 * pull))

    def _cdf(self, x: float, slope: Array, level: Array, spread: Array) -> float:
        """P(level + slope mu + spread z <= x) with a < mu < b: from the joint normal law of both."""
        _, mean, sd = self.untruncated
        scale = np.hypot(slope * sd, spread)
        h, correlation = (x - level - slope * mean) / scale, slope * sd / scale
        across = spread / scale  # sqrt(1 - correlation^2)
        upper = _bivariate(h, (self.b - mean) / sd, correlation, across)
        lower = _bivariate(h, (self.a - mean) / sd, correlation, across)
        return self.grid.mean((upper - lower) / self.mass)

    def summaries(self, rows: tuple[int, ...]) -> dict[str, dict[str, float]]:
        """Figures of mu, tau, theta_new and the theta of these rows."""
        tau = np.exp(self.axis.nodes)
        one, none = np.ones_like(tau), np.zeros_like(tau)
        found = {"mu": summarised(self.mu_cdf, *self._moments(one, none, none))}
        found["theta_new"] = summarised(self.new_cdf, *self._moments(one, none, tau))
        for i in rows:
            pull = self.v[i] / (self.v[i] + tau**2)
            moments = self._moments(pull, (1 - pull) * self.y[i], np.sqrt(tau**2 * pull))
            found[f"theta[{i}]"] = summarised(lambda x, i=i: self.theta_cdf(i, x), *moments)
        return found | {"tau": self.tau.summary()}

    def _moments(self, slope: Array, level: Array, spread: Array) -> tuple[float, float]:
        """Mean and sd of level + slope mu + spread z, mu a normal law cut off."""
        _, mean, sd = self.untruncated
        low, high = (self.a - mean) / sd, (self.b - mean) / sd
        at_low, at_high = (np.exp(-0.5 * end**2) / math.sqrt(2 * math.pi) for end in (low, high))
        rise = (at_low - at_high) / self.mass
        edges = np.where(np.isfinite(low), low, 0.0) * at_low - np.where(np.isfinite(high), high, 0.0) * at_high
        centres = level + slope * (mean + sd * rise)
        variances = slope**2 * sd**2 * (1 + edges / self.mass - rise**2) + spread**2
        whole = self.grid.mean(centres)
        return whole, math.sqrt(self.grid.mean(variances + (centres - whole) ** 2))


def _between(low: Array, high: Array) -> Array:
    """Phi(high) - Phi(low), in the tail where it does not cancel."""
    swap = low + high > 0
    return np.where(swap, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))


def _bivariate(h: Array, k: Array, correlation: Array, across: Array) -> Array:
    """P(X <= h, Y <= k) of two standard normal variables (Owen 1956)."""
    if np.isinf(k).all():
        return np.where(k > 0, ndtr(h), 0.0)
    one, other = (k - correlation * h) / (h * across), (h - correlation * k) / (k * across)
    apart = np.where(h * k < 0, 0.5, 0.0)
    return 0.5 * (ndtr(h) + ndtr(k)) - owens_t(h, one) - owens_t(k, other) - apart


def summarised(cdf: Callable[[float], float], mean: float, sd: float) -> dict[str, float]:
    """Mean, sd and quantiles from a distribution function."""
    reach = 40.0 * sd
    limits = {
        name: float(brentq(lambda x, p=p: cdf(x) - p, mean - reach, mean + reach, xtol=1e-15, rtol=8.9e-16))
        for name, p in LEVELS.items()
    }
    return {"mean": mean, "sd": sd, **limits}
