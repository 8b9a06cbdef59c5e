"""Sentences with what they cite, and the fits that they are written from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from poolwise.quantities import Distribution
from poolwise.report.references import cited
from poolwise.result import Result


@final
@dataclass(frozen=True)
class Said:
    """A sentence of a paragraph, without its full stop, and what it cites.

    Attributes
    ----------
    text : str
    cites : tuple of str
        Keys of `references.REFERENCES`.
    """

    text: str
    cites: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The sentence with its works in brackets."""
        return f"{self.text}{cited(self.cites)}."


@final
@dataclass(frozen=True, eq=False)
class Told:
    """What the paragraphs on one study table are written from.

    Attributes
    ----------
    results : tuple of Result
        Every fit.
    main : Result
        The one that the results begin with.
    prob : float
        Probability of every interval.
    threshold : float
        What effects are held against, on the analysis scale.
    rope : tuple of float, optional
        Region of practical equivalence, on the analysis scale.
    also : tuple of Said
        What was run besides: the prior panel, refits, the panel on publication bias.
    found : tuple of Said
        What that found.
    """

    results: tuple[Result, ...]
    main: Result
    prob: float = 0.95
    threshold: float = 0.0
    rope: tuple[float, float] | None = None
    also: tuple[Said, ...] = ()
    found: tuple[Said, ...] = ()

    @property
    def posteriors(self) -> tuple[Result, ...]:
        """The results whose answers are posteriors."""
        return tuple(one for one in self.results if is_posterior(one))

    @property
    def frequentist(self) -> tuple[Result, ...]:
        """The others."""
        return tuple(one for one in self.results if not is_posterior(one))


def is_posterior(result: Result) -> bool:
    """Whether its answers are posteriors."""
    return isinstance(result[result.answers[0]], Distribution)


def paragraph(sentences: Iterable[Said]) -> str:
    """The sentences one after the other."""
    return " ".join(map(str, sentences))


def keys_of(sentences: Iterable[Said]) -> tuple[str, ...]:
    """Everything that they cite."""
    return tuple(dict.fromkeys(key for one in sentences for key in one.cites))
