"""Posterior summaries of many jobs at once, as arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.one_tau.jobs import MEAN
from poolwise.quadrature.one_tau.tau_posterior import TauPosterior
from poolwise.quadrature.rules.mixture import quantiles

Array = NDArray[np.float64]
MU = {"mu": MEAN}
NEGLIGIBLE = 1e-14  # probability of a node that a batch leaves out, to work on shorter rows


def summaries(
    posterior: TauPosterior,
    mu_moments: NDArray[np.intp],
    prob: float,
    new: bool,
    combinations: Mapping[str, Array] = MU,
) -> dict[str, Array]:
    """Means, sds, medians and equal-tailed limits of mean effects, tau and new studies of each job.

    Parameters
    ----------
    posterior : TauPosterior
        With n jobs.
    mu_moments : ndarray
        Highest moment of mu that exists, shape (n,).
    prob : float
        Probability of the intervals.
    new : bool
        Whether to summarise theta_new, the true effect of a new study with the first mean effect, too.
    combinations : mapping of str to ndarray
        Weights of the coefficients in each mean effect, shape (p,); mu alone by default.

    Returns
    -------
    dict
        ``mu``, ``mu_mean``, ``mu_sd``, ``mu_lower``, ``mu_upper`` and the same for tau (and theta_new), and
        ``log_total``, ``grid_error``; each of shape (n,). A moment that does not exist is NaN.
    """
    n = posterior.panels.jobs
    weight, tau, values = posterior.nodes(NEGLIGIBLE)
    p = np.repeat([0.5, 0.5 * (1.0 - prob), 0.5 * (1.0 + prob)], n)
    out: dict[str, Array] = {}
    weights = np.tile(weight, (3, 1))
    for at, (name, c) in enumerate(combinations.items()):
        mean, sd = posterior.studies.combination(values, c)
        mean = mean + posterior.studies.at_origin(c)[:, None]
        means = np.tile(mean, (3, 1))
        out |= _row(name, quantiles(p, weights, means, np.tile(sd, (3, 1))))
        out |= _moments(name, weight, mean, sd, mu_moments)
        if new and at == 0:
            spread = np.hypot(sd, tau)
            out |= _row("theta_new", quantiles(p, weights, means, np.tile(spread, (3, 1))))
            out |= _moments("theta_new", weight, mean, spread, posterior.moments)
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
