"""Heavy-tailed random effects, with the study effects integrated out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.priors import prior_on_mu, prior_on_tau
from poolwise.pymc_models.scale_mixture import log_density, scale_mixture

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def student_t_random_effects(y: Array, v: Array, mu: Prior, tau: Prior, nu: Prior) -> pm.Model:
    """y_i ~ Normal(theta_i, sqrt(v_i)), theta_i ~ StudentT(nu, mu, tau), theta_i integrated out by quadrature.

    With theta_i or its lambda_i sampled the posterior has as many dimensions as there are studies and a funnel at
    small tau; without them it has three.

    Parameters
    ----------
    y, v : ndarray
        Estimates and their sampling variances, shape (k,).
    mu, tau, nu : Prior
        Priors on centre, scale and degrees of freedom of the true effects.

    Returns
    -------
    pymc.Model
        With free variables ``mu``, ``tau`` and ``nu``.

    References
    ----------
    Lee & Thompson 2008, Statistics in Medicine 27:418, 10.1002/sim.2897.
    """
    import pymc as pm

    with pm.Model() as model:
        estimate, variance = pm.Data("y", y, dims="study"), pm.Data("v", v, dims="study")
        mean, scale, df = prior_on_mu(mu), prior_on_tau(tau), prior_on_tau(nu, "nu", in_unit=False)
        density = log_density(estimate - mean, variance, scale_mixture(scale, df, pm.math), pm.math)
        pm.Potential("y_obs", density.sum())
    return model
