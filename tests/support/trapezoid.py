"""The trapezoidal rule on a grid over the plane or space, whose error falls as e^(-c / step) for smooth decaying
densities; distribution functions along an axis by the integral of the sinc interpolant (Haber 1993, Stenger 1981).

Halving the steps demonstrates convergence: see `tests/test_oracles.py`. Shares no code with poolwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, sici

Array = NDArray[np.float64]
LEVELS = {"median": 0.5, "q025": 0.025, "q975": 0.975}
EDGE = 1e-14  # of the highest marginal weight: what may be left at the ends of an axis
NATS = 45.0  # below the maximum of a coarse look: e^-45 is 3e-20
LOOK = 1 / 160  # of the range: step of the coarse look
FAINT = 1e-20  # of the highest weight: nodes below it are not kept in a mixture


@dataclass(frozen=True)
class Axis:
    """Equally spaced nodes low, low + step, ... up to high."""

    low: float
    high: float
    step: float

    @cached_property
    def nodes(self) -> Array:
        return np.arange(self.low, self.high + self.step / 2, self.step)


@dataclass(frozen=True)
class Weighted:
    """The posterior on a grid: log density at every node of the product of the axes."""

    axes: tuple[Axis, ...]
    log_density: Array

    @cached_property
    def peak(self) -> float:
        return float(self.log_density.max())

    @cached_property
    def weights(self) -> Array:
        """Shape of the grid, sum 1."""
        raw = np.exp(self.log_density - self.peak)
        for axis in range(raw.ndim):
            ends = np.moveaxis(raw, axis, 0)[[0, -1]]
            assert ends.max() < EDGE, f"the density is {ends.max():.1e} of its maximum at an end of axis {axis}"
        return raw / raw.sum()

    @property
    def log_total(self) -> float:
        """Log of the integral of the density."""
        cell = math.prod(axis.step for axis in self.axes)
        return self.peak + math.log(np.exp(self.log_density - self.peak).sum() * cell)

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        return self.log_density > self.peak + math.log(FAINT)

    def mean(self, values: Array) -> float:
        return float((self.weights * values).sum())

    def along(self, axis: int) -> Along:
        """The marginal law of one coordinate."""
        others = tuple(other for other in range(self.weights.ndim) if other != axis)
        return Along(self.axes[axis], self.weights.sum(axis=others))

    def mixture(self, mean: Array, sd: Array) -> Mixture:
        """What is normal at every node; mean and sd have the shape of the grid."""
        return Mixture(self.weights[self.kept], mean[self.kept], sd[self.kept])


def mesh(axes: tuple[Axis, ...]) -> tuple[Array, ...]:
    """The coordinates of every node, each of the shape of the grid."""
    return tuple(np.meshgrid(*(axis.nodes for axis in axes), indexing="ij"))


def trimmed(weighted: Callable[[tuple[Axis, ...]], Weighted], whole: tuple[Axis, ...]) -> Weighted:
    """The posterior on as much of each axis as a coarse look finds within `NATS` of the highest density."""
    rough = tuple(Axis(axis.low, axis.high, max(axis.step, LOOK * (axis.high - axis.low))) for axis in whole)
    log_density = weighted(rough).log_density
    near = []
    for number, (axis, seen) in enumerate(zip(whole, rough, strict=True)):
        profile = log_density.max(axis=tuple(other for other in range(len(whole)) if other != number))
        inside = seen.nodes[profile > profile.max() - NATS]
        low, high = max(axis.low, inside[0] - seen.step), min(axis.high, inside[-1] + seen.step)
        near.append(Axis(float(low), float(high), axis.step))
    return weighted(tuple(near))


@dataclass(frozen=True)
class Along:
    """The marginal law of one coordinate: weights at its nodes."""

    axis: Axis
    weights: Array

    def cdf(self, x: float) -> float:
        """Integral of the sinc interpolant up to x."""
        return float(self.weights @ (0.5 + sici(math.pi * (x - self.axis.nodes) / self.axis.step)[0] / math.pi))

    def summary(self, of: Callable[[Array], Array] = np.exp) -> dict[str, float]:
        """Mean, sd and quantiles of an increasing function of the coordinate."""
        values = of(self.axis.nodes)
        mean = float(self.weights @ values)
        sd = math.sqrt(self.weights @ (values - mean) ** 2)
        limits = {name: of(np.array(_root(self.cdf, p, self.axis.low, self.axis.high))) for name, p in LEVELS.items()}
        return {"mean": mean, "sd": sd, **{name: float(x) for name, x in limits.items()}}


@dataclass(frozen=True)
class Mixture:
    """A mixture of normal laws."""

    weights: Array
    means: Array
    sds: Array

    def cdf(self, x: float) -> float:
        return float(self.weights @ ndtr((x - self.means) / self.sds))

    @property
    def mean(self) -> float:
        return float(self.weights @ self.means)

    @property
    def sd(self) -> float:
        return math.sqrt(self.weights @ (self.sds**2 + (self.means - self.mean) ** 2))

    def summary(self) -> dict[str, float]:
        reach = 40.0 * self.sd
        limits = {name: _root(self.cdf, p, self.mean - reach, self.mean + reach) for name, p in LEVELS.items()}
        return {"mean": self.mean, "sd": self.sd, **limits}


def _root(cdf: Callable[[float], float], p: float, low: float, high: float) -> float:
    return float(brentq(lambda x: cdf(x) - p, low, high, xtol=1e-15, rtol=8.9e-16))
