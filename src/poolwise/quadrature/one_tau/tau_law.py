"""The law of tau itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quadrature.one_tau.tau_posterior import TauPosterior
from poolwise.quadrature.rules.mixture import LIMITS

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class TauLaw:
    """The law of tau of a single job.

    Attributes
    ----------
    posterior : TauPosterior
        With one job.
    known : dict
        Median and limits by probability, once one of them was asked for: tau2 and I2 ask for the same ones.
    """

    posterior: TauPosterior
    known: dict[float, float] = field(default_factory=dict, init=False, repr=False)

    def raw_moment(self, power: int) -> float:
        """E[tau^power]; NaN when it does not exist."""
        if power > self.posterior.moments[0]:
            return np.nan
        mass = self.posterior.panels.mass
        held = mass > 0.0
        tau = self.posterior.c[0] * np.sinh(self.posterior.panels.x[held])
        return float((mass[held] * tau**power).sum())

    def square_moments(self) -> tuple[float, float]:
        """Mean and sd of tau^2; NaN when they do not exist."""
        mean = self.raw_moment(2)
        if self.posterior.moments[0] < 4:
            return mean, np.nan
        mass = self.posterior.panels.mass
        held = mass > 0.0
        square = (self.posterior.c[0] * np.sinh(self.posterior.panels.x[held])) ** 2
        return mean, float(np.linalg.norm(np.sqrt(mass[held]) * (square - mean)))

    @property
    def mean(self) -> float:
        """Posterior mean; NaN when it does not exist."""
        return self.raw_moment(1)

    @property
    def sd(self) -> float:
        """Posterior standard deviation; NaN when it does not exist."""
        if self.posterior.moments[0] < 2:
            return np.nan
        nodes = self.posterior.mixtures
        return float(np.sqrt(nodes.weight @ (nodes.tau - self.mean) ** 2))

    def pdf(self, x: Array) -> Array:
        """Density at x, evaluated from prior and likelihood; same shape as x."""
        tau = np.asarray(x, dtype=float).reshape(1, -1)
        job = np.zeros(1, dtype=np.intp)
        inside = tau >= 0
        safe = np.where(inside, tau, 1.0)
        log_density = self.posterior.studies.given_tau(job, safe)[0] + self.posterior.priors.log_density(job, safe)
        density = np.where(inside, np.exp(log_density - self.posterior.panels.log_total[0]), 0.0)
        return np.where(np.isnan(tau), np.nan, density).reshape(np.shape(x))

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x; same shape as x."""
        x = np.asarray(x, dtype=float)
        panels = self.posterior.panels
        inside = panels.cdf(np.arcsinh(np.maximum(x, 0.0) / self.posterior.c[0]))
        return np.where(x <= 0, 0.0, np.where(np.isinf(x), 1.0, inside))

    def ppf(self, p: Array) -> Array:
        """Quantile at p; same shape as p."""
        p = np.asarray(p, dtype=float)
        wanted = p.reshape(-1).tolist() if p.size <= len(LIMITS) else []
        if not wanted or any(x not in LIMITS for x in wanted):
            return self._quantiles(p.reshape(-1)).reshape(p.shape)
        if not self.known:
            self.known.update(zip(LIMITS, self._quantiles(np.array(LIMITS)).tolist(), strict=True))
        return np.array([self.known[x] for x in wanted]).reshape(p.shape)

    def _quantiles(self, flat: Array) -> Array:
        out = self.posterior.tau_ppf(np.zeros(flat.shape, dtype=np.intp), flat)
        prior = self.posterior.priors.priors[0]
        return np.where(flat <= 0, prior.lowest, np.where(flat >= 1, prior.upper, out))

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Exact independent draws, by inversion."""
        return self.ppf(rng.random(size))
