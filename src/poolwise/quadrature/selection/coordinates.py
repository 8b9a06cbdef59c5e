"""Parameters of a selection model as functions of coordinates on the whole line, where the trapezoidal rule is at home.

A mean stands as it is, a standard deviation above 0 as its logarithm, what lives between two ends as a logit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit

from poolwise.priors import Cauchy, Fixed, Flat, Mixture, Normal, Prior, StudentT, TruncatedNormal

Array = NDArray[np.float64]
FARTHEST = 1e-10  # prior probability beyond either end of where a scan begins


def turned(prior: Prior) -> Prior | None:
    """The prior of -x where x has this one; None where no family has it.

    Parameters
    ----------
    prior : Prior
        On a mean effect.
    """
    match prior:
        case Normal() | StudentT() | Cauchy():
            return replace(prior, mean=0.0 - prior.mean)
        case TruncatedNormal():
            return replace(prior, mean=0.0 - prior.mean, lower=0.0 - prior.upper, upper=0.0 - prior.lower)
        case Fixed():
            return replace(prior, value=0.0 - prior.value)
        case Mixture():
            parts = [turned(part) for part in prior.components]
            return replace(
                prior, components=tuple(part for part in parts if isinstance(part, Normal | StudentT | Cauchy))
            )
        case Flat():
            return prior
        case _:
            return None


@final
@dataclass(frozen=True, eq=False)
class Coordinate:
    """An unknown parameter x as an increasing function of a coordinate q on the whole line.

    Attributes
    ----------
    prior : Prior
        Of sign x.
    sign : 1.0 or -1.0
        -1 where x is turned so that what gets published is positive.
    lower, upper : float
        Ends of the support of x.
    within : tuple of float
        Values of x between which a scan begins.
    """

    prior: Prior
    sign: float
    lower: float
    upper: float
    within: tuple[float, float]

    @classmethod
    def of_mean(cls, prior: Prior, sign: float, y: Array, se: Array) -> Coordinate:
        """The mean effect, turned by `sign`; y and se are turned already.

        A prior that has a mirror image takes its place, so that a mirrored problem is the same problem.
        """
        image = turned(prior) if sign < 0.0 else None
        prior, sign = (prior, sign) if image is None else (image, 1.0)
        ends = sorted(float(sign * x) for x in (prior.lowest, prior.upper))
        likely = sorted(float(sign * x) for x in prior.ppf(np.array([FARTHEST, 1.0 - FARTHEST])))
        room = 40.0 * (float(np.max(se)) + float(np.ptp(y)))
        low, high = max(likely[0], float(y.min()) - room), min(likely[1], float(y.max()) + room)
        return cls(prior, sign, ends[0], ends[1], (low, high) if low < high else (likely[0], likely[1]))

    @classmethod
    def of_spread(cls, prior: Prior, y: Array, se: Array) -> Coordinate:
        """The standard deviation between studies."""
        low, high = prior.ppf(np.array([FARTHEST, 1.0 - FARTHEST]))
        low = max(float(low), 1e-9 * float(se.min()))
        high = min(float(high), 1e6 * (float(np.ptp(y)) + float(se.max())))
        return cls(prior, 1.0, 0.0, float(prior.upper), (low, max(high, 2.0 * low)))

    @property
    def plain(self) -> bool:
        """Whether the coordinate is the parameter itself."""
        return bool(np.isinf(self.lower) and np.isinf(self.upper))

    def value(self, q: Array) -> Array:
        """The parameter at q."""
        if self.plain:
            return np.asarray(q, dtype=float)
        if np.isinf(self.upper):
            return self.lower + np.exp(q)
        if np.isinf(self.lower):
            return self.upper - np.exp(-q)
        return self.lower + (self.upper - self.lower) * expit(q)

    def place(self, x: Array) -> Array:
        """The coordinate of a value; infinite at and beyond the ends."""
        x = np.asarray(x, dtype=float)
        if self.plain:
            return x
        with np.errstate(divide="ignore"):
            if np.isinf(self.upper):
                return np.log(np.maximum(x - self.lower, 0.0))
            if np.isinf(self.lower):
                return -np.log(np.maximum(self.upper - x, 0.0))
            return logit(np.clip((x - self.lower) / (self.upper - self.lower), 0.0, 1.0))

    def log_slope(self, q: Array) -> Array:
        """Log of the derivative of the parameter by q."""
        if self.plain:
            return np.zeros(np.shape(q))
        if np.isinf(self.upper):
            return np.asarray(q, dtype=float)
        if np.isinf(self.lower):
            return -np.asarray(q, dtype=float)
        return np.log(self.upper - self.lower) + log_expit(q) + log_expit(-np.asarray(q))

    def slope(self, q: Array) -> Array:
        """The derivative of the parameter by q."""
        return np.exp(self.log_slope(q))

    def log_density(self, q: Array) -> Array:
        """Log prior density of the coordinate."""
        return self.prior.log_pdf(self.sign * self.value(q)) + self.log_slope(q)

    @property
    def start(self) -> tuple[float, float]:
        """Coordinates between which a scan begins."""
        if self.plain:
            return self.within
        low, high = (float(self.place(np.array(x))) for x in self.within)
        return max(low, -700.0), min(high, 40.0 if np.isfinite(self.upper) else 700.0)
