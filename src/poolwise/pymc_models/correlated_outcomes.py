"""Outcomes whose true effects correlate within a study, all true effects integrated out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.normal_terms import normal_terms
from poolwise.pymc_models.priors import prior_on_mu, prior_on_tau
from poolwise.pymc_models.sums import product, times

if TYPE_CHECKING:
    import pymc as pm
    from pytensor.tensor import TensorVariable

Array = NDArray[np.float64]


def correlated_outcomes(
    y: Array, v: Array, Z: Array, starts: NDArray[np.int64], names: Sequence[str], mu: Prior, tau: Prior, eta: float,
    tau_within: Prior | None = None,
) -> pm.Model:  # fmt: skip
    """y_s ~ Normal(Z_s mu, Z_s T Z_s' + V_s + tau_within^2 I) for each study s, T = diag(tau) R diag(tau), R ~ LKJ.

    The estimates of a study are turned onto the eigenvectors of V_s, so that V_s = diag(v). With the root T = L L' the
    true effects are mu + L u, u independent standard normal.

    Parameters
    ----------
    y, v : ndarray
        Turned estimates and the eigenvalues of their sampling covariance, shape (k,).
    Z : ndarray
        Turned indicators of the outcomes, shape (k, m).
    starts : ndarray of int
        First row of each study, whose rows follow one another, shape (J,).
    names : sequence of str
        Names of the m outcomes.
    mu, tau : Prior
        Priors on the mean and on the between-study standard deviation of each outcome.
    eta : float
        Shape of the LKJ prior: density of R proportional to det(R)^(eta - 1).
    tau_within : Prior, optional
        Prior on the standard deviation of effects within a study and outcome; there is none where None.

    Returns
    -------
    pymc.Model
        With ``mu`` and ``tau`` of dimension ``outcome``, ``partial`` of dimension ``pair`` and ``root``, the Cholesky
        factor of R.

    References
    ----------
    Lewandowski, Kurowicka & Joe 2009, J. Multivariate Analysis 100:1989, 10.1016/j.jmva.2009.04.008, section 2.4;
    Riley 2009, J. R. Statist. Soc. A 172:789, 10.1111/j.1467-985X.2008.00593.x, for the model.
    """
    import pymc as pm

    m = len(names)
    with pm.Model(coords={"outcome": list(names)}) as model:
        estimate, variance = pm.Data("y", y, dims="effect"), pm.Data("v", v, dims="effect")
        outcome = pm.Data("Z", Z, dims=("effect", "outcome"), shape=(None, m))
        first = pm.Data("starts", starts)
        apart = estimate - times(outcome, prior_on_mu(mu, dims="outcome"))
        L = prior_on_tau(tau, dims="outcome")[:, None] * lkj_root(m, eta)
        if tau_within is not None:
            variance = variance + prior_on_tau(tau_within, "tau_within") ** 2
        pm.Potential("y_obs", normal_terms(apart, variance, product(outcome, L), first))
    return model


def lkj_root(m: int, eta: float) -> TensorVariable:
    """The Cholesky factor of a correlation matrix ~ LKJ(eta) from partial correlations, inside a model context.

    The partial correlation of i and j given those before j is 2 b - 1, b ~ Beta(a, a), a = eta + (m - 2 - j) / 2.

    References
    ----------
    Lewandowski, Kurowicka & Joe 2009, J. Multivariate Analysis 100:1989, 10.1016/j.jmva.2009.04.008.
    """
    import pymc as pm

    i, j = np.tril_indices(m, -1)
    shape = pm.Data("eta", eta) + 0.5 * (m - 2 - j)
    place = np.zeros((m, m, len(i)))
    place[i, j, np.arange(len(i))] = 1.0
    partial = (place * (2.0 * pm.Beta("partial", alpha=shape, beta=shape, shape=len(i)) - 1.0)).sum(axis=-1)
    before = np.triu(np.ones((m, m)), 1)
    left = pm.math.exp((0.5 * pm.math.log1p(-(partial**2))[:, :, None] * before).sum(axis=1))
    return pm.Deterministic("root", (partial + np.eye(m)) * left)
