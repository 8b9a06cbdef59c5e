"""Draws of a model whose rows have likelihoods of their own, with all that ArviZ wants to know about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.arviz_bridge import to_datatree
from poolwise.engines.draws.row_draws import RowDraws
from poolwise.engines.draws.tree import PRIOR_DRAWS, attributes, check_room
from poolwise.priors import Fixed

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]


def row_tree(
    draws: RowDraws, label: str, rng: np.random.Generator, sample_stats: Mapping[str, NDArray] | None = None
) -> xr.DataTree:
    """The DataTree of draws by any engine.

    The likelihood has the true effects integrated out; posterior predictive data are those of new studies of the same
    sizes.

    Parameters
    ----------
    draws : RowDraws
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
        prior_predictive (one chain, if every prior is proper), observed_data and constant_data.
    """
    likelihood = draws.likelihood
    effects, model = likelihood.effects, likelihood.model
    check_room(effects, draws.shape)
    parameters, rest = draws.parameters, draws.rest
    named = {name: prior for name, prior in model.named_priors.items() if prior is not None}
    posterior = {**parameters, "tau2": parameters["tau"] ** 2, "theta": rest.theta}
    posterior |= {} if rest.new is None else {"theta_new": rest.new}
    observed = likelihood.observed()
    groups: dict[str, Mapping[str, NDArray]] = {"posterior": posterior | dict(rest.by_study)}
    groups |= {"sample_stats": sample_stats} if sample_stats else {}
    groups |= {
        "log_likelihood": {"y": likelihood.log_likelihood(parameters)},
        "log_prior": {
            name: prior.log_pdf(parameters[name]) for name, prior in named.items() if not isinstance(prior, Fixed)
        },
        "posterior_predictive": likelihood.replicates(parameters, rest, rng),
        "observed_data": observed,
        "constant_data": {"se": effects.se},
    }
    if all(prior.proper for prior in named.values()):
        size = (1, PRIOR_DRAWS)
        drawn = {name: prior.ppf(rng.random(size)) for name, prior in named.items()} | likelihood.own_prior(size, rng)
        new = {} if rest.new is None else {"theta_new": likelihood.new_effects(drawn, 1, rng)[..., 0]}
        groups["prior"] = {**drawn, "tau2": drawn["tau"] ** 2, **new}
        groups["prior_predictive"] = likelihood.replicates(drawn, None, rng)
    dims = dict.fromkeys(("y", "theta", "se", *observed, *rest.by_study), ("study",))
    return to_datatree(groups, coords={"study": effects.labels}, dims=dims, attrs=attributes(effects, model, label))
