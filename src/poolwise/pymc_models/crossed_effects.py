"""Effects in crossed factors, the effects of all levels integrated out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.normal_terms import normal_terms
from poolwise.pymc_models.priors import prior_on_mu, prior_on_tau

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def crossed_effects(
    y: Array, v: Array, Z: Array, of: NDArray[np.int64], mu: Prior, tau: Mapping[str, Prior], tau_within: Prior
) -> pm.Model:
    """Y ~ Normal(mu, D + Z T Z'), D = diag(v) + tau_within^2 I, T = diag(tau[factor of each level]^2).

    Parameters
    ----------
    y, v : ndarray
        Estimates and their sampling variances, shape (k,).
    Z : ndarray
        1 where an estimate has a level and 0 elsewhere, levels of all factors side by side, shape (k, q).
    of : ndarray of int
        Factor of each level, shape (q,).
    mu : Prior
        Prior on the mean effect.
    tau : mapping of str to Prior
        Prior on the standard deviation between levels, by factor.
    tau_within : Prior
        Prior on the standard deviation beyond the factors.

    Returns
    -------
    pymc.Model
        With free variables ``mu``, ``tau[...]`` and ``tau_within``.

    References
    ----------
    Fernández-Castilla et al. 2019, Behavior Research Methods 51:1286, 10.3758/s13428-018-1063-2.
    """
    import pymc as pm

    with pm.Model() as model:
        estimate, variance = pm.Data("y", y, dims="effect"), pm.Data("v", v, dims="effect")
        level, factor = pm.Data("Z", Z, dims=("effect", "level")), pm.Data("of", of, dims="level")
        apart = estimate - prior_on_mu(mu)
        sd = pm.math.stack([prior_on_tau(prior, f"tau[{name}]") for name, prior in tau.items()])[factor]
        within = variance + prior_on_tau(tau_within, "tau_within") ** 2
        pm.Potential("y_obs", normal_terms(apart, within, level * sd))
    return model
