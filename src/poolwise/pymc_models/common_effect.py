"""The common effect: one effect behind all studies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.priors import prior_on_mu

if TYPE_CHECKING:
    import pymc as pm


def common_effect(y: NDArray[np.float64], v: NDArray[np.float64], mu: Prior) -> pm.Model:
    """y_i ~ Normal(mu, sqrt(v_i)).

    With v_i + tau^2 in the place of v_i it is the random-effects model whose tau is known.

    Parameters
    ----------
    y, v : ndarray
        Estimates and their variances, shape (k,).
    mu : Prior
        Prior on the common effect.

    Returns
    -------
    pymc.Model
        With the free variable ``mu``. The data ``y`` and ``v`` may be exchanged for others of any length, and
        the prior's parameters (``mu_mean``, ``mu_sd``) for others of its family.

    References
    ----------
    Hedges & Vevea 1998, Psychological Methods 3:486, 10.1037/1082-989X.3.4.486.
    """
    import pymc as pm

    with pm.Model() as model:
        estimate = pm.Data("y", y, dims="study")
        variance = pm.Data("v", v, dims="study")
        mean = prior_on_mu(mu)
        pm.Normal("y_obs", mu=mean, sigma=pm.math.sqrt(variance), observed=estimate, dims="study")
    return model
