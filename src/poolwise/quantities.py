"""What a result contains: estimates with intervals, and posteriors that answer probability questions."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol, final, get_args, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise import show
from poolwise.density_strip import Strip, together
from poolwise.errors import MissingQuantityError, ModelError, listing, nearest
from poolwise.settings import as_numbers, check_memory, check_option, check_prob, check_whole

Array = NDArray[np.float64]
IntervalKind = Literal["equal-tailed", "shortest"]


@runtime_checkable
class Quantity(Protocol):
    """A point, an sd and intervals: enough for a table and a forest plot."""

    @property
    def point(self) -> float:
        """The point estimate."""

    @property
    def sd(self) -> float:
        """Standard error or posterior standard deviation; NaN when there is none."""

    def interval(self, prob: float = 0.95) -> tuple[float, float]:
        """Lower and upper limit at this probability; NaN when there is none."""

    def interval_kind(self) -> str:
        """Words for the kind of interval, as printed in tables."""


@runtime_checkable
class Distribution(Quantity, Protocol):
    """A posterior: the only quantity that answers a probability question."""

    def pdf(self, x: ArrayLike) -> Array:
        """Density at x; same shape as x."""

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x; same shape as x."""

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at p; same shape as p."""

    def sample(self, size: int, seed: int) -> Array:
        """Draws, shape (size,)."""


class Law(Protocol):
    """The arithmetic behind a posterior, from any engine."""

    @property
    def mean(self) -> float:
        """Posterior mean; NaN when it does not exist."""

    @property
    def sd(self) -> float:
        """Posterior standard deviation; NaN when it does not exist."""

    def pdf(self, x: Array) -> Array:
        """Density at x."""

    def cdf(self, x: Array) -> Array:
        """Distribution function at x."""

    def ppf(self, p: Array) -> Array:
        """Quantile function at p."""

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Draws, shape (size,)."""


