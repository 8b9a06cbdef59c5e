"""The highest likelihood of selected estimates: many starts, what runs to infinity, and profile limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from poolwise.selection.climb import Top, climb, newton
from poolwise.selection.derivatives import Array, SelectionLikelihood, Studies
from poolwise.selection.intervals import Intervals
from poolwise.selection.steps import StepWeights

SPREADS = 9  # values of tau2 in the scan, from 0 to three times the spread of the estimates
SHIFTS = np.linspace(-6.0, 3.0, 13)  # of the mean from the weighted one in the scan, in standard deviations
STARTS = 6  # local maxima of the scan that are climbed from, the highest first
FAR = 300.0  # spreads of the estimates: a mean or a tau so far away is on its way to infinity
SAME = 1e-6  # tops whose log likelihoods differ by less are one
TOLERANCE = 1e-9  # of the root of twice the drop of the log likelihood at a profile limit
ROUNDS = 60  # profile evaluations for one limit


@final
@dataclass(frozen=True, eq=False)
class Maximum:
    """The highest top of the likelihood of selected estimates.

    Attributes
    ----------
    likelihood : SelectionLikelihood
    tops : tuple of Top
        All tops that were found, the highest first.
    """

    likelihood: SelectionLikelihood
    tops: tuple[Top, ...]

    @property
    def top(self) -> Top:
        """The highest one."""
        return self.tops[0]

    @property
    def value(self) -> float:
        """The log likelihood there."""
        return self.top.value

    @property
    def beta(self) -> Array:
        """Mean coefficients in the direction of what gets published, shape (p,)."""
        return self.top.theta[: self.likelihood.p]

    @property
    def tau2(self) -> float:
        """Between-study variance."""
        return self.likelihood.tau2_of(self.top.theta)

    @property
    def psi(self) -> Array:
        """Parameters of the weights."""
        return self.top.theta[self.likelihood.p + self.likelihood.spreads :]

    @cached_property
    def running(self) -> NDArray[np.bool_]:
        """Which parameters run off: the log likelihood still rises at the end of what was searched, shape (n,)."""
        return runs_off(self.likelihood, self.top)

    @property
    def exists(self) -> bool:
        """Whether the highest likelihood is reached at finite parameters."""
        return not self.running.any()

    @cached_property
    def covariance(self) -> Array:
        """Inverse of minus the Hessian; NaN for parameters at a bound, taken as known, and where it is not defined."""
        theta, free = self.top.theta, self.top.free
        covariance = np.full((len(theta), len(theta)), math.nan)
        hessian = -self.top.height.hessian[np.ix_(free, free)]
        if free.any() and np.linalg.eigvalsh(hessian)[0] > 0.0:
            covariance[np.ix_(free, free)] = np.linalg.inv(hessian)
        return covariance


def no_selection(studies: Studies, tau2: float | None = None) -> SelectionLikelihood:
    """The likelihood of the same studies were everything published."""
    everything = StepWeights(studies, Intervals(np.array([0.5]), 1), np.ones(2))
    return SelectionLikelihood(studies, everything, tau2)


def maximise(likelihood: SelectionLikelihood) -> Maximum:
    """The highest top, by Newton's method from every local maximum of a scan over mean and tau2.

    At each point of the scan the weights are the best, or the best of a grid: of steps the log likelihood is concave in
    the log weights.

    Parameters
    ----------
    likelihood : SelectionLikelihood

    Returns
    -------
    Maximum

    References
    ----------
    Vevea & Hedges 1995, Psychometrika 60:419, 10.1007/BF02294384, for the likelihood; the search is ours.
    """
    box, reach = bounds(likelihood), reaches(likelihood)
    tops: list[Top] = []
    for start in starts(likelihood):
        top = climb(likelihood.at, start, box, reach)
        if math.isfinite(top.value) and not any(_same(top, other) for other in tops):
            tops.append(top)
    return Maximum(likelihood, tuple(sorted(tops, key=lambda top: -top.value)))


def _same(one: Top, other: Top) -> bool:
    near = np.allclose(one.theta, other.theta, rtol=1e-4, atol=1e-4)
    return abs(one.value - other.value) < SAME and near


def spread_of(likelihood: SelectionLikelihood) -> float:
    """How far the estimates lie apart, or a typical standard error or a known tau where that is more."""
    studies = likelihood.studies
    return max(float(np.std(studies.y)), math.sqrt(studies.typical), math.sqrt(likelihood.tau2 or 0.0))


def bounds(likelihood: SelectionLikelihood) -> tuple[Array, Array]:
    """Least and largest values of the parameters that are searched, shape (n,) each."""
    studies, spread = likelihood.studies, spread_of(likelihood)
    widths = FAR * (spread + np.abs(studies.y).max()) / np.abs(studies.X).max(0)
    ends = np.array([studies.typical, studies.typical + (FAR * spread) ** 2])[:, None]
    spreads = np.log(ends[:, : likelihood.spreads])
    lower = np.concatenate([-widths, spreads[0], likelihood.weights.lower])
    return lower, np.concatenate([widths, spreads[1], likelihood.weights.upper])


def reaches(likelihood: SelectionLikelihood) -> Array:
    """The longest step of Newton's method in each parameter, shape (n,)."""
    studies = likelihood.studies
    means = 2.0 * spread_of(likelihood) / np.abs(studies.X).max(0)
    return np.concatenate([means, np.full(likelihood.spreads + likelihood.weights.q, 2.0)])


