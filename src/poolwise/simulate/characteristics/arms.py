"""Designs of studies with two arms, whose estimates and standard errors are computed from drawn means or counts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.effects import Effects
from poolwise.errors import InputError, PoolwiseWarning
from poolwise.measures import Estimate, effect_size
from poolwise.scale import Scale, as_scale
from poolwise.settings import as_number, as_numbers, check_option, check_whole

Array = NDArray[np.float64]
Rng = np.random.Generator
EXAMPLE = "pw.simulate.Arms(k=5, n1=20, n2=20, measure='OR', control=0.2)"
FEWEST = 2  # persons in an arm that has a standard deviation


@final
@dataclass(frozen=True, eq=False)
class Arms:
    """A design whose studies compare two arms: persons are drawn, and each study reports what is computed from them.

    Estimates and standard errors are functions of the same data, as in real tables: standard errors vary by chance,
    those of standardised differences and odds ratios with the estimate, and estimates are not quite normal.

    - ``"MD"``: means y1 - y2 of normal persons, N(theta, sd) in the first arm and N(0, sd) in the second;
      se^2 = s1^2 / n1 + s2^2 / n2, or of the pooled s with ``variance="HO"``.
    - ``"SMD"``: Hedges' g of such persons, with theta in units of sd; se^2 = 1 / n1 + 1 / n2 + g^2 / (2 (n1 + n2)), or
      what ``variance`` names.
    - ``"OR"``: log odds ratio of counts, Binomial(n2, p) in the second arm and the odds of p times exp(theta) in the
      first; 1/2 is added to each cell of a table with an empty one.

    Attributes
    ----------
    k : int
        Number of studies, at least 2.
    n1, n2 : int or sequence of int
        Persons in the first (treated) and second (control) arm: one number for all studies, or one for each.
    measure : str
        ``"MD"``, ``"SMD"`` or ``"OR"``.
    sd : float or sequence of float
        Standard deviation of persons, for ``"MD"``.
    control : float or sequence of float
        Risk p in the second arm, between 0 and 1, for ``"OR"``.
    variance : str
        Which sampling variance a study reports: ``"LS"`` or ``"HO"`` of a mean difference, ``"LS"``, ``"LS2"``,
        ``"UB"`` or ``"H0"`` of a standardised one, as `pw.effect_size` has them.
    label : str
        Words for tables; made of the rest when left out.

    Raises
    ------
    InputError
        For sizes that are not whole numbers of at least 2, a standard deviation that is not above 0, and a risk that is
        not between 0 and 1.

    Notes
    -----
    The measure is the mean difference by default, whose estimates stay normal and independent of their standard errors.
    sd = 1 is then the unit of the effect; a control risk of .5 is where a log odds ratio is most precise, and rarer
    events are to be asked for. The variance is the usual large-sample one.

    References
    ----------
    Friedrich, Adhikari & Beyene 2008, BMC Medical Research Methodology 8:32, 10.1186/1471-2288-8-32, for simulations of
    this kind; Morris, White & Crowther 2019, Statistics in Medicine 38:2074, 10.1002/sim.8086.

    Examples
    --------
    >>> design = Arms(k=3, n1=10, n2=[10, 20, 40], measure="SMD")
    >>> design.label
    'SMD, k = 3, n = 10 and 10 to 40'
    >>> design.fixed.round(3).tolist()
    [0.447, 0.387, 0.354]
    """

    k: int
    n1: Any
    n2: Any
    measure: str = "MD"
    sd: Any = 1.0
    control: Any = 0.5
    variance: str = "LS"
    label: str = ""

    def __post_init__(self) -> None:
        check_whole("k", self.k, 2, 3, error=InputError)
        check_option("measure", self.measure, KINDS, error=InputError)
        check_option("variance", self.variance, KINDS[self.measure].variances, error=InputError)
        for name, words, holds in BOUNDS:
            object.__setattr__(self, name, _values(name, getattr(self, name), self.k, words, holds))
        if not self.label:
            sizes = f"n = {_range(self.n1)} and {_range(self.n2)}"
            more = {"MD": "", "SMD": "", "OR": f", control risk {_range(self.control)}"}[self.measure]
            object.__setattr__(self, "label", f"{self.measure}, k = {self.k}, {sizes}{more}")

    @property
    def scale(self) -> Scale:
        """Of the effects."""
        return as_scale(KINDS[self.measure].scale)

    @property
    def fixed(self) -> Array:
        """Standard errors that studies of these sizes are expected to have where theta = 0, shape (k,)."""
        unit = {"MD": self.sd**2, "SMD": 1.0, "OR": 1.0 / (self.control * (1.0 - self.control))}[self.measure]
        return np.asarray(np.sqrt(unit * (1.0 / self.n1 + 1.0 / self.n2)))

    @property
    def key(self) -> str:
        """What the design is, in short."""
        return f"{self.measure} {self.variance} " + " ".join(
            f"{name}={getattr(self, name).tolist()}" for name, *_ in BOUNDS
        )

    def errors(self, rng: Rng, count: int) -> Array:
        """Expected standard errors of this many tables, shape (count, k)."""
        return np.broadcast_to(self.fixed, (count, self.k)).copy()

    def example(self) -> Effects:
        """A table of this design, all of whose estimates are 0: what models and engines are checked against."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoolwiseWarning)  # rows alike are meant
            return Effects(np.zeros(self.k), se=self.fixed, scale=self.scale, provenance="simulated")

    def drawn(self, rng: Rng, theta: Array, se: Array) -> tuple[Array, Array]:
        """Estimates and standard errors of studies with these true effects.

        Parameters
        ----------
        rng : Generator
        theta : ndarray
            True effects, shape (n, k) or (n, 1).
        se : ndarray
            Expected standard errors, same shape, of `errors`: they tell which study of the table a single one is.

        Returns
        -------
        y, se : ndarray
            Same shape.
        """
        place = np.abs(se[..., None] - self.fixed).argmin(axis=-1)
        sizes = {name: getattr(self, name)[place] for name, *_ in BOUNDS}
        found = KINDS[self.measure].estimates(rng, theta, _Drawn(variance=self.variance, **sizes))
        return found.y, found.se


