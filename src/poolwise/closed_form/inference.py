"""Coefficients with their intervals, the effect in a new study, and shrunken study effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from poolwise.closed_form.least_squares import Array, Data, Fit, quadratic


@final
@dataclass(frozen=True, eq=False)
class Coefficients:
    """Coefficients of the weighted fit, with the law that their intervals use.

    Attributes
    ----------
    beta : ndarray, shape (n, p)
        Coefficients of the design as given (for an intercept alone: mu).
    cov : ndarray, shape (n, p, p)
        Their covariance.
    inflation : ndarray, shape (n,)
        Factor on the inverse-variance covariance: 1, or what Hartung & Knapp estimate.
    df : ndarray, shape (n,)
        Degrees of freedom of the t distribution; infinite for the normal one.
    fit : Fit
        The weighted fit behind them, one weighting for each data set.
    wald : ndarray, shape (n, p, p)
        Their inverse-variance covariance, which Wald's interval uses.

    References
    ----------
    Knapp & Hartung 2003, Statistics in Medicine 22:2693, 10.1002/sim.1482.
    """

    beta: Array
    cov: Array
    inflation: Array
    df: Array
    fit: Fit
    wald: Array

    @property
    def se(self) -> Array:
        """Standard errors, shape (n, p)."""
        return np.sqrt(np.diagonal(self.cov, axis1=-2, axis2=-1))

    @property
    def floor(self) -> Array:
        """Their covariance, or the inverse-variance one where that is larger, shape (n, p, p)."""
        return np.maximum(self.inflation, 1.0)[:, None, None] * self.wald


@final
@dataclass(frozen=True, eq=False)
class StudyEffects:
    """Shrunken study effects theta_i.

    Attributes
    ----------
    theta, sd : ndarray, shape (n, k)
        Empirical Bayes estimates and their standard errors.

    References
    ----------
    Raudenbush & Bryk 1985, J. Educational Statistics 10:75, 10.3102/10769986010002075.
    """

    theta: Array
    sd: Array


def _wald(data: Data, fit: Fit) -> tuple[Array, Array]:
    return np.ones(len(data.y)), np.full(len(data.y), np.inf)


def _t(data: Data, fit: Fit) -> tuple[Array, Array]:
    return np.ones(len(data.y)), data.df


def _hartung_knapp(data: Data, fit: Fit) -> tuple[Array, Array]:
    factor = quadratic(fit)[:, 0] / data.df
    if (factor < SUSPICIOUS).any():  # estimates that are all the same but for rounding
        size = np.abs(data.y) + np.abs(data.X @ data.centre[..., None])[..., 0]
        rounding = (fit.w[:, 0] * (ROUNDING * size) ** 2).sum(axis=1) / data.df
        factor = np.where((factor < SUSPICIOUS) & (factor <= rounding), 0.0, factor)
    return factor, data.df


def _hartung_knapp_adhoc(data: Data, fit: Fit) -> tuple[Array, Array]:
    return np.maximum(quadratic(fit)[:, 0] / data.df, 1.0), data.df


SUSPICIOUS = 1e-16  # a factor of Hartung and Knapp that may be made of rounding alone
ROUNDING = 4.0 * np.finfo(float).eps  # relative error of a residual
INTERVALS: dict[str, Callable[[Data, Fit], tuple[Array, Array]]] = {
    "wald": _wald,
    "t": _t,
    "hartung-knapp": _hartung_knapp,
    "hartung-knapp-adhoc": _hartung_knapp_adhoc,
}
FLOORED = "hartung-knapp-adhoc"  # the interval of random effects unless another is asked for
PREDICTIONS: dict[str, float] = {"z": np.inf, "t": 0.0, "riley": -1.0}  # added to k - p


def coefficients(fit: Fit, interval: str) -> Coefficients:
    """Coefficients of a weighted fit: beta = (X'WX)^-1 X'Wy, W = diag(1 / (v + tau2)).

    ``"wald"``: cov = (X'WX)^-1, normal. ``"t"``: the same covariance, t with k - p. ``"hartung-knapp"``: the
    covariance times y'Py / (k - p), t with k - p (Hartung & Knapp 2001, doi:10.1002/sim.791; Sidik & Jonkman
    2002, doi:10.1002/sim.1262; with moderators Knapp & Hartung 2003, doi:10.1002/sim.1482).
    ``"hartung-knapp-adhoc"``: that factor, or 1 where it is below 1 (Knapp & Hartung 2003; Röver, Knapp & Friede
    2015, doi:10.1186/s12874-015-0091-1).

    Parameters
    ----------
    fit : Fit
        One weighting for each of n data sets; the inverse-variance fit gives the common effect.
    interval : str
        A key of `INTERVALS`.

    Returns
    -------
    Coefficients
        Arrays over the n data sets.

    References
    ----------
    Hartung & Knapp 2001, Statistics in Medicine 20:1771, 10.1002/sim.791; Sidik & Jonkman 2002, Statistics in Medicine
    21:3153, 10.1002/sim.1262; with moderators Knapp & Hartung 2003, Statistics in Medicine 22:2693, 10.1002/sim.1482;
    the floor: Röver, Knapp & Friede 2015, BMC Medical Research Methodology 15:99, 10.1186/s12874-015-0091-1.
    """
    data, back = fit.data, fit.data.back
    inflation, df = INTERVALS[interval](data, fit)
    beta, wald = data.centre + fit.b[:, 0], fit.A[:, 0]
    if not data.mean_alone:
        beta, wald = (back @ beta[..., None])[..., 0], back @ wald @ back.mT
    return Coefficients(beta, inflation[:, None, None] * wald, inflation, df, fit, wald)


def critical(df: Array, prob: float) -> Array:
    """The (1 + prob) / 2 quantile of t with `df` degrees of freedom: normal where infinite, NaN below 0."""
    if df.size > 1:  # of many tables few differ in it
        distinct, place = np.unique(df, return_inverse=True)
        if distinct.size < df.size:
            return critical(distinct, prob)[place].reshape(df.shape)
    upper = 0.5 * (1.0 + prob)
    usable = (df > 0) & (df < np.inf)
    limit = np.where(df == np.inf, ndtri(upper), np.nan)
    return np.where(usable, stdtrit(np.where(usable, df, 1.0), upper), limit)


def p_value(statistic: Array | float, df: Array | float) -> Array:
    """Two-sided p-value of a t statistic, normal where `df` is infinite; of one, or of as many as there are `df`."""
    size = -np.abs(statistic)
    if isinstance(df, float):
        return 2.0 * (ndtr(size) if df == np.inf else stdtr(df, size))
    normal = df == np.inf
    return 2.0 * np.where(normal, ndtr(size), stdtr(np.where(normal, 1.0, df), size))


def is_narrower(sd: Array, df: Array, wald: Array, prob: float = 0.95) -> NDArray[np.bool_]:
    """Whether an interval with this standard error is narrower than Wald's with its own, rounding aside.

    References
    ----------
    Röver, Knapp & Friede 2015, BMC Medical Research Methodology 15:99, 10.1186/s12874-015-0091-1.
    """
    return critical(df, prob) * sd < (1.0 - 1e-9) * critical(np.array(np.inf), prob) * wald


def prediction_reach(sd: Array, new_df: Array, floor: Array, df: Array, prob: float) -> Array:
    """Half the width of a prediction interval: that of its convention, or of the floored interval of the mean.

    Parameters
    ----------
    sd, new_df : ndarray
        sqrt(tau2 + se(mu)^2) and the degrees of freedom of the convention.
    floor, df : ndarray
        Standard error of the mean, never below the inverse-variance one, and the degrees of freedom of its interval.
    prob : float
        Probability.

    Returns
    -------
    ndarray
        The larger of the two: a new study varies about the mean, and is never known better than it.

    References
    ----------
    Higgins, Thompson & Spiegelhalter 2009, J. R. Statist. Soc. A 172:137, 10.1111/j.1467-985X.2008.00552.x, for the
    interval; that it is never narrower than that of the mean is our rule.
    """
    reach, least = critical(new_df, prob) * sd, critical(df, prob) * floor
    return np.where(reach < (1.0 - 1e-12) * least, least, reach)


def prediction_df(data: Data, convention: str) -> Array:
    """Degrees of freedom of the prediction interval, shape (n,); NaN where k - p < 2, too few for one.

    ``"z"``: infinite; ``"t"``: k - p; ``"riley"``: k - p - 1, which is k - 2 for an intercept alone (Higgins,
    Thompson & Spiegelhalter 2009, doi:10.1111/j.1467-985X.2008.00552.x; Riley, Higgins & Deeks 2011,
    doi:10.1136/bmj.d549).

    References
    ----------
    Higgins, Thompson & Spiegelhalter 2009, J. R. Statist. Soc. A 172:137, 10.1111/j.1467-985X.2008.00552.x; Riley,
    Higgins & Deeks 2011, BMJ 342:d549, 10.1136/bmj.d549.
    """
    return np.where(data.df >= 2, data.df + PREDICTIONS[convention], np.nan)


def study_effects(coef: Coefficients, tau2: Array) -> StudyEffects:
    """Shrunken effects (best linear unbiased predictions) of the studies that are in the data.

    theta_i = w_i y_i + (1 - w_i) x_i'beta with w_i = tau2 / (tau2 + v_i); variance
    w_i v_i + (1 - w_i)^2 x_i' cov(beta) x_i. At tau2 = 0 every theta_i is x_i'beta.

    Parameters
    ----------
    coef : Coefficients
        The fit at `tau2`.
    tau2 : ndarray, shape (n,)
        Between-study variances.

    Returns
    -------
    StudyEffects
        Arrays of shape (n, k).

    References
    ----------
    Raudenbush & Bryk 1985, J. Educational Statistics 10:75, 10.3102/10769986010002075; Robinson 1991, Statistical
    Science 6:15, 10.1214/ss/1177011926, for best linear unbiased prediction.
    """
    data, fit = coef.fit.data, coef.fit
    share = tau2[:, None] / (tau2[:, None] + data.v)
    expected = (data.X @ (data.centre + fit.b[:, 0])[..., None])[..., 0]
    inner = coef.inflation[:, None] * ((data.X @ fit.A[:, 0]) * data.X).sum(-1)
    return StudyEffects(expected + share * fit.r[:, 0], np.sqrt(share * data.v + (1.0 - share) ** 2 * inner))
