"""Truths of meta-regressions on moderators of words that some studies miss."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.model.missing_levels import MissingLevels
from poolwise.model.structure import NormalStructure
from poolwise.simulate.truth import Truth, Values, truth_at

Array = NDArray[np.float64]
Rng = np.random.Generator


def levels_truth(structure: NormalStructure, gaps: MissingLevels, values: Values, rng: Rng) -> Truth:
    """The truth of a meta-regression at these parameters.

    The reported levels are part of the design: the level probabilities are drawn from their law given these,
    Dirichlet(1 + counts), and the missing levels from the probabilities. Calibration holds given any design.

    Parameters
    ----------
    structure : NormalStructure
    gaps : MissingLevels
    values : dict of str to ndarray
        Coefficients and residual standard deviation.
    rng : Generator

    Returns
    -------
    Truth

    References
    ----------
    Little & Rubin 2019, Statistical Analysis with Missing Data, 3rd ed., 10.1002/9781119482260.
    """
    b, X = np.array([values[name] for name in structure.coefficients]), np.array(structure.X)
    pi = np.concatenate([rng.dirichlet(counts) for counts in gaps.concentrations])
    log_weight = gaps.log_weights(np.log(pi))
    for i, row in enumerate(np.flatnonzero(gaps.here)):
        weight = np.exp(log_weight[i])
        X[row] = gaps.X[i, rng.choice(len(weight), p=weight / weight.sum())]
    given = truth_at(structure, values | {f"pi[{label}]": x for label, x in zip(gaps.labels, pi, strict=True)}, rng)
    given = replace(given, mean=X @ b)
    return replace(given, likelihood=partial(_log_likelihood, given, gaps.here, gaps.X @ b, log_weight))


def _log_likelihood(given: Truth, here: NDArray[np.bool_], mean: Array, log_weight: Array, data: Array) -> float:
    """Log density of the estimates, missing levels summed out.

    Those `here` miss a level: their mean effect with each combination of levels, and the log of its probability, shape
    (m, C) each.
    """
    logs = given.law.log_density((data - given.mean)[None])[0]
    own = given.law.variance(np.flatnonzero(here))[0][:, None]
    each = -0.5 * ((data[here][:, None] - mean) ** 2 / own + np.log(2.0 * np.pi * own))
    return float(logs[~here].sum() + special.logsumexp(log_weight + each, axis=1).sum())
