"""p-uniform*: mean and heterogeneity from where estimates lie within what their significance allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri, log_ndtr

from poolwise import show
from poolwise.bias import _told
from poolwise.bias.requirements import (
    check_alpha,
    few,
    need_independent,
    need_no_effect,
    sign_of,
)
from poolwise.closed_form.inference import coefficients
from poolwise.closed_form.least_squares import prepare
from poolwise.closed_form.tau2 import estimate_tau2
from poolwise.effects import Effects
from poolwise.errors import InputError
from poolwise.model.publication import NOT_SAID, Direction
from poolwise.quantities import Estimate, in_full, in_words
from poolwise.scale import Scale
from poolwise.selection.intervals import Intervals

Array = NDArray[np.float64]
LOG_ROOT_2PI = 0.5 * np.log(2.0 * np.pi)
SPACING = 0.25  # of values of tau2 in log(v_min + tau2), among which maxima are looked for
MEANS, NEAR = 161, 0.5  # values of mu, even up to that distance from the estimates and geometric beyond
FINER, MANY = 4, 12  # parts of a step between values of mu near the maximum, unless so many are near
RIPPLE = 0.02  # of the log likelihood for each study, by which a scan with steps of 2 SPACING may be too low
WIDEST = 30.0  # of tau, in units of the range of the estimates and the median standard error
FARTHEST = 1e3  # of mu from the estimates in the same unit; beyond, an interval is said to have no end
OUTSIDE = 1.5  # units between a mean and the median estimate, from which the mean is said to be far outside
FLAT = 1e-7  # log likelihood by which a maximum must stand above what an infinite mean reaches


@final
@dataclass(frozen=True, repr=False)
class PUniformStar:
    """Mean and heterogeneity, given which estimates are significant.

    Attributes
    ----------
    mean : Estimate
        Maximum-likelihood estimate with profile-likelihood intervals; a limit is infinite where none is reached.
    tau : float
        Its companion for the between-study standard deviation.
    statistic, p_value : float
        Likelihood-ratio test of the random-effects estimates (mu and tau2 by Paule and Mandel) within this likelihood,
        chi-square on 2 df: no publication bias.
    significant, others : int
        Estimates on either side of significance in the direction.
    log_likelihood : float
        At the maximum.
    direction : {"positive", "negative"}
    sentence : str
        The mean in words and what it assumes.

    References
    ----------
    van Aert & van Assen 2023, Correcting for publication bias in a meta-analysis with the p-uniform* method, preprint,
    10.31222/osf.io/zqjr9.
    """

    mean: Estimate
    tau: float
    statistic: float
    p_value: float
    significant: int
    others: int
    log_likelihood: float = field(repr=False)
    direction: Direction
    sentence: str

    def __str__(self) -> str:
        return show.wrapped([show.greek(self.sentence)])

    def __repr__(self) -> str:
        """One line: mean, tau, test."""
        return f"<PUniformStar: μ = {in_full(self.mean)}, τ = {show.number(self.tau)}>"

    def _repr_html_(self) -> str:
        """Mean, heterogeneity and test, compact."""
        rows = [("μ", in_words(self.mean)), ("τ", show.number(self.tau)), ("p, no bias", show.chance(self.p_value))]
        return show.card("p-uniform*", header=("", "estimate"), rows=rows, answer=show.greek(self.sentence))


def p_uniform_star(effects: Effects, *, direction: Direction = NOT_SAID, alpha: float = 0.05) -> PUniformStar:
    """Mean and heterogeneity by maximum likelihood, each estimate given that it is significant, or that it is not.

    With c_i = z_(1 - alpha/2) s_i, sd_i = sqrt(s_i^2 + tau2) and estimates turned into the direction that gets
    published,

        L(mu, tau) = prod over y_i >= c_i of phi((y_i - mu) / sd_i) / (sd_i Phi((mu - c_i) / sd_i))
                   x prod over y_i <  c_i of phi((y_i - mu) / sd_i) / (sd_i Phi((c_i - mu) / sd_i)),

    maximised over mu and tau >= 0. However much likelier significant results are published than others, it is the same:
    only within each of the two groups must publication not depend on the result. Intervals invert the likelihood-ratio
    test of mu with tau at its best for each mu. The test of publication bias holds the maximum against L at the
    random-effects estimates: 2 (log L(mu, tau) - log L(mu_PM, tau_PM)) on 2 df.

    Parameters
    ----------
    effects : Effects
    direction : {"positive", "negative"}
        Of the significant results that get published.
    alpha : float
        Two-sided level at which the studies were tested; its half cuts in the direction.

    Returns
    -------
    PUniformStar
        `mean` in the direction of the table, not turned.

    Raises
    ------
    InputError
        For fewer than 3 studies, several effects of one study, a reconstructed table; where the maximum does not exist,
        as may be when all estimates are significant, or none is.
    ModelError
        For an unknown direction, or a scale without a null value.

    Notes
    -----
    alpha = 0.05, two-sided, is the level that studies use. The direction has no default: the data cannot tell it.

    References
    ----------
    van Aert & van Assen 2023, Correcting for publication bias in a meta-analysis with the p-uniform* method, preprint,
    10.31222/osf.io/zqjr9.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = pw.bias.p_uniform_star(pw.datasets.load("bcg"), direction="negative")
    >>> round(found.mean.point, 2), round(found.tau, 2)
    (-0.72, 0.46)
    """
    table = need_independent(effects, "p_uniform_star", least=3)
    need_no_effect(table, "p_uniform_star")
    sign, level = sign_of(direction), check_alpha(alpha)
    unit = float(np.ptp(table.y) + np.median(table.se))
    within = _Truncated.of(sign * table.y / unit, table.se / unit, level)
    top = within.maximum()
    if top.value <= within.at_infinity() + FLAT:
        raise InputError(_unbounded(within, direction), "estimates on both sides of significance", _INSTEAD)
    pooled = estimate_tau2(prepare(table.y, table.v), "PM")
    random = float(coefficients(pooled.fit, "wald").beta[0, 0])
    mu, tau2 = sign * random / unit, float(pooled.value[0]) / unit**2
    statistic = max(2.0 * (top.value - float(within.log_likelihood(np.array(mu), np.array(tau2)))), 0.0)
    p_value = float(chdtrc(2.0, statistic))
    se = within.standard_error(top) * unit
    limits = partial(_limits, within, top, sign, unit)
    mean = Estimate(sign * top.mu * unit, se, limits, "confidence (profile likelihood)")
    tau, counts = float(np.sqrt(top.tau2)) * unit, (int(within.above.sum()), int((~within.above).sum()))
    outside = abs(top.mu - float(np.median(within.y))) > OUTSIDE
    words = _sentence(mean, tau, random, p_value, counts, direction, outside, table.scale)
    shift = -table.k * np.log(unit)
    return PUniformStar(mean, tau, statistic, p_value, *counts, top.value + shift, direction, words)


_INSTEAD = "pw.bias.s_value(effects, direction=...), or a selection model with a prior on mu"


@final
@dataclass(frozen=True)
class _Top:
    """The maximum of a likelihood."""

    mu: float
    tau2: float
    value: float


@final
@dataclass(frozen=True, eq=False)
class _Truncated:
    """The likelihood of estimates in the direction that gets published, given on which side of a cut each lies.

    Attributes
    ----------
    y, v, cut : ndarray
        Estimates, sampling variances and cuts, shape (k,).
    above : ndarray of bool
        Which estimates are significant.
    """

    y: Array
    v: Array
    cut: Array
    above: NDArray[np.bool_]

    @classmethod
    def of(cls, y: Array, se: Array, alpha: float) -> _Truncated:
        """The likelihood of estimates tested at a two-sided level."""
        steps = Intervals(np.array([0.5 * alpha]), 1)
        return cls(y, se**2, se * steps.cuts[0], steps.holding(y / se) == 0)

    @property
    def side(self) -> Array:
        """1 where an estimate lies above its cut, -1 below."""
        return np.where(self.above, 1.0, -1.0)

    def _standard(self, mu: Array, tau2: Array) -> tuple[Array, Array, Array]:
        variance = self.v + tau2[..., None]
        sd = np.sqrt(variance)
        return variance, (self.y - mu[..., None]) / sd, self.side * (mu[..., None] - self.cut) / sd

    def log_likelihood(self, mu: Array, tau2: Array) -> Array:
        """Log likelihoods at values of mu and tau2 of one shape."""
        variance, z, h = self._standard(mu, tau2)
        return (-0.5 * z * z - 0.5 * np.log(variance) - LOG_ROOT_2PI - log_ndtr(h)).sum(-1)

    def slopes(self, mu: Array, tau2: Array) -> tuple[Array, Array]:
        """Its slopes in mu and tau2, at values of one shape."""
        variance, z, h = self._standard(mu, tau2)
        mills = np.exp(-0.5 * h * h - LOG_ROOT_2PI - log_ndtr(h))
        in_mu = ((z - mills * self.side) / np.sqrt(variance)).sum(-1)
        return in_mu, ((z * z - 1.0 + mills * h) / (2.0 * variance)).sum(-1)

    def at_infinity(self) -> float:
        """What the likelihood tends to where mu runs away with tau2 in proportion; -inf where it falls without end.

        Distances from the cuts are then exponential with one rate, which can hold on one side only.
        """
        if self.above.any() and not self.above.all():
            return -np.inf
        distance = np.abs(self.y - self.cut).sum()
        k = len(self.y)
        return float(k * np.log(k / distance) - k) if distance > 0.0 else np.inf

    def _grid(self, top: float, spacing: float = SPACING) -> Array:
        """Values of tau2 from 0 to `top`, even in log(v_min + tau2), where a study's slope varies on a scale of 1."""
        least = float(self.v.min())
        width = np.log1p(top / least)
        return np.expm1(np.linspace(0.0, width, int(width / spacing) + 2)) * least

    def best_tau2(self, mu: float) -> tuple[float, float]:
        """The tau2 at which the likelihood of this mu is largest, and that likelihood."""
        from scipy.optimize import brentq

        grid = self._grid((WIDEST * max(1.0, abs(mu - float(self.y.mean())))) ** 2)
        means = np.full(len(grid), mu)
        slope = self.slopes(means, grid)[1]

        def of_tau2(tau2: float) -> float:
            return float(self.slopes(np.array(mu), np.array(tau2))[1])

        falls = np.flatnonzero((slope[:-1] > 0.0) & (slope[1:] <= 0.0))
        maxima = [brentq(of_tau2, grid[at], grid[at + 1], xtol=1e-300, rtol=1e-14, maxiter=500) for at in falls]
        tau2 = np.array(([0.0] if slope[0] <= 0.0 else []) + maxima or [grid[-1]])
        values = self.log_likelihood(np.full(len(tau2), mu), tau2)
        return float(tau2[np.argmax(values)]), float(values.max())

    def profile(self, mu: float) -> float:
        """The likelihood of this mu with tau2 at its best."""
        return self.best_tau2(mu)[1]

    def maximum(self) -> _Top:
        """The largest likelihood over mu and tau2, where the slope of the profile falls through 0.

        It is looked for wherever a scan, whose values of tau2 are too coarse to tell, comes near its largest value.
        """
        from scipy.optimize import brentq

        ends = np.arcsinh(FARTHEST / NEAR)
        means = float(self.y.mean()) + NEAR * np.sinh(np.linspace(-ends, ends, MEANS))
        grid = self._grid((WIDEST * FARTHEST) ** 2, 2.0 * SPACING)
        scan = np.array([self.log_likelihood(np.full(len(grid), mu), grid).max() for mu in means])
        near = np.flatnonzero(scan >= scan.max() - (0.5 + RIPPLE * len(self.y)))
        places = np.unique(np.clip(near[:, None] + np.arange(-1, 2), 0, MEANS - 1))
        parts = FINER if len(places) < MANY else 1
        inside = np.interp(np.arange(parts * (len(places) - 1) + 1) / parts, np.arange(len(places)), means[places])

        def slope(mu: float) -> float:
            return float(self.slopes(np.array(mu), np.array(self.best_tau2(mu)[0]))[0])

        slopes = np.array([slope(mu) for mu in inside])
        falls = np.flatnonzero((slopes[:-1] > 0.0) & (slopes[1:] <= 0.0))
        roots = [brentq(slope, inside[at], inside[at + 1], xtol=1e-14, rtol=1e-14) for at in falls]
        tops = [_Top(mu, *self.best_tau2(mu)) for mu in [float(means[np.argmax(scan)]), *roots]]
        return max(tops, key=lambda top: top.value)

    def standard_error(self, top: _Top) -> float:
        """From the curvature of the profile at the maximum; NaN where it has none."""
        step = 1e-3 * np.sqrt(top.tau2 + float(self.v.min()))
        means = np.array([top.mu - step, top.mu + step])
        lower, upper = self.slopes(means, np.array([self.best_tau2(mu)[0] for mu in means]))[0]
        return float(np.sqrt(2.0 * step / (lower - upper))) if lower > upper else np.nan


