"""The likelihoods of tau2, plain (ML) and restricted (REML), and their global maximum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.closed_form.heterogeneity import next_step
from poolwise.closed_form.least_squares import (
    Array,
    Data,
    Fit,
    inner_product,
    quadratic,
    total_weight,
    trace,
    trace_sandwich,
    weighted_fit,
    weights,
)

RELATIVE = 1e-11  # the search ends when the next Newton step would be smaller than this share of tau2
ROUNDING = 1e-15  # steps below this share of the sampling variances are rounding of the score
CACHED = 60_000  # numbers in one array of the scan
STEPS = 200  # bisection alone would need fewer than 60 from any bracket
SPACING = 0.25  # of the scan in log(v_min + tau2); each study's score varies there on a scale of 1
_LOG_2PI = math.log(2.0 * math.pi)
SIDES = np.array([[0], [1]])  # of a cell of the scan
SCAN = (9, 257)  # fewest and most points of the scan


@final
@dataclass(frozen=True, eq=False)
class LogLikelihood:
    """Log-likelihoods of tau2.

    Attributes
    ----------
    ml, reml : ndarray, shape (n, m)
        Plain and restricted.

    References
    ----------
    Harville 1974, Biometrika 61:383, 10.1093/biomet/61.2.383.
    """

    ml: Array
    reml: Array


@final
@dataclass(frozen=True, eq=False)
class Maximum:
    """The global maximum of a likelihood of tau2.

    Attributes
    ----------
    tau2 : ndarray, shape (n,)
        Where the maximum lies, 0 included.
    maxima : ndarray of int, shape (n,)
        Local maxima that were found and compared.
    iterations : int
        Newton steps until every data set had converged.

    References
    ----------
    Harville 1977, J. American Statistical Association 72:320, 10.2307/2286796, for the likelihood; the search and its
    bound are ours.
    """

    tau2: Array
    maxima: NDArray[np.intp]
    iterations: int


def log_likelihood(fit: Fit) -> LogLikelihood:
    """Log-likelihoods of tau2 with the coefficients profiled out.

    ML: -1/2 [k log 2 pi + sum log(v_i + tau2) + y'Py]. REML: -1/2 [(k - p) log 2 pi + sum log(v_i + tau2)
    + log|X'WX| - log|X'X| + y'Py].

    Parameters
    ----------
    fit : Fit
        With the weights 1 / (v + tau2).

    Returns
    -------
    LogLikelihood
        Natural logarithms.

    References
    ----------
    Harville 1974, Biometrika 61:383, 10.1093/biomet/61.2.383.
    """
    data = fit.data
    present = data.present[:, None, :]
    common = quadratic(fit) - np.vecdot(np.log(fit.w + (1.0 - present)), present)
    ml = -0.5 * (common + data.count[:, None] * _LOG_2PI)
    design = np.log(data.count) if data.mean_alone else _log_det(data.X.mT @ data.X)
    freedom = _log_det(fit.A) + design[:, None] + data.p * _LOG_2PI
    return LogLikelihood(ml, ml + 0.5 * freedom)


def score(fit: Fit, *, restricted: bool) -> Array:
    """Twice the slope of the log-likelihood in tau2, (n, m): y'PPy - tr P, with tr W for tr P under ML.

    References
    ----------
    Harville 1977, J. American Statistical Association 72:320, 10.2307/2286796.
    """
    pulled = fit.w * fit.r
    return np.vecdot(pulled, pulled) - (trace(fit) if restricted else total_weight(fit))


def score_with_slope(fit: Fit, *, restricted: bool) -> tuple[Array, Array]:
    """The score, and its derivative tr PP - 2 y'PPPy (tr WW for tr PP under ML), which share their sums.

    Parameters
    ----------
    fit : Fit
        With the weights 1 / (v + tau2).
    restricted : bool
        REML instead of ML.

    Returns
    -------
    tuple of ndarray, shape (n, m)
        `score`, and its derivative in tau2.

    References
    ----------
    Harville 1977, J. American Statistical Association 72:320, 10.2307/2286796.
    """
    pulled = fit.w * fit.r
    loss, gain = (trace(fit), trace_sandwich(fit)) if restricted else (total_weight(fit), np.vecdot(fit.w, fit.w))
    return np.vecdot(pulled, pulled) - loss, gain - 2.0 * inner_product(fit, pulled)


def maximise(data: Data, *, restricted: bool) -> Maximum:
    """The global maximum of the likelihood of tau2 on [0, inf).

    The score is certainly negative beyond a bound that `upper_bound` gives. Below it the score is scanned on
    a grid even in log(v_min + tau2); every change from plus to minus brackets a local maximum, which
    Newton's method, kept inside the bracket by bisection, then finds; tau2 = 0 is one more candidate when
    the score starts negative. Where there are several, the likelihoods decide.

    Parameters
    ----------
    data : Data
        n data sets of k studies, k > p.
    restricted : bool
        REML instead of ML.

    Returns
    -------
    Maximum
        Exact to rounding: no absolute threshold ends the search.

    References
    ----------
    Harville 1977, J. American Statistical Association 72:320, 10.2307/2286796, for the likelihood; the search and its
    bound are ours.
    """
    n = len(data.y)
    grid = _scan_grid(data, upper_bound(data, restricted=restricted))
    scores = _scan(data, grid, restricted=restricted)
    rows, cells = np.nonzero((scores[:, :-1] > 0.0) & (scores[:, 1:] <= 0.0))
    roots, iterations = np.zeros(0), 0
    if rows.size:
        sides = cells + SIDES
        brackets, ends = grid[rows, sides], scores[rows, sides]
        roots, iterations = _polish(data.take(rows), brackets, ends, restricted=restricted)
    inner = np.bincount(rows, minlength=n)
    at_zero = (scores[:, 0] <= 0.0) | (inner == 0)
    tau2 = np.zeros(n)
    tau2[rows] = roots
    maxima = inner + at_zero
    if np.count_nonzero(maxima > 1):
        tau2 = _best(data, rows, roots, at_zero, restricted=restricted)
    return Maximum(tau2, maxima, iterations)


def upper_bound(data: Data, *, restricted: bool) -> Array:
    """A tau2 beyond which the score is certainly negative.

    For the residuals r of any coefficients (the inverse-variance fit is at hand) y'PPy <= max(w)^2 sum r^2;
    and tr P >= (k - p) min(w), under ML tr W >= k min(w). With u = v_min + tau2 and S = sum r^2 / (k - p) the
    score is therefore negative once u^2 > S (u + v_max - v_min).

    Returns
    -------
    ndarray, shape (n,)
        A bound of at least 0, a thousandth above the root of that equation.

    References
    ----------
    Harville 1977, J. American Statistical Association 72:320, 10.2307/2286796, for the likelihood; the search and its
    bound are ours.
    """
    r = data.at_zero.r[:, 0]
    s = np.vecdot(r, r) / (data.df if restricted else data.count)
    lowest, highest = data.lowest, data.v.max(-1)
    u = 0.5 * (s + np.sqrt(s * s + 4.0 * s * (highest - lowest)))
    return np.maximum(1.001 * u - lowest, 0.0)


def _scan_grid(data: Data, top: Array) -> Array:
    """Values of tau2 from 0 to `top`, even in log(v_min + tau2); shape (n, m)."""
    lowest = data.lowest
    reach = np.log1p(top / lowest)
    points = min(max(math.ceil(float(reach.max()) / SPACING) + 1, SCAN[0]), SCAN[1])
    return lowest[:, None] * np.expm1(reach[:, None] * (np.arange(points) / (points - 1)))


def _scan(data: Data, grid: Array, *, restricted: bool) -> Array:
    """The score at every tau2 of the grid, shape (n, m); in pieces that stay in the processor's cache."""
    width = max(1, CACHED // data.y.size)
    pieces = [
        score(weighted_fit(data, weights(data, grid[:, first : first + width])), restricted=restricted)
        for first in range(0, grid.shape[1], width)
    ]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)


def _polish(data: Data, brackets: Array, ends: Array, *, restricted: bool) -> tuple[Array, int]:
    """Roots of the score inside `brackets` (2, n), where it has the values `ends`; the steps it took.

    (typical variance + tau2)^2 x score is a straight line when the sampling variances are equal: the search
    begins where the line through the two ends crosses 0, and Newton's method is applied to that product.
    """
    lower, upper = brackets
    typical = data.count / np.vecdot(data.present, 1.0 / data.v)
    noise = ROUNDING * typical
    heights = ends * (typical + brackets) ** 2
    tau2 = lower + (upper - lower) * heights[0] / (heights[0] - heights[1])
    last, done, some = np.full(tau2.shape, np.inf), np.zeros(tau2.shape, dtype=bool), 0
    with np.errstate(divide="ignore", invalid="ignore"):
        for step_number in range(1, STEPS + 1):
            fit = weighted_fit(data, weights(data, tau2[:, None]))
            value, slope = (term[:, 0] for term in score_with_slope(fit, restricted=restricted))
            rising = value > 0.0
            lower, upper = np.where(rising, tau2, lower), np.where(rising, upper, tau2)
            scale, near = tau2 + typical, RELATIVE * tau2 + noise
            step = value / (slope + 2.0 * value / scale)
            ended = (next_step(step, last, scale) <= near) | (upper - lower <= near)
            aim = tau2 - step
            inside = np.fmin(np.fmax(aim, lower), upper)
            kept = ended | (inside == aim)
            moved = inside if np.count_nonzero(kept) == kept.size else np.where(kept, inside, 0.5 * (lower + upper))
            if some:  # have ended before, and stay where they are
                moved, ended = np.where(done, tau2, moved), done | ended
            tau2, last, done, some = moved, step, ended, int(np.count_nonzero(ended))
            if some == done.size:
                return tau2, step_number
    return tau2, STEPS


def _best(data: Data, rows: NDArray[np.intp], roots: Array, at_zero: NDArray[np.bool_], *, restricted: bool) -> Array:
    """The candidate of the highest likelihood for each data set, shape (n,)."""
    zeros = np.nonzero(at_zero)[0]
    owner = np.concatenate([zeros, rows])
    candidates = np.concatenate([np.zeros(zeros.size), roots])
    owned = data.take(owner)
    likelihood = log_likelihood(weighted_fit(owned, weights(owned, candidates[:, None])))
    height = (likelihood.reml if restricted else likelihood.ml)[:, 0]
    order = np.lexsort((height, owner))
    tau2 = np.zeros(len(data.y))
    tau2[owner[order]] = candidates[order]
    return tau2


def _log_det(matrices: Array) -> Array:
    """Logarithm of the determinant of positive definite p x p matrices, over the leading axes."""
    return np.log(matrices[..., 0, 0]) if matrices.shape[-1] == 1 else np.linalg.slogdet(matrices)[1]
