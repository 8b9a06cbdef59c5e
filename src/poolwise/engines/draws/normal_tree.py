"""Draws of a normal model, of any engine, with all that ArviZ wants to know about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.arviz_bridge import to_datatree
from poolwise.engines.draws.mixed_rows import MixedRows
from poolwise.engines.draws.normal_draws import NormalDraws, correlations
from poolwise.engines.draws.tree import PRIOR_DRAWS, attributes, check_room
from poolwise.errors import MissingQuantityError
from poolwise.model.structure import NormalStructure
from poolwise.priors import Fixed, RegularizedHorseshoe

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
Rng = np.random.Generator
DIMENSIONS = {
    "beta": "coefficient", "gamma": "scale_coefficient", "u": "level", "sd": "factor", "kappa": "shrunk_coefficient",
    "pi": "moderator_level", "tau_of": "factor", "tau2_of": "factor", "ICC": "factor",
}  # fmt: skip
"""Variables that have one element for each of something, and what; those of outcomes and subgroups follow the model."""
OF_GROUPS = ("mu", "tau", "tau2", "theta_new")
TINY = 1e-300


def normal_tree(
    draws: NormalDraws, label: str, rng: Rng, sample_stats: Mapping[str, NDArray] | None = None
) -> xr.DataTree:
    """The DataTree of draws.

    The likelihood has all true effects integrated out and is that of each unit that is independent of the others given
    the parameters: what leave-one-out may leave out. With p(y_i | theta_i) leave-one-out by importance sampling is
    useless, as theta_i follows y_i wherever it goes. For the same reason ``log_prior`` holds what has a prior of its
    own only, and ``posterior_predictive`` estimates of new studies, with the standard errors, moderators and groups of
    those of the table and true effects of their own.

    Parameters
    ----------
    draws : NormalDraws
    label : str
        Words for the result.
    rng : Generator
        Makes the predictive draws and those from the prior.
    sample_stats : mapping, optional
        What a sampler watched, each of shape (chains, draws).

    Returns
    -------
    xarray.DataTree
        Groups posterior, sample_stats (if any), log_likelihood, log_prior, posterior_predictive, prior and
        prior_predictive (one chain, if every prior is proper), observed_data and constant_data. A known mu or tau is
        constant data, not a draw.

    Raises
    ------
    MissingQuantityError
        When the model leaves nothing unknown.
    """
    check_room(draws.effects, draws.shape)
    effects, structure = draws.effects, draws.structure
    posterior = _posterior(draws)
    if structure.layers:
        posterior["theta"] = draws.theta
    if not posterior:
        raise MissingQuantityError(f"'{label}' has nothing to draw: its model states mu", "a model with an unknown")
    unit = structure.units.word
    units = "y" if unit == "study" else f"y_by_{unit}"
    groups: dict[str, Mapping[str, NDArray]] = {
        "posterior": posterior,
        "log_likelihood": {units: draws.log_likelihood()},
        "posterior_predictive": {"y": draws.replicates(rng)},
        "observed_data": {"y": effects.y},
        "constant_data": {"se": effects.se} | {name: np.asarray(x) for name, x in _known(structure).items()},
    }
    log_prior = _log_prior(draws)
    groups |= {"log_prior": log_prior} if log_prior else {}
    prior = from_prior(draws, rng)
    if prior is not None:
        groups |= {"prior": _posterior(prior), "prior_predictive": {"y": prior.replicates(rng)}}
    groups |= {"sample_stats": sample_stats} if sample_stats else {}
    coords, dims = _dimensions(draws, units)
    return to_datatree(groups, coords=coords, dims=dims, attrs=attributes(effects, draws.model, label))


def variable(structure: NormalStructure, name: str) -> tuple[str, str]:
    """The variable of a tree that a quantity of a result is in, and the dimension it has there; empty if none.

    Parameters
    ----------
    structure : NormalStructure
    name : str
        ``"mu[school]"``, ``"tau"``, ...

    Returns
    -------
    tuple of str
        ``("mu", "subgroup")``, ``("tau", "")``. What exchangeable parameters are about is ``mu_typical`` and
        ``tau_typical``; where there is a total ``tau``, standard deviations of factors are ``tau_of``.
    """
    stem, bracket, _ = name.partition("[")
    if not bracket:
        return (f"{name}_typical" if name in structure.centres else name), ""
    if stem in ("tau", "tau2") and structure.shares:
        stem = f"{stem}_of"
    return stem, structure.groups if stem in OF_GROUPS else DIMENSIONS[stem]


def _gathered(structure: NormalStructure, named: Mapping[str, Array]) -> dict[str, Array]:
    """Draws by variable, shape (*S, n) of those with a dimension, from draws by the names of quantities."""
    parts: defaultdict[tuple[str, str], list[Array]] = defaultdict(list)
    for name, x in named.items():
        parts[variable(structure, name)].append(x)
    return {stem: np.stack(each, axis=-1) if dim else each[0] for (stem, dim), each in parts.items()}


def _quantities(draws: NormalDraws) -> dict[str, Array]:
    """What varies over the draws, by the names of quantities, without contrasts and correlations."""
    known = _known(draws.structure)
    own = {name: draws.coefficients[..., j] for j, name in enumerate(draws.structure.coefficients)}
    every = own | draws.heterogeneity | dict(draws.terms) | dict(draws.new)
    return {name: x for name, x in every.items() if name not in known and not name.startswith("cor[")}


def _posterior(draws: NormalDraws) -> dict[str, Array]:
    """Draws by variable; theta apart."""
    out = _gathered(draws.structure, _quantities(draws))
    for root in draws.roots.values():
        out["cor"] = root @ root.mT
    return out


def _dimensions(draws: NormalDraws, units: str) -> tuple[dict[str, Sequence[object]], dict[str, tuple[str, ...]]]:
    """Labels along each dimension, and the dimensions of each variable after chain and draw."""
    structure = draws.structure
    dims: dict[str, tuple[str, ...]] = dict.fromkeys(("y", "theta", "se"), ("study",))
    labels: defaultdict[str, dict[object, None]] = defaultdict(dict)
    for name in _quantities(draws):
        stem, dim = variable(structure, name)
        if dim:
            dims[stem] = (dim,)
            labels[dim][name.partition("[")[2].removesuffix("]")] = None
    coords: dict[str, Sequence[object]] = {"study": draws.effects.labels, **{dim: [*x] for dim, x in labels.items()}}
    if draws.roots:
        other = f"{structure.groups}_other"
        coords[other], dims["cor"] = coords[structure.groups], (structure.groups, other)
    unit = structure.units.word
    if unit != "study":
        dims[units] = (unit,)
        coords |= {} if unit == "block" else {unit: structure.units.names}
    return coords, dims


def _known(structure: NormalStructure) -> dict[str, float]:
    """What the model states instead of giving it a prior."""
    return structure.stated | dict(structure.known)


def _log_prior(draws: NormalDraws) -> dict[str, Array]:
    """Log prior density of every parameter that has a prior of its own, and of correlations up to a constant.

    A prior that coefficients have jointly has no density of each, so that there is none of any.
    """
    structure, named = draws.structure, draws.watched
    joint = any(isinstance(prior, RegularizedHorseshoe) for prior in structure.priors.values())
    logs = {
        name: prior.log_pdf(named[name])
        for name, prior in structure.priors.items()
        if name in named and name not in _known(structure) and not (joint and name.startswith("beta["))
    }
    out = _gathered(structure, logs)
    for layer in structure.layers:
        if layer.root:
            root = draws.roots[layer.root]
            half = np.log(np.maximum(np.diagonal(root, axis1=-2, axis2=-1), TINY)).sum(axis=-1)
            out["correlations"] = 2.0 * (layer.eta - 1.0) * half
    return out


def from_prior(draws: NormalDraws, rng: Rng) -> NormalDraws | None:
    """The same from the prior, one chain; None where a prior is improper. There are no true effects of the studies."""
    structure, size = draws.structure, (1, PRIOR_DRAWS)
    if draws.mean is not None or not all(prior.proper for prior in structure.priors.values()):
        return None
    values = _horseshoe(structure, size, rng)
    for name in dict.fromkeys((*structure.coefficients, *draws.scalars)):
        prior = structure.priors.get(name)
        if isinstance(prior, Fixed):
            values[name] = np.full(size, prior.value)
        elif prior is not None and name not in values:
            values[name] = prior.ppf(rng.random(size))
    roots: dict[str, Array] = {}
    for group in sorted(structure.exchangeable, key=lambda group: not group.log):  # spreads before means
        centre = values.get(group.centre, np.zeros(size))
        for name in group.names:
            z = values[group.spread] * rng.standard_normal(size)
            with np.errstate(over="ignore"):
                values[name] = centre * np.exp(z) if group.log else centre + z
    for layer in structure.layers:
        if layer.root:
            roots[layer.root] = lkj(len(layer.sds), layer.eta, rng, size)
    values |= correlations(structure, roots)
    coefficients, mixed = np.stack([values[name] for name in structure.coefficients], axis=-1), None
    if structure.gaps is not None and draws.mixed is not None:
        gaps = structure.gaps
        pi = np.concatenate([rng.dirichlet(counts, size) for counts in gaps.concentrations], axis=-1)
        values |= {f"pi[{label}]": pi[..., q] for q, label in enumerate(gaps.labels)}
        mixed = MixedRows.of(gaps, coefficients, pi)
    scalars = {name: values[name] for name in draws.scalars if name in values}
    drawn = replace(draws, coefficients=coefficients, scalars=scalars, roots=roots, terms={}, mixed=mixed)
    return replace(drawn, new=drawn.new_effects(rng))


def _horseshoe(structure: NormalStructure, size: tuple[int, int], rng: Rng) -> dict[str, Array]:
    """Draws of the coefficients that share a regularised horseshoe prior, per unit of their moderators."""
    shrunk = {name: prior for name, prior in structure.priors.items() if isinstance(prior, RegularizedHorseshoe)}
    if not shrunk:
        return {}
    sd = structure.X[:, [structure.coefficients.index(name) for name in shrunk]].std(axis=0)
    drawn = next(iter(shrunk.values())).joint(len(shrunk), size, rng) / sd
    return dict(zip(shrunk, np.moveaxis(drawn, -1, 0), strict=True))


def lkj(m: int, eta: float, rng: Rng, size: tuple[int, int]) -> Array:
    """Cholesky factors of correlation matrices ~ LKJ(eta), from partial correlations; shape (*size, m, m).

    Parameters
    ----------
    m : int
        Rows, at least 2.
    eta : float
        Above 0.
    rng : Generator
    size : tuple of int

    Returns
    -------
    ndarray

    References
    ----------
    Lewandowski, Kurowicka & Joe 2009, J. Multivariate Analysis 100:1989, 10.1016/j.jmva.2009.04.008, section 2.4.
    """
    root, left = np.zeros((*size, m, m)), np.ones((*size, m))
    for i in range(m):
        for j in range(i):
            shape = eta + 0.5 * (m - 2 - j)
            partial = 2.0 * special.betaincinv(shape, shape, rng.random(size)) - 1.0
            root[..., i, j] = partial * left[..., i]
            left[..., i] *= np.sqrt(1.0 - partial**2)
        root[..., i, i] = left[..., i]
    return root
