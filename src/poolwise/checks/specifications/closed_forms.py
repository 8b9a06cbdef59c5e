"""Specifications in closed form: every estimator of tau2 with every interval, by one pass for each estimator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from poolwise.closed_form.inference import INTERVALS, coefficients, critical, is_narrower
from poolwise.closed_form.least_squares import Fit, inverse_variance_fit, prepare
from poolwise.closed_form.tau2 import ESTIMATORS, ITERATED, estimate_tau2
from poolwise.engines.means import Means

WORDS: Mapping[str, str] = {
    "wald": "Wald",
    "t": "t",
    "hartung-knapp": "Hartung-Knapp",
    "hartung-knapp-adhoc": "Hartung-Knapp ad hoc",
}
COMMON, RANDOM = "common effect", "random effects"
DIFFERENT = tuple(name for name in ESTIMATORS if name not in ITERATED)
FEW = 20  # studies below which Wald's interval of random effects is widely found to be too narrow
NARROWER = "narrower than Wald's, as estimates that agree by chance make it"
WALD = f"Wald's interval takes tau as known and is too narrow with fewer than {FEW} studies"
ALIKE = "takes all studies to share one effect, so that their differences do not widen it"


def closed_forms(
    y: np.ndarray, v: np.ndarray, mean_effects: Means, quantity: str, prob: float, *,
    estimators: Iterable[str] = DIFFERENT, intervals: Iterable[str] = tuple(INTERVALS),
) -> Iterator[dict[str, object]]:  # fmt: skip
    """A row for each estimator of tau2 and interval, and for a common effect with each interval.

    Parameters
    ----------
    y, v : ndarray
        Estimates and sampling variances, shape (k,).
    mean_effects : Means
        The design and what the quantity is in its coefficients.
    quantity : str
    prob : float
        Of the intervals.
    estimators, intervals : iterable of str
        Keys of `tau2.ESTIMATORS` and `inference.INTERVALS`.

    Yields
    ------
    dict

    References
    ----------
    Viechtbauer 2005, J. Educational and Behavioral Statistics 30:261, 10.3102/10769986030003261, on the estimators;
    Hartung & Knapp 2001, Statistics in Medicine 20:1771, 10.1002/sim.791, on the interval.
    """
    X = mean_effects.X
    c = mean_effects.linear[quantity]
    spare = len(y) - X.shape[1]  # degrees of freedom
    needs = (
        f"{len(y)} {'study' if len(y) == 1 else 'studies'} and {X.shape[1]} mean effect(s) leave no degrees of freedom"
    )
    data = prepare(y, v, None if X.shape[1] == 1 and (X == 1.0).all() else X)
    for interval in intervals:
        told = {"model": COMMON, "tau2": "", "interval": WORDS[interval]}
        if spare < 1 and interval != "wald":
            yield {**told, "reason": needs}
        else:
            found = _interval(inverse_variance_fit(data), interval, c, prob)
            yield {
                **told,
                **found,
                "tau": 0.0,
                "warning": _warning(found, ALIKE if interval in ("wald", "t") and len(y) > 1 else ""),
            }
    for estimator in estimators:
        between = estimate_tau2(data, estimator) if spare > 0 else None
        for interval in intervals:
            told = {"model": RANDOM, "tau2": estimator, "interval": WORDS[interval]}
            if between is None:
                yield {**told, "reason": needs}
                continue
            found = _interval(between.fit, interval, c, prob)
            own = WALD if interval == "wald" and len(y) < FEW else ""
            yield {**told, **found, "tau": float(np.sqrt(between.value[0])), "warning": _warning(found, own)}


def _interval(fit: Fit, interval: str, c: np.ndarray, prob: float) -> dict[str, object]:
    coef = coefficients(fit, interval)
    point = float(coef.beta[0] @ c)
    sd, wald = (float(np.sqrt(max(c @ cov[0] @ c, 0.0))) for cov in (coef.cov, coef.wald))
    reach = float(critical(coef.df, prob)[0]) * sd
    narrow = bool(is_narrower(np.array([sd]), coef.df, np.array([wald]), prob)[0])
    kind = f"confidence ({WORDS[interval]})"
    return {"point": point, "lower": point - reach, "upper": point + reach, "kind": kind, "narrow": narrow}


def _warning(found: Mapping[str, object], otherwise: str) -> str:
    return NARROWER if found["narrow"] else otherwise
