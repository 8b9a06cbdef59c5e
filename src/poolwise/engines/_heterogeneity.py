"""The typical sampling variance that turns tau into I2, for the engines with a posterior of tau."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
