"""Sums over simulated tables, and the characteristics with Monte Carlo standard errors that they add up to.

A tally is a row of sums for each quantity, so that parts of a simulation add up to the whole whatever their order of
running, and a million tables take the memory of one part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.simulate.characteristics.methods import Answers
from poolwise.simulate.characteristics.true_effects import EffectLaw

Array = NDArray[np.float64]
BINS = 10  # of P(mu > threshold)

SUMS = (
    "tables", "answered", "trouble", "points",
    "covered", "covered2", "below", "above", "width", "width2", "unbounded",
    "error", "error2", "error4",
    "rejected", "right", "wrong", "found", "found2", "true_found", "true_found2", "cross",
    "p_above", "p_above2", "probabilities",
)  # fmt: skip
"""Names of the sums of a quantity; `Tally.of` says what each is."""
BIN_SUMS = ("count", "p_above", "truly_above")


@final
@dataclass(frozen=True, eq=False)
class Known:
    """What is true in n tables.

    Attributes
    ----------
    mu, tau : ndarray
        Shape (n,).
    law : EffectLaw
        Of true effects about mu, in units of tau.
    """

    mu: Array
    tau: Array
    law: EffectLaw


@final
@dataclass(frozen=True, eq=False)
class Tally:
    """Sums over tables of one method on one truth.

    Attributes
    ----------
    sums : dict of str to ndarray
        By quantity, in the order of `SUMS`.
    bins : ndarray
        Of P(mu > threshold), shape (`BINS`, 3), in the order of `BIN_SUMS`.
    """

    sums: Mapping[str, Array]
    bins: Array

    def __add__(self, other: Tally) -> Tally:
        """The tally of both sets of tables."""
        return Tally({name: self.sums[name] + other.sums[name] for name in self.sums}, self.bins + other.bins)

    @classmethod
    def of(cls, answers: Answers, known: Known, quantities: tuple[str, ...], threshold: float) -> Tally:
        """The sums over these tables."""
        sums = {name: _sums(name, answers, known, threshold) for name in quantities}
        return cls(sums, _bins(answers, known, threshold))


def _sums(name: str, answers: Answers, known: Known, threshold: float) -> Array:
    point, lower, upper = answers.point[name], answers.lower[name], answers.upper[name]
    usable = ~(np.isnan(lower) | np.isnan(upper))
    pointed = np.isfinite(point)
    out: dict[str, Any] = dict.fromkeys(SUMS, 0.0)
    out |= {"tables": len(point), "answered": usable.sum(), "points": pointed.sum()}
    out["trouble"] = (answers.trouble | ~usable).sum()
    lower, upper = lower[usable], upper[usable]
    truth = Known(known.mu[usable], known.tau[usable], known.law)
    under, over = _missed(name, lower, upper, truth)
    covered = 1.0 - under - over
    out |= {"covered": covered.sum(), "covered2": (covered**2).sum(), "below": under.sum(), "above": over.sum()}
    width = upper - lower
    bounded = np.isfinite(width)
    out |= {"width": width[bounded].sum(), "width2": (width[bounded] ** 2).sum(), "unbounded": (~bounded).sum()}
    if name != "theta_new":
        error = (point - (known.mu if name == "mu" else known.tau))[pointed]
        out |= {"error": error.sum(), "error2": (error**2).sum(), "error4": (error**4).sum()}
    if name == "mu":
        out |= _decisions(point[usable], lower, upper, truth.mu, threshold)
        out |= _probabilities(answers.below)
    return np.array([float(out[word]) for word in SUMS])


def _missed(name: str, lower: Array, upper: Array, truth: Known) -> tuple[Array, Array]:
    """Whether the truth lies under and over the interval; for the effect in a new study its probability."""
    if name != "theta_new":
        value = truth.mu if name == "mu" else truth.tau
        return (value < lower).astype(float), (value > upper).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        under = truth.law.cdf((lower - truth.mu) / truth.tau)
        over = 1.0 - truth.law.cdf((upper - truth.mu) / truth.tau)
    same = truth.tau == 0.0
    return np.where(same, truth.mu < lower, under), np.where(same, truth.mu > upper, over)


def _decisions(point: Array, lower: Array, upper: Array, mu: Array, threshold: float) -> dict[str, float]:
    """How often the interval excludes the threshold, on which side, and how large the estimate then is."""
    up, down = lower > threshold, upper < threshold
    rejected = up | down
    right = (up & (mu > threshold)) | (down & (mu < threshold))
    wrong = (up & (mu < threshold)) | (down & (mu > threshold))
    sides = rejected & (mu != threshold)
    estimate, true = np.abs(point - threshold)[sides], np.abs(mu - threshold)[sides]
    return {
        "rejected": rejected.sum(), "right": right.sum(), "wrong": wrong.sum(),
        "found": estimate.sum(), "found2": (estimate**2).sum(),
        "true_found": true.sum(), "true_found2": (true**2).sum(), "cross": (estimate * true).sum(),
    }  # fmt: skip


def _probabilities(below: Array | None) -> dict[str, float]:
    if below is None:
        return {}
    p = 1.0 - below[np.isfinite(below)]
    return {"p_above": p.sum(), "p_above2": (p**2).sum(), "probabilities": len(p)}


def _bins(answers: Answers, known: Known, threshold: float) -> Array:
    out = np.zeros((BINS, len(BIN_SUMS)))
    if answers.below is None:
        return out
    told = np.isfinite(answers.below)
    p, above = 1.0 - answers.below[told], known.mu[told] > threshold
    place = np.minimum((p * BINS).astype(int), BINS - 1)
    for column, weights in enumerate((np.ones_like(p), p, above.astype(float))):
        out[:, column] = np.bincount(place, weights, BINS)
    return out


def characteristics(sums: Array, quantity: str) -> dict[str, float]:
    """What the sums of one quantity add up to, each with its Monte Carlo standard error under ``<name>_mcse``.

    Parameters
    ----------
    sums : ndarray
        In the order of `SUMS`.
    quantity : str

    Returns
    -------
    dict of str to float
        NaN for what the quantity does not have. The error of a share p of n tables is sqrt(p (1 - p) / n) with
        (count + 1/2) / (n + 1) for p, so that it is not 0 where a thing was never, or always, seen.

    References
    ----------
    Morris, White & Crowther 2019, Statistics in Medicine 38:2074, 10.1002/sim.8086, table 6, for the standard errors;
    Gelman & Carlin 2014, Perspectives on Psychological Science 9:641, 10.1177/1745691614551642, for errors of sign and
    size.
    """
    of = dict(zip(SUMS, sums.tolist(), strict=True))
    n, points, mean = of["answered"], of["points"], quantity == "mu"
    sided = of["right"] + of["wrong"] if mean else 0.0
    out = _mean("coverage", of["covered"], of["covered2"], n, binary=quantity != "theta_new")
    out |= _share("missed_below", of["below"], n) | _share("missed_above", of["above"], n)
    out |= _mean("width", of["width"], of["width2"], n - of["unbounded"])
    exists = quantity != "theta_new"
    out |= _mean("bias", of["error"], of["error2"], points if exists else 0.0)
    out |= _rmse(of["error2"], of["error4"], points if exists else 0.0)
    for name in ("rejected", "right", "wrong"):
        out |= _share({"rejected": "rejection"}.get(name, f"{name}_side"), of[name], n if mean else 0.0)
    out |= _share("type_s", of["wrong"], sided)
    out |= _ratio("exaggeration", of, sided)
    out |= _mean("p_above", of["p_above"], of["p_above2"], of["probabilities"])
    out |= _share("unbounded", of["unbounded"], n) | _share("with_status", of["trouble"], of["tables"])
    return {"tables": int(of["tables"]), "answered": int(n)} | out


def _share(name: str, count: float, n: float) -> dict[str, float]:
    if n == 0:
        return {name: np.nan, f"{name}_mcse": np.nan}
    near = (count + 0.5) / (n + 1.0)
    return {name: count / n, f"{name}_mcse": float(np.sqrt(near * (1.0 - near) / n))}


def _mean(name: str, total: float, squares: float, n: float, binary: bool = False) -> dict[str, float]:
    if binary:
        return _share(name, total, n)
    if n == 0:
        return {name: np.nan, f"{name}_mcse": np.nan}
    mean = total / n
    variance = max(squares / n - mean**2, 0.0) * n / (n - 1.0) if n > 1 else np.nan
    return {name: mean, f"{name}_mcse": float(np.sqrt(variance / n))}


def _rmse(squares: float, fourth: float, n: float) -> dict[str, float]:
    """Root mean square error; the error of its square by the delta method."""
    if n == 0:
        return {"rmse": np.nan, "rmse_mcse": np.nan}
    mse = _mean("mse", squares, fourth, n)
    rmse = float(np.sqrt(mse["mse"]))
    return {"rmse": rmse, "rmse_mcse": mse["mse_mcse"] / (2.0 * rmse) if rmse > 0.0 else 0.0}


def _ratio(name: str, of: Mapping[str, float], n: float) -> dict[str, float]:
    """Size of estimates that exclude the threshold over that of the truth: of two means, by the delta method."""
    if n == 0:
        return {name: np.nan, f"{name}_mcse": np.nan}
    ratio = of["found"] / of["true_found"]
    residual = of["found2"] - 2.0 * ratio * of["cross"] + ratio**2 * of["true_found2"]
    return {name: ratio, f"{name}_mcse": float(np.sqrt(max(residual, 0.0)) / of["true_found"])}
