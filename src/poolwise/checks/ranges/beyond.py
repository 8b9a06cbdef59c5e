"""What is asked beyond the tables drawn: extremes found by search, the table with equal weights, a prior panel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import pandas as pd

from poolwise.checks.ranges.answers import Answered, Asked, Rope, answered, fitted
from poolwise.checks.ranges.panel import panel_answers, panel_frame
from poolwise.effects import Effects
from poolwise.model import Model
from poolwise.prior_catalogue import Entry
from poolwise.result import Result

AGREE = 0.002  # two searches that end this close have found the same
_WHATS = ("point", "lower", "upper", "p_above", "p_rope")
Search = Callable[[pd.DataFrame, Sequence[Answered]], tuple[Sequence[Effects], pd.DataFrame]]


@final
@dataclass(frozen=True, eq=False)
class Beyond:
    """What is asked beyond the tables drawn.

    Attributes
    ----------
    search : callable, optional
        Given the answers on the tables drawn (as `Ranges.answers`, the panel's among them) and the fits, gives the
        tables found and the frame of searches.
    edge : Effects, optional
        The table with equal weights.
    priors : tuple of Entry
        Priors on tau of a panel; none for no panel.
    model : Model, optional
        The model whose prior on tau the panel replaces.
    """

    search: Search | None = None
    edge: Effects | None = None
    priors: tuple[Entry, ...] = ()
    model: Model | None = None


@final
@dataclass(frozen=True, eq=False)
class Extra:
    """What came of it.

    Attributes
    ----------
    fits : list of list of Result
        For each fit its results on the tables found.
    searches : DataFrame
        As the search gave it.
    edge : DataFrame
        Answers of every fit on the table with equal weights.
    panel, of_panel : DataFrame
        The panel over all tables, and its answers table by table.
    """

    fits: list[list[Result]]
    searches: pd.DataFrame = field(repr=False)
    edge: pd.DataFrame = field(repr=False)
    panel: pd.DataFrame = field(repr=False)
    of_panel: pd.DataFrame = field(repr=False)


def beyond(
    every: list[Effects],
    whole: Sequence[Asked],
    answers: Sequence[Answered],
    asked: Beyond,
    *,
    prob: float,
    rope: Rope,
    tell: Callable[[str], None],
) -> Extra:
    """Search, and fit what was found and the table with equal weights.

    Parameters
    ----------
    every : list of Effects
        The tables drawn.
    whole : sequence of Asked
        The fits, their priors not yet made for a table.
    answers : sequence of Answered
        What these answer on the tables drawn.
    asked : Beyond
    prob : float
        Probability of the intervals.
    rope : tuple of float, optional
        Region of practical equivalence.
    tell : callable
        Told what begins, in words.
    """
    of_panel, at_edge = pd.DataFrame(), pd.DataFrame()
    model, entries = asked.model, asked.priors
    if model is not None and entries:
        tell(f"prior panel, {len(entries)} priors, {len(every)} tables")
        of_panel = panel_answers(every, model, entries, prob)
    extremes: Sequence[Effects] = ()
    searches = pd.DataFrame()
    if asked.search is not None:
        tell("search for the extremes")
        known = pd.concat(
            [answer.rows.assign(label=answer.asked.label) for answer in answers] + [of_panel], ignore_index=True
        )
        extremes, searches = asked.search(known, answers)
        tell(f"every fit on the {len(extremes)} tables found")
    fits = [fitted(extremes, question) for question in whole]
    edge = _edge(asked.edge, whole, answers, prob, rope)
    if model is not None and entries:
        of_panel = pd.concat([of_panel, panel_answers(extremes, model, entries, prob, len(every) + 1)])
        if asked.edge is not None:
            at_edge = panel_answers([asked.edge], model, entries, prob)
    panel = panel_frame(of_panel, at_edge, entries, len(every)) if len(of_panel) else of_panel
    return Extra(fits, searches, edge, panel, of_panel)


def _edge(
    effects: Effects | None, whole: Sequence[Asked], answers: Sequence[Answered], prob: float, rope: Rope
) -> pd.DataFrame:
    if effects is None:
        return pd.DataFrame()
    rows = [
        answered(fitted([effects], question), question, prob, rope).rows.assign(label=answer.asked.label)
        for question, answer in zip(whole, answers, strict=True)
    ]
    return pd.concat(rows, ignore_index=True)


def with_edge(frame: pd.DataFrame, edge: pd.DataFrame) -> pd.DataFrame:
    """The frame of ranges with what the table with equal weights says, NaN where there is none."""
    if edge.empty:
        return frame.assign(**{f"{what}_edge": np.nan for what in _WHATS})
    columns = edge[["label", "quantity", *_WHATS]].rename(columns={what: f"{what}_edge" for what in _WHATS})
    return frame.merge(columns, on=["label", "quantity"], how="left", validate="one_to_one")


def searched(searches: pd.DataFrame, answers: pd.DataFrame, drawn: int) -> pd.DataFrame:
    """The frame of searches with what the engines themselves answer on the tables found.

    Parameters
    ----------
    searches : DataFrame
        As the search gave it: ``value`` is what it steered by, ``table`` counts the tables found from 0.
    answers : DataFrame
        Of every fit on every table.
    drawn : int
        Number of tables drawn, which come first.
    """
    if searches.empty:
        return searches
    rows = []
    of_fit = {key: frame.set_index("table") for key, frame in answers.groupby(["label", "quantity"], sort=False)}
    for row in searches.to_dict("records"):
        number = drawn + int(row["table"]) + 1
        values = of_fit[row["fit"], row["quantity"]][row["what"]]
        best = float(values.min() if row["end"] == "low" else values.max())
        value = float(values.loc[number])
        rows.append(row | {"value": value, "beaten": abs(best - value), "table": number})
    names = [name for name in searches.columns if name != "table"]
    return pd.DataFrame(rows)[[*names, "beaten", "table"]]
