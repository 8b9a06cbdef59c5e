"""Estimators of the between-study variance tau2, by name.

Comparisons of them: Veroniki et al. 2016, doi:10.1002/jrsm.1164; Viechtbauer 2005,
doi:10.3102/10769986030003261.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from poolwise.closed_form.heterogeneity import solve_q
from poolwise.closed_form.least_squares import (
    Array,
    Data,
    Fit,
    fit_at,
    inverse_variance_fit,
    quadratic,
    total_weight,
    trace,
    trace_sandwich,
    trace_weighted,
    weighted_fit,
)
from poolwise.closed_form.likelihood import maximise


@final
@dataclass(frozen=True, eq=False)
class Tau2:
    """An estimate of tau2 for each data set.

    Attributes
    ----------
    value : ndarray, shape (n,)
        Estimates, never negative.
    se : ndarray, shape (n,)
        Asymptotic standard errors, evaluated at the estimate; NaN when there is none.
    fit : Fit
        The weighted fit at the estimate.
    iterations : int
        Steps of the search; 0 for a formula.
    maxima : ndarray of int, shape (n,)
        Local maxima of the likelihood; 1 where the estimator has only one solution.
    estimated : bool
        False for a fixed number.

    References
    ----------
    Veroniki et al. 2016, Research Synthesis Methods 7:55, 10.1002/jrsm.1164; Viechtbauer 2005, J. Educational and
    Behavioral Statistics 30:261, 10.3102/10769986030003261.
    """

    value: Array
    se: Array
    fit: Fit
    iterations: int
    maxima: NDArray[np.intp]
    estimated: bool = True


def estimate_tau2(data: Data, estimator: str | float) -> Tau2:
    """tau2 by the estimator of that name, or a fixed number with no standard error.

    Parameters
    ----------
    data : Data
        n data sets of k studies, k > p.
    estimator : str or float
        A key of `ESTIMATORS`, or tau2 itself.

    Returns
    -------
    Tau2
        Arrays of shape (n,).

    References
    ----------
    Veroniki et al. 2016, Research Synthesis Methods 7:55, 10.1002/jrsm.1164; Viechtbauer 2005, J. Educational and
    Behavioral Statistics 30:261, 10.3102/10769986030003261.
    """
    if isinstance(estimator, str):
        return ESTIMATORS[estimator](data)
    n = len(data.y)
    value, none = np.full(n, float(estimator)), np.full(n, np.nan)
    return Tau2(value, none, fit_at(data, value), 0, np.ones(n, dtype=np.intp), estimated=False)


def dersimonian_laird(data: Data) -> Tau2:
    """DL: the method of moments with the weights 1/v.

    References
    ----------
    DerSimonian & Laird 1986, Controlled Clinical Trials 7:177, 10.1016/0197-2456(86)90046-2.
    """
    return _moments(data, inverse_variance_fit(data))


def hedges(data: Data) -> Tau2:
    """HE: the method of moments with equal weights.

    References
    ----------
    Hedges 1983, Psychological Bulletin 93:388, 10.1037/0033-2909.93.2.388.
    """
    return _moments(data, weighted_fit(data, data.present[:, None, :]))


def hunter_schmidt(data: Data) -> Tau2:
    """HS: (Q - k) / sum w.

    References
    ----------
    Hunter & Schmidt 1990, Methods of Meta-Analysis; in this form Viechtbauer 2005, J. Educational and Behavioral
    Statistics 30:261, 10.3102/10769986030003261.
    """
    return _hunter_schmidt(data, np.ones(len(data.y)))


def hunter_schmidt_small(data: Data) -> Tau2:
    """HSk: (Q k / (k - p) - k) / sum w, HS corrected for small k.

    References
    ----------
    Brannick, Potter, Benitez & Morris 2019, Organizational Research Methods 22:490, 10.1177/1094428117741966.
    """
    return _hunter_schmidt(data, data.count / data.df)


def sidik_jonkman(data: Data) -> Tau2:
    """SJ: t0 y'Py / (k - p) with P at t0 = sum (y - mean)^2 / k.

    References
    ----------
    Sidik & Jonkman 2005, J. R. Statist. Soc. C 54:367, 10.1111/j.1467-9876.2005.00489.x.
    """
    fitted = (data.X @ data.centre[..., None])[..., 0]
    raw = _about_mean(data, data.y + _about_mean(data, fitted))
    first = np.vecdot(raw, raw) / data.count
    fit = fit_at(data, first)
    factor = first / data.df
    value = factor * quadratic(fit)[:, 0]
    return _formula(data, value, factor * _sd_of_quadratic(data, fit, value))


def maximum_likelihood(data: Data) -> Tau2:
    """ML: the global maximum of the likelihood, se = sqrt(2 / tr WW).

    References
    ----------
    Hardy & Thompson 1996, Statistics in Medicine 15:619,
    10.1002/(SICI)1097-0258(19960330)15:6<619::AID-SIM188>3.0.CO;2-A.
    """
    maximum = maximise(data, restricted=False)
    fit = fit_at(data, maximum.tau2)
    se = np.sqrt(2.0 / np.vecdot(fit.w, fit.w)[:, 0])
    return Tau2(maximum.tau2, se, fit, maximum.iterations, maximum.maxima)


def restricted_maximum_likelihood(data: Data) -> Tau2:
    """REML: the global maximum of the restricted likelihood, se = sqrt(2 / tr PP).

    References
    ----------
    Harville 1977, J. American Statistical Association 72:320, 10.2307/2286796; Viechtbauer 2005, J. Educational and
    Behavioral Statistics 30:261, 10.3102/10769986030003261.
    """
    maximum = maximise(data, restricted=True)
    fit = fit_at(data, maximum.tau2)
    se = np.sqrt(2.0 / trace_sandwich(fit)[:, 0])
    return Tau2(maximum.tau2, se, fit, maximum.iterations, maximum.maxima)


def paule_mandel(data: Data) -> Tau2:
    """PM: the tau2 at which Q(tau2) = k - p. Morris's empirical Bayes (EB) solves the same equation.

    So do DL and SJ when they are iterated (DLIT, SJIT), with the weights that the last estimate gives: where such an
    iteration stands still, Q(tau2) = k - p, or tau2 = 0.

    References
    ----------
    Paule & Mandel 1982, J. Research of the National Bureau of Standards 87:377, 10.6028/jres.087.022; Morris 1983, J.
    American Statistical Association 78:47, 10.2307/2287098.
    """
    return _generalised_q(data, data.df)


def paule_mandel_median(data: Data) -> Tau2:
    """PMM: the tau2 at which Q(tau2) is the median of its chi-square distribution, k - p df.

    References
    ----------
    Viechtbauer 2021, Median-unbiased estimators for the amount of heterogeneity in meta-analysis, European Congress of
    Methodology, Valencia.
    """
    return _generalised_q(data, chdtri(data.df, 0.5))


ESTIMATORS: dict[str, Callable[[Data], Tau2]] = {
    "REML": restricted_maximum_likelihood,
    "DL": dersimonian_laird,
    "PM": paule_mandel,
    "ML": maximum_likelihood,
    "EB": paule_mandel,
    "PMM": paule_mandel_median,
    "HE": hedges,
    "HS": hunter_schmidt,
    "HSk": hunter_schmidt_small,
    "SJ": sidik_jonkman,
    "DLIT": paule_mandel,
    "SJIT": paule_mandel,
}
ITERATED = ("DLIT", "SJIT")
"""Names for what another estimator comes to."""


def _about_mean(data: Data, x: Array) -> Array:
    """The deviations of x from its mean over the studies, shape (n, k)."""
    return (x - (np.vecdot(x, data.present) / data.count)[:, None]) * data.present


def _formula(data: Data, value: Array, se: Array) -> Tau2:
    return Tau2(value, se, fit_at(data, value), 0, np.ones(len(data.y), dtype=np.intp))


def _sd_of_quadratic(data: Data, fit: Fit, tau2: Array) -> Array:
    """The sd of y'Py under the marginal model: sqrt(2 tr(P S P S)), S = diag(v + tau2); shape (n,)."""
    return np.sqrt(2.0 * trace_sandwich(fit, (data.v + tau2[:, None])[:, None, :])[:, 0])


