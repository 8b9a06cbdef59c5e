"""The typical sampling variance that turns tau into I2, for the engines with a posterior of tau."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quantities import Estimate, Quantity


def typical_variance(v: NDArray[np.float64]) -> float:
    """(k - 1) sum w / [(sum w)^2 - sum w^2] with w = 1 / v; NaN for one study.

    Parameters
    ----------
    v : ndarray
        Sampling variances, shape (k,).

    Returns
    -------
    float
        On the squared scale of the effects; I2 = tau^2 / (tau^2 + typical variance).

    References
    ----------
    Higgins & Thompson 2002, Statistics in Medicine 21, 10.1002/sim.1186, equation 9.
    """
    if len(v) < 2:
        return float("nan")
    share = v.min() / v
    return float((len(v) - 1) * share.sum() / (share.sum() ** 2 - (share**2).sum()) * v.min())


def known_tau(tau: float, typical: float) -> dict[str, Quantity]:
    """Tau, tau2 and I2 of a model that states tau: estimates without error; no I2 for one study."""
    values = {"tau": tau, "tau2": tau**2, "I2": tau**2 / (tau**2 + typical)}
    return {name: known(value) for name, value in values.items() if not math.isnan(value)}


def known(value: float) -> Estimate:
    """A quantity whose value the model states: an estimate without error."""
    return Estimate(value, 0.0, _Fixed(value), "fixed")


@final
@dataclass(frozen=True)
class _Fixed:
    """Limits of a quantity that is known."""

    value: float

    def __call__(self, prob: float) -> tuple[float, float]:
        return self.value, self.value
