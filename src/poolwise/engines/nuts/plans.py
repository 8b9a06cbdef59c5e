"""From a model and a study table to a PyMC model, the data it is given, and what its variables mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.means import Means, means
from poolwise.engines.nuts.samplers import Adaptation, Template
from poolwise.errors import ModelError
from poolwise.model import Model
from poolwise.model.needs import CLUSTERS
from poolwise.model.structure import explicit_priors
from poolwise.priors import Cauchy, Fixed, Flat, Normal, Prior, RegularizedHorseshoe, StudentT
from poolwise.pymc_models.common_effect import common_effect
from poolwise.pymc_models.joint_outcomes import joint_outcomes
from poolwise.pymc_models.location_scale import location_scale
from poolwise.pymc_models.meta_regression import meta_regression
from poolwise.pymc_models.priors import prior_data, standard
from poolwise.pymc_models.random_effects import random_effects
from poolwise.pymc_models.subgroups import subgroups
from poolwise.pymc_models.tables import Moved
from poolwise.pymc_models.three_level import three_level

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
type Named = tuple[tuple[str, Prior], ...]
TYPICAL_MEAN = "mu_typical"
"""The variable that moves with the origin of the effects, beside the coefficients."""


TAU = {"tau": ("tau",)}


@final
@dataclass(frozen=True)
class Unit:
    """Where the sampler's origin and unit lie, so that it works alike at any unit and any offset of the effects.

    Attributes
    ----------
    centre, unit : float
        The sampler sees (y - centre) / unit.
    """

    centre: float
    unit: float

    @classmethod
    def of(cls, y: Array, v: Array, *, centred: bool = True) -> Unit:
        """The inverse-variance mean, or 0, and the root of var(y) + median(v)."""
        centre = float(np.average(y, weights=v.min() / v)) if centred else 0.0
        return cls(centre, float(np.hypot(y.std(), np.sqrt(np.median(v)))))

    def mean(self, prior: Prior, share: float = 1.0) -> Prior:
        """The prior on a mean effect, of which `share` is moved with the origin, in the sampler's unit."""
        origin = share * self.centre
        match prior:
            case Normal() | StudentT() | Cauchy():
                return replace(prior, mean=prior.mean - origin).scaled(1.0 / self.unit)
            case Fixed():
                return replace(prior, value=(prior.value - origin) / self.unit)
            case Flat() | RegularizedHorseshoe():
                return prior.scaled(1.0 / self.unit)
            case _:
                return Moved(prior, origin, self.unit) if origin else prior.scaled(1.0 / self.unit)

    def spread(self, prior: Prior) -> Prior:
        """The prior on a standard deviation in the sampler's unit."""
        return prior.scaled(1.0 / self.unit)


AS_GIVEN = Unit(0.0, 1.0)
"""That of the effects themselves."""


@final
@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be sampled.

    Attributes
    ----------
    compiled : callable
        The compiled PyMC model; compiled once in a process for all plans of the same structure.
    data : mapping
        What it is given: estimates in the sampler's unit, designs, parameters of priors.
    unit : Unit
    means : Means
        Mean effects X beta.
    measured : mapping of str to tuple of str
        Variables in the unit of the effects, and the quantities that they are; one for each of their elements.
    free : mapping of str to tuple of str
        The same for variables without a unit.
    adaptation : str
        Of the sampler's mass matrix: of low rank unless parameters are known not to correlate.
    """

    compiled: Callable[[], Template]
    data: Mapping[str, Any]
    unit: Unit
    means: Means
    measured: Mapping[str, tuple[str, ...]]
    free: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    adaptation: Adaptation = "low_rank"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients, groups or outcomes, length p."""
        return tuple(name.partition("[")[2].removesuffix("]") for name in list(self.means.linear)[: self.means.p])