@runtime_checkable
class HasAtom(Protocol):
    """A law with a point mass, for which less than x and at most x are not the same."""

    def before(self, x: Array) -> Array:
        """Probability of a value below x."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class ByStudy(Mapping[str, Quantity]):
    """A quantity for each study, by label, made when it is asked for.

    Attributes
    ----------
    labels : tuple of str
        In the order of the table.
    make : callable
        Makes the quantity of the study in row i.
    """

    labels: tuple[str, ...]
    make: Callable[[int], Quantity]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {label: row for row, label in enumerate(self.labels)}

    def __getitem__(self, label: str) -> Quantity:
        """The quantity of the study with this label.

        Raises
        ------
        MissingQuantityError
            When there is no such study; the message offers the nearest.
        """
        try:
            row = self._rows[label]
        except (KeyError, TypeError):
            raise MissingQuantityError(
                f"there is no study {label!r}", advice=nearest(str(label), self.labels)
            ) from None
        return self.make(row)

    def __iter__(self) -> Iterator[str]:
        """The labels in the order of the table."""
        return iter(self.labels)

    def __len__(self) -> int:
        """Number of studies."""
        return len(self.labels)

    def __repr__(self) -> str:
        """The number of studies and the first labels."""
        return f"<{len(self.labels)} studies: {listing(self.labels)}>"


_ATTRIBUTES = {
    **dict.fromkeys(
        ("lower", "upper", "ci", "limits_95", "hdi", "ci_lb", "ci_ub"), ": interval(0.95) gives both limits"
    ),
    **dict.fromkeys(("se", "std", "stderr", "standard_error"), ": sd is its standard error or posterior sd"),
    **dict.fromkeys(("median", "estimate", "value", "mode", "b"), ": point is the estimate, a posterior's median"),
    **dict.fromkeys(
        ("p_value", "p", "pval", "pvalue"), ": p_value is of a test, which a posterior has not; see probability()"
    ),
    **dict.fromkeys(("quantile", "quantiles", "percentile"), ": ppf(p) gives quantiles of a posterior"),
    **dict.fromkeys(("var", "variance"), ": sd ** 2"),
}


@final
@dataclass(frozen=True, repr=False)
class Estimate:
    """A frequentist estimate: a point, a standard error, intervals; no probability statements.

    Attributes
    ----------
    point, sd : float
        Estimate and its standard error (NaN when there is none).
    limits : callable
        Maps a probability to the lower and upper limit.
    kind : str
        Words for the interval: ``"confidence (Wald)"``, ``"prediction (t, k - 1)"``; ``""`` for none.
    statistic, df, p_value : float
        Test of the null hypothesis of zero (for Q: of homogeneity); NaN when there is none.
    residual_df : float
        Second degrees of freedom of an F test; infinite otherwise.
    wider : callable, optional
        Limits of Wald's interval by probability, where the 95 % interval given is narrower than Wald's.
    remark : str
        What is to be known of the limits.
    """

    point: float
    sd: float = np.nan
    limits: Callable[[float], tuple[float, float]] | None = field(default=None, repr=False)
    kind: str = ""
    statistic: float = np.nan
    df: float = np.nan
    p_value: float = np.nan
    residual_df: float = np.inf
    wider: Callable[[float], tuple[float, float]] | None = field(default=None, repr=False)
    remark: str = field(default="", repr=False)

    def __repr__(self) -> str:
        """The point, the 95 % interval with its kind, and the test, with few digits."""
        limits = show.interval(*self.interval(0.95))
        interval = f", 95 % {self.interval_kind()} {limits}" if limits != show.NOTHING else ""
        return f"<Estimate: {show.number(self.point)}{interval}{self.test and f'; {self.test}'}>"

    @property
    def test(self) -> str:
        """The test in words: ``"t = −3.95 on 12 df, p = 0.002"``, ``"F on 2 and 10 df, p = 0.04"``; empty for none."""
        if np.isnan(self.statistic):
            return ""
        p = f"p {show.probability(self.p_value)}"
        if self.limits is not None:
            df = f" on {self.df:.4g} df" if np.isfinite(self.df) else ""
            return f"{'t' if df else 'z'} = {show.number(self.statistic, 2)}{df}, {p}"
        law = f"F on {self.df:g} and {self.residual_df:.4g} df" if np.isfinite(self.residual_df) else ""
        return f"{law or f'chi-square on {self.df:g} df'}, {p}"

    def interval(self, prob: float = 0.95) -> tuple[float, float]:
        """Lower and upper limit at this probability, NaN for an estimate that has no interval."""
        check_prob(prob)
        return self.limits(prob) if self.limits is not None else (np.nan, np.nan)

    def interval_kind(self) -> str:
        """Words for the kind of interval; where Wald's is wider, they say so with its 95 % limits."""
        if self.wider is None:
            return self.kind
        return f"{self.kind.removesuffix(')')}, narrower than Wald's 95 % {show.interval(*self.wider(0.95))})"

    def __getattr__(self, name: str) -> Any:
        """Say why an estimate has no `cdf`, `pdf`, `ppf`, `probability` or `sample`."""
        if name in ("cdf", "pdf", "ppf", "sample", "mean", "probability"):
            raise AttributeError(
                f"a frequentist estimate has no {name}: it gives no probabilities of parameter values; "
                "a posterior from Exact() or NUTS() does"
            )
        raise AttributeError(f"an estimate has no attribute '{name}'{_ATTRIBUTES.get(name, '')}")


