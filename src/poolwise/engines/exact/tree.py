"""Exact draws of any model with all that ArviZ wants to know about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.arviz_bridge import to_datatree
from poolwise.engines.draws.tree import (
    PRIOR_DRAWS,
    attributes,
    check_room,
    draws_tree,
    functions_of_tau,
    stated_tau,
    stream,
)
from poolwise.engines.exact.posterior import Draws, Fitted
from poolwise.model import CommonEffect, LocationScale, RandomEffects, Subgroups, ThreeLevel
from poolwise.priors import Prior
from poolwise.quadrature.boxes.box_posterior import BoxPosterior
from poolwise.quadrature.one_tau.independent import Independent
from poolwise.quadrature.one_tau.rotated import TurnedMixtures

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
_LOG_2PI = np.log(2.0 * np.pi)


def exact_tree(fitted: Fitted, shape: tuple[int, int], seed: int, label: str) -> xr.DataTree:
    """The DataTree of exact independent draws.

    The likelihood has the true effects integrated out: of each estimate, y_i ~ Normal(x_i beta, sqrt(v_i + tau^2)),
    or of each cluster where effects are clustered, so that leave-one-out leaves out a cluster. Posterior
    predictive estimates are those of new studies with the same standard errors (and moderators).

    Parameters
    ----------
    fitted : Fitted
    shape : tuple of int
        Chains and draws.
    seed : int
    label : str
        Words for the result.

    Returns
    -------
    xarray.DataTree
        Groups posterior, log_likelihood, log_prior, posterior_predictive, prior and prior_predictive (one chain,
        if every prior is proper), observed_data and constant_data.
    """
    effects, model = fitted.effects, fitted.model
    check_room(effects, shape)
    rng = stream(effects, model, seed)
    drawn = fitted.draw(shape[0] * shape[1], rng)
    turned = fitted.nodes.turned if isinstance(fitted.nodes, TurnedMixtures) else None
    if isinstance(model, CommonEffect | RandomEffects) and turned is None:
        flat = {"mu": drawn.coefficients[0]}
        if isinstance(model, RandomEffects):
            theta_new = flat["mu"] + drawn.tau[:, 0] * rng.standard_normal(len(flat["mu"]))
            flat |= {**drawn.spreads, "theta": drawn.theta, "theta_new": theta_new}
        return draws_tree(effects, model, _shaped(flat, shape), label=label, rng=rng)
    posterior, of = _posterior(fitted, drawn, rng)
    mean = (fitted.means.X @ drawn.coefficients).T
    unit, log_likelihood, replicates = _estimates(fitted, drawn, mean, rng)
    groups: dict[str, Mapping[str, NDArray]] = {
        "posterior": _shaped(posterior, shape),
        "log_likelihood": _shaped({unit: log_likelihood}, shape),
        "log_prior": _shaped(_log_prior(fitted, drawn), shape),
        "posterior_predictive": _shaped({"y": replicates}, shape),
        "observed_data": {"y": effects.y},
        "constant_data": {"se": effects.se, **stated_tau(model)},
    }
    groups |= _prior_groups(fitted, rng)
    coords, dims = _dimensions(fitted, of, unit)
    return to_datatree(groups, coords=coords, dims=dims, attrs=attributes(effects, model, label))


def _dimensions(
    fitted: Fitted, of: Mapping[str, str], unit: str
) -> tuple[dict[str, Sequence[object]], dict[str, tuple[str, ...]]]:
    """Labels along each dimension, and the dimensions of each variable after chain and draw."""
    effects, model = fitted.effects, fitted.model
    names = [_inner(name) for name in list(fitted.means.linear)[: fitted.means.p]]
    coords: dict[str, Sequence[object]] = {"study": effects.labels, **dict.fromkeys(of.values(), names)}
    dims: dict[str, tuple[str, ...]] = dict.fromkeys(("y", "theta", "se"), ("study",))
    dims |= {name: (dim,) for name, dim in of.items()}
    if isinstance(model, LocationScale):
        coords["scale_coefficient"] = [_inner(name) for name in fitted.spreads if name.startswith("gamma[")]
        dims["gamma"] = ("scale_coefficient",)
    if unit == "y_by_block":
        dims[unit] = ("block",)
    elif unit != "y":
        assert isinstance(model, ThreeLevel)
        dims[unit] = ("cluster",)
        coords["cluster"] = np.unique(model.clusters(effects)).tolist()
    return coords, dims


def _inner(name: str) -> str:
    return name.partition("[")[2].removesuffix("]")


def _posterior(fitted: Fitted, drawn: Draws, rng: np.random.Generator) -> tuple[dict[str, Array], dict[str, str]]:
    """Draws by name; and the dimension of those that have one of their own."""
    if isinstance(fitted.model, Subgroups):
        mu = drawn.coefficients.T
        spreads = _by_subgroup(drawn.spreads)
        tau = spreads["tau"].reshape(len(mu), -1)
        theta_new = mu + tau * rng.standard_normal(mu.shape)
        own = () if spreads["tau"].ndim == 1 else ("tau", "tau2")
        more = _functions(fitted, spreads)
        of = dict.fromkeys(("mu", "theta_new", *own), "subgroup")
        return {"mu": mu, **spreads, **more, "theta": drawn.theta, "theta_new": theta_new}, of
    unknown = {} if stated_tau(fitted.model) else drawn.spreads
    posterior = {**_scale(unknown), **_functions(fitted, unknown), "theta": drawn.theta}
    if isinstance(fitted.model, ThreeLevel | RandomEffects | CommonEffect):
        mu = drawn.coefficients[0]
        theta_new = mu + drawn.tau[:, 0] * rng.standard_normal(len(mu))
        return {"mu": mu, **posterior, "theta_new": theta_new}, {}
    return {"beta": drawn.coefficients.T, **posterior}, {"beta": "coefficient"}


def _scale(of_spreads: Mapping[str, Array]) -> dict[str, Array]:
    """The same with the coefficients of log tau, if there are any, as one: ``gamma``, shape (size, coefficients)."""
    gamma = [x for name, x in of_spreads.items() if name.startswith("gamma[")]
    others = {name: x for name, x in of_spreads.items() if not name.startswith("gamma[")}
    return others | ({"gamma": np.stack(gamma, axis=1)} if gamma else {})


def _functions(fitted: Fitted, spreads: Mapping[str, Array]) -> dict[str, Array]:
    """What the result names beside the standard deviations themselves: variances, I2, ICC."""
    if isinstance(fitted.model, LocationScale):
        return {}
    if not isinstance(fitted.model, ThreeLevel):
        more = functions_of_tau(fitted.effects, spreads, fitted.means.X)
        return more if spreads.get("tau", np.zeros(0)).ndim == 1 else {"tau2": more["tau2"]}
    between, within = spreads["tau_between"], spreads["tau_within"]
    tau = np.hypot(between, within)
    more = {"tau2_between": between**2, "tau2_within": within**2, "tau": tau}
    more |= {name: x for name, x in functions_of_tau(fitted.effects, {"tau": tau}).items() if name == "I2"}
    with np.errstate(invalid="ignore"):
        return more | {"ICC": (between / tau) ** 2}


def _by_subgroup(of_spreads: Mapping[str, Array]) -> dict[str, Array]:
    """What there is of tau: of all subgroups, shape (size,), or of each, shape (size, subgroups)."""
    own = list(of_spreads.values())
    return {"tau": own[0] if "tau" in of_spreads else np.stack(own, axis=1)}


def _estimates(fitted: Fitted, drawn: Draws, mean: Array, rng: np.random.Generator) -> tuple[str, Array, Array]:
    """Name and log likelihood of the independent units, and estimates of new studies."""
    y = fitted.effects.y
    if isinstance(fitted.model, ThreeLevel | LocationScale):
        assert isinstance(fitted.source, BoxPosterior)
        model = fitted.source.model
        phi = np.stack(list(drawn.spreads.values()))
        unit = "y_by_cluster" if isinstance(fitted.model, ThreeLevel) else "y"
        return unit, model.log_likelihood(phi, mean.T, y), model.replicate(phi, mean.T, rng)
    if isinstance(fitted.nodes, TurnedMixtures):
        turned, tau = fitted.nodes.turned, np.broadcast_to(drawn.tau[:, 0], len(mean))
        return "y_by_block", turned.log_likelihood(tau, drawn.coefficients), turned.replicate(tau, mean, rng)
    total = fitted.effects.v + drawn.tau**2
    log_likelihood = -0.5 * ((y - mean) ** 2 / total + np.log(total) + _LOG_2PI)
    return "y", log_likelihood, mean + np.sqrt(total) * rng.standard_normal(mean.shape)


def _log_prior(fitted: Fitted, drawn: Draws) -> dict[str, Array]:
    """Log prior density of every parameter."""
    pairs = zip(fitted.means.priors, drawn.coefficients, strict=True)
    logs = np.stack([prior.log_pdf(draws) for prior, draws in pairs], axis=1)
    known = {one: prior for one, prior in fitted.model.named_priors.items() if prior is not None}
    spread = {
        name: known[of].log_pdf(draws)
        for name, draws in drawn.spreads.items()
        if (of := name if name in known else name.partition("[")[0]) in known
    }
    if isinstance(fitted.model, ThreeLevel | RandomEffects | CommonEffect):
        return {"mu": logs[:, 0], **spread}
    if isinstance(fitted.model, Subgroups):
        return {"mu": logs, **_by_subgroup(spread)}
    return {"beta": logs, **_scale(spread)}


def _prior_groups(fitted: Fitted, rng: np.random.Generator) -> dict[str, dict[str, Array]]:
    """Draws from the priors and of the estimates that they lead to expect; none where a prior is improper."""
    named = {name: prior for name, prior in fitted.model.named_priors.items() if isinstance(prior, Prior)}
    if not all(prior.proper for prior in (*named.values(), *fitted.means.priors)):
        return {}

    def drawn(prior: Prior) -> Array:
        return prior.ppf(rng.random(PRIOR_DRAWS))

    coefficients = np.stack([drawn(prior) for prior in fitted.means.priors])
    known = getattr(fitted.model, "tau_fixed", None)
    of_spreads = {name: drawn(prior) for name, prior in named.items() if name.startswith(("tau", "gamma"))}
    if known is not None:
        of_spreads["tau"] = np.full(PRIOR_DRAWS, known)
    tau = of_spreads.get("tau", np.zeros(PRIOR_DRAWS))[:, None]
    if isinstance(fitted.source, Independent):
        groups = {name: drawn(named["tau"]) for name in fitted.spreads if name.startswith("tau[")}
        of_spreads, tau = groups, np.stack(list(groups.values()))[fitted.source.group].T
    if isinstance(fitted.model, ThreeLevel):
        tau = np.hypot(of_spreads["tau_between"], of_spreads["tau_within"])[:, None]
    some = Draws(of_spreads, coefficients, tau, np.zeros((PRIOR_DRAWS, fitted.effects.k)))
    replicates = _estimates(fitted, some, (fitted.means.X @ coefficients).T, rng)[2]
    posterior, _ = _posterior(fitted, some, rng)
    del posterior["theta"]
    return {
        "prior": _shaped(posterior, (1, PRIOR_DRAWS)),
        "prior_predictive": _shaped({"y": replicates}, (1, PRIOR_DRAWS)),
    }


def _shaped(flat: Mapping[str, Array], shape: tuple[int, int]) -> dict[str, Array]:
    return {name: values.reshape(*shape, *values.shape[1:]) for name, values in flat.items()}
