"""From a model and a study table to quadrature over its nonlinear parameters, and back to named quantities."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines import _exact_spreads
from poolwise.engines._exact_posterior import Fitted
from poolwise.engines._heterogeneity import known_tau, typical_variance
from poolwise.engines._means import Means, means
from poolwise.errors import ModelError
from poolwise.exact.box_posterior import BoxPosterior, box_posterior
from poolwise.exact.diagonal import Diagonal
from poolwise.exact.gaussian import Basis
from poolwise.exact.jobs import Studies, Tables, TauPriors
from poolwise.exact.levels import Levels
from poolwise.exact.limit_error import limit_error
from poolwise.exact.mixtures import Mixtures
from poolwise.exact.regression import Regression
from poolwise.exact.tau_law import TauLaw
from poolwise.exact.tau_posterior import tau_posterior
from poolwise.exact.variables import OnLine, Spread, Variable
from poolwise.model import CommonEffect, LocationScale, MetaRegression, Model, RandomEffects, Subgroups, ThreeLevel
from poolwise.moments import MOST_MOMENTS, spreads
from poolwise.priors import Normal, Prior
from poolwise.quantities import Law, Quantity

Array = NDArray[np.float64]
MOST_HALVINGS = 3
REACH = 9.0  # prior standard deviations of a coefficient of log tau that can matter


def quadrature(effects: Effects, model: Model, tolerance: float) -> Fitted:
    """Fit a model whose priors are explicit, refining the grid until the limits are good to `tolerance`.

    Parameters
    ----------
    effects : Effects
    model : Model
        Any that one quadrature answers.
    tolerance : float
        Largest estimated error of medians and limits, in half-widths of the 95 % interval.

    Returns
    -------
    Fitted
    """
    match model:
        case ThreeLevel():
            return _three_level(effects, model, tolerance)
        case LocationScale():
            return _location_scale(effects, model, tolerance)
        case CommonEffect():
            return _known(effects, model, 0.0)
        case RandomEffects(tau_fixed=float() | int() as tau) | MetaRegression(tau_fixed=float() | int() as tau):
            return _known(effects, model, float(tau))
        case (
            RandomEffects(tau=Prior() as prior)
            | MetaRegression(tau=Prior() as prior)
            | Subgroups(tau=Prior() as prior, heterogeneity="common")
        ):
            return _one_tau(effects, model, prior, tolerance)
        case _:
            raise ModelError(f"{model!r} leaves a prior open", "explicit priors")


def tables(effects: Effects, mean: Means) -> Tables:
    """The study table of a single job with its design and priors."""
    b, s = mean.normal_priors()
    if mean.p == 1 and (mean.X == 1.0).all():
        return Studies.centred(effects.y[None], effects.v[None], b, s)
    return Regression(Basis.of(effects.y[None], effects.v[None], mean.X[None], b[None], s[None]))


def _known(effects: Effects, model: Model, tau: float) -> Fitted:
    mean = means(effects, model)
    nodes = Mixtures.at(tables(effects, mean), tau)
    common = isinstance(model, CommonEffect)
    between = {} if common else known_tau(tau, typical_variance(effects.v))
    evidence = float(nodes.log_likelihood[0]) if mean.proper else np.nan
    shares = _shares(effects.v, np.ones(1), np.array([tau]))
    return Fitted(effects, model, mean, nodes, nodes, 0.0, MOST_MOMENTS, between, shares, evidence)


def _one_tau(effects: Effects, model: Model, prior: Prior, tolerance: float) -> Fitted:
    mean = means(effects, model)
    (spread,) = spreads(effects, model)
    job = tables(effects, mean)
    watched = list(mean.new.values()) or list(mean.linear.values())
    for halvings in range(MOST_HALVINGS + 1):
        posterior = tau_posterior(job, TauPriors.of([prior]), moments=np.array([spread.moments]), halvings=halvings)
        error = limit_error(posterior, watched)
        if error <= tolerance:
            break
    nodes = posterior.mixtures
    tau = TauLaw(posterior)
    between: dict[str, Law | Quantity] = {"tau": tau, "tau2": _exact_spreads.square(tau)}
    if effects.k > mean.p:
        typical = typical_variance(effects.v, mean.X)
        between["I2"] = _exact_spreads.i2(tau, typical, nodes.weight, nodes.tau)
    evidence = float(posterior.panels.log_total[0]) if mean.proper and prior.proper else np.nan
    shares = _shares(effects.v, nodes.weight, nodes.tau)
    return Fitted(effects, model, mean, nodes, posterior, error, spread.moments, between, shares, evidence)


def _three_level(effects: Effects, model: ThreeLevel, tolerance: float) -> Fitted:
    mean = means(effects, model)
    b, s = mean.normal_priors()
    cluster = np.unique(model.clusters(effects), return_inverse=True)[1]
    levels = Levels.of(effects.y, effects.v, mean.X, b, s, cluster, float(model.rho))
    between, within = spreads(effects, model)
    variables = [Spread(one.prior, unit) for one, unit in zip((between, within), levels.units(), strict=True)]
    moments = min(between.moments, within.moments)
    posterior, error = box_posterior(
        levels, variables, list(mean.linear.values()), list(mean.new.values()), moments=moments, tolerance=tolerance
    )
    weight, phi, _ = posterior.nodes
    laws = [posterior.marginal(axis) for axis in range(2)]
    named: dict[str, Law | Quantity] = {"tau_between": laws[0], "tau_within": laws[1]}
    named |= {"tau2_between": _exact_spreads.square(laws[0]), "tau2_within": _exact_spreads.square(laws[1])}
    shares = weight @ levels.weights(phi)
    proper = mean.proper and between.prior.proper and within.prior.proper
    return _from_boxes(effects, model, mean, posterior, error, named, shares, proper)


def _location_scale(effects: Effects, model: LocationScale, tolerance: float) -> Fitted:
    mean = means(effects, model)
    b, s = mean.normal_priors()
    basis = Basis.of(effects.y[None], effects.v[None], mean.X[None], b[None], s[None])
    z = model.scale_design(effects)
    Z = z.X[:, 1:] - z.X[:, 1:].mean(axis=0)
    (spread,) = spreads(effects, model)
    assert isinstance(model.gamma, Mapping)
    variables: list[Variable] = [Spread(spread.prior, float(min(np.sqrt(effects.v.min()), 4.0 * basis.narrowest()[0])))]
    for name in z.names[1:]:
        prior = model.gamma[name]
        if not isinstance(prior, Normal):
            raise ModelError(f"gamma[{name}] has the prior {prior}", "a normal prior", "Normal(0, 1)")
        variables.append(OnLine(prior.log_pdf, prior.mean, prior.sd, (-REACH, REACH)))
    posterior, error = box_posterior(
        Diagonal(basis, Z, np.array([], dtype=np.intp)),
        variables,
        list(mean.linear.values()),
        [],
        moments=spread.moments,
        tolerance=tolerance,
    )
    named: dict[str, Law | Quantity] = {"tau": posterior.marginal(0)}
    named |= {f"gamma[{name}]": posterior.marginal(1 + j) for j, name in enumerate(z.names[1:])}
    weight, phi, _ = posterior.nodes
    tau = phi[0][:, None] * np.exp(phi[1:].T @ Z.T)
    shares = _shares(effects.v, weight, tau)
    return _from_boxes(effects, model, mean, posterior, error, named, shares, mean.proper and spread.prior.proper)


def _from_boxes(
    effects: Effects,
    model: Model,
    mean: Means,
    posterior: BoxPosterior,
    error: float,
    named: Mapping[str, Law | Quantity],
    shares: Array,
    proper: bool,
) -> Fitted:
    evidence = posterior.log_total if proper else np.nan
    return Fitted(effects, model, mean, posterior, posterior, error, posterior.moments, named, shares, evidence)


def _shares(v: Array, weight: Array, tau: Array) -> Array:
    """Posterior mean share of each study in the sum of 1 / (v_i + tau_i^2), shape (k,)."""
    part = 1.0 / (v + (tau[:, None] if tau.ndim == 1 else tau) ** 2)
    return weight @ (part / part.sum(axis=1, keepdims=True)) / weight.sum()