@final
@dataclass(frozen=True, eq=False)
class Posterior:
    """A posterior distribution of one quantity; the point estimate is the median.

    Attributes
    ----------
    law : Law
        The arithmetic: density, distribution function, quantiles, draws.
    kind : {"equal-tailed", "shortest"}
        What `interval` returns.
    told : callable, optional
        Of a result's quantity: its name, a sentence on the reading scale, and a drawing with its prior.
    """

    law: Law = field(repr=False)
    kind: IntervalKind = "equal-tailed"
    told: Callable[[], tuple[str, str, Strip]] | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        """The median and the 95 % interval."""
        limits = show.interval(*self.interval(0.95))
        return f"<Posterior: median {show.number(self.point)}, 95 % {self.interval_kind()} {limits}>"

    def _repr_html_(self) -> str:
        """A sentence, on the reading scale where that is known; the numbers as analysed; the density, compact."""
        lower, upper = self.interval(0.95)
        point, limits = show.number(self.point), show.interval(lower, upper)
        if self.told is not None:
            name, answer, strip = self.told()
        else:
            name, answer, x = "", f"Median {point}, 95 % {self.interval_kind()} interval {limits}.", bulk(self.law)
            ends = show.number(lower, 2), show.number(upper, 2)
            strip = Strip("density", answer, x, self.law.pdf(x), None, (lower, self.point, upper), ends, 0.0, "0")
        return show.card(
            f"Posterior of {name}" if name else "Posterior",
            answer=answer,
            header=("median", "mean", "sd", "95 % interval"),
            rows=((point, show.number(self.mean), show.number(self.sd), limits),),
            strips=together((strip,)),
        )

    def __getattr__(self, name: str) -> Any:
        """Say where that number is, or why a posterior has none."""
        raise AttributeError(f"a posterior has no attribute '{name}'{_ATTRIBUTES.get(name, '')}")

    @property
    def point(self) -> float:
        """The posterior median."""
        return float(self.law.ppf(np.array([0.5]))[0])

    @property
    def mean(self) -> float:
        """The posterior mean; NaN when it does not exist."""
        return float(self.law.mean)

    @property
    def sd(self) -> float:
        """The posterior standard deviation; NaN when it does not exist."""
        return float(self.law.sd)

    def interval(self, prob: float = 0.95, kind: IntervalKind | None = None) -> tuple[float, float]:
        """Credible interval: equal-tailed, or the shortest one that holds `prob`."""
        check_prob(prob)
        chosen = self.kind if kind is None else check_option("kind", kind, get_args(IntervalKind))
        if isinstance(self.law, Reflected):
            lower, upper = Posterior(self.law.reflected, self.kind).interval(prob, kind)
            return 0.0 - upper, 0.0 - lower
        if chosen == "shortest":
            return _shortest(self.law, prob)
        upper_tail = 1.0 - (1.0 - prob) / 2.0
        lower, upper = self.law.ppf(np.array([1.0 - upper_tail, upper_tail]))  # each tail the other's complement
        return float(lower), float(upper)

    def interval_kind(self) -> str:
        """Words for the kind of interval."""
        return f"credible ({self.kind})"

    def probability(self, lower: float = -np.inf, upper: float = np.inf) -> float:
        """Posterior probability of a value between two ends, as of a region of practical equivalence.

        Raises
        ------
        ModelError
            When the ends are not in order.
        """
        lower, upper = (float(as_numbers("probability", one)) for one in (lower, upper))
        if not lower < upper:
            raise ModelError(f"the region runs from {lower} to {upper}", "a lower end below the upper one")
        if isinstance(self.law, Reflected):
            law = self.law.reflected
            before = law.before if isinstance(law, HasAtom) else law.cdf
            ends = np.array([0.0 - upper, 0.0 - lower])
            inside = np.where(np.isinf(ends), ends > 0.0, np.clip(before(ends), 0.0, 1.0))
            return float(inside[1] - inside[0])
        below, within = self.cdf(np.array([lower, upper], dtype=float))
        return float(within - below)

    def pdf(self, x: ArrayLike) -> Array:
        """Posterior density at x; same shape as x."""
        return self.law.pdf(as_numbers("pdf", x))[()]

    def cdf(self, x: ArrayLike) -> Array:
        """Posterior probability of a value at most x: exactly 0 at -inf and 1 at inf; same shape as x."""
        x = as_numbers("cdf", x)
        inside = np.clip(self.law.cdf(x), 0.0, 1.0)
        return np.where(x == np.inf, 1.0, np.where(x == -np.inf, 0.0, inside))[()]

    def ppf(self, p: ArrayLike) -> Array:
        """Posterior quantile at p; same shape as p."""
        p = as_numbers("ppf", p)
        if np.any((p < 0) | (p > 1)):
            raise ModelError("ppf was asked for a p outside [0, 1]", "probabilities")
        return self.law.ppf(p)[()]

    def sample(self, size: int, seed: int) -> Array:
        """Draws of this quantity, shape (size,); the same seed gives the same draws.

        Draws of different posteriors are independent, whatever the seeds (posteriors with the same quartiles
        count as one); joint draws of one result's quantities are in `Result.to_datatree`.
        """
        rng = np.random.default_rng([check_whole("seed", seed, 0, 1), _stamp(self.law)])
        check_memory("sample(size)", check_whole("size", size, 0, 1000), "size=1000")
        return self.law.sample(int(size), rng)


