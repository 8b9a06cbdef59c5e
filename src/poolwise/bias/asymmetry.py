"""A line through the funnel, and the record of every test that it is level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise import show
from poolwise.bias import _told
from poolwise.bias.requirements import LEVEL, few
from poolwise.closed_form.inference import coefficients, p_value
from poolwise.closed_form.least_squares import prepare
from poolwise.closed_form.tau2 import estimate_tau2
from poolwise.effects import Effects
from poolwise.engines.closed_form.quantities import mean_effect, symmetric
from poolwise.errors import InputError
from poolwise.quantities import Estimate
from poolwise.scale import as_scale
from poolwise.settings import check_prob

Array = NDArray[np.float64]

TILTED = (
    "Smaller studies report effects that lie more in the {} direction; whether because results were held back or "
    "because small studies differ in what they study, the test cannot tell."
)
LEVEL_FUNNEL = "The funnel is not shown to be asymmetric, which does not show that it is symmetric."
KINDS = {
    "lm": ("hartung-knapp", "t, k - 2, multiplicative dispersion"),
    "rma": ("wald", "Wald"),
    "t": ("t", "t, k - 2"),
}


@final
@dataclass(frozen=True, eq=False)
class Line:
    """A weighted straight line through effects.

    Attributes
    ----------
    intercept : Estimate
        Where the predictor is 0, with its interval and the test that it is 0.
    slope, slope_sd, df : float
        Slope with its standard error, and the degrees of freedom of both; infinite for the normal law.
    tau2 : float
        Between-study variance about the line; NaN for the multiplicative model.
    dispersion : float
        Factor on the inverse-variance covariance, sum w r^2 / (k - 2) in the multiplicative model; 1 otherwise.

    References
    ----------
    Thompson & Sharp 1999, Statistics in Medicine 18:2693,
    10.1002/(SICI)1097-0258(19991030)18:20<2693::AID-SIM235>3.0.CO;2-V.
    """

    intercept: Estimate
    slope: float
    slope_sd: float
    df: float
    tau2: float
    dispersion: float

    @property
    def statistic(self) -> float:
        """Slope over its standard error."""
        return self.slope / self.slope_sd

    @property
    def p_value(self) -> float:
        """Two-sided p-value of the slope."""
        return float(p_value(self.statistic, self.df))


def fit_line(asked: str, y: Array, v: Array, x: Array, model: str = "lm", tau2: str = "REML") -> Line:
    """Weighted least squares y = b0 + b1 x.

    ``"lm"``: weights 1 / v, the covariance times sum w r^2 / (k - 2), t with k - 2. ``"rma"``: weights
    1 / (v + tau2), normal; ``"t"`` the same with t, k - 2.

    Parameters
    ----------
    asked : str
        Who asks, for the message.
    y, v, x : ndarray, shape (k,)
        Effects, sampling variances (or what else the weights are the inverse of), predictor.
    model : {"lm", "rma", "t"}
    tau2 : str
        Estimator of the between-study variance.

    Returns
    -------
    Line

    Raises
    ------
    InputError
        When the effects lie on a line exactly, so that there is no error to measure the slope by.

    References
    ----------
    Thompson & Sharp 1999, Statistics in Medicine 18:2693,
    10.1002/(SICI)1097-0258(19991030)18:20<2693::AID-SIM235>3.0.CO;2-V, methods 2 and 3a.
    """
    interval, words = KINDS[model]
    data = prepare(y, v, np.column_stack([np.ones_like(x), x]))
    between = math.nan
    fit = data.at_zero
    if model != "lm":
        estimate = estimate_tau2(data, tau2)
        fit, between = estimate.fit, float(estimate.value[0])
    found = coefficients(fit, interval)
    dispersion = float(found.inflation[0])
    if dispersion == 0.0:
        raise InputError(
            f"{asked}: the {len(y)} effects lie on a straight line exactly, so that no error is left to measure its "
            "slope by",
            "effects that scatter",
            "model='rma', whose errors are those of the sampling variances",
        )
    (b0, b1), (sd0, sd1) = found.beta[0].tolist(), found.se[0].tolist()
    df = float(found.df[0])
    intercept = mean_effect(b0, sd0, df, math.sqrt(found.wald[0, 0, 0]), words)
    return Line(intercept, b1, sd1, df, between, dispersion)


@final
@dataclass(frozen=True, eq=False, repr=False)
class AsymmetryTest:
    """A regression test of whether small studies report other effects than large ones.

    Attributes
    ----------
    method : str
        ``"Egger's test"``.
    effects : Effects
    model : str
        Words for the regression: ``"weighted regression with multiplicative dispersion"``.
    predictor : str
        Words for the predictor: ``"standard error"``.
    statistic, df, p_value : float
        Test that the slope is 0; `df` is infinite where the statistic is normal. Two-sided.
    slope, slope_sd : float
        Change of the effect with the predictor, and its standard error.
    limit : Estimate
        Effect in a study of unlimited size, the intercept, with its confidence interval; NaN where the predictor of
        such a study is not 0.
    rises : bool
        Whether the predictor is larger in smaller studies.
    tau2 : float
        Between-study variance about the line; NaN for the multiplicative model.
    unit : str
        On what scale slope and limit are.
    notes : tuple of str
        What else is to be known, a sentence each.

    References
    ----------
    Egger et al. 1997, BMJ 315:629, 10.1136/bmj.315.7109.629; Sterne et al. 2011, BMJ 343:d4002, 10.1136/bmj.d4002, on
    what such tests can tell.
    """

    method: str
    effects: Effects
    model: str
    predictor: str
    statistic: float
    df: float
    p_value: float
    slope: float
    slope_sd: float
    limit: Estimate
    rises: bool
    tau2: float
    unit: str
    notes: tuple[str, ...] = ()

    def slope_interval(self, prob: float = 0.95) -> tuple[float, float]:
        """Confidence interval of the slope, by the law of the test."""
        return symmetric(self.slope, self.slope_sd, self.df, check_prob(prob))

    @property
    def test(self) -> str:
        """The test in words: ``"t = −1.40 on 11 df, p = 0.189"``."""
        df = f" on {self.df:.4g} df" if math.isfinite(self.df) else ""
        return f"{'t' if df else 'z'} = {show.number(self.statistic, 2)}{df}, p {show.probability(self.p_value)}"

    @property
    def sentence(self) -> str:
        """What was asked, the numbers, and what the test cannot tell at this k."""
        how = f"{self.model}, on the {self.predictor}, k = {self.effects.k}"
        return " ".join((f"{self.method} ({how}): {self.test}.", *self._rest))

    @property
    def _rest(self) -> tuple[str, ...]:
        said = [reading(self.p_value, (self.slope > 0.0) == self.rises)]
        if not math.isnan(self.limit.point):
            scale, unit = self.effects.scale, self.unit
            if unit != scale.label:  # the test has a measure of its own
                scale = as_scale("identity")
            elif scale.transform != "identity":
                unit = scale.natural_label
            limits = _told.limits(*self.limit.interval(0.95), scale)
            said.append(
                f"On that line a study without sampling error would report {_told.at(self.limit.point, scale)}, "
                f"95 % {show.kind(self.limit.interval_kind())} {limits} ({unit}), adjusted under this model."
            )
        return (*said, *few(self.effects.k), *self.notes)

    def __str__(self) -> str:
        """The sentence."""
        return show.wrapped([self.sentence])

    def __repr__(self) -> str:
        """One line: the test, studies."""
        return f"<{self.method}: {self.test}, k = {self.effects.k}>"

    def _repr_html_(self) -> str:
        """Slope, limit and the sentences, compact."""
        lower, upper = self.slope_interval(0.95)
        rows = [("slope", show.number(self.slope), show.interval(lower, upper), self.test)]
        if not math.isnan(self.limit.point):
            rows.append(
                ("limit", show.number(self.limit.point), show.interval(*self.limit.interval(0.95)),
                 show.kind(self.limit.interval_kind()))
            )  # fmt: skip
        return show.card(
            self.method,
            answer=" ".join(self._rest),
            facts=(self.effects.title, self.effects.counted, f"on the {self.predictor}", self.model),
            header=("", "estimate", "95 % confidence interval", "test, or kind of interval"),
            rows=rows,
        )


def reading(p: float, larger: bool) -> str:
    """What the p-value says and what it does not.

    Parameters
    ----------
    p : float
    larger : bool
        Whether the effects of smaller studies lie more in the positive direction.
    """
    if p < LEVEL:
        return TILTED.format("positive" if larger else "negative")
    return LEVEL_FUNNEL


def record(
    method: str, effects: Effects, line: Line, *, model: str, predictor: str, limit: Estimate | None = None,
    rises: bool = True, unit: str = "", notes: tuple[str, ...] = (),
) -> AsymmetryTest:  # fmt: skip
    """The record of a line; its intercept is the limit unless another is given."""
    return AsymmetryTest(
        method,
        effects,
        model,
        predictor,
        line.statistic,
        line.df,
        line.p_value,
        line.slope,
        line.slope_sd,
        line.intercept if limit is None else limit,
        rises,
        line.tau2,
        unit or effects.scale.label,
        notes,
    )
