"""What quadrature found for step weights: mu, tau and up to four free weights on a lattice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeGuard, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.row_draws import RowDraws
from poolwise.engines.draws.selection_likelihood import SelectionLikelihood
from poolwise.engines.exact.row_answer import RowAnswer
from poolwise.engines.heterogeneity import known
from poolwise.errors import ModelError
from poolwise.laws import Deferred, Mirrored, TransformedLaw
from poolwise.model import Model, StepSelection
from poolwise.moments import missing_moments, noticed
from poolwise.priors import Fixed, Prior
from poolwise.quadrature.rules.mixture import NormalMixture, trimmed
from poolwise.quadrature.selection.about import WeightLaw
from poolwise.quadrature.selection.coordinates import Coordinate
from poolwise.quadrature.selection.draws import draws
from poolwise.quadrature.selection.laws import laws_of_weights
from poolwise.quadrature.selection.posterior import LatticePosterior, lattice_posterior
from poolwise.quadrature.selection.weights import StepLikelihood
from poolwise.quantities import IntervalKind, Law, Posterior, Quantity
from poolwise.result import Finding

Array = NDArray[np.float64]
MOST_FREE = 4
AIM = 1e-3  # relative error of the evidence above which a result says so
LEFT_OUT = 1e-10


@final
@dataclass(frozen=True, eq=False)
class SelectedFit(RowAnswer[SelectionLikelihood]):
    """What quadrature found for step weights on one study table.

    Attributes
    ----------
    likelihood : SelectionLikelihood
        What the model states, with every prior explicit.
    posterior : LatticePosterior
        In the direction of what gets published.
    """

    likelihood: SelectionLikelihood
    posterior: LatticePosterior

    @property
    def evidence(self) -> float:
        """Log marginal likelihood."""
        return self.posterior.log_evidence

    def _mean(self, name: str) -> Law:
        """The law of mu, or of the true effect in a new study."""
        return self._turned_back(self._mixture(name))

    def _turned_back(self, law: Law) -> Law:
        """A law of what points in the direction of what gets published, as the table points."""
        return Mirrored(law) if self.likelihood.publication.sign < 0.0 else law

    def _mixture(self, name: str) -> NormalMixture:
        """The same in the direction of what gets published."""
        posterior, moments = self.posterior, min(2, self.moments[name])
        if isinstance(posterior.mu, Coordinate):
            kernel = posterior.of_mu
            spread = np.hypot(kernel.spread, kernel.tau) if name != "mu" else kernel.spread
            joined = trimmed(kernel.weight, kernel.centre, spread, LEFT_OUT)
            return NormalMixture(joined.weight, joined.centre, joined.spread, moments)
        weight, tau = posterior.weight / posterior.weight.sum(), posterior.nodes.tau
        return NormalMixture(weight, np.full(len(tau), float(posterior.mu)), tau, moments)

    def _tau(self) -> dict[str, Quantity | Law]:
        posterior, place = self.posterior, self.posterior.tau
        if not isinstance(place, Coordinate):
            return {"tau": known(place), "tau2": known(place**2)}
        kernel = posterior.of_t
        base = NormalMixture(kernel.weight, kernel.centre, kernel.spread)
        moments = {name: _moments(posterior, power, self.moments[name]) for name, power in (("tau", 1), ("tau2", 2))}
        tau = TransformedLaw(base, place.value, place.place, place.slope, moments["tau"])
        squared = TransformedLaw(
            base, partial(_squared, place), partial(_place_of_square, place), partial(_slope_of_square, place),
            moments["tau2"],
        )  # fmt: skip
        return {"tau": tau, "tau2": squared}

    @cached_property
    def weight_laws(self) -> tuple[WeightLaw, ...]:
        """The law of each free weight."""
        return laws_of_weights(self.posterior)

    def quantities(self, kind: IntervalKind) -> dict[str, Quantity]:
        """The named quantities of the result."""
        mu, varies = self.model.named_priors["mu"], self.model.tau_fixed != 0.0
        publication = self.likelihood.publication
        out: dict[str, Quantity | Law] = {"mu": known(mu.value) if isinstance(mu, Fixed) else self._mean("mu")}
        out |= self._tau() if varies else {}
        if publication.free:
            out |= {name: Deferred(partial(_weight_law, self, place)) for place, name in enumerate(publication.free)}
        else:
            out |= {name: known(weight) for name, weight in publication.stated.items()}
        if varies:
            out["theta_new"] = self._mean("theta_new")
        return {name: Posterior(one, kind) if not isinstance(one, Quantity) else one for name, one in out.items()}

    def study(self, row: int, kind: IntervalKind) -> Quantity:
        """The posterior of the true effect in the study of this row, which the selection of its estimate leaves."""
        posterior, sign = self.posterior, self.likelihood.publication.sign
        y, v = sign * float(self.effects.y[row]), float(self.effects.v[row])
        if isinstance(posterior.mu, Coordinate):
            kernel = posterior.of_mu
            weight, mu, tau, spread = kernel.weight, kernel.centre, kernel.tau, kernel.spread
        else:
            weight, tau = posterior.weight / posterior.weight.sum(), posterior.nodes.tau
            mu, spread = np.full(len(tau), float(posterior.mu)), np.zeros(len(tau))
        share = tau**2 / (tau**2 + v)
        centre = mu + share * (y - mu)
        spread = np.hypot(np.sqrt(share * v), (1.0 - share) * spread)
        if not (spread > 0.0).any():
            return known(sign * float(centre[0]))
        return Posterior(self._turned_back(trimmed(weight, centre, spread, LEFT_OUT)), kind)

    def weights(self) -> dict[str, float]:
        """Posterior mean share of each study in the sum of 1 / (v_i + tau^2)."""
        weight = self.posterior.weight / self.posterior.weight.sum()
        part = 1.0 / (self.effects.v + self.posterior.nodes.tau[:, None] ** 2)
        shares = weight @ (part / part.sum(axis=1, keepdims=True))
        return dict(zip(self.effects.labels, shares.tolist(), strict=True))

    def draws(self, shape: tuple[int, int], rng: np.random.Generator) -> RowDraws:
        """Exact independent joint draws."""
        drawn = draws(self.posterior, shape[0] * shape[1], rng)
        publication = self.likelihood.publication
        parameters = {"mu": publication.sign * drawn.mu, "tau": drawn.tau}
        if publication.free:
            parameters |= dict(zip(publication.free, drawn.rest.T, strict=True))
        shaped = {name: x.reshape(shape) for name, x in parameters.items()}
        return RowDraws.completed(self.likelihood, shaped, {}, rng)

    @property
    def absent(self) -> Mapping[str, str]:
        """Why a quantity that other models have is not here."""
        none = dict.fromkeys(("tau", "tau2", "theta_new"), "tau is stated to be 0, and there is no spread")
        return {**self.likelihood.absent, **(none if self.model.tau_fixed == 0.0 else {})}

    def findings(self, tolerance: float) -> tuple[Finding, ...]:
        """What went wrong."""
        error = self.posterior.error
        sentence = (
            f"The evidence is good to about {error:.1e} of itself only, not to {AIM:.0e}: the posterior has an odd "
            "shape; fewer steps, narrower priors, or NUTS()."
        )
        unknown = isinstance(self.posterior.tau, Coordinate)
        missing = missing_moments(self.moments["tau"], self.moments["mu"] > 1) if unknown else None
        return noticed(error, AIM, sentence, missing)

    def diagnostics(self) -> dict[str, float]:
        """What the quadrature watched."""
        return {"evidence_error": self.posterior.error, "nodes": len(self.posterior.log)}


def is_selected(model: Model) -> TypeGuard[StepSelection]:
    """Whether this is a model of step weights."""
    return model.publication is not None and model.publication.intervals is not None


def fitted_steps(effects: Effects, model: StepSelection) -> SelectedFit:
    """Fit a model of step weights whose priors are explicit.

    Parameters
    ----------
    effects : Effects
    model : StepSelection

    Returns
    -------
    SelectedFit

    Raises
    ------
    ModelError
        For moderators, more than four free weights, weights with priors of their own, or an improper prior.
    """
    refuse_steps(model)
    likelihood = SelectionLikelihood.of(effects, model)
    weights = model.known_weights
    y = model.sign * effects.y
    inner = StepLikelihood(y, effects.se, model.intervals, None if weights is None else np.array(weights))
    mu = model.mu
    mean = model.sign * mu.value if isinstance(mu, Fixed) else Coordinate.of_mean(_prior(mu), model.sign, y, effects.se)
    tau = model.tau_fixed
    spread = float(tau) if tau is not None else Coordinate.of_spread(_prior(model.tau), y, effects.se)
    return SelectedFit(likelihood, lattice_posterior(inner, mean, spread))


def refuse_steps(model: StepSelection) -> None:
    """Refuse, before anything is integrated, what the lattice does not know."""
    if model.moderators is not None:
        raise ModelError(
            f"{model.label} has moderators, and the lattice over weights has room for one mean effect",
            "no moderators",
            "NUTS(), or ClosedForm()",
        )
    if model.weight_priors:
        raise ModelError(
            f"{model.label} has a prior of its own on each weight, and the lattice knows weights that fall",
            "weights=None (falling, Dirichlet(1, ..., 1)) or known weights",
            "NUTS()",
        )
    if len(model.free_weights) > MOST_FREE:
        raise ModelError(
            f"{model.label} has {len(model.free_weights)} free weights: a lattice over them beside mu and tau would "
            "hold tens of millions of points",
            f"at most {MOST_FREE}",
            "fewer steps, or NUTS()",
        )
    improper = [f"{name} ~ {prior}" for name, prior in model.named_priors.items() if prior and not prior.proper]
    if improper:
        raise ModelError(
            f"{improper[0]} beside free or known step weights: where a mean far below the steps has nearly the "
            "likelihood of one above them, an improper prior leaves the posterior improper",
            "a proper prior",
            "mu=priors.Normal(0, s), tau=priors.HalfNormal(s)",
        )


def _prior(prior: Prior | None) -> Prior:
    assert prior is not None
    return prior


def _weight_law(fit: SelectedFit, place: int) -> Law:
    return fit.weight_laws[place]


def _moments(posterior: LatticePosterior, power: int, exist: int) -> tuple[float, float]:
    first, second = posterior.mean_of_tau(power), posterior.mean_of_tau(2 * power)
    sd = float(np.sqrt(max(second - first**2, 0.0)))
    return (first if exist >= 1 else np.nan, sd if exist >= 2 else np.nan)


def _squared(place: Coordinate, t: Array) -> Array:
    return np.square(place.value(t))


def _place_of_square(place: Coordinate, x: Array) -> Array:
    return place.place(np.sqrt(np.maximum(x, 0.0)))


def _slope_of_square(place: Coordinate, t: Array) -> Array:
    return 2.0 * place.value(t) * place.slope(t)
