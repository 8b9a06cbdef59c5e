"""The numbers that a forest plot draws, as a frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from poolwise import tables
from poolwise.effects import Effects
from poolwise.errors import InputError, nearest
from poolwise.quantities import Distribution, Quantity
from poolwise.result import Result

FOREST_COLUMNS = (
    "row",
    "result",
    "group",
    "label",
    "n",
    "weight",
    "raw",
    "raw_lower",
    "raw_upper",
    "point",
    "lower",
    "upper",
    "interval",
    "p_below_null",
    "p_in_rope",
    "prob",
    "data",
)
Block = dict[str, dict[Any, Any]]
_POOLED = {"mu": "mean", "theta_new": "new study", "tau": "tau", "I2": "I2"}


def forest_frame(
    result: Result,
    *,
    beside: Sequence[Result] = (),
    prob: float = 0.95,
    by: str | None = None,
    rope: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """Every number that `forest` draws or prints, on the analysis scale.

    Parameters
    ----------
    result : Result
        Whose studies and mean effect are shown.
    beside : sequence of Result
        Further results, whose mean effect and prediction are shown below.
    prob : float
        Probability of the intervals.
    by : str, optional
        ``"outcome"`` or a moderator: studies are put in blocks of equal value, in order of appearance.
    rope : tuple of float, optional
        Region of practical equivalence on the analysis scale.

    Returns
    -------
    DataFrame
        Columns row (``"study"``, ``"mean"``, ``"new study"``, ``"tau"``, ``"I2"``), result (its label),
        group, label, n, weight (a fraction), raw, raw_lower, raw_upper (the study's own estimate), point,
        lower, upper (shrunken study effect, or the quantity of that row), interval (its kind), p_below_null
        and p_in_rope (NaN unless the quantity is a posterior), prob, data. I2 is a fraction.

    Raises
    ------
    InputError
        When `by` names no moderator, the scales differ, or the region does not hold the null value.
    """
    null = result.effects.scale.null_value
    _check_beside(result, beside)
    _check_rope(rope, null)
    frames = [_study_rows(result, prob, by)]
    frames += [_pooled_rows(each, prob, null, rope) for each in (result, *beside)]
    return pd.concat(frames, ignore_index=True)[list(FOREST_COLUMNS)]


def blocks(frame: pd.DataFrame) -> list[Block]:
    """The rows of each result that are no studies, by what they are.

    Parameters
    ----------
    frame : DataFrame
        From `forest_frame`.

    Returns
    -------
    list of dict
        For each result, its rows by ``"mean"``, ``"new study"``, ``"tau"``, ``"I2"``, as far as it has them.
    """
    found: list[Block] = []
    for record in frame[frame["row"] != "study"].to_dict("records"):
        if record["row"] == "mean":
            found.append({})
        found[-1][record["row"]] = record
    return found


def _study_rows(result: Result, prob: float, by: str | None) -> pd.DataFrame:
    studies = tables.studies(result, prob=prob)
    shrunken = "tau" in result.quantities
    kinds = [quantity.interval_kind() for quantity in result.studies.values()]
    frame = pd.DataFrame(
        {
            "row": "study",
            "result": result.label,
            "group": _groups(result.effects, by),
            "label": list(result.effects.labels),
            "n": studies["n"],
            "weight": studies["weight"],
            "raw": studies["y"],
            "raw_lower": studies["y_lower"],
            "raw_upper": studies["y_upper"],
            "point": studies["theta"] if shrunken else np.nan,
            "lower": studies["theta_lower"] if shrunken else np.nan,
            "upper": studies["theta_upper"] if shrunken else np.nan,
            "interval": kinds[0] if shrunken and kinds else "",
            "p_below_null": np.nan,
            "p_in_rope": np.nan,
            "prob": prob,
            "data": studies["data"],
        }
    )
    order = {group: position for position, group in enumerate(dict.fromkeys(frame["group"]))}
    return frame.sort_values("group", key=lambda column: column.map(order), kind="stable")


def _pooled_rows(result: Result, prob: float, null: float | None, rope: tuple[float, float] | None) -> pd.DataFrame:
    rows = []
    for name, row in _POOLED.items():
        quantity = result.quantities.get(name)
        if quantity is None:
            continue
        lower, upper = quantity.interval(prob)
        effect = name in ("mu", "theta_new")
        rows.append(
            {
                "row": row,
                "result": result.label,
                "group": "",
                "label": result.label,
                "point": quantity.point,
                "lower": lower,
                "upper": upper,
                "interval": quantity.interval_kind(),
                "p_below_null": _below(quantity, null) if effect else math.nan,
                "p_in_rope": _within(quantity, rope) if effect else math.nan,
                "prob": prob,
                "data": result.data_label,
            }
        )
    return pd.DataFrame(rows, columns=list(FOREST_COLUMNS))  # NaN where a study alone has a number


def _below(quantity: Quantity, value: float | None) -> float:
    if value is None or not isinstance(quantity, Distribution):
        return math.nan
    return float(quantity.cdf(value))


def _within(quantity: Quantity, rope: tuple[float, float] | None) -> float:
    return math.nan if rope is None else _below(quantity, rope[1]) - _below(quantity, rope[0])


def _groups(effects: Effects, by: str | None) -> list[str]:
    if by is None:
        return [""] * effects.k
    if by in effects.moderators.columns:
        values = effects.moderators[by]
        return [f"{by} not given" if pd.isna(value) else str(value) for value in values]
    if by == "outcome":
        return [outcome or "outcome not given" for outcome in effects.outcome]
    known = ["outcome", *(str(column) for column in effects.moderators.columns)]
    raise InputError(f"by='{by}' names no moderator", "'outcome' or a moderator", nearest(by, known))


def _check_beside(result: Result, beside: Sequence[Result]) -> None:
    if isinstance(beside, Result):
        raise InputError("beside is a single result", "a tuple of results", "beside=(reml,)")
    scale = result.effects.scale
    others = [f"'{other.label}' is in {other.effects.scale}" for other in beside if other.effects.scale != scale]
    if others:
        raise InputError(", ".join(others), f"every result in {scale}, like '{result.label}'")


def _check_rope(rope: tuple[float, float] | None, null: float | None) -> None:
    if rope is None:
        return
    if len(rope) != 2 or not rope[0] < rope[1]:
        raise InputError(f"rope = {rope!r}", "a lower and a higher limit", "rope=(-0.1, 0.1)")
    if null is not None and not rope[0] <= null <= rope[1]:
        raise InputError(
            f"rope = {rope!r} does not hold the null value {null:g} of the analysis scale",
            "limits on the analysis scale",
            "logarithms for a ratio: rope=(log(0.9), log(1.1)) = (-0.105, 0.095)",
        )
