"""Which priors may stand where, and those that a scale of effect supplies by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from numbers import Real
from typing import Any, ClassVar, Protocol

from poolwise import priors
from poolwise.effects import Effects
from poolwise.errors import ModelError, closest, described, shown
from poolwise.prior_catalogue import DEFAULTS
from poolwise.priors import Prior
from poolwise.settings import as_number

DEFAULT = "default of the scale"
DEFAULT_TAU_SPREAD = priors.HalfNormal(0.5)  # of log tau between groups: a factor of 1.6 is one sd away
DEFAULT_SD_OF_MU = {"SMD": 1.0, "log OR": 2.0, "log RR": 2.0, "log HR": 2.0, "Fisher z": 0.5}
DEFAULT_SD_OF_MU |= {"logit": 5.0, "log rate": 10.0}  # of one arm, as of a baseline: no effect that is about 0
DEFAULT_PRIORS: dict[str, tuple[Prior, Prior]] = {
    scale: (priors.Normal(0.0, sd, scale), DEFAULTS[scale]) for scale, sd in DEFAULT_SD_OF_MU.items()
}

# Parts of the models whose priors a scale supplies, and what a caller could give where it does not.
BY_SCALE = {"mu": "priors.Flat()"} | dict.fromkeys(
    ("mu_spread", "tau", "tau_between", "tau_within", "tau_out"), "priors.HalfNormal(s)"
)

LARGEST_TAU = 1e140


def is_sd(value: object) -> bool:
    """Whether this is a standard deviation of at least 0 whose square is a number."""
    return 0.0 <= as_number(value) <= LARGEST_TAU


def no_prior(name: str, given: object, expected: str, usual: str) -> ModelError:
    """The error for what cannot stand as this prior: text, a number, a class, a distribution of another package.

    Parameters
    ----------
    name : str
        Of the parameter.
    given : object
        What was given as its prior.
    expected, usual : str
        What would do, and an example.
    """
    if isinstance(given, Prior):
        return ModelError(f"{name} has the prior {given}", expected, usual)
    return ModelError(f"{name} has the prior {_shown(given)}", expected, _meant(given) or usual)


def _shown(value: object) -> str:
    """Text in quotation marks, a frozen scipy distribution by its name, a class as one."""
    family = getattr(getattr(value, "dist", value), "name", None)
    if isinstance(family, str) and callable(getattr(value, "cdf", None)):
        parts = [f"{x:g}" for x in getattr(value, "args", ()) if isinstance(x, Real)]
        parts += [f"{key}={x:g}" for key, x in getattr(value, "kwds", {}).items() if isinstance(x, Real)]
        return f"{type(value).__module__.partition('.')[0]}'s {family}" + (f"({', '.join(parts)})" if parts else "")
    return described(value) if isinstance(value, type) else repr(value)


def _meant(value: object) -> str:
    """How to give what was meant; empty when it cannot be known."""
    if isinstance(value, type) and issubclass(value, Prior):
        return f"{value.__name__} with its parameters, as priors.{value.__name__}({', '.join(value.parameter_names())})"
    if isinstance(value, str):
        family, bracket, rest = value.strip().removeprefix("priors.").partition("(")
        known = {family_name.casefold(): family_name for family_name in priors.FAMILIES}
        if family.casefold() in known:
            name = known[family.casefold()]
            call = rest if bracket else ", ".join(priors.FAMILIES[name].parameter_names()) + ")"
            return f"priors.{name}({call}, an object and not its name as text"
        return f"{near} (priors.{family})" if (near := closest(family, priors.FAMILIES)) else ""
    if callable(getattr(value, "cdf", None)) and callable(getattr(value, "freeze", None)):
        return "priors.from_distribution(...) of the distribution with its parameters"
    if callable(getattr(value, "cdf", None)) or hasattr(value, "owner"):
        return "priors.from_distribution(...), which makes a prior of a distribution with logpdf, cdf and ppf"
    return ""


def check_mu(prior: Prior | None, name: str = "mu") -> None:
    """Raise a ModelError for what is no prior on the whole line."""
    if prior is not None and not (isinstance(prior, priors.Flat) or (isinstance(prior, Prior) and not prior.positive)):
        usual = "Normal(0, 1), Flat(), or Fixed(0) for a known value"
        raise no_prior(name, prior, "a prior on the whole line", usual)
    if isinstance(prior, priors.RegularizedHorseshoe) and not name.startswith("beta"):
        raise ModelError(f"{name} ~ {prior}, which is a joint prior on coefficients", "beta=RegularizedHorseshoe(...)")


def check_tau(prior: Prior | None, name: str = "tau") -> None:
    """Raise a ModelError for what is no prior on [0, inf)."""
    if prior is not None and not (isinstance(prior, Prior) and prior.positive and not isinstance(prior, priors.Beta)):
        raise no_prior(name, prior, "a prior on [0, inf)", "HalfNormal(0.5)")


def check_known_tau(tau: Prior | None, tau_fixed: float | None) -> None:
    """Raise a ModelError when tau has a prior and a known value, or the value is no standard deviation."""
    if tau is not None and tau_fixed is not None:
        raise ModelError(f"both a prior for tau ({tau}) and tau_fixed = {tau_fixed} are given", "one of the two")
    if tau_fixed is not None and not is_sd(tau_fixed):
        raise ModelError(f"tau_fixed = {shown(tau_fixed)}", f"a standard deviation from 0 to {LARGEST_TAU:g}")


def tau_words(tau: Prior | None, tau_fixed: float | None) -> str:
    """How tau stands in a generative statement."""
    return f"tau = {tau_fixed:g}" if tau_fixed is not None else f"tau ~ {tau or DEFAULT}"


class Stated(Protocol):
    """A model that names its priors."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about."""


