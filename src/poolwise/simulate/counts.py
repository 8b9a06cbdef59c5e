"""Truths of models of counted events in one or two arms."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.effects import Effects
from poolwise.errors import PoolwiseWarning
from poolwise.intake.counts import ONE_ARM_MEASURES, count_columns, counts_of
from poolwise.model import BinomialNormal, Counted, PoissonNormal
from poolwise.priors import Normal
from poolwise.simulate.robust import panels
from poolwise.simulate.simulators import drawn, simulates

Array = NDArray[np.float64]
Rng = np.random.Generator
FAR, PANELS = 9.0, 16  # standard deviations; panels of 16 nodes
FALLEN = 40.0  # times by which an exponential law has fallen by a factor of e
_NODES, _WEIGHTS = panels(np.linspace(-FAR, FAR, PANELS + 1))


@final
@dataclass(frozen=True, eq=False)
class CountsTruth:
    """baseline ~ Normal(base, base_sd), theta ~ Normal(mu + slope (baseline - centre), tau), events given both.

    The centre is the mean of the controls' observed log odds or log rates, half an event added to each cell, so that
    the events of the controls come before theta.

    Attributes
    ----------
    scalars : mapping of str to float
        True values by the names of a result's quantities.
    measure : str
        ``"log OR"``, ``"log RR"`` (theta below -log p_control) or ``"log IRR"``.
    totals : ndarray
        Persons or person-time of the treated and of the controls, shape (k, 2).
    base, base_sd : float
        Of the baselines: log odds, or log rates.
    predictions : mapping
        None here.

    References
    ----------
    Smith, Spiegelhalter & Thomas 1995, Statistics in Medicine 14:2685, 10.1002/sim.4780142408; Stijnen, Hamza & Özdemir
    2010, Statistics in Medicine 29:3046, 10.1002/sim.4040.
    """

    varied: ClassVar[bool] = True
    scalars: Mapping[str, float]
    measure: str
    totals: Array
    base: float
    base_sd: float
    predictions: Mapping[str, tuple[Array, float]] = field(default_factory=dict)

    def drawn(self, rng: Rng) -> tuple[Array, Array]:
        """True effects, shape (k,), and events, shape (k, 2)."""
        from scipy import stats  # slow to load

        n_treated, n_control = self.totals.T
        baseline = rng.normal(self.base, self.base_sd, len(n_control))
        control = self._events(n_control, self._control(baseline), rng)
        mean = self._mean(baseline, self._centre(control))
        if self.measure == "log RR":
            room = (-special.log_expit(baseline) - mean) / self.tau
            theta = stats.truncnorm.rvs(-np.inf, room, mean, self.tau, random_state=rng)
        else:
            theta = mean + self.tau * rng.standard_normal(len(baseline))
        return theta, np.stack([self._events(n_treated, self._treated(baseline, theta), rng), control], axis=-1)

    def table(self, effects: Effects, data: Array) -> Effects:
        """The design with these events."""
        return _table(effects, data, self.totals, self.measure)

    def log_likelihood(self, data: Array) -> float:
        """Log probability of the events, baselines and true effects integrated out by Gauss's rule in many panels."""
        centre = self._centre(data[:, 1])
        return sum(self._of_study(events, totals, centre) for events, totals in zip(data, self.totals, strict=True))

    @property
    def mu(self) -> float:
        """Mean effect at the centre."""
        return self.scalars["mu"]

    @property
    def tau(self) -> float:
        """Standard deviation of true effects."""
        return self.scalars["tau"]

    def _of_study(self, events: Array, totals: Array, centre: float) -> float:
        from scipy import stats  # slow to load

        b, w = self.base + self.base_sd * _NODES, self.base_sd * _WEIGHTS
        of_base = stats.norm.logpdf(b, self.base, self.base_sd) + self._log_mass(events[1], totals[1], self._control(b))
        mean = np.asarray(self._mean(b, centre))
        end = -special.log_expit(b) if self.measure == "log RR" else np.full(b.shape, np.inf)
        beyond = np.maximum(mean - end, 0.0)  # the law that is left falls off exponentially from its end
        upper = np.minimum(mean + FAR * self.tau, end)
        fallen = np.minimum(FAR * self.tau, FALLEN * self.tau**2 / np.maximum(beyond, 1e-300))
        lower = np.where(beyond > 0.0, end - fallen, mean - FAR * self.tau)
        half = 0.5 * (upper - lower)[:, None] / FAR
        theta = 0.5 * (upper + lower)[:, None] + half * _NODES
        law = -0.5 * ((theta - mean[:, None]) / self.tau) ** 2 - np.log(self.tau * np.sqrt(2.0 * np.pi))
        left = special.log_ndtr((end - mean) / self.tau)[:, None]
        terms = law - left + self._log_mass(events[0], totals[0], self._treated(b[:, None], theta)) + np.log(half)
        return float(special.logsumexp(of_base + special.logsumexp(terms, b=_WEIGHTS, axis=1), b=w))

    def _mean(self, baseline: Array | float, centre: float) -> Array | float:
        return self.mu + self.scalars.get("slope", 0.0) * (baseline - centre)

    def _control(self, baseline: Array | float) -> Array:
        """Risk or rate of the controls."""
        return np.asarray(np.exp(baseline) if self.measure == "log IRR" else special.expit(baseline))

    def _treated(self, baseline: Array | float, theta: Array) -> Array:
        """Risk or rate of the treated."""
        if self.measure == "log OR":
            return np.asarray(special.expit(baseline + theta))
        return np.asarray(
            np.minimum(self._control(baseline) * np.exp(theta), 1.0 if self.measure == "log RR" else np.inf)
        )

    def _events(self, totals: Array, chance: Array, rng: Rng) -> Array:
        if self.measure == "log IRR":
            return rng.poisson(totals * chance).astype(float)
        return rng.binomial(totals.astype(int), chance).astype(float)

    def _log_mass(self, events: float, total: float, chance: Array) -> Array:
        if self.measure == "log IRR":
            return np.asarray(special.xlogy(events, total * chance) - total * chance - special.gammaln(events + 1.0))
        ways = special.gammaln(total + 1.0) - special.gammaln(events + 1.0) - special.gammaln(total - events + 1.0)
        return np.asarray(ways + special.xlogy(events, chance) + special.xlog1py(total - events, -chance))

    def _centre(self, control: Array) -> float:
        n = self.totals[:, 1]
        rest = n if self.measure == "log IRR" else n - control + 0.5
        return float(np.log((control + 0.5) / rest).mean())


