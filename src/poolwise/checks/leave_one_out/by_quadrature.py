"""Two ways to leave out every study in turn: all fits at once where one quadrature over tau answers, else refits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.exact.left_out import Refits, Unit, Without, refits
from poolwise.engines.means import Means, means
from poolwise.errors import ModelError
from poolwise.laws import mirrored
from poolwise.model import Model
from poolwise.moments import MOST_MOMENTS, moments_of_tau
from poolwise.priors import Fixed, Flat, Normal, Prior
from poolwise.quadrature.one_tau.jobs import Studies, Tables
from poolwise.quadrature.one_tau.left_out import LeftOut, left_out, without_each
from poolwise.quadrature.one_tau.regression import Regression
from poolwise.quadrature.rules.gaussian import Basis
from poolwise.quantities import Quantity

Array = NDArray[np.float64]
COARSE = 1e-8  # estimated error of posterior probabilities that is told


@final
@dataclass(frozen=True, eq=False)
class Found:
    """What was left out, and what came of it.

    Attributes
    ----------
    units : tuple of Unit
        Rows that are left out together.
    status : tuple of str
        Of each unit.
    told : tuple of int
        The units of which the others can tell what to expect.
    left : LeftOut
        Its predictive columns by row, those of the told units one after the other; its summary by fit, that of the
        whole table first.
    names : tuple of str
        The quantities of the summary.
    """

    units: tuple[Unit, ...]
    status: tuple[str, ...]
    told: tuple[int, ...]
    left: LeftOut
    names: tuple[str, ...]

    @property
    def rows(self) -> NDArray[np.intp]:
        """The rows of the told units, one after the other."""
        return np.concatenate([self.units[u].rows for u in self.told])


def leave_out(effects: Effects, model: Model, prob: float) -> Found:
    """Leave out each study, or whatever else is independent of the others given the parameters.

    Parameters
    ----------
    effects : Effects
    model : Model
        With every prior explicit.
    prob : float
        Probability of the equal-tailed intervals.

    Returns
    -------
    Found

    Raises
    ------
    ModelError
        Where none can be left out, or the model is none that `Exact` answers on this table.

    References
    ----------
    Marshall & Spiegelhalter 2007, Bayesian Analysis 2:409, 10.1214/07-BA218.
    """
    if model.one_tau and effects.covariance is None:
        mean = means(effects, model)
        if all(isinstance(prior, Normal | Flat | Fixed) for prior in mean.priors):
            return _at_once(effects, mean, mean.structure.tau, prob)
    return _by_refits(effects, refits(effects, model), prob)


def estimable(k: int, status: Sequence[str]) -> tuple[int, ...]:
    """The units of which the others can tell what to expect; a ModelError where there is none."""
    expected = tuple(i for i, word in enumerate(status) if word == "ok")
    if not expected:
        why = {
            "not_estimable": "the others tell no mean effect",
            "improper_posterior": "the posterior of the others is improper",
        }.get(status[0], status[0])
        raise ModelError(f"with k = {k} no study can be left out: {why}", "more studies, or proper priors")
    return expected


def _at_once(effects: Effects, mean: Means, tau: Prior | float, prob: float) -> Found:
    """One batch of fits, with all studies and without each."""
    status = _statuses(effects, mean, tau)
    expected = estimable(effects.k, status)
    rows = list(expected)
    jobs = [0, *(1 + i for i in rows)]
    y, v, X = (without_each(table)[jobs] for table in (effects.y, effects.v, mean.X))
    b, s = (part[None] for part in mean.normal_priors())
    plain = mean.p == 1 and bool((mean.X == 1.0).all())
    tables: Tables = Studies.centred(y, v, b[0], s[0]) if plain else Regression(Basis.of(y, v, X, b, s))
    flat = sum(not prior.proper for prior in mean.priors)
    counted = np.array([effects.k, *[effects.k - 1] * len(rows)]) - flat
    moments = np.array([moments_of_tau(n, tau) if isinstance(tau, Prior) else MOST_MOMENTS for n in counted])
    own = (effects.y[rows], effects.v[rows], mean.X[rows])
    unknown = _unknown(mean)
    without = left_out(tables, *own, tau, moments=moments, prob=prob, combinations=unknown)
    for place, i in enumerate(rows, start=1):
        if without.error[place] > COARSE:
            status[i] = "grid_too_coarse"
        elif moments[place] < 2:
            status[i] = "moment_does_not_exist"
    units = tuple(Unit(label, np.array([i])) for i, label in enumerate(effects.labels))
    names = (*unknown, *(["tau"] if "tau" in without.summary else []))
    return Found(units, tuple(status), expected, without, names)


def _statuses(effects: Effects, mean: Means, tau: Prior | float) -> list[str]:
    """For each study ``"ok"``, or why the others cannot tell what to expect of it."""
    words = []
    flat = sum(not prior.proper for prior in mean.priors)
    proper = not isinstance(tau, Prior) or moments_of_tau(effects.k - 1 - flat, tau) >= 0
    for i in range(effects.k):
        rest = np.delete(mean.X, i, axis=0)
        if len(rest) == 0 or np.linalg.matrix_rank(rest) < mean.p:
            words.append("not_estimable")
        else:
            words.append("ok" if proper else "improper_posterior")
    return words


def _unknown(mean: Means) -> Mapping[str, Array]:
    """The mean effects that a study can move, as weights of the coefficients: none where the model states the mean."""
    return {} if all(isinstance(prior, Fixed) for prior in mean.priors) else mean.linear


def _by_refits(effects: Effects, model: Refits, prob: float) -> Found:
    """The whole table and what is left without each unit, fitted one after the other."""
    units, (keep, status, expected) = model.units, masks(effects.k, model)
    whole = model.fit(np.ones(effects.k, dtype=bool))
    summaries, columns = [summary(whole.quantities, prob)], []
    for u in expected:
        less = model.fit(keep[u])
        summaries.append(summary(less.quantities, prob))
        part = [_expected(effects, less, int(i), prob) for i in units[u].rows]
        columns += [(whole.log_total - less.log_total, *row) for row in part]
        if less.coarse or whole.coarse:
            status[u] = "grid_too_coarse"
        elif np.isnan([row[3] for row in part]).any():
            status[u] = "moment_does_not_exist"
    return Found(units, tuple(status), expected, gathered(columns, summaries), tuple(whole.quantities))


def masks(k: int, model: Refits) -> tuple[NDArray[np.bool_], list[str], tuple[int, ...]]:
    """What stays without each unit, a status for each, and the units of which the others tell what to expect."""
    keep = np.ones((len(model.units), k), dtype=bool)
    for mask, unit in zip(keep, model.units, strict=True):
        mask[unit.rows] = False
    status = [model.status(mask) for mask in keep]
    return keep, status, estimable(k, status)


def gathered(columns: Sequence[tuple[float, ...]], summaries: Sequence[Mapping[str, float]]) -> LeftOut:
    """What one refit after the other found, in columns; each refit ended where its own status says."""
    together = {name: np.array([one[name] for one in summaries]) for name in summaries[0]}
    density, below, above, mean, sd, median, lower, upper = np.array(columns).T
    return LeftOut(density, below, above, mean, sd, median, lower, upper, together, np.zeros(len(summaries)))


def _expected(effects: Effects, less: Without, row: int, prob: float) -> tuple[float, ...]:
    """Columns of `LeftOut` from below to upper, for one estimate."""
    law = less.expected(row)
    y = effects.y[row : row + 1]
    median, lower, upper = law.ppf(np.array([0.5, 0.5 * (1.0 - prob), 0.5 * (1.0 + prob)]))
    below, above = float(law.cdf(y)[0]), float(mirrored(law).cdf(-y)[0])
    return below, above, law.mean, law.sd, float(median), float(lower), float(upper)


def summary(quantities: Mapping[str, Quantity], prob: float) -> dict[str, float]:
    """Point, limits and sd of each quantity, by the names of `LeftOut.summary`."""
    numbers: dict[str, float] = {}
    for name, quantity in quantities.items():
        lower, upper = quantity.interval(prob)
        numbers |= {name: quantity.point, f"{name}_lower": lower, f"{name}_upper": upper, f"{name}_sd": quantity.sd}
    return numbers
