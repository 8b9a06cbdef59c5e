"""Draws of NUTS with moderators or groups, with all that ArviZ wants to know about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.arviz_bridge import to_datatree
from poolwise.engines.draws.tree import PRIOR_DRAWS, attributes, check_room, functions_of_tau, stated_tau, stream
from poolwise.engines.nuts.mixed_rows import MixedRows
from poolwise.engines.nuts.readings import Sampled, cluster_covariances, new_studies, tau_of_rows
from poolwise.model import JointOutcomes, LocationScale, Subgroups, ThreeLevel
from poolwise.priors import Prior, RegularizedHorseshoe

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
VECTORS = {"u": "level", "sd": "factor", "kappa": "shrunk_coefficient", "pi": "moderator_level"}
"""Of regressions with pooled, shrunk or missing levels: their variables and what these have one for."""
_LOG_2PI = np.log(2.0 * np.pi)


def sampled_tree(sampled: Sampled, stats: Mapping[str, NDArray], label: str, seed: int) -> xr.DataTree:
    """The DataTree of draws by NUTS, under the names and dimensions that exact draws of the same model have.

    The likelihood has the true effects integrated out, of each cluster where effects are clustered. Posterior
    predictive estimates are those of new studies with the same standard errors, moderators and groups.

    Parameters
    ----------
    sampled : Sampled
    stats : mapping
        What the sampler watched, each of shape (chains, draws).
    label : str
        Words for the result.
    seed : int

    Returns
    -------
    xarray.DataTree
        Groups posterior, sample_stats, log_likelihood, log_prior, posterior_predictive, prior and prior_predictive
        (one chain, if every prior is proper), observed_data and constant_data.
    """
    effects = sampled.effects
    check_room(effects, next(iter(stats.values())).shape)
    rng = stream(effects, sampled.model, seed, use=2)
    unit, logs = log_likelihood(sampled)
    groups: dict[str, Mapping[str, NDArray]] = {
        "posterior": _named(sampled),
        "sample_stats": stats,
        "log_likelihood": {unit: logs},
        "log_prior": _log_prior(sampled),
        "posterior_predictive": {"y": _replicates(sampled, rng)},
        "observed_data": {"y": effects.y},
        "constant_data": {"se": effects.se, **stated_tau(sampled.model)},
    }
    prior = _from_the_prior(sampled, rng)
    if prior is not None:
        named = _named(prior)
        del named["theta"]
        groups |= {"prior": named, "prior_predictive": {"y": _replicates(prior, rng)}}
    coords, dims = _dimensions(sampled, unit)
    attrs = attributes(effects, sampled.model, label)
    return to_datatree(groups, coords=coords, dims=dims, attrs=attrs)


def _grouped(sampled: Sampled) -> str:
    """The dimension of the groups; empty where there are none."""
    if isinstance(sampled.model, JointOutcomes):
        return "outcome"
    return "subgroup" if isinstance(sampled.model, Subgroups) else ""


def _dimensions(sampled: Sampled, unit: str) -> tuple[dict[str, Sequence[object]], dict[str, tuple[str, ...]]]:
    coords: dict[str, Sequence[object]] = {"study": sampled.effects.labels}
    dims: dict[str, tuple[str, ...]] = dict.fromkeys(("y", "theta", "se"), ("study",))
    word = _grouped(sampled)
    if word:
        coords[word] = sampled.plan.names
        own = ("tau", "tau2") if any(name.startswith("tau[") for name in sampled.scalars) else ()
        dims |= dict.fromkeys(("mu", "theta_new", *own), (word,))
    elif not isinstance(sampled.model, ThreeLevel):
        names, own = sampled.plan.names, sampled.plan.means.own.shape[1]
        coords["coefficient"], dims["beta"] = names[:own], ("coefficient",)
        for stem, dim in VECTORS.items():
            inside = [name for name in (*sampled.linear, *sampled.scalars) if name.startswith(f"{stem}[")]
            if inside:
                coords[dim], dims[stem] = [name[len(stem) + 1 : -1] for name in inside], (dim,)
    if isinstance(sampled.model, LocationScale):
        coords["scale_coefficient"] = [name.partition("[")[2].removesuffix("]") for name in sampled.plan.free]
        dims["gamma"] = ("scale_coefficient",)
    if isinstance(sampled.model, ThreeLevel):
        coords["cluster"], dims[unit] = np.unique(sampled.model.clusters(sampled.effects)).tolist(), ("cluster",)
    return coords, dims


def _named(sampled: Sampled) -> dict[str, Array]:
    """Draws by the names of variables, shape (chains, draws, ...)."""
    scalars, X, effects = dict(sampled.scalars), sampled.plan.means.own, sampled.effects
    if isinstance(sampled.model, ThreeLevel):
        between, within = scalars["tau_between"], scalars["tau_within"]
        tau = np.hypot(between, within)
        share = functions_of_tau(effects, {"tau": tau}, X)
        more = {"tau2_between": between**2, "tau2_within": within**2, "tau": tau, "ICC": (between / tau) ** 2}
        more |= {name: x for name, x in share.items() if name == "I2"}
        return {"mu": sampled.coefficients[..., 0], **scalars, **more, "theta": sampled.theta, **sampled.new}
    own = [scalars.pop(name) for name in list(scalars) if name.startswith("tau[")]
    gamma = [scalars.pop(name) for name in list(scalars) if name.startswith("gamma[")]
    shared = {
        stem: np.stack(each, axis=-1)
        for stem in ("sd", "kappa", "pi")
        if (each := [scalars.pop(name) for name in list(scalars) if name.startswith(f"{stem}[")])
    }
    out: dict[str, Array] = {"theta": sampled.theta} | shared
    if _grouped(sampled):
        out |= {"mu": sampled.coefficients, "theta_new": np.stack([*sampled.new.values()], axis=-1)}
    else:
        out["beta"] = sampled.coefficients[..., : X.shape[1]]
        out |= {"u": sampled.coefficients[..., X.shape[1] :]} if sampled.plan.means.levels else {}
    if own:
        out |= {"tau": np.stack(own, axis=-1), "tau2": np.stack(own, axis=-1) ** 2}
        return out | {f"{name}_typical" if name in ("mu", "tau") else name: x for name, x in scalars.items()}
    out |= {"gamma": np.stack(gamma, axis=-1)} if gamma else {}
    return out | scalars | ({} if gamma or not scalars else functions_of_tau(effects, scalars, X))


def log_likelihood(sampled: Sampled) -> tuple[str, Array]:
    """Name and log density of the independent units, shape (chains, draws, units)."""
    effects, fitted = sampled.effects, sampled.fitted
    if not isinstance(sampled.model, ThreeLevel):
        total, mixed = sampled.variance, sampled.mixed
        logs = -0.5 * ((effects.y - fitted) ** 2 / total + np.log(total) + _LOG_2PI)
        if mixed is not None:
            logs[..., mixed.rows] = mixed.log_density(effects.y[mixed.rows], total[..., mixed.rows])
        return "y", logs
    of = np.unique(sampled.model.clusters(effects), return_inverse=True)[1]
    parts = [_of_cluster(sampled, np.flatnonzero(of == j), fitted) for j in range(of.max() + 1)]
    return "y_by_cluster", np.stack(parts, axis=-1)


def _of_cluster(sampled: Sampled, rows: NDArray[np.intp], fitted: Array) -> Array:
    """Log density of one cluster's estimates at each draw, by their covariance."""
    assert isinstance(sampled.model, ThreeLevel)
    root = np.linalg.cholesky(cluster_covariances(sampled.model, sampled.effects.se[rows], sampled.scalars))
    z = np.linalg.solve(root, (sampled.effects.y - fitted)[..., rows, None])[..., 0]
    log_det = 2.0 * np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(axis=-1)
    return -0.5 * ((z * z).sum(axis=-1) + log_det + len(rows) * _LOG_2PI)


