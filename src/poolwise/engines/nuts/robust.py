"""Heavy-tailed, skewed and contaminated random effects: what NUTS samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.robust_likelihood import RobustLikelihood
from poolwise.engines.nuts.latent import in_unit, out_of_unit, prior_data
from poolwise.engines.nuts.plans import Unit, compiled
from poolwise.model import ContaminatedRandomEffects, Robust, SkewNormalRandomEffects, StudentTRandomEffects
from poolwise.model.structure import explicit_priors
from poolwise.priors import Prior
from poolwise.pymc_models.contaminated_random_effects import contaminated_random_effects
from poolwise.pymc_models.priors import standard
from poolwise.pymc_models.skew_normal_random_effects import skew_normal_random_effects
from poolwise.pymc_models.student_t_random_effects import student_t_random_effects

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]
_PAGES: dict[type, Callable[..., pm.Model]] = {
    StudentTRandomEffects: student_t_random_effects,
    SkewNormalRandomEffects: skew_normal_random_effects,
    ContaminatedRandomEffects: contaminated_random_effects,
}


@final
@dataclass(frozen=True, eq=False)
class RobustLatent:
    """One of these models on one study table, its true effects integrated out: a `Latent`."""

    likelihood: RobustLikelihood
    unit: Unit

    @classmethod
    def of(cls, effects: Effects, model: Robust, unit: Unit | None = None) -> RobustLatent:
        """The plan of a model whose priors are explicit."""
        return cls(RobustLikelihood(effects, model), unit or Unit.of(effects.y, effects.v))

    def compiled(self) -> Any:
        """The compiled PyMC model of the families of these priors."""
        model = self.likelihood.model
        return compiled(_empty, type(model), *map(standard, explicit_priors(model.named_priors).values()))

    def data(self) -> dict[str, Any]:
        """Estimates, variances and priors in the sampler's unit."""
        effects, unit = self.likelihood.effects, self.unit
        table = {"y": (effects.y - unit.centre) / unit.unit, "v": effects.v / unit.unit / unit.unit}
        return table | prior_data(in_unit(unit, self.likelihood.model.named_priors))

    def parameters(self, drawn: Mapping[str, Array]) -> dict[str, Array]:
        """mu, tau and what gives the distribution its shape."""
        return out_of_unit(self.unit, drawn, self.likelihood.names)


def _empty(kind: type, *priors: Prior) -> pm.Model:
    return _PAGES[kind](np.zeros(2), np.ones(2), *priors)
