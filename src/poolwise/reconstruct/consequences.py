"""What published d, SE and Q imply without any study data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri, stdtrit

from poolwise.reconstruct.aggregate import Aggregate
from poolwise.reconstruct.feasible import check_row, check_several
from poolwise.settings import check_prob

_STANLEY = "Stanley & Doucouliagos 2015, doi:10.1002/sim.6481"
_BIRGE = "Birge 1932, doi:10.1103/PhysRev.40.207"
_HIGGINS = "Higgins & Thompson 2002, doi:10.1002/sim.1186"
_HARTUNG = "Hartung & Knapp 2001, doi:10.1002/sim.791; Knapp & Hartung 2003, doi:10.1002/sim.1482"
_LAIRD = "DerSimonian & Laird 1986, doi:10.1016/0197-2456(86)90046-2"
_COCHRAN = "Cochran 1954, doi:10.2307/3001666"


@dataclass(frozen=True)
class _Unrounded:
    """k and unrounded d, SE, Q of one set of studies, and the probability of its intervals."""

    k: int
    d: float
    se: float
    q: float
    prob: float

    @property
    def df(self) -> int:
        """Degrees of freedom of Q, k - 1."""
        return self.k - 1

    @property
    def z(self) -> float:
        """Normal quantile of the two-sided interval."""
        return float(ndtri(0.5 + self.prob / 2.0))

    @property
    def t(self) -> float:
        """Student's quantile of the two-sided interval, on k - 1 degrees of freedom."""
        return float(stdtrit(self.df, 0.5 + self.prob / 2.0))

    @property
    def h(self) -> float:
        """Birge's ratio sqrt(Q / (k - 1)), the H of Higgins and Thompson."""
        return float(np.sqrt(self.q / self.df))


Values = Callable[[_Unrounded], tuple[float, float, float]]


@dataclass(frozen=True)
class _Consequence:
    """A quantity that d, SE and Q decide.

    Attributes
    ----------
    quantity, formula, source : str
        Its name, its formula, and whose it is.
    values : callable
        Gives point, lower and upper limit; NaN for limits that do not exist.
    homogeneous : bool
        Whether it holds only where Q <= k - 1, so that tau2 by DerSimonian and Laird is 0.
    """

    quantity: str
    formula: str
    source: str
    values: Values
    homogeneous: bool = False


def _mean(half: Callable[[_Unrounded], float]) -> Values:
    return lambda x: (x.d, x.d - half(x), x.d + half(x))


def _i2(x: _Unrounded) -> tuple[float, float, float]:
    """I2 with test-based limits from ln H; no limits for k = 2 with Q <= k."""
    if x.q <= 0.0:
        return 0.0, np.nan, np.nan
    if x.q > x.k:
        spread = 0.5 * (np.log(x.q) - np.log(x.df)) / (np.sqrt(2.0 * x.q) - np.sqrt(2.0 * x.k - 3.0))
    elif x.k > 2:
        spread = np.sqrt((1.0 - 1.0 / (3.0 * (x.k - 2.0) ** 2)) / (2.0 * (x.k - 2.0)))
    else:
        spread = np.nan
    h = x.h * np.exp(np.array([0.0, -1.0, 1.0]) * x.z * spread)
    h[0] = x.h
    point, lower, upper = np.where(np.isnan(h), np.nan, np.maximum(0.0, 1.0 - h**-2.0)).tolist()
    return point, lower, upper


def _no_limits(value: Callable[[_Unrounded], float]) -> Values:
    return lambda x: (value(x), np.nan, np.nan)


_CONSEQUENCES = (
    _Consequence("mu, common effect (Wald)", "d -/+ z SE", "inverse-variance weighting", _mean(lambda x: x.z * x.se)),
    _Consequence(
        "mu, unrestricted weighted least squares",
        "d -/+ t(k-1) SE sqrt(Q / (k-1))",
        _STANLEY,
        _mean(lambda x: x.t * x.se * x.h),
    ),
    _Consequence(
        "mu, Birge ratio",
        "d -/+ z SE max(1, sqrt(Q / (k-1)))",
        _BIRGE,
        _mean(lambda x: x.z * x.se * max(1.0, x.h)),
    ),
    _Consequence(
        "mu, Hartung-Knapp at tau2 = 0",
        "d -/+ t(k-1) SE sqrt(Q / (k-1))",
        _HARTUNG,
        _mean(lambda x: x.t * x.se * x.h),
        homogeneous=True,
    ),
    _Consequence(
        "mu, Hartung-Knapp (ad hoc) at tau2 = 0",
        "d -/+ t(k-1) SE max(1, sqrt(Q / (k-1)))",
        _HARTUNG,
        _mean(lambda x: x.t * x.se * max(1.0, x.h)),
        homogeneous=True,
    ),
    _Consequence("I2", "max(0, 1 - (k-1) / Q), limits from ln H", _HIGGINS, _i2),
    _Consequence("H2", "Q / (k-1)", _HIGGINS, _no_limits(lambda x: x.h**2)),
    _Consequence("p of Q", "P(chi2(k-1) > Q)", _COCHRAN, _no_limits(lambda x: float(chdtrc(x.df, max(x.q, 0.0))))),
    _Consequence(
        "tau2 (DL), lower bound",
        "max(0, (Q - k + 1) / (SE^-2 (1 - 1/k)))",
        _LAIRD,
        _no_limits(lambda x: max(0.0, (x.q - x.df) * x.se**2 / (1.0 - 1.0 / x.k))),
    ),
)


