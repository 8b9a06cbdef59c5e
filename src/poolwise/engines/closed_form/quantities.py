"""Estimates made from the closed-form arithmetic: mu, tau, tau2, theta_new, I2, H2, Q, theta_i."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, final

import numpy as np

from poolwise.closed_form.heterogeneity import (
    QTest,
    h2_of_q,
    h2_of_tau2,
    i2_of_q,
    i2_of_tau2,
    q_profile,
)
from poolwise.closed_form.inference import (
    Coefficients,
    StudyEffects,
    critical,
    is_narrower,
    p_value,
    prediction_df,
    prediction_reach,
    study_effects,
)
from poolwise.closed_form.least_squares import Array, Data
from poolwise.closed_form.tau2 import Tau2
from poolwise.quantities import Estimate

INTERVAL_WORDS = {
    "wald": "Wald",
    "t": "t, k - 1",
    "hartung-knapp": "Hartung-Knapp",
    "hartung-knapp-adhoc": "Hartung-Knapp ad hoc",
}
WIDENED = (
    "The prediction interval by the convention '{}' would be narrower than the interval of the mean effect with a "
    "standard error of at least the inverse-variance one; it is given as wide as that."
)
FEWEST_TO_PREDICT = 3
PREDICTION_WORDS = {"z": "z", "t": "t, k - 1", "riley": "Riley, t, k - 2"}


@final
@dataclass(frozen=True, eq=False)
class StudyEstimates:
    """Makes the estimate of each study's effect.

    Attributes
    ----------
    coef : Coefficients
        The fit.
    tau2 : ndarray, shape (1,)
        The between-study variance at which it was made.
    kind : str
        Words for their intervals.
    """

    coef: Coefficients
    tau2: Array
    kind: str

    @cached_property
    def _effects(self) -> StudyEffects:
        return study_effects(self.coef, self.tau2)

    def __call__(self, row: int) -> Estimate:
        """The effect of the study in this row."""
        theta, sd = float(self._effects.theta[0, row]), float(self._effects.sd[0, row])
        return Estimate(theta, sd, partial(symmetric, theta, sd, float(self.coef.df[0])), self.kind)


def common_effect_quantities(coef: Coefficients, test: QTest, interval: str) -> dict[str, Estimate]:
    """The quantities of a common-effect fit: mu, Q, I2, H2.

    References
    ----------
    Hedges & Vevea 1998, Psychological Methods 3:486, 10.1037/1082-989X.3.4.486.
    """
    return {
        "mu": _mean(coef, interval),
        "Q": q_estimate(test),
        "I2": Estimate(float(i2_of_q(test)[0])),
        "H2": Estimate(float(h2_of_q(test)[0])),
    }


def random_effects_quantities(
    coef: Coefficients, between: Tau2, test: QTest, interval: str, prediction: str
) -> dict[str, Estimate]:
    """The quantities of a random-effects fit: mu, tau, tau2, theta_new (from 3 studies on), I2, H2, Q.

    References
    ----------
    Viechtbauer 2005, J. Educational and Behavioral Statistics 30:261, 10.3102/10769986030003261; Knapp & Hartung 2003,
    Statistics in Medicine 22:2693, 10.1002/sim.1482.
    """
    data, tau2, typical = coef.fit.data, float(between.value[0]), test.typical
    mean = _mean(coef, interval)
    i2, h2 = partial(i2_of_tau2, typical=typical), partial(h2_of_tau2, typical=typical)
    of_tau2 = partial(profiled, data, between)
    floor = math.sqrt(max(float(coef.inflation[0]), 1.0) * coef.wald[0, 0, 0])
    new = _new_effect(mean, tau2, floor, data, prediction)
    return {
        "mu": mean,
        "tau": of_tau2(np.sqrt),
        "tau2": of_tau2(itself, sd=float(between.se[0])),
        **({"theta_new": new} if data.count[0] >= FEWEST_TO_PREDICT else {}),
        "I2": of_tau2(i2),
        "H2": of_tau2(h2),
        "Q": q_estimate(test),
    }


def symmetric(centre: float, sd: float, df: float, prob: float) -> tuple[float, float]:
    """Limits centre -+ t sd, t with `df` degrees of freedom."""
    reach = float(critical(np.array(df), prob)) * sd
    return centre - reach, centre + reach


def _mean(coef: Coefficients, interval: str) -> Estimate:
    """The mean effect with its interval and the test that it is zero."""
    mu, se, df = float(coef.beta[0, 0]), math.sqrt(coef.cov[0, 0, 0]), float(coef.df[0])
    return mean_effect(mu, se, df, math.sqrt(coef.wald[0, 0, 0]), INTERVAL_WORDS[interval])


def mean_effect(point: float, sd: float, df: float, wald: float, words: str) -> Estimate:
    """A mean effect with its interval and the test that it is zero; its kind says when Wald's interval is wider.

    Parameters
    ----------
    point, sd, df : float
        Estimate, standard error, degrees of freedom.
    wald : float
        Its inverse-variance standard error.
    words : str
        Words for the interval: ``"Hartung-Knapp"``.
    """
    statistic = point / sd if sd > 0.0 else math.nan
    p = float(p_value(statistic, df))
    narrower = sd < wald and is_narrower(np.array(sd), np.array(df), np.array(wald))
    of_wald = partial(symmetric, point, wald, math.inf) if narrower else None
    limits = partial(symmetric, point, sd, df)
    return Estimate(point, sd, limits, f"confidence ({words})", statistic, df, p, wider=of_wald)


def _new_effect(mean: Estimate, tau2: float, floor: float, data: Data, prediction: str) -> Estimate:
    new_df = float(prediction_df(data, prediction)[0])
    return new_effect(mean, tau2, floor, new_df, PREDICTION_WORDS[prediction])


def new_effect(mean: Estimate, tau2: float, floor: float, df: float, words: str) -> Estimate:
    """The effect in a new study: the mean with the sd sqrt(tau2 + se^2), never known better than the mean.

    Parameters
    ----------
    mean : Estimate
        The mean effect.
    tau2 : float
        Between-study variance.
    floor : float
        Standard error of the mean, not below the inverse-variance one.
    df : float
        Degrees of freedom of the prediction interval.
    words : str
        Words for its convention: ``"t, k - 1"``.
    """
    sd = math.hypot(math.sqrt(tau2), mean.sd)
    limits = partial(_predicted, mean.point, (sd, df), (floor, mean.df))
    may_bind = df > mean.df or floor > mean.sd
    bound = may_bind and limits(0.95)[1] > symmetric(mean.point, sd, df, 0.95)[1]
    remark = WIDENED.format(words) if bound else ""
    return Estimate(mean.point, sd, limits, f"prediction ({words})", remark=remark)


def _predicted(centre: float, new: tuple[float, float], mean: tuple[float, float], prob: float) -> tuple[float, float]:
    sd, df, floor, mean_df = (np.array(value) for value in (*new, *mean))
    reach = float(prediction_reach(sd, df, floor, mean_df, prob))
    return centre - reach, centre + reach


def q_estimate(test: QTest) -> Estimate:
    """Cochran's Q with its test of homogeneity."""
    q = float(test.statistic[0])
    return Estimate(q, statistic=q, df=float(test.df[0]), p_value=float(test.p_value[0]))


def profiled(data: Data, between: Tau2, of_tau2: Callable[[Array], Array], sd: float = math.nan) -> Estimate:
    """An increasing function of tau2 with its Q-profile limits; none when tau2 was given, not estimated."""
    point = float(of_tau2(between.value)[0])
    if not between.estimated:
        return Estimate(point)
    return Estimate(point, sd, partial(_q_profile_limits, data, of_tau2), "confidence (Q-profile)")


def _q_profile_limits(data: Data, of_tau2: Callable[[Array], Any], prob: float) -> tuple[float, float]:
    lower, upper = of_tau2(q_profile(data, prob)[0])
    return float(lower), float(upper)


def itself(tau2: Array) -> Array:
    """Tau2."""
    return tau2
