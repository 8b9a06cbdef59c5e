"""Meta-regression: a mean effect that moderators shift, study effects integrated out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.priors import coefficients, prior_on_tau
from poolwise.pymc_models.standardised import standardised_coefficients
from poolwise.pymc_models.sums import times

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def meta_regression(y: Array, v: Array, X: Array, beta: Mapping[str, Prior], tau: Prior | None) -> pm.Model:
    """y_i ~ Normal(x_i beta, sqrt(v_i + tau^2)).

    It is y_i ~ Normal(theta_i, se_i), theta_i ~ Normal(x_i beta, tau) with theta_i integrated out.

    Parameters
    ----------
    y, v : ndarray
        Estimates and their sampling variances, shape (k,).
    X : ndarray
        Design, shape (k, p).
    beta : mapping of str to Prior
        Prior on each coefficient, in the order of the columns of X.
    tau : Prior or None
        Prior on the residual between-study standard deviation; None where there is none (or a known one, in v).

    Returns
    -------
    pymc.Model
        With free variables ``beta[...]`` and ``tau``, and the vector ``beta``.

    References
    ----------
    Thompson & Higgins 2002, Statistics in Medicine 21:1559, 10.1002/sim.1187.
    """
    import pymc as pm

    with pm.Model(coords={"coefficient": list(beta)}) as model:
        estimate, variance = pm.Data("y", y, dims="study"), pm.Data("v", v, dims="study")
        design = pm.Data("X", X, dims=("study", "coefficient"))
        if tau is None:
            mean = times(design, coefficients("beta", beta))
        else:
            variance = variance + prior_on_tau(tau) ** 2
            mean = times(design, standardised_coefficients("beta", beta, design, estimate, variance))
        pm.Normal("y_obs", mu=mean, sigma=pm.math.sqrt(variance), observed=estimate, dims="study")
    return model
