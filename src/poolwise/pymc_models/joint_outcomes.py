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
from poolwise.pymc_models.sums import summed, times

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
        D = diag(v + tau[o]^2), whose inverse and determinant are written out. With the means the posterior has a
        funnel at mu_spread = 0.

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 5.4, doi:10.1201/b16018, for one hierarchy.
    """
    import pymc as pm

    with pm.Model(coords={"outcome": list(names)}) as model:
        estimate, variance = pm.Data("y", y, dims="study"), pm.Data("v", v, dims="study")
        outcome = pm.Data("belongs", belongs, dims=("study", "outcome"))
        spread = prior_on_tau(mu_spread, "mu_spread")
        sd = log_normal_about(prior_on_tau(tau, "tau_typical"), tau_spread, dims="outcome")
        total = variance + times(outcome, sd**2)
        # what the estimates of an outcome share, mu[o] - mu_typical, adds spread^2 to each of their covariances
        precision, pull = summed(1.0 / total, outcome), summed(estimate / total, outcome)
        grown = 1.0 + spread**2 * precision
        typical = standardised(mu, (precision / grown).sum(), (pull / grown).sum(), "mu_typical")
        apart = estimate - typical
        alone = pm.math.log(total) + apart**2 / total + np.log(2.0 * np.pi)
        together = (spread * summed(apart / total, outcome)) ** 2 / grown - pm.math.log(grown)
        pm.Potential("y_obs", 0.5 * (together.sum() - alone.sum()))
    return model
