"""Small quantiles of one density: panels of the tail alone, as exact as its own small probability asks for.

Panels of a whole law hold absolute digits: its quantile at 1e-6 has five digits fewer than its median. The law given
x <= c, c its quantile at CUT, has the quantile at CUT as its own quantile at 1, and panels of its own; where those hold
too few digits, the law given x <= its quantile at CUT takes over, and so on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.rules.panels import Panels
from poolwise.quadrature.rules.refine import LOWEST, NEGLIGIBLE, integrate, unweighted

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
RESOLVED = 1e-11  # last coefficients of the panels of a density
ROUNDING = 1e-14  # of x, in x, a few times over
CUT = 1e-3  # probability below which a tail has panels of its own
# distances from the end of a tail, in lengths of the whole law
LENGTHS = np.concatenate([2.0 ** np.arange(-24.0, 8.0), 4.0 ** np.arange(4.0, 30.0)])
DEEP = 4  # levels, to 1e-15; beyond, large terms cancel in the log density
ROUGHLY = 1e-7  # last coefficients of the panels there
DEEPEST = 120  # levels: the smallest double is 1e-324
SHORT = 1e-9  # length of a tail at a limit, over that of the law and where it ends, whose own panels are exact enough
FIRST = 1.0  # nats that the density changes by on the first panel of a tail, about


@final
@dataclass(frozen=True, eq=False)
class LowerTail:
    """The lower tail of a density, in levels that are made when a quantile asks for them.

    Attributes
    ----------
    log_density : callable
        Normalised log density of an array of x.
    start : float
        Where the first level ends: about the quantile at CUT.
    lowest : float
        Lower end of the support.
    length : float
        Length of the whole law.
    peaks : ndarray
        Where the whole density has its peaks; those within the tail are edges of its panels.
    levels : list of tuple
        Where each level so far ends, the log probability below that, and the law there on panels.
    """

    log_density: Callable[[Array], Array]
    start: float
    lowest: float
    length: float
    peaks: Array
    levels: list[tuple[float, float, Panels]] = field(default_factory=list, init=False, repr=False)

    def ppf(self, p: Array) -> Array:
        """Quantile at p in (0, CUT], at most the start and within the support; same shape as p, which is flat."""
        found = np.full(p.shape, self.start)
        log_p, depth, rest = np.log(p), 0, np.ones(p.shape, dtype=bool)
        while rest.any() and depth < DEEPEST:
            end, log_mass, panels = self._level(depth)
            share = np.exp(np.minimum(log_p[rest] - log_mass, 0.0))
            found[rest] = np.clip(panels.ppf(np.zeros(share.size, dtype=np.intp), share), self.lowest, end)
            if end - panels.left[0] <= SHORT * max(self.length, abs(end)):
                break
            rest[rest] = share < CUT
            depth += 1
        return found

    def probability(self, x: float) -> float:
        """Probability below x, which lies in this tail; with as many digits however small it is."""
        height = self.log_density(np.array([x]))
        if x <= self.lowest or not height[0] > LOWEST:
            return 0.0
        return float(np.exp(self._given_below(x).log_total[0]))

    def _level(self, depth: int) -> tuple[float, float, Panels]:
        while len(self.levels) <= depth:
            end = self.start
            if self.levels:
                _, _, panels = self.levels[-1]
                end = max(float(panels.ppf(np.zeros(1, dtype=np.intp), np.array([CUT]))[0]), self.lowest)
            panels = self._given_below(end, RESOLVED if len(self.levels) < DEEP else ROUGHLY)
            self.levels.append((end, float(panels.log_total[0]), panels))
        return self.levels[depth]

    def _given_below(self, end: float, tolerance: float = RESOLVED) -> Panels:
        """The law below `end`, resolved as far as the rounding of x lets the density be known."""
        edges = self._edges(end)
        rounding = ROUNDING * abs(end) / max(edges[-1] - edges[-2], np.finfo(float).tiny) if edges.size > 1 else 0.0
        return density_panels(self.log_density, edges, min(max(tolerance, rounding), 1e-3))

    def _edges(self, end: float) -> Array:
        """First edges of the panels below `end`: from the length on which the density changes to where it is gone."""
        x = np.maximum(end - self.length * LENGTHS, self.lowest)
        peaks = self.peaks[(self.peaks < end) & (self.peaks > self.lowest)]
        height = self.log_density(np.concatenate([x, peaks, [end]]))
        near = np.abs(height[: len(x)] - height[-1]) < FIRST
        there = np.flatnonzero(height[: len(x)] >= np.nanmax(height) - NEGLIGIBLE)
        first = max(int(near.argmin()) - 1, 0) if not near.all() else len(x) - 1
        last = max(int(there[-1]) + 1, first) if there.size else first
        if peaks.size:
            last = max(last, int(np.searchsorted(-x, -peaks.min())))
        return np.unique(np.concatenate([x[first : last + 1], peaks, [end]]))


def peaks_of(panels: Panels) -> Array:
    """Nodes at which the density of a single job is higher than at both nodes beside.

    Parameters
    ----------
    panels : Panels

    Returns
    -------
    ndarray
        Increasing.
    """
    height = panels.values[0].ravel()
    inside = (height[1:-1] > height[:-2]) & (height[1:-1] >= height[2:])
    return panels.x.ravel()[1:-1][inside]


def density_panels(log_density: Callable[[Array], Array], edges: Array, tolerance: float = RESOLVED) -> Panels:
    """One density on panels.

    Parameters
    ----------
    log_density : callable
        Of an array of x; same shape.
    edges : ndarray
        First edges, increasing, shape (E + 1,).
    tolerance : float
        Last coefficients that count as resolved.

    Returns
    -------
    Panels
        A single job.
    """

    def evaluate(job: Ints, x: Array) -> Array:
        return log_density(x)[None]

    return integrate(evaluate, edges[None], unweighted, tolerance, np.zeros(1))
