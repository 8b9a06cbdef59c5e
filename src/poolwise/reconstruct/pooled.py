"""The aggregates of many study tables at once: the arithmetic that published figures are held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]


def pooled(y: Array, w: Array, member: NDArray[np.bool_]) -> dict[str, Array]:
    """Common-effect and random-effects aggregates of the member studies of each table.

    With W = sum w:  d = sum w y / W,  se = W^-1/2,  Q = sum w (y - d)^2,
    I2 = 100 max(0, (Q - df) / Q),  tau2 = max(0, (Q - df) / (W - sum w^2 / W)),
    d_re = sum w* y / sum w* with w* = 1 / (1 / w + tau2),  p = 2 Phi(-|d| / se).

    Parameters
    ----------
    y, w : ndarray
        Estimates and inverse variances, shape (n, k).
    member : ndarray of bool
        Which studies belong, shape (n, k).

    Returns
    -------
    dict of ndarray
        ``k, d, se, q, i2_percent, tau2, d_re, p``, each of shape (n,).

    References
    ----------
    DerSimonian R, Laird N (1986). Controlled Clinical Trials 7:177-188. doi:10.1016/0197-2456(86)90046-2
    Higgins JPT, Thompson SG (2002). Statistics in Medicine 21:1539-1558. doi:10.1002/sim.1186
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(member, w, 0.0)
        k = member.sum(axis=-1).astype(float)
        total = own.sum(axis=-1)
        d = (own * y).sum(axis=-1) / total
        se = total**-0.5
        q = (own * (y - d[:, None]) ** 2).sum(axis=-1)
        df = k - 1.0
        i2_percent = np.where(q > df, 100.0 * (q - df) / q, np.where(np.isnan(q), np.nan, 0.0))
        spread = total - (own**2).sum(axis=-1) / total
        tau2 = np.where((q > df) & (k > 1), (q - df) / spread, 0.0)
        softened = np.where(member, 1.0 / (1.0 / w + tau2[:, None]), 0.0)
        d_re = (softened * y).sum(axis=-1) / softened.sum(axis=-1)
        p = 2.0 * ndtr(-np.abs(d) / se)
    return {"k": k, "d": d, "se": se, "q": q, "i2_percent": i2_percent, "tau2": tau2, "d_re": d_re, "p": p}
