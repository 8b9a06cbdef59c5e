"""Draws of models whose true effects correlate across rows, with all that ArviZ wants to know about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.arviz_bridge import to_datatree
from poolwise.engines.draws.tree import PRIOR_DRAWS, attributes, check_room, stream
from poolwise.engines.nuts.shared_readings import SharedSample, correlations, new_studies, shares
from poolwise.model import CorrelatedOutcomes

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
TINY = 1e-300


def sampled_tree(sample: SharedSample, stats: Mapping[str, NDArray], label: str, seed: int) -> xr.DataTree:
    """The DataTree of draws by NUTS.

    The likelihood has all true effects integrated out and is that of each study, or of each set of rows that crossed
    factors connect: those are what leave-one-out may leave out.

    Parameters
    ----------
    sample : SharedSample
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
    check_room(sample.effects, next(iter(stats.values())).shape)
    effects, rng = sample.effects, stream(sample.effects, sample.model, seed, use=2)
    unit = "cluster" if isinstance(sample.model, CorrelatedOutcomes) else "component"
    groups: dict[str, Mapping[str, NDArray]] = {
        "posterior": _named(sample),
        "sample_stats": stats,
        "log_likelihood": {f"y_by_{unit}": _log_likelihood(sample)},
        "log_prior": _log_prior(sample),
        "posterior_predictive": {"y": _replicates(sample, rng)},
        "observed_data": {"y": effects.y},
        "constant_data": {"se": effects.se},
    }
    prior = _from_the_prior(sample, rng)
    if prior is not None:
        named = {name: x for name, x in _named(prior).items() if name not in ("theta", "u")}
        groups |= {"prior": named, "prior_predictive": {"y": _replicates(prior, rng)}}
    coords: dict[str, Sequence[object]] = {"study": effects.labels, unit: sample.shared.units}
    dims: dict[str, tuple[str, ...]] = dict.fromkeys(("y", "theta", "se"), ("study",))
    dims[f"y_by_{unit}"] = (unit,)
    if isinstance(sample.model, CorrelatedOutcomes):
        coords |= dict.fromkeys(("outcome", "outcome_other"), sample.shared.groups)
        dims |= dict.fromkeys(("mu", "tau", "tau2", "theta_new"), ("outcome",))
        dims["cor"] = ("outcome", "outcome_other")
    else:
        coords |= {"factor": sample.shared.groups, "level": sample.shared.levels}
        dims |= dict.fromkeys(("tau_of", "tau2_of", "ICC"), ("factor",)) | {"u": ("level",)}
    return to_datatree(groups, coords=coords, dims=dims, attrs=attributes(effects, sample.model, label))


def _named(sample: SharedSample) -> dict[str, Array]:
    """Draws by the names of variables, shape (chains, draws, ...)."""
    own = np.stack([sample.scalars[f"tau[{name}]"] for name in sample.shared.groups], axis=-1)
    out = {"theta": sample.theta}
    if "tau_within" in sample.scalars:
        out |= {"tau_within": sample.within, "tau2_within": sample.within**2}
    if isinstance(sample.model, CorrelatedOutcomes):
        new = np.stack([*sample.new.values()], axis=-1)
        cor = sample.root @ sample.root.mT
        return out | {"mu": sample.coefficients, "tau": own, "tau2": own**2, "cor": cor, "theta_new": new}
    found = shares(sample)
    part = np.stack([found.pop(f"ICC[{name}]") for name in sample.shared.groups], axis=-1)
    more = {"tau_of": own, "tau2_of": own**2, "ICC": part, "u": sample.terms}
    return out | {"mu": sample.coefficients[..., 0]} | more | found | dict(sample.new)