def plan(effects: Effects, model: Model, mean: Means | None = None, unit: Unit | None = None) -> Plan:
    """The plan of a model whose priors are explicit.

    Parameters
    ----------
    effects : Effects
    model : Model
        One whose true effects are normal, and do not correlate across rows but within clusters.
    mean : Means, optional
        The mean effects of these rows, coded as in the whole table that they are a part of.
    unit : Unit, optional
        Where the sampler's origin and unit lie, unless it is where the table suggests.

    Returns
    -------
    Plan

    Raises
    ------
    ModelError
        For a model that has no plan here.
    """
    mean = means(effects, model) if mean is None else mean
    if model.pools:
        return _one_mean(effects, mean, unit)
    if mean.Z is not None:
        return _location_scale(effects, mean, unit)
    if mean.structure.exchangeable_means:
        return _joint(effects, model, mean, unit)
    if model.strata is not None:
        return _subgroups(effects, model, mean, unit)
    if CLUSTERS in model.needs:
        return _three_level(effects, mean, unit)
    if model.one_tau:
        return _regression(effects, mean, unit)
    raise ModelError(f"{model!r} has no PyMC model here", "Exact()")


def compiled(make: Callable[..., pm.Model], *template: Any) -> Template:
    """The model that `make` makes of a template; one compilation in a process.

    A template holds standard members of priors and names, not data: the model is compiled from them on a table of two
    rows, so that the start points of the chains do not depend on which data came first.
    """
    return compiled_models(make, template)


@cache
def compiled_models(make: Callable[..., pm.Model], template: tuple[Any, ...]) -> Template:
    """The templates of this process."""
    return Template(partial(make, *template))


def standards(priors: Mapping[str, Prior]) -> Named:
    """The standard members of priors by name, for a template."""
    return tuple((name, standard(prior)) for name, prior in priors.items())


_Y, _V = np.zeros(2), np.ones(2)


def _empty_table(p: int) -> tuple[Array, Array, Array]:
    """Estimates, variances and the design of as many rows as there are means, each of which they tell of.

    Start points are those of this table: under a flat prior a mean that no row tells of would start at no number.
    """
    k = max(2, p)
    return np.zeros(k), np.ones(k), np.eye(k, p)


def _empty_one_mean(mu: Prior, tau: Prior | None) -> pm.Model:
    return common_effect(_Y, _V, mu) if tau is None else random_effects(_Y, _V, mu, tau)


def _empty_regression(beta: Named, tau: Prior | None) -> pm.Model:
    return meta_regression(*_empty_table(len(beta)), dict(beta), tau)


def _empty_location_scale(beta: Named, tau: Prior, gamma: Named) -> pm.Model:
    y, v, X = _empty_table(len(beta))
    return location_scale(y, v, X, np.zeros((len(y), len(gamma))), dict(beta), tau, dict(gamma))


def _empty_subgroups(names: tuple[str, ...], mu: Prior, tau: Prior, spread: Prior | None, common: bool) -> pm.Model:
    y, v, belongs = _empty_table(len(names))
    return subgroups(y, v, belongs.argmax(axis=1), names, mu, tau, common=common, tau_spread=spread)


def _empty_three_level(mu: Prior, between: Prior, within: Prior) -> pm.Model:
    return three_level(_Y, _V, _V, np.arange(2), mu, between, within)


def _empty_levels_with_moderators(beta: Named, between: Prior, within: Prior) -> pm.Model:
    y, v, X = _empty_table(len(beta))
    return three_level(y, v, np.ones_like(y), np.arange(len(y)), dict(beta), between, within, X)


def _empty_joint(names: tuple[str, ...], *priors: Prior) -> pm.Model:
    return joint_outcomes(*_empty_table(len(names)), names, *priors)


def _one_mean(effects: Effects, mean: Means, unit: Unit | None) -> Plan:
    mu, tau = mean.priors[0], mean.structure.priors.get("tau")
    v = effects.v + mean.structure.known.get("tau", 0.0) ** 2
    unit = unit or Unit.of(effects.y, v)
    priors = {"mu": unit.mean(mu), "tau": None if tau is None else unit.spread(tau)}
    data = _table(effects.y, v, unit) | given_parameters(priors)
    ready = partial(compiled, _empty_one_mean, standard(mu), standard(tau))
    return Plan(ready, data, unit, mean, {} if tau is None else TAU, adaptation="diag")


