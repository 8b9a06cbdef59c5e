"""The numbers of a weight function's picture: relative probabilities of publication by p-value, and their prior."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, log_ndtr

from poolwise.errors import MissingQuantityError
from poolwise.evidence import BiasAveraged
from poolwise.evidence.bias_average import interval_of
from poolwise.evidence.bias_averaged import omega_names
from poolwise.model.publication import Publication
from poolwise.plot._published import (
    Subject,
    check_subject,
    draws_of,
    intervals_of,
    log_weights,
    sign_of,
    smooth_of,
    weight_names,
)
from poolwise.priors import Prior
from poolwise.quantities import Posterior, Quantity
from poolwise.result import Result
from poolwise.selection.intervals import Intervals
from poolwise.settings import check_prob

Array = NDArray[np.float64]
Limits = tuple[float, float, float]  # point, lower, upper
LOW, HIGH = -3.3, 4.3  # z of the axis: one-sided p from .9995 to .00001
_POINTS = 305
_LATTICE = 61  # quantiles of each parameter's prior
COLUMNS = ("row", "name", "p", "z", "point", "lower", "upper", "prob", "interval")


def weight_frame(subject: Subject, *, prob: float = 0.95) -> pd.DataFrame:
    """Every number that `weight_function` draws.

    Parameters
    ----------
    subject : Result or BiasAveraged
        A fit of `StepSelection` or `WeightFunction`, or an average over models among which there are step functions.
    prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        Columns row, name, p (one-sided, in the direction of what gets published), z (of that p), point, lower, upper,
        prob, interval (its kind). Rows ``"weight"`` (relative probability of publication at p; at a step two rows),
        ``"prior"`` (the same before the data, with a prior) and ``"study"`` (p of each estimate).

    Raises
    ------
    InputError
        For what is neither a result nor an average over models of publication bias.
    MissingQuantityError
        Without weights.
    ModelError
        When `prob` is no probability.

    References
    ----------
    Vevea & Hedges 1995, Psychometrika 60:419, 10.1007/BF02294384; Maier, Bartoš & Wagenmakers 2023, Psychological
    Methods, 10.1037/met0000405, for the prior of falling weights.
    """
    check_subject("plot.weight_function", subject)
    check_prob(prob)
    steps = intervals_of(subject)
    if steps is None and smooth_of(subject) is None:
        what = "the average" if isinstance(subject, BiasAveraged) else f"'{subject.label}'"
        raise MissingQuantityError(
            f"{what} has no weights of publication",
            "a model with step weights or a weight function",
            "pw.StepSelection(direction='positive')",
        )
    rows = _smooth(subject, prob) if steps is None else _steps(subject, steps, prob)
    effects = subject.effects
    z = sign_of(subject) * effects.y / effects.se
    rows.append(pd.DataFrame({"row": "study", "name": list(effects.labels), "z": z}))
    frame = pd.concat(rows, ignore_index=True)
    return frame.assign(p=np.exp(log_ndtr(-frame["z"].to_numpy(dtype=float)))).reindex(columns=list(COLUMNS))


def _steps(subject: Subject, steps: Intervals, prob: float) -> list[pd.DataFrame]:
    """Two rows for each stretch of z between cuts: its ends."""
    cuts = np.unique(np.concatenate([steps.cuts, -steps.cuts])) if steps.sides == 2 else steps.cuts[::-1]
    edges = np.concatenate([[LOW], cuts[(cuts > LOW) & (cuts < HIGH)], [HIGH]])
    place = steps.holding(0.5 * (edges[1:] + edges[:-1]))
    z = np.column_stack([edges[:-1], edges[1:]]).ravel()
    if isinstance(subject, BiasAveraged):
        names = omega_names(subject.cuts)
        weights = [_limits(subject.conditional[name], prob) for name in names]
        kinds = [subject.conditional[name].interval_kind() for name in names]
        prior: list[Limits] | None = [_averaged_prior(subject, j, prob) for j in range(len(names))]
    else:
        publication = subject.model.publication
        assert publication is not None
        names = publication.names
        weights, kinds = _of_result(subject, publication, prob)
        prior = _prior_of_steps(subject, publication, prob)
    rows = []
    for row, values in (("weight", weights), ("prior", prior)):
        if values is not None:
            part = pd.DataFrame(np.repeat(np.array(values)[place], 2, axis=0), columns=["point", "lower", "upper"])
            name = np.repeat(np.array(names)[place], 2)
            kind = np.repeat(np.array(kinds)[place], 2) if row == "weight" else "prior (equal-tailed)"
            rows.append(part.assign(row=row, z=z, name=name, prob=prob, interval=kind))
    return rows


def _limits(quantity: Quantity, prob: float) -> Limits:
    return (quantity.point, *quantity.interval(prob))


def _of_result(result: Result, publication: Publication, prob: float) -> tuple[list[Limits], list[str]]:
    weights, kinds = [], []
    for name in publication.names:
        weight = publication.stated.get(name, 1.0)
        free = name in publication.free and name in result
        weights.append(_limits(result[name], prob) if free else (weight, weight, weight))
        kinds.append(result[name].interval_kind() if free else "known")
    return weights, kinds


def _prior_of_steps(result: Result, publication: Publication, prob: float) -> list[Limits] | None:
    if publication.known is not None or not isinstance(result["mu"], Posterior):
        return None
    levels = np.array([0.5, 0.5 - 0.5 * prob, 0.5 + 0.5 * prob])
    count = len(publication.names)
    prior: list[Limits] = [(1.0, 1.0, 1.0)]
    for j, name in enumerate(publication.free, start=1):
        own = publication.priors.get(name)
        at = betaincinv(count - j, j, levels) if own is None else _quantiles(own, levels)
        prior.append((float(at[0]), float(at[1]), float(at[2])))
    return prior


def _quantiles(prior: Prior, levels: Array) -> Array:
    return np.asarray([prior.ppf(level) for level in levels.tolist()], dtype=float)


def _averaged_prior(averaged: BiasAveraged, interval: int, prob: float) -> Limits:
    """Prior of the weight of a common interval over the models with selection, by their prior probabilities."""
    x = np.linspace(0.0, 1.0, 4001)
    below, total = np.zeros(len(x)), 0.0
    for component in averaged.components:
        publication = component.bias.publication
        if publication is None:
            continue
        total += component.prior
        at = interval_of(publication, interval, averaged.cuts)
        if publication.known is not None:
            below += component.prior * (x > publication.known[at])
        elif at > 0:
            below += component.prior * betainc(len(publication.names) - at, at, x)
    below = below / total
    below[-1] = 1.0
    levels = (0.5, 0.5 - 0.5 * prob, 0.5 + 0.5 * prob)
    point, lower, upper = (float(x[np.searchsorted(below, level)]) for level in levels)
    return point, lower, upper


def _smooth(subject: Subject, prob: float) -> list[pd.DataFrame]:
    assert isinstance(subject, Result)
    publication, z = subject.model.publication, np.linspace(LOW, HIGH, _POINTS)
    assert publication is not None
    assert publication.smooth is not None
    bayesian = isinstance(subject["mu"], Posterior)
    if bayesian:
        weights = draws_of(subject).weights
        kind = "credible (equal-tailed)"
        prior = _prior_lattice(publication.priors.values())
    else:
        weights = _profile(subject, prob)
        kind = subject["delta"].interval_kind() if "delta" in subject else "none"
    rows = []
    for row, deltas in (("weight", weights), ("prior", prior if bayesian else None)):
        if deltas is None:
            continue
        omega = np.exp(log_weights(publication.smooth, z, [each[:, None] for each in deltas.T]))
        own = kind if row == "weight" else "prior (equal-tailed)"
        rows.append(_summary(omega, prob, bayesian=bayesian).assign(row=row, z=z, prob=prob, interval=own))
    return rows


def _summary(omega: Array, prob: float, *, bayesian: bool) -> pd.DataFrame:
    """Point and limits at each z: quantiles of draws, or the function at the estimate and at its limits."""
    if bayesian:
        point, lower, upper = np.quantile(omega, [0.5, 0.5 - 0.5 * prob, 0.5 + 0.5 * prob], axis=0)
    elif len(omega) == 1:
        point, lower, upper = omega[0], np.full(omega.shape[1], math.nan), np.full(omega.shape[1], math.nan)
    else:
        point, lower, upper = omega[0], omega[1:].min(axis=0), omega[1:].max(axis=0)
    return pd.DataFrame({"point": point, "lower": lower, "upper": upper})


def _profile(result: Result, prob: float) -> Array:
    """The estimate, and the limits where there is one parameter, of which the weight is a falling function."""
    names = weight_names(result)
    if len(names) > 1:
        return np.array([[result[name].point for name in names]])
    point, lower, upper = _limits(result[names[0]], prob)
    return np.array([[point], [lower], [upper]]) if math.isfinite(lower + upper) else np.array([[point]])


def _prior_lattice(priors: Iterable[Prior]) -> Array:
    """Equally probable values of the parameters before the data."""
    levels = (np.arange(_LATTICE) + 0.5) / _LATTICE
    each = [_quantiles(prior, levels) for prior in priors]
    return np.stack([grid.ravel() for grid in np.meshgrid(*each)], axis=-1)
