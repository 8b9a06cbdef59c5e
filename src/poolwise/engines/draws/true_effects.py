"""Laws of the true effects that are not normal: densities of estimates, and the true effects given them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.pymc_models.scale_mixture import log_density, scale_mixture

Array = NDArray[np.float64]
Parameters = Mapping[str, Array]
_LOG_2PI = float(np.log(2.0 * np.pi))
_B = float(np.sqrt(2.0 / np.pi))


class TrueEffects(Protocol):
    """How true effects are distributed; parameters are of shape S, what is given (*S, k)."""

    def log_density(self, y: float | Array, v: float | Array, parameters: Parameters) -> Array:
        """Log density of an estimate with sampling variance v, its true effect integrated out; shape S."""

    def given(
        self, y: Array, v: Array, parameters: Parameters, rng: np.random.Generator
    ) -> tuple[Array, Array, dict[str, Array]]:
        """True effects of studies with these estimates, their precision about mu, and what else there is to say."""

    def new(self, parameters: Parameters, size: int, rng: np.random.Generator) -> Array:
        """True effects of new studies, shape (*S, size)."""


@final
class HeavyTailed:
    """StudentT(nu, mu, tau).

    References
    ----------
    Lee & Thompson 2008, Statistics in Medicine 27:418, 10.1002/sim.2897.
    """

    def log_density(self, y: float | Array, v: float | Array, parameters: Parameters) -> Array:
        """A mixture of normal densities."""
        apart = y - parameters["mu"]
        return np.asarray(log_density(apart, np.full(apart.shape, v), _mixture(parameters), np))

    def given(
        self, y: Array, v: Array, parameters: Parameters, rng: np.random.Generator
    ) -> tuple[Array, Array, dict[str, Array]]:
        """The node by its posterior probability, then a normal law; nodes and draws of all studies are the same."""
        mixture = _mixture(parameters)
        found = [self._of_one(*study, parameters["mu"], mixture, rng) for study in zip(y, v, strict=True)]
        theta, weight = (np.stack(parts, axis=-1) for parts in zip(*found, strict=True))
        return theta, weight, {}

    @staticmethod
    def _of_one(
        y: float, v: float, mu: Array, mixture: tuple[Array, Array], rng: np.random.Generator
    ) -> tuple[Array, Array]:
        weight, spread = mixture
        precision = 1.0 / (v + spread)
        half = 0.5 * (y - mu[..., None]) ** 2
        chance = weight * np.sqrt(precision) * np.exp(half * (precision[..., :1] - precision))
        below = np.cumsum(chance, axis=-1)
        at = rng.random(mu.shape) * below[..., -1]
        node = np.minimum((below < at[..., None]).sum(axis=-1, keepdims=True), chance.shape[-1] - 1)
        own = np.take_along_axis(spread, node, axis=-1)[..., 0]
        return _shrunken(y, v, mu, own, rng), (chance * precision).sum(axis=-1) / below[..., -1]

    def new(self, parameters: Parameters, size: int, rng: np.random.Generator) -> Array:
        """A normal variable over the root of an independent chi-squared one."""
        mu, tau, nu = (parameters[name][..., None] for name in ("mu", "tau", "nu"))
        shape = (*mu.shape[:-1], size)
        with np.errstate(divide="ignore", over="ignore"):
            return mu + tau * rng.standard_normal(shape) / np.sqrt(rng.gamma(0.5 * nu, size=shape) * 2.0 / nu)


@final
class Skewed:
    """Skew-normal with mean mu, standard deviation tau and delta.

    References
    ----------
    Azzalini 1985, Scandinavian J. Statistics 12:171; Azzalini & Capitanio 2014, The Skew-Normal and Related Families,
    section 2.1, 10.1017/CBO9781139248891.
    """

    def log_density(self, y: float | Array, v: float | Array, parameters: Parameters) -> Array:
        """Log of 2 phi(z) Phi(alpha z) / sd."""
        xi, omega, delta = _skew(parameters)
        total, own = omega**2 + v, v + omega**2 * (1.0 - delta**2)
        z = (y - xi) / np.sqrt(total)
        return np.log(2.0) + _normal(y - xi, total) + special.log_ndtr(delta * omega / np.sqrt(own) * z)

    def given(
        self, y: Array, v: Array, parameters: Parameters, rng: np.random.Generator
    ) -> tuple[Array, Array, dict[str, Array]]:
        """|Z0| given the estimate is a truncated normal variable, and theta given |Z0| normal."""
        parameters = _by_study(parameters)
        xi, omega, delta = _skew(parameters)
        loading, own = omega * delta, omega**2 * (1.0 - delta**2)
        precision = 1.0 + loading**2 / (v + own)
        mean, sd = loading * (y - xi) / (v + own) / precision, 1.0 / np.sqrt(precision)
        # mean + sd z > 0, z from the upper tail beyond -mean / sd
        z = -special.ndtri_exp(special.log_ndtr(mean / sd) + np.log1p(-rng.random(mean.shape)))
        half = np.maximum(mean + sd * z, 0.0)
        return _shrunken(y, v, xi + loading * half, own, rng), 1.0 / (v + parameters["tau"] ** 2), {}

    def new(self, parameters: Parameters, size: int, rng: np.random.Generator) -> Array:
        """Location plus omega (delta |Z0| + sqrt(1 - delta^2) Z1)."""
        xi, omega, delta = (part[..., None] for part in _skew(parameters))
        shape = (*xi.shape[:-1], size)
        part = delta * np.abs(rng.standard_normal(shape)) + np.sqrt(1.0 - delta**2) * rng.standard_normal(shape)
        return xi + omega * part


@final
class Contaminated:
    """(1 - pi) Normal(mu, tau) + pi Normal(mu, sqrt(tau^2 + tau_out^2)).

    References
    ----------
    Lee & Thompson 2008, Statistics in Medicine 27:418, 10.1002/sim.2897.
    """

    def log_density(self, y: float | Array, v: float | Array, parameters: Parameters) -> Array:
        """A mixture of two normal densities."""
        return np.logaddexp(*self._terms(y, v, parameters))

    def given(
        self, y: Array, v: Array, parameters: Parameters, rng: np.random.Generator
    ) -> tuple[Array, Array, dict[str, Array]]:
        """Whether it is an outlier, then a normal law; with the probability that it is one."""
        parameters = _by_study(parameters)
        usual, outlying = self._terms(y, v, parameters)
        chance = special.expit(outlying - usual)
        near, far = parameters["tau"] ** 2, parameters["tau"] ** 2 + parameters["tau_out"] ** 2
        own = np.where(rng.random(chance.shape) < chance, far, near)
        weight = (1.0 - chance) / (v + near) + chance / (v + far)
        return _shrunken(y, v, parameters["mu"], own, rng), weight, {"outlier": chance}

    def new(self, parameters: Parameters, size: int, rng: np.random.Generator) -> Array:
        """Of a new study, which is an outlier with probability pi."""
        mu, tau, out, pi = (parameters[name][..., None] for name in ("mu", "tau", "tau_out", "pi"))
        shape = (*mu.shape[:-1], size)
        sd = np.where(rng.random(shape) < pi, np.hypot(tau, out), tau)
        return mu + sd * rng.standard_normal(shape)

    @staticmethod
    def _terms(y: float | Array, v: float | Array, parameters: Parameters) -> tuple[Array, Array]:
        mu, near, out, pi = (parameters[name] for name in ("mu", "tau", "tau_out", "pi"))
        with np.errstate(divide="ignore"):
            usual = np.log1p(-pi) + _normal(y - mu, v + near**2)
            return usual, np.log(pi) + _normal(y - mu, v + near**2 + out**2)


def delta_of_skewness(skewness: Array) -> Array:
    """The delta with this skewness, within [-1, 1]: the inverse of `skewness`."""
    c = np.cbrt(2.0 * np.asarray(skewness) / (4.0 - np.pi))
    return np.clip(c / np.sqrt(1.0 + c * c) / _B, -1.0, 1.0)


def slope_of_skewness(delta: Array) -> Array:
    """The derivative of `skewness`."""
    b = np.asarray(delta) * _B
    return 1.5 * (4.0 - np.pi) * _B * b * b / (1.0 - b * b) ** 2.5


def skewness(delta: Array) -> Array:
    """Third standardised moment of a skew normal: (4 - pi) / 2 (b / sqrt(1 - b^2))^3 with b = delta sqrt(2 / pi).

    References
    ----------
    Azzalini 1985, Scandinavian J. Statistics 12:171; Azzalini & Capitanio 2014, The Skew-Normal and Related Families,
    section 2.1, 10.1017/CBO9781139248891.
    """
    b = delta * _B
    return 0.5 * (4.0 - np.pi) * (b / np.sqrt(1.0 - b * b)) ** 3


def _mixture(parameters: Parameters) -> tuple[Array, Array]:
    weight, spread = scale_mixture(parameters["tau"][..., None], parameters["nu"][..., None], np)
    return weight, spread


def _by_study(parameters: Parameters) -> dict[str, Array]:
    return {name: draws[..., None] for name, draws in parameters.items()}


def _skew(parameters: Parameters) -> tuple[Array, Array, Array]:
    """Location, scale and delta from mean, standard deviation and delta."""
    delta = parameters["delta"]
    omega = parameters["tau"] / np.sqrt(1.0 - (_B * delta) ** 2)
    return parameters["mu"] - omega * delta * _B, omega, delta


def _normal(residual: Array, variance: Array) -> Array:
    return -0.5 * (_LOG_2PI + np.log(variance) + residual**2 / variance)


def _shrunken(y: float | Array, v: float | Array, mean: Array, variance: Array, rng: np.random.Generator) -> Array:
    """A draw of theta ~ Normal(mean, variance) given y ~ Normal(theta, v)."""
    share = variance / (v + variance)
    return mean + share * (y - mean) + np.sqrt(share * v) * rng.standard_normal(mean.shape)
