"""Truths of models whose true effects are not normal: heavy tails, skewness, outliers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.effects import Effects
from poolwise.model import ContaminatedRandomEffects, SkewNormalRandomEffects, StudentTRandomEffects
from poolwise.model.needs import SKEWED
from poolwise.quadrature.rules.gauss_rules import panel_nodes, panel_weights
from poolwise.simulate.simulators import drawn, simulates
from poolwise.simulate.truth import with_estimates

Array = NDArray[np.float64]
Rng = np.random.Generator
FAR = 10.0  # standard errors
ORDER = 16  # nodes of a panel
Robust = StudentTRandomEffects | SkewNormalRandomEffects | ContaminatedRandomEffects
_NEAR = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])


class Law(Protocol):
    """The distribution of true effects."""

    def drawn(self, size: int, rng: Rng) -> Array:
        """True effects, shape (size,)."""

    def log_density(self, y: float, se: float) -> float:
        """Log density of an estimate, its true effect integrated out."""


@final
@dataclass(frozen=True, eq=False)
class IndependentTruth:
    """Parameters of a model whose true effects are independent draws from one law; y_i ~ Normal(theta_i, se_i).

    Attributes
    ----------
    scalars : mapping of str to float
        True values by the names of a result's quantities.
    law : Law
    se : ndarray
        Standard errors, shape (k,).
    predictions : mapping
        None here.
    """

    varied: ClassVar[bool] = True
    scalars: Mapping[str, float]
    law: Law
    se: Array
    predictions: Mapping[str, tuple[Array, float]] = field(default_factory=dict)

    def drawn(self, rng: Rng) -> tuple[Array, Array]:
        """True effects and estimates, shape (k,) each."""
        theta = self.law.drawn(len(self.se), rng)
        return theta, theta + self.se * rng.standard_normal(len(self.se))

    def table(self, effects: Effects, data: Array) -> Effects:
        """The design with these estimates."""
        return with_estimates(effects, data)

    def log_likelihood(self, data: Array) -> float:
        """Log density of the estimates, shape (k,), given the parameters."""
        return sum(self.law.log_density(float(y), float(se)) for y, se in zip(data, self.se, strict=True))


@final
@dataclass(frozen=True)
class StudentTLaw:
    """theta ~ StudentT(nu, mu, tau).

    References
    ----------
    Lee & Thompson 2008, Statistics in Medicine 27:418, 10.1002/sim.2897.
    """

    mu: float
    tau: float
    nu: float

    def drawn(self, size: int, rng: Rng) -> Array:
        """True effects, shape (size,)."""
        return self.mu + self.tau * rng.standard_t(self.nu, size)

    def log_density(self, y: float, se: float) -> float:
        """By Gauss's rule over the standardised error, in panels that are fine where the t density is peaked."""
        peak, width = (y - self.mu) / se, self.tau / se
        edges = np.concatenate([np.linspace(-FAR, FAR, 21), peak + width * _NEAR, peak - width * _NEAR])
        z, weights = panels(np.unique(np.clip(edges, -FAR, FAR)))
        t = (peak - z) / width
        constant = special.gammaln(0.5 * (self.nu + 1.0)) - special.gammaln(0.5 * self.nu)
        constant -= 0.5 * np.log(self.nu * np.pi) + np.log(self.tau)
        logs = constant - 0.5 * (self.nu + 1.0) * np.log1p(t**2 / self.nu) + _log_normal(z, 1.0)
        return float(special.logsumexp(logs, b=weights))


@final
@dataclass(frozen=True)
class SkewNormalLaw:
    """theta = mu + tau (delta |Z0| + sqrt(1 - delta^2) Z1 - b) / sqrt(1 - b^2), b = delta sqrt(2 / pi).

    References
    ----------
    Azzalini 1985, Scandinavian J. Statistics 12:171.
    """

    mu: float
    tau: float
    delta: float

    @property
    def _place(self) -> tuple[float, float]:
        b = self.delta * np.sqrt(2.0 / np.pi)
        omega = self.tau / np.sqrt(1.0 - b**2)
        return self.mu - omega * b, omega

    def drawn(self, size: int, rng: Rng) -> Array:
        """True effects, shape (size,)."""
        xi, omega = self._place
        half, whole = np.abs(rng.standard_normal(size)), rng.standard_normal(size)
        return xi + omega * (self.delta * half + np.sqrt(1.0 - self.delta**2) * whole)

    def log_density(self, y: float, se: float) -> float:
        """By Gauss's rule over the half-normal |Z0|, given which the estimate is normal."""
        xi, omega = self._place
        half, weights = panels(np.linspace(0.0, FAR, 101))
        variance = se**2 + omega**2 * (1.0 - self.delta**2)
        logs = _log_normal(y - xi - omega * self.delta * half, variance) + np.log(2.0) + _log_normal(half, 1.0)
        return float(special.logsumexp(logs, b=weights))


@final
@dataclass(frozen=True)
class ContaminatedLaw:
    """theta ~ (1 - pi) Normal(mu, tau) + pi Normal(mu, sqrt(tau^2 + tau_out^2)).

    References
    ----------
    Lee & Thompson 2008, Statistics in Medicine 27:418, 10.1002/sim.2897.
    """

    mu: float
    tau: float
    tau_out: float
    pi: float

    def drawn(self, size: int, rng: Rng) -> Array:
        """True effects, shape (size,)."""
        outlying = rng.random(size) < self.pi
        usual, more = rng.standard_normal(size), rng.standard_normal(size)
        return self.mu + self.tau * usual + np.where(outlying, self.tau_out * more, 0.0)

    def log_density(self, y: float, se: float) -> float:
        """Of a mixture of two normal laws."""
        variances = se**2 + self.tau**2 + np.array([0.0, self.tau_out**2])
        return float(special.logsumexp(_log_normal(y - self.mu, variances), b=[1.0 - self.pi, self.pi]))


@simulates(StudentTRandomEffects)
@simulates(SkewNormalRandomEffects)
@simulates(ContaminatedRandomEffects)
def independent_truth(model: Robust, effects: Effects, rng: Rng) -> IndependentTruth:
    """Parameters drawn from the priors of a robust model, and the true effect of a new study."""
    values = {name: drawn(prior, rng, name) for name, prior in model.named_priors.items()}
    if SKEWED in model.always_needs:
        values["delta"] = rng.uniform(-1.0, 1.0)
    law = LAWS[type(model)](**values)
    return IndependentTruth({**values, "theta_new": float(law.drawn(1, rng)[0])}, law, effects.se)


LAWS: dict[type[Robust], Callable[..., Law]] = {
    StudentTRandomEffects: StudentTLaw,
    SkewNormalRandomEffects: SkewNormalLaw,
    ContaminatedRandomEffects: ContaminatedLaw,
}


def panels(edges: Array) -> tuple[Array, Array]:
    """Nodes and weights of Gauss-Legendre rules between neighbouring edges, shape (16 panels,)."""
    return panel_nodes(edges, ORDER), panel_weights(edges, ORDER)


def _log_normal(x: Array | float, variance: Array | float) -> Array:
    return np.asarray(-0.5 * (np.square(x) / variance + np.log(2.0 * np.pi * variance)))
