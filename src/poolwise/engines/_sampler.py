"""One run of NUTS by nutpie: compiled once for each model and families of priors, then given new data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import ModelError
from poolwise.model import CommonEffect, RandomEffects
from poolwise.priors import Cauchy, Flat, Normal, Prior, StudentT
from poolwise.pymc_models.common_effect import common_effect
from poolwise.pymc_models.priors import STANDARD, parameter_names
from poolwise.pymc_models.random_effects import random_effects

if TYPE_CHECKING:
    from poolwise.engines.nuts import NUTS

Array = NDArray[np.float64]

Adaptation = Literal["diag", "low_rank"]
_STATS = {
    "diverging": "diverging",
    "energy": "energy",
    "lp": "logp",
    "tree_depth": "depth",
    "n_steps": "n_steps",
    "acceptance_rate": "mean_tree_accept",
    "step_size": "step_size",
    "reached_max_treedepth": "maxdepth_reached",
}


@final
@dataclass(frozen=True, eq=False)
class Chains:
    """What one run drew.

    Attributes
    ----------
    parameters : mapping
        Draws, shape (chains, draws, ...): of ``mu``, and of ``tau`` unless it is known, on the scale of the effects;
        with moderators or groups of every variable of the PyMC model, in the sampler's unit.
    stats : mapping
        ArviZ's names of what the sampler watched, each of shape (chains, draws).
    """

    parameters: Mapping[str, Array]
    stats: Mapping[str, NDArray]

    @property
    def divergences(self) -> int:
        """How often a trajectory diverged."""
        return int(self.stats["diverging"].sum())


def refuse_unknown(model: CommonEffect | RandomEffects) -> None:
    """Raise a ModelError for a prior that no PyMC model here has a line for."""
    for name, prior in model.named_priors.items():
        if prior is not None and type(prior) not in STANDARD:
            known = [family.__name__ for family in STANDARD if family is Flat or family.positive == (name != "mu")]
            raise ModelError(
                f"{name} ~ {prior} is not known to NUTS", f"on {name} one of {', '.join(known)}", "Exact()"
            )


@cache
def compiled(build: Callable[..., Any], families: tuple[type[Prior], ...]) -> Any:
    """The compiled model that `build` makes with priors of these families; one compilation in a process.

    It is compiled from the standard member of each family, so that the start points of the chains do not
    depend on which data or parameters came first.
    """
    import nutpie

    standard = [STANDARD[family] for family in families]
    return nutpie.compile_pymc_model(build(np.zeros(2), np.ones(2), *standard))


def run(y: Array, v: Array, mu: Prior, tau: Prior | None, *, settings: NUTS, target_accept: float) -> Chains:
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
    settings : NUTS
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
    tree = sampled(compiled(build, families).with_data(**data), settings, target_accept)
    drawn = {name: unit * tree["posterior"][name].values for name in priors}
    drawn["mu"] = drawn["mu"] + centre
    return Chains(drawn, watched(tree))


def watched(tree: Any) -> dict[str, NDArray]:
    """ArviZ's names of what nutpie watched, each of shape (chains, draws)."""
    return {ours: tree["sample_stats"][theirs].values for ours, theirs in _STATS.items()}


def sampled(model: Any, settings: NUTS, target_accept: float, *, adaptation: Adaptation = "diag") -> Any:
    """Nutpie's DataTree of one run of a compiled model with its data.

    The mass matrix is diagonal, or of low rank beside its diagonal, which follows parameters that correlate: the
    coefficients of a moderator that is not centred took 260 steps a draw with the one and 7 with the other.

    Raises
    ------
    ModelError
        When the sampler finds no point to start from.
    """
    import nutpie

    sampler = nutpie.sample(
        model,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=settings.cores,
        seed=settings.seed,
        target_accept=target_accept,
        progress_bar=settings.progress,
        adaptation=adaptation,
        save_warmup=False,
        blocking=False,
    )
    try:
        with warnings.catch_warnings():
            if settings.chains > settings.draws:
                warnings.filterwarnings("ignore", message="Found chain dimension to be longer than draw")
            return sampler.wait()
    except KeyboardInterrupt:
        sampler.cancel()
        raise
    except RuntimeError as error:
        raise ModelError(
            f"NUTS could not start near mu = inverse-variance mean of the effects and tau = their spread: {error}",
            "a posterior that is finite near the data",
            "a prior in the unit of the effects, or Exact(), which needs no start",
        ) from error


def _shifted(prior: Prior, by: float) -> Prior:
    return replace(prior, mean=prior.mean + by) if isinstance(prior, Normal | StudentT | Cauchy) else prior
