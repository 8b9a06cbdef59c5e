"""The numbers that a forest plot draws, as a frame."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from poolwise import show, tables
from poolwise.effects import Effects
from poolwise.errors import InputError, nearest, shown
from poolwise.plot import _words
from poolwise.quantities import Distribution, Quantity, convention
from poolwise.result import NO_PRIOR, Result, check_result
from poolwise.settings import as_number, check_instance
from poolwise.show import is_contrast

FOREST_COLUMNS = (
    "row",
    "result",
    "group",
    "label",
    "n",
    "weight",
    "area",
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
SORTS = ("as given", "effect", "precision", "se", "weight", "label")
_POOLED = {"mu": "mean", "theta_new": "new study", "tau": "tau", "I2": "I2", "Q": "Q"}
_OF_GROUP = {"mu": "mean", "theta_new": "new study", "tau": "tau"}
_NAMED = ("coefficient", "contrast")  # rows whose label is the name of a quantity
_COEFFICIENTS = ("beta[", "gamma[")


def forest_frame(
    result: Result | Sequence[Result],
    *,
    beside: Sequence[Result] = (),
    prob: float = 0.95,
    by: str | None = None,
    rope: tuple[float, float] | None = None,
    threshold: float = 0.0,
    sort: str = "as given",
    columns: Sequence[str] = (),
) -> pd.DataFrame:
    """Every number that `forest` draws or prints, on the analysis scale.

    Parameters
    ----------
    result : Result or sequence of Result
        Whose studies and mean effect are shown; of several, the first, and the others as `beside`.
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
    sort : str
        Order of the studies within their blocks: ``"as given"``, ``"effect"`` (ascending), ``"precision"`` or ``"se"``
        (the most precise first), ``"weight"`` (the greatest first), ``"label"``, or a moderator (ascending).
    columns : sequence of str
        Moderators, each of which becomes a further column.

    Returns
    -------
    DataFrame
        Columns row (``"study"``, ``"mean"``, ``"new study"``, ``"tau"``, ``"I2"``, ``"coefficient"``, ``"contrast"``:
        a difference between two groups' means; ``"Q"``), result (its label, with what tells it from others of the same
        label), group (of a study, or of the subgroup or outcome whose mean it is), label, n, weight (a fraction), area
        (of the study's square, 1 for the largest), raw, raw_lower, raw_upper (the study's own estimate), point, lower,
        upper (shrunken study effect, or the quantity of that row), fitted (mean effect at the study's own moderators,
        where there are any), interval (its kind),
        p_below_null (of coefficients and contrasts always below 0) and p_in_rope (NaN unless the quantity is a
        posterior), prob, data. I2 is a fraction.

    Raises
    ------
    InputError
        When `by`, `sort` or `columns` name no moderator, the scales differ, or the region does not hold the null
        value.

    Notes
    -----
    A square's area is the weight 1 / (se^2 + tau^2) where blocks have weights of their own (each sums to one), so that
    equal areas are equal weights wherever they stand.
    """
    result, beside = results_of(result, beside)
    null = result.effects.scale.null_value
    if not math.isfinite(as_number(threshold)):
        raise InputError(f"threshold = {shown(threshold)}", "a finite number on the analysis scale", "threshold=0.1")
    at = threshold or null
    _check_scales(result, beside)
    _check_rope(rope, null)
    more = _moderators(result.effects, columns)
    names = told_apart((result, *beside))
    studies = _study_rows(result, prob, result.model.strata if by is None else by, _key_of(result, sort))
    frames = [studies.assign(result=names[0])]
    pairs = zip(names, (result, *beside), strict=True)
    frames += [_pooled_rows(each, prob, at, rope).assign(result=name) for name, each in pairs]
    whole = pd.concat(frames, ignore_index=True)
    for name in more:
        whole[name] = whole["place"].map(dict(enumerate(result.effects.moderators[name])))
    return whole[[*FOREST_COLUMNS, *more]]


def results_of(result: object, beside: object) -> tuple[Result, tuple[Result, ...]]:
    """The result whose studies are shown, and those beside it.

    Raises
    ------
    InputError
        For what is neither a result nor several.
    """
    if isinstance(result, Sequence) and not isinstance(result, str) and len(result) > 0:
        first, *others = result
    else:
        first, others = result, []
    check_result("plot.forest", first)
    if isinstance(beside, Result):
        raise InputError("beside is a single result", "a tuple of results", "beside=(reml,)")
    check_instance("beside", beside, Sequence, expected="a tuple of results", advice="beside=(reml,)", error=InputError)
    for other in (*others, *beside):  # type: ignore[misc]
        check_result("beside", other)
    return first, (*others, *beside)  # type: ignore[misc]


def told_apart(results: Sequence[Result]) -> list[str]:
    """Labels of results; to equal ones is added what differs: priors, settings of the engine, model, or data."""
    names = [result.label for result in results]
    for label in [name for name, count in Counter(names).items() if count > 1]:
        same = [i for i, name in enumerate(names) if name == label]
        facts = [_facts(results[i]) for i in same]
        differ = [key for key in dict.fromkeys(key for each in facts for key in each) if len(_values(facts, key)) > 1]
        for i, own in zip(same, facts, strict=True):
            words = ", ".join(own[key] for key in differ if own.get(key))
            names[i] = f"{label}, {words}" if words else label
    return show.numbered(names)


def _values(facts: Sequence[dict[str, str]], key: str) -> set[str]:
    return {own.get(key, "") for own in facts}


def _facts(result: Result) -> dict[str, str]:
    """What may tell a result from another one of the same label, in words; seeds and numbers of draws come last."""
    settings = {one.name: getattr(result.engine, one.name) for one in fields(result.engine)}
    priors = {} if result.prior == NO_PRIOR else result.model.named_priors
    facts = {f"prior of {name}": show.greek(f"{name} ~ {_words.prior(str(law))}") for name, law in priors.items()}
    facts["model"] = result.model.label
    facts |= {name: f"{name} = {value}" for name, value in settings.items()}
    return facts | {"data": result.effects.title or f"k = {result.effects.k}", "k": f"k = {result.effects.k}"}


def _key_of(result: Result, sort: str) -> pd.Series:
    """What the studies of a result are put in order by, ascending."""
    effects = result.effects
    own: dict[str, Any] = {
        "as given": range(effects.k),
        "effect": effects.y,
        "precision": effects.se,
        "se": effects.se,
        "weight": [-result.weights.get(label, 0.0) for label in effects.labels],
        "label": [label.casefold() for label in effects.labels],
    }
    if sort in own:
        return pd.Series(own[sort])
    if sort not in effects.moderators.columns:
        known = [*SORTS, *(str(column) for column in effects.moderators.columns)]
        advice = nearest(sort, known) if isinstance(sort, str) else "sort='effect'"
        raise InputError(f"sort = {shown(sort)}", f"one of {', '.join(known)}", advice)
    values = effects.moderators[sort].reset_index(drop=True)
    return values if pd.api.types.is_numeric_dtype(values) else values.astype("string").str.casefold()


def _moderators(effects: Effects, columns: Sequence[str]) -> list[str]:
    """Those of the columns wished that are moderators of the studies.

    Raises
    ------
    InputError
        For one that is none.
    """
    known = [str(column) for column in effects.moderators.columns]
    for name in columns:
        if name not in known:
            raise InputError(
                f"columns: there is no moderator {shown(name)}",
                f"one of {', '.join(known)}" if known else "a table with moderators, or columns that need none",
                nearest(str(name), known),
            )  # fmt: skip
    return [name for name in dict.fromkeys(columns) if name not in FOREST_COLUMNS]


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


def _study_rows(result: Result, prob: float, by: str | None, key: pd.Series) -> pd.DataFrame:
    studies = tables.studies(result, prob=prob)
    shrunken = any(name.startswith("tau") for name in result)
    kinds = [quantity.interval_kind() for quantity in result.studies.values()]
    frame = pd.DataFrame(
        {
            "row": "study",
            "place": range(result.effects.k),
            "result": result.label,
            "group": _groups(result.effects, by),
            "label": list(result.effects.labels),
            "n": studies["n"],
            "weight": studies["weight"],
            "area": _areas(result),
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
    frame = frame.iloc[key.sort_values(kind="stable").index]
    return frame.sort_values("group", key=lambda column: column.map(order), kind="stable")


def _areas(result: Result) -> np.ndarray:
    """Areas of the squares, shape (k,), 1 for the largest: weights, on one scale where blocks have weights each."""
    effects = result.effects
    weight = np.array([result.weights.get(label, math.nan) for label in effects.labels])
    if not np.isfinite(weight).all() or weight.sum() > 1.5:
        weight = 1.0 / (effects.se**2 + _spreads(result) ** 2)
    return weight / weight.max()


def _spreads(result: Result) -> np.ndarray:
    """The tau behind each study, shape (k,): of its own group where groups have their own; 0 where there is none."""
    strata = result.model.strata
    groups = [""] * result.effects.k if strata is None else _groups(result.effects, strata)
    own = [f"tau[{group}]" if f"tau[{group}]" in result else "tau" for group in groups]
    return np.array([result[name].point if name in result else 0.0 for name in own])


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


def _check_scales(result: Result, beside: Sequence[Result]) -> None:
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
