"""The prior panel over many study tables: mu and tau under every prior on tau, in every table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from poolwise.checks.panel_subject import subject
from poolwise.checks.prior_panel.rows import panel_rows
from poolwise.checks.ranges.table import excluding, spread
from poolwise.effects import Effects
from poolwise.model import Model
from poolwise.prior_catalogue import Entry
from poolwise.priors import Prior

PREFIX = "panel, tau ~ "
WHATS = ("point", "lower", "upper", "p_above")


def panel_label(prior: Prior) -> str:
    """The label of the answers under one prior of the panel."""
    return f"{PREFIX}{prior}"


def panel_answers(
    tables: Sequence[Effects], model: Model, entries: Sequence[Entry], prob: float, first: int = 1
) -> pd.DataFrame:
    """What every table says of mu and tau under every prior of a panel.

    Parameters
    ----------
    tables : sequence of Effects
    model : Model
        Its prior on mu is kept, its prior on tau gives way to the panel.
    entries : sequence of Entry
        Priors on tau.
    prob : float
        Probability of the equal-tailed intervals.
    first : int
        Number of the first table.

    Returns
    -------
    DataFrame
        As `Ranges.answers`, one row for each prior, table and of mu and tau; only what is told of them is there, of tau
        its upper limit.
    """
    rows: list[dict[str, Any]] = []
    for number, effects in enumerate(tables, start=first):
        about = subject(effects, model, "mu")
        taus = [under.tau for under in (about.under(entry.prior) for entry in entries) if under.tau is not None]
        for entry, row in zip(entries, panel_rows(about, taus, prob), strict=True):
            of = {"label": panel_label(entry.prior), "table": number}
            mu = dict(zip(WHATS, (row["mu_point"], row["mu_lower"], row["mu_upper"], row["p_positive"]), strict=True))
            rows += [of | {"quantity": "mu"} | mu, of | {"quantity": "tau", "upper": row["tau_upper"]}]
    return pd.DataFrame(rows, columns=["label", "table", "quantity", *WHATS, "p_rope"])


def panel_frame(answers: pd.DataFrame, edge: pd.DataFrame, entries: Sequence[Entry], drawn: int) -> pd.DataFrame:
    """The panel over all tables, one row for each prior.

    Parameters
    ----------
    answers : DataFrame
        Of `panel_answers`, on the tables drawn and those found.
    edge : DataFrame
        The same on the table with equal weights; empty where there is none.
    entries : sequence of Entry
    drawn : int
        How many tables were drawn.

    Returns
    -------
    DataFrame
        See `Ranges.panel`.
    """
    rows = []
    for entry in entries:
        label = panel_label(entry.prior)
        mine, at_edge = answers[answers["label"] == label], edge[edge["label"] == label]
        mu, tau = mine[mine["quantity"] == "mu"], mine[mine["quantity"] == "tau"]
        sampled = mu[mu["table"] <= drawn]
        row: dict[str, Any] = {"prior": str(entry.prior), "name": entry.name, "source": entry.source}
        for what in WHATS:
            row |= spread(mu, what, drawn)
        row |= {f"tau_{name}": value for name, value in spread(tau, "upper", drawn).items()}
        row["excludes_0"] = float(((sampled["lower"] > 0.0) | (sampled["upper"] < 0.0)).mean())
        row["excludes"] = excluding(mu)
        for quantity, whats in (("mu", WHATS), ("tau", ("upper",))):
            known = at_edge[at_edge["quantity"] == quantity]
            prefix = "" if quantity == "mu" else "tau_"
            row |= {f"{prefix}{what}_edge": float(known[what].iloc[0]) if len(known) else np.nan for what in whats}
        rows.append(row)
    return pd.DataFrame(rows)
