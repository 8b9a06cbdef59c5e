"""The verdict of the panel: the range of the answers, and what would overturn the unadjusted one."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from poolwise import show
from poolwise.checks.publication_bias.methods import Asked
from poolwise.scale import Scale

Row = Mapping[Hashable, Any]
MOST_NAMED = 4  # assumptions in one sentence
SIDES = {1: "lies above", -1: "lies below", 0: "holds"}


def in_short(frame: pd.DataFrame, scale: Scale) -> str:
    """One short sentence, on the reading scale: the range of the answers, and how many intervals hold the null value.

    Parameters
    ----------
    frame : DataFrame
        Of a `PublicationBias`.
    scale : Scale
    """
    rows = [row for row in frame.to_dict("records") if not math.isnan(row["point"])]
    others = [row for row in rows if row["role"] in ("adjusted", "sensitivity")]
    if not others:
        return "Publication bias: no method has an answer on this table, which does not say that there is none."
    low, high = (_natural(extreme(row["point"] for row in others), scale) for extreme in (min, max))
    plain = [f" (unadjusted {_natural(row['point'], scale)})" for row in rows if row["role"] == "unadjusted"]
    known = [row for row in others if not math.isnan(row["lower"])]
    holding = sum(_side(row) == 0 for row in known)
    return (
        f"Publication bias: by {_counted(others)} {_what(scale)} lies between {low} and {high}{''.join(plain[:1])}; "
        f"{holding} of {len(known)} intervals include {_null(scale)}. No method dominates."
    )


def verdict(frame: pd.DataFrame, asked: Asked) -> str:
    """The unadjusted answer, the range of the others, and what would overturn it: one sentence on the reading scale.

    Parameters
    ----------
    frame : DataFrame
        Of a `PublicationBias`.
    asked : Asked
    """
    rows = [row for row in frame.to_dict("records") if not math.isnan(row["point"])]
    plain = [row for row in rows if row["role"] == "unadjusted"]
    others = [row for row in rows if row["role"] in ("adjusted", "sensitivity")]
    if not others:
        return (
            f"No method has an answer to what publication bias does to the mean of {asked.effects.counted}, which does "
            "not say that it does nothing."
        )
    low, high = min(others, key=lambda row: row["point"]), max(others, key=lambda row: row["point"])
    scale = asked.effects.scale
    reach = (
        f"By {_counted(others)}, {asked.direction} results being likelier to be published, it lies between "
        f"{_end(low, asked)} and {_end(high, asked)}; no method dominates"
    )
    if not plain:
        return f"There is no unadjusted mean. {reach}."
    first = plain[0]
    limits = show.interval(*scale.back([first["lower"], first["upper"]]).tolist())
    kind = f"{show.level(asked.prob)} {show.kind(first['interval'])}"
    unadjusted = f"{_what(scale)} is {_natural(first['point'], scale)} {limits}, {kind}"
    return f"Unadjusted, {unadjusted}. {reach}. {_overturned(first, others, _ratio(frame), _null(scale))}."


def _what(scale: Scale) -> str:
    """The mean in words of the reading scale."""
    return "the mean effect" if scale.transform == "identity" else f"the mean {scale.natural_label}"


def _natural(value: float, scale: Scale) -> str:
    return show.number(float(scale.back(value)))


def _null(scale: Scale) -> str:
    """The value of no effect on the reading scale."""
    return f"{float(scale.back(0.0)):g}"


def _counted(others: Sequence[Row]) -> str:
    return "one other answer" if len(others) == 1 else f"{len(others)} other answers"


def _end(row: Row, asked: Asked) -> str:
    """An end of the range with the method that it is of, and whether no study has found as much."""
    y, point = asked.effects.y, row["point"]
    beyond = "" if y.min() <= point <= y.max() else ", beyond every estimate"
    return f"{_natural(point, asked.effects.scale)} ({name(row)}{beyond})"


def _ratio(frame: pd.DataFrame) -> float:
    """The S-value of the interval's limit; NaN where there is none."""
    limit = frame[(frame["method"] == "S-value") & (frame["variant"] == "interval's limit")]
    return float(limit["value"].iloc[0]) if len(limit) else math.nan


def _overturned(first: Row, others: Sequence[Row], ratio: float, null: str) -> str:
    """Under which assumptions the interval lies otherwise about 0 than the unadjusted one."""
    side = _side(first)
    known = [row for row in others if not math.isnan(row["lower"])]
    falls = [row for row in known if _side(row) != side]
    plain = f"Unadjusted, the interval {SIDES[side]} {null}"
    if not falls:
        return f"{plain}, and so it does by each of the {len(known)} that has an interval"
    by_assumption: dict[str, list[str]] = {}
    for row in falls:
        by_assumption.setdefault(row["assumption"], []).append(name(row))
    named = [f"{assumption} ({', '.join(names)})" for assumption, names in by_assumption.items()]
    told = "; or if ".join(named[:MOST_NAMED])
    if len(named) > MOST_NAMED:
        told += f"; or under {len(named) - MOST_NAMED} more of these assumptions"
    if 1.0 < ratio < math.inf and side:
        told += (
            f"; significant results would have to be {show.number(ratio, 2)} times as likely published as others "
            "(S-value of the limit)"
        )
    return f"{plain}, which {len(falls)} of {len(known)} other intervals do not: that is overturned if {told}"


def _side(row: Row) -> int:
    """1 where the interval lies above 0, -1 where it lies below, 0 where it holds it."""
    return 1 if row["lower"] > 0.0 else -1 if row["upper"] < 0.0 else 0


def name(row: Row) -> str:
    """The method with its variant: ``"PSMA average, given an effect"``."""
    return f"{row['method']}, {row['variant']}" if row["variant"] else str(row["method"])
