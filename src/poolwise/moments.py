"""Which posterior moments exist: a question of tails that no sampler or grid can answer by itself."""

from __future__ import annotations

import math
from itertools import count

import numpy as np

from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.exact.tau_posterior import FARTHEST
from poolwise.model import CommonEffect, RandomEffects
from poolwise.priors import Prior
from poolwise.result import Finding

MOST_MOMENTS = 4
NEAR = 1e6  # a value of tau from which the likelihood falls as a power, whatever the scale of effect
NEGLIGIBLE = 1e-6  # share of a slow tail that may lie beyond what quadrature reaches
SLOWEST = 0.06  # a tail that converges more slowly than x^-0.06 has more than that beyond


def highest_moment(k: int, mu: Prior, tau: Prior) -> int:
    """Highest moment of tau that can be had a posteriori, at most 4; -1 when the posterior itself is improper.

    Far out the likelihood falls as tau^-k with a proper prior on mu and as tau^-(k - 1) with a flat one, and
    the prior as tau^-a, so that the m-th moment exists if and only if k + a - m > 1, or k - 1 + a - m > 1.
    Moments of theta_new follow those of tau; so do those of mu under a flat prior; under a proper normal
    prior on mu all moments of mu exist. A moment that exists, but converges so slowly that no arithmetic
    reaches it, counts as missing.

    Parameters
    ----------
    k : int
        Number of studies.
    mu, tau : Prior
        The priors.

    Returns
    -------
    int
    """
    if math.isfinite(tau.upper):
        return MOST_MOMENTS
    counted = k if mu.proper else k - 1
    if tau.tail_power <= 1 - counted:
        return -1
    return next((m for m in range(MOST_MOMENTS, 0, -1) if _reached(tau, tau.tail_power - (m + 1 - counted))), 0)


def _reached(tau: Prior, excess: float) -> bool:
    """Whether an integral whose tail converges as x^-excess, under a log-t prior as a power of log x, can be had."""
    if not 0.0 < excess < 1e-9:
        return excess >= SLOWEST
    near, far = 1.0 - tau.cdf(np.array([NEAR, FARTHEST]))
    return bool(far <= NEGLIGIBLE * near)


def refuse_improper(effects: Effects, model: RandomEffects | CommonEffect) -> None:
    """Refuse a model whose posterior is improper on this study table.

    Raises
    ------
    ModelError
        Naming k, the priors, and what would make the posterior proper.
    """
    if isinstance(model, CommonEffect) or model.tau_fixed is not None:
        return
    assert model.mu is not None
    assert model.tau is not None
    if highest_moment(effects.k, model.mu, model.tau) < 0:
        raise ModelError(
            f"with k = {effects.k} the priors mu ~ {model.mu}, tau ~ {model.tau} give an improper posterior",
            f"a proper prior on tau, or at least {_fewest(model.mu, model.tau)} studies under these priors",
            "RandomEffects(tau=priors.HalfNormal(0.5)) in the unit of the effects",
        )


def _fewest(mu: Prior, tau: Prior) -> int:
    return next(k for k in count(1) if highest_moment(k, mu, tau) >= 0)


def missing_moments(moments: int, mu: Prior) -> Finding | None:
    """The finding that a mean or sd does not exist, or None."""
    if moments >= MOST_MOMENTS:
        return None
    if moments >= 2:
        return Finding(
            "moment_does_not_exist",
            "A posteriori tau2 has a mean but no standard deviation that could be computed: the tail of tau is too "
            "heavy for so few studies. "
            "Its median and quantiles exist, and so do mean and standard deviation of mu, tau and theta_new.",
        )
    what = "neither mean nor standard deviation" if moments < 1 else "a mean but no standard deviation"
    whose = "tau and theta_new have" if mu.proper else "mu, tau and theta_new have"
    return Finding(
        "moment_does_not_exist",
        f"A posteriori {whose} {what} that could be computed: the tails are too heavy for so few studies. Use the "
        "median and the "
        "quantiles, which do exist, or a prior on tau with a lighter tail.",
    )
