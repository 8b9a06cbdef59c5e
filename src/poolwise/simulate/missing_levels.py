"""Truths of meta-regressions on moderators of words that some studies miss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.model.missing_levels import MissingLevels
from poolwise.model.structure import NormalStructure
from poolwise.simulate.truth import GivenTruth, Values, truth_at

Array = NDArray[np.float64]
Rng = np.random.Generator


@final
@dataclass(frozen=True, eq=False)
class LevelsTruth(GivenTruth):
    """Parameters and true levels of a meta-regression, given the levels that studies report.

    Attributes
    ----------
    given : Truth
        Of the estimates given the true levels.
    gaps : MissingLevels
    mean, log_weight : ndarray
        Mean effect with each combination of levels, and log of its probability, of the m studies that miss a level,
        shape (m, C).

    References
    ----------
    Little & Rubin 2019, Statistical Analysis with Missing Data, 3rd ed., 10.1002/9781119482260.
    """

    gaps: MissingLevels
    mean: Array
    log_weight: Array

    def log_likelihood(self, data: Array) -> float:
        """Log density of the estimates given the parameters, true effects integrated and missing levels summed out."""
        here, law = self.gaps.here, self.given.law
        logs = law.log_density((data - self.given.mean)[None])[0]
        own = law.variance(np.flatnonzero(here))[0][:, None]
        each = -0.5 * ((data[here][:, None] - self.mean) ** 2 / own + np.log(2.0 * np.pi * own))
        return float(logs[~here].sum() + special.logsumexp(self.log_weight + each, axis=1).sum())


def levels_truth(structure: NormalStructure, gaps: MissingLevels, values: Values, rng: Rng) -> LevelsTruth:
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
    LevelsTruth

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
    return LevelsTruth(replace(given, mean=X @ b), gaps, gaps.X @ b, log_weight)