def _regression(effects: Effects, mean: Means, unit: Unit | None) -> Plan:
    structure = mean.structure
    v = effects.v + structure.known.get("tau", 0.0) ** 2
    unit, beta, data = _with_coefficients(effects, mean, v, unit)
    prior = structure.priors.get("tau")
    tau = None if prior is None else unit.spread(prior)
    ready = partial(compiled, _empty_regression, standards(beta), standard(tau))
    return Plan(ready, data | given_parameters({"tau": tau}), unit, mean, {} if tau is None else TAU)


def _location_scale(effects: Effects, mean: Means, unit: Unit | None) -> Plan:
    unit, beta, data = _with_coefficients(effects, mean, effects.v, unit)
    priors = mean.structure.priors
    tau, gamma = unit.spread(priors["tau"]), {name: priors[name] for name in mean.structure.gammas}
    data |= {"Z": mean.Z} | given_parameters({"tau": tau} | gamma)
    scales = {name.removeprefix("gamma[").removesuffix("]"): prior for name, prior in gamma.items()}
    ready = partial(compiled, _empty_location_scale, standards(beta), standard(tau), standards(scales))
    return Plan(ready, data, unit, mean, TAU, {name: (name,) for name in gamma})


def _with_coefficients(
    effects: Effects, mean: Means, v: Array, unit: Unit | None
) -> tuple[Unit, dict[str, Prior], dict[str, Any]]:
    """The sampler's unit, the priors of all coefficients in it, and the table with its design and their parameters."""
    constant = constant_effect(mean.X)
    unit = unit or Unit.of(effects.y, v, centred=_has_constant(mean.X, constant))
    names = [name.removeprefix("beta[").removesuffix("]") for name in mean.linear]
    beta = {
        name: unit.mean(prior, share)
        for name, prior, share in zip(names, mean.priors, constant, strict=True)
    }  # fmt: skip
    data = _table(effects.y, v, unit) | {"X": mean.X}
    return unit, beta, data | given_parameters({f"beta[{name}]": prior for name, prior in beta.items()})


def _subgroups(effects: Effects, model: Model, mean: Means, unit: Unit | None) -> Plan:
    stated = explicit_priors(model.named_priors)
    mu, tau, spread = stated["mu"], stated["tau"], stated.get("tau_spread")
    unit = unit or Unit.of(effects.y, effects.v)
    names = tuple(name.removeprefix("mu[").removesuffix("]") for name in list(mean.linear)[: mean.p])
    of = np.argmax(mean.X, axis=1).astype(np.int64)
    priors = {"mu": unit.mean(mu), "tau" if spread is None else "tau_typical": unit.spread(tau)}
    data = _table(effects.y, effects.v, unit) | {"of": of} | given_parameters(priors | {"tau_spread": spread})
    each = (standard(mu), standard(tau), standard(spread))
    ready = partial(compiled, _empty_subgroups, names, *each, mean.structure.one_heterogeneity)
    measured = {"tau": mean.structure.sds}
    if spread is None:
        return Plan(ready, data, unit, mean, measured, adaptation="diag")
    typical, free = {"tau_typical": ("tau",)}, {"tau_spread": ("tau_spread",)}
    return Plan(ready, data, unit, mean, measured | typical, free, "diag")


