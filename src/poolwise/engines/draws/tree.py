"""Draws of any Bayesian engine with all that ArviZ wants to know about them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.arviz_bridge import to_datatree
from poolwise.effects import Effects
from poolwise.engines.environment import versions
from poolwise.engines.heterogeneity import share_of_variation, typical_variance
from poolwise.errors import MissingQuantityError
from poolwise.model import CommonEffect, Model, RandomEffects, prior_words
from poolwise.priors import Fixed, Prior
from poolwise.settings import NUMBERS_OF_A_DRAW, check_memory

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
_LOG_2PI = np.log(2.0 * np.pi)
PRIOR_DRAWS = 1000


def check_room(effects: Effects, shape: tuple[int, ...]) -> None:
    """Refuse a tree that cannot fit in memory: true effects, predictive estimates and log likelihoods of each study.

    Parameters
    ----------
    effects : Effects
    shape : tuple of int
        Chains and draws.

    Raises
    ------
    ModelError
        Saying how much it would take.
    """
    chains, draws = shape[:2]
    what = f"to_datatree() of {chains} chains of {draws} draws for {effects.k} studies"
    check_memory(what, chains * draws * (NUMBERS_OF_A_DRAW + 3 * effects.k), "draws=1000")


def stream(effects: Effects, model: Model, seed: int, use: int = 0) -> np.random.Generator:
    """Random numbers of their own for each question: one seed does not couple the draws of different fits.

    Parameters
    ----------
    effects : Effects
    model : Model
        With every prior explicit.
    seed : int
        As the user gave it.
    use : int
        Tells several streams of one fit apart.

    Returns
    -------
    Generator
    """
    question = zlib.crc32(f"{effects.data_hash} {model}".encode())
    return np.random.default_rng([seed, question, use])


def draws_tree(
    effects: Effects,
    model: CommonEffect | RandomEffects,
    posterior: Mapping[str, Array],
    *,
    label: str,
    rng: np.random.Generator,
    sample_stats: Mapping[str, NDArray] | None = None,
) -> xr.DataTree:
    """The DataTree of a posterior of the normal-normal model.

    The likelihood is the marginal one, y_i ~ Normal(mu, sqrt(v_i + tau^2)): with p(y_i | theta_i)
    leave-one-out by importance sampling is useless, as theta_i follows y_i wherever it goes. For the same
    reason ``log_prior`` holds mu and tau only, and ``posterior_predictive`` estimates of new studies, each
    with the standard error of study i and a true effect of its own.

    Parameters
    ----------
    effects : Effects
    model : CommonEffect or RandomEffects
        With every prior explicit.
    posterior : mapping
        Draws of ``mu``, and for random effects of ``tau`` and ``theta_new``, shape (chains, draws), and of
        ``theta``, shape (chains, draws, k).
    label : str
        Words for the result.
    rng : Generator
        Makes the posterior predictive draws.
    sample_stats : mapping, optional
        What a sampler watched, each of shape (chains, draws).

    Returns
    -------
    xarray.DataTree
        With tau2 and I2 beside tau. Groups posterior, sample_stats (if any), log_likelihood, log_prior,
        posterior_predictive, prior and prior_predictive (one chain, if every prior is proper), observed_data and
        constant_data. A known mu or tau is constant data, not a draw.

    Raises
    ------
    MissingQuantityError
        When the model leaves nothing unknown.
    """
    check_room(effects, posterior["mu"].shape)
    known = _known(model)
    kept = {name: draws for name, draws in posterior.items() if name not in known}
    if not kept:
        raise MissingQuantityError(f"'{label}' has nothing to draw: its model states mu", "a model with an unknown")
    mean = posterior["mu"][..., None]
    sd = _marginal_sd(effects, posterior)
    replicates = mean + sd * rng.standard_normal(sd.shape)
    constant = {"se": effects.se} | {name: np.asarray(value) for name, value in known.items()}
    groups: dict[str, Mapping[str, NDArray]] = {
        "posterior": kept | functions_of_tau(effects, kept),
        "log_likelihood": {"y": log_density(effects, posterior)},
        "posterior_predictive": {"y": replicates},
        "observed_data": {"y": effects.y},
        "constant_data": constant,
    }
    log_prior = _log_prior(model, posterior)
    groups |= ({"log_prior": log_prior} if log_prior else {}) | _prior_groups(effects, model, rng)
    if sample_stats:
        groups["sample_stats"] = sample_stats
    dims = dict.fromkeys(("y", "theta", "se"), ("study",))
    return to_datatree(groups, coords={"study": effects.labels}, dims=dims, attrs=attributes(effects, model, label))


def log_density(effects: Effects, posterior: Mapping[str, Array]) -> Array:
    """Log marginal density of each estimate at draws of mu, and tau if there is one; shape (chains, draws, k)."""
    sd = _marginal_sd(effects, posterior)
    return -0.5 * ((effects.y - posterior["mu"][..., None]) / sd) ** 2 - np.log(sd) - 0.5 * _LOG_2PI


def attributes(effects: Effects, model: Model, label: str) -> dict[str, str]:
    """What every DataTree says of itself."""
    return {
        "inference_library": "poolwise",
        "inference_library_version": versions("poolwise")["poolwise"],
        "label": label,
        "model": model.label,
        "prior": prior_words(model),
        "scale": effects.scale.name,
        "data": effects.data_label,
        "data_hash": effects.data_hash,
    }


def _prior_groups(
    effects: Effects, model: CommonEffect | RandomEffects, rng: np.random.Generator
) -> dict[str, dict[str, Array]]:
    """Draws from the priors and of the estimates that they lead to expect; none where a prior is improper."""
    priors = {name: prior for name, prior in _priors(model).items() if prior is not None}
    if not all(prior.proper for prior in priors.values()):
        return {}
    drawn = {name: prior.ppf(rng.random((1, PRIOR_DRAWS))) for name, prior in priors.items()}
    stated = {"tau": 0.0} | _known(model)
    mu, tau = (drawn[name] if name in drawn else np.full((1, PRIOR_DRAWS), stated[name]) for name in ("mu", "tau"))
    if isinstance(model, RandomEffects):
        drawn["theta_new"] = mu + tau * rng.standard_normal(tau.shape)
    sd = np.hypot(effects.se, tau[..., None])
    drawn |= functions_of_tau(effects, drawn)
    return {"prior": drawn, "prior_predictive": {"y": mu[..., None] + sd * rng.standard_normal(sd.shape)}}


def functions_of_tau(effects: Effects, drawn: Mapping[str, Array], X: Array | None = None) -> dict[str, Array]:
    """Draws of tau2 and I2 where there are draws of tau; no I2 where there are as many coefficients as studies.

    Parameters
    ----------
    effects : Effects
    drawn : mapping
        Draws by name.
    X : ndarray, optional
        Design, shape (k, p); a mean alone when None.
    """
    if "tau" not in drawn:
        return {}
    typical = typical_variance(effects.v, X)
    share = {} if np.isnan(typical) else {"I2": share_of_variation(drawn["tau"], typical)}
    return {"tau2": drawn["tau"] ** 2, **share}


def stated_tau(model: Model) -> dict[str, NDArray]:
    """The tau that a model states, which is constant data and no draw."""
    tau = getattr(model, "tau_fixed", None)
    return {} if tau is None else {"tau": np.asarray(float(tau))}


def _known(model: CommonEffect | RandomEffects) -> dict[str, float]:
    """What the model states instead of giving it a prior."""
    known = {} if not isinstance(model.mu, Fixed) else {"mu": model.mu.value}
    tau = model.tau_fixed if isinstance(model, RandomEffects) else None
    return known if tau is None else known | {"tau": tau}


def _priors(model: CommonEffect | RandomEffects) -> dict[str, Prior | None]:
    mu = None if isinstance(model.mu, Fixed) else model.mu
    return {"mu": mu, "tau": model.tau if isinstance(model, RandomEffects) else None}


def _marginal_sd(effects: Effects, posterior: Mapping[str, Array]) -> Array:
    """sqrt(v_i + tau^2), shape (chains, draws, k); se_i for the common effect."""
    tau = posterior.get("tau", np.zeros_like(posterior["mu"]))
    return np.hypot(effects.se, tau[..., None])


def _log_prior(model: CommonEffect | RandomEffects, posterior: Mapping[str, Array]) -> dict[str, Array]:
    return {name: prior.log_pdf(posterior[name]) for name, prior in _priors(model).items() if prior is not None}
