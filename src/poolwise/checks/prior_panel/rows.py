"""The rows of a prior panel: one posterior for each prior on tau, in one batch where the prior on mu allows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poolwise.checks.distance import distance, distances_for_tau
from poolwise.checks.panel_subject import Subject
from poolwise.checks.question import KIND, side
from poolwise.engines.exact import Exact
from poolwise.moments import MOST_MOMENTS, missing_moments, refuse_improper
from poolwise.priors import Prior
from poolwise.quadrature.one_tau.tau_posterior import summaries
from poolwise.quantities import Posterior

LOW = 0.025  # of the prior on tau: how near 0 it lets tau come
VANISHING = 1e-3  # share of the lowest 2.5 % of a prior that lies below a tenth of their limit, when none does
COARSE = 1e-8  # estimated error of posterior probabilities that is told
LIMITS = ("mu_lower", "mu_upper", "theta_new_lower", "theta_new_upper", "tau_lower", "tau_upper")


def panel_rows(subject: Subject, taus: Sequence[Prior], prob: float, threshold: float = 0.0) -> list[dict[str, object]]:
    """Points, intervals and what they say about a threshold under each prior on tau.

    Parameters
    ----------
    subject : Subject
    taus : sequence of Prior
        In the unit of the effects, with the variances that they are made from.
    prob : float
        Probability of the equal-tailed intervals.
    threshold : float
        What ``p_positive`` and ``excludes_zero`` are about; NaN for none, which leaves them NaN and ``"no"``.

    Returns
    -------
    list of dict
        One for each prior; the quantity's figures are under ``mu_...`` whatever its name.

    Raises
    ------
    ModelError
        When a posterior is improper.
    """
    for tau in taus:
        refuse_improper(subject.effects, subject.under(tau))
    if subject.normal:
        rows = _in_one_batch(subject, tuple(taus), prob, threshold)
    else:
        rows = [_alone(subject, tau, prob, threshold) for tau in taus]
    for row, tau in zip(rows, taus, strict=True):
        row["excludes_zero"] = side(row["mu_lower"], row["mu_upper"], threshold)
        row["prior_tau_low"] = float(tau.ppf(LOW)) if tau.proper else np.nan
        row["vanishes_at_zero"] = _vanishes_at_zero(tau)
        row["threshold"] = float(threshold)
    common = {"prob": prob, "interval": KIND, "mu_prior": subject.prior, "data": subject.effects.data_label}
    return [row | common | {"quantity": subject.quantity} for row in rows]


def _vanishes_at_zero(tau: Prior) -> bool:
    """Whether next to nothing of a prior lies below a tenth of its 2.5 % quantile."""
    if not tau.proper:
        return False
    return bool(float(tau.cdf(0.1 * float(tau.ppf(LOW)))) < VANISHING * LOW)


def _in_one_batch(subject: Subject, taus: tuple[Prior, ...], prob: float, threshold: float) -> list[dict]:
    posterior = subject.posterior(taus)
    proper = subject.means.proper
    moments = np.full(len(taus), MOST_MOMENTS) if proper else np.minimum(posterior.moments, 2)
    summary = summaries(posterior, moments, prob, new=subject.new, combinations={"mu": subject.weights})
    below, apart = subject.below(posterior, threshold), distances_for_tau(posterior)
    rows = []
    for j in range(len(taus)):
        row = {name: float(summary[name][j]) if name in summary else np.nan for name in LIMITS}
        row |= {f"{name}_point": float(summary[name][j]) for name in ("mu", "tau")}
        row |= {"p_positive": 1.0 - below[j], "hellinger_tau": float(apart[j])}
        missing = missing_moments(int(posterior.moments[j]), proper)
        coarse = summary["grid_error"][j] > COARSE
        rows.append(row | {"status": "grid_too_coarse" if coarse else missing.status if missing else "ok"})
    return rows


def _alone(subject: Subject, prior: Prior, prob: float, threshold: float) -> dict:
    result = Exact().fit(subject.effects, subject.under(prior))
    mu, tau = result[subject.quantity], result["tau"]
    assert isinstance(mu, Posterior)
    assert isinstance(tau, Posterior)
    new = result["theta_new"].interval(prob) if subject.new else (np.nan, np.nan)
    limits = (*mu.interval(prob), *new, *tau.interval(prob))
    return dict(zip(LIMITS, limits, strict=True)) | {
        "mu_point": mu.point,
        "tau_point": tau.point,
        "p_positive": np.nan if np.isnan(threshold) else 1.0 - float(mu.cdf(threshold)),
        "hellinger_tau": distance(prior, tau),
        "status": result.report.status,
    }
