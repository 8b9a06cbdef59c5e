"""Priors on mean effects and on tau that lie far from what the studies say."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.closed_form.inference import coefficients
from poolwise.closed_form.least_squares import fit_at, prepare, quadratic
from poolwise.closed_form.tau2 import dersimonian_laird
from poolwise.design import Design
from poolwise.effects import Effects
from poolwise.model.correlated import CrossedEffects
from poolwise.model.hierarchical import ThreeLevel
from poolwise.model.pooled import CommonEffect, RandomEffects
from poolwise.model.regression import LocationScale, MetaRegression
from poolwise.model.robust import ContaminatedRandomEffects, StudentTRandomEffects
from poolwise.model.subgroups import Subgroups
from poolwise.priors import Fixed, Normal, Prior, RegularizedHorseshoe

WITH_ONE_MEAN = (
    CommonEffect, RandomEffects, ThreeLevel, CrossedEffects, StudentTRandomEffects, ContaminatedRandomEffects
)  # fmt: skip
WITH_WEIGHTED_MEANS = (*WITH_ONE_MEAN, Subgroups)
QUARTILES = np.array([0.25, 0.5, 0.75])
FAR = 5.0  # standard deviations of prior and estimate together
NEARLY_ALL = 0.9999  # of a prior on tau


def far_priors(model: object, effects: Effects, design: Design | None = None) -> tuple[str, ...]:
    """A sentence for each prior on a mean effect, or on tau, that is far from the estimate by the studies alone.

    The distance |b - m| over sqrt(s^2 + se(b)^2), b by weighted least squares at the estimate of DerSimonian and Laird,
    but at no tau beyond which the prior on tau has less than a ten-thousandth, m the prior's median and s its standard
    deviation: the estimate's place in its own prior predictive law. A prior whose standard deviation does not exist
    gives way to the data, and is never far. A prior on tau is far where Q at that tau is as improbable.

    Parameters
    ----------
    model : Model
        With its priors explicit.
    effects : Effects
    design : Design, optional
        Of a regression; made when None.

    Returns
    -------
    tuple of str
        Empty for models without a design of their own.

    Notes
    -----
    A prior counts as far from 5 standard deviations on: chance alone reaches that once in two million times.

    References
    ----------
    Evans & Moshonov 2006, Bayesian Analysis 1:893, 10.1214/06-BA129, for prior-data conflict.
    """
    reach = _reach(model, effects)
    return (*_far_means(model, effects, design, reach), *_far_spread(model, effects, design, reach))


def _reach(model: object, effects: Effects) -> float:
    """The tau below which the prior on it has nearly all; infinite where it does not matter."""
    prior = model.tau if isinstance(model, RandomEffects | MetaRegression) else None
    if prior is None or not prior.proper or prior.from_variances or isinstance(prior, Fixed):
        return math.inf
    return float(prior.ppf(NEARLY_ALL)) if np.ptp(effects.y) > FAR * float(effects.se.min()) else math.inf


def _far_spread(model: object, effects: Effects, design: Design | None, reach: float) -> tuple[str, ...]:
    if not np.ptp(effects.y) > FAR * reach or not isinstance(model, RandomEffects | MetaRegression):
        return ()
    if isinstance(model, MetaRegression):
        if model.takes_uncertain or model.pooled:
            return ()
        design = model.design(effects) if design is None else design
    data = prepare(effects.y, effects.v, None if design is None else design.X)
    q, df = quadratic(fit_at(data, np.array([reach**2]))).item(), effects.k - data.p
    if df < 1 or special.chdtrc(df, q) > 2.0 * special.ndtr(-FAR):
        return ()
    tau = math.sqrt(dersimonian_laird(data).value.item())
    return (
        f"the prior {model.tau} on tau puts {100.0 * NEARLY_ALL:.4g} % below {reach:.3g}, and the studies differ by "
        f"far more (tau by DerSimonian and Laird {tau:.3g}), so that the posterior is a compromise which neither "
        "supports; check its unit",
    )


def _far_means(model: object, effects: Effects, design: Design | None, reach: float) -> tuple[str, ...]:
    judged = [prior for prior in _priors(model) if _may_be_far(prior)]
    weighted = isinstance(model, WITH_WEIGHTED_MEANS) and not _has_coefficients(model)
    if not judged or (weighted and all(_near_all(prior, effects) for prior in judged)):
        return ()
    if all(math.isinf(prior.spread) for prior in judged):
        return ()
    named, X = _coefficients(model, effects, design)
    if effects.k <= len(named) or not named:
        return ()
    data = prepare(effects.y, effects.v, X)
    tau2 = np.minimum(dersimonian_laird(data).value, reach**2)
    estimated = coefficients(fit_at(data, tau2), "wald")
    told = []
    for (name, prior), b, se in zip(named.items(), estimated.beta[0].tolist(), estimated.se[0].tolist(), strict=True):
        if not _may_be_far(prior):
            continue
        distance, spread = abs(b - float(prior.ppf(0.5))), prior.spread
        if distance > FAR * np.hypot(spread, se):
            told.append(
                f"the prior {prior} on {name} lies {distance / spread:.3g} of its standard deviations "
                f"from what the studies say by themselves ({b:.4g}, standard error {se:.2g}), so that the posterior is "
                "a compromise which neither supports; check its unit and sign, or take a prior with heavier tails "
                "(StudentT, Cauchy), which gives way"
            )
    return tuple(told)


def _may_be_far(prior: Prior | None) -> TypeGuard[Prior]:
    """Whether a prior says something of one coefficient: no known value, and none that coefficients have jointly."""
    return prior is not None and prior.proper and not isinstance(prior, Fixed | RegularizedHorseshoe)


def _near_all(prior: Prior, effects: Effects) -> bool:
    """Whether a prior is far from no estimate, and so from no weighted mean of estimates, whatever the weights.

    A quarter of the probability beyond either quartile makes a standard deviation of at least (q3 - q1) / sqrt(8),
    which is known sooner than the standard deviation itself.
    """
    if isinstance(prior, Normal):
        middle, least = prior.mean, prior.sd
    else:
        low, middle, high = prior.ppf(QUARTILES).tolist()
        least = (high - low) / math.sqrt(8.0)
    return bool(effects.y.max() - FAR * least <= middle <= effects.y.min() + FAR * least)


def _priors(model: object) -> Collection[Prior | None]:
    """The priors on the coefficients; none for a model without a design of its own."""
    if _has_coefficients(model):
        return model.beta.values() if isinstance(model.beta, Mapping) else ()
    if isinstance(model, WITH_ONE_MEAN):
        return (model.mu,)
    if isinstance(model, Subgroups):
        return () if model.heterogeneity == "exchangeable" else (model.mu,)
    return ()


def _has_coefficients(model: object) -> TypeGuard[MetaRegression | LocationScale | ThreeLevel]:
    """Whether each coefficient of the mean effects has a prior of its own, and every moderator is known."""
    if isinstance(model, MetaRegression):
        return not (model.takes_uncertain or model.pooled)
    return isinstance(model, LocationScale) or (isinstance(model, ThreeLevel) and model.moderators is not None)


def _coefficients(
    model: object, effects: Effects, design: Design | None
) -> tuple[Mapping[str, Prior | None], NDArray[np.float64] | None]:
    """The priors on the coefficients by name, and the design; None for an intercept alone."""
    if isinstance(model, WITH_ONE_MEAN) and not _has_coefficients(model):
        return {"mu": model.mu}, None
    if isinstance(model, Subgroups):
        levels, groups = model.levels(effects), np.array(model.groups(effects))
        columns = np.stack([groups == level for level in levels], axis=1).astype(float)
        return dict.fromkeys((f"mu[{level}]" for level in levels), model.mu), columns
    assert _has_coefficients(model)
    assert isinstance(model.beta, Mapping)
    design = model.design(effects) if design is None else design
    assert design is not None
    if set(design.names) != set(model.beta):
        return {}, None
    X = None if design.p == 1 and (design.X == 1.0).all() else design.X
    return {f"beta[{name}]": model.beta[name] for name in design.names}, X
