"""From what NUTS drew of a model with moderators or groups to everything that a result of draws contains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.group_moments import joint_moments
from poolwise.engines.heterogeneity import known_tau, share_of_variation, typical_variance
from poolwise.engines.nuts.mixed_rows import MixedRows
from poolwise.engines.nuts.plans import Plan, constant_effect
from poolwise.laws import DrawsLaw
from poolwise.model import JointOutcomes, LocationScale, MetaRegression, Model, Subgroups, ThreeLevel
from poolwise.moments import MOST_MOMENTS, spreads_of
from poolwise.quantities import ByStudy, Estimate, Posterior, Quantity

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Sampled:
    """Joint draws on the scale of the effects.

    Attributes
    ----------
    effects : Effects
    model : Model
        With every prior explicit.
    plan : Plan
    coefficients : ndarray
        Shape (chains, draws, p).
    tau : ndarray
        Standard deviation of each study's true effect about its mean effect (in its cluster, where effects are
        clustered), shape (chains, draws, k).
    scalars : mapping of str to ndarray
        Other unknowns by the names of the quantities, shape (chains, draws).
    theta : ndarray
        True effects, shape (chains, draws, k).
    new : mapping of str to ndarray
        True effects in new studies, shape (chains, draws).
    mean, more : ndarray, optional
        Where moderators are uncertain: mean effects given what was observed of them, and the variance that the rest
        adds, shape (chains, draws, k).
    mixed : MixedRows, optional
        The rows whose moderators miss a level.
    """

    effects: Effects
    model: Model
    plan: Plan
    coefficients: Array
    tau: Array
    scalars: Mapping[str, Array]
    theta: Array
    new: Mapping[str, Array]
    mean: Array | None = None
    more: Array | None = None
    mixed: MixedRows | None = None

    @property
    def fitted(self) -> Array:
        """Mean effect of each row, shape (chains, draws, k)."""
        out = self.coefficients @ self.plan.means.X.T if self.mean is None else self.mean
        if self.mixed is not None:
            out[..., self.mixed.rows] = self.mixed.expected
        return out

    @property
    def variance(self) -> Array:
        """Variance of each estimate about its mean effect, shape (chains, draws, k)."""
        known = self.effects.v + self.tau**2
        return known if self.more is None else known + self.more

    @property
    def linear(self) -> dict[str, Array]:
        """Mean effects, coefficients and contrasts by name, shape (chains, draws)."""
        return {name: self.coefficients @ c for name, c in self.plan.means.linear.items()}

    @property
    def watched(self) -> dict[str, Array]:
        """What was sampled, for diagnosis: coefficients and scalars, without functions of them."""
        names = list(self.plan.means.linear)[: self.plan.means.p]
        return {name: self.linear[name] for name in names} | dict(self.scalars)


def read(effects: Effects, model: Model, plan: Plan, drawn: Mapping[str, Array], rng: np.random.Generator) -> Sampled:
    """Draws in the sampler's unit as draws on the scale of the effects, with theta and theta_new drawn given them.

    Parameters
    ----------
    effects : Effects
    model : Model
    plan : Plan
    drawn : mapping
        Variables of the PyMC model, shape (chains, draws, ...).
    rng : Generator

    Returns
    -------
    Sampled
    """
    unit = plan.unit
    here = {name: unit.unit * drawn[name] for name in plan.spreads} | {name: drawn[name] for name in plan.free}
    if "mu_typical" in drawn:
        here["mu_typical"] = unit.centre + unit.unit * drawn["mu_typical"]
    scalars = _scalars(model, plan, here)
    tau = tau_of_rows(effects, model, plan, scalars)
    if isinstance(model, JointOutcomes):
        coefficients = _means_of_outcomes(effects, plan, tau, here, rng)
    else:
        coefficients = _coefficients(plan, drawn)
    if isinstance(model, ThreeLevel):
        theta = _in_clusters(effects, model, coefficients, scalars, rng)
    else:
        theta = true_effects(effects, coefficients @ plan.means.X.T, tau, rng)
    new = new_studies(model, plan, coefficients, scalars, rng)
    return Sampled(effects, model, plan, coefficients, tau, scalars, theta, new)


def _coefficients(plan: Plan, drawn: Mapping[str, Array]) -> Array:
    """Coefficients on the scale of the effects: a constant effect of `centre` is added back."""
    here = plan.unit.unit * (drawn["beta"] if "beta" in drawn else drawn["mu"])
    here = here[..., None] if here.ndim == 2 else here
    return here + plan.unit.centre * constant_effect(plan.means.X)


def _means_of_outcomes(
    effects: Effects, plan: Plan, tau: Array, here: Mapping[str, Array], rng: np.random.Generator
) -> Array:
    """mu[o] given everything else: its inverse-variance mean, drawn towards the typical one."""
    weight = 1.0 / (effects.v + tau**2)
    precision, pull = weight @ plan.means.X, (weight * effects.y) @ plan.means.X
    spread = here["mu_spread"][..., None]
    kept = 1.0 / (1.0 + precision * spread**2)  # of the typical mean
    mean = kept * (here["mu_typical"][..., None] + pull * spread**2)
    return mean + spread * np.sqrt(kept) * rng.standard_normal(mean.shape)


def _scalars(model: Model, plan: Plan, here: Mapping[str, Array]) -> dict[str, Array]:
    """Unknowns other than the coefficients, by the names of the quantities, shape (chains, draws)."""
    if "tau" in here and here["tau"].ndim == 3:
        hyper = {"mu_typical": "mu", "mu_spread": "mu_spread", "tau_typical": "tau", "tau_spread": "tau_spread"}
        own = {f"tau[{name}]": here["tau"][..., g] for g, name in enumerate(plan.names)}
        return own | {ours: here[theirs] for theirs, ours in hyper.items() if theirs in here}
    return {name: here[name] for name in (*plan.spreads, *plan.free)}


def tau_of_rows(effects: Effects, model: Model, plan: Plan, scalars: Mapping[str, Array]) -> Array:
    """Standard deviation of each row's true effect about its mean (in its cluster), shape (chains, draws, k or 1)."""
    own = [draws for name, draws in scalars.items() if name.startswith("tau[")]
    if own:
        return np.stack(own, axis=-1) @ plan.means.X.T
    match model:
        case LocationScale():
            assert plan.means.Z is not None
            gamma = np.stack([scalars[name] for name in plan.free], axis=-1)
            return scalars["tau"][..., None] * np.exp(gamma @ plan.means.Z.T)
        case ThreeLevel():
            return scalars["tau_within"][..., None]
        case MetaRegression(tau=None):
            return np.full((1, 1, 1), float(model.tau_fixed or 0.0))
        case _:
            return scalars["tau"][..., None]


