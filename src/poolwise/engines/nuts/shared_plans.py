"""Plans of models whose true effects correlate across rows: what the rows share, and the PyMC model of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.means import means
from poolwise.engines.nuts.plans import Families, Plan, Unit, compiled, given_parameters, refuse_unknown
from poolwise.engines.nuts.shared import Block
from poolwise.model import CorrelatedOutcomes, CrossedEffects
from poolwise.priors import Prior
from poolwise.pymc_models.correlated_outcomes import correlated_outcomes
from poolwise.pymc_models.crossed_effects import crossed_effects
from poolwise.pymc_models.priors import STANDARD

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class SharedPlan:
    """A plan, and what rows share.

    Attributes
    ----------
    plan : Plan
    blocks : tuple of Block
        Rows that share something, in blocks that are independent of one another.
    units : tuple of str
        A name for each block.
    groups : tuple of str
        Names of the outcomes, or of the factors.
    levels : tuple of str
        Names of all levels of all factors, ``"lab: 3"``; none for outcomes.
    """

    plan: Plan
    blocks: tuple[Block, ...]
    units: tuple[str, ...]
    groups: tuple[str, ...]
    levels: tuple[str, ...] = ()


def shared_plan(effects: Effects, model: CrossedEffects | CorrelatedOutcomes) -> SharedPlan:
    """The plan of a model whose priors are explicit.

    Parameters
    ----------
    effects : Effects
    model : CrossedEffects or CorrelatedOutcomes

    Returns
    -------
    SharedPlan

    Raises
    ------
    ModelError
        For a prior that PyMC has no line for here.
    """
    refuse_unknown(model)
    return _crossed(effects, model) if isinstance(model, CrossedEffects) else _correlated(effects, model)


def _crossed(effects: Effects, model: CrossedEffects) -> SharedPlan:
    assert model.mu is not None
    assert model.tau_within is not None
    assert isinstance(model.tau, Mapping)
    columns = {
        (f, level): np.array([value == level for value in values], dtype=float)
        for f, values in enumerate(model.levels(effects).values())
        for level in dict.fromkeys(values)
    }
    Z, of = np.column_stack(list(columns.values())), np.array([f for f, _ in columns], dtype=np.int64)
    mean, unit = means(effects, model), Unit.of(effects.y, effects.v)
    priors = {"mu": unit.mean(model.mu), "tau_within": unit.spread(model.tau_within)}
    priors |= {f"tau[{f}]": unit.spread(prior) for f, prior in enumerate(model.tau.values())}
    data = {"y": (effects.y - unit.centre) / unit.unit, "v": effects.v / unit.unit / unit.unit, "Z": Z, "of": of}
    families = tuple(type(prior) for prior in model.tau.values())
    ready = partial(compiled, _empty_crossed, families, type(model.mu), type(model.tau_within))
    spreads = (*(f"tau[{f}]" for f in range(len(families))), "tau_within")
    plan = Plan(ready, data | given_parameters(priors), unit, mean, spreads)
    blocks = tuple(Block(rows, cols, np.eye(len(rows)), effects.v[rows], Z[np.ix_(rows, cols)])
                   for rows, cols in _components(Z))  # fmt: skip
    names = tuple(f"{model.factors[f]}: {level}" for f, level in columns)
    units = tuple(f"component {j + 1}" for j in range(len(blocks)))
    return SharedPlan(plan, blocks, units, tuple(model.factors), names)


def _components(Z: Array) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows and levels that hang together: the connected components of the rows and levels as a graph."""
    free, found = np.ones(len(Z), dtype=bool), []
    while free.any():
        rows = np.zeros(len(Z), dtype=bool)
        rows[np.argmax(free)] = True
        while True:
            cols = Z[rows].any(axis=0)
            more = Z[:, cols].any(axis=1)
            if (more == rows).all():
                break
            rows = more
        found.append((np.flatnonzero(rows), np.flatnonzero(cols)))
        free &= ~rows
    return found


def _correlated(effects: Effects, model: CorrelatedOutcomes) -> SharedPlan:
    assert model.mu is not None
    assert model.tau is not None
    values = np.array(model.outcomes(effects))
    names = tuple(dict.fromkeys(values.tolist()))
    X = np.stack([values == name for name in names], axis=1).astype(float)
    mean, unit = means(effects, model), Unit.of(effects.y, effects.v)
    priors: dict[str, Prior] = {"mu": unit.mean(model.mu), "tau": unit.spread(model.tau)}
    if model.tau_within is not None:
        priors["tau_within"] = unit.spread(model.tau_within)
    clusters = np.array(model.clusters(effects))
    studies = tuple(dict.fromkeys(clusters.tolist()))
    blocks = tuple(_study(effects, model.rho, np.flatnonzero(clusters == study), X) for study in studies)
    centred = (effects.y - unit.centre) / unit.unit
    data = {
        "y": np.concatenate([block.turn.T @ centred[block.rows] for block in blocks]),
        "v": np.concatenate([block.v for block in blocks]) / unit.unit / unit.unit,
        "Z": np.concatenate([block.Z for block in blocks]),
        "starts": np.cumsum([0] + [len(block.rows) for block in blocks[:-1]]),
        "eta": float(model.eta),
    }
    template = (
        len(names),
        type(model.mu),
        type(model.tau),
        None if model.tau_within is None else type(model.tau_within),
    )
    spreads = ("tau",) if model.tau_within is None else ("tau", "tau_within")
    plan = Plan(partial(compiled, _empty_correlated, *template), data | given_parameters(priors), unit, mean, spreads)
    return SharedPlan(plan, blocks, studies, names)


def _study(effects: Effects, rho: float, rows: NDArray[np.intp], X: Array) -> Block:
    """The rows of one study, turned onto the eigenvectors of their sampling covariance."""
    se, n = effects.se[rows], len(rows)
    if rho == 0.0 or n == 1:
        turn, v = np.eye(n), se**2
    else:
        root = np.linalg.cholesky((1.0 - rho) * np.eye(n) + rho)
        turn, values = np.linalg.svd(se[:, None] * root)[:2]
        v = values**2
    return Block(rows, np.arange(X.shape[1]), turn, v, turn.T @ X[rows])


_Y, _V = np.zeros(2), np.ones(2)


def _empty_crossed(families: Families, mu: type[Prior], within: type[Prior]) -> pm.Model:
    tau = {str(f): STANDARD[family] for f, family in enumerate(families)}
    return crossed_effects(_Y, _V, np.eye(2), np.zeros(2, dtype=np.int64), STANDARD[mu], tau, STANDARD[within])


def _empty_correlated(m: int, mu: type[Prior], tau: type[Prior], within: type[Prior] | None) -> pm.Model:
    Z, standard = np.zeros((2, m)), None if within is None else STANDARD[within]
    return correlated_outcomes(
        _Y, _V, Z, np.arange(2), [str(o) for o in range(m)], STANDARD[mu], STANDARD[tau], 2.0, standard
    )
