"""What every prior has, and how its parameters are checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise import show
from poolwise.density_strip import Strip, together
from poolwise.errors import ModelError, shown
from poolwise.settings import as_number, as_numbers, check_memory, check_whole

Array = NDArray[np.float64]
LOG_2PI = math.log(2.0 * math.pi)
LEAST_WIDTH = 1e-140
NORMAL_DF = 1e10  # degrees of freedom from which t is normal to 1e-10; SciPy's quantile is NaN far beyond
MANY_DF = 50.0  # half the degrees of freedom from which four terms of Stirling's series hold to 1e-16


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float | int) else str(value)


def log_t_constant(df: Array) -> Array:
    """Log density of Student's t at 0, log Gamma((df + 1) / 2) - log Gamma(df / 2) - log(df pi) / 2."""
    a = 0.5 * df
    near = np.minimum(a, MANY_DF)
    exact = special.gammaln(near + 0.5) - special.gammaln(near) - 0.5 * np.log(near)
    far = np.maximum(a, MANY_DF)  # where the two logarithms cancel: Stirling's series of their difference
    series = -1.0 / (8.0 * far) + 1.0 / (192.0 * far**3) - 1.0 / (640.0 * far**5) + 17.0 / (14336.0 * far**7)
    return np.where(a < MANY_DF, exact, series) - 0.5 * LOG_2PI


def t_quantile(df: Array | float, p: ArrayLike) -> Array:
    """Quantile of Student's t at p, -inf at 0, where SciPy has inf; normal from `NORMAL_DF` on."""
    quantile = np.where(np.greater(df, NORMAL_DF), special.ndtri(p), special.stdtrit(np.minimum(df, NORMAL_DF), p))
    return np.asarray(np.where(np.less(p, 0.5) & (quantile > 0.0), -np.inf, quantile))


def check_positive(prior: Prior, *names: str) -> None:
    """Raise a ModelError for a parameter that is not a finite number above 0."""
    for name in names:
        value = getattr(prior, name)
        if not 0.0 < as_number(value) < math.inf:
            raise ModelError(
                f"{type(prior).__name__} has {name} = {shown(value)}", f"a finite {name} above 0", f"{name}=0.5"
            )
        if value < LEAST_WIDTH:
            raise ModelError(
                f"{type(prior).__name__} has {name} = {shown(value)}",
                f"a {name} of at least {LEAST_WIDTH:g}",
                f"{name}=0.5",
            )


def check_width(prior: Prior, name: str) -> None:
    """Raise a ModelError for a width of a prior on a mean whose square leaves double precision."""
    value = getattr(prior, name)
    if 0.0 < as_number(value) < math.inf and not LEAST_WIDTH <= value <= 1.0 / LEAST_WIDTH:
        raise ModelError(
            f"{type(prior).__name__} has {name} = {shown(value)}",
            f"a {name} from {LEAST_WIDTH:g} to {1.0 / LEAST_WIDTH:g}, whose square is a number",
            "Fixed(value) for a mean that is known, Flat() for a prior that says nothing",
        )
    check_positive(prior, name)


def check_finite(prior: Prior, *names: str) -> None:
    """Raise a ModelError for a parameter that is not a finite number."""
    for name in names:
        value = getattr(prior, name)
        if not math.isfinite(as_number(value)):
            raise ModelError(f"{type(prior).__name__} has {name} = {shown(value)}", f"a finite {name}")


