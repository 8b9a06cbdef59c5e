"""Models of selection for publication: what NUTS samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.selection_likelihood import SelectionLikelihood
from poolwise.engines.nuts.plans import Named, Unit, compiled, given_parameters, standards
from poolwise.errors import ModelError
from poolwise.model import Selection
from poolwise.priors import Fixed, Prior
from poolwise.pymc_models.priors import standard
from poolwise.pymc_models.step_selection import step_selection
from poolwise.pymc_models.weight_function import weight_function
from poolwise.selection.intervals import Sides
from poolwise.selection.weights import TAILS

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class SelectionLatent:
    """A model of selection on one study table, its true effects integrated out: a `Latent`.

    The origin of the effects stays where it is, since p-values are counted from it; the unit moves.
    """

    likelihood: SelectionLikelihood
    unit: Unit

    @classmethod
    def of(cls, effects: Effects, model: Selection, unit: Unit | None = None) -> SelectionLatent:
        """The plan of a model whose priors are explicit."""
        likelihood = SelectionLikelihood.of(effects, model)
        stated = {name for name, prior in model.named_priors.items() if isinstance(prior, Fixed)}
        if set(likelihood.free) <= stated:
            raise ModelError(f"{model!r} leaves nothing unknown to be drawn", "a prior on mu, tau or a weight")
        return cls(likelihood, unit or Unit.of(effects.y, effects.v, centred=False))

    @property
    def _mean(self) -> dict[str, Prior]:
        """Priors of the coefficients in the sampler's unit, by the names of the PyMC model."""
        before = self.likelihood.before
        return {name: self.unit.mean(before.priors[name], 0.0) for name in before.coefficients}

    @property
    def _own(self) -> dict[str, Prior]:
        """Priors of weights or of what weights depend on, by the names of the PyMC model."""
        publication = self.likelihood.publication
        if publication.intervals is not None:
            return {f"weight[{j}]": prior for j, prior in enumerate(publication.priors.values())}
        return dict(publication.priors)

    def compiled(self) -> Any:
        """The compiled PyMC model of the families of these priors."""
        publication, tau = self.likelihood.publication, self.likelihood.model.tau
        mean, own, of_tau = standards(self._mean), tuple(map(standard, self._own.values())), standard(tau)
        if publication.intervals is not None:
            how = own or ("falling" if publication.free else "known")
            return compiled(_empty_steps, mean, of_tau, how, len(publication.intervals.steps), publication.sides)
        return compiled(_empty_function, mean, of_tau, own, self.likelihood.smooth.kind, publication.sides)

    def data(self) -> dict[str, Any]:
        """The table, the selection and the priors in the sampler's unit."""
        likelihood, model, unit = self.likelihood, self.likelihood.model, self.unit.unit
        publication = likelihood.publication
        tau = None if model.tau is None else self.unit.spread(model.tau)
        effects, z = likelihood.effects, likelihood.z
        data: dict[str, Any] = {"y": effects.y / unit, "se": effects.se / unit, "sign": publication.sign}
        data |= {} if model.moderators is None else {"X": likelihood.before.X}
        data |= {} if model.tau_fixed is None else {"known_tau": model.tau_fixed / unit}
        if publication.intervals is not None:
            data |= {"cuts": publication.intervals.cuts, "place": publication.intervals.holding(z).astype(np.int64)}
            data |= {} if publication.free else {"log_omega": likelihood.log_omega({})}
        else:
            at = likelihood.smooth.p_values(z)
            data |= {name: getattr(at, name) for name in TAILS.get(likelihood.smooth.kind, ("p",))}
            data |= {"precision": likelihood.precision}
        return data | given_parameters({**self._mean, "tau": tau, **self._own})

    def parameters(self, drawn: Mapping[str, Array]) -> dict[str, Array]:
        """Mean effects, tau, and weights or what they depend on."""
        likelihood, model, unit = self.likelihood, self.likelihood.model, self.unit.unit
        if model.moderators is None:
            out = {"mu": unit * drawn["mu"]}
        else:
            columns = np.moveaxis(unit * drawn["beta"], -1, 0)
            out = dict(zip(likelihood.before.coefficients, columns, strict=True))
        shape = next(iter(out.values())).shape
        out["tau"] = unit * drawn["tau"] if model.tau_fixed is None else np.full(shape, float(model.tau_fixed))
        publication = likelihood.publication
        if publication.intervals is not None:
            return out | {name: drawn["omega"][..., j + 1] for j, name in enumerate(publication.free)}
        return out | {name: drawn[name] for name in publication.free}


def _apart(mean: Named) -> tuple[Prior | dict[str, Prior], Array | None]:
    """Priors of the mean, and an empty design where there are coefficients."""
    if mean[0][0] == "mu":
        return mean[0][1], None
    named = {name.removeprefix("beta[").removesuffix("]"): prior for name, prior in mean}
    return named, np.eye(_rows(mean), len(mean))


def _rows(mean: Named) -> int:
    return max(2, len(mean))


def _empty_steps(
    mean: Named, tau: Prior | None, weights: tuple[Prior, ...] | str, steps: int, sides: Sides
) -> pm.Model:
    (prior, X), k = _apart(mean), _rows(mean)
    cuts = np.linspace(2.0, 1.0, steps)
    return step_selection(np.zeros(k), np.ones(k), cuts, prior, tau, weights, sides=sides, X=X)


def _empty_function(mean: Named, tau: Prior | None, delta: tuple[Prior, ...], function: str, sides: Sides) -> pm.Model:
    (prior, X), k = _apart(mean), _rows(mean)
    return weight_function(np.zeros(k), np.ones(k), function, prior, tau, delta, sides=sides, X=X)
