"""The rows of a prior panel: one posterior for each prior on tau, in one batch where the prior on mu allows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.checks._question import KIND, integrated, side
from poolwise.checks.distance import distance, distances_for_tau
from poolwise.effects import Effects
from poolwise.engines.exact import Exact
from poolwise.exact.summaries import summaries
from poolwise.exact.tau_posterior import TauPosterior
from poolwise.model import RandomEffects
from poolwise.moments import MOST_MOMENTS, missing_moments, refuse_improper
from poolwise.priors import Flat, Normal, Prior
from poolwise.quantities import Posterior

Array = NDArray[np.float64]
COARSE = 1e-8  # estimated error of posterior probabilities that is told
LIMITS = ("mu_lower", "mu_upper", "theta_new_lower", "theta_new_upper", "tau_lower", "tau_upper")


def panel_rows(effects: Effects, models: Sequence[RandomEffects], prob: float) -> list[dict[str, object]]:
    """Points, intervals and what they say about 0 under each model; the models differ in the prior on tau alone.

    Parameters
    ----------
    effects : Effects
    models : sequence of RandomEffects
        With every prior explicit.
    prob : float
        Probability of the equal-tailed intervals.

    Returns
    -------
    list of dict
        One for each model.

    Raises
    ------
    ModelError
        When a posterior is improper.
    """
    for model in models:
        refuse_improper(effects, model)
    taus = tuple(model.tau for model in models if model.tau is not None)
    mu = models[0].mu
    assert mu is not None
    if isinstance(mu, Normal | Flat):
        rows = _in_one_batch(effects, mu, taus, prob)
    else:
        rows = [_alone(effects, model, tau, prob) for model, tau in zip(models, taus, strict=True)]
    for row, tau in zip(rows, taus, strict=True):
        sd = tau.spread if tau.proper else np.inf
        row["sd_ratio_tau"] = row.pop("tau_sd") / sd if np.isfinite(sd) else np.nan
        row["excludes_zero"] = side(row["mu_lower"], row["mu_upper"])
    return [row | {"prob": prob, "interval": KIND, "mu_prior": str(mu), "data": effects.data_label} for row in rows]


def _in_one_batch(effects: Effects, mu: Prior, taus: tuple[Prior, ...], prob: float) -> list[dict]:
    posterior = integrated(effects, mu, taus)
    moments = np.full(len(taus), MOST_MOMENTS) if mu.proper else np.minimum(posterior.moments, 2)
    found = summaries(posterior, moments, prob, new=True)
    below, apart = _below_zero(posterior), distances_for_tau(posterior)
    rows = []
    for j in range(len(taus)):
        row = {name: float(found[name][j]) for name in LIMITS}
        row |= {f"{name}_point": float(found[name][j]) for name in ("mu", "tau")}
        row |= {"tau_sd": float(found["tau_sd"][j]), "p_positive": 1.0 - below[j], "hellinger_tau": float(apart[j])}
        missing = missing_moments(int(posterior.moments[j]), mu.proper)
        coarse = found["grid_error"][j] > COARSE
        rows.append(row | {"status": "grid_too_coarse" if coarse else missing.status if missing else "ok"})
    return rows


def _below_zero(posterior: TauPosterior) -> list[float]:
    """P(mu < 0) of each job."""
    weight, _, values = posterior.nodes()
    centre = values[1] + posterior.studies.at_origin(np.ones(1))[:, None]
    return [float(p) for p in (weight * ndtr(-centre / values[2])).sum(axis=1)]


def _alone(effects: Effects, model: RandomEffects, prior: Prior, prob: float) -> dict:
    result = Exact().fit(effects, model)
    mu, tau, new = (result[name] for name in ("mu", "tau", "theta_new"))
    assert isinstance(mu, Posterior)
    assert isinstance(tau, Posterior)
    limits = (*mu.interval(prob), *new.interval(prob), *tau.interval(prob))
    return dict(zip(LIMITS, limits, strict=True)) | {
        "mu_point": mu.point,
        "tau_point": tau.point,
        "tau_sd": tau.sd,
        "p_positive": 1.0 - float(mu.cdf(0.0)),
        "hellinger_tau": distance(prior, tau),
        "status": result.report.status,
    }