@final
@dataclass(frozen=True, eq=False)
class OneArmTruth:
    """theta ~ Normal(mu, tau), events ~ Binomial(total, expit(theta)) or Poisson(total exp(theta)).

    Attributes
    ----------
    scalars : mapping of str to float
        True values by the names of a result's quantities.
    measure : str
        ``"logit"`` or ``"log rate"``.
    totals : ndarray
        Persons or person-time, shape (k,).
    predictions : mapping
        None here.

    References
    ----------
    Stijnen, Hamza & Özdemir 2010, Statistics in Medicine 29:3046, 10.1002/sim.4040.
    """

    varied: ClassVar[bool] = True
    scalars: Mapping[str, float]
    measure: str
    totals: Array
    predictions: Mapping[str, tuple[Array, float]] = field(default_factory=dict)

    def drawn(self, rng: Rng) -> tuple[Array, Array]:
        """True effects and events, shape (k,)."""
        theta = rng.normal(self.scalars["mu"], self.scalars["tau"], len(self.totals))
        if self.measure == "log rate":
            return theta, rng.poisson(self.totals * np.exp(theta)).astype(float)
        return theta, rng.binomial(self.totals.astype(int), special.expit(theta)).astype(float)

    def table(self, effects: Effects, data: Array) -> Effects:
        """The design with these events."""
        return _table(effects, data, self.totals, self.measure)

    def log_likelihood(self, data: Array) -> float:
        """Log probability of the events, true effects integrated out by Gauss's rule in many panels."""
        from scipy import stats  # slow to load

        theta = self.scalars["mu"] + self.scalars["tau"] * _NODES
        log_law = stats.norm.logpdf(_NODES)
        law = stats.poisson(self.totals[:, None] * np.exp(theta))
        if self.measure == "logit":
            law = stats.binom(self.totals[:, None], special.expit(theta))
        return float(special.logsumexp(log_law + law.logpmf(data[:, None]), b=_WEIGHTS, axis=1).sum())


def _table(effects: Effects, events: Array, totals: Array, measure: str) -> Effects:
    """The design with these events."""
    given = effects.moderators.drop(columns=list(count_columns(measure)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoolwiseWarning)  # a simulated table may look odd; it is as the model has it
        return Effects.from_counts(
            events, totals, measure=measure, study=effects.study, moderators=given, drop00=False
        )  # fmt: skip


@simulates(BinomialNormal)
@simulates(PoissonNormal)
def _counts(model: Counted, effects: Effects, rng: Rng) -> CountsTruth | OneArmTruth:
    values = {name: drawn(prior, rng, name) for name, prior in model.named_priors.items()}
    new = values["mu"] + values["tau"] * rng.standard_normal()
    assert model.measure is not None
    totals = counts_of(effects.moderators, model.measure, effects.rows)[1]
    if model.measure in ONE_ARM_MEASURES:
        return OneArmTruth({**values, "theta_new": new}, model.measure, totals[:, 0])
    assert isinstance(model.base, Normal)
    base, sd = values.get("base", model.base.mean), values.get("base_spread", model.base.sd)
    return CountsTruth({**values, "theta_new": new}, model.measure, totals, base, sd)
