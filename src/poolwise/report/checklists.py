"""Checklists of what a paper has to tell, each item filled from what ran, or marked missing; none is ticked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import pandas as pd

from poolwise.report.references import reference
from poolwise.report.said import Said

MISSING = "missing: to be told by the authors"


@final
@dataclass(frozen=True)
class Item:
    """An item of a checklist.

    Attributes
    ----------
    number : str
        As the checklist counts it.
    asks : str
        What is to be told, in our words.
    facts : tuple of str
        Names of the facts that answer it; without any it is the authors' to tell.
    """

    number: str
    asks: str
    facts: tuple[str, ...] = ()


PRISMA: tuple[Item, ...] = (
    Item("13a", "which studies were eligible for each synthesis, and how that was decided", ("eligible",)),
    Item("13b", "how the data were prepared: conversions, missing statistics", ("prepared",)),
    Item("13c", "how results of studies and syntheses are tabulated and drawn", ("shown",)),
    Item("13d", "how results were synthesised: model, heterogeneity, software", ("model", "priors", "computed")),
    Item("13e", "how causes of heterogeneity were explored", ("moderators",)),
    Item("13f", "which sensitivity analyses were made", ("sensitivity",)),
    Item("20a", "characteristics and risk of bias of the studies in each synthesis", ("characteristics",)),
    Item("20b", "results of every synthesis, with precision and heterogeneity", ("results",)),
    Item("20c", "results on causes of heterogeneity", ("moderators_found",)),
    Item("20d", "results of sensitivity analyses", ("sensitivity_found",)),
    Item("21", "risk of bias from missing results, for each synthesis", ("bias",)),
    Item("22", "certainty in the body of evidence for each outcome"),
)
BARG: tuple[Item, ...] = (
    Item("Preamble", "why the analysis is Bayesian, and what it is for"),
    Item("1", "the data: what the numbers are and their scale", ("data",)),
    Item("1", "the likelihood and its parameters", ("model",)),
    Item("1", "the prior distribution, and reasons for it", ("priors",)),
    Item("1", "a prior predictive check"),
    Item("2", "software", ("software",)),
    Item("2", "convergence and effective size of chains, or how else posteriors were computed", ("computed",)),
    Item("3", "a posterior predictive check"),
    Item("3", "summaries of the posterior: points and intervals", ("intervals", "results")),
    Item("3", "evidence or model probabilities, where models are compared", ("evidence",)),
    Item("4", "decisions: what was held against what, and the limits of practical equivalence", ("held",)),
    Item("5", "sensitivity to the prior", ("panel", "panel_found")),
    Item("6", "what is needed to repeat it: data, seeds, versions", ("repeated",)),
)
WAMBS: tuple[Item, ...] = (
    Item("1", "are the priors understood: what they say, where they come from", ("priors",)),
    Item("2", "do trace plots and diagnostics show convergence", ("chains",)),
    Item("3", "does convergence last when there are twice as many draws"),
    Item("4", "does the posterior rest on enough draws", ("chains",)),
    Item("5", "are the draws not too dependent", ("chains",)),
    Item("6", "does the posterior make sense in substance"),
    Item("7", "do other priors on variances change the results", ("panel", "panel_found")),
    Item("8", "does a prior that says little change the results", ("other_priors",)),
    Item("9", "are the results stable over sensitivity analyses", ("sensitivity_found",)),
    Item("10", "are results read and told in a Bayesian way", ("intervals",)),
)
LISTS: dict[str, tuple[str, str, tuple[Item, ...]]] = {
    "prisma_items.csv": ("PRISMA 2020, items 13 and 20 to 22", "prisma", PRISMA),
    "barg.csv": ("Bayesian Analysis Reporting Guidelines (BARG), by step", "barg", BARG),
    "wambs.csv": ("WAMBS: when to worry and how to avoid the misuse of Bayesian statistics", "wambs", WAMBS),
}
"""Title, key of the reference and items of each checklist, by the file of its table."""


def filled(items: Sequence[Item], facts: Mapping[str, str]) -> pd.DataFrame:
    """A checklist with what was told.

    Parameters
    ----------
    items : sequence of Item
    facts : mapping of str to str
        What ran, by name; an empty text is no fact.

    Returns
    -------
    DataFrame
        Columns item, asks, told (what ran, or that it is missing) and missing.
    """
    rows = []
    for item in items:
        told = " ".join(dict.fromkeys(facts[name] for name in item.facts if facts.get(name)))
        rows.append({"item": item.number, "asks": item.asks, "told": told or MISSING, "missing": not told})
    return pd.DataFrame(rows)


def title(name: str) -> str:
    """The title of a checklist with its source."""
    words, key, _ = LISTS[name]
    return f"{words} ({reference(key).short})"


def fact(sentences: Iterable[Said]) -> str:
    """Sentences as one fact, without what they cite: the page has it."""
    return " ".join(f"{one.text}." for one in sentences)
