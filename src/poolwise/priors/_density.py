"""A prior on tau that a user writes: any density function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike

from poolwise.priors._base import Array, Prior
from poolwise.priors._numeric import NumericLaw, narrow_edges, numeric_law, spread
from poolwise.priors._tails import check_points, check_support, check_vectorised, checked_tail, refuse_infinite
from poolwise.settings import as_numbers, check_flag


@final
@dataclass(frozen=True, init=False)
class Density(Prior):
    """Any density on [0, inf), given by its natural logarithm up to a constant.

    The constant, the distribution function and the quantiles come from quadrature over log tau, and the power with
    which the density falls is read off far out. What cannot be found out must be said: a density that falls too slowly
    for quadrature is refused, and one whose tail is no clear power needs `tail_power`. Peaks are looked for on a fine
    scan: between 1e-6 and 1e4 one is seen whose sd is at least a ten-thousandth of its place; one that is narrower
    must be named in `points`.

    Parameters
    ----------
    function : callable
        Takes an array of tau, returns the natural logarithm of the density, up to a constant: same shape, -inf where
        the density is 0. It must be right from 1e-150 to 1e140: write logarithms, not powers that overflow.
    name : str
        Words for tables and figures, for example ``"Gamma(2, 3)"``.
    lower, upper : float
        Ends of the support, 0 <= lower < upper.
    tail_power : float, optional
        a where the density falls as tau^-a, inf for lighter tails; found out when None.
    proper : bool
        Whether the density has a finite integral, which is checked. An improper one is used as it stands.
    metric : str, optional
        Scale of effect that the prior is for.
    points : sequence of float
        Values of tau on which peaks stand that are narrower than that, within the support.

    Raises
    ------
    ModelError
        When the density cannot be integrated, its tail cannot be told, or the function returns something else than
        the logarithm of a density.

    Notes
    -----
    The support is [0, inf) by default, since tau is a standard deviation. A tail is found out unless it is named, since
    whether moments exist hangs on it.

    References
    ----------
    The quadrature is our own. Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for a prior on tau given as
    any function.

    Examples
    --------
    >>> import numpy as np
    >>> gamma = Density(lambda tau: np.log(tau) - 3 * tau, name="Gamma(2, 3)")
    >>> print(gamma, gamma.ppf(0.5).round(4), gamma.tail_power)
    Gamma(2, 3) 0.5594 inf
    """

    function: Callable[[Array], Array]
    name: str = ""
    lower: float = 0.0
    upper: float = math.inf
    tail_power: float = math.inf
    proper: bool = True
    metric: str | None = None
    points: tuple[float, ...] = ()
    peaks: Array = field(repr=False, compare=False, init=False)
    law: NumericLaw = field(repr=False, compare=False, init=False)
    needs_log_nodes: ClassVar[bool] = True
    vectorised: ClassVar[bool] = False

    def __init__(
        self,
        function: Callable[[Array], Array],
        name: str,
        *,
        lower: float = 0.0,
        upper: float = math.inf,
        tail_power: float | None = None,
        proper: bool = True,
        metric: str | None = None,
        points: Sequence[float] = (),
    ) -> None:
        check_support(name, lower, upper)
        check_flag("proper", proper)
        check_points(name, points, lower, upper)
        check_vectorised(function, name)
        narrow = narrow_edges(function, lower, upper, points)
        law = numeric_law(function, lower, upper, narrow)
        refuse_infinite(law, name, upper, proper=proper)
        stated = {"function": function, "name": name, "lower": float(lower), "upper": float(upper), "proper": proper}
        tail = math.inf if math.isfinite(upper) else checked_tail(function, name, tail_power, proper=proper)
        of_points = {"points": tuple(map(float, points)), "peaks": narrow, "law": law}
        for key, value in (stated | {"tail_power": tail, "metric": metric} | of_points).items():
            object.__setattr__(self, key, value)

    @property
    def lowest(self) -> float:
        """Lower end of the support."""
        return self.lower

    @property
    def narrow(self) -> Array:
        """Values of tau that close in on peaks and jumps."""
        return self.peaks

    @cached_property
    def spread(self) -> float:
        """Standard deviation, by quadrature; inf where it does not exist."""
        if not self.proper or self.tail_power <= 3.0:
            return math.inf
        return spread(self.function, self.lower, self.upper, self.narrow)

    def log_density(self, x: Array, *parameters: Array | float) -> Array:
        """Log density at x, normalised if the prior is proper; -inf outside the support."""
        x = as_numbers("x", x)
        inside = (x >= self.lower) & (x <= self.upper)
        with np.errstate(all="ignore"):
            value = np.asarray(self.function(np.where(inside, x, self._somewhere)), dtype=float)
        return np.where(inside, value - (self.law.log_total if self.proper else 0.0), -np.inf)

    @property
    def _somewhere(self) -> float:
        """A value of tau within the support."""
        return 0.5 * (self.lower + self.upper) if math.isfinite(self.upper) else self.lower + 1.0

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value at most x, by quadrature; a ModelError for an improper prior."""
        self.refuse_if_improper("distribution function")
        return self.law.cdf(as_numbers("x", x))

    def quantile(self, p: Array, *parameters: Array | float) -> Array:
        """Quantile at p of a proper prior, by quadrature."""
        inside = self.law.quantile(p)
        return np.where(np.equal(p, 0.0), self.lower, np.where(np.equal(p, 1.0), self.upper, inside))

    def scaled(self, factor: float) -> Density:
        """The density of factor x tau."""
        return replace(
            self,
            function=_Rescaled(self.function, factor),
            name=f"{factor:.6g} x {self.name}",
            lower=self.lower * factor,
            upper=self.upper * factor,
            points=tuple(factor * point for point in self.points),
        )

    def __str__(self) -> str:
        return self.name


@final
@dataclass(frozen=True)
class _Rescaled:
    """Log density of factor x tau, up to a constant."""

    function: Callable[[Array], Array]
    factor: float

    def __call__(self, x: Array) -> Array:
        return self.function(x / self.factor)
