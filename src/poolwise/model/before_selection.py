"""What models of selection share: a direction, and the model of the effects before any selection."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import Field, replace
from typing import Any, ClassVar, Self

from poolwise.effects import Effects
from poolwise.errors import ModelError, shown
from poolwise.model._priors import check_known_tau, check_mu, check_tau, mu_prior, tau_prior
from poolwise.model.assumption import Assumption
from poolwise.model.coefficients import Coefficients, settle_means
from poolwise.model.pooled import RandomEffects
from poolwise.model.publication import NOT_SAID, Direction, Publication, check_direction, check_selected, sign_of
from poolwise.model.regression import MetaRegression
from poolwise.model.structure import NormalStructure
from poolwise.priors import Prior
from poolwise.selection.intervals import Sides
from poolwise.settings import as_number


class SelectionModel(Assumption):
    """A model of estimates that are published with a probability which depends on their p-values.

    Random effects or a meta-regression say how estimates come about; which of them are seen a `Publication` does.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # both models are records with the fields below
    direction: Direction
    sides: Sides
    mu: Prior | None
    tau: Prior | None
    tau_fixed: float | None
    moderators: str | Sequence[str] | None
    beta: Coefficients | None

    def settle(self) -> None:
        """Check what is given beside the weights; a tau that is a number is known."""
        object.__setattr__(self, "sides", _checked_sides(self.sides))
        if self.sides == 2 and self.direction == NOT_SAID:
            object.__setattr__(self, "direction", "positive")
        check_direction(self.direction)
        if not isinstance(self.tau, Prior) and not math.isnan(as_number(self.tau)):
            if self.tau_fixed is not None:
                raise ModelError(f"tau = {self.tau} and tau_fixed = {self.tau_fixed} are both given", "one of the two")
            object.__setattr__(self, "tau_fixed", as_number(self.tau))
            object.__setattr__(self, "tau", None)
        check_mu(self.mu)
        check_tau(self.tau)
        check_known_tau(self.tau, self.tau_fixed)
        settle_means(self)

    @property
    def sign(self) -> float:
        """1 where effects above 0 are likelier to be published, -1 where those below are."""
        return sign_of(self.direction)

    @property
    def before(self) -> RandomEffects | MetaRegression:
        """The model of the effects before any selection."""
        if self.moderators is None:
            return RandomEffects(self.mu, self.tau, self.tau_fixed)
        return MetaRegression(self.moderators, beta=self.beta, tau=self.tau, tau_fixed=self.tau_fixed)

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about; none for known values, and none for falling weights."""
        return self.before.named_priors | dict(self.publication.priors)

    @property
    @abstractmethod
    def publication(self) -> Publication:
        """How the probability of publication depends on the p-value."""

    def resolved(self, effects: Effects) -> Self:
        """The same model with every prior explicit for this study table."""
        self.before_selection(effects)
        tau = self.tau if self.tau_fixed is not None else tau_prior(self.tau, effects, self)
        if self.moderators is None:
            return replace(self, mu=mu_prior(self.mu, effects, self), tau=tau)
        regression = replace(self.before, tau=tau).resolved(effects)
        assert isinstance(regression, MetaRegression)
        return replace(self, beta=regression.beta, tau=tau)

    def table(self, effects: Effects) -> Effects:
        """The study table, checked."""
        self.before_selection(effects)
        return effects

    def before_selection(self, effects: Effects) -> NormalStructure:
        """What the model states of the effects before any selection, on a study table that it can be asked about."""
        check_selected(effects, self.label)
        structure = self.before.structure(effects)
        self.refuse(effects)
        return structure

    def near_a_step(self, effects: Effects) -> tuple[str, ...]:
        """Labels of the studies whose z is within rounding of a cut, by 1 in a million; none without steps."""
        return ()

    def refuse(self, effects: Effects) -> None:
        """Refuse a study table that cannot have come about under this model."""

    @property
    def sided(self) -> str:
        """Of which p-values a statement speaks."""
        return "one-sided" if self.sides == 1 else "two-sided"

    def lines(self) -> tuple[str, ...]:
        """How the effects before selection, and what is selected, stand in a generative statement."""
        estimate, *rest = self.before.statement()
        seen = "y_i is published with probability proportional to omega(p_i)"
        if self.sides == 1:
            side = "above" if self.direction == "positive" else "below"
            seen += f", p_i small where y_i is far {side} 0"
        return (estimate, seen, *rest)


def _checked_sides(sides: object) -> Sides:
    if as_number(sides) not in (1.0, 2.0):
        raise ModelError(f"sides = {shown(sides)}", "1 or 2: one-sided p-values, or two-sided ones", "sides=1")
    return 1 if sides == 1 else 2