def _replicates(sampled: Sampled, rng: np.random.Generator) -> Array:
    """Estimates of new studies with these designs and standard errors, shape (chains, draws, k)."""
    effects, model = sampled.effects, sampled.model
    mean = sampled.fitted
    if not isinstance(model, ThreeLevel):
        sd = np.sqrt(sampled.variance)
        if sampled.mixed is not None:
            mean[..., sampled.mixed.rows] = sampled.mixed.drawn_anew(rng)
        return mean + sd * rng.standard_normal(mean.shape)
    of = np.unique(model.clusters(effects), return_inverse=True)[1]
    shape = (*mean.shape[:2], of.max() + 1)
    cluster = sampled.scalars["tau_between"][..., None] * rng.standard_normal(shape)
    shared = np.sqrt(model.rho) * effects.se * rng.standard_normal(shape)[..., of]
    own = np.sqrt((1.0 - model.rho) * effects.v + sampled.scalars["tau_within"][..., None] ** 2)
    return mean + cluster[..., of] + shared + own * rng.standard_normal((*shape[:2], effects.k))


def _priors(sampled: Sampled) -> dict[str, Prior]:
    """Prior of every coefficient and scalar that has one of its own, by the names of the quantities."""
    means, model = sampled.plan.means, sampled.model
    named = {name: prior for name, prior in model.named_priors.items() if isinstance(prior, Prior)}
    out = dict(zip(list(means.linear)[: means.p], means.priors, strict=False))
    for name in sampled.scalars:
        plain = "tau" if name.startswith("tau[") and "tau_spread" not in named else name
        if plain in named:
            out[name] = named[plain]
    return out


