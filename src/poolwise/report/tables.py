"""The tables of a report: cells as words, ready for the page."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from poolwise import tables
from poolwise.quantities import Distribution
from poolwise.report import words
from poolwise.report.content import Content
from poolwise.scale import Scale
from poolwise.show import NOTHING, chance, interval, number, percent


@final
@dataclass(frozen=True)
class Group:
    """Rows of the comparison that answer the same question.

    Attributes
    ----------
    title, note : str
        Name of the quantity, and what it is.
    rows : tuple of dict
        label, engine, point, sd, interval, natural, kind, prior.
    """

    title: str
    note: str
    rows: tuple[dict[str, object], ...]


def estimates(content: Content) -> pd.DataFrame:
    """The frame behind ``estimates.csv`` and the comparison: one row for each result and quantity.

    Parameters
    ----------
    content : Content
        What the report tells.

    Returns
    -------
    DataFrame
        Columns as of `poolwise.tables.compare`.
    """
    return tables.compare(*content.results, prob=content.analysis.prob)


def studies(content: Content) -> pd.DataFrame:
    """The frame behind ``studies.csv``: one row for each result and study.

    Parameters
    ----------
    content : Content
        What the report tells.

    Returns
    -------
    DataFrame
        Columns label, engine, prior, and those of `poolwise.tables.studies`.
    """
    frames = [
        tables.studies(result, prob=content.analysis.prob).assign(
            label=result.label, engine=result.engine_label, prior=result.prior
        )
        for result in content.results
    ]
    frame = pd.concat(frames, ignore_index=True)
    first = ["label", "engine", "prior"]
    return frame[first + [name for name in frame.columns if name not in first]]


def comparison(content: Content) -> tuple[Group, ...]:
    """The comparison, a group for each quantity, a row for each result."""
    frame = estimates(content)
    scale = content.effects.scale
    groups = []
    known = [name for name in words.QUANTITIES if (frame["quantity"] == name).any()]
    for name in dict.fromkeys([*content.main.answers, *known, *frame["quantity"]]):
        title, note = words.quantity(name)
        rows = frame[frame["quantity"] == name].to_dict("records")
        if title:
            groups.append(Group(title, note, tuple(_row(row, name, scale) for row in rows)))
    return tuple(groups)


def _row(row: Mapping[Hashable, object], name: str, scale: Scale) -> dict[str, object]:
    point, sd, lower, upper = (float(str(row[column])) for column in ("point", "sd", "lower", "upper"))
    share = name in words.SHARES
    natural = ""
    if _is_effect(name) and scale.transform != "identity":
        back = scale.back(np.array([point, lower, upper]))
        natural = f"{number(back[0], 2)} {interval(back[1], back[2], 2)}"
    limits = f"[{percent(lower)}, {percent(upper)}]" if share else interval(lower, upper)
    return {
        "label": str(row["label"]),
        "engine": "" if str(row["engine"]) in str(row["label"]) else str(row["engine"]),
        "point": percent(point) if share else number(point),
        "sd": "" if share else _sd(sd, str(row["interval"])),
        "interval": NOTHING if math.isnan(lower) and math.isnan(upper) else limits,
        "natural": natural,
        "kind": words.kind_parts(str(row["interval"]) if not math.isnan(lower) else ""),
        "prior": str(row["prior"]),
    }


def _sd(sd: float, interval_kind: str) -> str:
    """A standard error or deviation; of a posterior one may not exist, the closed form may have none to give."""
    if math.isnan(sd):
        return "does not exist" if interval_kind.startswith("credible") else ""
    return number(sd)


def _is_effect(name: str) -> bool:
    """Whether a quantity is a mean or a true effect, which reads on the natural scale; differences do not."""
    return name in ("mu", "theta_new") or (name.startswith(("mu[", "theta_new[")) and " - " not in name)


def chances(content: Content) -> tuple[tuple[str, tuple[dict[str, str], ...]], ...]:
    """Posterior probabilities that an effect is below or above the threshold, or practically equivalent to 0.

    Differences between mean effects are held against 0 whatever the threshold, and say so where it is another one.

    Returns
    -------
    tuple of (str, tuple of dict)
        Title and rows, for each mean effect, new study and contrast, or each coefficient; a row for each result that
        has a posterior, with the words label, prior, below, above and within.
    """
    blocks = []
    asked = [name for one in content.results for name in one if _is_effect(name) or name.startswith(("mu[", "beta["))]
    for name in sorted(dict.fromkeys(asked), key=lambda name: name.startswith("theta_new")):
        threshold = content.analysis.threshold if _is_effect(name) else 0.0
        rows = tuple(
            {"label": one.label, "prior": one.prior, **_chances(quantity, threshold, content.analysis.rope)}
            for one in content.results
            if isinstance(quantity := one.quantities.get(name), Distribution)
        )
        if rows:
            against = "" if threshold == content.analysis.threshold else " (below and above 0)"
            blocks.append((words.quantity(name)[0] + against, rows))
    return tuple(blocks)


def _chances(quantity: Distribution, threshold: float, rope: tuple[float, float] | None) -> dict[str, str]:
    below = float(quantity.cdf(threshold))
    within = math.nan if rope is None else float(quantity.cdf(rope[1]) - quantity.cdf(rope[0]))
    return {"below": chance(below), "above": chance(1.0 - below), "within": chance(within)}


def study_rows(content: Content) -> tuple[dict[str, str], ...]:
    """The studies, raw and as the main result sees them.

    Returns
    -------
    tuple of dict
        A row for each study, with the words study, n, y, se, raw (its interval), theta, shrunken (its interval),
        weight and data.
    """
    frame = tables.studies(content.main, prob=content.analysis.prob)
    return tuple(
        {
            "study": str(row["study"]),
            "n": words.count(row["n"]),
            "y": number(row["y"]),
            "se": number(row["se"]),
            "raw": interval(row["y_lower"], row["y_upper"]),
            "theta": number(row["theta"]),
            "shrunken": interval(row["theta_lower"], row["theta_upper"]),
            "weight": percent(row["weight"]),
            "data": str(row["data"]),
        }
        for row in frame.to_dict("records")
    )


def panel_rows(content: Content) -> tuple[dict[str, object], ...]:
    """The prior panel.

    Returns
    -------
    tuple of dict
        A row for each prior, with the words prior, source, mu, theta_new, tau, above and verdict, and flips,
        whether it flips the verdict; empty without a panel.
    """
    if content.panel is None:
        return ()
    return tuple(
        {
            "prior": str(row["prior"]),
            "source": str(row["source"]),
            "mu": f"{number(row['mu_point'])} {interval(row['mu_lower'], row['mu_upper'])}",
            "theta_new": interval(row["theta_new_lower"], row["theta_new_upper"]),
            "tau": f"{number(row['tau_point'])} {interval(row['tau_lower'], row['tau_upper'])}",
            "above": chance(row["p_positive"]),
            "flips": bool(row["flips"]),
            "verdict": _side(str(row["excludes_zero"]), float(row["threshold"])),
        }
        for row in content.panel.frame.to_dict("records")
    )


def _side(where: str, threshold: float) -> str:
    at = words.signed(threshold)
    return f"{at} not excluded" if where == "no" else f"{where} {at}"


def borrowed_rows(content: Content) -> tuple[dict[str, str], ...]:
    """Each outcome of a joint fit beside a fit of its own.

    Returns
    -------
    tuple of dict
        A row for each outcome, with the words outcome, k, joint, alone (mean effect with its interval), borrowed,
        shift, tau and tau_alone; empty without a joint fit.
    """
    if content.borrowed is None:
        return ()

    def told(row: Mapping[Hashable, object], what: str, suffix: str = "") -> str:
        point, lower, upper = (float(str(row[f"{what}_{part}{suffix}"])) for part in ("point", "lower", "upper"))
        return f"{number(point)} {interval(lower, upper)}"

    return tuple(
        {
            "outcome": str(row["outcome"]),
            "k": str(row["k"]),
            "joint": told(row, "mu"),
            "alone": told(row, "mu", "_alone"),
            "borrowed": percent(row["mu_borrowed"]),
            "shift": number(row["mu_shift"], 2),
            "tau": told(row, "tau"),
            "tau_alone": told(row, "tau", "_alone"),
        }
        for row in content.borrowed.frame.to_dict("records")
    )


def borrowed_under(content: Content) -> dict[str, str]:
    """The kind of interval of a joint fit, its priors, and those of each outcome alone; empty without a joint fit."""
    if content.borrowed is None:
        return {}
    row = content.borrowed.frame.iloc[0]
    return {"kind": words.kind(row["interval"]), "joint": str(row["prior"]), "alone": str(row["prior_alone"])}
