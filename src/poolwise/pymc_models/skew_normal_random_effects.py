"""Skewed random effects, with the study effects integrated out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.priors import prior_on_mu, prior_on_tau

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def skew_normal_random_effects(y: Array, v: Array, mu: Prior, tau: Prior) -> pm.Model:
    """y_i ~ Normal(theta_i, sqrt(v_i)), theta_i ~ SkewNormal with mean mu, sd tau and delta.

    The sum of a skew-normal and an independent normal variable is skew-normal: with xi and omega such that theta_i
    has mean mu and sd tau, y_i ~ SkewNormal(xi, sqrt(omega^2 + v_i), alpha_i), where delta_i = delta omega /
    sqrt(omega^2 + v_i) and alpha_i = delta_i / sqrt(1 - delta_i^2).

    Parameters
    ----------
    y, v : ndarray
        Estimates and their sampling variances, shape (k,).
    mu, tau : Prior
        Priors on mean and standard deviation of the true effects.

    Returns
    -------
    pymc.Model
        With free variables ``mu``, ``tau`` and ``delta`` ~ Uniform(-1, 1).

    References
    ----------
    Azzalini 1985, Scandinavian J. Statistics 12:171; Azzalini & Capitanio 2014, The Skew-Normal and Related Families,
    section 2.1, 10.1017/CBO9781139248891.
    """
    import pymc as pm

    from poolwise.pymc_models.transforms import Probit

    with pm.Model() as model:
        estimate, variance = pm.Data("y", y, dims="study"), pm.Data("v", v, dims="study")
        mean, sd = prior_on_mu(mu), prior_on_tau(tau)
        delta = pm.Uniform("delta", -1.0, 1.0, default_transform=Probit())
        omega = sd / pm.math.sqrt(1.0 - 2.0 / np.pi * delta**2)
        xi = mean - omega * delta * np.sqrt(2.0 / np.pi)
        total = pm.math.sqrt(omega**2 + variance)
        alpha = delta * omega / pm.math.sqrt(variance + omega**2 * (1.0 - delta**2))
        z = (estimate - xi) / total
        # PyMC's SkewNormal loses the logarithm of Phi(x) below x = -8
        log_density = pm.logp(pm.Normal.dist(xi, total), estimate) + pm.logcdf(pm.Normal.dist(0.0, 1.0), alpha * z)
        pm.Potential("y_obs", log_density.sum() + estimate.shape[0] * np.log(2.0))
    return model
