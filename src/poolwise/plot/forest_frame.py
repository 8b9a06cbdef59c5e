"""The numbers that a forest plot draws, as a frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from poolwise import tables
from poolwise.effects import Effects
from poolwise.errors import InputError, nearest, shown
from poolwise.quantities import Distribution, Quantity, convention
from poolwise.result import Result, check_result
from poolwise.settings import as_number, check_instance
from poolwise.show import is_contrast

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
    "fitted",
    "interval",
    "p_below_null",
    "p_in_rope",
    "prob",
    "data",
)
Block = dict[str, dict[Any, Any]]
_POOLED = {"mu": "mean", "theta_new": "new study", "tau": "tau", "I2": "I2"}
_OF_GROUP = {"mu": "mean", "theta_new": "new study", "tau": "tau"}
_NAMED = ("coefficient", "contrast")  # rows whose label is the name of a quantity
_COEFFICIENTS = ("beta[", "gamma[")


def forest_frame(
    result: Result,
    *,
    beside: Sequence[Result] = (),
    prob: float = 0.95,
    by: str | None = None,
    rope: tuple[float, float] | None = None,
    threshold: float = 0.0,
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
        ``"outcome"`` or a moderator: studies are put in blocks of equal value, in order of appearance. Subgroups and
        joint outcomes have their own groups when left out.
    rope : tuple of float, optional
        Region of practical equivalence on the analysis scale.
    threshold : float
        On the analysis scale, what ``p_below_null`` of mean effects is about instead of the null value.

    Returns
    -------
    DataFrame
        Columns row (``"study"``, ``"mean"``, ``"new study"``, ``"tau"``, ``"I2"``, ``"coefficient"``, ``"contrast"``:
        a difference between two groups' means), result (its
        label), group (of a study, or of the subgroup or outcome whose mean it is), label, n, weight (a fraction), raw,
        raw_lower, raw_upper (the study's own estimate), point, lower, upper (shrunken study effect, or the quantity of
        that row), fitted (mean effect at the study's own moderators, where there are any), interval (its kind),
        p_below_null (of coefficients and contrasts always below 0) and p_in_rope (NaN unless the quantity is a
        posterior), prob, data. I2 is a fraction.

    Raises
    ------
    InputError
        When `by` names no moderator, the scales differ, or the region does not hold the null value.
    """
    check_result("plot.forest", result)
    null = result.effects.scale.null_value
    at = threshold or null
    _check_beside(result, beside)
    _check_rope(rope, null)
    frames = [_study_rows(result, prob, _own_groups(result) if by is None else by)]
    frames += [_pooled_rows(each, prob, at, rope) for each in (result, *beside)]
    return pd.concat(frames, ignore_index=True)[list(FOREST_COLUMNS)]


def blocks(frame: pd.DataFrame, results: Sequence[Result]) -> list[dict[str, Block]]:
    """The rows of each result that are no studies, by group and by what they are.

    Parameters
    ----------
    frame : DataFrame
        From `forest_frame`.
    results : sequence of Result
        Those of the frame, in its order.

    Returns
    -------
    list of dict
        For each result its blocks by group (``""`` where it has none): rows by ``"mean"``, ``"new study"``,
        ``"tau"``, ``"I2"``, as far as there are any; coefficients and contrasts by their names.
    """
    records = iter(frame[frame["row"] != "study"].to_dict("records"))
    found: list[dict[str, Block]] = []
    for result in results:
        own: dict[str, Block] = {}
        for _ in _pooled(result):
            record = next(records)
            place = record["label"] if record["row"] in _NAMED else record["row"]
            own.setdefault(str(record["group"]), {})[str(place)] = record
        found.append(own)
    return found


def _own_groups(result: Result) -> str | None:
    """What parts the studies of this model into groups."""
    return result.model.strata


def _pooled(result: Result) -> list[tuple[str, str, str]]:
    """Quantity, row and group of everything that is shown below the studies, in order."""
    if result.answers == ("mu",):
        return [(name, row, "") for name, row in _POOLED.items() if name in result]
    if result.answers and result.answers[0].startswith("mu["):
        groups = [name.removeprefix("mu[").removesuffix("]") for name in result.answers]
        named = [(f"{name}[{group}]", row, group) for group in groups for name, row in _OF_GROUP.items()]
        shared = [("tau", "tau", "")] if not any(name == f"tau[{groups[0]}]" for name in result) else []
        contrasts = [(name, "contrast", "") for name in result if name.startswith("mu[") and is_contrast(name)]
        return [one for one in [*named, *shared, *contrasts] if one[0] in result]
    shown = [name for name in result if name.startswith(_COEFFICIENTS)]
    return [(name, "coefficient", "") for name in shown] + ([("tau", "tau", "")] if "tau" in result else [])


def _study_rows(result: Result, prob: float, by: str | None) -> pd.DataFrame:
    studies = tables.studies(result, prob=prob)
    shrunken = any(name.startswith("tau") for name in result)
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
            "fitted": _fitted(result),
            "interval": kinds[0] if shrunken and kinds else "",
            "p_below_null": np.nan,
            "p_in_rope": np.nan,
            "prob": prob,
            "data": studies["data"],
        }
    )
    order = {group: position for position, group in enumerate(dict.fromkeys(frame["group"]))}
    return frame.sort_values("group", key=lambda column: column.map(order), kind="stable")


def _fitted(result: Result) -> np.ndarray:
    """Mean effect at each study's own moderators, shape (k,); NaN without moderators."""
    if result.design is None or result.linear is None:
        return np.full(result.effects.k, np.nan)
    linear = result.linear
    return np.array([linear(x, new=False).point for x in result.design.X])


def _pooled_rows(result: Result, prob: float, null: float | None, rope: tuple[float, float] | None) -> pd.DataFrame:
    rows = []
    for name, row, group in _pooled(result):
        quantity = result[name]
        lower, upper = quantity.interval(prob)
        effect = row in ("mean", "new study")
        at = null if effect else 0.0 if row in _NAMED and name != "beta[intercept]" else None
        rows.append(
            {
                "row": row,
                "result": result.label,
                "group": group,
                "label": name if row in _NAMED else result.label,
                "point": quantity.point,
                "lower": lower,
                "upper": upper,
                "interval": convention(quantity),
                "p_below_null": _below(quantity, at),
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
    check_instance("beside", beside, Sequence, expected="a tuple of results", advice="beside=(reml,)", error=InputError)
    for other in beside:
        check_result("beside", other)
    scale = result.effects.scale
    others = [f"'{other.label}' is in {other.effects.scale}" for other in beside if other.effects.scale != scale]
    if others:
        raise InputError(", ".join(others), f"every result in {scale}, like '{result.label}'")


def _check_rope(rope: tuple[float, float] | None, null: float | None) -> None:
    if rope is None:
        return
    ends = list(rope) if isinstance(rope, Iterable) else []
    if len(ends) != 2 or not as_number(ends[0]) < as_number(ends[1]):
        raise InputError(f"rope = {shown(rope)}", "a lower and a higher limit", "rope=(-0.1, 0.1)")
    if null is not None and not rope[0] <= null <= rope[1]:
        raise InputError(
            f"rope = {rope!r} does not hold the null value {null:g} of the analysis scale",
            "limits on the analysis scale",
            "logarithms for a ratio: rope=(log(0.9), log(1.1)) = (-0.105, 0.095)",
        )
