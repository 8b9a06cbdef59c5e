"""Posteriors of events in two arms, or one, by quadrature: baselines and true effects, then mu and log tau.

All rules are trapezoidal in coordinates in which the integrand is about a normal density, where they converge
geometrically: the baseline in standard deviations about where its prior and the control arm place it; the true effect
given that about where its law and the treated arm place it, by the quantile function of a normal law that ends where a
risk would exceed 1; mu given tau likewise; and v with tau = exp(v - exp(-v)), whose prior falls off much faster than
exponentially towards tau = 0. Of one arm true effects are integrated over fixed steps of their law instead, fine enough
for whatever the counts say. Shares no code with poolwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, gammaln, log_expit, log_ndtr, logsumexp, ndtr, ndtri_exp, sici

Array = np.ndarray
LEVELS = {"q025": 0.025, "median": 0.5, "q975": 0.975}
LOG_ROOT = 0.5 * math.log(2.0 * math.pi)
EDGE = 1e-5  # of the highest density: what an end of the grid may have
ONE_ARM_STEP = 0.03  # of a true effect, in sds of its law: trapezoids are exact for likelihoods wider than that
LEAST = 1e-4  # a likelihood is a smooth function of tau^2: below this tau it has its value at 0 to about 1e-8


@dataclass(frozen=True)
class Rules:
    """Steps and reach, in standard deviations, of the rules over baselines, true effects and mu; those of v."""

    base: tuple[float, float] = (0.4, 8.4)
    theta: tuple[float, float] = (0.45, 9.0)
    mu: tuple[float, float] = (0.5, 7.5)
    v: tuple[float, float, float] = (0.12, -3.3, 2.0)

    def halved(self) -> Rules:
        return Rules((0.2, 9.6), (0.225, 10.8), (0.25, 9.0), (0.06, -3.5, 2.4))


RULES = Rules()


@dataclass(frozen=True)
class Arms:
    """Events and totals of the treated and the controls, shape (k, 2), on a scale: log OR, log RR or log IRR."""

    measure: str
    events: Array
    totals: Array

    @cached_property
    def centre(self) -> float:
        """Mean of the controls' observed log odds or log rates, half an event added to each cell."""
        c, m = self.events[:, 1] + 0.5, self.totals[:, 1]
        return float(np.log(c / (m if self.measure == "log IRR" else m - c + 1.0)).mean())

    @property
    def crude(self) -> tuple[Array, Array]:
        """About where the counts place the effects, and their variances; shape (k,)."""
        treated, control = (
            np.array([self.placed(i, a, self.measure) for i in range(len(self.events))]) for a in (0, 1)
        )
        return treated[:, 0] - control[:, 0], treated[:, 1] ** 2 + control[:, 1] ** 2

    def placed(self, i: int, arm: int, scale: str) -> tuple[float, float]:
        """About where the data of an arm place its log rate, log risk or log odds: estimate and standard error."""
        a = self.events[i, arm] + 0.5
        n = self.totals[i, arm] + (0.0 if scale == "log IRR" else 1.0)
        if scale == "log OR":
            return math.log(a / (n - a)), math.sqrt(1.0 / a + 1.0 / (n - a))
        # a risk near 1 has an exponential law below its end, not a normal one
        return math.log(a / n), math.sqrt(1.0 / a + (9.0 / n**2 - 1.0 / n if scale == "log RR" else 0.0))

    def log_mass(self, i: int, arm: int, x: Array) -> Array:
        """Log probability of the events of an arm whose log rate, log risk (treated, log RR) or log odds is x."""
        a, n = self.events[i, arm], self.totals[i, arm]
        if self.measure == "log IRR":
            return a * (x + math.log(n)) - n * np.exp(x) - gammaln(a + 1.0)
        ways = gammaln(n + 1.0) - gammaln(a + 1.0) - gammaln(n - a + 1.0)
        if self.measure == "log RR" and arm == 0:
            return ways + a * x + ((n - a) * np.log(-np.expm1(np.minimum(x, -1e-300))) if n > a else 0.0)
        return ways + a * log_expit(x) + (n - a) * log_expit(-x)


@dataclass(frozen=True)
class OneArm:
    """Events and totals of one group in each study, shape (k,), on a scale: logit or log rate."""

    measure: str
    events: Array
    totals: Array

    @property
    def crude(self) -> tuple[Array, Array]:
        """About where the counts place the log odds or log rates, and their variances; shape (k,)."""
        a, n = self.events + 0.5, self.totals
        if self.measure == "log rate":
            return np.log(a / n), 1.0 / a
        return np.log(a / (n - a + 1.0)), 1.0 / a + 1.0 / (n - a + 1.0)

    def log_row(self, i: int, at: Mapping[str, Array]) -> Array:
        """Log probability of the events of study i, shape (n,)."""
        z, a, n = ONE_ARM_STEP * np.arange(-300, 301), self.events[i], self.totals[i]
        x = at["mu"][:, None] + at["tau"][:, None] * z
        if self.measure == "log rate":
            with np.errstate(over="ignore"):  # an endless rate has the probability 0 of any count
                mass = a * (x + math.log(n)) - n * np.exp(x) - gammaln(a + 1.0)
        else:
            ways = gammaln(n + 1.0) - gammaln(a + 1.0) - gammaln(n - a + 1.0)
            mass = ways + a * log_expit(x) + (n - a) * log_expit(-x)
        return logsumexp(mass - 0.5 * z**2 - LOG_ROOT + math.log(ONE_ARM_STEP), axis=1)


