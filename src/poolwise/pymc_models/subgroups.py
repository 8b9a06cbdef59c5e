"""Subgroups of studies, each with its mean effect; heterogeneity common, separate or exchangeable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.priors import prior_on_tau
from poolwise.pymc_models.spreads import log_normal_about
from poolwise.pymc_models.standardised import standardised
from poolwise.pymc_models.sums import summed

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def subgroups(
    y: Array,
    v: Array,
    of: NDArray[np.int64],
    names: Sequence[str],
    mu: Prior,
    tau: Prior,
    *,
    common: bool = False,
    tau_spread: Prior | None = None,
) -> pm.Model:
    """y_i ~ Normal(mu[g], sqrt(v_i + tau[g]^2)), g the subgroup of study i.

    Parameters
    ----------
    y, v : ndarray
        Estimates and their sampling variances, shape (k,).
    of : ndarray of int
        Subgroup of each study, shape (k,).
    names : sequence of str
        Names of the subgroups.
    mu : Prior
        Prior on the mean effect of each.
    tau : Prior
        Prior on the heterogeneity: of all (common), of each, or, with `tau_spread`, of the typical one.
    common : bool
        Whether all subgroups share tau.
    tau_spread : Prior, optional
        Prior on the sd of log tau[g] between subgroups, which makes them exchangeable.

    Returns
    -------
    pymc.Model
        With ``mu`` and ``tau`` of dimension ``subgroup`` (a common tau has none); when exchangeable also
        ``tau_typical`` and ``tau_spread``.

    References
    ----------
    Borenstein & Higgins 2013, Prevention Science 14:134, 10.1007/s11121-013-0377-7.
    """
    import pymc as pm

    with pm.Model(coords={"subgroup": list(names)}) as model:
        estimate, variance = pm.Data("y", y, dims="study"), pm.Data("v", v, dims="study")
        group = pm.Data("of", of, dims="study")
        if common:
            sd = prior_on_tau(tau)
        elif tau_spread is None:
            sd = prior_on_tau(tau, dims="subgroup")[group]
        else:
            sd = log_normal_about(prior_on_tau(tau, "tau_typical"), tau_spread, dims="subgroup")[group]
        total, belongs = variance + sd**2, pm.math.eq(group[:, None], np.arange(len(names)))
        precision, pull = summed(1.0 / total, belongs), summed(estimate / total, belongs)
        mean = standardised(mu, precision, pull, dims="subgroup")[group]
        pm.Normal("y_obs", mu=mean, sigma=pm.math.sqrt(total), observed=estimate, dims="study")
    return model
