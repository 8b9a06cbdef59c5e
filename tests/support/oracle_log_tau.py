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
from support.trapezoid import EDGE, LEVELS, Along, Axis

Array = NDArray[np.float64]
FARTHEST = 340.0  # e^(2 x 340) is 1e295
NATS = 45.0  # below the maximum, of the density and of tau^2 times it: 3e-20
WIDEST = 0.02  # of the step in u
FEWEST = 2000  # nodes
CHUNK = 2_000_000  # numbers at once


@dataclass(frozen=True)
class LogTauOracle:
    """Posterior of (beta, tau) for one table; without X, beta is mu alone.

    y, v: shape (k,). log_prior: of an array of tau. m0, s0: normal priors on beta, shape (p,) or numbers; flat (with
    density 1) for s0 = inf. end: where the prior on tau ends. X: shape (k, p), its first column 1. step: factor on
    the chosen step.
    """

    y: Array
    v: Array
    log_prior: Callable[[Array], Array]
    m0: float | Array
    s0: float | Array
    end: float = math.inf
    X: Array | None = None
    step: float = 1.0

    @property
    def halved(self) -> LogTauOracle:
        """The same with half the step."""
        return replace(self, step=0.5 * self.step)

    # ---- given tau ----

    @property
    def design(self) -> Array:
        return np.ones((len(self.y), 1)) if self.X is None else self.X

    def given(self, tau: Array) -> tuple[Array, Array, Array]:
        """Log marginal likelihood (J,), mean (J, p) and root R (J, p, p) of the precision R'R of beta given tau (J,).

        The intercept is counted from the first estimate, so that an offset of y costs no digits.
        """
        size = max(1, CHUNK // (len(self.y) * self.design.shape[1] ** 2))
        solve = self._given_plain if self.X is None else self._given
        parts = [solve(tau[start : start + size]) for start in range(0, len(tau), size)]
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]

    def _given(self, tau: Array) -> tuple[Array, Array, Array]:
        """By QR of the weighted rows of (X, y) and of the priors, largest rows first: stable however they differ."""
        k, p = self.design.shape
        b, s = (np.array(np.broadcast_to(x, (p,)), dtype=float) for x in (self.m0, self.s0))
        b[0] -= self.y[0]
        known = np.isfinite(s)
        rows = np.column_stack([self.design, self.y - self.y[0]])
        informed = np.column_stack([np.eye(p), b])[known] / s[known, None]
        total = self.v + tau[:, None] ** 2
        weighted = rows / np.sqrt(total)[:, :, None]
        table = np.concatenate([weighted, np.broadcast_to(informed, (len(tau), *informed.shape))], axis=1)
        order = np.argsort(-np.abs(table[:, :, :p]).max(axis=2), axis=1)
        R = np.linalg.qr(np.take_along_axis(table, order[:, :, None], axis=1), mode="r")
        root = R[:, :p, :p]
        mean = np.linalg.solve(root, R[:, :p, p:])[:, :, 0]
        q = R[:, p, p] ** 2 if R.shape[1] > p else 0.0
        log_det = 2 * np.log(np.abs(np.diagonal(root, axis1=1, axis2=2))).sum(axis=1)
        log_det += np.log(total).sum(axis=1) + 2 * np.log(s[known]).sum()
        log_lik = -0.5 * ((k - np.sum(~known)) * math.log(2 * math.pi) + log_det + q)
        return log_lik, mean, root

    def _given_plain(self, tau: Array) -> tuple[Array, Array, Array]:
        """Without moderators, by sums."""
        y, k, s0 = self.y - self.y[0], len(self.y), float(self.s0)
        total = self.v + tau[:, None] ** 2
        weight = 1 / total
        a = weight.sum(axis=1)
        centre = (weight * y).sum(axis=1) / a
        q = (weight * (y - centre[:, None]) ** 2).sum(axis=1)
        log_lik = -0.5 * ((k - 1) * math.log(2 * math.pi) + np.log(total).sum(axis=1) + np.log(a) + q)
        if math.isinf(s0):
            return log_lik, centre[:, None], np.sqrt(a)[:, None, None]
        m0, spread = float(self.m0) - self.y[0], 1 / a + s0**2
        log_lik -= 0.5 * (np.log(2 * math.pi * spread) + (centre - m0) ** 2 / spread)
        precision = a + 1 / s0**2
        return log_lik, ((a * centre + m0 / s0**2) / precision)[:, None], np.sqrt(precision)[:, None, None]

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
        """Weight (sum 1) and tau (J,), mean (J, p) and root of the precision (J, p, p) of beta given tau."""
        w = self.axis.nodes
        raw = np.exp(self.log_density(w) - self.peak)
        tau = self.tau_at(w)
        return raw / raw.sum(), tau, *self.given(tau)[1:]

    @cached_property
    def peak(self) -> float:
        return float(self.log_density(self.axis.nodes).max())

    @property
    def log_evidence(self) -> float:
        """Log evidence; under a flat prior on mu the log integral over it with density 1."""
        return self.peak + math.log(np.exp(self.log_density(self.axis.nodes) - self.peak).sum() * self.axis.step)

    # ---- what is asked ----

    def combination(self, c: Array) -> tuple[Array, Array]:
        """Mean and sd of c'beta at the nodes."""
        _, _, mean, root = self.nodes
        halfway = np.linalg.solve(root.transpose(0, 2, 1), np.broadcast_to(c[:, None], (len(root), len(c), 1)))
        return (mean * c).sum(axis=1), np.linalg.norm(halfway[:, :, 0], axis=1)

    def figures(self, row: int) -> dict[str, dict[str, float]]:
        """Mean, sd, median, 2.5 % and 97.5 % quantiles of tau, mu, theta_new, the theta of one row and every slope.

        mu and theta_new are at the mean of the moderators. All but tau and slopes are counted from the first estimate.
        A moment that the grid ends too early for is NaN.
        """
        weight, tau = self.nodes[:2]
        mean, sd = self.combination(self.design.mean(axis=0))
        fitted, its_sd = self.combination(self.design[row])
        keep = self.v[row] / (self.v[row] + tau**2)
        own = keep * fitted + (1 - keep) * (self.y[row] - self.y[0])
        found = {
            "tau": self._of_tau(),
            "mu": mixed(weight, mean, sd),
            "theta_new": mixed(weight, mean, np.hypot(sd, tau)),
            "theta": mixed(weight, own, np.hypot(tau * np.sqrt(keep), keep * its_sd)),
        }
        for j, unit in enumerate(np.eye(self.design.shape[1])[1:], start=1):
            found[f"beta[x{j}]"] = mixed(weight, *self.combination(unit))
        proper = np.isfinite(np.asarray(self.s0)).all()
        for name in ("tau", "theta_new") if proper else tuple(found):
            found[name] |= {"mean": math.nan, "sd": math.nan} if self.heavy else {}
        return found

    @property
    def heavy(self) -> bool:
        """Whether tau^2 times the density still carries something where the grid ends."""
        weight, tau = self.nodes[:2]
        second = weight * tau**2
        return bool(second[-1] > EDGE * second.max())

    def _of_tau(self) -> dict[str, float]:
        weight, tau = self.nodes[:2]
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

    start = int(np.searchsorted(np.cumsum(weight), 0.5))
    limits = {name: quantile(cdf, p, float(centre[start]), float(spread[start])) for name, p in LEVELS.items()}
    return {"mean": mean, "sd": sd, **limits}


# ---- priors, by hand and for arrays; tests/test_priors.py checks poolwise's own densities against scipy.stats ----


def _log_t(z: Array, df: float) -> Array:
    constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
    return constant - 0.5 * (df + 1) * np.log1p(z * z / df)


def sqrt(t: Array) -> Array:
    return -0.5 * np.log(t)


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
    "LogT": log_t, "InverseGamma": inverse_gamma, "Sqrt": sqrt,
}  # fmt: skip


def log_prior(family: str, *parameters: float) -> Callable[[Array], Array]:
    """The log density of a prior on tau; `Uniform` is named by both its ends, the lower one 0."""
    chosen = parameters[1:] if family == "Uniform" else parameters
    return lambda t: DENSITIES[family](t, *chosen)
