"""What every average over models answers by the names of its quantities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar

from poolwise.effects import Effects
from poolwise.errors import MissingQuantityError, nearest
from poolwise.model import RandomEffects, prior_words
from poolwise.quantities import Posterior


class NamedPosteriors(ABC):
    """Posteriors over several models of one study table, by name.

    Attributes
    ----------
    called : str
        Words for the average in messages.
    effects : Effects
    model : RandomEffects
        The priors on mu and tau where they are unknown, explicit.
    """

    called: ClassVar[str]
    effects: Effects
    model: RandomEffects

    @abstractmethod
    def posteriors(self) -> Mapping[str, Posterior]:
        """The quantities over all models."""

    def __getitem__(self, name: str) -> Posterior:
        """The posterior of that name, averaged over all models.

        Raises
        ------
        MissingQuantityError
            When there is none; the message offers the nearest.
        """
        quantities = self.posteriors()
        try:
            return quantities[name]
        except KeyError:
            found = f"{self.called} has no quantity '{name}'"
            raise MissingQuantityError(found, advice=nearest(str(name), quantities)) from None

    def __contains__(self, name: object) -> bool:
        """Whether there is a quantity of that name."""
        return name in self.posteriors()

    def __iter__(self) -> Iterator[str]:
        """The names of the quantities."""
        return iter(self.posteriors())

    @property
    def prior(self) -> str:
        """The priors on mu and tau in words."""
        return prior_words(self.model)

    @property
    def data_label(self) -> str:
        """``"reconstructed"`` when any study was reconstructed, else ``"reported"`` (or ``"simulated"``)."""
        return self.effects.data_label
