"""For each model, how its parameters and true effects come from its priors.

A model joins by one function from (model with explicit priors, design, random numbers) to a `Truth`, marked with
``@simulates(Model)``, and one line in `families.FAMILIES`. A model that is not normal returns a record of its own with
the few methods of `truth.Generated`, which also decides how the table is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.model import (
    CommonEffect,
    JointOutcomes,
    LocationScale,
    MetaRegression,
    RandomEffects,
    Subgroups,
    ThreeLevel,
)
from poolwise.priors import Prior
from poolwise.simulate.missing_levels import levels_truth
from poolwise.simulate.shared_priors import shared_truth
from poolwise.simulate.truth import Generated, Layer, Truth
from poolwise.simulate.uncertain import uncertain_truth

Array = NDArray[np.float64]
Rng = np.random.Generator
Simulator = Callable[[Any, Effects, Rng], Generated]

SIMULATORS: dict[type, Simulator] = {}
"""How a truth is drawn, by model."""


def simulates[Model, T: Generated](model: type[Model]) -> Callable[[Callable[[Model, Effects, Rng], T]], Simulator]:
    """Mark the function that draws the truth of a model."""

    def marked(draw: Callable[[Model, Effects, Rng], T]) -> Simulator:
        SIMULATORS[model] = draw
        return draw

    return marked


def truth(model: object, effects: Effects, rng: Rng) -> Generated:
    """Parameters drawn from the priors of a model on a design.

    Parameters
    ----------
    model : Model
        With every prior explicit.
    effects : Effects
        Whose standard errors, moderators, outcomes and clusters are the design; its estimates do not matter.
    rng : Generator

    Returns
    -------
    Generated

    Raises
    ------
    ModelError
        For a model that has no simulator, and for an improper prior, which nothing can be drawn from.

    References
    ----------
    Talts et al. 2018, arXiv:1804.06788.
    """
    if type(model) not in SIMULATORS:
        raise ModelError(f"{model!r} cannot be simulated", " or ".join(known.__name__ for known in SIMULATORS))
    return SIMULATORS[type(model)](model, effects, rng)


def drawn(prior: Prior | None, rng: Rng, name: str) -> float:
    """One value from a prior, by inversion."""
    if prior is None or not prior.proper:
        raise ModelError(
            f"{name} has the improper prior {prior}, which nothing can be drawn from",
            "a proper prior",
            f"{name} ~ {'HalfNormal(0.5)' if name.startswith('tau') else 'Normal(0, 1)'}",
        )
    return float(prior.ppf(rng.random()))


@simulates(CommonEffect)
def _common_effect(model: CommonEffect, effects: Effects, rng: Rng) -> Truth:
    mu = drawn(model.mu, rng, "mu")
    return Truth({"mu": mu}, np.full(effects.k, mu), (), sampling_errors(effects))


@simulates(RandomEffects)
def _random_effects(model: RandomEffects, effects: Effects, rng: Rng) -> Truth:
    mu = drawn(model.mu, rng, "mu")
    tau, told = _tau(model, rng)
    scalars = {"mu": mu, **told, "theta_new": mu + tau * rng.standard_normal()}
    return Truth(scalars, np.full(effects.k, mu), (own(effects, tau),), sampling_errors(effects))


@simulates(MetaRegression)
def _meta_regression(model: MetaRegression, effects: Effects, rng: Rng) -> Generated:
    if model.shares_priors:
        return shared_truth(model, effects, _tau(model, rng)[0], drawn, rng)
    gaps, what = model.missing_levels(effects), model.uncertain(effects)
    if gaps is not None or what is not None:
        given = cast(Mapping[str, Prior], model.beta)
        coefficients = {name: drawn(prior, rng, f"beta[{name}]") for name, prior in given.items()}
        residual = drawn(model.tau, rng, "tau")
        if gaps is not None:
            return levels_truth(effects, gaps, coefficients, residual, rng)
        assert what is not None
        return uncertain_truth(effects, what, coefficients, residual, rng)
    X, beta, scalars = _coefficients(model, effects, rng)
    tau, told = _tau(model, rng)
    first = float(X[0] @ beta + tau * rng.standard_normal())
    new = {"theta_new at x_1": (X[0], first)}
    return Truth(scalars | told, X @ beta, (own(effects, tau),), sampling_errors(effects), new)


@simulates(LocationScale)
def _location_scale(model: LocationScale, effects: Effects, rng: Rng) -> Truth:
    X, beta, scalars = _coefficients(model, effects, rng)
    tau = drawn(model.tau, rng, "tau")
    Z = model.scale_design(effects)
    priors = cast(Mapping[str, Prior], model.gamma)
    gamma = {name: drawn(priors[name], rng, f"gamma[{name}]") for name in Z.names[1:]}
    slopes = Z.X[:, 1:] - Z.X[:, 1:].mean(axis=0)
    each = tau * np.exp(slopes @ np.array(list(gamma.values())))
    scalars |= {"tau": tau, **{f"gamma[{name}]": value for name, value in gamma.items()}}
    return Truth(scalars, X @ beta, (own(effects, each),), sampling_errors(effects))


@simulates(Subgroups)
def _subgroups(model: Subgroups, effects: Effects, rng: Rng) -> Truth:
    names, of = numbered(model.groups(effects), model.levels(effects))
    mu = np.array([drawn(model.mu, rng, "mu") for _ in names])
    if model.heterogeneity == "separate":
        tau, told = np.array([drawn(model.tau, rng, "tau") for _ in names]), {}
    else:
        told = {"tau": drawn(model.tau, rng, "tau")}
        tau = np.full(len(names), told["tau"])
    if model.heterogeneity == "exchangeable":
        told["tau_spread"] = drawn(model.tau_spread, rng, "tau_spread")
        tau = tau * np.exp(told["tau_spread"] * rng.standard_normal(len(names)))
    scalars = _by_group(names, mu, tau, rng) | told
    if model.heterogeneity == "common":
        scalars = {name: value for name, value in scalars.items() if not name.startswith("tau[")}
    if model.heterogeneity != "exchangeable":
        scalars |= {f"mu[{name}] - mu[{names[0]}]": float(mu[g] - mu[0]) for g, name in enumerate(names) if g}
    return Truth(scalars, mu[of], (own(effects, tau[of]),), sampling_errors(effects))


@simulates(JointOutcomes)
def _joint_outcomes(model: JointOutcomes, effects: Effects, rng: Rng) -> Truth:
    names, of = numbered(effects.outcome, effects.outcomes)
    hyper = {name: drawn(prior, rng, name) for name, prior in model.named_priors.items()}
    mu = hyper["mu"] + hyper["mu_spread"] * rng.standard_normal(len(names))
    tau = hyper["tau"] * np.exp(hyper["tau_spread"] * rng.standard_normal(len(names)))
    scalars = _by_group(names, mu, tau, rng) | hyper
    return Truth(scalars, mu[of], (own(effects, tau[of]),), sampling_errors(effects))


@simulates(ThreeLevel)
def _three_level(model: ThreeLevel, effects: Effects, rng: Rng) -> Truth:
    clusters = model.clusters(effects)
    of = numbered(clusters, clusters)[1]
    mu = drawn(model.mu, rng, "mu")
    between, within = drawn(model.tau_between, rng, "tau_between"), drawn(model.tau_within, rng, "tau_within")
    total = float(np.hypot(between, within))
    scalars = {
        "mu": mu,
        "tau_between": between,
        "tau_within": within,
        "tau": total,
        "ICC": (between / total) ** 2,
        "theta_new": mu + total * rng.standard_normal(),
    }
    layers = (Layer(between, of), own(effects, within))
    return Truth(scalars, np.full(effects.k, mu), layers, sampling_errors(effects, of, model.rho))


def own(effects: Effects, sd: Array | float) -> Layer:
    """The layer that gives each row an effect of its own."""
    return Layer(sd, np.arange(effects.k))


def sampling_errors(effects: Effects, cluster: NDArray[np.intp] | None = None, rho: float = 0.0) -> Array:
    """Covariance of the sampling errors, shape (k, k): as known, or correlated by rho within clusters."""
    if effects.covariance is not None:
        return np.array(effects.covariance)
    if cluster is None:
        return np.diag(effects.v)
    same = cluster[:, None] == cluster
    return np.outer(effects.se, effects.se) * np.where(np.eye(effects.k) == 1.0, 1.0, rho * same)


def _tau(model: RandomEffects | MetaRegression, rng: Rng) -> tuple[float, dict[str, float]]:
    """The between-study sd; and under its name unless it is known."""
    if model.tau_fixed is not None:
        return float(model.tau_fixed), {}
    tau = drawn(model.tau, rng, "tau")
    return tau, {"tau": tau}


def _coefficients(
    model: MetaRegression | LocationScale, effects: Effects, rng: Rng
) -> tuple[Array, Array, dict[str, float]]:
    """Design, coefficients, and these under their names."""
    design = model.design(effects)
    priors = cast(Mapping[str, Prior], model.beta)
    beta = {f"beta[{name}]": drawn(priors[name], rng, f"beta[{name}]") for name in design.names}
    return design.X, np.array(list(beta.values())), beta


def numbered(each: Iterable[str], names: Iterable[str]) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """The groups, and the number of each row's group, shape (k,)."""
    known = tuple(dict.fromkeys(names))
    return known, np.array([known.index(name) for name in each], dtype=np.intp)


def _by_group(names: tuple[str, ...], mu: Array, tau: Array, rng: Rng) -> dict[str, float]:
    """Mean, heterogeneity and a new study's true effect of each group."""
    out: dict[str, float] = {}
    for g, name in enumerate(names):
        new = mu[g] + tau[g] * rng.standard_normal()
        out |= {f"mu[{name}]": float(mu[g]), f"tau[{name}]": float(tau[g]), f"theta_new[{name}]": float(new)}
    return out
