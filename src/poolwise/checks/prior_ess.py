"""How many studies the prior on mu is worth."""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.legendre import leggauss

from poolwise.checks.question import question
from poolwise.effects import Effects
from poolwise.engines.exact import Exact
from poolwise.engines.heterogeneity import typical_variance
from poolwise.errors import ModelError
from poolwise.model import CommonEffect, RandomEffects
from poolwise.priors import Cauchy, Fixed, Flat, Mixture, Normal, Prior, StudentT, TruncatedNormal
from poolwise.quantities import Posterior
from poolwise.threads import one_thread

NODES, WEIGHTS = leggauss(24)
STEP = 1e-4  # of the difference that gives the slope of a log density, in inter-quartile ranges
PIECES = 400


@one_thread()
def prior_ess(effects: Effects, model: CommonEffect | RandomEffects | None = None) -> float:
    """Effective sample size of the prior on mu: the number of studies whose information it equals.

    ESS = E_p[i(p(mu))] / E[1 / (s^2 + tau^2) | y] with i(p(mu)) = -d^2 log p(mu) / dmu^2, the expected local
    information ratio; the information of one study is that of one with the typical sampling variance s^2 (Higgins &
    Thompson 2002), averaged over the posterior of tau.

    Parameters
    ----------
    effects : Effects
    model : CommonEffect or RandomEffects, optional
        Random effects with the scale's default priors when None.

    Returns
    -------
    float
        In studies; 0 for a flat prior, inf for a known mu.

    Raises
    ------
    ModelError
        For a prior on mu whose information is not known.

    Notes
    -----
    The scale's default priors are what `fit` assumes as well when no model is named.

    References
    ----------
    Neuenschwander et al. 2020, Biometrics 76:578, 10.1111/biom.13252.

    Examples
    --------
    >>> import poolwise as pw
    >>> round(prior_ess(pw.datasets.load("bcg")), 2)
    0.09
    """
    assumed = question(effects, model, "prior_ess")
    assert assumed.mu is not None
    if isinstance(assumed.mu, Fixed):
        return math.inf
    own = information(assumed.mu)
    if own == 0.0:
        return 0.0
    s2 = typical_variance(effects.v) if effects.k > 1 else float(effects.v[0])
    result = Exact().fit(effects, assumed)
    tau = result.quantities.get("tau")
    if not isinstance(tau, Posterior):
        known = 0.0 if tau is None else tau.point
        return own * (s2 + known**2)
    p = 0.5 * (1.0 + NODES)
    at = tau.ppf(p)
    return own / float(0.5 * WEIGHTS @ (1.0 / (s2 + at**2)))


def information(prior: Prior) -> float:
    """Expected local information E_p[-d^2 log p / dx^2] of a prior on the line, in 1 / unit^2.

    Raises
    ------
    ModelError
        For a family that it does not know.

    References
    ----------
    Neuenschwander et al. 2020, Biometrics 76:578, 10.1111/biom.13252.
    """
    match prior:
        case Flat():
            return 0.0
        case Normal(sd=sd) | TruncatedNormal(sd=sd):
            return sd**-2.0
        case Cauchy(scale=scale):
            return 0.5 * scale**-2.0
        case StudentT(df=df, scale=scale):
            return (df + 1.0) / (df + 3.0) * scale**-2.0
        case Mixture():
            return _numeric(prior)
        case _:
            raise ModelError(f"mu ~ {prior} has no known information", "a normal, t, Cauchy or mixture prior on mu")


def _numeric(prior: Prior) -> float:
    """E_p[(d log p / dx)^2], which is the same for a smooth density on the whole line."""
    outer = np.array([1e-9, 1e-7, 1e-5])
    edges = prior.ppf(np.concatenate([outer, np.linspace(1e-4, 1.0 - 1e-4, PIECES), 1.0 - outer[::-1]]))
    half = 0.5 * np.diff(edges)[:, None]
    x = 0.5 * (edges[1:] + edges[:-1])[:, None] + half * NODES
    step = STEP * float(prior.ppf(0.75) - prior.ppf(0.25))
    slope = (prior.log_pdf(x + step) - prior.log_pdf(x - step)) / (2.0 * step)
    return float((half * WEIGHTS * prior.pdf(x) * slope**2).sum())
