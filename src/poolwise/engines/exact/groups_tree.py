"""Exact draws of exchangeable groups with all that ArviZ wants to know about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.arviz_bridge import to_datatree
from poolwise.engines.draws.tree import PRIOR_DRAWS, attributes, check_room, stream
from poolwise.engines.exact.groups import Grouped
from poolwise.model import JointOutcomes
from poolwise.quadrature.groups.draws import draw

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
_LOG_2PI = np.log(2.0 * np.pi)
TYPICAL = {"mu": "mu_typical", "tau": "tau_typical"}  # names of the hyperparameters beside mu and tau of each group


def joint_tree(fitted: Grouped, shape: tuple[int, int], seed: int, label: str) -> xr.DataTree:
    """The DataTree of exact joint draws.

    ``mu``, ``tau``, ``tau2`` and ``theta_new`` have the dimension ``outcome`` (``subgroup``), ``theta`` has ``study``;
    the hyperparameters are ``tau_typical`` and ``tau_spread``, for outcomes also ``mu_typical`` and ``mu_spread``. The
    likelihood is that of y_i given mu and tau of its group, y_i ~ Normal(mu, sqrt(v_i + tau^2)); ``log_prior``
    holds what has a prior of its own: the hyperparameters, and the mean of each subgroup.

    Parameters
    ----------
    fitted : Grouped
    shape : tuple of int
        Chains and draws.
    seed : int
    label : str
        Words for the result.

    Returns
    -------
    xarray.DataTree
        Groups posterior, log_likelihood, log_prior, posterior_predictive, prior and prior_predictive (if every prior
        is proper), observed_data and constant_data.
    """
    effects, model = fitted.effects, fitted.model
    check_room(effects, shape)
    rng = stream(effects, model, seed)
    posterior = {name: x.reshape(*shape, *x.shape[1:]) for name, x in _posterior(fitted, shape, rng).items()}
    of = _group_of(fitted)
    mean, sd = posterior["mu"][..., of], np.hypot(effects.se, posterior["tau"][..., of])
    groups: dict[str, dict[str, Array]] = {
        "posterior": posterior,
        "log_likelihood": {"y": -0.5 * ((effects.y - mean) / sd) ** 2 - np.log(sd) - 0.5 * _LOG_2PI},
        "log_prior": {name: prior.log_pdf(posterior[name]) for name, prior in _own_priors(fitted).items()},
        "posterior_predictive": {"y": mean + sd * rng.standard_normal(sd.shape)},
        "observed_data": {"y": effects.y},
        "constant_data": {"se": effects.se},
    }
    groups |= _prior_groups(fitted, rng)
    attrs = attributes(effects, model, label)
    word = "outcome" if isinstance(model, JointOutcomes) else "subgroup"
    dims = dict.fromkeys(("y", "theta", "se"), ("study",)) | dict.fromkeys(("mu", "tau", "tau2", "theta_new"), (word,))
    return to_datatree(groups, coords={"study": effects.labels, word: fitted.names}, dims=dims, attrs=attrs)


def _posterior(fitted: Grouped, shape: tuple[int, int], rng: np.random.Generator) -> dict[str, Array]:
    drawn = draw(fitted.posterior, shape[0] * shape[1], rng)
    theta = np.empty((len(drawn.tau), fitted.effects.k))
    for rows, own in zip(fitted.rows, drawn.theta, strict=True):
        theta[:, rows] = own
    new = drawn.mu + drawn.tau_of * rng.standard_normal(drawn.mu.shape)
    out = {"mu": drawn.mu, "tau": drawn.tau_of, "tau2": drawn.tau_of**2, "theta": theta, "theta_new": new}
    if isinstance(fitted.model, JointOutcomes):
        out |= {"mu_typical": drawn.m, "mu_spread": drawn.s}
    return out | {"tau_typical": drawn.tau, "tau_spread": drawn.r}


def _own_priors(fitted: Grouped) -> dict:
    """The priors that the model states: of hyperparameters, and of the mean of each subgroup."""
    stated = {} if isinstance(fitted.model, JointOutcomes) else {"mu": fitted.model.mu}
    return stated | _hyperpriors(fitted)


def _hyperpriors(fitted: Grouped) -> dict:
    given = dict(fitted.model.named_priors)
    if not isinstance(fitted.model, JointOutcomes):
        given.pop("mu")  # on the mean of each subgroup
    return {TYPICAL.get(name, name): prior for name, prior in given.items()}


def _group_of(fitted: Grouped) -> NDArray[np.intp]:
    of = np.empty(fitted.effects.k, dtype=np.intp)
    for o, rows in enumerate(fitted.rows):
        of[rows] = o
    return of


def _prior_groups(fitted: Grouped, rng: np.random.Generator) -> dict[str, dict[str, Array]]:
    """Draws from the priors and of the estimates that they lead to expect; none where a prior is improper."""
    model = fitted.model
    given = model.named_priors
    if not all(prior is not None and prior.proper for prior in given.values()):
        return {}
    size = (1, PRIOR_DRAWS)
    drawn = {name: prior.ppf(rng.random(size)) for name, prior in _hyperpriors(fitted).items()}
    wide = (*size, len(fitted.names))
    with np.errstate(over="ignore"):
        tau = np.exp(
            np.log(drawn["tau_typical"])[..., None] + drawn["tau_spread"][..., None] * rng.standard_normal(wide)
        )
    if isinstance(model, JointOutcomes):
        mu = drawn["mu_typical"][..., None] + drawn["mu_spread"][..., None] * rng.standard_normal(wide)
    else:
        assert model.mu is not None
        mu = model.mu.ppf(rng.random(wide))
    of = _group_of(fitted)
    sd = np.hypot(fitted.effects.se, tau[..., of])
    drawn |= {"mu": mu, "tau": tau, "tau2": tau**2, "theta_new": mu + tau * rng.standard_normal(wide)}
    return {"prior": drawn, "prior_predictive": {"y": mu[..., of] + sd * rng.standard_normal(sd.shape)}}
