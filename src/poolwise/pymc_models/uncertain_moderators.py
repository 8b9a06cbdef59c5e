"""Meta-regression on moderators that are missing for some studies or measured with error, both integrated out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.priors import coefficients, prior_on_tau
from poolwise.pymc_models.sums import times

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def uncertain_moderators(
    y: Array, v: Array, X: Array, slopes: Array, x: Array, se_x: Array, seen: Array, beta: Mapping[str, Prior],
    tau: Prior,
) -> pm.Model:  # fmt: skip
    """y_i ~ Normal(X_i beta + sum_j x_ij b_ij, sqrt(v_i + tau^2)), b_ij = slopes_ij beta, x_ij ~ Normal(m_j, s_j).

    An observed x_ij is Normal(its true value, se_x_ij), which has the reliability r_ij = s_j^2 / (s_j^2 + se_x_ij^2);
    a missing one has r_ij = 0. Given what was observed the true value is Normal(m_j + r_ij (x_ij - m_j), s_j
    sqrt(1 - r_ij)), so that it adds b_ij^2 s_j^2 (1 - r_ij) to the variance of y_i.

    Parameters
    ----------
    y, v : ndarray
        Estimates and their sampling variances, shape (k,).
    X : ndarray
        Design where every uncertain moderator is 0, shape (k, p).
    slopes : ndarray
        What one unit of each uncertain moderator adds to the design, shape (k, J, p).
    x, se_x, seen : ndarray
        Standardised observed values, their standard errors, and 1 where there is one, shape (k, J).
    beta : mapping of str to Prior
        Prior on each coefficient, in the order of the columns of X.
    tau : Prior
        Prior on the residual between-study standard deviation.

    Returns
    -------
    pymc.Model
        With ``beta``, ``tau``, and ``x_mean`` and ``x_sd`` of dimension ``moderator``.

    References
    ----------
    Little & Rubin 2019, Statistical Analysis with Missing Data, 3rd ed., chapter 11, 10.1002/9781119482260; Carroll et
    al. 2006, Measurement Error in Nonlinear Models, 2nd ed., chapter 8, 10.1201/9781420010138.
    """
    import pymc as pm

    with pm.Model(coords={"coefficient": list(beta), "moderator": list(range(x.shape[1]))}) as model:
        estimate, variance = pm.Data("y", y, dims="study"), pm.Data("v", v, dims="study")
        design, slope = pm.Data("X", X, dims=("study", "coefficient")), pm.Data("slopes", slopes)
        value, error, known = (
            pm.Data(name, table, dims=("study", "moderator"))
            for name, table in (("x", x), ("se_x", se_x), ("seen", seen))
        )
        b = coefficients("beta", beta)
        m = pm.Normal("x_mean", sigma=np.ones(x.shape[1]), dims="moderator")
        s = pm.HalfNormal("x_sd", sigma=np.full(x.shape[1], 2.0), dims="moderator")
        total = s**2 + error**2
        pm.Potential("x_obs", (known * pm.logp(pm.Normal.dist(m, total**0.5), value)).sum())
        reliability = known * s**2 / total
        effect = (slope * b).sum(axis=2)
        mean = times(design, b) + (effect * (m + reliability * (value - m))).sum(axis=1)
        more = (effect**2 * s**2 * (1.0 - reliability)).sum(axis=1)
        pm.Normal("y_obs", mean, pm.math.sqrt(variance + prior_on_tau(tau) ** 2 + more), observed=estimate)
    return model
