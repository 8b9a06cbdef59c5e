"""Arithmetic of two arms with counted events: where data place their unknowns, draws, and marginal probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(21)
_LOG_WEIGHTS = np.log(_WEIGHTS) + 0.5 * _NODES**2  # of an integral over the node itself
_LEGENDRE, _LEGENDRE_WEIGHTS = np.polynomial.legendre.leggauss(32)
_SHARES, _LOG_SHARES = 0.5 * (1.0 + _LEGENDRE), np.log(0.5 * _LEGENDRE_WEIGHTS)
FAR = 7.0  # standard deviations
_LOG_2PI = float(np.log(2.0 * np.pi))


@final
@dataclass(frozen=True, eq=False)
class Arms:
    """Events and totals of the treated and of the controls, shape (k, 2).

    Attributes
    ----------
    measure : str
        ``"log OR"``, ``"log RR"`` or ``"log IRR"``. A baseline is a log odds, or a log rate for ``"log IRR"``.
    """

    events: Array
    totals: Array
    measure: str

    def table(self) -> dict[str, Array | float]:
        """What `two_arms` is given about the counts."""
        (treated, control), (n_treated, n_control) = self.events.T, self.totals.T
        names = ("events_treated", "total_treated", "events_control", "total_control")
        counts = dict(zip(names, (treated, n_treated, control, n_control), strict=True))
        (c, c_se), (t, t_se) = self._control(), self._treated()
        return counts | {"control": c, "control_se": c_se, "treated": t, "treated_se": t_se, "centre": self.centre}

    @property
    def centre(self) -> float:
        """Mean of the observed baselines, half an event added to each cell."""
        return float(self._control()[0].mean())

    def log_risk(self, baseline: Array) -> Array:
        """What theta is added to: log odds, log risk or log rate of the controls."""
        return special.log_expit(baseline) if self.measure == "log RR" else baseline

    def effect(self, baseline: Array, mean: Array, sd: Array, u: Array) -> Array:
        """Draws of theta from uniform numbers: Normal(mean, sd), below -log risk for the risk ratio."""
        if self.measure != "log RR":
            return mean + sd * special.ndtri(u)
        end = -self.log_risk(baseline)
        return np.minimum(mean + sd * special.ndtri_exp(special.log_ndtr((end - mean) / sd) + np.log(u)), end)

    def draw(self, baseline: Array, theta: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Events of the treated and of the controls, shape (chains, draws, k)."""
        n_treated, n_control = self.totals.T
        if self.measure == "log IRR":
            rates = (np.minimum(n * np.exp(x), 1e9) for n, x in ((n_treated, baseline + theta), (n_control, baseline)))
            treated, control = (rng.poisson(rate).astype(float) for rate in rates)
            return treated, control
        log_odds = self.measure == "log OR"
        risk = special.expit(baseline + theta) if log_odds else np.exp(self.log_risk(baseline) + theta)
        control = rng.binomial(n_control.astype(int), special.expit(baseline))
        return rng.binomial(n_treated.astype(int), np.minimum(risk, 1.0)).astype(float), control.astype(float)

    def log_counts(self, row: int, baseline: Array, theta: Array) -> Array:
        """Log probability of one study's counts given its baseline and effect."""
        (a, c), (n, m) = self.events[row], self.totals[row]
        if self.measure == "log IRR":
            control, treated = baseline + np.log(m), baseline + theta + np.log(n)
            fixed = -special.gammaln(a + 1.0) - special.gammaln(c + 1.0)
            return fixed + c * control - np.exp(control) + a * treated - np.exp(treated)
        fixed = _log_choose(n, a) + _log_choose(m, c)
        if self.measure == "log OR":
            log_p, log_q = special.log_expit(baseline + theta), special.log_expit(-baseline - theta)
        else:
            log_p = self.log_risk(baseline) + theta
            with np.errstate(divide="ignore"):
                log_q = np.log(-np.expm1(np.minimum(log_p, 0.0)))
        treated = a * log_p + (n - a) * log_q if n > a else a * log_p
        return fixed + c * special.log_expit(baseline) + (m - c) * special.log_expit(-baseline) + treated

    def _control(self) -> tuple[Array, Array]:
        return placed_by_counts(
            self.events[:, 1], self.totals[:, 1], "log IRR" if self.measure == "log IRR" else "log OR"
        )

    def _treated(self) -> tuple[Array, Array]:
        return placed_by_counts(self.events[:, 0], self.totals[:, 0], self.measure)


