"""Adaptive quadrature of scipy over log tau, and limits by root finding; shares no code with poolwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

from support.oracle import EDGE

STEPS = np.array([-100, -30, -10, -3, -1, 0, 1, 3, 10])  # from the mode: where an adaptive rule is helped to look


@dataclass(frozen=True)
class LogTau:
    """Integrals over u = log tau against a density that is known up to a factor.

    log_density: of u, not normalised. nats: how far below its maximum the density ends; moments of heavy tails need
    more than probabilities do.
    """

    log_density: Callable[[float], float]
    nats: float = 40.0

    @cached_property
    def span(self) -> tuple[float, float, float, float]:
        """Range of u down to e^-nats of the highest density, the mode, and the maximum of the log density."""
        grid = np.concatenate([np.arange(-340.0, -20.0, 1.0), np.arange(-20.0, 20.0, 0.05), np.arange(20.0, 60.0, 1.0)])
        height = np.array([self.log_density(float(u)) for u in grid])
        inside = grid[height > height.max() - self.nats]
        return float(inside[0]) - 1.0, float(inside[-1]) + 1.0, float(grid[height.argmax()]), float(height.max())

    def integral(self, weight: Callable[[float], float], upper: float = math.inf) -> float:
        """Integral of weight(tau) x density / e^maximum, up to tau = upper."""
        low, high, mode, peak = self.span
        end = min(high, math.log(upper)) if upper < math.inf else high
        cuts = np.unique(np.clip(np.concatenate([[low, end], mode + STEPS, [EDGE]]), low, end))
        return sum(
            quad(
                lambda u: math.exp(self.log_density(u) - peak) * weight(math.exp(u)),
                a, b, epsabs=1e-14, epsrel=1e-12, limit=400,
            )[0]
            for a, b in pairwise(cuts.tolist())
        )  # fmt: skip

    @cached_property
    def total(self) -> float:
        return self.integral(lambda tau: 1.0)

    @property
    def log_total(self) -> float:
        return math.log(self.total) + self.span[3]

    def mean(self, weight: Callable[[float], float]) -> float:
        return self.integral(weight) / self.total

    def cdf(self, tau: float) -> float:
        return self.integral(lambda t: 1.0, tau) / self.total


def quantile(cdf: Callable[[float], float], p: float, start: float, step: float, least: float = -math.inf) -> float:
    """Where a distribution function is p: bracketed from `start` by growing steps, then by Brent's method.

    The root is found to 4 units in the last place of x, so that the error left is that of the distribution function.
    """
    low = high = start
    while cdf(low) > p:
        low, step = max(low - step, (low + least) / 2 if least > -math.inf else -math.inf), 2 * step
    while cdf(high) < p:
        high, step = high + step, 2 * step
    return float(brentq(lambda x: cdf(x) - p, low, high, xtol=1e-300, rtol=8.9e-16)) if low < high else low
