"""Posteriors under a mixture of priors: mixtures of the posteriors under each, weighted by their evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.rules.mixture import NormalMixture

Array = NDArray[np.float64]
STEPS = 200  # bisections of a bracket, far more than a double has bits


class Nodes(Protocol):
    """Mixtures of everything that is normal given the nonlinear parameters."""

    def linear(self, c: Array) -> NormalMixture:
        """The posterior of a linear combination of the coefficients."""

    def new(self, c: Array) -> NormalMixture:
        """The posterior of the true effect in a new study."""

    def theta(self, i: int) -> NormalMixture:
        """The posterior of the true effect in study i."""


class Law(Protocol):
    """A law of one quantity."""

    @property
    def mean(self) -> float:
        """Its mean."""

    @property
    def sd(self) -> float:
        """Its standard deviation."""

    def pdf(self, x: Array) -> Array:
        """Density."""

    def cdf(self, x: Array) -> Array:
        """Distribution function."""

    def ppf(self, p: Array) -> Array:
        """Quantile function."""

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Draws."""


@final
@dataclass(frozen=True, eq=False)
class Blend:
    """Nodes of several posteriors together.

    Attributes
    ----------
    weight : ndarray
        Posterior probability of each, shape (m,).
    parts : tuple of Nodes
    """

    weight: Array
    parts: tuple[Nodes, ...]

    def linear(self, c: Array) -> NormalMixture:
        """The posterior of a linear combination of the coefficients."""
        return self._joined([part.linear(c) for part in self.parts])

    def new(self, c: Array) -> NormalMixture:
        """The posterior of the true effect in a new study with the mean effect c'beta."""
        return self._joined([part.new(c) for part in self.parts])

    def theta(self, i: int) -> NormalMixture:
        """The posterior of the true effect in study i."""
        return self._joined([part.theta(i) for part in self.parts])

    def _joined(self, laws: Sequence[NormalMixture]) -> NormalMixture:
        weight = np.concatenate([w * law.weight for w, law in zip(self.weight, laws, strict=True)])
        centre = np.concatenate([law.centre for law in laws])
        spread = np.concatenate([law.spread for law in laws])
        return NormalMixture(weight, centre, spread, min(law.moments for law in laws))


@final
@dataclass(frozen=True, eq=False)
class BlendLaw:
    """A mixture of laws.

    Attributes
    ----------
    weight : ndarray
        Weights that sum to 1, shape (m,).
    parts : tuple of Law
    """

    weight: Array
    parts: tuple[Law, ...]

    @property
    def mean(self) -> float:
        """The weighted mean; NaN where a part has none."""
        return float(self.weight @ np.array([part.mean for part in self.parts]))

    @property
    def sd(self) -> float:
        """Root of the weighted second moment about the mean; NaN where a part has none."""
        means = np.array([part.mean for part in self.parts])
        sds = np.array([part.sd for part in self.parts])
        return float(np.sqrt(self.weight @ (sds**2 + (means - self.weight @ means) ** 2)))

    def square_moments(self) -> tuple[float, float]:
        """Mean and sd of the square; NaN where they do not exist."""
        found = np.array([part.square_moments() for part in self.parts])  # type: ignore[attr-defined]
        mean = float(self.weight @ found[:, 0])
        return mean, float(np.sqrt(self.weight @ (found[:, 1] ** 2 + (found[:, 0] - mean) ** 2)))

    def pdf(self, x: Array) -> Array:
        """Density at x; same shape as x."""
        return np.asarray(sum(w * part.pdf(x) for w, part in zip(self.weight, self.parts, strict=True)))

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x; same shape as x."""
        return np.asarray(sum(w * part.cdf(x) for w, part in zip(self.weight, self.parts, strict=True)))

    def ppf(self, p: Array) -> Array:
        """Quantile at p, between those of the parts; same shape as p."""
        p = np.asarray(p, dtype=float)
        ends = np.stack([part.ppf(p) for part in self.parts])
        return bracketed(self.cdf, p, ends.min(axis=0), ends.max(axis=0))

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Independent draws: a part by its weight, then from it."""
        which = rng.choice(len(self.parts), size=size, p=self.weight)
        drawn = np.stack([part.sample(size, rng) for part in self.parts])
        return drawn[which, np.arange(size)]


def bracketed(cdf: Callable[[Array], Array], p: Array, low: Array, high: Array) -> Array:
    """Quantiles of a distribution function by bisection in brackets that hold them.

    Parameters
    ----------
    cdf : callable
        Distribution function of an array.
    p : ndarray
        Probabilities.
    low, high : ndarray
        Where the function is at most, and at least, p; same shape.

    Returns
    -------
    ndarray
        Same shape as p.
    """
    with np.errstate(invalid="ignore"):
        for _ in range(STEPS):
            middle = low + 0.5 * (high - low)
            below = cdf(middle) < p
            new_low, new_high = np.where(below, middle, low), np.where(below, high, middle)
            if np.array_equal(new_low, low, equal_nan=True) and np.array_equal(new_high, high, equal_nan=True):
                break
            low, high = new_low, new_high
    return np.where(np.isnan(high), low, high)
