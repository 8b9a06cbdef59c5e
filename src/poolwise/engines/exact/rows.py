"""What quadrature found for a model that states a `RowLikelihood`: skew-normal random effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.robust_likelihood import RobustLikelihood
from poolwise.engines.draws.row_draws import RowDraws
from poolwise.engines.draws.true_effects import delta_of_skewness, skewness, slope_of_skewness
from poolwise.engines.exact.groups import refuse_covariance
from poolwise.engines.exact.mean_priors import study_shares
from poolwise.engines.exact.row_answer import RowAnswer
from poolwise.engines.exact.spread_laws import square
from poolwise.engines.means import normal_prior
from poolwise.errors import ModelError
from poolwise.laws import Deferred, TransformedLaw
from poolwise.model import Model, SkewNormalRandomEffects
from poolwise.model.needs import SKEWED
from poolwise.moments import MOST_MOMENTS, missing_moments, noticed, refuse_improper
from poolwise.priors import Prior
from poolwise.quadrature.boxes.lattice import NATS
from poolwise.quadrature.boxes.line_posterior import FINEST, LinePosterior, line_posterior
from poolwise.quadrature.boxes.variables import OnLine, Spread
from poolwise.quadrature.rules.mixture import NormalMixture
from poolwise.quadrature.rules.panel_law import PanelLaw
from poolwise.quantities import IntervalKind, Law, Posterior, Quantity
from poolwise.result import Finding

Array = NDArray[np.float64]
BEYOND = 9.0  # those of true effects about mu beyond which there is next to no probability


@final
@dataclass(frozen=True, eq=False)
class Skewed:
    """Skew-normal random effects on one study table, as lattices along mu ask for them; phi is (tau, delta)."""

    likelihood: RobustLikelihood

    @property
    def y(self) -> Array:
        """Estimates, shape (k,)."""
        return self.likelihood.effects.y

    @property
    def v(self) -> Array:
        """Their sampling variances, shape (k,)."""
        return self.likelihood.effects.v

    @property
    def prior(self) -> Prior:
        """On mu."""
        assert self.likelihood.model.mu is not None
        return self.likelihood.model.mu

    def log_density(self, z: Array, phi: Array) -> Array:
        """Log of prior x likelihood at mu = z, shape (N, M)."""
        parameters, out = _parameters(z, phi), self.prior.log_pdf(z)
        for i in range(len(self.y)):
            out = out + self.likelihood.log_row(i, parameters)
        return out

    def log_row(self, i: int, z: Array, phi: Array) -> Array:
        """Log density of estimate i at mu = z, shape (N, M)."""
        return self.likelihood.log_row(i, _parameters(z, phi))

    def log_about(self, x: Array, variance: Array, phi: Array) -> Array:
        """Log density of theta - mu and a normal error at x, shape (N, M)."""
        return self.likelihood.law.log_density(x, variance[:, None], _parameters(np.zeros(1), phi))

    def extent(self, phi: Array) -> tuple[Array, Array]:
        """Standard deviations of theta - mu."""
        return -BEYOND * phi[0], BEYOND * phi[0]

    def reach(self, phi: Array) -> tuple[Array, Array]:
        """Where the density may be above e^-NATS of its value at one point, from its bound 2^k prod phi."""
        b, s = normal_prior(self.prior)
        tau, delta = phi
        shift = delta * np.sqrt(2.0 / np.pi)
        omega = tau / np.sqrt(1.0 - shift**2)
        total = omega[:, None] ** 2 + self.v
        off = self.y + (omega * shift)[:, None]
        precision = (1.0 / total).sum(axis=1) + s**-2.0
        middle = ((off / total).sum(axis=1) + b * s**-2.0) / precision
        bound = -0.5 * ((off - middle[:, None]) ** 2 / total + np.log(0.5 * np.pi * total)).sum(axis=1)
        bound += self.prior.log_pdf(middle)
        within = (off - (omega * shift)[:, None]) / (tau[:, None] ** 2 + self.v)
        at = within.sum(axis=1) / (1.0 / (tau[:, None] ** 2 + self.v)).sum(axis=1)
        lower = self.log_density(at[:, None], phi)[:, 0]
        half = np.sqrt(2.0 * (np.maximum(bound - lower, 0.0) + NATS) / precision)
        return middle - half, middle + half


def _parameters(mu: Array, phi: Array) -> dict[str, Array]:
    return {"mu": mu, "tau": phi[0][:, None], "delta": phi[1][:, None]}


@final
@dataclass(frozen=True, eq=False)
class RowFit(RowAnswer[RobustLikelihood]):
    """What quadrature found for skew-normal random effects on one study table.

    Attributes
    ----------
    likelihood : RobustLikelihood
        What the model states, with every prior explicit.
    posterior : LinePosterior
    """

    likelihood: RobustLikelihood
    posterior: LinePosterior

    @property
    def log_total(self) -> float:
        """Log integral of prior times likelihood."""
        return self.posterior.log_total

    @property
    def evidence(self) -> float:
        """Log marginal likelihood; NaN under an improper prior."""
        proper = all(prior is not None and prior.proper for prior in self.model.named_priors.values())
        return self.log_total if proper else np.nan

    @property
    def limit_error(self) -> float:
        """Estimated error of medians and limits, in half-widths of the 95 % interval."""
        return self.posterior.limit_error

    @cached_property
    def mu(self) -> NormalMixture:
        """The law of mu."""
        return self.posterior.mu(min(2, self.moments["mu"]))

    @cached_property
    def new(self) -> NormalMixture:
        """The law of the true effect in a new study."""
        return self._new()

    def _new(self) -> NormalMixture:
        return self.posterior.new(min(2, self.moments["theta_new"]))

    @cached_property
    def tau(self) -> PanelLaw:
        """The law of tau."""
        return self.posterior.marginal(0, self.posterior.moments)

    @cached_property
    def delta(self) -> PanelLaw:
        """The law of delta, all of whose moments exist."""
        return self.posterior.marginal(1, MOST_MOMENTS)

    def quantities(self, kind: IntervalKind) -> dict[str, Quantity]:
        """The named quantities of the result."""
        weight, phi, _ = self.posterior.nodes
        skew = skewness(phi[1])
        mean = float(weight @ skew)
        moments = mean, float(np.sqrt(weight @ (skew - mean) ** 2))
        least = float(skewness(np.array(-1.0)))
        laws: dict[str, Law] = {
            "mu": self.mu,
            "tau": self.tau,
            "tau2": square(self.tau),
            "delta": self.delta,
            "theta_new": Deferred(self._new),
            "skewness": TransformedLaw(self.delta, skewness, delta_of_skewness, slope_of_skewness, moments, least),
        }
        return {name: Posterior(law, kind) for name, law in laws.items()}

    def study(self, row: int, kind: IntervalKind) -> Quantity:
        """The posterior of the true effect in the study of this row."""
        return Posterior(self.posterior.theta(row), kind)

    def weights(self) -> dict[str, float]:
        """Posterior mean share of each study in the sum of 1 / (v_i + tau^2)."""
        weight, phi, _ = self.posterior.nodes
        telling = weight > weight.max() * 1e-9
        shares = study_shares(self.effects.v, weight[telling], phi[0][telling])
        return dict(zip(self.effects.labels, shares.tolist(), strict=True))

    def draws(self, shape: tuple[int, int], rng: np.random.Generator) -> RowDraws:
        """Exact independent joint draws."""
        mu, phi = self.posterior.draw(shape[0] * shape[1], rng)
        drawn = dict(zip(self.likelihood.names, (mu, *phi), strict=True))
        return RowDraws.completed(self.likelihood, {name: x.reshape(shape) for name, x in drawn.items()}, {}, rng)

    @property
    def absent(self) -> Mapping[str, str]:
        """Why a quantity that other models have is not here."""
        return self.likelihood.absent

    def aim(self, tolerance: float) -> float:
        """The tolerance that this quadrature is worked out to."""
        return max(tolerance, FINEST)

    def findings(self, tolerance: float) -> tuple[Finding, ...]:
        """What went wrong, of an engine that aims at a tolerance."""
        aim = self.aim(tolerance)
        sentence = (
            f"The limits are good to about {self.limit_error:.1e} half-widths only, not to {aim:.1e}; "
            "check the data for effects on very different scales, set Exact(tolerance=...), or use NUTS()."
        )
        return noticed(self.limit_error, aim, sentence, missing_moments(self.moments["tau"], self.moments["mu"] > 1))

    def diagnostics(self) -> dict[str, float]:
        """What the quadrature watched."""
        boxes = self.posterior.boxes
        watched = {"grid_error": self.limit_error, "density_error": boxes.error}
        return watched | {"nodes": int(boxes.mass.size), "boxes": len(boxes.left)}


def has_rows(model: Model) -> TypeGuard[SkewNormalRandomEffects]:
    """Whether this is a model that states a `RowLikelihood`, of those that quadrature answers."""
    return SKEWED in model.always_needs


def fitted_rows(effects: Effects, model: SkewNormalRandomEffects) -> RowFit:
    """Fit a model whose priors are explicit.

    Parameters
    ----------
    effects : Effects
    model : SkewNormalRandomEffects

    Returns
    -------
    RowFit

    Raises
    ------
    ModelError
        For a known covariance, a prior on mu that is neither normal nor flat, or an improper posterior.
    """
    refuse_covariance(effects, model)
    refuse_prior(model)
    refuse_improper(effects, model)
    likelihood = RobustLikelihood(effects, model)
    assert model.tau is not None
    unit = min(np.sqrt(effects.v.min()), 4.0 / np.sqrt((1.0 / effects.v).sum()))
    delta = OnLine(_log_uniform, 0.0, 1.0, (-1.0, 1.0))
    posterior = line_posterior(
        Skewed(likelihood), (Spread(model.tau, float(unit)), delta), moments=likelihood.moments()["tau"]
    )
    return RowFit(likelihood, posterior)


def refuse_prior(model: SkewNormalRandomEffects) -> None:
    """Refuse a prior on mu that is neither normal nor flat."""
    assert model.mu is not None
    if not normal_prior(model.mu)[1] > 0.0:
        raise ModelError(f"mu ~ {model.mu} is not supported for this model", "a normal or flat prior", "Normal(0, 1)")


def _log_uniform(delta: Array) -> Array:
    return np.full_like(delta, -np.log(2.0))
