"""The answer after each study: all steps in one batch where the model allows it, else one refit for each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from poolwise.checks.cumulative.order import Step
from poolwise.closed_form.batch import common_effect_batch, q_profile_batch, random_effects_batch
from poolwise.closed_form.inference import FLOORED
from poolwise.effects import some_rows
from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.exact import Exact
from poolwise.engines.means import Means, means
from poolwise.errors import PoolwiseError, PoolwiseWarning
from poolwise.fit import refit
from poolwise.model import CommonEffect, RandomEffects
from poolwise.moments import highest_moment
from poolwise.priors import Flat, Normal, Prior
from poolwise.quadrature.one_tau.jobs import MEAN, Studies, TauPriors
from poolwise.quadrature.one_tau.tau_posterior import below, summaries, tau_posterior
from poolwise.quantities import Posterior, Quantity
from poolwise.result import Result

Array = NDArray[np.float64]
Row = dict[str, object]
Progress = Callable[[int, int, str], None]
NUMBERS = ("point", "lower", "upper", "tau_point", "tau_lower", "tau_upper", "p_above")
NOT_ESTIMABLE = "not_estimable"
COARSE = 1e-8  # estimated error of posterior probabilities that is told


def answers(
    result: Result, steps: Sequence[Step], quantity: str, prob: float, threshold: float, progress: Progress | None
) -> list[Row]:
    """A row for each step: point, limits, tau with its limits, P(quantity > threshold), kind, status, reason.

    Parameters
    ----------
    result : Result
        Of all studies.
    steps : sequence of Step
        In the order in which they enter.
    quantity : str
    prob, threshold : float
        Of the intervals; of P, NaN for none.
    progress : callable, optional
        Told of each refit.

    Returns
    -------
    list of dict

    References
    ----------
    Lau et al. 1992, New England Journal of Medicine 327:248, 10.1056/NEJM199207233270406.
    """
    engine, model = result.engine, result.model
    plain = isinstance(model, CommonEffect | RandomEffects)  # others that pool have likelihoods of their own
    together = plain and quantity == "mu" and result.effects.covariance is None
    if together and isinstance(engine, ClosedForm):
        return _closed_forms(result, engine, steps, prob)
    normal = isinstance(model, RandomEffects) and model.tau is not None and isinstance(model.mu, Normal | Flat)
    if together and normal and isinstance(engine, Exact) and engine.kind == "equal-tailed":
        return _posteriors(result, steps, prob, threshold)
    rows = []
    for number in range(1, len(steps) + 1):
        if progress is not None:
            progress(number, len(steps), steps[number - 1].name)
        rows.append(_refitted(result, steps[:number], quantity, prob, threshold))
    return rows


def before(result: Result, quantity: str, prob: float, threshold: float) -> Row:
    """The row before any study: what the prior says; NaN where it is improper.

    Parameters
    ----------
    result : Result
        With a posterior.
    quantity : str
    prob, threshold : float

    Returns
    -------
    dict
    """
    try:
        mean_effects: Means | None = means(result.effects, result.model)
    except PoolwiseError:
        mean_effects = None
    tau = _of_prior(result.model.named_priors.get("tau") if "tau" in result else None, prob, "tau_")
    if result.model.tau_fixed is not None:
        tau = dict.fromkeys(("tau_point", "tau_lower", "tau_upper"), result.model.tau_fixed)
    alone = result.model.named_priors.get(quantity)
    mu = alone if mean_effects is None else _prior_on(mean_effects, quantity)
    above = np.nan if mu is None or not mu.proper or np.isnan(threshold) else 1.0 - float(mu.cdf(threshold))
    improper = mu is None or not mu.proper
    reason = f"the prior on {quantity} is no distribution ({mu})" if improper and mu is not None else ""
    return {**_of_prior(mu, prob, ""), **tau, "p_above": above, "interval": "prior (equal-tailed)"} | {
        "status": "improper_prior" if improper else "ok",
        "reason": reason or ("the prior on it is a combination of priors" if mu is None else ""),
    }


def _prior_on(mean_effects: Means, quantity: str) -> Prior | None:
    """The prior on one mean effect; None where it is on no coefficient alone and not made of normal ones."""
    weights = mean_effects.linear.get(quantity)
    if weights is None or len(mean_effects.priors) != len(weights):
        return None
    used = [(float(w), prior) for w, prior in zip(weights, mean_effects.priors, strict=True) if w != 0.0]
    if len(used) == 1 and used[0][0] == 1.0:
        return used[0][1]
    if not all(isinstance(prior, Normal) for _, prior in used):
        return None
    centre = sum(w * prior.mean for w, prior in used)  # type: ignore[attr-defined]
    return Normal(centre, float(np.sqrt(sum((w * prior.sd) ** 2 for w, prior in used))))  # type: ignore[attr-defined]


def _of_prior(prior: Prior | None, prob: float, name: str) -> Row:
    ends = (f"{name}point", f"{name}lower", f"{name}upper")
    if prior is None or not prior.proper:
        return dict.fromkeys(ends, np.nan)
    p = np.array([0.5, 0.5 * (1.0 - prob), 0.5 * (1.0 + prob)])
    return dict(zip(ends, np.asarray(prior.ppf(p), dtype=float).tolist(), strict=True))


def _padded(result: Result, steps: Sequence[Step]) -> tuple[Array, Array]:
    """Estimates and variances of each step, shape (steps, k), NaN for studies that have not entered."""
    y, v = (np.full((len(steps), result.effects.k), np.nan) for _ in range(2))
    for place, step in enumerate(steps):
        y[place:, step.rows], v[place:, step.rows] = result.effects.y[step.rows], result.effects.v[step.rows]
    return y, v


def _closed_forms(result: Result, engine: ClosedForm, steps: Sequence[Step], prob: float) -> list[Row]:
    y, v = _padded(result, steps)
    count = np.isfinite(y).sum(axis=1)
    estimator = engine.estimator(result.model.tau_fixed)
    if result.model.varies:
        fits = random_effects_batch(y, v, tau2=estimator, interval=engine.interval or FLOORED, prob=prob)
        least, why = 2, "random effects in closed form need 2 studies"
    else:
        fits = common_effect_batch(y, v, interval=engine.interval or "wald", prob=prob)
        least, why = (1 if (engine.interval or "wald") == "wald" else 2), "this interval needs 2 studies"
    spread = np.sqrt(fits.tau2) if result.model.varies else np.full(len(y), np.nan)
    limits = np.full((len(y), 2), np.nan)
    if result.model.varies and isinstance(estimator, str):
        limits = np.sqrt(q_profile_batch(y, v, prob=prob))
    columns = (fits.mu, fits.lower, fits.upper, spread, limits[:, 0], limits[:, 1], np.full(len(y), np.nan))
    rows: list[Row] = []
    for i, numbers in enumerate(zip(*columns, strict=True)):
        told = {"status": "ok", "reason": ""} if count[i] >= least else {"status": NOT_ESTIMABLE, "reason": why}
        rows.append(dict(zip(NUMBERS, map(float, numbers), strict=True)) | {"interval": result.interval_kind, **told})
    return rows


def _posteriors(result: Result, steps: Sequence[Step], prob: float, threshold: float) -> list[Row]:
    model = result.model
    mu, tau = model.named_priors["mu"], model.named_priors["tau"]
    assert mu is not None
    assert tau is not None
    y, v = _padded(result, steps)
    moments = np.array([highest_moment(int(n), mu, tau) for n in np.isfinite(y).sum(axis=1)])
    rows = [_unanswered("the posterior is improper with so few studies", result) for _ in steps]
    (there,) = np.nonzero(moments >= 0)
    if not there.size:
        return rows
    centre, sd = (mu.mean, mu.sd) if isinstance(mu, Normal) else (0.0, np.inf)
    studies = Studies.centred(y[there], v[there], np.full(there.size, centre), np.full(there.size, sd))
    posterior = tau_posterior(studies, TauPriors.of((tau,)), moments=np.minimum(moments[there], 2))
    summary = summaries(posterior, np.minimum(moments[there], 2), prob, new=False)
    lower_side = below(posterior, MEAN, threshold)
    columns = ("mu", "mu_lower", "mu_upper", "tau", "tau_lower", "tau_upper")
    for j, i in enumerate(there):
        numbers = [float(summary[name][j]) for name in columns]
        rows[i] = dict(zip(NUMBERS, [*numbers, 1.0 - float(lower_side[j])], strict=True)) | {
            "interval": result.interval_kind,
            "status": "grid_too_coarse" if summary["grid_error"][j] > COARSE else "ok",
            "reason": "",
        }
    return rows


def _refitted(result: Result, steps: Sequence[Step], quantity: str, prob: float, threshold: float) -> Row:
    keep = np.zeros(result.effects.k, dtype=bool)
    for step in steps:
        keep[step.rows] = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoolwiseWarning)  # of tables that nobody asked to see by themselves
            again = result if keep.all() else refit(result, some_rows(result.effects, keep))
        if any(finding.status == "interrupted" for finding in again.report.findings):
            raise KeyboardInterrupt(f"cumulative was interrupted in refit {len(steps)}")
        asked = again[quantity]
    except PoolwiseError as error:
        return _unanswered(str(error), result)
    tau = dict.fromkeys(("tau_point", "tau_lower", "tau_upper"), np.nan)
    if "tau" in again:
        tau = dict(zip(tau, (again["tau"].point, *again["tau"].interval(prob)), strict=True))
    lower, upper = asked.interval(prob)
    return {"point": asked.point, "lower": lower, "upper": upper, **tau} | {
        "p_above": _above(asked, threshold),
        "interval": asked.interval_kind(),
        "status": again.report.status,
        "reason": again.report.advice if again.report.failed else "",
    }


def _above(quantity: Quantity, threshold: float) -> float:
    if np.isnan(threshold) or not isinstance(quantity, Posterior):
        return np.nan
    return 1.0 - float(quantity.cdf(threshold))


def _unanswered(reason: str, result: Result) -> Row:
    told: Mapping[str, object] = {"interval": result.interval_kind, "status": NOT_ESTIMABLE, "reason": reason}
    return {**dict.fromkeys(NUMBERS, np.nan), **told}