def bulk(law: Law, *, positive: bool = False, show: Sequence[float] = (), points: int = 101) -> Array:
    """Points of an even axis that holds the bulk of a law, however heavy its tails, and values near to that.

    Parameters
    ----------
    law : Law
    positive : bool
        Whether the axis begins at 0.
    show : sequence of float
        Values that the axis holds unless that would more than double it.
    points : int
        How many.

    Returns
    -------
    ndarray
        Shape (points,).
    """
    low, near, far, high = (float(x) for x in law.ppf(np.array([0.003, 0.05, 0.95, 0.997])))
    wide = (far - near) or max(abs(far), 1.0) * 0.1
    low, high = max(low, near - wide), min(high, far + wide)
    start = 0.0 if positive else low - 0.08 * wide
    stop = high + 0.08 * wide
    for at in show:
        if start - (stop - start) <= at <= stop + (stop - start):
            start, stop = min(start, at - 0.05 * wide), max(stop, at + 0.05 * wide)
    return np.linspace(start, stop, points)


def _stamp(law: Law) -> int:
    """A number that tells one law from another, so that one seed does not couple their draws."""
    quartiles = (law.reflected if isinstance(law, Reflected) else law).ppf(np.array([0.25, 0.5, 0.75]))
    return zlib.crc32(" ".join(f"{x:.6g}" for x in quartiles).encode())


GRID = 33  # lower tail areas among which a shortest interval is looked for first
BESIDE = 3  # of them on either side of the best from which the root is extrapolated
STILL = 1e-11  # share of the width of a shortest interval by which its limits may still be wrong
SETTLED = 1e-9  # the same where only widths are compared, which are flat about the shortest
NO_WIDER = 1e-9  # share of the width that rounding may cost
ROUNDS = 60  # after these a bracket of areas holds nothing more to find
PATIENCE = 4  # each such round halves the bracket


@runtime_checkable
class Reflected(Protocol):
    """The law of -x, all of whose numbers come from the law of x: the same digits, mirrored."""

    @property
    def reflected(self) -> Law:
        """The law of x."""


@runtime_checkable
class OwnShortest(Protocol):
    """A law that finds its shortest interval by itself, as its density does not say how its quantiles move."""

    def shortest(self, prob: float) -> tuple[float, float]:
        """Limits of the shortest interval that holds `prob`."""


def _shortest(law: Law, prob: float) -> tuple[float, float]:
    """Limits of the shortest interval that holds `prob`.

    The width ppf(1 - room + a) - ppf(a), room = 1 - prob, has the slope 1 / f(upper) - 1 / f(lower) in the lower tail
    area a: beside the best area of a grid the root of log f(lower) - log f(upper) is found.
    """
    if isinstance(law, OwnShortest):
        return law.shortest(prob)
    room = 1.0 - prob
    areas = np.linspace(0.0, room, GRID)
    ends = _limits(law, areas, room)
    best = _narrowest(ends)
    near = slice(max(best - BESIDE, 0), best + BESIDE + 1)
    lower, upper = _level(law, room, areas[near], ends[:, near])
    if not upper - lower <= (1.0 + NO_WIDER) * (ends[1, best] - ends[0, best]):
        return shortest_by_widths(law, prob)
    return float(lower), float(upper)


def shortest_by_widths(law: Law, prob: float) -> tuple[float, float]:
    """Limits of the shortest interval that holds `prob`, by its width alone.

    Parameters
    ----------
    law : Law
        Only its quantiles are asked for.
    prob : float

    Returns
    -------
    tuple of float
        The best of a grid of lower tail areas that is refined about it until the limits stand still.
    """
    room = 1.0 - prob
    areas = np.linspace(0.0, room, 2 * GRID - 1)
    for _ in range(12):
        ends = _limits(law, areas, room)
        best = _narrowest(ends)
        before, after = max(best - 1, 0), min(best + 1, len(areas) - 1)
        low, high = areas[before], areas[after]
        moved = (ends[:, after] - ends[:, before]).max()
        if high - low < 1e-9 * room or moved <= SETTLED * (ends[1, best] - ends[0, best]):
            break
        areas = np.linspace(low, high, 17)
    return float(ends[0, best]), float(ends[1, best])


def _limits(law: Law, areas: Array, room: float) -> Array:
    """Lower and upper limits with these lower tail areas, of a room for both tails, shape (2, n)."""
    return law.ppf(np.concatenate([areas, 1.0 - (room - areas)])).reshape(2, -1)


