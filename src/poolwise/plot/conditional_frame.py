"""The numbers of a picture over tau: the mean and the studies given tau, tau's posterior, where the interval tips."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from poolwise.closed_form.given_tau import GivenTau, Problem, given_tau
from poolwise.errors import ModelError, nearest, shown
from poolwise.model.structure import NormalStructure
from poolwise.plot._given import check_given
from poolwise.priors import Fixed, Flat, Normal, Prior
from poolwise.quantities import Posterior
from poolwise.result import NO_PRIOR, Result
from poolwise.settings import as_number, check_prob

Array = NDArray[np.float64]
COLUMNS = ("row", "name", "tau", "x", "lower", "upper", "density", "p", "prob", "interval", "data")
_POINTS, _SOUGHT = 161, 400
_FAR = 30.0  # how many times as far as the picture reaches a tipping value of tau is looked for
_KNOWN = (Normal, Flat, Fixed)


@final
@dataclass(frozen=True, eq=False)
class Given:
    """What a fit says given tau of a combination of its coefficients.

    Attributes
    ----------
    name : str
        Of the combination: ``"mu"``, ``"beta[ablat]"``.
    problem : Problem
    prior : str
        Words for the prior on what is asked for; empty without one.
    """

    name: str
    problem: Problem
    prior: str

    def at(self, tau: Array) -> GivenTau:
        """The normal laws at these values of tau."""
        return given_tau(self.problem, tau)


def given_of(result: Result, of: str | None = None) -> Given:
    """What a fit says given tau: normal laws in closed form.

    Parameters
    ----------
    result : Result
        Of any engine, by a model with one tau and normal, flat or known coefficients.
    of : str, optional
        A mean effect or coefficient; the first answer by default.

    Returns
    -------
    Given

    Raises
    ------
    ModelError
        When the model is no such model; for a name that is no mean effect or coefficient.
    """
    structure = _structure(result)
    names = structure.linear
    name = (result.answers or tuple(names))[0] if of is None else of
    if not isinstance(name, str) or name not in names:
        raise ModelError(
            f"of = {shown(of)} is no mean effect or coefficient of '{result.label}'",
            "a name such as " + " or ".join(list(names)[:3]),
            nearest(str(name), names),
        )
    if result.prior == NO_PRIOR:
        priors: list[Prior] = [Flat()] * structure.p
    else:
        priors = [structure.priors.get(each, Flat()) for each in structure.coefficients]
    for each, prior in zip(structure.coefficients, priors, strict=True):
        if not isinstance(prior, _KNOWN):
            raise ModelError(
                f"{each} ~ {prior} in '{result.label}': given tau it is not normal",
                "normal, flat or known coefficients",
                "the prior Normal(0, 1), or plot.posterior, which takes any prior",
            )
    pairs = [_normal(prior) for prior in priors]
    centre, width = (np.array(values, dtype=float) for values in zip(*pairs, strict=True))
    errors, y = structure.errors, result.effects.y
    v = errors.v if errors.independent else errors.among(np.arange(structure.k))
    own = "" if result.prior == NO_PRIOR or name not in structure.coefficients else str(structure.priors.get(name, ""))
    return Given(name, Problem(y, v, structure.X, centre, width, np.asarray(names[name], dtype=float)), own)


def _structure(result: Result) -> NormalStructure:
    """What the model states, where true effects vary about their means by one tau."""
    structure = result.model.structure(result.effects)
    found = ""
    if structure is None:
        found = "its true effects are not normal given tau"
    elif not structure.layers:
        found = "it has no tau: all studies share their mean effect"
    elif len(structure.layers) > 1 or structure.sds != ("tau",) or not structure.layers[0].uniform:
        found = f"it has other standard deviations than one tau: {', '.join(structure.sds)}"
    elif structure.layers[0].shared(np.arange(structure.k)):
        found = "several of its rows share a true effect"
    elif structure.exchangeable or structure.gaps is not None or structure.uncertain is not None:
        found = "its coefficients or moderators are unknown beside tau"
    if found or structure is None:
        raise ModelError(
            f"'{result.label}' cannot be drawn given tau: {found}",
            "a model with one tau, such as RandomEffects or MetaRegression",
            "plot.posterior(result), or pw.fit(effects, pw.RandomEffects(), pw.Exact())",
        )
    return structure


def _normal(prior: Prior) -> tuple[float, float]:
    if isinstance(prior, Normal):
        return prior.mean, prior.sd
    return (prior.value, 0.0) if isinstance(prior, Fixed) else (0.0, np.inf)


def conditional_frame(
    result: Result, *, of: str | None = None, threshold: float = 0.0, prob: float = 0.95
) -> pd.DataFrame:
    """Every number that `conditional` draws, on the analysis scale.

    Parameters
    ----------
    result : Result
        A fit by any engine of a model with one tau and normal or flat priors on its coefficients.
    of : str, optional
        The mean effect or coefficient; the first answer by default (with moderators, the intercept).
    threshold : float
        What the interval is held against: no effect, or an edge of a region of practical equivalence.
    prob : float
        Probability of the interval given tau.

    Returns
    -------
    DataFrame
        Columns row, name, tau, x, lower, upper, density, p, prob, interval, data. Rows ``"mean"`` (x is its mean given
        tau, lower and upper its interval), ``"study"`` (x is the mean of theta_i given tau), ``"posterior"`` and
        ``"prior"`` (density of tau), ``"threshold"`` (x, where there is one), ``"tipping"`` (tau is where the interval
        meets the threshold x; p is the posterior probability that tau is below it, NaN without a posterior).

    Raises
    ------
    InputError
        For what is no result.
    ModelError
        For a model without one tau, coefficients that are not normal given tau, a `prob` that is no probability.

    Notes
    -----
    The threshold is 0 by default, no effect, as everywhere here.

    References
    ----------
    Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., section 5.5 and figures 5.6 and 5.7, 10.1201/b16018.
    """
    check_given("conditional", result, Result)
    check_prob(prob)
    if not math.isfinite(as_number(threshold)):
        raise ModelError(f"threshold = {shown(threshold)}", "a finite number on the analysis scale", "threshold=0.0")
    given = given_of(result, of)
    held = float(threshold) if given.name.startswith("beta[") else result.effects.scale.held_against(threshold)
    top, tips = _reach(result, given, held, prob)
    tau = np.linspace(0.0, top, _POINTS)
    laws, z = given.at(tau), _z(prob)
    words = "credible, given tau" if result.prior != NO_PRIOR else "confidence (Wald), given tau"
    mean = {"name": given.name, "tau": tau, "x": laws.mean, "lower": laws.mean - z * laws.sd}
    rows = [pd.DataFrame({"row": "mean", **mean, "upper": laws.mean + z * laws.sd, "interval": words})]
    same = np.flatnonzero((given.problem.weights == given.problem.X).all(axis=1))
    for i in same:
        label = result.effects.labels[i]
        rows.append(pd.DataFrame({"row": "study", "name": label, "tau": tau, "x": laws.theta[:, i]}))
    rows += _densities(result, tau)
    posterior = result.quantities.get("tau")
    if not math.isnan(held):
        rows.append(pd.DataFrame([{"row": "threshold", "name": given.name, "x": held}]))
    for tip in tips:
        p = float(posterior.cdf(tip)) if isinstance(posterior, Posterior) else math.nan
        rows.append(pd.DataFrame([{"row": "tipping", "name": given.name, "tau": tip, "x": held, "p": p}]))
    frame = pd.concat(rows, ignore_index=True).assign(prob=prob, data=result.data_label)
    return frame.reindex(columns=list(COLUMNS))


def _z(prob: float) -> float:
    return float(ndtri(0.5 + 0.5 * prob))


def _reach(result: Result, given: Given, threshold: float, prob: float) -> tuple[float, list[float]]:
    """How far tau is drawn, and every tau at which the interval meets the threshold."""
    quantity = result.quantities.get("tau")
    if isinstance(quantity, Posterior):
        near, far = quantity.ppf(np.array([0.9, 0.995]))
        top = float(min(1.15 * far, 3.0 * near))
    else:
        ends = [] if quantity is None else [quantity.point, *quantity.interval(0.95)]
        top = max([x for x in ends if math.isfinite(x)], default=0.0)
    top = max(top, 0.5 * float(np.median(result.effects.se)))
    tips = [] if math.isnan(threshold) else _tipping(given, threshold, prob, _FAR * top)
    near_tips = [tip for tip in tips if tip < 2.0 * top]
    return max([top, *(1.15 * tip for tip in near_tips)]), tips


def _tipping(given: Given, threshold: float, prob: float, far: float) -> list[float]:
    z = _z(prob)

    def distance(tau: Array) -> Array:
        """How far the threshold lies outside the interval; negative inside."""
        laws = given.at(tau)
        return np.abs(laws.mean - threshold) - z * laws.sd

    grid = far * np.linspace(0.0, 1.0, _SOUGHT) ** 2.0
    out = distance(grid)
    flips = np.flatnonzero(np.sign(out[:-1]) * np.sign(out[1:]) < 0)
    return [_crossing(distance, float(grid[i]), float(grid[i + 1])) for i in flips]


def _crossing(distance: Callable[[Array], Array], low: float, high: float) -> float:
    """Where the distance crosses 0 between two points, by halving: scipy.optimize takes longer to load than to run."""
    sign = np.sign(distance(np.array([low]))[0])
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.sign(distance(np.array([middle]))[0]) == sign else (low, middle)
    return 0.5 * (low + high)


_HALVINGS = 50  # to the last bits of the step of a grid


def _densities(result: Result, tau: Array) -> list[pd.DataFrame]:
    posterior = result.quantities.get("tau")
    if not isinstance(posterior, Posterior):
        return []
    rows = [pd.DataFrame({"row": "posterior", "name": "tau", "tau": tau, "density": posterior.pdf(tau)})]
    prior = result.model.named_priors.get("tau")
    if prior is not None and prior.proper:
        rows.append(pd.DataFrame({"row": "prior", "name": str(prior), "tau": tau, "density": finite(prior.pdf(tau))}))
    return rows


def finite(density: Array) -> Array:
    """A density whose infinite values, at an end of the support, are left out."""
    density = np.asarray(density, dtype=float)
    return np.where(np.isfinite(density), density, np.nan)
