"""A prior that another package's distribution object states: scipy.stats, PreliZ, PyMC, and the like."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol, final

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike

from poolwise.errors import ModelError
from poolwise.priors._base import Array, Prior
from poolwise.priors._density import Density
from poolwise.priors._numeric import spread
from poolwise.priors._on_the_line import ON_MU, OnTheLine, of_pymc, of_quantiles
from poolwise.priors._tails import check_vectorised, checked_tail
from poolwise.settings import as_numbers

SAME = 1e-3  # by which the integral of the density may miss the distribution function; a misfit misses by more
PANELS = 256  # of 4 nodes each, to compare the two: a kink costs about 1 / 256 of its size


class HasLaw(Protocol):
    """What `from_distribution` takes: frozen scipy.stats distributions and PreliZ distributions have it."""

    def logpdf(self, x: Array, /) -> Array:
        """Log density."""

    def cdf(self, x: Array, /) -> Array:
        """Distribution function."""

    def ppf(self, p: Array, /) -> Array:
        """Quantiles."""


@final
@dataclass(frozen=True, eq=False)
class OfDistribution(Prior):
    """The prior that a distribution object states; `from_distribution` makes and checks it.

    Attributes
    ----------
    distribution : object
        With methods ``logpdf``, ``cdf`` and ``ppf``.
    name : str
        Words for tables and figures.
    tail_power : float
        a where the density falls as tau^-a; inf for lighter tails.
    unit : float
        The prior is that of unit x the distribution's variable.

    Notes
    -----
    Name and tail are read off the object by default, so that a table says what was meant, and moments that do not exist
    are not told.

    References
    ----------
    Virtanen et al. 2020, Nature Methods 17:261, 10.1038/s41592-019-0686-2, for SciPy; Icazatti et al. 2023, J. Open
    Source Software 8(89):5499, 10.21105/joss.05499, for PreliZ.
    """

    distribution: HasLaw
    name: str
    tail_power: float = math.inf
    unit: float = 1.0
    metric: str | None = None
    needs_log_nodes: ClassVar[bool] = True
    vectorised: ClassVar[bool] = False
    lengths: ClassVar[tuple[str, ...]] = ("unit",)

    @property
    def lowest(self) -> float:
        """Lower end of the support."""
        return float(self.ppf(0.0))

    @cached_property
    def upper(self) -> float:
        """Upper end of the support."""
        return float(self.ppf(1.0))

    @cached_property
    def spread(self) -> float:
        """Standard deviation, by quadrature over the quantiles; inf where it does not exist."""
        if self.tail_power <= 3.0:
            return math.inf
        return spread(self.log_density, self.lowest, self.upper)

    def log_density(self, x: Array, *parameters: Array | float) -> Array:
        """Log density at x; -inf below 0."""
        x = as_numbers("x", x)
        with np.errstate(all="ignore"):
            inside = np.asarray(self.distribution.logpdf(np.maximum(x, 0.0) / self.unit), dtype=float)
        return np.where(x >= 0, inside - math.log(self.unit), -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x."""
        return np.asarray(self.distribution.cdf(as_numbers("x", x) / self.unit), dtype=float)

    def quantile(self, p: Array, *parameters: Array | float) -> Array:
        """Quantile at p."""
        return self.unit * np.asarray(self.distribution.ppf(as_numbers("p", p)), dtype=float)

    def __str__(self) -> str:
        return self.name if self.unit == 1.0 else f"{self.unit:.6g} x {self.name}"


