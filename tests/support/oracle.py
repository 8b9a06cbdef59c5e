"""The posterior of the normal-normal model by another road, sharing no code with poolwise.

Matrix algebra for the likelihood given tau, adaptive quadrature of scipy over log tau, priors written by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.integrate import quad
from scipy.special import ndtr


def _phi(x: float, mean: float, sd: float) -> float:
    return float(ndtr((x - mean) / sd))


def _log_t(z: float, df: float) -> float:
    constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
    return constant - 0.5 * (df + 1) * math.log1p(z * z / df)


# written out once more, by hand; tests/test_priors.py checks poolwise's own densities against scipy.stats
PRIORS: dict[str, Callable[[float], float]] = {
    "HalfNormal(0.5)": lambda t: 0.5 * math.log(2 / math.pi) - math.log(0.5) - 0.5 * (t / 0.5) ** 2,
    "HalfNormal(1)": lambda t: 0.5 * math.log(2 / math.pi) - 0.5 * t * t,
    "HalfCauchy(0.3)": lambda t: math.log(2 / math.pi / 0.3) - math.log1p((t / 0.3) ** 2),
    "HalfT(3, 0.5)": lambda t: math.log(2 / 0.5) + _log_t(t / 0.5, 3),
    "Exponential(2)": lambda t: math.log(2) - 2 * t,
    "Uniform(0, 2.5)": lambda t: -math.log(2.5) if t <= 2.5 else -math.inf,
    "LogNormal(-1.07, 0.87)": lambda t: (
        -0.5 * ((math.log(t) + 1.07) / 0.87) ** 2 - math.log(0.87 * t) - 0.5 * math.log(2 * math.pi)
    ),
    "InverseGamma(1.71, 0.4)": lambda t: 1.71 * math.log(0.4) - math.lgamma(1.71) - 2.71 * math.log(t) - 0.4 / t,
    "InverseGamma(1, 0.15)": lambda t: math.log(0.15) - 2 * math.log(t) - 0.15 / t,
    "LogT(5, -1.72, 1.295)": lambda t: _log_t((math.log(t) + 1.72) / 1.295, 5) - math.log(1.295 * t),
}


EDGE = math.log(2.5)  # where the uniform prior ends; an adaptive rule should not have to find a jump


@dataclass(frozen=True)
class Oracle:
    """Posterior of (mu, tau) for one table.

    m0, s0: normal prior on mu, s0 = inf for the flat one, s0 = 0 for mu known to be m0. nats: how far
    below its maximum the density ends; moments of heavy tails need more than probabilities do.
    """

    y: np.ndarray
    v: np.ndarray
    log_prior: Callable[[float], float]
    m0: float = 0.0
    s0: float = math.inf
    nats: float = 40.0

    def given_tau(self, tau: float) -> tuple[float, float, float]:
        """Log marginal likelihood of tau, mean and sd of mu given tau, from k x k matrices."""
        k, ones = len(self.y), np.ones(len(self.y))
        inverse = np.linalg.inv(np.diag(self.v + tau * tau))
        information = ones @ inverse @ ones
        if math.isinf(self.s0):
            mean = ones @ inverse @ self.y / information
            residual = self.y - mean
            log_lik = -0.5 * (
                (k - 1) * math.log(2 * math.pi)
                + np.log(self.v + tau * tau).sum()
                + math.log(information)
                + residual @ inverse @ residual
            )
            return log_lik, mean, 1 / math.sqrt(information)
        covariance = np.diag(self.v + tau * tau) + self.s0**2 * np.outer(ones, ones)
        log_det = np.linalg.slogdet(covariance)[1]
        residual = self.y - self.m0
        log_lik = -0.5 * (k * math.log(2 * math.pi) + log_det + residual @ np.linalg.solve(covariance, residual))
        if self.s0 == 0.0:
            return log_lik, self.m0, 0.0
        precision = information + 1 / self.s0**2
        mean = (ones @ inverse @ self.y + self.m0 / self.s0**2) / precision
        return log_lik, mean, 1 / math.sqrt(precision)

    def log_density(self, u: float) -> float:
        """Log of the unnormalised posterior density of u = log tau."""
        tau = math.exp(u)
        prior = self.log_prior(tau)
        return float(self.given_tau(tau)[0] + prior + u) if prior > -math.inf else -math.inf

    @cached_property
    def span(self) -> tuple[float, float, float, float]:
        """Range of u down to e^-nats of the highest density, the mode, and the maximum of the log density."""
        grid = np.concatenate([np.arange(-340.0, -20.0, 1.0), np.arange(-20.0, 20.0, 0.05), np.arange(20.0, 60.0, 1.0)])
        height = np.array([self.log_density(u) for u in grid])
        peak = height.max()
        inside = grid[height > peak - self.nats]
        return inside[0] - 1.0, inside[-1] + 1.0, grid[int(height.argmax())], peak

    def integral(self, weight: Callable[[float], float], upper: float = math.inf) -> float:
        """Integral of weight(tau) x density, up to tau = upper."""
        low, high, mode, peak = self.span
        end = min(high, math.log(upper)) if upper < math.inf else high
        steps = np.array([-100, -30, -10, -3, -1, 0, 1, 3, 10])
        cuts = np.unique(np.clip(np.concatenate([[low, end], mode + steps, [EDGE]]), low, end))
        total = 0.0
        for a, b in pairwise(cuts):
            total += quad(
                lambda u: math.exp(self.log_density(u) - peak) * weight(math.exp(u)),
                a, b, epsabs=1e-14, epsrel=1e-12, limit=400,
            )[0]  # fmt: skip
        return total

    @cached_property
    def total(self) -> float:
        return self.integral(lambda tau: 1.0)

    @property
    def log_evidence(self) -> float:
        return math.log(self.total) + self.span[3]

    def tau_cdf(self, tau: float) -> float:
        return self.integral(lambda t: 1.0, tau) / self.total

    def tau_moment(self, power: int) -> float:
        return self.integral(lambda t: t**power) / self.total

    def mu_cdf(self, x: float) -> float:
        return self.integral(lambda t: _phi(x, *self.given_tau(t)[1:])) / self.total

    def new_cdf(self, x: float) -> float:
        def inside(t: float) -> float:
            _, mean, sd = self.given_tau(t)
            return _phi(x, mean, math.hypot(sd, t))

        return self.integral(inside) / self.total

    def theta_cdf(self, i: int, x: float) -> float:
        def inside(t: float) -> float:
            _, mean, sd = self.given_tau(t)
            pull = self.v[i] / (self.v[i] + t * t)
            spread = math.hypot(t * math.sqrt(pull), pull * sd)  # of v_i t^2 / (v_i + t^2) + (pull sd)^2
            return _phi(x, pull * mean + (1 - pull) * self.y[i], spread)

        return self.integral(inside) / self.total

    def mu_moments(self) -> tuple[float, float]:
        mean = self.integral(lambda t: self.given_tau(t)[1]) / self.total
        second = self.integral(lambda t: self.given_tau(t)[2] ** 2 + (self.given_tau(t)[1] - mean) ** 2) / self.total
        return mean, math.sqrt(second)
