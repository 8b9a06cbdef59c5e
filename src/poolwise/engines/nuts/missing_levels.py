"""Meta-regression on moderators of words that some studies miss, by NUTS: the plan, and what the draws mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.mixed_rows import MixedRows
from poolwise.engines.draws.normal_draws import NormalDraws, flat
from poolwise.engines.means import Means
from poolwise.engines.nuts.plans import Named, Plan, Unit, compiled, plan, standards
from poolwise.engines.nuts.sampled import sampled_draws
from poolwise.model import Model
from poolwise.priors import Prior
from poolwise.pymc_models.missing_levels import missing_levels
from poolwise.pymc_models.priors import standard
from poolwise.quantities import Estimate, Quantity

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def levels_plan(effects: Effects, model: Model, mean: Means, unit: Unit | None = None) -> Plan:
    """The plan of a model whose priors are explicit.

    Parameters
    ----------
    effects : Effects
    model : Model
    mean : Means
        With the levels that studies miss.
    unit : Unit, optional
        As in `plan`.

    Returns
    -------
    Plan
    """
    gaps = mean.gaps
    assert gaps is not None
    tau = mean.structure.priors["tau"]
    known, here = plan(effects, model, mean, unit), gaps.here
    data = dict(known.data)
    data |= {f"{name}_gap": data[name][here] for name in ("y", "v")}
    data |= {name: data[name][~here] for name in ("y", "v", "X")}
    data |= {"X_gap": gaps.X, "takes": gaps.takes, "log_share": gaps.log_share}
    data |= {f"reported[{j}]": counts for j, counts in enumerate(gaps.concentrations)}
    beta = standards(dict(zip(known.names, mean.priors, strict=True)))
    sizes = tuple(len(levels) for levels in gaps.levels)
    return replace(known, compiled=partial(compiled, _empty, beta, standard(tau), sizes), data=data)


def _empty(beta: Named, tau: Prior, sizes: tuple[int, ...]) -> pm.Model:
    y, X, C = np.zeros(2), np.zeros((2, len(beta))), int(np.prod(sizes))
    return missing_levels(
        y, y + 1.0, X, y, y + 1.0, np.zeros((2, C, len(beta))), np.full((2, C, sum(sizes)), 1.0 / C), y,
        [np.ones(size) for size in sizes], dict(beta), tau,
    )  # fmt: skip


def read_levels(
    effects: Effects, model: Model, made: Plan, drawn: Mapping[str, Array], rng: np.random.Generator
) -> NormalDraws:
    """Draws on the scale of the effects; the missing levels are drawn given them, and the true effects given those.

    Parameters
    ----------
    effects : Effects
    model : Model
    made : Plan
    drawn : mapping
        Variables of the PyMC model, shape (chains, draws, ...).
    rng : Generator

    Returns
    -------
    NormalDraws
        Its scalars include the level probabilities, ``pi[setting: school]``, and beside them stands the probability of
        each level of each study that misses it.
    """
    gaps = made.means.gaps
    assert gaps is not None
    plain = sampled_draws(effects, model, made, drawn, rng)
    pi = np.concatenate([drawn[f"pi[{j}]"] for j in range(len(gaps.names))], axis=-1)
    mixed = MixedRows.of(gaps, plain.coefficients, pi)
    scalars = {**plain.scalars, **{f"pi[{label}]": pi[..., q] for q, label in enumerate(gaps.labels)}}
    fitted = plain.fitted
    fitted[..., mixed.rows] = mixed.drawn(_weights(mixed, plain), rng)
    theta = plain.law.draw_theta(flat(fitted), effects.y, rng).reshape(fitted.shape)
    return replace(plain, scalars=scalars, theta=theta, mixed=mixed, beside=level_chances(mixed, plain))


def level_chances(mixed: MixedRows, sampled: NormalDraws) -> dict[str, Quantity]:
    """Posterior probability of each level of each study that misses it, ``setting[Smith 2010: school]``.

    Parameters
    ----------
    mixed : MixedRows
    sampled : NormalDraws

    Returns
    -------
    dict of str to Quantity
    """
    gaps = mixed.gaps
    chances = np.einsum("mc,mcq->mq", _weights(mixed, sampled).mean(axis=(0, 1)), gaps.takes)
    labels = [sampled.effects.labels[row] for row in mixed.rows]
    out: dict[str, Quantity] = {}
    first = 0
    for j, (name, levels) in enumerate(zip(gaps.names, gaps.levels, strict=True)):
        for i in np.flatnonzero(gaps.codes[mixed.rows, j] < 0):
            for q, level in enumerate(levels, start=first):
                out[f"{name}[{labels[i]}: {level}]"] = Estimate(float(chances[i, q]))
        first += len(levels)
    return out


def _weights(mixed: MixedRows, sampled: NormalDraws) -> Array:
    """Probability of each combination given all that was drawn, shape (chains, draws, m, C)."""
    return mixed.weights(sampled.effects.y[mixed.rows], sampled.variance[..., mixed.rows])
