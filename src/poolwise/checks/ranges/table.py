"""Ranges as rows: lowest, median and highest of every answer, and the words for them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.checks.ranges import words
from poolwise.checks.ranges.answers import Answered, about_zero
from poolwise.design import column_of
from poolwise.effects import Effects
from poolwise.model import Model

_ENDS = ("low", "median", "high")


def span(row: Any, what: str) -> str:
    """Lowest to highest over the tables, with the median in brackets: ``"−0.12 to 0.02 (−0.06)"``."""
    low, middle, high = (words.plain(row[f"{what}_{end}"], 2) for end in _ENDS)
    return low if low == high else f"{low} to {high} ({middle})"


def reach(row: Any) -> str:
    """The lowest lower to the highest upper limit over the tables: ``"−0.57 to 0.30"``."""
    return f"{words.plain(row['lower_low'], 2)} to {words.plain(row['upper_high'], 2)}"


def tables_excluding(row: Any) -> str:
    """In how many tables the interval excludes 0: ``"199 of 200"``; a dash where the question does not arise.

    Where extremes were searched for the answer is about all tables, ``"in all"``, ``"in none"``, and only where it
    depends on the table the number of those drawn is given.
    """
    if math.isnan(row["excludes_0"]):
        return show.NOTHING
    drawn = f"{round(row['excludes_0'] * row['tables'])} of {row['tables']}"
    if not row["found"]:
        return drawn
    return {"above": "in all", "below": "in all", "none": "in none"}.get(row["excludes"], f"depends ({drawn} drawn)")


def division(tables: Iterable[Effects], factor: str) -> str:
    """How many studies each level of a factor has over the tables, in words; empty without a factor."""
    return words.levels(level_counts(list(tables), factor), factor)


def main_label(frame: pd.DataFrame) -> str:
    """The label of the fit that the sentences are about: the first exact one, or else the first."""
    exact = frame.loc[frame["engine"] == "exact", "label"]
    return str(exact.iloc[0] if len(exact) else frame["label"].iloc[0])


def range_rows(answer: Answered, prob: float, data: str, drawn: int) -> list[dict[str, Any]]:
    """Rows of the frame of ranges for one fit, one for each quantity.

    Parameters
    ----------
    answer : Answered
        On the tables drawn and, after them, on those found by search.
    prob : float
        Probability of the intervals.
    data : str
        What the tables are.
    drawn : int
        How many tables were drawn; medians and shares are of these alone.
    """
    rows = []
    for name, of_name in answer.rows.groupby("quantity", sort=False):
        about = about_zero(str(name))
        sampled = of_name[of_name["table"] <= drawn]
        row: dict[str, Any] = {
            "label": answer.asked.label,
            "model": answer.asked.model.label,
            "engine": answer.engine,
            "quantity": name,
            "tables": int(sampled["point"].notna().sum()),
            "found": int(of_name["table"].nunique() - sampled["table"].nunique()),
        }
        for what in ("point", "lower", "upper"):
            row |= spread(of_name, what, drawn)
        row |= _sides(sampled) if about else dict.fromkeys(_SHARES, np.nan)
        row["excludes"] = excluding(of_name) if about else ""
        for what in ("p_above", "p_rope"):
            row |= spread(of_name, what, drawn)
        rows.append(
            row
            | {
                "prob": prob,
                "interval": answer.kinds[str(name)],
                "prior": answer.prior,
                "status": answer.status,
                "data": data,
            }
        )
    return rows


_SHARES = ("excludes_0", "all_above", "all_below")


def spread(rows: pd.DataFrame, what: str, drawn: int) -> dict[str, float]:
    """Lowest and highest of one number over all tables, and its median over those drawn."""
    known = rows[["table", what]].dropna()
    if known.empty:
        return {f"{what}_{end}": np.nan for end in _ENDS}
    middle = known.loc[known["table"] <= drawn, what].median()
    return {f"{what}_low": known[what].min(), f"{what}_median": middle, f"{what}_high": known[what].max()}


def excluding(rows: pd.DataFrame) -> str:
    """Whether the intervals of all tables lie above or below 0 or include it: above, below, none; else some."""
    known = rows.dropna(subset=["lower", "upper"])
    above, below = (known["lower"] > 0.0), (known["upper"] < 0.0)
    if above.all() or below.all():
        return "above" if above.all() else "below"
    return "some" if (above | below).any() else "none"


def _sides(rows: pd.DataFrame) -> dict[str, float]:
    known = rows.dropna(subset=["lower", "upper"])
    if known.empty:
        return dict.fromkeys(_SHARES, np.nan)
    above, below = float((known["lower"] > 0.0).mean()), float((known["upper"] < 0.0).mean())
    return {"excludes_0": above + below, "all_above": above, "all_below": below}


def factor_of(model: Model, every: Sequence[Effects]) -> str:
    """The column of words that divides the studies, if the model has one."""
    column = getattr(model, "by", None)
    columns = every[0].moderators
    wanted = [column] if column else list(getattr(model, "moderators", ()))
    return next((name for name in wanted if name in columns and columns[name].dtype.kind not in "if"), "")


def level_counts(every: Sequence[Effects], factor: str) -> pd.DataFrame:
    """How many studies each level has over the tables, and in how many tables it has just one."""
    names = ["level", "fewest", "median", "most", "tables_with_one"]
    if not factor:
        return pd.DataFrame(columns=names)
    columns = [column_of(effects, factor).astype(str).value_counts() for effects in every]
    counts = pd.DataFrame(columns).fillna(0).astype(int)
    rows = [
        (level, int(n.min()), float(n.median()), int(n.max()), int((n == 1).sum()))
        for level, n in ((level, counts[level]) for level in sorted(counts.columns))
    ]
    return pd.DataFrame(rows, columns=names)
