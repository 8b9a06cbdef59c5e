"""Priors on mean effects that lie far from what the studies say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from poolwise.closed_form.inference import coefficients
from poolwise.closed_form.least_squares import fit_at, prepare
from poolwise.closed_form.tau2 import dersimonian_laird
from poolwise.effects import Effects
from poolwise.model.correlated import CrossedEffects
from poolwise.model.hierarchical import ThreeLevel
from poolwise.model.pooled import CommonEffect, RandomEffects
from poolwise.model.regression import LocationScale, MetaRegression, Subgroups
from poolwise.model.robust import ContaminatedRandomEffects, StudentTRandomEffects
from poolwise.priors import Fixed, Prior

WITH_ONE_MEAN = (
    CommonEffect, RandomEffects, ThreeLevel, CrossedEffects, StudentTRandomEffects, ContaminatedRandomEffects
)  # fmt: skip
FAR = 5.0  # standard deviations of prior and estimate together


def far_priors(model: object, effects: Effects) -> tuple[str, ...]:
    """A sentence for each prior on a mean effect that is far from the estimate by the studies alone.

    The distance |b - m| over sqrt(s^2 + se(b)^2), b by weighted least squares at the estimate of DerSimonian and Laird,
    m the prior's median and s its standard deviation: the estimate's place in its own prior predictive law. A prior
    whose standard deviation does not exist gives way to the data, and is never far.

    Parameters
    ----------
    model : Model
        With its priors explicit.
    effects : Effects

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
    priors, X = _priors(model, effects)
    if not priors or effects.k <= X.shape[1]:
        return ()
    data = prepare(effects.y, effects.v, None if X.shape[1] == 1 and (X == 1.0).all() else X)
    found = coefficients(fit_at(data, dersimonian_laird(data).value), "wald")
    told = []
    for (name, prior), b, se in zip(priors.items(), found.beta[0].tolist(), found.se[0].tolist(), strict=True):
        if prior is None or isinstance(prior, Fixed) or not prior.proper or not np.isfinite(prior.spread):
            continue
        middle = float(prior.ppf(0.5))
        if abs(b - middle) > FAR * np.hypot(prior.spread, se):
            told.append(
                f"the prior {prior} on {name} lies {abs(b - middle) / prior.spread:.3g} of its standard deviations "
                f"from what the studies say by themselves ({b:.4g}, standard error {se:.2g}), so that the posterior is "
                "a compromise which neither supports; check its unit and sign, or take a prior with heavier tails "
                "(StudentT, Cauchy), which gives way"
            )
    return tuple(told)


def _priors(model: object, effects: Effects) -> tuple[Mapping[str, Prior | None], NDArray[np.float64]]:
    """The priors on the coefficients by name, and the design; no priors for any other model."""
    if isinstance(model, Subgroups) and model.heterogeneity != "exchangeable":
        levels, groups = model.levels(effects), np.array(model.groups(effects))
        return dict.fromkeys((f"mu[{level}]" for level in levels), model.mu), np.stack(
            [groups == level for level in levels], axis=1
        ).astype(float)
    if isinstance(model, WITH_ONE_MEAN):
        return {"mu": model.mu}, np.ones((effects.k, 1))
    if isinstance(model, MetaRegression) and (model.takes_uncertain or model.pooled or model.missing == "model"):
        return {}, np.ones((effects.k, 1))
    if isinstance(model, MetaRegression | LocationScale) and isinstance(model.beta, Mapping):
        design = model.design(effects)
        if set(design.names) == set(model.beta):
            return {f"beta[{name}]": model.beta[name] for name in design.names}, design.X
    return {}, np.ones((effects.k, 1))
