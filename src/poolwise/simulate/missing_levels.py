"""Truths of meta-regressions on moderators of words that some studies miss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.effects import Effects
from poolwise.model.missing_levels import MissingLevels
from poolwise.simulate.truth import GivenTruth, Layer, Truth

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
        total = self.given.scalars["tau"] ** 2 + np.diag(self.given.errors)
        logs = -0.5 * ((data - self.given.mean) ** 2 / total + np.log(2.0 * np.pi * total))
        here = self.gaps.here
        own = total[here][:, None]
        each = -0.5 * ((data[here][:, None] - self.mean) ** 2 / own + np.log(2.0 * np.pi * own))
        return float(logs[~here].sum() + special.logsumexp(self.log_weight + each, axis=1).sum())


def levels_truth(
    effects: Effects, gaps: MissingLevels, beta: Mapping[str, float], tau: float, rng: Rng
) -> LevelsTruth:  # fmt: skip
    """The truth of a meta-regression with these coefficients and this residual standard deviation.

    The reported levels are part of the design: the level probabilities are drawn from their law given these,
    Dirichlet(1 + counts), and the missing levels from the probabilities. Calibration holds given any design.

    Parameters
    ----------
    effects : Effects
    gaps : MissingLevels
    beta : mapping of str to float
        In the order of the design.
    tau : float
    rng : Generator

    Returns
    -------
    LevelsTruth

    References
    ----------
    Little & Rubin 2019, Statistical Analysis with Missing Data, 3rd ed., 10.1002/9781119482260.
    """
    b, X = np.array(list(beta.values())), np.array(gaps.design.X)
    pi = np.concatenate([rng.dirichlet(counts) for counts in gaps.concentrations])
    log_weight = gaps.log_weights(np.log(pi))
    for i, row in enumerate(np.flatnonzero(gaps.here)):
        weight = np.exp(log_weight[i])
        X[row] = gaps.X[i, rng.choice(len(weight), p=weight / weight.sum())]
    scalars = {**{f"beta[{name}]": value for name, value in beta.items()}, "tau": tau}
    scalars |= {f"pi[{label}]": float(value) for label, value in zip(gaps.labels, pi, strict=True)}
    expected = gaps.design.X[0]
    new = {"theta_new at x_1": (expected, float(expected @ b + tau * rng.standard_normal()))}
    given = Truth(scalars, X @ b, (Layer(tau, np.arange(effects.k)),), np.diag(effects.v), new)
    return LevelsTruth(given, gaps, gaps.X @ b, log_weight)
