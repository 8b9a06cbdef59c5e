"""Normal mixtures: what a conditionally Gaussian quantity is after quadrature over the rest.

F(x) = sum_j w_j Phi((x - m_j) / s_j)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Array = NDArray[np.float64]
_ROOT_2PI = np.sqrt(2.0 * np.pi)
WIDE_KERNELS = 1.05  # kernel widths over the distance of centres: wider is more exact and worse conditioned
ENOUGH = 1e-8  # probability by which a mixture of kernels may miss the whole
MOST_CENTRES = 400
TAIL = (1.0 - 0.95) / 2.0  # as `Posterior.interval` asks for it, so that the quantile is remembered
LIMITS = (0.5, TAIL, 1.0 - TAIL)  # median and limits, which readers ask for one after another
FEW = 8  # quantiles asked for at once that are remembered
AT_ONCE = 4_000_000  # values x components: 32 MB for each array of them
MANY = 64  # remembered ones that are too many
PATIENCE = 6  # steps before every second one halves the bracket
MOST_STEPS = 300  # enough for 140 halvings, more than a double holds
WIDE = 1e8  # brackets of this many shortest lengths are halved on a logarithmic scale
CLOSED = 4e-16  # a bracket this narrow over x holds nothing more to find
SHORT = 40_000  # numbers of which a step takes less time than what looks after each row by itself
SETTLED = 3e-4  # a Halley step this small, in spreads of its narrowest component, leaves an error of about its cube


@final
@dataclass(frozen=True, eq=False)
class NormalMixture:
    """One normal mixture.

    Attributes
    ----------
    weight, centre, spread : ndarray
        Weights that sum to 1, means and standard deviations of the components, shape (J,).
    moments : int
        Highest moment that exists: 0, 1 or at least 2.
    known : dict
        Quantiles found so far, by probability: tables and figures ask for the same few again and again.
    """

    weight: Array
    centre: Array
    spread: Array
    moments: int = 2
    known: dict[float, float] = field(default_factory=dict, init=False, repr=False)

    @property
    def mean(self) -> float:
        """sum_j w_j m_j; NaN when it does not exist."""
        return float(self.weight @ self.centre) if self.moments >= 1 else np.nan

    @property
    def sd(self) -> float:
        """Root of sum_j w_j (s_j^2 + (m_j - mean)^2); NaN when it does not exist."""
        if self.moments < 2:
            return np.nan
        return float(np.sqrt(self.weight @ (self.spread**2 + (self.centre - self.mean) ** 2)))

    def pdf(self, x: Array) -> Array:
        """Density at x; same shape as x."""
        return self._in_pieces(self._pdf, x)

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x; same shape as x."""
        return self._in_pieces(self._cdf, x)

    def _pdf(self, x: Array) -> Array:
        with np.errstate(over="ignore"):  # at and beside a component that is all but a point
            z = (x[..., None] - self.centre) / self.spread
            return np.asarray((np.exp(-0.5 * z * z) / (_ROOT_2PI * self.spread)) @ self.weight)

    def _cdf(self, x: Array) -> Array:
        return np.minimum(ndtr((x[..., None] - self.centre) / self.spread) @ self.weight, 1.0)

    def _in_pieces(self, function: Callable[[Array], Array], x: Array) -> Array:
        """A function of x, of few at a time where there are many components."""
        x = np.asarray(x, dtype=float)
        piece = max(1, AT_ONCE // len(self.weight))
        if x.size <= piece:
            return function(x)
        flat = x.reshape(-1)
        parts = [function(flat[start : start + piece]) for start in range(0, flat.size, piece)]
        return np.concatenate(parts).reshape(x.shape)

    def ppf(self, p: Array) -> Array:
        """Quantile at p; same shape as p."""
        p = np.asarray(p, dtype=float)
        if p.size > FEW:
            return self._quantiles(p.reshape(-1)).reshape(p.shape)
        wanted = p.reshape(-1).tolist()
        known = self.known
        if not all(x in known for x in wanted):
            if len(known) > MANY:
                known.clear()
            new = together(wanted, known)
            known.update(zip(new, self._quantiles(np.array(new)).tolist(), strict=True))
        return np.array([known[x] for x in wanted]).reshape(p.shape)

    def _quantiles(self, p: Array) -> Array:
        return quantiles(p, self.weight[None], self.centre[None], self.spread[None])

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Exact independent draws, by inversion; in pieces, as every draw asks every component."""
        p = rng.random(size)
        piece = max(1, AT_ONCE // len(self.weight))
        return np.concatenate([self._quantiles(p[start : start + piece]) for start in range(0, max(size, 1), piece)])


def together(wanted: Iterable[float], known: Collection[float]) -> list[float]:
    """The probabilities whose quantiles are to be found: those wanted, and with a median or limit all three of them.

    Parameters
    ----------
    wanted : iterable of float
    known : collection of float
        Those whose quantiles are at hand.

    Returns
    -------
    list of float
        Of those that are not, each once.
    """
    new = [x for x in dict.fromkeys(wanted) if x not in known]
    if any(x in LIMITS for x in new):
        new += [x for x in LIMITS if x not in known and x not in new]
    return new


def trimmed(weight: Array, centre: Array, spread: Array, left_out: float) -> NormalMixture:
    """A mixture without the components that matter least.

    Parameters
    ----------
    weight, centre, spread : ndarray
        Components, shape (J,); a few weights may be slightly below 0.
    left_out : float
        Share of the probability, and of the second moment, of all components that are left out.

    Returns
    -------
    NormalMixture
    """
    middle = weight @ centre / weight.sum()
    carried = np.abs(weight) * (spread**2 + (centre - middle) ** 2)
    keep = np.zeros(len(weight), dtype=bool)
    for size in (np.abs(weight), carried):
        order = np.argsort(size)
        keep[order] |= np.cumsum(size[order]) > left_out * size.sum()
    weight = weight[keep]
    return NormalMixture(weight / weight.sum(), centre[keep], spread[keep])


def quantiles(p: Array, weight: Array, centre: Array, spread: Array, start: Array | None = None) -> Array:
    """Quantiles of normal mixtures by safeguarded Halley steps on the probit scale.

    On the scale of Phi^-1(F(x)) a mixture is nearly straight, so that Halley's method converges from the
    centre in two or three steps, in the tails as well. A bracket (every component's own p-quantile lies on one side
    of its ends) catches the steps that leave it.

    Parameters
    ----------
    p : ndarray
        Probabilities, shape (q,).
    weight, centre, spread : ndarray
        Mixtures, shape (q, J), or (1, J) for one mixture; a component of weight 0 repeats another one's centre
        and spread.
    start : ndarray, optional
        Where to begin, shape (q,); near the quantiles it saves steps, elsewhere it costs nothing but steps.

    Returns
    -------
    ndarray
        Shape (q,); -inf at p = 0 and inf at p = 1.
    """
    z = ndtri(p)
    inverse = 1.0 / spread
    pull = weight * inverse
    width = spread.min(axis=1)  # the shortest length on which the mixture changes
    finite = np.isfinite(z)
    own = centre + np.where(finite, z, 0.0)[:, None] * spread
    low, high = own.min(axis=1), own.max(axis=1)
    if start is None:
        start = np.einsum("qj,qj->q", pull, own) / pull.sum(axis=1)
    x = np.where(finite, np.clip(start, low, high), z)
    # above the median work with the upper tail, which keeps its digits; the median of a mirror image is mirrored
    upper = (p > 0.5) | ((p == 0.5) & (start > 0.0))
    direction = np.where(upper, -1.0, 1.0)
    target = np.where(upper, 1.0 - p, p)
    room = np.empty((2, len(p), centre.shape[1]))  # fresh memory at every step would cost more than the arithmetic
    if room.size <= SHORT and (high > low).all() and finite.all():
        x, all_settled = _plain_steps(x, low, high, direction, target, (centre, inverse, weight, pull), width, room)
        if all_settled:
            return x
    sharp = np.take_along_axis(centre, spread.argmin(axis=1)[:, None], axis=1)[:, 0]  # where it changes so shortly
    parts = (centre, inverse, weight, pull, width, sharp)
    return _bracketed_steps(x, low, high, direction, target, parts, finite, room)


def _bracketed_steps(
    x: Array,
    low: Array,
    high: Array,
    direction: Array,
    target: Array,
    parts: tuple[Array, Array, Array, Array, Array, Array],
    finite: NDArray[np.bool_],
    room: Array,
) -> Array:
    """Halley steps of the rows that still move, each within its bracket, which is halved where a step leaves it."""
    live = np.flatnonzero(finite & (high > low))
    for count in range(MOST_STEPS):
        if live.size == 0:
            break
        if 2 * live.size > len(x):  # as long as most rows move, working on all is cheaper than copying
            live = np.flatnonzero(finite & (high > low))
        rows = slice(None) if live.size == len(x) else live
        here = x[rows]
        centre_, inverse_, weight_, pull_, width_, sharp_ = (part if len(part) == 1 else part[rows] for part in parts)
        sign = direction[rows]
        step, short = _probit_step(here, sign, target[rows], centre_, inverse_, weight_, pull_, room[:, : len(here)])
        below = short == (sign > 0)
        low[rows] = np.where(below, here, low[rows])
        high[rows] = np.where(below, high[rows], here)
        new = here + sign * step
        settled = np.abs(step) <= SETTLED * width_
        astray = ~settled & ~((new > low[rows]) & (new < high[rows]))
        if count > PATIENCE and count % 2:  # a step that wanders about a sharp component: halve the bracket instead
            astray = ~settled
        if astray.any():
            new = np.where(astray, _middle(low[rows], high[rows], sharp_, width_), new)
        moving = ~settled & (high[rows] - low[rows] > CLOSED * np.maximum(np.abs(low[rows]), np.abs(high[rows])))
        x[rows] = new
        live = live[moving]
    return x


def _plain_steps(
    x: Array,
    low: Array,
    high: Array,
    sign: Array,
    target: Array,
    parts: tuple[Array, Array, Array, Array],
    width: Array,
    room: Array,
) -> tuple[Array, bool]:
    """Halley steps of all rows as long as none leaves its bracket, and whether all have settled: nearly always so."""
    for _ in range(PATIENCE):
        step, _ = _probit_step(x, sign, target, *parts, room)
        new = x + sign * step
        settled = np.abs(step) <= SETTLED * width
        if not (settled | ((new > low) & (new < high))).all():
            break
        x = new
        if settled.all():
            return x, True
    return x, False


def _middle(low: Array, high: Array, sharp: Array, width: Array) -> Array:
    """The middle of each bracket; of a wide one, on a scale that is logarithmic about the sharpest component."""
    middle = 0.5 * (low + high)
    wide = high - low > WIDE * width
    if not wide.any():
        return middle
    length = np.maximum(width, np.maximum(1e-300 * (high - low), CLOSED * np.abs(sharp)))
    scaled = 0.5 * (np.arcsinh((low - sharp) / length) + np.arcsinh((high - sharp) / length))
    return np.where(wide, np.clip(sharp + length * np.sinh(scaled), low, high), middle)


def _probit_step(
    x: Array, sign: Array, target: Array, centre: Array, inverse: Array, weight: Array, pull: Array, room: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """Halley step of Phi^-1(tail) towards Phi^-1(target), in the direction of a growing tail, and whether it is short.

    The tail is the lower one where `sign` is 1 and the upper one where it is -1. With
    g = Phi^-1(tail), g' = f / phi(g) and g'' / g'^2 = (f' / f) / g' + g.
    """
    u, work = room
    np.subtract(x[:, None], centre, out=u)
    u *= inverse
    u *= sign[:, None]
    tail = np.einsum("qj,qj->q", ndtr(u, out=work), weight)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # far from a component that is all but a point
        np.multiply(u, u, out=work)
        work *= -0.5
        height = np.exp(work, out=work)
        height *= pull
        density = height.sum(axis=1)
        height *= u
        bend = -np.einsum("qj,qj->q", height, inverse)
        probit = ndtri(np.minimum(tail, 1.0))
        gap = ndtri(target) - probit
        newton = gap * np.exp(-0.5 * probit * probit) / density
        curve = bend / density * newton + gap * probit
        step = newton / np.clip(1.0 + 0.5 * curve, 0.5, 2.0)
    return step, tail < target


@final
@dataclass(frozen=True, eq=False)
class Kernels:
    """Normal kernels and their weights.

    Attributes
    ----------
    centre, spread : ndarray
        Shape (J,).
    weight : ndarray
        Weights for each of T densities, shape (J, T); a few may be slightly below 0.
    error : float
        Sum over the densities of what the weights miss of their totals.
    """

    centre: Array
    spread: Array
    weight: Array
    error: float


def kernels(
    density: Callable[[Array], Array],
    total: Array,
    *,
    ends: tuple[float, float],
    middle: float,
    width: float,
    finest: float,
    enough: float = ENOUGH,
) -> Kernels:
    """Kernels whose mixtures are given densities: smooth densities as normal mixtures with few components.

    On centres x_j = centre + width sinh(h j) with kernels as wide as the centres are apart, K c = f with
    K_ij = N(x_i; x_j, s_j^2) gives weights whose mixture agrees with an analytic density f everywhere, to an error that
    falls geometrically with 1 / h. Components as wide as their distance stay smooth under any linear map, where point
    masses on nodes would not.

    Parameters
    ----------
    density : callable
        Maps points (J,) to densities, shape (J, T).
    total : ndarray
        Their integrals, shape (T,).
    ends : tuple of float
        Between which the centres lie.
    middle, width : float
        Where, and over what length, the centres stand at equal distances; farther out the distance grows.
    finest : float
        About the shortest length on which a density changes.
    enough : float
        Error at which no closer centres are tried.

    Returns
    -------
    Kernels
    """
    step = min(finest / (3.5 * width), 0.25)
    best = None
    while True:
        low, high = (np.arcsinh((end - middle) / width) for end in ends)
        x = np.arange(low - 2.0 * step, high + 3.0 * step, step)
        centre, spread = middle + width * np.sinh(x), WIDE_KERNELS * step * width * np.cosh(x)
        z = (centre[:, None] - centre) / spread
        weight = np.linalg.solve(np.exp(-0.5 * z * z) / (_ROOT_2PI * spread), density(centre))
        error = float(np.abs(weight.sum(axis=0) - total).sum() / np.abs(total).sum())
        found = Kernels(centre, spread, weight, error)
        best = found if best is None or found.error < best.error else best
        if error < enough or 1.4 * len(x) > MOST_CENTRES:
            return best
        step /= 1.4
