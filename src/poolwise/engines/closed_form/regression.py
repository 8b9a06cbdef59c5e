"""Estimates of models with several mean effects: coefficients, subgroups, omnibus tests, predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc

from poolwise.closed_form.heterogeneity import QTest, h2_of_tau2, i2_of_tau2, q_test
from poolwise.closed_form.inference import Coefficients, coefficients, prediction_df
from poolwise.closed_form.least_squares import Array, prepare
from poolwise.closed_form.tau2 import Tau2, estimate_tau2
from poolwise.design import INTERCEPT, Design
from poolwise.effects import Effects
from poolwise.engines.closed_form.notes import outside_profile
from poolwise.engines.closed_form.quantities import (
    INTERVAL_WORDS,
    PREDICTION_WORDS,
    StudyEstimates,
    itself,
    mean_effect,
    new_effect,
    profiled,
    q_estimate,
)
from poolwise.engines.means import Means
from poolwise.errors import ModelError
from poolwise.quantities import Estimate

Ints = NDArray[np.intp]


@final
@dataclass(frozen=True, eq=False)
class LinearEstimates:
    """Makes estimates of linear combinations of coefficients.

    Attributes
    ----------
    beta : ndarray, shape (p,)
        Coefficients.
    cov : ndarray, shape (p, p)
        Their covariance.
    df : ndarray, shape (p,)
        Degrees of freedom of each coefficient's t distribution; infinite for the normal one.
    tau2 : ndarray, shape (p,)
        Between-study variance about each coefficient's mean effect.
    new_df : ndarray, shape (p,)
        Degrees of freedom of prediction intervals.
    wald : ndarray, shape (p, p)
        Their inverse-variance covariance.
    floor : ndarray, shape (p, p)
        Their covariance, or the inverse-variance one where that is larger.
    words, prediction_words : str
        Words for the interval, ``"Hartung-Knapp"``, and for that of a new study, ``"t, k - p"``.
    """

    beta: Array
    cov: Array
    df: Array
    tau2: Array
    new_df: Array
    wald: Array
    floor: Array
    words: str
    prediction_words: str

    def __call__(self, c: Array, *, new: bool) -> Estimate:
        """The mean effect c'beta, or the true effect in a new study with that mean effect."""
        sd, wald, floor = (math.sqrt(float(c @ cov @ c)) for cov in (self.cov, self.wald, self.floor))
        mean = mean_effect(float(c @ self.beta), sd, self._df(c), wald, self._kind(c))
        if not new:
            return mean
        which = int(np.argmax(np.abs(c)))
        return new_effect(mean, float(self.tau2[which]), floor, float(self.new_df[which]), self.prediction_words)

    def _df(self, c: Array) -> float:
        """Degrees of freedom: those of the fit, or by Satterthwaite where coefficients of separate fits meet."""
        used = np.flatnonzero(c)
        if len(set(self.df[used].tolist())) == 1:
            return float(self.df[used[0]])
        parts = c[used] ** 2 * np.diagonal(self.cov)[used]
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(parts.sum() ** 2 / (parts**2 / self.df[used]).sum())

    def _kind(self, c: Array) -> str:
        return self.words if len(set(self.df[np.flatnonzero(c)].tolist())) == 1 else f"{self.words}, Satterthwaite"


@final
@dataclass(frozen=True, eq=False)
class Part:
    """The fit of some of the studies.

    Attributes
    ----------
    rows : ndarray
        Which studies.
    coef, between, test : Coefficients, Tau2, QTest
    """

    rows: Ints
    coef: Coefficients
    between: Tau2
    test: QTest


@final
@dataclass(frozen=True, eq=False)
class Several:
    """What a fit of several mean effects yields.

    Attributes
    ----------
    means : Means
        Names and design.
    parts : tuple of Part
        One fit of all studies, or one for each subgroup.
    linear : LinearEstimates
    quantities : dict of str to Estimate
    weights : ndarray, shape (k,)
        Share of each study in what its estimate informs; sums to 1 (within each subgroup).
    notes : tuple of str
    absent : dict of str to str
        Why a quantity is not there.
    """

    means: Means
    parts: tuple[Part, ...]
    linear: LinearEstimates
    quantities: dict[str, Estimate]
    weights: Array
    notes: tuple[str, ...]
    absent: dict[str, str] = field(default_factory=dict)

    def study(self, row: int, words: str) -> Estimate:
        """The shrunken effect of the study in this row."""
        part = next(one for one in self.parts if row in one.rows)
        place = int(np.flatnonzero(part.rows == row)[0])
        return StudyEstimates(part.coef, part.between.value, f"BLUP ({words})")(place)


