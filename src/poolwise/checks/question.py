"""What the checks are asked about: a study table, a model with its priors, and the answer it gives about 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from poolwise import show
from poolwise.effects import Effects
from poolwise.engines.means import normal_prior
from poolwise.errors import MissingQuantityError, ModelError, shown
from poolwise.fit import check_table
from poolwise.model import CommonEffect, Model, RandomEffects
from poolwise.moments import highest_moment, refuse_improper
from poolwise.priors import Flat, Normal, Prior
from poolwise.quadrature.one_tau.jobs import Studies, TauPriors
from poolwise.quadrature.one_tau.tau_posterior import TauPosterior, tau_posterior
from poolwise.result import Result
from poolwise.scale import Scale
from poolwise.settings import as_number

if TYPE_CHECKING:
    import xarray as xr

Side = Literal["above", "below", "no"]
SAID: dict[Side, str] = {"above": "lies above 0", "below": "lies below 0", "no": "includes 0"}
KIND = "credible (equal-tailed)"


def question(effects: Effects, model: Model | None, check: str) -> CommonEffect | RandomEffects:
    """The model with every prior explicit, random effects with the scale's priors when None.

    Raises
    ------
    ModelError
        When the table is none, the check does not know the model, or the posterior is improper.
    """
    need_effects(effects, check)
    assumed = RandomEffects() if model is None else model
    if not isinstance(assumed, CommonEffect | RandomEffects):
        raise ModelError(f"{check} was given the model {assumed!r}", "RandomEffects(...) or CommonEffect(...)")
    resolved = assumed.resolved(effects)
    refuse_improper(effects, resolved)
    return resolved


def need_result(result: object, check: str) -> Result:
    """The result, if it is one with a posterior.

    Raises
    ------
    ModelError
        For something other than a result.
    MissingQuantityError
        For a closed-form result.
    """
    if not isinstance(result, Result):
        raise ModelError(
            f"{check} was given {type(result).__name__}", "a Result of Exact or NUTS", "pw.fit(effects, model, Exact())"
        )
    if result.tree is None:
        raise MissingQuantityError(
            f"{check} asks about a posterior, which '{result.label}', a closed-form result, does not have",
            "a result of Exact or NUTS",
            f"pw.fit(effects, {type(result.model).__name__}(...), pw.Exact())",
        )
    return result


def need_posterior(result: object, check: str) -> xr.DataTree:
    """The draws of a result that has a posterior; errors as `need_result` has them."""
    return need_result(result, check).to_datatree()


def need_effects(effects: object, check: str) -> None:
    """Raise a ModelError for what is no study table, or one with correlated sampling errors."""
    check_table(effects, check)
    assert isinstance(effects, Effects)
    if effects.covariance is not None:
        raise ModelError(
            f"the sampling errors have a known covariance, which {check} does not take into account",
            "independent sampling errors",
        )


def need_prior_on_tau(model: CommonEffect | RandomEffects, check: str) -> RandomEffects:
    """The model, if it has a prior on tau; else a ModelError."""
    if isinstance(model, RandomEffects) and model.tau_fixed is None:
        return model
    raise ModelError(f"{check} was given a model without a prior on tau", "RandomEffects(mu=..., tau=a prior)")


def normal_mu(mu: Prior | None) -> tuple[float, float]:
    """Mean and sd of the normal prior on mu, an infinite sd for the flat one; else a ModelError."""
    if not isinstance(mu, Normal | Flat):
        raise ModelError(f"mu ~ {mu} is not supported by this check", "a normal or flat prior on mu", "Normal(0, 1)")
    return normal_prior(mu)


def integrated(effects: Effects, mu: Prior, taus: tuple[Prior, ...], *, halvings: int = 0) -> TauPosterior:
    """The posterior under each prior on tau, all in one batch."""
    m0, s0 = normal_mu(mu)
    studies = Studies.centred(effects.y[None], effects.v[None], np.array([m0]), np.array([s0]))
    moments = np.array([highest_moment(effects.k, mu, tau) for tau in taus])
    return tau_posterior(studies, TauPriors.of(taus), moments=moments, halvings=halvings)


def one_mean(names: Sequence[str], whose: str, option: str) -> str:
    """The mean effect that is meant where none is named: the only slope beside an intercept; else a ModelError."""
    slopes = [name for name in names if name != "beta[intercept]"]
    if len(slopes) == 1:
        return slopes[0]
    choices = " or ".join(f'"{name}"' for name in names)
    raise ModelError(f"the {whose} has several mean effects and none is named", f"{option}={choices}")


def side(lower: float, upper: float, threshold: float = 0.0) -> Side:
    """On which side of a threshold an interval lies, judged by its limits before they are rounded."""
    return "above" if lower > threshold else "below" if upper < threshold else "no"


def said(where: Side, threshold: float = 0.0) -> str:
    """Where an interval lies, in words: ``"lies above 0"``, ``"includes −0.1"``."""
    return SAID[where].replace("0", show.plain(threshold))


def check_threshold(threshold: float, scale: Scale | None = None) -> None:
    """Raise a ModelError for a threshold that is no finite number, or for none on a scale without a null value."""
    if not math.isfinite(as_number(threshold)):
        raise ModelError(f"threshold = {shown(threshold)}", "a finite number on the analysis scale", "threshold=0.1")
    if scale is not None and math.isnan(scale.held_against(threshold)):
        raise ModelError(
            f"no threshold is given, and the scale '{scale}' has no value of no effect to hold the answer against",
            "a threshold on the analysis scale",
            f"threshold={scale.forward([0.1])[0]:.3g} for a {scale.natural_label} of 0.1",
        )


def interval_words(prob: float, quantity: str = "mu") -> str:
    """How a sentence names the interval for mu, or for another quantity."""
    return f"the {show.level(prob)} credible interval (equal-tailed) for {show.symbol(quantity)}"
