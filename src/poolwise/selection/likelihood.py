"""Estimates that were selected for publication: their density, and draws of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, logsumexp, ndtri_exp

from poolwise.selection.intervals import Intervals, log_difference

Array = NDArray[np.float64]
LogWeight = Callable[[Array, NDArray[np.intp]], Array]
LOG_2PI = np.log(2.0 * np.pi)


def log_normal(x: Array | float, mean: Array, sd: Array) -> Array:
    """Log density of Normal(mean, sd) at x."""
    return np.asarray(-0.5 * (((x - mean) / sd) ** 2 + LOG_2PI) - np.log(sd))


def log_density_in_steps(y: Array, mean: Array, sd: Array, se: Array, log_omega: Array, intervals: Intervals) -> Array:
    """Log density of published estimates under step weights, which point in the direction of what gets published.

    log f(y) = log Normal(y; mean, sd^2) + log omega_j(y) - log A,  A = sum_j omega_j P(interval j).

    Parameters
    ----------
    y, mean, sd, se : ndarray
        Estimates, their means and standard deviations before selection, and their standard errors; they broadcast.
    log_omega : ndarray
        Log weights, shape (..., J); -inf is a weight of 0.
    intervals : Intervals

    Returns
    -------
    ndarray
        The shape to which the four broadcast with the first dimensions of `log_omega`.

    References
    ----------
    Vevea & Hedges 1995, Psychometrika 60:419, 10.1007/BF02294384.
    """
    published = logsumexp(log_omega + intervals.log_probabilities(mean, sd, se), axis=-1)
    place = intervals.holding(y / se)
    weights = np.broadcast_to(log_omega, (*published.shape, log_omega.shape[-1]))
    weight = np.take_along_axis(weights, np.broadcast_to(place, published.shape)[..., None], axis=-1)[..., 0]
    return np.asarray(log_normal(y, mean, sd) + weight - published)


@final
@dataclass(frozen=True, eq=False)
class Cells:
    """z cut into cells, with a bound of the log weight in each.

    Attributes
    ----------
    edges : ndarray, shape (C + 1,)
        Rising, from -inf to inf.
    log_bound : ndarray
        Shape (n, C), or (1, C): no log weight in a cell is above it.
    """

    edges: Array
    log_bound: Array


def draw_published(mean: Array, ratio: Array, cells: Cells, log_weight: LogWeight, rng: np.random.Generator) -> Array:
    """The z of published estimates, by rejection under a bound of the weights that is constant in each cell.

    Parameters
    ----------
    mean, ratio : ndarray
        Mean and standard deviation of z before selection, shape (n,).
    cells : Cells
    log_weight : callable
        From z and the number of the draw that each belongs to, to log weights.
    rng : Generator

    Returns
    -------
    ndarray
        Shape (n,).

    References
    ----------
    Devroye 1986, Non-Uniform Random Variate Generation, section II.3, 10.1007/978-1-4613-8643-8, for rejection.
    """
    out, open_ones = np.empty(len(mean)), np.arange(len(mean))
    scaled = (cells.edges - mean[:, None]) / ratio[:, None]
    log_mass = log_difference(scaled[:, :-1], scaled[:, 1:]) + cells.log_bound
    chance = np.cumsum(np.exp(log_mass - logsumexp(log_mass, axis=1, keepdims=True)), axis=1)
    bound = np.broadcast_to(cells.log_bound, log_mass.shape)
    while len(open_ones):
        u = rng.random(len(open_ones)) * chance[open_ones, -1]
        cell = (chance[open_ones] < u[:, None]).sum(axis=1)
        low, high = scaled[open_ones, cell], scaled[open_ones, cell + 1]
        z = mean[open_ones] + ratio[open_ones] * _between(low, high, rng)
        taken = np.log(rng.random(len(z))) <= log_weight(z, open_ones) - bound[open_ones, cell]
        out[open_ones[taken]] = z[taken]
        open_ones = open_ones[~taken]
    return out


def _between(low: Array, high: Array, rng: np.random.Generator) -> Array:
    """Standard normal draws between two limits, by inversion in the nearer tail."""
    flip = low + high > 0.0
    lower, upper = np.where(flip, -high, low), np.where(flip, -low, high)
    with np.errstate(divide="ignore"):
        log_p = np.logaddexp(log_ndtr(lower), np.log(rng.random(len(low))) + log_difference(lower, upper))
    x = np.clip(ndtri_exp(np.minimum(log_p, -1e-300)), lower, upper)
    return np.where(flip, -x, x)
