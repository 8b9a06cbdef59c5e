"""Limit meta-analysis: the effect in a study of infinite precision, under random effects that grow with the error."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from poolwise import show
from poolwise.bias import _told
from poolwise.bias.requirements import few, need_independent
from poolwise.closed_form.least_squares import prepare
from poolwise.closed_form.tau2 import ESTIMATORS, estimate_tau2
from poolwise.effects import Effects
from poolwise.engines.closed_form.quantities import symmetric
from poolwise.errors import InputError
from poolwise.quantities import Estimate, in_full, in_words
from poolwise.settings import check_option

Array = NDArray[np.float64]
SAME = 1e-12  # share of the largest by which standard errors that are the same may differ


@final
@dataclass(frozen=True, repr=False)
class LimitMetaAnalysis:
    """The effect in a study of infinite precision.

    Attributes
    ----------
    mean : Estimate
        beta0 = beta + tau alpha: the mean adjusted under the model.
    alpha, beta : float
        Shift of the standardised effect by small-study effects, and what remains: intercept and slope of the
        generalised radial plot.
    beta_limit, mu_limit : float
        Two other adjusted means, from the studies' effects shrunken towards the limit: the slope of their radial plot,
        with an intercept, and their common-effect mean, without one.
    shrunken : tuple of float
        The studies' effects in the limit, length k.
    tau2 : float
        Between-study variance, as estimated without small-study effects.
    g2 : float
        G2, the share of variance in the limit's radial plot that small-study effects do not explain: heterogeneity
        beyond them, between 0 and 1.
    q, q_small, q_residual : float
        Cochran's Q, and its parts: by small-study effects (1 df) and what is left (k - 2 df).
    p_small, p_residual : float
        p-values of these parts.
    sentence : str
        The adjusted mean in words and what it assumes.

    References
    ----------
    Rücker, Schwarzer, Carpenter, Binder & Schumacher 2011, Biostatistics 12:122, 10.1093/biostatistics/kxq046.
    """

    mean: Estimate
    alpha: float
    beta: float
    beta_limit: float
    mu_limit: float
    shrunken: tuple[float, ...] = field(repr=False)
    tau2: float
    g2: float
    q: float
    q_small: float
    q_residual: float
    p_small: float
    p_residual: float
    sentence: str

    def __str__(self) -> str:
        return show.wrapped([show.greek(self.sentence)])

    def __repr__(self) -> str:
        """One line: the adjusted mean and G2."""
        return f"<LimitMetaAnalysis: μ = {in_full(self.mean)}, G² = {show.percent(self.g2)}>"

    def _repr_html_(self) -> str:
        """The three adjusted means, compact."""
        rows = [
            ("expectation in the limit (β₀)", in_words(self.mean)),
            ("limit, with a bias (β_limit)", show.number(self.beta_limit)),
            ("limit, without (μ_limit)", show.number(self.mu_limit)),
        ]
        return show.card("Limit meta-analysis", header=("", "μ"), rows=rows, answer=show.greek(self.sentence))


def limit_meta_analysis(effects: Effects, *, tau2: str = "REML") -> LimitMetaAnalysis:
    """Adjust the mean for small-study effects: what a study without sampling error would be expected to find.

        y_i = beta + sqrt(s_i^2 + tau2) (alpha + e_i),  e_i ~ Normal(0, 1),

    so that y_i / sd_i against 1 / sd_i, sd_i = sqrt(s_i^2 + tau2), is a straight line with the intercept alpha and the
    slope beta: the maximum-likelihood estimates are those of least squares. As s_i goes to 0 with e_i as it was, the
    study's effect becomes beta + tau (y_i - beta) / sd_i, whose expectation is beta0 = beta + tau alpha. The standard
    error of beta0 is that of least squares with unit variance, given tau2; its interval is normal.

    Parameters
    ----------
    effects : Effects
    tau2 : str
        Estimator of tau2, as in `ClosedForm`.

    Returns
    -------
    LimitMetaAnalysis

    Raises
    ------
    InputError
        For fewer than 3 studies, equal standard errors, several effects of one study, or a reconstructed table.
    ModelError
        For an unknown estimator.

    Notes
    -----
    REML is the default of `ClosedForm`; the authors' software has used DL as well, which moves beta0 through tau. It
    gives beta0 the standard error of the limit's slope, 1 / sqrt(sum (x - mean x)^2) with x = 1 / s, which is smaller
    than the one here where tau is above 0.

    References
    ----------
    Rücker, Schwarzer, Carpenter, Binder & Schumacher 2011, Biostatistics 12:122, 10.1093/biostatistics/kxq046; G2 is
    defined in its section 7.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = pw.bias.limit_meta_analysis(pw.datasets.load("bcg"))
    >>> round(found.mean.point, 2), round(found.g2, 2)
    (-0.63, 0.91)
    """
    table = need_independent(effects, "limit_meta_analysis", least=3)
    check_option("tau2", tau2, ESTIMATORS)
    y, se = table.y, table.se
    _refuse_equal(se)
    between = float(estimate_tau2(prepare(y, table.v), tau2).value[0])
    tau, sd = np.sqrt(between), np.sqrt(table.v + between)
    _refuse_equal_beside(float(tau), sd)
    alpha, beta, cov = _line(y, sd)
    shrunken = beta + tau * (y - beta) / sd
    reach = np.array([tau, 1.0])
    mean = float(beta + tau * alpha)
    se_mean = float(np.sqrt(reach @ cov @ reach))
    limits = partial(symmetric, mean, se_mean, math.inf)
    estimate = Estimate(mean, se_mean, limits, "confidence (Wald, limit meta-analysis)")
    q, q_residual = _parts_of_q(y, se)
    limit_alpha, beta_limit, _ = _line(shrunken, se)
    return LimitMetaAnalysis(
        estimate,
        alpha,
        beta,
        beta_limit,
        float(np.average(shrunken, weights=1.0 / table.v)),
        tuple(shrunken.tolist()),
        between,
        _unexplained(shrunken, se, limit_alpha, beta_limit) if between else 0.0,
        q,
        q - q_residual,
        q_residual,
        float(chdtrc(1.0, q - q_residual)),
        float(chdtrc(table.k - 2.0, q_residual)),
        _sentence(estimate, _random(y, sd), _unexplained(shrunken, se, limit_alpha, beta_limit), between, table),
    )


def _refuse_equal(se: Array) -> None:
    """Refuse standard errors that do not differ."""
    if np.ptp(se) <= SAME * se.max():
        raise InputError(
            "all standard errors are equal, so that an effect of their size cannot be told from the mean",
            "standard errors that differ",
            "pw.bias.s_value(effects, direction=...), which needs no differences in size",
        )


def _refuse_equal_beside(tau: float, sd: Array) -> None:
    """Refuse standard errors that do not differ beside tau."""
    if np.ptp(sd) <= SAME * sd.max():
        raise InputError(
            f"tau is estimated at {show.number(tau)}, beside which all standard errors are the same, so that "
            "small studies cannot be told from large ones",
            "heterogeneity that leaves standard errors a part in the spread",
            "looking at the estimates that lie farthest out",
        )


def _line(y: Array, sd: Array) -> tuple[float, float, Array]:
    """Intercept and slope of y / sd against 1 / sd, and their covariance for errors of unit variance.

    Centred on the mean of 1 / sd: cov(slope) = 1 / S, S = sum (x - mean x)^2.
    """
    x, z = 1.0 / sd, y / sd
    middle = x.mean()
    square = ((x - middle) ** 2).sum()
    slope = float(((x - middle) * (z - z.mean())).sum() / square)
    intercept = float(z.mean() - slope * middle)
    shared = -middle / square
    return intercept, slope, np.array([[1.0 / len(x) + middle**2 / square, shared], [shared, 1.0 / square]])


def _parts_of_q(y: Array, se: Array) -> tuple[float, float]:
    """Cochran's Q, and what the radial plot's line leaves of it."""
    w = 1.0 / se**2
    q = float((w * (y - (w * y).sum() / w.sum()) ** 2).sum())
    intercept, slope, _ = _line(y, se)
    return q, float(min(((y / se - intercept - slope / se) ** 2).sum(), q))


def _unexplained(shrunken: Array, se: Array, intercept: float, slope: float) -> float:
    """1 - R2 of the limit's radial plot."""
    z = shrunken / se
    spread = ((z - z.mean()) ** 2).sum()
    return float(((z - intercept - slope / se) ** 2).sum() / spread) if spread > 0.0 else 0.0


def _random(y: Array, sd: Array) -> float:
    return float(np.average(y, weights=1.0 / sd**2))


def _sentence(mean: Estimate, random: float, g2: float, tau2: float, table: Effects) -> str:
    share = (
        f"G² = {show.percent(g2 if tau2 else 0.0)} of the variance in the limit is heterogeneity beyond these effects"
    )
    told = (
        f"Limit meta-analysis: {_told.mean_is(mean, table.scale)} (95 % confidence, Wald, given τ²) instead of "
        f"{_told.at(random, table.scale)} of random effects, adjusted under the model that the effects of small "
        f"studies are shifted in proportion to their spread; {share}. Small-study effects need not come from selection."
    )
    return " ".join((told, *few(table.k)))
