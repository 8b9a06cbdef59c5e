"""Run an analysis of reconstructed tables: every fit on every table, the extremes, the ranges, the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.analysis.record import Analysis
from poolwise.effects import Effects
from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.exact import Exact
from poolwise.model import Model, with_prior
from poolwise.prior_catalogue import Entry, panel
from poolwise.reconstruct.extremes import Extremes, Goals, search
from poolwise.reconstruct.steering import Goal, bayesian_goals, closed_form_goals
from poolwise.runs.simulation_run import tried_in

if TYPE_CHECKING:
    from poolwise.checks.ranges import Ranges
    from poolwise.checks.ranges.answers import Answered
    from poolwise.checks.ranges.beyond import Beyond
    from poolwise.report import KeptFits, KeptSearch, RangesContent


def steps(analysis: Analysis) -> int:
    """How many steps the run of an analysis of reconstructed tables has."""
    further = (analysis.panel is not None) + (analysis.simulation is not None) + 2 * (analysis.restarts > 0)
    return len(analysis.fits) + further + 1


def run_tables(
    analysis: Analysis, folder: Path, quick: bool, fresh: bool, forms: tuple[str, ...], tell: Callable[[int, str], None]
) -> tuple[RangesContent, Mapping[str, Path], tuple[str, ...]]:
    """Run every fit on every table, search for the extremes, and write the files.

    Parameters
    ----------
    analysis : Analysis
        With reconstructed tables.
    folder : Path
        Where the files go; held against other processes meanwhile.
    quick : bool
        Whether fewer draws are taken than the file asks for.
    fresh : bool
        Whether fits by NUTS and searches that are kept are run again.
    forms : tuple of str
        The forms in which the report is written as a document, too.
    tell : callable
        Told the number and the words of each step as it begins.

    Returns
    -------
    RangesContent, mapping of str to Path, tuple of str
        The ranges and what the page tells of them, every file by name, and which fits were kept or run again.
    """
    from poolwise import report

    assert analysis.tables is not None
    number = count(1)
    with report.held(analysis, folder, forms, quick=quick, fresh=fresh) as claim:
        began, kept = perf_counter(), report.KeptFits(folder / report.FITS, fresh)
        place = report.KeptSearch(folder / report.FITS / report.SEARCH, fresh)
        extremes: list[Extremes] = []
        before = report.KeptRanges(folder / report.FITS / report.RANGES, _basis(analysis), fresh)
        taken = before.take(analysis.tables, analysis.effects.scale)
        if taken is None:
            found = _found(analysis, kept, place, extremes, lambda words: tell(next(number), words))
            taken = (found, extremes[0].tables if extremes else None)
            before.put(*taken)
        tried = tried_in(analysis, folder, fresh, lambda words: tell(next(number), words))
        tell(next(number), "files")
        content = report.RangesContent(analysis, taken[0], quick, perf_counter() - began, taken[1], tried)
        files = report.write(content, claim, forms)
    return content, files, (*kept.said, *place.said, *before.said, *report.left(claim))


def _basis(analysis: Analysis) -> str:
    """What the ranges follow from: not what is said of them."""
    from poolwise import report

    asked = (analysis.fits, analysis.panel, analysis.model, analysis.prob, analysis.rope)
    return report.digest_of(analysis.tables, *asked, analysis.nuts_tables, analysis.restarts, analysis.effects.scale)


def _found(
    analysis: Analysis, kept: KeptFits, place: KeptSearch, extremes: list[Extremes], tell: Callable[[str], None]
) -> Ranges:
    """Every fit on every table, and on those that a search finds; `extremes` takes these."""
    from poolwise.checks.ranges import ranges_of
    from poolwise.checks.ranges.answers import Asked

    assert analysis.tables is not None
    return ranges_of(
        analysis.tables,
        [Asked(one.label, one.model, one.engine) for one in analysis.fits],
        prob=analysis.prob,
        rope=analysis.rope,
        nuts_tables=min(analysis.nuts_tables, len(analysis.tables)),
        kept=kept,
        beyond=_beyond(analysis, place, extremes),
        tell=tell,
    )


def _beyond(analysis: Analysis, place: KeptSearch, extremes: list[Extremes]) -> Beyond:
    """The search, the table with equal weights and the panel that this analysis has; `extremes` takes what is found."""
    from poolwise.checks.ranges.beyond import Beyond

    tables, model = analysis.tables, analysis.model
    assert tables is not None
    entries: tuple[Entry, ...] = ()
    if analysis.panel is not None:
        given = analysis.panel.priors
        known = panel(analysis.effects.scale.name, analysis.effects.outcomes)
        entries = known if given is None else tuple(Entry(prior, "", "given") for prior in given)

    def extreme(known: pd.DataFrame, answers: Sequence[Answered]) -> tuple[Sequence[Effects], pd.DataFrame]:
        goals = _goals(analysis, answers, entries)
        facts = [analysis.data_hash, analysis.restarts, analysis.prob, analysis.rope, *goals]
        facts += [repr(one.asked.model) for one in answers] + [repr(one.asked.engine) for one in answers]
        found = place.take(tables, facts)
        if found is None:
            found = search(tables, known, goals, restarts=analysis.restarts, seed=tables.seed)
            place.put(found, facts)
        if found is None:
            return (), pd.DataFrame()
        extremes.append(found)
        return list(found.tables), found.frame

    return Beyond(
        search=extreme if analysis.restarts else None,
        edge=None if tables.factor else tables.reference(),
        priors=entries,
        model=model if entries else None,
    )


def _goals(analysis: Analysis, answers: Sequence[Answered], entries: Sequence[Entry]) -> dict[str, Goals]:
    """What is searched for, by the label of a fit: the exact fits first, then the panel, then closed forms."""
    from poolwise.checks.ranges.panel import panel_label

    prob, rope, model = analysis.prob, analysis.rope, analysis.model

    def exact(stated: Model) -> Goals:
        return lambda level, names: bayesian_goals(stated, level, names, prob, rope)

    goals = {one.asked.label: exact(one.asked.model) for one in answers if isinstance(one.asked.engine, Exact)}
    goals |= {panel_label(entry.prior): exact(with_prior(model, "tau", entry.prior)) for entry in entries}
    for one in answers:
        if isinstance(one.asked.engine, ClosedForm):
            goals[one.asked.label] = _closed(one, prob)
    return goals


def _closed(one: Answered, prob: float) -> Goals:
    engine = one.asked.engine
    assert isinstance(engine, ClosedForm)

    def of(level: NDArray[np.int64], names: tuple[str, ...]) -> list[Goal]:
        return closed_form_goals(one.asked.model, engine, prob)

    return of
