"""Whether numbers are uniform: their distribution function with bands that hold at all points together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from poolwise.errors import InputError, listing, shown
from poolwise.result import FAILED
from poolwise.settings import as_number, check_instance, check_whole

Array = NDArray[np.float64]
Counts = NDArray[np.intp]
_HALVINGS = 60


@final
@dataclass(frozen=True, eq=False)
class Band:
    """Limits between which the counts of n uniform numbers stay at all points together.

    Attributes
    ----------
    n : int
        How many numbers.
    prob : float
        The probability asked for.
    coverage : float
        That of the band, at least `prob`: counts are whole.
    gamma : float
        Tail probability beyond the limits at one point, both sides together.
    z : ndarray
        The points, 1/n, 2/n, ..., 1.
    lower, upper : ndarray of int
        Least and largest number at or below each point.

    References
    ----------
    Säilynoja, Bürkner & Vehtari 2022, Statistics and Computing 32:32, 10.1007/s11222-022-10090-6, section 2; the
    recursion is ours.
    """

    n: int
    prob: float
    coverage: float
    gamma: float
    z: Array
    lower: Counts
    upper: Counts


def coverage(lower: ArrayLike, upper: ArrayLike) -> float:
    """Probability that the counts of n uniform numbers lie within limits at 1/n, 2/n, ..., 1 together.

    n uniform numbers are a Poisson process of rate n that has n points on (0, 1). The weights of the counts that were
    inside so far follow by the recursion p_i(m) = [lower_i <= m <= upper_i] sum_j p_{i-1}(m - j) Poisson(j | 1), and
    the probability is p_n(n) / Poisson(n | n): exact up to rounding.

    Parameters
    ----------
    lower, upper : array_like of int
        Shape (n,).

    Returns
    -------
    float

    References
    ----------
    Säilynoja, Bürkner & Vehtari 2022, Statistics and Computing 32:32, 10.1007/s11222-022-10090-6, section 2; the
    recursion is ours.
    """
    low, high = np.asarray(lower), np.asarray(upper)
    n = len(low)
    step = np.exp(-1.0 - special.gammaln(np.arange(min(n, 40) + 1) + 1.0))
    first, p = 0, np.ones(1)  # weights of the counts from `first` on: the others are outside
    for least, most in zip(np.maximum(low, 0).tolist(), np.minimum(high, n).tolist(), strict=True):
        p = np.convolve(p, step)
        start = max(least, first)
        p = p[start - first : max(most + 1 - first, 0)]
        if not p.size:
            return 0.0
        first = start
    # the last count is that of all numbers, where the limits have it
    whole = p[n - first] if n - first < p.size else 0.0
    return float(whole / np.exp(n * np.log(n) - n - special.gammaln(n + 1.0)))


@cache
def band(n: int, prob: float = 0.99) -> Band:
    """The narrowest band of equal tail probability at each point that holds n uniform numbers with this probability.

    At each point z the number at or below it is Binomial(n, z); a count m is inside where P(<= m) and P(>= m) both
    exceed gamma / 2. gamma is the largest with which all points together keep the probability, found by halving with
    the exact `coverage`.

    Parameters
    ----------
    n : int
        How many numbers, at least 2.
    prob : float
        Probability that uniform numbers stay inside at all points, 0 < prob < 1.

    Returns
    -------
    Band

    Notes
    -----
    prob = 0.99 lets one calibrated quantity in a hundred leave its band: several are looked at for each model, and at
    0.95 one in twenty would be a false alarm.

    References
    ----------
    Säilynoja, Bürkner & Vehtari 2022, Statistics and Computing 32:32, 10.1007/s11222-022-10090-6, section 2.2 for
    the adjusted pointwise tail; the recursion here is ours.

    Examples
    --------
    >>> found = band(300, 0.99)
    >>> round(found.gamma, 5), round(found.coverage, 4)
    (0.00039, 0.99)
    """
    check_whole("n", n, 2, 300)
    if not 0.0 < as_number(prob) < 1.0:
        raise InputError(f"prob = {shown(prob)}", "a probability between 0 and 1", "prob=0.99")
    inside, outside = 0.0, 2.0 * (1.0 - prob)
    for _ in range(_HALVINGS):
        gamma = 0.5 * (inside + outside)
        if coverage(*_limits(n, gamma)) >= prob:
            inside = gamma
        else:
            outside = gamma
        if outside - inside < 1e-9 * outside:
            break
    lower, upper = _limits(n, inside)
    return Band(n, prob, coverage(lower, upper), inside, np.arange(1, n + 1) / n, lower, upper)


def p_value(u: ArrayLike) -> float:
    """Probability that as many uniform numbers go as far out of their bands, somewhere, as these do.

    The smallest band that these numbers leave has gamma = 2 min over points of min(P(<= m), P(>= m)), m the count at a
    point; the p-value is one minus the coverage of that band. It is below 1 - prob exactly when the numbers leave
    `band(n, prob)`.

    Parameters
    ----------
    u : array_like
        Numbers in [0, 1], shape (n,).

    Returns
    -------
    float

    References
    ----------
    Säilynoja, Bürkner & Vehtari 2022, Statistics and Computing 32:32, 10.1007/s11222-022-10090-6, section 2, for the
    bands.
    """
    values = _checked(u)
    n = len(values)
    at_most, at_least = _tails(n)
    counts = _counts(values)[:-1]
    rows = np.arange(n - 1)
    gamma = 2.0 * min(at_most[rows, counts].min(), at_least[rows, counts].min())
    return 1.0 - coverage(*_limits(n, gamma * (1.0 + 1e-12)))


def ecdf(places: pd.DataFrame, prob: float = 0.99) -> pd.DataFrame:
    """The empirical distribution function of each quantity's places less the uniform one, with its band.

    Parameters
    ----------
    places : DataFrame
        What `calibration` returned; columns `quantity` and `u`.
    prob : float
        Probability that one quantity's curve stays in its band everywhere, if it is calibrated.

    Returns
    -------
    DataFrame
        For each quantity and each point z: `quantity`, `z`, `difference` (ECDF(z) - z), `lower`, `upper` (the band,
        less z), `inside`.

    Notes
    -----
    prob = 0.99 lets one calibrated quantity in a hundred leave its band: several are looked at for each model, and at
    0.95 one in twenty would be a false alarm.

    References
    ----------
    Säilynoja, Bürkner & Vehtari 2022, Statistics and Computing 32:32, 10.1007/s11222-022-10090-6, figure 3.
    """
    _check_places("ecdf", places)
    parts = []
    for name, of in places.groupby("quantity", sort=False)["u"]:
        values = _checked(of)
        limits = band(len(values), prob)
        counts = _counts(values)
        part = {
            "quantity": name,
            "z": limits.z,
            "difference": counts / limits.n - limits.z,
            "lower": limits.lower / limits.n - limits.z,
            "upper": limits.upper / limits.n - limits.z,
            "inside": (counts >= limits.lower) & (counts <= limits.upper),
        }
        parts.append(pd.DataFrame(part))
    frame = pd.concat(parts, ignore_index=True)
    frame.attrs["prob"] = prob
    return frame


def uniformity(places: pd.DataFrame, prob: float = 0.99) -> pd.DataFrame:
    """Whether each quantity is calibrated: a row each, with what several quantities ask of the smallest p-value.

    Parameters
    ----------
    places : DataFrame
        What `calibration` returned.
    prob : float
        Probability of the band.

    Returns
    -------
    DataFrame
        `quantity`; `simulations`; `mean` and `sd` of u (0.5 and 0.289 when calibrated; a mean above 0.5 says that the
        posterior lies too low, an sd above 0.289 that it is too narrow); `p`, see `p_value`; `inside`, whether the
        curve stays in its band; `p_holm`, the p-values adjusted for the number of quantities by Holm's method, which
        holds however they depend on one another; `troubled`, the share of fits whose status is a failure.

    Notes
    -----
    prob = 0.99 lets one calibrated quantity in a hundred leave its band: several are looked at for each model, and at
    0.95 one in twenty would be a false alarm.

    References
    ----------
    Säilynoja, Bürkner & Vehtari 2022, Statistics and Computing 32:32, 10.1007/s11222-022-10090-6, for the band; Holm
    1979, Scandinavian Journal of Statistics 6:65, for several p-values at once.
    """
    _check_places("uniformity", places)
    rows = []
    for name, of in places.groupby("quantity", sort=False):
        values = _checked(of["u"])
        row = {"quantity": name, "simulations": len(values), "mean": values.mean(), "sd": values.std()}
        troubled = float(of["status"].isin(FAILED).mean()) if "status" in of else 0.0
        rows.append(row | {"p": p_value(values), "troubled": troubled})
    frame = pd.DataFrame(rows)
    frame.insert(5, "inside", frame["p"] > 1.0 - prob)
    frame.insert(6, "p_holm", holm(frame["p"]))
    return frame


def paired(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Whether two engines say the same of the same tables, up to the Monte Carlo error of their draws.

    Each difference of places is divided by its standard deviation, with u (1 - u) / L + 1 / (12 L^2) the variance of a
    randomised rank among L independent draws and none for a distribution function. Far more telling than two curves:
    chance in the tables, which moves both alike, cancels.

    Parameters
    ----------
    one, other : DataFrame
        What `calibration` returned with the same model, design and seed.

    Returns
    -------
    DataFrame
        `quantity`; `mean` and `rms` of the standardised differences (0 and about 1 when the engines agree); `largest`,
        in absolute value; `p`, the probability that engines that agree have a mean as far from 0, and `p_holm`, the
        same adjusted for the number of quantities.

    Raises
    ------
    InputError
        When the tables are not the same, or neither engine has draws.

    References
    ----------
    Modrak et al. 2023, Bayesian Analysis, 10.1214/23-BA1404, for ranks whose ties are broken at random; the comparison
    in pairs is ours. Holm 1979, Scandinavian Journal of Statistics 6:65.
    """
    for frame in (one, other):
        _check_places("paired", frame, ("simulation", "quantity", "truth", "u"))
    both = one.merge(other, on=["simulation", "quantity"], suffixes=("_one", "_other"))
    if len(both) != len(one) or len(both) != len(other) or not np.allclose(both["truth_one"], both["truth_other"]):
        raise InputError("the two frames are of different simulations", "the same model, design, seed and simulations")
    u = np.clip(0.5 * (both["u_one"] + both["u_other"]), 0.0, 1.0)
    variance = sum(
        np.where(both[f"draws_{who}"] > 0, u * (1.0 - u) / size + 1.0 / (12.0 * size**2), 0.0)
        for who in ("one", "other")
        for size in [np.maximum(both[f"draws_{who}"].to_numpy(dtype=float), 1.0)]
    )
    if not np.all(np.asarray(variance) > 0.0):
        raise InputError("neither of the two has draws, so that they have no Monte Carlo error", "one of NUTS")
    both["z"] = (both["u_other"] - both["u_one"]) / np.sqrt(variance)
    rows = []
    for name, z in both.groupby("quantity", sort=False)["z"]:
        rms, p = np.sqrt((z**2).mean()), 2.0 * special.ndtr(-abs(z.mean()) * np.sqrt(len(z)))
        rows.append({"quantity": name, "mean": z.mean(), "rms": rms, "largest": z.abs().max(), "p": p})
    frame = pd.DataFrame(rows)
    return frame.assign(p_holm=holm(frame["p"]))