def called(model: Stated, given: Mapping[str, str]) -> str:
    """How a caller would give priors to a model of this kind: ``Subgroups(..., tau=priors.HalfNormal(0.5))``."""
    needed = any(part.default is MISSING and part.default_factory is MISSING for part in fields(model))
    words = [*(["..."] if needed else []), *(f"{name}={prior}" for name, prior in given.items())]
    return f"{type(model).__name__}({', '.join(words)})"


def _default(effects: Effects, which: int, name: str, model: Stated) -> Prior:
    try:
        return DEFAULT_PRIORS[effects.scale.name][which]
    except KeyError:
        open_ones = [part for part, prior in model.named_priors.items() if prior is None and part in BY_SCALE]
        unit = "" if open_ones == ["mu"] else " with s in that unit"
        raise ModelError(
            f"no prior for {name} is given and the scale '{effects.scale}' has no default",
            "a prior that fits the unit of the effects",
            f"{called(model, {part: BY_SCALE[part] for part in open_ones})}{unit}; "
            f"defaults exist for {', '.join(DEFAULT_PRIORS)}",
        ) from None


def mu_prior(prior: Prior | None, effects: Effects, model: Stated) -> Prior:
    """The prior given, or the default of the scale for a mean effect."""
    return _default(effects, 0, "mu", model) if prior is None else prior


def tau_prior(prior: Prior | None, effects: Effects, model: Stated, name: str = "tau") -> Prior:
    """The prior given, for these sampling variances, or the default of the scale for a between-study sd."""
    return _default(effects, 1, name, model) if prior is None else prior.for_variances(effects.v)


def scale_priors(model: Stated, effects: Effects, names: Sequence[str]) -> dict[str, Prior]:
    """An explicit prior for each of these fields of a model: its own, or the default of the scale of effect."""
    given = {name: getattr(model, name) for name in names}
    return {
        name: mu_prior(prior, effects, model) if name == "mu" else tau_prior(prior, effects, model, name)
        for name, prior in given.items()
    }
