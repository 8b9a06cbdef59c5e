"""What a range of answers says, in sentences: one for each contrast, one for the levels, one for NUTS."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from poolwise import show

_CONTRAST = re.compile(r"mu\[(.*)\] - mu\[(.*)\]")

_NOTHING = 1e-9


def contrasts(names: list[str]) -> list[str]:
    """The quantities that answer the question: contrasts, else slopes, else the mean effect."""
    found = [name for name in names if " - " in name]
    found = found or [name for name in names if name.startswith("beta[") and name != "beta[intercept]"]
    return found or [name for name in names if name == "mu"]


def short(name: str) -> str:
    """``"custodial − community"`` of a contrast; other names as they are.

    Examples
    --------
    >>> short("mu[custodial] - mu[community]")
    'custodial − community'
    """
    parts = _CONTRAST.fullmatch(name)
    return f"{parts[1]} − {parts[2]}" if parts else name


def verdict(row: Mapping[Any, Any], factor: str) -> str:
    """What the range of one contrast says and what it does not.

    Parameters
    ----------
    row : mapping
        A row of `Ranges.frame`.
    factor : str
        What the studies are divided by; empty when they are not.

    Returns
    -------
    str
        One sentence.
    """
    tables, excluding = int(row["tables"]), round(row["excludes_0"] * row["tables"])
    made = row["data"] == "reconstructed"
    many, told = (f"{tables} reconstructed tables", "published figures") if made else (f"{tables} tables", "tables")
    kind = f"{show.level(row['prob'])} {'credible' if 'credible' in row['interval'] else 'confidence'} interval"
    reach = f"the estimate runs {_run(row, 'point')}, the limits reach from {_limits(row)}"
    if not math.isnan(row["p_above_low"]):
        reach += f", P(> 0) {_chances(row)}"
    head = f"{short(str(row['quantity']))} ({row['label']}): "
    if excluding == 0:
        by = f" by {factor}" if factor else ""
        none = f"neither show a difference{by} nor rule one out" if " - " in row["quantity"] else "do not tell the sign"
        return f"{head}in none of {many} does the {kind} exclude 0; {reach}; so the {told} {none}."
    sides = [side for side in ("above", "below") if row[f"all_{side}"] > 0]
    if excluding == tables and len(sides) == 1:
        return (
            f"{head}in every one of {many} the {kind} lies {sides[0]} 0; {reach}; so the {told} tell the sign under "
            "this model, whichever of the tables is the true one."
        )
    others = ", in the others not" if excluding < tables else ", on either side"
    return (
        f"{head}in {excluding} of {many} ({show.percent(excluding / tables)}) the {kind} excludes 0{others}; "
        f"{reach}; so the {told} do not settle it: the answer depends on which table is the true one."
    )


def plain(value: float, digits: int) -> str:
    """A number for a range: rounding errors about 0 are 0."""
    return show.number(0.0 if abs(value) < _NOTHING else value, digits)


def _run(row: Mapping[Any, Any], what: str) -> str:
    low, high = (plain(row[f"{what}_{end}"], 2) for end in ("low", "high"))
    return f"from {low} to {high}" if low != high else f"at {low}"


def _limits(row: Mapping[Any, Any]) -> str:
    return f"{plain(row['lower_low'], 2)} to {plain(row['upper_high'], 2)}"


def _chances(row: Mapping[Any, Any]) -> str:
    low, high = (show.chance(row[f"p_above_{end}"]) for end in ("low", "high"))
    return f"from {low} to {high}" if low != high else f"at {low}"


def levels(frame: pd.DataFrame, factor: str) -> str:
    """How many studies each level has over the tables; empty without levels."""
    if frame.empty:
        return ""
    words = []
    for row in frame.to_dict("records"):
        fewest, middle, most = row["fewest"], row["median"], row["most"]
        words.append(
            f"{row['level']} {fewest}" if fewest == most else f"{row['level']} {fewest} to {most} (median {middle:g})"
        )
    varies = bool((frame["fewest"] != frame["most"]).any())
    why = "; how many is not published, so it varies over the tables" if varies else ""
    return f"Studies by {factor}: {', '.join(words)}{why}."


def nuts(frame: pd.DataFrame) -> str:
    """How far NUTS is from the exact engine; empty when it was not asked for."""
    if frame.empty:
        return ""
    apart = frame[["mean_apart", "q2.5_apart", "q97.5_apart"]].to_numpy().max(initial=0.0, where=_known(frame))
    tables, divergences = frame["table"].nunique(), int(frame.groupby("table")["divergences"].first().sum())
    return (
        f"NUTS on {tables} of the tables: means and limits at most {apart:.1f} Monte Carlo standard errors from the "
        f"exact ones on the same tables, {divergences} divergences, R-hat at most {frame['r_hat'].max():.3f}."
    )


def _known(frame: pd.DataFrame) -> Any:
    return frame[["mean_apart", "q2.5_apart", "q97.5_apart"]].notna().to_numpy()
