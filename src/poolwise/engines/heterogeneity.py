"""The typical sampling variance that turns tau into I2, for the engines with a posterior of tau."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from poolwise.quantities import Estimate, Quantity

UNEVEN = 1e6  # ratio of variances from which one minus a leverage may lose all its digits


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
    k, p = (len(v), 1) if X is None else X.shape
    if k <= p:
        return float("nan")
    heaviest = int(v.argmin())
    share = v[heaviest] / v
    if X is None or (X[0, 0] == X).all():
        others = np.concatenate([share[:heaviest], share[heaviest + 1 :]])
        trace = (others @ (share.sum() - others) + others.sum()) / share.sum()  # pair by pair: nothing cancels
    elif v.max() <= UNEVEN * v[heaviest]:
        Q = np.linalg.qr(np.sqrt(share)[:, None] * X)[0]
        trace = (share * (1.0 - (Q * Q).sum(axis=1))).sum()
    else:
        trace = _trace_by_contrasts(share, X)
    return float((k - p) / trace * v[heaviest])


def _trace_by_contrasts(w: NDArray[np.float64], X: NDArray[np.float64]) -> float:
    """Trace of P from the error contrasts e - C e_R, C = X_N X_R^-1, with the p studies R that know most of beta.

    tr P = tr((I + C C')(V_N + C V_R C')^-1): a sum of positive terms, which no weight makes cancel.
    """
    Q = np.linalg.qr(X)[0]
    order = qr((np.sqrt(w)[:, None] * Q).T, mode="r", pivoting=True)[1]
    reference, others = order[: X.shape[1]], order[X.shape[1] :]
    C = np.linalg.solve(Q[reference].T, Q[others].T).T
    V = np.diag(1.0 / w[others]) + (C / w[reference]) @ C.T
    size = np.sqrt(np.diagonal(V))
    scaled = (np.eye(len(others)) + C @ C.T) / np.outer(size, size)
    return float(np.trace(np.linalg.solve(V / np.outer(size, size), scaled)))


def known_tau(tau: float, typical: float) -> dict[str, Quantity]:
    """Tau, tau2 and I2 of a model that states tau: estimates without error; no I2 for one study."""
    values = {"tau": tau, "tau2": tau**2, "I2": tau**2 / (tau**2 + typical)}
    return {name: known(value) for name, value in values.items() if not math.isnan(value)}


def share_of_variation(tau: NDArray[np.float64], typical: float) -> NDArray[np.float64]:
    """I2 = tau^2 / (tau^2 + typical variance) of each tau, of the same shape.

    References
    ----------
    Higgins & Thompson 2002, Statistics in Medicine 21:1539, 10.1002/sim.1186.
    """
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