def _log_prior(sampled: Sampled) -> dict[str, Array]:
    """Log prior density of every parameter that has a prior of its own, by the names of variables."""
    logs = {
        name: prior.log_pdf(sampled.watched[name])
        for name, prior in _priors(sampled).items()
        if name in sampled.watched and not isinstance(prior, RegularizedHorseshoe)
    }
    out: dict[str, Array] = {}
    joint = any(isinstance(prior, RegularizedHorseshoe) for prior in sampled.plan.means.priors)
    for stem in ("mu", "beta", "tau", "gamma", "sd"):
        own = [logs.pop(name) for name in list(logs) if name.startswith(f"{stem}[")]
        whole = stem != "beta" or not joint  # a joint prior has no density of each
        out |= {stem: np.stack(own, axis=-1)} if own and whole else {}
    exchangeable = "tau_spread" in sampled.scalars
    return out | {f"{name}_typical" if exchangeable and name in ("mu", "tau") else name: x for name, x in logs.items()}


def _jointly(
    sampled: Sampled, known: Mapping[str, Prior], size: tuple[int, int], rng: np.random.Generator
) -> dict[str, Array]:
    """Draws of the coefficients that share a regularised horseshoe prior, per unit of their moderators."""
    shrunk = [
        (j, name, prior) for j, (name, prior) in enumerate(known.items()) if isinstance(prior, RegularizedHorseshoe)
    ]
    if not shrunk:
        return {}
    assert sampled.plan.means.design is not None
    sd = sampled.plan.means.design.X[:, [j for j, _, _ in shrunk]].std(axis=0)
    drawn = shrunk[0][2].joint(len(shrunk), size, rng) / sd
    return dict(zip([name for _, name, _ in shrunk], np.moveaxis(drawn, -1, 0), strict=True))


def _of_levels(
    sampled: Sampled, drawn: Mapping[str, Array], size: tuple[int, int], rng: np.random.Generator
) -> dict[str, Array]:
    """Draws of the effects of pooled levels."""
    names = [name for name in sampled.linear if name.startswith("u[")]
    return {name: drawn[f"sd[{name[2:].partition(': ')[0]}]"] * rng.standard_normal(size) for name in names}


def _of_pi(sampled: Sampled, size: tuple[int, int], rng: np.random.Generator) -> dict[str, Array]:
    """Draws of level probabilities given the reported levels, which are part of the design."""
    if sampled.mixed is None:
        return {}
    gaps = sampled.mixed.gaps
    pi = np.concatenate([rng.dirichlet(counts, size) for counts in gaps.concentrations], axis=-1)
    return {f"pi[{label}]": pi[..., q] for q, label in enumerate(gaps.labels)}


def _from_the_prior(sampled: Sampled, rng: np.random.Generator) -> Sampled | None:
    """The same from the prior, one chain; None where a prior is improper. There are no true effects of the studies."""
    known, size = _priors(sampled), (1, PRIOR_DRAWS)
    if sampled.mean is not None or not all(prior.proper for prior in known.values()):
        return None
    drawn = _jointly(sampled, known, size, rng)
    drawn |= {name: prior.ppf(rng.random(size)) for name, prior in known.items() if name not in drawn}
    drawn |= _of_levels(sampled, drawn, size, rng) | _of_pi(sampled, size, rng)
    names = list(sampled.plan.means.linear)[: sampled.plan.means.p]
    scalars = {name: drawn[name] for name in sampled.scalars if name in drawn}
    if "tau_spread" in scalars:
        with np.errstate(over="ignore"):
            own = {
                name: drawn["tau"] * np.exp(drawn["tau_spread"] * rng.standard_normal(size))
                for name in sampled.scalars
                if name.startswith("tau[")
            }
        scalars = own | scalars
    if isinstance(sampled.model, JointOutcomes):
        coefficients = np.stack(
            [drawn["mu"] + drawn["mu_spread"] * rng.standard_normal(size) for _ in names], axis=-1
        )  # fmt: skip
    else:
        coefficients = np.stack([drawn[name] for name in names], axis=-1)
    tau = tau_of_rows(sampled.effects, sampled.model, sampled.plan, scalars)
    new = new_studies(sampled.model, sampled.plan, coefficients, scalars, rng)
    nothing, mixed = np.empty((*size, 0)), sampled.mixed
    if mixed is not None:
        pi = np.stack([scalars[f"pi[{label}]"] for label in mixed.gaps.labels], axis=-1)
        mixed = MixedRows.of(mixed.gaps, coefficients, pi)
    return replace(sampled, coefficients=coefficients, tau=tau, scalars=scalars, theta=nothing, new=new, mixed=mixed)
