"""The posterior without each study in turn, and what it expects of the estimate that was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.priors import Prior
from poolwise.quadrature.one_tau.jobs import Tables, TauPriors
from poolwise.quadrature.one_tau.tau_posterior import MU, summaries, tau_posterior
from poolwise.quadrature.rules.mixture import quantiles

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
TOLERANCE = 1e-10


@final
@dataclass(frozen=True, eq=False)
class LeftOut:
    """What each study's estimate looks like to the other k - 1 studies.

    Attributes
    ----------
    log_density : ndarray
        log p(y_i | y_-i), shape (k,).
    below, above : ndarray
        Predictive probability of an estimate below, and above, the one observed, shape (k,).
    mean, sd : ndarray
        Of the predictive distribution; NaN where they do not exist, shape (k,).
    median, lower, upper : ndarray
        Of the predictive distribution, shape (k,).
    summary : dict of str to ndarray
        As `summaries` returns it: the posterior with all studies at 0, without study i at i + 1, shape (k + 1,).
    error : ndarray
        Estimated error of the posterior probabilities, shape (k + 1,).
    """

    log_density: Array
    below: Array
    above: Array
    mean: Array
    sd: Array
    median: Array
    lower: Array
    upper: Array
    summary: dict[str, Array]
    error: Array


@final
@dataclass(frozen=True, eq=False)
class _Fits:
    """Nodes (weight and tau of shape (n, J), values of shape (m, n, J)) and summaries of n tables."""

    weight: Array
    tau: Array
    values: Array
    log_total: Array
    summary: dict[str, Array]
    error: Array


def without_each(table: Array) -> Array:
    """The whole table and the k tables without one row each, NaN in its place; shape (k + 1, k) or (k + 1, k, p)."""
    k = len(table)
    keep = np.vstack([np.ones(k, dtype=bool), ~np.eye(k, dtype=bool)])
    return np.where(keep if table.ndim == 1 else keep[..., None], table, np.nan)


def left_out(
    tables: Tables,
    y: Array,
    v: Array,
    X: Array,
    tau: Prior | float,
    *,
    moments: Ints,
    prob: float,
    combinations: Mapping[str, Array] = MU,
) -> LeftOut:
    """Fit the whole table and the k tables without one study, all in one batch.

    log p(y_i | y_-i) = log p(y) - log p(y_-i), which holds under a flat prior on a mean effect as well: its constant
    cancels. The predictive distribution is the mixture of N(x_i'beta_hat(tau), sd(tau)^2 + tau^2 + v_i) over the
    posterior of tau without study i.

    Parameters
    ----------
    tables : Tables
        Of k + 1 jobs, made from `without_each`.
    y, v : ndarray
        Estimates and variances, shape (k,), k >= 2.
    X : ndarray
        Design, shape (k, p).
    tau : Prior or float
        The prior on tau, or its known value (0 for the common effect).
    moments : ndarray
        Highest moment of tau that exists in each job, shape (k + 1,).
    prob : float
        Probability of the intervals.
    combinations : mapping of str to ndarray
        Weights of the coefficients in each mean effect of the summary.

    Returns
    -------
    LeftOut

    References
    ----------
    Marshall & Spiegelhalter 2007, Bayesian Analysis 2:409, 10.1214/07-BA218, for conflict p-values; the batch is our
    own.
    """
    k = len(y)
    if isinstance(tau, Prior):
        fits = _integrated(tables, tau, moments, prob, combinations)
    else:
        fits = _known(tables, tau, prob, combinations)
    own = np.concatenate([np.zeros((1, X.shape[1])), X]).T  # the job with all studies leaves none out
    centre, sd = tables.combination(fits.values, own[:, :, None])
    centre = (centre + tables.at_origin(own)[:, None])[1:]
    weight, spread = fits.weight[1:], np.sqrt(sd[1:] ** 2 + fits.tau[1:] ** 2 + v[:, None])
    z = (y[:, None] - centre) / spread
    ends = np.repeat([0.5, 0.5 * (1.0 - prob), 0.5 * (1.0 + prob)], k)
    median, lower, upper = quantiles(ends, *(np.tile(one, (3, 1)) for one in (weight, centre, spread))).reshape(3, k)
    mean = (weight * centre).sum(axis=1)
    square = (weight * (spread**2 + (centre - mean[:, None]) ** 2)).sum(axis=1)
    return LeftOut(
        log_density=fits.log_total[0] - fits.log_total[1:],
        below=np.minimum((weight * ndtr(z)).sum(axis=1), 1.0),
        above=np.minimum((weight * ndtr(-z)).sum(axis=1), 1.0),
        mean=np.where(moments[1:] >= 1, mean, np.nan),
        sd=np.where(moments[1:] >= 2, np.sqrt(square), np.nan),
        median=median,
        lower=lower,
        upper=upper,
        summary=fits.summary,
        error=fits.error,
    )


def _integrated(tables: Tables, tau: Prior, highest: Ints, prob: float, combinations: Mapping[str, Array]) -> _Fits:
    wanted = np.minimum(highest, 2)
    posterior = tau_posterior(tables, TauPriors.of([tau]), moments=wanted, tolerance=TOLERANCE)
    of_means = np.where(tables.proper, 2, wanted)
    summary = summaries(posterior, of_means, prob, False, combinations)
    return _Fits(*posterior.nodes(), posterior.panels.log_total, summary, posterior.panels.error)


def _known(tables: Tables, tau: float, prob: float, combinations: Mapping[str, Array]) -> _Fits:
    n = len(tables.y)
    at = np.full((n, 1), tau)
    values = tables.given_tau(np.arange(n), at)
    weight = np.ones((n, 1))
    ends = np.repeat([0.5, 0.5 * (1.0 - prob), 0.5 * (1.0 + prob)], n)
    summary: dict[str, Array] = {}
    for name, c in combinations.items():
        centre, sd = tables.combination(values, c)
        centre = centre + tables.at_origin(c)[:, None]
        found = quantiles(ends, *(np.tile(one, (3, 1)) for one in (weight, centre, sd))).reshape(3, n)
        names = (name, f"{name}_lower", f"{name}_upper")
        summary |= dict(zip(names, found, strict=True)) | {f"{name}_sd": sd[:, 0]}
    return _Fits(weight, at, values, values[0, :, 0], summary, np.zeros(n))
