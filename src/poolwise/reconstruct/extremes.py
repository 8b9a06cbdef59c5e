"""The lowest and the highest that an answer can be over all tables that fit what is published, found by search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.reconstruct.coordinates import Coordinates
from poolwise.reconstruct.partition import Plan, plan_outcome
from poolwise.reconstruct.proposals import Proposals
from poolwise.reconstruct.record import Reconstruction
from poolwise.reconstruct.sampler import verdicts
from poolwise.reconstruct.steering import Goal

Array = NDArray[np.float64]
Goals = Callable[[NDArray[np.int64], tuple[str, ...]], list[Goal]]

_STEP = 1e-5  # of a coordinate, for central differences
_STEPS = 60
_CLOSE = 1e-6  # of an answer, below which a step is the last
AGREE = 0.002  # restarts that end this close to the best one have found the same: it hardly shows in two decimals
COLUMNS = ("fit", "quantity", "what", "end", "value", "drawn", "restarts", "agree", "spread", "table")


@final
@dataclass(frozen=True, eq=False)
class Extremes:
    """Tables at which answers are as low or as high as a search could bring them.

    Attributes
    ----------
    frame : DataFrame
        One row for each search: fit, quantity, what (``"point"``, ``"lower"``, ``"upper"``, ``"p_above"``,
        ``"p_rope"``), end (``"low"``, ``"high"``), value (about, as the search steers by it), drawn (the same over the
        tables drawn at random), restarts, agree (restarts that end within 0.002 of the best), spread (from the best
        restart to the worst), table (place in `tables`).
    tables : Reconstruction
        The tables found; they agree with all that is published, as those drawn do.

    References
    ----------
    Kraft 1988, A software package for sequential quadratic programming, DFVLR-FB 88-28.
    """

    frame: pd.DataFrame
    tables: Reconstruction = field(repr=False)

    def __len__(self) -> int:
        return len(self.tables)


def search(
    drawn: Reconstruction, known: pd.DataFrame, goals: Mapping[str, Goals], *, restarts: int = 4, seed: int = 1
) -> Extremes | None:
    """Search the tables that agree with what is published for the lowest and the highest of every answer.

    Each search climbs by sequential quadratic programming (Kraft's SLSQP) in the space of `Coordinates`, in which d, SE
    and Q are as published by construction and the other facts and limits are constraints. It starts from the best of
    the tables drawn at random, once in each of as many parts of them as there are restarts, or, where the studies are
    divided in unknown numbers, from the best table of as many divisions. Where an earlier fit was searched for the same
    answer, the table found there takes the place of three quarters of the starts. A search finds a local extreme: how
    far the restarts end apart says how sure it is. What it finds is checked against every published figure by the
    arithmetic that the random tables are checked by.

    Parameters
    ----------
    drawn : Reconstruction
        Tables drawn at random.
    known : DataFrame
        The answers of every fit on these tables: label, table (counted from 1), quantity, point, lower, upper, p_above,
        p_rope; see `poolwise.checks.Ranges.answers`.
    goals : mapping of str to callable
        By the label of a fit what makes the answers to search for, given the level of each study and the names of the
        levels.
    restarts : int
        Starts for either end of each answer.
    seed : int
        Seed of the order in which the tables are parted.

    Returns
    -------
    Extremes or None
        None where there is nothing to search for.

    References
    ----------
    Kraft D (1988). A software package for sequential quadratic programming. DFVLR-FB 88-28.
    """
    plan = plan_outcome(drawn.published, drawn.rows)
    levels = _levels(plan, drawn)
    parts = _parts(levels, restarts, seed)
    before: dict[tuple[str, str, str], Point] = {}
    rows: list[dict[str, object]] = []
    points: list[Point] = []
    for label, of in goals.items():
        answers = known[known["label"] == label]
        for quantity, numbers in answers.groupby("quantity", sort=False):
            for what, end in product(WHATS, ENDS):
                values = numbers.sort_values("table")[what].to_numpy(dtype=float)
                goal = _goal(of, levels[0], plan.names, str(quantity), what)
                if goal is None or np.isnan(values).all():
                    continue
                sign = ENDS[end]
                warm = [before[key] for key in [(str(quantity), what, end)] if key in before]
                most = max(1, restarts // 4) if warm else restarts
                starts = warm + [_start(plan, drawn, levels, i) for i in _best(sign * values, parts, most)]
                ends = [_climb(start, of, str(quantity), what, sign) for start in starts]
                best = min(ends, key=lambda one: one[1])[0]
                before[str(quantity), what, end] = best
                row = {"fit": label, "quantity": quantity, "what": what, "end": end}
                rows.append(row | _told(np.array([value for _, value in ends]), values, sign) | {"table": len(points)})
                points.append(best)
    return _together(plan, drawn, points, rows) if rows else None


WHATS = ("point", "lower", "upper", "p_above", "p_rope")
ENDS = {"low": 1.0, "high": -1.0}


@final
@dataclass(frozen=True, eq=False)
class Point:
    """A table as a point of its space.

    Attributes
    ----------
    space : Coordinates
    x : ndarray
        Shape (coordinates,).
    """

    space: Coordinates
    x: Array = field(repr=False)


def _climb(start: Point, of: Goals, quantity: str, what: str, sign: float) -> tuple[Point, float]:
    """The local extreme near a start, and sign times the answer there; the start itself where the search fails."""
    from scipy.optimize import Bounds, minimize

    space = start.space
    goal = _goal(of, space.level, space.plan.names, quantity, what)
    assert goal is not None
    value = lru_cache(maxsize=8)(lambda key: float(goal.value(*space.table(np.frombuffer(key)[None]))[0]))

    def near(x: Array) -> Array:
        steps = _STEP * np.eye(len(x))
        return np.concatenate([x[None], x + steps, x - steps])

    def slope(values: Array) -> Array:
        n = (len(values) - 1) // 2
        return (values[1 : n + 1] - values[n + 1 :]) / (2.0 * _STEP)

    def downhill(x: Array) -> Array:
        changes = goal.change(*space.table(near(x)), value(x.tobytes()))
        return sign * slope(changes)

    result = minimize(
        lambda x: sign * value(x.tobytes()),
        start.x,
        jac=downhill,
        method="SLSQP",
        bounds=Bounds(*_box(space, len(start.x))),
        constraints={
            "type": "ineq",
            "fun": lambda x: space.slack(x[None])[0],
            "jac": lambda x: slope(space.slack(near(x))).T,
        },
        options={"maxiter": _STEPS, "ftol": _CLOSE},
    )
    first = sign * value(start.x.tobytes())
    if np.isfinite(result.fun) and result.fun < first and _fits(space, result.x):
        return Point(space, result.x), float(result.fun)
    return start, first


def _fits(space: Coordinates, x: Array) -> bool:
    """Whether the table keeps every published figure and limit, by the arithmetic that random tables are held to."""
    y, w = space.table(x[None])
    kept = verdicts(Proposals(y, w, space.level[None]), space.plan, space.limits)
    return bool(np.isfinite(y).all() and np.logical_and.reduce(list(kept.values())).all())


def _box(space: Coordinates, size: int) -> tuple[Array, Array]:
    ends = np.concatenate([np.ones(space.boxes), np.full(size - space.boxes, np.inf)])
    return -ends, ends


def _goal(of: Goals, level: NDArray[np.int64], names: tuple[str, ...], quantity: str, what: str) -> Goal | None:
    return next((goal for goal in of(level, names) if (goal.quantity, goal.what) == (quantity, what)), None)


def _levels(plan: Plan, drawn: Reconstruction) -> list[NDArray[np.int64]]:
    if not drawn.levels:
        return [np.zeros(drawn.k, dtype=np.int64)] * len(drawn)
    return [np.array([plan.names.index(name) for name in names], dtype=np.int64) for names in drawn.levels]


def _start(plan: Plan, drawn: Reconstruction, levels: list[NDArray[np.int64]], i: int) -> Point:
    space = Coordinates(plan, drawn.plausible, levels[i])
    return Point(space, space.point(drawn.y[i], drawn.se[i] ** -2.0))


def _parts(levels: list[NDArray[np.int64]], restarts: int, seed: int) -> NDArray[np.int64]:
    """The part that each table is in: its division of the studies where there are several, else one at random."""
    divisions = {level.tobytes(): number for number, level in enumerate(levels)}
    if len(divisions) > 1:
        return np.array([divisions[level.tobytes()] for level in levels])
    return np.random.default_rng(seed).permutation(len(levels)) % restarts


def _best(values: Array, parts: NDArray[np.int64], restarts: int) -> list[int]:
    """The table with the smallest value in each part, of the parts with the smallest ones."""
    order = np.argsort(values, kind="stable")
    first: dict[int, int] = {}
    for i in order.tolist():
        first.setdefault(int(parts[i]), i)
    return list(first.values())[:restarts]


def _told(ends: Array, drawn: Array, sign: float) -> dict[str, object]:
    return {
        "value": sign * ends.min(),
        "drawn": sign * np.nanmin(sign * drawn),
        "restarts": len(ends),
        "agree": int((ends - ends.min() < AGREE).sum()),
        "spread": ends.max() - ends.min(),
    }


def _together(plan: Plan, drawn: Reconstruction, points: list[Point], rows: list[dict[str, object]]) -> Extremes:
    tables = [point.space.table(point.x[None]) for point in points]
    y, se = np.concatenate([y for y, _ in tables]), np.concatenate([w**-0.5 for _, w in tables])
    y.flags.writeable = se.flags.writeable = False
    names = np.array(plan.names, dtype=object)
    levels = tuple(tuple(names[point.space.level].tolist()) for point in points) if plan.factor else ()
    return Extremes(pd.DataFrame(rows, columns=list(COLUMNS)), replace(drawn, y=y, se=se, levels=levels))
