"""Fit every model of an average over publication bias by quadrature, and mix what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.evidence.bias_models import Bias, prior_of_slope
from poolwise.evidence.mixed_law import mixed
from poolwise.evidence.probabilities import shares
from poolwise.laws import Deferred, Mirrored, TransformedLaw
from poolwise.model import RandomEffects
from poolwise.model.publication import Publication
from poolwise.priors import Normal
from poolwise.quadrature.rules.mixture import NormalMixture, trimmed
from poolwise.quadrature.selection.about import WeightLaw
from poolwise.quadrature.selection.coordinates import Coordinate, turned
from poolwise.quadrature.selection.draws import Drawn, draws
from poolwise.quadrature.selection.laws import law_of_slope, laws_of_weights
from poolwise.quadrature.selection.posterior import LatticePosterior, Steps, lattice_posterior
from poolwise.quadrature.selection.slopes import SlopeLikelihood
from poolwise.quadrature.selection.weights import StepLikelihood
from poolwise.quantities import Law, Posterior
from poolwise.result import Result
from poolwise.selection.intervals import Intervals

Array = NDArray[np.float64]
STEPS_OF_SLOPES = Steps(t=0.3)
LEFT_OUT = 1e-10  # share of a mixture's components that are left out
EXACT = 1e-10  # relative error of an evidence by the exact engine
NOTHING = 1e-14  # probability of a model from which its laws are left out
LITTLE = 1e-8  # the same for laws of weights, which take a lattice each
Parts = tuple[Array, Array, Array]


@final
@dataclass(frozen=True, eq=False)
class Component:
    """One of the models that are averaged.

    Attributes
    ----------
    bias : Bias
    effect, random : bool
        Whether mu and tau are unknown; 0 where not.
    prior : float
        Prior probability.
    log_evidence, error : float
        Log marginal likelihood, and the estimated relative error of the marginal likelihood.
    problem : Problem
    lattice : LatticePosterior or None
        Its nodes; those of a model without bias are made when they are asked for.
    result : Result or None
        The exact fit of a model without bias, to the table in the direction of what gets published.
    """

    bias: Bias
    effect: bool
    random: bool
    prior: float
    log_evidence: float
    error: float
    problem: Problem
    lattice: LatticePosterior | None = None
    result: Result | None = None

    @cached_property
    def posterior(self) -> LatticePosterior:
        """The nodes of mu and tau."""
        return self.lattice if self.lattice is not None else self.problem.fitted(self.bias, self.effect, self.random)

    @cached_property
    def of_weights(self) -> tuple[WeightLaw, ...]:
        """The law of each free weight."""
        return laws_of_weights(self.posterior)

    def drawn(self, size: int, rng: np.random.Generator) -> Drawn:
        """Exact independent draws."""
        return draws(self.posterior, size, rng)


@final
@dataclass(frozen=True, eq=False)
class Problem:
    """A study table in the direction of what gets published, with priors.

    Attributes
    ----------
    effects : Effects
    model : RandomEffects
        The priors on mu and tau, explicit.
    sign : 1.0 or -1.0
    unit : float or None
        What one standard deviation is in the unit of the effects.
    """

    effects: Effects
    model: RandomEffects
    sign: float
    unit: float | None

    @cached_property
    def y(self) -> Array:
        """Estimates in the direction of what gets published."""
        return self.sign * self.effects.y

    @cached_property
    def in_direction(self) -> Problem:
        """The problem with estimates and prior turned in the direction of what gets published."""
        if self.sign > 0.0:
            return self
        mu = None if self.model.mu is None else turned(self.model.mu)
        assert mu is not None  # other priors on mu are refused before
        return Problem(replace(self.effects, y=self.y), replace(self.model, mu=mu), 1.0, self.unit)

    @cached_property
    def mean(self) -> Coordinate:
        """The coordinate of mu."""
        assert self.model.mu is not None
        return Coordinate.of_mean(self.model.mu, self.sign, self.y, self.effects.se)

    @cached_property
    def spread(self) -> Coordinate:
        """The coordinate of tau."""
        assert self.model.tau is not None
        return Coordinate.of_spread(self.model.tau, self.y, self.effects.se)

    def likelihood(self, bias: Bias, effect: bool) -> StepLikelihood | SlopeLikelihood:
        """What one bias makes of the estimates."""
        se, publication, slope = self.effects.se, bias.publication, bias.slope
        if publication is not None and publication.intervals is not None:
            known = publication.known
            return StepLikelihood(self.y, se, publication.intervals, None if known is None else np.array(known))
        if slope is None:
            return StepLikelihood(self.y, se, Intervals(np.array([0.5]), 1), np.ones(2))
        normal = self.in_direction.model.mu
        closed = (normal.mean, normal.sd) if effect and isinstance(normal, Normal) else None
        prior = prior_of_slope(slope, self.effects, self.unit)
        return SlopeLikelihood(self.y, se, slope.size(se), prior, closed)

    def fitted(self, bias: Bias, effect: bool, random: bool) -> LatticePosterior:
        """The nodes of one model."""
        inner = self.likelihood(bias, effect)
        closed = isinstance(inner, SlopeLikelihood) and (inner.normal is not None or not effect)
        lattice_of_mu = effect and not closed
        steps = STEPS_OF_SLOPES if closed else None
        return lattice_posterior(inner, self.mean if lattice_of_mu else 0.0, self.spread if random else 0.0, steps)


def components(
    problem: Problem, biases: tuple[Bias, ...], results: Mapping[str, Result], prior: Array
) -> tuple[Component, ...]:
    """Every model: each bias with and without an effect and heterogeneity.

    Parameters
    ----------
    problem : Problem
    biases : tuple of Bias
    results : mapping of str to Result
        The exact fits without bias, to the table in the direction of what gets published.
    prior : ndarray
        Prior probability of each of those four models over all biases, shape (4,).
    """
    shares_of = dict(zip(results, prior.tolist(), strict=True))
    made = []
    for random in (False, True):
        for effect in (False, True):
            name = f"{'random' if random else 'common'} {'effect' if effect else 'null'}"
            for bias in biases:
                share = shares_of[name] * bias.share
                if bias.model is None:
                    result = results[name]
                    made.append(
                        Component(bias, effect, random, share, result.log_evidence, EXACT, problem, None, result)
                    )
                    continue
                posterior = problem.fitted(bias, effect, random)
                made.append(
                    Component(bias, effect, random, share, posterior.log_evidence, posterior.error, problem, posterior)
                )
    return tuple(made)


@final
@dataclass(frozen=True, eq=False)
class Mixer:
    """Laws over several models from what each says.

    Attributes
    ----------
    problem : Problem
    components : tuple of Component
    log_probability : ndarray
        Log posterior probability of each, shape (m,).
    """

    problem: Problem
    components: tuple[Component, ...]
    log_probability: Array

    def mu(self, inside: NDArray[np.bool_]) -> Posterior:
        """The mean effect over the models inside, with a point mass at 0."""
        return self._mean(inside, new=False)

    def theta_new(self, inside: NDArray[np.bool_]) -> Posterior:
        """The true effect in a new study, before selection."""
        return self._mean(inside, new=True)

    def _mean(self, inside: NDArray[np.bool_], new: bool) -> Posterior:
        weight = self._weight(inside)
        parts: list[Parts] = []
        laws: list[tuple[float, Law]] = []
        atom, moments = 0.0, 4
        for component, share in zip(self.components, weight, strict=True):
            if share <= NOTHING:
                continue
            if not component.effect and not (new and component.random):
                atom += share
                continue
            if component.result is not None:
                law = _law_of(component.result, "theta_new" if new and component.random else "mu")
                moments = min(moments, getattr(law, "moments", moments))
                laws.append((share, law))
                continue
            w, centre, spread = _parts(component.posterior, new)
            parts.append((share * w, centre, spread))
        if parts:
            w, centre, spread = (np.concatenate(part) for part in zip(*parts, strict=True))
            joined = trimmed(w, centre, spread, LEFT_OUT)
            laws.append((float(w.sum()), NormalMixture(joined.weight, joined.centre, joined.spread, moments)))
        posterior = mixed(laws, 0.0, atom)
        return replace(posterior, law=Mirrored(posterior.law)) if self.problem.sign < 0.0 else posterior

    def tau(self, inside: NDArray[np.bool_]) -> Posterior:
        """The standard deviation between studies, with a point mass at 0."""
        weight = self._weight(inside)
        kernels: list[Parts] = []
        laws: list[tuple[float, Law]] = []
        atom, first, second, moments = 0.0, 0.0, 0.0, 4
        for component, share in zip(self.components, weight, strict=True):
            if share <= NOTHING:
                continue
            if not component.random:
                atom += share
            elif component.result is not None:
                law = _law_of(component.result, "tau")
                moments = min(moments, getattr(law, "moments", moments))
                laws.append((share, law))
            else:
                of_t = component.posterior.of_t
                kernels.append((share * of_t.weight, of_t.centre, of_t.spread))
                first += share * component.posterior.mean_of_tau(1)
                second += share * component.posterior.mean_of_tau(2)
        if kernels:
            w, centre, spread = (np.concatenate(part) for part in zip(*kernels, strict=True))
            whole, place = float(w.sum()), self.problem.spread
            mean = first / whole
            sd = float(np.sqrt(max(second / whole - mean**2, 0.0)))
            exists = (mean if moments >= 1 else np.nan, sd if moments >= 2 else np.nan)
            base = trimmed(w, centre, spread, LEFT_OUT)
            laws.append((whole, TransformedLaw(base, place.value, place.place, place.slope, exists)))
        return mixed(laws, 0.0, atom)

    def omega(self, interval: int, cuts: Array, inside: NDArray[np.bool_]) -> Posterior:
        """The weight of one common interval of one-sided p, with a point mass at 1."""
        weight = self._weight(inside)
        laws: list[tuple[float, Law]] = []
        atom = 0.0
        known: list[tuple[float, float]] = []
        for component, share in zip(self.components, weight, strict=True):
            publication = component.bias.publication
            at = 0 if publication is None else interval_of(publication, interval, cuts)
            if share <= LITTLE:
                continue
            if at == 0:
                atom += share
            elif publication is not None and publication.known is not None:
                known.append((share, publication.known[at]))
            else:
                laws.append((share, Deferred(partial(_weight_law, component, at - 1))))
        laws += [(share, _Point(value)) for share, value in known]
        return mixed(laws, 1.0, atom)

    def slope(self, kind: str, inside: NDArray[np.bool_]) -> Posterior:
        """The slope of PET or of PEESE, with a point mass at 0, in the direction of what gets published."""
        weight = self._weight(inside)
        groups: dict[Bias, list[tuple[float, Component]]] = {}
        atom = 0.0
        for component, share in zip(self.components, weight, strict=True):
            if share <= NOTHING:
                continue
            if component.bias.kind == kind:
                groups.setdefault(component.bias, []).append((float(share), component))
            else:
                atom += share
        laws: list[tuple[float, Law]] = [
            (sum(share for share, _ in group), Deferred(partial(_slope_law, tuple(group)))) for group in groups.values()
        ]
        return mixed(laws, 0.0, atom)

    def _weight(self, inside: NDArray[np.bool_]) -> Array:
        weight = np.zeros(len(self.components))
        weight[inside] = shares(self.log_probability[inside])
        return weight


@final
@dataclass(frozen=True)
class _Point:
    """A law that is a known value."""

    value: float
    sd: float = 0.0

    @property
    def mean(self) -> float:
        return self.value

    def pdf(self, x: Array) -> Array:
        return np.zeros(np.shape(x))

    def cdf(self, x: Array) -> Array:
        return np.where(np.asarray(x) >= self.value, 1.0, 0.0)

    def ppf(self, p: Array) -> Array:
        return np.full(np.shape(p), self.value)

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        return np.full(size, self.value)


def _law_of(result: Result, name: str) -> Law:
    quantity = result[name]
    assert isinstance(quantity, Posterior)
    return quantity.law


def _parts(posterior: LatticePosterior, new: bool) -> Parts:
    """Normal components of mu, or of the true effect in a new study, in the direction of what gets published."""
    inner = posterior.inner
    if isinstance(posterior.mu, Coordinate):
        kernel = posterior.of_mu
        return kernel.weight, kernel.centre, np.hypot(kernel.spread, kernel.tau) if new else kernel.spread
    weight, tau = posterior.weight, posterior.nodes.tau
    if isinstance(inner, SlopeLikelihood) and inner.normal is not None:
        slope = inner.given(posterior.nodes.mu, tau)
        b, value = inner.panels(slope)
        mass = np.exp(value - value.max(axis=1, keepdims=True))
        mass *= (weight / mass.sum(axis=1))[:, None]
        centre = slope.mean[:, None] - slope.pull[:, None] * b
        spread = np.hypot(slope.sd, tau) if new else slope.sd
        spread = np.broadcast_to(spread[:, None], mass.shape)
        kept = mass > LEFT_OUT * 1e-3
        return mass[kept], centre[kept], spread[kept]
    return weight, np.full(len(weight), float(posterior.mu)), tau


def _weight_law(component: Component, at: int) -> Law:
    return component.of_weights[at]


def _slope_law(group: tuple[tuple[float, Component], ...]) -> Law:
    return law_of_slope([(share, component.posterior) for share, component in group])


def common_cuts(biases: tuple[Bias, ...]) -> Array:
    """One-sided p-values at which any of the step functions changes, rising."""
    cuts: list[float] = []
    for bias in biases:
        publication = bias.publication
        if publication is not None and publication.intervals is not None:
            steps = publication.intervals.steps
            cuts += [*steps] if publication.sides == 1 else [*(0.5 * steps), *(1.0 - 0.5 * steps)]
    return np.unique(np.round(cuts, 12))


def interval_of(publication: Publication, interval: int, cuts: Array) -> int:
    """The interval of one step function that holds a common interval."""
    assert publication.intervals is not None
    ends = np.concatenate([[0.0], cuts, [1.0]])
    p = 0.5 * (ends[interval] + ends[interval + 1])
    p = p if publication.sides == 1 else 2.0 * min(p, 1.0 - p)
    return int(np.searchsorted(publication.intervals.steps, p))