def runs_off(likelihood: SelectionLikelihood, top: Top) -> NDArray[np.bool_]:
    """Which parameters stand at an end of what was searched that is no end of what is possible."""
    lower, upper = bounds(likelihood)
    possible = np.zeros(likelihood.n, dtype=bool)
    possible[likelihood.p : likelihood.p + likelihood.spreads] = True  # tau2 = 0
    first = likelihood.p + likelihood.spreads
    possible[first:] = likelihood.weights.lower == 0.0  # no selection
    return (top.theta >= upper) | ((top.theta <= lower) & ~possible)


def starts(likelihood: SelectionLikelihood) -> list[Array]:
    """The local maxima of a scan over the mean and tau2 at the best weights, the highest first."""
    studies, p = likelihood.studies, likelihood.p
    tau2 = np.array([likelihood.tau2])
    if likelihood.tau2 is None:
        top = math.log1p((3.0 * spread_of(likelihood)) ** 2 / studies.typical)
        tau2 = studies.typical * np.expm1(np.linspace(0.0, top, SPREADS))
    betas = np.concatenate([_shifted(studies, float(value)) for value in tau2])
    spreads = np.repeat(tau2, len(SHIFTS))
    mean, variance = betas @ studies.X.T, spreads[:, None] + studies.v
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        psi, height = likelihood.weights.best(mean, variance)
        height = height - 0.5 * np.sum(np.log(variance) + (studies.y - mean) ** 2 / variance, axis=-1)
    log_spread = np.log(studies.typical + spreads)[:, None][:, : likelihood.spreads]
    theta = np.concatenate([betas, log_spread, psi], axis=-1)
    places = _peaks(np.where(np.isnan(height), -np.inf, height).reshape(len(tau2), len(SHIFTS)))
    assert theta.shape[1] == p + likelihood.spreads + likelihood.weights.q
    return [theta[place] for place in places[:STARTS]]


def _shifted(studies: Studies, tau2: float) -> Array:
    """Coefficients of the weighted mean at a tau2, and of it shifted by some standard deviations, shape (m, p)."""
    root = 1.0 / np.sqrt(studies.v + tau2)
    both = np.stack([studies.y, np.full(len(studies.y), math.sqrt(studies.typical + tau2))], axis=1)
    of_y, of_shift = np.linalg.lstsq(root[:, None] * studies.X, root[:, None] * both, rcond=None)[0].T
    return of_y + SHIFTS[:, None] * of_shift


def _peaks(height: Array) -> NDArray[np.intp]:
    """Places in the flattened grid that are no lower than their eight neighbours, the highest first."""
    padded = np.pad(height, 1, constant_values=-np.inf)
    rows, columns = height.shape
    around = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    peak = (height >= np.max(around, axis=0)) & np.isfinite(height)
    places = np.flatnonzero(peak)
    return places[np.argsort(-height.ravel()[places], kind="stable")]


def profile(maximum: Maximum, j: int, value: float) -> float:
    """The highest log likelihood with parameter j at a value, from every top that was found.

    Parameters
    ----------
    maximum : Maximum
    j : int
    value : float

    References
    ----------
    Venzon & Moolgavkar 1988, Applied Statistics 37:87, 10.2307/2347496.
    """
    return max(_held(maximum, top, j, value).value for top in maximum.tops)


def _held(maximum: Maximum, near: Top, j: int, value: float) -> Top:
    """The top with parameter j held at a value, from one nearby along the ridge."""
    likelihood, step = maximum.likelihood, value - float(near.theta[j])
    box, reach = bounds(likelihood), reaches(likelihood)
    start = near.theta.copy()
    others = near.free.copy()
    others[j] = False
    if others.any():
        hessian = near.height.hessian
        along, concave = newton(step * hessian[others, j], hessian[np.ix_(others, others)])
        if concave:
            start[others] += np.clip(along, -reach[others], reach[others])
    start[j] = value
    return climb(likelihood.at, start, box, reach, held=j)


