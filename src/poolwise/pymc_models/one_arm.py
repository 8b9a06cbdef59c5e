"""Counted events in one arm: binomial for persons, Poisson for person-time, with normal random effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.placed import placed
from poolwise.pymc_models.priors import prior_on_tau
from poolwise.pymc_models.standardised import standardised

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]
Measure = Literal["logit", "log rate"]


def one_arm(table: Mapping[str, Array], measure: Measure, priors: Mapping[str, Prior]) -> pm.Model:
    """Events of one group in each study, theta_i its log odds or its log rate.

    logit: events ~ Binomial(total, p), logit p = theta; log rate: events ~ Poisson(total exp(theta)).

    Parameters
    ----------
    table : mapping
        ``events`` and ``total`` (persons or person-time); where the data place the log odds or log rates: ``estimate``
        and ``estimate_se``; each of shape (k,).
    measure : str
    priors : mapping of str to Prior
        On mu and tau.

    Returns
    -------
    pymc.Model
        With mu and tau, and ``theta`` of dimension ``study``.

    References
    ----------
    Stijnen, Hamza & Özdemir 2010, Statistics in Medicine 29:3046, 10.1002/sim.4040.
    """
    import pymc as pm

    with pm.Model(coords={"study": np.arange(len(table["events"]))}) as model:
        data = {name: pm.Data(name, np.asarray(x, dtype=float)) for name, x in table.items()}
        tau = prior_on_tau(priors["tau"], "tau")
        weight = 1.0 / (data["estimate_se"] ** 2 + tau**2)
        mu = standardised(priors["mu"], weight.sum(), (weight * data["estimate"]).sum())
        theta = placed("theta", mu, tau, data["estimate"], data["estimate_se"])
        # log densities up to what depends on the counts alone, as of two arms
        mass = pm.math.exp(theta) if measure == "log rate" else pm.math.log1pexp(theta)
        pm.Potential("events_obs", (data["events"] * theta - data["total"] * mass).sum())
    return model
