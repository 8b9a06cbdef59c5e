"""The numbers of a picture of ranges: the rows of one question over many tables, or a row for each of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from poolwise import show
from poolwise.errors import InputError, described, listing, shown
from poolwise.plot._given import check_given
from poolwise.scale import Scale
from poolwise.settings import SMALL_K

if TYPE_CHECKING:
    from poolwise.checks import Ranges

_ADVICE = "plot.ranges(checks.ranges(tables, model, engine)), or plot.ranges({'dropout': first, 'misconduct': second})"


def ranges_frame(ranges: Ranges | Mapping[str, Ranges]) -> pd.DataFrame:
    """The rows of the picture, from top to bottom: contrasts first, then coefficients and mean effects.

    Parameters
    ----------
    ranges : Ranges or mapping of str to Ranges
        What ``checks.ranges`` returned; or several of them on one scale, by name.

    Returns
    -------
    DataFrame
        Rows of ``ranges.frame`` with their columns, on the analysis scale, and y, the height on the axis in rows; a
        heading stands one row above the first row of each quantity. Of several, the rows that answer the question of
        each by its first exact fit (a row for most), with name and k beside.

    Raises
    ------
    InputError
        For anything else, no ranges at all, or ranges on several scales or of several probabilities.
    """
    from poolwise.checks import Ranges

    if isinstance(ranges, Mapping):
        return _answers(several(ranges))
    check_given("ranges", ranges, Ranges)
    return _rows(ranges)


def several(ranges: Mapping[str, Ranges]) -> dict[str, Ranges]:
    """Ranges by name, checked to stand on one axis.

    Raises
    ------
    InputError
        For names or values of another kind, none at all, or several scales or probabilities.
    """
    from poolwise.checks import Ranges

    if not ranges:
        raise InputError("plot.ranges was given an empty mapping", "at least one name with its ranges", _ADVICE)
    for name, each in ranges.items():
        if not isinstance(name, str):
            raise InputError(f"ranges are named {shown(name)}", "words", _ADVICE)
        if not isinstance(each, Ranges):
            raise InputError(f"plot.ranges was given {described(each)} as '{name}'", "ranges", _ADVICE)
    for what, values in (
        ("scales", {name: str(each.scale) for name, each in ranges.items()}),
        ("probabilities", {name: show.level(each.prob) for name, each in ranges.items()}),
    ):
        if len(set(values.values())) > 1:
            told = listing([f"'{name}' {value}" for name, value in values.items()], 4)
            raise InputError(f"the ranges have several {what}: {told}", "one for all", "a picture for each")
    return dict(ranges)


def reading_scale(scale: Scale, quantities: pd.Series) -> Scale:
    """The scale on which rows are read: ratios for logarithms, whose differences and slopes are ratios, too.

    A difference of Fisher's z or of logits has no such reading, so that rows with one stay on the analysis scale.
    """
    from poolwise.checks.ranges.words import ratios

    means = all(name.startswith("mu") and not show.is_contrast(name) for name in map(str, quantities))
    return scale if means else ratios(scale)


def _answers(ranges: Mapping[str, Ranges]) -> pd.DataFrame:
    """The rows that answer each question, by the fit that its sentences are about."""
    from poolwise.checks.ranges.table import main_label
    from poolwise.checks.ranges.words import contrasts

    rows: list[dict[Any, Any]] = []
    for name, each in ranges.items():
        main = each.frame[each.frame["label"] == main_label(each.frame)]
        wanted = contrasts(main["quantity"].tolist()) or main["quantity"].tolist()[:1]
        own = main[main["quantity"].isin(wanted)].to_dict("records")
        rows += [{"name": name, "k": each.k} | row for row in own]
    return pd.DataFrame(rows).assign(y=0.6 + np.arange(len(rows)))


def _rows(ranges: Ranges) -> pd.DataFrame:
    frame = ranges.frame
    kept = frame[[_shown(name) for name in frame["quantity"]]].assign(block="")
    names = sorted(dict.fromkeys(kept["quantity"]), key=lambda name: not show.is_contrast(name))
    blocks = [kept[kept["quantity"] == name] for name in names]
    if len(ranges.panel):
        blocks.insert(0 if ranges.k < SMALL_K else len(blocks), _of_panel(ranges))
    rows, y = [], 0.6
    for block in blocks:
        y += 1.0
        for row in block.to_dict("records"):
            rows.append(row | {"y": y})
            y += 1.0
    return pd.DataFrame(rows)


def _of_panel(ranges: Ranges) -> pd.DataFrame:
    """The rows of the prior panel over all tables."""
    panel = ranges.panel
    told: dict[str, Any] = {
        "label": "tau ~ " + panel["prior"],
        "block": "mu, under each prior on tau",
        "quantity": "mu",
        "tables": ranges.tables,
        "found": ranges.found,
        "interval": "credible (equal-tailed)",
        "status": "ok",
    }
    return panel.drop(columns="name").assign(**told)


def _shown(name: str) -> bool:
    return show.is_contrast(name) or name.startswith(("mu", "beta["))