def log_row(arms: Arms | OneArm, i: int, at: Mapping[str, Array], rules: Rules = RULES, below: float = np.inf) -> Array:
    """Log probability of the events of study i, and of a true effect below `below`, at many points, shape (n,).

    `at` has mu, tau, base, base_spread and slope: baseline ~ Normal(base, base_spread), theta ~ Normal(mu + slope
    (baseline - centre), tau), which for a risk ratio ends at minus the log risk of the controls; of one arm mu and tau.
    """
    if isinstance(arms, OneArm):
        assert below == np.inf
        return arms.log_row(i, at)
    t, base, sd = (np.asarray(at[name], dtype=float)[:, None] for name in ("tau", "base", "base_spread"))
    t = np.maximum(t, LEAST)
    middle, width = _combined(base, sd, *arms.placed(i, 1, "log IRR" if arms.measure == "log IRR" else "log OR"))
    z = _nodes(rules.base)
    b = (middle + width * z)[:, :, None]  # (n, nodes, 1)
    mean = at["mu"][:, None, None] + at["slope"][:, None, None] * (b - arms.centre)
    start = log_expit(b) if arms.measure == "log RR" else b
    estimate, se = arms.placed(i, 0, arms.measure)
    m, s = _combined(mean, t[:, :, None], estimate - start, se)
    end = -start if arms.measure == "log RR" else np.inf
    x, log_slope = _up_to((np.minimum(end, below) - m) / s, _nodes(rules.theta))
    theta = m + s * x
    law = -0.5 * ((theta - mean) / t[:, :, None]) ** 2 - np.log(t[:, :, None]) - LOG_ROOT
    left = log_ndtr((end - mean) / t[:, :, None])
    inner = law - left + arms.log_mass(i, 0, start + theta) + log_slope + np.log(s * rules.theta[0])
    of_base = -0.5 * ((b[:, :, 0] - base) / sd) ** 2 - np.log(sd) - LOG_ROOT + arms.log_mass(i, 1, b[:, :, 0])
    return logsumexp(of_base + logsumexp(inner, axis=2) + np.log(width * rules.base[0]), axis=1)


