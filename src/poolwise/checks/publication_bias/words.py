"""The verdict of the panel: the range of the answers, and what would overturn the unadjusted one."""

from __future__ import annotations

import pandas as pd

from poolwise import show
from poolwise.checks.publication_bias.methods import Asked

MOST_NAMED = 4  # assumptions in one sentence


def verdict(frame: pd.DataFrame, asked: Asked) -> str:
    """One sentence: the unadjusted answer, the range of the others, and the assumptions under which it falls.

    Parameters
    ----------
    frame : DataFrame
        Of a `PublicationBias`.
    asked : Asked
    """
    first = frame.iloc[0]
    others = frame[frame["role"].isin(("adjusted", "sensitivity")) & frame["point"].notna()]
    if others.empty:
        return f"No method has an answer to what publication bias does to the mean of {asked.effects.counted}."
    low, high = others.loc[others["point"].idxmin()], others.loc[others["point"].idxmax()]
    level = show.level(asked.prob)
    unadjusted = f"Unadjusted, mu is {show.number(first['point'])} {show.interval(first['lower'], first['upper'])}"
    return (
        f"{unadjusted} ({level} {first['interval']}); adjusted under {len(others)} models, {asked.direction} results "
        f"being likelier to be published, it lies between {show.number(low['point'])} ({_name(low)}) and "
        f"{show.number(high['point'])} ({_name(high)}), no method dominates, and {_overturned(first, others)}."
    )


def _overturned(first: pd.Series, others: pd.DataFrame) -> str:
    """What follows "and": under which assumptions the interval lies otherwise about 0 than the unadjusted one."""
    side = _side(first)
    known = others[others["lower"].notna()]
    falls = known[[_side(row) != side for _, row in known.iterrows()]]
    now = {0: "that 0 is not excluded", 1: "that it lies above 0", -1: "that it lies below 0"}[side]
    count = f"{len(falls)} of {len(known)} intervals"
    if falls.empty:
        return f"{now} stands under each of them"
    named = list(dict.fromkeys(f"{row['assumption']} ({_name(row)})" for _, row in falls.iterrows()))
    more = f"; or {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return f"{now} is overturned by {count}: if {'; if '.join(named[:MOST_NAMED])}{more}"


def _side(row: pd.Series) -> int:
    """1 where the interval lies above 0, -1 where it lies below, 0 where it holds it."""
    return 1 if row["lower"] > 0.0 else -1 if row["upper"] < 0.0 else 0


def _name(row: pd.Series) -> str:
    return f"{row['method']}, {row['variant']}" if row["variant"] else str(row["method"])
