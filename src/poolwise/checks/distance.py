"""How far the data have moved a belief: the Hellinger distance from prior to posterior."""

from __future__ import annotations

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.errors import MissingQuantityError, ModelError
from poolwise.priors import Prior
from poolwise.quadrature.one_tau.tau_posterior import TauPosterior
from poolwise.quantities import Posterior
from poolwise.result import Result
from poolwise.threads import one_thread

Array = NDArray[np.float64]
NODES, WEIGHTS = leggauss(16)
LEVELS = ndtr(np.linspace(-6.4, 6.4, 33))  # quantiles at which the integral is cut, of prior and posterior


@one_thread()
def hellinger(result: Result, name: str) -> float:
    """Hellinger distance from the prior to the posterior of mu or tau.

    sqrt(1 - integral of sqrt(p(x) p(x | y)) dx): 0 when the data say nothing, 1 when prior and posterior have
    nothing in common. It says how far the data moved the belief, not whether they were right to.

    Parameters
    ----------
    result : Result
        Of `Exact` (or `NUTS`, whose posterior density is a kernel estimate).
    name : {"mu", "tau"}

    Returns
    -------
    float
        Between 0 and 1; NaN for an improper prior.

    Raises
    ------
    MissingQuantityError
        When the result has no posterior of that name, or the model no prior on it.

    References
    ----------
    Roos et al. 2015, Bayesian Analysis 10:321, 10.1214/14-BA909, for the distance as a measure of sensitivity.

    Examples
    --------
    >>> import poolwise as pw
    >>> result = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())
    >>> round(hellinger(result, "mu"), 3), round(hellinger(result, "tau"), 3)
    (0.746, 0.532)
    """
    if not isinstance(result, Result):
        raise ModelError(f"hellinger was given {type(result).__name__}", "a Result", "pw.fit(effects, model, Exact())")
    posterior, prior = result[name], result.model.named_priors.get(name)
    if prior is None or not isinstance(posterior, Posterior):
        raise MissingQuantityError(
            f"'{result.label}' has no prior and posterior of '{name}'", "mu or tau of a result of Exact or NUTS"
        )
    return distance(prior, posterior)


def distance(prior: Prior, posterior: Posterior) -> float:
    """Hellinger distance from a prior to a posterior; NaN for an improper prior.

    References
    ----------
    Roos et al. 2015, Bayesian Analysis 10:321, 10.1214/14-BA909.
    """
    if not prior.proper:
        return np.nan
    edges = np.unique(np.concatenate([prior.ppf(LEVELS), posterior.ppf(LEVELS)]))
    half = 0.5 * np.diff(edges)[:, None]
    x = 0.5 * (edges[1:] + edges[:-1])[:, None] + half * NODES
    overlap = (half * WEIGHTS * np.sqrt(prior.pdf(x) * posterior.pdf(x))).sum()
    return float(np.sqrt(max(1.0 - overlap, 0.0)))


def distances_for_tau(posterior: TauPosterior) -> Array:
    """Hellinger distances from prior to posterior of tau of all jobs at once, shape (n,); NaN for improper priors.

    At the nodes of the posterior itself, where sqrt(prior / posterior) = sqrt(p(y) / p(y | tau)).

    References
    ----------
    Roos et al. 2015, Bayesian Analysis 10:321, 10.1214/14-BA909.
    """
    panels = posterior.panels
    job = panels.job
    tau = posterior.c[job][:, None] * np.sinh(panels.x)
    jacobian = panels.x + np.log1p(np.exp(-2.0 * panels.x)) + np.log(0.5 * posterior.c)[job][:, None]
    held = panels.mass > 0.0
    likelihood = panels.values[0] - jacobian - posterior.priors.log_density(job, tau)
    gap = np.where(held, panels.log_total[job][:, None] - likelihood, 0.0)
    overlap = np.bincount(job, (panels.mass * np.exp(0.5 * gap)).sum(axis=1), panels.jobs)
    proper = np.array([prior.proper for prior in posterior.priors.priors])
    return np.where(proper, np.sqrt(np.maximum(1.0 - overlap, 0.0)), np.nan)
