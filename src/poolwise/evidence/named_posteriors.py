"""What every average over models answers by the names of its quantities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar

import pandas as pd

from poolwise import reading, show
from poolwise.density_strip import together
from poolwise.effects import Effects
from poolwise.errors import MissingQuantityError, nearest
from poolwise.evidence.mixed_law import sides
from poolwise.model import RandomEffects, prior_words
from poolwise.quantities import Posterior
from poolwise.reading import digits, mean_words, reading_scale
from poolwise.scale import Scale
from poolwise.settings import check_prob

PROB = 0.95  # of the intervals that sentences tell


class NamedPosteriors(ABC):
    """Posteriors over several models of one study table, by name.

    Attributes
    ----------
    called : str
        Words for the average in messages.
    exactly : str
        The column of `to_frame` for the probability of a single value.
    effects : Effects
    model : RandomEffects
        The priors on mu and tau where they are unknown, explicit.
    conditional : mapping of str to Posterior
        Each quantity over the models alone that leave it unknown.
    """

    called: ClassVar[str]
    exactly: ClassVar[str]
    effects: Effects
    model: RandomEffects
    conditional: Mapping[str, Posterior]

    @abstractmethod
    def posteriors(self) -> Mapping[str, Posterior]:
        """The quantities over all models."""

    @abstractmethod
    def to_frame(self, *, prob: float = 0.95) -> pd.DataFrame:
        """Averaged and conditional posteriors side by side, two rows for each quantity."""

    @abstractmethod
    def unknown_before(self, name: str) -> float:
        """The prior probability of the models that leave mu, or tau, unknown."""

    def frame_of(self, prob: float, averaged: str, given: Mapping[str, str]) -> pd.DataFrame:
        """`to_frame`, of an average in these words and of what each conditional posterior is given."""
        check_prob(prob)
        rows = []
        for name, quantity in self.posteriors().items():
            for words, posterior in ((averaged, quantity), (given[name], self.conditional[name])):
                rows.append(self._row(name, words, posterior, prob))
        return pd.DataFrame(rows)

    def _row(self, name: str, over: str, posterior: Posterior, prob: float) -> dict[str, object]:
        lower, upper = posterior.interval(prob)
        below, at, above = sides(posterior.law)
        return {
            "quantity": name,
            "posterior": over,
            "point": posterior.point,
            "mean": posterior.mean,
            "sd": posterior.sd,
            "lower": lower,
            "upper": upper,
            "prob": prob,
            "interval": posterior.interval_kind(),
            "p_below": below,
            self.exactly: at,
            "p_above": above,
            "prior": self.prior,
            "data": self.data_label,
        }

    def rows_in_words(self) -> list[tuple[str, ...]]:
        """The rows of `to_frame` as a card has them, with the column of what may be exactly a value last."""
        return [
            (
                show.symbol(row["quantity"]),
                row["posterior"],
                show.number(row["point"]),
                show.interval(row["lower"], row["upper"]),
                show.chance(row[self.exactly]) if row[self.exactly] > 0.0 else show.NOTHING,
            )
            for _, row in self.to_frame().iterrows()
        ]

    def strips(self) -> str:
        """Densities of mu and tau for a card."""
        priors = self.model.named_priors
        return together(
            reading.strip(self.effects, name, self[name], priors.get(name), share=self.unknown_before(name))
            for name in ("mu", "tau")
        )

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

    @property
    def mean_words(self) -> str:
        """The mean effect in a sentence, on the scale on which it is read: ``"the mean risk ratio"``, ``"mu"``."""
        return mean_words("mu", self.effects.scale)

    @property
    def null(self) -> str:
        """The value of no effect where it is read: ``"1"`` of a ratio, ``"0"``."""
        return f"{float(self.effects.scale.back(0.0)):g}"

    def told(self, name: str, posterior: Posterior) -> str:
        """The median and the interval of a posterior as the rest of a sentence, of an effect on the reading scale."""
        return summary_words(posterior, "mu" if name == "theta_new" else name, self.effects.scale)


def told_on(scale: Scale) -> str:
    """The scale of a standard deviation in brackets, where effects are read on another one; else empty."""
    return "" if scale.transform == "identity" else f" ({scale.label})"


def summary_words(posterior: Posterior, name: str, scale: Scale) -> str:
    """The median and the 95 % interval of a posterior as the rest of a sentence.

    Parameters
    ----------
    posterior : Posterior
    name : str
        Of the quantity: a mean effect is told on the reading scale.
    scale : Scale

    Returns
    -------
    str
    """
    told = reading_scale(name, scale)
    point, lower, upper = told.back([posterior.point, *posterior.interval(PROB)]).tolist()
    kind = f"{show.level(PROB)} {show.kind(posterior.interval_kind())}"
    return (
        f"has the median {show.number(point, digits(told))} and the {kind} {show.interval(lower, upper, digits(told))}"
    )
