"""Henmi and Copas's interval: random effects about the common-effect mean, which selection distorts less."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import final

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import gammainc

from poolwise import show
from poolwise.bias import _told
from poolwise.bias.requirements import FEW, need_independent
from poolwise.closed_form.least_squares import inverse_variance_fit, prepare
from poolwise.closed_form.tau2 import estimate_tau2
from poolwise.effects import Effects
from poolwise.engines.closed_form.quantities import symmetric
from poolwise.quantities import Estimate, in_full, in_words
from poolwise.settings import check_prob

Array = NDArray[np.float64]
NODES, WEIGHTS = leggauss(20)
PANELS = np.concatenate([[0.0], np.geomspace(1e-3, 1.0, 24)])  # of the tail, narrow at its begin
REACH = 9.0  # standard deviations beyond the critical value where the tail ends


@final
@dataclass(frozen=True, repr=False)
class HenmiCopas:
    """The common-effect mean with an interval that allows for heterogeneity.

    Attributes
    ----------
    mean : Estimate
        Point, standard error and interval at any probability.
    tau2 : float
        DerSimonian and Laird's estimate, which the interval uses.
    random : Estimate
        The random-effects mean (DerSimonian-Laird, Wald) beside which it is to be read.
    sentence : str
        Both in words.

    References
    ----------
    Henmi & Copas 2010, Statistics in Medicine 29:2969, 10.1002/sim.4029.
    """

    mean: Estimate
    tau2: float
    random: Estimate = field(repr=False)
    sentence: str

    def __str__(self) -> str:
        return show.wrapped([show.greek(self.sentence)])

    def __repr__(self) -> str:
        """One line: the mean with its interval."""
        return f"<HenmiCopas: μ = {in_full(self.mean)}>"

    def _repr_html_(self) -> str:
        """Both means, compact."""
        rows = [
            (name, in_words(mean), mean.interval_kind())
            for name, mean in (("Henmi-Copas", self.mean), ("random effects", self.random))
        ]
        header = ("", "μ and its 95 % interval", "kind of interval")
        return show.card("Henmi-Copas interval", header=header, rows=rows, answer=show.greek(self.sentence))


def henmi_copas(effects: Effects) -> HenmiCopas:
    """The mean weighted by 1 / v with an interval under random effects.

    mu = sum(w y) / W, w = 1 / v, W = sum w, has the variance (1 + tau2 W2 / W) / W, W2 = sum w^2, under random effects,
    and less weight on small studies than their mean has. With tau2 by DerSimonian and Laird the pivot

        T = (mu - mu_true) sqrt(W) / sqrt(1 + tau2_DL W2 / W)

    is not normal. Given R = sqrt(W) (mu - mu_true), Cochran's Q has a mean and a variance in closed form and is taken
    as gamma with these; then

        P(T > t) = integral over r > t of P(Q <= k - 1 + (W^2 / W2 - 1) (r^2 / t^2 - 1) | r) phi(r; 0, 1 + tau2 W2 / W),

    and the interval is mu -+ t sqrt((1 + tau2 W2 / W) / W) with the t at which it is (1 - prob) / 2, tau2 in the law of
    Q and R being the estimate.

    Parameters
    ----------
    effects : Effects

    Returns
    -------
    HenmiCopas

    Raises
    ------
    InputError
        For fewer than 2 studies, several effects of one study, or a reconstructed table.

    References
    ----------
    Henmi & Copas 2010, Statistics in Medicine 29:2969, 10.1002/sim.4029.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = pw.bias.henmi_copas(pw.datasets.load("bcg"))
    >>> round(found.mean.point, 3), [round(x, 2) for x in found.mean.interval(0.95)]
    (-0.43, [-1.16, 0.29])
    """
    table = need_independent(effects, "henmi_copas", least=2)
    data = prepare(table.y, table.v)
    between = estimate_tau2(data, "DL")
    tau2 = float(between.value[0])
    common, pooled = inverse_variance_fit(data), between.fit
    centre = float(data.centre[0, 0])
    point, random = centre + float(common.b[0, 0, 0]), centre + float(pooled.b[0, 0, 0])
    w = 1.0 / table.v
    se = float(np.sqrt((1.0 + tau2 * (w * w).sum() / w.sum()) / w.sum()))
    mean = Estimate(point, se, partial(_limits, point, se, table.v, tau2), "confidence (Henmi-Copas)")
    random_se = float(np.sqrt(pooled.A[0, 0, 0, 0]))
    beside = Estimate(random, random_se, partial(symmetric, random, random_se, math.inf), "confidence (Wald)")
    return HenmiCopas(mean, tau2, beside, _sentence(mean, beside, table))


def _limits(point: float, se: float, v: Array, tau2: float, prob: float) -> tuple[float, float]:
    reach = critical_value(v, tau2, prob) * se
    return point - reach, point + reach


def critical_value(v: Array, tau2: float, prob: float) -> float:
    """The t beyond which the pivot lies with probability (1 - prob) / 2 on either side.

    Parameters
    ----------
    v : ndarray, shape (k,)
        Sampling variances.
    tau2 : float
        Between-study variance in the law of the pivot.
    prob : float

    Returns
    -------
    float

    References
    ----------
    Henmi & Copas 2010, Statistics in Medicine 29:2969, 10.1002/sim.4029, section 3.
    """
    from scipy.optimize import brentq

    tail = 0.5 * (1.0 - check_prob(prob))
    unit = v.min()
    w, tau2 = unit / v, tau2 / unit
    total, square = w.sum(), (w * w).sum()
    sd = float(np.sqrt(1.0 + tau2 * square / total))
    free, factor = len(v) - 1.0, float((w * _others(w)).sum() / square)  # W^2 / W2 - 1
    law = _given_mean(w, tau2)

    def excess(t: float) -> float:
        r = t + REACH * sd * (PANELS[:-1, None] + 0.5 * np.diff(PANELS)[:, None] * (NODES + 1.0))
        weight = REACH * sd * 0.5 * np.diff(PANELS)[:, None] * WEIGHTS
        shape, scale = law(r)
        below = gammainc(shape, (free + factor * ((r / t) ** 2 - 1.0)) / scale)
        density = np.exp(-0.5 * (r / sd) ** 2) / (sd * np.sqrt(2.0 * np.pi))
        return float((weight * below * density).sum() - tail)

    low, high = 1e-3, 2.0 * sd
    while excess(high) > 0.0:
        low, high = high, 2.0 * high
    return float(brentq(excess, low, high, xtol=1e-13, rtol=1e-13, maxiter=500))


def _given_mean(w: Array, tau2: float) -> Callable[[Array], tuple[Array, Array]]:
    """Shape and scale of the gamma law of Q given R = r, as a function of r.

    With u = 1 + tau2 w the covariance of the estimates given R is D - u u' / (w'u), D = diag(u / w), and their mean
    u r sqrt(W) / (w'u); the moments of the quadratic form Q follow. They are written as moments of u under the shares
    p = w u / (w'u) and w / W, which loses no digits where one study has nearly all the weight.
    """
    u = 1.0 + tau2 * w
    cross, rest = float((w * u).sum()), _others(w * u)
    p = w * u / cross
    middle, mean = float((p * u).sum()), cross / float(w.sum())
    spread = float((p * (u - middle) ** 2).sum())
    mean_at_0 = float((rest / cross * u).sum())
    mean_slope = float((w * (u - mean) ** 2).sum() / w.sum()) / mean**2
    least = mean_at_0**2 / (len(w) - 1.0)  # of the sum of squares of k - 1 eigenvalues with this sum
    variance_at_0 = 2.0 * max(float((rest / cross * u * u).sum()) - spread, least)
    variance_slope = 4.0 * spread / mean

    def law(r: Array) -> tuple[Array, Array]:
        mean, variance = mean_at_0 + mean_slope * r * r, variance_at_0 + variance_slope * r * r
        return mean * mean / variance, variance / mean

    return law


def _others(x: Array) -> Array:
    """The sum of the other elements, for each."""
    rest = x.sum() - x
    largest = int(np.argmax(x))
    rest[largest] = np.delete(x, largest).sum()
    return rest


def _sentence(mean: Estimate, random: Estimate, table: Effects) -> str:
    k, scale = table.k, table.scale
    few = f" With {k} studies τ² is hardly known, and the interval rests on it." if k < FEW else ""
    return (
        f"Henmi-Copas: {_told.mean_is(mean, scale)} (95 % confidence, about the common-effect mean under random "
        f"effects), beside {_told.mean(random, scale)} (Wald) of random effects (DerSimonian-Laird), which gives small "
        "studies more weight. It is robust where selection hits small studies most; it does not tell whether there is "
        f"any, and it adjusts for none.{few}"
    )
