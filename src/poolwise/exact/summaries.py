"""Posterior summaries of many jobs at once, as arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poolwise.exact.jobs import MEAN
from poolwise.exact.mixture import quantiles
from poolwise.exact.tau_posterior import TauPosterior

Array = NDArray[np.float64]
NEGLIGIBLE = 1e-14  # probability of a node that a batch leaves out, to work on shorter rows


def summaries(posterior: TauPosterior, mu_moments: NDArray[np.intp], prob: float, new: bool) -> dict[str, Array]:
    """Means, sds, medians and equal-tailed limits of mu, tau and theta_new of each job.

    Parameters
    ----------
    posterior : TauPosterior
        With n jobs.
    mu_moments : ndarray
        Highest moment of mu that exists, shape (n,).
    prob : float
        Probability of the intervals.
    new : bool
        Whether to summarise theta_new too.

    Returns
    -------
    dict
        ``mu``, ``mu_mean``, ``mu_sd``, ``mu_lower``, ``mu_upper`` and the same for tau (and theta_new), and
        ``log_total``, ``grid_error``; each of shape (n,). A moment that does not exist is NaN.
    """
    n = posterior.panels.jobs
    weight, tau, values = posterior.nodes(NEGLIGIBLE)
    mean, sd = posterior.studies.combination(values, MEAN)
    mean = mean + posterior.studies.at_origin(MEAN)[:, None]
    p = np.repeat([0.5, 0.5 * (1.0 - prob), 0.5 * (1.0 + prob)], n)
    out: dict[str, Array] = {}
    spreads = {"mu": sd, "theta_new": np.hypot(sd, tau)} if new else {"mu": sd}
    weights, means = np.tile(weight, (3, 1)), np.tile(mean, (3, 1))
    for name, spread in spreads.items():
        moments = mu_moments if name == "mu" else posterior.moments
        out |= _row(name, quantiles(p, weights, means, np.tile(spread, (3, 1))))
        out |= _moments(name, weight, mean, spread, moments)
    out |= _row("tau", posterior.tau_ppf(np.tile(np.arange(n), 3), p))
    out |= _moments("tau", weight, tau, np.zeros_like(tau), posterior.moments)
    out["log_total"], out["grid_error"] = posterior.panels.log_total, posterior.panels.error
    return out


def _row(name: str, values: Array) -> dict[str, Array]:
    point, lower, upper = values.reshape(3, -1)
    return {name: point, f"{name}_lower": lower, f"{name}_upper": upper}


def _moments(name: str, weight: Array, centre: Array, spread: Array, exists: NDArray[np.intp]) -> dict[str, Array]:
    mean = (weight * centre).sum(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        sd = np.sqrt((weight * (spread**2 + (centre - mean[:, None]) ** 2)).sum(axis=1))
    return {
        f"{name}_mean": np.where(exists >= 1, mean, np.nan),
        f"{name}_sd": np.where(exists >= 2, sd, np.nan),
    }
