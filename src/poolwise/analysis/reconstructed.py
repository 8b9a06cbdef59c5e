"""The tables that an analysis file has reconstructed: drawn, and checked one division of the studies after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd

from poolwise import datasets
from poolwise.analysis.data_section import Data, Reconstruct
from poolwise.analysis.plan import planned_panel
from poolwise.analysis.problems import Problem, tried
from poolwise.analysis.record import Panel, PlannedFit
from poolwise.analysis.spec import Spec
from poolwise.effects import Effects
from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.nuts import NUTS
from poolwise.errors import PoolwiseError, listing, nearest
from poolwise.model import Model
from poolwise.moments import refuse_improper
from poolwise.reconstruct import Reconstruction, reconstruct

Directions = tuple[str, str] | None


def drawn_tables(data: Data, directions: Directions, found: list[Problem]) -> Reconstruction | None:
    """The tables that the section [data] asks for, or None when they cannot be drawn, which joins `found`.

    Parameters
    ----------
    data : Data
        The section, with its key ``reconstruct``.
    directions : tuple of str, optional
        Words for the two directions of the axis, in the place of the published ones.
    found : list of Problem
        What is wrong so far; grows.

    Returns
    -------
    Reconstruction or None
    """
    asked = data.reconstruct
    assert asked is not None
    rows = _published(asked, found)
    if rows is None:
        return None
    scale = str(rows.attrs["scale"])
    if data.scale is not None and data.scale.casefold() != scale.casefold():
        expected = f"'{scale}', the scale of '{asked.published}'"
        found.append(Problem("data.scale", f"'{data.scale}' is asked for", expected))
        return None
    draw = partial(
        reconstruct,
        rows,
        tables=asked.tables,
        seed=asked.seed,
        subgroups=asked.moderator,
        plausible=asked.plausible,
    )
    drawn = tried("data.reconstruct", found, draw)
    if drawn is None or directions is None:
        return drawn
    return replace(drawn, published=replace(drawn.published, directions=directions))


def _published(asked: Reconstruct, found: list[Problem]) -> pd.DataFrame | None:
    """The published rows of the outcome and of the moderator asked for."""
    having = [name for name in datasets.names() if datasets.describe(name).published]
    if asked.published not in having:
        told = f"no published aggregates are packaged for '{asked.published}'"
        found.append(Problem("data.reconstruct.published", told, f"one of {listing(having)}"))
        return None
    rows = datasets.published(asked.published)
    outcomes = list(dict.fromkeys(rows["outcome"]))
    if asked.outcome not in outcomes:
        told = "this key is missing" if asked.outcome is None else f"no outcome '{asked.outcome}' is published"
        advice = "" if asked.outcome is None else nearest(asked.outcome, outcomes)
        found.append(Problem("data.reconstruct.outcome", told, f"one of {listing(outcomes)}", advice))
        return None
    mine = rows[rows["outcome"] == asked.outcome]
    moderators = [name for name in dict.fromkeys(mine["moderator"]) if name]
    if asked.moderator is not None and asked.moderator not in moderators:
        told = f"no moderator '{asked.moderator}' of '{asked.outcome}' is published"
        expected = f"one of {listing(moderators)}" if moderators else "no 'moderator': none is published"
        advice = nearest(asked.moderator, moderators) if moderators else ""
        found.append(Problem("data.reconstruct.moderator", told, expected, advice))
        return None
    return mine


def check_fits(spec: Spec, drawn: Reconstruction, fits: Sequence[PlannedFit], found: list[Problem]) -> None:
    """Find fits that some of the tables do not allow, before any is run.

    Parameters
    ----------
    spec : Spec
        The file.
    drawn : Reconstruction
        Its tables.
    fits : sequence of PlannedFit
        What will be run.
    found : list of Problem
        What is wrong so far; grows.
    """
    for fit in fits:
        key = _key(fit)
        if isinstance(fit.engine, ClosedForm):
            _check_single_studies(key, drawn, fit, found)
        else:
            _check_proper(key, drawn, fit, found)
    if not any(not isinstance(fit.engine, NUTS) for fit in fits) and not found:
        told = "NUTS alone, which answers a few of the tables as a check"
        found.append(Problem("engines", f"found {told}", "exact = {} or closed_form beside it", "exact = {}"))
    if spec.engines.nuts is None and "nuts_tables" in _given(spec):
        found.append(Problem("data.reconstruct.nuts_tables", "found, without NUTS", "engines.nuts = { seed = 1 }"))
    if spec.report.threshold != 0.0:
        told = f"found {spec.report.threshold:g}, and ranges over reconstructed tables are held against 0"
        found.append(Problem("report.threshold", told, "no threshold where tables are reconstructed"))
    if spec.report.evidence:
        told = "found true, and a log evidence belongs to one table"
        found.append(Problem("report.evidence", told, "false where tables are reconstructed"))


def check_panel(spec: Spec, model: Model, drawn: Reconstruction, found: list[Problem]) -> Panel | None:
    """The prior panel over all tables, or None; a problem where the file itself asks for one that there is not."""
    if model.pools and model.varies:
        return tried("sensitivity", found, partial(planned_panel, spec, model, drawn.effects(0)))
    named = spec.sensitivity.model_fields_set & {"prior_panel", "tau"}
    if named and spec.sensitivity.prior_panel:
        told = "a prior panel is asked for, and over many tables it is about the mean of random effects"
        expected = "a fit for each prior: sensitivity.mu, or another file with another model.tau"
        found.append(Problem("sensitivity", told, expected, "prior_panel = false"))
    return None


def _given(spec: Spec) -> set[str]:
    return set() if spec.data.reconstruct is None else spec.data.reconstruct.model_fields_set


def _key(fit: PlannedFit) -> str:
    name = {ClosedForm: "closed_form", NUTS: "nuts"}.get(type(fit.engine), "exact")
    return f"engines.{name}"


def _check_single_studies(key: str, drawn: Reconstruction, fit: PlannedFit, found: list[Problem]) -> None:
    """Levels of one study have no tau2 of their own in closed form."""
    if fit.model.one_tau:
        return
    counts = [Counter(levels) for levels in drawn.levels]
    single = [min(count, key=lambda level: count[level]) for count in counts if min(count.values()) == 1]
    if single:
        told = f"in {len(single)} of {len(drawn)} tables a level has one study, such as '{single[0]}'"
        expected = "at least two studies for a tau2 of its own in closed form"
        found.append(Problem(key, told, expected, "model.heterogeneity = 'common', or exact = {} alone"))


def _check_proper(key: str, drawn: Reconstruction, fit: PlannedFit, found: list[Problem]) -> None:
    for place, effects in _kinds(drawn):
        try:
            refuse_improper(effects, fit.model.resolved(effects))
        except PoolwiseError as error:
            told = f"table {place + 1} of {len(drawn)}: {error.found}"
            found.append(Problem(key, told, error.expected, error.advice))
            return


def _kinds(drawn: Reconstruction) -> list[tuple[int, Effects]]:
    """The first table of each division of the studies over the levels."""
    first: dict[frozenset[tuple[str, int]], int] = {}
    for place in range(len(drawn)):
        division = frozenset(Counter(drawn.levels[place]).items()) if drawn.levels else frozenset()
        first.setdefault(division, place)
    return [(place, drawn.effects(place)) for place in first.values()]
