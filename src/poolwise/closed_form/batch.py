"""Many small data sets at once: y and v of shape (n, k), padded with NaN; no loop over data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise.closed_form.heterogeneity import h2_of_q, h2_of_tau2, i2_of_q, i2_of_tau2, q_profile, q_test
from poolwise.closed_form.inference import FLOORED, coefficients, critical, p_value, prediction_df, prediction_reach
from poolwise.closed_form.least_squares import Array, inverse_variance_fit, prepare
from poolwise.closed_form.tau2 import estimate_tau2

CHUNK = 200_000  # estimates per pass: a scan of 30 values of tau2 then holds about 50 MB


@final
@dataclass(frozen=True, eq=False)
class BatchFit:
    """Fits of n data sets, every array of shape (n,); NaN where a data set has too few studies.

    Attributes
    ----------
    mu, se, lower, upper, p_value : ndarray
        Mean effect, its standard error, limits of its interval and two-sided p-value of mu = 0.
    tau2, se_tau2 : ndarray
        Between-study variance and its standard error; 0 and NaN under a common effect.
    new_lower, new_upper : ndarray
        Prediction interval for the effect in a new study; NaN below 3 studies and under a common effect.
    q, i2, h2 : ndarray
        Cochran's Q, I2 as a fraction, H2.
    wald, df : ndarray
        Inverse-variance standard error of the mean effect, and the degrees of freedom of its interval.

    References
    ----------
    Viechtbauer 2005, J. Educational and Behavioral Statistics 30:261, 10.3102/10769986030003261, for REML; Knapp &
    Hartung 2003, Statistics in Medicine 22:2693, 10.1002/sim.1482, for the interval; Higgins & Thompson 2002,
    Statistics in Medicine 21:1539, 10.1002/sim.1186, for I2 and H2.
    """

    mu: Array
    se: Array
    lower: Array
    upper: Array
    p_value: Array
    tau2: Array
    se_tau2: Array
    new_lower: Array
    new_upper: Array
    q: Array
    i2: Array
    h2: Array
    wald: Array
    df: Array


def random_effects_batch(
    y: ArrayLike,
    v: ArrayLike,
    *,
    tau2: str | float = "REML",
    interval: str = FLOORED,
    prediction: str = "t",
    prob: float = 0.95,
) -> BatchFit:
    """Random-effects fits of many data sets.

    Parameters
    ----------
    y, v : array_like, shape (n, k)
        Estimates and sampling variances, NaN where a data set has fewer than k studies.
    tau2 : str or float
        A key of `tau2.ESTIMATORS`, or a fixed number.
    interval : str
        A key of `inference.INTERVALS`.
    prediction : str
        A key of `inference.PREDICTIONS`.
    prob : float
        Probability of the intervals.

    Returns
    -------
    BatchFit
        NaN for data sets of fewer than 2 studies.

    References
    ----------
    Viechtbauer 2005, J. Educational and Behavioral Statistics 30:261, 10.3102/10769986030003261, for REML; Knapp &
    Hartung 2003, Statistics in Medicine 22:2693, 10.1002/sim.1482, for the interval; Higgins & Thompson 2002,
    Statistics in Medicine 21:1539, 10.1002/sim.1186, for I2 and H2.
    """
    fit = partial(_random_effects, tau2=tau2, interval=interval, prediction=prediction, prob=prob)
    return _in_chunks(y, v, 2, fit)


def common_effect_batch(y: ArrayLike, v: ArrayLike, *, interval: str = "wald", prob: float = 0.95) -> BatchFit:
    """Common-effect fits of many data sets.

    Parameters
    ----------
    y, v : array_like, shape (n, k)
        Estimates and sampling variances, NaN where a data set has fewer than k studies.
    interval : str
        A key of `inference.INTERVALS`.
    prob : float
        Probability of the intervals.

    Returns
    -------
    BatchFit
        NaN for data sets without studies, and for data sets of 1 study unless the interval is ``"wald"``.

    References
    ----------
    Hedges & Vevea 1998, Psychological Methods 3:486, 10.1037/1082-989X.3.4.486.
    """
    fewest = 1 if interval == "wald" else 2
    return _in_chunks(y, v, fewest, partial(_common_effect, interval=interval, prob=prob))


def q_profile_batch(y: ArrayLike, v: ArrayLike, *, prob: float = 0.95) -> Array:
    """Q-profile limits for tau2 of many data sets, shape (n, 2); NaN for fewer than 2 studies.

    References
    ----------
    Viechtbauer 2007, Statistics in Medicine 26:37, 10.1002/sim.2514.
    """
    y, v, usable = _usable(y, v, 2)
    limits = np.full((len(y), 2), np.nan)
    for rows in _chunks(np.nonzero(usable)[0], y.shape[1]):
        limits[rows] = q_profile(prepare(y[rows], v[rows]), prob)
    return limits


def _random_effects(y: Array, v: Array, *, tau2: str | float, interval: str, prediction: str, prob: float) -> BatchFit:
    data = prepare(y, v)
    between = estimate_tau2(data, tau2)
    coef = coefficients(between.fit, interval)
    test = q_test(data)
    mu, se = coef.beta[:, 0], coef.se[:, 0]
    reach = critical(coef.df, prob) * se
    new_sd, floor = np.sqrt(between.value + se * se), np.sqrt(coef.floor[:, 0, 0])
    ahead = prediction_reach(new_sd, prediction_df(data, prediction), floor, coef.df, prob)
    return BatchFit(
        mu,
        se,
        mu - reach,
        mu + reach,
        _p_value(mu, se, coef.df),
        between.value,
        between.se,
        mu - ahead,
        mu + ahead,
        test.statistic,
        i2_of_tau2(between.value, test.typical),
        h2_of_tau2(between.value, test.typical),
        np.sqrt(coef.wald[:, 0, 0]),
        coef.df,
    )


def _common_effect(y: Array, v: Array, *, interval: str, prob: float) -> BatchFit:
    data = prepare(y, v)
    nothing, none = np.zeros(len(y)), np.full(len(y), np.nan)
    coef = coefficients(inverse_variance_fit(data), interval)
    test = q_test(data)
    mu, se = coef.beta[:, 0], coef.se[:, 0]
    reach = critical(coef.df, prob) * se
    p = _p_value(mu, se, coef.df)
    q, i2, h2 = test.statistic, i2_of_q(test), h2_of_q(test)
    wald = np.sqrt(coef.wald[:, 0, 0])
    return BatchFit(mu, se, mu - reach, mu + reach, p, nothing, none, none, none, q, i2, h2, wald, coef.df)


def _p_value(mu: Array, se: Array, df: Array) -> Array:
    return p_value(mu / np.where(se > 0.0, se, np.nan), df)


def _usable(y: ArrayLike, v: ArrayLike, fewest: int) -> tuple[Array, Array, NDArray[np.bool_]]:
    """The arrays as floats, and which data sets have at least `fewest` studies."""
    y, v = np.atleast_2d(np.asarray(y, dtype=float)), np.atleast_2d(np.asarray(v, dtype=float))
    return y, v, (np.isfinite(y) & np.isfinite(v)).sum(-1) >= fewest


def _chunks(rows: NDArray[np.intp], k: int) -> Iterator[NDArray[np.intp]]:
    """Row numbers in pieces of about `CHUNK` estimates."""
    size = max(1, CHUNK // k)
    return (rows[first : first + size] for first in range(0, len(rows), size))


def _in_chunks(y: ArrayLike, v: ArrayLike, fewest: int, fit: Callable[[Array, Array], BatchFit]) -> BatchFit:
    """The fits of the usable data sets, NaN for the others."""
    y, v, usable = _usable(y, v, fewest)
    columns = {field.name: np.full(len(y), np.nan) for field in fields(BatchFit)}
    for rows in _chunks(np.nonzero(usable)[0], y.shape[1]):
        piece = fit(y[rows], v[rows])
        for name, column in columns.items():
            column[rows] = getattr(piece, name)
    return BatchFit(**columns)
