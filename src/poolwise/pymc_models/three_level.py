"""Effects within clusters, with correlated sampling errors (CHE) or without; all true effects integrated out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.normal_terms import normal_terms
from poolwise.pymc_models.priors import coefficients, prior_on_mu, prior_on_tau
from poolwise.pymc_models.sums import times

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def three_level(
    y: Array, v: Array, slope: Array, starts: NDArray[np.int64], mean: Prior | Mapping[str, Prior],
    tau_between: Prior, tau_within: Prior, X: Array | None = None,
) -> pm.Model:  # fmt: skip
    """y_j ~ Normal(mu, V_j + tau_within^2 I + tau_between^2 1 1') for each cluster j, turned onto V_j's eigenvectors.

    With V_j = U diag(v) U' the turned estimates U'y_j are independent given the cluster's mean effect mu_j: they are
    Normal(slope mu_j, sqrt(v + tau_within^2)), slope = U'1, and mu_j ~ Normal(mu, tau_between). Sampling errors that do
    not correlate need no turning: v are their variances and the slope is 1. With moderators the mean effect of row i of
    the turned design is x_i beta in the place of slope_i mu.

    Parameters
    ----------
    y, v, slope : ndarray
        Turned estimates, eigenvalues of V_j and U'1, shape (k,).
    starts : ndarray of int
        First row of each cluster, whose rows follow one another, shape (J,).
    mean : Prior or mapping of str to Prior
        Prior on the mean effect, or on each coefficient in the order of the columns of X.
    tau_between, tau_within : Prior
        Priors on the standard deviations between and within clusters.
    X : ndarray, optional
        Turned design U'X, shape (k, p), where there are moderators.

    Returns
    -------
    pymc.Model
        With free variables ``mu`` (``beta[...]``, and the vector ``beta``, where there are moderators),
        ``tau_between`` and ``tau_within``.

    References
    ----------
    Konstantopoulos 2011, Research Synthesis Methods 2:61, 10.1002/jrsm.35; Pustejovsky & Tipton 2022, Prevention
    Science 23:425, 10.1007/s11121-021-01246-3.
    """
    import pymc as pm

    with pm.Model(coords={"coefficient": list(mean)} if isinstance(mean, Mapping) else None) as model:
        estimate, variance = pm.Data("y", y, dims="effect"), pm.Data("v", v, dims="effect")
        multiple, first = pm.Data("slope", slope, dims="effect"), pm.Data("starts", starts)
        if isinstance(mean, Mapping):
            apart = estimate - times(pm.Data("X", X, dims=("effect", "coefficient")), coefficients("beta", mean))
        else:
            apart = estimate - multiple * prior_on_mu(mean)
        between = prior_on_tau(tau_between, "tau_between")
        within = variance + prior_on_tau(tau_within, "tau_within") ** 2
        pm.Potential("y_obs", normal_terms(apart, within, (multiple * between)[:, None], first))
    return model
