"""An oracle for two outcomes with correlated true effects: quadrature over tau_1, tau_2 and rho, GLS inside."""

from __future__ import annotations

import numpy as np
from scipy import stats


def two_outcomes(y, se, study, outcome, *, rho_errors, mu_sd, tau_scale, eta, nodes=28, tau_top=2.5):
    """Posterior means of mu_1, mu_2, tau_1, tau_2 and rho, and of mu_2 - mu_1 with its variance.

    mu ~ Normal(0, mu_sd), tau ~ HalfNormal(tau_scale), (rho + 1) / 2 ~ Beta(eta, eta); outcomes are 0 and 1.
    """
    x, w = np.polynomial.legendre.leggauss(nodes)
    taus, w_tau = tau_top * (0.5 * (x + 1.0)) ** 2, w * 0.5 * tau_top * 2.0 * (0.5 * (x + 1.0))
    rhos, w_rho = x, w
    same = np.equal.outer(study, study)
    V = np.outer(se, se) * (rho_errors * same + (1.0 - rho_errors) * np.eye(len(y)))
    X = np.eye(2)[outcome]
    parts, totals = [], []
    for a, wa in zip(taus, w_tau, strict=True):
        for b, wb in zip(taus, w_tau, strict=True):
            T = np.array([[a * a, 0.0], [0.0, b * b]])[None] + a * b * rhos[:, None, None] * (1.0 - np.eye(2))
            S = V + same * T[:, outcome][:, :, outcome]
            solved = np.linalg.solve(S, np.concatenate([X, y[:, None]], axis=1)[None].repeat(len(rhos), axis=0))
            precision = X.T @ solved[..., :2] + np.eye(2) / mu_sd**2
            mean = np.linalg.solve(precision, X.T @ solved[..., 2:])[..., 0]
            square = (y * solved[..., 2]).sum(axis=-1) - (mean * (X.T @ solved[..., 2:])[..., 0]).sum(axis=-1)
            log = -0.5 * (square + np.linalg.slogdet(S)[1] + np.linalg.slogdet(precision)[1])
            log += stats.halfnorm(scale=tau_scale).logpdf([a, b]).sum() + stats.beta(eta, eta).logpdf((rhos + 1) / 2)
            spread = np.linalg.inv(precision)
            contrast = mean[:, 1] - mean[:, 0]
            second = contrast**2 + spread[:, 0, 0] + spread[:, 1, 1] - 2.0 * spread[:, 0, 1]
            tau = np.broadcast_to([a, b], mean.shape)
            parts.append(np.column_stack([mean, tau, rhos, contrast, second]))
            totals.append(log + np.log(wa * wb * w_rho))
    log = np.array(totals)
    share = np.exp(log - log.max())
    found = np.einsum("gr,grc->c", share, np.array(parts)) / share.sum()
    named = dict(zip(("mu[a]", "mu[b]", "tau[a]", "tau[b]", "cor[a,b]", "mu[b] - mu[a]"), found[:6], strict=True))
    return named, float(found[6] - found[5] ** 2)
