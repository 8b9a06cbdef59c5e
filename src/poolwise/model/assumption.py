"""What every room may ask of any model, so that none need ask which class it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import Field, replace
from typing import Any, ClassVar, Protocol, Self, cast

from poolwise import show
from poolwise.effects import Effects
from poolwise.model._priors import DEFAULT, check_mu, check_tau, scale_priors
from poolwise.model.publication import Publication
from poolwise.model.structure import NormalStructure
from poolwise.priors import Prior

Needs = Mapping[str, Callable[[Any], bool]]


class Assumption(Protocol):
    """A model: its words, its priors, and what it states of mean effects and heterogeneity.

    What most models answer alike stands here; a model that answers otherwise says so itself.

    Attributes
    ----------
    kind_in_files : str
        What an analysis file calls it: ``kind = "random-effects"``. The other keys of the file are the model's fields.
    purpose : str
        What it is for, in a line.
    always_needs : frozenset of str
        What it needs of an engine whatever its settings, in the words of `needs`.
    may_need : mapping of str to callable
        What it needs under some settings only, and whether these are such ones; refusals go through it in order.
    of_scale : tuple of str
        Fields with a prior each, where the scale of effect gives what is left open: a mean effect, sds.
    own_priors : tuple of str
        Fields with other priors, which are always explicit.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    kind_in_files: ClassVar[str]
    purpose: ClassVar[str] = ""
    always_needs: ClassVar[frozenset[str]] = frozenset()
    may_need: ClassVar[Needs] = {}
    of_scale: ClassVar[tuple[str, ...]] = ("mu", "tau")
    own_priors: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        """Check the priors on the mean effect and on standard deviations."""
        for name in self.of_scale:
            (check_mu if name == "mu" else check_tau)(getattr(self, name), name)

    @property
    def needs(self) -> frozenset[str]:
        """What it needs of an engine with these settings."""
        return self.always_needs | {need for need, holds in self.may_need.items() if holds(self)}

    @property
    def label(self) -> str:
        """Words for tables."""
        ...

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about."""
        return {name: getattr(self, name) for name in (*self.of_scale, *self.own_priors)}

    def resolved(self, effects: Effects) -> Self:
        """The same model with every prior explicit for this scale of effect."""
        return replace(cast(Any, self), **scale_priors(self, effects, self.of_scale))

    def prior_statement(self) -> tuple[str, ...]:
        """The end of the generative statement, a line for each prior."""
        return tuple(f"{name} ~ {prior or DEFAULT}" for name, prior in self.named_priors.items())

    def statement(self) -> tuple[str, ...]:
        """What the model says of how the estimates came about, a line for each unknown."""
        ...

    def _repr_html_(self) -> str:
        """The statement, a line for each unknown, compact."""
        lines = [show.statement(line) for line in self.statement()]
        rows = [
            [name.strip(), f"~ {law.strip()}" if tilde else ""]
            for name, tilde, law in (line.partition("~") for line in lines)
        ]
        return show.card(show.capital(self.label), header=("unknown", "distribution"), rows=rows)

    @property
    def tau_fixed(self) -> float | None:
        """A known between-study standard deviation; None where it has a prior, or none is there."""
        return None

    @property
    def varies(self) -> bool:
        """Whether true effects vary about their means."""
        return True

    @property
    def one_tau(self) -> bool:
        """Whether every true effect is normal about its mean, by itself, with one standard deviation tau or none."""
        return False

    @property
    def tau_is_sd(self) -> bool:
        """Whether tau, where there is one alone, is the standard deviation of the true effects about their mean."""
        return True

    @property
    def strata(self) -> str | None:
        """The column that parts the studies into groups, independent of one another given their means and taus."""
        return None

    @property
    def levels_apart(self) -> tuple[str, ...]:
        """Columns each of whose levels has an effect of its own in the model."""
        return () if self.strata is None else (self.strata,)

    @property
    def has_coefficients(self) -> bool:
        """Whether mean effects are made of coefficients, each in a unit of its own."""
        return "mu" not in self.named_priors

    @property
    def pools(self) -> bool:
        """Whether all studies have one mean effect mu, and vary about it by one tau at most."""
        return self.one_tau and self.strata is None and not self.has_coefficients

    def fit_label(self, engine: str) -> str:
        """Words for a fit of this model, from those for the engine."""
        return f"{self.label}, {engine}"

    def table(self, effects: Effects) -> Effects:
        """The study table as the model describes it.

        Parameters
        ----------
        effects : Effects

        Raises
        ------
        PoolwiseError
            For a column that the model names and the table does not have, or that cannot serve it.
        """
        self.structure(effects)
        return effects

    def structure(self, effects: Effects) -> NormalStructure | None:
        """What the model states on a study table; None where true effects are not normal given their sds."""
        return None

    def before_selection(self, effects: Effects) -> NormalStructure | None:
        """What the model states of the effects before any selection of estimates: all of it where there is none."""
        return self.structure(effects)

    @property
    def publication(self) -> Publication | None:
        """What the model states of the probability that an estimate is published; None without selection."""
        return None

    def informative(self, effects: Effects) -> int:
        """How many studies tell about the heterogeneity."""
        return effects.k


class Designed[T](Assumption):
    """A model whose priors and structure rest on something of the study table that is made once: a design, levels."""

    @abstractmethod
    def basis(self, effects: Effects) -> T:
        """What both rest on."""

    @abstractmethod
    def resolved_on(self, effects: Effects, basis: T) -> Self:
        """The same model with every prior explicit, on this basis."""

    @abstractmethod
    def structure_on(self, effects: Effects, basis: T) -> NormalStructure:
        """What the model states on a study table, on this basis."""

    def resolved(self, effects: Effects) -> Self:
        """The same model with every prior explicit for this study table."""
        return self.resolved_on(effects, self.basis(effects))

    def structure(self, effects: Effects) -> NormalStructure:
        """What the model states on a study table."""
        return self.structure_on(effects, self.basis(effects))

    def stated(self, effects: Effects) -> tuple[Self, NormalStructure]:
        """The model with every prior explicit, and what it then states, on the same basis."""
        basis = self.basis(effects)
        resolved = self.resolved_on(effects, basis)
        return resolved, resolved.structure_on(effects, basis)
