"""How far the quadrature over tau may be from the truth: an estimated error of limits and medians."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.quadrature.one_tau.jobs import MEAN, Studies
from poolwise.quadrature.one_tau.mixtures import limits, shrunken, towards
from poolwise.quadrature.one_tau.tau_posterior import TauPosterior
from poolwise.quadrature.rules.mixture import LIMITS, NormalMixture
from poolwise.quadrature.rules.panels import ORDER, RULE

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

WATCHED = 5  # most precise, and most remote, studies whose limits are judged for all


def limit_error(posterior: TauPosterior, linear: Sequence[Array] = (MEAN,), new: Sequence[Array] = (MEAN,)) -> float:
    """Estimated error of medians and limits of the linear quantities of a single job, in half-widths.

    Parameters
    ----------
    posterior : TauPosterior
        With one job.
    linear, new : sequence of ndarray
        As in `watched_limits`.

    Returns
    -------
    float
    """
    return watched_limits(posterior, linear, new)[0]


def watched_limits(
    posterior: TauPosterior, linear: Sequence[Array], new: Sequence[Array]
) -> tuple[float, list[NormalMixture], list[NormalMixture]]:
    """Estimated error of medians and limits of the linear quantities of a single job, in half-widths.

    On each panel, density x Phi((limit - mean) / sd) is expanded in Legendre polynomials; the size of its
    last coefficients bounds what the quadrature misses of F(limit). The mass of the prior beyond the panels
    is missing from every F. F' turns both into an error of the limit, in units of half the 95 % interval.
    Of many studies the most precise and the most remote ones stand for all. A known mu has no limits.

    Parameters
    ----------
    posterior : TauPosterior
        With one job.
    linear, new : sequence of ndarray
        Weights of the coefficients in the mean effects, and in those of new studies, that are watched.

    Returns
    -------
    tuple
        The error; the laws of `linear`, and those of `new`, whose medians and limits are known unless mu is.
    """
    panels, tau = posterior.panels, posterior.c[0] * np.sinh(posterior.panels.x)
    half = 0.5 * (panels.right - panels.left)
    density = panels.mass / (RULE.weights * half[:, None])
    tables, nodes = posterior.studies, posterior.mixtures
    means, of_new = [nodes.linear(c) for c in linear], [nodes.new(c) for c in new]
    watched = [] if tables.known[0] else [(c, law, False) for c, law in zip(linear, means, strict=True)]
    watched += [(c, law, True) for c, law in zip(new, of_new, strict=True)]
    laws = [law for _, law, _ in watched]
    shape = (len(laws), len(nodes.weight))  # of no rows where a model states the only mean and names no new study
    table = np.array([[law.centre for law in laws], [law.spread for law in laws]]).reshape(2, *shape)
    points = limits(nodes.weight, table[0], table[1])
    for law, found in zip(laws, points.tolist(), strict=True):
        law.known.update(zip(LIMITS, found, strict=True))
    origin = np.array([tables.at_origin(c)[0] for c, _, _ in watched])
    centres, spreads = [], []
    for c, _, is_new in watched:
        mean, sd = tables.combination(panels.values, c)
        centres.append(mean)
        spreads.append(np.hypot(sd, tau) if is_new else sd)
    theta_centre, theta_spread = _study_effects(posterior, tau)
    centre = np.concatenate([*(row[None] for row in centres), theta_centre])
    spread = np.concatenate([*(row[None] for row in spreads), theta_spread])
    of_theta = _by_moments(panels.mass, theta_centre, theta_spread)
    at = np.concatenate([points[:, [1, 0, 2]] - origin[:, None], of_theta])  # lower limit, median, upper limit
    inverse = 1.0 / spread
    z = at[:, :, None, None] - centre[:, None]
    z *= inverse[:, None]
    below = ndtr(z)
    below *= density
    tails = np.abs(below @ RULE.to_coefficients[:, -3:]).max(axis=-1) @ half / ORDER
    with np.errstate(over="ignore"):  # at and beside a component that is all but a point
        np.multiply(z, z, out=z)
        z *= -0.5
        slope = np.einsum("mlpq,mpq->ml", np.exp(z, out=z), inverse * panels.mass) / np.sqrt(2.0 * np.pi)
    unit = 0.5 * (at[:, 2] - at[:, 0])
    missed = tails + _beyond(posterior)
    return float((missed / np.maximum(slope * unit[:, None], 1e-300)).max()), means, of_new


def _study_effects(posterior: TauPosterior, tau: Array) -> tuple[Array, Array]:
    """Mean and sd of the watched theta_i at every node, shape (m, P, q) each."""
    tables, values, rows = posterior.studies, posterior.panels.values, _telling(posterior)
    if isinstance(tables, Studies):
        mean, sd = tables.combination(values, MEAN)
        return towards(mean, sd, tables.y[0, rows, None, None], tables.v[0, rows, None, None], tau)
    pairs = [shrunken(tables, i, tau, values) for i in rows.tolist()]
    return np.stack([mean for mean, _ in pairs]), np.stack([sd for _, sd in pairs])


def _telling(posterior: TauPosterior) -> Ints:
    """The studies to watch: all of a few, else the most precise and the most remote."""
    y, v = posterior.studies.y[0], posterior.studies.v[0]
    if len(v) <= 2 * WATCHED:
        return np.arange(len(v))
    remote = np.abs(y) / np.sqrt(v)
    return np.union1d(np.argpartition(v, WATCHED)[:WATCHED], np.argpartition(-remote, WATCHED)[:WATCHED])


def _by_moments(mass: Array, centre: Array, spread: Array) -> Array:
    """Mean and mean -/+ 2 sd of mixtures, shape (m, 3), near enough to median and limits to stand for them."""
    mean = (mass * centre).sum(axis=(1, 2))
    sd = np.sqrt((mass * (spread**2 + (centre - mean[:, None, None]) ** 2)).sum(axis=(1, 2)))
    return mean[:, None] + sd[:, None] * np.array([-2.0, 0.0, 2.0])


def _beyond(posterior: TauPosterior) -> float:
    """Posterior probability of the tau beyond the reach of the panels, for priors with mass at every power of 10."""
    prior, (low, high) = posterior.priors.priors[0], posterior.reach[:, 0]
    if not prior.proper or not prior.needs_log_nodes:
        return 0.0
    below, above = float(prior.cdf(low)), 1.0 - float(prior.cdf(high))
    likelihood = posterior.studies.given_tau(np.zeros(1, dtype=np.intp), np.array([[low, high]]))[0, 0]
    return float(np.array([below, above]) @ np.exp(likelihood - posterior.panels.log_total[0]))
