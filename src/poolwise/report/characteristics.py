"""What operating characteristics say in a report and on a terminal: sentences, rows of a table, the picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from poolwise import plot
from poolwise.analysis.simulation import NONE, Simulated, price_of_nuts
from poolwise.scale import Scale
from poolwise.show import NOTHING, and_list, level, method, number

CSV, SVG, PNG = (f"operating_characteristics.{form}" for form in ("csv", "svg", "png"))
FAR = 3.0  # Monte Carlo standard errors from which a coverage is told apart from what was promised
GROUP = ["mu", "law", "mechanism"]


def heads(found: Simulated) -> tuple[str, ...]:
    """The columns of the table: the method, a truth each, the width."""
    return ("Method", *(f"τ = {tau:g}" for tau in found.planned.tau), "Mean width")


def groups(found: Simulated) -> Iterator[tuple[str, list[tuple[str, str, str, tuple[str, ...]]]]]:
    """Rows under a heading for each mean effect, law and mechanism: method, kind of interval, prior, cells."""
    frame = found.answer.frame
    mean = frame[frame["quantity"] == "mu"]
    for at, own in mean.groupby(GROUP, sort=False):
        rows = []
        for name, of in own.groupby("method", sort=False):
            by_tau = [_coverage(of[of["tau"] == tau]) for tau in found.planned.tau]
            kind, prior = str(of["interval"].iloc[0]), str(of["prior"].iloc[0])
            rows.append((method(str(name)), kind, prior, (*by_tau, _span(of["width"], 2))))
        yield _heading(found, dict(zip(GROUP, at, strict=True))), rows


def sentences(found: Simulated) -> tuple[str, ...]:
    """Which intervals of the mean effect keep their promise at the worst of the truths tried, and which do not."""
    planned, frame = found.planned, found.answer.frame
    mean = frame[frame["quantity"] == "mu"]
    prob, error = level(planned.prob), float(mean["coverage_mcse"].max())
    less = mean[mean["coverage"] + FAR * mean["coverage_mcse"] < planned.prob]
    short = less.groupby("method", sort=False)["coverage"].min().sort_values()
    kept = [str(name) for name in dict.fromkeys(mean["method"]) if name not in short.index]
    said = [f"{_share(value)} by {_quoted(name)}" for name, value in short.items()]
    at_worst = f"Under the worst truth tried, {prob} intervals hold the mean effect in only {and_list(said)}."
    promised = (
        f"Under every truth tried, {prob} intervals hold the mean effect at least as often as they promise, within the "
        f"error of the simulation, by {and_list([*map(_quoted, kept)])}."
    )
    tail = (
        f"{planned.replications:,} simulated tables of each truth; Monte Carlo standard error of a coverage at most "
        f"{100 * error:.2g} percentage points."
    )
    return (*([promised] if kept else []), *([at_worst] if said else []), f"{_tried(found)} {tail}")


def notes(found: Simulated) -> tuple[str, ...]:
    """What a reader has to know besides."""
    planned = found.planned
    said = [
        "Cells: how often the interval holds the true mean effect ± Monte Carlo standard error, in %; mean width on "
        "the analysis scale, from the least to the most over the τ tried."
    ]
    if planned.reconstructed:
        said.append(
            "The study table is reconstructed: its standard errors are not known. What is given is the range over "
            f"{len(planned.designs)} tables that agree with the published figures, one with equal standard errors and "
            "others up to the most lopsided drawn."
        )
    if planned.without_nuts:
        tables = planned.replications * planned.truths * len(planned.designs)
        said.append(f"NUTS is left out: it {price_of_nuts(tables)}.")
    return tuple(said)


def drawn(found: Simulated, title: str = "") -> Any:
    """The picture: coverage against width, a panel for each truth; with several tables a line over each method's."""
    marked = " (reconstructed standard errors)" if found.planned.reconstructed else ""
    words = f"{title or 'Coverage of μ against width'}{marked}"
    return plot.operating_characteristics(found.answer, title=words, together="design")


def _tried(found: Simulated) -> str:
    planned = found.planned
    k = next(iter(planned.designs.values())).k
    where = (
        f"the standard errors of {len(planned.designs)} tables of {k} studies that agree with the published figures "
        "(reconstructed)"
        if planned.reconstructed
        else f"the standard errors of these {k} studies"
    )
    besides = f", {', '.join(planned.laws)} true effects" if planned.laws != ("normal",) else ""
    besides += "".join(f", with and without {name}" for name in planned.mechanisms if name != NONE)
    truths = f"{planned.truths} truths" if planned.truths > 1 else "one truth"
    return f"Simulated on {where}, under {truths}: τ from {_ends(planned.tau)}, μ = {_mus(found)}{besides}."


def _mus(found: Simulated) -> str:
    return " or ".join(_signed(value) for value in found.answer.frame["mu"].unique())


def _ends(values: tuple[float, ...]) -> str:
    return f"{min(values):g} to {max(values):g}"


def _heading(found: Simulated, at: dict[str, Any]) -> str:
    planned = found.planned
    scale = next(iter(planned.designs.values())).scale
    words = [f"True mean effect μ = {_signed(at['mu'])}{_read(scale, at['mu'])}"]
    if at["mu"] in found.estimates:
        words.append("the estimate of the main fit")
    if len(planned.laws) > 1:
        words.append(f"{at['law']} true effects")
    if len(planned.mechanisms) > 1:
        words.append("every study as it is" if at["mechanism"] == NONE else str(at["mechanism"]))
    return ", ".join(words)


def _read(scale: Scale, value: float) -> str:
    """The value where effects are read, in brackets; nothing where that is the analysis scale."""
    if scale.transform == "identity":
        return ""
    return f" (a {scale.natural_label} of {number(float(scale.back(value)), 2)})"


def _coverage(rows: pd.DataFrame) -> str:
    """Share of intervals that hold the mean in % with its error; the range over tables."""
    values = rows["coverage"].dropna()
    if values.empty:
        return NOTHING
    ends = [f"{100 * value:.1f}" for value in (values.min(), values.max())]
    return f"{' to '.join(dict.fromkeys(ends))} ± {100 * rows['coverage_mcse'].max():.1f}"


def _span(values: pd.Series, digits: int) -> str:
    ends = [number(float(value), digits) for value in (values.min(), values.max())]
    return " to ".join(dict.fromkeys(ends))


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _signed(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _quoted(name: object) -> str:
    """The name of a method, which may have commas within."""
    return f"“{method(str(name))}”"
