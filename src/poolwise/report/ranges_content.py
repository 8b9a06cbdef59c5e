"""What a report of ranges over reconstructed tables tells."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any, final

import pandas as pd

from poolwise.checks.ranges import Ranges
from poolwise.checks.ranges.beyond import AGREE
from poolwise.checks.ranges.table import span, tables_excluding
from poolwise.errors import listing
from poolwise.report import words
from poolwise.show import chance, interval, number, percent

if TYPE_CHECKING:
    from poolwise.analysis.record import Analysis
    from poolwise.reconstruct import Reconstruction


@final
@dataclass(frozen=True, eq=False)
class RangesContent:
    """Everything that the files of one run over reconstructed tables are made from.

    Attributes
    ----------
    analysis : Analysis
        The question, the tables, the model.
    ranges : Ranges
        The answers over all tables.
    quick : bool
        Whether fewer draws were taken than the file asks for.
    seconds : float
        Wall time of the fits.
    extremes : Reconstruction, optional
        The tables that the search found.
    """

    analysis: Analysis
    ranges: Ranges
    quick: bool = False
    seconds: float = 0.0
    extremes: Reconstruction | None = None

    @property
    def drawn(self) -> str:
        """How the tables were drawn, in words."""
        tables = self.analysis.tables
        assert tables is not None
        return (
            f"{len(tables)} tables of {tables.k} studies, seed {tables.seed}: {percent(tables.acceptance)} of the "
            "tables proposed agreed with every published figure and had plausible studies "
            f"(standard errors {tables.plausible.se_min:g} to {tables.plausible.se_max:g}, "
            f"effects up to {tables.plausible.d_max:g})"
        )

    @property
    def leaning(self) -> str:
        """How far the extremes lean on the limits for single studies, in words; empty without a search."""
        tables = self.extremes
        if tables is None:
            return ""
        limits = tables.plausible
        at_se = ((tables.se > _TOUCHING * limits.se_max) | (tables.se * _TOUCHING < limits.se_min)).any(axis=1)
        at_d = (abs(tables.y) > _TOUCHING * limits.d_max).any(axis=1)
        weight = tables.se**-2.0
        share = float((weight.max(axis=1) / weight.sum(axis=1)).max())
        return (
            f"The extremes lean on what a single study is allowed to be: of {len(tables)} tables found, "
            f"{int(at_se.sum())} have a study at a limit for standard errors ({limits.se_min:g} to {limits.se_max:g}) "
            f"and {int(at_d.sum())} one at the limit for effects ({limits.d_max:g}); in the most lopsided one study "
            f"has {percent(share)} of the weight. Narrower limits, with a reason for them "
            "(se_min, se_max, d_max in the file), give narrower ranges."
        )


_TOUCHING = 0.99


def groups(content: RangesContent) -> tuple[dict[str, Any], ...]:
    """The ranges by quantity.

    Returns
    -------
    tuple of dict
        For each quantity title, note and rows; each row with the words label, excludes, above, within, prior, and the
        pairs point, lower, upper (lowest to highest, median) and kind.
    """
    frame, found = content.ranges.frame, []
    names = sorted(dict.fromkeys(frame["quantity"]), key=_order)
    for name in names:
        title, note = words.quantity(str(name))
        if title:
            rows = [_words(row) for row in frame[frame["quantity"] == name].to_dict("records")]
            found.append({"title": title, "note": note, "rows": rows})
    return tuple(found)


def _order(name: str) -> tuple[int, str]:
    """Contrasts first, then means, then new studies, then standard deviations."""
    kinds = (" - ", "mu", "beta", "theta_new", "tau")
    return next((place for place, kind in enumerate(kinds) if kind in name), len(kinds)), name


def _words(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        "label": row["label"],
        **{what: _span(row, what) for what in ("point", "lower", "upper")},
        "excludes": _excluding(row),
        "above": _chances(row, "p_above"),
        "within": _chances(row, "p_rope"),
        "kind": words.kind_parts(row["interval"]),
        "prior": row["prior"],
        "edge": _at_edge(row),
    }


def _span(row: dict[Any, Any], what: str) -> tuple[str, str]:
    """Lowest to highest, and the median; no median where all are alike."""
    whole, _, median = span(row, what).rstrip(")").partition(" (")
    return whole, median


def panel(content: RangesContent) -> tuple[dict[str, Any], ...]:
    """The prior panel over all tables, a row for each prior."""
    ranges = content.ranges
    return tuple(
        {
            "prior": row["prior"],
            "name": row["name"],
            **{what: _span(row, what) for what in ("lower", "upper", "tau_upper")},
            "excludes": _excluding(row | {"tables": ranges.tables, "found": ranges.found}),
            "above": _chances(row, "p_above"),
            "edge": _at_edge(row),
        }
        for row in ranges.panel.to_dict("records")
    )


def _excluding(row: dict[Any, Any]) -> tuple[str, str]:
    """What holds of 0 over all tables, and in how many of those drawn where it depends on the table."""
    whole, _, drawn = tables_excluding(row).rstrip(")").partition(" (")
    return whole, drawn


def _at_edge(row: dict[Any, Any]) -> tuple[str, str]:
    """What the table with equal weights says: limits, and P(> 0) where there is one; both empty without the table."""
    if isnan(row["lower_edge"]):
        return "", ""
    above = "" if isnan(row["p_above_edge"]) else f"P(> 0) {chance(row['p_above_edge'])}"
    return interval(row["lower_edge"], row["upper_edge"], 2), above


def searches(content: RangesContent) -> tuple[dict[str, str], ...]:
    """The search for either end of every answer of the main fit: what was found, and how far its starts end apart."""
    frame = content.ranges.searches
    if frame.empty:
        return ()
    first = frame[frame["fit"] == frame["fit"].iloc[0]]
    return tuple(
        {
            "quantity": str(row["quantity"]),
            "what": f"{ENDS[row['end']]} {ANSWERS[row['what']]}",
            "drawn": number(row["drawn"], 3),
            "value": number(row["value"], 3),
            "agree": f"{row['agree']} of {row['restarts']}",
            "spread": number(row["spread"], 3),
            "beaten": number(row["beaten"], 3) if row["beaten"] > AGREE else "",
        }
        for row in first.to_dict("records")
    )


ENDS = {"low": "lowest", "high": "highest"}
ANSWERS = {
    "point": "estimate",
    "lower": "lower limit",
    "upper": "upper limit",
    "p_above": "P(> 0)",
    "p_rope": "P(region)",
}


def extreme_tables(content: RangesContent) -> pd.DataFrame:
    """The tables that the search found, study by study; ``table`` counts as in ``searches.csv``."""
    tables = content.extremes
    assert tables is not None
    first = content.ranges.tables + 1
    rows = [
        (first + i, j + 1, tables.levels[i][j] if tables.levels else "", tables.y[i, j], tables.se[i, j])
        for i in range(len(tables))
        for j in range(tables.k)
    ]
    return pd.DataFrame(rows, columns=["table", "study", "level", "y", "se"]).assign(data=content.ranges.data)


def _chances(row: dict[Any, Any], what: str) -> str:
    low, high = (chance(row[f"{what}_{end}"]) for end in ("low", "high"))
    return low if low == high else f"{low} to {high}"


def published(content: RangesContent) -> tuple[dict[str, str], ...]:
    """The published rows that every table agrees with: level, k, and the figures as printed."""
    tables = content.analysis.tables
    assert tables is not None
    return tuple(
        {
            "level": row.name,
            "k": "not printed" if row.k is None else str(row.k),
            **{name: str(row.figures.get(name, "–")) for name in ("d", "se", "q", "i2_percent", "p")},
        }
        for row in (tables.published, *tables.rows)
    )


def levels(content: RangesContent) -> tuple[dict[str, str], ...]:
    """The number of studies of each level over the tables."""
    total = content.ranges.tables
    return tuple(
        {
            "level": str(row["level"]),
            "fewest": str(row["fewest"]),
            "median": number(row["median"], 1).removesuffix(".0"),
            "most": str(row["most"]),
            "one": percent(row["tables_with_one"] / total),
        }
        for row in content.ranges.levels.to_dict("records")
    )


def nuts_rows(content: RangesContent) -> tuple[dict[str, str], ...]:
    """NUTS beside the exact engine, by table and parameter."""
    return tuple(
        {
            "table": str(row["table"]),
            "quantity": str(row["quantity"]),
            "nuts": number(row["nuts_mean"]),
            "exact": number(row["exact_mean"]),
            **{name: _apart(row[f"{name}_apart"]) for name in ("mean", "q2.5", "q97.5")},
            "r_hat": number(row["r_hat"]),
            "divergences": str(row["divergences"]),
            "status": str(row["status"]),
        }
        for row in content.ranges.nuts.to_dict("records")
    )


def _apart(value: float) -> str:
    return number(value, 1)


def caution(content: RangesContent) -> str:
    """What a reader has to know about levels of few studies; empty where none can be that small."""
    rows: pd.DataFrame = content.ranges.levels
    single = rows[rows["tables_with_one"] > 0]["level"].tolist()
    if not single:
        return ""
    return (
        f"In some tables one study is all there is of {listing(single)}. What is said of such a level rests on that "
        "study and on the prior."
    )
