"""The typical sampling variance that turns tau into I2, for the engines with a posterior of tau."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.quantities import Estimate, Quantity


def typical_variance(v: NDArray[np.float64], X: NDArray[np.float64] | None = None) -> float:
    """(k - p) / tr P, P = W - W X (X' W X)^-1 X' W, W = diag(1 / v); NaN where k = p.

    For a mean alone it is (k - 1) sum w / [(sum w)^2 - sum w^2].

    Parameters
    ----------
    v : ndarray
        Sampling variances, shape (k,).
    X : ndarray, optional
        Design, shape (k, p); a mean alone when None.

    Returns
    -------
    float
        On the squared scale of the effects; I2 = tau^2 / (tau^2 + typical variance).

    References
    ----------
    Higgins & Thompson 2002, Statistics in Medicine 21, 10.1002/sim.1186, equation 9, for a mean alone.
    """
    share = v.min() / v
    if X is None or X.shape[1] == 1:
        if len(v) < 2:
            return float("nan")
        return float((len(v) - 1) * share.sum() / (share.sum() ** 2 - (share**2).sum()) * v.min())
    if len(v) <= X.shape[1]:
        return float("nan")
    Q = np.linalg.qr(np.sqrt(share)[:, None] * X)[0]
    trace = (share * (1.0 - (Q * Q).sum(axis=1))).sum()
    return float((len(v) - X.shape[1]) / trace * v.min())


def known_tau(tau: float, typical: float) -> dict[str, Quantity]:
    """Tau, tau2 and I2 of a model that states tau: estimates without error; no I2 for one study."""
    values = {"tau": tau, "tau2": tau**2, "I2": tau**2 / (tau**2 + typical)}
    return {name: known(value) for name, value in values.items() if not math.isnan(value)}


def share_of_variation(tau: NDArray[np.float64], typical: float) -> NDArray[np.float64]:
    """I2 = tau^2 / (tau^2 + typical variance) of each tau, of the same shape."""
    with np.errstate(divide="ignore", over="ignore"):
        return 1.0 / (1.0 + typical / np.square(tau))


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
