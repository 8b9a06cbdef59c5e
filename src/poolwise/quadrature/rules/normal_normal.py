"""The normal-normal model given tau: everything but tau integrates out in closed form.

y_i ~ N(mu, v_i + tau^2), mu ~ N(m0, s0^2) or flat. With w_i = 1 / (v_i + tau^2):

    precision  A = sum w_i + 1 / s0^2
    mean       mu_hat = (sum w_i y_i + m0 / s0^2) / A
    log p(y | tau) = 1/2 [sum log w_i - k log 2 pi - log A - sum w_i (y_i - mu_hat)^2
                          - (mu_hat - m0)^2 / s0^2 - log s0^2]          (flat: + log 2 pi for the last term)

and with mu known to be m0, the limit s0 = 0 that these forms do not reach:

    log p(y | tau) = 1/2 [sum log w_i - k log 2 pi - sum w_i (y_i - m0)^2]

Source: Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06; written out from the normal densities.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_LOG_2PI = math.log(2.0 * math.pi)
CHUNK = 300_000  # elements of a temporary array


def in_pieces(given: Callable[[Array], Array], phi: Array, rows: int) -> Array:
    """What `given` makes of nonlinear parameters (d, N), shape (m, N), in pieces for a table of so many rows."""
    size = max(1, CHUNK // rows)
    starts = range(0, max(phi.shape[1], 1), size)
    return np.concatenate([given(phi[:, start : start + size]) for start in starts], axis=1)


def given_tau(tau: Array, y: Array, v: Array, m0: Array, s0: Array) -> Array:
    """Log likelihood of tau, and mean and sd of mu given tau.

    Parameters
    ----------
    tau : ndarray
        Shape (P, q).
    y, v : ndarray
        Estimates and variances, shape (P, k) or (1, k); a study that is not there has v = inf and y = 0.
    m0, s0 : ndarray
        Mean and sd of the normal prior on mu, shape (P,) or (1,); s0 = inf for the flat prior and 0 for a known mu.

    Returns
    -------
    ndarray
        Shape (3, P, q): log p(y | tau) with mu integrated out, mean and sd of mu given tau and y.

    References
    ----------
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06; written out from the normal densities.
    """
    if tau.size == 0:
        return np.empty((3, *tau.shape))
    rows = max(1, CHUNK // max(1, tau.shape[1] * y.shape[1]))
    if len(tau) > rows:
        pieces = []
        for start in range(0, len(tau), rows):
            part = slice(start, start + rows)
            pick = [a if len(a) == 1 else a[part] for a in (y, v, m0, s0)]
            pieces.append(given_tau(tau[part], *pick))
        return np.concatenate(pieces, axis=1)
    return _given_tau(tau, y, v, m0[:, None], s0[:, None])


def _given_tau(tau: Array, y: Array, v: Array, m0: Array, s0: Array) -> Array:
    present = np.isfinite(v)
    square = tau * tau
    total = v[:, None, :] + square[:, :, None]
    weight = 1.0 / total
    # y is centred at its inverse-variance mean, so sum w y^2 loses no digits against sum w (y - mu_hat)^2
    powers = np.empty((*y.shape, 3))
    powers[..., 0], powers[..., 1], powers[..., 2] = present, y, y * y
    shared = len(y) == 1  # one table for all: a single matrix product
    sums = (weight.reshape(-1, y.shape[1]) @ powers[0]).reshape(*tau.shape, 3) if shared else weight @ powers
    known = s0 == 0.0  # flat ones until the end, where their own values enter
    inverse_square, ends = _of_prior(s0)
    precision = sums[..., 0] + inverse_square
    mean = (sums[..., 1] + m0 * inverse_square) / precision
    misfit = sums[..., 2] - mean * (2.0 * sums[..., 1] - mean * sums[..., 0]) + (mean - m0) ** 2 * inverse_square
    if not present.all():
        total = np.where(present[:, None, :], total, 1.0)
    k = present.sum(axis=1)[:, None]
    out = np.empty((3, *tau.shape))
    constant = log_product(total) + k * _LOG_2PI
    out[0] = -0.5 * (constant + np.log(precision) + misfit - ends)
    out[1] = mean
    out[2] = 1.0 / np.sqrt(precision)
    if known.any():
        distance = sums[..., 2] - m0 * (2.0 * sums[..., 1] - m0 * sums[..., 0])
        at_m0 = [-0.5 * (constant + distance), np.broadcast_to(m0, tau.shape), np.zeros_like(tau)]
        out = np.where(known, np.stack(at_m0), out)
    return out


def _of_prior(s0: Array) -> tuple[Array | float, Array | float]:
    """1 / s0^2 and the prior's own part of twice the log likelihood; those of a flat prior for a known mu as well."""
    if s0.size == 1:  # nearly always: numbers take a tenth of the time of arrays of one
        s = float(s0[0, 0])
        return (0.0, _LOG_2PI) if s == 0.0 or s == math.inf else ((1.0 / s) * (1.0 / s), -2.0 * math.log(s))
    s0 = np.where(s0 == 0.0, np.inf, s0)
    proper = np.isfinite(s0)
    return 1.0 / (s0 * s0), np.where(proper, -2.0 * np.log(np.where(proper, s0, 1.0)), _LOG_2PI)


def log_product(total: Array) -> Array:
    """Sum of logs over the last axis, by logs of products as long as they neither over- nor underflow."""
    reach = max(abs(math.log(total.min())), abs(math.log(total.max())), 1e-3)
    together = int(min(total.shape[2], 700.0 / reach))
    if together < 2:
        return np.log(total).sum(axis=2)
    cuts = np.arange(0, total.shape[2], together)
    return np.log(np.multiply.reduceat(total, cuts, axis=2)).sum(axis=2)


def shrinkage(mean: Array, sd: Array, y: Array, v: Array, tau2: Array) -> tuple[Array, Array]:
    """Mean and sd of theta given tau, from those of its mean effect x'beta.

    theta | tau ~ N(b x'beta_hat + (1 - b) y, (1 - b) v + b^2 var(x'beta)), b = v / (v + tau^2).

    Parameters
    ----------
    mean, sd : ndarray
        Of x'beta given tau, of the shape of tau2.
    y, v : ndarray
        Estimate and sampling variance: of one study, or of n in a column.
    tau2 : ndarray
        Between-study variance.

    Returns
    -------
    tuple of ndarray
        Each of the shape of tau2, or (n, J).

    References
    ----------
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for shrinkage given tau.
    """
    to_mean, to_data = v / (v + tau2), tau2 / (v + tau2)
    return to_mean * mean + to_data * y, np.sqrt(to_data * v + (to_mean * sd) ** 2)


def draw_theta(mean: Array, y: Array, v: Array, tau2: Array, rng: np.random.Generator) -> Array:
    """Draws of theta given y, tau and its mean effect: theta ~ N(b mean + (1 - b) y, (1 - b) v), b = v / (v + tau^2).

    Parameters
    ----------
    mean : ndarray
        Mean effects, shape (size, k) or (size, 1).
    y, v : ndarray
        Estimates and sampling variances, shape (k,).
    tau2 : ndarray
        Between-study variance, shape (size, k) or (size, 1).
    rng : Generator

    Returns
    -------
    ndarray
        Shape (size, k).

    References
    ----------
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for shrinkage given tau.
    """
    keep = tau2 / (tau2 + v)
    return keep * y + (1.0 - keep) * mean + np.sqrt(keep * v) * rng.standard_normal(keep.shape)
