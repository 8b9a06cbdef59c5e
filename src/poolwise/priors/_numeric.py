"""Laws on [0, inf) whose constant, distribution function and quantiles are found by quadrature over the logarithm."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.special import logsumexp

from poolwise.settings import as_numbers

Array = NDArray[np.float64]
LogFunction = Callable[[Array], Array]

_NODES, _WEIGHTS = legendre.leggauss(16)
_LOG_WEIGHTS = np.log(_WEIGHTS)
REACH = (-350.0, 325.0)  # of log x: 1e-152 to 1e141, beyond which squares leave double precision
STEP = 0.5  # width of the first panels
RESOLVED = 1e-13  # of the whole: what halving a panel may still change
SETTLED = 1e-13  # relative change of a quantile that ends its search
NARROWEST = 1e-13  # a panel in log x, where a density jumps
ROUNDS = 60
OVERFLOW = 700.0  # a log height that exp still holds
USUAL = (math.log(1e-6), math.log(1e4))  # log x of the standard deviations that anybody means
FINE, COARSE = 1e-4, 5e-3  # steps in log x of the scan for what is narrow, within and beyond the usual
LEAST_STEPS = 2000  # of the scan, however short the support
NEARBY = 0.01  # in log x: a peak from which the height falls by `FALL` nats within this distance is narrow
FALL = 0.05
MOST_PEAKS = 1000  # the highest ones; what has more is made of rounding
AT_ONCE = 20_000  # values at which a function is asked for its height
POINT = 1e-9  # the shortest panel in log x beside a point that somebody names


@final
@dataclass(frozen=True, eq=False)
class NumericLaw:
    """The integral of exp(log_function) over (lower, upper), resolved.

    Attributes
    ----------
    log_function : callable
        Log density up to a constant, vectorised, at x > 0.
    edges : ndarray
        Edges of the panels in log x, shape (P + 1,).
    below : ndarray
        Share of the whole that lies below each edge, shape (P + 1,).
    log_total : float
        Log of the integral.
    """

    log_function: LogFunction
    edges: Array
    below: Array
    log_total: float

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x; same shape as x."""
        x = as_numbers("x", x)
        with np.errstate(divide="ignore"):
            u = np.clip(np.log(np.maximum(x, 0.0)), self.edges[0], self.edges[-1])
        panel = np.clip(np.searchsorted(self.edges, u) - 1, 0, len(self.edges) - 2)
        return np.clip(self.below[panel] + self._part(self.edges[panel], u), 0.0, 1.0)

    def quantile(self, p: Array) -> Array:
        """Quantile at p, by Newton steps that bisection safeguards; same shape as p."""
        p = as_numbers("p", p)
        panel = np.clip(np.searchsorted(self.below, p) - 1, 0, len(self.edges) - 2)
        left = self.edges[panel]
        low, high = left.copy(), self.edges[panel + 1].copy()
        u = 0.5 * (low + high)
        for _ in range(ROUNDS):
            gap = self.below[panel] + self._part(left, u) - p
            low, high = np.where(gap < 0, u, low), np.where(gap < 0, high, u)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = u - gap / np.exp(_height(self.log_function, u) - self.log_total)
            inside = (step > low) & (step < high)
            new = np.where(inside, step, 0.5 * (low + high))
            moved = float(np.max(np.abs(new - u), initial=0.0))
            u = new
            if moved < SETTLED:
                break
        return np.exp(u)

    def missed(self) -> tuple[float, float]:
        """What lies beyond the reach of the panels, as shares of the whole: near 0 and far out; inf if no end shows.

        Judged by the height at the end over its slope, as if the height fell exponentially in log x; 0 at an end
        where the support ends.
        """
        out = []
        for end, reach, sign in zip((self.edges[0], self.edges[-1]), REACH, (1.0, -1.0), strict=True):
            here, inside = _height(self.log_function, np.array([end, end + sign]))
            if end != reach or here == -np.inf:
                out.append(0.0)
            else:
                slope = inside - here
                out.append(math.exp(min(here - self.log_total, OVERFLOW)) / slope if slope > 0 else math.inf)
        return out[0], out[1]

    def _part(self, left: Array, right: Array) -> Array:
        return np.exp(_log_integral(self.log_function, left, right) - self.log_total)


def narrow_edges(log_function: LogFunction, lower: float, upper: float, points: Sequence[float] = ()) -> Array:
    """Edges of panels that close in on narrow peaks, on jumps and on named points, shape (q,), ascending.

    The function is looked at on a fine scan over log x: a peak whose sd is a ten-thousandth of its place or more
    shows between 1e-6 and 1e4; one that is narrower can be named.

    Parameters
    ----------
    log_function : callable
        Log density up to a constant, vectorised, at x > 0.
    lower, upper : float
        Ends of the support.
    points : sequence of float
        Values of x, within the support, that narrow peaks stand on.

    Returns
    -------
    ndarray
        In units of x.
    """
    u = _scan(*_reach(lower, upper))
    pieces = np.array_split(u, math.ceil(len(u) / AT_ONCE))
    height = np.concatenate([_height(log_function, piece) for piece in pieces])
    inner = height[1:-1]
    tops = 1 + np.flatnonzero((inner > height[:-2]) & (inner >= height[2:]))
    left = np.minimum(np.searchsorted(u, u[tops] - NEARBY), tops - 1)
    right = np.maximum(np.minimum(np.searchsorted(u, u[tops] + NEARBY), len(u) - 1), tops + 1)
    tops = tops[height[tops] - np.minimum(height[left], height[right]) > FALL]
    tops = tops[np.argsort(-height[tops], kind="stable")[:MOST_PEAKS]]
    step = np.maximum(u[tops + 1] - u[tops], u[tops] - u[tops - 1])
    named = np.log(np.asarray(points, dtype=float))
    edges = np.concatenate([_graded(u[tops], step, 12), _graded(named, np.full(named.shape, POINT), 28)])
    return np.unique(np.exp(edges[(edges > u[0]) & (edges < u[-1])]))


