"""Drawing study tables until enough of them agree with everything published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.errors import InputError, described, listing, nearest, shown
from poolwise.reconstruct.aggregate import Aggregate
from poolwise.reconstruct.feasible import check_outcome
from poolwise.reconstruct.partition import Plan, plan_outcome
from poolwise.reconstruct.plausible import Plausible
from poolwise.reconstruct.pooled import pooled
from poolwise.reconstruct.proposals import Proposals, propose
from poolwise.reconstruct.record import Reconstruction
from poolwise.settings import as_number, check_whole

Row = Aggregate | Mapping[str, Any] | pd.Series
Verdicts = dict[str, NDArray[np.bool_]]

_BATCH = 10_000
_PATIENCE = 50  # batches without a single table
_MOST_BATCHES = 300


def drawn_tables(
    published: Row | pd.DataFrame,
    subgroups: str | Sequence[Row] | None,
    plausible: Plausible | None,
    *,
    tables: int,
    seed: int,
    alpha: float,
) -> Reconstruction:
    """What `poolwise.reconstruct.reconstruct` returns; its parameters are explained there."""
    limits = Plausible() if plausible is None else plausible
    if not isinstance(limits, Plausible):
        advice = "plausible=Plausible(d_max=2.0), of poolwise.reconstruct"
        raise InputError(f"plausible is {described(limits)}", "limits on single studies", advice)
    _check_settings(tables, seed, alpha)
    overall, rows = _rows(published, subgroups)
    check_outcome(overall, limits)
    plan = plan_outcome(overall, rows)
    kept, acceptance, rejections = _draw(plan, limits, tables, alpha, seed)
    y, se = kept.y, kept.w**-0.5
    y.flags.writeable = se.flags.writeable = False
    names = np.array(plan.names, dtype=object)
    return Reconstruction(
        y=y,
        se=se,
        levels=tuple(tuple(table) for table in names[kept.level].tolist()) if plan.factor else (),
        factor=plan.factor,
        published=overall,
        rows=plan.levels if plan.factor else (),
        acceptance=acceptance,
        rejections=MappingProxyType(rejections),
        seed=seed,
        alpha=float(alpha),
        plausible=limits,
        notes=plan.notes,
    )


def verdicts(proposals: Proposals, plan: Plan, limits: Plausible) -> Verdicts:
    """Which proposed tables keep each published figure and each limit.

    Parameters
    ----------
    proposals : Proposals
        n tables of k studies.
    plan : Plan
        What is published.
    limits : Plausible
        Limits on single studies.

    Returns
    -------
    dict of ndarray of bool
        By the words for each fact, shape (n,).
    """
    everyone = np.ones(proposals.y.shape, dtype=bool)
    rows = [(plan.overall, everyone)]
    if plan.factor:
        rows += [(row, proposals.level == g) for g, row in enumerate(plan.levels)]
    kept: Verdicts = {}
    for row, member in rows:
        recomputed = pooled(proposals.y, proposals.w, member)
        for name, figure in row.figures.items():
            kept[f"{row.name}: {name} = {figure}"] = figure.holds(recomputed[name])
    with np.errstate(divide="ignore"):
        se = proposals.w**-0.5
    kept[f"plausible standard errors, {limits.se_min:g} to {limits.se_max:g}"] = (
        (se >= limits.se_min) & (se <= limits.se_max)
    ).all(axis=1)
    kept[f"plausible effects, at most {limits.d_max:g}"] = (np.abs(proposals.y) <= limits.d_max).all(axis=1)
    return kept


def _draw(
    plan: Plan, limits: Plausible, tables: int, alpha: float, seed: int
) -> tuple[Proposals, float, dict[str, float]]:
    """Accepted tables, the share accepted, and the share rejected by each fact."""
    rng = np.random.default_rng(seed)
    found: list[Proposals] = []
    accepted, tried, broken = 0, 0, dict[str, int]()
    while accepted < tables:
        batch = propose(plan, _BATCH, alpha, rng)
        kept = verdicts(batch, plan, limits)
        good = np.logical_and.reduce(list(kept.values()))
        found.append(Proposals(batch.y[good], batch.w[good], batch.level[good]))
        accepted, tried = accepted + int(good.sum()), tried + _BATCH
        for fact, holds in kept.items():
            broken[fact] = broken.get(fact, 0) + int((~holds).sum())
        too_few = tried >= _PATIENCE * _BATCH and accepted == 0
        if accepted < tables and (too_few or tried >= _MOST_BATCHES * _BATCH):
            raise _too_rare(accepted, tried, broken)
    together = Proposals(
        *(np.concatenate([getattr(part, name) for part in found])[:tables] for name in ("y", "w", "level"))
    )
    return together, accepted / tried, {fact: count / tried for fact, count in broken.items()}


def _too_rare(accepted: int, tried: int, broken: Mapping[str, int]) -> InputError:
    worst = sorted(broken, key=lambda fact: broken[fact], reverse=True)[:3]
    shares = [f"'{fact}' rejects {100.0 * broken[fact] / tried:.4g} %" for fact in worst if broken[fact]]
    return InputError(
        f"only {accepted} of {tried} proposed tables agree with everything published: {listing(shares)}",
        "aggregates of one set of studies, and limits that such studies keep",
        "check that figure against the paper, widen plausible=, or change alpha=",
    )


def _check_settings(tables: int, seed: int, alpha: float) -> None:
    check_whole("tables", tables, 1, 300, error=InputError)
    check_whole("seed", seed, 0, 1, error=InputError)
    if not 0.0 < as_number(alpha) < np.inf:
        raise InputError(f"alpha = {shown(alpha)}", "a number above 0")


def _rows(
    published: Row | pd.DataFrame, subgroups: str | Sequence[Row] | None
) -> tuple[Aggregate, tuple[Aggregate, ...]]:
    """The outcome's row and the rows of the levels asked for."""
    if not isinstance(published, Aggregate | Mapping | pd.Series | pd.DataFrame):
        raise InputError(
            f"reconstruct was given {described(published)}",
            "the published row of an outcome: a mapping with k, d, se, q, or a frame of rows",
            "rows = pw.datasets.published('working_alliance'); pw.reconstruct(rows[rows['outcome'] == 'misconduct'])",
        )
    rows = [published.iloc[i] for i in range(len(published))] if isinstance(published, pd.DataFrame) else [published]
    given = [Aggregate.of(row) for row in rows]
    whole = [row for row in given if not row.moderator]
    if len(whole) != 1:
        outcomes = listing(f"'{row.outcome}'" for row in whole) or "none"
        raise InputError(
            f"{len(whole)} overall rows are given (outcomes: {outcomes})",
            "the rows of one outcome, with one overall row",
            'published[published["outcome"] == "..."]',
        )
    if subgroups is None:
        return whole[0], ()
    if not isinstance(subgroups, str):
        return whole[0], tuple(Aggregate.of(row) for row in subgroups)
    levels = tuple(row for row in given if row.moderator == subgroups)
    if not levels:
        known = dict.fromkeys(row.moderator for row in given if row.moderator)
        advice = nearest(subgroups, known) if known else "the frame with the rows of its levels"
        raise InputError(f"no level of a moderator '{subgroups}' is published", advice=advice)
    return whole[0], levels
