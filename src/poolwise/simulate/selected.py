"""Truths of models of selection: estimates are made until one is published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.model import StepSelection, WeightFunction
from poolwise.quadrature.rules.gauss_rules import panel_nodes, panel_weights
from poolwise.simulate.simulators import drawn, simulates
from poolwise.simulate.truth import with_estimates

Array = NDArray[np.float64]
Rng = np.random.Generator
Weight = Callable[[Array], Array]
MOST_STUDIES = 10_000_000  # that are made for one that is published
AT_ONCE = 1000
FAR = 12.0  # standard deviations
ORDER = 16  # nodes of a panel
LEAST_P = 1e-5  # as the beta and the power function take p-values


@final
@dataclass(frozen=True, eq=False)
class SelectedTruth:
    """Parameters of a model of selection; y_i ~ Normal(theta_i, se_i) is published with probability omega(p_i) / max.

    Attributes
    ----------
    scalars : mapping of str to float
        True values by the names of a result's quantities.
    mean : ndarray
        Mean effects before selection, shape (k,).
    tau : float
    se : ndarray
        Standard errors, shape (k,).
    weights : tuple of callable
        Of each study, from z in the direction of what gets published to its weight, 0 to 1.
    cuts : ndarray
        Where weights jump or bend, on the scale of z.
    sign : float
    predictions : mapping
        None here.
    """

    scalars: Mapping[str, float]
    mean: Array
    tau: float
    se: Array
    weights: tuple[Weight, ...]
    cuts: Array
    sign: float
    predictions: Mapping[str, tuple[Array, float]] = field(default_factory=dict)

    @property
    def varied(self) -> bool:
        """True effects differ."""
        return self.tau > 0.0

    def drawn(self, rng: Rng) -> tuple[Array, Array]:
        """True effects and estimates of studies that were published, shape (k,) each."""
        pairs = [self._one(i, rng) for i in range(len(self.se))]
        theta, y = np.array(pairs).T
        return theta, y

    def _one(self, i: int, rng: Rng) -> tuple[float, float]:
        for _ in range(MOST_STUDIES // AT_ONCE):
            theta = self.mean[i] + self.tau * rng.standard_normal(AT_ONCE)
            y = theta + self.se[i] * rng.standard_normal(AT_ONCE)
            seen = np.flatnonzero(rng.random(AT_ONCE) < self.weights[i](self.sign * y / self.se[i]))
            if len(seen):
                return float(theta[seen[0]]), float(y[seen[0]])
        raise ModelError(f"of {MOST_STUDIES} simulated studies none would be published", "a prior under which some are")

    def table(self, effects: Effects, data: Array) -> Effects:
        """The design with these estimates."""
        return with_estimates(effects, data)

    def log_likelihood(self, data: Array) -> float:
        """Log density of published estimates, shape (k,), given the parameters: by Gauss's rule between the cuts."""
        total = 0.0
        for i, (y, se) in enumerate(zip(data, self.se, strict=True)):
            centre, ratio = self.sign * self.mean[i] / se, float(np.hypot(self.tau, se) / se)
            reach = centre + ratio * np.linspace(-FAR, FAR, 49)
            edges = np.unique(np.concatenate([reach, np.linspace(-9.0, 9.0, 73), self.cuts]))
            edges = edges[(edges >= reach[0]) & (edges <= reach[-1])]
            z, step = panel_nodes(edges, ORDER), panel_weights(edges, ORDER)
            published = float((step * _density(z, centre, ratio)) @ self.weights[i](z))
            own = float(self.sign * y / se)
            weight = float(self.weights[i](np.array([own]))[0])
            total += float(np.log(weight * _density(own, centre, ratio) / se / published))
        return total


