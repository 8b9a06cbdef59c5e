"""What quadrature found for one study table: every named quantity, joint draws and diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from poolwise.design import Design
from poolwise.effects import Effects
from poolwise.engines.heterogeneity import known
from poolwise.engines.means import Means
from poolwise.model import Model
from poolwise.moments import missing_moments, noticed
from poolwise.priors import Fixed, Normal, TruncatedNormal
from poolwise.quadrature.boxes.box_posterior import BoxPosterior, reachable
from poolwise.quadrature.one_tau.independent import Independent
from poolwise.quadrature.one_tau.jobs import MEAN
from poolwise.quadrature.one_tau.mixtures import Mixtures
from poolwise.quadrature.one_tau.rotated import TurnedMixtures
from poolwise.quadrature.one_tau.tau_posterior import TauPosterior, log_density_of_mean
from poolwise.quadrature.one_tau.truncated import TruncatedStudies, log_mass
from poolwise.quadrature.rules.mixture import NormalMixture
from poolwise.quadrature.rules.normal_normal import draw_theta
from poolwise.quantities import Estimate, IntervalKind, Law, Posterior, Quantity
from poolwise.result import Finding

Array = NDArray[np.float64]


class Nodes(Protocol):
    """Mixtures of everything that is normal given the nonlinear parameters."""

    def linear(self, c: Array) -> Law:
        """The posterior of a linear combination of the coefficients."""

    def new(self, c: Array) -> Law:
        """The posterior of the true effect in a new study."""

    def theta(self, i: int) -> Law:
        """The posterior of the true effect in study i."""


@final
@dataclass(frozen=True, eq=False)
class Draws:
    """Exact independent joint draws.

    Attributes
    ----------
    spreads : mapping of str to ndarray
        The nonlinear parameters, shape (size,).
    coefficients : ndarray
        Shape (size, p).
    theta : ndarray
        True effects of the studies, shape (size, k).
    """

    spreads: Mapping[str, Array]
    coefficients: Array
    theta: Array


@final
@dataclass(frozen=True, eq=False)
class Blended:
    """Fits under the components of a mixture prior.

    Attributes
    ----------
    log_weight : ndarray
        Log posterior probability of each component, shape (m,); finite where the probability rounds to 0.
    fits : tuple of Fitted
    """

    log_weight: Array
    fits: tuple[Fitted, ...]

    def draw(self, size: int, rng: np.random.Generator) -> Draws:
        """Joint draws: from each component as often as chance has it, in random order."""
        weight = np.exp(self.log_weight)
        counts = rng.multinomial(size, weight / weight.sum())
        parts = [one.draw(int(count), rng) for one, count in zip(self.fits, counts, strict=True) if count]
        order = rng.permutation(size)
        names = parts[0].spreads
        return Draws(
            {name: np.concatenate([part.spreads[name] for part in parts])[order] for name in names},
            np.concatenate([part.coefficients for part in parts])[order],
            np.concatenate([part.theta for part in parts])[order],
        )


@final
@dataclass(frozen=True, eq=False)
class Fitted:
    """What quadrature found.

    Attributes
    ----------
    effects : Effects
    model : Model
        With every prior explicit.
    means : Means
        Its mean effects.
    nodes : Nodes
        Mixtures of what is normal given the rest.
    source : TauPosterior, BoxPosterior, Independent, Mixtures or Blended
        Where the nodes come from: quadrature over one or several parameters, one for each group, a known tau, or
        the components of a mixture prior.
    limit_error : float
        Estimated error of medians and limits, in half-widths of the 95 % interval.
    moments : int
        Highest moment of the between-study standard deviations that exists.
    spreads : mapping of str to Quantity
        tau, tau2, I2 and the like.
    shares : ndarray
        Posterior mean share of each study in the mean effect, shape (k,).
    log_total : float
        Log integral of prior times likelihood.
    proper : bool
        Whether every prior is proper, so that it is the log marginal likelihood.
    laws : mapping of str to Law
        Those of named mean effects and new studies that are at hand, with their limits.
    """

    effects: Effects
    model: Model
    means: Means
    nodes: Nodes
    source: TauPosterior | BoxPosterior | Independent | Mixtures | Blended
    limit_error: float
    moments: int
    spreads: Mapping[str, Law | Quantity]
    shares: Array
    log_total: float
    proper: bool
    laws: Mapping[str, Law] = field(default_factory=dict)

    @property
    def evidence(self) -> float:
        """Log marginal likelihood; NaN under an improper prior."""
        return self.log_total if self.proper else np.nan

    def quantities(self, kind: IntervalKind) -> dict[str, Quantity]:
        """The named quantities of the result."""
        laws = self.laws
        out = {name: _mixture(laws.get(name) or self.nodes.linear(c), kind) for name, c in self.means.linear.items()}
        out |= {name: _as_quantity(one, kind) for name, one in self.spreads.items()}
        return out | {name: _mixture(laws.get(name) or self.nodes.new(c), kind) for name, c in self.means.new.items()}

    def combination(self, c: Array, new: bool, kind: IntervalKind) -> Quantity:
        """The mean effect c'beta, or the true effect in a new study with that mean effect.

        There is no number for a new study where its heterogeneity depends on moderators of its own.
        """
        if new and self.means.Z is not None:
            return Estimate(np.nan)
        return _mixture(self.nodes.new(c) if new else self.nodes.linear(c), kind)

    def study(self, i: int, kind: IntervalKind) -> Quantity:
        """The true effect in study i as a quantity of the result."""
        return _mixture(self.nodes.theta(i), kind)

    def weights(self) -> dict[str, float]:
        """Posterior mean share of each study in the mean effect, by label; none where the model states the mean."""
        if all(isinstance(prior, Fixed) for prior in self.means.priors):
            return {}
        return dict(zip(self.effects.labels, self.shares.tolist(), strict=True))

    def log_density_of_mu(self, at: float) -> float:
        """Log posterior density of mu at one value, -inf outside the support of its prior.

        Finite however remote the value is.
        """
        if isinstance(self.source, Blended):
            parts = [one.log_density_of_mu(at) for one in self.source.fits]
            return float(logsumexp(parts + self.source.log_weight))
        prior = self.means.priors[0]
        if isinstance(prior, TruncatedNormal):
            return self._log_density_within(prior, at)
        if isinstance(self.source, TauPosterior):
            return log_density_of_mean(self.source, at)
        if isinstance(self.source, BoxPosterior):
            return self.source.log_density(MEAN, at)
        assert isinstance(self.source, Mixtures)
        return _log_pdf(self.source.linear(MEAN), at)

    def _log_density_within(self, prior: TruncatedNormal, at: float) -> float:
        """Log posterior density of a restricted mu: that under the whole normal prior, over what lies within."""
        if not prior.lower <= at <= prior.upper:
            return -np.inf
        if isinstance(self.source, TauPosterior):
            assert isinstance(self.source.studies, TruncatedStudies)
            whole = replace(self.source, studies=self.source.studies.whole)
            within = Normal(prior.mean, prior.sd).log_pdf(at) - prior.log_pdf(at)
            return log_density_of_mean(whole, at) - float(within)
        assert isinstance(self.source, Mixtures)
        law = self.source.linear(MEAN)
        a, b = ((limit - law.centre) / law.spread for limit in (prior.lower, prior.upper))
        return _log_pdf(law, at) - float(log_mass(a, b)[0])

    @property
    def linear(self) -> Mapping[str, Array]:
        """Weights of the coefficients in each named mean effect or contrast, shape (p,)."""
        return self.means.linear

    @property
    def absent(self) -> Mapping[str, str]:
        """Why a quantity that other models have is not here."""
        return self.means.absent

    @property
    def design(self) -> Design | None:
        """What X was made from, where there are moderators."""
        return self.means.design

    @property
    def notes(self) -> tuple[str, ...]:
        """What the design has to say."""
        return () if self.design is None else self.design.notes

    def aim(self, tolerance: float) -> float:
        """The tolerance that quadrature over so many parameters is worked out to."""
        return reachable(tolerance, self.source.boxes.d) if isinstance(self.source, BoxPosterior) else tolerance

    def findings(self, tolerance: float) -> tuple[Finding, ...]:
        """What went wrong, of an engine that aims at a tolerance."""
        aim = self.aim(tolerance)
        sentence = (
            f"The limits are good to about {self.limit_error:.1e} half-widths only, not to {aim:.1e}; "
            "check the data for effects on very different scales, or set Exact(tolerance=...)."
        )
        return noticed(self.limit_error, aim, sentence, missing_moments(self.moments, self.means.proper))

    def diagnostics(self) -> dict[str, float]:
        """What the quadrature watched."""
        if isinstance(self.source, Blended):
            found = [one.diagnostics() for one in self.source.fits]
            nodes = sum(one["nodes"] for one in found)
            return {"grid_error": self.limit_error, "nodes": nodes, "components": len(found)}
        if isinstance(self.source, Mixtures):
            return {"grid_error": 0.0, "nodes": 1}
        if isinstance(self.source, BoxPosterior):
            boxes = self.source.boxes
            return {
                "grid_error": self.limit_error,
                "density_error": boxes.error,
                "nodes": int(boxes.mass.size),
                "boxes": len(boxes.left),
            }
        sources = self.source.groups if isinstance(self.source, Independent) else (self.source,)
        return {
            "grid_error": self.limit_error,
            "density_error": max(float(one.panels.error[0]) for one in sources),
            "nodes": sum(one.panels.x.size for one in sources),
            "panels": sum(len(one.panels.job) for one in sources),
        }

    def draw(self, size: int, rng: np.random.Generator) -> Draws:
        """Exact independent joint draws: the nonlinear parameters, then everything else given them."""
        y, v, structure = self.effects.y, self.effects.v, self.means.structure
        names = [name for name in (*structure.sds, *structure.gammas) if name not in structure.known]
        if isinstance(self.source, Blended):
            return self.source.draw(size, rng)
        if isinstance(self.source, BoxPosterior):
            phi, beta, _ = self.source.draw(size, rng)
            theta = self.source.model.draw_theta(phi, self.means.X @ beta, y, rng)
            return Draws(dict(zip(names, phi, strict=False)), beta.T, theta)
        if isinstance(self.source, Independent):
            taus = np.stack([group.tau.sample(size, rng) for group in self.source.groups])
            pairs = zip(self.source.groups, taus, strict=True)
            beta = np.concatenate([group.mixtures.draw(tau, rng) for group, tau in pairs])
            spreads, square = dict(zip(names, taus, strict=True)), taus[self.source.group].T ** 2
        else:
            if isinstance(self.source, Mixtures):
                nodes, tau = self.source, np.full(size, self.source.tau[0])
            else:
                nodes, tau = self.source.mixtures, self.source.tau.sample(size, rng)
            beta, spreads, square = nodes.draw(tau, rng), dict.fromkeys(names, tau), tau[:, None] ** 2
            if isinstance(self.nodes, TurnedMixtures):
                return Draws(spreads, beta.T, self.nodes.turned.draw_theta(tau, beta, rng))
        return Draws(spreads, beta.T, draw_theta((self.means.X @ beta).T, y, v, square, rng))


def _log_pdf(law: NormalMixture, at: float) -> float:
    z = (at - law.centre) / law.spread
    return float(logsumexp(-0.5 * z * z - np.log(law.spread) - 0.5 * np.log(2.0 * np.pi), b=law.weight))


def _as_quantity(one: Law | Quantity, kind: IntervalKind) -> Quantity:
    return one if isinstance(one, Quantity) else Posterior(one, kind)


def _mixture(law: Law, kind: IntervalKind) -> Quantity:
    """A posterior, or the known value that a law without any spread is."""
    if isinstance(law, NormalMixture) and not law.spread.any():
        return known(float(law.centre[0]))
    return Posterior(law, kind)