def _limits(within: _Truncated, top: _Top, sign: float, unit: float, prob: float) -> tuple[float, float]:
    """Where the profile falls by half the quantile of chi-square on 1 df, in the direction of the table."""
    drop = top.value - 0.5 * float(chdtri(1.0, 1.0 - prob))
    ends = sorted(sign * unit * _end(within, top.mu, drop, way) for way in (-1.0, 1.0))
    return ends[0], ends[1]


def _end(within: _Truncated, mu: float, drop: float, way: float) -> float:
    from scipy.optimize import brentq

    near, step = mu, 0.05
    while abs(near - mu) < FARTHEST:
        far = near + way * step
        if within.profile(far) < drop:
            return float(brentq(lambda x: within.profile(x) - drop, near, far, xtol=1e-14, rtol=1e-13))
        near, step = far, 2.0 * step
    return way * np.inf


def _unbounded(within: _Truncated, direction: str) -> str:
    all_of = "all estimates are" if within.above.all() else "no estimate is"
    way = "away from it" if within.above.all() else "beyond it"
    return (
        f"{all_of} significant in the {direction} direction, and they lie so close to significance that the likelihood "
        f"rises without end as mu runs {way}: the maximum does not exist"
    )


def _sentence(
    mean: Estimate,
    tau: float,
    random: float,
    p_value: float,
    counts: tuple[int, int],
    direction: str,
    outside: bool,
    scale: Scale,
) -> str:
    one_sided = "" if all(counts) else " All lie on one side of significance, so that the mean rests on little."
    far = " It lies far outside the estimates, as happens where they lie close to significance." if outside else ""
    told = (
        f"p-uniform*: {_told.mean_is(mean, scale)} (95 % confidence, profile likelihood), tau = {show.number(tau)}, "
        f"instead of {_told.at(random, scale)} of random effects; adjusted under the model that publication depends on "
        f"significance ({direction}: {counts[0]} significant, {counts[1]} not) and on nothing else. Test of no "
        f"publication bias: p {show.probability(p_value)}.{one_sided}{far}"
    )
    return " ".join((told, *few(sum(counts))))
