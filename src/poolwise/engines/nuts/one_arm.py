"""Counts in one arm: what NUTS samples, what the draws mean, and the probability of a study's counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.effects import Effects
from poolwise.engines.draws.row_likelihood import Completed
from poolwise.engines.nuts.arm_likelihood import placed_by_counts
from poolwise.engines.nuts.counted import CountedLatent
from poolwise.engines.nuts.latent import prior_data
from poolwise.engines.nuts.plans import Named, compiled, standards
from poolwise.intake.counts import counts_of, log_ratio
from poolwise.model import Counted
from poolwise.pymc_models.one_arm import one_arm

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]
Parameters = Mapping[str, Array]
_LEGENDRE, _LEGENDRE_WEIGHTS = np.polynomial.legendre.leggauss(48)
_SHARES, _LOG_SHARES = 0.5 * (1.0 + _LEGENDRE), np.log(0.5 * _LEGENDRE_WEIGHTS)
NEGLIGIBLE = 40.0  # logarithm by which the density of theta given the counts has fallen where its integral ends
MOST_STEPS, HALVINGS = 200, 40
_LOG_2PI = float(np.log(2.0 * np.pi))


@final
@dataclass(frozen=True, eq=False)
class OneArm:
    """Events and totals (persons, or person-time) of one group in each study, shape (k,).

    Attributes
    ----------
    measure : str
        ``"logit"`` or ``"log rate"``: what theta is.
    """

    events: Array
    totals: Array
    measure: str

    @classmethod
    def of(cls, effects: Effects) -> OneArm:
        """The counts of a study table on the scale of one arm."""
        events, totals = counts_of(effects.moderators, effects.scale.name, effects.rows)
        return cls(events[:, 0], totals[:, 0], effects.scale.name)

    def table(self) -> dict[str, Array]:
        """What `one_arm` is given about the counts."""
        two_armed = "log OR" if self.measure == "logit" else "log IRR"  # whose baselines these are
        estimate, se = placed_by_counts(self.events, self.totals, two_armed)
        return {"events": self.events, "total": self.totals, "estimate": estimate, "estimate_se": se}

    def draw(self, theta: Array, rng: np.random.Generator) -> Array:
        """Events, shape (chains, draws, k)."""
        if self.measure == "logit":
            return rng.binomial(self.totals.astype(int), special.expit(theta)).astype(float)
        with np.errstate(over="ignore"):
            return rng.poisson(np.minimum(self.totals * np.exp(theta), 1e9)).astype(float)

    def log_counts(self, row: int, theta: Array) -> Array:
        """Log probability of one study's counts given its true effect."""
        a, n = self.events[row], self.totals[row]
        if self.measure == "logit":
            ways = special.gammaln(n + 1.0) - special.gammaln(a + 1.0) - special.gammaln(n - a + 1.0)
            return np.asarray(ways + a * special.log_expit(theta) + (n - a) * special.log_expit(-theta))
        with np.errstate(over="ignore"):
            return np.asarray(a * (theta + np.log(n)) - n * np.exp(theta) - special.gammaln(a + 1.0))

    def score(self, row: int, theta: Array) -> Array:
        """Slope of that in theta, which falls as theta rises."""
        a, n = self.events[row], self.totals[row]
        with np.errstate(over="ignore"):
            return np.asarray(a - n * (special.expit(theta) if self.measure == "logit" else np.exp(theta)))


def log_probability(arm: OneArm, row: int, mu: Array, tau: Array) -> Array:
    """Log probability of one study's counts with its true effect integrated out.

    log of the integral of p(counts | theta) Normal(theta; mu, tau), a density in theta with one mode: Gauss-Legendre
    rules on either side of it, as far as it has not fallen by the factor exp(-40).

    Parameters
    ----------
    arm : OneArm
    row : int
    mu, tau : ndarray
        Shape (chains, draws).

    Returns
    -------
    ndarray
        Shape (chains, draws).

    References
    ----------
    Stijnen, Hamza & Özdemir 2010, Statistics in Medicine 29:3046, 10.1002/sim.4040, eq. 6, for the likelihood.
    """

    mu, tau = np.broadcast_arrays(mu, tau)
    mode = _mode(arm, row, mu, tau)
    top = _log_density(arm, row, mode, mu, tau)
    sides = []
    for direction in (-1.0, 1.0):
        reach = np.sqrt(2.0 * NEGLIGIBLE) * tau  # where the law of theta alone has fallen by as much
        for _ in range(MOST_STEPS):
            nearer = _log_density(arm, row, mode + 0.8 * direction * reach, mu, tau) < top - NEGLIGIBLE
            if not nearer.any():
                break
            reach = np.where(nearer, 0.8 * reach, reach)
        theta = mode[..., None] + direction * reach[..., None] * _SHARES
        inside = _log_density(arm, row, theta, mu[..., None], tau[..., None])
        sides.append(special.logsumexp(inside + _LOG_SHARES, axis=-1) + np.log(reach))
    return np.asarray(np.logaddexp(*sides))


