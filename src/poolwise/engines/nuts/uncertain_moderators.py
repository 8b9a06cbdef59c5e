"""Meta-regression on uncertain moderators by NUTS: the plan, and draws of the true values of the moderators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.normal_draws import NormalDraws, flat
from poolwise.engines.means import Means
from poolwise.engines.nuts.plans import Named, Plan, Unit, compiled, plan, standards
from poolwise.engines.nuts.sampled import sampled_draws
from poolwise.laws import DrawsLaw
from poolwise.model import Model
from poolwise.model.uncertain import Uncertain
from poolwise.moments import MOST_MOMENTS
from poolwise.priors import Prior
from poolwise.pymc_models.priors import standard
from poolwise.pymc_models.uncertain_moderators import uncertain_moderators
from poolwise.quantities import Posterior, Quantity

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


def uncertain_plan(effects: Effects, model: Model, mean: Means, unit: Unit | None = None) -> tuple[Plan, Uncertain]:
    """The plan of a model whose priors are explicit, and its uncertain moderators.

    Parameters
    ----------
    effects : Effects
    model : Model
    mean : Means
        With the moderators that are uncertain.
    unit : Unit, optional
        As in `plan`.

    Returns
    -------
    tuple of Plan and Uncertain
    """
    what, tau = mean.structure.uncertain, mean.structure.priors["tau"]
    assert what is not None
    known = plan(effects, model, mean, unit)
    uncertain: dict[str, Any] = {"X": what.X, "slopes": what.slopes, "x": what.x, "se_x": what.se_x, "seen": what.seen}
    beta = standards(dict(zip(known.names, mean.priors, strict=True)))
    ready = partial(compiled, _empty, beta, standard(tau), len(what.names))
    made = replace(known, compiled=ready, data=dict(known.data) | uncertain)
    return made, what


def _empty(beta: Named, tau: Prior, moderators: int) -> pm.Model:
    y, x = np.zeros(2), np.zeros((2, moderators))
    X, slopes = np.zeros((2, len(beta))), np.zeros((2, moderators, len(beta)))
    return uncertain_moderators(y, y + 1.0, X, slopes, x, x, x, dict(beta), tau)


def read_uncertain(
    effects: Effects,
    model: Model,
    made: Plan,
    what: Uncertain,
    drawn: Mapping[str, Array],
    rng: np.random.Generator,
) -> NormalDraws:
    """Draws on the scale of the effects, the true values of the moderators drawn given them (Matheron's rule).

    Parameters
    ----------
    effects : Effects
    model : Model
    made : Plan
    what : Uncertain
    drawn : mapping
        Variables of the PyMC model, shape (chains, draws, ...).
    rng : Generator

    Returns
    -------
    NormalDraws
        With the mean and standard deviation of each such moderator over studies, ``mean[ablat]`` and ``sd[ablat]``, and
        beside them the true value of each that is not known, ``ablat[study]``.
    """
    plain = sampled_draws(effects, model, made, drawn, rng)
    m, s = drawn["x_mean"][..., None, :], drawn["x_sd"][..., None, :]
    reliability = what.seen * s**2 / (s**2 + what.se_x**2)
    expected, rest = m + reliability * (what.x - m), s**2 * (1.0 - reliability)
    effect = np.einsum("cdp,kjp->cdkj", plain.coefficients, what.slopes)
    mean = plain.coefficients @ what.X.T + (effect * expected).sum(axis=-1)
    more = (effect**2 * rest).sum(axis=-1)
    own = plain.variance
    x = expected + np.sqrt(rest) * rng.standard_normal(rest.shape)
    fitted = mean + (effect * (x - expected)).sum(axis=-1)
    apart = effects.y - fitted - np.sqrt(own) * rng.standard_normal(fitted.shape)
    x = x + rest * effect * (apart / (own + more))[..., None]
    fitted = mean + (effect * (x - expected)).sum(axis=-1)
    theta = plain.law.draw_theta(flat(fitted), effects.y, rng).reshape(fitted.shape)
    moderators: dict[str, Array] = {}
    values: dict[str, Quantity] = {}
    for j, name in enumerate(what.names):
        moderators[f"mean[{name}]"] = what.centre[j] + what.unit[j] * drawn["x_mean"][..., j]
        moderators[f"sd[{name}]"] = what.unit[j] * drawn["x_sd"][..., j]
        for row in np.flatnonzero((what.seen[:, j] == 0.0) | (what.se_x[:, j] > 0.0)):
            draws = what.centre[j] + what.unit[j] * x[..., row, j]
            values[f"{name}[{effects.labels[row]}]"] = Posterior(DrawsLaw(draws, MOST_MOMENTS))
    return replace(plain, theta=theta, mean=mean, more=more, moderators=moderators, beside=values)
