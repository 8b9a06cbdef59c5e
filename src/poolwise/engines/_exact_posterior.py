"""What quadrature found for one study table: every named quantity, joint draws and diagnostics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines._heterogeneity import known, known_tau, typical_variance
from poolwise.errors import ModelError
from poolwise.exact.jobs import Studies, TauPriors
from poolwise.exact.limit_error import limit_error
from poolwise.exact.mixture import NormalMixture
from poolwise.exact.tau_law import TauLaw
from poolwise.exact.tau_posterior import TauPosterior, log_density_of_mean, tau_posterior
from poolwise.laws import TransformedLaw
from poolwise.model import CommonEffect, RandomEffects
from poolwise.moments import highest_moment
from poolwise.priors import Fixed, Flat, Normal, Prior
from poolwise.quantities import IntervalKind, Posterior, Quantity

Array = NDArray[np.float64]
MOST_HALVINGS = 3


@final
@dataclass(frozen=True, eq=False)
class Fitted:
    """What quadrature found: the posterior of tau, or a known tau (0 for the common effect)."""

    effects: Effects
    model: CommonEffect | RandomEffects
    studies: Studies
    posterior: TauPosterior | None
    tau_known: float
    limit_error: float

    def mu(self) -> NormalMixture:
        """The posterior of mu; one component without spread where the model states mu."""
        if isinstance(self.model.mu, Fixed):
            return NormalMixture(np.ones(1), np.array([self.model.mu.value]), np.zeros(1))
        if self.posterior is not None:
            return self.posterior.mu
        _, mean, sd = self._given_known_tau()
        return NormalMixture(np.ones(1), np.array([mean]), np.array([sd]))

    def theta_new(self) -> NormalMixture:
        """The posterior of the true effect in a new study."""
        if self.posterior is not None:
            return self.posterior.theta_new
        return replace(self.mu(), spread=np.hypot(self.mu().spread, self.tau_known))

    def theta(self, i: int) -> NormalMixture:
        """The posterior of the true effect in study i."""
        if self.posterior is not None:
            return self.posterior.theta(i)
        mu, v, square = self.mu(), self.effects.v[i], self.tau_known**2
        keep, pull = square / (square + v), v / (square + v)
        centre = keep * self.effects.y[i] + pull * mu.centre
        return replace(mu, centre=centre, spread=np.sqrt(keep * v + (pull * mu.spread) ** 2))

    def quantities(self, kind: IntervalKind) -> dict[str, Quantity]:
        """The named quantities of the result."""
        out: dict[str, Quantity] = {"mu": _quantity(self.mu(), kind)}
        if isinstance(self.model, CommonEffect):
            return out
        vt = typical_variance(self.effects.v)
        if self.posterior is None:
            out |= known_tau(self.tau_known, vt)
        else:
            tau = TauLaw(self.posterior)
            out["tau"] = Posterior(tau, kind)
            out["tau2"] = Posterior(_tau2_law(tau), kind)
            if self.effects.k > 1:
                out["I2"] = Posterior(_i2_law(tau, vt), kind)
        out["theta_new"] = _quantity(self.theta_new(), kind)
        return out

    def study(self, i: int, kind: IntervalKind) -> Quantity:
        """The true effect in study i as a quantity of the result."""
        return _quantity(self.theta(i), kind)

    def weights(self) -> dict[str, float]:
        """Posterior mean share of each study in mu_hat, by label; none where the model states mu."""
        if isinstance(self.model.mu, Fixed):
            return {}
        if self.posterior is None:
            weight, tau = np.ones(1), np.array([self.tau_known])
        else:
            weight, tau, _, _ = self.posterior.only
        shares = 1.0 / (self.effects.v + tau[:, None] ** 2)
        mean = weight @ (shares / shares.sum(axis=1, keepdims=True)) / weight.sum()
        return dict(zip(self.effects.labels, mean.tolist(), strict=True))

    def log_evidence(self) -> float:
        """Log marginal likelihood; NaN under an improper prior."""
        model = self.model
        proper = [model.mu, model.tau] if isinstance(model, RandomEffects) else [model.mu]
        if not all(prior is None or prior.proper for prior in proper):
            return np.nan
        if self.posterior is not None:
            return float(self.posterior.panels.log_total[0])
        return self._given_known_tau()[0]

    def log_density_of_mu(self, at: float) -> float:
        """Log posterior density of mu at one value, finite however remote the value is."""
        if self.posterior is not None:
            return log_density_of_mean(self.posterior, at)
        _, mean, sd = self._given_known_tau()
        return float(-0.5 * ((at - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2.0 * np.pi))

    def diagnostics(self) -> dict[str, float]:
        """What the quadrature watched."""
        if self.posterior is None:
            return {"grid_error": 0.0, "nodes": 1}
        panels = self.posterior.panels
        return {
            "grid_error": self.limit_error,
            "density_error": float(panels.error[0]),
            "nodes": int(panels.x.size),
            "panels": len(panels.job),
        }

    def draw(self, size: int, rng: np.random.Generator) -> dict[str, Array]:
        """Exact independent joint draws: tau by inversion, then mu, theta and theta_new given tau."""
        y, v = self.effects.y, self.effects.v
        tau = np.full(size, self.tau_known) if self.posterior is None else TauLaw(self.posterior).sample(size, rng)
        _, mean, sd = self.studies.given_tau(np.zeros(1, dtype=np.intp), tau[None])[:, 0]
        mu = mean + self.studies.offset[0] + sd * rng.standard_normal(size)
        if isinstance(self.model.mu, Fixed):
            mu = np.full(size, self.model.mu.value)
        if isinstance(self.model, CommonEffect):
            return {"mu": mu}
        square = tau[:, None] ** 2
        keep = square / (square + v)
        theta = keep * y + (1.0 - keep) * mu[:, None] + np.sqrt(keep * v) * rng.standard_normal((size, len(y)))
        return {"mu": mu, "tau": tau, "theta": theta, "theta_new": mu + tau * rng.standard_normal(size)}

    def _given_known_tau(self) -> tuple[float, float, float]:
        tau = np.array([[self.tau_known]])
        log_lik, mean, sd = self.studies.given_tau(np.zeros(1, dtype=np.intp), tau)[:, 0, 0]
        return float(log_lik), float(mean + self.studies.offset[0]), float(sd)


def quadrature(effects: Effects, model: CommonEffect | RandomEffects, tolerance: float) -> Fitted:
    """Fit a model whose priors are explicit, refining the grid until the limits are good to `tolerance`."""
    mu = model.mu
    assert mu is not None
    m0, s0 = normal_prior(mu)
    studies = Studies.centred(effects.y[None], effects.v[None], np.array([m0]), np.array([s0]))
    if isinstance(model, CommonEffect) or model.tau_fixed is not None:
        known = 0.0 if isinstance(model, CommonEffect) else float(model.tau_fixed or 0.0)
        return Fitted(effects, model, studies, None, known, 0.0)
    assert model.tau is not None
    moments = np.array([highest_moment(effects.k, mu, model.tau)])
    for halvings in range(MOST_HALVINGS + 1):
        posterior = tau_posterior(studies, TauPriors.of([model.tau]), moments=moments, halvings=halvings)
        error = limit_error(posterior)
        if error <= tolerance:
            break
    return Fitted(effects, model, studies, posterior, np.nan, error)


def normal_prior(mu: Prior) -> tuple[float, float]:
    """Mean and sd of the prior on mu; an infinite sd for the flat one, 0 for a known mu."""
    if isinstance(mu, Flat):
        return 0.0, np.inf
    if isinstance(mu, Fixed):
        return mu.value, 0.0
    if isinstance(mu, Normal):
        return mu.mean, mu.sd
    raise ModelError(f"mu ~ {mu} is not supported by Exact", "Normal, Flat or Fixed")


def _quantity(law: NormalMixture, kind: IntervalKind) -> Quantity:
    """A posterior, or the known value that a law without any spread is."""
    return Posterior(law, kind) if law.spread.any() else known(float(law.centre[0]))


def _tau2_law(tau: TauLaw) -> TransformedLaw:
    return TransformedLaw(tau, np.square, _root, _doubled, tau.square_moments())


def _root(x: Array) -> Array:
    return np.sqrt(np.maximum(x, 0.0))


def _doubled(t: Array) -> Array:
    return 2.0 * t


def _i2_law(tau: TauLaw, typical: float) -> TransformedLaw:
    """I2 = tau^2 / (tau^2 + v_typical) as a law."""
    weight, nodes, _, _ = tau.posterior.only
    values = _i2(typical, nodes)
    mean = float(weight @ values)
    moments = (mean, float(np.sqrt(weight @ (values - mean) ** 2)))
    return TransformedLaw(
        tau, partial(_i2, typical), partial(_tau_of_i2, typical), partial(_i2_slope, typical), moments
    )


def _i2(typical: float, tau: Array) -> Array:
    return np.where(tau > 1e-150, 1.0 / (1.0 + typical / np.square(np.maximum(tau, 1e-150))), 0.0)


def _tau_of_i2(typical: float, i2: Array) -> Array:
    inside = np.clip(i2, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        return np.sqrt(typical * inside / (1.0 - inside))


def _i2_slope(typical: float, tau: Array) -> Array:
    return 2.0 * typical * tau / np.square(typical + np.square(tau))