def from_distribution(
    distribution: HasLaw | Any, *, name: str | None = None, tail_power: float | None = None, metric: str | None = None
) -> OfDistribution | Density | OnTheLine:
    """The prior that a distribution object states: on tau, or on mu where it is normal, t or Cauchy on the whole line.

    Parameters
    ----------
    distribution : object
        For tau on [0, inf), for mu a normal, t or Cauchy distribution: with vectorised methods ``logpdf``, ``cdf`` and
        ``ppf``, a frozen scipy.stats distribution or a PreliZ distribution with its parameters; or one unnamed variable
        of PyMC, ``pm.Gamma.dist(2, 5)``, whose log density is all that is asked of it.
    name : str, optional
        Words for tables and figures; the object's own when None.
    tail_power : float, optional
        a where the density falls as tau^-a, inf for lighter tails; found out when None.
    metric : str, optional
        Scale of effect that the prior is for.

    Returns
    -------
    OfDistribution, or Density of a variable of PyMC; Normal, StudentT or Cauchy of a law on the whole line, which
    `Exact` integrates mu under, and which keep their own names and tails

    Raises
    ------
    ModelError
        When a method is missing or fails, the distribution reaches below 0 and is no normal, t or Cauchy, its density
        is not the slope of its distribution function (it is discrete, for example), or its tail cannot be told.

    Notes
    -----
    Name and tail are read off the object by default, so that a table says what was meant, and moments that do not exist
    are not told.

    References
    ----------
    Virtanen et al. 2020, Nature Methods 17:261, 10.1038/s41592-019-0686-2, for SciPy; Icazatti et al. 2023, J. Open
    Source Software 8(89):5499, 10.21105/joss.05499, for PreliZ.

    Examples
    --------
    >>> from scipy import stats
    >>> prior = from_distribution(stats.gamma(2, scale=0.2))
    >>> print(prior, prior.ppf(0.5).round(4), prior.tail_power)
    gamma(2, scale=0.2) 0.3357 inf
    >>> print(from_distribution(stats.norm(0, 1)), from_distribution(stats.t(5, 0, 0.43)))
    Normal(0, 1) StudentT(5, 0, 0.43)
    """
    if hasattr(distribution, "owner") and "pymc" in sys.modules:
        return _of_variable(distribution, name, tail_power, metric)
    name = _own_name(distribution) if name is None else name
    missing = [method for method in ("logpdf", "cdf", "ppf") if not callable(getattr(distribution, method, None))]
    if missing:
        raise ModelError(
            f"{name} has no method {', '.join(missing)}",
            "a continuous distribution with its parameters",
            "priors.from_distribution(scipy.stats.gamma(2, scale=0.2))",
        )
    try:
        check_vectorised(distribution.logpdf, name)
        if float(distribution.cdf(np.array(0.0))) > 0.0:
            return of_quantiles(distribution, name, metric)
        _check_law(distribution, name)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{name} fails: {error}", "a distribution with all its parameters") from error
    upper = float(distribution.ppf(np.array(1.0)))
    tail = math.inf if math.isfinite(upper) else checked_tail(distribution.logpdf, name, tail_power, proper=True)
    return OfDistribution(distribution, name, tail, metric=metric)


def _own_name(distribution: Any) -> str:
    """The object's own words; for a frozen scipy.stats distribution its name and arguments."""
    generic = getattr(distribution, "dist", None)
    if generic is not None and hasattr(distribution, "args") and hasattr(distribution, "kwds"):
        parts = [*map(str, distribution.args), *(f"{key}={value}" for key, value in distribution.kwds.items())]
        return f"{generic.name}({', '.join(parts)})"
    words = str(distribution)
    return type(distribution).__name__ if words.startswith("<") else words


def _check_law(distribution: HasLaw, name: str) -> None:
    """Refuse what reaches below 0, and a density that is not the slope of the distribution function."""
    below = float(distribution.cdf(np.array(0.0)))
    if not below == 0.0:
        raise ModelError(
            f"{name} puts the probability {below:.3g} at 0 and below",
            "a distribution on [0, inf), without a point mass",
            "one that is truncated at 0",
        )
    p = np.array([0.05, 0.95])
    ends = np.asarray(distribution.ppf(p), dtype=float)
    nodes, weights = legendre.leggauss(4)
    edges = np.linspace(ends[0], ends[1], PANELS + 1)
    half = 0.5 * np.diff(edges)[:, None]
    with np.errstate(all="ignore"):
        density = np.exp(np.asarray(distribution.logpdf(edges[:-1, None] + half * (1.0 + nodes)), dtype=float))
    area = float((half * weights * density).sum())
    mass = float(np.diff(np.asarray(distribution.cdf(ends), dtype=float))[0])
    if not (abs(area - mass) < SAME and abs(mass - (p[1] - p[0])) < SAME):
        raise ModelError(
            f"{name} has a density that integrates to {area:.4g} between two quantiles and a distribution function "
            f"that grows by {mass:.4g} there",
            f"{p[1] - p[0]:.4g} for both",
            "a continuous distribution; is this a discrete one?",
        )


