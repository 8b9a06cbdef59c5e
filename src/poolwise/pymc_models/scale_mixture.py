"""Student's t as a mixture of normal distributions, on nodes that follow the degrees of freedom."""

from __future__ import annotations

from typing import Any

import numpy as np

# Trapezoid rule in log lambda; the steps widen away from the mass. Of rules with 26 nodes the most exact one.
_X = 0.727 * np.arange(26) - 14.58
_NODES = np.sinh(0.107 * _X) / 0.107
_STEPS = np.cosh(0.107 * _X)


def scale_mixture(tau: Any, nu: Any, math: Any) -> tuple[Any, Any]:
    """StudentT(nu, mu, tau) as a mixture of Normal(mu, sd_j) with weights proportional to w_j.

    theta ~ Normal(mu, tau / sqrt(lambda)) with lambda ~ Gamma(nu / 2, nu / 2) is StudentT(nu, mu, tau). log lambda has
    a width of about sqrt(2 / (nu + 1)), which is the unit of the nodes. With nu of 1 or more the log density of an
    estimate y ~ Normal(theta, se) is off by at most 3e-5, five standard deviations out (see the tests).

    Parameters
    ----------
    tau, nu : TensorVariable or array
        Scale and degrees of freedom; arrays of shape (..., 1).
    math : module
        `pymc.math`, or `numpy`.

    Returns
    -------
    tuple
        w_j, and the variances tau^2 / lambda_j, largest first; shape (..., 26).

    References
    ----------
    Andrews & Mallows 1974, J. Royal Statistical Society B 36:99, 10.1111/j.2517-6161.1974.tb00989.x.
    """
    u = math.sqrt(2.0 / (nu + 1.0)) * _NODES
    lam = math.exp(u)
    return _STEPS * math.exp(0.5 * nu * (u - lam + 1.0)), tau**2 / lam


def log_density(apart: Any, variance: Any, mixture: tuple[Any, Any], math: Any) -> Any:
    """Log density of estimates about mu, true effects from a scale mixture: log sum_j w_j Normal(0, v + spread_j).

    Exponentials are relative to the widest component, in whose tails all others are smaller: nothing underflows.

    Parameters
    ----------
    apart, variance : TensorVariable or array
        Estimates less mu, and their sampling variances v, of one shape.
    mixture : tuple
        From `scale_mixture`.
    math : module
        `pymc.math`, or `numpy`.

    Returns
    -------
    TensorVariable or array
        In the shape of the estimates.
    """
    weight, spread = mixture
    total, square = variance[..., None] + spread, apart**2
    widest = total[..., 0]
    terms = weight * total**-0.5 * math.exp(0.5 * square[..., None] * (1.0 / widest[..., None] - 1.0 / total))
    scale = math.log(weight.sum(axis=-1)) + 0.5 * np.log(2.0 * np.pi)
    return math.log(terms.sum(axis=-1)) - 0.5 * square / widest - scale