@final
@dataclass(frozen=True, eq=False)
class _Drawn:
    """Sizes, standard deviation and control risk of single studies, each of the shape of the true effects."""

    variance: str
    n1: Array
    n2: Array
    sd: Array
    control: Array


@final
@dataclass(frozen=True, eq=False)
class _Kind:
    """A measure: the name of its scale, the sampling variances that it has, and its estimates from drawn arms."""

    scale: str
    variances: tuple[str, ...]
    estimates: Callable[[Rng, Array, _Drawn], Estimate]


def _mean_differences(rng: Rng, theta: Array, of: _Drawn) -> Estimate:
    m1, sd1, m2, sd2 = _normal_arms(rng, theta, of, of.sd)
    return effect_size("MD", n1=of.n1, m1=m1, sd1=sd1, n2=of.n2, m2=m2, sd2=sd2, variance=of.variance)


def _standardised_differences(rng: Rng, theta: Array, of: _Drawn) -> Estimate:
    m1, sd1, m2, sd2 = _normal_arms(rng, theta, of, np.ones_like(theta))
    pooled = ((of.n1 - 1.0) * sd1**2 + (of.n2 - 1.0) * sd2**2) / (of.n1 + of.n2 - 2.0)
    return effect_size("SMD", d=(m1 - m2) / np.sqrt(pooled), n1=of.n1, n2=of.n2, variance=of.variance)


def _normal_arms(rng: Rng, theta: Array, of: _Drawn, sd: Array) -> tuple[Array, Array, Array, Array]:
    """Mean and standard deviation in each arm, by their own laws: normal, and chi-squared with n - 1 df."""
    m1 = theta + sd * rng.standard_normal(theta.shape) / np.sqrt(of.n1)
    m2 = sd * rng.standard_normal(theta.shape) / np.sqrt(of.n2)
    sd1, sd2 = (sd * np.sqrt(rng.chisquare(n - 1.0) / (n - 1.0)) for n in (of.n1, of.n2))
    return m1, sd1, m2, sd2


def _log_odds_ratios(rng: Rng, theta: Array, of: _Drawn) -> Estimate:
    n1, n2 = of.n1.astype(int), of.n2.astype(int)
    a = rng.binomial(n1, special.expit(special.logit(of.control) + theta))
    c = rng.binomial(n2, of.control)
    return effect_size("OR", a=a, b=n1 - a, c=c, d=n2 - c)


KINDS: dict[str, _Kind] = {
    "MD": _Kind("MD", ("LS", "HO"), _mean_differences),
    "SMD": _Kind("SMD", ("LS", "LS2", "UB", "H0"), _standardised_differences),
    "OR": _Kind("log OR", ("LS",), _log_odds_ratios),
}
"""What arms may be compared by: a measure joins by an entry."""

Bound = tuple[str, str, Callable[[Array], NDArray[np.bool_]]]
BOUNDS: tuple[Bound, ...] = (
    ("n1", f"whole numbers of at least {FEWEST}", lambda x: (x >= FEWEST) & (x == np.floor(x))),
    ("n2", f"whole numbers of at least {FEWEST}", lambda x: (x >= FEWEST) & (x == np.floor(x))),
    ("sd", "numbers above 0", lambda x: x > 0.0),
    ("control", "risks between 0 and 1", lambda x: (x > 0.0) & (x < 1.0)),
)


def _values(name: str, given: Any, k: int, words: str, holds: Callable[[Array], NDArray[np.bool_]]) -> Array:
    values = np.atleast_1d(as_numbers(name, given))
    if values.shape not in ((1,), (k,)):
        raise InputError(f"{name} has shape {values.shape}", f"one number, or {k}", EXAMPLE)
    wrong = ~(np.isfinite(values) & holds(values))
    if wrong.any():
        raise InputError(f"{name} holds {values[wrong].tolist()}", words, EXAMPLE)
    return np.repeat(values, k) if len(values) == 1 else values


def _range(values: Array) -> str:
    low, high = as_number(values.min()), as_number(values.max())
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
