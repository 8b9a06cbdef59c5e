"""Several outcomes whose means and heterogeneities resemble one another, study effects integrated out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.grouped import group_means
from poolwise.pymc_models.priors import prior_on_mu, prior_on_tau
from poolwise.pymc_models.spreads import log_normal_about

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def joint_outcomes(
    y: Array, v: Array, of: NDArray[np.int64], names: Sequence[str], mu: Prior, mu_spread: Prior, tau: Prior,
    tau_spread: Prior,
) -> pm.Model:  # fmt: skip
    """y_i ~ Normal(mu[o], sqrt(v_i + tau[o]^2)), mu[o] and log tau[o] ~ Normal about a typical one.

    Parameters
    ----------
    y, v : ndarray
        Estimates and their sampling variances, shape (k,).
    of : ndarray of int
        Outcome of each estimate, shape (k,).
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
        means mu[o] are integrated out: given tau, the inverse-variance mean of an outcome is
        Normal(mu_typical, sqrt(mu_spread^2 + 1 / precision)). With them the posterior has a funnel at mu_spread = 0.

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 5.4, doi:10.1201/b16018, for one hierarchy.
    """
    import pymc as pm

    with pm.Model(coords={"outcome": list(names)}) as model:
        estimate, variance = pm.Data("y", y, dims="study"), pm.Data("v", v, dims="study")
        outcome = pm.Data("of", of, dims="study")
        typical, spread = prior_on_mu(mu, "mu_typical"), prior_on_tau(mu_spread, "mu_spread")
        sd = log_normal_about(prior_on_tau(tau, "tau_typical"), tau_spread, dims="outcome")
        belongs = 1.0 * pm.math.eq(outcome[:, None], np.arange(len(names)))
        estimates, variances = group_means(estimate, variance + sd[outcome] ** 2, 1.0, belongs)
        total = pm.math.sqrt(spread**2 + variances)
        pm.Potential("means", pm.logp(pm.Normal.dist(typical, total), estimates).sum())
    return model