def profile_limits(maximum: Maximum, j: int, prob: float) -> tuple[float, float]:
    """Where the log likelihood, the others at their best, has dropped by half the chi-square quantile of one parameter.

    Parameters
    ----------
    maximum : Maximum
    j : int
        Which parameter of theta.
    prob : float
        Confidence.

    Returns
    -------
    tuple of float
        The outermost limits where several tops lie within the drop. An end of the parameter's range, or infinity, where
        the log likelihood does not drop so far before it.

    References
    ----------
    Venzon & Moolgavkar 1988, Applied Statistics 37:87, 10.2307/2347496.
    """
    drop = math.sqrt(float(chdtri(1, 1.0 - prob)))
    within = [top for top in maximum.tops if 2.0 * (maximum.value - top.value) <= drop * drop]
    lower = min(_limit(maximum, top, j, -1.0, drop) for top in within)
    return lower, max(_limit(maximum, top, j, 1.0, drop) for top in within)


def _limit(maximum: Maximum, top: Top, j: int, side: float, drop: float) -> float:
    """The profile limit of parameter j on one side of a top: Newton's method on the root of twice the drop."""
    likelihood = maximum.likelihood
    end = float(bounds(likelihood)[1 if side > 0.0 else 0][j])
    inside, outside = float(top.theta[j]), math.inf * side
    sd = math.sqrt(max(_variance(top, j), 0.0))
    step = drop * sd if 0.0 < sd < math.inf else float(reaches(likelihood)[j])
    x, near = inside + side * step, top
    for _ in range(ROUNDS):
        if (x - end) * side >= 0.0:
            x = end
        there = _held(maximum, near, j, x)
        fallen = math.sqrt(max(2.0 * (maximum.value - there.value), 0.0))
        if abs(fallen - drop) < TOLERANCE or inside == x:
            return x
        if fallen < drop:
            if x == end:
                return _beyond(likelihood, j, side, end)
            inside, near = x, there
        else:
            outside = x
            near = there if math.isfinite(there.value) else near
        slope = -float(there.height.gradient[j]) * side / max(fallen, 1e-12)
        aim = x + side * (drop - fallen) / slope if slope > 0.0 else math.inf * side
        x = _kept(aim, inside, outside, float(top.theta[j]), side, step)
        if x in (inside, outside):
            return x
    return x


def _kept(aim: float, inside: float, outside: float, centre: float, side: float, step: float) -> float:
    """The next value: where Newton's method aims if that lies in the bracket, and not more than thrice as far away."""
    if math.isinf(outside):
        furthest = inside + side * max(2.0 * abs(inside - centre), step)
        return min(aim, furthest) if side > 0.0 else max(aim, furthest)
    low, high = min(inside, outside), max(inside, outside)
    return aim if low < aim < high else 0.5 * (low + high)


def _variance(top: Top, j: int) -> float:
    """The variance of parameter j by the Hessian among it and those that are free; NaN where it is not defined."""
    free = top.free.copy()
    free[j] = True
    hessian = -top.height.hessian[np.ix_(free, free)]
    if np.linalg.eigvalsh(hessian)[0] <= 0.0:
        return math.nan
    place = int(np.sum(free[:j]))
    return float(np.linalg.inv(hessian)[place, place])


def _beyond(likelihood: SelectionLikelihood, j: int, side: float, end: float) -> float:
    """What a profile limit is where the log likelihood has not dropped at the end of what is searched."""
    p, first = likelihood.p, likelihood.p + likelihood.spreads
    if side < 0.0 and (p <= j < first or (j >= first and likelihood.weights.lower[j - first] == 0.0)):
        return end
    return math.inf * side


def with_combination(maximum: Maximum, c: Array) -> tuple[Maximum, int]:
    """The same maximum in coefficients one of which is the combination c'beta, and the place of that one.

    Parameters
    ----------
    maximum : Maximum
    c : ndarray, shape (p,)
        Weights, not all 0.

    Returns
    -------
    tuple
        The maximum, and the place of c'beta in theta, which is that of the largest weight.
    """
    likelihood, p, j = maximum.likelihood, maximum.likelihood.p, int(np.argmax(np.abs(c)))
    forward = np.eye(p)
    forward[j] = c
    studies = replace(likelihood.studies, X=likelihood.studies.X @ np.linalg.inv(forward))
    other = replace(likelihood, studies=studies)
    box, reach = bounds(other), reaches(other)
    thetas = [np.concatenate([forward @ top.theta[:p], top.theta[p:]]) for top in maximum.tops]
    return Maximum(other, tuple(climb(other.at, theta, box, reach) for theta in thetas)), j
