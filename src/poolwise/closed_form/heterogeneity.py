"""Heterogeneity: Cochran's Q, I2, H2 and the Q-profile interval for tau2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.special import chdtrc, chdtri

from poolwise.closed_form.least_squares import (
    Array,
    Data,
    inverse_variance_fit,
    quadratic,
    trace,
    weighted_fit,
    weights,
)

RELATIVE = 1e-11  # the search ends when the next Newton step would be smaller than this share of tau2
ROUNDING = 1e-15  # steps below this share of the sampling variances are rounding of Q
STEPS = 200  # seen in practice: at most 15


@final
@dataclass(frozen=True, eq=False)
class QTest:
    """Cochran's test of homogeneity.

    Attributes
    ----------
    statistic, df, p_value : ndarray, shape (n,)
        Q at tau2 = 0, its degrees of freedom k - p, the upper chi-square tail.
    typical : ndarray, shape (n,)
        Typical sampling variance (k - p) / tr P; NaN when k = p.

    References
    ----------
    Cochran 1954, Biometrics 10:101, 10.2307/3001666; Higgins & Thompson 2002, Statistics in Medicine 21:1539,
    10.1002/sim.1186, equation 9, for the typical variance.
    """

    statistic: Array
    df: Array
    p_value: Array
    typical: Array


def q_test(data: Data) -> QTest:
    """Cochran's Q = y'Py at tau2 = 0, and the typical sampling variance.

    The typical variance is (k - p) / tr P; for an intercept alone it is the one of Higgins & Thompson 2002:
    (k - 1) sum w / [(sum w)^2 - sum w^2].

    Parameters
    ----------
    data : Data
        n data sets of k studies.

    Returns
    -------
    QTest
        Arrays of shape (n,).

    References
    ----------
    Cochran 1954, Biometrics 10:101, 10.2307/3001666; Higgins & Thompson 2002, Statistics in Medicine 21:1539,
    10.1002/sim.1186, equation 9.
    """
    fit = inverse_variance_fit(data)
    q, df = quadratic(fit)[:, 0], data.df
    if np.count_nonzero(df > 0) == df.size:
        return QTest(q, df, chdtrc(df, q), df / trace(fit)[:, 0])
    typical = np.divide(df, trace(fit)[:, 0], out=np.full(df.shape, np.nan), where=df > 0)
    return QTest(q, df, np.where(df > 0, chdtrc(np.maximum(df, 1), q), 1.0), typical)


def i2_of_tau2(tau2: Array, typical: Array) -> Array:
    """I2 = tau2 / (tau2 + typical variance), a fraction.

    References
    ----------
    Higgins & Thompson 2002, Statistics in Medicine 21:1539, 10.1002/sim.1186.
    """
    return tau2 / (tau2 + typical)


def h2_of_tau2(tau2: Array, typical: Array) -> Array:
    """H2 = (tau2 + typical variance) / typical variance.

    References
    ----------
    Higgins & Thompson 2002, Statistics in Medicine 21:1539, 10.1002/sim.1186.
    """
    return tau2 / typical + 1.0


def i2_of_q(test: QTest) -> Array:
    """I2 = max(0, (Q - df) / Q), a fraction; NaN when df = 0.

    References
    ----------
    Higgins & Thompson 2002, Statistics in Medicine 21:1539, 10.1002/sim.1186.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(test.df > 0, np.fmax(0.0, 1.0 - test.df / test.statistic), np.nan)


def h2_of_q(test: QTest) -> Array:
    """H2 = Q / df; NaN when df = 0.

    References
    ----------
    Higgins & Thompson 2002, Statistics in Medicine 21:1539, 10.1002/sim.1186.
    """
    return np.divide(test.statistic, test.df, out=np.full(test.df.shape, np.nan), where=test.df > 0)


def solve_q(data: Data, target: Array, start: Array | None = None) -> tuple[Array, int]:
    """The tau2 at which the generalised Q(tau2) = y'Py equals `target`; 0 where Q(0) is already below it.

    Q falls in tau2 and 1/Q is concave (in the eigenvectors of the error contrasts Q is a sum of
    a_j / (lambda_j + tau2), whose reciprocal is a harmonic mean), so that Newton's method on 1/Q - 1/target
    climbs to the only root from the left without a bracket, and lands left of it in one step from the right.

    Parameters
    ----------
    data : Data
        n data sets of k studies.
    target : ndarray, shape (n, m)
        Positive values of Q.
    start : ndarray, shape (n, m), optional
        Where to begin; 0 when None.

    Returns
    -------
    tuple of ndarray, shape (n, m), and int
        The roots and the number of steps.

    References
    ----------
    DerSimonian & Kacker 2007, Contemporary Clinical Trials 28:105, 10.1016/j.cct.2006.04.004, for the generalised Q;
    that 1/Q is concave is shown here.
    """
    tau2 = np.zeros(target.shape) if start is None else start
    typical = (data.count / np.vecdot(data.present, 1.0 / data.v))[:, None]
    noise = ROUNDING * typical
    last, done = np.full(tau2.shape, np.inf), np.zeros(tau2.shape, dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        for step_number in range(1, STEPS + 1):
            fit = weighted_fit(data, weights(data, tau2))
            pulled = fit.w * fit.r
            q, fall = np.vecdot(pulled, fit.r), np.vecdot(pulled, pulled)
            step = np.where(q > 0.0, q * (q / target - 1.0) / fall, -tau2)
            aim = np.maximum(tau2 + step, 0.0)
            ended = (next_step(step, last, tau2 + typical) <= RELATIVE * tau2 + noise) | (aim == tau2)
            tau2, last, done = np.where(done, tau2, aim), step, done | ended
            if done.all():
                return tau2, step_number
    return tau2, STEPS


def next_step(step: Array, last: Array, scale: Array) -> Array:
    """Size that the next Newton step may have at most, foretold from this one, the last, and the scale.

    When convergence is quadratic the steps follow s_next = c s^2. The constant is |s| / s_last^2 by the last two
    steps, and about 1 / scale by the curvature of a sum over 1 / (v + tau2), scale = v + tau2; the larger of
    the two counts. Before the first step the last one is infinite.
    """
    return step * step * np.fmax(np.abs(step) / (last * last), 1.0 / scale)


def q_profile(data: Data, prob: float = 0.95) -> Array:
    """Q-profile interval for tau2: the values at which Q(tau2) lies between two chi-square quantiles.

    Q(lower) = chi2_{k-p, 1 - a/2} and Q(upper) = chi2_{k-p, a/2}, a = 1 - prob. A limit that would be negative is 0;
    when `q_profile_is_empty`, both are.

    Parameters
    ----------
    data : Data
        n data sets of k studies, k > p.
    prob : float
        Probability of the interval.

    Returns
    -------
    ndarray, shape (n, 2)
        Lower and upper limits.

    References
    ----------
    Viechtbauer 2007, Statistics in Medicine 26:37, 10.1002/sim.2514.
    """
    tails = np.array([0.5 * (1.0 - prob), 0.5 * (1.0 + prob)])
    return solve_q(data, chdtri(data.df[:, None], tails))[0]


def q_profile_is_empty(test: QTest) -> Array:
    """Whether no tau2 >= 0 is in the 95 % Q-profile set, as Q(0) is below the lower quantile; bool, shape (n,).

    References
    ----------
    Viechtbauer 2007, Statistics in Medicine 26:37, 10.1002/sim.2514.
    """
    return test.statistic < chdtri(test.df, 0.975)