def _graded(centre: Array, step: Array, doublings: int) -> Array:
    """Each centre and, on both sides of it, edges at distances that double from `step` on."""
    away = np.exp2(np.arange(doublings))
    offsets = np.concatenate([-away, [0.0], away])
    return (centre[:, None] + step[:, None] * offsets).reshape(-1)


def _reach(lower: float, upper: float) -> tuple[float, float]:
    """First and last log x that are looked at."""
    return max(REACH[0], math.log(lower)) if lower > 0 else REACH[0], min(REACH[1], math.log(upper))


def _scan(first: float, last: float) -> Array:
    """Values of log x, close together where standard deviations usually are."""
    low, high = (min(max(end, first), last) for end in USUAL)
    parts = [(first, low, COARSE), (low, high, FINE), (high, last, COARSE)]
    counts = [math.ceil(max((end - start) / step, LEAST_STEPS)) for start, end, step in parts if end > start]
    lengths = [(start, end) for start, end, _ in parts if end > start]
    return np.unique(
        np.concatenate([np.linspace(*ends, count + 1) for ends, count in zip(lengths, counts, strict=True)])
    )


def numeric_law(
    log_function: LogFunction, lower: float = 0.0, upper: float = math.inf, narrow: Sequence[float] | Array = ()
) -> NumericLaw:
    """Integrate exp(log_function) over (lower, upper), halving panels of log x until each is resolved.

    Parameters
    ----------
    log_function : callable
        Log density up to a constant, vectorised, at x > 0; -inf where it is 0.
    lower, upper : float
        Ends of the support.
    narrow : sequence of float
        Values of x that first panels end at, as `narrow_edges` returns them.

    Returns
    -------
    NumericLaw
        With `log_total` -inf when the function is 0 wherever it was looked at, NaN when it is NaN anywhere.
    """
    first, last = _reach(lower, upper)
    edges = np.linspace(first, last, max(2, math.ceil((last - first) / STEP) + 1))
    if len(narrow):
        edges = np.unique(np.concatenate([edges, np.clip(np.log(narrow), first, last)]))
    left, right = edges[:-1], edges[1:]
    value = _log_integral(log_function, left, right)
    settled: list[Array] = []
    for _ in range(ROUNDS):
        middle = 0.5 * (left + right)
        halves = np.concatenate([_log_integral(log_function, left, middle), _log_integral(log_function, middle, right)])
        log_total = float(logsumexp(np.concatenate([halves, *(part[1] for part in settled)])))
        if not math.isfinite(log_total):
            break
        both = np.logaddexp(*np.split(halves, 2))
        with np.errstate(invalid="ignore", over="ignore"):
            change = np.abs(np.exp(both - log_total) - np.exp(value - log_total))
        bad = (change > RESOLVED) & (right - left > NARROWEST * np.maximum(np.abs(left), 1.0))
        ends = np.concatenate([middle, right])
        done = ~np.concatenate([bad, bad])
        settled.append(np.stack([ends[done], halves[done]]))
        left, right = np.concatenate([left[bad], middle[bad]]), np.concatenate([middle[bad], right[bad]])
        value = halves[~done]
        if not bad.any():
            break
    else:
        settled.append(np.stack([right, value]))
    if not settled:
        return NumericLaw(log_function, edges, np.zeros(len(edges)), log_total)
    ends, parts = np.concatenate(settled, axis=1)
    order = np.argsort(ends)
    shares = np.exp(parts[order] - log_total)
    below = np.concatenate([[0.0], np.cumsum(shares)])
    return NumericLaw(log_function, np.concatenate([[first], ends[order]]), below / below[-1], log_total)


def spread(
    log_function: LogFunction, lower: float = 0.0, upper: float = math.inf, narrow: Sequence[float] | Array = ()
) -> float:
    """Standard deviation of the law that `numeric_law` finds.

    Parameters
    ----------
    log_function : callable
        Log density up to a constant, whose variance exists.
    lower, upper : float
        Ends of the support.
    narrow : sequence of float
        As in `numeric_law`.

    Returns
    -------
    float
    """
    total, *raw = (
        numeric_law(partial(_times_power, log_function, power), lower, upper, narrow).log_total for power in (0, 1, 2)
    )
    mean, square = (math.exp(moment - total) for moment in raw)
    return math.sqrt(max(square - mean * mean, 0.0))


def _times_power(log_function: LogFunction, power: int, x: Array) -> Array:
    return np.asarray(log_function(x) + power * np.log(x))


def _height(log_function: LogFunction, u: Array) -> Array:
    """Log density of log x."""
    with np.errstate(all="ignore"):
        return np.asarray(log_function(np.exp(u)), dtype=float) + u


def _log_integral(log_function: LogFunction, left: Array, right: Array) -> Array:
    """Log of the integral from left to right, 16 nodes each; same shape as left."""
    half = 0.5 * (right - left)[..., None]
    height = _height(log_function, left[..., None] + half * (1.0 + _NODES))
    with np.errstate(divide="ignore"):
        return np.asarray(logsumexp(height + _LOG_WEIGHTS + np.log(half), axis=-1))
