"""Heavy-tailed, skewed and contaminated random effects: what NUTS samples, and what the draws mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.nuts.plans import Unit, compiled
from poolwise.engines.nuts.row_likelihood import Completed, in_unit, out_of_unit, prior_data
from poolwise.engines.nuts.true_effects import Contaminated, HeavyTailed, Skewed, TrueEffects, skewness
from poolwise.laws import DrawsLaw
from poolwise.model import ContaminatedRandomEffects, Robust, SkewNormalRandomEffects, StudentTRandomEffects
from poolwise.model.structure import explicit_priors
from poolwise.moments import MOST_MOMENTS, moments_of_tau, spreads
from poolwise.priors import Prior
from poolwise.pymc_models.contaminated_random_effects import contaminated_random_effects
from poolwise.pymc_models.priors import STANDARD, kind
from poolwise.pymc_models.skew_normal_random_effects import skew_normal_random_effects
from poolwise.pymc_models.student_t_random_effects import student_t_random_effects
from poolwise.quantities import Estimate, Posterior, Quantity

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]
Parameters = Mapping[str, Array]
_WHERE: dict[type, tuple[Callable[..., pm.Model], TrueEffects]] = {
    StudentTRandomEffects: (student_t_random_effects, HeavyTailed()),
    SkewNormalRandomEffects: (skew_normal_random_effects, Skewed()),
    ContaminatedRandomEffects: (contaminated_random_effects, Contaminated()),
}
NO_I2 = {"I2": "it compares variances of normal distributions, and the true effects are not normal here"}
NO_MEAN_OF_NEW = (
    "theta_new has neither mean nor standard deviation where nu may be below 1, as the prior on nu allows; its median "
    "and quantiles exist."
)


@final
@dataclass(frozen=True, eq=False)
class RobustLatent:
    """One of these models on one study table, its true effects integrated out: a `Latent`."""

    effects: Effects
    model: Robust
    absent: Mapping[str, str]
    notes: tuple[str, ...]
    unit: Unit
    law: TrueEffects

    @classmethod
    def of(cls, effects: Effects, model: Robust, unit: Unit | None = None) -> RobustLatent:
        """The plan of a model whose priors are explicit."""
        absent = {} if isinstance(model, SkewNormalRandomEffects) else NO_I2
        notes = (NO_MEAN_OF_NEW,) if isinstance(model, StudentTRandomEffects) else ()
        unit = unit or Unit.of(effects.y, effects.v)
        return cls(effects, model, absent, notes, unit, _WHERE[type(model)][1])

    def compiled(self) -> Any:
        """The compiled PyMC model of the families of these priors."""
        families = tuple(kind(prior) for prior in explicit_priors(self.model.named_priors).values())
        return compiled(_empty, type(self.model), families)

    def data(self) -> dict[str, Any]:
        """Estimates, variances and priors in the sampler's unit."""
        y, unit = self.effects.y, self.unit
        table = {"y": (y - unit.centre) / unit.unit, "v": self.effects.v / unit.unit / unit.unit}
        return table | prior_data(in_unit(unit, self.model.named_priors))

    def parameters(self, drawn: Parameters) -> dict[str, Array]:
        """mu, tau and what gives the distribution its shape."""
        names = tuple(self.model.named_priors) + (("delta",) if isinstance(self.law, Skewed) else ())
        return out_of_unit(self.unit, drawn, names)

    def moments(self) -> dict[str, int]:
        """Those of tau decide, and the shape's for theta_new."""
        assert isinstance(self.model.mu, Prior)
        tau = spreads(self.effects, self.model)[0].moments
        heavy = isinstance(self.model, StudentTRandomEffects)
        mu = MOST_MOMENTS if self.model.mu.proper else min(tau, self.effects.k - 2 if heavy else MOST_MOMENTS)
        new, shape = (0 if heavy else tau), {}
        for name, prior in self.model.named_priors.items():
            if name not in ("mu", "tau") and prior is not None:
                shape[name] = moments_of_tau(0, prior)
        if "tau_out" in shape:
            new = min(new, shape["tau_out"])
        return {"mu": mu, "tau": tau, "tau2": tau // 2, "theta_new": new, "delta": MOST_MOMENTS} | shape

    def complete(self, parameters: Parameters, drawn: Parameters, rng: np.random.Generator) -> Completed:
        """True effects from their exact laws given the parameters."""
        theta, weight, more = self.law.given(self.effects.y, self.effects.v, parameters, rng)
        return Completed(theta, self.new_effects(parameters, 1, rng)[..., 0], weight, more)

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

    def new_effects(self, parameters: Parameters, size: int, rng: np.random.Generator) -> Array:
        """True effects of new studies, shape (chains, draws, size)."""
        return self.law.new(parameters, size, rng)

    def log_likelihood(self, parameters: Parameters) -> Array:
        """Log density of each estimate, shape (chains, draws, k)."""
        pairs = zip(self.effects.y, self.effects.v, strict=True)
        return np.stack([self.law.log_density(y, v, parameters) for y, v in pairs], axis=-1)

    def replicates(self, parameters: Parameters, rest: Completed | None, rng: np.random.Generator) -> dict[str, Array]:
        """Estimates of new studies with these standard errors."""
        theta = self.new_effects(parameters, self.effects.k, rng)
        return {"y": theta + self.effects.se * rng.standard_normal(theta.shape)}

    def observed(self) -> dict[str, NDArray]:
        """The estimates."""
        return {"y": self.effects.y}

    def own_prior(self, size: tuple[int, int], rng: np.random.Generator) -> dict[str, Array]:
        """Delta, where there is one."""
        return {"delta": rng.uniform(-1.0, 1.0, size)} if isinstance(self.law, Skewed) else {}


def _empty(kind: type, families: tuple[type[Prior], ...]) -> pm.Model:
    standard = [STANDARD[family] for family in families]
    return _WHERE[kind][0](np.zeros(2), np.ones(2), *standard)
