"""Checklists of what a paper has to tell, each item filled from what ran, or marked missing; none is ticked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import pandas as pd

from poolwise.report.references import reference
from poolwise.report.said import Said

MISSING = "missing"


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
    add : str
        What would answer it where nothing that ran does.
    """

    number: str
    asks: str
    facts: tuple[str, ...] = ()
    add: str = ""


_REFITS = "prior_panel, leave_one_out, cumulative or specifications under [sensitivity] of the file"
_DECIDED = "needed only where a decision is made"
_COMPARED = "needed only where models are compared"
_PANEL = "prior_panel under [sensitivity] of the file"

PRISMA: tuple[Item, ...] = (
    Item(
        "13a",
        "how it was decided which studies belong to each synthesis",
        ("eligible",),
        "the rule, study by study where it was not plain; a flow of records in the coding protocol tells the numbers",
    ),
    Item(
        "13b",
        "what was done to the data before synthesis: conversions, missing statistics, several arms or outcomes",
        ("prepared",),
        "how each estimate and standard error was had from its report; a table of reported statistics or a coding "
        "protocol records it",
    ),
    Item("13c", "how results of single studies and of syntheses are tabulated and drawn", ("shown",)),
    Item(
        "13d",
        "how results were synthesised and why so: the model, how heterogeneity was found and measured, the software",
        ("model", "priors", "computed", "software"),
    ),
    Item(
        "13e",
        "how possible causes of heterogeneity were explored",
        ("moderators",),
        "subgroups or a regression, or that none was made",
    ),
    Item("13f", "which sensitivity analyses were made", ("sensitivity",), _REFITS),
    Item(
        "20a",
        "in short, the characteristics and the risk of bias of the studies in each synthesis",
        ("characteristics",),
        "both, by the authors' assessment",
    ),
    Item(
        "20b",
        "results of every synthesis: estimate, precision, heterogeneity; of groups compared the direction",
        ("results",),
    ),
    Item(
        "20c",
        "results of all that was done about causes of heterogeneity",
        ("moderators_found",),
        "those of subgroups or a regression, or that none was made",
    ),
    Item("20d", "results of all sensitivity analyses", ("sensitivity_found",), _REFITS),
    Item(
        "21",
        "the risk of bias from results that are missing, for each synthesis",
        ("bias",),
        "publication_bias under [sensitivity] of the file, and the authors' judgement of what was not reported",
    ),
    Item(
        "22",
        "the certainty of the body of evidence, for each outcome",
        add="the authors' assessment, such as one by GRADE",
    ),
)
# In our words. Up to 2D numbers and subjects were compared with table 1 of Kruschke 2021, and so were the titles of its
# six steps; 3A to 3C, 4D and 6D with others' accounts of it; the rest follows papers that number their answers by it,
# and what step 6 asks after its second letter is told together.
BARG: tuple[Item, ...] = (
    Item("Preamble A", "why the analysis is Bayesian, where readers need it", add="a sentence by the authors"),
    Item("Preamble B", "what the analysis is for", ("goal",)),
    Item("1A", "the variables: what is predicted, and from what", ("data",)),
    Item("1B", "likelihood and parameters, which of them matter, and how levels are nested", ("model",)),
    Item("1C", "the prior of every parameter, and the reasons for it", ("priors",)),
    Item("1D", "likelihood and prior as formulas or code", ("statement",)),
    Item("1E", "a prior predictive check", add="what checks.prior_predictive shows"),
    Item("2A", "the software", ("software",)),
    Item("2B", "that the chains have converged, for every parameter", ("chains", "without_chains")),
    Item("2C", "that there are draws enough: effective sample sizes", ("chains", "without_chains")),
    Item("2D", "without chains, how posteriors were computed and how exact that is", ("without_chains",)),
    Item("3A", "a posterior predictive check", add="what checks.posterior_predictive shows"),
    Item("3B", "points and intervals of the posterior, and which kind of interval", ("intervals", "results")),
    Item(
        "3C",
        "of models compared: Bayes factors, and posterior probabilities over a range of prior ones",
        ("evidence",),
        f"{_COMPARED}; evidence = true under [report] of the file gives the log evidence",
    ),
    Item(
        "4A",
        "why decisions are wanted, and by which rule, one that can accept no effect as well as reject it",
        add=_DECIDED,
    ),
    Item("4B", "the loss of each decision, where one is weighed", add=_DECIDED),
    Item(
        "4C",
        "the limits of practical equivalence, reasons for them, and the probability within that decides",
        ("held",),
        "rope under [report] of the file, with a reason",
    ),
    Item(
        "4D",
        "where Bayes factors decide: the threshold, and the least prior probability of a model that passes it",
        add=f"{_DECIDED} by Bayes factors",
    ),
    Item("4E", "the estimates, with their uncertainty, beside every decision", ("results",)),
    Item("5A", "of a prior meant to be broad: that others say much the same", ("panel", "panel_found"), _PANEL),
    Item(
        "5B",
        "of a prior from earlier research: how results change over what that research allows",
        add="needed only where a prior rests on earlier research",
    ),
    Item("5C", "of a default prior: how results change with its settings", ("panel", "panel_found"), _PANEL),
    Item("5D", "how Bayes factors and probabilities of models change with the priors", add=_COMPARED),
    Item("5E", "whether decisions change with the priors", ("panel_found",), _PANEL),
    Item("6A", "the software with its versions, and how to install it", ("software",)),
    Item("6B", "the script, complete, such that it runs as it is", ("repeated",)),
    Item(
        "6C to 6G",
        "what else another run needs, where readers can have it: code that people can read, data, seeds, draws",
        ("repeated",),
    ),
)
WAMBS: tuple[Item, ...] = (
    Item("1", "are the priors understood: what they say, where they come from", ("priors",)),
    Item("2", "do trace plots and diagnostics show convergence", ("chains", "without_chains")),
    Item(
        "3",
        "does convergence last when there are twice as many draws",
        ("no_chains",),
        "a run with twice the draws in [engines] of the file",
    ),
    Item("4", "is the histogram of the posterior fine enough", ("chains", "without_chains")),
    Item("5", "are the draws of a chain not too dependent", ("chains", "without_chains")),
    Item("6", "does the posterior make sense in substance", add="the authors' judgement"),
    Item("7", "do other priors on variances change the results", ("panel", "panel_found"), _PANEL),
    Item(
        "8",
        "does a prior that says little change the results",
        ("other_priors",),
        "a fit with a flat prior on the mean in [engines] of the file",
    ),
    Item("9", "are the results stable over sensitivity analyses", ("sensitivity_found",), _REFITS),
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
        Columns item, asks, told (what ran, or that it is missing and what would answer it) and missing.
    """
    rows = []
    for item in items:
        told = " ".join(dict.fromkeys(facts[name] for name in item.facts if facts.get(name)))
        rows.append({"item": item.number, "asks": item.asks, "told": told or missing(item), "missing": not told})
    return pd.DataFrame(rows)


def missing(item: Item) -> str:
    """The words of an item that nothing answers, with what would."""
    return f"{MISSING}: {item.add}" if item.add else MISSING


def title(name: str) -> str:
    """The title of a checklist with its source."""
    words, key, _ = LISTS[name]
    return f"{words} ({reference(key).short})"


def fact(sentences: Iterable[Said]) -> str:
    """Sentences as one fact, without what they cite: the page has it."""
    return " ".join(f"{one.text}." for one in sentences)
