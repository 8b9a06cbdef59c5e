"""The posterior of the normal-normal model by one trapezoidal rule over log tau, sharing no code with poolwise.

In u = log tau the posterior density is analytic in a strip and decays at both ends, so that the error of the rule
falls as e^(-c / step) (Trefethen & Weideman 2014, 10.1137/130932132): halving the step shows it, see `halved`. A prior
that ends at b is integrated over logit(tau / b) instead. Sums over the studies, no matrices: fast for many studies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln, ndtr

from support.adaptive import quantile
from support.trapezoid import LEVELS, Along, Axis

Array = NDArray[np.float64]
FARTHEST = 340.0  # e^(2 x 340) is 1e295
NATS = 45.0  # below the maximum, of the density and of tau^2 times it: 3e-20
WIDEST = 0.02  # of the step in u
FEWEST = 2000  # nodes
CHUNK = 2_000_000  # numbers at once


@dataclass(frozen=True)
class LogTauOracle:
    """Posterior of (mu, tau) for one table.

    y, v: shape (k,). log_prior: of an array of tau. m0, s0: normal prior on mu, flat (with density 1) for s0 = inf.
    end: where the prior on tau ends. step: factor on the chosen step.
    """

    y: Array
    v: Array
    log_prior: Callable[[Array], Array]
    m0: float
    s0: float
    end: float = math.inf
    step: float = 1.0

    @property
    def halved(self) -> LogTauOracle:
        """The same with half the step."""
        return replace(self, step=0.5 * self.step)

    # ---- given tau ----

    def given(self, tau: Array) -> tuple[Array, Array, Array]:
        """Log marginal likelihood, mean and sd of mu given tau, each of the shape of tau (J,).

        mu is counted from the first estimate, so that an offset of y costs no digits.
        """
        size = max(1, CHUNK // len(self.y))
        parts = [self._given(tau[start : start + size]) for start in range(0, len(tau), size)]
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]

    def _given(self, tau: Array) -> tuple[Array, Array, Array]:
        y, k = self.y - self.y[0], len(self.y)
        total = self.v + tau[:, None] ** 2
        weight = 1 / total
        a = weight.sum(axis=1)
        centre = weight @ y / a
        q = (weight * (y - centre[:, None]) ** 2).sum(axis=1)
        log_lik = -0.5 * ((k - 1) * math.log(2 * math.pi) + np.log(total).sum(axis=1) + np.log(a) + q)
        if math.isinf(self.s0):
            return log_lik, centre, 1 / np.sqrt(a)
        m0, spread = self.m0 - self.y[0], 1 / a + self.s0**2
        log_lik -= 0.5 * (np.log(2 * math.pi * spread) + (centre - m0) ** 2 / spread)
        precision = a + 1 / self.s0**2
        return log_lik, (a * centre + m0 / self.s0**2) / precision, 1 / np.sqrt(precision)

    # ---- the grid ----

    def tau_at(self, w: Array) -> Array:
        return np.exp(w) if math.isinf(self.end) else self.end * expit(w)

    def log_density(self, w: Array) -> Array:
        """Log density of w, not normalised."""
        tau = self.tau_at(w)
        jacobian = w if math.isinf(self.end) else math.log(self.end) - np.logaddexp(0, w) - np.logaddexp(0, -w)
        with np.errstate(over="ignore"):
            return self.given(tau)[0] + self.log_prior(tau) + jacobian

    @cached_property
    def axis(self) -> Axis:
        """Where the density, or tau^2 times it, is within `NATS` of its maximum; looked at more and more closely."""
        low, high = -FARTHEST, FARTHEST
        while True:
            w = np.linspace(low, high, FEWEST + 1)
            apart = w[1] - w[0]
            height = self.log_density(w)
            near = np.zeros(len(w), dtype=bool)
            for power in (0, 2):
                weighted = height + power * np.log(self.tau_at(w))
                near |= weighted > weighted.max() - NATS
            inside = w[near]
            narrow = max(low, inside[0] - apart), min(high, inside[-1] + apart)
            if narrow[1] - narrow[0] > 0.8 * (high - low):
                return Axis(low, high, self.step * min(WIDEST, (high - low) / FEWEST))
            low, high = narrow

    @cached_property
    def nodes(self) -> tuple[Array, Array, Array, Array]:
        """Weight (sum 1), tau, and mean and sd of mu given tau, shape (J,)."""
        w = self.axis.nodes
        raw = np.exp(self.log_density(w) - self.peak)
        tau = self.tau_at(w)
        _, mean, sd = self.given(tau)
        return raw / raw.sum(), tau, mean, sd

    @cached_property
    def peak(self) -> float:
        return float(self.log_density(self.axis.nodes).max())

    @property
    def log_evidence(self) -> float:
        """Log evidence; under a flat prior on mu the log integral over it with density 1."""
        return self.peak + math.log(np.exp(self.log_density(self.axis.nodes) - self.peak).sum() * self.axis.step)

    # ---- what is asked ----

    def figures(self, row: int) -> dict[str, dict[str, float]]:
        """Mean, sd, median, 2.5 % and 97.5 % quantiles of tau, mu, theta_new and the theta of one row.

        All but tau are counted from the first estimate.
        """
        weight, tau, mean, sd = self.nodes
        keep = self.v[row] / (self.v[row] + tau**2)
        own = keep * mean + (1 - keep) * (self.y[row] - self.y[0])
        return {
            "tau": self._of_tau(),
            "mu": mixed(weight, mean, sd),
            "theta_new": mixed(weight, mean, np.hypot(sd, tau)),
            "theta": mixed(weight, own, np.hypot(tau * np.sqrt(keep), keep * sd)),
        }

    def _of_tau(self) -> dict[str, float]:
        weight, tau, _, _ = self.nodes
        law = Along(self.axis, weight)
        mean = float(weight @ tau)
        start = float(self.axis.nodes[np.searchsorted(np.cumsum(weight), 0.5)])
        limits = {name: quantile(law.cdf, p, start, 0.1) for name, p in LEVELS.items()}
        at = {name: float(self.tau_at(np.array(w))) for name, w in limits.items()}
        return {"mean": mean, "sd": math.sqrt(weight @ (tau - mean) ** 2), **at}


def mixed(weight: Array, centre: Array, spread: Array) -> dict[str, float]:
    """The figures of a mixture of normal laws."""
    mean = float(weight @ centre)
    sd = math.sqrt(weight @ (spread**2 + (centre - mean) ** 2))

    def cdf(x: float) -> float:
        return float(weight @ ndtr((x - centre) / spread))

    limits = {name: quantile(cdf, p, mean, 0.5 * sd) for name, p in LEVELS.items()}
    return {"mean": mean, "sd": sd, **limits}


# ---- priors, by hand and for arrays; tests/test_priors.py checks poolwise's own densities against scipy.stats ----


def _log_t(z: Array, df: float) -> Array:
    constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
    return constant - 0.5 * (df + 1) * np.log1p(z * z / df)


def half_normal(t: Array, s: float) -> Array:
    return 0.5 * math.log(2 / math.pi) - math.log(s) - 0.5 * (t / s) ** 2


def half_cauchy(t: Array, s: float) -> Array:
    return math.log(2 / math.pi / s) - np.log1p((t / s) ** 2)


def half_t(t: Array, df: float, s: float) -> Array:
    return math.log(2 / s) + _log_t(t / s, df)


def half_logistic(t: Array, s: float) -> Array:
    return math.log(2 / s) - t / s - 2 * np.log1p(np.exp(-t / s))


def exponential(t: Array, rate: float) -> Array:
    return math.log(rate) - rate * t


def lomax(t: Array, shape: float, s: float) -> Array:
    return math.log(shape / s) - (shape + 1) * np.log1p(t / s)


def rayleigh(t: Array, s: float) -> Array:
    return np.log(t) - 2 * math.log(s) - 0.5 * (t / s) ** 2


def uniform(t: Array, upper: float) -> Array:
    return np.full_like(t, -math.log(upper))


def log_normal(t: Array, m: float, s: float) -> Array:
    return -0.5 * ((np.log(t) - m) / s) ** 2 - np.log(t) - 0.5 * math.log(2 * math.pi * s * s)


def log_t(t: Array, df: float, m: float, s: float) -> Array:
    return _log_t((np.log(t) - m) / s, df) - np.log(t) - math.log(s)


def inverse_gamma(t: Array, shape: float, s: float) -> Array:
    return shape * math.log(s) - float(gammaln(shape)) - (shape + 1) * np.log(t) - s / t


DENSITIES: dict[str, Callable[..., Array]] = {
    "HalfNormal": half_normal, "HalfCauchy": half_cauchy, "HalfT": half_t, "HalfLogistic": half_logistic,
    "Exponential": exponential, "Lomax": lomax, "Rayleigh": rayleigh, "Uniform": uniform, "LogNormal": log_normal,
    "LogT": log_t, "InverseGamma": inverse_gamma,
}  # fmt: skip


def log_prior(family: str, *parameters: float) -> Callable[[Array], Array]:
    """The log density of a prior on tau; `Uniform` is named by both its ends, the lower one 0."""
    chosen = parameters[1:] if family == "Uniform" else parameters
    return lambda t: DENSITIES[family](t, *chosen)