def _three_level(effects: Effects, mean: Means, unit: Unit | None) -> Plan:
    structure, constant = mean.structure, constant_effect(mean.X)
    of, rho = structure.units.of, structure.errors.rho
    unit = unit or Unit.of(effects.y, effects.v, centred=_has_constant(mean.X, constant))
    beta = {
        name: unit.mean(prior, share)
        for name, prior, share in zip(structure.coefficients, mean.priors, constant, strict=True)
    }
    taus = {name: unit.spread(structure.priors[name]) for name in structure.sds}
    y, v, slope, X, order = _turned(rho, (effects.y - unit.centre) / unit.unit, effects.se / unit.unit, mean.X, of)
    starts = np.flatnonzero(np.diff(of[order], prepend=-1))
    data = {"y": y, "v": v, "slope": slope, "starts": starts} | given_parameters(beta | taus)
    of_taus = tuple(map(standard, taus.values()))
    measured = {name: (name,) for name in structure.sds}
    if structure.design is None:
        ready = partial(compiled, _empty_three_level, *map(standard, beta.values()), *of_taus)
        return Plan(ready, data, unit, mean, measured)
    named = dict(zip(structure.design.names, beta.values(), strict=True))
    ready = partial(compiled, _empty_levels_with_moderators, standards(named), *of_taus)
    return Plan(ready, data | {"X": X}, unit, mean, measured)


def _turned(
    rho: float, y: Array, se: Array, X: Array, of: NDArray[np.intp]
) -> tuple[Array, Array, Array, Array, NDArray[np.intp]]:
    """Each cluster turned onto the eigenvectors U of its sampling covariance.

    Returned are U'y, the eigenvalues, U'1, U'X and the order of the rows. With equal correlations the covariance is
    S ((1 - rho) I + rho 11') S; the eigenvectors come from the singular vectors of a root of it.
    """
    order = np.argsort(of, kind="stable")
    if rho == 0.0:
        return y[order], se[order] ** 2, np.ones(len(y)), X[order], order
    parts = []
    for j in range(int(of.max()) + 1):
        rows = order[of[order] == j]
        n = len(rows)
        root = np.linalg.cholesky((1.0 - rho) * np.eye(n) + rho)
        values, vectors = np.linalg.svd((se[rows][:, None] * root), full_matrices=False)[:2][::-1]
        parts.append((vectors.T @ y[rows], values**2, vectors.sum(axis=0), vectors.T @ X[rows]))
    turned, values, slopes, columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return turned, values, slopes, columns, order


def _joint(effects: Effects, model: Model, mean: Means, unit: Unit | None) -> Plan:
    stated = explicit_priors(model.named_priors)
    names = tuple(name.removeprefix("mu[").removesuffix("]") for name in mean.linear)
    unit = unit or Unit.of(effects.y, effects.v)
    priors = {
        "mu_typical": unit.mean(stated["mu"]),
        "mu_spread": unit.spread(stated["mu_spread"]),
        "tau_typical": unit.spread(stated["tau"]),
        "tau_spread": stated["tau_spread"],
    }
    data = _table(effects.y, effects.v, unit) | {"belongs": mean.X} | given_parameters(priors)
    ready = partial(compiled, _empty_joint, names, *map(standard, priors.values()))
    typical = {TYPICAL_MEAN: ("mu",), "mu_spread": ("mu_spread",), "tau_typical": ("tau",)}
    measured = {"tau": mean.structure.sds} | typical
    return Plan(ready, data, unit, mean, measured, {"tau_spread": ("tau_spread",)}, "diag")


def constant_effect(X: Array) -> Array:
    """The coefficients with which every row's mean effect is 1, shape (p,); the nearest ones where there are none."""
    return np.round(np.linalg.lstsq(X, np.ones(len(X)))[0], 12)


def _has_constant(X: Array, constant: Array) -> bool:
    """Whether these coefficients make every row's mean effect 1."""
    return bool(np.allclose(X @ constant, 1.0, atol=1e-9))


def _table(y: Array, v: Array, unit: Unit) -> dict[str, Any]:
    return {"y": (y - unit.centre) / unit.unit, "v": v / unit.unit / unit.unit}


def given_parameters(priors: Mapping[str, Prior | None]) -> dict[str, Any]:
    """Parameters of priors by the name of the model's data."""
    return {
        label: value
        for name, prior in priors.items()
        if prior is not None
        for label, value in prior_data(name, prior).items()
    }
