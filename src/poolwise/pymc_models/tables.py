"""Log densities of any prior as piecewise polynomials, so that one compiled model serves every prior."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.errors import ModelError
from poolwise.priors import Prior

Array = NDArray[np.float64]
DEGREE = 7
NODES = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))  # of Chebyshev; what leads to coefficients:
TO_POWERS = np.linalg.inv(np.vander(NODES, increasing=True))
BETWEEN = np.array([-1.0, -0.9, -0.7, -0.4, -0.05, 0.3, 0.6, 0.85, 1.0]) * 0.999  # where the polynomial is looked at
EXACT = 1e-13  # of 1 + |log density|, by which a panel may miss
NOISE = 1e-8  # below it an error that halving a panel does not mend is the density's own rounding
REACH = 28.0  # nats of log tau, or of asinh(mu), that a table spans about its middle at least
FARTHEST = 320.0
FIRST, NARROWEST = 0.5, 1e-12  # widths of panels
ROUNDS, MOST_PANELS = 45, 4000
NOWHERE = -1e200  # the log density where there is none
SURE = 1e-12  # probability beyond the ends of a table


@final
@dataclass(frozen=True, eq=False)
class Table:
    """A log density as a function of the coordinate u = log(tau), or u = asinh((mu - middle) / width).

    Attributes
    ----------
    edges : ndarray
        Of panels in u, shape (P + 1,).
    powers : ndarray
        Coefficients of a polynomial of degree 7 in the place within each panel, -1 to 1, shape (P, 8).
    lower, upper : float
        Ends of the support.
    middle, width : float
        Where values usually are, and how far apart.
    heavy : float
        1 where the density falls as a power, or does not fall; else 0.
    """

    edges: Array
    powers: Array
    lower: float
    upper: float
    middle: float
    width: float
    heavy: float

    def data(self, name: str) -> dict[str, Any]:
        """What a PyMC model is given of the prior on the variable of this name."""
        return {f"{name}_{part}": value for part, value in vars(self).items()}


@final
@dataclass(frozen=True, eq=False)
class Moved(Prior):
    """The prior of (mu - origin) / unit."""

    prior: Prior
    origin: float
    unit: float
    metric: str | None = None
    positive = False
    vectorised = False

    @property
    def proper(self) -> bool:  # type: ignore[override]
        """As the prior itself."""
        return self.prior.proper

    @property
    def tail_power(self) -> float:
        """As the prior itself."""
        return self.prior.tail_power

    @property
    def lowest(self) -> float:
        """Lower end of the support."""
        return (self.prior.lowest - self.origin) / self.unit

    @property
    def upper(self) -> float:
        """Upper end of the support."""
        return (self.prior.upper - self.origin) / self.unit

    def log_density(self, x: Array, *parameters: Array | float) -> Array:
        """Log density at x."""
        return np.asarray(self.prior.log_pdf(self.origin + self.unit * x) + math.log(self.unit))

    def quantile(self, p: Array, *parameters: Array | float) -> Array:
        """Quantile at p."""
        return np.asarray((self.prior.ppf(p) - self.origin) / self.unit)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return self.prior.cdf(self.origin + self.unit * np.asarray(x, dtype=float))

    def __str__(self) -> str:
        return str(self.prior)


def table_of(prior: Prior) -> Table:
    """The table of a prior's log density, good to 1e-13 of 1 + |log density|.

    Panels are halved until a polynomial through eight nodes of Chebyshev holds between them; beyond the first and the
    last one the log density goes on as a line, which a power does. Where the density jumps a panel is 1e-12 wide.

    Parameters
    ----------
    prior : Prior
        On [0, inf), or on the line.

    Returns
    -------
    Table

    References
    ----------
    Trefethen 2019, Approximation Theory and Approximation Practice, extended edition, theorem 8.2,
    10.1137/1.9781611975949, for the error of Chebyshev interpolation.
    """
    low, middle, high = _places(prior)
    width = 1.0 if prior.positive else max(high - middle, middle - low)
    lower, upper = prior.lowest, prior.upper
    first, last = _span(prior, middle, width)

    def height(u: Array) -> Array:
        with np.errstate(all="ignore"):
            x = np.exp(u) if prior.positive else middle + width * np.sinh(u)
            values = prior.log_pdf(np.clip(x, lower, upper))
        return np.where(np.isfinite(values), values, NOWHERE)

    edges, powers = _panels(height, first, last)
    inside = np.flatnonzero(powers[:, 0] > 0.5 * NOWHERE)
    if not len(inside):
        raise ModelError(f"the density {prior} is 0 wherever it was looked at", "a density that is somewhere above 0")
    begin, end = int(inside[0]), int(inside[-1]) + 1
    ends = [float(np.exp(u) if prior.positive else middle + width * np.sinh(u)) for u in edges[[begin, end]]]
    lower, upper = (ends[0] if begin else lower), (ends[1] if end < len(powers) else upper)
    width = 0.5 * (high - low) if prior.positive else width
    heavy = float(not (prior.proper and math.isinf(prior.tail_power)))
    return Table(edges[begin : end + 1], powers[begin:end], lower, upper, middle, width, heavy)


def _places(prior: Prior) -> tuple[float, float, float]:
    """The quartiles, or 1 / 2, 1 and 2 for an improper prior."""
    if not prior.proper:
        return (0.5, 1.0, 2.0) if prior.positive else (-1.0, 0.0, 1.0)
    low, middle, high = (float(x) for x in prior.ppf(np.array([0.25, 0.5, 0.75])))
    return low, middle, high


def _span(prior: Prior, middle: float, width: float) -> tuple[float, float]:
    """First and last u of a table."""
    ends = [prior.lowest, prior.upper]
    far = [float(x) for x in prior.ppf(np.array([SURE, 1.0 - SURE]))] if prior.proper else ends
    with np.errstate(divide="ignore"):
        if prior.positive:
            u, hard, about = np.log(np.maximum(far, 0.0)), np.log(np.maximum(ends, 0.0)), math.log(max(middle, 1e-300))
        else:
            u, hard = (np.arcsinh((np.asarray(x) - middle) / width) for x in (far, ends))
            about = 0.0
    first = max(min(u[0] if np.isfinite(u[0]) else about, about - REACH, -REACH), hard[0], -FARTHEST)
    last = min(max(u[1] if np.isfinite(u[1]) else about, about + REACH, REACH), hard[1], FARTHEST)
    return float(first), float(last)


def _panels(height: Callable[[Array], Array], first: float, last: float) -> tuple[Array, Array]:
    """Edges and polynomials."""
    edges = np.linspace(first, last, max(2, math.ceil((last - first) / FIRST) + 1))
    left, right, error = edges[:-1], edges[1:], np.full(len(edges) - 1, np.inf)
    done: list[tuple[Array, Array, Array]] = []
    for turn in range(ROUNDS):
        powers, new = _fitted(height, left, right)
        settled = (new <= EXACT) | ((new <= NOISE) & (new > 0.25 * error)) | (right - left <= NARROWEST)
        if turn == ROUNDS - 1 or sum(len(part[0]) for part in done) + len(left) > MOST_PANELS:
            settled[:] = True
        done.append((left[settled], right[settled], powers[settled]))
        middle, error = 0.5 * (left + right)[~settled], np.tile(new[~settled], 2)
        left, right = np.concatenate([left[~settled], middle]), np.concatenate([middle, right[~settled]])
        if not len(left):
            break
    begin, end, powers = (np.concatenate(part) for part in zip(*done, strict=True))
    order = np.argsort(begin)
    return np.append(begin[order], end[order[-1]]), powers[order]


def _fitted(height: Callable[[Array], Array], left: Array, right: Array) -> tuple[Array, Array]:
    """Polynomials through the nodes, and by how much they miss between them, relative to 1 + |log density|."""
    middle, half = 0.5 * (left + right)[:, None], 0.5 * (right - left)[:, None]
    powers = height(middle + half * NODES) @ TO_POWERS.T
    values = height(middle + half * BETWEEN)
    missed = np.abs(powers @ np.vander(BETWEEN, len(NODES), increasing=True).T - values)
    return powers, (missed / (1.0 + np.abs(values))).max(axis=1)
