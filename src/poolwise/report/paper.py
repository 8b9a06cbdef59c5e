"""Methods and results in words that can be pasted into a paper, written from the fits that ran."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from poolwise.errors import InputError, shown
from poolwise.report.paper_methods import methods
from poolwise.report.paper_results import results as found_in
from poolwise.report.references import listed
from poolwise.report.said import Told, is_posterior, keys_of, paragraph
from poolwise.result import Result, check_result
from poolwise.settings import check_prob


@final
@dataclass(frozen=True)
class InWords:
    """What ran and what it found, in sentences of the past tense, and the works that they cite.

    Attributes
    ----------
    methods, results : str
        A paragraph each.
    references : tuple of str
        Works by the alphabet, with DOI.
    """

    methods: str
    results: str
    references: tuple[str, ...]

    def __str__(self) -> str:
        """Both paragraphs and the list, as plain text."""
        return "\n\n".join((self.methods, self.results, "\n".join(self.references)))


def in_words(
    *results: Result, prob: float = 0.95, threshold: float = 0.0, rope: tuple[float, float] | None = None
) -> InWords:
    """A methods paragraph, a results paragraph and references for fits of one study table.

    Parameters
    ----------
    *results : Result
        Fits of one study table. The results paragraph begins with the first that has posteriors.
    prob : float
        Probability of the intervals.
    threshold : float
        What effects are held against, on the analysis scale.
    rope : tuple of float, optional
        Region of practical equivalence on the analysis scale.

    Returns
    -------
    InWords
        Sentences on what ran only: of a closed-form fit no prior is told, of an exact one no chain.

    Raises
    ------
    InputError
        For what is no result, none, or fits of several study tables.

    Notes
    -----
    95 % and no effect are the defaults, as everywhere here.

    References
    ----------
    Page et al. 2021, BMJ 372:n71, 10.1136/bmj.n71, items 13 and 20, and Kruschke 2021, Nature Human Behaviour 5:1282,
    10.1038/s41562-021-01177-7, on what is to be told.

    Examples
    --------
    >>> import poolwise as pw
    >>> from poolwise.report import in_words
    >>> words = in_words(pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact()))
    >>> words.results.split(", and ")[0].replace("\xa0", " ")[:90]
    'Across 13 studies, the mean effect was a risk ratio of 0.49 (95 % credible interval 0.33 t'
    """
    if not results:
        raise InputError("in_words was given no result", "one Result or more", "in_words(pw.fit(effects, model))")
    checked = tuple(check_result("in_words", one) for one in results)
    check_prob(prob)
    if len({one.effects.data_hash for one in checked}) > 1 and len({one.effects.title for one in checked}) > 1:
        titles = ", ".join(shown(one.effects.title) for one in checked)
        raise InputError(f"in_words was given fits of several study tables: {titles}", "fits of one study table")
    main = next((one for one in checked if is_posterior(one)), checked[-1])
    return written(Told(checked, main, prob, threshold, rope))


def written(told: Told) -> InWords:
    """The paragraphs on what was told."""
    how, found = methods(told), found_in(told)
    return InWords(paragraph(how), paragraph(found), with_source(told.main.effects.citation, keys_of((*how, *found))))


def with_source(citation: str, keys: Iterable[str]) -> tuple[str, ...]:
    """The list of references, that of the data among them."""
    return tuple(sorted(filter(None, {citation, *listed(keys)}), key=str.casefold))