def log_likelihood(arms: Arms | OneArm, at: Mapping[str, Array], rules: Rules = RULES, chunk: int = 400) -> Array:
    """Log probability of all events at many points, shape (n,)."""
    size = len(at["mu"])
    parts = np.array_split(np.arange(size), 1 + size // chunk)
    rows = range(len(arms.events))
    return np.concatenate(
        [sum(log_row(arms, i, {name: x[part] for name, x in at.items()}, rules) for i in rows) for part in parts]
    )


@dataclass(frozen=True)
class CountsOracle:
    """The posterior of mu and tau where each baseline is Normal(base, base_sd): a rule over v, and over mu given tau.

    `log_mu` and `log_tau` are the log prior densities of mu and tau; `mu_prior` about where and how wide that of mu is.
    Near the end of a risk ratio effects are about exponential with the mean tau^2 / (mu - end), so that mu may be large
    where tau is: `beyond` times tau^2 is added to its reach.
    """

    arms: Arms | OneArm
    base: tuple[float, float]
    log_mu: Callable[[Array], Array]
    log_tau: Callable[[Array], Array]
    mu_prior: tuple[float, float] = (0.0, 1.0)
    rules: Rules = RULES
    beyond: float = 0.0

    @cached_property
    def v(self) -> Array:
        step, low, high = self.rules.v
        return np.arange(low, high + 0.5 * step, step)

    @cached_property
    def tau(self) -> Array:
        return np.exp(self.v - np.exp(-self.v))

    @cached_property
    def given_tau(self) -> tuple[Array, Array]:
        """About mean and sd of mu given tau, from crude estimates and the prior; shape (V,) each."""
        y, v = self.arms.crude
        w = 1.0 / (v + self.tau[:, None] ** 2)
        middle, width = _combined(
            self.mu_prior[0] + 0.0 * self.tau,
            self.mu_prior[1],
            (w @ y) / w.sum(axis=1),
            np.hypot(1.0 / np.sqrt(w.sum(axis=1)), self.beyond * self.tau**2),
        )
        return middle, 1.2 * width  # counts say less than crude normal laws have it

    @cached_property
    def mu(self) -> Array:
        """Shape (V, Z)."""
        middle, width = self.given_tau
        return middle[:, None] + width[:, None] * _nodes(self.rules.mu)

    @cached_property
    def log_density(self) -> Array:
        """Log of likelihood, prior and the slopes of the coordinates, shape (V, Z)."""
        mu, tau = self.mu.ravel(), np.repeat(self.tau, self.mu.shape[1])
        known = {"base": self.base[0], "base_spread": self.base[1], "slope": 0.0}
        at = {"mu": mu, "tau": tau, **{name: np.full(mu.shape, x) for name, x in known.items()}}
        total = log_likelihood(self.arms, at, self.rules) + self.log_mu(mu)
        of_tau = self.log_tau(self.tau) + np.log(self.tau) + np.log1p(np.exp(-self.v)) + np.log(self.given_tau[1])
        return total.reshape(self.mu.shape) + of_tau[:, None]

    @cached_property
    def weights(self) -> Array:
        """Shape (V, Z), sum 1."""
        raw = np.exp(self.log_density - self.log_density.max())
        edge = max(raw[[0, -1]].max(), raw[:, [0, -1]].max())
        assert edge < EDGE, f"the density is {edge:.1e} of its maximum at an end of the grid"
        return raw / raw.sum()

    @property
    def log_evidence(self) -> float:
        return float(logsumexp(self.log_density) + math.log(self.rules.v[0] * self.rules.mu[0]))

    def cdf(self, name: str, x: float) -> float:
        """Of mu, tau or theta_new: integrals of sinc interpolants, and a mixture of normal laws."""
        if name == "theta_new":
            return float((self.weights * self._new_below(x)).sum())
        if name == "tau":
            v = brentq(lambda v: v - math.exp(-v) - math.log(x), -9.0, 40.0) if x > 0.0 else -9.0
            return float(self.weights.sum(axis=1) @ _sinc_cdf(v, self.v, self.rules.v[0]))
        middle, width = self.given_tau
        nodes = _nodes(self.rules.mu)
        return float((self.weights * _sinc_cdf((x - middle[:, None]) / width[:, None], nodes, self.rules.mu[0])).sum())

    def _new_below(self, x: float) -> Array:
        """Shape (V, Z): where tau is smaller than the step of mu, over the law of the new effect instead."""
        middle, width = (part[:, None, None] for part in self.given_tau)
        nodes, share = np.polynomial.hermite_e.hermegauss(25)
        z = (x - self.tau[:, None, None] * nodes - middle) / width
        narrow = (_sinc_cdf(z[:, None, 0, :], _nodes(self.rules.mu)[:, None], self.rules.mu[0]) * share).sum(axis=2)
        wide = ndtr((x - self.mu) / self.tau[:, None])
        return np.where(self.tau[:, None] < 1.5 * self.rules.mu[0] * width[:, :, 0], narrow / share.sum(), wide)

    def figures(self, name: str) -> dict[str, float]:
        """Mean, sd, median and limits of mu, tau or theta_new."""
        values = self.tau[:, None] + 0.0 * self.mu if name == "tau" else self.mu
        more = self.tau[:, None] ** 2 if name == "theta_new" else 0.0
        mean = float((self.weights * values).sum())
        sd = math.sqrt((self.weights * ((values - mean) ** 2 + more)).sum())
        low, high = (1e-12, float(self.tau[-1])) if name == "tau" else (mean - 30.0 * sd, mean + 30.0 * sd)
        limits = {level: float(brentq(lambda x, p=p: self.cdf(name, x) - p, low, high)) for level, p in LEVELS.items()}
        return {"mean": mean, "sd": sd, **limits}


def _nodes(rule: tuple[float, float]) -> Array:
    step, reach = rule
    return step * np.arange(-round(reach / step), round(reach / step) + 1)


def _combined(mean: Array, sd: Array, estimate: Array | float, se: Array | float) -> tuple[Array, Array]:
    """Mean and sd of what is Normal(mean, sd), estimated as `estimate` with the error `se`."""
    weight = sd**2 / (sd**2 + se**2)
    return mean + weight * (estimate - mean), np.sqrt(weight) * se


def _up_to(end: Array | float, z: Array) -> tuple[Array, Array]:
    """Quantiles x of a standard normal law that ends at `end` where z has the same probability; log dx/dz."""
    end = np.asarray(end)
    if np.isposinf(end).all():
        return z, np.zeros_like(z)
    share = log_ndtr(end)
    x = ndtri_exp(share + log_ndtr(z))
    return x, share - 0.5 * z**2 + 0.5 * x**2


def _sinc_cdf(x: Array | float, nodes: Array, step: float) -> Array:
    return 0.5 + sici(math.pi * (x - nodes) / step)[0] / math.pi


def risks(measure: str, b: Array, theta: Array) -> tuple[Array, Array]:
    """Risks or rates of the treated and the controls, for the slower integrator that checks this one."""
    if measure == "log IRR":
        return np.exp(b + theta), np.exp(b)
    return (expit(b + theta) if measure == "log OR" else np.minimum(expit(b) * np.exp(theta), 1.0)), expit(b)