class Prior:
    """What every prior has; use one of the families below.

    Attributes
    ----------
    positive : bool
        Whether the prior lives on [0, inf) and may stand on tau.
    proper : bool
        Whether it integrates to 1.
    tail_power : float
        a where the density falls as x^-a (up to slower factors); inf for lighter tails.
    needs_log_nodes : bool
        Whether the density vanishes or blows up at 0 so sharply that quadrature works on log tau there.
    vectorised : bool
        Whether numbers are all that tells the members of the family apart, so that many are evaluated at once.
    from_variances : bool
        Whether the prior is made from the sampling variances of the studies.
    lengths : tuple of str
        Parameters in the unit of what the prior is on, which `scaled` multiplies.
    log_density : callable
        Log density at x given the parameters, each broadcast against x: a static method of a vectorised family,
        a method without parameters of any other prior.
    quantile : callable
        Quantile at p given the parameters, likewise.
    metric : str or None
        Scale of effect that the prior was made for.

    References
    ----------
    Röver et al. 2021, Research Synthesis Methods 12:448, 10.1002/jrsm.1475, on what a prior on tau should say.
    """

    positive: ClassVar[bool] = True
    proper: bool = True
    needs_log_nodes: ClassVar[bool] = False
    vectorised: ClassVar[bool] = True
    from_variances: ClassVar[bool] = False
    lengths: ClassVar[tuple[str, ...]] = ("scale",)
    log_density: ClassVar[Callable[..., Array]]
    quantile: ClassVar[Callable[..., Array]]

    metric: str | None

    @classmethod
    @cache
    def parameter_names(cls) -> tuple[str, ...]:
        """Names of the family's parameters, in the order of its signature; none unless it is vectorised."""
        if not cls.vectorised:
            return ()
        return tuple(field.name for field in fields(cast(Any, cls)) if field.name != "metric")

    @property
    def parameters(self) -> tuple[float, ...]:
        """The parameters, in the order of the family's signature."""
        return tuple(float(getattr(self, name)) for name in self.parameter_names())

    @property
    def family(self) -> str:
        """The family's name."""
        return type(self).__name__

    @property
    def tail_power(self) -> float:
        """A where the density falls as x^-a; inf for lighter tails."""
        return math.inf

    @property
    def upper(self) -> float:
        """Upper end of the support."""
        return math.inf

    @property
    def lowest(self) -> float:
        """Lower end of the support."""
        return 0.0 if self.positive else -math.inf

    @property
    def narrow(self) -> Array:
        """Values at which panels of a quadrature must end, as the density is narrow there, ascending."""
        return np.empty(0)

    @property
    def spread(self) -> float:
        """Standard deviation; inf where it does not exist."""
        return math.inf

    def log_pdf(self, x: ArrayLike) -> Array:
        """Log density at x; -inf outside the support and at infinity unless it is flat there; same shape as x."""
        x = as_numbers("x", x)
        finite = np.isfinite(x)
        if finite.all():
            return self.log_density(x, *self.parameters)
        inside = self.log_density(np.where(finite, x, 1.0), *self.parameters)
        far = -math.copysign(math.inf, self.tail_power) if self.tail_power else 0.0
        return np.where(finite, inside, np.where(np.isnan(x), np.nan, far))

    def pdf(self, x: ArrayLike) -> Array:
        """Density at x; same shape as x."""
        return np.exp(self.log_pdf(x))

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x; same shape as x; a ModelError for an improper prior."""
        self.refuse_if_improper("distribution function")
        raise NotImplementedError

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at p, NaN unless 0 <= p <= 1; same shape as p; a ModelError for an improper prior."""
        p = as_numbers("p", p)
        self.refuse_if_improper("quantiles")
        inside = (p >= 0.0) & (p <= 1.0)
        return np.where(inside, self.quantile(np.where(inside, p, 0.5), *self.parameters), np.nan)

    def refuse_if_improper(self, what: str) -> None:
        """Raise a ModelError that tells what an improper prior does not have."""
        if not self.proper:
            raise ModelError(f"the prior {self} is improper and has no {what}", "a proper prior")

    def sample(self, size: int, seed: int) -> Array:
        """Draws by inversion, shape (size,)."""
        rng = np.random.default_rng(check_whole("seed", seed, 0, 1))
        check_memory("sample(size)", check_whole("size", size, 0, 1000), "size=1000")
        return self.ppf(rng.random(size))

    @property
    def awaits_variances(self) -> bool:
        """Whether the prior is made from sampling variances and does not know them yet."""
        return False

    def for_variances(self, v: ArrayLike) -> Self:
        """The prior for studies with these sampling variances: itself, unless it is made from them.

        Parameters
        ----------
        v : array_like
            Sampling variances, shape (k,).
        """
        return self

    def scaled(self, factor: float) -> Self:
        """The prior of factor x tau (or factor x mu), for a scale of effect whose unit is `factor` times as long."""
        return replace(cast(Any, self), **{name: getattr(self, name) * factor for name in self.lengths})

    def for_metric(self, metric: str, factor: float | None = None) -> Self:
        """The prior moved to another scale of effect by an explicit factor: pi / sqrt(3) from d to log OR.

        Raises
        ------
        ModelError
            Without a factor: no default would fit every pair of scales.

        References
        ----------
        Borenstein et al. 2009, Introduction to Meta-Analysis, chapter 7, 10.1002/9780470743386, for the factors.
        """
        if factor is None:
            raise ModelError(
                f"for_metric('{metric}') was given no factor",
                "how many times as long the unit of the new scale is",
                "factor=math.pi / math.sqrt(3) from SMD to log OR, 0.5 from SMD to Fisher z, their inverses back",
            )
        return replace(cast(Any, self.scaled(factor)), metric=metric)

    def _repr_html_(self) -> str:
        """Quantiles and a thumbnail of the density, compact; what an improper prior or one of the variances lacks."""
        named = show.prior(str(self))
        known = "" if self.metric is None else f"made for effects as {self.metric}"
        if not self.proper:
            return show.card(named, answer="An improper prior: its density has no integral.", facts=(known,))
        if self.awaits_variances:
            return show.card(named, answer="Made from the sampling variances of the studies.", facts=(known,))
        try:
            low, lower, median, upper, high = (float(x) for x in self.ppf(np.array([0.003, 0.025, 0.5, 0.975, 0.985])))
        except (AttributeError, NotImplementedError):
            return show.card(named, answer="A joint prior on several coefficients.", facts=(known,))
        if not low < high:
            return show.card(named, answer=f"Known to be {show.number(median)}.", facts=(known,))
        limits = show.interval(lower, upper)
        told = f"{named}: median {show.number(median)}, 95 % between {show.number(lower)} and {show.number(upper)}."
        start = max(self.lowest, low - 0.1 * (high - low)) if self.lowest < 0.0 else 0.0
        x = np.linspace(start, high, 101)
        ends = show.number(lower, 2), show.number(upper, 2)
        drawn = Strip(named, told, x, self.pdf(x), None, (lower, median, upper), ends)
        return show.card(
            named,
            facts=(known,),
            header=("median", "95 % between"),
            rows=((show.number(median), limits),),
            strips=together((drawn,)),
        )

    def __str__(self) -> str:
        return f"{self.family}({', '.join(_number(p) for p in self.parameters)})"