def published_consequences(published: Aggregate | Mapping[str, Any] | pd.Series, *, prob: float = 0.95) -> pd.DataFrame:
    """What k, d, SE and Q of a published outcome imply exactly, whatever the studies were.

    - Unrestricted weighted least squares: d -/+ t(k-1) SE sqrt(Q / (k-1)); with Birge's ratio the
      factor is never below 1.
    - Where Q <= k - 1, tau2 by DerSimonian and Laird is 0 and the Hartung-Knapp interval is that
      of weighted least squares; its ad hoc version is never narrower than with the factor 1. For Q above
      k - 1 it depends on the studies and is left out.
    - I2 with the test-based limits of Higgins and Thompson: ln H -/+ z s, with
      s = (ln Q - ln(k-1)) / (2 (sqrt(2Q) - sqrt(2k-3))) for Q > k, else
      s = sqrt((1 - 1 / (3 (k-2)^2)) / (2 (k-2))), and I2 = 1 - H^-2.
    - tau2 by DerSimonian and Laird is (Q - df) / (W - sum w^2 / W) with W = SE^-2. By
      Cauchy and Schwarz sum w^2 >= W^2 / k, hence tau2 >= (Q - df) / (W (1 - 1/k)), with
      equality for equal weights.

    Parameters
    ----------
    published : Aggregate, mapping or Series
        k, d, se and q (or i2_percent: then the middle of the Q that go with it); see `Aggregate.of`.
    prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        Columns quantity, point, lower, upper, outer_lower, outer_upper, prob, formula, source. The outer
        limits are the widest that any unrounded d, SE, Q agreeing with the printed ones gives (of
        the point, where a quantity has no interval). I2 is a fraction, tau2 a variance.

    Raises
    ------
    InputError
        If k, d, SE or Q is missing, k is 1, or they contradict one another.

    References
    ----------
    Stanley TD, Doucouliagos H (2015). Statistics in Medicine 34:2116-2127. doi:10.1002/sim.6481
    Higgins JPT, Thompson SG (2002). Statistics in Medicine 21:1539-1558. doi:10.1002/sim.1186

    Examples
    --------
    >>> table = published_consequences({"k": 3, "d": "0.374", "se": "0.124", "q": "0.940"})
    >>> table.set_index("quantity").loc["mu, Birge ratio", ["lower", "upper"]].round(3).tolist()
    [0.131, 0.617]
    """
    row = Aggregate.of(published)
    check_prob(prob)
    check_several(row)
    check_row(row)
    low, high = row.q.inside if row.q is not None else row.q_box()
    d, se, k = row.figure("d"), row.figure("se"), row.studies
    printed = _Unrounded(k, d.value, se.value, row.q.value if row.q is not None else (low + high) / 2.0, prob)
    corners = [_Unrounded(k, *corner, prob) for corner in product(d.inside, se.inside, _turns(low, high, k))]
    rows = [
        (c.quantity, *c.values(printed), *_outer(c, corners), prob, c.formula, c.source)
        for c in _CONSEQUENCES
        if high <= k - 1 or not c.homogeneous
    ]
    names = ["quantity", "point", "lower", "upper", "outer_lower", "outer_upper", "prob", "formula", "source"]
    return pd.DataFrame(rows, columns=names)


def _turns(low: float, high: float, k: int) -> Iterator[float]:
    """Ends of the box of Q, and where a limit of I2 changes its formula inside it."""
    yield low
    yield high
    if low < k < high:
        yield float(k)
        yield float(np.nextafter(k, np.inf))


def _outer(consequence: _Consequence, corners: list[_Unrounded]) -> tuple[float, float]:
    values = np.array([consequence.values(corner) for corner in corners])
    lower, upper = (0, 0) if np.isnan(values[:, 1:]).all() else (1, 2)
    return float(np.nanmin(values[:, lower])), float(np.nanmax(values[:, upper]))
