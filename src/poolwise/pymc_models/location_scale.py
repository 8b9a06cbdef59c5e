"""Location and scale: moderators shift the mean effect and the heterogeneity, study effects integrated out."""

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


def location_scale(
    y: Array, v: Array, X: Array, Z: Array, beta: Mapping[str, Prior], tau: Prior, gamma: Mapping[str, Prior]
) -> pm.Model:
    """y_i ~ Normal(x_i beta, sqrt(v_i + tau_i^2)), log tau_i = log tau + z_i gamma.

    Parameters
    ----------
    y, v : ndarray
        Estimates and their sampling variances, shape (k,).
    X : ndarray
        Design of the mean effect, shape (k, p).
    Z : ndarray
        Centred design of log tau without an intercept, shape (k, q).
    beta, gamma : mapping of str to Prior
        Priors on the coefficients of X and of Z.
    tau : Prior
        Prior on the between-study standard deviation at the mean of Z.

    Returns
    -------
    pymc.Model
        With free variables ``beta[...]``, ``tau`` and ``gamma[...]``, and the vectors ``beta`` and ``gamma``.

    References
    ----------
    Viechtbauer & López-López 2022, Research Synthesis Methods 13:697, 10.1002/jrsm.1562.
    """
    import pymc as pm

    with pm.Model(coords={"coefficient": list(beta), "scale_coefficient": list(gamma)}) as model:
        estimate, variance = pm.Data("y", y, dims="study"), pm.Data("v", v, dims="study")
        location = pm.Data("X", X, dims=("study", "coefficient"), shape=(None, len(beta)))
        scale = pm.Data("Z", Z, dims=("study", "scale_coefficient"), shape=(None, len(gamma)))
        sd = prior_on_tau(tau) * pm.math.exp(times(scale, coefficients("gamma", gamma)))
        total = variance + sd**2
        mean = times(location, standardised_coefficients("beta", beta, location, estimate, total))
        pm.Normal("y_obs", mu=mean, sigma=pm.math.sqrt(total), observed=estimate, dims="study")
    return model
