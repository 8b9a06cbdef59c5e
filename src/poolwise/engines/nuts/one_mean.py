"""One run of NUTS on the normal-normal model: compiled once for each family of priors, then given new data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolwise.engines.nuts.samplers import Chains, Template, sampled
from poolwise.engines.nuts.settings import Settings
from poolwise.priors import Cauchy, Normal, Prior, StudentT
from poolwise.pymc_models.common_effect import common_effect
from poolwise.pymc_models.priors import STANDARD, parameter_names
from poolwise.pymc_models.random_effects import random_effects

Array = NDArray[np.float64]


@cache
def compiled(build: Callable[..., Any], families: tuple[type[Prior], ...]) -> Template:
    """The template that `build` makes with priors of these families; compiled once in a process."""
    return Template(lambda: build(np.zeros(2), np.ones(2), *(STANDARD[family] for family in families)))


def run(y: Array, v: Array, mu: Prior, tau: Prior | None, settings: Settings, target_accept: float) -> Chains:
    """Sample mu and tau of the marginal normal-normal model.

    The sampler sees (y - c) / s, with priors moved along, where c is the inverse-variance mean and
    s^2 = var(y) + median(v): it then works alike at any unit and any offset of the effects.

    Parameters
    ----------
    y, v : ndarray
        Estimates and variances, shape (k,).
    mu : Prior
        Prior on mu.
    tau : Prior or None
        Prior on tau; None when there is no tau to sample.
    settings : Settings
        Draws, chains, cores, seed; not its target_accept.
    target_accept : float
        Acceptance rate that the step size aims at.

    Returns
    -------
    Chains

    Raises
    ------
    ModelError
        When the sampler finds no point to start from.
    """
    centre = float(np.average(y, weights=v.min() / v))
    unit = float(np.hypot(y.std(), np.sqrt(np.median(v))))
    priors = {"mu": _shifted(mu, -centre).scaled(1.0 / unit)}
    if tau is not None:
        priors["tau"] = tau.scaled(1.0 / unit)
    data: dict[str, Any] = {"y": (y - centre) / unit, "v": v / unit / unit}
    for name, prior in priors.items():
        data |= dict(zip(parameter_names(name, prior), prior.parameters, strict=True))
    build = common_effect if tau is None else random_effects
    families = tuple(type(prior) for prior in priors.values())
    chains = sampled(compiled(build, families).with_data(**data), settings, target_accept)
    drawn = {name: unit * chains.parameters[name] for name in priors}
    drawn["mu"] = drawn["mu"] + centre
    return replace(chains, parameters=drawn)


def _shifted(prior: Prior, by: float) -> Prior:
    return replace(prior, mean=prior.mean + by) if isinstance(prior, Normal | StudentT | Cauchy) else prior