def regression(effects: Effects, means: Means, estimator: str | float, interval: str, prediction: str) -> Several:
    """A weighted least-squares fit of all coefficients at one tau2.

    QE = y'Py at tau2 = 0 tests residual heterogeneity against chi-square with k - p. QM = b'cov(b)^-1 b tests
    that all coefficients b but the intercept are 0: against chi-square with m, their number, for the Wald interval,
    and QM / m against F with m and k - p otherwise. R2 = max(0, 1 - tau2 / tau2 without moderators), for designs with
    an intercept.

    Parameters
    ----------
    effects : Effects
    means : Means
        Design and names.
    estimator : str or float
        Of tau2, or tau2 itself.
    interval, prediction : str
        Keys of `INTERVALS` and `PREDICTIONS`.

    Returns
    -------
    Several

    References
    ----------
    Knapp & Hartung 2003, Statistics in Medicine 22, 10.1002/sim.1482; Raudenbush 2009, in The Handbook of Research
    Synthesis and Meta-Analysis, 2nd ed., chapter 16, for R2.
    """
    data = prepare(effects.y, effects.v, means.X)
    between = estimate_tau2(data, estimator)
    coef, test = coefficients(between.fit, interval), q_test(data)
    p = means.p
    linear = LinearEstimates(
        coef.beta[0],
        coef.cov[0],
        np.full(p, coef.df[0]),
        np.full(p, between.value[0]),
        np.full(p, prediction_df(data, prediction)[0]),
        coef.wald[0],
        coef.floor[0],
        _general(INTERVAL_WORDS[interval]),
        _general(PREDICTION_WORDS[prediction]),
    )
    quantities = {name: linear(c, new=False) for name, c in means.linear.items()}
    tau2 = float(between.value[0])
    of_tau2 = partial(profiled, data, between)
    quantities |= {"tau": of_tau2(np.sqrt), "tau2": of_tau2(itself, sd=float(between.se[0]))}
    quantities |= {name: linear(c, new=True) for name, c in means.new.items()}
    quantities |= {
        "I2": of_tau2(partial(i2_of_tau2, typical=test.typical)),
        "H2": of_tau2(partial(h2_of_tau2, typical=test.typical)),
        "QE": q_estimate(test),
    }
    notes: tuple[str, ...] = outside_profile(estimator, between, test) if isinstance(estimator, str) else ()
    absent = {} if means.design is None else _no_r2(means.design, estimator)
    quantities |= _omnibus_test(linear, means)
    if means.design is not None and isinstance(estimator, str) and not absent:
        quantities["R2"], more = _explained(effects, tau2, estimator)
        notes += more
    w = between.fit.w[0, 0]
    shares = w / w.sum() if means.design is not None else _within(w, means)
    parts = (Part(np.arange(effects.k), coef, between, test),)
    return Several(means, parts, linear, quantities, shares, notes, absent)


def _omnibus_test(linear: LinearEstimates, means: Means) -> dict[str, Estimate]:
    """The test that all moderators have no slope, or that all groups have one mean."""
    unit = np.eye(means.p)
    if means.design is None:
        return {"Q_between": _omnibus(linear, unit[1:] - unit[0])}
    return {"QM": _omnibus(linear, unit[[name != INTERCEPT for name in means.design.names]])}


def _omnibus(linear: LinearEstimates, contrasts: Array) -> Estimate:
    """The test that all these linear combinations are 0."""
    m = len(contrasts)
    if m == 0 or not linear.cov.any():  # without the floor, estimates that are all the same have no variance
        return Estimate(math.nan)
    b = contrasts @ linear.beta
    statistic = float(b @ np.linalg.solve(contrasts @ linear.cov @ contrasts.T, b))
    df = float(linear.df[0])
    if math.isinf(df):
        return Estimate(statistic, statistic=statistic, df=m, p_value=float(chdtrc(m, statistic)))
    return Estimate(
        statistic / m, statistic=statistic / m, df=m, p_value=float(fdtrc(m, df, statistic / m)), residual_df=df
    )


def _no_r2(design: Design, estimator: str | float) -> dict[str, str]:
    """Why there is no R2: it compares with the same model without its moderators, and with an estimate of tau2."""
    if not isinstance(estimator, str):
        return {"R2": "tau2 is stated, so that moderators cannot make its estimate smaller"}
    if INTERCEPT in design.names:
        return {}
    return {
        "R2": f"'{design.formula}' has no intercept, so that the model without moderators, a mean alone, is not this "
        "model with some coefficients at 0; with an intercept (for a factor the fit is the same) there is an R2"
    }