def _log_likelihood(sample: SharedSample) -> Array:
    """Log density of each block's estimates, shape (chains, draws, blocks)."""
    shape = sample.coefficients.shape[:2]
    draws = shape[0] * shape[1]
    out = np.empty((draws, len(sample.shared.blocks)))
    for j, block in enumerate(sample.shared.blocks):
        for flat in block.steps(draws):
            out[flat, j] = sample.given(block, flat).log_density(sample.residuals(block, flat))
    return out.reshape(*shape, -1)


def _replicates(sample: SharedSample, rng: np.random.Generator) -> Array:
    """Estimates of new studies with these standard errors, outcomes and levels, shape (chains, draws, k)."""
    shape = sample.coefficients.shape[:2]
    draws = shape[0] * shape[1]
    out = np.empty((draws, sample.effects.k))
    for block in sample.shared.blocks:
        for flat in block.steps(draws):
            out[flat, block.rows] = sample.fitted(block, flat) + sample.given(block, flat).estimated(rng)
    return out.reshape(*shape, -1)


def _log_prior(sample: SharedSample) -> dict[str, Array]:
    """Log prior density of mean effects, standard deviations, and the outcomes' correlations up to a constant."""
    named, model = dict(sample.model.named_priors), sample.model
    mu, within = named.pop("mu"), named.pop("tau_within", None)
    assert mu is not None
    crossed = not isinstance(model, CorrelatedOutcomes)
    out = {"mu": mu.log_pdf(sample.coefficients[..., 0] if crossed else sample.coefficients)}
    if within is not None:
        out["tau_within"] = within.log_pdf(sample.within)
    each = []
    for name in sample.shared.groups:
        prior = named[f"tau[{name}]" if crossed else "tau"]
        assert prior is not None
        each.append(prior.log_pdf(sample.scalars[f"tau[{name}]"]))
    out["tau_of" if crossed else "tau"] = np.stack(each, axis=-1)
    if isinstance(model, CorrelatedOutcomes):
        half = np.log(np.maximum(np.diagonal(sample.root, axis1=-2, axis2=-1), TINY)).sum(axis=-1)
        out["correlations"] = 2.0 * (model.eta - 1.0) * half
    return out


def _from_the_prior(sample: SharedSample, rng: np.random.Generator) -> SharedSample | None:
    """The same from the prior, one chain; None where a prior is improper. There are no true effects of the studies."""
    named, size = sample.model.named_priors, (1, PRIOR_DRAWS)
    priors = {name: prior for name, prior in named.items() if prior is not None}
    if not all(prior.proper for prior in priors.values()):
        return None
    p, names, model = sample.coefficients.shape[-1], sample.shared.groups, sample.model
    coefficients = priors["mu"].ppf(rng.random((*size, p)))
    scalars = {f"tau[{n}]": priors.get(f"tau[{n}]", priors.get("tau", priors["mu"])).ppf(rng.random(size))
               for n in names}  # fmt: skip
    if "tau_within" in priors:
        scalars["tau_within"] = priors["tau_within"].ppf(rng.random(size))
    root = np.empty((*size, 0, 0))
    if isinstance(model, CorrelatedOutcomes):
        root = _lkj(len(names), model.eta, rng, size)
        scalars |= correlations(names, root)
    nothing = np.empty((*size, 0))
    made = replace(sample, coefficients=coefficients, scalars=scalars, root=root, theta=nothing, terms=nothing, new={})
    return replace(made, new=new_studies(made, rng))


def _lkj(m: int, eta: float, rng: np.random.Generator, size: tuple[int, int]) -> Array:
    """Cholesky factors of correlation matrices ~ LKJ(eta), from partial correlations; shape (*size, m, m)."""
    root, left = np.zeros((*size, m, m)), np.ones((*size, m))
    for i in range(m):
        for j in range(i):
            shape = eta + 0.5 * (m - 2 - j)
            partial = 2.0 * special.betaincinv(shape, shape, rng.random(size)) - 1.0
            root[..., i, j] = partial * left[..., i]
            left[..., i] *= np.sqrt(1.0 - partial**2)
        root[..., i, i] = left[..., i]
    return root
