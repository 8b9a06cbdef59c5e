"""Heavy-tailed, skewed and contaminated random effects on one study table: a `RowLikelihood`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.row_likelihood import Completed, Parameters
from poolwise.engines.draws.true_effects import Contaminated, HeavyTailed, Skewed, TrueEffects, skewness
from poolwise.laws import DrawsLaw
from poolwise.model import ContaminatedRandomEffects, Robust, SkewNormalRandomEffects, StudentTRandomEffects
from poolwise.model.needs import HEAVY_TAILED
from poolwise.moments import MOST_MOMENTS, moments_of_tau, spreads
from poolwise.priors import Prior
from poolwise.quantities import Estimate, Posterior, Quantity

Array = NDArray[np.float64]
LAWS: dict[type, TrueEffects] = {
    StudentTRandomEffects: HeavyTailed(),
    SkewNormalRandomEffects: Skewed(),
    ContaminatedRandomEffects: Contaminated(),
}
NO_I2 = {"I2": "it compares variances of normal distributions, and the true effects are not normal here"}
NO_MEAN_OF_NEW = (
    "theta_new has neither mean nor standard deviation where nu may be below 1, as the prior on nu allows; its median "
    "and quantiles exist."
)


@final
@dataclass(frozen=True, eq=False)
class RobustLikelihood:
    """What one of these models states, its true effects integrated out.

    Attributes
    ----------
    effects : Effects
    model : StudentTRandomEffects, SkewNormalRandomEffects or ContaminatedRandomEffects
        With every prior explicit.
    """

    effects: Effects
    model: Robust

    @property
    def law(self) -> TrueEffects:
        """How the true effects are distributed."""
        return LAWS[type(self.model)]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters: mu, tau and what gives the distribution its shape."""
        return tuple(self.model.named_priors) + (("delta",) if isinstance(self.law, Skewed) else ())

    @property
    def absent(self) -> Mapping[str, str]:
        """There is no I2 but where tau is the standard deviation of the true effects."""
        return {} if self.model.tau_is_sd else NO_I2

    @property
    def notes(self) -> tuple[str, ...]:
        """That a t distribution may have no mean."""
        return (NO_MEAN_OF_NEW,) if HEAVY_TAILED in self.model.always_needs else ()

    def moments(self) -> dict[str, int]:
        """Those of tau decide, and the shape's for theta_new."""
        assert isinstance(self.model.mu, Prior)
        tau = spreads(self.effects, self.model)[0].moments
        heavy = HEAVY_TAILED in self.model.always_needs
        mu = MOST_MOMENTS if self.model.mu.proper else min(tau, self.effects.k - 2 if heavy else MOST_MOMENTS)
        new, shape = (0 if heavy else tau), {}
        for name, prior in self.model.named_priors.items():
            if name not in ("mu", "tau") and prior is not None:
                shape[name] = moments_of_tau(0, prior)
        if "tau_out" in shape:
            new = min(new, shape["tau_out"])
        return {"mu": mu, "tau": tau, "tau2": tau // 2, "theta_new": new, "delta": MOST_MOMENTS} | shape

    def log_likelihood(self, parameters: Parameters) -> Array:
        """Log density of each estimate, shape (*S, k)."""
        return np.stack([self.log_row(i, parameters) for i in range(self.effects.k)], axis=-1)

    def log_row(self, i: int, parameters: Parameters) -> Array:
        """Log density of the estimate in row i, shape S."""
        return self.law.log_density(float(self.effects.y[i]), float(self.effects.v[i]), parameters)

    def complete(self, parameters: Parameters, drawn: Mapping[str, Array], rng: np.random.Generator) -> Completed:
        """True effects from their exact laws given the parameters."""
        theta, weight, more = self.law.given(self.effects.y, self.effects.v, parameters, rng)
        return Completed(theta, self.new_effects(parameters, 1, rng)[..., 0], weight, more)

    def new_effects(self, parameters: Parameters, size: int, rng: np.random.Generator) -> Array:
        """True effects of new studies, shape (*S, size)."""
        return self.law.new(parameters, size, rng)

    def replicates(self, parameters: Parameters, rest: Completed | None, rng: np.random.Generator) -> dict[str, Array]:
        """Estimates of new studies with these standard errors."""
        theta = self.new_effects(parameters, self.effects.k, rng)
        return {"y": theta + self.effects.se * rng.standard_normal(theta.shape)}

    def observed(self) -> dict[str, NDArray]:
        """The estimates."""
        return {"y": self.effects.y}

    def derived(self, parameters: Parameters, rest: Completed) -> dict[str, Quantity]:
        """Skewness of the true effects; each study's probability of being an outlier."""
        out: dict[str, Quantity] = {}
        if "delta" in parameters:
            out["skewness"] = Posterior(DrawsLaw(skewness(parameters["delta"])))
        if "outlier" in rest.by_study:
            chances = rest.by_study["outlier"].mean(axis=(0, 1))
            pairs = zip(self.effects.labels, chances, strict=True)
            out |= {f"outlier[{label}]": Estimate(float(chance)) for label, chance in pairs}
        return out

    def own_prior(self, size: tuple[int, int], rng: np.random.Generator) -> dict[str, Array]:
        """Delta, where there is one."""
        return {"delta": rng.uniform(-1.0, 1.0, size)} if isinstance(self.law, Skewed) else {}
