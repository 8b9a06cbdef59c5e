"""Specifications by the exact engine: every prior on tau of the panel with every prior on the mean effects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from poolwise.checks.panel_subject import Asked, subject
from poolwise.checks.prior_panel.rows import panel_rows
from poolwise.checks.specifications.closed_forms import ALIKE, COMMON, RANDOM
from poolwise.effects import Effects
from poolwise.engines.exact import Exact
from poolwise.errors import ModelError
from poolwise.model import CommonEffect, MetaRegression, RandomEffects
from poolwise.moments import refuse_improper
from poolwise.priors import Flat, Normal, Prior
from poolwise.quantities import Posterior

Row = dict[str, object]


def posteriors(
    effects: Effects, models: Sequence[Asked], taus: Sequence[Prior], quantity: str, prob: float
) -> Iterator[Row]:
    """A row for each prior on tau under each prior on the mean effects.

    Parameters
    ----------
    effects : Effects
    models : sequence of RandomEffects, MetaRegression or Subgroups
        One for each prior on the mean effects.
    taus : sequence of Prior
    quantity : str
    prob : float

    Yields
    ------
    dict

    References
    ----------
    Röver et al. 2021, Research Synthesis Methods 12:448, 10.1002/jrsm.1475.
    """
    for model in models:
        about = subject(effects, model, quantity, check="specifications", option="of")
        proper: list[Prior] = []
        for tau in taus:
            under = about.under(tau)
            assert under.tau is not None
            try:
                refuse_improper(effects, under)
            except ModelError as error:
                yield {"model": RANDOM, "tau_prior": str(tau), "mu_prior": about.prior, "reason": str(error)}
            else:
                proper.append(under.tau)
        if not proper:
            continue
        for tau, row in zip(proper, panel_rows(about, proper, prob, np.nan), strict=True):
            yield {
                "model": RANDOM,
                "tau_prior": str(tau),
                "mu_prior": about.prior,
                **{name: row[f"mu_{name}"] for name in ("point", "lower", "upper")},
                "tau": row["tau_point"],
                "kind": row["interval"],
                "status": row["status"],
            }


def common_posteriors(effects: Effects, mus: Sequence[Prior], prob: float) -> Iterator[Row]:
    """A row for each prior on the mean under a common effect."""
    for mu in mus:
        told: Row = {"model": COMMON, "mu_prior": str(mu)}
        try:
            quantity = Exact().fit(effects, CommonEffect(mu=mu))["mu"]
        except ModelError as error:
            yield {**told, "reason": str(error)}
            continue
        assert isinstance(quantity, Posterior)
        lower, upper = quantity.interval(prob)
        yield {**told, "point": quantity.point, "lower": lower, "upper": upper, "tau": 0.0} | {
            "kind": quantity.interval_kind(),
            "warning": ALIKE if effects.k > 1 else "",
        }


def under_other_means(model: Asked) -> tuple[Asked, ...]:
    """The model, and the same with other priors on its mean effects: flat, and half as wide where one is normal.

    Parameters
    ----------
    model : RandomEffects, MetaRegression or Subgroups
        With its priors on mean effects explicit.

    Returns
    -------
    tuple of model
    """
    if isinstance(model, MetaRegression):
        priors = [prior for name, prior in model.named_priors.items() if name != "tau"]
        flat = all(prior is None or isinstance(prior, Flat) for prior in priors)
        return (model,) if flat else (model, replace(model, beta=Flat()))
    more: list[Asked] = []
    if not isinstance(model.mu, Flat):
        more.append(replace(model, mu=Flat()))
    if isinstance(model.mu, Normal) and isinstance(model, RandomEffects):
        more.append(replace(model, mu=replace(model.mu, sd=0.5 * model.mu.sd)))
    return (model, *more)
