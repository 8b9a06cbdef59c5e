"""What comes between true effects and the table that a meta-analyst sees: selection, p-hacking, errors misreported.

Each mechanism is a record with one method; they apply in the order in which they are given. The first has the studies
as they are, with a function that makes another set of them where results are thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.errors import ModelError, described
from poolwise.settings import as_number, check_option, check_whole

Array = NDArray[np.float64]
Rng = np.random.Generator
MOST_ROUNDS = 10_000  # of drawing studies anew until each place in every table has a published one
DIRECTIONS = ("positive", "negative")


@final
@dataclass(frozen=True, eq=False)
class Studies:
    """Studies of many tables.

    Attributes
    ----------
    theta : ndarray
        True effects, shape (n, k).
    y, se : ndarray
        What is reported, shape (n, k).
    """

    theta: Array
    y: Array
    se: Array


Draw = Callable[[Rng, Array, NDArray[np.intp]], Studies]
"""From standard errors, shape (n, k), and the table of each row, shape (n,), to new studies of that precision."""


class Mechanism(Protocol):
    """Something that stands between studies and the table."""

    def applied(self, draw: Draw) -> Draw:
        """A way to draw studies that has passed the mechanism."""


@final
@dataclass(frozen=True)
class Selection:
    """Studies are published with a probability that depends on their p-value; for one that is not, another is done.

    Attributes
    ----------
    weights : sequence of float
        Probability of publication in each interval of p-values, the most significant first, 0 to 1.
    steps : sequence of float
        Where the intervals end, ascending in (0, 1); one fewer than weights.
    direction : str
        ``"positive"`` or ``"negative"``: the side of the one-sided p-value.
    sides : int
        1 or 2.

    Notes
    -----
    The default lets one of five results with a one-sided p above .025 through, which is strong selection but not the
    strongest that has been estimated; published studies keep the standard errors of the design.

    References
    ----------
    Hedges 1992, Statistical Science 7:246, 10.1214/ss/1177011364, for the weight function.
    """

    weights: Sequence[float] = (1.0, 0.2)
    steps: Sequence[float] = (0.025,)
    direction: str = "positive"
    sides: int = 1

    def __post_init__(self) -> None:
        steps, weights = np.array(self.steps, dtype=float), np.array(self.weights, dtype=float)
        if not (len(weights) == len(steps) + 1 and (np.diff([0.0, *steps, 1.0]) > 0).all()):
            raise ModelError(
                f"Selection has steps {self.steps} and weights {self.weights}",
                "steps that ascend in (0, 1), and one weight more",
                "Selection(steps=(0.025,), weights=(1, 0.2))",
            )
        if not ((weights >= 0).all() and (weights <= 1).all() and weights.max() > 0):
            raise ModelError(f"Selection has weights {self.weights}", "probabilities, at least one above 0")
        check_option("direction", self.direction, DIRECTIONS)
        if self.sides not in (1, 2):
            raise ModelError(f"Selection has sides = {self.sides}", "1 or 2")

    def applied(self, draw: Draw) -> Draw:
        """Studies of which each is published."""
        return lambda rng, se, table: self._published(draw, rng, se, table)

    def _published(self, draw: Draw, rng: Rng, se: Array, table: NDArray[np.intp]) -> Studies:
        shape, place = se.shape, np.repeat(table, se.shape[1])
        out = Studies(*(np.full(se.size, np.nan) for _ in range(3)))
        missing = np.arange(se.size)
        for _ in range(MOST_ROUNDS):
            tried = draw(rng, se.reshape(-1)[missing][:, None], place[missing])
            passed = rng.random(len(missing)) < self._weight(tried)[:, 0]
            at = missing[passed]
            for name in ("theta", "y", "se"):
                getattr(out, name)[at] = getattr(tried, name)[passed, 0]
            missing = missing[~passed]
            if not missing.size:
                return Studies(*(getattr(out, name).reshape(shape) for name in ("theta", "y", "se")))
        raise ModelError(
            f"{MOST_ROUNDS:,} studies were drawn for one place in a table and none was published",
            "a selection that some results of this truth pass",
            "a smaller mu against the direction, or weights above 0",
        )

    def _weight(self, studies: Studies) -> Array:
        z = _toward(self.direction) * studies.y / studies.se
        p = special.ndtr(-z) if self.sides == 1 else 2.0 * special.ndtr(-np.abs(z))
        return np.array(self.weights, dtype=float)[np.searchsorted(self.steps, p, side="left")]


@final
@dataclass(frozen=True)
class PHacking:
    """Some studies measure the same effect in several ways, and report the first significant result, else the best.

    Attributes
    ----------
    share : float
        Of studies that do so, 0 to 1.
    tries : int
        Results to choose from.
    correlation : float
        Of their sampling errors, 0 to 1.
    direction : str
        ``"positive"`` or ``"negative"``.
    alpha : float
        One-sided level of significance.

    Notes
    -----
    Three results whose errors correlate .5 in half of the studies is a middle course between simulations of this kind;
    .025 one-sided is the usual .05 two-sided.

    References
    ----------
    Simmons, Nelson & Simonsohn 2011, Psychological Science 22:1359, 10.1177/0956797611417632.
    """

    share: float = 0.5
    tries: int = 3
    correlation: float = 0.5
    direction: str = "positive"
    alpha: float = 0.025

    def __post_init__(self) -> None:
        _check_share("PHacking", "share", self.share)
        _check_share("PHacking", "correlation", self.correlation)
        _check_share("PHacking", "alpha", self.alpha)
        check_whole("tries", self.tries, 2, 3)
        check_option("direction", self.direction, DIRECTIONS)

    def applied(self, draw: Draw) -> Draw:
        """Studies some of which chose their result."""
        return lambda rng, se, table: self._chosen(draw(rng, se, table), rng)

    def _chosen(self, studies: Studies, rng: Rng) -> Studies:
        first = (studies.y - studies.theta) / studies.se
        r, own = self.correlation, np.sqrt(1.0 - self.correlation)
        common = r * first + np.sqrt(r) * own * rng.standard_normal(first.shape)  # of all results, given the first
        others = common + own * rng.standard_normal((self.tries - 1, *first.shape))
        errors = np.concatenate([first[None], others])
        results = studies.theta + studies.se * errors
        z = _toward(self.direction) * results / studies.se
        significant = z > special.ndtri(1.0 - self.alpha)
        choice = np.where(significant.any(axis=0), significant.argmax(axis=0), z.argmax(axis=0))
        chosen = np.take_along_axis(results, choice[None], axis=0)[0]
        hacked = rng.random(first.shape) < self.share
        return replace(studies, y=np.where(hacked, chosen, studies.y))


@final
@dataclass(frozen=True)
class SmallStudyEffects:
    """True effects grow with the standard error: theta + slope (se - the table's smallest se).

    Attributes
    ----------
    slope : float
        Of the true effect on the standard error; in this mechanism the truth is that of the most precise study.

    Notes
    -----
    Measured from the most precise study, so that mu is what a large study would find.

    References
    ----------
    Egger et al. 1997, BMJ 315:629, 10.1136/bmj.315.7109.629.
    """

    slope: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite(as_number(self.slope)):
            raise ModelError(f"SmallStudyEffects has slope = {self.slope!r}", "a finite number")

    def applied(self, draw: Draw) -> Draw:
        """Studies the less precise of which have larger effects."""

        def drawn(rng: Rng, se: Array, table: NDArray[np.intp]) -> Studies:
            studies = draw(rng, se, table)
            shift = self.slope * (se - se.min(axis=1, keepdims=True))
            return replace(studies, theta=studies.theta + shift, y=studies.y + shift)

        return drawn


@final
@dataclass(frozen=True)
class SizesByEffect:
    """Studies are planned with the true effect in mind: the larger it is, the fewer persons they take.

    The standard errors of a table are dealt out again, so that their ranks go with those of the true effects as far as
    a Gaussian copula of this correlation has them.

    Attributes
    ----------
    correlation : float
        -1 to 1; above 0 where larger effects have larger standard errors.

    Notes
    -----
    .5 is what planning for a power of 80 % with a rough idea of the effect leads to; nothing depends on it.

    References
    ----------
    Kulinskaya, Dollinger & Bjørkestøl 2020, Research Synthesis Methods 11:254, 10.1002/jrsm.1379.
    """

    correlation: float = 0.5

    def __post_init__(self) -> None:
        if not -1.0 <= as_number(self.correlation) <= 1.0:
            raise ModelError(f"SizesByEffect has correlation = {self.correlation!r}", "a number from -1 to 1")

    def applied(self, draw: Draw) -> Draw:
        """Studies whose precision depends on their true effects."""

        def drawn(rng: Rng, se: Array, table: NDArray[np.intp]) -> Studies:
            theta = draw(rng, se, table).theta
            rank = _normal_ranks(theta)
            noise = rng.standard_normal(se.shape)
            score = self.correlation * rank + np.sqrt(1.0 - self.correlation**2) * noise
            place = score.argsort(axis=1).argsort(axis=1)
            dealt = np.take_along_axis(np.sort(se, axis=1), place, axis=1)
            return Studies(theta, theta + dealt * rng.standard_normal(se.shape), dealt)

        return drawn


@final
@dataclass(frozen=True)
class MisreportedErrors:
    """Some studies report a standard error that is not that of their estimate.

    Attributes
    ----------
    share : float
        Of studies whose standard error is wrong, 0 to 1.
    factor : float
        What is reported over what is true, above 0.
    df : float
        Degrees of freedom of the estimated standard errors of all studies: reported variances are true ones times a
        chi-squared variable over df. inf, the default, for errors that are known.

    Notes
    -----
    By default one study of ten reports half its standard error, as where a number of arms or of clusters was
    forgotten.

    References
    ----------
    Gøtzsche et al. 2007, JAMA 298:430, 10.1001/jama.298.4.430, for how often data extraction goes wrong.
    """

    share: float = 0.1
    factor: float = 0.5
    df: float = np.inf

    def __post_init__(self) -> None:
        _check_share("MisreportedErrors", "share", self.share)
        for name in ("factor", "df"):
            if not as_number(getattr(self, name)) > 0:
                raise ModelError(f"MisreportedErrors has {name} = {getattr(self, name)!r}", "a number above 0")

    def applied(self, draw: Draw) -> Draw:
        """Studies some of which report another standard error."""

        def drawn(rng: Rng, se: Array, table: NDArray[np.intp]) -> Studies:
            studies = draw(rng, se, table)
            wrong = rng.random(se.shape) < self.share
            reported = studies.se * np.where(wrong, self.factor, 1.0)
            if np.isfinite(self.df):
                reported = reported * np.sqrt(rng.chisquare(self.df, se.shape) / self.df)
            return replace(studies, se=reported)

        return drawn


MECHANISMS = (Selection, PHacking, SmallStudyEffects, SizesByEffect, MisreportedErrors)


def as_mechanisms(given: Any) -> tuple[Mechanism, ...]:
    """One mechanism, several in the order of their effect, or none.

    Raises
    ------
    ModelError
        For what is no mechanism, and for selection before one that needs whole tables.
    """
    several = () if given is None else tuple(given) if isinstance(given, list | tuple) else (given,)
    for one in several:
        if not callable(getattr(one, "applied", None)) or isinstance(one, type):
            names = ", ".join(kind.__name__ for kind in MECHANISMS)
            raise ModelError(f"mechanism is {described(one)}", f"one of {names}", "pw.simulate.Selection()")
    at = [i for i, one in enumerate(several) if isinstance(one, Selection)]
    whole = [i for i, one in enumerate(several) if isinstance(one, SmallStudyEffects | SizesByEffect)]
    if at and whole:
        raise ModelError(
            f"mechanism has {type(several[at[0]]).__name__} and {type(several[whole[0]]).__name__} together",
            "one of them: selection replaces studies one by one, the other needs their whole table",
        )
    return several


def _toward(direction: str) -> float:
    return 1.0 if direction == "positive" else -1.0


def _check_share(kind: str, name: str, value: object) -> None:
    if not 0.0 <= as_number(value) <= 1.0:
        raise ModelError(f"{kind} has {name} = {value!r}", "a number from 0 to 1")


def _normal_ranks(values: Array) -> Array:
    """Scores of the ranks in each row."""
    rank = values.argsort(axis=1).argsort(axis=1)
    return np.asarray(special.ndtri((rank + 0.5) / values.shape[1]))
