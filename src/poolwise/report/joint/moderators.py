"""Every mean effect, level and contrast of several analyses in one frame, and as tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from poolwise.quantities import Distribution, Estimate
from poolwise.report import words
from poolwise.report.blocks import Body, Column, Row, Table, lines, numbers
from poolwise.report.content import Content
from poolwise.report.joint.content import JointContent, Part
from poolwise.report.ranges_content import RangesContent
from poolwise.scale import Scale
from poolwise.show import NOTHING, chance, interval, is_contrast, likelier_range, number

COLUMNS = (
    "analysis", "moderator", "level", "contrast", "k_low", "k_high", "point_low", "point_high", "lower", "upper",
    "p_above_low", "p_above_high", "p_value", "interval", "prob", "scale", "fit", "data",
)  # fmt: skip

_INTERCEPT = "beta[intercept]"  # the mean where every moderator is 0, which is no answer to the question


def moderators(content: JointContent) -> pd.DataFrame:
    """Every mean effect, level, contrast and coefficient of the main fit of each analysis.

    Parameters
    ----------
    content : JointContent

    Returns
    -------
    DataFrame
        A row for each: analysis, moderator (empty without one), level, contrast (whether it is a difference), k_low and
        k_high (studies; of tables the fewest and the most), point_low, point_high, lower, upper (on the analysis
        scale; over tables the lowest and the highest of each), p_above_low, p_above_high (posterior probability above
        0), p_value (of the moderator, frequentist), interval (kind), prob, scale, fit, data. NaN for what there is not.
    """
    rows = [row for part in content.parts for row in _rows(part)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(part: Part) -> Iterator[dict[str, Any]]:
    return _of_tables(part) if isinstance(part, RangesContent) else _of_result(part)


def _of_result(part: Content) -> Iterator[dict[str, Any]]:
    result, analysis = part.main, part.analysis
    names = [name for name in result if name != _INTERCEPT and (name in result.answers or is_contrast(name))]
    strata = result.model.strata
    for name in names:
        quantity = result[name]
        lower, upper = quantity.interval(analysis.prob)
        above = 1.0 - float(quantity.cdf(0.0)) if isinstance(quantity, Distribution) else math.nan
        k = _studies(part, name)
        yield {
            "analysis": analysis.title,
            "moderator": (strata or "") if name.startswith("mu[") else _moderator(name),
            "level": _level(name),
            "contrast": is_contrast(name),
            "k_low": k,
            "k_high": k,
            "point_low": quantity.point,
            "point_high": quantity.point,
            "lower": lower,
            "upper": upper,
            "p_above_low": above,
            "p_above_high": above,
            "p_value": _p_value(part, name),
            "interval": quantity.interval_kind(),
            "prob": analysis.prob,
            "scale": part.effects.scale.name,
            "fit": result.label,
            "data": part.data_label,
        }


def _of_tables(part: RangesContent) -> Iterator[dict[str, Any]]:
    ranges, scale = part.ranges, part.analysis.effects.scale
    label = ranges.row(ranges.frame["quantity"].iloc[0])["label"]
    levels = {str(row["level"]): row for row in ranges.levels.to_dict("records")}
    records = ranges.frame[ranges.frame["label"] == label].to_dict("records")
    for row in sorted(records, key=lambda row: is_contrast(row["quantity"])):
        name = str(row["quantity"])
        if not name.startswith(("mu", "beta[")) or name in ("mu_spread", _INTERCEPT):
            continue
        of_level = levels.get(_level(name))
        whole = math.nan if ranges.factor else ranges.k
        yield {
            "analysis": part.analysis.title,
            "moderator": ranges.factor,
            "level": _level(name),
            "contrast": is_contrast(name),
            "k_low": whole if of_level is None else of_level["fewest"],
            "k_high": whole if of_level is None else of_level["most"],
            **{key: row[key] for key in ("point_low", "point_high", "p_above_low", "p_above_high", "interval")},
            "lower": row["lower_low"],
            "upper": row["upper_high"],
            "p_value": math.nan,
            "prob": ranges.prob,
            "scale": scale.name,
            "fit": label,
            "data": ranges.data,
        }


def _level(name: str) -> str:
    if is_contrast(name):
        return words.quantity(name)[0].removeprefix("Contrast: ")
    return name.partition("[")[2].removesuffix("]")


def _moderator(name: str) -> str:
    return _level(name) if name.startswith("beta[") and name != _INTERCEPT else ""


def _studies(part: Content, name: str) -> float:
    """How many effects a mean rests on; NaN for a contrast or a coefficient."""
    strata, effects = part.main.model.strata, part.effects
    if name == "mu":
        return effects.k
    if is_contrast(name) or not name.startswith("mu[") or strata is None:
        return math.nan
    column = effects.moderators.get(strata, effects.outcome)
    return sum(str(value) == _level(name) for value in column)


def _p_value(part: Content, name: str) -> float:
    """The p-value of the test of the moderator, by the first frequentist fit that has one; of contrasts and slopes."""
    if not (is_contrast(name) or name.startswith("beta[")) or name == _INTERCEPT:
        return math.nan
    for result in part.results:
        for test in ("Q_between", "QM"):
            found = result.quantities.get(test)
            if isinstance(found, Estimate):
                return found.p_value
    return math.nan


def table(frame: pd.DataFrame, scales: Mapping[str, Scale], caption: str, *, moderated: bool) -> Table:
    """The frame as it is read: a heading for each analysis, a row for each level and contrast."""
    tested = bool(frame["p_value"].notna().any())
    columns = (
        Column("Level" if moderated else "Mean effect"),
        numbers("k"),
        numbers("Estimate"),
        numbers("Interval"),
        numbers("P of its side of no effect"),
        *([numbers(lines("p of the", "moderator"))] if tested else []),
    )
    bodies = []
    for title, group in frame.groupby("analysis", sort=False):
        rows = tuple(Row(_cells(row, scales[str(title)], tested)) for row in group.to_dict("records"))
        bodies.append(Body(rows, str(title), ", ".join(filter(None, dict.fromkeys(group["moderator"])))))
    return Table(columns, tuple(bodies), caption)


def _cells(row: Mapping[Any, Any], scale: Scale, tested: bool) -> tuple[str, ...]:
    slope = str(row["level"]) == row["moderator"] and row["level"]
    named = f"per unit of {row['level']}" if slope else str(row["level"]) or "all studies"
    limits = (row["point_low"], row["point_high"], row["lower"], row["upper"])
    natural = scale.is_ratio or not (row["contrast"] or slope)
    low, high, lower, upper = (float(one) for one in (scale.back(list(limits)) if natural else limits))
    digits = 2 if not slope else 3
    said = (number(low, digits), number(high, digits))
    side, *p = likelier_range(row["p_above_low"], row["p_above_high"])
    of_side = NOTHING if math.isnan(p[0]) else f"{_reach(*map(chance, p))} ({side})"
    return (
        f"{named} (difference)" if row["contrast"] else named,
        _reach(words.count(row["k_low"]), words.count(row["k_high"])),
        _reach(*said),
        interval(lower, upper, digits),
        of_side,
        *([NOTHING if math.isnan(row["p_value"]) else chance(row["p_value"])] if tested else []),
    )


def _reach(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"
