"""The numbers of a caterpillar or orchard: true effects in order, estimates by group, means and new studies."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise import tables
from poolwise.errors import InputError, MissingQuantityError, nearest
from poolwise.quantities import Quantity
from poolwise.result import Result, check_result
from poolwise.settings import check_prob

Array = NDArray[np.float64]
COLUMNS = (
    "row",
    "group",
    "name",
    "k",
    "raw",
    "se",
    "point",
    "lower",
    "upper",
    "new_lower",
    "new_upper",
    "interval",
    "new_interval",
    "prob",
    "prior",
    "data",
)


def caterpillar_frame(result: Result, *, by: str | None = None, prob: float = 0.95) -> pd.DataFrame:
    """The rows of `caterpillar`, on the analysis scale.

    Parameters
    ----------
    result : Result
        A fit by any engine whose model has true effects of studies.
    by : str, optional
        ``"study"`` (the study as given, of several effects), ``"outcome"`` or a moderator: what the effects are levels
        of.
    prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        Columns row, group (the level of `by`, or of the model's own groups), name, k, raw, se, point, lower, upper,
        new_lower, new_upper (NaN but for means), interval, new_interval (their kinds), prob, prior, data. Rows
        ``"effect"``: each estimate and true effect, the smallest true effect first; ``"level"``: the mean of the true
        effects of a level, of posteriors and where `by` is given; ``"mean"``: the mean effect of the model, or of each
        of its groups.

    Raises
    ------
    InputError
        For what is no result; for a `by` that the table does not have.
    MissingQuantityError
        For a result without true effects of studies.
    ModelError
        When `prob` is no probability.

    Notes
    -----
    The mean of a level's true effects is of draws, whose joint law a posterior has and a closed form has not.

    References
    ----------
    Nakagawa et al. 2021, Research Synthesis Methods 12:4, 10.1002/jrsm.1424.
    """
    check_result("plot.caterpillar", result)
    check_prob(prob)
    if not len(result.studies):
        raise MissingQuantityError(
            f"'{result.label}' has no true effects of studies", "a model with heterogeneity, such as RandomEffects"
        )
    groups = _groups(result, result.model.strata if by is None else by)
    effects = result.effects
    kind = next(iter(result.studies.values())).interval_kind()
    rows = pd.DataFrame({"row": "effect", "group": groups, "name": list(effects.labels), "k": 1, "se": effects.se})
    rows = rows.assign(
        raw=effects.y, interval=kind, **_numbers([result.studies[name] for name in effects.labels], prob)
    )
    parts = [rows.sort_values("point", kind="stable")]
    if by is not None and result.tree is not None:
        parts.append(_levels(result, groups, prob))
    parts.append(_means(result, groups, by, prob))
    frame = pd.concat(parts, ignore_index=True).assign(prob=prob, prior=result.prior, data=result.data_label)
    return frame.reindex(columns=list(COLUMNS))


def _groups(result: Result, by: str | None) -> list[str]:
    effects = result.effects
    if by is None:
        return [""] * effects.k
    if by == "study":
        return list(effects.study_as_given)
    if by == "outcome":
        return [outcome or "outcome not given" for outcome in effects.outcome]
    if by not in effects.moderators.columns:
        known = ["study", "outcome", *(str(column) for column in effects.moderators.columns)]
        raise InputError(f"by = {by!r} is no column of the study table", "a moderator", nearest(str(by), known))
    return [f"{by} not given" if pd.isna(value) else str(value) for value in effects.moderators[by]]


def _numbers(quantities: list[Quantity], prob: float) -> dict[str, list[float]]:
    ends = [quantity.interval(prob) for quantity in quantities]
    return {
        "point": [quantity.point for quantity in quantities],
        "lower": [lower for lower, _ in ends],
        "upper": [upper for _, upper in ends],
    }


def _levels(result: Result, groups: list[str], prob: float) -> pd.DataFrame:
    """The mean of the true effects of each level, from their draws."""
    draws = result.to_datatree()["posterior"]
    if "theta" not in draws:
        return pd.DataFrame()
    theta = draws["theta"].to_numpy()
    theta = theta.reshape(-1, theta.shape[-1])
    rows = []
    for group in dict.fromkeys(groups):
        own = np.array([each == group for each in groups])
        mean = theta[:, own].mean(axis=1)
        lower, point, upper = np.quantile(mean, [0.5 - 0.5 * prob, 0.5, 0.5 + 0.5 * prob]).tolist()
        row = {"row": "level", "group": group, "name": group, "k": int(own.sum())}
        rows.append(row | {"point": point, "lower": lower, "upper": upper, "interval": "credible (equal-tailed)"})
    return pd.DataFrame(rows).sort_values("point", kind="stable")


def _means(result: Result, groups: list[str], by: str | None, prob: float) -> pd.DataFrame:
    """The means that the model has: of all effects, of each of its groups, or at each level of its one moderator."""
    rows = [
        _mean(result, name, name.removeprefix("mu[").removesuffix("]") if name != "mu" else "", groups, prob)
        for name in result.answers
        if name.startswith("mu")
    ]
    if rows or result.design is None or result.linear is None or by is None:
        return pd.DataFrame(rows)
    if list(result.design.levels) != [by]:
        return pd.DataFrame()
    levels = [level for level in dict.fromkeys(result.effects.moderators[by]) if not pd.isna(level)]
    predicted = tables.predict(result, {by: levels}, prob=prob)
    names = ["point", "lower", "upper", "new_lower", "new_upper", "interval", "new_interval"]
    counts = [groups.count(str(level)) for level in levels]
    known = {"row": "mean", "group": [str(level) for level in levels], "name": [str(level) for level in levels]}
    return pd.DataFrame(known | {"k": counts}).join(predicted[names].reset_index(drop=True))


def _mean(result: Result, name: str, group: str, groups: list[str], prob: float) -> dict[str, object]:
    quantity, new = result[name], f"theta_new[{group}]" if group else "theta_new"
    lower, upper = quantity.interval(prob)
    ends = result[new].interval(prob) if new in result else (math.nan, math.nan)
    return {
        "row": "mean",
        "group": group,
        "name": group or "mean",
        "k": groups.count(group) if group else len(groups),
        "point": quantity.point,
        "lower": lower,
        "upper": upper,
        "new_lower": ends[0],
        "new_upper": ends[1],
        "interval": quantity.interval_kind(),
        "new_interval": result[new].interval_kind() if new in result else "",
    }
