"""Posteriors of models with two or three nonlinear parameters, everything else being normal given them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol, cast, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.quadrature.boxes.boxes import Boxes, Evaluate, integrate
from poolwise.quadrature.boxes.slices import Target
from poolwise.quadrature.boxes.variables import OnLine, Variable
from poolwise.quadrature.boxes.whitened import Whitened, whitened
from poolwise.quadrature.rules.gaussian import Basis, combination, draw
from poolwise.quadrature.rules.mixture import NormalMixture
from poolwise.quadrature.rules.panel_law import PanelLaw

Array = NDArray[np.float64]

NEGLIGIBLE = {1: 1e-18, 2: 1e-17, 3: 1e-15, 4: 1e-13}  # probability of nodes that are left out of mixtures
LIMITS = np.array([0.025, 0.5, 0.975])
FINEST = {
    1: 1e-10,
    2: 1e-9,
    3: 1e-6,
    4: 3e-5,
}  # half-widths to which a model is worked out, however small the tolerance asked for
TOLERANCE = {
    1: 1e-10,
    2: 1e-8,
    3: 1e-5,
    4: 1e-3,
}  # of the last Legendre coefficients; errors seen are 1e4 times smaller

ROUNDS = {1: 3, 2: 3, 3: 3, 4: 1}  # of refining; lattices of three variables are at their finest in the first
FEWEST_ON_LATTICES = 2  # others than the first variable; with one of them boxes are as fast
FINER = 1e-2  # share of that tolerance for a density, which is not smoothed by a normal law


class Conditional(Protocol):
    """A model that is normal given its nonlinear parameters phi, shape (d, N)."""

    @property
    def basis(self) -> Basis:
        """The design of a single job."""

    def given(self, phi: Array) -> Array:
        """Log likelihood and the normal law of the coefficients, as `gaussian.conditional` returns them, (m, N)."""

    def spread_of_new(self, phi: Array) -> Array:
        """Sd of the true effect of a new study about its mean effect, shape (N,)."""

    def theta(self, i: int, phi: Array, values: Array) -> tuple[Array, Array]:
        """Mean and sd of the true effect theta_i, shape (N,) each."""

    def draw_theta(self, phi: Array, fitted: Array, y: Array, rng: np.random.Generator) -> Array:
        """Joint draws of the true effects given phi and mean effects of shape (k, N), shape (N, k)."""


class Climbed(Conditional, Protocol):
    """Such a model, which knows its way uphill."""

    def score(self, phi: Array, values: Array) -> tuple[Array, Array]:
        """Gradient of the log likelihood by all nonlinear parameters but the first, (r, N), and information, (r, r, N).

        The values are those that `given` returns.
        """


@final
@dataclass(frozen=True, eq=False)
class BoxPosterior:
    """Posterior of a conditionally normal model.

    Attributes
    ----------
    model : Conditional
    variables : tuple of Variable
        The d nonlinear parameters, in the order of phi.
    boxes : Boxes or Whitened
        The density of their coordinates.
    moments : int
        Highest moment of the standard deviations that exists.
    mean_moments : int
        Highest moment of the coefficients that exists, at most 2.
    """

    model: Conditional
    variables: tuple[Variable, ...]
    boxes: Boxes | Whitened
    moments: int
    mean_moments: int

    @property
    def log_total(self) -> float:
        """Log marginal likelihood (log integral, where a prior is improper)."""
        return self.boxes.log_total

    @cached_property
    def nodes(self) -> tuple[Array, Array, Array]:
        """Weights (J,), nonlinear parameters (d, J) and values (m, J) of the nodes that matter."""
        weight = self.boxes.mass.reshape(-1)
        keep = np.abs(weight) > NEGLIGIBLE[self.boxes.d]
        points = self.boxes.points.reshape(self.boxes.d, -1)[:, keep]
        phi = _parameters(self.variables, points)
        return weight[keep], phi, self.boxes.values.reshape(len(self.boxes.values), -1)[:, keep]

    def linear(self, c: Array) -> NormalMixture:
        """The posterior of a linear combination c'beta of the coefficients."""
        weight, _, values = self.nodes
        mean, sd = self._combination(values, c)
        return NormalMixture(weight, mean, sd, self.mean_moments)

    def new(self, c: Array) -> NormalMixture:
        """The posterior of the true effect in a new study with the mean effect c'beta."""
        return self.about(c, self.model.spread_of_new(self.nodes[1]))

    def about(self, c: Array, spread: Array) -> NormalMixture:
        """The posterior of a true effect about the mean effect c'beta, its sd at the nodes, shape (J,)."""
        weight, _, values = self.nodes
        mean, sd = self._combination(values, c)
        return NormalMixture(weight, mean, np.hypot(sd, spread), self._new_moments)

    def theta(self, i: int) -> NormalMixture:
        """The posterior of the true effect theta_i."""
        weight, phi, values = self.nodes
        return NormalMixture(weight, *self.model.theta(i, phi, values), 2)

    @property
    def _new_moments(self) -> int:
        return min(self.moments, self.mean_moments)

    def _combination(self, values: Array, c: Array) -> tuple[Array, Array]:
        basis = self.model.basis
        mean, sd = combination(values, basis.back[0].T @ c)
        return mean + basis.origin[0] @ c, sd

    def limit_error(self, linear: Sequence[Array], new: Sequence[Array]) -> float:
        """Estimated error of medians and limits of linear quantities, in half-widths of the 95 % interval.

        As `tau_posterior.watched_limits`, with the last Legendre coefficients along each direction of a box.

        Parameters
        ----------
        linear, new : sequence of ndarray
            Weights of the coefficients in the mean effects, and in those of new studies, that are watched.
        """
        boxes = self.boxes
        points = boxes.points.reshape(boxes.d, -1)
        phi = _parameters(self.variables, points)
        values = boxes.values.reshape(len(boxes.values), -1)
        watched = [(self.linear(c), *self._combination(values, c)) for c in linear]
        for c in new:
            mean, sd = self._combination(values, c)
            watched.append((self.new(c), mean, np.hypot(sd, self.model.spread_of_new(phi))))
        worst = 0.0
        for law, mean, sd in watched:
            at = law.ppf(LIMITS)
            unit = 0.5 * (at[2] - at[0])
            missed = [self.boxes.missed(ndtr((x - mean) / sd)) for x in at]
            worst = max(worst, float((np.array(missed) / np.maximum(law.pdf(at) * unit, 1e-300)).max()))
        return worst

    def log_density(self, c: Array, at: float) -> float:
        """Log posterior density of a linear combination c'beta at one value, finite however remote the value is.

        As `tau_posterior.log_density_of_mean`: integrated on boxes of its own, since far from its centre the density
        is carried by nonlinear parameters that have next to no posterior probability.
        """
        joint = _integrand(self.model, self.variables)

        def evaluate(x: Array) -> Array:
            values = joint(x)
            mean, sd = self._combination(values, c)
            values[0] += -0.5 * ((at - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2.0 * np.pi)
            return values

        finer = FINER * TOLERANCE[self.boxes.d]
        return _integrated(self.model, self.variables, evaluate, finer).log_total - self.log_total

    def marginal(self, axis: int) -> PanelLaw:
        """The law of one nonlinear parameter."""
        weight, phi, _ = self.nodes
        return PanelLaw(partial(self.boxes.marginal, axis), self.variables[axis], weight, phi[axis], self.moments)

    def coefficient(self, axis: int) -> PanelLaw | NormalMixture:
        """The law of one nonlinear parameter on the whole line."""
        if isinstance(self.boxes, Whitened):
            return self.boxes.law(axis, self.variables[axis], self.moments)
        return self.marginal(axis)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """Independent joint draws: phi (d, size), coefficients (p, size) and the values there (m, size)."""
        x = self.boxes.draw(size, rng)
        phi = _parameters(self.variables, x)
        values = self.model.given(phi)
        return phi, draw(self.model.basis, values, rng), values


def reachable(tolerance: float, d: int) -> float:
    """The tolerance that a model with d nonlinear parameters is worked out to."""
    return max(tolerance, FINEST[d])


def _parameters(variables: Sequence[Variable], x: Array) -> Array:
    """Nonlinear parameters at points x, shape (d, N)."""
    return np.stack([one.parameter(at) for one, at in zip(variables, x, strict=True)])


def _integrand(model: Conditional, variables: Sequence[Variable]) -> Evaluate:
    """Log density of the coordinates, and the normal law of the coefficients there, as `integrate` asks for them."""

    def evaluate(x: Array) -> Array:
        phi = _parameters(variables, x)
        values = model.given(phi)
        values[0] += sum(one.log_prior(at) for one, at in zip(variables, x, strict=True))
        return values

    return evaluate


def box_posterior(
    model: Conditional,
    variables: Sequence[Variable],
    linear: Sequence[Array],
    new: Sequence[Array],
    *,
    moments: int,
    mean_moments: int,
    tolerance: float,
) -> tuple[BoxPosterior, float]:
    """Integrate a model over its nonlinear parameters, refining until the limits are good to `tolerance`.

    Parameters
    ----------
    model : Conditional
    variables : sequence of Variable
        The nonlinear parameters and their priors.
    linear, new : sequence of ndarray
        Weights of the coefficients in the mean effects, and in those of new studies, whose limits are watched.
    moments, mean_moments : int
        Highest moment that exists of the standard deviations, and of the coefficients (at most 2).
    tolerance : float
        Largest estimated error of medians and limits, in half-widths.

    Returns
    -------
    tuple
        The posterior, and its estimated error.
    """

    evaluate = _integrand(model, variables)
    d = len(variables)
    for sharper in (1.0, 1e-2, 1e-4)[: ROUNDS[d]]:
        boxes = _integrated(model, variables, evaluate, sharper * TOLERANCE[d])
        posterior = BoxPosterior(model, tuple(variables), boxes, moments, mean_moments)
        error = posterior.limit_error(linear, new) + boxes.error
        if error <= reachable(tolerance, d):
            break
    return posterior, error


def _integrated(
    model: Conditional, variables: Sequence[Variable], evaluate: Evaluate, tolerance: float
) -> Boxes | Whitened:
    """The density of the coordinates: on lattices where all but the first have normal priors, else on boxes."""
    others = variables[1:]
    if len(others) < FEWEST_ON_LATTICES or not all(isinstance(one, OnLine) for one in others):
        return integrate(evaluate, [one.edges for one in variables], tolerance)
    scale = np.array([one.scale for one in others if isinstance(one, OnLine)])

    def score(x: Array) -> tuple[Array, Array]:
        phi = _parameters(variables, x)
        gradient, information = cast(Climbed, model).score(phi, model.given(phi))
        prior = np.eye(len(others))[..., None]
        return scale[:, None] * gradient - x[1:], np.multiply.outer(scale, scale)[..., None] * information + prior

    return whitened(Target(evaluate, score), variables[0].edges, len(others), tolerance)