def new_studies(
    model: Model, plan: Plan, coefficients: Array, scalars: Mapping[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    """True effects in new studies by name, each with the heterogeneity of its group; shape (chains, draws)."""
    out = {}
    for name, c in plan.means.new.items():
        mean = coefficients @ c
        if isinstance(model, ThreeLevel):
            sd = np.hypot(scalars["tau_between"], scalars["tau_within"])
        else:
            own = name.replace("theta_new", "tau")
            sd = scalars[own if own in scalars else "tau"]
        out[name] = mean + sd * rng.standard_normal(mean.shape)
    return out


def true_effects(effects: Effects, fitted: Array, tau: Array, rng: np.random.Generator) -> Array:
    """theta_i ~ Normal(B_i y_i + (1 - B_i) x_i beta, sqrt(B_i v_i)), B_i = tau_i^2 / (tau_i^2 + v_i)."""
    with np.errstate(divide="ignore", over="ignore"):
        share = 1.0 / (1.0 + np.square(effects.se / tau))
    mean = fitted + share * (effects.y - fitted)
    return mean + np.sqrt(share) * effects.se * rng.standard_normal(mean.shape)


def _in_clusters(
    effects: Effects, model: ThreeLevel, mu: Array, scalars: Mapping[str, Array], rng: np.random.Generator
) -> Array:
    """Effects of each cluster given its estimates: draws from the model, moved by what the estimates leave of them.

    With (theta*, y*) drawn from the model, theta = theta* + C S^-1 (y - y*) has the law given y, C the covariance of
    theta and S = C + V that of y (Matheron's rule).
    """
    of = np.unique(model.clusters(effects), return_inverse=True)[1]
    between, within = scalars["tau_between"][..., None], scalars["tau_within"][..., None]
    out = np.empty((*mu.shape[:2], effects.k))
    for j in range(of.max() + 1):
        rows = np.flatnonzero(of == j)
        shape, se = (*mu.shape[:2], len(rows)), effects.se[rows]
        theta = mu + between * rng.standard_normal((*shape[:2], 1)) + within * rng.standard_normal(shape)
        shared = np.sqrt(model.rho) * rng.standard_normal((*shape[:2], 1))
        y = theta + se * (shared + np.sqrt(1.0 - model.rho) * rng.standard_normal(shape))
        total = cluster_covariances(model, se, scalars)
        pull = np.linalg.solve(total, (effects.y[rows] - y)[..., None])[..., 0]
        out[..., rows] = theta + within**2 * pull + between**2 * pull.sum(axis=-1, keepdims=True)
    return out


def existing_moments(sampled: Sampled) -> dict[str, int]:
    """Highest moment that exists a posteriori, at most 4, of every quantity by name."""
    model, plan = sampled.model, sampled.plan
    mean_names = [*plan.means.linear]
    if isinstance(model, JointOutcomes) or (isinstance(model, Subgroups) and model.heterogeneity == "exchangeable"):
        return _of_exchangeable(sampled)
    each = {one.name: one.moments for one in spreads_of(plan.means.structure)}
    least = min(each.values(), default=MOST_MOMENTS)
    known = dict.fromkeys(mean_names, plan.means.moments(least))
    of = {name: MOST_MOMENTS if name.startswith("pi[") else each.get(name, least) for name in sampled.scalars}
    new = {
        name: min(plan.means.moments(least), each.get(name.replace("theta_new", "tau"), least)) for name in sampled.new
    }
    return known | of | new


def _of_exchangeable(sampled: Sampled) -> dict[str, int]:
    model, X = sampled.model, sampled.plan.means.X
    assert isinstance(model, JointOutcomes | Subgroups)
    assert model.mu is not None
    assert model.tau is not None
    assert model.tau_spread is not None
    found = joint_moments(
        [int(count) for count in X.sum(axis=0)],
        flat=not model.mu.proper,
        spread=model.mu_spread if isinstance(model, JointOutcomes) else None,
        tau=model.tau,
        tau_spread=model.tau_spread,
    )
    names = sampled.plan.names
    out = dict.fromkeys(sampled.linear, min(found.mu))
    for g, name in enumerate(names):
        out |= {f"mu[{name}]": found.mu[g], f"tau[{name}]": found.tau_of[g]}
        out[f"theta_new[{name}]"] = min(found.tau_of[g], found.mu[g])
    return out | {"mu": found.mean, "mu_spread": found.spread, "tau": found.tau, "tau_spread": found.tau_spread}


def quantities(sampled: Sampled) -> dict[str, Quantity]:
    """The named quantities of the result, with the names that the exact engine gives them."""
    moments = existing_moments(sampled)
    out: dict[str, Quantity] = {n: Posterior(DrawsLaw(x, moments[n])) for n, x in sampled.linear.items()}
    for name, draws in sampled.scalars.items():
        spread = name.startswith(("tau", "mu_spread", "sd[", "kappa[", "pi["))
        out[name] = Posterior(DrawsLaw(draws, moments[name], lower=0.0 if spread else -np.inf))
        if spread and name.startswith("tau") and name != "tau_spread" and not _is_typical(sampled, name):
            square = name.replace("tau", "tau2", 1)
            out[square] = Posterior(DrawsLaw(draws**2, moments[name] // 2, lower=0.0))
    out |= _shares(sampled, moments)
    return out | {name: Posterior(DrawsLaw(draws, moments[name])) for name, draws in sampled.new.items()}


def _is_typical(sampled: Sampled, name: str) -> bool:
    """Whether it is the heterogeneity of the typical group, or of no study in particular."""
    return name == "tau" and ("tau_spread" in sampled.scalars or isinstance(sampled.model, LocationScale))


def _shares(sampled: Sampled, moments: Mapping[str, int]) -> dict[str, Quantity]:
    """Total heterogeneity, I2 and ICC, where there is one heterogeneity."""
    model, X = sampled.model, sampled.plan.means.own
    typical = typical_variance(sampled.effects.v, X)
    if isinstance(model, MetaRegression) and model.tau is None:
        return dict(known_tau(float(model.tau_fixed or 0.0), typical))
    if isinstance(model, ThreeLevel):
        between, within = sampled.scalars["tau_between"] ** 2, sampled.scalars["tau_within"] ** 2
        tau = np.sqrt(between + within)
        most = min(moments["tau_between"], moments["tau_within"])
        out: dict[str, Quantity] = {"tau": Posterior(DrawsLaw(tau, most, lower=0.0))}
        out["ICC"] = Posterior(DrawsLaw(between / (between + within), lower=0.0))
    elif isinstance(model, MetaRegression) or (isinstance(model, Subgroups) and model.heterogeneity == "common"):
        tau, out = sampled.scalars["tau"], {}
    else:
        return {}
    return out if np.isnan(typical) else out | {"I2": Posterior(DrawsLaw(share_of_variation(tau, typical), lower=0.0))}


def studies(sampled: Sampled) -> ByStudy:
    """Posterior of each theta_i, whose moments all exist."""
    return ByStudy(sampled.effects.labels, partial(_study, sampled))


def _study(sampled: Sampled, row: int) -> Posterior:
    return Posterior(DrawsLaw(sampled.theta[..., row]))


def combination(sampled: Sampled, c: Array, *, new: np.random.Generator | None = None) -> Quantity:
    """The mean effect c'beta, or, with random numbers to draw it by, the true effect in a new study.

    There is no number for a new study where its heterogeneity depends on moderators of its own.
    """
    mean = sampled.coefficients @ c
    existing, scalars = existing_moments(sampled), sampled.scalars
    if new is None:
        return Posterior(DrawsLaw(mean, min(existing[name] for name in sampled.linear)))
    if isinstance(sampled.model, LocationScale):
        return Estimate(np.nan)
    moments = min(existing[name] for name in (*sampled.linear, *scalars))
    sd = np.hypot(scalars["tau_between"], scalars["tau_within"]) if "tau_between" in scalars else sampled.tau[..., 0]
    return Posterior(DrawsLaw(mean + sd * new.standard_normal(sd.shape), moments))


def weights(sampled: Sampled) -> dict[str, float]:
    """Posterior mean of each study's share of the sum of 1 / (v_i + tau_i^2); by group where groups are apart."""
    model, v = sampled.model, sampled.effects.v
    tau = np.broadcast_to(sampled.tau, sampled.theta.shape)
    if isinstance(model, ThreeLevel):
        shares = _cluster_shares(sampled)
    else:
        precision = 1.0 / (v + tau**2)
        apart = "tau_spread" in sampled.scalars or (isinstance(model, Subgroups) and model.heterogeneity == "separate")
        same = sampled.plan.means.X @ sampled.plan.means.X.T if apart else np.ones((len(v), len(v)))
        shares = (precision / (precision @ same)).mean(axis=(0, 1))
    return dict(zip(sampled.effects.labels, shares.tolist(), strict=True))


def _cluster_shares(sampled: Sampled) -> Array:
    """Posterior mean of S^-1 1 / 1'S^-1 1, S the covariance of all estimates; cluster by cluster."""
    assert isinstance(sampled.model, ThreeLevel)
    of = np.unique(sampled.model.clusters(sampled.effects), return_inverse=True)[1]
    pulled = np.empty(sampled.theta.shape)
    for j in range(of.max() + 1):
        rows = np.flatnonzero(of == j)
        total = cluster_covariances(sampled.model, sampled.effects.se[rows], sampled.scalars)
        pulled[..., rows] = np.linalg.solve(total, np.ones((len(rows), 1)))[..., 0]
    return (pulled / pulled.sum(axis=-1, keepdims=True)).mean(axis=(0, 1))


def cluster_covariances(model: ThreeLevel, se: Array, scalars: Mapping[str, Array]) -> Array:
    """Covariance of one cluster's estimates, standard errors `se`, at each draw; shape (chains, draws, n, n)."""
    n = len(se)
    V = np.outer(se, se) * (model.rho + (1.0 - model.rho) * np.eye(n))
    between, within = (scalars[name][..., None, None] ** 2 for name in ("tau_between", "tau_within"))
    return V + within * np.eye(n) + between
