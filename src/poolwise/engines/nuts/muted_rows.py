"""NUTS on a study table some rows of which are muted, and how likely its draws make the estimates in those rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects, muted_rows
from poolwise.engines.draws.tree import stream
from poolwise.engines.means import means
from poolwise.engines.nuts.engine import NUTS
from poolwise.engines.nuts.planned import planned, run
from poolwise.engines.nuts.row_models import LATENTS, latent_of, sample
from poolwise.engines.nuts.run import drawn
from poolwise.engines.nuts.samplers import Chains
from poolwise.model import Model

Array = NDArray[np.float64]


def log_likelihood_without(effects: Effects, model: Model, engine: NUTS, rows: NDArray[np.intp]) -> Array:
    """Log density of every independent unit of estimates at draws from the posterior without some rows.

    The rows stay in the table with standard errors a million times as large as any other, so that they say nothing
    while moderators, groups and priors remain what they are on the whole table.

    Parameters
    ----------
    effects : Effects
        The whole table.
    model : Model
        With every prior explicit.
    engine : NUTS
    rows : ndarray of int
        Rows to leave out, shape (n,).

    Returns
    -------
    ndarray
        Shape (chains, draws, units): log p(y_u | draw), of the estimates as they were reported.
    """
    rest = muted_rows(effects, rows)
    if type(model) in LATENTS:
        latent = latent_of(rest, model)
        chains = drawn(engine, rest, model, partial(sample, latent), _unjudged)[1]
        return latent_of(effects, model).likelihood.log_likelihood(latent.parameters(chains))
    road = planned(rest, model)
    plan = road.plan
    parameters = drawn(engine, rest, model, partial(run, plan), _unjudged, coefficients=plan.means.p)[1]
    draws = road.read(parameters, stream(rest, model, engine.seed, use=1))
    return replace(draws, effects=effects, means=means(effects, model)).log_likelihood()


def _unjudged(chains: Chains) -> tuple[Mapping[str, Array], Mapping[str, float]]:
    """The draws alone: what they are for has a Monte Carlo error of its own."""
    return chains.parameters, {}
