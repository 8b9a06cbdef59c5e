"""Truths of meta-regressions on moderators that are missing for some studies or known with an error."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.effects import Effects
from poolwise.engines.draws.normal_law import NormalLaw
from poolwise.model.structure import NormalStructure
from poolwise.model.uncertain import Uncertain
from poolwise.simulate.truth import Truth, Values, truth_at

Array = NDArray[np.float64]
Rng = np.random.Generator
_SD = np.linspace(0.0, 10.0, 2_001)[1:]  # of a moderator, in observed standard deviations; its prior sd is 2
PRIOR_SD = 2.0


def true_moderators(
    effects: Effects, what: Uncertain, rng: Rng
) -> tuple[dict[str, float], Array, Array, Array]:  # fmt: skip
    """Means, standard deviations and true values of uncertain moderators, from their law given the observed values.

    The prior is Normal(0, 1) on the mean and HalfNormal(2) on the sd of a moderator, standardised by its observed
    values: it cannot make these up. So what is observed of moderators is part of the design, and the estimates are what
    is simulated: calibration holds given any design. The sd is drawn by inversion on a fine grid, the mean from its
    normal law given that.

    Parameters
    ----------
    effects : Effects
    what : Uncertain
    rng : Generator

    Returns
    -------
    tuple
        The unknowns by the names of a result's quantities; the true values in observed standard deviations from the
        observed mean, and their mean and variance given what was observed, shape (k, J) each.

    References
    ----------
    Carroll et al. 2006, Measurement Error in Nonlinear Models, 2nd ed., chapter 8, 10.1201/9781420010138.
    """
    values: dict[str, float] = {}
    x, mean, variance = np.empty_like(what.x), np.empty_like(what.x), np.empty_like(what.x)
    for j, name in enumerate(what.names):
        seen, error = what.seen[:, j] > 0.0, what.se_x[:, j]
        m, s = _mean_and_sd(what.x[seen, j], error[seen], rng)
        reliability = np.where(seen, s**2 / (s**2 + error**2), 0.0)
        mean[:, j], variance[:, j] = m + reliability * (what.x[:, j] - m), s**2 * (1.0 - reliability)
        x[:, j] = mean[:, j] + np.sqrt(variance[:, j]) * rng.standard_normal(len(x))
        values |= {f"mean[{name}]": what.centre[j] + what.unit[j] * m, f"sd[{name}]": what.unit[j] * s}
        for row in np.flatnonzero(~seen | (error > 0.0)):
            values[f"{name}[{effects.labels[row]}]"] = what.centre[j] + what.unit[j] * x[row, j]
    return values, x, mean, variance


def uncertain_truth(
    effects: Effects, structure: NormalStructure, what: Uncertain, values: Values, rng: Rng
) -> Truth:  # fmt: skip
    """The truth of a meta-regression at these parameters.

    Parameters
    ----------
    effects : Effects
    structure : NormalStructure
    what : Uncertain
    values : dict of str to ndarray
        Coefficients and residual standard deviation.
    rng : Generator

    Returns
    -------
    Truth

    References
    ----------
    Carroll et al. 2006, Measurement Error in Nonlinear Models, 2nd ed., chapter 8, 10.1201/9781420010138.
    """
    b = np.array([values[name] for name in structure.coefficients])
    named, x, mean, variance = true_moderators(effects, what, rng)
    effect, fixed = what.slopes @ b, what.X @ b
    given = truth_at(structure, values | {name: np.asarray(value) for name, value in named.items()}, rng)
    expected, more = fixed + (effect * mean).sum(axis=1), (effect**2 * variance).sum(axis=1)
    likelihood = partial(_log_likelihood, given.law, expected, more)
    return replace(given, mean=fixed + (effect * x).sum(axis=1), likelihood=likelihood)


def _log_likelihood(law: NormalLaw, mean: Array, more: Array, data: Array) -> float:
    """Log density of the estimates, true moderators integrated out: mean effects, and the variance that they add."""
    return float(law.log_density((data - mean)[None], more=more[None]).sum())


def _mean_and_sd(x: Array, error: Array, rng: Rng) -> tuple[float, float]:
    """A draw of mean and sd given observed values and their errors, shape (n,)."""
    total = _SD[:, None] ** 2 + error**2
    precision = 1.0 + (1.0 / total).sum(axis=1)
    centre = (x / total).sum(axis=1) / precision
    logs = -0.5 * (np.log(total) + x**2 / total).sum(axis=1) + 0.5 * (centre**2 * precision - np.log(precision))
    logs -= 0.5 * (_SD / PRIOR_SD) ** 2
    below = np.cumsum(special.softmax(logs))
    row = int(np.searchsorted(below, rng.random() * below[-1]))
    s = _SD[row] - rng.random() * _SD[0]
    m = centre[row] + rng.standard_normal() / np.sqrt(precision[row])
    return float(m), float(s)
