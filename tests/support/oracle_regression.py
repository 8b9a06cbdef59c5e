"""The posterior of meta-regression by k x k matrices and adaptive quadrature, sharing no code with poolwise.

y ~ Normal(X beta, diag(v) + tau^2 I), beta_j ~ Normal(b_j, s_j) or flat (s_j = inf), tau by any prior of
`support.oracle.PRIORS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from support.adaptive import LogTau, quantile

Array = NDArray[np.float64]
Number = Any  # a float or an array of them
Given = Callable[[float], tuple[float, float]]
LEVELS = {"median": 0.5, "q025": 0.025, "q975": 0.975}


@dataclass(frozen=True)
class RegressionOracle:
    """Posterior of (beta, tau) for one table.

    y, v: shape (k,). X: shape (k, p). b, s: means and standard deviations of the normal priors on beta, shape (p,);
    s = inf is flat. nats: as in `LogTau`.
    """

    y: Array
    v: Array
    X: Array
    log_prior: Callable[[float], float]
    b: Array
    s: Array
    nats: float = 40.0
    _known: dict[float, tuple[float, Array, Array]] = field(default_factory=dict, repr=False)

    def given_tau(self, tau: float) -> tuple[float, Array, Array]:
        """Log marginal likelihood of tau, mean (p,) and covariance (p, p) of beta given tau."""
        if tau not in self._known:
            self._known[tau] = self._solve(tau)
        return self._known[tau]

    def _solve(self, tau: float) -> tuple[float, Array, Array]:
        k, flat = len(self.y), np.isinf(self.s)
        errors = np.diag(self.v + tau * tau)
        informed = self.X[:, ~flat]
        covariance = errors + informed @ np.diag(self.s[~flat] ** 2) @ informed.T
        inverse = np.linalg.inv(covariance)
        residual = self.y - informed @ self.b[~flat]
        log_det = np.linalg.slogdet(covariance)[1]
        if flat.any():
            free = self.X[:, flat]
            information = free.T @ inverse @ free
            residual = residual - free @ np.linalg.solve(information, free.T @ inverse @ residual)
            log_det += np.linalg.slogdet(information)[1]
        log_lik = -0.5 * ((k - flat.sum()) * math.log(2 * math.pi) + log_det + residual @ inverse @ residual)
        prior = np.diag(np.where(flat, 0.0, 1 / self.s**2))
        precision = self.X.T @ np.linalg.inv(errors) @ self.X + prior
        spread = np.linalg.inv(precision)
        mean = spread @ (self.X.T @ np.linalg.inv(errors) @ self.y + prior @ self.b)
        return float(log_lik), mean, spread

    def log_density(self, u: float) -> float:
        """Log of the unnormalised posterior density of u = log tau."""
        prior = self.log_prior(math.exp(u))
        return self.given_tau(math.exp(u))[0] + prior + u if prior > -math.inf else -math.inf

    @cached_property
    def over_tau(self) -> LogTau:
        return LogTau(self.log_density, self.nats)

    @property
    def log_evidence(self) -> float:
        """Log evidence; with flat coefficients the log integral over them with density 1."""
        return self.over_tau.log_total

    # ---- normal given tau: each is a mean and an sd as a function of tau ----

    def combination(self, c: ArrayLike) -> Given:
        """c'beta."""
        row = np.asarray(c, dtype=float)

        def given(tau: float) -> tuple[float, float]:
            _, mean, spread = self.given_tau(tau)
            return float(row @ mean), math.sqrt(row @ spread @ row)

        return given

    def theta_new(self, x: ArrayLike) -> Given:
        """The true effect in a new study with moderators x."""
        line = self.combination(x)

        def given(tau: float) -> tuple[float, float]:
            mean, sd = line(tau)
            return mean, math.hypot(sd, tau)

        return given

    def theta(self, i: int) -> Given:
        """The true effect in study i."""
        line, y, v = self.combination(self.X[i]), float(self.y[i]), float(self.v[i])

        def given(tau: float) -> tuple[float, float]:
            mean, sd = line(tau)
            pull = v / (v + tau * tau)
            return pull * mean + (1 - pull) * y, math.sqrt((1 - pull) * v + (pull * sd) ** 2)

        return given

    def cdf(self, given: Given, x: float) -> float:
        def below(tau: float) -> float:
            mean, sd = given(tau)
            return float(ndtr((x - mean) / sd))

        return self.over_tau.mean(below)

    def moments(self, given: Given) -> tuple[float, float]:
        """Mean and sd."""
        mean = self.over_tau.mean(lambda t: given(t)[0])
        return mean, math.sqrt(self.over_tau.mean(lambda t: given(t)[1] ** 2 + (given(t)[0] - mean) ** 2))

    def summary(self, given: Given) -> dict[str, float]:
        """Mean, sd, median, 2.5 % and 97.5 % quantiles of what is normal given tau."""
        mean, sd = self.moments(given)
        limits = {name: quantile(lambda x: self.cdf(given, x), p, mean, sd) for name, p in LEVELS.items()}
        return {"mean": mean, "sd": sd, **limits}

    # ---- tau and what is an increasing function of it ----

    @cached_property
    def typical_variance(self) -> float:
        """(k - p) / tr(P), P = W - W X (X'WX)^-1 X'W, W = diag(1 / v)."""
        W = np.diag(1 / self.v)
        P = W - W @ self.X @ np.linalg.inv(self.X.T @ W @ self.X) @ self.X.T @ W
        return float((len(self.y) - self.X.shape[1]) / np.trace(P))

    @cached_property
    def tau_limits(self) -> dict[str, float]:
        start = math.exp(self.over_tau.span[2])
        return {name: quantile(self.over_tau.cdf, p, start, start, least=0.0) for name, p in LEVELS.items()}

    def summary_of_tau(self, of: Callable[[float], float] = lambda t: t) -> dict[str, float]:
        """Mean, sd, median, 2.5 % and 97.5 % quantiles of an increasing function of tau."""
        mean = self.over_tau.mean(of)
        sd = math.sqrt(self.over_tau.mean(lambda t: (of(t) - mean) ** 2))
        return {"mean": mean, "sd": sd, **{name: of(t) for name, t in self.tau_limits.items()}}

    def i2(self, tau: Number) -> Number:
        return tau * tau / (tau * tau + self.typical_variance)