def _log_density(arm: OneArm, row: int, theta: Array, mu: Array, tau: Array) -> Array:
    """Log of p(counts | theta) Normal(theta; mu, tau)."""
    return arm.log_counts(row, theta) - 0.5 * (((theta - mu) / tau) ** 2 + _LOG_2PI) - np.log(tau)


def _mode(arm: OneArm, row: int, mu: Array, tau: Array) -> Array:
    """Where that is highest: where the slope, which falls as theta rises, changes its sign."""
    upward = np.where(arm.score(row, mu) > 0.0, 1.0, -1.0)

    def short(distance: Array) -> NDArray[np.bool_]:
        """Whether mu plus that distance is on this side of the mode."""
        return np.asarray(upward * arm.score(row, mu + upward * distance) > distance / tau**2)

    far = np.array(tau)
    for _ in range(MOST_STEPS):
        if not (beyond := short(far)).any():
            break
        far = np.where(beyond, 2.0 * far, far)
    near = np.zeros_like(far)
    for _ in range(HALVINGS):
        middle = 0.5 * (near + far)
        here = short(middle)
        near, far = np.where(here, middle, near), np.where(here, far, middle)
    return np.asarray(mu + upward * 0.5 * (near + far))


@final
@dataclass(frozen=True, eq=False)
class OneArmLatent(CountedLatent):
    """One of the models of counts on one table of studies with one arm: a `Latent`."""

    notes: ClassVar[tuple[str, ...]] = ()
    effects: Effects
    model: Counted
    arm: OneArm

    @classmethod
    def of(cls, effects: Effects, model: Counted) -> OneArmLatent:
        """The plan of a model whose priors are explicit, its effects on the scale of the measure."""
        return cls(effects, model, OneArm.of(effects))

    def compiled(self) -> Any:
        """The compiled PyMC model for that many studies, and the families of these priors."""
        return compiled(_empty, self.effects.k, self.effects.scale.name, standards(self.priors))

    def data(self) -> dict[str, Any]:
        """Counts, where the data place the true effects, and priors."""
        return {**self.arm.table(), **prior_data(self.priors)}

    def complete(self, parameters: Parameters, drawn: Parameters, rng: np.random.Generator) -> Completed:
        """The true effects that were sampled, and a new study's."""
        weight = 1.0 / (self.effects.v + parameters["tau"][..., None] ** 2)
        return Completed(drawn["theta"], self.new_effects(parameters, 1, rng)[..., 0], weight)

    def log_likelihood(self, parameters: Parameters) -> Array:
        """Log probability of each study's counts, its true effect integrated out, shape (chains, draws, k)."""
        mu, tau = parameters["mu"], parameters["tau"]
        return np.stack([log_probability(self.arm, row, mu, tau) for row in range(self.effects.k)], axis=-1)

    def replicates(self, parameters: Parameters, rest: Completed | None, rng: np.random.Generator) -> dict[str, Array]:
        """Counts of new studies of these sizes, and their log odds or log rates."""
        events = self.arm.draw(self.new_effects(parameters, self.effects.k, rng), rng)
        y, _ = log_ratio(events[..., None], self.arm.totals[:, None], self.arm.measure)
        return {"y": y, "events": events}

    def observed(self) -> dict[str, NDArray]:
        """Estimates and events."""
        return {"y": self.effects.y, "events": self.arm.events}


def _empty(k: int, measure: str, priors: Named) -> pm.Model:
    """The model of a table of k studies with one event in ten."""
    table = OneArm(np.full(k, 10.0), np.full(k, 100.0), measure).table()
    return one_arm(table, measure, dict(priors))  # type: ignore[arg-type]
