"""Normal-normal random effects, with the study effects integrated out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.priors import prior_on_tau
from poolwise.pymc_models.standardised import standardised

if TYPE_CHECKING:
    import pymc as pm


def random_effects(y: NDArray[np.float64], v: NDArray[np.float64], mu: Prior, tau: Prior) -> pm.Model:
    """y_i ~ Normal(mu, sqrt(v_i + tau^2)), the marginal normal-normal model.

    It is y_i ~ Normal(theta_i, se_i), theta_i ~ Normal(mu, tau) with theta_i integrated out, which leaves two
    parameters whatever k is and no funnel. Given mu and tau, theta_i is normal and is drawn afterwards, in
    `poolwise.engines`.

    Parameters
    ----------
    y, v : ndarray
        Estimates and their sampling variances, shape (k,).
    mu, tau : Prior
        Priors on the mean effect and on the between-study standard deviation.

    Returns
    -------
    pymc.Model
        With free variables ``mu`` and ``tau``. The data ``y`` and ``v`` may be exchanged for others of any
        length, and a prior's parameters (``tau_scale``, ...) for others of its family.

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 5.4, doi:10.1201/b16018; theta_i given mu and
    tau is its eq. 5.17.
    """
    import pymc as pm

    with pm.Model() as model:
        estimate = pm.Data("y", y, dims="study")
        variance = pm.Data("v", v, dims="study")
        total = variance + prior_on_tau(tau) ** 2
        mean = standardised(mu, (1.0 / total).sum(), (estimate / total).sum())
        pm.Normal("y_obs", mu=mean, sigma=pm.math.sqrt(total), observed=estimate, dims="study")
    return model