def holm(p: ArrayLike) -> Array:
    """P-values adjusted for their number by Holm's step-down method, in the order given, shape (m,).

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6:65.
    """
    values = np.asarray(p, dtype=float)
    order = np.argsort(values)
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    out = np.empty_like(values)
    out[order] = np.minimum(stepped, 1.0)
    return out


def _limits(n: int, gamma: float) -> tuple[Counts, Counts]:
    """Least and largest count at each point, whose tails both exceed gamma / 2; at 1 all numbers are counted."""
    at_most, at_least = _tails(n)
    inside = (at_most > 0.5 * gamma) & (at_least > 0.5 * gamma)
    lower, upper = inside.argmax(axis=1), n - inside[:, ::-1].argmax(axis=1)
    none = ~inside.any(axis=1)  # so wide a gamma that no count is inside
    lower[none], upper[none] = 1, 0
    return np.append(lower, n), np.append(upper, n)


@cache
def _tails(n: int) -> tuple[Array, Array]:
    """P(<= m) and P(>= m) of Binomial(n, i/n), shape (n - 1, n + 1), for i = 1 ... n - 1."""
    z, m = np.arange(1, n)[:, None] / n, np.arange(n + 1)[None, :]
    at_most = np.where(m < n, special.betainc(np.maximum(n - m, 1), m + 1, 1.0 - z), 1.0)
    at_least = np.where(m > 0, special.betainc(np.maximum(m, 1), n - m + 1, z), 1.0)
    return at_most, at_least


def _counts(values: Array) -> Counts:
    """How many numbers lie at or below 1/n, 2/n, ..., 1."""
    n = len(values)
    return np.searchsorted(np.sort(values), np.arange(1, n + 1) / n, side="right")


def _check_places(asked: str, places: object, columns: tuple[str, ...] = ("quantity", "u")) -> None:
    """Refuse what is no frame of `calibration`."""
    check_instance(
        asked, places, pd.DataFrame, expected="a frame of calibration", advice="simulate.calibration(...)",
        error=InputError,
    )  # fmt: skip
    missing = [name for name in columns if name not in places.columns]  # type: ignore[attr-defined]
    if missing:
        raise InputError(
            f"{asked} was given a frame without the column(s) {listing(missing)}", "a frame of calibration"
        )


def _checked(u: ArrayLike) -> Array:
    values = np.asarray(u, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.all((values >= 0.0) & (values <= 1.0)):
        raise InputError(
            f"{len(values) if values.ndim else 1} places, of which not all lie in [0, 1] or which are too few",
            "two numbers or more between 0 and 1",
            "the column u of simulate.calibration(...)",
        )
    return values
