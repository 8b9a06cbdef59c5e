"""Several outcomes whose means and heterogeneities resemble one another, study effects integrated out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.priors import prior_on_tau
from poolwise.pymc_models.spreads import log_normal_about
from poolwise.pymc_models.standardised import standardised

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def joint_outcomes(
    y: Array, v: Array, belongs: Array, names: Sequence[str], mu: Prior, mu_spread: Prior, tau: Prior,
    tau_spread: Prior,
) -> pm.Model:  # fmt: skip
    """y_i ~ Normal(mu[o], sqrt(v_i + tau[o]^2)), mu[o] and log tau[o] ~ Normal about a typical one.

    Parameters
    ----------
    y, v : ndarray
        Estimates and their sampling variances, shape (k,).
    belongs : ndarray
        1 where an estimate is one of an outcome and 0 elsewhere, shape (k, outcomes).
    names : sequence of str
        Names of the outcomes.
    mu, tau : Prior
        Priors on the mean and on the heterogeneity of the typical outcome.
    mu_spread, tau_spread : Prior
        Priors on the sd of mu[o] and of log tau[o] between outcomes.

    Returns
    -------
    pymc.Model
        With ``mu_typical``, ``mu_spread``, ``tau_typical``, ``tau_spread`` and ``tau`` of dimension ``outcome``. The
        means mu[o] are integrated out: the estimates of an outcome are Normal(mu_typical, D + mu_spread^2 1 1'),
        D = diag(v + tau[o]^2), of which their inverse-variance mean and their spread about it say all. With the means
        the posterior has a funnel at mu_spread = 0.

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 5.4, doi:10.1201/b16018, for one hierarchy.
    """
    import pymc as pm

    from poolwise.pymc_models.group_means import GroupMeans

    with pm.Model(coords={"outcome": list(names)}) as model:
        estimate, variance = pm.Data("y", y, dims="study"), pm.Data("v", v, dims="study")
        outcome = pm.Data("belongs", belongs, dims=("study", "outcome"))
        spread = prior_on_tau(mu_spread, "mu_spread")
        sd = log_normal_about(prior_on_tau(tau, "tau_typical"), tau_spread, dims="outcome")
        mean, precision, rest = GroupMeans()(estimate, variance, outcome, sd**2)[:3]
        # the mean of an outcome's estimates has the variance 1 / precision + spread^2 about the typical mean
        grown = 1.0 + spread**2 * precision
        weight = precision / grown
        typical = standardised(mu, weight.sum(), (weight * mean).sum(), "mu_typical")
        pm.Potential("y_obs", -0.5 * (rest + weight * (mean - typical) ** 2 + pm.math.log(grown)).sum())
    return model
