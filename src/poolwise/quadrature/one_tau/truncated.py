"""A mean effect whose normal prior is restricted to an interval: one-sided priors.

Given tau everything is as under the whole normal prior, restricted to lower <= mu <= upper: the likelihood of tau
gains the factor P(lower <= mu <= upper | tau, y) / P(lower <= mu <= upper), and what depends on mu linearly with
normal noise is a normal variable selected by another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, ndtr, ndtri_exp, owens_t

from poolwise.quadrature.one_tau.jobs import MEAN, Studies
from poolwise.quadrature.one_tau.mixtures import Mixtures, shrunken
from poolwise.quadrature.one_tau.tails import CUT, LowerTail, density_panels, peaks_of
from poolwise.quadrature.rules.panels import Panels
from poolwise.quadrature.rules.refine import LOWEST

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
_ROOT_2PI = np.sqrt(2.0 * np.pi)
CANCELLED = 1e-6  # probability from which Owen's T, and the panels of the whole law, leave too few digits
NODES = 64  # of the sum that gives moments of a remote tail
ROOT_2 = np.sqrt(2.0)
ALONE = 1e-7  # share of x that m leaves open, below which x is m: the root of a rounding error is 1.5e-8
NEGLIGIBLE = 1e-18  # weight of a component that says nothing
LITTLE = -12.0  # log probability within the limits below which probabilities are read from the density
ALL_THERE = 80.0  # difference of squares from which the probability below the far limit is lost in rounding: e^-40
CHOSEN = 8  # components about which the first panels stand, by place and by width
OFFSETS = np.array([-40.0, -12.0, -6.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0, 12.0, 40.0])


@final
@dataclass(frozen=True, eq=False)
class TruncatedStudies:
    """A study table of a single job with mu ~ N(m0, s0^2) restricted to [lower, upper].

    Attributes
    ----------
    whole : Studies
        Under the whole normal prior.
    lower, upper : float
        On the scale of the estimates.
    """

    whole: Studies
    lower: float
    upper: float

    @property
    def y(self) -> Array:
        """Centred estimates."""
        return self.whole.y

    @property
    def v(self) -> Array:
        """Variances."""
        return self.whole.v

    @property
    def proper(self) -> NDArray[np.bool_]:
        """The prior is proper."""
        return self.whole.proper

    @property
    def known(self) -> NDArray[np.bool_]:
        """The mean effect is not stated."""
        return self.whole.known

    def narrowest(self) -> Array:
        """Sd of mu at tau = 0 under the whole prior."""
        return self.whole.narrowest()

    def given_tau(self, job: Ints, tau: Array) -> Array:
        """Log likelihood, and mean and sd of mu under the whole normal prior, given tau, shape (3, P, q)."""
        values = self.whole.given_tau(job, tau)
        offset = self.whole.offset[0]
        a, b = ((limit - offset - values[1]) / values[2] for limit in (self.lower, self.upper))
        m0, s0 = self.whole.m0[0], self.whole.s0[0]
        ends = np.array([(limit - offset - m0) / s0 for limit in (self.lower, self.upper)])
        values[0] += log_mass(a, b) - log_mass(ends[:1], ends[1:])[0]
        return values

    def combination(self, values: Array, c: Array) -> tuple[Array, Array]:
        """Mean and sd of c mu under the whole normal prior."""
        return self.whole.combination(values, c)

    def at_origin(self, c: Array) -> Array:
        """What means are measured from."""
        return self.whole.at_origin(c)

    def at_study(self, i: int) -> Array:
        """The weight of mu in the mean effect of study i."""
        return self.whole.at_study(i)

    def draw(self, values: Array, rng: np.random.Generator) -> Array:
        """Draws of mu, one at each node, by inversion within the limits, shape (1, J)."""
        mean, sd = values[1] + self.whole.offset[0], values[2]
        one = Selected(np.ones(1), mean, sd, mean, sd, sd, self.lower, self.upper)
        return one.inverted(rng.random(mean.shape))[None]


@final
@dataclass(frozen=True, eq=False)
class TruncatedMixtures:
    """What is normal given tau and a restricted mu.

    Attributes
    ----------
    whole : Mixtures
        Its tables are `TruncatedStudies`, its weights those under the restricted prior.
    lower, upper : float
    """

    whole: Mixtures
    lower: float
    upper: float

    def linear(self, c: Array) -> Selected:
        """The posterior of c mu."""
        mean, sd = self._mu()
        return self._selected(c[0] * mean, np.abs(c[0]) * sd, c[0] * sd * sd)

    def new(self, c: Array) -> Selected:
        """The posterior of the true effect in a new study, N(c mu, tau^2)."""
        mean, sd = self._mu()
        return self._selected(c[0] * mean, np.hypot(c[0] * sd, self.whole.tau), c[0] * sd * sd)

    def theta(self, i: int) -> Selected:
        """The posterior of the true effect in study i."""
        nodes = self.whole
        centre, spread = shrunken(nodes.tables, i, nodes.tau, nodes.values)
        v = nodes.tables.v[0, i]
        pull = v / (v + nodes.tau * nodes.tau)
        return self._selected(centre + nodes.tables.at_origin(MEAN)[0], spread, pull * self._mu()[1] ** 2)

    def _mu(self) -> tuple[Array, Array]:
        mean, sd = self.whole.tables.combination(self.whole.values, MEAN)
        return mean + self.whole.tables.at_origin(MEAN)[0], sd

    def _selected(self, centre: Array, spread: Array, covariance: Array) -> Selected:
        mean, sd = self._mu()
        return Selected(self.whole.weight, centre, spread, mean, sd, covariance / sd, self.lower, self.upper)


@final
@dataclass(frozen=True, eq=False)
class Selected:
    """Mixture of x given lower <= m <= upper, x ~ N(centre, spread^2), m ~ N(mean, sd^2), jointly normal.

    Attributes
    ----------
    weight : ndarray
        Shape (J,).
    centre, spread, mean_m, sd_m : ndarray
        Of x and of m before selection, shape (J,).
    slope : ndarray
        Covariance of x and m over sd_m, shape (J,).
    lower, upper : float
    """

    weight: Array
    centre: Array
    spread: Array
    mean_m: Array
    sd_m: Array
    slope: Array
    lower: float
    upper: float

    @property
    def _ends(self) -> tuple[Array, Array]:
        return (self.lower - self.mean_m) / self.sd_m, (self.upper - self.mean_m) / self.sd_m

    @cached_property
    def _rest(self) -> Array:
        """Standard deviation of what m leaves of x, over that of x; 0 where x is m itself."""
        size = np.abs(self.slope)
        rest = np.sqrt(np.maximum((self.spread - size) * (self.spread + size), 0.0)) / self.spread
        return np.where(rest < ALONE, 0.0, rest)

    @cached_property
    def _near(self) -> tuple[Array, Array, Array, Array]:
        """Sign that turns the limit near to the mean of m into the lower one, both limits so turned, and its height.

        The height is that limit where it lies above the mean of m, else 0: densities are measured from there.
        """
        a, b = self._ends
        with np.errstate(invalid="ignore"):
            sign = np.where(a + b < 0.0, -1.0, 1.0)
        low, high = np.where(sign < 0.0, -b, a), np.where(sign < 0.0, -a, b)
        return sign, low, high, np.maximum(low, 0.0)

    def _moments(self) -> tuple[Array, Array]:
        """Mean and variance of x in each component, by those of a truncated normal."""
        sign, low, high, _ = self._near
        shift, variance = truncated_moments(low, high)
        return self.centre + self.slope * sign * shift, (self.spread * self._rest) ** 2 + self.slope**2 * variance

    @property
    def _support(self) -> tuple[float, float]:
        """Ends of the support of x: those of m where x is m, or m mirrored, in every component."""
        if self._rest.any():
            return -np.inf, np.inf
        times = round(float(self.slope[0] / self.sd_m[0]), 12)  # c, where x is c m
        ends = [times * limit for limit in (self.lower, self.upper)]
        return min(ends), max(ends)

    @property
    def mean(self) -> float:
        """Mean."""
        return float(np.clip(self.weight @ self._moments()[0], *self._support))

    @property
    def sd(self) -> float:
        """Standard deviation."""
        centre, variance = self._moments()
        mean = self.weight @ centre
        return float(np.sqrt(self.weight @ (variance + (centre - mean) ** 2)))

    def pdf(self, x: Array) -> Array:
        """Density at x; same shape as x."""
        return np.exp(self._log_pdf(np.asarray(x, dtype=float)))

    def _log_pdf(self, x: Array) -> Array:
        """Log density at x; same shape as x."""
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = self._log_parts(x) + np.log(self.weight)
            top = np.maximum(parts.max(axis=-1), LOWEST)
            return np.asarray(top + np.log(np.exp(parts - top[..., None]).sum(axis=-1)))

    def _log_parts(self, x: Array) -> Array:
        """Log density at x of each component, along a new last axis; measured from the near limit, nothing cancels.

        z^2 + (a - rho z)^2 / r^2 = a^2 + (z - rho a)^2 / r^2, r^2 = 1 - rho^2, turns the normal density of x and the
        probability of a <= m <= b given x into terms of order 1, however improbable the limits are.
        """
        found = self._parts_together(x) if self._rest.any() else np.full((*x.shape, len(self.weight)), -np.inf)
        if not self._rest.all():
            sign, a, b, d = self._near
            t = np.sign(sign * self.slope) * (x[..., None] - self.centre) / self.spread
            slack = 1e-13 * (1.0 + np.abs(t))
            with np.errstate(all="ignore"):
                alone = np.where((t >= a - slack) & (t <= b + slack), -0.5 * (t - d) * (t + d), -np.inf)
            found = np.where(self._rest > 0.0, found, alone)
        with np.errstate(all="ignore"):
            parts = found - self._log_total - np.log(_ROOT_2PI * self.spread)
        return np.where(np.isnan(parts), -np.inf, parts)

    def _parts_together(self, x: Array) -> Array:
        """Those of the components in which m leaves something open, before they are normalised."""
        sign, a, b, d = self._near
        rest, turned = np.where(self._rest > 0.0, self._rest, 1.0), sign * self.slope / self.spread
        z = (x[..., None] - self.centre) / self.spread
        with np.errstate(all="ignore"):
            low, high = (a - turned * z) / rest, (b - turned * z) / rest
            found = log_mass(low, high) - 0.5 * (z - d) * (z + d)
            remote = (d > 0.0) & (low > 0.0)
            if remote.any():
                beside = (x[..., None] - self.centre - sign * self.slope * d) / (self.spread * rest)
                found[remote] = log_scaled(low[remote], high[remote]) - 0.5 * beside[remote] ** 2
        return found

    @cached_property
    def _log_total(self) -> Array:
        """Log probability within the limits, measured from the near one where that lies above the mean of m."""
        _, a, b, d = self._near
        return np.where(d > 0.0, log_scaled(a, b), log_mass(a, b))

    @cached_property
    def _panels(self) -> Panels:
        """The density of x on panels, from which every quantile is read."""
        return density_panels(self._log_pdf, self._edges())

    def _edges(self) -> Array:
        """First edges of the panels: about components that stand for all, within the support."""
        centre, variance = self._moments()
        sd = np.sqrt(variance)
        chosen = []
        for order in (np.argsort(centre), np.argsort(sd)):
            order = order[self.weight[order] > NEGLIGIBLE]
            share = np.cumsum(self.weight[order])
            places = np.searchsorted(share, share[-1] * np.linspace(0.0, 1.0, CHOSEN))
            chosen.append(order[np.minimum(places, len(order) - 1)])
        which = np.unique(np.concatenate(chosen))
        low, high = self._support
        edges = np.clip((centre[which, None] + sd[which, None] * OFFSETS).ravel(), low, high)
        return np.unique(np.concatenate([edges, [end for end in (low, high) if np.isfinite(end)]]))

    @property
    def _far(self) -> bool:
        """Whether so little of a component lies within the limits that differences of probabilities lose digits."""
        return bool((np.where(self.weight > NEGLIGIBLE, log_mass(*self._ends), 0.0) < LITTLE).any())

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x; same shape as x."""
        x = np.asarray(x, dtype=float)
        if not self._rest.any():
            return np.clip(self._cdf_alone(x) @ self.weight, 0.0, 1.0)
        found = np.array(self._panels.cdf(x) if self._far else self._cdf_together(x))
        for row in np.argwhere(found < CANCELLED):
            found[*row] = self._tails[0].probability(float(x[*row]))
        return np.clip(found, 0.0, 1.0)

    def _cdf_together(self, x: Array) -> Array:
        """P(x < value) by the joint law of x and m; same shape as x."""
        z = (x[..., None] - self.centre) / self.spread
        a, b = self._ends
        rho = np.clip(self.slope / self.spread, -1.0, 1.0)
        mirrored = a > 0.0  # the tail that keeps its digits
        low, high = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
        turned = np.where(mirrored, -rho, rho)
        share = (both_below(z, high, turned) - both_below(z, low, turned)) / np.exp(log_mass(a, b))
        return np.asarray(np.clip(share, 0.0, 1.0) @ self.weight)

    def _cdf_alone(self, x: Array) -> Array:
        """P(x < value) of each component where x is m itself, or m mirrored, along a new last axis."""
        sign, a, b, d = self._near
        t = np.clip(sign * (x[..., None] - self.centre) / self.slope, a, b)  # grows with x where turned is 1
        turned = sign * np.sign(self.slope)
        with np.errstate(all="ignore"):
            far = d > 0.0
            below = np.where(far, log_scaled(a, t), log_mass(a, t))
            above = np.where(far, log_scaled(t, b) - 0.5 * (t - d) * (t + d), log_mass(t, b))
            logs = np.where(turned > 0.0, below, above) - self._log_total
        return np.where(np.isnan(logs), 0.0, np.exp(np.minimum(logs, 0.0)))

    @cached_property
    def _tails(self) -> tuple[LowerTail, LowerTail]:
        """The lower tail of x, and that of -x."""
        low, high = self._support
        first, last = self._panels.ppf(np.zeros(2, dtype=np.intp), np.array([CUT, 1.0 - CUT]))
        length, peaks = last - first, peaks_of(self._panels)

        def turned(x: Array) -> Array:
            return self._log_pdf(-x)

        return LowerTail(self._log_pdf, first, low, length, peaks), LowerTail(turned, -last, -high, length, -peaks)

    def ppf(self, p: Array) -> Array:
        """Quantile at p, within the support; same shape as p.

        Read from the density on panels, in the tails (where those of the whole law hold too few digits) from panels of
        their own.
        """
        p = np.asarray(p, dtype=float)
        low, high = self._support
        flat = np.clip(p.ravel(), 0.0, 1.0)
        found = np.clip(self._panels.ppf(np.zeros(flat.size, dtype=np.intp), flat), low, high)
        below, above = (flat < CUT) & (flat > 0.0), (flat > 1.0 - CUT) & (flat < 1.0)
        if below.any():
            found[below] = self._tails[0].ppf(flat[below])
        if above.any():
            found[above] = -self._tails[1].ppf(1.0 - flat[above])
        return np.where(p <= 0.0, low, np.where(p >= 1.0, high, found.reshape(p.shape)))

    def inverted(self, u: Array) -> Array:
        """Quantile u of each component of a restricted m itself, shape of u."""
        a, b = self._ends
        mirrored = a > 0.0
        low, high = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
        share = np.where(mirrored, 1.0 - u, u)
        with np.errstate(divide="ignore"):
            z = ndtri_exp(np.logaddexp(log_ndtr(low), np.log(share) + log_mass(low, high)))
        return self.mean_m + self.sd_m * np.clip(np.where(mirrored, -z, z), a, b)

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Independent draws, by inversion."""
        return self.ppf(rng.random(size))


def log_scaled(a: Array, b: Array) -> Array:
    """log(Phi(b) - Phi(a)) + a^2 / 2 for a < b, which is of order log(a) however large a is."""
    with np.errstate(all="ignore"):
        far = erfcx(a / ROOT_2) - erfcx(b / ROOT_2) * np.exp(-0.5 * (b - a) * (b + a))
        scaled = np.log(0.5 * far)
        return scaled if (a > 0.0).all() else np.where(a > 0.0, scaled, 0.5 * a * a + log_mass(a, b))


def truncated_moments(a: Array, b: Array) -> tuple[Array, Array]:
    """Mean and variance of a standard normal variable between a and b, where a + b >= 0.

    By the density at the limits; where a is large the terms cancel, and a sum over [a, b] takes over.

    References
    ----------
    Johnson, Kotz & Balakrishnan 1994, Continuous Univariate Distributions, volume 1, 2nd ed., chapter 13.
    """
    log_total = log_mass(a, b)
    with np.errstate(all="ignore"):
        low, high = (np.exp(-0.5 * end * end - log_total) / _ROOT_2PI for end in (a, b))
        mean = low - high
        a_low, b_high = (np.where(np.isfinite(end), end * at, 0.0) for end, at in ((a, low), (b, high)))
        variance = np.maximum(1.0 + a_low - b_high - mean**2, 0.0)
    summed = (a > 1.0) | (b - a < 1.0)
    if not summed.any():
        return mean, variance
    start = np.where(summed, a, 0.0)
    length = np.minimum(np.where(summed, b - a, 1.0), 100.0 / (start + np.sqrt(start * start + 100.0)))
    node, mass = np.polynomial.legendre.leggauss(NODES)
    t = 0.5 * length[..., None] * (1.0 + node)
    share = mass * np.exp(-t * (start[..., None] + 0.5 * t))
    share = share / share.sum(axis=-1, keepdims=True)
    middle = (share * t).sum(axis=-1)
    about = (share * (t - middle[..., None]) ** 2).sum(axis=-1)
    return np.where(summed, start + middle, mean), np.where(summed, about, variance)


def log_mass(a: Array, b: Array) -> Array:
    """log(Phi(b) - Phi(a)) for a < b, from the tail that both are nearer to."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mirrored = a + b > 0
        low, high = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
        top = np.asarray(log_ndtr(high))
        near = (high - low) * (high + low) > -ALL_THERE
        top[near] += np.log(-np.expm1(np.minimum(log_ndtr(low[near]) - top[near], 0.0)))
        return top


def both_below(h: Array, k: Array, rho: Array) -> Array:
    """P(Z1 <= h, Z2 <= k) for standard normal variables with correlation rho, by Owen's T function.

    References
    ----------
    Owen 1956, Annals of Mathematical Statistics 27:1075, 10.1214/aoms/1177728074.
    """
    rest = np.sqrt(np.maximum((1.0 - rho) * (1.0 + rho), 1e-300))
    h, k = (np.where(x == 0.0, 1e-300, np.clip(x, -1e3, 1e3)) for x in (h, k))
    with np.errstate(over="ignore"):  # T(h, inf) is a number
        first = owens_t(h, (k / h - rho) / rest)
        second = owens_t(k, (h / k - rho) / rest)
    opposite = np.where(h * k < 0.0, 0.5, 0.0)
    return np.asarray(0.5 * (ndtr(h) + ndtr(k)) - first - second - opposite)
