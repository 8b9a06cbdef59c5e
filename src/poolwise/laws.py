"""Laws that any engine can have: of Monte Carlo draws, of a function of a quantity, mixtures of laws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import MissingQuantityError
from poolwise.priors.bisection import bracketed
from poolwise.quadrature.one_tau.truncated import Selected
from poolwise.quadrature.rules.mixture import NormalMixture
from poolwise.quantities import HasAtom, Law, shortest_by_widths

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class DrawsLaw:
    """The law of Monte Carlo draws: empirical quantiles, and a kernel density.

    Attributes
    ----------
    draws : ndarray
        Shape (chains, draws).
    moments : int
        The highest moment that exists: below 1 the mean is NaN, below 2 the sd, whatever the draws say.
    lower : float
        Lower end of the support, where the kernel density is reflected; 0 for tau.
    """

    draws: Array
    moments: int = 2
    lower: float = -np.inf

    @property
    def _sorted(self) -> Array:
        return np.sort(self.draws, axis=None)

    @property
    def mean(self) -> float:
        """Mean of the draws; NaN when the law has none."""
        return float(self.draws.mean()) if self.moments >= 1 else np.nan

    @property
    def sd(self) -> float:
        """Standard deviation of the draws; NaN when the law has none."""
        return float(self.draws.std(ddof=1)) if self.moments >= 2 else np.nan

    def cdf(self, x: Array) -> Array:
        """Share of draws at most x."""
        x = np.asarray(x, dtype=float)
        return np.where(np.isnan(x), np.nan, np.searchsorted(self._sorted, x, side="right") / self.draws.size)

    def ppf(self, p: Array) -> Array:
        """Empirical quantiles, linearly interpolated."""
        return np.asarray(np.quantile(self.draws, p))

    def shortest(self, prob: float) -> tuple[float, float]:
        """The shortest interval between quantiles of the draws: a kernel's density says nothing of those."""
        return shortest_by_widths(self, prob)

    def pdf(self, x: Array) -> Array:
        """Gaussian kernel density with Silverman's bandwidth, 0 below the support."""
        x = np.asarray(x, dtype=float)
        inside = x >= self.lower
        density = self._kernel(x)
        if np.isfinite(self.lower):
            density = density + self._kernel(2.0 * self.lower - x)
        return np.where(inside, density, 0.0)

    def _kernel(self, x: Array) -> Array:
        flat = self._sorted
        spread = min(flat.std(), (flat[int(0.75 * flat.size)] - flat[int(0.25 * flat.size)]) / 1.349)
        bandwidth = 0.9 * max(spread, np.finfo(float).tiny) * flat.size**-0.2
        distance = (x[..., None] - flat) / bandwidth
        return np.exp(-0.5 * distance**2).mean(axis=-1) / (bandwidth * np.sqrt(2.0 * np.pi))

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Draws taken at random from the draws."""
        return rng.choice(self.draws.ravel(), size=size)


@final
@dataclass(frozen=True, eq=False)
class TransformedLaw:
    """The law of an increasing function of a quantity, for example tau^2 or I2 as functions of tau.

    Attributes
    ----------
    base : Law
        The law of the quantity itself.
    forward, inverse, slope : callable
        The increasing function, its inverse, and its derivative as a function of the quantity itself.
    moments : tuple of float
        Mean and sd of the transformed quantity; NaN where they do not exist.
    lower : float
        Lower end of the support.
    """

    base: Law
    forward: Callable[[Array], Array] = field(repr=False)
    inverse: Callable[[Array], Array] = field(repr=False)
    slope: Callable[[Array], Array] = field(repr=False)
    moments: tuple[float, float] = (np.nan, np.nan)
    lower: float = 0.0

    @property
    def mean(self) -> float:
        """Mean of the transformed quantity."""
        return self.moments[0]

    @property
    def sd(self) -> float:
        """Standard deviation of the transformed quantity."""
        return self.moments[1]

    def pdf(self, x: Array) -> Array:
        """Density by change of variable."""
        x = np.asarray(x, dtype=float)
        base = self.inverse(x)
        density = self.base.pdf(base)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where((x < self.lower) | (density == 0.0), 0.0, density / self.slope(base))

    def cdf(self, x: Array) -> Array:
        """Distribution function."""
        return self.base.cdf(self.inverse(np.asarray(x, dtype=float)))

    def ppf(self, p: Array) -> Array:
        """Quantile function."""
        return self.forward(self.base.ppf(p))

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return self.forward(self.base.sample(size, rng))


@final
@dataclass(frozen=True, eq=False)
class Deferred:
    """A law that is made when it is first asked for.

    Attributes
    ----------
    make : callable
        Makes the law.
    """

    make: Callable[[], Law]

    @cached_property
    def law(self) -> Law:
        """The law itself."""
        return self.make()

    @property
    def mean(self) -> float:
        """Mean; NaN when it does not exist."""
        return self.law.mean

    @property
    def sd(self) -> float:
        """Standard deviation; NaN when it does not exist."""
        return self.law.sd

    def pdf(self, x: Array) -> Array:
        """Density at x."""
        return self.law.pdf(x)

    def cdf(self, x: Array) -> Array:
        """Distribution function at x."""
        return self.law.cdf(x)

    def ppf(self, p: Array) -> Array:
        """Quantile function at p."""
        return self.law.ppf(p)

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return self.law.sample(size, rng)


@final
@dataclass(frozen=True, eq=False)
class Mirrored:
    """The law of -x, each of whose numbers is the mirror image of the law's of x, to the last bit.

    A table whose results are likelier to be published below 0 is answered as its mirror image, and only what is read
    off is turned back: so that one and the other agree exactly.

    Attributes
    ----------
    reflected : Law
        The law of x.
    """

    reflected: Law

    @property
    def mean(self) -> float:
        """Mean; NaN when it does not exist."""
        return 0.0 - self.reflected.mean

    @property
    def sd(self) -> float:
        """Standard deviation; NaN when it does not exist."""
        return self.reflected.sd

    def pdf(self, x: Array) -> Array:
        """Density at x; same shape as x."""
        return self.reflected.pdf(0.0 - np.asarray(x, dtype=float))

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x; same shape as x."""
        law = self.reflected
        before = law.before if isinstance(law, HasAtom) else law.cdf
        return 1.0 - before(0.0 - np.asarray(x, dtype=float))

    def ppf(self, p: Array) -> Array:
        """Quantile at p; same shape as p."""
        return 0.0 - self.reflected.ppf(1.0 - np.asarray(p, dtype=float))

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Independent draws, the mirror images of those of x."""
        return 0.0 - self.reflected.sample(size, rng)


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


def with_error(law: Law, se: float) -> Law:
    """The law of x + e, e ~ Normal(0, se^2) independent of x.

    Parameters
    ----------
    law : Law
        Of x: a normal mixture, a mixture of such, or Monte Carlo draws.
    se : float
        Standard deviation of e.

    Returns
    -------
    Law

    Raises
    ------
    MissingQuantityError
        For a law of another kind.
    """
    match law:
        case Deferred():
            return with_error(law.law, se)
        case Mirrored():
            return mirrored(with_error(law.reflected, se))
        case NormalMixture() | Selected():
            return replace(law, spread=np.hypot(law.spread, se))
        case BlendLaw():
            return replace(law, parts=tuple(with_error(part, se) for part in law.parts))
        case DrawsLaw():
            x = law.draws.ravel()
            return NormalMixture(np.full(x.size, 1.0 / x.size), x, np.full(x.size, se), law.moments)
        case _:
            raise MissingQuantityError("this quantity is not a mean or a true effect, so that no study estimates it")


def mirrored(law: Law) -> Law:
    """The law of -x, whose distribution function tells small probabilities of a large x without cancellation.

    Parameters
    ----------
    law : Law
        Of x, as `with_error` returns it.

    Returns
    -------
    Law

    Raises
    ------
    TypeError
        For a law of another kind.
    """
    match law:
        case Mirrored():
            return law.reflected
        case NormalMixture():
            return replace(law, centre=-law.centre)
        case Selected():
            return replace(law, centre=-law.centre, slope=-law.slope)
        case _:
            raise TypeError(f"{type(law).__name__} has no mirrored law")
