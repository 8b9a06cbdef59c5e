"""Moderators and priors of coefficients, as every model that has a design of its own takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from poolwise.design import INTERCEPT
from poolwise.errors import ModelError, described, nearest, shown
from poolwise.model._priors import check_mu
from poolwise.model.structure import explicit_priors
from poolwise.priors import Flat, Prior, RegularizedHorseshoe

Coefficients = Prior | Mapping[str, Prior]
NO_SINGLE_MEAN = "with moderators there is no single mean effect; pw.predict(result, at=...) gives it at their values"


class Regressing(Protocol):
    """A model whose mean effects have coefficients."""

    @property
    def beta(self) -> Coefficients | None:
        """Priors on them."""

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about."""


class MeanOrRegression(Regressing, Protocol):
    """A model with one mean effect, or with moderators in its place."""

    @property
    def mu(self) -> Prior | None:
        """The prior on one mean effect."""

    @property
    def moderators(self) -> str | Sequence[str] | None:
        """The moderators, where there are any."""


def explicit_of_each(model: Regressing, names: Sequence[str]) -> dict[str, Prior]:
    """Priors of coefficients and standard deviations, as far as they are explicit."""
    beta = explicit(model.beta, names, "beta") if isinstance(model.beta, Mapping) else {}
    stated = explicit_priors(model.named_priors)
    rest = {name: prior for name, prior in stated.items() if not name.startswith("beta") and name != "gamma"}
    return {f"beta[{name}]": prior for name, prior in beta.items()} | rest


def has_horseshoe(beta: Coefficients | None) -> bool:
    """Whether a regularised horseshoe stands on any coefficient."""
    return any(isinstance(prior, RegularizedHorseshoe) for prior in named_priors_of("", beta).values())


def named_columns(moderators: str | Sequence[str], *, may_be_none: bool = False) -> str | tuple[str, ...]:
    """A formula as it is, names of columns as a tuple, so that a model can be compared and kept."""
    if not isinstance(moderators, Iterable):
        problem = f"moderators = {described(moderators)}"
        raise ModelError(problem, "a formula or the names of columns", "'~ dose' or ['dose']")
    names = moderators if isinstance(moderators, str) else tuple(moderators)
    if (not names and not may_be_none) or (isinstance(names, str) and names.strip() in ("", "~")):
        raise ModelError(
            f"moderators = {moderators!r} names none",
            "a formula or the names of columns",
            "'~ dose', or '~ 1' for none",
        )
    if not isinstance(names, str) and not all(isinstance(name, str) for name in names):
        raise ModelError(f"moderators = {shown(moderators)}", "names of columns", "['dose']")
    return names


def formula_words(moderators: str | Sequence[str]) -> str:
    """Moderators as a formula."""
    return moderators if isinstance(moderators, str) else "~ " + " + ".join(moderators)


def formula_behind(moderators: str | Sequence[str] | None) -> str:
    """Moderators as they stand behind a label; empty without any."""
    return "" if moderators is None else f" {formula_words(moderators)}"


def settle_means(model: MeanOrRegression) -> None:
    """Names of moderators as a tuple; priors on mu beside moderators, or on coefficients of none, are refused."""
    if model.moderators is None:
        if model.beta is not None:
            raise ModelError("beta has priors and there are no moderators", "moderators='~ x', or mu=...")
        return
    object.__setattr__(model, "moderators", named_columns(model.moderators))
    check_coefficients(model.beta, "beta")
    if model.mu is not None:
        raise ModelError(
            f"mu has the prior {model.mu} beside moderators", "beta={'intercept': ...}, the prior on the intercept"
        )


def check_coefficients(beta: Coefficients | None, name: str) -> None:
    """Raise a ModelError for what is no prior on the whole line."""
    if isinstance(beta, Mapping):
        for coefficient, prior in beta.items():
            check_mu(prior, f"{name}[{coefficient}]")
    else:
        check_mu(beta, name)


def explicit(given: Coefficients | None, names: Sequence[str], what: str) -> dict[str, Prior]:
    """A prior for each coefficient, flat where none is given.

    Raises
    ------
    ModelError
        For a prior on a coefficient that does not exist.
    """
    if isinstance(given, RegularizedHorseshoe):
        return {name: Flat() if name == INTERCEPT else given for name in names}
    if not isinstance(given, Mapping):
        return dict.fromkeys(names, given or Flat())
    shrunk = {name: prior for name, prior in given.items() if isinstance(prior, RegularizedHorseshoe)}
    if INTERCEPT in shrunk or len(set(shrunk.values())) > 1:
        raise ModelError(
            "; ".join(f"{what}[{name}] ~ {prior}" for name, prior in shrunk.items()),
            "one regularised horseshoe for several coefficients, none on the intercept",
        )
    for name in given:
        if name not in names:
            raise ModelError(f"{what} has a prior for '{name}'", "the name of a coefficient", nearest(name, names))
    return {name: given.get(name, Flat()) for name in names}


def named_priors_of(what: str, beta: Coefficients | None) -> dict[str, Prior | None]:
    """The priors by the name of what they are about: one for all coefficients, or one for each."""
    if isinstance(beta, Mapping):
        return {f"{what}[{name}]": prior for name, prior in beta.items()}
    return {what: beta}


def prior_lines(what: str, beta: Coefficients | None) -> tuple[str, ...]:
    """How the priors stand in a generative statement."""
    if isinstance(beta, Mapping):
        return tuple(f"{what}[{name}] ~ {prior}" for name, prior in beta.items())
    return (f"{what} ~ {beta or Flat()}",)