def log_probability(
    arms: Arms, row: int, mu: Array, tau: Array, base: Array, base_sd: Array, slope: Array
) -> Array:  # fmt: skip
    """Log probability of one study's counts, by Gauss-Hermite rules over its baseline and its effect.

    The rules are placed at the normal law that the counts, taken as normal estimates, lead to.

    Parameters
    ----------
    arms : Arms
    row : int
    mu, tau, base, base_sd, slope : ndarray
        Shape (chains, draws), or (1, 1).

    Returns
    -------
    ndarray
        Shape (chains, draws).

    References
    ----------
    Liu & Pierce 1994, Biometrika 81:624, 10.1093/biomet/81.3.624, for Gauss-Hermite rules placed by a normal law.
    """
    table = arms.table()
    c, c_se, t, t_se = (float(np.asarray(table[x])[row]) for x in ("control", "control_se", "treated", "treated_se"))
    precision, of_base = 1.0 / c_se**2, 1.0 / base_sd**2
    total = precision + of_base
    sd = np.sqrt(1.0 / total)[..., None]
    b = ((precision * c + of_base * base) / total)[..., None] + sd * _NODES
    about = -0.5 * (((b - base[..., None]) / base_sd[..., None]) ** 2 + _LOG_2PI) - np.log(base_sd)[..., None]
    log_risk = arms.log_risk(b)
    mean = (mu[..., None] + slope[..., None] * (b - arms.centre))[..., None]
    spread = tau[..., None, None]
    share = spread**2 / (spread**2 + t_se**2)
    scale = np.sqrt(share) * t_se
    middle, log_mass = mean + share * ((t - log_risk)[..., None] - mean), np.zeros(1)
    if arms.measure == "log RR":  # Gauss-Legendre from far below the middle, or the end, to far above or the end
        end = -log_risk[..., None]
        upper, lower = np.minimum(middle + FAR * scale, end), np.minimum(middle, end) - FAR * scale
        theta, log_step = lower + (upper - lower) * _SHARES, _LOG_SHARES + np.log(upper - lower)
        log_mass = special.log_ndtr((end - mean) / spread)
    else:
        theta, log_step = middle + scale * _NODES, _LOG_WEIGHTS + np.log(scale)
    inner = -0.5 * (((theta - mean) / spread) ** 2 + _LOG_2PI) - np.log(spread) - log_mass
    terms = inner + arms.log_counts(row, b[..., None], theta) + log_step
    outer = special.logsumexp(terms, axis=-1) + about + _LOG_WEIGHTS + np.log(sd)
    return special.logsumexp(outer, axis=-1)


def placed_by_counts(events: Array, totals: Array, measure: str) -> tuple[Array, Array]:
    """Log odds, risk or rate with half an event more in each cell, and its standard error: where counts place it."""
    a = events + 0.5
    if measure == "log IRR":
        return np.log(a / totals), 1.0 / np.sqrt(a)
    if measure == "log RR":
        return np.log(a / (totals + 1.0)), np.sqrt(1.0 / a - 1.0 / (totals + 1.0))
    rest = totals - events + 0.5
    return np.log(a / rest), np.sqrt(1.0 / a + 1.0 / rest)


def _log_choose(n: float, x: float) -> float:
    return float(special.gammaln(n + 1.0) - special.gammaln(x + 1.0) - special.gammaln(n - x + 1.0))