def _narrowest(ends: Array) -> int:
    with np.errstate(invalid="ignore"):
        return int(np.argmin(np.where(np.isfinite(ends).all(axis=0), ends[1] - ends[0], np.inf)))


def _level(law: Law, room: float, areas: Array, ends: Array) -> Array:
    """Limits of equal density beside the narrowest of some, by inverse interpolation that bisection safeguards."""
    best, slope = _narrowest(ends), _slope(law, ends)
    low, high = (best - 1, best) if slope[best] >= 0.0 else (best, best + 1)
    if low < 0 or high == len(areas) or np.isnan(slope[best]):
        return ends[:, best]
    width = ends[1, best] - ends[0, best]
    for count in range(1, ROUNDS):
        guess = _root(areas, slope)
        if count % PATIENCE == 0 or not areas[low] < guess < areas[high]:
            guess = 0.5 * (areas[low] + areas[high])
        if not areas[low] < guess < areas[high]:
            break
        best = len(areas)
        areas = np.append(areas, guess)
        ends = np.concatenate([ends, _limits(law, areas[best:], room)], axis=1)
        slope = np.append(slope, _slope(law, ends[:, best:]))
        rise = slope[high] - slope[low]
        open_still = np.abs(slope[best]) / rise if np.isfinite(rise) and rise > 0.0 else 1.0  # share of the bracket
        if min(open_still, 1.0) * np.abs(ends[:, high] - ends[:, low]).max() <= STILL * width:
            break
        low, high = (low, best) if slope[best] >= 0.0 else (best, high)
    return ends[:, best]


def _slope(law: Law, ends: Array) -> Array:
    """Log density at the lower limits less that at the upper ones: the sign of the slope of the width."""
    density = np.asarray(law.pdf(ends.ravel())).reshape(2, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.diff(np.log(density), axis=0)[0]


def _root(x: Array, y: Array) -> float:
    """Where y is 0, by the polynomial in y through the points nearest to that; NaN where that does not exist."""
    chosen = np.argsort(np.abs(y))[: 2 * BESIDE]
    x, y = x[chosen], y[chosen]
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = y / (y - y[:, None])
        np.fill_diagonal(ratio, 1.0)
        return float((x * ratio.prod(axis=1)).sum())


def rows_of(quantities: Mapping[str, Quantity]) -> list[tuple[str, str, str, str, str]]:
    """A row of words for each quantity, with 95 % intervals.

    Parameters
    ----------
    quantities : mapping of str to Quantity
        By name.

    Returns
    -------
    list of tuple of str
        Name, point, sd, interval, kind of interval, or the test where there is no interval; a dash for what does not
        exist.
    """
    rows = []
    for name, quantity in quantities.items():
        limits = show.interval(*quantity.interval(0.95))
        test = quantity.test if isinstance(quantity, Estimate) else ""
        kind = quantity.interval_kind() if limits != show.NOTHING else test or show.NOTHING
        kind = kind.replace(" - ", " − ")
        rows.append((name, show.number(quantity.point), show.number(quantity.sd), limits, kind))
    return rows


def convention(quantity: Quantity) -> str:
    """The kind of interval without a word about these limits, as a heading or a set of results has it."""
    return quantity.kind if isinstance(quantity, Estimate) else quantity.interval_kind()


def in_full(quantity: Quantity, prob: float = 0.95) -> str:
    """A point and its interval with probability and kind: ``"−0.715, 95 % confidence (Wald) [−1.108, −0.321]"``."""
    limits = show.interval(*quantity.interval(prob))
    told = f", {show.level(prob)} {quantity.interval_kind()} {limits}".replace(" - ", " − ")
    return f"{show.number(quantity.point)}{'' if limits == show.NOTHING else told}"


def in_words(quantity: Quantity, prob: float = 0.95) -> str:
    """A point with its interval: ``"−0.715 [−1.108, −0.321]"``, and Wald's where that is the wider."""
    limits = show.interval(*quantity.interval(prob))
    words = show.number(quantity.point) if limits == show.NOTHING else f"{show.number(quantity.point)} {limits}"
    wider = quantity.wider if isinstance(quantity, Estimate) else None
    return f"{words} (Wald {show.interval(*wider(prob))})" if wider is not None else words