def _moments(data: Data, fit: Fit) -> Tau2:
    """The general method of moments, (y'Py - tr PV) / tr P.

    DerSimonian & Kacker 2007, doi:10.1016/j.cct.2006.04.004.
    """
    value = _moment(data, fit)
    return _formula(data, value, _sd_of_quadratic(data, fit, value) / trace(fit)[:, 0])


def _moment(data: Data, fit: Fit) -> Array:
    """The estimate of `_moments`, cut at 0; shape (n,)."""
    excess = quadratic(fit) - trace_weighted(fit, data.v[:, None, :])
    return np.maximum(excess / trace(fit), 0.0)[:, 0]


def _hunter_schmidt(data: Data, factor: Array) -> Tau2:
    fit = inverse_variance_fit(data)
    total = total_weight(fit)[:, 0]
    value = np.maximum((factor * quadratic(fit)[:, 0] - data.count) / total, 0.0)
    return _formula(data, value, factor * _sd_of_quadratic(data, fit, value) / total)


def _generalised_q(data: Data, target: Array) -> Tau2:
    """The root of Q(tau2) = target, se = sqrt(2 k^2 / (k - p)) / sum w at the root (Morris 1983)."""
    start = _moment(data, inverse_variance_fit(data))[:, None]
    roots, steps = solve_q(data, target[:, None], start)
    fit = fit_at(data, roots[:, 0])
    se = np.sqrt(2.0 * data.count**2 / data.df) / total_weight(fit)[:, 0]
    return Tau2(roots[:, 0], se, fit, steps, np.ones(len(data.y), dtype=np.intp))
