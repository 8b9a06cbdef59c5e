"""Coefficients and true effects given the standard deviations of a normal law, which no engine integrates this way.

    beta | y        ~ Normal(B (X' S^-1 y + b / s^2), B),  B = (X' S^-1 X + diag(1 / s^2))^-1
    theta_i | y     = y_i - a_i' (y - X beta) + error,  a_i = S^-1 V e_i,  var error = v_i - a_i' V e_i

for priors beta_j ~ Normal(b_j, s_j), flat where s = inf and known where s = 0.
"""

from dataclasses import dataclass

import numpy as np

from poolwise.engines.draws.normal_law import LOG_2PI


@dataclass(frozen=True)
class Coefficients:
    """Mean (N, p), covariance (N, p, p) and the log density of the estimates, coefficients integrated out (N,)."""

    mean: np.ndarray
    covariance: np.ndarray
    log_density: np.ndarray


def coefficients(law, y, b, s):
    X, free = law.structure.X, s > 0.0
    start = np.where(free & np.isinf(s), 0.0, b)
    start[free & np.isinf(s)] = np.linalg.lstsq(X[:, free & np.isinf(s)], y - X @ start)[0]
    Xf, r = X[:, free], y - X @ start
    pulled = law.pulled(np.column_stack([Xf, r]))
    A = Xf.T @ pulled[..., :-1] + np.diag(1.0 / s[free] ** 2)
    # Priors are centred at their own means, so that only the data pull.
    step = np.linalg.solve(A, Xf.T @ pulled[..., -1:])[..., 0] if free.any() else np.zeros((law.size, 0))
    mean = np.broadcast_to(start, (law.size, len(b))).copy()
    mean[:, free] += step
    covariance = np.zeros((law.size, len(b), len(b)))
    covariance[:, np.outer(free, free)] = np.linalg.inv(A).reshape(law.size, -1)
    proper = np.isfinite(s[free])
    at_mode = law.log_density(y - law.mean(mean)).sum(axis=1)
    z = step[:, proper] / s[free][proper]
    prior = -0.5 * (z * z).sum(axis=1) - np.log(s[free][proper]).sum() - 0.5 * proper.sum() * LOG_2PI
    volume = 0.5 * free.sum() * LOG_2PI - 0.5 * np.linalg.slogdet(A)[1]
    return Coefficients(mean, covariance, at_mode + prior + volume)


def true_effects(law, y, given):
    """Mean and standard deviation of each true effect, coefficients integrated out, (N, k) each."""
    X, V = law.structure.X, law.structure.errors.among(np.arange(law.structure.k))
    a = law.pulled(V)
    weights, left = a.mT @ X, y - law.mean(given.mean)
    rest = np.maximum(np.diagonal(V) - (a * V).sum(axis=-2), 0.0)
    mean = y - (a.mT @ left[..., None])[..., 0]
    return mean, np.sqrt(rest + ((weights @ given.covariance) * weights).sum(axis=-1))
