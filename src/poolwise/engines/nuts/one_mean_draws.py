"""From draws of mu and tau to everything that a result of draws contains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.heterogeneity import known_tau, typical_variance
from poolwise.laws import DrawsLaw
from poolwise.model import CommonEffect, RandomEffects
from poolwise.moments import MOST_MOMENTS, highest_moment
from poolwise.quantities import ByStudy, Posterior, Quantity

Array = NDArray[np.float64]


def complete(
    effects: Effects,
    model: CommonEffect | RandomEffects,
    sampled: Mapping[str, Array],
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Draws of theta and theta_new beside those of mu and tau, from their exact laws given mu and tau.

    With B_i = tau^2 / (tau^2 + v_i): theta_i ~ Normal(B_i y_i + (1 - B_i) mu, sqrt(B_i v_i)) and
    theta_new ~ Normal(mu, tau).

    Parameters
    ----------
    effects : Effects
    model : CommonEffect or RandomEffects
    sampled : mapping
        Draws of ``mu``, and of ``tau`` unless it is known, shape (chains, draws).
    rng : Generator

    Returns
    -------
    dict of str to ndarray
        ``mu``; for random effects also ``tau``, ``theta_new`` of shape (chains, draws) and ``theta`` of shape
        (chains, draws, k).
    """
    mu = sampled["mu"]
    if isinstance(model, CommonEffect):
        return {"mu": mu}
    tau = sampled.get("tau", np.full_like(mu, model.tau_fixed or 0.0))
    with np.errstate(divide="ignore", over="ignore"):
        share = 1.0 / (1.0 + np.square(effects.se / tau[..., None]))
    mean = mu[..., None] + share * (effects.y - mu[..., None])
    theta = mean + np.sqrt(share) * effects.se * rng.standard_normal(share.shape)
    return {"mu": mu, "tau": tau, "theta": theta, "theta_new": mu + tau * rng.standard_normal(mu.shape)}


def existing_moments(effects: Effects, model: CommonEffect | RandomEffects) -> dict[str, int]:
    """Highest moment that exists a posteriori, at most 4, of mu, tau, theta_new and tau2."""
    most = dict.fromkeys(("mu", "tau", "theta_new", "tau2"), MOST_MOMENTS)
    if isinstance(model, CommonEffect) or model.tau is None:
        return most
    assert model.mu is not None
    highest = highest_moment(effects.k, model.mu, model.tau)
    limited = {"tau": highest, "theta_new": highest, "tau2": highest // 2}
    return most | limited | ({} if model.mu.proper else {"mu": highest})


def quantities(
    effects: Effects,
    model: CommonEffect | RandomEffects,
    draws: Mapping[str, Array],
    moments: Mapping[str, int],
) -> dict[str, Quantity]:
    """The named quantities: ``mu``, and for random effects ``tau``, ``tau2``, ``I2`` and ``theta_new``.

    I2 = tau^2 / (tau^2 + typical variance); there is none for one study. A known tau is an estimate without
    error.
    """
    mean = {"mu": Posterior(DrawsLaw(draws["mu"], moments["mu"]))}
    if isinstance(model, CommonEffect):
        return dict(mean)
    typical = typical_variance(effects.v)
    between = known_tau(model.tau_fixed, typical) if model.tau_fixed is not None else _between(draws, moments, typical)
    if math.isnan(typical):
        between.pop("I2", None)
    return {**mean, **between, "theta_new": Posterior(DrawsLaw(draws["theta_new"], moments["theta_new"]))}


def studies(effects: Effects, draws: Mapping[str, Array], moments: Mapping[str, int]) -> ByStudy:
    """Posterior of each theta_i, whose moments all exist; theta_i is mu under a common effect."""
    return ByStudy(effects.labels, partial(_study, draws, moments["mu"]))


def _study(draws: Mapping[str, Array], mu_moments: int, row: int) -> Posterior:
    if "theta" not in draws:
        return Posterior(DrawsLaw(draws["mu"], mu_moments))
    return Posterior(DrawsLaw(draws["theta"][..., row]))


def weights(effects: Effects, draws: Mapping[str, Array]) -> dict[str, float]:
    """Posterior mean of each study's share of the sum of 1 / (v_i + tau^2)."""
    tau = draws.get("tau", np.zeros((1, 1)))
    sd = np.hypot(effects.se, tau[..., None])
    precision = np.square(sd.min(axis=-1, keepdims=True) / sd)
    shares = (precision / precision.sum(axis=-1, keepdims=True)).mean(axis=(0, 1))
    return dict(zip(effects.labels, shares.tolist(), strict=True))


def _between(draws: Mapping[str, Array], moments: Mapping[str, int], typical: float) -> dict[str, Quantity]:
    square = draws["tau"] ** 2
    return {
        "tau": Posterior(DrawsLaw(draws["tau"], moments["tau"], lower=0.0)),
        "tau2": Posterior(DrawsLaw(square, moments["tau2"], lower=0.0)),
        "I2": Posterior(DrawsLaw(square / (square + typical), lower=0.0)),
    }
