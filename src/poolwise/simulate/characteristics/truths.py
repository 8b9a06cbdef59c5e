"""What is true in simulated tables: a grid of mean effects and heterogeneity, or draws from the priors of a model."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.errors import ModelError, described, nearest, shown
from poolwise.model import CommonEffect, RandomEffects
from poolwise.priors import Prior
from poolwise.settings import as_number
from poolwise.simulate.characteristics.tallies import Known
from poolwise.simulate.characteristics.true_effects import LAWS, EffectLaw, as_law

Array = NDArray[np.float64]
Rng = np.random.Generator
EXAMPLE = "truth={'mu': [0, 0.2], 'tau': [0, 0.1, 0.2, 0.4]}"
AXES = ("mu", "tau", "law")


@final
@dataclass(frozen=True, eq=False)
class Cell:
    """One truth.

    Attributes
    ----------
    mu, tau : float or Prior
        What is true in every table, or the law from which each draws its own.
    law : EffectLaw
        Of true effects about mu, in units of tau.
    """

    mu: float | Prior
    tau: float | Prior
    law: EffectLaw

    @property
    def key(self) -> str:
        """What the truth is, in short; tables are drawn from it."""
        return f"mu={self.mu} tau={self.tau} law={self.law.name}"

    def drawn(self, rng: Rng, count: int) -> Known:
        """What is true in this many tables."""
        mu, tau = (_values(value, rng, count) for value in (self.mu, self.tau))
        return Known(mu, tau, self.law)

    def columns(self) -> dict[str, Any]:
        """The truth as columns of a frame: NaN, and the priors in words, where each table has its own."""
        numbers = {
            name: np.nan if isinstance(value, Prior) else value for name, value in (("mu", self.mu), ("tau", self.tau))
        }
        drawn = [f"{name} ~ {x}" for name, x in (("mu", self.mu), ("tau", self.tau)) if isinstance(x, Prior)]
        return {"law": self.law.name} | numbers | ({"truth": ", ".join(drawn)} if drawn else {"truth": "given"})


def as_cells(truth: Any) -> tuple[Cell, ...]:
    """The truths of a grid, or the one in which parameters are drawn from priors.

    Raises
    ------
    ModelError
        For an unknown axis, a tau below 0, an improper or open prior, and a model with more than mu and tau.
    """
    if isinstance(truth, RandomEffects | CommonEffect):
        return (_of_priors(truth),)
    if not isinstance(truth, Mapping):
        raise ModelError(
            f"truth is {described(truth)}", "values of mu and tau, or a RandomEffects with proper priors", EXAMPLE
        )
    for name in truth:
        if name not in AXES:
            raise ModelError(f"truth has the axis {name!r}", " or ".join(AXES), nearest(str(name), AXES))
    mus, taus = (_numbers(name, truth.get(name, 0.0)) for name in ("mu", "tau"))
    if min(taus) < 0:
        raise ModelError(f"truth has tau = {min(taus):g}", "standard deviations of at least 0", EXAMPLE)
    laws = [as_law(one) for one in _several(truth.get("law", "normal"))]
    if not laws:
        raise ModelError("truth has no law of true effects", " or ".join(LAWS))
    for name, values in (("mu", mus), ("tau", taus), ("law", [law.name for law in laws])):
        if len(set(values)) < len(values):
            raise ModelError(f"truth has {name} = {shown(values)}", "each value once", EXAMPLE)
    return tuple(Cell(mu, tau, law) for law, mu, tau in itertools.product(laws, mus, taus))


def _of_priors(model: RandomEffects | CommonEffect) -> Cell:
    tau: float | Prior | None = 0.0
    if isinstance(model, RandomEffects):
        tau = model.tau if model.tau_fixed is None else float(model.tau_fixed)
    for name, prior in (("mu", model.mu), ("tau", tau)):
        if prior is None or (isinstance(prior, Prior) and (not prior.proper or prior.from_variances)):
            raise ModelError(
                f"truth draws {name} from {'a prior that is left open' if prior is None else prior}",
                "a proper prior that does not depend on the studies",
                "truth=pw.RandomEffects(mu=pw.priors.Normal(0, 0.5), tau=pw.priors.HalfNormal(0.3))",
            )
    assert model.mu is not None
    assert tau is not None
    return Cell(model.mu, tau, LAWS["normal"])


def _several(given: Any) -> list[Any]:
    return list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]


def _numbers(name: str, given: Any) -> list[float]:
    values = [as_number(value) for value in _several(given)]
    if not values or not np.isfinite(values).all():
        raise ModelError(f"truth has {name} = {shown(given)}", f"finite values of {name}", EXAMPLE)
    return values


def _values(value: float | Prior, rng: Rng, count: int) -> Array:
    return np.asarray(value.ppf(rng.random(count))) if isinstance(value, Prior) else np.full(count, float(value))