def _explained(effects: Effects, tau2: float, estimator: str) -> tuple[Estimate, tuple[str, ...]]:
    """R2, and a note where there is nothing to explain."""
    alone = float(estimate_tau2(prepare(effects.y, effects.v), estimator).value[0])
    if alone == 0.0:
        return Estimate(math.nan), ("R2 is not defined: the estimate of tau2 without moderators is 0.",)
    return Estimate(max(0.0, 1.0 - tau2 / alone)), ()


def separate(effects: Effects, means: Means, estimator: str | float, interval: str, prediction: str) -> Several:
    """A fit of its own for each subgroup, and what compares them.

    Q_between = sum w_g (mu_g - mu)^2 with w_g = 1 / var(mu_g) and mu the mean with these weights, against
    chi-square with G - 1. Differences between subgroups use Satterthwaite's degrees of freedom.

    Parameters
    ----------
    effects : Effects
    means : Means
        Of subgroups: a column of 0 and 1 for each.
    estimator : str or float
        Of tau2, or tau2 itself.
    interval, prediction : str
        Keys of `INTERVALS` and `PREDICTIONS`.

    Returns
    -------
    Several

    Raises
    ------
    ModelError
        For a subgroup of one study.

    References
    ----------
    Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 19, 10.1002/9780470743386.
    """
    levels = [name.removeprefix("mu[").removesuffix("]") for name in list(means.linear)[: means.p]]
    fits: list[Part] = []
    of_tau: dict[str, Estimate] = {}
    for level, column in zip(levels, means.X.T, strict=True):
        rows = np.flatnonzero(column)
        if len(rows) < 2:
            raise ModelError(
                f"the subgroup '{level}' has one study, '{effects.study[rows[0]]}'",
                "at least two studies for a tau2 of its own",
                "Subgroups(..., heterogeneity='common')",
            )
        data = prepare(effects.y[rows], effects.v[rows])
        between = estimate_tau2(data, estimator)
        fits.append(Part(rows, coefficients(between.fit, interval), between, q_test(data)))
        of_tau |= {f"tau[{level}]": profiled(data, between, np.sqrt)}
        of_tau |= {f"tau2[{level}]": profiled(data, between, itself, sd=float(between.se[0]))}
        of_tau |= {f"Q[{level}]": q_estimate(fits[-1].test)}
    linear = LinearEstimates(
        np.array([one.coef.beta[0, 0] for one in fits]),
        np.diag([one.coef.cov[0, 0, 0] for one in fits]),
        np.array([one.coef.df[0] for one in fits]),
        np.array([one.between.value[0] for one in fits]),
        np.array([prediction_df(one.coef.fit.data, prediction)[0] for one in fits]),
        np.diag([one.coef.wald[0, 0, 0] for one in fits]),
        np.diag([one.coef.floor[0, 0, 0] for one in fits]),
        INTERVAL_WORDS[interval],
        PREDICTION_WORDS[prediction],
    )
    quantities = {name: linear(c, new=False) for name, c in means.linear.items()} | of_tau
    quantities |= {name: linear(c, new=True) for name, c in means.new.items()}
    quantities["Q_between"] = _between(linear)
    w = np.empty(effects.k)
    for one in fits:
        w[one.rows] = one.between.fit.w[0, 0] / one.between.fit.w[0, 0].sum()
    return Several(means, tuple(fits), linear, quantities, w, ())


def _between(linear: LinearEstimates) -> Estimate:
    """The test that the means of separate subgroups are equal."""
    if not np.diagonal(linear.cov).all():  # estimates that are all the same, without the floor
        return Estimate(math.nan)
    w = 1.0 / np.diagonal(linear.cov)
    mean = float(w @ linear.beta / w.sum())
    statistic, df = float(w @ (linear.beta - mean) ** 2), len(w) - 1
    return Estimate(statistic, statistic=statistic, df=df, p_value=float(chdtrc(df, statistic)))


def _within(w: Array, means: Means) -> Array:
    """Shares that sum to 1 within each subgroup."""
    return w / (means.X @ (means.X.T @ w))


def _general(words: str) -> str:
    """Words for a convention where p coefficients are estimated instead of one mean."""
    return words.replace("k - 2", "k - p - 1").replace("k - 1", "k - p")
