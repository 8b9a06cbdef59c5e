"""Plans of models whose true effects correlate across rows: what the rows share, and the PyMC model of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.means import means
from poolwise.engines.nuts.plans import Named, Plan, Unit, compiled, given_parameters, standards
from poolwise.model import CorrelatedOutcomes, CrossedEffects
from poolwise.priors import Prior
from poolwise.pymc_models.correlated_outcomes import correlated_outcomes
from poolwise.pymc_models.crossed_effects import crossed_effects
from poolwise.pymc_models.priors import standard

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def shared_plan(effects: Effects, model: CrossedEffects | CorrelatedOutcomes, unit: Unit | None = None) -> Plan:
    """The plan of a model whose priors are explicit.

    Parameters
    ----------
    effects : Effects
    model : CrossedEffects or CorrelatedOutcomes
    unit : Unit, optional
        As in `plan`.

    Returns
    -------
    Plan
    """
    return _crossed(effects, model, unit) if isinstance(model, CrossedEffects) else _correlated(effects, model, unit)


def _crossed(effects: Effects, model: CrossedEffects, unit: Unit | None) -> Plan:
    assert model.mu is not None
    assert model.tau_within is not None
    assert isinstance(model.tau, Mapping)
    columns = {
        (f, level): np.array([value == level for value in values], dtype=float)
        for f, values in enumerate(model.levels(effects).values())
        for level in dict.fromkeys(values)
    }
    Z, of = np.column_stack(list(columns.values())), np.array([f for f, _ in columns], dtype=np.int64)
    mean, unit = means(effects, model), unit or Unit.of(effects.y, effects.v)
    priors = {"mu": unit.mean(model.mu), "tau_within": unit.spread(model.tau_within)}
    priors |= {f"tau[{f}]": unit.spread(prior) for f, prior in enumerate(model.tau.values())}
    data = {"y": (effects.y - unit.centre) / unit.unit, "v": effects.v / unit.unit / unit.unit, "Z": Z, "of": of}
    of_factors = standards({str(f): prior for f, prior in enumerate(model.tau.values())})
    ready = partial(compiled, _empty_crossed, standard(model.mu), of_factors, standard(model.tau_within))
    factors = {f"tau[{f}]": (f"tau[{name}]",) for f, name in enumerate(model.factors)}
    return Plan(ready, data | given_parameters(priors), unit, mean, factors | {"tau_within": ("tau_within",)})


def _correlated(effects: Effects, model: CorrelatedOutcomes, unit: Unit | None) -> Plan:
    assert model.mu is not None
    assert model.tau is not None
    mean, unit = means(effects, model), unit or Unit.of(effects.y, effects.v)
    priors: dict[str, Prior] = {"mu": unit.mean(model.mu), "tau": unit.spread(model.tau)}
    if model.tau_within is not None:
        priors["tau_within"] = unit.spread(model.tau_within)
    clusters = np.array(model.clusters(effects))
    studies = tuple(dict.fromkeys(clusters.tolist()))
    rows = [np.flatnonzero(clusters == study) for study in studies]
    turns = [_turned(effects.se[row], model.rho) for row in rows]
    centred = (effects.y - unit.centre) / unit.unit
    data = {
        "y": np.concatenate([turn.T @ centred[row] for row, (turn, _) in zip(rows, turns, strict=True)]),
        "v": np.concatenate([v for _, v in turns]) / unit.unit / unit.unit,
        "Z": np.concatenate([turn.T @ mean.X[row] for row, (turn, _) in zip(rows, turns, strict=True)]),
        "starts": np.cumsum([0] + [len(row) for row in rows[:-1]]),
        "eta": float(model.eta),
    }
    template = (mean.p, standard(model.mu), standard(model.tau), standard(model.tau_within))
    within = {} if model.tau_within is None else {"tau_within": ("tau_within",)}
    measured = {"tau": mean.structure.sds[: mean.p]} | within
    return Plan(partial(compiled, _empty_correlated, *template), data | given_parameters(priors), unit, mean, measured)


def _turned(se: Array, rho: float) -> tuple[Array, Array]:
    """Eigenvectors and eigenvalues of the sampling covariance of one study's estimates."""
    n = len(se)
    if rho == 0.0 or n == 1:
        return np.eye(n), se**2
    root = np.linalg.cholesky((1.0 - rho) * np.eye(n) + rho)
    turn, values = np.linalg.svd(se[:, None] * root)[:2]
    return turn, values**2


_Y, _V = np.zeros(2), np.ones(2)


def _empty_crossed(mu: Prior, tau: Named, within: Prior) -> pm.Model:
    return crossed_effects(_Y, _V, np.eye(2), np.zeros(2, dtype=np.int64), mu, dict(tau), within)


def _empty_correlated(m: int, mu: Prior, tau: Prior, within: Prior | None) -> pm.Model:
    return correlated_outcomes(_Y, _V, np.zeros((2, m)), np.arange(2), [str(o) for o in range(m)], mu, tau, 2.0, within)
