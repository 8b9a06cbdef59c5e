"""Random effects of which a few are outliers, with the study effects and who is an outlier integrated out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.priors import prior_on_mu, prior_on_tau

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def contaminated_random_effects(y: Array, v: Array, mu: Prior, tau: Prior, tau_out: Prior, pi: Prior) -> pm.Model:
    """y_i ~ (1 - pi) Normal(mu, sqrt(v_i + tau^2)) + pi Normal(mu, sqrt(v_i + tau^2 + tau_out^2)).

    Parameters
    ----------
    y, v : ndarray
        Estimates and their sampling variances, shape (k,).
    mu, tau : Prior
        Priors on the mean effect and on the standard deviation between studies.
    tau_out : Prior
        Prior on the standard deviation that outliers have on top.
    pi : Prior
        Prior on the share of outliers.

    Returns
    -------
    pymc.Model
        With free variables ``mu``, ``tau``, ``tau_out`` and ``pi``.

    References
    ----------
    Beath 2014, Research Synthesis Methods 5:285, 10.1002/jrsm.1114.
    """
    import pymc as pm

    with pm.Model() as model:
        estimate, variance = pm.Data("y", y, dims="study"), pm.Data("v", v, dims="study")
        mean, sd = prior_on_mu(mu), prior_on_tau(tau)
        more, share = prior_on_tau(tau_out, "tau_out"), prior_on_tau(pi, "pi")
        usual = pm.logp(pm.Normal.dist(mean, pm.math.sqrt(variance + sd**2)), estimate)
        outlying = pm.logp(pm.Normal.dist(mean, pm.math.sqrt(variance + sd**2 + more**2)), estimate)
        log_density = pm.math.logaddexp(pm.math.log1p(-share) + usual, pm.math.log(share) + outlying)
        pm.Potential("y_obs", log_density.sum())
    return model
