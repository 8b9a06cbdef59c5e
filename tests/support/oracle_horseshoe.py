"""One coefficient under a regularised horseshoe, integrated on a grid."""

from __future__ import annotations

import numpy as np
from scipy import stats


def one_coefficient(y, se, x, *, scale, slab_scale, slab_df, tau_scale):
    """Posterior means by name and the distribution function of the coefficient; flat intercept, half-normal tau.

    Given tau and the prior standard deviation s of the coefficient of the standardised moderator everything is normal.
    With g = scale a and l two half-Cauchy variables, w = a l has the density 4 log(w) / (pi^2 (w^2 - 1)).
    """
    sd = x.std()
    z = (x - x.mean()) / sd
    tau = np.linspace(1e-4, 6.0 * tau_scale, 160)
    log_w = np.linspace(-22.0, 22.0, 221) + 1e-3
    c2 = slab_scale**2 * slab_df / stats.chi2(slab_df).ppf((np.arange(60) + 0.5) / 60)
    weight = 1.0 / (se**2 + tau[:, None] ** 2)
    total = weight.sum(axis=1)
    zc = z - (weight @ z / total)[:, None]
    yc = y - (weight @ y / total)[:, None]
    info, pull, rest = ((weight * part).sum(axis=1) for part in (zc * zc, zc * yc, yc * yc))
    log_tau = 0.5 * (np.log(weight).sum(axis=1) - np.log(total) - rest) - 0.5 * (tau / tau_scale) ** 2
    w = np.exp(log_w)
    log_prior = np.log(log_w / (w**2 - 1.0)) + log_w
    s2 = (scale * w[:, None]) ** 2 / (1.0 + (scale * w[:, None]) ** 2 / c2)  # (w, c)
    var = s2 / (1.0 + s2 * info[:, None, None])
    log_p = log_tau[:, None, None] + log_prior[:, None] + 0.5 * pull[:, None, None] ** 2 * var
    log_p = log_p - 0.5 * np.log1p(s2 * info[:, None, None])
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    mean = pull[:, None, None] * var
    kappa = 1.0 / (1.0 + s2 * (weight @ z**2)[:, None, None])
    found = {
        "tau": (p.sum(axis=(1, 2)) * tau).sum(),
        "beta[x]": (p * mean).sum() / sd,
        "beta[x]^2": (p * (mean**2 + var)).sum() / sd**2,
        "kappa[x]": (p * kappa).sum(),
    }
    return found, lambda b: float((p * stats.norm.cdf((b * sd - mean) / np.sqrt(var))).sum())
