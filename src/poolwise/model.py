"""What is assumed: frozen records of models and their priors. Nothing here computes a fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from numbers import Real
from typing import final

from poolwise import priors
from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.prior_catalogue import DEFAULTS
from poolwise.priors import Prior

DEFAULT = "default of the scale"
DEFAULT_SD_OF_MU = {"SMD": 1.0, "log OR": 2.0, "log RR": 2.0, "log HR": 2.0, "Fisher z": 0.5}
DEFAULT_PRIORS: dict[str, tuple[Prior, Prior]] = {
    scale: (priors.Normal(0.0, sd, scale), DEFAULTS[scale]) for scale, sd in DEFAULT_SD_OF_MU.items()
}


@final
@dataclass(frozen=True)
class CommonEffect:
    """Common effect: y_i ~ Normal(mu, se_i).

    Attributes
    ----------
    mu : Prior, optional
        Prior on the common effect; the scale's default when None.
    """

    mu: Prior | None = None

    def __post_init__(self) -> None:
        _check_mu(self.mu)

    @property
    def label(self) -> str:
        """Words for tables."""
        return "common effect"

    def resolved(self, effects: Effects) -> CommonEffect:
        """The same model with every prior explicit for this scale of effect."""
        return replace(self, mu=_mu_prior(self.mu, effects))

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        return ("y_i ~ Normal(mu, se_i)", f"mu ~ {self.mu or DEFAULT}")


@final
@dataclass(frozen=True)
class RandomEffects:
    """Normal-normal random effects: y_i ~ Normal(theta_i, se_i), theta_i ~ Normal(mu, tau).

    Attributes
    ----------
    mu : Prior, optional
        Prior on the mean effect; the scale's default when None.
    tau : Prior, optional
        Prior on the between-study standard deviation; the scale's default when None.
    tau_fixed : float, optional
        A known between-study standard deviation instead of a prior.

    Examples
    --------
    >>> from poolwise import priors
    >>> print(*RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5)).statement(), sep="; ")
    y_i ~ Normal(theta_i, se_i); theta_i ~ Normal(mu, tau); mu ~ Normal(0, 1); tau ~ HalfNormal(0.5)
    """

    mu: Prior | None = None
    tau: Prior | None = None
    tau_fixed: float | None = None

    def __post_init__(self) -> None:
        _check_mu(self.mu)
        _check_tau(self.tau)
        if self.tau is not None and self.tau_fixed is not None:
            raise ModelError(
                f"both a prior for tau ({self.tau}) and tau_fixed = {self.tau_fixed} are given",
                "one of the two",
            )
        if self.tau_fixed is not None and not _is_sd(self.tau_fixed):
            raise ModelError(f"tau_fixed = {self.tau_fixed!r}", "a finite standard deviation of at least 0")

    @property
    def label(self) -> str:
        """Words for tables."""
        return "random effects"

    def resolved(self, effects: Effects) -> RandomEffects:
        """The same model with every prior explicit for this scale of effect."""
        tau = self.tau if self.tau_fixed is not None else _tau_prior(self.tau, effects)
        return replace(self, mu=_mu_prior(self.mu, effects), tau=tau)

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        tau = f"tau = {self.tau_fixed:g}" if self.tau_fixed is not None else f"tau ~ {self.tau or DEFAULT}"
        return (
            "y_i ~ Normal(theta_i, se_i)",
            "theta_i ~ Normal(mu, tau)",
            f"mu ~ {self.mu or DEFAULT}",
            tau,
        )


Model = CommonEffect | RandomEffects


def prior_words(model: Model) -> str:
    """The priors of a resolved model in one phrase, as tables and figures print them."""
    parts = [f"mu ~ {model.mu}"]
    if isinstance(model, RandomEffects):
        parts.append(f"tau = {model.tau_fixed:g}" if model.tau_fixed is not None else f"tau ~ {model.tau}")
    return ", ".join(parts)


def _is_sd(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0.0 <= float(value) < math.inf


def _check_mu(prior: Prior | None) -> None:
    if prior is not None and not isinstance(prior, priors.Normal | priors.Flat):
        raise ModelError(f"mu has the prior {prior!r}", "a prior on the whole line", "Normal(0, 1) or Flat()")


def _check_tau(prior: Prior | None) -> None:
    if prior is not None and not (isinstance(prior, Prior) and prior.positive):
        raise ModelError(f"tau has the prior {prior!r}", "a prior on [0, inf)", "HalfNormal(0.5)")


def _default(effects: Effects, which: int, name: str) -> Prior:
    try:
        return DEFAULT_PRIORS[effects.scale.name][which]
    except KeyError:
        raise ModelError(
            f"no prior for {name} is given and the scale '{effects.scale}' has no default",
            "a prior that fits the unit of the effects",
            f"RandomEffects(mu=priors.Flat(), tau=priors.HalfNormal(s)) with s in that unit; "
            f"defaults exist for {', '.join(DEFAULT_PRIORS)}",
        ) from None


def _mu_prior(prior: Prior | None, effects: Effects) -> Prior:
    return _default(effects, 0, "mu") if prior is None else prior


def _tau_prior(prior: Prior | None, effects: Effects) -> Prior:
    return _default(effects, 1, "tau") if prior is None else prior


def remarks(model: Model, effects: Effects) -> tuple[str, ...]:
    """What is odd about the priors of a resolved model on this study table, a sentence each.

    A prior that was made for another scale of effect, or one that puts nearly all its mass where no
    standardised mean difference varies.
    """
    given = {"mu": model.mu, "tau": model.tau if isinstance(model, RandomEffects) else None}
    found = [
        f"the prior {prior} on {name} was made for '{prior.metric}' and the effects are '{effects.scale}'; "
        "move it with prior.for_metric(...), which names the factor"
        for name, prior in given.items()
        if prior is not None and prior.metric is not None and prior.metric != effects.scale.name
    ]
    tau = given["tau"]
    if effects.scale.name == "SMD" and tau is not None and tau.proper and tau.cdf(10.0) < 0.01:
        found.append(
            f"the prior {tau} puts 99 % of its mass above tau = 10, far beyond any standardised mean difference; "
            "check its unit"
        )
    return tuple(found)
