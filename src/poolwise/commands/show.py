"""``poolwise show``: what an analysis file will run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from poolwise.commands.outcomes import OK

if TYPE_CHECKING:
    from poolwise.analysis import Analysis, PlannedFit
    from poolwise.effects import Effects

WORDS = "What an analysis file will run: data, generative statement, fits."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which file."""
    parser.add_argument("file", type=Path, metavar="FILE")


def run(chosen: argparse.Namespace) -> int:
    """Print it in labelled lines."""
    from poolwise import show
    from poolwise.analysis import load_analysis

    analysis = load_analysis(chosen.file)
    over = "" if analysis.tables is None else f"ranges over {len(analysis.tables)} tables of "
    region = f", practically 0: {analysis.rope}" if analysis.rope else ""
    region += f", threshold {show.plain(analysis.threshold)}" if analysis.threshold else ""
    rows = [
        ("question", analysis.question),
        *_labelled("data", _tables_words(analysis) or [_data_words(analysis.effects)]),
        *_labelled("model", [show.statement(line) for line in analysis.statement()]),
        *_labelled("fits", [_fit_words(number, fit) for number, fit in enumerate(analysis.fits, start=1)]),
        ("prior panel", _panel_words(analysis)),
        *_bias_words(analysis),
        *_refit_words(analysis),
        *_simulation_words(analysis),
        ("report", f"{over}{show.level(analysis.prob)} intervals{region.replace('-', '−')}"),
    ]
    print(show.wrapped([analysis.title]))
    for name, text in rows:
        print(show.hanging(f"  {name:<12} ", text))
    return OK


def _labelled(name: str, lines: Sequence[str]) -> list[tuple[str, str]]:
    return [(name if place == 0 else "", line) for place, line in enumerate(lines)]


def _data_words(effects: Effects) -> str:
    outcome = ", ".join(filter(None, effects.outcomes))
    words = (
        effects.title,
        outcome and f"outcome {outcome}",
        effects.counted,
        effects.scale.label,
        "reconstructed" if effects.reconstructed else "",
    )
    return ", ".join(filter(None, words))


def _tables_words(analysis: Analysis) -> list[str]:
    """Reconstructed tables in a few lines: whose, how many, how many studies each level has; none without."""
    from poolwise.checks.ranges.table import division

    tables = analysis.tables
    if tables is None:
        return []
    by = f", by {tables.factor}" if tables.factor else ""
    lines = [
        f"outcome {tables.published.outcome}{by}: {len(tables)} tables of {tables.k} studies, reconstructed from "
        f"published figures, seed {tables.seed}",
        division(tables, tables.factor),
    ]
    if analysis.restarts:
        lines.append(f"the extremes among all tables that fit are searched for, {analysis.restarts} starts for each")
    if any(fit.engine.label == "NUTS" for fit in analysis.fits):
        lines.append(f"NUTS answers the first {analysis.nuts_tables} tables only, beside the exact engine")
    return [line for line in lines if line]


def _fit_words(number: int, fit: PlannedFit) -> str:
    """A fit: the model with its estimator and interval, the engine, the settings that a file can choose, the priors."""
    from poolwise import show
    from poolwise.engines.closed_form import ClosedForm
    from poolwise.fit import fit_words
    from poolwise.model import prior_words

    named = ("tau2", "interval")  # which are among the words of the fit
    settings = [f"{name} {value}" for name, value in fit.settings.items() if value is not None and name not in named]
    priors = () if isinstance(fit.engine, ClosedForm) else (show.prior(prior_words(fit.model)),)
    return f"{number}. {', '.join((fit_words(fit.model, fit.engine), *settings, *priors))}"


def _panel_words(analysis: Analysis) -> str:
    from poolwise import show

    if analysis.panel is None:
        return "none"
    priors = analysis.panel.priors
    which = ", ".join(str(prior) for prior in priors) if priors else f"the panel for the {analysis.effects.scale.label}"
    few = " (not asked for, but there are too few studies to do without)" if analysis.panel.unasked else ""
    return f"{show.prior(f'{which}; mu ~ {analysis.panel.mu}')}{few}"


def _bias_words(analysis: Analysis) -> list[tuple[str, str]]:
    """The panel of methods for publication bias, where one is asked for."""
    wanted = analysis.publication_bias
    if wanted is None:
        return []
    unit = "" if wanted.unit is None else f"; one standard deviation is {wanted.unit:g}"
    return [("bias", f"every method, {wanted.direction} results being likelier to be published{unit}")]


def _refit_words(analysis: Analysis) -> list[tuple[str, str]]:
    """What is fitted again, where anything is."""
    wanted = analysis.refits
    order = f"cumulative by {wanted.cumulative}" if wanted.cumulative else ""
    each = "leave-one-out" if wanted.leave_one_out else ""
    words = ", ".join(filter(None, (each, order, "every specification" if wanted.specifications else "")))
    return [("refits", words)] if words else []


def _simulation_words(analysis: Analysis) -> list[tuple[str, str]]:
    """What the methods are tried on, where that is asked for."""
    planned = analysis.simulation
    if planned is None:
        return []
    mu = ", ".join("the estimate" if value is None else f"{value:g}" for value in planned.mu)
    words = f"μ {mu}; τ {', '.join(f'{value:g}' for value in planned.tau)}; {', '.join(planned.laws)} true effects"
    lines = [f"{words}; {planned.replications:,} tables of each truth, seed {planned.seed}"]
    lines += [name for name in planned.mechanisms if name != "none"]
    if planned.reconstructed:
        lines.append(f"standard errors of {len(planned.designs)} reconstructed tables")
    return _labelled("simulate", lines + (["NUTS is left out"] if planned.without_nuts else []))
