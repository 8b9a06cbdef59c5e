"""The answer over reconstructed tables in plain sentences: what holds in all of them, and how far it depends on one."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any, Literal

from poolwise.report import words
from poolwise.report.ranges_content import RangesContent
from poolwise.settings import SMALL_K
from poolwise.show import chances_said, is_contrast, level, likelier_range, number, side_said

_HOLDS = {
    "above": "lies above 0 in every one",
    "below": "lies below 0 in every one",
    "none": "includes 0 in every one",
    "some": "excludes 0 in some of them and not in others",
}
_TOLD = {
    "above": "the published figures tell the side, if the model holds",
    "below": "the published figures tell the side, if the model holds",
    "none": "the published figures do not tell the side",
    "some": "the answer depends on which table is the true one",
}


def answer(content: RangesContent) -> tuple[str, ...]:
    """The answer in sentences: over all tables, and over all priors where one alone is never read.

    Parameters
    ----------
    content : RangesContent
        What the report tells.

    Returns
    -------
    tuple of str
        Two sentences for a single mean effect or contrast, two for each of several.
    """
    ranges = content.ranges
    if ranges.k < SMALL_K and not ranges.panel.empty:
        return _over_priors(content)
    label = ranges.row(ranges.frame["quantity"].iloc[0])["label"]
    rows = ranges.frame[ranges.frame["label"] == label].to_dict("records")
    asked = [row for row in rows if is_contrast(row["quantity"])]
    asked = asked or [row for row in rows if str(row["quantity"]).startswith(("mu", "beta["))]
    return tuple(sentence for row in asked for sentence in _of_row(row, content))


def _tables(content: RangesContent) -> str:
    ranges = content.ranges
    return f"Over all {ranges.tables + ranges.found} tables of {ranges.k} studies that agree with what was published"


def _of_row(row: Mapping[Any, Any], content: RangesContent) -> tuple[str, ...]:
    ranges, name = content.ranges, str(row["quantity"])
    title = words.quantity(name)[0].replace("Contrast:", "difference")
    kind = str(row["interval"]).partition(" (")[0]
    holds, told = _HOLDS[row["excludes"]], _TOLD[row["excludes"]]
    first = (
        f"{_tables(content)}, the {title[:1].lower() + title[1:]} lies between {number(row['point_low'], 2)} and "
        f"{number(row['point_high'], 2)} ({ranges.scale.label}), and its {level(ranges.prob)} {kind} interval {holds}: "
        f"{told}."
    )
    if isnan(row["p_above_low"]):
        return (first,)
    directions = ("", "") if is_contrast(name) or name.startswith("beta[") else content.analysis.effects.directions
    side, reach = _side(row["p_above_low"], row["p_above_high"])
    place = side_said(side, "0", directions)
    return first, f"The posterior probability that it is {place} is {reach}, depending on the table."


def _over_priors(content: RangesContent) -> tuple[str, ...]:
    ranges = content.ranges
    panel, total = ranges.panel, len(ranges.panel)
    parts = [
        f"{_HOLDS[key]} under {'all' if count == total else count} of {total} priors on τ"
        for key in _HOLDS
        if (count := int((panel["excludes"] == key).sum()))
    ]
    low, high = float(panel["lower_low"].min()), float(panel["upper_high"].max())
    side, reach = _side(float(panel["p_above_low"].min()), float(panel["p_above_high"].max()))
    place = side_said(side, "0", content.analysis.effects.directions)
    return (
        f"{_tables(content)}, the {level(ranges.prob)} credible interval of the mean effect {', and '.join(parts)}; "
        f"its limits reach from {number(low, 2)} to {number(high, 2)} ({ranges.scale.label}).",
        f"The posterior probability that the mean effect is {place} is {reach}, depending on table and prior.",
    )


def _side(lowest: float, highest: float) -> tuple[Literal["below", "above"], str]:
    """The side that has more of the probability over the range, and how much in words."""
    side, low, high = likelier_range(lowest, highest)
    return side, chances_said(low, high)
