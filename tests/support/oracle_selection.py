"""The log likelihood of selected estimates written out row by row, with scipy.stats and an adaptive integrator."""

import itertools

import numpy as np
from scipy import integrate, stats

LEAST_P = 1e-5  # from 0 and 1, where the beta and the power function are censored


def p_value(z, sides):
    return stats.norm.sf(z) if sides == 1 else 2.0 * stats.norm.sf(np.abs(z))


def smooth_weight(kind, p, delta):
    """omega(p) as its definition says."""
    if kind in ("beta", "power"):
        p = np.clip(p, LEAST_P, 1.0 - LEAST_P)
    if kind == "beta":
        return p ** (delta[0] - 1.0) * (1.0 - p) ** (delta[1] - 1.0)
    if kind == "logistic":
        return 2.0 * np.exp(-delta[0] * p) / (1.0 + np.exp(-delta[0] * p))
    return {
        "halfnorm": lambda: np.exp(-delta[0] * p**2),
        "negexp": lambda: np.exp(-delta[0] * p),
        "power": lambda: (1.0 - p) ** delta[0],
    }[kind]()


def smooth_log_likelihood(kind, sides, y, v, mean, tau2, delta):
    """delta: one row for each estimate."""
    total = 0.0
    for y_i, v_i, mean_i, delta_i in zip(y, v, mean, delta, strict=True):
        sd, se = np.sqrt(v_i + tau2), np.sqrt(v_i)

        def integrand(x, mean_i=mean_i, delta_i=delta_i, sd=sd, se=se):
            return smooth_weight(kind, p_value(x / se, sides), delta_i) * stats.norm.pdf(x, mean_i, sd)

        kinks = -stats.norm.ppf(np.array([LEAST_P, 0.5, 1.0 - LEAST_P]) / sides) * se
        ends = np.unique([mean_i - 12 * sd, *kinks, *-kinks, 0.0, mean_i - 3 * sd, mean_i + 3 * sd, mean_i + 12 * sd])
        a = sum(integrate.quad(integrand, *pair, epsabs=0, epsrel=1e-12)[0] for pair in itertools.pairwise(ends))
        weight = smooth_weight(kind, p_value(y_i / se, sides), delta_i)
        total += stats.norm.logpdf(y_i, mean_i, sd) + np.log(weight) - np.log(a)
    return total


def step_log_likelihood(steps, sides, y, v, mean, tau2, omega):
    """By the distribution function at the cuts, differences of 1 and 1 and all: for tails that are not far."""
    sd, se = np.sqrt(v + tau2), np.sqrt(v)
    bounds = np.concatenate([[0.0], steps, [1.0]])
    p = p_value(y / se, sides)
    weight = np.asarray(omega)[np.searchsorted(bounds[1:-1], p, side="left")]
    cuts = stats.norm.isf(bounds[:, None] / sides) * se
    above = stats.norm.sf(cuts, mean, sd) + (stats.norm.cdf(-cuts, mean, sd) if sides == 2 else 0.0)
    published = np.asarray(omega) @ np.diff(above, axis=0)
    return float(np.sum(stats.norm.logpdf(y, mean, sd) + np.log(weight) - np.log(published)))
