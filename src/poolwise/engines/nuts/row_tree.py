"""Draws of a model whose true effects are not normal, with all that ArviZ wants to know about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.arviz_bridge import to_datatree
from poolwise.engines.draws.tree import PRIOR_DRAWS, attributes, check_room, stream
from poolwise.engines.nuts.row_likelihood import Completed, Latent
from poolwise.priors import Fixed

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]


def latent_tree(
    latent: Latent,
    parameters: Mapping[str, Array],
    rest: Completed,
    stats: Mapping[str, NDArray],
    label: str,
    seed: int,
) -> xr.DataTree:
    """The DataTree of draws by NUTS.

    The likelihood has the true effects integrated out; posterior predictive data are those of new studies of the same
    sizes.

    Parameters
    ----------
    latent : Latent
    parameters : mapping
        On the scale of the effects, shape (chains, draws).
    rest : Completed
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
    effects, model = latent.effects, latent.model
    check_room(effects, next(iter(stats.values())).shape)
    rng = stream(effects, model, seed, use=2)
    named = {name: prior for name, prior in model.named_priors.items() if prior is not None}
    posterior = {**parameters, "tau2": parameters["tau"] ** 2, "theta": rest.theta, "theta_new": rest.new}
    observed = latent.observed()
    groups: dict[str, Mapping[str, NDArray]] = {
        "posterior": posterior | dict(rest.by_study),
        "sample_stats": stats,
        "log_likelihood": {"y": latent.log_likelihood(parameters)},
        "log_prior": {
            name: prior.log_pdf(parameters[name]) for name, prior in named.items() if not isinstance(prior, Fixed)
        },
        "posterior_predictive": latent.replicates(parameters, rest, rng),
        "observed_data": observed,
        "constant_data": {"se": effects.se},
    }
    if all(prior.proper for prior in named.values()):
        size = (1, PRIOR_DRAWS)
        drawn = {name: prior.ppf(rng.random(size)) for name, prior in named.items()} | latent.own_prior(size, rng)
        new = latent.new_effects(drawn, 1, rng)[..., 0]
        groups["prior"] = {**drawn, "tau2": drawn["tau"] ** 2, "theta_new": new}
        groups["prior_predictive"] = latent.replicates(drawn, None, rng)
    dims = dict.fromkeys(("y", "theta", "se", *observed, *rest.by_study), ("study",))
    return to_datatree(groups, coords={"study": effects.labels}, dims=dims, attrs=attributes(effects, model, label))
