"""Joint draws of a model whose rows have likelihoods of their own, and all that they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.engines.draws.row_likelihood import Completed, RowLikelihood
from poolwise.engines.heterogeneity import known
from poolwise.laws import DrawsLaw
from poolwise.priors import Fixed, Flat
from poolwise.quantities import ByStudy, Posterior, Quantity

Array = NDArray[np.float64]
ON_THE_LINE = ("mu", "beta[", "delta", "base", "slope")


@final
@dataclass(frozen=True, eq=False)
class RowDraws:
    """Joint draws on the scale of the effects, S = (chains, draws) of them.

    Attributes
    ----------
    likelihood : RowLikelihood
        What the model states on the study table.
    parameters : mapping of str to ndarray
        Shape S.
    rest : Completed
        What is drawn given these.
    """

    likelihood: RowLikelihood
    parameters: Mapping[str, Array]
    rest: Completed

    @classmethod
    def completed(
        cls,
        likelihood: RowLikelihood,
        parameters: Mapping[str, Array],
        drawn: Mapping[str, Array],
        rng: np.random.Generator,
    ) -> RowDraws:
        """Draws of the parameters, and of whatever else was drawn, with the rest drawn given them."""
        return cls(likelihood, parameters, likelihood.complete(parameters, drawn, rng))

    @property
    def shape(self) -> tuple[int, int]:
        """Chains and draws."""
        chains, draws = next(iter(self.parameters.values())).shape
        return chains, draws

    def quantities(self, moments: Mapping[str, int]) -> dict[str, Quantity]:
        """The named quantities of the result, from the highest moment of each that exists."""
        out: dict[str, Quantity] = {}
        model = self.likelihood.model
        for name, draws in self.parameters.items():
            prior = model.named_priors.get(name)
            if isinstance(prior, Fixed):
                out[name] = known(prior.value)
                continue
            if name == "tau" and model.tau_fixed is not None:
                out |= {"tau": known(model.tau_fixed), "tau2": known(model.tau_fixed**2)}
                continue
            bounded = prior is not None and prior.positive and not isinstance(prior, Flat)
            positive = bounded or (float(draws.min()) >= 0.0 and not name.startswith(ON_THE_LINE))
            out[name] = Posterior(DrawsLaw(draws, moments[name], lower=0.0 if positive else -np.inf))
            if name == "tau":
                out["tau2"] = Posterior(DrawsLaw(draws**2, moments["tau2"], lower=0.0))
        if self.rest.new is not None:
            out["theta_new"] = Posterior(DrawsLaw(self.rest.new, moments["theta_new"]))
        return out | self.likelihood.derived(self.parameters, self.rest)

    def studies(self) -> ByStudy:
        """Posterior of each theta_i."""
        return ByStudy(self.likelihood.effects.labels, partial(_study, self.rest.theta))

    def weights(self) -> dict[str, float]:
        """Posterior mean of each study's share of the precision."""
        weight = self.rest.weight
        shares = (weight / weight.sum(axis=-1, keepdims=True)).mean(axis=(0, 1))
        return dict(zip(self.likelihood.effects.labels, shares.tolist(), strict=True))


def _study(theta: Array, row: int) -> Posterior:
    return Posterior(DrawsLaw(theta[..., row]))
