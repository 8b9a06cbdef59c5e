"""What models of counts answer alike, whether studies have one arm or two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.robust_likelihood import NO_I2
from poolwise.engines.draws.row_likelihood import Completed, Parameters
from poolwise.model import Counted
from poolwise.moments import MOST_MOMENTS, spreads
from poolwise.priors import Prior
from poolwise.quantities import Quantity

Array = NDArray[np.float64]


class CountedLatent:
    """A model of counts on one table of studies, which is its own likelihood.

    Attributes
    ----------
    effects : Effects
        On the scale of the measure.
    model : Counted
        With every prior explicit.
    """

    effects: Effects
    model: Counted

    @property
    def likelihood(self) -> Self:
        """What the model states."""
        return self

    @property
    def absent(self) -> Mapping[str, str]:
        """There is no I2."""
        return NO_I2

    @property
    def priors(self) -> dict[str, Prior]:
        """On what is sampled."""
        return {name: prior for name, prior in self.model.named_priors.items() if prior is not None}

    def parameters(self, drawn: Parameters) -> dict[str, Array]:
        """Those with priors."""
        return {name: drawn[name] for name in self.priors}

    def moments(self) -> dict[str, int]:
        """Those of tau decide, from the studies that tell how large an effect may be in both directions."""
        tau = spreads(self.effects, self.model)[0].moments
        mu = MOST_MOMENTS if self.priors["mu"].proper else tau
        return {"mu": mu, "tau": tau, "tau2": tau // 2, "theta_new": min(mu, tau)}

    def derived(self, parameters: Parameters, rest: Completed) -> dict[str, Quantity]:
        """None."""
        return {}

    def new_effects(self, parameters: Parameters, size: int, rng: np.random.Generator) -> Array:
        """True effects ~ Normal(mu, tau), at the centre of any baselines; shape (chains, draws, size)."""
        mu, tau = parameters["mu"][..., None], parameters["tau"][..., None]
        return mu + tau * rng.standard_normal((*mu.shape[:-1], size))

    def own_prior(self, size: tuple[int, int], rng: np.random.Generator) -> dict[str, Array]:
        """None."""
        return {}
