"""Counts in two arms: what NUTS samples, and what the draws mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.row_likelihood import Completed
from poolwise.engines.nuts import arm_likelihood
from poolwise.engines.nuts.arm_likelihood import Arms
from poolwise.engines.nuts.counted import CountedLatent
from poolwise.engines.nuts.latent import prior_data
from poolwise.engines.nuts.plans import Named, compiled, standards
from poolwise.intake.counts import counts_of, log_ratio
from poolwise.model import Counted
from poolwise.moments import MOST_MOMENTS, moments_of_tau
from poolwise.priors import Normal
from poolwise.pymc_models.two_arms import two_arms

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]
Parameters = Mapping[str, Array]
NO_I2 = {"I2": "it compares the heterogeneity with sampling variances, which counts do not have"}


@final
@dataclass(frozen=True, eq=False)
class CountsLatent(CountedLatent):
    """One of these models on one study table: a `Latent`, and the `RowLikelihood` of its draws."""

    effects: Effects
    model: Counted
    arms: Arms
    notes: tuple[str, ...]

    @classmethod
    def of(cls, effects: Effects, model: Counted) -> CountsLatent:
        """The plan of a model whose priors are explicit, its effects on the scale of the measure."""
        assert model.measure is not None
        arms = Arms(*counts_of(effects.moderators, model.measure, effects.rows), model.measure)
        notes = () if model.slope is None else (f"centre of the baselines: {arms.centre:.6g} on the log scale",)
        return cls(effects, model, arms, notes)

    def compiled(self) -> Any:
        """The compiled PyMC model for that many studies, and the families of these priors."""
        return compiled(_empty, self.effects.k, self.model.measure, standards(self.priors))

    def data(self) -> dict[str, Any]:
        """Counts, where the data place the unknowns, and priors."""
        assert isinstance(self.model.base, Normal)
        base = {"base_mean": self.model.base.mean, "base_sd": self.model.base.sd}
        used = {"centre"} if self.model.slope is not None else set()
        used |= set(base) if self.model.baseline == "separate" else set()
        return {name: x for name, x in (self.arms.table() | base).items() if np.ndim(x) or name in used} | prior_data(
            self.priors
        )

    def moments(self) -> dict[str, int]:
        """Those of tau decide, from the tables without an empty cell."""
        own = {"base": MOST_MOMENTS, "slope": MOST_MOMENTS, "base_spread": moments_of_tau(0, self.model.base_spread)}
        return own | super().moments()

    def complete(self, parameters: Parameters, drawn: Parameters, rng: np.random.Generator) -> Completed:
        """What was sampled, and a new study at the centre of the baselines."""
        weight = 1.0 / (self.effects.v + parameters["tau"][..., None] ** 2)
        new = self.new_effects(parameters, 1, rng)[..., 0]
        return Completed(drawn["theta"], new, weight, {"baseline": drawn["baseline"]})

    def log_likelihood(self, parameters: Parameters) -> Array:
        """Log probability of each study's counts, baseline and effect integrated out, shape (chains, draws, k)."""
        mean, sd = self._baselines(parameters)
        slope = parameters.get("slope", np.zeros((1, 1)))
        mu, tau = parameters["mu"], parameters["tau"]
        each = [
            arm_likelihood.log_probability(self.arms, row, mu, tau, mean, sd, slope) for row in range(self.effects.k)
        ]
        return np.stack(each, axis=-1)

    def replicates(self, parameters: Parameters, rest: Completed | None, rng: np.random.Generator) -> dict[str, Array]:
        """Counts of new studies of these sizes, and their log ratios.

        Exchangeable baselines are new ones; separate ones, and those from the prior, are the studies' own.
        """
        k = self.effects.k
        shape = (*parameters["mu"].shape, k)
        if rest is not None and self.model.baseline == "separate":
            baseline = rest.by_study["baseline"]
        else:
            mean, sd = (x[..., None] for x in self._baselines(parameters))
            baseline = mean + sd * rng.standard_normal(shape)
        slope = parameters["slope"][..., None] if "slope" in parameters else 0.0
        centre = parameters["mu"][..., None] + slope * (baseline - self.arms.centre)
        theta = self.arms.effect(baseline, centre, parameters["tau"][..., None], rng.random(shape))
        treated, control = self.arms.draw(baseline, theta, rng)
        assert self.model.measure is not None
        events = np.stack([treated, control], axis=-1)
        y, _ = log_ratio(events, self.arms.totals, self.model.measure)
        return {"y": y, "events_treated": treated, "events_control": control}

    def observed(self) -> dict[str, NDArray]:
        """Estimates and events."""
        treated, control = self.arms.events.T
        return {"y": self.effects.y, "events_treated": treated, "events_control": control}

    def _baselines(self, parameters: Parameters) -> tuple[Array, Array]:
        """Mean and sd of the baselines' law, shape (chains, draws) or (1, 1)."""
        if self.model.baseline == "exchangeable":
            return parameters["base"], parameters["base_spread"]
        assert isinstance(self.model.base, Normal)
        return np.full((1, 1), self.model.base.mean), np.full((1, 1), self.model.base.sd)


def _empty(k: int, measure: str, priors: Named) -> pm.Model:
    """The model of a table of k studies with one event in ten in both arms."""
    arms = Arms(np.full((k, 2), 10.0), np.full((k, 2), 100.0), measure)
    table = arms.table() | {"base_mean": arms.centre, "base_sd": 1.0}
    return two_arms(table, measure, dict(priors))  # type: ignore[arg-type]