@simulates(StepSelection)
def steps_truth(model: StepSelection, effects: Effects, rng: Rng) -> SelectedTruth:
    """Parameters drawn from the priors of step weights."""
    if model.known_weights is not None:
        omega = np.array(model.known_weights)
    elif model.weight_priors:
        omega = np.array([1.0, *(drawn(prior, rng, name) for name, prior in model.weight_priors.items())])
    else:  # shares of Dirichlet(1, ..., 1), added up from the least significant interval
        omega = np.cumsum(rng.dirichlet(np.ones(len(model.steps) + 1)))[::-1]
    named = dict(zip(model.weight_names[1:], omega[1:].tolist(), strict=True)) if model.free_weights else {}

    def weight(z: Array) -> Array:
        p = special.ndtr(-z) if model.sides == 1 else 2.0 * special.ndtr(-np.abs(z))
        return np.asarray(omega[np.searchsorted(model.steps, p, side="left")] / omega.max())

    cuts = -special.ndtri(np.array(model.steps) / model.sides)
    return _truth(model, effects, rng, named, (weight,) * effects.k, np.concatenate([cuts, -cuts]))


@simulates(WeightFunction)
def function_truth(model: WeightFunction, effects: Effects, rng: Rng) -> SelectedTruth:
    """Parameters drawn from the priors of a smooth weight."""
    named = {name: drawn(prior, rng, name) for name, prior in model.delta_priors.items()}
    scale = np.ones(effects.k) if model.prec is None else effects.se / effects.se.max()
    weights = tuple(_smooth(model, list(named.values()), float(one)) for one in scale)
    edge = -special.ndtri(LEAST_P / model.sides)
    near = -special.ndtri(0.5 * (1.0 - LEAST_P)) * 4.0 ** np.arange(9)
    return _truth(model, effects, rng, named, weights, np.array([-edge, *-near[::-1], 0.0, *near, edge]))


def _smooth(model: WeightFunction, delta: list[float], scale: float) -> Weight:
    """Omega(p) over its largest value."""
    first = delta[0] * scale

    def raw(p: Array) -> Array:
        match model.kind:
            case "beta":
                return np.asarray(p ** (delta[0] - 1.0) * (1.0 - p) ** (delta[1] - 1.0))
            case "halfnorm":
                return np.exp(-first * p**2)
            case "negexp":
                return np.exp(-first * p)
            case "logistic":
                return 2.0 * np.exp(-first * p) / (1.0 + np.exp(-first * p))
            case _:
                return np.asarray((1.0 - p) ** first)

    ends = [LEAST_P, 1.0 - LEAST_P] if model.kind in ("beta", "power") else [0.0, 1.0]
    if model.kind == "beta" and min(delta) > 1.0:
        ends.append(min(max((delta[0] - 1.0) / (sum(delta) - 2.0), LEAST_P), 1.0 - LEAST_P))
    top = raw(np.array(ends)).max()

    def weight(z: Array) -> Array:
        p = special.ndtr(-z) if model.sides == 1 else 2.0 * special.ndtr(-np.abs(z))
        p = np.clip(p, LEAST_P, 1.0 - LEAST_P) if model.kind in ("beta", "power") else p
        return np.asarray(raw(p) / top)

    return weight


def _truth(
    model: StepSelection | WeightFunction,
    effects: Effects,
    rng: Rng,
    named: dict[str, float],
    weights: tuple[Weight, ...],
    cuts: Array,
) -> SelectedTruth:
    before = model.before_selection(effects)
    beta = {name: drawn(before.priors.get(name), rng, name) for name in before.coefficients}
    tau = drawn(model.tau, rng, "tau") if model.tau_fixed is None else float(model.tau_fixed)
    mean = before.X @ np.array(list(beta.values()))
    new = {"theta_new": float(beta["mu"] + tau * rng.standard_normal())} if "mu" in beta else {}
    scalars = beta | ({} if model.tau_fixed is not None else {"tau": tau}) | named | new
    return SelectedTruth(scalars, mean, tau, effects.se, weights, cuts, model.sign)


def _density(z: Array | float, mean: float, sd: float) -> Array:
    return np.asarray(np.exp(-0.5 * ((z - mean) / sd) ** 2) / (sd * np.sqrt(2.0 * np.pi)))
