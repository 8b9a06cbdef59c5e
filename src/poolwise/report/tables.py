"""The tables of a report: cells as words, ready for the page."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from poolwise import tables
from poolwise.quantities import Distribution, Estimate, Quantity
from poolwise.report import words
from poolwise.report.content import Content
from poolwise.result import NO_PRIOR, Result
from poolwise.scale import Scale
from poolwise.show import NOTHING, chance, interval, level, number, percent


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
    share = name == "I2"
    natural = ""
    if _is_effect(name) and scale.transform != "identity":
        back = scale.back(np.array([point, lower, upper]))
        natural = f"{number(back[0], 2)} {interval(back[1], back[2], 2)}"
    limits = f"[{percent(lower)}, {percent(upper)}]" if share else interval(lower, upper)
    return {
        "label": str(row["label"]),
        "engine": "" if str(row["label"]).startswith(str(row["engine"])) else str(row["engine"]),
        "point": percent(point) if share else number(point),
        "sd": "" if share or math.isnan(sd) else number(sd),
        "interval": NOTHING if math.isnan(lower) and math.isnan(upper) else limits,
        "natural": natural,
        "kind": words.kind_parts(str(row["interval"]) if not math.isnan(lower) else ""),
        "prior": str(row["prior"]),
    }


def _is_effect(name: str) -> bool:
    """Whether a quantity is a mean or a true effect, which reads on the natural scale; differences do not."""
    return name in ("mu", "theta_new") or (name.startswith(("mu[", "theta_new[")) and " - " not in name)


TESTS = {
    "Q": "Test of homogeneity: Q",
    "QE": "Test of residual heterogeneity: QE",
    "QM": "Test of the moderators",
    "Q_between": "Test of differences between subgroups",
}


def tests(content: Content) -> tuple[str, ...]:
    """The tests of the frequentist results, a sentence each.

    Returns
    -------
    tuple of str
        Heterogeneity from the first result that has it, and moderators or subgroups from every result that tests them.
    """
    said, told = [], False
    for result in content.results:
        for name, title in TESTS.items():
            test = result.quantities.get(name)
            if not isinstance(test, Estimate) or math.isnan(test.statistic):
                continue
            if name in ("Q", "QE"):
                if not told:
                    said.append(_test(title, test))
                told = True
            else:
                letter = "F" if math.isfinite(test.residual_df) else "Q"
                said.append(_test(f"{title} ({result.label}): {letter}", test))
    return tuple(said)


def _test(title: str, test: Estimate) -> str:
    residual = f" and {words.count(test.residual_df)}" if math.isfinite(test.residual_df) else ""
    degrees = "degree" if test.df == 1 and not residual else "degrees"
    on = f"{words.count(test.df)}{residual} {degrees} of freedom"
    return f"{title} = {test.statistic:.2f} on {on}, {words.p_value(test.p_value)}."


def chances(content: Content) -> tuple[tuple[str, tuple[dict[str, str], ...]], ...]:
    """Posterior probabilities that an effect is below 0, above 0, or practically equivalent to 0.

    Returns
    -------
    tuple of (str, tuple of dict)
        Title and rows, for each mean effect, new study and contrast, or each coefficient; a row for each result that
        has a posterior, with the words label, prior, below, above and within.
    """
    blocks = []
    asked = [name for one in content.results for name in one if _is_effect(name) or name.startswith(("mu[", "beta["))]
    for name in sorted(dict.fromkeys(asked), key=lambda name: name.startswith("theta_new")):
        rows = tuple(
            {"label": one.label, "prior": one.prior, **_chances(quantity, content.analysis.rope)}
            for one in content.results
            if isinstance(quantity := one.quantities.get(name), Distribution)
        )
        if rows:
            blocks.append((words.quantity(name)[0], rows))
    return tuple(blocks)


def _chances(quantity: Distribution, rope: tuple[float, float] | None) -> dict[str, str]:
    below = float(quantity.cdf(0.0))
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
            "verdict": {"above": "above 0", "below": "below 0"}.get(str(row["excludes_zero"]), "0 not excluded"),
        }
        for row in content.panel.frame.to_dict("records")
    )


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


def diagnostics(content: Content) -> tuple[dict[str, object], ...]:
    """How each fit went.

    Returns
    -------
    tuple of dict
        A row for each result: label, engine, settings, status, failed, sentences, seconds, seed, and watched,
        the name and the number of each diagnostic.
    """
    return tuple(
        {
            "label": result.label,
            "engine": result.engine_label,
            "settings": repr(result.engine),
            "status": result.report.status,
            "failed": result.report.failed,
            "sentences": [finding.sentence for finding in result.report.findings] or [words.NOTHING_WRONG],
            "seconds": words.duration(result.report.seconds),
            "seed": NOTHING if result.report.seed is None else str(result.report.seed),
            "watched": _watched(result),
        }
        for result in content.results
    )


def _watched(result: Result) -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for name, value in result.report.diagnostics.items():
        if isinstance(value, Mapping):
            flat.append((words.watched(name), ", ".join(f"{key} {_plain(one)}" for key, one in value.items())))
        else:
            flat.append((words.watched(name), _plain(value)))
    return flat


def _plain(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return str(value)
    return f"{float(value):.4g}".replace("-", "−")


def evidence(content: Content) -> tuple[tuple[str, str], ...]:
    """Label and log evidence of each result that has it, when it is asked for."""
    if not content.analysis.evidence:
        return ()
    return tuple((one.label, number(one.evidence)) for one in content.results if not math.isnan(one.evidence))


def headline(content: Content) -> tuple[str, ...]:
    """The answer in sentences: the mean effect, a new study, heterogeneity, with interval kind and prior."""
    result, scale, prob = content.main, content.effects.scale, content.analysis.prob
    if result.answers != ("mu",):
        return _headlines(result, scale, prob)
    mu = result["mu"]
    under = "" if result.prior == NO_PRIOR else f", under {result.prior}"
    sentences = [f"The mean effect ({scale.label}) is {_told(mu, prob)}{under}."]
    if scale.transform != "identity":
        point, lower, upper = scale.back([mu.point, *mu.interval(prob)])
        natural = f"{number(point, 2)} {interval(lower, upper, 2)}"
        sentences.append(f"As a {scale.natural_label} that is {natural}.")
    if isinstance(mu, Distribution):
        below = float(mu.cdf(0.0))
        side, size = ("below", below) if below > 0.5 else ("above", 1.0 - below)
        sentences.append(f"The posterior probability that it is {side} {_null(scale)} is {chance(size)}.")
    if "theta_new" in result.quantities and "tau" in result.quantities:
        sentences.append(
            f"The true effect in a new study is {_told(result['theta_new'], prob)}; the "
            f"between-study standard deviation is {_told(result['tau'], prob)}."
        )
    return tuple(sentences)


def _headlines(result: Result, scale: Scale, prob: float) -> tuple[str, ...]:
    """A sentence for each group or coefficient."""
    under = "" if result.prior == NO_PRIOR else f" All under {result.prior}."
    sentences = []
    for name in result.answers:
        title = words.quantity(name)[0]
        said = f"{title} ({scale.label}): {_told(result[name], prob)}"
        quantity = result[name]
        if isinstance(quantity, Distribution) and name != "beta[intercept]":
            below = float(quantity.cdf(0.0))
            side, size = ("below", below) if below > 0.5 else ("above", 1.0 - below)
            said += f"; the posterior probability that it is {side} 0 is {chance(size)}"
        sentences.append(f"{said}.")
    return (*sentences[:-1], sentences[-1] + under)


def null_words(content: Content) -> dict[str, str]:
    """Headings of the posterior probabilities: below, above and practically at the null value."""
    scale, rope = content.effects.scale, content.analysis.rope
    if not scale.is_ratio or _of_coefficients(content):
        limits = "" if rope is None else f"{words.signed(rope[0])} to {words.signed(rope[1])}"
        return {"below": "below 0", "above": "above 0", "within": "practically 0", "limits": limits}
    name = scale.natural_label
    low, high = (0.0, 0.0) if rope is None else scale.back(rope)
    limits = "" if rope is None else f"{low:.2f} to {high:.2f}"
    return {
        "below": f"{name} below 1",
        "above": f"{name} above 1",
        "within": "practically 1",
        "limits": limits,
    }


def directions(content: Content) -> tuple[str, str]:
    """What an effect below and above 0 means; nothing for coefficients, which are no effects."""
    return ("", "") if _of_coefficients(content) else content.effects.directions


def _of_coefficients(content: Content) -> bool:
    """Whether the answers are coefficients of moderators."""
    return any(name.startswith("beta[") for name in content.main.answers)


def _null(scale: Scale) -> str:
    return f"0 (a {scale.natural_label} of 1)" if scale.is_ratio else "0"


def _told(quantity: Quantity, prob: float) -> str:
    limits = interval(*quantity.interval(prob)).replace(" ", "\u00a0")
    return f"{number(quantity.point)}, {level(prob)} {words.kind(quantity.interval_kind())} {limits}"
