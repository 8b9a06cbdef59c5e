"""Posteriors of a few parameters by importance sampling: for models of which only NUTS has an answer.

Points come from a multivariate t that is fitted, in a few stages, to the weighted points before, and a ninth as many
from the prior, so that no weight can be large where the t has no mass. Both are Sobol points: independent of NUTS, and
with a smaller error than as many random numbers have. Shares no code with poolwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special, stats
from scipy.stats import qmc

Array = np.ndarray
Point = Mapping[str, Array]
Rng = np.random.Generator
DF, WIDER, LEAST = 5.0, 1.15, 40.0  # of the t; effective points below which weights are tempered
ENOUGH, MOST = 500.0, 8  # effective points of the last stage; how often it is tried for these


@dataclass(frozen=True)
class Question:
    """Independent priors by name, the log likelihood at many points, and what else is asked, a draw at each point.

    `rough` is a cheaper likelihood for the stages that only place the points.
    """

    priors: Mapping[str, Any]
    log_likelihood: Callable[[Point], Array]
    more: Callable[[Point, Rng], Mapping[str, Array]] = field(default=lambda point, rng: {})
    rough: Callable[[Point], Array] | None = None


@dataclass(frozen=True)
class Weighted:
    """Values of every quantity at points, and the weights of these, whose sum is 1."""

    values: Mapping[str, Array]
    weights: Array

    @property
    def effective(self) -> float:
        """As many independent draws say as much."""
        return float(1.0 / (self.weights**2).sum())

    def mean(self, name: str) -> float:
        return float(self.weights @ self.values[name])

    def sd(self, name: str) -> float:
        return float(np.sqrt(self.weights @ (self.values[name] - self.mean(name)) ** 2))

    def cdf(self, name: str, x: float) -> float:
        return float(np.clip(self.weights @ (self.values[name] < x), 0.0, 1.0))

    def ppf(self, name: str, p: float) -> float:
        order = np.argsort(self.values[name])
        below = np.cumsum(self.weights[order]) - 0.5 * self.weights[order]
        return float(np.interp(p, below, self.values[name][order]))


def posterior(question: Question, *, seed: int = 1, log2_size: int = 13, stages: int = 6) -> Weighted:
    """Weighted points of the posterior, 500 effective ones or more.

    `log likelihood` is that of the question, unless the question has another one under this name.
    """
    rough = question.rough or question.log_likelihood
    u = _from_prior(question.priors, 11, seed)
    log_weight = logs = rough(_point(question.priors, u)[0])
    for stage in range(1, stages):
        u, logs, log_weight = _stage(question.priors, rough, *_placed(u, log_weight), 10, seed + stage)
    for again in range(MOST):
        placed = _placed(u, log_weight)
        u, logs, log_weight = _stage(
            question.priors, question.log_likelihood, *placed, log2_size, seed + stages + again
        )
        weights = special.softmax(log_weight)
        if weights @ weights < 1.0 / ENOUGH:
            break
    else:
        raise RuntimeError(f"no more than {1.0 / (weights @ weights):.0f} effective points after {MOST} runs")
    point = _point(question.priors, u)[0]
    more = question.more(point, np.random.default_rng(seed))
    return Weighted({**point, "log likelihood": logs, **more}, weights)


def _stage(
    priors: Mapping[str, Any], likelihood: Callable[[Point], Array], mean: Array, root: Array, size: int, seed: int
) -> tuple[Array, Array, Array]:
    """Points of the t and of the prior, their log likelihoods, and log weights under the mixture of the two."""
    d = len(mean)
    cube = _cube(d + 1, size, seed)
    scale = np.sqrt(DF / stats.chi2.ppf(cube[:, -1], DF))
    of_t = mean + (special.ndtri(cube[:, :-1]) * scale[:, None]) @ root.T
    u = np.concatenate([of_t, _from_prior(priors, size - 3, seed + 100)])
    point, log_prior = _point(priors, u)
    share = 2.0**size / len(u)
    log_t = stats.multivariate_t.logpdf(u, mean, root @ root.T, df=DF)
    proposal = np.logaddexp(np.log(share) + log_t, np.log1p(-share) + log_prior)
    logs = likelihood(point)
    return u, logs, logs + log_prior - proposal


def _placed(u: Array, log_weight: Array) -> tuple[Array, Array]:
    """Mean and root of the scale of a t that fits weighted points; weights are tempered where a few have them all."""
    power = 1.0
    while (weight := special.softmax(power * log_weight)) @ weight > 1.0 / (LEAST + 10.0 * u.shape[1]):
        power *= 0.8
    mean = weight @ u
    cov = (weight[:, None] * (u - mean)).T @ (u - mean) * (DF - 2.0) / DF
    return mean, WIDER * np.linalg.cholesky(cov + 1e-10 * np.eye(len(mean)))


def _cube(d: int, log2_size: int, seed: int) -> Array:
    return np.clip(qmc.Sobol(d, seed=seed).random_base2(log2_size), 1e-12, 1.0 - 1e-12)


def _from_prior(priors: Mapping[str, Any], log2_size: int, seed: int) -> Array:
    """Points of the prior in unbounded coordinates, shape (n, d)."""
    cube = _cube(len(priors), log2_size, seed)
    return np.stack([_free(law, law.ppf(p)) for law, p in zip(priors.values(), cube.T, strict=True)], axis=1)


def _free(law: Any, x: Array) -> Array:
    """A parameter in an unbounded coordinate: itself, its logarithm, its log odds."""
    low, high = law.support()
    if np.isinf(low):
        return x
    return np.log(np.maximum(x - low, 1e-300)) if np.isinf(high) else special.logit((x - low) / (high - low))


def _point(priors: Mapping[str, Any], u: Array) -> tuple[dict[str, Array], Array]:
    """Parameters by name, and their log prior density in the unbounded coordinates."""
    point, total = {}, np.zeros(len(u))
    for (name, law), x in zip(priors.items(), u.T, strict=True):
        low, high = law.support()
        if np.isinf(low):
            value, slope = x, 0.0
        elif np.isinf(high):
            value, slope = low + np.exp(x), x
        else:
            share = special.expit(x)
            value, slope = low + (high - low) * share, np.log(high - low) + special.log_expit(x) + special.log_expit(-x)
        point[name] = value
        total += law.logpdf(value) + slope
    return point, total