def _of_variable(variable: Any, name: str | None, tail_power: float | None, metric: str | None) -> Density | OnTheLine:
    """The prior that a variable of PyMC states; whoever has one has imported PyMC, which is not imported here."""
    family = getattr(getattr(variable.owner, "op", None), "_print_name", (type(variable).__name__,))[0]
    words = f"PyMC's {family}" if name is None else name
    advice = "priors.from_distribution(pm.Gamma.dist(2, 5))"
    if variable.ndim != 0 or "float" not in variable.dtype:
        has = f"{words} has {variable.ndim} dimensions and the type {variable.dtype}"
        raise ModelError(has, "one continuous variable with its parameters", advice)
    if any(_is_drawn(parameter) for parameter in variable.owner.inputs):
        raise ModelError(f"{words} has a parameter that is a variable itself", "numbers as parameters", advice)
    x = sys.modules["pytensor.tensor"].dvector()
    try:
        graph = sys.modules["pymc"].logp(variable, x)
        log_density = _LogDensity(sys.modules["pytensor"].function([x], graph, mode="FAST_COMPILE"))
        below, above = log_density(-PLACES[::-1]), log_density(PLACES)
    except Exception as error:
        raise ModelError(f"{words} has no log density: {error}", "a distribution with numbers as parameters") from error
    if np.isfinite(below).any() or not np.isfinite(above).any():
        on_line = of_pymc(variable, family, log_density, metric)
        if on_line is None:
            raise ModelError(f"{words} reaches below 0, or is nowhere above it", ON_MU)
        return on_line
    lower, upper = _ends(log_density, np.isfinite(above))
    prior = Density(log_density, words, lower=lower, upper=upper, tail_power=tail_power, metric=metric)
    return prior if name is not None else replace(prior, name=f"{words}, median {float(prior.ppf(0.5)):.4g}")


def _is_drawn(variable: Any) -> bool:
    """Whether a random variable takes part in a variable."""
    node = variable.owner
    return node is not None and (hasattr(node.op, "ndim_supp") or any(map(_is_drawn, node.inputs)))


PLACES = np.exp(np.arange(-300.0, 300.0, 0.05))  # at which a log density is asked whether it is finite


@final
@dataclass(frozen=True)
class _LogDensity:
    """A compiled log density of vectors, for arrays of any shape."""

    function: Callable[[Array], Array]

    def __call__(self, x: Array) -> Array:
        return np.asarray(self.function(np.ravel(x)), dtype=float).reshape(np.shape(x))


def _ends(log_density: Callable[[Array], Array], finite: Array) -> tuple[float, float]:
    """Where the log density begins and ceases to be finite, by bisection; 0 and inf where it is so from end to end."""
    ends = []
    for first, step, open_end in (
        (int(np.argmax(finite)), -1, 0.0),
        (len(finite) - 1 - int(np.argmax(finite[::-1])), 1, math.inf),
    ):
        if not 0 <= first + step < len(finite):
            ends.append(open_end)
            continue
        inside, outside = float(PLACES[first]), float(PLACES[first + step])
        while np.nextafter(inside, outside) != outside:
            middle = 0.5 * (inside + outside)
            here = bool(np.isfinite(log_density(np.array([middle]))[0]))
            inside, outside = (middle, outside) if here else (inside, middle)
        ends.append(inside)
    return ends[0], ends[1]
