"""Studies to come, drawn from what is believed now: theta_new ~ Normal(mu, tau), y ~ Normal(theta_new, se)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.exact import Exact
from poolwise.errors import InputError, ModelError, PoolwiseWarning, described
from poolwise.fit import check_table, fit
from poolwise.model import RandomEffects
from poolwise.result import Result
from poolwise.settings import as_numbers
from poolwise.simulate.characteristics.designs import Design

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Belief:
    """What a table says of mu and tau now.

    Attributes
    ----------
    effects : Effects
    model : RandomEffects
        With every prior explicit.
    result : Result
        Exact.
    mu, tau : ndarray
        Independent draws from the posterior, shape (draws,).
    """

    effects: Effects
    model: RandomEffects
    result: Result
    mu: Array
    tau: Array

    def drawn(self, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Pairs of mu and tau, shape (count,) each."""
        place = rng.integers(len(self.mu), size=count)
        return self.mu[place], self.tau[place]


def belief(effects: Effects, model: Any, plan: str) -> Belief:
    """The exact posterior of a table, and draws from it.

    Raises
    ------
    ModelError
        For a model other than RandomEffects with a prior on tau.
    InputError
        For dependent rows.
    """
    check_table(effects, plan, error=InputError)
    Design.of(effects)  # refuses dependent rows
    model = RandomEffects() if model is None else model
    if not isinstance(model, RandomEffects) or model.tau_fixed is not None:
        raise ModelError(f"model is {described(model)}", "RandomEffects(...) with a prior on tau")
    model = model.resolved(effects)
    result = fit(effects, model, Exact())
    draws = result.to_datatree()["posterior"]
    return Belief(effects, model, result, *(np.asarray(draws[name].values).ravel() for name in ("mu", "tau")))


def errors_to_come(se: Any, effects: Effects, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Standard errors of further studies, shape (n, m): those given, a law's, or the table's own drawn again."""
    if se is None:
        return np.asarray(rng.choice(effects.se, size=shape))
    if callable(getattr(se, "ppf", None)):
        return Design(max(2, shape[1]), se).errors(rng, shape[0])[:, : shape[1]]
    values = np.atleast_1d(as_numbers("se", se))
    if values.ndim != 1 or not (np.isfinite(values).all() and (values > 0).all()):
        raise InputError(f"se is {se!r}", "standard errors above 0 of the studies to come", "se=0.2")
    return np.asarray(rng.choice(values, size=shape)) if len(values) > 1 else np.full(shape, values[0])


def extended(belief: Belief, y: Array, se: Array) -> tuple[Array, Array]:
    """The table with each row of further studies, shape (n, k + m) each."""
    effects = belief.effects
    old = [np.broadcast_to(column, (len(y), effects.k)) for column in (effects.y, effects.se)]
    return np.hstack([old[0], y]), np.hstack([old[1], se])


def quietly(call: Any) -> Any:
    """What a function returns, without warnings of single tables among many."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoolwiseWarning)
        return call()
