"""Student's t as a mixture of normal distributions, on nodes that follow the degrees of freedom."""

from __future__ import annotations

from typing import Any

import numpy as np

# Trapezoid rule in log lambda; the steps widen away from the mass.
_X = 0.6 * (np.arange(28) - 20.0)
_NODES = np.sinh(0.15 * _X) / 0.15
_LOG_STEPS = np.log(np.cosh(0.15 * _X))


def scale_mixture(tau: Any, nu: Any, math: Any) -> tuple[Any, Any]:
    """StudentT(nu, mu, tau) as a mixture of Normal(mu, sd_j) with weights w_j.

    theta ~ Normal(mu, tau / sqrt(lambda)) with lambda ~ Gamma(nu / 2, nu / 2) is StudentT(nu, mu, tau). log lambda has
    a width of about sqrt(2 / (nu + 1)), which is the unit of the nodes. With nu of 1 or more the log density of an
    estimate y ~ Normal(theta, se) is off by at most 1e-4, five standard deviations out (see the tests).

    Parameters
    ----------
    tau, nu : TensorVariable or array
        Scale and degrees of freedom; arrays of shape (..., 1).
    math : module
        `pymc.math`, or what has the same functions for arrays: exp, sqrt, logsumexp.

    Returns
    -------
    tuple
        log w_j, and the variances tau^2 / lambda_j, shape (..., 28).

    References
    ----------
    Andrews & Mallows 1974, J. Royal Statistical Society B 36:99, 10.1111/j.2517-6161.1974.tb00989.x.
    """
    u = math.sqrt(2.0 / (nu + 1.0)) * _NODES
    lam = math.exp(u)
    log_weight = _LOG_STEPS + 0.5 * nu * (u - lam)
    return log_weight - math.logsumexp(log_weight, axis=-1, keepdims=True), tau**2 / lam
