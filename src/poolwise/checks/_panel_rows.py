"""The rows of a prior panel: one posterior for each prior on tau, in one batch where the prior on mu allows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poolwise.checks._panel_subject import Subject
from poolwise.checks._question import KIND, side
from poolwise.checks.distance import distance, distances_for_tau
from poolwise.engines.exact import Exact
from poolwise.exact.summaries import summaries
from poolwise.moments import MOST_MOMENTS, missing_moments, refuse_improper
from poolwise.priors import Prior
from poolwise.quantities import Posterior

COARSE = 1e-8  # estimated error of posterior probabilities that is told
LIMITS = ("mu_lower", "mu_upper", "theta_new_lower", "theta_new_upper", "tau_lower", "tau_upper")


def panel_rows(subject: Subject, taus: Sequence[Prior], prob: float) -> list[dict[str, object]]:
    """Points, intervals and what they say about 0 under each prior on tau.

    Parameters
    ----------
    subject : Subject
    taus : sequence of Prior
        In the unit of the effects, with the variances that they are made from.
    prob : float
        Probability of the equal-tailed intervals.

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
    rows = _in_one_batch(subject, tuple(taus), prob) if subject.normal else [_alone(subject, tau, prob) for tau in taus]
    for row, tau in zip(rows, taus, strict=True):
        sd = tau.spread if tau.proper else np.inf
        row["sd_ratio_tau"] = row.pop("tau_sd") / sd if np.isfinite(sd) else np.nan
        row["excludes_zero"] = side(row["mu_lower"], row["mu_upper"])
    told = {"prob": prob, "interval": KIND, "mu_prior": subject.prior, "data": subject.effects.data_label}
    return [row | told | {"quantity": subject.quantity} for row in rows]


def _in_one_batch(subject: Subject, taus: tuple[Prior, ...], prob: float) -> list[dict]:
    posterior = subject.posterior(taus)
    proper = subject.means.proper
    moments = np.full(len(taus), MOST_MOMENTS) if proper else np.minimum(posterior.moments, 2)
    found = summaries(posterior, moments, prob, new=subject.new, combinations={"mu": subject.weights})
    below, apart = subject.below_zero(posterior), distances_for_tau(posterior)
    rows = []
    for j in range(len(taus)):
        row = {name: float(found[name][j]) if name in found else np.nan for name in LIMITS}
        row |= {f"{name}_point": float(found[name][j]) for name in ("mu", "tau")}
        row |= {"tau_sd": float(found["tau_sd"][j]), "p_positive": 1.0 - below[j], "hellinger_tau": float(apart[j])}
        missing = missing_moments(int(posterior.moments[j]), proper)
        coarse = found["grid_error"][j] > COARSE
        rows.append(row | {"status": "grid_too_coarse" if coarse else missing.status if missing else "ok"})
    return rows


def _alone(subject: Subject, prior: Prior, prob: float) -> dict:
    result = Exact().fit(subject.effects, subject.under(prior))
    mu, tau = result[subject.quantity], result["tau"]
    assert isinstance(mu, Posterior)
    assert isinstance(tau, Posterior)
    new = result["theta_new"].interval(prob) if subject.new else (np.nan, np.nan)
    limits = (*mu.interval(prob), *new, *tau.interval(prob))
    return dict(zip(LIMITS, limits, strict=True)) | {
        "mu_point": mu.point,
        "tau_point": tau.point,
        "tau_sd": tau.sd,
        "p_positive": 1.0 - float(mu.cdf(0.0)),
        "hellinger_tau": distance(prior, tau),
        "status": result.report.status,
    }
